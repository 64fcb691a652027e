//! One push, from its survey to its receipt.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::books;
use super::check::{self, Checked, Verify};
use super::hash::hash_file;
use super::journal::{Journal, PartSize, Todo, Totals, key_of};
use super::link::Link;
use super::manifest::{self, Extent, Put};
use super::mapping::{Mapping, PRIVATE, folder_mode, is_below};
use super::send::{Located, Sending, Setting};
use super::settle::{self, Settled};
use super::survey::{Survey, survey};
use super::target::{Abilities, Folder, Retry};
use super::tidy;
use super::{Login, Opening, ask::Ask, place::Place};
use crate::archive::files::CONTENT;
use crate::archive::proofs::{self, CheckedThere, Proof, Pushed, What};
use crate::archive::reader::Reader;
use crate::report::error::{Error, Kind, Result};
use crate::report::event::{Event, Observer};

/// What to push, where, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// The archive's folder.
    pub archive: PathBuf,
    /// The target's URL, as the user wrote it: names it in the journal.
    pub url: String,
    /// The same, read.
    pub place: Place,
    /// How to log in.
    pub login: Login,
    /// What goes where.
    pub mapping: Mapping,
    /// Only what is below these paths of the archive; empty for all.
    pub only: Vec<String>,
    /// Only say what would be done.
    pub is_dry_run: bool,
    /// How to check afterwards.
    pub verify: Verify,
    /// Remove files of ours that the archive does not have any more.
    pub prune: bool,
    /// Replace files that are not ours or were changed there.
    pub force: bool,
    /// How many things to do side by side.
    pub jobs: Option<usize>,
    /// At most so many bytes of files a second.
    pub bytes_per_s: Option<u64>,
}

/// What a push has done, or would do.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What there was to do.
    pub totals: Totals,
    /// What was passed over.
    pub survey: Survey,
    /// Files sent.
    pub files: u64,
    /// Bytes of files sent, and how many of them were there already from an interrupted try.
    pub bytes: u64,
    /// See `bytes`.
    pub resumed_bytes: u64,
    /// What was there without being in the books.
    pub settled: Settled,
    /// Messages moved to another folder there.
    pub moved: u64,
    /// Messages sent anew that took the place of their older version.
    pub replaced: u64,
    /// Files removed there; in a dry run, files that would be.
    pub pruned: u64,
    /// Files of ours there that the archive does not have (any more).
    pub superfluous: u64,
    /// Files that could not be sent: path in the archive, why, and what to do.
    pub failed: Vec<(String, String, Option<String>)>,
    /// Files that changed while they were sent.
    pub changed: Vec<String>,
    /// What the check found.
    pub checked: Option<Checked>,
    /// How often the link was cut.
    pub n_cuts: u64,
    /// How long sending and checking took, in seconds.
    pub seconds: (f64, f64),
    /// Why it ended early; all that is counted above is done all the same.
    pub error: Option<Error>,
}

impl Outcome {
    /// How many things need the user's eye.
    pub fn n_faults(&self) -> u64 {
        let checked = self.checked.as_ref().map_or(0, |checked| checked.problems.len());
        (self.survey.odd.len()
            + self.settled.left_alone.len()
            + self.failed.len()
            + self.changed.len()
            + checked) as u64
    }
}

/// Who hears and answers while a push runs.
#[derive(Clone, Copy)]
pub struct Ears<'a> {
    /// Answers questions.
    pub ask: &'a dyn Ask,
    /// Hears of progress.
    pub observer: &'a dyn Observer,
    /// The user wants to stop.
    pub stop: &'a AtomicBool,
}

/// Files and bytes that a push would send of each part of the archive, without asking the target.
///
/// # Errors
/// When the archive cannot be read.
pub fn plan(request: &Request) -> Result<(Vec<PartSize>, Survey)> {
    let reader = Reader::open(&request.archive)?;
    let journal = Journal::in_memory(&request.url)?;
    let survey = survey(&reader, &request.mapping, &request.only, &journal)?;
    Ok((journal.parts()?, survey))
}

/// Connects, and asks the target what it can do.
///
/// # Errors
/// When it cannot be reached or asked.
pub fn test(request: &Request, ears: Ears) -> Result<Abilities> {
    let opening = opening(request, ears);
    let mut link = Link::open(&opening, ears.observer, ears.stop)?;
    link.with(|target| target.abilities())
}

/// Pushes.
///
/// # Errors
/// What stops it before the first byte; what stops it later is in the outcome.
pub fn push(request: &Request, ears: Ears) -> Result<Outcome> {
    let reader = Reader::open(&request.archive)?;
    let journal = open_journal(request, ears.observer)?;
    let survey = survey(&reader, &request.mapping, &request.only, &journal)?;
    let state = reader.state()?;
    drop(reader);
    let opening = opening(request, ears);
    let link = Link::open(&opening, ears.observer, ears.stop)?;
    let outcome = Outcome { survey, ..Outcome::default() };
    let mut run = Run { request, ears, journal: &journal, link, outcome, new_folders: HashSet::new() };
    if let Err(err) = run.all() {
        // What was never begun is an error; what was cut short is an outcome.
        if run.outcome.files == 0 && run.outcome.checked.is_none() && err.kind != Kind::Interrupted {
            return Err(err);
        }
        run.outcome.error.get_or_insert(err);
    }
    run.outcome.n_cuts = run.link.n_cuts;
    if let Err(err) = remember(request, state, &run.outcome) {
        ears.observer.event(Event::Warning(format!("this push is not written down: {}", err.what)));
    }
    Ok(run.outcome)
}

/// Writes down what a push that came to its end has brought and proven.
fn remember(request: &Request, state: String, outcome: &Outcome) -> Result<()> {
    if request.is_dry_run || outcome.error.is_some() {
        return Ok(());
    }
    let odd = &outcome.survey.odd;
    let is_whole = |part: &&str| {
        let is_asked = request.only.is_empty() || request.only.iter().any(|only| only.as_str() == *part);
        is_asked && request.mapping.spot(part).is_some() && !odd.iter().any(|(path, _)| is_below(path, part))
    };
    let whole = CONTENT.into_iter().filter(is_whole).map(str::to_owned).collect();
    let pushed = Pushed {
        target: request.url.clone(),
        files: outcome.totals.all.0,
        bytes: outcome.totals.all.1,
        whole,
        faults: outcome.n_faults() - outcome.checked.as_ref().map_or(0, |it| it.problems.len() as u64),
        checked: outcome.checked.as_ref().map(|it| CheckedThere {
            good: it.good,
            hashed_there: it.hashed_there,
            read_back: it.read_back,
            by_size: it.by_size,
            moved_on: it.moved_on,
            problems: it.problems.len() as u64,
        }),
    };
    let at = jiff::Timestamp::now().as_second();
    proofs::add(&request.archive, &Proof { at, state, what: What::Pushed(pushed) })
}

fn opening<'a>(request: &'a Request, ears: Ears<'a>) -> Opening<'a> {
    let Request { place, login, jobs, bytes_per_s, .. } = request;
    Opening { place, login, jobs: *jobs, bytes_per_s: *bytes_per_s, ask: ears.ask, stop: ears.stop }
}

fn open_journal(request: &Request, observer: &dyn Observer) -> Result<Journal> {
    let is_writable = rustix::fs::access(&request.archive, rustix::fs::Access::WRITE_OK).is_ok();
    if is_writable {
        return Journal::open(&request.archive, &request.url);
    }
    let what = "the archive cannot be written to: what the target has is read from it at every push";
    observer.event(Event::Warning(what.to_owned()));
    Journal::in_memory(&request.url)
}

struct Run<'a> {
    request: &'a Request,
    ears: Ears<'a>,
    journal: &'a Journal,
    link: Link<'a>,
    outcome: Outcome,
    /// Folders that this run has made.
    new_folders: HashSet<String>,
}

impl Run<'_> {
    fn all(&mut self) -> Result<()> {
        let known = books::learn(&mut self.link, self.journal, self.ears.observer)?;
        let (_, is_clean) = self.journal.manifest()?;
        self.clear_suspects()?;
        self.outcome.totals = self.journal.compare()?;
        let moved = self.journal.moved()?;
        let superfluous = tidy::superfluous(self.journal, &self.scopes())?;
        let other_folder = moved.iter().filter(|(old, todo)| {
            key_of(&old.path, old.message.as_deref()) != key_of(&todo.here.path, todo.here.message.as_deref())
        });
        let n_moved = other_folder.count() as u64;
        self.outcome.superfluous = (superfluous.len() as u64).saturating_sub(n_moved);
        if self.request.is_dry_run {
            self.outcome.moved = n_moved;
            self.outcome.pruned = if self.request.prune { self.outcome.superfluous } else { 0 };
            return Ok(());
        }
        let Totals { new, changed, .. } = self.outcome.totals;
        let mut extent = known.unwrap_or_default();
        if new.0 + changed.0 > 0 {
            self.check_room(new.1 + changed.1, new.0)?;
            self.journal.set_clean(false)?;
            self.make_folders()?;
            let replacing = self.follow(moved, &mut extent)?;
            let must_look = !is_clean || known.is_none();
            extent = self.send(extent, must_look, &replacing)?;
            // What another part of the archive left behind is not looked at by a push of this part.
            let was_looked_at = self.request.only.is_empty() || is_clean;
            self.journal.set_clean(was_looked_at && self.outcome.error.is_none())?;
        }
        self.refuse_to_go_on()?;
        if self.request.prune && known.is_some() {
            self.prune(&mut extent)?;
        }
        self.check(&mut extent)
    }

    fn refuse_to_go_on(&self) -> Result<()> {
        if let Some(err) = &self.outcome.error {
            return Err(err.clone());
        }
        if self.ears.stop.load(Ordering::Relaxed) {
            return Err(Error::new(
                Kind::Interrupted,
                "stopped; what was sent stays sent: run the same command again",
            ));
        }
        Ok(())
    }

    /// Paths on the target that this push is about.
    fn scopes(&self) -> Vec<String> {
        let mapping = &self.request.mapping;
        if self.request.only.is_empty() {
            return mapping.rules().iter().map(|rule| rule.to.clone()).collect();
        }
        let mut scopes = Vec::new();
        for only in &self.request.only {
            scopes.extend(mapping.spot(only).map(|spot| spot.path));
            let below = mapping.rules().iter().filter(|rule| is_below(&rule.from, only));
            scopes.extend(below.map(|rule| rule.to.clone()));
        }
        scopes
    }

    fn check_room(&mut self, bytes: u64, files: u64) -> Result<()> {
        let Some(room) = self.link.with(|target| target.room())? else { return Ok(()) };
        let lacks = match room.free_files {
            Some(free) if free < files => format!("room for {free} files, and {files} are to be sent"),
            _ if room.free_bytes < bytes => {
                format!("{} bytes free, and {bytes} are to be sent", room.free_bytes)
            }
            _ => return Ok(()),
        };
        Err(Error::new(Kind::Server, format!("the target has {lacks}; nothing was sent"))
            .hint("make room there, or send less of it: `--only mail`"))
    }

    fn make_folders(&mut self) -> Result<()> {
        let missing = self.journal.missing_folders()?;
        let folders: Vec<Folder> = missing
            .into_iter()
            .map(|(path, mode)| Folder { path, mode })
            .filter(|it| it.path != ".")
            .collect();
        // Ours is where the books are kept; and it shows that the root is there.
        let own = Folder { path: manifest::FOLDER.to_owned(), mode: folder_mode(PRIVATE) };
        let folders: Vec<Folder> = [own].into_iter().chain(folders).collect();
        // Some at a time: a server need not hold them all.
        for chunk in folders.chunks(1000) {
            let made = self.link.with(|target| target.make_folders(chunk))?;
            for (folder, is_new) in chunk.iter().zip(made) {
                if is_new {
                    self.new_folders.insert(folder.path.clone());
                }
            }
        }
        self.journal.at_once(|journal| folders[1..].iter().try_for_each(|it| journal.has_folder(&it.path)))
    }

    /// Hashes files that have changed since they were sent though their size has not: most were only touched.
    fn clear_suspects(&mut self) -> Result<()> {
        let mut after = String::new();
        loop {
            let suspects = self.journal.suspects(&after, 1000)?;
            let Some((last, ..)) = suspects.last() else { return Ok(()) };
            after.clone_from(last);
            self.journal.at_once(|journal| {
                for (key, here, sent) in &suspects {
                    let is_same =
                        hash_file(&self.request.archive.join(&here.local)).ok() == Some(sent.sha256);
                    journal.cleared(key, here.ctime, is_same)?;
                }
                Ok(())
            })?;
            self.refuse_to_go_on()?;
        }
    }

    fn follow(&mut self, moved: Vec<(Put, Todo)>, extent: &mut Extent) -> Result<HashMap<u64, Located>> {
        let followed = tidy::follow(&mut self.link, self.journal, &self.request.archive, moved)?;
        self.outcome.moved = followed.moved;
        books::add(&mut self.link, self.journal, extent, &followed.lines)?;
        followed.done.into_iter().try_for_each(|n| self.journal.strike(n))?;
        Ok(followed.replacing)
    }

    /// Removes the older versions of messages that were sent anew, and only then books the newer ones: a push that is
    /// killed in between finds the older one again.
    fn replace(&mut self, sending: &mut Sending) -> Result<bool> {
        let replaced = std::mem::take(&mut sending.replaced);
        for chunk in replaced.chunks(256) {
            let old: Vec<String> = chunk.iter().map(|it| it.old.clone()).collect();
            let removed = self.link.with(|target| target.remove(&old))?;
            for (it, failed) in chunk.iter().zip(removed) {
                match failed {
                    None => {
                        sending.book(&it.todo, &it.todo.here.path, it.sha256, &it.stat)?;
                        self.outcome.replaced += 1;
                    }
                    // Not booked: the next push tries again.
                    Some(err) => {
                        let why =
                            format!("an older version of a message cannot be removed: {}", err.error.what);
                        self.outcome.settled.left_alone.push((it.old.clone(), why));
                    }
                }
            }
        }
        Ok(!replaced.is_empty())
    }

    fn send(&mut self, extent: Extent, must_look: bool, replacing: &HashMap<u64, Located>) -> Result<Extent> {
        let begin = Instant::now();
        let Totals { new, changed, .. } = self.outcome.totals;
        let (total_bytes, total_items) = (new.1 + changed.1, new.0 + changed.0);
        self.ears.observer.event(Event::Begin { stage: "push", total_bytes, total_items });
        let new_folders = std::mem::take(&mut self.new_folders);
        let is_new = |path: &str| new_folders.contains(path);
        let setting = Setting {
            archive: &self.request.archive,
            journal: self.journal,
            observer: self.ears.observer,
            stop: self.ears.stop,
            force: self.request.force,
            new_folders: &is_new,
            manifest: extent,
            replacing,
        };
        let mut sending = Sending::new(&setting)?;
        if must_look {
            let folders = self.old_mail_folders(&is_new)?;
            sending.account.occupied =
                settle::look_for_messages(&mut self.link, self.journal, &folders, replacing)?;
            self.settle(&mut sending)?;
        }
        let ended = self.rounds(&mut sending);
        self.ears.observer.event(Event::End { stage: "push" });
        self.outcome.seconds.0 = begin.elapsed().as_secs_f64();
        self.take_account(&mut sending);
        if let Err(err) = ended {
            self.outcome.error.get_or_insert(err);
        }
        Ok(Extent { bytes: self.journal.manifest()?.0, is_torn: self.outcome.error.is_some() })
    }

    /// Sends until nothing is left that another round could bring on.
    fn rounds(&mut self, sending: &mut Sending) -> Result<()> {
        let mut is_second = false;
        loop {
            let mut was_cut = false;
            loop {
                if std::mem::take(&mut was_cut) {
                    let bytes = books::manifest_bytes(&mut self.link)?.unwrap_or_default();
                    sending.rewind(bytes);
                }
                match self.link.once(|target| target.run(sending)) {
                    Ok(()) => break,
                    Err(err) => {
                        if sending.has_worked() {
                            self.link.has_worked();
                        }
                        self.link.after(err)?;
                        was_cut = true;
                    }
                }
            }
            if let Some(err) = sending.end.take() {
                return Err(err);
            }
            let has_more =
                self.settle(sending)? | self.replace(sending)? | (!is_second && self.mend(sending)?);
            if !has_more {
                return Ok(());
            }
            is_second = true;
            sending.go_on();
        }
    }

    /// Compares what files have met; true if there are lines to be written for it.
    fn settle(&mut self, sending: &mut Sending) -> Result<bool> {
        let before = self.outcome.settled.here_already;
        let archive = &self.request.archive;
        settle::settle(&mut self.link, self.journal, archive, sending, &mut self.outcome.settled)?;
        Ok(self.outcome.settled.here_already > before)
    }

    /// After files have failed: makes folders that are not there any more. True if another round may do better.
    fn mend(&mut self, sending: &mut Sending) -> Result<bool> {
        if sending.account.failed.is_empty() {
            return Ok(false);
        }
        let above = |path: &str| path.rsplit_once('/').map_or(".".to_owned(), |(above, _)| above.to_owned());
        let folders: HashSet<String> =
            sending.account.failed.iter().map(|(todo, _)| above(&todo.here.path)).collect();
        let folders: Vec<String> = folders.into_iter().collect();
        let stats = self.link.with(|target| target.stat(&folders))?;
        let is_passing = sending.account.failed.iter().any(|(_, err)| err.retry == Retry::Soon);
        if stats.iter().all(Option::is_some) && !is_passing {
            return Ok(false);
        }
        self.journal.forget_folders()?;
        self.make_folders()?;
        sending.account.failed.clear();
        Ok(true)
    }

    fn old_mail_folders(&self, is_new: &dyn Fn(&str) -> bool) -> Result<Vec<String>> {
        let folders = self.journal.mail_folders()?;
        Ok(folders.into_iter().filter(|path| !is_new(path)).collect())
    }

    fn take_account(&mut self, sending: &mut Sending) {
        let account = std::mem::take(&mut sending.account);
        let outcome = &mut self.outcome;
        (outcome.files, outcome.bytes) = (account.files, account.bytes);
        outcome.resumed_bytes = account.resumed_bytes;
        outcome.changed = account.changed;
        let failed = account.failed.into_iter();
        outcome.failed = failed
            .map(|(todo, err)| (todo.here.local, err.error.what, err.error.hints.into_iter().next()))
            .collect();
    }

    fn prune(&mut self, extent: &mut Extent) -> Result<()> {
        let puts = tidy::superfluous(self.journal, &self.scopes())?;
        let pruned = tidy::prune(&mut self.link, &puts)?;
        self.outcome.pruned = pruned.removed;
        self.outcome.settled.left_alone.extend(pruned.left_alone);
        books::add(&mut self.link, self.journal, extent, &pruned.lines)
    }

    fn check(&mut self, extent: &mut Extent) -> Result<()> {
        if self.request.verify == Verify::None {
            return Ok(());
        }
        let begin = Instant::now();
        let Totals { all, .. } = self.outcome.totals;
        self.ears.observer.event(Event::Begin { stage: "verify", total_bytes: all.1, total_items: all.0 });
        let (observer, stop) = (self.ears.observer, self.ears.stop);
        let checked = check::check(&mut self.link, self.journal, self.request.verify, observer, stop);
        self.ears.observer.event(Event::End { stage: "verify" });
        self.outcome.seconds.1 = begin.elapsed().as_secs_f64();
        let mut checked = checked?;
        let lines = std::mem::take(&mut checked.lines);
        self.outcome.checked = Some(checked);
        books::add(&mut self.link, self.journal, extent, &lines)
    }
}

/// Counts by a word, for people and machines.
pub fn counts(outcome: &Outcome) -> BTreeMap<&'static str, u64> {
    BTreeMap::from([
        ("files_sent", outcome.files),
        ("bytes_sent", outcome.bytes),
        ("bytes_resumed", outcome.resumed_bytes),
        ("files_here_already", outcome.settled.here_already),
        ("files_left_alone", outcome.settled.left_alone.len() as u64),
        ("files_failed", outcome.failed.len() as u64),
        ("files_changed_meanwhile", outcome.changed.len() as u64),
        ("messages_moved", outcome.moved),
        ("messages_replaced", outcome.replaced),
        ("files_pruned", outcome.pruned),
        ("files_superfluous", outcome.superfluous),
        ("link_cuts", outcome.n_cuts),
    ])
}
