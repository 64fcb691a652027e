//! Google Voice: calls, texts and voicemails, one conversation for the people in it.
//!
//! `Calls/` has a page for every session of texts and for every call, named `<contact> - <Text|Missed|…> - <time>.html`, so a
//! thread of years is many files. They are read twice: the first reading tells who took part in each, the second
//! writes conversation by conversation, in the order of time. What a page is, is told by its classes and by the ends of
//! its label links (`voice#missed`), not by its words; see [`page`].

mod page;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::Read;

use exodus_api::{
    At, Body, Entry, Fault, ImportError, Item, Kind, Options, Origin, Product, Sink, Skip, Source,
};
use serde_json::Map;

use self::page::{Event, Page};
use super::faults;
use crate::shared::conversation::{Attachment, Conversation, Message, Pages};
use crate::shared::names;

const FOLDER: &str = "chats/google-voice";
/// A larger file is no page of a session.
const LIMIT_BYTES: u64 = 32 << 20;

/// Imports all calls, texts and voicemails of an account.
pub fn import(
    source: &dyn Source,
    product: &Product,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let root = format!("{}/", product.folder);
    let entries = source.under(&root).iter().filter(|entry| !names::is_system_junk(&entry.path));
    let is_page = |entry: &&Entry| {
        entry.name().to_lowercase().ends_with(".html")
            && entry.size <= LIMIT_BYTES
            && time_of(entry).is_some()
    };
    let (mut pages, files): (Vec<&Entry>, Vec<&Entry>) = entries.partition(is_page);
    if !options.wants(Kind::Conversation, "voice") && !options.wants(Kind::Chat, "voice") {
        for entry in pages.into_iter().chain(files) {
            sink.skip(entry, Skip::NotAskedFor)?;
        }
        return Ok(());
    }
    pages.sort_by_key(|entry| (entry.part, entry.order));
    for entry in &files {
        if let Some(name) = time_of(entry) {
            sink.item(file_item(entry, name))?;
        }
    }
    if pages.iter().all(|entry| sink.is_done(entry)) {
        for entry in pages {
            sink.used(entry)?;
        }
        return Ok(());
    }
    let mut voice = Voice::new(source, files);
    for entry in pages {
        match read(source, entry) {
            Ok(html) => voice.survey(entry, &html),
            Err(fault) => sink.fault(*fault)?,
        }
    }
    for (id, sessions) in voice.threads() {
        voice.send(&id, &sessions, sink)?;
    }
    Ok(())
}

fn read(source: &dyn Source, entry: &Entry) -> Result<String, Box<Fault>> {
    let mut bytes = Vec::new();
    let reader = source.open(entry).map_err(|err| Box::new(faults::not_opened(source, entry, err)))?;
    let read = reader.take(LIMIT_BYTES).read_to_end(&mut bytes);
    read.map_err(|err| Box::new(faults::breaks_off(source, entry, bytes.len() as u64, &err)))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The last part of a file's name: when the session began, and for files sent in it a number, the same in every
/// language. `None` if the name is not of that kind.
fn time_of(entry: &Entry) -> Option<&str> {
    let name = entry.name();
    let last = name.rsplit_once(" - ").map_or(name, |(_, last)| last);
    let is_time =
        last.len() > 10 && last.as_bytes()[..4].iter().all(u8::is_ascii_digit) && last.contains('T');
    is_time.then_some(last)
}

fn contact_of(entry: &Entry) -> &str {
    entry.name().split_once(" - ").map_or("", |(contact, _)| contact).trim()
}

/// One page, as the first reading found it.
struct Session<'a> {
    entry: &'a Entry,
    numbers: BTreeSet<String>,
}

struct Voice<'a> {
    source: &'a dyn Source,
    /// Files that are no pages, by their folded names and by their stems.
    by_name: HashMap<String, &'a Entry>,
    by_stem: HashMap<String, &'a Entry>,
    sessions: Vec<Session<'a>>,
    /// What people were called last, by number, with the time of that session; and their numbers, by name.
    names: BTreeMap<String, (String, String)>,
    numbers: HashMap<String, BTreeSet<String>>,
}

impl<'a> Voice<'a> {
    fn new(source: &'a dyn Source, files: Vec<&'a Entry>) -> Voice<'a> {
        let stem = |entry: &Entry| {
            let name = entry.name();
            names::folded(name.rsplit_once('.').map_or(name, |(stem, _)| stem))
        };
        let by_name = files.iter().map(|entry| (names::folded(entry.name()), *entry)).collect();
        let by_stem = files.iter().rev().map(|entry| (stem(entry), *entry)).collect();
        Voice {
            source,
            by_name,
            by_stem,
            sessions: Vec::new(),
            names: BTreeMap::new(),
            numbers: HashMap::new(),
        }
    }

    fn survey(&mut self, entry: &'a Entry, html: &str) {
        // A page of something else is kept.
        let Some(page) = page::read(html) else { return };
        for (number, name) in page.others() {
            if !name.is_empty() && !number.is_empty() {
                self.numbers.entry(names::folded(&name)).or_default().insert(number.clone());
                let told = (time_of(entry).unwrap_or_default().to_owned(), name);
                let known = self.names.entry(number).or_default();
                if *known < told {
                    *known = told;
                }
            }
        }
        let numbers = page.others().into_iter().map(|(number, _)| number).filter(|it| !it.is_empty());
        self.sessions.push(Session { entry, numbers: numbers.collect() });
    }

    /// The sessions by what names their conversation, in the order of time.
    fn threads(&self) -> BTreeMap<String, Vec<&'a Entry>> {
        let mut threads: BTreeMap<String, Vec<&'a Entry>> = BTreeMap::new();
        for session in &self.sessions {
            threads.entry(self.id(session)).or_default().push(session.entry);
        }
        for sessions in threads.values_mut() {
            sessions.sort_by_key(|entry| (time_of(entry), entry.path.as_str()));
        }
        threads
    }

    /// The numbers of the others; where a page has none (nobody answered) that of the contact in its name, or the name.
    fn id(&self, session: &Session) -> String {
        if !session.numbers.is_empty() {
            return session.numbers.iter().cloned().collect::<Vec<String>>().join(",");
        }
        let contact = contact_of(session.entry);
        if contact.starts_with('+') && contact.len() > 4 {
            return contact.to_owned();
        }
        match self.numbers.get(&names::folded(contact)) {
            Some(numbers) if numbers.len() == 1 => numbers.iter().cloned().collect(),
            _ => format!("name:{}", names::folded(contact)),
        }
    }

    fn conversation(&self, id: &str, first: &Entry) -> Conversation {
        let called = |number: &str| self.names.get(number).map_or(number, |(_, name)| name).to_owned();
        let title = match id.strip_prefix("name:") {
            Some(_) => contact_of(first).to_owned(),
            None => {
                let mut people: Vec<String> = id.split(',').map(called).collect();
                people.sort();
                people.join(", ")
            }
        };
        let participant = |number: &str| match self.names.get(number) {
            Some((_, name)) => format!("{name} <{number}>"),
            None => number.to_owned(),
        };
        let numbers = id.split(',').filter(|number| !number.starts_with("name:"));
        Conversation {
            key: format!("voice:{id}"),
            product: "voice",
            title: if title.is_empty() { "unknown".to_owned() } else { title },
            folder: FOLDER,
            participants: numbers.map(participant).collect(),
            extra: Map::new(),
        }
    }

    fn send(&self, id: &str, sessions: &[&Entry], sink: &mut dyn Sink) -> Result<(), ImportError> {
        let Some(first) = sessions.first() else { return Ok(()) };
        let origin = |entry: &Entry| Origin { entry: entry.clone(), at: At::Byte(0) };
        let mut pages = Pages::new(self.conversation(id, first), origin(first));
        let mut keys = HashSet::new();
        for entry in sessions {
            // Read without a fault a moment ago.
            let html = read(self.source, entry).unwrap_or_default();
            for event in page::read(&html).map(|page: Page| page.events).unwrap_or_default() {
                let attachments = self.attachments(&event);
                let mut message = message(id, event, attachments);
                let key = message.key.clone();
                let mut n = 1;
                while !keys.insert(message.key.clone()) {
                    n += 1;
                    message.key = format!("{key}#{n}");
                }
                pages.message(message, origin(entry), sink)?;
            }
        }
        pages.finish(sink)?;
        for entry in sessions {
            sink.used(entry)?;
        }
        Ok(())
    }

    /// The files of an event. Its page calls a picture without its extension.
    fn attachments(&self, event: &Event) -> Vec<Attachment> {
        let find = |media: &String| {
            let name = names::folded(media.rsplit('/').next().unwrap_or(media));
            let stem = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
            let entry = self.by_name.get(&name).or_else(|| self.by_stem.get(&name));
            match entry.or_else(|| self.by_stem.get(stem)).and_then(|entry| time_of(entry)) {
                Some(name) => Attachment { name: name.to_owned(), path: Some(format!("files/{name}")) },
                None => Attachment { name: media.clone(), path: None },
            }
        };
        event.media.iter().map(find).collect()
    }
}

/// A picture or a recording; it is one whether its page is there or not. Its name is that of a second, so its content
/// names it too.
fn file_item(entry: &Entry, name: &str) -> Item {
    let origin = Origin { entry: entry.clone(), at: At::Whole };
    let mut item = Item::new(Kind::File, "voice", format!("voice-file:{name}"), origin);
    item.title = Some(name.to_owned());
    item.path = format!("{FOLDER}/files/{name}");
    item.body = Body::Unique(entry.clone());
    item
}

fn message(id: &str, event: Event, attachments: Vec<Attachment>) -> Message {
    let time = event.time_ms.map(|time_ms| time_ms.div_euclid(1000));
    let named = event.time_ms.map_or_else(|| event.dated.clone(), |time_ms| time_ms.to_string());
    let mut extra = Map::new();
    if event.is_own {
        extra.insert("from_me".to_owned(), true.into());
    }
    if !event.number.is_empty() {
        extra.insert("number".to_owned(), event.number.clone().into());
    }
    if let Some(call) = &event.call {
        extra.insert("call".to_owned(), call.kind.clone().into());
        if let Some(duration_s) = call.duration_s {
            extra.insert("duration_s".to_owned(), duration_s.into());
        }
    }
    Message {
        key: format!("voice-message:{id}:{named}"),
        time,
        dated: Some(event.dated).filter(|dated| !dated.is_empty()),
        sender: if event.name.is_empty() { event.number } else { event.name },
        text: event.text,
        event: event.call.map(|call| call.in_words()),
        attachments,
        extra,
    }
}
