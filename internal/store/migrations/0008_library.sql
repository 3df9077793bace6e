-- Golden paths: every version that served or was used, and where more come from.
-- Owned by internal/library.
CREATE TABLE template_versions (
  digest  TEXT NOT NULL,
  name    TEXT NOT NULL,
  version TEXT NOT NULL,
  format  TEXT NOT NULL,
  source  TEXT NOT NULL,
  commit_id TEXT NOT NULL,
  created BIGINT NOT NULL,
  PRIMARY KEY (digest, name)
);
CREATE INDEX template_versions_name ON template_versions (name, created);
CREATE TABLE template_sources (
  address   TEXT PRIMARY KEY,
  commit_id TEXT NOT NULL,
  error     TEXT NOT NULL,
  actor     TEXT NOT NULL,
  created   BIGINT NOT NULL,
  checked   BIGINT NOT NULL
);
CREATE TABLE template_imports (
  source TEXT NOT NULL,
  folder TEXT NOT NULL,
  name   TEXT NOT NULL,
  digest TEXT NOT NULL,
  error  TEXT NOT NULL,
  PRIMARY KEY (source, folder)
);
