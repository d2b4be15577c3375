-- Files that a media host keeps for networks to fetch. Written before the file goes out, so that whatever dies, it is removed later.

CREATE TABLE hosted (
    id          INTEGER PRIMARY KEY,
    host        TEXT NOT NULL,               -- which media host: a hash of its settings
    sha256      TEXT NOT NULL,
    name        TEXT NOT NULL,               -- under which it lies there
    url         TEXT NOT NULL DEFAULT '',    -- without its query, which may hold a signature; '...?': it had one
    signed_at   INTEGER NOT NULL DEFAULT 0,  -- by the host's clock
    until       INTEGER NOT NULL,
    there       INTEGER NOT NULL DEFAULT 0   -- whole and not about to be removed
) STRICT;
CREATE INDEX hosted_by_file ON hosted(sha256, host);

CREATE TABLE hosted_uses (                   -- the parts whose network has yet to fetch it
    hosted_id   INTEGER NOT NULL REFERENCES hosted(id) ON DELETE CASCADE,
    part_id     INTEGER NOT NULL REFERENCES parts(id) ON DELETE CASCADE,
    PRIMARY KEY (hosted_id, part_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX hosted_uses_by_part ON hosted_uses(part_id);
