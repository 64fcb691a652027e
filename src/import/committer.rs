//! The committer: takes what importer and workers have done, in the importer's order, and makes it safe.

use std::collections::{BTreeMap, HashMap};

use crossbeam_channel::{Receiver, Sender};
use exodus_api::{Fault, Scope, Source};
use serde_json::Value;

use super::flow::{self, Flow};
use super::states::{self, EntryState};
use super::{FAULTS_SHOWN, Opened, Outcome};
use crate::archive::reader::FaultLine;
use crate::archive::record::{EntryRecord, FaultRecord, Record};
use crate::archive::writer::{Added, Incoming, Prepared, Writer};
use crate::report::counts::State;
use crate::report::error::{Error, Result};
use crate::report::event::{Event, Observer};

/// Items that are facts only, on their way together.
#[derive(Default)]
pub struct Facts {
    /// The items, each with the number of its entry.
    pub items: Vec<(Prepared, u32)>,
    /// Their lines of the ledger.
    pub lines: Vec<u8>,
}

/// What was done, on its way to the committer.
pub enum Done {
    /// An item is ready to be written.
    Item {
        /// The item.
        incoming: Box<Incoming>,
        /// The number of its entry.
        entry: u32,
        /// True when the entry is this item and nothing else.
        is_whole: bool,
        /// True when the entry is kept verbatim.
        is_kept: bool,
    },
    /// Items that are facts only.
    Facts(Facts),
    /// An entry was read to its end.
    Used(u32),
    /// An entry was finished by an earlier run; so many items of each kind are there.
    Again(u32, Vec<(String, u64)>),
    /// An entry was passed over.
    Skip(u32, String),
    /// Something could not be taken.
    Fault(Fault),
    /// How an entry was understood.
    Note(u32, &'static str, Value),
    /// The importer has ended, and all entries with it.
    End,
    /// The archive cannot take more.
    Failed(Error),
}

impl Done {
    /// How much room it takes of what may be on its way.
    fn n_items(&self) -> u64 {
        match self {
            Done::Facts(facts) => facts.items.len() as u64,
            _ => flow::LARGE_ITEM,
        }
    }
}

/// Makes safe what the others have done.
pub struct Committer<'a> {
    /// The archive.
    pub writer: Writer,
    /// The export.
    pub opened: &'a Opened<'a>,
    /// The number of the run.
    pub run: i64,
    /// The options as the index remembers them.
    pub options: String,
    /// Who is told.
    pub observer: &'a dyn Observer,
    /// Bounds what is on its way.
    pub flow: &'a Flow,
    /// Takes facts that are in the batch back to where they were made: memory is given back by the thread that took it, without
    /// which threads wait for one another.
    pub spent: Sender<Facts>,
    /// What the run did so far.
    pub outcome: Outcome,
    states: Vec<EntryState>,
    /// The state of every entry in the index, and the options under which it was read.
    recorded: Vec<(State, Option<String>)>,
    /// Entries whose state this run has written down.
    settled: Vec<bool>,
    places: HashMap<u32, usize>,
}

impl<'a> Committer<'a> {
    /// A committer for one run.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn new(
        mut writer: Writer,
        opened: &'a Opened<'a>,
        (run, options): (i64, String),
        observer: &'a dyn Observer,
        (flow, spent): (&'a Flow, Sender<Facts>),
    ) -> Result<Committer<'a>> {
        let entries = opened.export.entries();
        let mut by_part = Vec::new();
        for part in opened.export.parts() {
            by_part.push(writer.entry_states(&part.fingerprint)?);
        }
        let state_of = |entry: &exodus_api::Entry| {
            by_part[entry.part as usize].get(&entry.path).cloned().unwrap_or((State::Pending, None))
        };
        let recorded = entries.iter().map(state_of).collect();
        let places = entries.iter().enumerate().map(|(place, entry)| (entry.id, place)).collect();
        let outcome = Outcome {
            platform: opened.importer.about().name.to_owned(),
            account: opened.survey.account.clone(),
            missing: opened.survey.missing.clone(),
            ..Outcome::default()
        };
        let states = vec![EntryState::default(); entries.len()];
        let settled = vec![false; entries.len()];
        Ok(Committer {
            writer,
            opened,
            run,
            options,
            observer,
            flow,
            spent,
            outcome,
            states,
            recorded,
            settled,
            places,
        })
    }

    /// Takes all that comes, in the order of its numbers; on a failure it lets the others know and takes no more.
    pub fn run(mut self, from: &Receiver<(u64, Done)>) -> (Writer, Outcome, Vec<EntryState>, Option<Error>) {
        let mut waiting: BTreeMap<u64, Done> = BTreeMap::new();
        let mut next = 0;
        let mut failure = None;
        for (number, done) in from {
            if failure.is_some() {
                continue;
            }
            waiting.insert(number, done);
            while let Some(done) = waiting.remove(&next) {
                next += 1;
                let n_items = done.n_items();
                if let Err(err) = self.take(done) {
                    self.flow.break_off();
                    failure = Some(err);
                    break;
                }
                self.flow.items_done(n_items);
            }
        }
        if failure.is_none()
            && let Err(err) = self.writer.commit()
        {
            failure = Some(err);
        }
        (self.writer, self.outcome, self.states, failure)
    }

    fn take(&mut self, done: Done) -> Result<()> {
        match done {
            Done::Item { incoming, entry, is_whole, is_kept } => {
                self.item(*incoming, entry, is_whole, is_kept)?
            }
            Done::Facts(facts) => {
                let added =
                    self.writer.add_prepared(facts.items.iter().map(|(item, _)| item), &facts.lines)?;
                for ((item, entry), added) in facts.items.iter().zip(added) {
                    self.count_item(item.kind(), added, *entry);
                }
                self.observer.event(Event::Items(facts.items.len() as u64));
                // Where nobody takes them any more they end here.
                let _ = self.spent.send(facts);
            }
            Done::Used(entry) => {
                self.state(entry).read();
                self.settle(entry)?;
            }
            Done::Again(entry, items) => {
                for (kind, n) in items {
                    for _ in 0..n {
                        self.state(entry).item(Added::Again);
                    }
                    if let Some(kind) = exodus_api::Kind::from_name(&kind) {
                        self.outcome.items.entry(kind.name()).or_default().known += n;
                    }
                }
                self.state(entry).read();
            }
            Done::Skip(entry, why) => {
                self.state(entry).skipped = Some(why);
                self.settle(entry)?;
            }
            Done::Fault(fault) => self.fault(&fault)?,
            Done::Note(entry, name, value) => {
                self.state(entry).notes.insert(name.to_owned(), value);
            }
            Done::End => self.end()?,
            Done::Failed(err) => return Err(err),
        }
        self.commit_if_full()
    }

    fn commit_if_full(&mut self) -> Result<()> {
        if self.writer.commit_if_full()? {
            let new_items = self.outcome.items.values().map(|counts| counts.new).sum();
            self.observer.event(Event::Saved { new_items, entries: states::count(&self.states) });
        }
        Ok(())
    }

    fn item(&mut self, incoming: Incoming, entry: u32, is_whole: bool, is_kept: bool) -> Result<()> {
        let kept_product = is_kept.then(|| incoming.product.clone());
        let kind = incoming.kind;
        let added = self.writer.add(incoming)?;
        self.count_item(kind, added, entry);
        if let Some(product) = kept_product {
            let size = self.entry(entry).map_or(0, |entry| entry.size);
            let kept = self.outcome.kept.entry(product.into_owned()).or_default();
            kept.0 += 1;
            kept.1 += size;
            self.state(entry).keep();
        }
        self.observer.event(Event::Items(1));
        if is_whole {
            self.state(entry).read();
            self.settle(entry)?;
        }
        Ok(())
    }

    fn count_item(&mut self, kind: exodus_api::Kind, added: Added, entry: u32) {
        let counts = self.outcome.items.entry(kind.name()).or_default();
        match added {
            Added::New => counts.new += 1,
            Added::Updated => counts.updated += 1,
            Added::Known | Added::Again => counts.known += 1,
        }
        self.state(entry).item(added);
    }

    fn fault(&mut self, fault: &Fault) -> Result<()> {
        let place = fault.place.to_string();
        self.outcome.n_faults += 1;
        let line = FaultLine { place: place.clone(), what: fault.what.clone(), hint: fault.hint.clone() };
        if self.outcome.faults.len() < FAULTS_SHOWN {
            self.outcome.faults.push(line);
        }
        let is_end = fault.scope == Scope::Entry;
        if is_end {
            self.state(fault.entry).faulted = Some(fault.what.clone());
            self.settle(fault.entry)?;
        }
        let Some(entry) = self.entry(fault.entry) else { return Ok(()) };
        let record = FaultRecord {
            run: self.run,
            part: self.opened.export.parts()[entry.part as usize].fingerprint.clone(),
            entry: entry.path.clone(),
            at: fault.place.at.to_string(),
            what: fault.what.clone(),
            hint: fault.hint.clone(),
        };
        self.writer.record(&Record::Fault(record))?;
        let (what, hint) = (fault.what.clone(), fault.hint.clone());
        self.observer.event(Event::Fault { place, what, hint, state: is_end.then_some(State::Faulted) });
        Ok(())
    }

    fn entry(&self, id: u32) -> Option<&'a exodus_api::Entry> {
        self.places.get(&id).map(|place| &self.opened.export.entries()[*place])
    }

    fn state(&mut self, entry: u32) -> &mut EntryState {
        let place = self.places.get(&entry).copied().unwrap_or(0);
        &mut self.states[place]
    }

    /// Writes the state of an entry down, if it is new to the index.
    fn settle(&mut self, id: u32) -> Result<()> {
        let Some(place) = self.places.get(&id).copied() else { return Ok(()) };
        let state = &self.states[place];
        let of_all_runs = state.of_all_runs();
        let (earlier, earlier_options) = &self.recorded[place];
        // What an earlier run found to be a copy of another entry's item is one still.
        let is_copy = *earlier == State::Duplicate && state.state() == State::Duplicate;
        let is_new = !is_copy && (*earlier != of_all_runs || !self.settled[place]);
        let is_reread = state.is_taken() && !is_copy && earlier_options.as_ref() != Some(&self.options);
        let is_to_write = is_reread || (is_new && states::replaces(*earlier, of_all_runs));
        if !is_to_write {
            return Ok(());
        }
        let entry = &self.opened.export.entries()[place];
        let notes = (!state.notes.is_empty()).then(|| Value::Object(state.notes.clone()));
        let record = EntryRecord {
            part: self.opened.export.parts()[entry.part as usize].fingerprint.clone(),
            path: entry.path.clone(),
            size: entry.size,
            state: if is_reread { State::Taken } else { of_all_runs },
            reason: state.reason(),
            options: Some(self.options.clone()),
            notes,
            run: self.run,
        };
        self.recorded[place] = (record.state, record.options.clone());
        self.settled[place] = true;
        self.writer.record(&Record::Entry(record))?;
        Ok(())
    }

    /// Settles entries of which items were made and nothing else was said. Not reached by a run that was stopped:
    /// an entry that was not read to its end stays pending.
    fn end(&mut self) -> Result<()> {
        for (place, entry) in self.opened.export.entries().iter().enumerate() {
            if self.states[place].is_open() {
                self.states[place].read();
            }
            self.settle(entry.id)?;
            if let Some(note) = notes_in_words(&entry.path, &self.states[place]) {
                self.outcome.notes.push(note);
            }
            // What an entry names and no part holds is missing too; the export's own list, where there is one, has it.
            if self.opened.survey.missing.is_empty() {
                match self.states[place].notes.get("missing") {
                    Some(Value::String(missing)) => self.outcome.missing.push(missing.clone()),
                    Some(Value::Array(all)) => {
                        let paths = all.iter().filter_map(Value::as_str).map(str::to_owned);
                        self.outcome.missing.extend(paths);
                    }
                    _ => {}
                }
            }
        }
        self.outcome.missing.sort_unstable();
        Ok(())
    }
}

fn notes_in_words(path: &str, state: &EntryState) -> Option<String> {
    // Longer notes are for the index.
    let words = state.notes.iter().filter(|(name, _)| *name != "missing");
    let words = words.filter_map(|(name, value)| match value {
        Value::String(text) => Some(format!("{name} {text}")),
        Value::Number(number) => Some(format!("{name} {number}")),
        _ => None,
    });
    let words: Vec<String> = words.collect();
    (!words.is_empty()).then(|| format!("{path}: {}", words.join(", ")))
}
