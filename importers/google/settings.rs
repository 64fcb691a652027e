//! Gmail's `User Settings`: filters, signatures, forwarding, vacation, blocked addresses. Each file is kept as it is
//! and its JSON stands in the index. Filters and the vacation responder become Sieve too, signatures HTML.
//!
//! The files' names are in the account's language (`Filter.json`, `Blockierte Adressen.json`), their keys are not.

use std::collections::HashSet;

use exodus_api::{
    At, Body, Entry, ImportError, Item, Key, Kind, Options, Origin, Product, Sink, Skip, Source,
};
use serde_json::{Map, Value, json};

use super::{read, sieve};
use crate::shared::json_mended;

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
    let mut keys = HashSet::new();
    for entry in source.under(&folder).iter().filter(is_setting) {
        if !options.wants(Kind::Setting, "mail") {
            sink.skip(entry, Skip::NotAskedFor)?;
            continue;
        }
        let parsed = json_mended::parse(&read(source, entry)).ok();
        let mut extra = Map::new();
        if let Some(value) = parsed {
            translate(entry, &value, &mut keys, sink)?;
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

/// Sends what a settings file says in the words of other programs.
fn translate(
    entry: &Entry,
    settings: &Value,
    keys: &mut HashSet<String>,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let mut send = |name: String, bytes: String, sink: &mut dyn Sink| {
        let mut stem = name.clone();
        let mut n = 1;
        while !keys.insert(stem.clone()) {
            n += 1;
            stem = name
                .rsplit_once('.')
                .map_or_else(|| format!("{name} ({n})"), |(stem, end)| format!("{stem} ({n}).{end}"));
        }
        let origin = Origin { entry: entry.clone(), at: At::Byte(0) };
        let mut item = Item::new(Kind::Setting, "mail", format!("setting-as:{stem}"), origin);
        item.title = Some(stem.clone());
        item.path = format!("settings/{stem}");
        item.body = Body::Inline(bytes.into_bytes());
        sink.item(item)
    };
    let script = match kind_of(settings) {
        "filters" => sieve::filters(settings).map(|script| ("gmail-filters.sieve", script)),
        "vacation" => sieve::vacation(settings).map(|script| ("gmail-vacation.sieve", script)),
        "signatures" => {
            for (name, html) in signatures(settings) {
                let page = format!("<!DOCTYPE html>\n<meta charset=\"utf-8\">\n{html}\n");
                send(format!("gmail-signature-{name}.html"), page, sink)?;
            }
            None
        }
        _ => None,
    };
    if let Some((name, script)) = script {
        send(name.to_owned(), script.text, sink)?;
        if script.n_untranslated > 0 {
            sink.note(entry, "untranslated", json!(script.n_untranslated))?;
        }
    }
    Ok(())
}

/// The signatures in a settings file: what each is for, and its HTML.
fn signatures(settings: &Value) -> Vec<(String, String)> {
    let text = |value: &Value, names: &[&str]| {
        let found = names.iter().find_map(|name| value.get(name)?.as_str());
        found.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    let list = match settings.get("signatures") {
        Some(Value::Array(list)) => list.clone(),
        Some(one) => vec![one.clone()],
        None => vec![settings.clone()],
    };
    let mut found = Vec::new();
    for (number, signature) in list.iter().enumerate() {
        let html = signature.as_str().map(str::to_owned);
        let Some(html) = html.or_else(|| text(signature, &["signature", "html", "body", "content"])) else {
            continue;
        };
        let whose = [
            text(signature, &["address", "email", "sendAsEmail"]),
            text(signature, &["name", "displayName"]),
        ];
        let whose: Vec<String> = whose.into_iter().flatten().collect();
        let name = if whose.is_empty() { (number + 1).to_string() } else { whose.join(" ") };
        found.push((name.replace(['/', '\\'], "_"), html));
    }
    found
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
    } else if has("vacationResponder")
        || has("vacation")
        || has("responseSubject")
        || has("enableAutoReply")
        || (has("subject") && has("body"))
    {
        "vacation"
    } else {
        "other"
    }
}
