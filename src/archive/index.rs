//! The index: `index.sqlite`, and how records become rows.
//!
//! Only [`Index::apply`] (and [`Index::apply_new`], which is a part of it) writes what records say, whether they come from a running import or from the ledger, so
//! that an index that was built again is the same. Queries for people are in [`super::reader`].

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use exodus_api::{Kind as ItemKind, Label};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Statement, params};

use super::message::Facts;
use super::names;
use super::record::{EntryRecord, FaultRecord, ItemRecord, OriginRecord, Record, Spot};
use super::views::xmp;
use crate::report::counts::State;
use crate::report::error::{Error, Kind, Result};

/// The name of the index in the archive.
pub const FILE_NAME: &str = "index.sqlite";
/// `PRAGMA application_id`: "exod".
const APPLICATION_ID: i32 = 0x6578_6f64;
/// The archive format that this program reads and writes.
pub const FORMAT: i32 = 1;

/// Pages twice the usual size: half as many to find, to hold and to write for rows of some hundred bytes.
const PAGE_BYTES: i32 = 8192;

/// The index, open for reading or writing.
pub struct Index {
    /// The connection, for queries.
    pub conn: Connection,
    /// Its file.
    pub path: PathBuf,
    exports: HashMap<String, i64>,
    parts: HashMap<String, i64>,
    labels: HashMap<Label, i64>,
    last_entry: Option<(String, String, i64)>,
}

/// Not `DO UPDATE`: SQLite keeps what that could have to take back.
const INSERT_ITEM: &str =
    "INSERT INTO item (platform, key, kind, product, time, title, path, path_fold, size, blake3, export_id, extra, has_text)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT (platform, key) DO NOTHING";
const INSERT_TEXT: &str = "INSERT INTO text (rowid, subject, body) VALUES (?1, ?2, ?3)";
const INSERT_ORIGIN: &str = "INSERT OR IGNORE INTO origin (item_id, entry_id, at) VALUES (?1, ?2, ?3)";
const INSERT_LABEL: &str = "INSERT INTO item_label (item_id, position, label_id) VALUES (?1, ?2, ?3)";

/// An item that is facts only, on its way into the index.
pub struct NewItem<'i> {
    /// Its record, without its further facts.
    pub record: &'i ItemRecord,
    /// The further facts as [`json_text`] writes them.
    pub extra: Option<&'i str>,
    /// What it is found by: its subject and its words.
    pub text: Option<(&'i str, &'i str)>,
}

/// What the index knows of an item.
#[derive(Clone, Debug)]
pub struct KnownItem {
    /// Its row.
    pub id: i64,
    /// Its record, as the last one that was applied.
    pub record: ItemRecord,
}

impl Index {
    /// Makes a new, empty index.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path) -> Result<Index> {
        let conn = Connection::open(path)?;
        conn.pragma_update(None, "page_size", PAGE_BYTES)?;
        set_up(&conn)?;
        conn.execute_batch(include_str!("schema.sql"))?;
        conn.pragma_update(None, "application_id", APPLICATION_ID)?;
        conn.pragma_update(None, "user_version", FORMAT)?;
        super::make_private(path)?;
        Ok(Index::of(conn, path))
    }

    /// Opens the index for writing.
    ///
    /// # Errors
    /// When it cannot be opened, is none of ours, or of a newer format.
    pub fn open(path: &Path) -> Result<Index> {
        Index::open_with(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
    }

    /// Opens the index for reading only.
    ///
    /// # Errors
    /// When it cannot be opened, is none of ours, or of a newer format.
    pub fn open_for_reading(path: &Path) -> Result<Index> {
        Index::open_with(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    fn open_with(path: &Path, flags: OpenFlags) -> Result<Index> {
        let conn = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        let application: i32 = conn.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let format: i32 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if application != APPLICATION_ID {
            let what = format!("`{}` is not the index of an exodus archive", path.display());
            return Err(Error::new(Kind::Archive, what).hint("`exodus reindex` builds it again"));
        }
        if format > FORMAT {
            let what = format!("the archive has format {format}; this exodus knows format {FORMAT}");
            return Err(Error::new(Kind::Archive, what).hint("use a newer exodus"));
        }
        if flags.contains(OpenFlags::SQLITE_OPEN_READ_WRITE) {
            set_up(&conn)?;
        }
        conn.busy_timeout(std::time::Duration::from_secs(10))?;
        Ok(Index::of(conn, path))
    }

    fn of(conn: Connection, path: &Path) -> Index {
        conn.set_prepared_statement_cache_capacity(64);
        Index {
            conn,
            path: path.to_owned(),
            exports: HashMap::new(),
            parts: HashMap::new(),
            labels: HashMap::new(),
            last_entry: None,
        }
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn begin(&self) -> Result<()> {
        Ok(self.conn.execute_batch("BEGIN IMMEDIATE")?)
    }

    /// Ends the transaction; all of it counts from now on.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn commit(&self) -> Result<()> {
        Ok(self.conn.execute_batch("COMMIT")?)
    }

    /// Ends the transaction; none of it counts.
    pub fn roll_back(&mut self) {
        // A transaction that SQLite has ended already needs no end.
        let _ = self.conn.execute_batch("ROLLBACK");
        self.exports.clear();
        self.parts.clear();
        self.labels.clear();
        self.last_entry = None;
    }

    /// Leaves a single file behind, which can be read from a disk that cannot be written to.
    ///
    /// # Errors
    /// When SQLite refuses.
    pub fn rest(&self) -> Result<()> {
        // With a reader at work the write-ahead log stays until the next writer closes.
        Ok(self.conn.execute_batch(
            "PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE",
        )?)
    }

    /// A value of the table `meta`.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn meta(&self, name: &str) -> Result<Option<String>> {
        let mut query = self.conn.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
        Ok(query.query_row([name], |row| row.get(0)).optional()?)
    }

    /// Sets a value of the table `meta`.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn set_meta(&self, name: &str, value: &str) -> Result<()> {
        self.conn.prepare_cached("INSERT OR REPLACE INTO meta VALUES (?1, ?2)")?.execute([name, value])?;
        Ok(())
    }

    /// Makes rows of a record. `facts` are those of the message that an item record stores; without them a message
    /// keeps the facts it has. Returns the row of the item, entry, export or part that the record is about.
    ///
    /// # Errors
    /// When the index cannot be written, or the record names something that no earlier record has introduced.
    pub fn apply(&mut self, record: &Record, facts: Option<&Facts>) -> Result<i64> {
        match record {
            Record::Run { run, command, version, started } => {
                self.run(
                    "INSERT OR REPLACE INTO run (id, command, version, started) VALUES (?1, ?2, ?3, ?4)",
                    params![run, command, version, started],
                )?;
                Ok(*run)
            }
            Record::End { run, finished, outcome } => {
                self.run(
                    "UPDATE run SET finished = ?2, outcome = ?3 WHERE id = ?1",
                    params![run, finished, outcome],
                )?;
                Ok(*run)
            }
            Record::Setting { name, value } => self.set_meta(name, value).map(|()| 0),
            Record::Export(it) => {
                let missing = (!it.missing.is_empty()).then(|| serde_json::json!(it.missing).to_string());
                self.run(
                    "INSERT INTO export (key, platform, account, exported_at, layout, missing) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT (key) DO UPDATE SET account = coalesce(excluded.account, account),
                     exported_at = coalesce(excluded.exported_at, exported_at), layout = excluded.layout,
                     missing = excluded.missing",
                    params![it.export, it.platform, it.account, it.exported_at, it.layout, missing],
                )?;
                self.export_id(&it.export)
            }
            Record::Part(it) => {
                let export = self.export_id(&it.export)?;
                self.run(
                    "INSERT INTO part (fingerprint, export_id, name, kind, size) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (fingerprint) DO UPDATE SET name = excluded.name",
                    params![it.part, export, it.name, it.kind, it.size as i64],
                )?;
                self.part_id(&it.part)
            }
            Record::Entry(it) => self.apply_entry(it),
            Record::Item(it) => self.apply_item(it, facts, None),
            Record::Origin(it) => self.apply_origin(it),
            Record::Folder { path, name } => {
                self.run("INSERT OR IGNORE INTO folder (path, name) VALUES (?1, ?2)", params![path, name])?;
                Ok(0)
            }
            Record::Keyword { folder, n, name } => {
                self.run(
                    "INSERT OR IGNORE INTO keyword (folder, n, name) VALUES (?1, ?2, ?3)",
                    params![folder, n, name],
                )?;
                Ok(0)
            }
            Record::Fault(it) => self.apply_fault(it),
        }
    }

    fn run(&self, sql: &str, values: &[&dyn rusqlite::ToSql]) -> Result<usize> {
        Ok(self.conn.prepare_cached(sql)?.execute(values)?)
    }

    fn apply_entry(&mut self, it: &EntryRecord) -> Result<i64> {
        let notes = it.notes.as_ref().map(serde_json::Value::to_string);
        let (size, state) = (it.size as i64, it.state.name());
        // Most are known, and one row is changed by its number: a statement that SQLite may have to take back makes it write down what
        // the full text has gathered.
        let id = match self.find_entry(&it.part, &it.path)? {
            Some(id) => {
                self.run(
                    "UPDATE entry SET state = ?2, reason = ?3, options = ?4, notes = coalesce(?5, notes), run_id = ?6 WHERE id = ?1",
                    params![id, state, it.reason, it.options, notes, it.run],
                )?;
                id
            }
            None => {
                let part = self.part_id(&it.part)?;
                self.run(
                    "INSERT INTO entry (part_id, path, size, state, reason, options, notes, run_id)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                    params![part, it.path, size, state, it.reason, it.options, notes, it.run],
                )?;
                self.conn.last_insert_rowid()
            }
        };
        if it.state != State::Pending {
            // Faults of earlier runs are answered by what this one found.
            self.run("DELETE FROM fault WHERE entry_id = ?1 AND run_id <> ?2", params![id, it.run])?;
        }
        Ok(id)
    }

    /// Makes rows of items that are facts only; returns of each whether it is new. Of one whose key the index has already nothing
    /// is changed.
    ///
    /// # Errors
    /// As [`Index::apply`].
    pub fn apply_new(&mut self, items: &[NewItem]) -> Result<Vec<bool>> {
        let mut rows = Vec::with_capacity(items.len());
        for NewItem { record, .. } in items {
            let labels =
                record.labels.iter().map(|label| self.label_id(label)).collect::<Result<Vec<_>>>()?;
            let entry = self.entry_id(&record.origin.part, &record.origin.entry)?;
            rows.push((self.export_id(&record.export)?, entry, labels));
        }
        let mut item = self.conn.prepare_cached(INSERT_ITEM)?;
        let mut text = self.conn.prepare_cached(INSERT_TEXT)?;
        let mut origin = self.conn.prepare_cached(INSERT_ORIGIN)?;
        let mut label = self.conn.prepare_cached(INSERT_LABEL)?;
        let mut are_new = Vec::with_capacity(items.len());
        for (it, (export, entry, labels)) in items.iter().zip(rows) {
            let is_new = insert_item(&mut item, it.record, (None, export), it.extra, it.text.is_some())?;
            are_new.push(is_new);
            if !is_new {
                continue;
            }
            let id = self.conn.last_insert_rowid();
            if let Some((subject, words)) = it.text {
                text.execute(params![id, subject, words])?;
            }
            origin.execute(params![id, entry, it.record.origin.at as i64])?;
            for (position, n) in labels.into_iter().enumerate() {
                label.execute(params![id, position as i64, n])?;
            }
        }
        Ok(are_new)
    }

    /// [`Index::apply`] for the record of an item. `text` is what it is found by if it is new, its subject and its words.
    ///
    /// # Errors
    /// As [`Index::apply`].
    pub fn apply_item(
        &mut self,
        it: &ItemRecord,
        facts: Option<&Facts>,
        text: Option<(&str, &str)>,
    ) -> Result<i64> {
        let fold = it.path.as_ref().filter(|_| it.mail.is_none()).map(|path| names::folded(path));
        let extra = json_text(&it.extra);
        // Without a path only the key can stand against it, and most are new: trying it searches the keys, which are in no order, once
        // instead of twice.
        let known = if fold.is_some() { self.item_id(&it.platform, &it.key)? } else { None };
        if known.is_none() && self.insert(it, fold.as_deref(), extra.as_deref(), text)? {
            return self.apply_rest(self.conn.last_insert_rowid(), it, facts);
        }
        let known = if known.is_some() { known } else { self.item_id(&it.platform, &it.key)? };
        let id = known.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let export = self.export_id(&it.export)?;
        self.run(
            "UPDATE item SET time = ?2, title = ?3, path = ?4, path_fold = ?5, size = ?6, blake3 = ?7,
             export_id = ?8, extra = ?9, has_text = CASE WHEN blake3 IS ?7 AND title IS ?3
             AND json_extract(extra, '$.text') IS json_extract(?9, '$.text') THEN has_text ELSE 0 END
             WHERE id = ?1",
            params![id, it.time, it.title, it.path, fold, it.size as i64, it.blake3, export, extra],
        )?;
        self.run("DELETE FROM item_label WHERE item_id = ?1", params![id])?;
        self.apply_rest(id, it, facts)
    }

    /// Inserts the row of an item and of its text; false if there is one of its key.
    fn insert(
        &mut self,
        it: &ItemRecord,
        fold: Option<&str>,
        extra: Option<&str>,
        text: Option<(&str, &str)>,
    ) -> Result<bool> {
        let export = self.export_id(&it.export)?;
        let mut insert = self.conn.prepare_cached(INSERT_ITEM)?;
        if !insert_item(&mut insert, it, (fold, export), extra, text.is_some())? {
            return Ok(false);
        }
        if let Some((subject, words)) = text {
            self.run(INSERT_TEXT, params![self.conn.last_insert_rowid(), subject, words])?;
        }
        Ok(true)
    }

    /// Makes the rows of an item beside its own; returns that one.
    fn apply_rest(&mut self, id: i64, it: &ItemRecord, facts: Option<&Facts>) -> Result<i64> {
        for (position, label) in it.labels.iter().enumerate() {
            let label = self.label_id(label)?;
            self.run(INSERT_LABEL, params![id, position as i64, label])?;
        }
        self.apply_mail(id, it)?;
        if let Some(facts) = facts {
            self.set_facts(id, facts)?;
        }
        self.add_origin(id, &it.origin)?;
        Ok(id)
    }

    fn apply_mail(&self, id: i64, it: &ItemRecord) -> Result<()> {
        let (Some(mail), Some(path)) = (&it.mail, &it.path) else { return Ok(()) };
        let (folder, file_name) = super::writer::folder_and_unique(path);
        self.run(
            "INSERT INTO message (item_id, file_name, folder, flags, line_ends, is_partial, unquoted_lines, thread,
             attachments) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0)
             ON CONFLICT (item_id) DO UPDATE SET file_name = excluded.file_name, folder = excluded.folder,
             flags = excluded.flags, line_ends = excluded.line_ends, is_partial = excluded.is_partial,
             unquoted_lines = excluded.unquoted_lines, thread = excluded.thread",
            params![
                id,
                file_name,
                folder,
                mail.flags,
                mail.line_ends,
                mail.is_partial,
                mail.unquoted_lines,
                mail.thread
            ],
        )?;
        Ok(())
    }

    /// Sets what was read from the message itself.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn set_facts(&self, id: i64, facts: &Facts) -> Result<()> {
        self.run(
            "UPDATE message SET message_id = ?2, date = ?3, sender = ?4, recipients = ?5, cc = ?6, subject = ?7,
             snippet = ?8, attachments = ?9 WHERE item_id = ?1",
            params![
                id,
                facts.message_id,
                facts.date,
                facts.sender,
                facts.recipients,
                facts.cc,
                facts.subject,
                facts.snippet,
                facts.attachments.len() as i64
            ],
        )?;
        self.run("DELETE FROM attachment WHERE item_id = ?1", params![id])?;
        for (n, attachment) in facts.attachments.iter().enumerate() {
            self.run(
                "INSERT INTO attachment (item_id, n, name, media_type, size) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![id, n as i64, attachment.name, attachment.media_type, attachment.size as i64],
            )?;
        }
        Ok(())
    }

    fn apply_origin(&mut self, it: &OriginRecord) -> Result<i64> {
        let id = self.item_id(&it.platform, &it.key)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        self.add_origin(id, &it.origin)?;
        Ok(id)
    }

    fn item_id(&self, platform: &str, key: &str) -> Result<Option<i64>> {
        let mut query = self.conn.prepare_cached("SELECT id FROM item WHERE platform = ?1 AND key = ?2")?;
        Ok(query.query_row([platform, key], |row| row.get(0)).optional()?)
    }

    fn add_origin(&mut self, item: i64, spot: &Spot) -> Result<()> {
        let entry = self.entry_id(&spot.part, &spot.entry)?;
        self.run(INSERT_ORIGIN, params![item, entry, spot.at as i64])?;
        Ok(())
    }

    /// True when the index has this origin of the item already.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn has_origin(&mut self, item: i64, spot: &Spot) -> Result<bool> {
        let entry = self.entry_id(&spot.part, &spot.entry)?;
        let mut query = self
            .conn
            .prepare_cached("SELECT 1 FROM origin WHERE entry_id = ?1 AND item_id = ?2 AND at = ?3")?;
        Ok(query.exists(params![entry, item, spot.at as i64])?)
    }

    fn apply_fault(&mut self, it: &FaultRecord) -> Result<i64> {
        let entry = self.entry_id(&it.part, &it.entry)?;
        self.run(
            "INSERT INTO fault (run_id, entry_id, at, what, hint) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![it.run, entry, it.at, it.what, it.hint],
        )?;
        Ok(entry)
    }

    fn export_id(&mut self, key: &str) -> Result<i64> {
        if let Some(id) = self.exports.get(key) {
            return Ok(*id);
        }
        let id = self.conn.query_row("SELECT id FROM export WHERE key = ?1", [key], |row| row.get(0))?;
        self.exports.insert(key.to_owned(), id);
        Ok(id)
    }

    /// The row of a part.
    ///
    /// # Errors
    /// When there is none.
    pub fn part_id(&mut self, fingerprint: &str) -> Result<i64> {
        if let Some(id) = self.parts.get(fingerprint) {
            return Ok(*id);
        }
        let id = self
            .conn
            .query_row("SELECT id FROM part WHERE fingerprint = ?1", [fingerprint], |row| row.get(0))?;
        self.parts.insert(fingerprint.to_owned(), id);
        Ok(id)
    }

    /// The row of an entry.
    ///
    /// # Errors
    /// When there is none.
    pub fn entry_id(&mut self, part: &str, path: &str) -> Result<i64> {
        Ok(self.find_entry(part, path)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?)
    }

    /// The row of an entry, if there is one; its part is known.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn find_entry(&mut self, part: &str, path: &str) -> Result<Option<i64>> {
        if let Some((last_part, last_path, id)) = &self.last_entry
            && last_part == part
            && last_path == path
        {
            return Ok(Some(*id));
        }
        let part_id = self.part_id(part)?;
        let mut query = self.conn.prepare_cached("SELECT id FROM entry WHERE part_id = ?1 AND path = ?2")?;
        let id = query.query_row(params![part_id, path], |row| row.get(0)).optional()?;
        if let Some(id) = id {
            self.last_entry = Some((part.to_owned(), path.to_owned(), id));
        }
        Ok(id)
    }

    fn label_id(&mut self, label: &Label) -> Result<i64> {
        if let Some(id) = self.labels.get(label) {
            return Ok(*id);
        }
        let role = role_name(label);
        self.run("INSERT OR IGNORE INTO label (name, role) VALUES (?1, ?2)", params![label.name, role])?;
        let mut query = self.conn.prepare_cached("SELECT id FROM label WHERE name = ?1 AND role = ?2")?;
        let id = query.query_row(params![label.name, role], |row| row.get(0))?;
        self.labels.insert(label.clone(), id);
        Ok(id)
    }

    /// What is known of an item.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn find(&self, platform: &str, key: &str) -> Result<Option<KnownItem>> {
        super::reader::known_item(&self.conn, platform, key)
    }

    /// The size and BLAKE3 of an item's stored content.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn content(&self, platform: &str, key: &str) -> Result<Option<(PathBuf, u64, String)>> {
        let mut query = self.conn.prepare_cached(
            "SELECT path, size, blake3 FROM item WHERE platform = ?1 AND key = ?2 AND path IS NOT NULL",
        )?;
        let row = query.query_row([platform, key], |row| {
            Ok((PathBuf::from(row.get::<_, String>(0)?), row.get::<_, i64>(1)? as u64, row.get(2)?))
        });
        Ok(row.optional()?)
    }

    /// True when an entry of this path and size is kept, in whatever version.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn has_kept(&self, platform: &str, path: &str, size: u64) -> Result<bool> {
        let mut query = self.conn.prepare_cached(
            "SELECT 1 FROM item WHERE platform = ?1 AND key > 'kept:' || ?2 || '#' AND key < 'kept:' || ?2 || '$'
             AND size = ?3",
        )?;
        Ok(query.exists(params![platform, path, size as i64])?)
    }

    /// True when an item whose key begins with `prefix` has content of this size.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn has_unique(&self, platform: &str, prefix: &str, size: u64) -> Result<bool> {
        let mut query = self.conn.prepare_cached(
            "SELECT 1 FROM item WHERE size = ?3 AND size > 0 AND platform = ?1 AND substr(key, 1, length(?2)) = ?2 LIMIT 1",
        )?;
        Ok(query.exists(params![platform, prefix, size as i64])?)
    }

    /// True when an item that is no message has this path, or one that some disk cannot keep apart from it; or when a
    /// photo has it for its sidecar.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn is_taken(&self, path: &str) -> Result<bool> {
        let mut query = self.conn.prepare_cached("SELECT 1 FROM item WHERE path_fold = ?1")?;
        let folded = names::folded(path);
        if query.exists([&folded])? {
            return Ok(true);
        }
        let Some(photo) = folded.strip_suffix(xmp::EXTENSION) else { return Ok(false) };
        let mut query = self.conn.prepare_cached("SELECT 1 FROM item WHERE path_fold = ?1 AND kind = ?2")?;
        Ok(query.exists([photo, ItemKind::Photo.name()])?)
    }
}

/// Facts as the index keeps them.
pub fn json_text(extra: &serde_json::Map<String, serde_json::Value>) -> Option<String> {
    (!extra.is_empty()).then(|| serde_json::to_string(extra).expect("facts are plain data"))
}

/// The role of a label as the index spells it; empty for the user's own.
pub fn role_name(label: &Label) -> String {
    let role = label.role.and_then(|role| serde_json::to_value(role).ok());
    role.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn insert_item(
    insert: &mut Statement,
    it: &ItemRecord,
    (fold, export): (Option<&str>, i64),
    extra: Option<&str>,
    has_text: bool,
) -> Result<bool> {
    let n_rows = insert.execute(params![
        it.platform,
        it.key,
        it.kind,
        it.product,
        it.time,
        it.title,
        it.path,
        fold,
        it.size as i64,
        it.blake3,
        export,
        extra,
        has_text
    ])?;
    Ok(n_rows == 1)
}

fn set_up(conn: &Connection) -> Result<()> {
    // A commit is durable at the next checkpoint; what is lost with the power is imported again by the next run.
    // The files it speaks of were safe before it.
    conn.pragma_update(None, "journal_mode", "WAL")?;
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    conn.pragma_update(None, "cache_size", -48_000)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    // Rows are only ever written for rows that were found or made just before.
    conn.pragma_update(None, "foreign_keys", false)?;
    // Else SQLite plans a query anew for every value that is bound to it, which costs more than most queries.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.pragma_update(None, "wal_autocheckpoint", 16_000)?;
    Ok(())
}
