//! Full text: a stage of its own after the bodies are safe, which goes on where it was interrupted. New items whose words
//! are at hand, facts only or captions, have theirs from the beginning.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};

use exodus_api::Kind as ItemKind;
use rusqlite::params;
use serde_json::Value;

use super::index::Index;
use super::message::{self, Text};
use super::reader::find_file;
use super::record::ItemRecord;
use crate::report::error::Result;
use crate::report::event::{Event, Observer};
use crate::report::kill_point::kill_point;

/// Items are read so many at a time, or fewer if they are large: bounds what is in memory.
const BATCH_ITEMS: usize = 1024;
const BATCH_BYTES: u64 = 16 << 20;
/// The text of a larger file is not looked into.
const PAGE_BYTES: u64 = 4 << 20;
/// A transaction takes so many batches: bounds what a kill costs.
const BATCHES_PER_COMMIT: usize = 16;

struct Job {
    id: i64,
    is_message: bool,
    path: Option<String>,
    title: String,
    /// What was said, of an item that is facts only.
    text: Option<String>,
    /// True when its file is text to be found.
    is_page: bool,
    size: u64,
}

/// Reads the text of every item that has none in the index yet. Stops early when `stop` is set; returns how many
/// items it read.
///
/// # Errors
/// When the index cannot be written.
pub fn update(root: &Path, index: &Index, observer: &dyn Observer, stop: &AtomicBool) -> Result<u64> {
    let (items, bytes): (i64, i64) = index.conn.query_row(
        "SELECT count(*), CAST(total(size) AS INTEGER) FROM item WHERE has_text = 0",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    if items == 0 {
        return Ok(0);
    }
    let begin = Event::Begin { stage: "full text", total_bytes: bytes as u64, total_items: items as u64 };
    observer.event(begin);
    let (sender, batches) = std::sync::mpsc::sync_channel(1);
    let path = &index.path;
    let done = std::thread::scope(|scope| {
        let reading = scope.spawn(move || read_all(root, path, sender));
        let written = write_all(index, batches, observer, stop);
        let read = reading.join().expect("a text that cannot be read is empty");
        written.and_then(|done| read.map(|()| done))
    })?;
    observer.event(Event::End { stage: "full text" });
    Ok(done)
}

/// Items and their texts: all items without a text between the first and the last of them.
struct Batch {
    jobs: Vec<Job>,
    texts: Vec<Text>,
}

/// Reads the texts of all items that have none, batch by batch, until nobody wants more. By a connection of its own, for which what is
/// being written is not there yet.
fn read_all(root: &Path, path: &Path, to: SyncSender<Batch>) -> Result<()> {
    let index = Index::open_for_reading(path)?;
    let mut last = 0;
    loop {
        let jobs = next_jobs(&index, last)?;
        let Some(end) = jobs.last() else { return Ok(()) };
        last = end.id;
        let texts = read_texts(root, &jobs);
        if to.send(Batch { jobs, texts }).is_err() {
            return Ok(());
        }
    }
}

/// What an item is found by, besides its title and its path, where the record alone tells it; `None` if a file has to be read for it, or
/// it is made of more.
pub fn words_at_hand(item: &ItemRecord) -> Option<&str> {
    if item.mail.is_some() || item.kind == ItemKind::Paper.name() {
        return None;
    }
    match item.extra.get("text") {
        None if item.path.is_some() && is_page(&item.kind) && item.size <= PAGE_BYTES => None,
        None => Some(""),
        Some(Value::String(words)) => Some(words),
        Some(_) => None,
    }
}

/// True for kinds whose files are text to be found.
fn is_page(kind: &str) -> bool {
    matches!(kind, "note" | "post" | "contact" | "event" | "task")
}

/// Writes what comes, some batches a transaction; returns how many items they were.
fn write_all(
    index: &Index,
    batches: Receiver<Batch>,
    observer: &dyn Observer,
    stop: &AtomicBool,
) -> Result<u64> {
    let mut done = 0;
    loop {
        index.begin()?;
        let mut ids: Option<(i64, i64)> = None;
        for batch in batches.iter().take(BATCHES_PER_COMMIT) {
            if let (Some(first), Some(last)) = (batch.jobs.first(), batch.jobs.last()) {
                ids = Some((ids.map_or(first.id, |(first, _)| first), last.id));
            }
            done += batch.jobs.len() as u64;
            write(index, batch, observer)?;
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        if let Some((first, last)) = ids {
            // Once a transaction: a statement that may change several rows makes SQLite write down what the full text has gathered.
            let mut mark = index
                .conn
                .prepare_cached("UPDATE item SET has_text = 1 WHERE has_text = 0 AND id BETWEEN ?1 AND ?2")?;
            mark.execute([first, last])?;
        }
        kill_point();
        index.commit()?;
        if ids.is_none() || stop.load(Ordering::Relaxed) {
            return Ok(done);
        }
    }
}

fn write(index: &Index, batch: Batch, observer: &dyn Observer) -> Result<()> {
    let mut insert = index.conn.prepare_cached(
        "INSERT OR REPLACE INTO text (rowid, subject, sender, recipients, body) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    for (job, text) in batch.jobs.iter().zip(batch.texts) {
        insert.execute(params![job.id, text.subject, text.sender, text.recipients, text.body])?;
    }
    observer.event(Event::Bytes(batch.jobs.iter().map(|job| job.size).sum()));
    observer.event(Event::Items(batch.jobs.len() as u64));
    Ok(())
}

/// The next items without a text after that of the row `after`.
fn next_jobs(index: &Index, after: i64) -> Result<Vec<Job>> {
    let mut query = index.conn.prepare_cached(
        "SELECT id, kind = 'message', path, coalesce(title, ''), size,
         CASE kind WHEN 'paper' THEN concat_ws(' ', extra ->> 'authors', extra ->> 'venue', extra ->> 'abstract', extra ->> 'text')
         ELSE extra ->> 'text' END, kind FROM item
         WHERE has_text = 0 AND id > ?1 ORDER BY id LIMIT ?2",
    )?;
    let mut rows = query.query(params![after, BATCH_ITEMS as i64])?;
    let mut jobs = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()?
        && bytes < BATCH_BYTES
    {
        let size = row.get::<_, i64>(4)? as u64;
        let text: Option<String> = row.get(5)?;
        bytes += size + text.as_ref().map_or(0, |text| text.len() as u64);
        jobs.push(Job {
            id: row.get(0)?,
            is_message: row.get(1)?,
            path: row.get(2)?,
            title: row.get(3)?,
            text,
            is_page: is_page(&row.get::<_, String>(6)?) && size <= PAGE_BYTES,
            size,
        });
    }
    Ok(jobs)
}

/// The texts of the jobs, in their order, read by as many threads as there are processors.
fn read_texts(root: &Path, jobs: &[Job]) -> Vec<Text> {
    // What is facts only was read with its row.
    if jobs.iter().all(|job| job.path.is_none()) {
        return jobs.iter().map(|job| text_of(root, job)).collect();
    }
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let mut found: Vec<(usize, Text)> = std::thread::scope(|scope| {
        let work = || {
            let mut found = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(job) = jobs.get(number) else { return found };
                found.push((number, text_of(root, job)));
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    found.sort_unstable_by_key(|(number, _)| *number);
    found.into_iter().map(|(_, text)| text).collect()
}

/// What stands in the place of a subject for whatever is no message.
pub fn subject(title: &str, path: Option<&str>) -> String {
    format!("{title} {}", path.unwrap_or(""))
}

fn text_of(root: &Path, job: &Job) -> Text {
    if job.is_message {
        // A file that is missing has no text; `verify` is what tells of it.
        let bytes = job.path.as_ref().and_then(|path| fs::read(find_file(root, path)?).ok());
        return bytes.map(|bytes| message::text(&bytes)).unwrap_or_default();
    }
    let page = || {
        let bytes = job.path.as_ref().filter(|_| job.is_page).and_then(|path| fs::read(root.join(path)).ok());
        bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    let body = job.text.clone().or_else(page).unwrap_or_default();
    Text { subject: subject(&job.title, job.path.as_deref()), body, ..Text::default() }
}
