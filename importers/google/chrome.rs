//! Chrome: bookmarks, reading list, history.
//!
//! Bookmarks and reading list are Netscape bookmark files, which every browser reads; `History.json` is
//! `{"Browser History":[{"title","url","time_usec"}],…}` with microseconds since 1970 UTC (not WebKit's 1601), its keys English
//! though its name is not. All three are files as they are, and each entry is in the index. What else there is
//! (settings, extensions, addresses) is kept.

use std::collections::HashMap;

use exodus_api::{At, Body, Entry, ImportError, Item, Kind, Options, Origin, Product, Sink, Skip, Source};
use serde_json::Value;

use super::json_list::List;
use super::{head, read};
use crate::shared::html::{self, Step};
use crate::shared::names;

const PRODUCT: &str = "chrome";
const PATHS: &[&[&str]] = &[&["Browser History", "*"]];
/// A larger file is no list of bookmarks, whatever pictures stand in it.
const LIMIT_BYTES: u64 = 64 << 20;

/// Imports what an account keeps of its browsers.
pub fn import(
    source: &dyn Source,
    product: &Product,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let root = format!("{}/", product.folder);
    let mut seen = HashMap::new();
    for entry in source.under(&root).iter().filter(|entry| !names::is_system_junk(&entry.path)) {
        let name = entry.name().to_lowercase();
        let beginning = |len| head(source, entry, len);
        let says = |word: &str| memchr::memmem::find(&beginning(4 << 10), word.as_bytes()).is_some();
        if name.ends_with(".html") && entry.size <= LIMIT_BYTES && says("NETSCAPE-Bookmark-file-1") {
            bookmarks(source, entry, (options, &mut seen), sink)?;
        } else if name.ends_with(".json") && says("\"Browser History\"") {
            history(source, entry, options, sink)?;
        }
    }
    Ok(())
}

/// How often a key was given; links of one address and second are counted.
type Seen = HashMap<String, u32>;

fn counted(seen: &mut Seen, key: String) -> String {
    let count = seen.entry(key.clone()).or_default();
    *count += 1;
    if *count == 1 { key } else { format!("{key}#{count}") }
}

/// A link with the folders it stands in.
#[derive(Debug, Default, PartialEq)]
struct Link {
    title: String,
    url: String,
    added: Option<i64>,
    folders: Vec<String>,
}

fn bookmarks(
    source: &dyn Source,
    entry: &Entry,
    (options, seen): (&Options, &mut Seen),
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let (wants_links, wants_file) =
        (options.wants(Kind::Bookmark, PRODUCT), options.wants(Kind::File, PRODUCT));
    if !wants_links && !wants_file {
        return Ok(sink.skip(entry, Skip::NotAskedFor)?);
    }
    let bytes = read(source, entry);
    if bytes.len() as u64 != entry.size {
        // Broken off: the engine reports it when it keeps the file.
        return Ok(());
    }
    let (links, has_folders) = links(&String::from_utf8_lossy(&bytes));
    let list = if has_folders { "bookmarks" } else { "reading-list" };
    for (record, link) in (0..).zip(links).filter(|_| wants_links) {
        let origin = Origin { entry: entry.clone(), at: At::Record(record) };
        sink.item(link_item(link, list, seen, origin))?;
    }
    if !wants_file {
        return Ok(sink.used(entry)?);
    }
    let name = if has_folders { "Bookmarks.html" } else { "Reading List.html" };
    let key = counted(seen, format!("chrome:{list}"));
    Ok(sink.item(file_item(entry, key, name, Body::Entry(entry.clone())))?)
}

fn link_item(link: Link, list: &str, seen: &mut Seen, origin: Origin) -> Item {
    // Folders may be named in the account's language, and links move between them.
    let named = format!("{}\n{}", link.added.unwrap_or_default(), link.url);
    let hash = blake3::hash(named.as_bytes()).to_hex();
    let key = counted(seen, format!("chrome-{list}:{}", &hash[..32]));
    let mut item = Item::new(Kind::Bookmark, PRODUCT, key, origin);
    item.time = link.added;
    item.title = Some(if link.title.is_empty() { link.url.clone() } else { link.title });
    item.extra.insert("list".to_owned(), list.into());
    item.extra.insert("url".to_owned(), link.url.into());
    if !link.folders.is_empty() {
        item.extra.insert("folders".to_owned(), link.folders.into());
    }
    item
}

/// The links of a bookmark file, and whether it has folders.
fn links(page: &str) -> (Vec<Link>, bool) {
    let mut links: Vec<Link> = Vec::new();
    let mut folders: Vec<Option<String>> = Vec::new();
    let (mut heading, mut has_folders) = (None::<String>, false);
    html::walk(page, &mut |open, step| {
        let Some(last) = open.last() else { return };
        match (&step, last.name.as_str()) {
            (Step::Open, "h3") => {
                has_folders = true;
                heading = Some(String::new());
            }
            (Step::Open, "dl") => folders.push(heading.take()),
            (Step::Close, "dl") => {
                folders.pop();
            }
            (Step::Open, "a") => {
                let added = last.attribute("add_date").and_then(|text| text.trim().parse().ok());
                let url = last.attribute("href").unwrap_or_default().to_owned();
                let folders = folders.iter().flatten().map(|name| name.trim().to_owned()).collect();
                links.push(Link { title: String::new(), url, added, folders });
            }
            (Step::Text(text), "a") => {
                if let Some(link) = links.last_mut() {
                    link.title.push_str(text);
                }
            }
            (Step::Text(text), "h3") => {
                if let Some(name) = &mut heading {
                    name.push_str(text);
                }
            }
            _ => {}
        }
    });
    links.retain(|link| !link.url.is_empty());
    (links, has_folders)
}

fn file_item(entry: &Entry, key: String, name: &str, body: Body) -> Item {
    let origin = Origin { entry: entry.clone(), at: At::Whole };
    let mut item = Item::new(Kind::File, PRODUCT, key, origin);
    item.title = Some(entry.name().to_owned());
    item.path = format!("chrome/{name}");
    item.body = body;
    item
}

fn history(
    source: &dyn Source,
    entry: &Entry,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let (wants_visits, wants_file) =
        (options.wants(Kind::Activity, PRODUCT), options.wants(Kind::File, PRODUCT));
    if !wants_visits && !wants_file {
        return Ok(sink.skip(entry, Skip::NotAskedFor)?);
    }
    if wants_visits {
        if !wants_file && sink.is_done(entry) {
            return Ok(sink.used(entry)?);
        }
        if !visits(source, entry, sink)? {
            return Ok(());
        }
    }
    if !wants_file {
        return Ok(sink.used(entry)?);
    }
    // Each export has the last months only: a later one does not take its place.
    let key = "chrome:history".to_owned();
    Ok(sink.item(file_item(entry, key, "History.json", Body::Unique(entry.clone())))?)
}

/// Sends every visit; tells whether the file could be read to its end.
fn visits(source: &dyn Source, entry: &Entry, sink: &mut dyn Sink) -> Result<bool, ImportError> {
    let (what, hint) = ("a visit to a page cannot be read", "the others are safe; its file is kept as it is");
    let list = List { source, entry, paths: PATHS, what, hint };
    list.each(sink, &mut |record, sink| match visit_item(record.value, record.origin) {
        Some(item) => Ok(sink.item(item).map(|()| true)?),
        None => Ok(false),
    })
}

fn visit_item(visit: Value, origin: Origin) -> Option<Item> {
    let url = visit["url"].as_str()?.to_owned();
    let micros = visit["time_usec"].as_i64().or_else(|| visit["time_usec"].as_str()?.parse().ok());
    let hash = blake3::hash(format!("{}\n{url}", micros.unwrap_or_default()).as_bytes()).to_hex();
    let mut item = Item::new(Kind::Activity, PRODUCT, format!("chrome-visit:{}", &hash[..32]), origin);
    item.time = micros.map(|micros| micros.div_euclid(1_000_000));
    let title = visit["title"].as_str().map(str::trim).filter(|title| !title.is_empty());
    item.title = Some(title.unwrap_or(&url).to_owned());
    item.extra.insert("url".to_owned(), url.into());
    if let Some(how) = visit["page_transition"].as_str() {
        item.extra.insert("page_transition".to_owned(), how.into());
    }
    Some(item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_stand_in_their_folders_with_their_times() {
        let page = "<!DOCTYPE NETSCAPE-Bookmark-file-1>\n<H1>x</H1>\n<DL><p><DT><H3 ADD_DATE=\"1\">Bar</H3>\n<DL><p>\n\
            <DT><A HREF=\"https://example.org/?a=1&amp;b=2\" ADD_DATE=\"1552986831\">Boats &amp; co</A>\n\
            <DT><H3>In</H3><DL><p><DT><A HREF=\"https://example.org/\">x</A></DL><p></DL><p>\n<DT><A HREF=\"b\">y</A></DL>";
        let (links, has_folders) = links(page);
        assert!(has_folders);
        let told: Vec<_> = links.iter().map(|it| (it.url.as_str(), it.folders.join("/"), it.added)).collect();
        let expected = [
            ("https://example.org/?a=1&b=2", "Bar".to_owned(), Some(1_552_986_831)),
            ("https://example.org/", "Bar/In".to_owned(), None),
            ("b", String::new(), None),
        ];
        assert_eq!(told, expected);
        assert_eq!(links[0].title, "Boats & co");
    }
}
