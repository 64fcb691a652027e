//! Questions about an archive: what is in it, item by item and in numbers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use exodus_api::Label;
use exodus_mail::lines::{self, LineEnds};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::history::{self, Step};
use super::index::{Index, KnownItem};
use super::record::{ItemRecord, MailRecord, Spot};
use crate::report::counts::{EntryCounts, State};
use crate::report::error::{Error, Kind, Result};

/// An archive open for reading.
pub struct Reader {
    root: PathBuf,
    index: Index,
}

/// One line of a listing.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its number in the archive; `show` takes it.
    pub id: i64,
    /// What it is.
    pub kind: String,
    /// The product it comes from.
    pub product: String,
    /// When it was made or received, in seconds since 1970-01-01 UTC.
    pub time: Option<i64>,
    /// Who sent it, of messages.
    pub sender: Option<String>,
    /// Subject or title.
    pub title: Option<String>,
    /// The beginning of its text, of messages.
    pub snippet: Option<String>,
    /// Its size in bytes.
    pub size: u64,
    /// Where it lies, from the archive's top.
    pub path: Option<String>,
    /// Its labels.
    pub labels: Vec<String>,
}

/// What the archive holds in numbers.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Items by kind, with their size in bytes.
    pub items: BTreeMap<String, (u64, u64)>,
    /// Entries of all exports by state.
    pub entries: EntryCounts,
    /// The exports in the order of their first import.
    pub exports: Vec<ExportStatus>,
    /// Mail folders with how many messages lie in each.
    pub folders: Vec<(String, u64)>,
    /// Faults that no later run has answered.
    pub faults: Vec<FaultLine>,
    /// Items that the full-text index does not have yet.
    pub without_text: u64,
    /// Files whose bytes another file of the archive has too.
    pub identical_files: u64,
}

/// One export in numbers.
#[derive(Clone, Debug)]
pub struct ExportStatus {
    /// Its name.
    pub key: String,
    /// The importer that read it.
    pub platform: String,
    /// The account it belongs to.
    pub account: Option<String>,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub exported_at: Option<i64>,
    /// The names of its parts.
    pub parts: Vec<String>,
    /// Its entries by state.
    pub entries: EntryCounts,
}

/// A fault as people read it.
#[derive(Clone, Debug)]
pub struct FaultLine {
    /// `part!entry at byte n`.
    pub place: String,
    /// What happened.
    pub what: String,
    /// What to do.
    pub hint: Option<String>,
}

/// Which items a listing shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this kind.
    pub kind: Option<String>,
    /// Only this product.
    pub product: Option<String>,
    /// Only with this label.
    pub label: Option<String>,
    /// At most so many.
    pub limit: Option<u64>,
}

impl Reader {
    /// Opens an archive.
    ///
    /// # Errors
    /// When there is none, its index is lost or damaged, or its format is newer.
    pub fn open(root: &Path) -> Result<Reader> {
        super::require(root)?;
        let index = Index::open_for_reading(&root.join(super::index::FILE_NAME))?;
        Ok(Reader { root: root.to_owned(), index })
    }

    /// The archive's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The index, for questions.
    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// The connection, for searches.
    pub(super) fn conn(&self) -> &Connection {
        &self.index.conn
    }

    /// What the archive holds in numbers.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn status(&self) -> Result<Status> {
        let conn = &self.index.conn;
        let mut status = Status { entries: entry_counts(conn, None)?, ..Status::default() };
        let mut query = conn.prepare("SELECT kind, count(*), sum(size) FROM item GROUP BY kind")?;
        for row in
            query.query_map([], |row| Ok((row.get(0)?, (row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))))?
        {
            let (kind, (n, bytes)): (String, _) = row?;
            status.items.insert(kind, (n as u64, bytes as u64));
        }
        status.exports = exports(conn)?;
        let mut query = conn.prepare(
            "SELECT folder.name, count(message.item_id) FROM folder LEFT JOIN message ON message.folder = folder.path
             GROUP BY folder.path ORDER BY folder.path",
        )?;
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
        status.folders = rows.collect::<rusqlite::Result<_>>()?;
        status.faults = faults(conn)?;
        let without_text = "SELECT count(*) FROM item WHERE has_text = 0";
        status.without_text = conn.query_row(without_text, [], |row| row.get::<_, i64>(0))? as u64;
        let identical = "SELECT coalesce(sum(n - 1), 0) FROM
            (SELECT count(*) AS n FROM item WHERE kind = 'file' AND size > 0 GROUP BY blake3 HAVING n > 1)";
        status.identical_files = conn.query_row(identical, [], |row| row.get::<_, i64>(0))? as u64;
        Ok(status)
    }

    /// Items, newest first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn list(&self, filter: &Filter) -> Result<Vec<Line>> {
        let mut query = self.index.conn.prepare(
            "SELECT id FROM item WHERE (?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR product = ?2)
             AND (?3 IS NULL OR id IN (SELECT item_id FROM item_label JOIN label ON label.id = label_id
                                       WHERE lower(label.name) = lower(?3)))
             ORDER BY time IS NULL, time DESC, id LIMIT ?4",
        )?;
        let limit = filter.limit.map_or(-1, |limit| limit as i64);
        let values = params![filter.kind, filter.product, filter.label, limit];
        let ids: Vec<i64> = query.query_map(values, |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        self.lines(&ids)
    }

    /// The lines of these items, in this order.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn lines(&self, ids: &[i64]) -> Result<Vec<Line>> {
        let mut query = self.index.conn.prepare_cached(
            "SELECT item.id, kind, product, item.time, sender, coalesce(subject, title), snippet, size, path
             FROM item LEFT JOIN message ON message.item_id = item.id WHERE item.id = ?1",
        )?;
        let mut lines = Vec::with_capacity(ids.len());
        for id in ids {
            let mut line = query.query_row([id], line)?;
            line.labels = labels_of(&self.index.conn, *id)?.into_iter().map(|label| label.name).collect();
            lines.push(line);
        }
        Ok(lines)
    }

    /// The item of that number, key, path or `Message-ID`.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, name: &str) -> Result<i64> {
        let bare = name.trim_start_matches('<').trim_end_matches('>');
        let mut query = self.index.conn.prepare(
            "SELECT id FROM item WHERE id = CAST(?1 AS INTEGER) AND CAST(id AS TEXT) = ?1
             UNION ALL SELECT id FROM item WHERE key = ?1 OR path = ?1
             UNION ALL SELECT item_id FROM message WHERE message_id = ?2 LIMIT 1",
        )?;
        let id = query.query_row([name, bare], |row| row.get(0)).optional()?;
        id.ok_or_else(|| {
            Error::new(Kind::Usage, format!("no item `{name}` in this archive")).hint(
                "name it by the number that `list` and `search` show, by its path, or by its Message-ID",
            )
        })
    }

    /// All that is known of an item, as JSON.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn item_json(&self, id: i64) -> Result<serde_json::Value> {
        let (platform, key): (String, String) =
            self.index.conn.query_row("SELECT platform, key FROM item WHERE id = ?1", [id], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        let known = known_item(&self.index.conn, &platform, &key)?;
        let record = known.map(|known| known.record);
        let mut object = serde_json::to_value(&record).unwrap_or_default();
        object["id"] = id.into();
        if let Some(object) = object.as_object_mut() {
            object.remove("origin");
        }
        object["origins"] = self.origins(id)?.into();
        object["same_content"] = self.same_content(id)?.into();
        let mut query = self.index.conn.prepare(
            "SELECT message_id, date, sender, recipients, cc, subject, snippet, folder FROM message WHERE item_id = ?1",
        )?;
        let names = ["message_id", "date", "from", "to", "cc", "subject", "snippet", "folder"];
        let mut rows = query.query([id])?;
        if let Some(row) = rows.next()? {
            for (n, name) in names.into_iter().enumerate() {
                object[name] = json_of(row, n)?;
            }
            object["attachments"] = self.attachments(id)?.into();
        }
        Ok(object)
    }

    /// What the item was in older exports, the oldest first.
    ///
    /// # Errors
    /// When the ledger cannot be read.
    pub fn history(&self, id: i64) -> Result<Vec<Step>> {
        let query = "SELECT platform, key FROM item WHERE id = ?1";
        let (platform, key): (String, String) =
            self.index.conn.query_row(query, [id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let committed = self.index.meta("ledger_bytes")?.and_then(|bytes| bytes.parse().ok());
        history::of(&self.root, committed, &platform, &key)
    }

    /// The paths of other items with the same bytes.
    fn same_content(&self, id: i64) -> Result<Vec<String>> {
        let mut query = self.index.conn.prepare(
            "SELECT other.path FROM item JOIN item AS other ON other.blake3 = item.blake3 AND other.id <> item.id
             WHERE item.id = ?1 AND other.path IS NOT NULL ORDER BY other.id LIMIT 100",
        )?;
        let rows = query.query_map([id], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn origins(&self, id: i64) -> Result<Vec<serde_json::Value>> {
        let mut query = self.index.conn.prepare(
            "SELECT part.name, entry.path, origin.at FROM origin JOIN entry ON entry.id = entry_id
             JOIN part ON part.id = part_id WHERE item_id = ?1 ORDER BY part.id, entry.path, origin.at",
        )?;
        let rows = query.query_map([id], |row| {
            let (part, entry, at): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(serde_json::json!({"part": part, "entry": entry, "at": at}))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn attachments(&self, id: i64) -> Result<Vec<serde_json::Value>> {
        let mut query = self
            .index
            .conn
            .prepare("SELECT name, media_type, size FROM attachment WHERE item_id = ?1 ORDER BY n")?;
        let rows = query.query_map([id], |row| {
            let (name, media_type, size): (Option<String>, String, i64) =
                (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(serde_json::json!({"name": name, "media_type": media_type, "size": size}))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The original bytes of an item: with CRLF line ends again if it had them.
    ///
    /// # Errors
    /// When its file is missing.
    pub fn original(&self, id: i64) -> Result<Vec<u8>> {
        let row = self.index.conn.query_row(
            "SELECT path, line_ends FROM item LEFT JOIN message ON message.item_id = item.id WHERE item.id = ?1",
            [id],
            |row| Ok((row.get::<_, Option<String>>(0)?, row.get::<_, Option<String>>(1)?)),
        )?;
        let Some(path) = row.0 else {
            return Err(Error::new(Kind::Usage, format!("item {id} has facts only and no content")));
        };
        let bytes = std::fs::read(find_file(&self.root, &path).unwrap_or_else(|| self.root.join(&path)))
            .map_err(|err| Error::io("read", &self.root.join(&path), &err))?;
        let is_crlf = row.1.and_then(|name| LineEnds::from_name(&name)) == Some(LineEnds::Crlf);
        Ok(if is_crlf { lines::to_crlf(&bytes) } else { bytes })
    }
}

/// Where an item's file is: at its path, or where a mail program has renamed it to within its folder.
pub fn find_file(root: &Path, path: &str) -> Option<PathBuf> {
    let there = root.join(path);
    if there.is_file() {
        return Some(there);
    }
    if !path.starts_with("mail/") {
        return None;
    }
    let unique = super::writer::folder_and_unique(path).1;
    super::find_message(there.parent()?, unique)
}

fn line(row: &Row) -> rusqlite::Result<Line> {
    Ok(Line {
        id: row.get(0)?,
        kind: row.get(1)?,
        product: row.get(2)?,
        time: row.get(3)?,
        sender: row.get(4)?,
        title: row.get(5)?,
        snippet: row.get(6)?,
        size: row.get::<_, i64>(7)? as u64,
        path: row.get(8)?,
        labels: Vec::new(),
    })
}

fn json_of(row: &Row, column: usize) -> Result<serde_json::Value> {
    use rusqlite::types::Value;
    Ok(match row.get::<_, Value>(column)? {
        Value::Integer(number) => number.into(),
        Value::Text(text) => text.into(),
        _ => serde_json::Value::Null,
    })
}

/// The labels of an item, in their order.
pub(super) fn labels_of(conn: &Connection, id: i64) -> Result<Vec<Label>> {
    let mut query = conn.prepare_cached(
        "SELECT label.name, label.role FROM item_label JOIN label ON label.id = label_id
         WHERE item_id = ?1 ORDER BY position",
    )?;
    let rows = query.query_map([id], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
    let mut labels = Vec::new();
    for row in rows {
        let (name, role) = row?;
        let role = serde_json::from_value(role.into()).ok();
        labels.push(Label { name, role });
    }
    Ok(labels)
}

/// The record of an item, put together again from its rows; its origin is left empty.
pub(super) fn known_item(conn: &Connection, platform: &str, key: &str) -> Result<Option<KnownItem>> {
    let mut query = conn.prepare_cached(
        "SELECT item.id, kind, product, time, title, item.path, size, blake3, export.key, extra,
                flags, line_ends, is_partial, unquoted_lines, thread
         FROM item JOIN export ON export.id = export_id LEFT JOIN message ON message.item_id = item.id
         WHERE item.platform = ?1 AND item.key = ?2",
    )?;
    let found = query.query_row([platform, key], |row| {
        let flags: Option<String> = row.get(10)?;
        let mail = match flags {
            None => None,
            Some(flags) => Some(MailRecord {
                flags,
                line_ends: row.get(11)?,
                is_partial: row.get(12)?,
                unquoted_lines: row.get(13)?,
                thread: row.get(14)?,
            }),
        };
        let extra: Option<String> = row.get(9)?;
        let record = ItemRecord {
            platform: platform.to_owned().into(),
            key: key.to_owned(),
            kind: row.get::<_, String>(1)?.into(),
            product: row.get::<_, String>(2)?.into(),
            time: row.get(3)?,
            title: row.get(4)?,
            path: row.get(5)?,
            size: row.get::<_, i64>(6)? as u64,
            blake3: row.get(7)?,
            export: row.get(8)?,
            labels: Vec::new(),
            mail,
            extra: extra.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default(),
            origin: Spot { part: "".into(), entry: "".into(), at: 0 },
        };
        Ok(KnownItem { id: row.get(0)?, record })
    });
    let Some(mut known) = found.optional()? else { return Ok(None) };
    known.record.labels = labels_of(conn, known.id)?;
    Ok(Some(known))
}

/// Entries by state, of one export or of all.
pub(super) fn entry_counts(conn: &Connection, export: Option<i64>) -> Result<EntryCounts> {
    let mut query = conn.prepare_cached(
        "SELECT state, count(*) FROM entry JOIN part ON part.id = part_id
         WHERE ?1 IS NULL OR export_id = ?1 GROUP BY state",
    )?;
    let mut counts = EntryCounts::default();
    let rows = query.query_map([export], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    for row in rows {
        let (state, n) = row?;
        counts.add(State::from_name(&state).unwrap_or(State::Pending), n as u64);
    }
    Ok(counts)
}

fn exports(conn: &Connection) -> Result<Vec<ExportStatus>> {
    let mut query = conn.prepare("SELECT id, key, platform, account, exported_at FROM export ORDER BY id")?;
    let rows = query.query_map([], |row| {
        let status = ExportStatus {
            key: row.get(1)?,
            platform: row.get(2)?,
            account: row.get(3)?,
            exported_at: row.get(4)?,
            parts: Vec::new(),
            entries: EntryCounts::default(),
        };
        Ok((row.get::<_, i64>(0)?, status))
    })?;
    let mut exports = Vec::new();
    for row in rows {
        let (id, mut status) = row?;
        let mut parts = conn.prepare_cached("SELECT name FROM part WHERE export_id = ?1 ORDER BY id")?;
        status.parts = parts.query_map([id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        status.entries = entry_counts(conn, Some(id))?;
        exports.push(status);
    }
    Ok(exports)
}

fn faults(conn: &Connection) -> Result<Vec<FaultLine>> {
    let mut query = conn.prepare(
        "SELECT part.name, entry.path, fault.at, what, hint FROM fault JOIN entry ON entry.id = entry_id
         JOIN part ON part.id = part_id ORDER BY fault.id",
    )?;
    let rows = query.query_map([], |row| {
        let (part, entry, at): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(FaultLine { place: format!("{part}!{entry}{at}"), what: row.get(3)?, hint: row.get(4)? })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
