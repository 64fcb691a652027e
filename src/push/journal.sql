-- The journal of pushes, `push.sqlite` in the archive: what each target has, so that a push need not look there.
-- It is a copy of the targets' manifests: lost, it is read from them again.

CREATE TABLE IF NOT EXISTS target (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL UNIQUE,
    -- How much of the target's manifest this has.
    manifest_bytes INTEGER NOT NULL DEFAULT 0,
    -- 0 while a push runs, and after one that was cut: some files may be there without a line in the manifest.
    is_clean INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE IF NOT EXISTS sent (
    target INTEGER NOT NULL REFERENCES target (id),
    -- The path; of a message the folder above `cur` and the stem of its name.
    key TEXT NOT NULL,
    path TEXT NOT NULL,
    message TEXT,
    size INTEGER NOT NULL,
    -- The time that it was given, and the one that the target told afterwards (NULL: it told none).
    mtime INTEGER NOT NULL,
    seen INTEGER,
    sha256 BLOB NOT NULL,
    -- When anything about the local file had last changed, in nanoseconds; NULL if that is not known.
    ctime INTEGER,
    PRIMARY KEY (target, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS sent_message ON sent (target, message) WHERE message IS NOT NULL;

-- Folders that are there.
CREATE TABLE IF NOT EXISTS folder (
    target INTEGER NOT NULL REFERENCES target (id),
    path TEXT NOT NULL,
    PRIMARY KEY (target, path)
) STRICT, WITHOUT ROWID;

-- What the archive has for the target, of this run.
CREATE TEMP TABLE here (
    key TEXT PRIMARY KEY,
    local TEXT NOT NULL,
    path TEXT NOT NULL,
    message TEXT,
    size INTEGER NOT NULL,
    mtime INTEGER NOT NULL,
    ctime INTEGER NOT NULL,
    mode INTEGER NOT NULL,
    class INTEGER NOT NULL,
    -- 1: its bytes are not those that were sent, though its size is.
    differs INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TEMP TABLE here_folder (path TEXT PRIMARY KEY, mode INTEGER NOT NULL) WITHOUT ROWID;

-- What is to be sent, in its order.
CREATE TEMP TABLE todo (n INTEGER PRIMARY KEY, key TEXT NOT NULL);
