-- What is wrong with what a source says of an entity. One that is well does not clear
-- what another one found; entities.error has all of them.
CREATE TABLE entity_errors (
  entity TEXT NOT NULL,
  source TEXT NOT NULL,
  error  TEXT NOT NULL,
  PRIMARY KEY (entity, source)
);
UPDATE entities SET error = '';
