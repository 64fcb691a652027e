//! The recorder: the sink that an importer talks to, and the run of threads behind it.
//!
//! The importer's thread hands items to the workers and all else straight to the committer; every hand-over carries
//! a number, so that the committer can put them back into the importer's order.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crossbeam_channel::{Sender, bounded};
use exodus_api::{
    Body, Entry, Fault, ImportError, Item, Kind as ItemKind, Options, Scope, Sink, Skip, Source, Stop,
};
use rusqlite::params;
use serde_json::Value;

use super::committer::{Committer, Done};
use super::flow::Flow;
use super::metered::Metered;
use super::states::{self, EntryState};
use super::worker::{Job, Worker, body_bytes, spot};
use super::{FaultLine, Opened, Outcome, Request, index_of_earlier_runs, options_text, product_of};
use crate::archive::index::Index;
use crate::archive::reader::find_file;
use crate::archive::writer::{Added, Content, Incoming, Writer};
use crate::report::counts::State;
use crate::report::error::{Error, Kind, Result};
use crate::report::event::{Event, Observer};
use crate::source::Part;

/// Runs an import behind an open writer. Gives the writer back unless the archive failed.
pub fn run(
    writer: Writer,
    opened: &Opened,
    request: &Request,
    run: i64,
    observer: &dyn Observer,
    stop: &AtomicBool,
) -> (Option<Writer>, Outcome) {
    let start = Instant::now();
    let flow = Flow::default();
    let source = Metered::new(&opened.export, &opened.survey, observer);
    let total_items = opened.export.entries().len() as u64;
    observer.event(Event::Begin { stage: "import", total_bytes: opened.export.content_bytes(), total_items });
    let scratch = writer.scratch();
    let options = options_text(&request.options);
    let committer = match Committer::new(writer, opened, (run, options.clone()), observer, &flow) {
        Ok(committer) => committer,
        Err(err) => return (None, Outcome { error: Some(err), ..Outcome::default() }),
    };
    let new_worker = || Worker {
        source: &source,
        parts: opened.export.parts(),
        scratch: scratch.clone(),
        earlier: index_of_earlier_runs(request),
        platform: opened.importer.about().name,
        root: &request.archive,
    };
    let (jobs, job_queue) = bounded::<(u64, u64, Job)>(256);
    let (done, done_queue) = bounded::<(u64, Done)>(256);
    let (ended, (writer, mut outcome, states, failure)) = std::thread::scope(|scope| {
        let committing = scope.spawn(|| committer.run(&done_queue));
        for _ in 0..n_workers() {
            let (worker, job_queue, done, flow) = (new_worker(), job_queue.clone(), done.clone(), &flow);
            scope.spawn(move || {
                for (number, bytes, job) in job_queue {
                    let result = catch_unwind(AssertUnwindSafe(|| worker.work(job)));
                    let result = result
                        .unwrap_or_else(|_| Err(Error::new(Kind::Bug, "a worker of the import panicked")));
                    flow.body_done(bytes);
                    let _ = done.send((number, result.unwrap_or_else(Done::Failed)));
                }
            });
        }
        drop(job_queue);
        let earlier = Earlier { index: index_of_earlier_runs(request), root: &request.archive, options };
        let mut recorder = Recorder {
            jobs,
            done,
            flow: &flow,
            stop,
            next: 0,
            inline: new_worker(),
            earlier,
            is_done: std::cell::RefCell::default(),
            claimed: HashSet::new(),
        };
        let ended = recorder.import_all(opened, &source, &request.options);
        drop(recorder);
        (ended, committing.join().expect("the committer never panics"))
    });
    outcome.entries = states::count(&states);
    outcome.entries.add(State::Duplicate, opened.export.copies().len() as u64);
    add_refused(opened, &mut outcome);
    outcome.bytes = source.bytes();
    outcome.seconds.0 = start.elapsed().as_secs_f64();
    observer.event(Event::End { stage: "import" });
    outcome.error = failure.clone().or(ended.err());
    match failure {
        Some(_) => {
            writer.abandon();
            (None, outcome)
        }
        None => (Some(writer), outcome),
    }
}

fn n_workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).clamp(1, 8)
}

/// Members that no importer may see are faults of the run.
fn add_refused(opened: &Opened, outcome: &mut Outcome) {
    for refused in opened.export.refused() {
        outcome.entries.add(State::Faulted, 1);
        outcome.n_faults += 1;
        let place = format!("{}!{}", opened.export.part_name(refused.part), refused.path);
        outcome.faults.push(FaultLine { place, what: refused.what.clone(), hint: refused.hint.clone() });
    }
}

/// The sink of an import.
struct Recorder<'a> {
    jobs: Sender<(u64, u64, Job)>,
    done: Sender<(u64, Done)>,
    flow: &'a Flow,
    stop: &'a AtomicBool,
    next: u64,
    /// Does the work of entries that are best read in order.
    inline: Worker<'a>,
    earlier: Earlier<'a>,
    /// Entries that were found to be done.
    is_done: std::cell::RefCell<HashSet<u32>>,
    /// Entries of which something was said.
    claimed: HashSet<u32>,
}

impl Recorder<'_> {
    /// Lets the importer run, then keeps what it did not claim.
    fn import_all(&mut self, opened: &Opened, source: &dyn Source, options: &Options) -> Result<()> {
        let importer = opened.importer;
        let imported = catch_unwind(AssertUnwindSafe(|| importer.import(source, options, self)));
        match imported {
            Ok(Ok(())) => {}
            Ok(Err(ImportError::Stop(_))) => return Err(super::interrupted()),
            Ok(Err(err)) => return Err(super::import_error(err)),
            Err(panic) => return Err(self.bug(opened, &panic)),
        }
        let kept = self.keep_rest(opened, source, options).and_then(|()| self.tell(Done::End));
        kept.map_err(|_| super::interrupted())
    }

    fn bug(&self, opened: &Opened, panic: &Box<dyn std::any::Any + Send>) -> Error {
        let words = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let words = words.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        let name = opened.importer.about().name;
        Error::new(Kind::Bug, format!("bug in importer {name}: {words}"))
            .hint("what was imported before it is safe; please report this, without the export itself")
    }

    /// Keeps, verbatim, every entry that the importer said nothing of.
    fn keep_rest(
        &mut self,
        opened: &Opened,
        source: &dyn Source,
        options: &Options,
    ) -> std::result::Result<(), Stop> {
        let unclaimed = |entry: &&Entry| !self.claimed.contains(&entry.id);
        let mut rest: Vec<&Entry> = source.entries().iter().filter(unclaimed).collect();
        rest.sort_by_key(|entry| (entry.part, entry.order));
        let platform = opened.importer.about().name;
        for entry in rest {
            let product = product_of(&opened.survey, &entry.path);
            let name = product.map_or("other", |product| product.name.as_str());
            if !options.wants(ItemKind::File, name) {
                self.skip(entry, Skip::NotAskedFor)?;
                continue;
            }
            let below = product.and_then(|product| entry.path.strip_prefix(product.folder.as_str()));
            let below = below.unwrap_or(&entry.path).trim_start_matches('/');
            let path = format!("{platform}/{name}/{below}");
            if let Some(key) = self.earlier.kept_key(self.inline.parts, entry) {
                self.known(entry, key, name)?;
                continue;
            }
            self.work(entry, 0, Job::Keep { entry: entry.clone(), product: name.to_owned(), path })?;
        }
        Ok(())
    }

    /// Hands on an entry that an earlier run has kept.
    fn known(&mut self, entry: &Entry, key: String, product: &str) -> std::result::Result<(), Stop> {
        let incoming = Incoming {
            platform: self.inline.platform,
            key,
            kind: ItemKind::File,
            product: product.to_owned(),
            time: entry.modified,
            title: Some(entry.name().to_owned()),
            path: String::new(),
            labels: Vec::new(),
            extra: serde_json::Map::new(),
            origin: spot(self.inline.parts, entry, exodus_api::At::Whole),
            content: Content::Unchanged,
            mail: None,
        };
        let incoming = Box::new(incoming);
        self.tell(Done::Item { incoming, entry: entry.id, is_whole: true, is_kept: true })
    }

    fn work(&mut self, entry: &Entry, bytes: u64, job: Job) -> std::result::Result<(), Stop> {
        self.check_stop()?;
        self.flow.enter(bytes)?;
        let number = self.next;
        self.next += 1;
        let is_inline = match &job {
            Job::Item(item) => matches!(item.body, Body::Entry(_)),
            Job::Keep { .. } => true,
        };
        if is_inline && !self.inline.source.opens_anywhere(entry) {
            let done = self.inline.work(job).unwrap_or_else(Done::Failed);
            self.flow.body_done(bytes);
            return self.done.send((number, done)).map_err(|_| Stop);
        }
        self.jobs.send((number, bytes, job)).map_err(|_| Stop)
    }

    fn tell(&mut self, done: Done) -> std::result::Result<(), Stop> {
        self.check_stop()?;
        self.flow.enter(0)?;
        let number = self.next;
        self.next += 1;
        self.done.send((number, done)).map_err(|_| Stop)
    }

    fn check_stop(&self) -> std::result::Result<(), Stop> {
        if self.stop.load(Ordering::Relaxed) || self.flow.is_broken() { Err(Stop) } else { Ok(()) }
    }
}

impl Sink for Recorder<'_> {
    fn item(&mut self, item: Item) -> std::result::Result<(), Stop> {
        let entry = item.origin.entry.clone();
        self.claimed.insert(entry.id);
        let is_whole = matches!(&item.body, Body::Entry(body) if body.id == entry.id);
        if is_whole && item.kind != ItemKind::Message && self.is_done(&entry) {
            let incoming = Incoming {
                platform: self.inline.platform,
                key: item.key.0,
                kind: item.kind,
                product: item.product.to_owned(),
                time: item.time,
                title: item.title,
                path: item.path,
                labels: item.labels,
                extra: item.extra,
                origin: spot(self.inline.parts, &entry, item.origin.at),
                content: Content::Unchanged,
                mail: None,
            };
            let incoming = Box::new(incoming);
            return self.tell(Done::Item { incoming, entry: entry.id, is_whole, is_kept: false });
        }
        let bytes = body_bytes(&item);
        self.work(&entry, bytes, Job::Item(Box::new(item)))
    }

    fn used(&mut self, entry: &Entry) -> std::result::Result<(), Stop> {
        self.claimed.insert(entry.id);
        if self.is_done.borrow().contains(&entry.id) {
            let items = self.earlier.items_of(self.inline.parts, entry);
            return self.tell(Done::Again(entry.id, items));
        }
        self.tell(Done::Used(entry.id))
    }

    fn skip(&mut self, entry: &Entry, why: Skip) -> std::result::Result<(), Stop> {
        self.claimed.insert(entry.id);
        self.tell(Done::Skip(entry.id, why.to_string()))
    }

    fn fault(&mut self, fault: Fault) -> std::result::Result<(), Stop> {
        if fault.scope == Scope::Entry {
            self.claimed.insert(fault.entry);
        }
        self.tell(Done::Fault(fault))
    }

    fn note(&mut self, entry: &Entry, name: &'static str, value: Value) -> std::result::Result<(), Stop> {
        self.tell(Done::Note(entry.id, name, value))
    }

    fn is_done(&self, entry: &Entry) -> bool {
        let is_done = self.earlier.is_done(self.inline.parts, entry);
        if is_done {
            self.is_done.borrow_mut().insert(entry.id);
        }
        is_done
    }
}

/// What earlier runs left behind.
struct Earlier<'a> {
    index: Option<Index>,
    root: &'a Path,
    options: String,
}

impl Earlier<'_> {
    /// True when an earlier run finished this very entry and all that it gave is still there.
    fn is_done(&self, parts: &[Part], entry: &Entry) -> bool {
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

    fn items_of(&self, parts: &[Part], entry: &Entry) -> Vec<(String, u64)> {
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

    /// The key under which an earlier run kept this very entry, if its file is still there.
    fn kept_key(&self, parts: &[Part], entry: &Entry) -> Option<String> {
        if !self.is_done(parts, entry) {
            return None;
        }
        let index = self.index.as_ref()?;
        let part = &parts[entry.part as usize].fingerprint;
        let mut query = index
            .conn
            .prepare_cached(
                "SELECT key FROM item JOIN origin ON item_id = item.id JOIN entry ON entry.id = entry_id
                 JOIN part ON part.id = part_id WHERE fingerprint = ?1 AND entry.path = ?2 AND key LIKE 'kept:%' LIMIT 1",
            )
            .ok()?;
        query.query_row(params![part, entry.path], |row| row.get(0)).ok()
    }
}

/// Says what an import would take, without an archive.
///
/// # Errors
/// When the export cannot be read.
pub fn dry_run(
    opened: &Opened,
    options: &Options,
    observer: &dyn Observer,
    stop: &AtomicBool,
) -> Result<Outcome> {
    let source = Metered::new(&opened.export, &opened.survey, observer);
    let total_items = opened.export.entries().len() as u64;
    observer.event(Event::Begin { stage: "import", total_bytes: opened.export.content_bytes(), total_items });
    let largest = opened.export.entries().iter().map(|entry| entry.id).max().unwrap_or(0);
    let mut sink = DryRun {
        states: vec![EntryState::default(); largest as usize + 1],
        outcome: Outcome {
            platform: opened.importer.about().name.to_owned(),
            account: opened.survey.account.clone(),
            missing: opened.survey.missing.clone(),
            ..Outcome::default()
        },
        seen: HashSet::new(),
        stop,
    };
    opened.importer.import(&source, options, &mut sink).map_err(super::import_error)?;
    for entry in opened.export.entries() {
        let state = &mut sink.states[entry.id as usize];
        if state.is_claimed() {
            continue;
        }
        let product =
            product_of(&opened.survey, &entry.path).map_or("other", |product| product.name.as_str());
        if options.wants(ItemKind::File, product) {
            let kept = sink.outcome.kept.entry(product.to_owned()).or_default();
            kept.0 += 1;
            kept.1 += entry.size;
            sink.outcome.items.entry(ItemKind::File.name()).or_default().new += 1;
            state.keep();
            state.item(Added::New);
            state.read();
        } else {
            state.skipped = Some(Skip::NotAskedFor.to_string());
        }
    }
    let mut outcome = sink.outcome;
    for entry in opened.export.entries() {
        outcome.entries.add(sink.states[entry.id as usize].state(), 1);
    }
    outcome.entries.add(State::Duplicate, opened.export.copies().len() as u64);
    add_refused(opened, &mut outcome);
    observer.event(Event::End { stage: "import" });
    Ok(outcome)
}

/// A sink that only counts.
struct DryRun<'a> {
    states: Vec<EntryState>,
    outcome: Outcome,
    seen: HashSet<blake3::Hash>,
    stop: &'a AtomicBool,
}

impl Sink for DryRun<'_> {
    fn item(&mut self, item: Item) -> std::result::Result<(), Stop> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Stop);
        }
        let is_new = self.seen.insert(blake3::hash(item.key.0.as_bytes()));
        let added = if is_new { Added::New } else { Added::Known };
        let counts = self.outcome.items.entry(item.kind.name()).or_default();
        if is_new {
            counts.new += 1;
        } else {
            counts.known += 1;
        }
        let state = &mut self.states[item.origin.entry.id as usize];
        state.item(added);
        if matches!(&item.body, Body::Entry(body) if body.id == item.origin.entry.id) {
            state.read();
        }
        Ok(())
    }

    fn used(&mut self, entry: &Entry) -> std::result::Result<(), Stop> {
        self.states[entry.id as usize].read();
        Ok(())
    }

    fn skip(&mut self, entry: &Entry, why: Skip) -> std::result::Result<(), Stop> {
        self.states[entry.id as usize].skipped = Some(why.to_string());
        Ok(())
    }

    fn fault(&mut self, fault: Fault) -> std::result::Result<(), Stop> {
        self.outcome.n_faults += 1;
        if fault.scope == Scope::Entry {
            self.states[fault.entry as usize].faulted = Some(fault.what.clone());
        }
        let place = fault.place.to_string();
        self.outcome.faults.push(FaultLine { place, what: fault.what, hint: fault.hint });
        Ok(())
    }

    fn note(&mut self, _: &Entry, _: &'static str, _: Value) -> std::result::Result<(), Stop> {
        Ok(())
    }

    fn is_done(&self, _: &Entry) -> bool {
        false
    }
}
