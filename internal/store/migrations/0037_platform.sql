-- Credentials of people to databases and caches: they are taken away at their end.
-- Owned by internal/platform.
CREATE TABLE connections (
  id        TEXT PRIMARY KEY,
  service   TEXT NOT NULL,
  resource  TEXT NOT NULL,
  actor     TEXT NOT NULL,
  read_only BIGINT NOT NULL,
  created   BIGINT NOT NULL,
  expires   BIGINT NOT NULL,
  ended     BIGINT NOT NULL
);
CREATE INDEX connections_open ON connections (expires) WHERE ended = 0;
