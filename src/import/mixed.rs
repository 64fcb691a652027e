//! Exports of two platforms given as one: found out before anything is written.
//!
//! Their files would lie in one tree, and the importer of the one would take what it knows of the other's for its own (Instagram and
//! Facebook both have `messages/inbox/`). So every part must be one that the importer of the whole knows by itself, or nobody does.

use std::io::Read;

use exodus_api::{Detection, Entry, Importer, Source, SourceError};

use crate::report::error::{Error, Kind, Result};
use crate::source::Export;

/// One part of an export, as if it were all of it.
struct Alone<'a> {
    export: &'a Export,
    entries: Vec<Entry>,
}

impl Source for Alone<'_> {
    fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn open(&self, entry: &Entry) -> std::result::Result<Box<dyn Read + Send + '_>, SourceError> {
        self.export.open(entry)
    }

    fn part_name(&self, part: u32) -> &str {
        self.export.part_name(part)
    }

    fn opens_anywhere(&self, entry: &Entry) -> bool {
        self.export.opens_anywhere(entry)
    }
}

/// Refuses parts that are another platform's than `chosen`.
///
/// # Errors
/// When there is one.
pub fn refuse(export: &Export, chosen: &dyn Importer, importers: &[&dyn Importer]) -> Result<()> {
    let n_parts = export.parts().len() as u32;
    if n_parts < 2 {
        return Ok(());
    }
    for part in 0..n_parts {
        let entries = export.entries().iter().filter(|entry| entry.part == part).cloned().collect();
        let alone = Alone { export, entries };
        let is_of = |importer: &dyn Importer| matches!(importer.detect(&alone), Detection::Yes { .. });
        if is_of(chosen) {
            continue;
        }
        let others = importers.iter().filter(|other| other.about().name != chosen.about().name);
        if let Some(other) = others.copied().find(|other| is_of(*other)) {
            let what = format!(
                "the parts are of two exports: `{}` is of {}, and others are of {}",
                export.part_name(part),
                other.about().title,
                chosen.about().title
            );
            return Err(Error::new(Kind::Export, what)
                .hint("give the parts of one export in one command, then those of the other; one archive holds both"));
        }
    }
    Ok(())
}
