//! Checks that a target has what it should have: by size, or by hash.

use std::sync::atomic::{AtomicBool, Ordering};

use super::journal::Journal;
use super::link::Link;
use super::manifest::{Line, Put};
use super::settle::read_back;
use super::target::{FileKind, FileTarget, Result as TargetResult, Sha256, Stat};
use super::tidy::Folders;
use crate::report::error::{Error, Kind, Result};
use crate::report::event::{Event, Observer};

/// So many files are checked at a time.
const CHUNK: u64 = 256;

/// How to check.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verify {
    /// Not at all, beyond what sending itself looks at.
    None,
    /// Every file is there with its size.
    Size,
    /// Every file is there with its bytes. Where the target cannot compute hashes, files are read back: this share
    /// of them (1.0: all).
    Hash {
        /// The share of files to read back.
        sample: f64,
    },
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Files that are there as they should be.
    pub good: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Of those, files whose hash was computed by the target, and files that were read back.
    pub hashed_there: u64,
    /// See `hashed_there`.
    pub read_back: u64,
    /// Files of which only the size was looked at.
    pub by_size: u64,
    /// Messages that their owner has moved or deleted there.
    pub moved_on: u64,
    /// What is wrong: path on the target and what.
    pub problems: Vec<(String, String)>,
    /// Lines for the manifest: what is lost is sent again by the next push.
    pub lines: Vec<Line>,
}

/// Checks all that the archive and the target both have.
///
/// # Errors
/// When the target cannot be asked, or the user stops.
pub fn check(
    link: &mut Link,
    journal: &Journal,
    verify: Verify,
    observer: &dyn Observer,
    stop: &AtomicBool,
) -> Result<Checked> {
    let mut run = Run { verify, checked: Checked::default(), folders: Folders::default(), seed: seed() };
    let mut after = String::new();
    loop {
        let rows = journal.there(&after, CHUNK)?;
        let Some((last, _)) = rows.last() else { return Ok(run.checked) };
        after.clone_from(last);
        let puts: Vec<Put> = rows.into_iter().map(|(_, put)| put).collect();
        let bytes = puts.iter().map(|put| put.size).sum();
        let found = link.with(|target| run.look(target, &puts))?;
        run.judge(&puts, found);
        observer.event(Event::Items(puts.len() as u64));
        observer.event(Event::Bytes(bytes));
        if stop.load(Ordering::Relaxed) {
            return Err(Error::new(
                Kind::Interrupted,
                "stopped while checking; all that was sent stays sent",
            ));
        }
    }
}

struct Run {
    verify: Verify,
    checked: Checked,
    /// Folders of messages that are not where they were put, listed once each.
    folders: Folders,
    seed: u64,
}

/// What was seen of one file.
struct Seen {
    stat: Option<Stat>,
    hash: Hash,
}

enum Hash {
    NotAsked,
    There(Option<Sha256>),
    ReadBack(Option<Sha256>),
}

impl Run {
    fn look(&mut self, target: &mut dyn FileTarget, puts: &[Put]) -> TargetResult<Vec<Seen>> {
        let mut paths: Vec<String> = puts.iter().map(|put| put.path.clone()).collect();
        let mut stats = target.stat(&paths)?;
        for (n, put) in puts.iter().enumerate() {
            if stats[n].is_none()
                && let Some(located) = self.folders.renamed(target, put)?
            {
                (paths[n], stats[n]) = (located.path, Some(located.stat));
            }
        }
        let mut seen: Vec<Seen> = stats.into_iter().map(|stat| Seen { stat, hash: Hash::NotAsked }).collect();
        if let Verify::Hash { sample } = self.verify {
            self.hash(target, sample, (puts, &paths), &mut seen)?;
        }
        Ok(seen)
    }

    fn hash(
        &self,
        target: &mut dyn FileTarget,
        sample: f64,
        (puts, paths): (&[Put], &[String]),
        seen: &mut [Seen],
    ) -> TargetResult<()> {
        let is_sound = |n: &usize| seen[*n].stat.is_some_and(|stat| stat.size == puts[*n].size);
        let sound: Vec<usize> = (0..puts.len()).filter(is_sound).collect();
        let asked: Vec<String> = sound.iter().map(|n| paths[*n].clone()).collect();
        if asked.is_empty() {
            return Ok(());
        }
        if let Some(hashes) = target.hashes(&asked)? {
            for (n, hash) in sound.into_iter().zip(hashes) {
                seen[n].hash = Hash::There(hash);
            }
            return Ok(());
        }
        for (n, path) in sound.into_iter().zip(asked) {
            if self.is_in_sample(&path, sample) {
                seen[n].hash = Hash::ReadBack(read_back(target, &path)?);
            }
        }
        Ok(())
    }

    fn is_in_sample(&self, path: &str, sample: f64) -> bool {
        let mut hash = blake3::Hasher::new();
        hash.update(&self.seed.to_le_bytes()).update(path.as_bytes());
        let bytes = hash.finalize();
        let number = u32::from_le_bytes([bytes.as_bytes()[0], bytes.as_bytes()[1], bytes.as_bytes()[2], 0]);
        f64::from(number) < sample * f64::from(1_u32 << 24)
    }

    fn judge(&mut self, puts: &[Put], found: Vec<Seen>) {
        for (put, seen) in puts.iter().zip(found) {
            let Some(stat) = seen.stat else {
                if put.message.is_some() {
                    self.checked.moved_on += 1;
                } else {
                    self.problem(put, "is not there any more; the next push sends it again");
                }
                continue;
            };
            let is_changed =
                stat.size != put.size || (put.message.is_none() && stat.mtime != put.seen_mtime());
            let bad = "was changed there since exodus put it; --force replaces it with the archive's";
            let rotten = "does not have the bytes that were sent; --force replaces it";
            match seen.hash {
                _ if stat.kind != FileKind::File => self.problem(put, "is no file any more"),
                _ if stat.size != put.size => self.problem(put, bad),
                Hash::There(hash) | Hash::ReadBack(hash) if hash != Some(put.sha256) => {
                    self.problem(put, if is_changed { bad } else { rotten });
                }
                Hash::There(_) => self.good(put, |checked| &mut checked.hashed_there),
                Hash::ReadBack(_) => self.good(put, |checked| &mut checked.read_back),
                Hash::NotAsked => self.good(put, |checked| &mut checked.by_size),
            }
        }
    }

    fn good(&mut self, put: &Put, how: fn(&mut Checked) -> &mut u64) {
        self.checked.good += 1;
        self.checked.bytes += put.size;
        *how(&mut self.checked) += 1;
    }

    fn problem(&mut self, put: &Put, what: &str) {
        self.checked.problems.push((put.path.clone(), what.to_owned()));
        self.checked.lines.push(Line::Gone { gone: put.path.clone() });
    }
}

/// Another one at every run, so that samples differ.
fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_nanos() as u64)
}
