-- People and what they may. Owned by internal/access.
CREATE TABLE users (
  id      TEXT PRIMARY KEY,
  name    TEXT NOT NULL UNIQUE,
  admin   BIGINT NOT NULL,
  created BIGINT NOT NULL
);
CREATE TABLE tokens (
  id        TEXT PRIMARY KEY,
  user_id   TEXT NOT NULL REFERENCES users (id),
  hash      TEXT NOT NULL UNIQUE,
  label     TEXT NOT NULL,
  created   BIGINT NOT NULL,
  expires   BIGINT NOT NULL,
  revoked   BIGINT NOT NULL
);
CREATE TABLE teams (
  id      TEXT PRIMARY KEY,
  name    TEXT NOT NULL UNIQUE,
  run     TEXT NOT NULL,
  created BIGINT NOT NULL
);
CREATE TABLE members (
  team_id TEXT NOT NULL REFERENCES teams (id),
  user_id TEXT NOT NULL REFERENCES users (id),
  role    TEXT NOT NULL,
  PRIMARY KEY (team_id, user_id)
);
-- One row for every change, written before its effect; hash chains the rows.
CREATE TABLE audit (
  seq     BIGINT PRIMARY KEY,
  at      BIGINT NOT NULL,
  actor   TEXT NOT NULL,
  token   TEXT NOT NULL,
  address TEXT NOT NULL,
  request TEXT NOT NULL,
  action  TEXT NOT NULL,
  object  TEXT NOT NULL,
  detail  TEXT NOT NULL,
  hash    TEXT NOT NULL
);
-- The end of the chain; its row is the lock under which rows are added.
CREATE TABLE audit_head (
  id   BIGINT PRIMARY KEY,
  seq  BIGINT NOT NULL,
  hash TEXT NOT NULL
);
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '');
-- Which commands are used, by whom: the platform's own adoption figures.
CREATE TABLE command_uses (
  id      TEXT PRIMARY KEY,
  at      BIGINT NOT NULL,
  actor   TEXT NOT NULL,
  command TEXT NOT NULL,
  version TEXT NOT NULL
);
