//! What exports before mid-2021 had instead of tables: resources of YouTube's API as JSON, and pages of comments.
//!
//! A list of resources has the fields of the API (`kind`, `snippet`: YouTube Data API v3). A page is a list: each
//! element has the moment in UTC, a link to the video (`lc=` in it is the comment), and after a break the text. Seen
//! in public parsers of 2019 to 2021. Both give the items that the tables give today.

use std::io::{self, Read};

use exodus_api::{Entry, ImportError, Item, Origin, Sink, Source};
use memchr::memmem;
use serde_json::{Map, Value};

use super::super::json_list::{List, Record};
use super::rows::{self, Meaning};
use super::{head, item, list_name};
use crate::shared::html::{self, Step};

/// A larger page is not held; a thousand comments have some 300 kB.
const LIMIT_PAGE_BYTES: u64 = 64 << 20;

/// True for a list of resources of the API.
pub fn is_resources(source: &dyn Source, entry: &Entry) -> bool {
    let beginning = head(source, entry, 16 << 10);
    memmem::find(&beginning, b"\"youtube#").is_some() && memmem::find(&beginning, b"\"snippet\"").is_some()
}

/// Sends what a list of resources has, each with all that it says. True if it was read to its end.
pub fn resources(source: &dyn Source, entry: &Entry, sink: &mut dyn Sink) -> Result<bool, ImportError> {
    let list = List {
        source,
        entry,
        paths: &[&["*"]],
        what: "a record of YouTube is not understood",
        hint: "the file is kept as it is; the other records are safe",
    };
    list.each(sink, &mut |Record { value, origin, .. }, sink| {
        let Value::Object(row) = value else { return Ok(false) };
        if let Some(item) = resource(row, &list_name(entry), origin) {
            sink.item(item)?;
        }
        Ok(true)
    })
}

/// The item of a resource; `None` for those that are no link, such as the channel's own description.
fn resource(row: Map<String, Value>, list: &str, origin: Origin) -> Option<Item> {
    let snippet = row.get("snippet")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let time = snippet["publishedAt"].as_str().and_then(rows::seconds);
    let title = text(&snippet["title"]);
    let meaning = match row.get("kind")?.as_str()? {
        "youtube#subscription" => {
            Meaning::Subscription { channel: text(&snippet["resourceId"]["channelId"]), title: title.clone() }
        }
        "youtube#playlistItem" => Meaning::Video { id: text(&snippet["resourceId"]["videoId"]), time },
        "youtube#playlist" => Meaning::Playlist { id: text(row.get("id")?), title: title.clone(), time },
        _ => return None,
    };
    let mut item = item(meaning, list, row, origin);
    if !title.is_empty() {
        item.title = Some(title);
    }
    Some(item)
}

/// True for a page of comments or of messages in live chats.
pub fn is_page(source: &dyn Source, entry: &Entry) -> bool {
    let beginning = head(source, entry, 64 << 10);
    let has = |text: &str| memmem::find(&beginning, text.as_bytes()).is_some();
    entry.size <= LIMIT_PAGE_BYTES && has("<li>") && has("youtube.com/watch?v=") && has(" UTC")
}

/// What a page has.
///
/// # Errors
/// When it cannot be read to its end.
pub fn said(reader: impl Read) -> io::Result<Vec<Meaning>> {
    let mut page = Vec::new();
    reader.take(LIMIT_PAGE_BYTES).read_to_end(&mut page)?;
    Ok(of_page(&String::from_utf8_lossy(&page)))
}

#[derive(Default)]
struct Element {
    before: String,
    text: String,
    links: Vec<String>,
    has_break: bool,
}

fn of_page(page: &str) -> Vec<Meaning> {
    let (mut found, mut element) = (Vec::new(), None::<Element>);
    html::walk(page, &mut |open, step| {
        let last = open.last().map_or("", |it| it.name.as_str());
        match (step, &mut element) {
            (Step::Open, none @ None) if last == "li" => *none = Some(Element::default()),
            (Step::Open, Some(it)) if last == "br" && it.has_break => it.text.push('\n'),
            (Step::Open, Some(it)) if last == "br" => it.has_break = true,
            (Step::Open, Some(it)) if last == "a" => {
                it.links.extend(open.last().and_then(|it| it.attribute("href")).map(str::to_owned));
            }
            (Step::Text(text), Some(it)) => {
                if it.has_break { &mut it.text } else { &mut it.before }.push_str(text);
            }
            (Step::Close, ended) if last == "li" => found.extend(ended.take().and_then(|it| it.meaning())),
            _ => {}
        }
    });
    found
}

impl Element {
    fn meaning(self) -> Option<Meaning> {
        let parameter = |name: &str| {
            let mut values = self.links.iter().flat_map(|link| link.split(['?', '&', '#']));
            values.find_map(|it| it.strip_prefix(name)).map(str::to_owned)
        };
        let video = parameter("v=").filter(|id| rows::is_video_id(id));
        let time = moment(&self.before)?;
        let text = self.text.trim().to_owned();
        let id = parameter("lc=").or_else(|| {
            // A message of a live chat has no link of its own.
            Some(format!("{time}:{}", video.as_deref()?))
        })?;
        Some(Meaning::Said { id, text, video, time: Some(time) })
    }
}

/// The moment that stands in a text, written `2019-03-19 09:13:51 UTC` in every language.
fn moment(text: &str) -> Option<i64> {
    let utc = text.find(" UTC")?;
    let begin = text.get(..utc)?.len().checked_sub("2019-03-19 09:13:51".len())?;
    rows::seconds(text.get(begin..utc + " UTC".len())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_of_a_page_is_read_by_its_links_and_its_moment() {
        let page = "<html><body><ul><li>Du hast einen <a href=\"http://www.youtube.com/watch?v=a0-_b0c0d0e&amp;lc=Ug1\">Kommentar</a> zu \
            <a href=\"http://www.youtube.com/watch?v=a0-_b0c0d0e\">einem Video</a> hinzugefügt: 2019-03-19 09:13:51 UTC.<br/>Schöne<br>Boote &amp; \
            mehr</li><li>Sent at 2019-03-19 09:13:52 UTC while watching <a href=\"http://www.youtube.com/watch?v=a0-_b0c0d0e\">a video</a>.<br/>Hi\
            </li><li>nothing</li></ul></body></html>";
        let video = Some("a0-_b0c0d0e".to_owned());
        let comment = Meaning::Said {
            id: "Ug1".into(),
            text: "Schöne\nBoote & mehr".into(),
            video: video.clone(),
            time: Some(1_552_986_831),
        };
        let id = "1552986832:a0-_b0c0d0e".to_owned();
        let chat = Meaning::Said { id, text: "Hi".into(), video, time: Some(1_552_986_832) };
        assert_eq!(of_page(page), [comment, chat]);
    }
}
