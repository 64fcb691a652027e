//! What earlier runs left behind: entries that need not be read again.

use std::path::Path;

use exodus_api::Entry;
use rusqlite::params;

use crate::archive::index::Index;
use crate::archive::reader::find_file;
use crate::source::Part;

/// What earlier runs left behind.
pub struct Earlier<'a> {
    /// The index as they left it; `None` in a new archive.
    pub index: Option<Index>,
    /// The archive's folder.
    pub root: &'a Path,
    /// The options of this run as the index remembers them.
    pub options: String,
}

impl Earlier<'_> {
    /// True when an earlier run finished this very entry and all that it gave is still there.
    pub fn is_done(&self, parts: &[Part], entry: &Entry) -> bool {
        self.try_is_done(parts, entry).unwrap_or(false)
    }

    fn try_is_done(&self, parts: &[Part], entry: &Entry) -> rusqlite::Result<bool> {
        let Some(index) = &self.index else { return Ok(false) };
        let part = &parts[entry.part as usize].fingerprint;
        let mut query = index.conn.prepare_cached(
            "SELECT entry.id FROM entry JOIN part ON part.id = part_id
             WHERE fingerprint = ?1 AND path = ?2 AND options = ?3 AND state IN ('taken', 'used', 'duplicate', 'kept')",
        )?;
        let mut ids = query.query_map(params![part, entry.path, self.options], |row| row.get::<_, i64>(0))?;
        let Some(id) = ids.next().transpose()? else { return Ok(false) };
        let mut query = index.conn.prepare_cached(
            "SELECT DISTINCT path, size FROM item JOIN origin ON item_id = item.id WHERE entry_id = ?1 AND path IS NOT NULL",
        )?;
        let mut rows = query.query([id])?;
        while let Some(row) = rows.next()? {
            let (path, size): (String, i64) = (row.get(0)?, row.get(1)?);
            let there = find_file(self.root, &path).and_then(|path| path.metadata().ok());
            if there.is_none_or(|there| there.len() != size as u64) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// How many items of each kind an entry gave.
    pub fn items_of(&self, parts: &[Part], entry: &Entry) -> Vec<(String, u64)> {
        let Some(index) = &self.index else { return Vec::new() };
        let part = &parts[entry.part as usize].fingerprint;
        let read = || -> rusqlite::Result<Vec<(String, u64)>> {
            let mut query = index.conn.prepare_cached(
                "SELECT item.kind, count(DISTINCT item.id) FROM item JOIN origin ON item_id = item.id
                 JOIN entry ON entry.id = entry_id JOIN part ON part.id = part_id
                 WHERE fingerprint = ?1 AND entry.path = ?2 GROUP BY item.kind",
            )?;
            let rows = query.query_map(params![part, entry.path], |row| {
                Ok((row.get(0)?, row.get::<_, i64>(1)? as u64))
            })?;
            rows.collect()
        };
        read().unwrap_or_default()
    }

    /// The key, beginning with `prefix`, of an item that an earlier run has made of this very entry.
    pub fn key_of(&self, parts: &[Part], entry: &Entry, prefix: &str) -> Option<String> {
        let index = self.index.as_ref()?;
        let part = &parts[entry.part as usize].fingerprint;
        let mut query = index
            .conn
            .prepare_cached(
                "SELECT key FROM item JOIN origin ON item_id = item.id JOIN entry ON entry.id = entry_id
                 JOIN part ON part.id = part_id WHERE fingerprint = ?1 AND entry.path = ?2
                 AND substr(key, 1, length(?3)) = ?3 LIMIT 1",
            )
            .ok()?;
        query.query_row(params![part, entry.path, prefix], |row| row.get(0)).ok()
    }
}
