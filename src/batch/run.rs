//! Rows side by side: as many as processors, hosts, memory and disk allow; none hurts another.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::manifest::{Limits, Manifest};
use super::process::Reason;
use super::room::{Disk, Guard, Need, bytes_in, disk_of};
use super::row::{Work, work};
use super::shard::Shard;
use super::state::{RowResult, RowState, StateFolder, StepError};
use crate::report::error::{Error, Kind, Result};

/// Memory, disk and the user's wish to stop are looked at so often.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const RETRY_WITH_ROOM: &str = "make room on its disk, then run the batch again with --retry-failed";

/// Which rows to do, and how.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Only these rows; all if it is empty.
    pub only: Vec<String>,
    /// Only this share of the rows.
    pub shard: Option<Shard>,
    /// Rows that failed are done again.
    pub retry_failed: bool,
    /// So many rows side by side.
    pub jobs: Option<usize>,
}

/// What is told while rows are done.
#[derive(Debug)]
pub enum Told<'a> {
    /// A row has begun.
    Began(&'a str),
    /// A row has ended.
    Ended(&'a RowResult),
    /// How far all of it is.
    Progress(Progress),
}

/// How far a batch is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Rows that ended in this run.
    pub done: usize,
    /// Of them, rows that failed.
    pub failed: usize,
    /// Rows that were to be done in this run.
    pub total: usize,
    /// Rows at work.
    pub running: usize,
    /// Bytes of the exports of rows that ended.
    pub done_bytes: u64,
    /// Bytes of all exports that were to be imported.
    pub total_bytes: u64,
}

/// What a run did.
#[derive(Debug)]
pub struct Outcome {
    /// What is known of every chosen row now, in the manifest's order.
    pub rows: Vec<RowResult>,
    /// Rows that this run has done.
    pub n_done_now: usize,
    /// What ended the run early.
    pub error: Option<Error>,
}

/// A batch: its manifest, what is known of it, and who wants to hear.
pub struct Batch<'a> {
    /// The manifest.
    pub manifest: &'a Manifest,
    /// What is known of each row.
    pub state: &'a StateFolder,
    /// Set when the user wants to stop.
    pub stop: &'a AtomicBool,
    /// Is told what happens.
    pub tell: &'a (dyn Fn(Told) + Sync),
}

struct Running<'a> {
    hosts: Vec<&'a str>,
    archive: &'a Path,
    disk: Option<Disk>,
    need: Need,
    stop: std::sync::Arc<AtomicBool>,
}

#[derive(Default)]
struct Shared<'a> {
    queue: VecDeque<usize>,
    running: HashMap<usize, Running<'a>>,
    results: HashMap<usize, RowResult>,
    progress: Progress,
    guard: Guard,
    error: Option<Error>,
}

/// The rows that a choice names, by their numbers.
///
/// # Errors
/// When it names a row that is not there.
pub fn chosen(manifest: &Manifest, choice: &Choice) -> Result<Vec<usize>> {
    let is_there = |id: &&String| !manifest.rows.iter().any(|row| row.id == **id);
    if let Some(unknown) = choice.only.iter().find(is_there) {
        let what = format!("there is no row `{unknown}` in `{}`", manifest.path.display());
        return Err(Error::new(Kind::Usage, what));
    }
    let is_chosen = |(number, _): &(usize, &super::manifest::Row)| {
        choice.shard.is_none_or(|shard| shard.has(*number))
            && (choice.only.is_empty() || choice.only.contains(&manifest.rows[*number].id))
    };
    Ok(manifest.rows.iter().enumerate().filter(is_chosen).map(|(number, _)| number).collect())
}

/// What the rows of a manifest bring.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Parts of exports.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Exports of which there is no file: `people.csv:7: in/ada/takeout-*.zip`.
    pub missing: Vec<String>,
    /// Rows by the host that they push to; empty for folders of this machine.
    pub hosts: BTreeMap<String, u64>,
    /// Bytes that are free where the first archive is to lie.
    pub free_bytes: Option<u64>,
}

/// Looks what the rows of a manifest bring, without starting anything.
pub fn look(manifest: &Manifest) -> Look {
    let mut look = Look::default();
    for row in &manifest.rows {
        let work = work(row, &manifest.folder);
        look.bytes += work.bytes;
        for (export, parts) in row.exports.iter().zip(&work.parts) {
            look.files += parts.len() as u64;
            if parts.is_empty() {
                look.missing.push(format!("{}: {}", row.place, export.pattern));
            }
        }
        for target in &row.targets {
            *look.hosts.entry(target.host.clone()).or_default() += 1;
        }
    }
    look.free_bytes = manifest.rows.first().and_then(|row| crate::import::free_bytes(&row.archive));
    look
}

impl<'a> Batch<'a> {
    /// Does the chosen rows that are not done yet.
    ///
    /// # Errors
    /// When nothing can begin.
    pub fn run(&self, choice: &Choice) -> Result<Outcome> {
        let numbers = chosen(self.manifest, choice)?;
        let works: Vec<Work> =
            numbers.iter().map(|number| work(&self.manifest.rows[*number], &self.manifest.folder)).collect();
        let mut shared = Shared::default();
        for (at, work) in works.iter().enumerate() {
            let before = self.state.result(&work.row.id)?;
            let is_again = |it: &RowResult| choice.retry_failed && it.state == RowState::Failed;
            match before.filter(|it| work.is_as_before(it) && !is_again(it)) {
                Some(result) => _ = shared.results.insert(at, result),
                None => {
                    shared.progress.total_bytes += work.bytes;
                    shared.queue.push_back(at);
                }
            }
        }
        shared.progress.total = shared.queue.len();
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let n_jobs = choice.jobs.or(self.manifest.limits.jobs).unwrap_or(processors);
        let n_jobs = n_jobs.clamp(1, shared.queue.len().max(1));
        let needs = works.iter().map(|_| OnceLock::new()).collect();
        let scheduler = Scheduler {
            batch: self,
            works: &works,
            needs,
            shared: Mutex::new(shared),
            is_changed: Condvar::new(),
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..n_jobs).map(|_| scope.spawn(|| scheduler.work())).collect();
            while workers.iter().any(|worker| !worker.is_finished()) {
                scheduler.look();
            }
        });
        let mut shared = scheduler.shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        let n_done_now = shared.progress.done;
        let results = works.iter().enumerate();
        let rows =
            results.map(|(at, work)| shared.results.remove(&at).unwrap_or_else(|| work.not_run(self.state)));
        let rows = rows.collect();
        if self.stop.load(Ordering::Relaxed) && shared.error.is_none() {
            let error =
                Error::new(Kind::Interrupted, "stopped; rows that were at work go on where they were");
            shared.error = Some(error.hint("run the same command again"));
        }
        Ok(Outcome { rows, n_done_now, error: shared.error })
    }
}

/// What a row that is to begin has to wait for.
enum Begin {
    Now,
    Later,
    Never(String),
}

struct Scheduler<'a> {
    batch: &'a Batch<'a>,
    works: &'a [Work<'a>],
    /// Disk that each row needs; looked up once, when its turn comes.
    needs: Vec<OnceLock<Need>>,
    shared: Mutex<Shared<'a>>,
    is_changed: Condvar,
}

impl<'a> Scheduler<'a> {
    fn lock(&self) -> MutexGuard<'_, Shared<'a>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_stopped(&self) -> bool {
        self.batch.stop.load(Ordering::Relaxed)
    }

    /// Does row after row until none is left.
    fn work(&self) {
        while let Some((at, stop)) = self.next() {
            let work = &self.works[at];
            (self.batch.tell)(Told::Began(&work.row.id));
            let stopped = || stop.load(Ordering::Relaxed).then(|| no_room(&self.batch.manifest.limits));
            let folder = &self.batch.manifest.folder;
            let ran = work.run(folder, self.batch.state, &stopped, &|| self.is_stopped());
            let kept = ran.and_then(|result| match result {
                Some(result) => self.batch.state.keep(&result).map(|()| Some(result)),
                None => Ok(None),
            });
            self.ended(at, kept);
        }
        self.is_changed.notify_all();
    }

    fn ended(&self, at: usize, kept: Result<Option<RowResult>>) {
        let mut shared = self.lock();
        shared.running.remove(&at);
        match kept {
            Ok(Some(result)) => {
                shared.progress.done += 1;
                shared.progress.failed += usize::from(result.state == RowState::Failed);
                shared.progress.done_bytes += self.works[at].bytes;
                (self.batch.tell)(Told::Ended(&result));
                shared.results.insert(at, result);
            }
            Ok(None) => {}
            // Where no state can be written nothing can be done: no row more begins.
            Err(err) => {
                shared.queue.clear();
                shared.error.get_or_insert(err);
            }
        }
        drop(shared);
        self.is_changed.notify_all();
    }

    /// The next row that may begin; waits for it. `None` if none is left.
    fn next(&self) -> Option<(usize, std::sync::Arc<AtomicBool>)> {
        let mut shared = self.lock();
        loop {
            if self.is_stopped() || shared.queue.is_empty() {
                return None;
            }
            let mut place = 0;
            while place < shared.queue.len() {
                let at = shared.queue[place];
                match self.may_begin(&shared, at) {
                    Begin::Later => place += 1,
                    Begin::Now => {
                        shared.queue.remove(place);
                        let stop = std::sync::Arc::new(AtomicBool::new(false));
                        let running = self.running(at, std::sync::Arc::clone(&stop));
                        shared.running.insert(at, running);
                        return Some((at, stop));
                    }
                    Begin::Never(what) => {
                        shared.queue.remove(place);
                        let mut result = self.works[at].not_run(self.batch.state);
                        result.state = RowState::Failed;
                        let hints = vec![RETRY_WITH_ROOM.to_owned()];
                        result.errors.push(StepError { step: "begin".to_owned(), code: None, what, hints });
                        result.ended_at = Some(jiff::Timestamp::now().to_string());
                        let kept = self.batch.state.keep(&result).map(|()| Some(result));
                        drop(shared);
                        self.ended(at, kept);
                        shared = self.lock();
                    }
                }
            }
            if shared.queue.is_empty() {
                continue;
            }
            let waited = self.is_changed.wait_timeout(shared, LOOK_EVERY);
            shared = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn running(&self, at: usize, stop: std::sync::Arc<AtomicBool>) -> Running<'a> {
        let row = self.works[at].row;
        let hosts = row.targets.iter().map(|it| it.host.as_str()).filter(|host| !host.is_empty()).collect();
        let (archive, disk) = (row.archive.as_path(), disk_of(&row.archive));
        Running { hosts, archive, disk, need: self.need(at), stop }
    }

    /// Disk that a row will need, as far as its exports tell.
    fn need(&self, at: usize) -> Need {
        let work = &self.works[at];
        *self.needs[at].get_or_init(|| Need::of(work.bytes, &work.row.archive))
    }

    fn may_begin(&self, shared: &Shared, at: usize) -> Begin {
        let limits = &self.batch.manifest.limits;
        let row = self.works[at].row;
        let n_on = |host: &str| shared.running.values().filter(|it| it.hosts.contains(&host)).count();
        if row.targets.iter().any(|it| !it.host.is_empty() && n_on(&it.host) >= limits.per_host) {
            return Begin::Later;
        }
        let is_alone = shared.running.is_empty();
        if !is_alone && free_memory().is_some_and(|free| free < limits.memory_bytes) {
            return Begin::Later;
        }
        let Some(free) = crate::import::free_bytes(&row.archive) else { return Begin::Now };
        let need = self.need(at).bytes;
        let disk = disk_of(&row.archive);
        // What they have written already counts twice: rather one row less at a time than a full disk.
        let beside = shared.running.values().filter(|it| it.disk == disk);
        let promised: u64 = beside.map(|it| it.need.bytes).sum();
        if free >= need + promised + limits.free_disk_bytes {
            return Begin::Now;
        }
        if is_alone {
            let mib = |bytes: u64| bytes.div_ceil(1 << 20);
            return Begin::Never(format!(
                "its archive needs about {} MiB and {} MiB are to stay free; there are {} MiB on the disk of `{}`",
                mib(need),
                mib(limits.free_disk_bytes),
                mib(free),
                row.archive.display()
            ));
        }
        Begin::Later
    }

    /// Tells how far it is, and stops the row that fills a disk before it is full for all.
    fn look(&self) {
        let mut shared = self.lock();
        let Shared { running, guard, .. } = &mut *shared;
        let mut disks: HashMap<Disk, Vec<&Running>> = HashMap::new();
        for row in running.values() {
            disks.entry(row.disk.unwrap_or_default()).or_default().push(row);
        }
        for (disk, rows) in disks {
            let is_stopping = rows.iter().any(|it| it.stop.load(Ordering::Relaxed));
            let to_stay_bytes = self.batch.manifest.limits.free_disk_bytes;
            if let Some(free) = crate::import::free_bytes(rows[0].archive)
                && !is_stopping
                && guard.has_to_stop(disk, free, to_stay_bytes)
                && let Some(largest) = rows.iter().max_by_key(|it| it.beyond_bytes())
            {
                largest.stop.store(true, Ordering::Relaxed);
            }
        }
        let mut progress = shared.progress;
        progress.running = shared.running.len();
        (self.batch.tell)(Told::Progress(progress));
        // A worker that ends wakes us.
        let _ = self.is_changed.wait_timeout(shared, LOOK_EVERY);
    }
}

impl Running<'_> {
    /// How much larger its archive is than was expected; below 0 as long as it keeps to that.
    fn beyond_bytes(&self) -> i128 {
        i128::from(bytes_in(self.archive)) - i128::from(self.need.whole_bytes)
    }
}

fn no_room(limits: &Limits) -> Reason {
    let mib = limits.free_disk_bytes.div_ceil(1 << 20);
    Reason {
        what: format!(
            "it was stopped before its disk was full: {mib} MiB are to stay free, and less than half of that is left"
        ),
        hint: Some(RETRY_WITH_ROOM),
    }
}

/// Memory that can be had, in bytes; `None` where the system does not tell.
fn free_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}
