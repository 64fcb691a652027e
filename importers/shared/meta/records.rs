//! The records of a file of Meta's, one by one: of JSON and of pages, of which one that cannot be read costs only itself.

use std::collections::HashMap;

use exodus_api::{At, Body, Entry, ImportError, Item, Kind, Origin, Sink, Source};
use serde_json::Value;

use super::facts::Facts;
use super::mojibake;
use super::pages::{Head, Page};
use super::record::{self, Record};
use super::shape::Shape;
use crate::shared::faults;
use crate::shared::json_list::List;

/// Where records stand: in a list, or in one below a wrapper key.
pub const LISTS: &[&[&str]] = &[&["*"], &["?", "*"]];
/// A file that is one record.
pub const WHOLE: &[&[&str]] = &[&[]];
/// First keys of a file that is one generic record.
const OF_ONE: &[&str] = &[
    "timestamp",
    "media",
    "label_values",
    "fbid",
    "ent_name",
    "title",
    "string_map_data",
    "string_list_data",
];

/// The keys that were given, so that no two items have the same.
#[derive(Debug, Default)]
pub struct Keys(HashMap<String, u32>);

impl Keys {
    /// The key, with a number if it was given before.
    pub fn free(&mut self, key: String) -> String {
        let n = self.0.entry(key.clone()).or_default();
        *n += 1;
        if *n > 1 { format!("{key}#{n}") } else { key }
    }
}

/// A file with records.
#[derive(Clone, Copy)]
pub struct Pages<'a> {
    /// The export.
    pub source: &'a dyn Source,
    /// The file.
    pub entry: &'a Entry,
    /// What is said of a record that cannot be taken.
    pub what: &'static str,
    /// What can be done about it.
    pub hint: &'static str,
}

/// Takes a record of a page, with what stands above it.
pub type Take<'t> = dyn FnMut(Record, &Head, Origin, &mut dyn Sink) -> Result<(), ImportError> + 't;
/// Takes the facts of a record.
pub type TakeFacts<'t> = dyn FnMut(Facts, Origin, &mut dyn Sink) -> Result<(), ImportError> + 't;
/// Takes a record of JSON that was made whole; false if it is none that can be taken.
pub type TakeValue<'t> = dyn FnMut(Value, Origin, &mut dyn Sink) -> Result<bool, ImportError> + 't;
/// Takes the same with the keys on the way to it.
pub type TakeKeyed<'t> = dyn FnMut(Value, &[String], Origin, &mut dyn Sink) -> Result<bool, ImportError> + 't;

impl Pages<'_> {
    /// True for a page.
    pub fn is_page(&self) -> bool {
        self.entry.name().to_lowercase().ends_with(".html")
    }

    /// Hands every record of a page to `take`; tells whether it could be read to its end. What cannot be read is a fault.
    ///
    /// # Errors
    /// When the run has to end.
    pub fn each(&self, sink: &mut dyn Sink, take: &mut Take) -> Result<bool, ImportError> {
        let (source, entry) = (self.source, self.entry);
        let Some(reader) = faults::opened(source, entry, sink)? else { return Ok(false) };
        let mut page = Page::new(reader);
        loop {
            let found = match page.next_record() {
                Ok(Some(found)) => found,
                Ok(None) => return Ok(true),
                Err(err) => {
                    sink.fault(faults::breaks_off(source, entry, page.offset(), &err))?;
                    return Ok(false);
                }
            };
            let at = At::Byte(found.offset);
            match found.html {
                Some(html) => {
                    let origin = Origin { entry: entry.clone(), at };
                    take(record::read(&html), &page.head(), origin, sink)?;
                }
                None => sink.fault(faults::bad_record(source, entry, at, self.what.to_owned(), self.hint))?,
            }
        }
    }

    /// Hands every record of JSON at `paths` to `take`, made whole; tells whether the file could be read to its end.
    ///
    /// # Errors
    /// When the run has to end.
    pub fn each_value(
        &self,
        paths: &'static [&'static [&'static str]],
        sink: &mut dyn Sink,
        take: &mut TakeValue,
    ) -> Result<bool, ImportError> {
        self.each_keyed(paths, sink, &mut |value, _, origin, sink| take(value, origin, sink))
    }

    /// The same, with the keys that stood for a `?` in the path of each record.
    ///
    /// # Errors
    /// When the run has to end.
    pub fn each_keyed(
        &self,
        paths: &'static [&'static [&'static str]],
        sink: &mut dyn Sink,
        take: &mut TakeKeyed,
    ) -> Result<bool, ImportError> {
        let (source, entry) = (self.source, self.entry);
        let is_mangled = mojibake::is_mangled(source, entry);
        let list = List { source, entry, paths, what: self.what, hint: self.hint };
        list.each(sink, &mut |record, sink| {
            let mut value = record.value;
            if is_mangled {
                mojibake::repair(&mut value);
            }
            take(value, &record.keys, record.origin, sink)
        })
    }

    /// Hands the facts of every generic record to `take`; tells whether the file could be read to its end.
    ///
    /// # Errors
    /// When the run has to end.
    pub fn each_facts(&self, sink: &mut dyn Sink, take: &mut TakeFacts) -> Result<bool, ImportError> {
        if self.is_page() {
            return self.each(sink, &mut |record, head, origin, sink| {
                let facts = Facts::of_page(record, head);
                let is_any = !facts.title.is_empty() || !facts.rows.is_empty();
                if is_any { take(facts, origin, sink) } else { Ok(()) }
            });
        }
        let shape = Shape::of(self.source, self.entry).unwrap_or_default();
        let is_one = !shape.is_list && OF_ONE.contains(&&*shape.key);
        self.each_value(if is_one { WHOLE } else { LISTS }, sink, &mut |value, origin, sink| {
            match Facts::of_json(&value) {
                Some(facts) => take(facts, origin, sink)?,
                // `{}`, and the words that there is no data.
                None if !value.is_number() => {}
                None => return Ok(false),
            }
            Ok(true)
        })
    }
}

/// The file of a list, as it is: for those of which rows do not say all.
pub fn original(platform: &str, entry: &Entry, product: &'static str, keys: &mut Keys) -> Item {
    let path: Vec<&str> = entry.path.rsplit(['/', '\\']).take(2).collect();
    let path = path.into_iter().rev().collect::<Vec<_>>().join("/");
    // Two parts may have different files of one name.
    let key = keys.free(format!("original:{}", path.to_lowercase()));
    let origin = Origin { entry: entry.clone(), at: At::Whole };
    let mut item = Item::new(Kind::File, product, key, origin);
    let name = entry.name().rsplit('\\').next().unwrap_or(entry.name());
    item.title = Some(name.to_owned());
    item.path = format!("{platform}/{product}/{name}");
    item.body = Body::Entry(entry.clone());
    item
}
