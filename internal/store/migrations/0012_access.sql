-- Several users on one server. Owned by internal/access.
ALTER TABLE users ADD COLUMN email TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN viewer BIGINT NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN suspended BIGINT NOT NULL DEFAULT 0;
-- scope '' is all that the user may; service is the id behind a scope service:NAME.
ALTER TABLE tokens ADD COLUMN scope TEXT NOT NULL DEFAULT '';
ALTER TABLE tokens ADD COLUMN service TEXT NOT NULL DEFAULT '';
CREATE INDEX tokens_user ON tokens (user_id);
-- Codes that sign somebody in once. Only hashes are kept.
CREATE TABLE codes (
  hash    TEXT PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id),
  expires BIGINT NOT NULL
);
-- Programs that wait for a person to sign them in; user_id is empty until then.
CREATE TABLE devices (
  hash    TEXT PRIMARY KEY,
  code    TEXT NOT NULL UNIQUE,
  name    TEXT NOT NULL,
  address TEXT NOT NULL,
  user_id TEXT NOT NULL,
  expires BIGINT NOT NULL
);
-- Names that teams had: old addresses and requests go on meaning them.
CREATE TABLE team_names (
  name    TEXT PRIMARY KEY,
  team_id TEXT NOT NULL REFERENCES teams (id)
);
-- Every text of policies there was; the newest that can be read serves.
CREATE TABLE policies (
  seq     BIGINT PRIMARY KEY,
  text    TEXT NOT NULL,
  actor   TEXT NOT NULL,
  created BIGINT NOT NULL
);
CREATE INDEX audit_actor ON audit (actor, seq);
CREATE INDEX audit_object ON audit (object, seq);
