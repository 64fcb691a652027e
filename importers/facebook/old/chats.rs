//! Conversations of before 2018: all in one page, or one page each (`messages/17.html`, from 2017).
//!
//! A conversation is an element `thread` that begins with the names of its people; in it the head of each message (`user`, `meta`) and
//! behind that its words in a `p`, the newest first. It has no number, so its people are what names it; one of more than ten
//! thousand messages goes on in further ones of the same people.

use std::collections::{HashMap, HashSet};

use exodus_api::{At, Body, Entry, ImportError, Item, Kind, Options, Origin, Sink, Skip, Source};
use serde_json::Map;

use super::pieces::Pieces;
use super::{is_here, is_on_the_web, target, tidy};
use crate::shared::content_lines::uid_of;
use crate::shared::conversation::{Attachment, Conversation, Message, MessageKeys, Pages};
use crate::shared::html::{self, Step};
use crate::shared::meta::record::folded;
use crate::shared::meta::threads::Platform;
use crate::shared::meta::tree::{File, Tree};
use crate::shared::{faults, localized_date, names};

const MARK: &str = "class=\"message\"";
const HINT: &str = "the others are safe; export again to get this one";
/// A conversation of more bytes is sent in pieces, each with its oldest message first.
const LIMIT_HELD_BYTES: usize = 32 << 20;

/// Imports the conversations of old pages.
///
/// # Errors
/// When the run has to end.
pub fn import(
    (source, tree): (&dyn Source, &Tree),
    platform: Platform,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let is_wanted =
        [Kind::Conversation, Kind::Chat].iter().any(|kind| options.wants(*kind, platform.product));
    let is_old = tree.files().iter().any(is_here);
    let mut files: Vec<&File> = tree.files().iter().filter(|file| is_old && is_of_chats(file)).collect();
    files.sort_by_key(|file| (file.stem().parse::<u64>().unwrap_or(0), file.path.clone()));
    let mut sending = Sending {
        tree,
        platform,
        keys: MessageKeys::default(),
        threads: HashMap::new(),
        sent: HashSet::new(),
    };
    // Read also if that was done before: what was sent with messages, and which conversation goes on with which, only they tell.
    for file in files {
        if !is_wanted {
            sink.skip(file.entry, Skip::NotAskedFor)?;
        } else if sending.page(source, file.entry, sink)? {
            sink.used(file.entry)?;
        }
    }
    Ok(())
}

fn is_of_chats(file: &File) -> bool {
    let is_one = file.is_in("messages")
        && matches!(file.extension(), "html" | "htm")
        && file.stem().bytes().all(|byte| byte.is_ascii_digit());
    is_one || (is_here(file) && file.stem() == "messages")
}

/// A message as the page has it.
#[derive(Debug, Default, PartialEq)]
struct Said {
    sender: String,
    dated: String,
    text: String,
    links: Vec<String>,
    files: Vec<String>,
}

/// A conversation that is being read.
struct Open {
    id: String,
    pages: Pages,
    held: Vec<(u64, Said)>,
    held_bytes: usize,
}

struct Sending<'s, 'a> {
    tree: &'s Tree<'a>,
    platform: Platform,
    keys: MessageKeys,
    /// How many conversations the same people had so far.
    threads: HashMap<String, u32>,
    sent: HashSet<u32>,
}

impl Sending<'_, '_> {
    /// Sends the conversations of a page; false if there is none, or it cannot be read to its end, which is told.
    fn page(&mut self, source: &dyn Source, entry: &Entry, sink: &mut dyn Sink) -> Result<bool, ImportError> {
        let Some(reader) = faults::opened(source, entry, sink)? else { return Ok(false) };
        let mut pieces = Pieces::new(reader, MARK);
        let mut open: Option<Open> = None;
        let mut n_messages = 0_u64;
        let failure = loop {
            let piece = match pieces.next_piece() {
                Ok(Some(piece)) => piece,
                Ok(None) => break None,
                Err(err) => break Some(err),
            };
            let Some(html) = piece.html else {
                let (at, what) = (At::Byte(piece.offset), "a message cannot be read".to_owned());
                sink.fault(faults::bad_record(source, entry, at, what, HINT))?;
                continue;
            };
            let (said, next) = read(&html);
            if let (Some(open), false) = (&mut open, said.sender.is_empty() && said.dated.is_empty()) {
                n_messages += 1;
                open.held_bytes += html.len();
                open.held.push((piece.offset, said));
                if open.held_bytes > LIMIT_HELD_BYTES {
                    self.send_held(entry, open, sink)?;
                }
            }
            if let Some(people) = next {
                self.finish(entry, open.take(), sink)?;
                open = Some(self.opened(&people, entry, piece.offset));
            }
        };
        self.finish(entry, open, sink)?;
        if let Some(err) = &failure {
            sink.fault(faults::breaks_off(source, entry, pieces.offset(), err))?;
        }
        Ok(failure.is_none() && n_messages > 0)
    }

    fn opened(&mut self, people: &str, entry: &Entry, offset: u64) -> Open {
        let people: Vec<String> = people.split(", ").map(folded).filter(|name| !name.is_empty()).collect();
        let mut sorted = people.clone();
        sorted.sort_unstable();
        let mut id = uid_of(sorted.join("\n").as_bytes());
        let n = self.threads.entry(id.clone()).or_default();
        *n += 1;
        if *n > 1 {
            id = format!("{id}#{n}");
        }
        let title = people[..people.len().min(4)].join(", ");
        let (product, folder) = (self.platform.product, self.platform.folder);
        let key = format!("thread:{id}");
        let conversation =
            Conversation { key, product, title, folder, participants: people, extra: Map::new() };
        let pages = Pages::new(conversation, Origin { entry: entry.clone(), at: At::Byte(offset) });
        Open { id, pages, held: Vec::new(), held_bytes: 0 }
    }

    fn finish(&mut self, entry: &Entry, open: Option<Open>, sink: &mut dyn Sink) -> Result<(), ImportError> {
        let Some(mut open) = open else { return Ok(()) };
        self.send_held(entry, &mut open, sink)?;
        Ok(open.pages.finish(sink)?)
    }

    fn send_held(&mut self, entry: &Entry, open: &mut Open, sink: &mut dyn Sink) -> Result<(), ImportError> {
        open.held_bytes = 0;
        for (offset, said) in std::mem::take(&mut open.held).into_iter().rev() {
            let message = self.message(&open.id, said, sink)?;
            open.pages.message(message, Origin { entry: entry.clone(), at: At::Byte(offset) }, sink)?;
        }
        Ok(())
    }

    fn message(&mut self, thread: &str, said: Said, sink: &mut dyn Sink) -> Result<Message, ImportError> {
        let time = localized_date::seconds_to_the_minute(&said.dated);
        let mut attachments = Vec::new();
        for uri in &said.files {
            attachments.push(self.attachment(thread, uri, time, sink)?);
        }
        let first = if said.text.is_empty() { said.files.first().unwrap_or(&said.text) } else { &said.text };
        let key = self.keys.of(thread, time, first);
        let links: Vec<&String> = said.links.iter().filter(|link| !said.text.contains(*link)).collect();
        let mut lines = vec![said.text.as_str()];
        lines.extend(links.into_iter().map(String::as_str));
        Ok(Message {
            key,
            time,
            dated: Some(said.dated.clone()),
            sender: said.sender.clone(),
            text: lines.join("\n").trim().to_owned(),
            attachments,
            ..Message::default()
        })
    }

    /// Sends a file that a message shows, if that was not done.
    fn attachment(
        &mut self,
        thread: &str,
        uri: &str,
        time: Option<i64>,
        sink: &mut dyn Sink,
    ) -> Result<Attachment, ImportError> {
        let name = uri.rsplit(['/', '\\']).next().unwrap_or(uri).to_owned();
        let Some(entry) = self.tree.referred(uri) else { return Ok(Attachment { name, path: None }) };
        let below = format!("files/{thread}/{}", entry.name());
        if self.sent.insert(entry.id) {
            let origin = Origin { entry: entry.clone(), at: At::Whole };
            let key = format!("message-file:{thread}/{}", names::folded(entry.name()));
            let mut item = Item::new(Kind::File, self.platform.product, key, origin);
            item.title = Some(entry.name().to_owned());
            item.time = time;
            item.path = format!("{}/{below}", self.platform.folder);
            item.extra.insert("conversation".to_owned(), format!("thread:{thread}").into());
            item.body = Body::Entry(entry.clone());
            sink.item(item)?;
        }
        Ok(Attachment { name, path: Some(below) })
    }
}

/// What a piece says, and the names that the conversation begins with that begins in it.
fn read(html: &str) -> (Said, Option<String>) {
    let mut said = Said::default();
    let mut next: Option<String> = None;
    html::walk(html, &mut |open, step| {
        let Some(last) = open.last() else { return };
        let is_in_words = open.iter().any(|element| element.name == "p");
        match step {
            Step::Open if last.has_class("thread") => next = Some(String::new()),
            Step::Open if last.name == "br" && is_in_words => said.text.push('\n'),
            Step::Open if is_in_words || matches!(&*last.name, "img" | "video" | "audio") => {
                let Some(target) = target(last) else { return };
                let list = if is_on_the_web(target) { &mut said.links } else { &mut said.files };
                if next.is_none() && !list.iter().any(|known| known == target) {
                    list.push(target.to_owned());
                }
            }
            Step::Text(text) if last.has_class("user") => said.sender.push_str(text),
            Step::Text(text) if last.has_class("meta") => said.dated.push_str(text),
            Step::Text(text) if is_in_words => said.text.push_str(text),
            Step::Text(text) if last.has_class("thread") => {
                if let Some(people) = &mut next {
                    people.push_str(text);
                }
            }
            _ => {}
        }
    });
    (said.sender, said.dated) = (folded(&said.sender), folded(&said.dated));
    said.text = tidy(&said.text);
    (said, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_its_head_and_the_words_behind_it() {
        let (said, next) = read(
            "<div class=\"message\"><div class=\"message_header\"><span class=\"user\">Zo&euml;</span><span class=\"meta\">Friday, 4 May 2012 at 10:05 UTC+02</span></div>\
            </div><p>a &lt;b&gt;<br/>c</p><p><img src=\"../messages/photos/1.jpg\"/><a href=\"https://example.org\">x</a></p></div><div class=\"thread\">Ada, Ben",
        );
        assert_eq!((&*said.sender, &*said.text), ("Zoë", "a <b>\ncx"));
        assert_eq!(
            (said.files, said.links),
            (vec!["../messages/photos/1.jpg".into()], vec!["https://example.org".into()])
        );
        assert_eq!((&*said.dated, next.as_deref()), ("Friday, 4 May 2012 at 10:05 UTC+02", Some("Ada, Ben")));
    }
}
