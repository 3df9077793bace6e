-- What hosts were told about each commit of a repository, not about the newest one alone.
-- What was told before is told once more, which changes nothing there.
DROP TABLE commit_statuses;
CREATE TABLE commit_statuses (
  resource TEXT NOT NULL,
  sha      TEXT NOT NULL,
  context  TEXT NOT NULL,
  told     TEXT NOT NULL,   -- the state, and the address of the run
  told_at  BIGINT NOT NULL,
  PRIMARY KEY (resource, sha, context)
);
CREATE INDEX commit_statuses_told_at ON commit_statuses (told_at);
