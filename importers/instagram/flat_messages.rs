//! Conversations of exports before 2021: all in one `messages.json`, newest first, people by their user names.
//!
//! A conversation has no number there, so it is known by its people: that of a later export, which has a number, is another
//! item. Seen in viewers of 2018 to 2021.

use std::collections::HashSet;

use exodus_api::{At, Body, Entry, ImportError, Item, Kind, Origin, Sink, Source};
use serde_json::{Map, Value};

use super::flat::{seconds, whole};
use crate::shared::content_lines::uid_of;
use crate::shared::conversation::{Attachment, Conversation, Message, MessageKeys, Pages};
use crate::shared::json_paths::JsonPaths;
use crate::shared::meta::tree::Tree;
use crate::shared::{faults, json_mended, names};

const PEOPLE: &[&[&str]] = &[&["*", "participants"]];
const MESSAGES: &[&[&str]] = &[&["*", "conversation", "*"]];
const HINT: &str = "the others are safe; export again to get this one";
/// The folder of conversations below `files/`.
pub const FOLDER: &str = "chats/instagram";
/// The product of conversations.
pub const PRODUCT: &str = "messages";

/// Sends all conversations of a file; false if it cannot be read to its end, which is told.
///
/// # Errors
/// When the run has to end.
pub fn send(
    source: &dyn Source,
    tree: &Tree,
    entry: &Entry,
    sink: &mut dyn Sink,
) -> Result<bool, ImportError> {
    let people = people(source, entry);
    let mut sending = Sending { tree, entry, people, keys: MessageKeys::default(), sent: HashSet::new() };
    let Some(reader) = faults::opened(source, entry, sink)? else { return Ok(false) };
    let mut values = JsonPaths::new(reader, MESSAGES);
    let mut open: Option<(u64, Pages)> = None;
    let mut end = 0;
    let failure = loop {
        let found = match values.next_value() {
            Ok(Some(found)) => found,
            Ok(None) => break None,
            Err(err) => break Some(err),
        };
        end = found.offset;
        let number = found.places.first().copied().unwrap_or_default();
        if open.as_ref().is_none_or(|(open, _)| *open != number) {
            if let Some((_, pages)) = open.take() {
                pages.finish(sink)?;
            }
            open = Some((number, Pages::new(sending.conversation(number), whole(entry))));
        }
        let Some((_, pages)) = &mut open else { continue };
        let at = At::Byte(found.offset);
        let value = found.bytes.and_then(|bytes| json_mended::parse(&bytes).ok()).filter(Value::is_object);
        match value {
            Some(value) => {
                let message = sending.message(number, value, sink)?;
                pages.message(message, Origin { entry: entry.clone(), at }, sink)?;
            }
            None => {
                let what = "a message cannot be read".to_owned();
                sink.fault(faults::bad_record(source, entry, at, what, HINT))?;
            }
        }
    };
    if let Some((_, pages)) = open {
        pages.finish(sink)?;
    }
    if let Some(err) = &failure {
        sink.fault(faults::breaks_off(source, entry, end, err))?;
    }
    Ok(failure.is_none())
}

/// The people of each conversation.
fn people(source: &dyn Source, entry: &Entry) -> Vec<Vec<String>> {
    let mut all = Vec::new();
    let Ok(reader) = source.open(entry) else { return all };
    let mut values = JsonPaths::new(reader, PEOPLE);
    // What breaks off is told of where the messages are read.
    while let Ok(Some(found)) = values.next_value() {
        let number = found.places.first().map_or(0, |number| *number as usize);
        let value = found.bytes.and_then(|bytes| json_mended::parse(&bytes).ok()).unwrap_or_default();
        let names = value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
        all.resize(number, Vec::new());
        all.push(names.collect());
    }
    all
}

struct Sending<'s, 'a> {
    tree: &'s Tree<'a>,
    entry: &'s Entry,
    people: Vec<Vec<String>>,
    keys: MessageKeys,
    sent: HashSet<u32>,
}

impl Sending<'_, '_> {
    fn people(&self, number: u64) -> &[String] {
        self.people.get(number as usize).map_or(&[], Vec::as_slice)
    }

    /// What names a conversation: its people, whatever their order.
    fn id(&self, number: u64) -> String {
        let mut people = self.people(number).to_vec();
        people.sort_unstable();
        uid_of(people.join("\n").as_bytes())
    }

    fn conversation(&self, number: u64) -> Conversation {
        let people = self.people(number).to_vec();
        let title = people[..people.len().min(4)].join(", ");
        let key = format!("thread:{}", self.id(number));
        Conversation { key, product: PRODUCT, title, folder: FOLDER, participants: people, extra: Map::new() }
    }

    fn message(
        &mut self,
        number: u64,
        mut value: Value,
        sink: &mut dyn Sink,
    ) -> Result<Message, ImportError> {
        let mut take = |name: &str| value.as_object_mut().and_then(|object| object.remove(name));
        let mut text = |name: &str| take(name).and_then(|it| it.as_str().map(|text| text.trim().to_owned()));
        let (sender, created) = (text("sender").unwrap_or_default(), text("created_at").unwrap_or_default());
        let mut texts: Vec<String> = text("text").into_iter().collect();
        let media = text("media");
        for name in
            ["story_share", "media_share_caption", "media_share_url", "media_url", "animated_media_images"]
        {
            texts.extend(text(name));
        }
        texts.retain(|text| !text.is_empty());
        let rest = value.as_object_mut().map(std::mem::take).unwrap_or_default();
        let is_empty =
            |value: &Value| value.is_null() || value == "" || value.as_array().is_some_and(Vec::is_empty);
        let extra: Map<String, Value> = rest.into_iter().filter(|(_, value)| !is_empty(value)).collect();
        let time = seconds(&created);
        let id = self.id(number);
        let mut attachments = Vec::new();
        if let Some(uri) = media.as_deref().filter(|uri| !uri.is_empty()) {
            attachments.push(self.attachment(&id, uri, time, sink)?);
        }
        let first = texts.first().map(String::as_str).or(media.as_deref()).unwrap_or_default();
        let key = self.keys.of(&id, time, first);
        Ok(Message {
            key,
            time,
            dated: Some(created).filter(|created| !created.is_empty()),
            sender,
            text: texts.join("\n"),
            event: None,
            attachments,
            extra,
        })
    }

    fn attachment(
        &mut self,
        id: &str,
        uri: &str,
        time: Option<i64>,
        sink: &mut dyn Sink,
    ) -> Result<Attachment, ImportError> {
        let name = uri.rsplit('/').next().unwrap_or(uri).to_owned();
        // What stands on the web is no file of the export.
        let Some(entry) = self.tree.referred(uri) else { return Ok(Attachment { name, path: None }) };
        let path = format!("files/direct/{}", entry.name());
        if self.sent.insert(entry.id) && entry.id != self.entry.id {
            let key = format!("message-file:direct/{}", names::folded(entry.name()));
            let origin = Origin { entry: entry.clone(), at: At::Whole };
            let mut item = Item::new(Kind::File, PRODUCT, key, origin);
            item.title = Some(entry.name().to_owned());
            item.time = time;
            item.path = format!("{FOLDER}/{path}");
            item.extra.insert("conversation".to_owned(), format!("thread:{id}").into());
            item.body = Body::Entry(entry.clone());
            sink.item(item)?;
        }
        Ok(Attachment { name, path: Some(path) })
    }
}
