//! What the index says, read with SQL as `docs/archive-format.md` describes it.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// A message as the index has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number in the archive.
    pub id: i64,
    /// Where it lies, from the archive's top.
    pub path: String,
    /// Its folder below `mail/`.
    pub folder: String,
    /// Its flags.
    pub flags: String,
    /// Its time of receipt.
    pub time: Option<i64>,
    /// The platform's name of its thread.
    pub thread: Option<String>,
    /// Its labels in their order.
    pub labels: Vec<String>,
}

/// The index of an archive, only for reading.
pub fn open(archive: &Path) -> Connection {
    let path = archive.join("index.sqlite");
    Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the index can be opened")
}

/// All messages by their keys.
pub fn messages(archive: &Path) -> BTreeMap<String, Message> {
    let conn = open(archive);
    let mut labels: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    let sql =
        "SELECT item_id, name FROM item_label JOIN label ON label.id = label_id ORDER BY item_id, position";
    for (id, name) in rows(&conn, sql, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))) {
        labels.entry(id).or_default().push(name);
    }
    let sql = "SELECT key, id, path, folder, flags, time, thread FROM item JOIN message ON item_id = id";
    let message = |row: &rusqlite::Row| {
        let id = row.get(1)?;
        let message = Message {
            id,
            path: row.get(2)?,
            folder: row.get(3)?,
            flags: row.get(4)?,
            time: row.get(5)?,
            thread: row.get(6)?,
            labels: labels.get(&id).cloned().unwrap_or_default(),
        };
        Ok((row.get(0)?, message))
    };
    rows(&conn, sql, message).into_iter().collect()
}

/// A number that a query answers.
pub fn count(archive: &Path, sql: &str) -> i64 {
    open(archive).query_row(sql, [], |row| row.get(0)).unwrap_or_else(|err| panic!("{sql}: {err}"))
}

/// All rows of a query.
pub fn rows<T>(
    conn: &Connection,
    sql: &str,
    each: impl FnMut(&rusqlite::Row) -> rusqlite::Result<T>,
) -> Vec<T> {
    let mut query = conn.prepare(sql).unwrap_or_else(|err| panic!("{sql}: {err}"));
    let rows = query.query_map([], each).and_then(Iterator::collect);
    rows.unwrap_or_else(|err| panic!("{sql}: {err}"))
}
