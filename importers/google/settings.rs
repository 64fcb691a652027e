//! Gmail's `User Settings`: filters, signatures, forwarding, vacation, blocked addresses. Each file is kept as it is
//! and its JSON stands in the index, so that a filter can be found and made again.
//!
//! The files' names are in the account's language (`Filter.json`, `Blockierte Adressen.json`), their keys are not.

use exodus_api::{
    At, Body, Entry, ImportError, Item, Key, Kind, Options, Origin, Product, Sink, Skip, Source,
};
use serde_json::{Map, Value};

use super::read;

/// A larger file is no setting.
const LIMIT_BYTES: u64 = 8 << 20;

/// Imports the settings of an account: JSON below a folder of the mail product.
pub fn import(
    source: &dyn Source,
    product: &Product,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    if product.folder.is_empty() {
        return Ok(());
    }
    let folder = format!("{}/", product.folder);
    let is_setting = |entry: &&Entry| {
        let is_json = entry.path.to_lowercase().ends_with(".json") && entry.size <= LIMIT_BYTES;
        is_json && !crate::shared::names::is_system_junk(&entry.path)
    };
    for entry in source.under(&folder).iter().filter(is_setting) {
        if !options.wants(Kind::Setting, "mail") {
            sink.skip(entry, Skip::NotAskedFor)?;
            continue;
        }
        let parsed: Option<Value> = serde_json::from_slice(&read(source, entry)).ok();
        let mut extra = Map::new();
        if let Some(value) = parsed {
            extra.insert("setting".to_owned(), kind_of(&value).into());
            extra.insert("content".to_owned(), value);
        }
        sink.item(Item {
            key: Key(format!("setting:{}", &entry.path[folder.len()..])),
            kind: Kind::Setting,
            product: "mail",
            time: entry.modified,
            title: Some(entry.name().to_owned()),
            path: format!("google/mail/{}", &entry.path[folder.len()..]),
            labels: Vec::new(),
            body: Body::Entry(entry.clone()),
            origin: Origin { entry: entry.clone(), at: At::Whole },
            mail: None,
            extra,
        })?;
    }
    Ok(())
}

/// What a settings file is about, by the keys in it.
fn kind_of(value: &Value) -> &'static str {
    let has = |name: &str| value.get(name).is_some();
    if has("filter") || has("filters") {
        "filters"
    } else if has("addresses") {
        "addresses"
    } else if has("signature") || has("signatures") {
        "signatures"
    } else if has("vacationResponder") || has("vacation") || has("responseSubject") || has("enableAutoReply")
    {
        "vacation"
    } else {
        "other"
    }
}
