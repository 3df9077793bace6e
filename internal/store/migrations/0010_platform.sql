-- Values that were sealed for a request to come. They are kept while a revision that
-- may come back refers to them.
CREATE TABLE sealed_values (
  id      TEXT PRIMARY KEY,
  service TEXT NOT NULL,
  name    TEXT NOT NULL,
  used    BIGINT NOT NULL,
  created BIGINT NOT NULL
);
CREATE INDEX sealed_values_service ON sealed_values (service);
