//! Builds the index again: from the ledger what files cannot tell, from the files the rest.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::index::{self, Index};
use super::ledger;
use super::lock::Lock;
use super::message::{self, Facts};
use super::reader::find_file;
use super::recover;
use super::scratch::Scratch;
use super::seal;
use super::text;
use super::views;
use crate::report::error::{Error, Kind, Result};
use crate::report::event::{Event, Observer};

/// Messages are parsed so many at a time.
const BATCH: i64 = 500;

/// What a new index holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// Items.
    pub items: u64,
    /// Items whose file is missing.
    pub missing: u64,
}

/// Builds the index again and puts it in the place of the old one when it is whole.
///
/// # Errors
/// When the archive is locked, has no ledger, or its disk is full.
pub fn reindex(root: &Path, with_text: bool, observer: &dyn Observer, stop: &AtomicBool) -> Result<Rebuilt> {
    if !root.join(ledger::FILE_NAME).exists() {
        super::require(root)?;
        let what = format!("the ledger of the archive `{}` is lost", root.display());
        return Err(Error::new(Kind::Archive, what)
            .hint("restore ledger.jsonl from a copy, or import the export again into a new archive"));
    }
    let mut lock = Lock::take(root)?;
    if seal::has_ledger(root)? == Some(false) {
        let what = format!("the ledger is damaged: `{}` is not what was sealed", ledger::FILE_NAME);
        return Err(Error::new(Kind::Archive, what)
            .hint("restore ledger.jsonl from a copy of the archive")
            .hint("without a copy, remove seal.blake3 to build an index from what is there"));
    }
    let scratch = Scratch::open(root)?;
    let temporary = root.join("tmp").join(index::FILE_NAME);
    let mut index = Index::create(&temporary)?;
    index.begin()?;
    replay_into(root, &mut index, None)?;
    index.commit()?;
    let rebuilt = read_facts(root, &index, observer, stop)?;
    if with_text {
        text::update(root, &index, observer, stop)?;
    }
    if stop.load(Ordering::Relaxed) {
        scratch.close();
        return Err(Error::new(Kind::Interrupted, "stopped; the old index is as it was"));
    }
    if lock.is_unclean {
        recover::sweep(root, &index)?;
    }
    views::restore(root, &index, &scratch)?;
    index.rest()?;
    drop(index);
    seal::break_seal(root)?;
    put_in_place(root, &temporary)?;
    seal::set(root, None)?;
    lock.is_unclean = false;
    scratch.close();
    Ok(rebuilt)
}

/// Applies the ledger (up to `limit_bytes`, if given) to an empty index.
///
/// # Errors
/// When the ledger is damaged.
pub fn replay_into(root: &Path, index: &mut Index, limit_bytes: Option<u64>) -> Result<()> {
    let len = ledger::replay(root, limit_bytes, |record| index.apply(&record, None).map(|_| ()))?;
    let hash = ledger::blake3_of(root, len)?.unwrap_or_default();
    index.set_meta("ledger_bytes", &len.to_string())?;
    index.set_meta("ledger_blake3", &hash)
}

fn put_in_place(root: &Path, temporary: &Path) -> Result<()> {
    let path = root.join(index::FILE_NAME);
    for leftover in ["-wal", "-shm"] {
        // The old index's own files must not be taken for the new one's.
        let _ = fs::remove_file(root.join(format!("{}{leftover}", index::FILE_NAME)));
    }
    fs::rename(temporary, &path).map_err(|err| Error::io("rename", temporary, &err))?;
    let folder = fs::File::open(root).map_err(|err| Error::io("open", root, &err))?;
    rustix::fs::syncfs(&folder).map_err(|err| Error::io("make safe", root, &err.into()))
}

fn read_facts(root: &Path, index: &Index, observer: &dyn Observer, stop: &AtomicBool) -> Result<Rebuilt> {
    let count = "SELECT count(*), CAST(total(size) AS INTEGER) FROM item WHERE path IS NOT NULL";
    let (items, bytes): (i64, i64) = index.conn.query_row(count, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
    observer.event(Event::Begin { stage: "reindex", total_bytes: bytes as u64, total_items: items as u64 });
    let all: i64 = index.conn.query_row("SELECT count(*) FROM item", [], |row| row.get(0))?;
    let mut rebuilt = Rebuilt { items: all as u64, missing: 0 };
    let mut last = 0;
    while !stop.load(Ordering::Relaxed) {
        let rows = next_rows(index, last)?;
        let Some((end, ..)) = rows.last() else { break };
        last = *end;
        index.begin()?;
        for ((id, kind, _, size), facts) in rows.iter().zip(facts_of(root, &rows)) {
            match facts {
                None => rebuilt.missing += 1,
                Some(facts) if kind == "message" => index.set_facts(*id, &facts)?,
                Some(_) => {}
            }
            observer.event(Event::Bytes(*size as u64));
            observer.event(Event::Items(1));
        }
        index.commit()?;
    }
    observer.event(Event::End { stage: "reindex" });
    Ok(rebuilt)
}

type Row = (i64, String, String, i64);

fn next_rows(index: &Index, last: i64) -> Result<Vec<Row>> {
    let mut query = index.conn.prepare_cached(
        "SELECT id, kind, path, size FROM item WHERE id > ?1 AND path IS NOT NULL ORDER BY id LIMIT ?2",
    )?;
    let rows =
        query.query_map([last, BATCH], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?;
    Ok(rows.collect::<rusqlite::Result<Vec<Row>>>()?)
}

/// For each row the facts of its file, or `None` if the file is missing.
fn facts_of(root: &Path, rows: &[Row]) -> Vec<Option<Facts>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let share = rows.len().div_ceil(threads).max(1);
    let read = |(_, kind, path, _): &Row| {
        let path = find_file(root, path)?;
        if kind != "message" {
            return Some(Facts::default());
        }
        fs::read(path).ok().map(|bytes| message::facts(&bytes))
    };
    std::thread::scope(|scope| {
        let chunks =
            rows.chunks(share).map(|rows| scope.spawn(move || rows.iter().map(read).collect::<Vec<_>>()));
        let workers: Vec<_> = chunks.collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("reading facts never panics")).collect()
    })
}
