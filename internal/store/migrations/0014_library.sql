-- NAME@VERSION means what the name served, never what somebody only brought along.
ALTER TABLE template_versions ADD COLUMN served BIGINT NOT NULL DEFAULT 0;
UPDATE template_versions SET served = 1 WHERE source NOT LIKE 'upload by %'
  AND (source NOT LIKE '%://%' OR source IN (SELECT address FROM template_sources));
