//! The recorder: the sink that an importer talks to, and the run of threads behind it.
//!
//! The importer's thread hands items to the workers and all else straight to the committer; every hand-over carries
//! a number, so that the committer can put them back into the importer's order. Items that are facts only have nothing for a
//! worker to do; they go to the committer many at a time, since they come by the hundred thousand.

use std::cell::RefCell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use exodus_api::{
    Body, Entry, Fault, ImportError, Item, Kind as ItemKind, Options, Scope, Sink, Skip, Source, Stop,
};
use serde_json::Value;

use super::committer::{Committer, Done, Facts};
use super::earlier::Earlier;
use super::flow::Flow;
use super::metered::Metered;
use super::states;
use super::twins::{Twin, Twins};
use super::worker::{self, Job, Kept, Worker, body_bytes};
use super::{FaultLine, Opened, Outcome, Request, index_of_earlier_runs, options_text, product_of};
use crate::archive::writer::{Content, Prepared, Writer};
use crate::report::counts::State;
use crate::report::error::{Error, Kind, Result};
use crate::report::event::{Event, Observer};

/// So many items that are facts only are handed over together.
const FACTS_AT_ONCE: usize = 128;

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
    let (scratch, export) = (writer.scratch(), writer.export().clone());
    let options = options_text(&request.options);
    let (spent, spent_facts) = unbounded();
    let committer = match Committer::new(writer, opened, (run, options.clone()), observer, (&flow, spent)) {
        Ok(committer) => committer,
        Err(err) => return (None, Outcome { error: Some(err), ..Outcome::default() }),
    };
    let twins = Twins::default();
    let new_worker = || Worker {
        twins: &twins,
        source: &source,
        parts: opened.export.parts(),
        scratch: scratch.clone(),
        earlier: index_of_earlier_runs(request),
        platform: opened.importer.about().name,
        do_facts_add_up: opened.importer.about().do_facts_add_up,
        root: &request.archive,
        last_spot: RefCell::default(),
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
            is_done: RefCell::default(),
            claimed: HashSet::new(),
            facts: Facts::default(),
            spent_facts,
            export,
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
pub fn add_refused(opened: &Opened, outcome: &mut Outcome) {
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
    is_done: RefCell<HashSet<u32>>,
    /// Entries of which something was said.
    claimed: HashSet<u32>,
    /// Items that are facts only, not handed over yet.
    facts: Facts,
    /// Facts that were taken, to be used for others.
    spent_facts: Receiver<Facts>,
    /// The key of the export.
    export: Arc<str>,
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
            let key =
                self.is_done(entry).then(|| self.earlier.key_of(self.inline.parts, entry, "kept:")).flatten();
            if let Some(key) = key {
                self.known(entry, key, name)?;
                continue;
            }
            self.work(entry, 0, Job::Keep { entry: entry.clone(), product: name.to_owned(), path })?;
        }
        Ok(())
    }

    /// Hands on an entry that an earlier run has kept.
    fn known(&mut self, entry: &Entry, key: String, product: &str) -> std::result::Result<(), Stop> {
        let kept = Kept { product: product.to_owned(), path: String::new(), key };
        let incoming = self.inline.kept(entry, kept, Content::Unchanged);
        let incoming = Box::new(incoming);
        self.tell(Done::Item { incoming, entry: entry.id, is_whole: true, is_kept: true })
    }

    fn work(&mut self, entry: &Entry, bytes: u64, job: Job) -> std::result::Result<(), Stop> {
        self.check_stop()?;
        self.tell_facts()?;
        self.flow.enter(bytes)?;
        let number = self.next;
        self.next += 1;
        let is_inline = match &job {
            Job::Item(item, _) => item.body.entry().is_some(),
            Job::Keep { .. } => true,
        };
        if is_inline && !self.inline.source.opens_anywhere(entry) {
            let done = self.inline.work(job).unwrap_or_else(Done::Failed);
            self.flow.body_done(bytes);
            return self.done.send((number, done)).map_err(|_| Stop);
        }
        self.jobs.send((number, bytes, job)).map_err(|_| Stop)
    }

    /// Takes an item that is facts only, and hands over those that were taken once there are enough of them.
    fn facts(&mut self, item: Item) -> std::result::Result<(), Stop> {
        let entry = item.origin.entry.id;
        let (incoming, ..) = self.inline.incoming(item);
        self.facts.items.push((Prepared::of(incoming, &self.export, &mut self.facts.lines), entry));
        if self.facts.items.len() >= FACTS_AT_ONCE {
            self.check_stop()?;
            self.tell_facts()?;
        }
        Ok(())
    }

    fn tell_facts(&mut self) -> std::result::Result<(), Stop> {
        if self.facts.items.is_empty() {
            return Ok(());
        }
        let mut empty = self.spent_facts.try_recv().unwrap_or_default();
        empty.items.clear();
        empty.lines.clear();
        let facts = std::mem::replace(&mut self.facts, empty);
        self.flow.enter_all(facts.items.len() as u64, 0)?;
        let number = self.next;
        self.next += 1;
        self.done.send((number, Done::Facts(facts))).map_err(|_| Stop)
    }

    fn tell(&mut self, done: Done) -> std::result::Result<(), Stop> {
        self.check_stop()?;
        self.tell_facts()?;
        self.flow.enter(0)?;
        let number = self.next;
        self.next += 1;
        self.done.send((number, done)).map_err(|_| Stop)
    }

    /// The key that an item of an entry that is done has in the archive; `None` if the entry was something else then:
    /// a file that was kept, because what it belongs to was in a part that was not given.
    fn known_key(&self, item: &Item) -> Option<String> {
        match &item.body {
            Body::Unique(body) => {
                self.earlier.key_of(self.inline.parts, body, &worker::unique_key(&item.key.0, ""))
            }
            Body::Entry(body) => {
                let key = self.earlier.key_of(self.inline.parts, body, &item.key.0);
                key.filter(|key| *key == item.key.0)
            }
            _ => None,
        }
    }

    fn check_stop(&self) -> std::result::Result<(), Stop> {
        if self.stop.load(Ordering::Relaxed) || self.flow.is_broken() { Err(Stop) } else { Ok(()) }
    }
}

impl Sink for Recorder<'_> {
    fn item(&mut self, item: Item) -> std::result::Result<(), Stop> {
        self.claimed.insert(item.origin.entry.id);
        if matches!(item.body, Body::None) {
            return self.facts(item);
        }
        let entry = item.origin.entry.clone();
        let is_whole = item.body.entry().is_some_and(|body| body.id == entry.id);
        if is_whole
            && item.kind != ItemKind::Message
            && self.is_done(&entry)
            && let Some(key) = self.known_key(&item)
        {
            let (mut incoming, ..) = self.inline.incoming(item);
            incoming.key = key;
            incoming.content = Content::Unchanged;
            let incoming = Box::new(incoming);
            return self.tell(Done::Item { incoming, entry: entry.id, is_whole, is_kept: false });
        }
        let bytes = body_bytes(&item);
        let twin = match &item.body {
            Body::Unique(body) => self.inline.twins.enter(&item.key.0, body),
            _ => Twin::Unknown,
        };
        self.work(&entry, bytes, Job::Item(Box::new(item), twin))
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
