//! Conversations: facts for every message, and a page that people read.
//!
//! A page is one HTML file without scripts that loads nothing from anywhere but the files beside it. What is sent
//! here message by message is held until a page is full; a longer conversation goes on in further pages, so that no
//! more than two pages are ever held, whatever its length. Within a page messages stand in the order of time.

use std::collections::HashMap;
use std::ops::Range;

use exodus_api::{Body, Item, Kind, Origin, Sink, Stop};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::content_lines::uid_of;
use super::html::escaped;

/// A page of so many bytes is full.
const PAGE_BYTES: usize = 2 << 20;

/// A conversation, as it is called and found again.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// Names it for ever.
    pub key: String,
    /// The product it comes from.
    pub product: &'static str,
    /// What people call it.
    pub title: String,
    /// The folder of its pages below `files/`.
    pub folder: &'static str,
    /// The people in it, as its platform names them.
    pub participants: Vec<String>,
    /// Further facts.
    pub extra: Map<String, Value>,
}

/// One message.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// Names it for ever.
    pub key: String,
    /// When it was sent, in seconds since 1970-01-01 UTC.
    pub time: Option<i64>,
    /// When it was sent, as the export spells it; shown where `time` is not known.
    pub dated: Option<String>,
    /// Who sent it; empty if nobody knows.
    pub sender: String,
    /// What was said.
    pub text: String,
    /// What happened instead of something being said, in a few words: a call, somebody joined.
    pub event: Option<String>,
    /// What was sent with it.
    pub attachments: Vec<Attachment>,
    /// Further facts.
    pub extra: Map<String, Value>,
}

/// Names messages that their platform gives no name: by thread, minute and words. A page tells no more of the time than the minute.
#[derive(Default)]
pub struct MessageKeys {
    /// How often the same words came up in a minute, by thread; two equal messages are two.
    n: HashMap<String, HashMap<(i64, u64), u32>>,
}

impl MessageKeys {
    /// The name for ever of a message in `thread` that begins with `words`. Names of a thread stand in the order of time, so that
    /// the index takes one after the other instead of searching a place for each.
    pub fn of(&mut self, thread: &str, time: Option<i64>, words: &str) -> String {
        let minute = time.map_or(0, |time| time.div_euclid(60));
        let hash = blake3::hash(words.as_bytes());
        let (first, _) = hash.as_bytes().split_first_chunk().expect("it has 32 bytes");
        let hash = u64::from_be_bytes(*first);
        let of_thread = match self.n.get_mut(thread) {
            Some(of_thread) => of_thread,
            None => self.n.entry(thread.to_owned()).or_default(),
        };
        let n = of_thread.entry((minute, hash)).or_default();
        *n += 1;
        match n {
            1 => format!("message:{thread}/{minute}-{hash:016x}"),
            n => format!("message:{thread}/{minute}-{hash:016x}#{n}"),
        }
    }
}

/// Something sent with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// What it is called.
    pub name: String,
    /// Where it lies, from the folder of the page; `None` if the export does not have it.
    pub path: Option<String>,
}

/// Sends a conversation.
pub struct Pages {
    conversation: Conversation,
    origin: Origin,
    n_messages: u64,
    first: Option<i64>,
    last: Option<i64>,
    /// The messages of the open page: their times, and where they stand in `open_html`.
    open: Vec<(i64, Range<usize>)>,
    open_html: String,
    /// The first page, held until it is known how many follow.
    first_page: Option<String>,
    n_pages: usize,
}

impl Pages {
    /// The pages of a conversation that was found at `origin`.
    pub fn new(conversation: Conversation, origin: Origin) -> Pages {
        Pages {
            conversation,
            origin,
            n_messages: 0,
            first: None,
            last: None,
            open: Vec::new(),
            open_html: String::new(),
            first_page: None,
            n_pages: 0,
        }
    }

    /// Sends a message's facts and takes it onto the page.
    ///
    /// # Errors
    /// When the run has to end.
    pub fn message(&mut self, message: Message, origin: Origin, sink: &mut dyn Sink) -> Result<(), Stop> {
        self.n_messages += 1;
        if let Some(time) = message.time {
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
            self.last = Some(self.last.map_or(time, |last| last.max(time)));
        }
        let start = self.open_html.len();
        write_html(&message, &mut self.open_html);
        // One without a time stays behind the one it came after.
        let time = message.time.or(self.open.last().map(|(time, _)| *time)).unwrap_or(i64::MIN);
        self.open.push((time, start..self.open_html.len()));
        sink.item(self.item(message, origin))?;
        if self.open_html.len() >= PAGE_BYTES {
            self.close_page(sink)?;
        }
        Ok(())
    }

    fn item(&self, message: Message, origin: Origin) -> Item {
        let mut item = Item::new(Kind::Chat, self.conversation.product, message.key, origin);
        item.time = message.time;
        item.title = Some(message.sender.clone()).filter(|sender| !sender.is_empty());
        item.extra = message.extra;
        item.extra.insert("conversation".to_owned(), self.conversation.key.clone().into());
        let attachments: Vec<String> = message.attachments.iter().map(|it| it.name.clone()).collect();
        let mut add = |name: &str, value: Value| {
            if value.as_str().is_none_or(|text| !text.is_empty()) && !value.is_null() {
                item.extra.insert(name.to_owned(), value);
            }
        };
        add("sender", message.sender.into());
        add("text", message.text.into());
        add("event", message.event.into());
        add("dated", message.dated.filter(|_| message.time.is_none()).into());
        if !attachments.is_empty() {
            add("attachments", attachments.into());
        }
        item
    }

    /// Sends what is left, and the first page with the facts of the whole.
    ///
    /// # Errors
    /// When the run has to end.
    pub fn finish(mut self, sink: &mut dyn Sink) -> Result<(), Stop> {
        if !self.open.is_empty() || self.n_pages == 0 {
            self.close_page(sink)?;
        }
        let body = self.first_page.take().unwrap_or_default();
        let mut item = self.page_item(1);
        item.extra = self.conversation.extra.clone();
        item.extra.insert("participants".to_owned(), self.conversation.participants.clone().into());
        item.extra.insert("n_messages".to_owned(), self.n_messages.into());
        for (name, time) in [("first", self.first), ("last", self.last)] {
            if let Some(time) = time.and_then(|time| Timestamp::from_second(time).ok()) {
                item.extra.insert(name.to_owned(), time.to_string().into());
            }
        }
        item.body = Body::Inline(self.page(&body, 1).into_bytes());
        sink.item(item)
    }

    fn close_page(&mut self, sink: &mut dyn Sink) -> Result<(), Stop> {
        self.n_pages += 1;
        self.open.sort_by_key(|(time, _)| *time);
        let mut body = String::with_capacity(self.open_html.len());
        body.extend(self.open.drain(..).map(|(_, place)| &self.open_html[place]));
        self.open_html.clear();
        if self.n_pages == 1 {
            self.first_page = Some(body);
            return Ok(());
        }
        let mut item = self.page_item(self.n_pages);
        item.extra.insert("conversation".to_owned(), self.conversation.key.clone().into());
        item.extra.insert("page".to_owned(), self.n_pages.into());
        item.body = Body::Inline(self.page(&body, self.n_pages).into_bytes());
        sink.item(item)
    }

    fn page_item(&self, number: usize) -> Item {
        let conversation = &self.conversation;
        let key = match number {
            1 => conversation.key.clone(),
            number => format!("{}#page{number}", conversation.key),
        };
        let mut item = Item::new(Kind::Conversation, conversation.product, key, self.origin.clone());
        item.title = Some(conversation.title.clone());
        item.time = self.last;
        item.path = format!("{}/{}", conversation.folder, self.page_name(number));
        item
    }

    fn page_name(&self, number: usize) -> String {
        let title: String = self.conversation.title.replace(['/', '\\'], "_").chars().take(100).collect();
        let title = title.trim().trim_start_matches('.');
        let title = if title.is_empty() { "conversation" } else { title };
        if number == 1 {
            return format!("{title}.html");
        }
        // Others may have the same title, and the first page links to this one.
        let hash = uid_of(self.conversation.key.as_bytes());
        format!("{title} - {number} {}.html", &hash[..8])
    }

    fn page(&self, messages: &str, number: usize) -> String {
        let title = escaped(&self.conversation.title);
        let people = self.conversation.participants.join(", ");
        let people = escaped(&people);
        let numbers = match number {
            1 => 2..=self.n_pages,
            number => number..=number,
        };
        let more: String = numbers
            .filter(|other| *other != number)
            .map(|other| format!(" <a href=\"{}\">{other}</a>", escaped(&url(&self.page_name(other)))))
            .collect();
        let more = if more.is_empty() { more } else { format!("<p>Goes on in{more}</p>\n") };
        let number = if number > 1 { format!(" ({number})") } else { String::new() };
        format!(
            "{HEAD}<title>{title}{number}</title>\n</head>\n<body>\n<h1>{title}{number}</h1>\n<p>{people}</p>\n{messages}{more}</body>\n</html>\n"
        )
    }
}

const HEAD: &str = "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src 'self' file:; media-src 'self' file:; \
    style-src 'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<style>\n\
    body { max-width: 45em; margin: 1em auto; padding: 0 1em; font-family: sans-serif; }\n\
    article { margin: 0.8em 0; }\ntime { color: #767676; font-size: 0.85em; }\n\
    p { margin: 0.2em 0; white-space: pre-wrap; overflow-wrap: anywhere; }\nimg { max-width: 100%; max-height: 30em; }\n\
    .event { color: #555; font-style: italic; }\n</style>\n";

fn write_html(message: &Message, out: &mut String) {
    let time = message.time.and_then(|time| Timestamp::from_second(time).ok());
    out.extend(["<article><b>", &*escaped(&message.sender), "</b> "]);
    match (time, &message.dated) {
        (Some(time), _) => {
            let time = time.to_string();
            let (day, clock) = time.trim_end_matches('Z').split_once('T').unwrap_or((&time, ""));
            out.extend(["<time datetime=\"", &time, "\">", day, " ", clock, " UTC</time>"]);
        }
        (None, Some(dated)) => out.extend(["<time>", &*escaped(dated), "</time>"]),
        (None, None) => {}
    }
    out.push('\n');
    if let Some(event) = &message.event {
        out.extend(["<p class=\"event\">", &*escaped(event), "</p>\n"]);
    }
    if !message.text.is_empty() {
        out.extend(["<p>", &*escaped(&message.text), "</p>\n"]);
    }
    for attachment in &message.attachments {
        let name = escaped(&attachment.name);
        out.push_str(&match &attachment.path {
            None => format!("<p class=\"event\">{name}: not in the export</p>\n"),
            Some(path) => {
                let url = url(path);
                let href = escaped(&url);
                let inside = match ending(path).as_str() {
                    "jpg" | "jpeg" | "png" | "gif" | "webp" => format!("<img src=\"{href}\" alt=\"{name}\">"),
                    _ => name.to_string(),
                };
                let player = match ending(path).as_str() {
                    "mp3" | "amr" | "ogg" | "wav" => format!("<audio controls src=\"{href}\"></audio> "),
                    _ => String::new(),
                };
                format!("<p>{player}<a href=\"{href}\">{inside}</a></p>\n")
            }
        });
    }
    out.push_str("</article>\n");
}

fn ending(path: &str) -> String {
    path.rsplit_once('.').map_or(String::new(), |(_, ending)| ending.to_lowercase())
}

/// A path as a relative URL.
fn url(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use exodus_api::{At, Entry, Fault, Skip};

    use super::*;

    #[derive(Default)]
    struct Items(Vec<Item>);

    impl Sink for Items {
        fn item(&mut self, item: Item) -> Result<(), Stop> {
            self.0.push(item);
            Ok(())
        }
        fn used(&mut self, _: &Entry) -> Result<(), Stop> {
            Ok(())
        }
        fn skip(&mut self, _: &Entry, _: Skip) -> Result<(), Stop> {
            Ok(())
        }
        fn fault(&mut self, _: Fault) -> Result<(), Stop> {
            Ok(())
        }
        fn note(&mut self, _: &Entry, _: &'static str, _: Value) -> Result<(), Stop> {
            Ok(())
        }
        fn is_done(&self, _: &Entry) -> bool {
            false
        }
    }

    fn sent(messages: &[Message]) -> Vec<Item> {
        let entry =
            Entry { id: 0, part: 0, path: "x".into(), size: 1, modified: None, crc32: None, order: 0 };
        let origin = Origin { entry, at: At::Whole };
        let conversation = Conversation {
            key: "chat:x".into(),
            product: "chat",
            title: "A <b> & c/d".into(),
            folder: "chats/test",
            participants: vec!["Ada Example".into()],
            extra: Map::new(),
        };
        let mut items = Items::default();
        let mut pages = Pages::new(conversation, origin.clone());
        for message in messages {
            pages.message(message.clone(), origin.clone(), &mut items).expect("it takes all");
        }
        pages.finish(&mut items).expect("it takes all");
        items.0
    }

    fn text(item: &Item) -> &str {
        match &item.body {
            Body::Inline(bytes) => std::str::from_utf8(bytes).expect("it is text"),
            _ => panic!("no page"),
        }
    }

    #[test]
    fn a_page_has_all_messages_in_the_order_of_time_and_nothing_breaks_out_of_it() {
        let say = |time, text: &str| Message {
            key: text.into(),
            time: Some(time),
            text: text.into(),
            ..Message::default()
        };
        let picture = Attachment { name: "<x>.jpg".into(), path: Some("files/a b/<x>.jpg".into()) };
        let lost = Attachment { name: "gone.mp3".into(), path: None };
        let with = Message { attachments: vec![picture, lost], ..say(5, "<script>alert(1)</script>") };
        let items = sent(&[say(9, "later"), with, say(7, "between")]);
        assert_eq!(items.len(), 4);
        let page = text(&items[3]);
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"), "{page}");
        assert!(
            page.find("between") < page.find("later") && page.find("alert") < page.find("between"),
            "{page}"
        );
        assert!(
            page.contains("<img src=\"files/a%20b/%3Cx%3E.jpg\"")
                && page.contains("gone.mp3: not in the export")
        );
        assert_eq!(items[3].path, "chats/test/A <b> & c_d.html");
        assert_eq!(items[3].extra["n_messages"], 3);
        assert_eq!((&items[3].extra["first"], items[3].time), (&"1970-01-01T00:00:05Z".into(), Some(9)));
    }

    #[test]
    fn a_long_conversation_goes_on_in_further_pages() {
        let long = "x".repeat(PAGE_BYTES / 3);
        let messages: Vec<Message> = (0..10)
            .map(|n| Message { key: format!("{n}"), time: Some(n), text: long.clone(), ..Message::default() })
            .collect();
        let items = sent(&messages);
        let pages: Vec<&Item> = items.iter().filter(|item| item.kind == Kind::Conversation).collect();
        let keys: Vec<&str> = pages.iter().map(|item| item.key.0.as_str()).collect();
        assert_eq!(keys, ["chat:x#page2", "chat:x#page3", "chat:x#page4", "chat:x"]);
        assert!(pages.iter().all(|page| text(page).len() < 2 * PAGE_BYTES));
        let last = pages[2].path.rsplit('/').next().expect("it has a name");
        assert!(text(pages[3]).contains(&format!("{}\">4</a>", url(last))));
        let n: usize = pages.iter().map(|page| text(page).matches("<article>").count()).sum();
        assert_eq!(n, 10);
    }
}
