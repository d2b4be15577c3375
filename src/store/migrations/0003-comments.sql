-- What a part is beside a post, and what it costs as far as that was known before.
ALTER TABLE parts ADD COLUMN comment INTEGER NOT NULL DEFAULT 0;
ALTER TABLE parts ADD COLUMN cost TEXT NOT NULL DEFAULT 'null';  -- JSON
