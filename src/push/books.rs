//! The books: the journal brought in step with the target's manifest, and lines added to it outside of sending.

use std::io::{self, Write};

use super::journal::Journal;
use super::link::Link;
use super::manifest::{self, Extent, Line};
use super::target::{self, Feed, FileTarget, Next, Outcome, TargetError, Task};
use crate::report::error::Result;
use crate::report::event::{Event, Observer};

/// Brings the journal in step with the manifest; tells how long that is, `None` if there is none.
///
/// # Errors
/// When the target cannot be asked or the journal not be written.
pub fn learn(link: &mut Link, journal: &Journal, observer: &dyn Observer) -> Result<Option<Extent>> {
    let (known_bytes, _) = journal.manifest()?;
    let Some(bytes) = manifest_bytes(link)? else {
        if known_bytes > 0 {
            let what =
                "the target has lost its manifest (.exodus/manifest.jsonl): what is there is compared anew";
            observer.event(Event::Warning(what.to_owned()));
        }
        journal.at_once(Journal::forget)?;
        return Ok(None);
    };
    if bytes == known_bytes {
        return Ok(Some(Extent { bytes, is_torn: false }));
    }
    journal.at_once(|journal| {
        let reader = link.with(|target| {
            journal.forget().map_err(fatal)?;
            let mut intake = Intake { journal, reader: manifest::Reader::default() };
            target.read(manifest::PATH, 0, &mut intake)?;
            Ok(intake.reader)
        })?;
        // A line that was cut is not counted: the next run reads again, and knows that it is there.
        journal.set_manifest(bytes.saturating_sub(reader.torn_bytes()))?;
        Ok(Some(Extent { bytes, is_torn: reader.is_inside_line() }))
    })
}

/// How long the manifest is now.
///
/// # Errors
/// When the target cannot be asked.
pub fn manifest_bytes(link: &mut Link) -> Result<Option<u64>> {
    let stats = link.ask(|target| target.stat(&[manifest::PATH.to_owned()]))?;
    Ok(stats.first().copied().flatten().map(|stat| stat.size))
}

/// Adds lines to the manifest and to the journal.
///
/// # Errors
/// When the target or the journal cannot be written.
pub fn add(link: &mut Link, journal: &Journal, extent: &mut Extent, lines: &[Line]) -> Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    let mut text: String = lines.iter().map(Line::to_text).collect();
    text.insert_str(0, extent.before_lines());
    append(link, text)?;
    // Asked, not counted: a cut may have appended them twice, which says the same.
    extent.bytes = manifest_bytes(link)?.unwrap_or_default();
    journal.at_once(|journal| {
        lines.iter().try_for_each(|line| journal.apply(line))?;
        journal.set_manifest(extent.bytes)
    })
}

fn append(link: &mut Link, text: String) -> Result<()> {
    let mut is_again = false;
    link.with(|target| {
        // The first try may have been cut within a line.
        let line_end = if std::mem::replace(&mut is_again, true) { "\n" } else { "" };
        let bytes = format!("{line_end}{text}").into_bytes();
        do_task(target, Task::Append { path: manifest::PATH.to_owned(), bytes })
    })
}

/// Has the target do one task.
fn do_task(target: &mut dyn FileTarget, task: Task) -> target::Result<()> {
    let mut feed = OneTask { task: Some(task), failed: None };
    target.run(&mut feed)?;
    feed.failed.map_or(Ok(()), Err)
}

struct OneTask {
    task: Option<Task>,
    failed: Option<TargetError>,
}

impl Feed for OneTask {
    fn next(&mut self) -> Next {
        self.task.take().map_or(Next::End, |task| Next::Task(1, task))
    }

    fn done(&mut self, _: u64, outcome: Outcome) {
        if let Outcome::Failed(err) = outcome {
            self.failed = Some(err);
        }
    }

    fn progress(&mut self, _: u64) {}

    fn resumed(&mut self, _: u64) {}

    fn care(&self) -> u32 {
        0
    }

    fn should_stop(&self) -> bool {
        false
    }
}

/// Reads a manifest into the journal as it comes.
struct Intake<'a> {
    journal: &'a Journal,
    reader: manifest::Reader,
}

impl Write for Intake<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let mut done = Ok(());
        let journal = self.journal;
        self.reader.feed(piece, &mut |line| {
            if done.is_ok() {
                done = journal.apply(&line);
            }
        });
        done.map_err(io::Error::other)?;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An error on our side: trying again does not help.
pub fn fatal(error: crate::report::error::Error) -> TargetError {
    TargetError { retry: target::Retry::EndRun, error }
}
