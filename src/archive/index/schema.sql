-- The index of an exodus archive, format 1. docs/archive-format.md explains every table and column.
-- Nothing here names a platform: a new importer never edits this file. Times are seconds since 1970-01-01 UTC.
-- All of it can be built again from ledger.jsonl and the archive's files: `exodus reindex`.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE run (
    id       INTEGER PRIMARY KEY,
    command  TEXT NOT NULL,
    version  TEXT NOT NULL,
    started  INTEGER NOT NULL,
    finished INTEGER,
    outcome  TEXT
);

CREATE TABLE export (
    id          INTEGER PRIMARY KEY,
    key         TEXT NOT NULL UNIQUE,
    platform    TEXT NOT NULL,
    account     TEXT,
    exported_at INTEGER,
    layout      TEXT NOT NULL,
    missing     TEXT
);

CREATE TABLE part (
    id          INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL UNIQUE,
    export_id   INTEGER NOT NULL REFERENCES export (id),
    name        TEXT NOT NULL,
    kind        TEXT NOT NULL,
    size        INTEGER NOT NULL
);

CREATE TABLE entry (
    id      INTEGER PRIMARY KEY,
    part_id INTEGER NOT NULL REFERENCES part (id),
    path    TEXT NOT NULL,
    size    INTEGER NOT NULL,
    state   TEXT NOT NULL,
    reason  TEXT,
    options TEXT,
    notes   TEXT,
    run_id  INTEGER NOT NULL,
    UNIQUE (part_id, path)
);

CREATE TABLE item (
    id        INTEGER PRIMARY KEY,
    platform  TEXT NOT NULL,
    key       TEXT NOT NULL,
    kind      TEXT NOT NULL,
    product   TEXT NOT NULL,
    time      INTEGER,
    title     TEXT,
    path      TEXT,
    path_fold TEXT,
    size      INTEGER NOT NULL,
    blake3    TEXT,
    export_id INTEGER NOT NULL REFERENCES export (id),
    extra     TEXT,
    has_text  INTEGER NOT NULL DEFAULT 0,
    UNIQUE (platform, key)
);
CREATE INDEX item_by_time ON item (kind, time);
CREATE UNIQUE INDEX item_by_path ON item (path_fold) WHERE path_fold IS NOT NULL;
CREATE INDEX item_by_size ON item (size) WHERE size > 0;
CREATE INDEX item_without_text ON item (id) WHERE has_text = 0;

CREATE TABLE origin (
    item_id  INTEGER NOT NULL REFERENCES item (id),
    entry_id INTEGER NOT NULL REFERENCES entry (id),
    at       INTEGER NOT NULL,
    PRIMARY KEY (entry_id, item_id, at)
) WITHOUT ROWID;

CREATE TABLE label (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    UNIQUE (name, role)
);

CREATE TABLE item_label (
    item_id  INTEGER NOT NULL REFERENCES item (id),
    position INTEGER NOT NULL,
    label_id INTEGER NOT NULL REFERENCES label (id),
    PRIMARY KEY (item_id, position)
) WITHOUT ROWID;
CREATE INDEX item_label_by_label ON item_label (label_id);

CREATE TABLE message (
    item_id        INTEGER PRIMARY KEY REFERENCES item (id),
    file_name      TEXT NOT NULL UNIQUE,
    folder         TEXT NOT NULL,
    flags          TEXT NOT NULL,
    line_ends      TEXT NOT NULL,
    is_partial     INTEGER NOT NULL,
    unquoted_lines INTEGER NOT NULL,
    thread         TEXT,
    message_id     TEXT,
    date           INTEGER,
    sender         TEXT,
    recipients     TEXT,
    cc             TEXT,
    subject        TEXT,
    snippet        TEXT,
    attachments    INTEGER NOT NULL
);
CREATE INDEX message_by_message_id ON message (message_id);
CREATE INDEX message_by_thread ON message (thread);

CREATE TABLE attachment (
    item_id    INTEGER NOT NULL REFERENCES item (id),
    n          INTEGER NOT NULL,
    name       TEXT,
    media_type TEXT NOT NULL,
    size       INTEGER NOT NULL,
    PRIMARY KEY (item_id, n)
) WITHOUT ROWID;

CREATE TABLE folder (
    path TEXT PRIMARY KEY,
    name TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE keyword (
    folder TEXT NOT NULL,
    n      INTEGER NOT NULL,
    name   TEXT NOT NULL,
    PRIMARY KEY (folder, n),
    UNIQUE (folder, name)
) WITHOUT ROWID;

CREATE TABLE fault (
    id       INTEGER PRIMARY KEY,
    run_id   INTEGER NOT NULL,
    entry_id INTEGER NOT NULL REFERENCES entry (id),
    at       TEXT NOT NULL,
    what     TEXT NOT NULL,
    hint     TEXT
);
CREATE INDEX fault_by_entry ON fault (entry_id);

-- What is known of photos, for questions.
CREATE VIEW photo AS
SELECT id, path, time, title,
       extra ->> 'date_from' AS date_from,
       extra ->> 'description' AS description,
       extra ->> 'latitude' AS latitude,
       extra ->> 'longitude' AS longitude,
       extra -> 'people' AS people,
       coalesce(extra ->> 'favourite', 0) AS favourite,
       coalesce(extra ->> 'archived', 0) AS archived,
       coalesce(extra ->> 'trashed', 0) AS trashed,
       (SELECT json_group_array(name) FROM item_label JOIN label ON label.id = label_id
        WHERE item_id = item.id AND role = 'album') AS albums
FROM item WHERE kind = 'photo';

-- What is known of papers, for questions.
CREATE VIEW paper AS
SELECT id, path, title,
       extra ->> 'type' AS type,
       extra -> 'authors' AS authors,
       extra ->> 'year' AS year,
       extra ->> 'date' AS date,
       extra ->> 'venue' AS venue,
       extra ->> 'volume' AS volume,
       extra ->> 'issue' AS issue,
       extra ->> 'pages' AS pages,
       extra ->> 'doi' AS doi,
       extra ->> 'abstract' AS abstract,
       extra -> 'keywords' AS keywords,
       extra ->> 'section' AS section,
       extra ->> 'language' AS language,
       extra ->> 'url' AS url,
       extra ->> 'views' AS views,
       coalesce(extra ->> '$.chosen.access', extra ->> 'access',
                CASE WHEN path IS NULL THEN NULL WHEN extra ->> 'licence_mark' IS NULL THEN 'on-request' ELSE 'private' END) AS access
FROM item WHERE kind = 'paper';

CREATE VIRTUAL TABLE text USING fts5 (
    subject, sender, recipients, body,
    content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
);
-- Gathers so many bytes of words before it writes them down, which saves bringing many small lists together.
INSERT INTO text (text, rank) VALUES ('hashsize', 4194304);
