//! Profile: what an account says of its owner, and the picture.
//!
//! `Profile.json` (`Profil.json` …) has English keys (`name`, `displayName`, `emails`, `birthday`, `gender`). It is kept as it is; only the name is in the
//! index. Lists that lie beside are kept.

use exodus_api::{At, Body, Entry, ImportError, Item, Kind, Options, Origin, Product, Sink, Skip, Source};

use super::read;
use crate::shared::{json_mended, names};

const PRODUCT: &str = "profile";
/// A larger file is no profile.
const LIMIT_BYTES: u64 = 1 << 20;

/// Imports the profile of an account.
pub fn import(
    source: &dyn Source,
    product: &Product,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let root = format!("{}/", product.folder);
    for entry in source.under(&root).iter().filter(|entry| !names::is_system_junk(&entry.path)) {
        let ending = entry.name().rsplit_once('.').map_or(String::new(), |(_, ending)| ending.to_lowercase());
        match ending.as_str() {
            "json" if entry.size <= LIMIT_BYTES => {
                let profile = json_mended::parse(&read(source, entry)).unwrap_or_default();
                let Some(name) = profile["displayName"].as_str().filter(|_| profile["name"].is_object())
                else {
                    continue;
                };
                send(entry, (Kind::Setting, "profile:json", "Profile.json", name), options, sink)?;
            }
            "jpg" | "jpeg" | "png" | "webp" | "gif" => {
                let name = format!("ProfilePhoto.{ending}");
                send(entry, (Kind::File, "profile:picture", &name, entry.name()), options, sink)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn send(
    entry: &Entry,
    (kind, key, name, title): (Kind, &str, &str, &str),
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    if !options.wants(kind, PRODUCT) {
        return Ok(sink.skip(entry, Skip::NotAskedFor)?);
    }
    let origin = Origin { entry: entry.clone(), at: At::Whole };
    let mut item = Item::new(kind, PRODUCT, key.to_owned(), origin);
    item.title = Some(title.to_owned());
    item.path = format!("google/profile/{name}");
    // Whoever changed the picture has both.
    item.body = Body::Unique(entry.clone());
    Ok(sink.item(item)?)
}
