-- Logins by an OpenID provider. Owned by internal/access.
-- Who somebody is there is issuer and subject together, and never an e-mail address.
CREATE TABLE identities (
  issuer  TEXT NOT NULL,
  subject TEXT NOT NULL,
  user_id TEXT NOT NULL REFERENCES users (id),
  created BIGINT NOT NULL,
  PRIMARY KEY (issuer, subject)
);
-- Logins on their way; only hashes of state and browser are kept.
CREATE TABLE oidc_logins (
  state    TEXT PRIMARY KEY,
  browser  TEXT NOT NULL,
  device   TEXT NOT NULL,
  nonce    TEXT NOT NULL,
  verifier TEXT NOT NULL,
  expires  BIGINT NOT NULL
);
