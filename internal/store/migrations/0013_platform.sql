-- An environment may ask for approval: by whom, and within how many seconds. Owned by
-- internal/platform.
ALTER TABLE environments ADD COLUMN approval TEXT NOT NULL DEFAULT '';
ALTER TABLE environments ADD COLUMN approval_seconds BIGINT NOT NULL DEFAULT 0;
