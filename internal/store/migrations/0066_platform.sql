-- Messages of git hosts that were taken: a second one of the same id is refused.
CREATE TABLE host_messages (
  resource TEXT NOT NULL,
  id       TEXT NOT NULL,
  received BIGINT NOT NULL,
  PRIMARY KEY (resource, id)
);
CREATE INDEX host_messages_received ON host_messages (received);
-- What hosts were told last about the commits of a repository.
CREATE TABLE commit_statuses (
  resource TEXT NOT NULL,
  context  TEXT NOT NULL,
  told     TEXT NOT NULL,
  PRIMARY KEY (resource, context)
);
