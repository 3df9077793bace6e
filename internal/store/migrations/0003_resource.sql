-- The journal of resources: one row for each real thing, from the moment its id
-- is given. Owned by internal/resource.
CREATE TABLE resources (
  id          TEXT PRIMARY KEY,
  service     TEXT NOT NULL,
  ref         TEXT NOT NULL,
  kind        TEXT NOT NULL,
  provider    TEXT NOT NULL,
  external_id TEXT NOT NULL,
  state       TEXT NOT NULL,
  spec        TEXT NOT NULL,
  outputs     TEXT NOT NULL,
  secrets     TEXT NOT NULL,
  secret_keys TEXT NOT NULL,
  version     TEXT NOT NULL,
  ready       BIGINT NOT NULL,
  reason      TEXT NOT NULL,
  observed    BIGINT NOT NULL,
  run         TEXT NOT NULL,
  actor       TEXT NOT NULL,
  created     BIGINT NOT NULL,
  kept_until  BIGINT NOT NULL
);
CREATE UNIQUE INDEX resources_live ON resources (service, ref) WHERE state IN ('planned', 'present');
CREATE INDEX resources_service ON resources (service);

-- Every effect outside: intended before it happens, done when it is known.
CREATE TABLE effects (
  id          TEXT PRIMARY KEY,
  resource    TEXT NOT NULL,
  run         TEXT NOT NULL,
  step        TEXT NOT NULL,
  action      TEXT NOT NULL,
  provider    TEXT NOT NULL,
  external_id TEXT NOT NULL,
  actor       TEXT NOT NULL,
  intended    BIGINT NOT NULL,
  done        BIGINT NOT NULL,
  UNIQUE (run, step, resource, action)
);
CREATE INDEX effects_resource ON effects (resource);

-- Values for workloads, sealed.
CREATE TABLE secrets (
  id      TEXT PRIMARY KEY,
  sealed  TEXT NOT NULL,
  changed BIGINT NOT NULL
);
