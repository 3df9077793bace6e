-- A queue is made by nats and a bucket by s3, where nobody has bound another provider.
-- Owned by internal/platform.
INSERT INTO bindings (environment, kind, provider, settings) VALUES ('', 'queue', 'nats', '{}')
  ON CONFLICT (environment, kind) DO NOTHING;
INSERT INTO bindings (environment, kind, provider, settings) VALUES ('', 'bucket', 's3', '{}')
  ON CONFLICT (environment, kind) DO NOTHING;
