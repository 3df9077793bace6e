-- Ids of the sealed values that a provider is given, by name, as JSON.
ALTER TABLE bindings ADD COLUMN secrets TEXT NOT NULL DEFAULT '{}';
