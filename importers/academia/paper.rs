//! What becomes of works and files: items of the kind `paper`.

use exodus_api::{At, Body, Entry, Item, Kind, Origin};
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::document::{File, extension};
use super::work::{Work, compared, set};

/// The product, by the name of `--only`.
pub const PRODUCT: &str = "papers";
/// Facts that only help to read others.
const INTERNAL: &[&str] = &["owner_name", "co_authors"];
/// A slug is cut at a word to so many letters.
const LIMIT_SLUG: usize = 60;

/// A work without a file: what is told of it.
pub fn of_work(work: &Work, account: Option<&str>) -> Item {
    let mut item = item(work.key(), work.origin.clone(), facts_of(work, account));
    item.body = Body::None;
    item
}

/// A work with its file.
pub fn of_both(work: &Work, file: &File, by: &str, account: Option<&str>) -> Item {
    let mut facts = facts_of(work, account);
    if let Some(inside) = &file.inside {
        // Of what the file says only that which no list knows better; when a file was made is not when it was published.
        for name in ["arxiv", "language", "abstract", "keywords", "venue", "volume"] {
            if let (Some(value), false) = (inside.facts.get(name), facts.contains_key(name)) {
                facts.insert(name.to_owned(), value.clone());
            }
        }
    }
    if let ([doi], false) = (file.dois.as_slice(), facts.contains_key("doi")) {
        set(&mut facts, "doi", doi.clone());
    }
    facts.insert("matched_by".to_owned(), by.into());
    with_file(work.key(), facts, file)
}

/// A file that is no work that anybody tells of.
pub fn of_file(file: &File, chosen: &Map<String, Value>) -> Item {
    let mut facts = file.inside.as_ref().map(|inside| inside.facts.clone()).unwrap_or_default();
    if let ([doi], false) = (file.dois.as_slice(), facts.contains_key("doi")) {
        set(&mut facts, "doi", doi.clone());
    }
    if !facts.contains_key("title") {
        let stem = super::matching::stem(file.entry.name()).replace(['_', '-'], " ");
        set(&mut facts, "title", stem);
    }
    facts.entry("type").or_insert_with(|| "manuscript".into());
    facts.extend(chosen.clone());
    let mut item = with_file("file".to_owned(), facts, file);
    item.body = Body::Unique(file.entry.clone());
    item
}

/// A further file of a work: another version, its slides, its text in another format.
pub fn further(work: &Work, file: &File) -> Item {
    let origin = Origin { entry: file.entry.clone(), at: At::Whole };
    let mut item = Item::new(Kind::File, PRODUCT, "further".to_owned(), origin);
    item.title = Some(file.entry.name().to_owned());
    item.time = time_of(&work.facts);
    item.path = path_of(&work.facts, &file.entry);
    item.body = Body::Unique(file.entry.clone());
    set(&mut item.extra, "of", work.key());
    if let Some(inside) = &file.inside {
        set(&mut item.extra, "text", inside.text.clone());
    }
    item
}

/// Facts that are told of an item of the archive whose work or file is not in this export.
pub fn of_row(key: &str, facts: Map<String, Value>, origin: Origin) -> Item {
    item(key.to_owned(), origin, facts)
}

/// A page or list, kept as it is beside what was read from it.
pub fn source(entry: &Entry, folder: &str) -> Item {
    let origin = Origin { entry: entry.clone(), at: At::Whole };
    let mut item = Item::new(Kind::File, PRODUCT, folder.to_owned(), origin);
    item.title = Some(entry.name().to_owned());
    item.path = format!("academia/{folder}/{}", entry.name());
    item.body = Body::Unique(entry.clone());
    item
}

fn facts_of(work: &Work, account: Option<&str>) -> Map<String, Value> {
    let mut facts = work.facts.clone();
    let owner_name = facts.get("owner_name").cloned();
    INTERNAL.iter().for_each(|name| {
        facts.remove(*name);
    });
    if let Some(id) = &work.id {
        set(&mut facts, "work", id.clone());
    }
    if work.is_listed {
        facts.insert("listed".to_owned(), true.into());
    }
    if let (Some(owner), Some(account)) = (&work.owner, account)
        && owner != account
    {
        set(&mut facts, "uploaded_by", owner_name.unwrap_or_else(|| format!("account {owner}").into()));
    }
    facts
}

fn with_file(key: String, mut facts: Map<String, Value>, file: &File) -> Item {
    let mut about = Map::new();
    set(&mut about, "name", file.entry.name());
    if let Some(inside) = &file.inside {
        if inside.n_pages > 0 {
            about.insert("pages".to_owned(), inside.n_pages.into());
        }
        for name in ["title", "authors", "date"] {
            if let Some(value) = inside.facts.get(name) {
                about.insert(name.to_owned(), value.clone());
            }
        }
        if inside.has_cover {
            about.insert("cover".to_owned(), true.into());
        }
        if !inside.text.is_empty() {
            facts.insert("text".to_owned(), inside.text.clone().into());
        }
        set(&mut facts, "licence_mark", inside.licence_mark.clone());
    }
    facts.insert("file".to_owned(), Value::Object(about));
    let path = path_of(&facts, &file.entry);
    let mut item = item(key, Origin { entry: file.entry.clone(), at: At::Whole }, facts);
    item.path = path;
    item.body = Body::Entry(file.entry.clone());
    item
}

fn item(key: String, origin: Origin, facts: Map<String, Value>) -> Item {
    let mut item = Item::new(Kind::Paper, PRODUCT, key, origin);
    item.title = facts.get("title").and_then(Value::as_str).map(str::to_owned);
    item.time = time_of(&facts);
    item.extra = facts;
    item
}

/// The first second of the day, month or year of publication.
fn time_of(facts: &Map<String, Value>) -> Option<i64> {
    let mut parts = facts.get("date")?.as_str()?.split('-').map(|part| part.parse::<i8>().ok());
    let year = facts.get("year")?.as_i64()?;
    parts.next();
    let (month, day) = (parts.next().flatten().unwrap_or(1), parts.next().flatten().unwrap_or(1));
    let date = Date::new(i16::try_from(year).ok()?, month, day).ok()?;
    date.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|time| time.timestamp().as_second())
}

/// `papers/2016-perez-los-astilleros.pdf`.
fn path_of(facts: &Map<String, Value>, entry: &Entry) -> String {
    let year = facts.get("year").and_then(Value::as_i64).map(|year| year.to_string()).unwrap_or_default();
    let first = facts.get("authors").and_then(Value::as_array).and_then(|all| all.first());
    let part = |name: &str| first.and_then(|it| it.get(name)).and_then(Value::as_str);
    let author = slug(part("family").or(part("literal")).unwrap_or_default());
    let title = slug(facts.get("title").and_then(Value::as_str).unwrap_or_default());
    let parts: Vec<String> = [year, author, title].into_iter().filter(|part| !part.is_empty()).collect();
    let stem = if parts.is_empty() { "paper".to_owned() } else { parts.join("-") };
    match extension(entry).as_str() {
        "" => format!("papers/{stem}"),
        ending => format!("papers/{stem}.{ending}"),
    }
}

fn slug(text: &str) -> String {
    let mut slug = String::new();
    for word in compared(text).split(' ') {
        if !slug.is_empty() && slug.chars().count() + word.chars().count() >= LIMIT_SLUG {
            break;
        }
        if !slug.is_empty() {
            slug.push('-');
        }
        slug.push_str(word);
    }
    slug
}
