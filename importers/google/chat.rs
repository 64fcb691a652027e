//! Google Chat: one conversation for every space and direct message.
//!
//! `Groups/<DM xxxxxxxx | Space AAAAxxxx>/` has `group_info.json` (name, members), `messages.json` and the files that
//! were sent, under names of their own (`export_name`; a name that repeats is numbered on disk in the order of messages
//! and not in the JSON). English names in a German listing of 2024; files are known by their keys all the same. Times
//! are English long forms in UTC. Deleted messages have neither sender nor text.

use std::collections::{BTreeMap, HashMap};

use exodus_api::{At, Body, Entry, ImportError, Item, Kind, Options, Origin, Product, Sink, Skip, Source};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::{faults, head, naming, read};
use crate::shared::content_lines::uid_of;
use crate::shared::conversation::{Attachment, Conversation, Message, Pages};
use crate::shared::json_paths::JsonPaths;
use crate::shared::{json_mended, names};

const FOLDER: &str = "chats/google-chat";
const PATHS: &[&[&str]] = &[&["messages", "*"]];

/// Imports all conversations of an account.
pub fn import(
    source: &dyn Source,
    product: &Product,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let root = format!("{}/", product.folder);
    let mut spaces: BTreeMap<&str, Space> = BTreeMap::new();
    for entry in source.under(&root).iter().filter(|entry| !names::is_system_junk(&entry.path)) {
        spaces.entry(entry.folder()).or_default().add(source, entry);
    }
    // A folder with neither is none of a conversation: users, or something new.
    let mut spaces: Vec<Space> = spaces.into_values().filter(|space| space.named_by().is_some()).collect();
    spaces.sort_by_key(|space| space.named_by().map(|entry| (entry.part, entry.order)));
    for space in spaces {
        if options.wants(Kind::Conversation, "chat") || options.wants(Kind::Chat, "chat") {
            space.send(source, sink)?;
        } else {
            for entry in space.messages.into_iter().chain(space.info).chain(space.files) {
                sink.skip(entry, Skip::NotAskedFor)?;
            }
        }
    }
    Ok(())
}

/// The files of one conversation.
#[derive(Default)]
struct Space<'a> {
    messages: Option<&'a Entry>,
    info: Option<&'a Entry>,
    files: Vec<&'a Entry>,
}

impl<'a> Space<'a> {
    fn add(&mut self, source: &dyn Source, entry: &'a Entry) {
        if !entry.name().to_lowercase().ends_with(".json") {
            self.files.push(entry);
            return;
        }
        let beginning = head(source, entry, 4 << 10);
        let has = |key: &[u8]| memchr::memmem::find(&beginning, key).is_some();
        if has(b"\"messages\"") && self.messages.is_none() {
            self.messages = Some(entry);
        } else if has(b"\"members\"") && self.info.is_none() {
            self.info = Some(entry);
        } else {
            self.files.push(entry);
        }
    }

    /// The file that makes it a conversation.
    fn named_by(&self) -> Option<&'a Entry> {
        self.messages.or(self.info)
    }

    /// What names the space for ever: the last word of its folder, which is the same in every language.
    fn id(&self) -> &str {
        let folder = self.named_by().map_or("", |entry| entry.folder());
        let name = folder.rsplit('/').next().unwrap_or(folder);
        name.rsplit(' ').next().unwrap_or(name)
    }

    fn send(self, source: &dyn Source, sink: &mut dyn Sink) -> Result<(), ImportError> {
        for file in &self.files {
            sink.item(self.file_item(file))?;
        }
        let info: Option<Value> = self.info.and_then(|info| json_mended::parse(&read(source, info)).ok());
        let is_info_read = info.is_some();
        let info = info.unwrap_or_default();
        match (self.messages, self.info) {
            (Some(entry), _) if sink.is_done(entry) => sink.used(entry)?,
            (Some(entry), _) => self.send_messages(source, entry, &info, sink)?,
            // Nobody has said anything, or the messages are in a part that was not given.
            (None, Some(entry)) if is_info_read => {
                let origin = Origin { entry: entry.clone(), at: At::Byte(0) };
                Pages::new(self.conversation(&info), origin).finish(sink)?;
            }
            _ => {}
        }
        match self.info {
            // One that cannot be read is kept, and reported if it is damaged.
            Some(info) if is_info_read => Ok(sink.used(info)?),
            _ => Ok(()),
        }
    }

    fn send_messages(
        &self,
        source: &dyn Source,
        entry: &Entry,
        info: &Value,
        sink: &mut dyn Sink,
    ) -> Result<(), ImportError> {
        let Some(reader) = faults::opened(source, entry, sink)? else { return Ok(()) };
        let origin = |at| Origin { entry: entry.clone(), at };
        let mut pages = Pages::new(self.conversation(info), origin(At::Byte(0)));
        let mut files = Files::of(&self.files, self.id());
        let mut values = JsonPaths::new(reader, PATHS);
        let mut end = 0;
        let failure = loop {
            let found = match values.next_value() {
                Ok(Some(found)) => found,
                Ok(None) => break None,
                Err(err) => break Some(err),
            };
            end = found.offset;
            let record = At::Record(found.places.first().copied().unwrap_or_default());
            let value: Option<Value> = found.bytes.and_then(|bytes| json_mended::parse(&bytes).ok());
            match value.filter(Value::is_object) {
                Some(value) => pages.message(self.message(&value, &mut files), origin(record), sink)?,
                None => {
                    let what = "a message cannot be read".to_owned();
                    let hint = "the others are safe; export again to get this one";
                    sink.fault(faults::bad_record(source, entry, record, what, hint))?;
                }
            }
        };
        pages.finish(sink)?;
        match failure {
            Some(err) => sink.fault(faults::breaks_off(source, entry, end, &err))?,
            None => sink.used(entry)?,
        }
        Ok(())
    }

    fn conversation(&self, info: &Value) -> Conversation {
        let members = info["members"].as_array().into_iter().flatten();
        let members: Vec<(String, String)> =
            members.map(|member| (text(member, "name"), text(member, "email"))).collect();
        let names: Vec<String> = members.iter().map(|(name, email)| either(name, email)).collect();
        let title = text(info, "name");
        let title = if title.is_empty() { names[..names.len().min(4)].join(", ") } else { title };
        let participant = |(name, email): &(String, String)| match (name.as_str(), email.as_str()) {
            (name, "") => name.to_owned(),
            ("", email) => email.to_owned(),
            (name, email) => format!("{name} <{email}>"),
        };
        Conversation {
            key: format!("chat:{}", self.id()),
            product: "chat",
            title: either(&title, self.id()),
            folder: FOLDER,
            participants: members.iter().map(participant).collect(),
            extra: Map::new(),
        }
    }

    fn message(&self, value: &Value, files: &mut Files) -> Message {
        let creator = value.get("creator").unwrap_or(&Value::Null);
        let dated = text(value, "created_date");
        let id = text(value, "message_id");
        let said = text(value, "text");
        let is_deleted =
            text(value, "message_state") == "DELETED" || value.get("deletion_metadata").is_some();
        let mut extra = Map::new();
        for (fact, name) in [
            ("topic", "topic_id"),
            ("reactions", "reactions"),
            ("quoted", "quoted_message_metadata"),
            ("updated", "updated_date"),
        ] {
            if let Some(value) = value.get(name) {
                extra.insert(fact.to_owned(), value.clone());
            }
        }
        let email = text(creator, "email");
        if !email.is_empty() {
            extra.insert("sender_email".to_owned(), email.clone().into());
        }
        let links = links(value);
        if !links.is_empty() {
            extra.insert("links".to_owned(), links.into());
        }
        let list = value["attached_files"].as_array().into_iter().flatten();
        let attachments =
            list.map(|file| files.find(&text(file, "original_name"), &text(file, "export_name")));
        let event = if is_deleted { Some("deleted".to_owned()) } else { None };
        let hashed = || uid_of(format!("{}\n{dated}\n{email}\n{said}", self.id()).as_bytes());
        Message {
            key: format!("chat-message:{}", if id.is_empty() { hashed() } else { id }),
            time: seconds(&dated),
            attachments: attachments.collect(),
            sender: either(&text(creator, "name"), &email),
            text: said,
            event,
            dated: Some(dated).filter(|dated| !dated.is_empty()),
            extra,
        }
    }

    fn file_item(&self, entry: &Entry) -> Item {
        let origin = Origin { entry: entry.clone(), at: At::Whole };
        let name = entry.name();
        let key = format!("chat-file:{}/{}", self.id(), names::folded(name));
        let mut item = Item::new(Kind::File, "chat", key, origin);
        item.title = Some(name.to_owned());
        item.path = format!("{FOLDER}/files/{}/{name}", self.id());
        item.extra.insert("conversation".to_owned(), format!("chat:{}", self.id()).into());
        item.body = Body::Entry(entry.clone());
        item
    }
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned()
}

fn either(first: &str, second: &str) -> String {
    if first.is_empty() { second.to_owned() } else { first.to_owned() }
}

/// The addresses that a message links to.
fn links(message: &Value) -> Vec<String> {
    let annotations = message["annotations"].as_array().into_iter().flatten();
    let url = |annotation: &Value| {
        let url = &annotation["url_metadata"]["url"];
        let wrapped = url.as_object().and_then(|url| url.values().find_map(Value::as_str));
        url.as_str().or(wrapped).map(str::to_owned)
    };
    annotations.filter_map(url).collect()
}

/// `Tuesday, January 2, 2024 at 10:15:00 AM UTC`, with blanks of any kind.
fn seconds(text: &str) -> Option<i64> {
    let text: String = text.chars().map(|letter| if letter.is_whitespace() { ' ' } else { letter }).collect();
    let forms = ["%A, %B %d, %Y at %I:%M:%S %p UTC", "%A, %B %d, %Y, %I:%M:%S %p UTC"];
    let time = forms.iter().find_map(|form| DateTime::strptime(form, &text).ok());
    match time {
        Some(time) => Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second()),
        None => text.parse::<Timestamp>().ok().map(Timestamp::as_second),
    }
}

/// The files of a conversation by their names, and how often each was asked for.
struct Files<'a> {
    by_name: HashMap<String, &'a Entry>,
    n_asked: HashMap<String, u32>,
    id: &'a str,
}

impl<'a> Files<'a> {
    fn of(entries: &[&'a Entry], id: &'a str) -> Files<'a> {
        let by_name = entries.iter().map(|entry| (names::folded(entry.name()), *entry)).collect();
        Files { by_name, n_asked: HashMap::new(), id }
    }

    /// The attachment that the JSON calls so.
    fn find(&mut self, original: &str, exported: &str) -> Attachment {
        let wanted = names::folded(&naming::spelled(exported));
        let n_before = self.n_asked.entry(wanted.clone()).or_default();
        let numbered = match wanted.rsplit_once('.') {
            Some((stem, ending)) => format!("{stem}({n_before}).{ending}"),
            None => format!("{wanted}({n_before})"),
        };
        *n_before += 1;
        let is_first = *n_before == 1;
        let found = self.by_name.get(&numbered).filter(|_| !is_first);
        let found = found.or_else(|| self.by_name.get(&wanted));
        let path = found.map(|entry| format!("files/{}/{}", self.id, entry.name()));
        Attachment { name: either(original, exported), path }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_whatever_their_blanks() {
        assert_eq!(seconds("Tuesday, January 2, 2024 at 10:15:00\u{202f}AM UTC"), Some(1_704_190_500));
        assert_eq!(seconds("Tuesday, January 2, 2024 at 1:05:09 PM UTC"), Some(1_704_200_709));
        assert_eq!(seconds("2024-01-02T10:15:00Z"), Some(1_704_190_500));
        assert_eq!(seconds("Dienstag, 2. Januar 2024 um 10:15:00 UTC"), None);
    }

    #[test]
    fn a_repeated_name_is_numbered_in_the_order_of_messages() {
        let entry = |id, name: &str| Entry {
            id,
            part: 0,
            path: format!("s/{name}"),
            size: 1,
            modified: None,
            crc32: None,
            order: 0,
        };
        let entries = [entry(0, "File-x_.jpg"), entry(1, "File-x_(1).jpg")];
        let entries: Vec<&Entry> = entries.iter().collect();
        let mut files = Files::of(&entries, "A");
        let mut path = |name: &str| files.find("x?.jpg", name).path;
        assert_eq!(path("File-x?.jpg").as_deref(), Some("files/A/File-x_.jpg"));
        assert_eq!(path("File-x?.jpg").as_deref(), Some("files/A/File-x_(1).jpg"));
        assert_eq!(path("File-y.jpg"), None);
    }
}
