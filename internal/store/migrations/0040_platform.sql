-- The module that makes resources of a kind, where the provider is terraform.
ALTER TABLE bindings ADD COLUMN module TEXT NOT NULL DEFAULT '';
