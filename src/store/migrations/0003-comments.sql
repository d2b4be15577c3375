-- What a part is beside a post, and what it costs as far as that was known before.
ALTER TABLE parts ADD COLUMN comment INTEGER NOT NULL DEFAULT 0;
ALTER TABLE parts ADD COLUMN cost TEXT NOT NULL DEFAULT 'null';  -- JSON
-- A post that is changed is found by its new words.
CREATE TRIGGER posts_changed AFTER UPDATE OF title, body ON posts BEGIN
    INSERT INTO posts_fts(posts_fts, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);
    INSERT INTO posts_fts(rowid, title, body) VALUES (new.id, new.title, new.body);
END;
