//! Maps: places that were saved, labelled or reviewed.
//!
//! Each is a GeoJSON file, kept as it is under its English name, and every feature of it is in the index. Which list it is
//! its properties tell, since its name is in the account's language: `five_star_rating_published` or `Star Rating` are of
//! reviews, `google_maps_url` or `Google Maps URL` of saved places, `name` and `address` alone of labelled ones.
//! Coordinates `[0,0]` mean that a place was not found. Photos, questions and commute routes are kept.

use exodus_api::{At, Body, Entry, ImportError, Item, Kind, Options, Origin, Product, Sink, Skip, Source};
use jiff::Timestamp;
use serde_json::Value;

use super::head;
use super::json_list::List;
use crate::shared::names;

const PRODUCT: &str = "maps";
const PATHS: &[&[&str]] = &[&["features", "*"]];

/// Lists: what their properties have, how they are called in keys, and the name of the file.
const LISTS: [(&[&str], &str, &str); 3] = [
    (&["five_star_rating_published", "Star Rating", "review_text_published"], "review", "Reviews.json"),
    (&["google_maps_url", "Google Maps URL"], "saved", "Saved Places.json"),
    (&["address", "name"], "labelled", "Labeled places.json"),
];

/// Imports all lists of places.
pub fn import(
    source: &dyn Source,
    product: &Product,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let root = format!("{}/", product.folder);
    for entry in source.under(&root).iter().filter(|entry| !names::is_system_junk(&entry.path)) {
        let name = entry.name().to_lowercase();
        if !name.ends_with(".json") && !name.ends_with(".geojson") {
            continue;
        }
        let beginning = head(source, entry, 64 << 10);
        let says = |word: &str| memchr::memmem::find(&beginning, word.as_bytes()).is_some();
        if !says("\"FeatureCollection\"") {
            continue;
        }
        let has_any = |words: &[&str]| words.iter().any(|word| says(&format!("\"{word}\"")));
        if let Some((_, list, file)) = LISTS.iter().find(|(words, ..)| has_any(words)) {
            send(source, (entry, list, file), options, sink)?;
        }
    }
    Ok(())
}

fn send(
    source: &dyn Source,
    (entry, list, file): (&Entry, &str, &str),
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let (wants_places, wants_file) =
        (options.wants(Kind::Place, PRODUCT), options.wants(Kind::File, PRODUCT));
    if !wants_places && !wants_file {
        return Ok(sink.skip(entry, Skip::NotAskedFor)?);
    }
    if wants_places && !places(source, (entry, list), sink)? {
        return Ok(());
    }
    if !wants_file {
        return Ok(sink.used(entry)?);
    }
    let origin = Origin { entry: entry.clone(), at: At::Whole };
    let mut item = Item::new(Kind::File, PRODUCT, format!("maps:{list}"), origin);
    item.title = Some(entry.name().to_owned());
    item.path = format!("maps/{file}");
    item.body = Body::Entry(entry.clone());
    Ok(sink.item(item)?)
}

/// Sends every place; tells whether the file could be read to its end.
fn places(
    source: &dyn Source,
    (entry, list): (&Entry, &str),
    sink: &mut dyn Sink,
) -> Result<bool, ImportError> {
    let (what, hint) = ("a place cannot be read", "the others are safe; export again to get this one");
    let records = List { source, entry, paths: PATHS, what, hint };
    records.each(sink, &mut |record, sink| {
        if !record.value["properties"].is_object() {
            return Ok(false);
        }
        Ok(sink.item(place(&record.value, list, record.origin)).map(|()| true)?)
    })
}

/// The first of the texts at these places in the properties.
fn first<'a>(properties: &'a Value, places: &[&str]) -> Option<&'a str> {
    let texts = places.iter().filter_map(|place| properties.pointer(place)?.as_str());
    texts.map(str::trim).find(|text| !text.is_empty())
}

fn place(feature: &Value, list: &str, origin: Origin) -> Item {
    let properties = &feature["properties"];
    let url = first(properties, &["/google_maps_url", "/Google Maps URL"]);
    let name = first(properties, &["/location/name", "/Location/Business Name", "/name", "/Title"]);
    let address = first(properties, &["/location/address", "/Location/Address", "/address"]);
    let (lon, lat) =
        (feature["geometry"]["coordinates"][0].as_f64(), feature["geometry"]["coordinates"][1].as_f64());
    let at = lat.zip(lon).filter(|at| *at != (0.0, 0.0));
    let dated = first(properties, &["/date", "/Published"]);
    let named = match url {
        Some(url) => url.to_owned(),
        None => format!("{}\n{at:?}", name.unwrap_or_default()),
    };
    let hash = blake3::hash(named.as_bytes()).to_hex();
    let mut item = Item::new(Kind::Place, PRODUCT, format!("maps-{list}:{}", &hash[..32]), origin);
    item.title = name.or(address).or(url).map(str::to_owned);
    item.time = dated.and_then(|text| text.parse::<Timestamp>().ok()).map(Timestamp::as_second);
    let mut add = |name: &str, value: Value| item.extra.insert(name.to_owned(), value);
    add("list", list.into());
    if let Some((lat, lon)) = at {
        add("lat", lat.into());
        add("lon", lon.into());
    }
    for (name, text) in [("url", url), ("address", address)] {
        if let Some(text) = text {
            add(name, text.into());
        }
    }
    let said = first(properties, &["/review_text_published", "/Review Comment", "/Comment"]);
    let text = [said, address].into_iter().flatten().collect::<Vec<&str>>().join("\n");
    if !text.is_empty() {
        add("text", text.into());
    }
    add("properties", properties.clone());
    item
}
