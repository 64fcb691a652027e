//! YouTube: histories, subscriptions, playlists, comments, own videos.
//!
//! Folders, files and heads of tables are in the account's language, so a table is known by what stands in its cells.
//! Histories are those of My Activity ([`super::activity`]), what was there before tables is in [`old`]. What is
//! none of these is kept.

mod old;
mod rows;

use exodus_api::{At, Body, Entry, ImportError, Item, Kind, Options, Origin, Product, Sink, Skip, Source};
use serde_json::{Map, Value};

use self::rows::Meaning;
use super::{activity, faults, head};
use crate::shared::names;
use crate::shared::table::{LIMIT_BYTES, Row, Rows};

const PRODUCT: &str = "youtube";
/// Endings of videos as their owners uploaded them.
const VIDEOS: &[&str] =
    &["mp4", "mov", "avi", "mkv", "webm", "flv", "wmv", "mpg", "mpeg", "3gp", "m4v", "mts"];
/// A table of more facts about videos is not held.
const LIMIT_FACTS_BYTES: u64 = 16 << 20;

/// Imports all of an account's YouTube.
pub fn import(
    source: &dyn Source,
    product: &Product,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let root = format!("{}/", product.folder);
    let mut entries: Vec<&Entry> =
        source.under(&root).iter().filter(|entry| !names::is_system_junk(&entry.path)).collect();
    entries.sort_by_key(|entry| (entry.part, entry.order));
    let mut facts = Vec::new();
    for entry in &entries {
        if ending(entry) == "csv" {
            if let Some(kind) = kind_of_table(source, entry) {
                table(source, (entry, kind), options, sink)?;
            } else {
                facts.extend(facts_of_videos(source, entry));
            }
        } else if let Some(form) = activity::form_of(source, entry) {
            activity::send(source, (entry, form), PRODUCT, options, sink)?;
        } else if ending(entry) == "json" && old::is_resources(source, entry) {
            resources(source, entry, options, sink)?;
        } else if ending(entry) == "html" && old::is_page(source, entry) {
            page(source, entry, options, sink)?;
        }
    }
    for entry in entries.iter().filter(|entry| VIDEOS.contains(&&*ending(entry))) {
        if options.wants(Kind::File, PRODUCT) {
            sink.item(video_item(entry, &facts))?;
        } else {
            sink.skip(entry, Skip::NotAskedFor)?;
        }
    }
    Ok(())
}

fn ending(entry: &Entry) -> String {
    entry.name().rsplit_once('.').map_or(String::new(), |(_, ending)| ending.to_lowercase())
}

/// What a table's rows become; `None` if they are not understood.
fn kind_of_table(source: &dyn Source, entry: &Entry) -> Option<Kind> {
    if entry.size > LIMIT_BYTES {
        return None;
    }
    let beginning = head(source, entry, 64 << 10);
    let mut rows = Rows::new(&beginning[..]);
    let rows = std::iter::from_fn(|| rows.next_row().ok().flatten()).take(50);
    rows.filter_map(|row| rows::meaning(&row.cells)).map(|meaning| meaning.kind()).next()
}

/// Sends the rows of a table and finishes it.
fn table(
    source: &dyn Source,
    (entry, kind): (&Entry, Kind),
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    if !options.wants(kind, PRODUCT) {
        return Ok(sink.skip(entry, Skip::NotAskedFor)?);
    }
    if sink.is_done(entry) {
        return Ok(sink.used(entry)?);
    }
    let Some(reader) = faults::opened(source, entry, sink)? else { return Ok(()) };
    let mut rows = Rows::new(reader);
    let (mut heads, mut record, mut list) = (Vec::new(), 0, list_name(entry));
    loop {
        let row = match rows.next_row() {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(sink.used(entry)?),
            Err(err) => return Ok(sink.fault(faults::breaks_off(source, entry, 0, &err))?),
        };
        let origin = Origin { entry: entry.clone(), at: At::Record(record) };
        record += 1;
        match rows::meaning(&row.cells) {
            Some(meaning) => {
                if let Meaning::Playlist { title, .. } = &meaning
                    && !title.is_empty()
                {
                    // Before 2024 a playlist's own row stands above its videos.
                    list.clone_from(title);
                }
                sink.item(item(meaning, &list, facts_of_row(&heads, &row), origin))?;
            }
            None if is_data(&row, record) => {
                let what = "a row of a table is not understood".to_owned();
                let hint = "the other rows are safe; report the heads of the table, without what is in it";
                let at = At::Line(row.line);
                sink.fault(faults::bad_record(source, entry, at, what, hint))?;
            }
            None => heads = row.cells,
        }
    }
}

/// Sends the links of a list of resources, then the list itself.
fn resources(
    source: &dyn Source,
    entry: &Entry,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    if !options.wants(Kind::Bookmark, PRODUCT) {
        return Ok(sink.skip(entry, Skip::NotAskedFor)?);
    }
    if !sink.is_done(entry) && !old::resources(source, entry, sink)? {
        return Ok(());
    }
    Ok(sink.used(entry)?)
}

/// Sends what was said on a page of comments.
fn page(
    source: &dyn Source,
    entry: &Entry,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    if !options.wants(Kind::Post, PRODUCT) {
        return Ok(sink.skip(entry, Skip::NotAskedFor)?);
    }
    let Some(reader) = faults::opened(source, entry, sink)? else { return Ok(()) };
    let said = match old::said(reader) {
        Ok(said) => said,
        Err(err) => return Ok(sink.fault(faults::breaks_off(source, entry, 0, &err))?),
    };
    for (record, meaning) in (0..).zip(said) {
        let origin = Origin { entry: entry.clone(), at: At::Record(record) };
        sink.item(item(meaning, "", Map::new(), origin))?;
    }
    Ok(sink.used(entry)?)
}

/// True if a row that is not understood is none of heads.
fn is_data(row: &Row, record: u64) -> bool {
    let has_digit = |cell: &String| cell.bytes().any(|byte| byte.is_ascii_digit());
    record > 1 && row.cells.iter().any(has_digit)
}

/// What a playlist is called where only its file tells: the name of the file without what every such file has at its end.
fn list_name(entry: &Entry) -> String {
    let stem = entry.name().rsplit_once('.').map_or(entry.name(), |(stem, _)| stem);
    stem.strip_suffix("-videos").or_else(|| stem.strip_suffix("-Videos")).unwrap_or(stem).to_owned()
}

/// A row under the heads that the export gives, all of it.
fn facts_of_row(heads: &[String], row: &Row) -> Map<String, Value> {
    let name = |idx: usize| match heads.get(idx).filter(|head| !head.is_empty()) {
        Some(head) => head.clone(),
        None => format!("column {}", idx + 1),
    };
    let cells = row.cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty());
    cells.map(|(idx, cell)| (name(idx), cell.as_str().into())).collect()
}

fn item(meaning: Meaning, list: &str, row: Map<String, Value>, origin: Origin) -> Item {
    let mut item = Item::new(meaning.kind(), PRODUCT, meaning.key(list), origin);
    let mut add = |name: &str, value: String| item.extra.insert(name.to_owned(), value.into());
    match meaning {
        Meaning::Subscription { channel, title } => {
            add("list", "subscriptions".to_owned());
            add("url", format!("https://www.youtube.com/channel/{channel}"));
            item.title = Some(title);
        }
        Meaning::Playlist { id, title, time } => {
            add("list", "playlists".to_owned());
            add("url", format!("https://www.youtube.com/playlist?list={id}"));
            (item.title, item.time) = (Some(title), time);
        }
        Meaning::Video { id, time } => {
            add("list", list.to_owned());
            let url = format!("https://www.youtube.com/watch?v={id}");
            add("url", url.clone());
            (item.title, item.time) = (Some(url), time);
        }
        Meaning::Said { text, video, time, .. } => {
            add("text", text);
            if let Some(video) = video {
                add("url", format!("https://www.youtube.com/watch?v={video}"));
            }
            item.time = time;
        }
    }
    item.title = item.title.filter(|title| !title.is_empty());
    if !row.is_empty() {
        item.extra.insert("row".to_owned(), Value::Object(row));
    }
    item
}

/// The rows of a table about the account's own videos, each with its video's id; none if it is no such table.
fn facts_of_videos(source: &dyn Source, entry: &Entry) -> Vec<(String, Map<String, Value>)> {
    let mut found = Vec::new();
    if entry.size > LIMIT_FACTS_BYTES {
        return found;
    }
    let bytes = head(source, entry, LIMIT_FACTS_BYTES);
    let mut rows = Rows::new(&bytes[..]);
    let mut heads = Vec::new();
    while let Ok(Some(row)) = rows.next_row() {
        if rows::is_video_id(&row.cells[0]) && row.cells.len() > 4 {
            found.push((row.cells[0].clone(), facts_of_row(&heads, &row)));
        } else {
            heads = row.cells;
        }
    }
    found
}

fn video_item(entry: &Entry, facts: &[(String, Map<String, Value>)]) -> Item {
    let stem = entry.name().rsplit_once('.').map_or(entry.name(), |(stem, _)| stem);
    let about = facts.iter().find(|(_, row)| row.values().any(|cell| is_title(cell, stem)));
    // Its facts may be in a part that was not given, so its id cannot name it.
    let key = format!("youtube-video:{}", names::folded(entry.name()));
    let origin = Origin { entry: entry.clone(), at: At::Whole };
    let mut item = Item::new(Kind::File, PRODUCT, key, origin);
    item.title = Some(stem.to_owned());
    item.path = format!("youtube/videos/{}", entry.name());
    if let Some((id, row)) = about {
        item.time = row.values().filter_map(Value::as_str).find_map(rows::seconds);
        item.extra.insert("url".to_owned(), format!("https://www.youtube.com/watch?v={id}").into());
        item.extra.insert("row".to_owned(), Value::Object(row.clone()));
    }
    item.body = Body::Entry(entry.clone());
    item
}

/// A name of a file is a title whose marks became `_`, and may be cut.
fn is_title(cell: &Value, stem: &str) -> bool {
    let plain = |text: &str| {
        let letters = names::folded(text);
        letters.chars().map(|it| if it.is_alphanumeric() { it } else { '_' }).collect::<String>()
    };
    let (title, stem) = (plain(cell.as_str().unwrap_or_default()), plain(stem));
    title == stem || (stem.chars().count() >= 40 && title.starts_with(&stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_title_of_its_video_though_marks_and_end_are_lost() {
        assert!(is_title(&"Boats: at dawn?".into(), "Boats_ at dawn_"));
        let long = "a very long title about boats in the harbour at dawn";
        assert!(is_title(&long.into(), &long[..45]));
        assert!(!is_title(&"Boats at dusk".into(), "Boats"));
    }
}
