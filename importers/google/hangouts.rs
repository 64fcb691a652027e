//! Hangouts (until 2022): one file with all conversations, of any size, and pictures beside it.
//!
//! `Hangouts.json` is `conversations[]` with `conversation.conversation` (id, name, participants) and `events[]`; exports
//! before about 2017 say `conversation_state[].conversation_state` with `conversation` and `event[]`. Times are
//! microseconds since 1970 UTC, as text. It is read event by event, so a conversation of years is never held.

use std::collections::HashMap;

use exodus_api::{At, Body, Entry, ImportError, Item, Kind, Options, Origin, Product, Sink, Skip, Source};
use serde_json::{Map, Value};

use super::browser::percent_decoded;
use super::{faults, head};
use crate::shared::content_lines::uid_of;
use crate::shared::conversation::{Attachment, Conversation, Message, Pages};
use crate::shared::json_paths::{Found, JsonPaths};
use crate::shared::{json_mended, names};

const FOLDER: &str = "chats/hangouts";
const PATHS: &[&[&str]] = &[
    &["conversations", "*", "conversation", "conversation"],
    &["conversations", "*", "events", "*"],
    &["conversation_state", "*", "conversation_state", "conversation"],
    &["conversation_state", "*", "conversation_state", "event", "*"],
];
/// The paths of conversations themselves; the others are of their events.
const HEAD: usize = 0;
const OLD_HEAD: usize = 2;
/// The names of so many people make the name of a conversation that has none.
const NAMES_IN_TITLE: usize = 4;

/// Imports all conversations of an account.
pub fn import(
    source: &dyn Source,
    product: &Product,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let root = format!("{}/", product.folder);
    let entries = source.under(&root).iter().filter(|entry| !names::is_system_junk(&entry.path));
    let (json, files): (Vec<&Entry>, Vec<&Entry>) =
        entries.partition(|entry| entry.name().to_lowercase().ends_with(".json"));
    let is_conversations = |entry: &&Entry| {
        let beginning = head(source, entry, 4 << 10);
        [&b"\"conversations\""[..], b"\"conversation_state\""]
            .iter()
            .any(|key| memchr::memmem::find(&beginning, key).is_some())
    };
    let has_json = !json.is_empty();
    let json: Vec<&Entry> = json.into_iter().filter(is_conversations).collect();
    // Without any JSON it is in a part that was not given, and files are files all the same.
    if has_json && json.is_empty() {
        return Ok(());
    }
    if !options.wants(Kind::Conversation, "hangouts") && !options.wants(Kind::Chat, "hangouts") {
        for entry in json.into_iter().chain(files) {
            sink.skip(entry, Skip::NotAskedFor)?;
        }
        return Ok(());
    }
    for entry in json {
        if sink.is_done(entry) {
            sink.used(entry)?;
        } else {
            Reading::new(source, entry, &files).read(sink)?;
        }
    }
    for file in files {
        sink.item(file_item(file))?;
    }
    Ok(())
}

fn file_item(entry: &Entry) -> Item {
    let origin = Origin { entry: entry.clone(), at: At::Whole };
    let key = format!("hangouts-file:{}", names::folded(entry.name()));
    let mut item = Item::new(Kind::File, "hangouts", key, origin);
    item.title = Some(entry.name().to_owned());
    item.path = format!("{FOLDER}/files/{}", entry.name());
    item.body = Body::Entry(entry.clone());
    item
}

/// One reading of the file.
struct Reading<'a> {
    source: &'a dyn Source,
    entry: &'a Entry,
    files: HashMap<String, &'a Entry>,
    /// The number of the conversation that is being read, and what was read of it.
    number: Option<u64>,
    pages: Option<Pages>,
    people: HashMap<String, String>,
    id: String,
}

impl<'a> Reading<'a> {
    fn new(source: &'a dyn Source, entry: &'a Entry, files: &[&'a Entry]) -> Reading<'a> {
        let files = files.iter().map(|file| (names::folded(file.name()), *file)).collect();
        Reading { source, entry, files, number: None, pages: None, people: HashMap::new(), id: String::new() }
    }

    fn read(mut self, sink: &mut dyn Sink) -> Result<(), ImportError> {
        let Some(reader) = faults::opened(self.source, self.entry, sink)? else { return Ok(()) };
        let mut values = JsonPaths::new(reader, PATHS);
        let mut end = 0;
        let failure = loop {
            match values.next_value() {
                Ok(Some(found)) => {
                    end = found.offset;
                    self.value(found, sink)?;
                }
                Ok(None) => break None,
                Err(err) => break Some(err),
            }
        };
        self.finish(sink)?;
        match failure {
            Some(err) => sink.fault(faults::breaks_off(self.source, self.entry, end, &err))?,
            None => sink.used(self.entry)?,
        }
        Ok(())
    }

    fn finish(&mut self, sink: &mut dyn Sink) -> Result<(), ImportError> {
        if let Some(pages) = self.pages.take() {
            pages.finish(sink)?;
        }
        self.people.clear();
        self.id.clear();
        Ok(())
    }

    fn value(&mut self, found: Found, sink: &mut dyn Sink) -> Result<(), ImportError> {
        let number = found.places.first().copied();
        if number != self.number {
            self.finish(sink)?;
            self.number = number;
        }
        let value: Option<Value> = found.bytes.and_then(|bytes| json_mended::parse(&bytes).ok());
        let Some(value) = value.filter(Value::is_object) else {
            let what = "a message or a conversation cannot be read".to_owned();
            let hint = "the others are safe; export again to get this one";
            let at = At::Byte(found.offset);
            return Ok(sink.fault(faults::bad_record(self.source, self.entry, at, what, hint))?);
        };
        let origin = Origin { entry: self.entry.clone(), at: At::Byte(found.offset) };
        if matches!(found.path, HEAD | OLD_HEAD) {
            self.conversation(&value, origin);
            return Ok(());
        }
        if self.pages.is_none() {
            // Its head is missing or was not read: the event tells at least which conversation it is.
            self.conversation(&value["conversation_id"], origin.clone());
        }
        let message = self.message(&value);
        if let Some(pages) = &mut self.pages {
            pages.message(message, origin, sink)?;
        }
        Ok(())
    }

    fn conversation(&mut self, value: &Value, origin: Origin) {
        let id = value["id"]["id"].as_str().or(value["id"].as_str());
        self.id = match id {
            Some(id) => id.to_owned(),
            None => uid_of(value.to_string().as_bytes()),
        };
        let own = person_id(&value["self_conversation_state"]["self_read_state"]["participant_id"]);
        let mut others = Vec::new();
        for person in value["participant_data"].as_array().into_iter().flatten() {
            let id = person_id(&person["id"]);
            let name = text(person, "fallback_name").unwrap_or_else(|| id.clone());
            if id != own || id.is_empty() {
                others.push(name.clone());
            }
            self.people.insert(id, name);
        }
        let mut participants: Vec<String> = self.people.values().cloned().collect();
        participants.sort();
        let title =
            text(value, "name").unwrap_or_else(|| others[..others.len().min(NAMES_IN_TITLE)].join(", "));
        let mut extra = Map::new();
        if let Some(kind) = text(value, "type") {
            extra.insert("type".to_owned(), kind.into());
        }
        let conversation = Conversation {
            key: format!("hangouts:{}", self.id),
            product: "hangouts",
            title: if title.is_empty() { self.id.clone() } else { title },
            folder: FOLDER,
            participants,
            extra,
        };
        self.pages = Some(Pages::new(conversation, origin));
    }

    fn message(&self, event: &Value) -> Message {
        let sender = person_id(&event["sender_id"]);
        let content = &event["chat_message"]["message_content"];
        let time_us = event["timestamp"].as_str().and_then(|text| text.parse::<i64>().ok());
        let time_us = time_us.or_else(|| event["timestamp"].as_i64());
        let id = text(event, "event_id").unwrap_or_else(|| uid_of(event.to_string().as_bytes()));
        let mut extra = Map::new();
        if !sender.is_empty() {
            extra.insert("sender_id".to_owned(), sender.clone().into());
        }
        let attachments = content["attachment"].as_array().into_iter().flatten();
        let text = said(content);
        Message {
            key: format!("hangouts-message:{}:{id}", self.id),
            time: time_us.map(|time_us| time_us.div_euclid(1_000_000)),
            dated: None,
            sender: self.people.get(&sender).cloned().unwrap_or(sender),
            event: what_happened(event),
            text,
            attachments: attachments.filter_map(|it| self.attachment(it)).collect(),
            extra,
        }
    }

    /// An attachment: its file is named after the end of its address.
    fn attachment(&self, attachment: &Value) -> Option<Attachment> {
        let item = &attachment["embed_item"];
        let url = find_url(item, 0)?;
        let last = url.split(['?', '#']).next().unwrap_or(url).rsplit('/').next().unwrap_or(url);
        let name = percent_decoded(last);
        let found = self.files.get(&names::folded(&name));
        let path = found.map(|entry| format!("files/{}", entry.name()));
        Some(Attachment { name: if path.is_some() { name } else { url.to_owned() }, path })
    }
}

/// The first address in the description of an attachment: that of the thing itself stands before that of its preview.
fn find_url(value: &Value, depth: u32) -> Option<&str> {
    let object = value.as_object().filter(|_| depth < 5)?;
    let own = ["url", "original_content_url"].iter().find_map(|name| object.get(*name)?.as_str());
    own.or_else(|| object.values().find_map(|value| find_url(value, depth + 1)))
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn person_id(value: &Value) -> String {
    text(value, "gaia_id").or_else(|| text(value, "chat_id")).unwrap_or_default()
}

/// The text of a message: its segments one after the other.
fn said(content: &Value) -> String {
    let mut out = String::new();
    for segment in content["segment"].as_array().into_iter().flatten() {
        match segment["type"].as_str() {
            Some("LINE_BREAK") => out.push('\n'),
            _ => out.push_str(segment["text"].as_str().unwrap_or_default()),
        }
    }
    out.trim_end().to_owned()
}

/// What happened, where nothing was said.
fn what_happened(event: &Value) -> Option<String> {
    let kind = event["event_type"].as_str()?;
    if kind == "REGULAR_CHAT_MESSAGE" {
        return None;
    }
    let words = kind.to_lowercase().replace('_', " ");
    let call = text(&event["hangout_event"], "event_type").map(|it| it.to_lowercase().replace('_', " "));
    let name = text(&event["conversation_rename"], "new_name");
    Some([Some(words), call, name].into_iter().flatten().collect::<Vec<String>>().join(": "))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_is_its_segments_and_an_event_is_told_in_words() {
        let content = json!({"segment": [{"type": "TEXT", "text": "see "}, {"type": "LINK", "text": "example.org"},
            {"type": "LINE_BREAK", "text": "\n"}, {"type": "TEXT", "text": "bye"}]});
        assert_eq!(said(&content), "see example.org\nbye");
        let event =
            json!({"event_type": "RENAME_CONVERSATION", "conversation_rename": {"new_name": "Boats"}});
        assert_eq!(what_happened(&event).as_deref(), Some("rename conversation: Boats"));
        assert_eq!(what_happened(&json!({"event_type": "REGULAR_CHAT_MESSAGE"})), None);
    }

    #[test]
    fn an_attachment_is_found_by_the_end_of_its_address() {
        let item = json!({"type": ["PLUS_PHOTO"], "id": "x", "plus_photo": {"thumbnail": {"image_url": "no"},
            "url": "https://lh3.googleusercontent.com/a/b/Am%20Hafen.jpg?x=1", "media_type": "PHOTO"}});
        assert_eq!(find_url(&item, 0), Some("https://lh3.googleusercontent.com/a/b/Am%20Hafen.jpg?x=1"));
        assert_eq!(percent_decoded("Am%20Hafen%C3%9f.jpg%"), "Am Hafenß.jpg%");
    }
}
