-- Databases and caches of developers' own, for pave run. One that is dropped keeps its
-- row until it is gone outside too. Owned by internal/platform.
CREATE TABLE dev_backings (
  id      TEXT PRIMARY KEY,
  service TEXT NOT NULL,
  user_id TEXT NOT NULL,
  kind    TEXT NOT NULL,
  created BIGINT NOT NULL,
  used    BIGINT NOT NULL,
  dropped BIGINT NOT NULL
);
CREATE UNIQUE INDEX dev_backings_own ON dev_backings (service, user_id, kind) WHERE dropped = 0;
