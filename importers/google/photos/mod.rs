//! Google Photos: every photo and video once, with the facts of its sidecar and the albums that it is in.
//!
//! [`plan`] reads all sidecars and descriptions of albums ([`wire`]) and finds out which belongs to what
//! ([`matching`], [`folders`]); [`facts`] gathers what is known of one photo; here it is sent. A photo is named by its
//! content: the copies in its year's folder and in its albums are one item. No photo is passed over because its
//! sidecar is missing; a sidecar whose photo is missing is reported.

mod facts;
mod folders;
mod kinds;
mod matching;
mod plan;
mod wire;

use exodus_api::{
    At, Body, Entry, ImportError, Item, Key, Kind, Label, Options, Origin, Product, Sink, Skip, Source,
};

use self::matching::Match;
use self::plan::{Photo, Plan, Sidecar};
use super::naming::{cut_name, spelled, split_extension, split_number};
use super::read;
use crate::shared::names;

/// The name of the product in exodus.
const PRODUCT: &str = "photos";

/// Imports the photos.
pub fn import(
    source: &dyn Source,
    product: &Product,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let root = format!("{}/", product.folder);
    let is_wanted = |entry: &&Entry| !names::is_system_junk(&entry.path);
    let entries: Vec<&Entry> = source.under(&root).iter().filter(is_wanted).collect();
    if !options.wants(Kind::Photo, PRODUCT) {
        for entry in entries {
            sink.skip(entry, Skip::NotAskedFor)?;
        }
        return Ok(());
    }
    let plan = Plan::make(source, &root, &entries);
    for photo in &plan.photos {
        send(source, &plan, photo, sink)?;
    }
    finish(&plan, sink)
}

fn send(source: &dyn Source, plan: &Plan, photo: &Photo, sink: &mut dyn Sink) -> Result<(), ImportError> {
    let entry = photo.entry;
    let is_done = sink.is_done(entry);
    let known = facts::of(source, plan, photo, !is_done);
    let mut extra = known.extra;
    let lies = match photo.lies {
        None if !is_done && source.opens_anywhere(entry) => plan::lies(source, entry),
        lies => lies,
    };
    if let Some(lies) = lies {
        extra.insert("real_type".to_owned(), lies.into());
        sink.note(entry, "real_type", lies.into())?;
    }
    if photo.found == Match::Ambiguous || matches!(photo.found, Match::Found { doubt: Some(_), .. }) {
        sink.note(entry, "sidecar", extra.get("sidecar").cloned().unwrap_or("doubtful".into()))?;
    }
    let labels: Vec<Label> = known.labels;
    Ok(sink.item(Item {
        key: Key("photo".to_owned()),
        kind: Kind::Photo,
        product: PRODUCT,
        time: known.time,
        path: format!("photos/{}/{}", known.folder, known.title),
        title: Some(known.title),
        labels,
        body: Body::Unique(entry.clone()),
        origin: Origin { entry: entry.clone(), at: At::Whole },
        mail: None,
        extra,
    })?)
}

/// Says that sidecars and descriptions of albums were read, and which photos are missing.
fn finish(plan: &Plan, sink: &mut dyn Sink) -> Result<(), ImportError> {
    for sidecar in plan.lonely.iter().map(|number| &plan.sidecars[*number]) {
        let folder = sidecar.entry.folder();
        sink.note(sidecar.entry, "missing", format!("{folder}/{}", photo_name(sidecar)).into())?;
    }
    for album in &plan.albums {
        sink.note(album.entry, "album", album.facts.clone())?;
    }
    let sidecars = plan.sidecars.iter().map(|sidecar| sidecar.entry);
    let mut used: Vec<&Entry> = sidecars.chain(plan.albums.iter().map(|album| album.entry)).collect();
    used.sort_by_key(|entry| entry.id);
    for entry in used {
        sink.used(entry)?;
    }
    Ok(())
}

/// What the photo of a sidecar is called in the export.
fn photo_name(sidecar: &Sidecar) -> String {
    let name = cut_name(&spelled(&sidecar.title));
    let card = sidecar.entry.name();
    let card_stem = card.get(..card.len().saturating_sub(".json".len())).unwrap_or(card);
    match (split_number(card_stem).1, split_extension(&name)) {
        (Some(number), (stem, extension)) => format!("{stem}({number}){extension}"),
        (None, _) => name,
    }
}

/// True when a folder that nothing names holds photos of Google: one of the first small JSON files in its folders is
/// the sidecar of a photo.
pub fn is_photos(source: &dyn Source, folder: &str) -> bool {
    let root = format!("{folder}/");
    let is_json = |entry: &&Entry| {
        let below = &entry.path[root.len()..];
        below.contains('/') && entry.size <= 1 << 16 && below.to_lowercase().ends_with(".json")
    };
    let mut some = source.under(&root).iter().filter(is_json).take(5);
    some.any(|entry| memchr::memmem::find(&read(source, entry), b"\"photoTakenTime\"").is_some())
}
