//! Calendar: one iCalendar object for every event, with its recurrences and the time zones it uses.
//!
//! A Takeout has one `.ics` for each calendar (`PRODID:-//Google Inc//Google Calendar`, `X-WR-CALNAME`,
//! `X-WR-TIMEZONE`, `VTIMEZONE`, events with `UID:…@google.com`). The overrides of a recurring event stand anywhere in
//! the file, so it is read twice: the first reading counts how many components a UID has and collects the time zones,
//! the second holds a series only until all of it has come.

mod event;

use std::collections::{BTreeMap, HashMap, HashSet};

use exodus_api::{At, Body, Entry, ImportError, Item, Kind, Options, Origin, Product, Sink, Skip, Source};
use serde_json::{Map, Value};

use self::event::{Object, Series};
use super::{faults, head};
use crate::shared::content_lines::{self, Component, Piece, Splitter};
use crate::shared::names;

/// Imports the calendars of an account.
pub fn import(
    source: &dyn Source,
    product: &Product,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let root = format!("{}/", product.folder);
    let is_calendar =
        |entry: &&Entry| entry.name().to_lowercase().ends_with(".ics") && !names::is_system_junk(&entry.path);
    let entries: Vec<&Entry> = source.under(&root).iter().filter(is_calendar).collect();
    for (entry, name) in named(source, &entries) {
        if !options.wants(Kind::Event, "calendar") {
            sink.skip(entry, Skip::NotAskedFor)?;
        } else if sink.is_done(entry) {
            sink.used(entry)?;
        } else {
            Calendar::survey(source, entry, name).send(source, sink)?;
        }
    }
    Ok(())
}

/// The calendars in the order in which they are read, each with a name that no other has.
fn named<'a>(source: &dyn Source, entries: &[&'a Entry]) -> Vec<(&'a Entry, String)> {
    let mut by_name: Vec<&Entry> = entries.to_vec();
    // `Family.ics` before `Family(1).ics`.
    by_name.sort_by_key(|entry| (entry.path.len(), entry.path.as_str()));
    let mut taken = HashSet::new();
    let mut found = Vec::new();
    for entry in by_name {
        let beginning = head(source, entry, 8 << 10);
        let properties = content_lines::lines(&beginning).filter_map(content_lines::property);
        let told = properties.into_iter().find(|it| it.name == "X-WR-CALNAME").map(|it| it.text());
        let told = told.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        let stem = entry.name().rsplit_once('.').map_or(entry.name(), |(stem, _)| stem);
        let name = told.unwrap_or_else(|| stem.to_owned());
        let mut choice = name.clone();
        let mut n = 1;
        while !taken.insert(names::folded(&choice)) {
            n += 1;
            choice = format!("{name} ({n})");
        }
        found.push((entry, choice));
    }
    found.sort_by_key(|(entry, _)| (entry.part, entry.order));
    found
}

/// One calendar as the first reading found it.
struct Calendar<'a> {
    entry: &'a Entry,
    name: String,
    /// Properties of the calendar that every object repeats: version, product, scale.
    head: Vec<u8>,
    /// All its properties.
    facts: Map<String, Value>,
    zones: BTreeMap<String, Vec<u8>>,
    n_of_uid: HashMap<String, u32>,
    /// True when something stands in it that is neither an event nor a task nor a time zone.
    has_others: bool,
}

impl<'a> Calendar<'a> {
    /// Reads all of it. What cannot be read is reported when it is sent.
    fn survey(source: &dyn Source, entry: &'a Entry, name: String) -> Calendar<'a> {
        let mut calendar = Calendar {
            entry,
            name,
            head: Vec::new(),
            facts: Map::new(),
            zones: BTreeMap::new(),
            n_of_uid: HashMap::new(),
            has_others: false,
        };
        if let Ok(reader) = source.open(entry) {
            let mut splitter = Splitter::new(reader, "VCALENDAR");
            while let Ok(Some(piece)) = splitter.next_piece() {
                match piece {
                    Piece::Line(line) => calendar.line(&line),
                    Piece::Component(component) => calendar.component(component),
                }
            }
        }
        calendar
    }

    fn line(&mut self, line: &[u8]) {
        let Some(property) = content_lines::property(line) else { return };
        match property.name.as_str() {
            "BEGIN" | "END" => {}
            name => {
                if matches!(name, "VERSION" | "PRODID" | "CALSCALE") && !self.facts.contains_key(name) {
                    content_lines::push_raw(&mut self.head, line);
                }
                self.facts.entry(name.to_owned()).or_insert_with(|| property.text().into());
            }
        }
    }

    fn component(&mut self, component: Component) {
        match component.name.as_str() {
            "VTIMEZONE" => {
                let properties = content_lines::properties(&component.bytes);
                if let Some(zone) = properties.iter().find(|it| it.name == "TZID").map(|it| it.text()) {
                    self.zones.entry(zone).or_insert(component.bytes);
                }
            }
            _ if event::kind_of(&component.name).is_some() => {
                *self.n_of_uid.entry(event::uid_of(&component)).or_default() += 1;
            }
            _ => self.has_others = true,
        }
    }

    fn send(self, source: &dyn Source, sink: &mut dyn Sink) -> Result<(), ImportError> {
        let Some(reader) = faults::opened(source, self.entry, sink)? else { return Ok(()) };
        if self.facts.is_empty() && self.n_of_uid.is_empty() {
            let mut splitter = Splitter::new(reader, "VCALENDAR");
            return match splitter.next_piece() {
                Err(err) => Ok(sink.fault(faults::breaks_off(source, self.entry, 0, &err))?),
                // No calendar, whatever its name: kept as it is.
                Ok(_) => Ok(()),
            };
        }
        let mut splitter = Splitter::new(reader, "VCALENDAR");
        let mut open: HashMap<String, Series> = HashMap::new();
        let mut end = 0;
        let failure = loop {
            match splitter.next_piece() {
                Ok(Some(Piece::Component(component))) => {
                    end = component.offset + component.bytes.len() as u64;
                    self.send_component(source, component, &mut open, sink)?;
                }
                Ok(Some(Piece::Line(_))) => {}
                Ok(None) => break None,
                Err(err) => break Some(err),
            }
        };
        // Of a file that breaks off these series may lack their rest.
        let mut rest: Vec<Series> = open.into_values().collect();
        rest.sort_by_key(Series::offset);
        for series in rest {
            self.send_series(series, sink)?;
        }
        sink.item(self.own_item())?;
        match failure {
            Some(err) => sink.fault(faults::breaks_off(source, self.entry, end, &err))?,
            None if self.has_others => sink.item(self.whole_item())?,
            None => sink.used(self.entry)?,
        }
        Ok(())
    }

    fn send_component(
        &self,
        source: &dyn Source,
        component: Component,
        open: &mut HashMap<String, Series>,
        sink: &mut dyn Sink,
    ) -> Result<(), ImportError> {
        if event::kind_of(&component.name).is_none() {
            return Ok(());
        }
        let uid = event::uid_of(&component);
        let n_wanted = self.n_of_uid.get(&uid).copied().unwrap_or(1);
        let is_cut = component.is_cut;
        let at = At::Byte(component.offset);
        let series = open.entry(uid.clone()).or_default();
        series.add(component);
        if is_cut {
            let what = "an event has no end".to_owned();
            let hint = "the file was cut short; look for the whole one, or export again";
            sink.fault(faults::bad_record(source, self.entry, at, what, hint))?;
        }
        if series.n_seen() >= n_wanted
            && let Some(series) = open.remove(&uid)
        {
            self.send_series(series, sink)?;
        }
        Ok(())
    }

    fn send_series(&self, series: Series, sink: &mut dyn Sink) -> Result<(), ImportError> {
        for object in series.into_objects() {
            sink.item(self.item(&object))?;
        }
        Ok(())
    }

    fn item(&self, object: &Object) -> Item {
        let facts = object.facts();
        let key = format!("event:{}:{}", names::folded(&self.name), object.uid);
        let origin = Origin { entry: self.entry.clone(), at: At::Byte(object.offset()) };
        let mut item = Item::new(object.kind(), "calendar", key, origin);
        item.title = facts.summary;
        item.time = facts.changed;
        item.path = format!("{}/{}.ics", folder_of(&self.name), content_lines::file_stem(&object.uid));
        item.extra = facts.extra;
        item.extra.insert("calendar".to_owned(), self.name.clone().into());
        item.body = Body::Inline(object.written(&self.head, &self.zones));
        item
    }

    /// What the export says of the calendar itself.
    fn own_item(&self) -> Item {
        let key = format!("calendar:{}", names::folded(&self.name));
        let origin = Origin { entry: self.entry.clone(), at: At::Byte(0) };
        let mut item = Item::new(Kind::Setting, "calendar", key, origin);
        item.title = Some(self.name.clone());
        item.extra.insert("setting".to_owned(), "calendar".into());
        item.extra.insert("content".to_owned(), Value::Object(self.facts.clone()));
        item
    }

    /// The file as it is, when not everything in it is understood.
    fn whole_item(&self) -> Item {
        let origin = Origin { entry: self.entry.clone(), at: At::Whole };
        let key = format!("calendar-file:{}", names::folded(&self.name));
        let mut item = Item::new(Kind::File, "calendar", key, origin);
        item.title = Some(self.entry.name().to_owned());
        item.path = format!("google/calendar/{}", self.entry.name());
        item.body = Body::Entry(self.entry.clone());
        item
    }
}

/// A name as that of one folder.
pub fn folder_of(name: &str) -> String {
    name.replace(['/', '\\'], "_")
}
