-- What was built, and which of it was brought where. Owned by internal/release.
CREATE TABLE releases (
  id        TEXT PRIMARY KEY,
  service   TEXT NOT NULL,
  number    BIGINT NOT NULL,
  commit_id TEXT NOT NULL,
  command   TEXT NOT NULL,
  ready     TEXT NOT NULL,
  run       TEXT NOT NULL UNIQUE,
  pruned    BIGINT NOT NULL,
  created   BIGINT NOT NULL,
  UNIQUE (service, number)
);
CREATE TABLE rollouts (
  run     TEXT PRIMARY KEY,
  parent  TEXT NOT NULL,
  service TEXT NOT NULL,
  env     TEXT NOT NULL,
  release TEXT NOT NULL,
  before  TEXT NOT NULL,
  done    BIGINT NOT NULL,
  created BIGINT NOT NULL
);
CREATE INDEX rollouts_service ON rollouts (service, env);
