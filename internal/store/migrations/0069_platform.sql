-- Files of repositories of an organisation that describe entities: how they are called
-- ('' is not to be read), and which kinds of entities are taken in.
ALTER TABLE imports ADD COLUMN entity_file TEXT NOT NULL DEFAULT '';
ALTER TABLE imports ADD COLUMN allow TEXT NOT NULL DEFAULT '';
CREATE TABLE entity_files (
  provider   TEXT NOT NULL,
  org        TEXT NOT NULL,
  repository TEXT NOT NULL,
  path       TEXT NOT NULL,
  via        TEXT NOT NULL,   -- repository:path of the file with the Location that names it
  branch     TEXT NOT NULL,
  page       TEXT NOT NULL,
  pushed     BIGINT NOT NULL, -- when the repository was pushed to last, as its host says
  done       BIGINT NOT NULL, -- what pushed was when the file was read; -1 before
  looked     BIGINT NOT NULL, -- when that was tried last
  seen       BIGINT NOT NULL, -- when the host listed the repository
  service    TEXT NOT NULL,   -- that lived in the repository then
  error      TEXT NOT NULL,
  PRIMARY KEY (provider, org, repository, path)
);
-- Which file told of an entity, and what the catalog calls that.
CREATE TABLE entity_sources (
  provider   TEXT NOT NULL,
  org        TEXT NOT NULL,
  entity     TEXT NOT NULL,
  ref        TEXT NOT NULL UNIQUE,
  repository TEXT NOT NULL,
  path       TEXT NOT NULL,
  PRIMARY KEY (provider, org, entity)
);
