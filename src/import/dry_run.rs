//! A dry run: the importer works, and its items are only counted.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use exodus_api::{Body, Entry, Fault, Item, Kind as ItemKind, Options, Scope, Sink, Skip, Source, Stop};
use serde_json::Value;

use super::metered::Metered;
use super::papers_seen::Papers;
use super::recorder::add_refused;
use super::states::EntryState;
use super::{FaultLine, Opened, Outcome, product_of};
use crate::archive::writer::Added;
use crate::report::counts::State;
use crate::report::error::Result;
use crate::report::event::{Event, Observer};

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
        papers: Papers::default(),
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
    outcome.checklist = sink.papers.checklist();
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
    papers: Papers,
    stop: &'a AtomicBool,
}

impl Sink for DryRun<'_> {
    fn item(&mut self, item: Item) -> std::result::Result<(), Stop> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Stop);
        }
        self.papers.see(&item);
        let name = match &item.body {
            Body::Unique(Entry { size, crc32: Some(crc32), .. }) => format!("{}#{size}#{crc32}", item.key.0),
            Body::Unique(entry) => format!("{}#{}", item.key.0, entry.id),
            _ => item.key.0.clone(),
        };
        let is_new = self.seen.insert(blake3::hash(name.as_bytes()));
        let added = if is_new { Added::New } else { Added::Known };
        let counts = self.outcome.items.entry(item.kind.name()).or_default();
        if is_new {
            counts.new += 1;
        } else {
            counts.known += 1;
        }
        let state = &mut self.states[item.origin.entry.id as usize];
        state.item(added);
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
