//! Conversations as Instagram and Facebook write them: `messages/<box>/<thread>/message_<n>.json`, or the same as pages.
//!
//! A thread has a folder named after somebody in it and a number that stays; its messages are cut into files, 1 the newest, each
//! newest first. They are sent oldest first, so that the pages of a long thread follow each other. Where a thread has JSON its
//! pages are kept and not read. What was sent lies beside the messages.
//!
//! Names of senders are those that they show today, so nobody is named by them: a message is known by its thread, the
//! minute, and what it says. JSON and pages agree in that where the page tells how far its clock is from UTC.

use std::collections::{BTreeMap, HashSet};
use std::io;

use exodus_api::{At, Body, Entry, ImportError, Item, Kind, Options, Origin, Sink, Skip, Source};
use serde_json::{Map, Value};

use super::mojibake;
use super::pages::{Head, Page};
use super::record;
use super::said::Said;
use super::shape::Shape;
use super::tree::{File, Tree};
use crate::shared::conversation::{Attachment, Conversation, Message, MessageKeys, Pages};
use crate::shared::json_paths::JsonPaths;
use crate::shared::{faults, json_mended, names};

/// The room of encrypted chats.
const ENCRYPTED: &str = "e2ee";
/// The folder of stickers, beside those of conversations.
const STICKERS: &str = "stickers_used";
/// A larger file is sent as it stands, newest first.
const LIMIT_HELD_BYTES: u64 = 32 << 20;
const HINT: &str = "the others are safe; export again to get this one";

/// Whose conversations they are.
#[derive(Clone, Copy, Debug)]
pub struct Platform {
    /// The product of its conversations.
    pub product: &'static str,
    /// The folder of its pages below `files/`.
    pub folder: &'static str,
}

/// One conversation with its files.
#[derive(Debug, Default)]
pub struct Thread<'a> {
    /// What names it for ever.
    pub id: String,
    /// Where it lies: `inbox`, `message_requests`.
    pub room: String,
    /// The folder's name, which tells who it was begun with.
    pub name: String,
    json: Vec<(u64, &'a Entry)>,
    html: Vec<(u64, &'a Entry)>,
    others: Vec<&'a Entry>,
}

/// All conversations of an export, in the order in which they are cheapest to read.
pub fn threads<'a>(source: &'a dyn Source, tree: &Tree<'a>) -> Vec<Thread<'a>> {
    let mut by_place: BTreeMap<String, Thread> = BTreeMap::new();
    let mut rest: Vec<(String, &File<'a>)> = Vec::new();
    for file in tree.files() {
        let Some((place, below)) = place_of(&file.path) else { continue };
        let is_message = file.stem() == "message" && !below.contains('/');
        match file.extension() {
            "json" if is_message && is_thread(source, file.entry) => {
                by_place.entry(place).or_default().json.push((file.number(), file.entry));
            }
            "html" if is_message => by_place.entry(place).or_default().html.push((file.number(), file.entry)),
            _ => rest.push((place, file)),
        }
    }
    for (place, file) in rest {
        if let Some(thread) = by_place.get_mut(&place) {
            thread.others.push(file.entry);
        }
    }
    let mut threads: Vec<Thread> = by_place.into_iter().map(|(place, thread)| thread.named(&place)).collect();
    threads.sort_by_key(|thread| thread.first().map(|entry| (entry.part, entry.order, entry.id)));
    threads
}

/// The conversations of Messenger's own download of what was encrypted: one file each, `Ada Example_3.json`, in one folder.
pub fn flat<'a>(source: &'a dyn Source, tree: &Tree<'a>) -> Vec<Thread<'a>> {
    let mut threads = Vec::new();
    let numbered = tree.files().iter().filter(|file| file.extension() == "json" && file.number() > 0);
    for file in numbered.filter(|file| place_of(&file.path).is_none() && is_flat(source, file.entry)) {
        let (name, _) = file.name().rsplit_once('.').unwrap_or((file.name(), ""));
        let thread = Thread { json: vec![(0, file.entry)], ..Thread::default() };
        threads.push(thread.named(&format!("{ENCRYPTED}/{name}")));
    }
    threads
}

/// True for a conversation as Messenger's own download has it.
pub fn is_flat(source: &dyn Source, entry: &Entry) -> bool {
    let has = |shape: &Shape| shape.has("threadName") || shape.has("senderName");
    Shape::of(source, entry).is_some_and(|shape| !shape.is_list && shape.has("participants") && has(&shape))
}

/// The place of a thread in a path, `<box>/<thread>`, and what stands behind it.
fn place_of(path: &str) -> Option<(String, &str)> {
    let at = match path.rfind("/messages/") {
        Some(at) => at + "/messages/".len(),
        None => path.strip_prefix("messages/").map(|_| "messages/".len())?,
    };
    let (room, rest) = path[at..].split_once('/')?;
    let (thread, below) = rest.split_once('/')?;
    Some((format!("{room}/{thread}"), below))
}

fn is_thread(source: &dyn Source, entry: &Entry) -> bool {
    Shape::of(source, entry).is_some_and(|shape| {
        !shape.is_list && ["participants", "messages", "title", "thread_path"].contains(&&*shape.key)
    })
}

impl<'a> Thread<'a> {
    fn named(mut self, place: &str) -> Thread<'a> {
        let (room, name) = place.split_once('/').unwrap_or(("", place));
        (self.room, self.name) = (room.to_owned(), name.to_owned());
        // `ana_17846743249012345`, until 2022 `ana_ab12cd34ef`.
        let number = name.rsplit_once('_').map(|(_, number)| number);
        let is_number = |it: &&str| it.len() >= 5 && it.bytes().all(|byte| byte.is_ascii_alphanumeric());
        self.id = number.filter(is_number).unwrap_or(name).to_owned();
        self.json.sort_by_key(|(number, entry)| (*number, entry.id));
        self.html.sort_by_key(|(number, entry)| (*number, entry.id));
        self
    }

    fn first(&self) -> Option<&'a Entry> {
        self.json.first().or(self.html.first()).map(|(_, entry)| *entry)
    }

    fn is_json(&self) -> bool {
        !self.json.is_empty()
    }

    /// The files that are read, the newest first.
    fn files(&self) -> impl DoubleEndedIterator<Item = &'a Entry> {
        let files = if self.is_json() { &self.json } else { &self.html };
        files.iter().map(|(_, entry)| *entry)
    }
}

/// Imports conversations.
///
/// # Errors
/// When the run has to end.
pub fn import(
    (source, tree): (&dyn Source, &Tree),
    threads: &[Thread],
    platform: Platform,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let is_wanted =
        [Kind::Conversation, Kind::Chat].iter().any(|kind| options.wants(*kind, platform.product));
    let mut sent = HashSet::new();
    for thread in threads {
        if is_wanted {
            Sending { source, tree, thread, platform, sent: &mut sent, keys: MessageKeys::default() }
                .send(sink)?;
        } else {
            for entry in thread.files().chain(thread.others.iter().copied()) {
                sink.skip(entry, Skip::NotAskedFor)?;
            }
        }
    }
    if is_wanted && !threads.is_empty() {
        let stickers = tree.files().iter().filter(|file| file.is_in(STICKERS));
        for file in stickers.filter(|file| sent.insert(file.entry.id)) {
            sink.item(sticker(platform, file.entry))?;
        }
    }
    Ok(())
}

struct Sending<'s, 'a> {
    source: &'s dyn Source,
    tree: &'s Tree<'a>,
    thread: &'s Thread<'a>,
    platform: Platform,
    /// Attachments that were sent.
    sent: &'s mut HashSet<u32>,
    /// How often each key was given: the same words in the same minute.
    keys: MessageKeys,
}

impl<'a> Sending<'_, 'a> {
    fn send(&mut self, sink: &mut dyn Sink) -> Result<(), ImportError> {
        let thread = self.thread;
        let files: Vec<&Entry> = thread.files().collect();
        let all = || files.iter().chain(&thread.others);
        // What was sent may have come only now, and then the pages lead to it. What was sent in encrypted chats is in no
        // folder of theirs, so that only their messages tell.
        if thread.room != ENCRYPTED && all().all(|entry| sink.is_done(entry)) {
            for entry in &files {
                sink.used(entry)?;
            }
            return self.rest(sink);
        }
        let Some(first) = thread.first() else { return Ok(()) };
        let (conversation, head) = if thread.is_json() { self.of_json(first) } else { self.of_page(first) };
        let mut pages = Pages::new(conversation, Origin { entry: first.clone(), at: At::Byte(0) });
        let mut is_read = Vec::new();
        for entry in files.iter().rev() {
            if self.file(entry, &head, &mut pages, sink)? {
                is_read.push(*entry);
            }
        }
        pages.finish(sink)?;
        for entry in is_read {
            sink.used(entry)?;
        }
        self.rest(sink)
    }

    fn conversation(
        &self,
        title: &str,
        participants: Vec<String>,
        mut extra: Map<String, Value>,
    ) -> Conversation {
        let thread = self.thread;
        extra.insert("box".to_owned(), thread.room.clone().into());
        let title = match (title.trim(), participants.is_empty()) {
            ("", false) => participants[..participants.len().min(4)].join(", "),
            ("", true) => thread.name.clone(),
            (title, _) => title.to_owned(),
        };
        let (product, folder) = (self.platform.product, self.platform.folder);
        Conversation { key: format!("thread:{}", thread.id), product, title, folder, participants, extra }
    }

    /// The conversation as its newest file describes it.
    fn of_json(&self, entry: &Entry) -> (Conversation, Head) {
        const PATHS: &[&[&str]] = &[
            &["participants", "*"],
            &["title"],
            &["is_still_participant"],
            &["joinable_mode"],
            &["thread_type"],
            &["threadName"],
        ];
        let is_mangled = mojibake::is_mangled(self.source, entry);
        let (mut title, mut people, mut extra) = (String::new(), Vec::new(), Map::new());
        if let Ok(reader) = self.source.open(entry) {
            let mut values = JsonPaths::new(reader, PATHS);
            // A file that breaks off is told of where its messages are read.
            while let Ok(Some(found)) = values.next_value() {
                let value = found.bytes.and_then(|bytes| json_mended::parse(&bytes).ok());
                let Some(mut value) = value else { continue };
                if is_mangled {
                    mojibake::repair(&mut value);
                }
                match found.path {
                    0 => people.extend(value.as_str().or_else(|| value["name"].as_str()).map(str::to_owned)),
                    1 => title = value.as_str().unwrap_or_default().to_owned(),
                    // Its number is that of the download.
                    5 => {
                        let named = value.as_str().unwrap_or_default();
                        let number =
                            named.rsplit_once('_').filter(|(_, it)| it.bytes().all(|it| it.is_ascii_digit()));
                        title = number.map_or(named, |(name, _)| name).to_owned();
                    }
                    path => {
                        extra.insert(PATHS[path][0].to_owned(), value);
                    }
                }
            }
        }
        (self.conversation(&title, people, extra), Head::default())
    }

    /// The conversation as its newest page describes it.
    fn of_page(&self, entry: &Entry) -> (Conversation, Head) {
        let (mut people, mut head) = (Vec::new(), Head::default());
        if let Ok(reader) = self.source.open(entry) {
            let mut page = Page::new(reader);
            let first = page.next_record().ok().flatten().and_then(|found| found.html);
            head = page.head();
            let record = first.map(|html| record::read(&html)).unwrap_or_default();
            if record.dated.is_empty() {
                let names = record.title.split_once([':', '：']).map_or("", |(_, names)| names);
                people = names
                    .split(", ")
                    .map(|name| name.trim().to_owned())
                    .filter(|it| !it.is_empty())
                    .collect();
            }
        }
        let title = head.title.clone();
        (self.conversation(&title, people, Map::new()), head)
    }

    /// Sends the messages of a file, oldest first where it can be held; false if it cannot be read to its end, which is
    /// told.
    fn file(
        &mut self,
        entry: &'a Entry,
        head: &Head,
        pages: &mut Pages,
        sink: &mut dyn Sink,
    ) -> Result<bool, ImportError> {
        let mut records = match Records::open(self.source, entry, self.thread.is_json(), head) {
            Ok(records) => records,
            Err(err) => {
                sink.fault(faults::not_opened(self.source, entry, err))?;
                return Ok(false);
            }
        };
        let is_held = entry.size <= LIMIT_HELD_BYTES;
        let mut held: Vec<Held> = Vec::new();
        let mut end = 0;
        let failure = loop {
            match records.next() {
                Ok(Some(record)) => {
                    end = record.0;
                    held.push(record);
                }
                Ok(None) => break None,
                Err(err) => break Some(err),
            }
            if !is_held {
                self.send_held(entry, (&records, &mut held), pages, sink)?;
            }
        };
        self.send_held(entry, (&records, &mut held), pages, sink)?;
        if let Some(err) = &failure {
            sink.fault(faults::breaks_off(self.source, entry, end, err))?;
        }
        Ok(failure.is_none())
    }

    fn send_held(
        &mut self,
        entry: &Entry,
        (records, held): (&Records, &mut Vec<Held>),
        pages: &mut Pages,
        sink: &mut dyn Sink,
    ) -> Result<(), ImportError> {
        for (byte, bytes) in held.drain(..).rev() {
            let at = At::Byte(byte);
            match bytes.and_then(|bytes| records.read(&bytes)) {
                Some(Read::Message(said)) => {
                    let message = self.message(*said, sink)?;
                    pages.message(message, Origin { entry: entry.clone(), at }, sink)?;
                }
                Some(Read::Nothing) => {}
                None => {
                    let what = "a message cannot be read".to_owned();
                    sink.fault(faults::bad_record(self.source, entry, at, what, HINT))?;
                }
            }
        }
        Ok(())
    }

    /// The message as it is sent, after the files that were sent with it.
    fn message(&mut self, said: Said, sink: &mut dyn Sink) -> Result<Message, ImportError> {
        let mut attachments = Vec::new();
        for uri in &said.files {
            attachments.push(self.attachment(uri, said.time, sink)?);
        }
        let first = said.texts.first().or(said.link.as_ref());
        let first = first.map(String::as_str).or_else(|| said.files.first()?.rsplit('/').next());
        let key = self.keys.of(&self.thread.id, said.time, first.unwrap_or(""));
        let mut texts = said.texts;
        texts.extend(said.link.filter(|link| !texts_have(&texts, link)));
        Ok(Message {
            key,
            time: said.time,
            dated: said.dated,
            sender: said.sender,
            text: texts.join("\n"),
            event: said.event,
            attachments,
            extra: said.extra,
        })
    }

    /// Sends a file that a message refers to, if that was not done.
    fn attachment(
        &mut self,
        uri: &str,
        time: Option<i64>,
        sink: &mut dyn Sink,
    ) -> Result<Attachment, ImportError> {
        let name = uri.rsplit(['/', '\\']).next().unwrap_or(uri).split('?').next().unwrap_or(uri).to_owned();
        let Some(entry) = self.tree.referred(uri) else { return Ok(Attachment { name, path: None }) };
        let place = if is_sticker(entry) { STICKERS } else { &self.thread.id };
        let name_there = if is_sticker(entry) { entry.name().to_owned() } else { below(entry) };
        let path = format!("files/{place}/{name_there}");
        if self.sent.insert(entry.id) {
            sink.item(self.file_item(entry, time))?;
        }
        Ok(Attachment { name, path: Some(path) })
    }

    /// Sends files of which no message speaks.
    fn rest(&mut self, sink: &mut dyn Sink) -> Result<(), ImportError> {
        // Pages beside JSON are kept.
        for entry in &self.thread.others {
            if self.sent.insert(entry.id) {
                sink.item(self.file_item(entry, None))?;
            }
        }
        Ok(())
    }

    fn file_item(&self, entry: &Entry, time: Option<i64>) -> Item {
        let (thread, platform) = (self.thread, self.platform);
        if is_sticker(entry) {
            return sticker(platform, entry);
        }
        let origin = Origin { entry: entry.clone(), at: At::Whole };
        let key = format!("message-file:{}/{}", thread.id, names::folded(&below(entry)));
        let mut item = Item::new(Kind::File, platform.product, key, origin);
        item.title = Some(entry.name().to_owned());
        item.time = time;
        item.path = format!("{}/files/{}/{}", platform.folder, thread.id, below(entry));
        item.extra.insert("conversation".to_owned(), format!("thread:{}", thread.id).into());
        item.body = Body::Entry(entry.clone());
        item
    }
}

/// Where a file lies in a conversation: `photos/1.jpg`.
fn below(entry: &Entry) -> String {
    let path: Vec<&str> = entry.path.rsplit(['/', '\\']).take(2).collect();
    path.into_iter().rev().collect::<Vec<_>>().join("/")
}

/// True for a sticker, which is no conversation's own.
fn is_sticker(entry: &Entry) -> bool {
    super::tree::compared(&entry.path).rsplit('/').nth(1) == Some(STICKERS)
}

fn sticker(platform: Platform, entry: &Entry) -> Item {
    let origin = Origin { entry: entry.clone(), at: At::Whole };
    let key = format!("message-file:{STICKERS}/{}", names::folded(entry.name()));
    let mut item = Item::new(Kind::File, platform.product, key, origin);
    item.title = Some(entry.name().to_owned());
    item.path = format!("{}/files/{STICKERS}/{}", platform.folder, entry.name());
    item.body = Body::Entry(entry.clone());
    item
}

fn texts_have(texts: &[String], link: &str) -> bool {
    texts.iter().any(|text| text.contains(link))
}

/// A record: the byte at which it begins, and its bytes if they are not too many.
type Held = (u64, Option<Vec<u8>>);

/// The records of one file with messages.
enum Records<'s> {
    Json { values: JsonPaths<Box<dyn io::Read + Send + 's>>, is_mangled: bool },
    Html { page: Page<Box<dyn io::Read + Send + 's>>, head: Head },
}

enum Read {
    Message(Box<Said>),
    /// A record that is none of a message: who takes part.
    Nothing,
}

impl<'s> Records<'s> {
    fn open(
        source: &'s dyn Source,
        entry: &Entry,
        is_json: bool,
        head: &Head,
    ) -> Result<Records<'s>, exodus_api::SourceError> {
        const PATHS: &[&[&str]] = &[&["messages", "*"]];
        let is_mangled = is_json && mojibake::is_mangled(source, entry);
        let reader = source.open(entry)?;
        Ok(match is_json {
            true => Records::Json { values: JsonPaths::new(reader, PATHS), is_mangled },
            false => Records::Html { page: Page::new(reader), head: head.clone() },
        })
    }

    fn next(&mut self) -> io::Result<Option<Held>> {
        match self {
            Records::Json { values, .. } => Ok(values.next_value()?.map(|it| (it.offset, it.bytes))),
            Records::Html { page, .. } => {
                Ok(page.next_record()?.map(|it| (it.offset, it.html.map(String::into_bytes))))
            }
        }
    }

    /// What a record says; `None` if it cannot be read.
    fn read(&self, bytes: &[u8]) -> Option<Read> {
        match self {
            Records::Json { is_mangled, .. } => {
                let mut value = json_mended::parse(bytes).ok().filter(Value::is_object)?;
                if *is_mangled {
                    mojibake::repair(&mut value);
                }
                Some(Read::Message(Box::new(Said::of_json(value))))
            }
            Records::Html { head, .. } => {
                let said = Said::of_page(&String::from_utf8_lossy(bytes), head);
                Some(said.map_or(Read::Nothing, |said| Read::Message(Box::new(said))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_known_by_its_number_and_its_box() {
        let named = |place: &str| Thread::default().named(place);
        assert_eq!(named("inbox/ana_17846743249012345").id, "17846743249012345");
        assert_eq!(named("inbox/ana_b_ab12cd34ef").id, "ab12cd34ef");
        assert_eq!(named("inbox/ana").id, "ana");
        assert_eq!(named("message_requests/ana_b").room, "message_requests");
        assert_eq!(
            place_of("x/messages/inbox/ana_1/photos/1.jpg"),
            Some(("inbox/ana_1".into(), "photos/1.jpg"))
        );
        assert_eq!(
            place_of("messages/inbox/ana_1/message_1.json"),
            Some(("inbox/ana_1".into(), "message_1.json"))
        );
        assert_eq!(place_of("messages/chats.html"), None);
    }
}
