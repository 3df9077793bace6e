-- What was discovered. Owned by internal/catalog.
CREATE TABLE entities (
  ref     TEXT PRIMARY KEY,
  kind    TEXT NOT NULL,
  name    TEXT NOT NULL,
  service TEXT NOT NULL,
  owner   TEXT NOT NULL,
  seen    BIGINT NOT NULL,
  gone    BIGINT NOT NULL,
  error   TEXT NOT NULL
);
CREATE INDEX entities_service ON entities (service);
CREATE TABLE facts (
  entity   TEXT NOT NULL,
  name     TEXT NOT NULL,
  value    TEXT NOT NULL,
  source   TEXT NOT NULL,
  evidence TEXT NOT NULL,
  seen     BIGINT NOT NULL,
  PRIMARY KEY (entity, name, source)
);
CREATE TABLE relations (
  entity   TEXT NOT NULL,
  kind     TEXT NOT NULL,
  target   TEXT NOT NULL,
  source   TEXT NOT NULL,
  evidence TEXT NOT NULL,
  seen     BIGINT NOT NULL,
  PRIMARY KEY (entity, kind, target)
);
