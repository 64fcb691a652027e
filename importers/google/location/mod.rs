//! Location history, all generations: positions and visits of each month as one GPX file.
//!
//! `Records.json` (`Location History.json` until 2021) has every position; `Semantic Location History/2023/2023_APRIL.json`
//! visits and ways; since the end of 2024 both are on the phone, whose own export is `Timeline.json` (Android) or
//! `location-history.json` (iOS). All are known by their keys, read record by record, and kept as they are too, since
//! GPX has no place for guesses at what somebody was doing.

mod months;
mod records;

use exodus_api::{At, Body, Entry, ImportError, Item, Kind, Options, Origin, Product, Sink, Skip, Source};
use memchr::memmem;

use self::months::Months;
use super::head;
use super::json_list::List;
use crate::shared::names;

pub(super) const PRODUCT: &str = "location";
const HEAD_BYTES: u64 = 64 << 10;
const PATHS: &[&[&str]] = &[
    &["locations", "*"],
    &["timelineObjects", "*"],
    &["semanticSegments", "*"],
    &["*"],
    &["rawSignals", "*"],
];
/// What the tracks made of each path are called.
const SERIES: [&str; 5] = ["records", "semantic", "timeline", "timeline", "signals"];

/// Imports the location history of an account.
pub fn import(
    source: &dyn Source,
    product: &Product,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let root = if product.folder.is_empty() { String::new() } else { format!("{}/", product.folder) };
    let is_in_folder = |entry: &&Entry| !root.is_empty() || !entry.path.contains('/');
    let under = source.under(&root).iter().filter(is_in_folder);
    let mut entries: Vec<(&Entry, &str)> =
        under.filter_map(|entry| Some((entry, generation(source, entry)?))).collect();
    entries.sort_by_key(|(entry, _)| (entry.part, entry.order));
    let (wants_tracks, wants_files) =
        (options.wants(Kind::Track, PRODUCT), options.wants(Kind::File, PRODUCT));
    let mut months = Months::default();
    for (entry, name) in entries {
        if !wants_tracks && !wants_files {
            sink.skip(entry, Skip::NotAskedFor)?;
            continue;
        }
        if wants_tracks && !tracks(source, entry, &mut months, sink)? {
            continue;
        }
        if wants_files {
            sink.item(original(entry, name))?;
        } else {
            sink.used(entry)?;
        }
    }
    Ok(())
}

/// The English name of what an entry is; `None` if it is no location history.
pub fn generation(source: &dyn Source, entry: &Entry) -> Option<&'static str> {
    if !entry.name().to_lowercase().ends_with(".json") || names::is_system_junk(&entry.path) {
        return None;
    }
    let beginning = head(source, entry, HEAD_BYTES);
    let says = |word: &str| memmem::find(&beginning, word.as_bytes()).is_some();
    if says("\"locations\"") && says("\"latitudeE7\"") {
        return Some("Records.json");
    }
    if says("\"timelineObjects\"") {
        return Some("Semantic Location History");
    }
    let is_ios = says("\"geo:") && says("\"startTime\"");
    (is_ios || says("\"semanticSegments\"") || says("\"rawSignals\"")).then_some("Timeline.json")
}

/// The file as it is. A later one may have less, so it does not take its place.
fn original(entry: &Entry, name: &str) -> Item {
    let origin = Origin { entry: entry.clone(), at: At::Whole };
    let mut item = Item::new(Kind::File, PRODUCT, format!("location:{}", name.to_lowercase()), origin);
    item.title = Some(entry.name().to_owned());
    // The names of months are English in every language.
    item.path = match name.ends_with(".json") {
        true => format!("location/{name}"),
        false => format!("location/{name}/{}", entry.name()),
    };
    item.body = Body::Unique(entry.clone());
    item
}

/// Sends the months of a file; tells whether it could be read to its end.
fn tracks(
    source: &dyn Source,
    entry: &Entry,
    months: &mut Months,
    sink: &mut dyn Sink,
) -> Result<bool, ImportError> {
    let what = "a record of where somebody was cannot be read";
    let hint = "the others are safe; the file is kept as it is";
    let list = List { source, entry, paths: PATHS, what, hint };
    let is_whole = list.each(sink, &mut |record, sink| {
        if !record.value.is_object() {
            return Ok(false);
        }
        months.add(SERIES[record.path], records::read(&record.value), record.origin, sink)?;
        Ok(true)
    })?;
    months.finish(sink)?;
    Ok(is_whole)
}
