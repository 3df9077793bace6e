-- How the world differs from what was applied, and since when that is known.
ALTER TABLE resources ADD COLUMN drift TEXT NOT NULL DEFAULT '[]';
ALTER TABLE resources ADD COLUMN drifted BIGINT NOT NULL DEFAULT 0;
