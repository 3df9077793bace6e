-- A cache is made by redis, where nobody has bound another provider. Owned by
-- internal/platform.
INSERT INTO bindings (environment, kind, provider, settings) VALUES ('', 'cache', 'redis', '{}')
  ON CONFLICT (environment, kind) DO NOTHING;
