-- Organisations whose repositories the catalog knows; looked at again by themselves.
CREATE TABLE imports (
  provider TEXT NOT NULL,
  org      TEXT NOT NULL,
  looked   BIGINT NOT NULL,
  error    TEXT NOT NULL,
  PRIMARY KEY (provider, org)
);
