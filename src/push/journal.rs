//! The journal: what each target has, kept in the archive's `push.sqlite`, and what is to be done now.
//!
//! Not in the index: that is a function of the ledger and the files, sealed, and copied to targets itself. The
//! journal can be thrown away: the next push reads the target's manifest ([`super::manifest`]) again.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use super::manifest::{Line, Put};
use crate::report::error::{Error, Kind, Result};

/// The name of the journal in the archive.
pub const FILE_NAME: &str = "push.sqlite";

/// The journal, with one target selected.
pub struct Journal {
    conn: Connection,
    target: i64,
}

/// A file of the archive with its place on the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Here {
    /// Its path in the archive.
    pub local: String,
    /// Its path on the target.
    pub path: String,
    /// Of a message in a Maildir: the stem of its name.
    pub message: Option<String>,
    /// Its size in bytes.
    pub size: u64,
    /// Its modification time in seconds since 1970-01-01 UTC.
    pub mtime: i64,
    /// When anything about it last changed, in nanoseconds.
    pub ctime: i64,
    /// Permission bits for it there.
    pub mode: u32,
    /// Lower ones are sent first; within one the newest first.
    pub class: u8,
}

/// Something to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Todo {
    /// Its number in the order of sending.
    pub n: u64,
    /// The file.
    pub here: Here,
    /// What we have put at its place before.
    pub before: Option<Put>,
}

/// How much there is to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Files and bytes of the archive that belong on the target.
    pub all: (u64, u64),
    /// Of those, files and bytes that the target does not have.
    pub new: (u64, u64),
    /// Of those, files and bytes that have changed since they were sent.
    pub changed: (u64, u64),
}

/// How much the archive has of one of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartSize {
    /// A folder or file of the archive's top.
    pub part: String,
    /// Its files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What names a file for ever, flags or not.
pub fn key_of(path: &str, message: Option<&str>) -> String {
    match (message, path.rsplit_once('/')) {
        (Some(message), Some((folder, _))) => {
            let folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
            format!("{folder}/:{message}")
        }
        _ => path.to_owned(),
    }
}

impl Journal {
    /// Opens the archive's journal, or makes it, and selects a target.
    ///
    /// # Errors
    /// When another push of this archive runs, or the journal cannot be used.
    pub fn open(archive: &Path, url: &str) -> Result<Journal> {
        let path = archive.join(FILE_NAME);
        let private = OpenOptions::new().create(true).append(true).mode(0o600).open(&path);
        private.map_err(|err| Error::io("open the journal", &path, &err))?;
        let conn = Connection::open(&path)?;
        Journal::set_up(conn, url).map_err(|err| {
            if err.what.contains("locked") {
                return Error::new(
                    Kind::Archive,
                    format!("another push of `{}` is running", archive.display()),
                )
                .hint("wait until it has ended; one that was killed lets go by itself");
            }
            err
        })
    }

    /// A journal in memory, for an archive that cannot be written to: every push reads the manifest again.
    ///
    /// # Errors
    /// When SQLite has no memory.
    pub fn in_memory(url: &str) -> Result<Journal> {
        Journal::set_up(Connection::open_in_memory()?, url)
    }

    fn set_up(conn: Connection, url: &str) -> Result<Journal> {
        conn.busy_timeout(std::time::Duration::ZERO)?;
        // Nobody else may push this archive meanwhile.
        conn.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        conn.pragma_update(None, "cache_size", -16_000)?;
        conn.execute_batch(include_str!("journal.sql"))?;
        conn.execute("INSERT OR IGNORE INTO target (url) VALUES (?1)", [url])?;
        // Locks even where the line above had nothing to do.
        conn.execute("UPDATE target SET url = url WHERE url = ?1", [url])?;
        let target = conn.query_row("SELECT id FROM target WHERE url = ?1", [url], |row| row.get(0))?;
        Ok(Journal { conn, target })
    }

    /// Does many changes as one.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn at_once<T>(&self, work: impl FnOnce(&Journal) -> Result<T>) -> Result<T> {
        self.conn.execute_batch("BEGIN")?;
        let done = work(self);
        self.conn.execute_batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        done
    }

    /// How much of the target's manifest the journal has, and whether the last push ended cleanly.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn manifest(&self) -> Result<(u64, bool)> {
        let query = "SELECT manifest_bytes, is_clean FROM target WHERE id = ?1";
        let row =
            self.conn.query_row(query, [self.target], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?;
        Ok((row.0 as u64, row.1))
    }

    /// Notes how much of the manifest the journal has.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn set_manifest(&self, bytes: u64) -> Result<()> {
        let update = "UPDATE target SET manifest_bytes = ?2 WHERE id = ?1";
        self.conn.execute(update, params![self.target, bytes as i64])?;
        Ok(())
    }

    /// Notes that a push has begun, or has ended cleanly.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn set_clean(&self, is_clean: bool) -> Result<()> {
        self.conn.execute("UPDATE target SET is_clean = ?2 WHERE id = ?1", params![self.target, is_clean])?;
        Ok(())
    }

    /// Forgets all that the target has.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn forget(&self) -> Result<()> {
        self.conn.execute("DELETE FROM sent WHERE target = ?1", [self.target])?;
        self.conn.execute("DELETE FROM folder WHERE target = ?1", [self.target])?;
        self.set_manifest(0)
    }

    /// Takes a line of the manifest.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn apply(&self, line: &Line) -> Result<()> {
        self.apply_sent(line, None)
    }

    /// Takes a line for a local file that had last changed then.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn apply_sent(&self, line: &Line, ctime: Option<i64>) -> Result<()> {
        match line {
            Line::Put(put) => {
                let mut insert = self.conn.prepare_cached(
                    "INSERT OR REPLACE INTO sent (target, key, path, message, size, mtime, seen, sha256, ctime)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )?;
                let key = key_of(&put.path, put.message.as_deref());
                let seen = put.seen_mtime();
                let (size, hash) = (put.size as i64, &put.sha256[..]);
                insert.execute(params![
                    self.target,
                    key,
                    put.path,
                    put.message,
                    size,
                    put.mtime,
                    seen,
                    hash,
                    ctime
                ])?;
            }
            Line::Gone { gone } => {
                let mut delete =
                    self.conn.prepare_cached("DELETE FROM sent WHERE target = ?1 AND path = ?2")?;
                delete.execute(params![self.target, gone])?;
            }
        }
        Ok(())
    }

    /// Takes a file of the archive; false if another has the same place already.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn add_here(&self, here: &Here) -> Result<bool> {
        let mut insert = self
            .conn
            .prepare_cached("INSERT OR IGNORE INTO here VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0)")?;
        let n = insert.execute(params![
            key_of(&here.path, here.message.as_deref()),
            here.local,
            here.path,
            here.message,
            here.size as i64,
            here.mtime,
            here.ctime,
            here.mode,
            here.class
        ])?;
        Ok(n == 1)
    }

    /// Takes a folder that the target should have; given twice, it allows what either mode allows.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn add_folder(&self, path: &str, mode: u32) -> Result<()> {
        let mut insert = self.conn.prepare_cached(
            "INSERT INTO here_folder VALUES (?1, ?2) ON CONFLICT DO UPDATE SET mode = mode | excluded.mode",
        )?;
        insert.execute(params![path, mode])?;
        Ok(())
    }

    /// Some of the files, from the key `after` on, that have changed since they were sent, though their size has not:
    /// with that key and what was sent.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn suspects(&self, after: &str, limit: u64) -> Result<Vec<(String, Here, Put)>> {
        let mut query = self.conn.prepare_cached(
            "SELECT here.key, here.local, here.path, here.message, here.size, here.mtime, here.ctime, here.mode,
                    here.class, sent.path, sent.message, sent.size, sent.mtime, sent.seen, sent.sha256
             FROM here JOIN sent ON sent.target = ?1 AND sent.key = here.key
             WHERE here.key > ?2 AND here.size = sent.size AND sent.ctime IS NOT here.ctime
             ORDER BY here.key LIMIT ?3",
        )?;
        let rows = query.query_map(params![self.target, after, limit as i64], |row| {
            Ok((row.get(0)?, here(row, 1)?, put(row, 9)?))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Notes of a suspect whether its bytes are still those that were sent.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn cleared(&self, key: &str, ctime: i64, is_same: bool) -> Result<()> {
        if is_same {
            let mut update =
                self.conn.prepare_cached("UPDATE sent SET ctime = ?3 WHERE target = ?1 AND key = ?2")?;
            update.execute(params![self.target, key, ctime])?;
        } else {
            self.conn.prepare_cached("UPDATE here SET differs = 1 WHERE key = ?1")?.execute([key])?;
        }
        Ok(())
    }

    /// Gives a file that is to be sent another place in its folder.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn set_path(&self, here: &Here, path: &str) -> Result<()> {
        let key = key_of(&here.path, here.message.as_deref());
        self.conn.prepare_cached("UPDATE here SET path = ?2 WHERE key = ?1")?.execute([&key, path])?;
        Ok(())
    }

    /// Compares what is here with what the target has: what is to be sent, in its order.
    ///
    /// # Errors
    /// When the journal cannot be used.
    pub fn compare(&self) -> Result<Totals> {
        self.conn.execute("DELETE FROM todo", [])?;
        self.conn.execute(
            "INSERT INTO todo (key) SELECT here.key FROM here
             LEFT JOIN sent ON sent.target = ?1 AND sent.key = here.key
             WHERE sent.key IS NULL OR here.size <> sent.size OR here.differs
             ORDER BY class, here.mtime DESC, here.key",
            [self.target],
        )?;
        let count = |sql: &str| -> rusqlite::Result<(u64, u64)> {
            let row = |row: &Row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64));
            self.conn.query_row(sql, [], row)
        };
        let all = count("SELECT count(*), coalesce(sum(size), 0) FROM here")?;
        let (n, bytes) = count("SELECT count(*), coalesce(sum(size), 0) FROM todo JOIN here USING (key)")?;
        let changed = count(&format!(
            "SELECT count(*), coalesce(sum(here.size), 0) FROM todo JOIN here USING (key)
             JOIN sent ON sent.target = {} AND sent.key = here.key",
            self.target
        ))?;
        Ok(Totals { all, new: (n - changed.0, bytes - changed.1), changed })
    }

    /// Some of what is to be sent, from number `after` on.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn todo(&self, after: u64, limit: u64) -> Result<Vec<Todo>> {
        let mut query = self.conn.prepare_cached(
            "SELECT todo.n, here.local, here.path, here.message, here.size, here.mtime, here.ctime, here.mode, here.class,
                    sent.path, sent.message, sent.size, sent.mtime, sent.seen, sent.sha256
             FROM todo JOIN here USING (key) LEFT JOIN sent ON sent.target = ?1 AND sent.key = here.key
             WHERE todo.n > ?2 ORDER BY todo.n LIMIT ?3",
        )?;
        let rows = query.query_map(params![self.target, after as i64, limit as i64], |row| {
            let here = here(row, 1)?;
            let before = if row.get_ref(9)? == ValueRef::Null { None } else { Some(put(row, 9)?) };
            Ok(Todo { n: row.get::<_, i64>(0)? as u64, here, before })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Takes something off the list of what is to be sent.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn strike(&self, n: u64) -> Result<()> {
        self.conn.prepare_cached("DELETE FROM todo WHERE n = ?1")?.execute([n as i64])?;
        Ok(())
    }

    /// Messages that the archive has moved to another folder or has new bytes of since they were sent: what is there,
    /// and what belongs there now.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn moved(&self) -> Result<Vec<(Put, Todo)>> {
        let mut query = self.conn.prepare(
            "SELECT todo.n, here.local, here.path, here.message, here.size, here.mtime, here.ctime, here.mode, here.class,
                    sent.path, sent.message, sent.size, sent.mtime, sent.seen, sent.sha256
             FROM todo JOIN here USING (key) JOIN sent ON sent.target = ?1 AND sent.message = here.message
             WHERE sent.key = here.key OR NOT EXISTS (SELECT 1 FROM here AS still WHERE still.key = sent.key)
             GROUP BY sent.key ORDER BY todo.n, sent.key <> here.key",
        )?;
        let rows = query.query_map([self.target], |row| {
            Ok((put(row, 9)?, Todo { n: row.get::<_, i64>(0)? as u64, here: here(row, 1)?, before: None }))
        })?;
        let mut pairs: Vec<(Put, Todo)> = rows.collect::<rusqlite::Result<_>>()?;
        // Of several that went, one becomes the one that came.
        pairs.dedup_by_key(|(_, todo)| todo.n);
        Ok(pairs)
    }

    /// Files of ours on the target that the archive does not have any more.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn superfluous(&self) -> Result<Vec<Put>> {
        let mut query = self.conn.prepare(
            "SELECT path, message, size, mtime, seen, sha256 FROM sent
             WHERE target = ?1 AND NOT EXISTS (SELECT 1 FROM here WHERE here.key = sent.key) ORDER BY path",
        )?;
        let rows = query.query_map([self.target], |row| put(row, 0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Some of what the archive and the target both have, from the key `after` on: with that key.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn there(&self, after: &str, limit: u64) -> Result<Vec<(String, Put)>> {
        let mut query = self.conn.prepare_cached(
            "SELECT sent.path, sent.message, sent.size, sent.mtime, sent.seen, sent.sha256, sent.key
             FROM sent JOIN here USING (key) WHERE sent.target = ?1 AND sent.key > ?2 ORDER BY sent.key LIMIT ?3",
        )?;
        let rows = query
            .query_map(params![self.target, after, limit as i64], |row| Ok((row.get(6)?, put(row, 0)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Folders that the target should have and that are not known to be there, parents before children.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn missing_folders(&self) -> Result<Vec<(String, u32)>> {
        let mut query = self.conn.prepare(
            "SELECT path, mode FROM here_folder
             WHERE NOT EXISTS (SELECT 1 FROM folder WHERE target = ?1 AND folder.path = here_folder.path)
             ORDER BY path",
        )?;
        let rows = query.query_map([self.target], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Notes that a folder is there.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn has_folder(&self, path: &str) -> Result<()> {
        let mut insert = self.conn.prepare_cached("INSERT OR IGNORE INTO folder VALUES (?1, ?2)")?;
        insert.execute(params![self.target, path])?;
        Ok(())
    }

    /// Forgets which folders are there: one of them is not.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn forget_folders(&self) -> Result<()> {
        self.conn.execute("DELETE FROM folder WHERE target = ?1", [self.target])?;
        Ok(())
    }

    /// Of each message that is to be sent to a folder (named by the path of its `cur`): its stem and its number.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn messages_to_send(&self, cur: &str) -> Result<Vec<(String, u64)>> {
        let above = cur.rsplit_once('/').map_or("", |(above, _)| above);
        let mut query = self.conn.prepare_cached(
            "SELECT here.message, todo.n FROM todo JOIN here USING (key)
             WHERE here.message IS NOT NULL AND here.key >= ?1 || '/:' AND here.key < ?1 || '/;'",
        )?;
        let rows = query.query_map([above], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Folders of messages that the target should have, each by the path of its `cur`.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn mail_folders(&self) -> Result<Vec<String>> {
        let mut query =
            self.conn.prepare("SELECT path FROM here_folder WHERE path = 'cur' OR path LIKE '%/cur'")?;
        let rows = query.query_map([], |row| row.get(0))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// What is to be sent under that number.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn todo_at(&self, n: u64) -> Result<Option<Todo>> {
        let found = self.todo(n.saturating_sub(1), 1)?;
        Ok(found.into_iter().next().filter(|todo| todo.n == n))
    }

    /// Files and bytes that belong on the target, by part of the archive.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn parts(&self) -> Result<Vec<PartSize>> {
        let mut query = self.conn.prepare(
            "SELECT CASE WHEN instr(local, '/') = 0 THEN local ELSE substr(local, 1, instr(local, '/') - 1) END AS part,
                    count(*), sum(size) FROM here GROUP BY part ORDER BY part",
        )?;
        let rows = query.query_map([], |row| {
            let (files, bytes) = (row.get::<_, i64>(1)? as u64, row.get::<_, i64>(2)? as u64);
            Ok(PartSize { part: row.get(0)?, files, bytes })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}

fn here(row: &Row, at: usize) -> rusqlite::Result<Here> {
    Ok(Here {
        local: row.get(at)?,
        path: row.get(at + 1)?,
        message: row.get(at + 2)?,
        size: row.get::<_, i64>(at + 3)? as u64,
        mtime: row.get(at + 4)?,
        ctime: row.get(at + 5)?,
        mode: row.get(at + 6)?,
        class: row.get(at + 7)?,
    })
}

fn put(row: &Row, at: usize) -> rusqlite::Result<Put> {
    let (mtime, seen): (i64, Option<i64>) = (row.get(at + 3)?, row.get(at + 4)?);
    Ok(Put {
        path: row.get(at)?,
        message: row.get(at + 1)?,
        size: row.get::<_, i64>(at + 2)? as u64,
        mtime,
        seen: if seen == Some(mtime) { None } else { Some(seen) },
        sha256: row.get(at + 5)?,
    })
}
