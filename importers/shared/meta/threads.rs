//! Conversations as Instagram and Facebook write them: `messages/<box>/<thread>/message_<n>.json`, or the same as pages.
//!
//! A thread has a folder named after somebody in it and a number that stays; its messages are cut into files, 1 the newest, each
//! newest first. They are sent oldest first, so that the pages of a long thread follow each other. Where a thread has JSON its
//! pages are kept and not read. What was sent lies beside the messages.
//!
//! Names of senders are those that they show today, so nobody is named by them: a message is known by its thread, the
//! minute, and what it says. JSON and pages agree in that where the page tells how far its clock is from UTC.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;

use exodus_api::{At, Body, Entry, ImportError, Item, Kind, Options, Origin, Sink, Skip, Source};
use serde_json::{Map, Value, json};

use super::facts;
use super::mojibake;
use super::pages::{self, Head, Page};
use super::shape::Shape;
use super::tree::{File, Tree};
use crate::shared::content_lines::uid_of;
use crate::shared::conversation::{Attachment, Conversation, Message, Pages};
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
            Sending { source, tree, thread, platform, sent: &mut sent, keys: HashMap::new() }.send(sink)?;
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
    keys: HashMap<String, u32>,
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
            let record = first.map(|html| pages::read(&html)).unwrap_or_default();
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
        let minute = said.time.map_or(0, |time| time.div_euclid(60));
        let key = uid_of(format!("{}\n{minute}\n{}", self.thread.id, first.unwrap_or("")).as_bytes());
        let n = self.keys.entry(key.clone()).or_default();
        *n += 1;
        let number = if *n > 1 { format!("#{n}") } else { String::new() };
        let mut texts = said.texts;
        texts.extend(said.link.filter(|link| !texts_have(&texts, link)));
        Ok(Message {
            key: format!("message:{key}{number}"),
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
        let path = format!("files/{place}/{}", entry.name());
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
        let key = format!("message-file:{}/{}", thread.id, names::folded(entry.name()));
        let mut item = Item::new(Kind::File, platform.product, key, origin);
        item.title = Some(entry.name().to_owned());
        item.time = time;
        item.path = format!("{}/files/{}/{}", platform.folder, thread.id, entry.name());
        item.extra.insert("conversation".to_owned(), format!("thread:{}", thread.id).into());
        item.body = Body::Entry(entry.clone());
        item
    }
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

/// What a message says.
#[derive(Debug, Default)]
struct Said {
    sender: String,
    time: Option<i64>,
    dated: Option<String>,
    texts: Vec<String>,
    link: Option<String>,
    files: Vec<String>,
    event: Option<String>,
    extra: Map<String, Value>,
}

impl Said {
    fn of_json(mut value: Value) -> Said {
        let mut take = |name: &str| value.as_object_mut().and_then(|object| object.remove(name));
        let mut said = Said { sender: text(take("sender_name")), ..Said::default() };
        let time_ms = take("timestamp_ms").and_then(|time| time.as_i64());
        said.time = time_ms.and_then(|time| facts::seconds(time.div_euclid(1000)));
        said.take_encrypted(&mut take);
        said.texts.extend(Some(text(take("content"))).filter(|text| !text.is_empty()));
        if let Some(share) = take("share") {
            said.link = share["link"].as_str().filter(|link| !link.is_empty()).map(str::to_owned);
            let about = share["share_text"].as_str().map(|text| text.trim().to_owned());
            said.texts.extend(about.filter(|about| !about.is_empty() && !said.texts.contains(about)));
            said.extra.insert("share".to_owned(), share);
        }
        for list in ["photos", "videos", "audio_files", "files", "gifs", "sticker"] {
            let files = take(list).unwrap_or_default();
            let files = if files.is_array() { files } else { json!([files]) };
            let uris = files.as_array().into_iter().flatten().filter_map(|file| file["uri"].as_str());
            said.files.extend(uris.filter(|uri| !uri.is_empty()).map(str::to_owned));
        }
        for (name, event) in
            [("is_unsent", "unsent"), ("is_taken_down", "taken down"), ("missed", "missed call")]
        {
            if take(name) == Some(Value::Bool(true)) {
                said.event = Some(event.to_owned());
            }
        }
        if let Some(duration) = take("call_duration") {
            said.event.get_or_insert_with(|| "call".to_owned());
            said.extra.insert("duration_s".to_owned(), duration);
        }
        // Said of every message, and nothing of it.
        for (name, usual) in [("is_geoblocked_for_viewer", json!(false)), ("type", json!("Generic"))] {
            let found = take(name);
            said.extra.extend(found.filter(|it| *it != usual).map(|it| (name.to_owned(), it)));
        }
        let is_empty = |value: &Value| value.as_array().is_some_and(Vec::is_empty) || value.is_null();
        let rest = value.as_object_mut().map(std::mem::take).unwrap_or_default();
        said.extra.extend(rest.into_iter().filter(|(_, value)| !is_empty(value)));
        said
    }

    /// Takes what Messenger's own download calls otherwise.
    fn take_encrypted(&mut self, take: &mut dyn FnMut(&str) -> Option<Value>) {
        let Some(sender) = take("senderName") else { return };
        self.sender = text(Some(sender));
        self.time = take("timestamp").and_then(|time| facts::seconds(time.as_i64()?.div_euclid(1000)));
        self.texts.extend(Some(text(take("text"))).filter(|text| !text.is_empty()));
        let media = take("media").unwrap_or_default();
        let uris = media.as_array().into_iter().flatten().filter_map(|file| file["uri"].as_str());
        self.files.extend(uris.filter(|uri| !uri.is_empty()).map(str::to_owned));
        if take("isUnsent") == Some(Value::Bool(true)) {
            self.event = Some("unsent".to_owned());
        }
        let kind = take("type").filter(|kind| kind != "text" && kind != "media");
        self.extra.extend(kind.map(|kind| ("type".to_owned(), kind)));
    }

    /// A message on a page; `None` if the record is none.
    fn of_page(html: &str, head: &Head) -> Option<Said> {
        let record = pages::read(html);
        if record.dated.is_empty() {
            return None;
        }
        let mut said = Said { sender: record.title, time: head.seconds(&record.dated), ..Said::default() };
        if head.ahead_s.is_none() {
            // Nobody knows how far that clock was from UTC.
            said.extra.insert("dated".to_owned(), record.dated.clone().into());
        }
        said.dated = Some(record.dated);
        said.link = record.links.first().cloned();
        said.texts = record.texts;
        said.texts.extend(record.rows.into_iter().map(|row| format!("{} {}", row.label, row.value)));
        // A link is shown as itself.
        said.texts.retain(|text| said.link.as_ref() != Some(text));
        said.files = record.media;
        if record.links.len() > 1 {
            said.extra.insert("links".to_owned(), record.links.into());
        }
        if !record.reactions.is_empty() {
            said.extra.insert("reactions".to_owned(), record.reactions.into());
        }
        Some(said)
    }
}

fn text(value: Option<Value>) -> String {
    value.as_ref().and_then(Value::as_str).unwrap_or_default().trim().to_owned()
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

    #[test]
    fn a_message_is_taken_apart_and_nothing_of_it_is_lost() {
        let said = Said::of_json(json!({
            "sender_name": "Ana", "timestamp_ms": 1_690_000_000_123_i64, "content": "hola",
            "share": {"link": "https://www.instagram.com/p/X/", "share_text": "a picture"},
            "photos": [{"uri": "a/1.jpg"}], "sticker": {"uri": "s.png"}, "reactions": [{"reaction": "❤", "actor": "Me"}],
            "is_geoblocked_for_viewer": false, "type": "Generic", "something_new": 1, "magic": []
        }));
        assert_eq!(
            (said.time, said.texts),
            (Some(1_690_000_000), vec!["hola".to_owned(), "a picture".into()])
        );
        assert_eq!(
            (said.link.as_deref(), said.files),
            (Some("https://www.instagram.com/p/X/"), vec!["a/1.jpg".into(), "s.png".into()])
        );
        let facts: Vec<&str> = said.extra.keys().map(String::as_str).collect();
        assert_eq!(facts, ["reactions", "share", "something_new"]);
        let said = Said::of_json(json!({"sender_name": "Ana", "is_unsent": true, "call_duration": 3}));
        assert_eq!((said.event.as_deref(), &said.extra["duration_s"]), (Some("unsent"), &json!(3)));
    }
}
