//! The index: `index.sqlite`, opened, asked by writers, and closed. [`rows`] makes rows of records; queries for people are in [`super::reader`].

mod rows;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use exodus_api::{Kind as ItemKind, Label};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

pub use self::rows::NewItem;
use super::names;
use super::record::{ItemRecord, Spot};
use super::views::xmp;
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

    fn item_id(&self, platform: &str, key: &str) -> Result<Option<i64>> {
        let mut query = self.conn.prepare_cached("SELECT id FROM item WHERE platform = ?1 AND key = ?2")?;
        Ok(query.query_row([platform, key], |row| row.get(0)).optional()?)
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
