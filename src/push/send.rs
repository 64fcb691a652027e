//! Sending: hands out what is to be sent, hears what became of it, and keeps the books.
//!
//! Books are kept batch by batch: files arrive whole; then the target makes them safe on its disk; then their lines
//! go into its manifest; then into the journal. Meanwhile the next files are on their way. A run may end anywhere
//! in between: then files are there that no book names, which the next run finds and compares.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::journal::{Journal, Todo};
use super::manifest::{self, Extent, Line, Put};
use super::target::{Feed, Next, Outcome, Over, Retry, Send, Sent, Sha256, Stat, TargetError, Task};
use crate::report::error::{Error, Result};
use crate::report::event::{Event, Observer};
use crate::report::kill_point::{batch_records, kill_point};

/// A batch is closed after so many files, so many bytes, or so long.
const BATCH_FILES: u64 = 1000;
const BATCH_BYTES: u64 = 64 << 20;
const BATCH_TIME: Duration = Duration::from_secs(10);
/// Over a link that is cut all the time so many bytes of the manifest are appended at once.
const CAREFUL_APPEND_BYTES: usize = 4 << 10;
/// So many rows are read from the journal at a time.
const PAGE: u64 = 1000;

/// What was sent, and what was not.
#[derive(Default)]
pub struct Account {
    /// Files sent.
    pub files: u64,
    /// Bytes of files sent.
    pub bytes: u64,
    /// Of those, bytes that were there already from an interrupted try.
    pub resumed_bytes: u64,
    /// Files that met another at their place: to be compared.
    pub occupied: Vec<Occupied>,
    /// Files that could not be sent: path in the archive and why.
    pub failed: Vec<(Todo, TargetError)>,
    /// Files that changed while they were sent.
    pub changed: Vec<String>,
}

/// A message on the target, wherever its owner has put it in its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// Where it is.
    pub path: String,
    /// What it is.
    pub stat: Stat,
}

/// A message that is there, beside the older version that it replaces.
#[derive(Clone, Debug)]
pub struct Replaced {
    /// Where the older version is.
    pub old: String,
    /// The message.
    pub todo: Todo,
    /// SHA-256 of its bytes.
    pub sha256: Sha256,
    /// What the target says of it.
    pub stat: Stat,
}

/// A file that met another.
#[derive(Clone, Debug)]
pub struct Occupied {
    /// The file's number in the order of sending.
    pub n: u64,
    /// Where the other is; a mail program may have renamed a message.
    pub path: String,
    /// What the other is.
    pub stat: Stat,
}

/// The feed of one push.
pub struct Sending<'a> {
    archive: &'a Path,
    journal: &'a Journal,
    observer: &'a dyn Observer,
    stop: &'a AtomicBool,
    /// Files of any origin are replaced.
    force: bool,
    /// Folders that this run has made: nothing can be in their way.
    new_folders: &'a dyn Fn(&str) -> bool,
    manifest: Extent,
    /// Messages on the target that are replaced by newer ones, by the newer one's number.
    replacing: &'a HashMap<u64, Located>,
    page: VecDeque<Todo>,
    last_n: u64,
    is_all_read: bool,
    in_flight: HashMap<u64, Todo>,
    /// Files that are there and that no book names yet.
    finished: Vec<(Put, i64)>,
    /// Messages that are there and whose older version must go before they are booked.
    pub replaced: Vec<Replaced>,
    finished_bytes: u64,
    batch_begin: Instant,
    closing: Option<Closing>,
    next_own: u64,
    /// Bytes of large files that were found there since the last cut, and before it.
    resumed: (u64, u64),
    /// Files sent, or found there, before the last cut.
    files_before: u64,
    /// Files that were found there.
    met: HashSet<u64>,
    care: u32,
    /// What became of the files.
    pub account: Account,
    /// Why nothing more is handed out.
    pub end: Option<Error>,
}

/// A batch on its way into the books.
struct Closing {
    task: u64,
    lines: String,
    /// So many bytes of the lines are on their way.
    piece: usize,
    puts: Vec<(Put, i64)>,
    is_appending: bool,
    is_handed_out: bool,
}

/// What [`Sending`] works with.
pub struct Setting<'a> {
    /// The archive's folder.
    pub archive: &'a Path,
    /// What is to be sent.
    pub journal: &'a Journal,
    /// Hears of progress.
    pub observer: &'a dyn Observer,
    /// The user wants to stop.
    pub stop: &'a AtomicBool,
    /// Files of any origin are replaced.
    pub force: bool,
    /// True for folders that this run has made.
    pub new_folders: &'a dyn Fn(&str) -> bool,
    /// The manifest that lines are appended to.
    pub manifest: Extent,
    /// Messages on the target that are replaced by newer ones, by the newer one's number.
    pub replacing: &'a HashMap<u64, Located>,
}

/// Numbers of tasks of our own begin here; files have their numbers in the order of sending.
const OWN_TASKS: u64 = 1 << 62;

impl<'a> Sending<'a> {
    /// A feed of all that the journal has to be sent.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn new(setting: &Setting<'a>) -> Result<Sending<'a>> {
        Ok(Sending {
            archive: setting.archive,
            journal: setting.journal,
            observer: setting.observer,
            stop: setting.stop,
            force: setting.force,
            new_folders: setting.new_folders,
            manifest: setting.manifest,
            replacing: setting.replacing,
            replaced: Vec::new(),
            page: VecDeque::new(),
            last_n: 0,
            is_all_read: false,
            in_flight: HashMap::new(),
            finished: Vec::new(),
            finished_bytes: 0,
            batch_begin: Instant::now(),
            closing: None,
            next_own: OWN_TASKS,
            resumed: (0, 0),
            files_before: 0,
            met: HashSet::new(),
            care: 0,
            account: Account::default(),
            end: None,
        })
    }

    /// After a cut: true if something got through since the last one.
    pub fn has_worked(&mut self) -> bool {
        let files = self.account.files + self.met.len() as u64;
        let has_sent = files > std::mem::replace(&mut self.files_before, files);
        let has_resumed = self.resumed.0 > self.resumed.1;
        self.resumed = (0, self.resumed.0.max(self.resumed.1));
        if has_sent {
            self.resumed.1 = 0;
        } else {
            self.care += 1;
        }
        has_sent || has_resumed
    }

    /// After a cut: hands out again what was on its way. What is there already is found there, once: looked at again
    /// after every cut it would fill the line before anything new is sent. `manifest_bytes` is
    /// how long the manifest is now; it may end in a line that was cut.
    pub fn rewind(&mut self, manifest_bytes: u64) {
        self.account.failed.clear();
        self.in_flight.clear();
        self.page.clear();
        self.last_n = 0;
        self.is_all_read = false;
        if let Some(closing) = &mut self.closing {
            // A line that was appended twice says the same twice.
            closing.is_handed_out = false;
            closing.is_appending = false;
            closing.task = self.next_own + 1;
        }
        self.next_own += 1;
        self.manifest.is_torn |= self.manifest.bytes != manifest_bytes;
        self.manifest.bytes = manifest_bytes;
    }

    /// After a round: hands out again what is still to be sent.
    pub fn go_on(&mut self) {
        self.account.failed.clear();
        self.page.clear();
        self.last_n = 0;
        self.is_all_read = false;
    }

    /// Takes a file that is there, at `path`, sent now or before: it is booked, at once or when the older version that
    /// it replaces has gone.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn arrived(&mut self, todo: &Todo, path: &str, sha256: Sha256, stat: &Stat) -> Result<()> {
        let Some(old) = self.replacing.get(&todo.n).filter(|old| old.path != path) else {
            return self.book(todo, path, sha256, stat);
        };
        self.journal.strike(todo.n)?;
        let (old, todo) = (old.path.clone(), todo.clone());
        self.replaced.push(Replaced { old, todo, sha256, stat: *stat });
        Ok(())
    }

    /// Books a file that is there, at `path`.
    ///
    /// # Errors
    /// When the journal cannot be written.
    pub fn book(&mut self, todo: &Todo, path: &str, sha256: Sha256, stat: &Stat) -> Result<()> {
        self.journal.strike(todo.n)?;
        self.finished_bytes += todo.here.size;
        let seen = if stat.mtime == Some(todo.here.mtime) { None } else { Some(stat.mtime) };
        let here = todo.here.clone();
        let (size, mtime, message) = (here.size, here.mtime, here.message);
        self.finished.push((Put { path: path.to_owned(), size, mtime, seen, sha256, message }, here.ctime));
        Ok(())
    }

    fn read_page(&mut self) -> Result<()> {
        if self.page.is_empty() && !self.is_all_read {
            self.page = self.journal.todo(self.last_n, PAGE)?.into();
            match self.page.back() {
                Some(last) => self.last_n = last.n,
                None => self.is_all_read = true,
            }
        }
        Ok(())
    }

    fn next_file(&mut self) -> Result<Option<Todo>> {
        loop {
            self.read_page()?;
            match self.page.pop_front() {
                // It waits for being compared.
                Some(todo) if self.met.contains(&todo.n) => {}
                next => return Ok(next),
            }
        }
    }

    fn task_of(&self, todo: &Todo) -> Send {
        let above = todo.here.path.rsplit_once('/').map_or("", |(above, _)| above);
        let replaced = self.replacing.get(&todo.n);
        let over = match (&todo.before, replaced) {
            _ if self.force => Over::Anything,
            (_, Some(Located { path, stat })) if *path == todo.here.path => {
                Over::Ours { size: stat.size, mtime: stat.mtime }
            }
            (_, Some(_)) => Over::Nothing,
            (Some(before), None) => Over::Ours { size: before.size, mtime: before.seen_mtime() },
            (None, None) if (self.new_folders)(above) => Over::NewFolder,
            (None, None) => Over::Nothing,
        };
        Send {
            from: self.archive.join(&todo.here.local),
            to: todo.here.path.clone(),
            temporary: temporary(&todo.here.path, todo.here.message.is_some()),
            size: todo.here.size,
            mtime: todo.here.mtime,
            mode: todo.here.mode,
            over,
        }
    }

    fn is_batch_full(&self) -> bool {
        let n = self.finished.len() as u64;
        n >= batch_records(BATCH_FILES)
            || self.finished_bytes >= BATCH_BYTES
            || (n > 0 && self.batch_begin.elapsed() >= BATCH_TIME)
    }

    /// All that is left is on its way already: what is there waits for it a little, so that one batch does for both.
    fn is_last_batch_near(&self) -> bool {
        let is_all_out = self.is_all_read && self.page.is_empty();
        is_all_out && !self.in_flight.is_empty() && self.batch_begin.elapsed() < BATCH_TIME
    }

    /// Closes the batch: the next thing to do is to make its files safe.
    fn close_batch(&mut self) {
        let puts = std::mem::take(&mut self.finished);
        self.finished_bytes = 0;
        self.batch_begin = Instant::now();
        let lines: String = puts.iter().map(|(put, _)| Line::Put(put.clone()).to_text()).collect();
        let task = self.own_task();
        self.closing =
            Some(Closing { task, lines, piece: 0, puts, is_appending: false, is_handed_out: false });
    }

    fn own_task(&mut self) -> u64 {
        self.next_own += 1;
        self.next_own
    }

    /// The task that brings the closing batch on, if it is not on its way already.
    fn book_task(&mut self) -> Option<Next> {
        let closing = self.closing.as_mut().filter(|closing| !closing.is_handed_out)?;
        closing.is_handed_out = true;
        if !closing.is_appending {
            return Some(Next::Task(closing.task, Task::Sync));
        }
        kill_point();
        closing.lines.insert_str(0, self.manifest.before_lines());
        let limit = if self.care > 0 { CAREFUL_APPEND_BYTES } else { usize::MAX };
        closing.piece = whole_lines(&closing.lines, limit);
        let bytes = closing.lines.as_bytes()[..closing.piece].to_vec();
        Some(Next::Task(closing.task, Task::Append { path: manifest::PATH.to_owned(), bytes }))
    }

    fn next_or_error(&mut self) -> Result<Next> {
        if self.closing.is_none() && self.is_batch_full() && !self.is_last_batch_near() {
            self.close_batch();
        }
        if let Some(next) = self.book_task() {
            return Ok(next);
        }
        if self.end.is_none()
            && !self.should_stop()
            && let Some(todo) = self.next_file()?
        {
            let send = self.task_of(&todo);
            let n = todo.n;
            self.in_flight.insert(n, todo);
            return Ok(Next::Task(n, Task::Send(send)));
        }
        if !self.in_flight.is_empty() || self.closing.is_some() {
            return Ok(Next::Wait);
        }
        if self.finished.is_empty() {
            return Ok(Next::End);
        }
        self.close_batch();
        Ok(self.book_task().unwrap_or(Next::Wait))
    }

    fn booked(&mut self, outcome: Outcome) -> Result<()> {
        let Some(mut closing) = self.closing.take() else { return Ok(()) };
        if let Outcome::Failed(err) = outcome {
            // Its files are there; the next run finds and compares them.
            self.end.get_or_insert(err.error);
            return Ok(());
        }
        if !closing.is_appending {
            closing.is_appending = true;
            closing.is_handed_out = false;
            closing.task = self.own_task();
            self.closing = Some(closing);
            return Ok(());
        }
        kill_point();
        self.manifest.bytes += closing.piece as u64;
        closing.lines.drain(..closing.piece);
        if !closing.lines.is_empty() {
            closing.is_handed_out = false;
            closing.task = self.own_task();
            self.closing = Some(closing);
            return Ok(());
        }
        let bytes = self.manifest.bytes;
        self.journal.at_once(|journal| {
            for (put, ctime) in closing.puts {
                journal.apply_sent(&Line::Put(put), Some(ctime))?;
            }
            journal.set_manifest(bytes)
        })?;
        kill_point();
        Ok(())
    }

    fn file_done(&mut self, n: u64, outcome: Outcome) -> Result<()> {
        let Some(todo) = self.in_flight.remove(&n) else { return Ok(()) };
        match outcome {
            Outcome::Sent(sent) => self.sent(&todo, &sent)?,
            Outcome::Occupied(stat) => {
                self.met.insert(n);
                self.account.occupied.push(Occupied { n, path: todo.here.path, stat });
                self.observer.event(Event::Bytes(todo.here.size));
            }
            Outcome::Changed => {
                self.journal.strike(n)?;
                self.account.changed.push(todo.here.local);
            }
            Outcome::Failed(err) => match err.retry {
                Retry::EndRun => {
                    self.end.get_or_insert(err.error);
                }
                Retry::Soon | Retry::Never => self.account.failed.push((todo, err)),
            },
            Outcome::Stopped | Outcome::Done => {}
        }
        Ok(())
    }

    fn sent(&mut self, todo: &Todo, sent: &Sent) -> Result<()> {
        kill_point();
        self.account.files += 1;
        self.account.bytes += todo.here.size;
        self.account.resumed_bytes += sent.resumed_bytes;
        self.observer.event(Event::Items(1));
        self.observer.event(Event::Bytes(sent.resumed_bytes));
        self.arrived(todo, &todo.here.path, sent.sha256, &sent.stat)
    }
}

impl Feed for Sending<'_> {
    fn next(&mut self) -> Next {
        self.next_or_error().unwrap_or_else(|err| {
            self.end.get_or_insert(err);
            if self.in_flight.is_empty() { Next::End } else { Next::Wait }
        })
    }

    fn done(&mut self, task: u64, outcome: Outcome) {
        let done = if task > OWN_TASKS { self.booked(outcome) } else { self.file_done(task, outcome) };
        if let Err(err) = done {
            self.end.get_or_insert(err);
        }
    }

    fn progress(&mut self, bytes: u64) {
        self.observer.event(Event::Bytes(bytes));
    }

    fn resumed(&mut self, bytes: u64) {
        self.resumed.0 += bytes;
    }

    fn care(&self) -> u32 {
        self.care
    }

    fn should_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// The length of as many whole lines from the beginning as `limit` bytes hold, and of at least one.
fn whole_lines(lines: &str, limit: usize) -> usize {
    let fits = memchr::memrchr(b'\n', &lines.as_bytes()[..limit.min(lines.len())]);
    let end = fits.or_else(|| memchr::memchr(b'\n', lines.as_bytes()));
    end.map_or(lines.len(), |end| end + 1)
}

/// The name of a file on its way: hidden, beside its place; of a message in its Maildir's `tmp`.
/// The same at every try.
fn temporary(path: &str, is_message: bool) -> String {
    let (above, _) = path.rsplit_once('/').unwrap_or(("", path));
    let hash = blake3::hash(path.as_bytes()).to_hex();
    let name = format!(".exodus-{}.part", &hash[..20]);
    let folder = match above.rsplit_once('/') {
        Some((maildir, _)) if is_message => format!("{maildir}/tmp"),
        None if is_message => "tmp".to_owned(),
        _ => above.to_owned(),
    };
    if folder.is_empty() { name } else { format!("{folder}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_is_cut_only_between_its_lines() {
        for (limit, len) in [(100, 9), (9, 9), (8, 6), (6, 6), (5, 3), (3, 3), (1, 3)] {
            assert_eq!(whole_lines("ab\ncd\nef\n", limit), len, "{limit}");
        }
    }

    #[test]
    fn a_file_on_its_way_lies_on_the_same_disk_and_where_maildirs_want_it() {
        let name = |path: &str| format!(".exodus-{}.part", &blake3::hash(path.as_bytes()).to_hex()[..20]);
        let cases = [
            ("mail/cur/1.a:2,S", true, "mail/tmp/"),
            ("mail/.Work/cur/1.a:2,S", true, "mail/.Work/tmp/"),
            ("cur/1.a:2,S", true, "tmp/"),
            ("files/a.txt", false, "files/"),
            ("a.txt", false, ""),
        ];
        for (path, is_message, folder) in cases {
            assert_eq!(temporary(path, is_message), format!("{folder}{}", name(path)), "{path}");
        }
    }
}
