-- Answers of calls that carry an idempotency key. Owned by internal/once.
-- status 0 is a call that is being carried out, by the server named; answer is sealed.
CREATE TABLE answers (
  actor    TEXT NOT NULL,
  idem_key TEXT NOT NULL,
  digest   TEXT NOT NULL,
  server   TEXT NOT NULL,
  status   BIGINT NOT NULL,
  answer   TEXT NOT NULL,
  created  BIGINT NOT NULL,
  PRIMARY KEY (actor, idem_key)
);
CREATE INDEX answers_created ON answers (created);
