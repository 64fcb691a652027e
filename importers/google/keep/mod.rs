//! Keep: one Markdown file for every note, with its attachments beside.
//!
//! A note is `<title>.json` with a page `<title>.html` of the same content (both since about 2018; only pages before),
//! attachments lie in the same folder under names made of times. Where both are there the JSON is read, and the page
//! only if the JSON is broken. What a note was read from is kept too, since Markdown does not hold all of it.

mod markdown;
mod note;
mod page;

use std::collections::{HashMap, HashSet};

use exodus_api::{At, Body, Entry, ImportError, Item, Kind, Options, Origin, Product, Sink, Skip, Source};

use self::note::Note;
use super::{faults, read};
use crate::shared::names;

/// A larger file is no note: pages may hold pictures.
const LIMIT_BYTES: u64 = 32 << 20;

/// Imports all notes of an account.
///
/// `missing` are paths that no given part holds. A page whose JSON is among them is kept: the note comes with its JSON.
pub fn import(
    source: &dyn Source,
    (product, missing): (&Product, &[String]),
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let root = format!("{}/", product.folder);
    let entries = source.under(&root).iter().filter(|entry| !names::is_system_junk(&entry.path));
    let mut entries: Vec<&Entry> = entries.collect();
    if !options.wants(Kind::Note, "keep") {
        for entry in entries {
            sink.skip(entry, Skip::NotAskedFor)?;
        }
        return Ok(());
    }
    entries.sort_by_key(|entry| (entry.part, entry.order));
    let mut keep = Keep::new(source, &entries);
    keep.missing.extend(missing.iter().filter(|path| path.ends_with(".json")).map(|path| folded_stem(path)));
    let pages: Vec<&Entry> = entries.iter().copied().filter(|entry| has_end(entry, ".html")).collect();
    for entry in entries.iter().filter(|entry| has_end(entry, ".json")) {
        keep.json(entry, sink)?;
    }
    for entry in pages {
        keep.page(entry, sink)?;
    }
    keep.rest(&entries, sink)
}

fn has_end(entry: &Entry, end: &str) -> bool {
    entry.size <= LIMIT_BYTES && entry.name().to_lowercase().ends_with(end)
}

/// A path without its extension, as paths are compared: the same for the two files of a note.
fn folded_stem(path: &str) -> String {
    names::folded(path.rsplit_once('.').map_or(path, |(stem, _)| stem))
}

struct Keep<'a> {
    source: &'a dyn Source,
    by_path: HashMap<String, &'a Entry>,
    by_stem: HashMap<String, Vec<&'a Entry>>,
    /// Stems of notes that were taken from their JSON.
    taken: HashSet<String>,
    /// Stems of notes whose JSON is in a part that was not given.
    missing: HashSet<String>,
    keys: HashSet<String>,
    /// Attachments that were sent.
    sent: HashSet<u32>,
}

impl<'a> Keep<'a> {
    fn new(source: &'a dyn Source, entries: &[&'a Entry]) -> Keep<'a> {
        let mut by_stem: HashMap<String, Vec<&'a Entry>> = HashMap::new();
        let files = entries.iter().filter(|entry| {
            let name = entry.name().to_lowercase();
            ![".json", ".html", ".txt"].iter().any(|end| name.ends_with(end))
        });
        for entry in files.clone() {
            by_stem.entry(folded_stem(&entry.path)).or_default().push(entry);
        }
        let by_path = files.map(|entry| (names::folded(&entry.path), *entry)).collect();
        Keep {
            source,
            by_path,
            by_stem,
            taken: HashSet::new(),
            missing: HashSet::new(),
            keys: HashSet::new(),
            sent: HashSet::new(),
        }
    }

    fn json(&mut self, entry: &'a Entry, sink: &mut dyn Sink) -> Result<(), ImportError> {
        let bytes = read(self.source, entry);
        let note = match Note::of_json(&bytes) {
            Ok(Some(note)) => note,
            // JSON of another kind: kept.
            Ok(None) => return Ok(()),
            Err(err) => {
                let what = format!("a note cannot be read: {err}");
                let hint = "its file is kept as it is; where its page (`.html`) is there too, the note is taken from that";
                let fault = faults::bad_record(self.source, entry, At::Whole, what, hint);
                return Ok(sink.fault(fault)?);
            }
        };
        self.taken.insert(folded_stem(&entry.path));
        let key = self.send(entry, note, sink)?;
        Ok(sink.item(original_item(entry, &key))?)
    }

    fn page(&mut self, entry: &'a Entry, sink: &mut dyn Sink) -> Result<(), ImportError> {
        if self.taken.contains(&folded_stem(&entry.path)) {
            return Ok(sink.used(entry)?);
        }
        if self.missing.contains(&folded_stem(&entry.path)) {
            return Ok(());
        }
        let bytes = read(self.source, entry);
        if bytes.len() as u64 != entry.size {
            // Broken off: the engine reports it when it keeps the file.
            return Ok(());
        }
        let Some(note) = page::read(&String::from_utf8_lossy(&bytes)) else { return Ok(()) };
        // Pictures may stand in the page itself.
        let key = self.send(entry, note, sink)?;
        Ok(sink.item(original_item(entry, &key))?)
    }

    /// Sends a note and its attachments; returns what names it.
    fn send(&mut self, entry: &'a Entry, note: Note, sink: &mut dyn Sink) -> Result<String, ImportError> {
        let stem = entry.name().rsplit_once('.').map_or(entry.name(), |(stem, _)| stem);
        let name = match note.created_us {
            Some(created) => created.to_string(),
            None => format!("name:{}", names::folded(stem)),
        };
        let mut key = name.clone();
        let mut n = 1;
        while !self.keys.insert(key.clone()) {
            n += 1;
            key = format!("{name}#{n}");
        }
        let mut attachments = Vec::new();
        for path in &note.attachments {
            match self.attachment(entry.folder(), path) {
                Some(found) => {
                    attachments.push(format!("attachments/{}", found.name()));
                    if self.sent.insert(found.id) {
                        sink.item(attachment_item(found, Some(&key)))?;
                    }
                }
                None => attachments.push(format!("attachments/{path}")),
            }
        }
        let origin = Origin { entry: entry.clone(), at: At::Byte(0) };
        let mut item = Item::new(Kind::Note, "keep", format!("note:{key}"), origin);
        item.title = Some(note.title.clone()).filter(|title| !title.is_empty());
        item.time = note.edited_us.or(note.created_us).map(|time_us| time_us.div_euclid(1_000_000));
        item.path = format!("notes/{}.md", markdown::file_stem(&note, stem));
        item.extra = note.facts(&attachments);
        item.body = Body::Inline(markdown::written(&note, &attachments).into_bytes());
        sink.item(item)?;
        Ok(key)
    }

    /// Sends attachments of which no note speaks: it may be in a part that was not given.
    fn rest(&self, entries: &[&Entry], sink: &mut dyn Sink) -> Result<(), ImportError> {
        let is_attachment = |entry: &&&Entry| self.by_path.contains_key(&names::folded(&entry.path));
        for entry in entries.iter().filter(is_attachment).filter(|entry| !self.sent.contains(&entry.id)) {
            sink.item(attachment_item(entry, None))?;
        }
        Ok(())
    }

    /// The file of an attachment: by its name, or with another extension (`.jpeg` in the note, `.jpg` in the folder).
    fn attachment(&self, folder: &str, path: &str) -> Option<&'a Entry> {
        let wanted = format!("{folder}/{path}");
        let exact = self.by_path.get(&names::folded(&wanted)).copied();
        exact.or_else(|| self.by_stem.get(&folded_stem(&wanted))?.first().copied())
    }
}

/// The file that a note was read from, as it is.
fn original_item(entry: &Entry, note: &str) -> Item {
    let origin = Origin { entry: entry.clone(), at: At::Whole };
    let mut item = Item::new(Kind::File, "keep", format!("note-original:{note}"), origin);
    item.title = Some(entry.name().to_owned());
    item.path = format!("google/keep/{}", entry.name());
    item.extra.insert("note".to_owned(), format!("note:{note}").into());
    item.body = Body::Entry(entry.clone());
    item
}

fn attachment_item(entry: &Entry, note: Option<&str>) -> Item {
    let origin = Origin { entry: entry.clone(), at: At::Whole };
    let key = format!("note-file:{}", names::folded(entry.name()));
    let mut item = Item::new(Kind::File, "keep", key, origin);
    item.title = Some(entry.name().to_owned());
    item.path = format!("notes/attachments/{}", entry.name());
    if let Some(note) = note {
        item.extra.insert("note".to_owned(), format!("note:{note}").into());
    }
    item.body = Body::Entry(entry.clone());
    item
}
