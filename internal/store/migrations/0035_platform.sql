-- Names that services had: their addresses and clones go on meaning them until another
-- service takes the name. Owned by internal/platform.
CREATE TABLE service_names (
  name    TEXT PRIMARY KEY,
  service TEXT NOT NULL,
  created BIGINT NOT NULL
);
CREATE INDEX service_names_service ON service_names (service);
