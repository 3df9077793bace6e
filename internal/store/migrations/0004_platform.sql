-- What is wanted, and by which plans it changed. Owned by internal/platform.
CREATE TABLE services (
  id         TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  team       TEXT NOT NULL,
  uid        BIGINT NOT NULL UNIQUE,
  revision   BIGINT NOT NULL,
  last_run   TEXT NOT NULL,
  created    BIGINT NOT NULL,
  deleted    BIGINT NOT NULL,
  kept_until BIGINT NOT NULL
);
CREATE UNIQUE INDEX services_name ON services (name) WHERE deleted = 0;
CREATE TABLE revisions (
  service TEXT NOT NULL,
  number  BIGINT NOT NULL,
  wanted  TEXT NOT NULL,
  run     TEXT NOT NULL,
  actor   TEXT NOT NULL,
  created BIGINT NOT NULL,
  PRIMARY KEY (service, number)
);
CREATE INDEX revisions_run ON revisions (run);
CREATE TABLE plans (
  id       TEXT PRIMARY KEY,
  actor    TEXT NOT NULL,
  idem_key TEXT NOT NULL,
  hash     TEXT NOT NULL,
  body     TEXT NOT NULL,
  run      TEXT NOT NULL,
  created  BIGINT NOT NULL
);
CREATE UNIQUE INDEX plans_idem ON plans (actor, idem_key) WHERE idem_key <> '';
CREATE INDEX plans_hash ON plans (hash);
CREATE TABLE environments (
  id        TEXT PRIMARY KEY,
  name      TEXT NOT NULL UNIQUE,
  rank      BIGINT NOT NULL,
  protected BIGINT NOT NULL,
  parent    TEXT NOT NULL,
  ends      BIGINT NOT NULL
);
INSERT INTO environments (id, name, rank, protected, parent, ends) VALUES ('env_01STAGING', 'staging', 1, 0, '', 0);
INSERT INTO environments (id, name, rank, protected, parent, ends) VALUES ('env_02PRODUCTION', 'production', 2, 1, '', 0);
-- environment '' holds for what a service has once, and for environments without an own row.
CREATE TABLE bindings (
  environment TEXT NOT NULL,
  kind        TEXT NOT NULL,
  provider    TEXT NOT NULL,
  settings    TEXT NOT NULL,
  PRIMARY KEY (environment, kind)
);
INSERT INTO bindings (environment, kind, provider, settings) VALUES ('', 'repository', 'git', '{}');
INSERT INTO bindings (environment, kind, provider, settings) VALUES ('', 'identity', 'jwt', '{}');
INSERT INTO bindings (environment, kind, provider, settings) VALUES ('', 'database', 'postgres', '{}');
INSERT INTO bindings (environment, kind, provider, settings) VALUES ('', 'secret', 'sealed', '{}');
INSERT INTO bindings (environment, kind, provider, settings) VALUES ('', 'deployment', 'process', '{}');
INSERT INTO bindings (environment, kind, provider, settings) VALUES ('', 'route', 'router', '{}');
-- From the request to the first answer of the new service.
CREATE TABLE creations (
  run       TEXT PRIMARY KEY,
  service   TEXT NOT NULL,
  team      TEXT NOT NULL,
  template  TEXT NOT NULL,
  actor     TEXT NOT NULL,
  requested BIGINT NOT NULL,
  live      BIGINT NOT NULL
);
