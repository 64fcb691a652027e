//! Which entries an importer has something to say of, asked without an archive: what it says nothing of will only be
//! kept, and in a product that it understands that means a layout which is newer than it knows.

use exodus_api::{Entry, Fault, Item, Options, Scope, Sink, Skip, Source, Stop};
use serde_json::Value;

use super::metered::Metered;
use super::papers_seen::Papers;
use super::states::EntryState;
use super::{Opened, import_error};
use crate::archive::views::papers::checklist::Checklist;
use crate::archive::writer::Added;
use crate::report::error::Result;
use crate::report::event::{Event, Observer};

/// Entries above this are not read for the question: the importer is told that an earlier run has finished them. A
/// mailbox of 50 GB would have to be read to its end to find out what its first lines tell.
const READ_LIMIT_BYTES: u64 = 8 << 20;

/// What an importer says of the entries of an export.
pub struct Claims {
    states: Vec<EntryState>,
    papers: Papers,
}

impl Claims {
    /// Lets the importer work on the export and throws its items away.
    ///
    /// # Errors
    /// When the importer cannot make sense of the export.
    pub fn of(opened: &Opened, observer: &dyn Observer) -> Result<Claims> {
        let entries = opened.export.entries();
        let largest = entries.iter().map(|entry| entry.id).max().unwrap_or(0);
        let mut claims =
            Claims { states: vec![EntryState::default(); largest as usize + 1], papers: Papers::default() };
        let source = Metered::new(&opened.export, &opened.survey, observer);
        let (total_bytes, total_items) = (opened.export.content_bytes(), entries.len() as u64);
        observer.event(Event::Begin { stage: "inspect", total_bytes, total_items });
        let done = opened.importer.import(&source, &Options::default(), &mut claims);
        observer.event(Event::End { stage: "inspect" });
        done.map_err(import_error)?;
        Ok(claims)
    }

    /// True when the importer said something of the entry, if only that it knows and keeps it.
    pub fn is_claimed(&self, entry: &Entry) -> bool {
        self.states[entry.id as usize].is_claimed()
    }

    /// What there is of papers and what is missing; `None` if there are none.
    pub fn checklist(&self) -> Option<Checklist> {
        self.papers.checklist()
    }

    /// Why an entry cannot be taken, or a record of it: the first reason.
    pub fn fault(&self, entry: &Entry) -> Option<&str> {
        self.states[entry.id as usize].faulted.as_deref()
    }
}

impl Sink for Claims {
    fn item(&mut self, item: Item) -> std::result::Result<(), Stop> {
        self.papers.see(&item);
        let state = &mut self.states[item.origin.entry.id as usize];
        state.item(Added::New);
        if item.body.entry().is_some_and(|body| body.id == item.origin.entry.id) {
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

    fn keep(&mut self, entry: &Entry) -> std::result::Result<(), Stop> {
        self.states[entry.id as usize].read();
        Ok(())
    }

    fn fault(&mut self, fault: Fault) -> std::result::Result<(), Stop> {
        let state = &mut self.states[fault.entry as usize];
        state.faulted.get_or_insert(fault.what);
        if fault.scope == Scope::Entry {
            state.read();
        }
        Ok(())
    }

    fn note(&mut self, _: &Entry, _: &'static str, _: Value) -> std::result::Result<(), Stop> {
        Ok(())
    }

    fn is_done(&self, entry: &Entry) -> bool {
        entry.size > READ_LIMIT_BYTES
    }
}
