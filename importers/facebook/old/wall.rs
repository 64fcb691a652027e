//! The wall, friends and albums of before 2018.
//!
//! On the wall a record is a date (`meta`), the platform's sentence, and what was written (`comment`). Whose words they are is told by the sentence
//! alone: it begins with who did it. So words are posts of the account's own if the sentence begins with the account's name or there is
//! none; what others wrote is a fact, and lies nowhere where posts lie.

use std::collections::HashMap;

use exodus_api::{At, Entry, ImportError, Item, Kind, Origin, Sink, Source};
use serde_json::{Map, Value, json};

use super::pieces::Pieces;
use super::{is_on_the_web, target, tidy};
use crate::facebook::PLATFORM;
use crate::facebook::posts::send_sentence;
use crate::shared::content_lines::uid_of;
use crate::shared::html::{self, Step};
use crate::shared::meta::media::Media;
use crate::shared::meta::post::{Post, Type};
use crate::shared::meta::record::folded;
use crate::shared::meta::records::Keys;
use crate::shared::meta::send::{self, Sender};
use crate::shared::meta::shape::head;
use crate::shared::meta::tree::Tree;
use crate::shared::{faults, localized_date};

const MARK: &str = "class=\"meta\"";
const WHAT: &str = "a post cannot be read";
const HINT: &str = "the others are safe; export again to get this one";
/// A larger page of friends or albums is nobody's.
const LIMIT_BYTES: u64 = 16 << 20;
const PICTURES: &[&str] = &["jpg", "jpeg", "png", "gif", "webp", "mp4"];

/// A record of the wall.
#[derive(Debug, Default, PartialEq)]
struct Record {
    dated: String,
    sentence: String,
    words: Vec<String>,
    links: Vec<String>,
    files: Vec<String>,
}

/// Sends what stands on the wall; false if it cannot be read to its end, which is told.
///
/// # Errors
/// When the run has to end.
pub fn send(
    source: &dyn Source,
    entry: &Entry,
    keys: &mut Keys,
    sender: &mut Sender,
    sink: &mut dyn Sink,
) -> Result<bool, ImportError> {
    let Some(reader) = faults::opened(source, entry, sink)? else { return Ok(false) };
    let mut pieces = Pieces::new(reader, MARK);
    let mut owner: Option<String> = None;
    loop {
        let piece = match pieces.next_piece() {
            Ok(Some(piece)) => piece,
            Ok(None) => return Ok(true),
            Err(err) => {
                sink.fault(faults::breaks_off(source, entry, pieces.offset(), &err))?;
                return Ok(false);
            }
        };
        let at = At::Byte(piece.offset);
        let Some(html) = piece.html else {
            sink.fault(faults::bad_record(source, entry, at, WHAT.to_owned(), HINT))?;
            continue;
        };
        let Some(owner) = &owner else {
            owner = Some(heading(&html));
            continue;
        };
        let origin = Origin { entry: entry.clone(), at };
        let record = read(&html);
        let time = localized_date::seconds_to_the_minute(&record.dated);
        let is_own = record.sentence.is_empty() || (!owner.is_empty() && record.sentence.starts_with(owner));
        if record.words.is_empty() && record.files.is_empty() && record.links.is_empty() {
            send_sentence((record.sentence, time), origin, keys, sink)?;
        } else if is_own {
            sender.post(post(record, time), origin, sink)?;
        } else {
            sink.item(of_others(record, time, origin, keys))?;
        }
    }
}

fn post(record: Record, time: Option<i64>) -> Post {
    let mut extra = Map::new();
    if !record.links.is_empty() {
        let links = record.links.iter().map(|url| json!({"name": "", "url": url}));
        extra.insert("links".to_owned(), links.collect());
    }
    if time.is_none() && !record.dated.is_empty() {
        extra.insert("dated".to_owned(), record.dated.into());
    }
    if !record.sentence.is_empty() {
        extra.insert("sentence".to_owned(), record.sentence.into());
    }
    let media = record.files.into_iter().map(|uri| Media { uri, ..Media::default() }).collect();
    let caption = record.words.join("\n");
    Post { platform: PLATFORM, of: Type::Post, caption, time, media, extra }
}

/// What somebody else wrote on the wall.
fn of_others(record: Record, time: Option<i64>, origin: Origin, keys: &mut Keys) -> Item {
    let minute = time.map_or(0, |time| time.div_euclid(60));
    let words = record.words.join("\n");
    let key = keys.free(format!("wall:{}", uid_of(format!("{minute}\n{words}").as_bytes())));
    let mut item = Item::new(Kind::Post, send::PRODUCT, key, origin);
    item.time = time;
    item.title = Some(record.sentence.clone()).filter(|sentence| !sentence.is_empty());
    let facts: [(&str, Value); 6] = [
        ("list", "wall".into()),
        ("type", "wall-post".into()),
        ("sentence", record.sentence.into()),
        ("dated", record.dated.into()),
        ("links", record.links.into()),
        ("text", words.into()),
    ];
    item.extra = facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    item
}

/// Whose page it is.
fn heading(html: &str) -> String {
    let mut name = String::new();
    html::walk(html, &mut |open, step| {
        if let Step::Text(text) = step
            && open.last().is_some_and(|last| last.name == "h1")
        {
            name.push_str(text);
        }
    });
    folded(&name)
}

fn read(html: &str) -> Record {
    let mut record = Record::default();
    html::walk(html, &mut |open, step| {
        let last = open.last();
        let is_in = |class: &str| open.iter().any(|element| element.has_class(class));
        match step {
            Step::Open if last.is_some_and(|last| last.has_class("comment")) => {
                record.words.push(String::new())
            }
            Step::Open if last.is_some_and(|last| last.name == "br") => {
                if let Some(words) = record.words.last_mut().filter(|_| is_in("comment")) {
                    words.push('\n');
                }
            }
            Step::Open => {
                let Some(target) = last.and_then(target) else { return };
                let is_file = last.is_some_and(|last| last.name != "a");
                let list = match is_on_the_web(target) {
                    true => &mut record.links,
                    false if is_file => &mut record.files,
                    false => return,
                };
                if !list.iter().any(|known| known == target) {
                    list.push(target.to_owned());
                }
            }
            Step::Text(text) if is_in("meta") => record.dated.push_str(text),
            Step::Text(text) if is_in("comment") => {
                if let Some(words) = record.words.last_mut() {
                    words.push_str(text);
                }
            }
            Step::Text(text) => record.sentence.push_str(text),
            Step::Close => {}
        }
    });
    (record.dated, record.sentence) = (folded(&record.dated), folded(&record.sentence));
    record.words = record.words.iter().map(|words| tidy(words)).filter(|words| !words.is_empty()).collect();
    record
}

/// Sends the people of a page: the first of its lists are friends; what the others are only their headings say, each in the language
/// of the account. False if there is nobody.
///
/// # Errors
/// When the run has to end.
pub fn friends(
    source: &dyn Source,
    entry: &Entry,
    keys: &mut Keys,
    sink: &mut dyn Sink,
) -> Result<bool, ImportError> {
    let page = String::from_utf8_lossy(&head(source, entry, LIMIT_BYTES)).into_owned();
    let mut people: Vec<(usize, String, String)> = Vec::new();
    let (mut n_lists, mut heading) = (0, String::new());
    html::walk(&page, &mut |open, step| {
        let Some(last) = open.last() else { return };
        if !open.iter().any(|element| element.has_class("contents")) {
            return;
        }
        match step {
            Step::Open if last.name == "ul" => n_lists += 1,
            Step::Open if last.name == "h2" => heading.clear(),
            Step::Open if last.name == "li" => people.push((n_lists, heading.clone(), String::new())),
            Step::Text(text) if last.name == "h2" => heading.push_str(text),
            Step::Text(text) if open.iter().any(|element| element.name == "li") => {
                if let Some((.., said)) = people.last_mut() {
                    said.push_str(text);
                }
            }
            _ => {}
        }
    });
    let mut is_any = false;
    for (list, heading, said) in people {
        let said = folded(&said);
        // `Zoë Sample (Apr 3, 2010)`
        let with_date = said.strip_suffix(')').and_then(|said| said.rsplit_once(" ("));
        let with_date = with_date.filter(|(_, date)| date.bytes().any(|byte| byte.is_ascii_digit()));
        let (name, dated) = with_date.unwrap_or((&said, ""));
        if name.is_empty() {
            continue;
        }
        is_any = true;
        let list = if list == 1 { "friends".to_owned() } else { format!("people-{list}") };
        let origin = Origin { entry: entry.clone(), at: At::Whole };
        let mut item = Item::new(Kind::Bookmark, "friends", keys.free(format!("{list}:{name}")), origin);
        item.title = Some(name.to_owned());
        let facts = [
            ("list", list),
            ("name", name.into()),
            ("dated", dated.into()),
            ("heading", folded(&heading)),
            ("text", name.into()),
        ];
        let facts = facts.into_iter().filter(|(_, value)| !value.is_empty());
        item.extra = facts.map(|(name, value)| (name.to_owned(), value.into())).collect();
        sink.item(item)?;
    }
    Ok(is_any)
}

/// Sends the pictures of the albums that a page names; each album has a page of its own and a folder of its pictures beside that.
///
/// # Errors
/// When the run has to end.
pub fn albums(
    (source, tree): (&dyn Source, &Tree),
    entry: &Entry,
    sender: &mut Sender,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let page = String::from_utf8_lossy(&head(source, entry, LIMIT_BYTES)).into_owned();
    let names = names_of_albums(&page);
    let is_picture = |path: &str| path.rsplit_once('.').is_some_and(|(_, it)| PICTURES.contains(&it));
    for file in tree.files().iter().filter(|file| is_picture(&file.path)) {
        let mut folders = file.folders();
        let (Some(folder), Some("photos")) = (folders.next(), folders.next()) else { continue };
        let Some(name) = names.get(folder) else { continue };
        let uri = file.entry.path.clone();
        if let Some(known) = sender.known(&uri) {
            known.albums.push(name.clone());
        }
        let media = Media { uri, ..Media::default() };
        sender.alone(&media, &format!("photos/{PLATFORM}/unknown date"), sink)?;
    }
    Ok(())
}

/// Folders below `photos/` with the names of their albums: `<a href="photos/17.htm">Trip - 12 Photos</a>`.
fn names_of_albums(page: &str) -> HashMap<String, String> {
    let mut names = HashMap::new();
    let mut open_link: Option<(String, String)> = None;
    html::walk(page, &mut |open, step| {
        let Some(last) = open.last() else { return };
        match step {
            Step::Open if last.name == "a" && open.iter().any(|element| element.has_class("block")) => {
                open_link = target(last).and_then(folder_of).map(|folder| (folder, String::new()));
            }
            Step::Text(text) => {
                if let Some((_, name)) = &mut open_link {
                    name.push_str(text);
                }
            }
            Step::Close if last.name == "a" => {
                if let Some((folder, name)) = open_link.take() {
                    let name = folded(&name);
                    let counted = name.rsplit_once(" - ");
                    let counted =
                        counted.filter(|(_, n)| n.starts_with(|letter: char| letter.is_ascii_digit()));
                    names.insert(folder, counted.map_or(&*name, |(name, _)| name).to_owned());
                }
            }
            Step::Open | Step::Close => {}
        }
    });
    names.retain(|_, name| !name.is_empty());
    names
}

/// `17` of `../photos/17.htm` and of `photos/17/index.htm`.
fn folder_of(link: &str) -> Option<String> {
    let (_, below) = link.rsplit_once("photos/")?;
    let folder = below.split('/').next()?;
    Some(folder.split('.').next().unwrap_or(folder).to_lowercase()).filter(|folder| !folder.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_a_date_a_sentence_and_words() {
        let record = read(
            "<div class=\"meta\">Friday, 4 May 2012 at 10:05 UTC+02</div>Ada Example hat etwas\n geteilt.<div class=\"comment\">a &amp; b<br/>c</div>\
             <a href=\"https://example.org/n\">n</a></p><p>",
        );
        let expected = Record {
            dated: "Friday, 4 May 2012 at 10:05 UTC+02".into(),
            sentence: "Ada Example hat etwas geteilt.n".into(),
            words: vec!["a & b\nc".into()],
            links: vec!["https://example.org/n".into()],
            files: Vec::new(),
        };
        assert_eq!(record, expected);
    }

    #[test]
    fn albums_are_named_by_the_page_of_albums() {
        let page = "<div class=\"contents\"><div class=\"block\"><div><a href=\"../photos/17.htm\">Tag - am See - 12 Photos</a><div class=\"meta\">x</div></div></div>\
            <div class=\"block\"><div><a href=\"photos/Ab/index.htm\">Boote</a></div></div></div>";
        let names = names_of_albums(page);
        assert_eq!((&*names["17"], &*names["ab"], names.len()), ("Tag - am See", "Boote", 2));
    }
}
