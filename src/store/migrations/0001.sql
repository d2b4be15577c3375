-- Times are milliseconds of the epoch, UTC. No column ever holds a secret.

CREATE TABLE accounts (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE COLLATE NOCASE,
    platform    TEXT NOT NULL,
    server      TEXT NOT NULL,               -- origin without a slash at the end, '' for this machine
    remote_id   TEXT NOT NULL DEFAULT '',    -- the network's own id, known after the first check
    handle      TEXT NOT NULL DEFAULT '',
    url         TEXT,
    settings    TEXT NOT NULL DEFAULT '{}',  -- JSON object, nothing secret
    secret      TEXT NOT NULL,               -- JSON: where the secret is kept
    secret_key  TEXT NOT NULL,               -- what its entry is called there; accounts of one login share it
    login       TEXT NOT NULL DEFAULT 'null',-- JSON: what is known of the login and is no secret
    about       TEXT NOT NULL DEFAULT 'null',-- JSON: what the server says of itself
    about_at    INTEGER,
    checked_at  INTEGER,
    expires_at  INTEGER,
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE account_groups (
    name        TEXT NOT NULL COLLATE NOCASE,
    account_id  INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
    PRIMARY KEY (name, account_id)
) STRICT;

CREATE TABLE settings (
    key         TEXT PRIMARY KEY,
    value       TEXT NOT NULL                -- JSON
) STRICT;

CREATE TABLE posts (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at  INTEGER NOT NULL,
    source      TEXT NOT NULL,               -- file name, 'stdin', '--text'
    title       TEXT,
    body        TEXT NOT NULL,               -- what was written, as plain text
    draft_hash  TEXT NOT NULL,
    once_key    TEXT,
    at          INTEGER                      -- scheduled for
) STRICT;
CREATE INDEX posts_by_hash ON posts(draft_hash);
CREATE INDEX posts_by_once ON posts(once_key) WHERE once_key IS NOT NULL;

CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY,
    post_id     INTEGER NOT NULL REFERENCES posts(id) ON DELETE CASCADE,
    account_id  INTEGER REFERENCES accounts(id) ON DELETE SET NULL,
    account     TEXT NOT NULL,               -- its name at the time
    platform    TEXT NOT NULL,
    handle      TEXT NOT NULL,
    plan_hash   TEXT NOT NULL,
    once        INTEGER NOT NULL,            -- keys derived from the once key: read back before the first write
    reply_to    TEXT NOT NULL,               -- JSON Reference or null
    quote       TEXT NOT NULL,
    expires_at  INTEGER,                     -- to be taken back then; null: never, or done
    UNIQUE (post_id, account)
) STRICT;
CREATE INDEX deliveries_expiring ON deliveries(expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX deliveries_by_account ON deliveries(account_id, id);

CREATE TABLE parts (
    id          INTEGER PRIMARY KEY,
    delivery_id INTEGER NOT NULL REFERENCES deliveries(id) ON DELETE CASCADE,
    idx         INTEGER NOT NULL,            -- 0-based
    of          INTEGER NOT NULL,
    key         TEXT NOT NULL,               -- UUID, fixed for life
    created_at  INTEGER NOT NULL,            -- fixed for life
    text        TEXT NOT NULL,               -- JSON Text
    media       TEXT NOT NULL,               -- JSON
    card        TEXT NOT NULL,               -- JSON or null
    payload     TEXT NOT NULL,               -- JSON
    state       TEXT NOT NULL CHECK (state IN ('queued','preparing','sending','sent','failed','unknown','cancelled')),
    checkpoint  TEXT NOT NULL DEFAULT 'null',-- JSON: what prepare has finished
    ready       TEXT NOT NULL DEFAULT 'null',-- JSON: what publish was given
    owner       TEXT,                        -- the process at work; null in 'sending': its process died
    tries       INTEGER NOT NULL DEFAULT 0,  -- writes and preparations that failed in a row
    next_at     INTEGER NOT NULL,
    first_sent  INTEGER,                     -- when the first write was begun whose outcome is not known to be 'nothing posted'
    sent_at     INTEGER,
    receipt     TEXT,                        -- JSON
    fault       TEXT,                        -- JSON: the last one
    deleted_at  INTEGER,
    UNIQUE (delivery_id, idx)
) STRICT;
CREATE INDEX parts_open ON parts(next_at) WHERE state IN ('queued','preparing','sending');
CREATE INDEX parts_owned ON parts(owner) WHERE owner IS NOT NULL;
CREATE INDEX parts_troubled ON parts(state) WHERE state IN ('failed','unknown');

CREATE TABLE attempts (
    id          INTEGER PRIMARY KEY,
    part_id     INTEGER NOT NULL REFERENCES parts(id) ON DELETE CASCADE,
    phase       TEXT NOT NULL,               -- prepare, publish, find, resolve, delete
    began_at    INTEGER NOT NULL,
    ended_at    INTEGER,
    outcome     TEXT NOT NULL,               -- ok, later, fault, found, not found, unsure, interrupted
    fault       TEXT                         -- JSON
) STRICT;
CREATE INDEX attempts_by_part ON attempts(part_id);

CREATE TABLE uploads (
    account_id  INTEGER NOT NULL REFERENCES accounts(id) ON DELETE CASCADE,
    sha256      TEXT NOT NULL,
    kind        TEXT NOT NULL,
    remote      TEXT NOT NULL,               -- JSON
    until       INTEGER NOT NULL,
    PRIMARY KEY (account_id, sha256, kind)
) STRICT;

CREATE TABLE rates (
    account_id  INTEGER PRIMARY KEY REFERENCES accounts(id) ON DELETE CASCADE,
    not_before  INTEGER NOT NULL,
    why         TEXT NOT NULL
) STRICT;

CREATE VIRTUAL TABLE posts_fts USING fts5(title, body, content='posts', content_rowid='id', tokenize='unicode61 remove_diacritics 2', prefix='2 3 4');
CREATE TRIGGER posts_added AFTER INSERT ON posts BEGIN
    INSERT INTO posts_fts(rowid, title, body) VALUES (new.id, new.title, new.body);
END;
CREATE TRIGGER posts_removed AFTER DELETE ON posts BEGIN
    INSERT INTO posts_fts(posts_fts, rowid, title, body) VALUES ('delete', old.id, old.title, old.body);
END;
