//! Google Play Store: what was installed, bought, subscribed to, reviewed.
//!
//! Each list is an array of objects with one key that says what it is: `{"install":{"doc":{"documentType","title"},…}}`. Names of files and
//! keys are English in every language (public parsers of 2020 to 2026 and Google's own description). Every record is in the index with what
//! helps to find it; how it was paid, addresses and IP numbers are only in the files, which are kept as they are. Devices, promotions,
//! points and settings are kept.

use std::collections::HashMap;

use exodus_api::{At, Body, Entry, ImportError, Item, Kind, Options, Origin, Product, Sink, Skip, Source};
use jiff::Timestamp;
use memchr::memmem;
use serde_json::Value;

use super::head;
use super::json_list::List;
use crate::shared::names;

const PRODUCT: &str = "play";
const PATHS: &[&[&str]] = &[&["*"]];

/// A list of the store.
struct Shelf {
    /// The key around each record.
    key: &'static str,
    /// What it is called in the index.
    list: &'static str,
    /// What its records become.
    kind: Kind,
    /// Where a record has its time.
    time: &'static str,
    /// What tells two records apart besides title and type.
    more: &'static [&'static str],
}

const SHELVES: &[Shelf] = &[
    Shelf {
        key: "install",
        list: "installs",
        kind: Kind::Activity,
        time: "/firstInstallationTime",
        more: &["/firstInstallationTime", "/deviceAttribute/deviceDisplayName"],
    },
    Shelf {
        key: "libraryDoc",
        list: "library",
        kind: Kind::Bookmark,
        time: "/acquisitionTime",
        more: &["/acquisitionTime"],
    },
    Shelf {
        key: "purchaseHistory",
        list: "purchases",
        kind: Kind::Activity,
        time: "/purchaseTime",
        more: &["/purchaseTime"],
    },
    Shelf {
        key: "orderHistory",
        list: "orders",
        kind: Kind::Activity,
        time: "/creationTime",
        more: &["/orderId", "/creationTime"],
    },
    // A subscription has only the time at which it will go on: that is a fact, and no time of it.
    Shelf { key: "subscription", list: "subscriptions", kind: Kind::Bookmark, time: "", more: &[] },
    // Whoever reviews again changes the review.
    Shelf { key: "review", list: "reviews", kind: Kind::Post, time: "/creationTime", more: &[] },
];

/// Texts of a record that are facts, with where they stand.
const FACTS: &[(&str, &[&str])] = &[
    ("document_type", &["/doc/documentType", "/document/documentType", "/lineItem/0/doc/documentType"]),
    ("price", &["/invoicePrice", "/totalPrice", "/price", "/pricing/0/price"]),
    ("refund", &["/refundAmount"]),
    ("order", &["/orderId"]),
    ("device", &["/deviceAttribute/deviceDisplayName"]),
    ("updated", &["/lastUpdateTime"]),
    ("renews", &["/renewalDate"]),
    ("status", &["/state"]),
];

/// Imports all lists of an account.
pub fn import(
    source: &dyn Source,
    product: &Product,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let root = format!("{}/", product.folder);
    let under = source.under(&root).iter().filter(|entry| !names::is_system_junk(&entry.path));
    let mut entries: Vec<(&Entry, &Shelf)> =
        under.filter_map(|entry| Some((entry, shelf_of(source, entry)?))).collect();
    entries.sort_by_key(|(entry, _)| (entry.part, entry.order));
    let mut seen = HashMap::new();
    for (entry, shelf) in entries {
        send(source, (entry, shelf, &mut seen), options, sink)?;
    }
    Ok(())
}

/// The list that an entry is, by the key of its first record.
fn shelf_of(source: &dyn Source, entry: &Entry) -> Option<&'static Shelf> {
    if !entry.name().to_lowercase().ends_with(".json") {
        return None;
    }
    let beginning = head(source, entry, 4 << 10);
    let first = &beginning[memmem::find(&beginning, b"{")?..];
    let key = first.split(|byte| *byte == b'"').nth(1)?;
    SHELVES.iter().find(|shelf| shelf.key.as_bytes() == key)
}

type Seen = HashMap<String, u32>;

fn send(
    source: &dyn Source,
    (entry, shelf, seen): (&Entry, &'static Shelf, &mut Seen),
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let (wants_records, wants_file) =
        (options.wants(shelf.kind, PRODUCT), options.wants(Kind::File, PRODUCT));
    if !wants_records && !wants_file {
        return Ok(sink.skip(entry, Skip::NotAskedFor)?);
    }
    if wants_records {
        if !wants_file && sink.is_done(entry) {
            return Ok(sink.used(entry)?);
        }
        let what = "a record of the store cannot be read";
        let hint = "the others are safe; the file is kept as it is";
        let list = List { source, entry, paths: PATHS, what, hint };
        let is_whole = list.each(sink, &mut |record, sink| {
            let inner = &record.value[shelf.key];
            if !inner.is_object() {
                return Ok(false);
            }
            Ok(sink.item(item(inner, shelf, seen, record.origin)).map(|()| true)?)
        })?;
        if !is_whole {
            return Ok(());
        }
    }
    if !wants_file {
        return Ok(sink.used(entry)?);
    }
    let origin = Origin { entry: entry.clone(), at: At::Whole };
    let key = counted(seen, format!("play-file:{}", shelf.list));
    let mut item = Item::new(Kind::File, PRODUCT, key, origin);
    item.title = Some(entry.name().to_owned());
    item.path = format!("play/{}", entry.name());
    item.body = Body::Entry(entry.clone());
    Ok(sink.item(item)?)
}

fn counted(seen: &mut Seen, key: String) -> String {
    let count = seen.entry(key.clone()).or_default();
    *count += 1;
    if *count == 1 { key } else { format!("{key}#{count}") }
}

/// The first of the texts at these places.
fn first<'a>(record: &'a Value, places: &[&str]) -> Option<&'a str> {
    let texts = places.iter().filter_map(|place| record.pointer(place)?.as_str());
    texts.map(str::trim).find(|text| !text.is_empty())
}

fn item(record: &Value, shelf: &Shelf, seen: &mut Seen, origin: Origin) -> Item {
    let things = things(record);
    let mut named = vec![things.first().copied().unwrap_or_default()];
    named.extend(first(record, FACTS[0].1));
    named.extend(shelf.more.iter().filter_map(|place| first(record, &[place])));
    // An order has a number of its own.
    let name = match first(record, &["/orderId"]) {
        Some(order) => order.to_owned(),
        None => blake3::hash(named.join("\n").as_bytes()).to_hex()[..32].to_owned(),
    };
    let key = counted(seen, format!("play-{}:{name}", shelf.list));
    let mut item = Item::new(shelf.kind, PRODUCT, key, origin);
    item.title = Some(things.join(", ")).filter(|title| !title.is_empty());
    let time = first(record, &[shelf.time]).and_then(|text| text.parse::<Timestamp>().ok());
    item.time = time.map(Timestamp::as_second);
    item.extra.insert("list".to_owned(), shelf.list.into());
    for (fact, places) in FACTS {
        if let Some(text) = first(record, places) {
            item.extra.insert((*fact).to_owned(), text.into());
        }
    }
    if record["starRating"].is_number() {
        item.extra.insert("rating".to_owned(), record["starRating"].clone());
    }
    if shelf.key == "review" {
        let said = [first(record, &["/title"]), first(record, &["/comment"])];
        let text = said.into_iter().flatten().collect::<Vec<&str>>().join("\n");
        if !text.is_empty() {
            item.extra.insert("text".to_owned(), text.into());
        }
    }
    item
}

/// What a record is about: one thing, or those of an order.
fn things(record: &Value) -> Vec<&str> {
    let lines = record["lineItem"].as_array().into_iter().flatten();
    let lines = lines.filter_map(|line| first(line, &["/doc/title"]));
    first(record, &["/doc/title", "/document/title"]).into_iter().chain(lines).collect()
}
