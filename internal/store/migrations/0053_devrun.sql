-- A developer's own database may be of more than one engine. Owned by internal/platform.
ALTER TABLE dev_backings ADD COLUMN engine TEXT NOT NULL DEFAULT '';
UPDATE dev_backings SET engine = CASE kind WHEN 'cache' THEN 'redis' ELSE 'postgresql' END;
