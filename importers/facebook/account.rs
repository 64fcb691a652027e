//! The account's own facts.

use exodus_api::{At, Body, Entry, Item, Kind, Origin, Source};
use serde_json::Value;

use super::PLATFORM;
use super::lists::Told;
use crate::shared::json_mended;
use crate::shared::meta::facts::Facts;
use crate::shared::meta::mojibake;
use crate::shared::meta::pages::Page;
use crate::shared::meta::record;
use crate::shared::meta::shape::head;

/// The product, by the name of `--only`.
pub const PRODUCT: &str = "account";
/// A larger file is no account's.
const LIMIT_BYTES: u64 = 4 << 20;

/// The account as an item, with its file as it is; `None` if the file says nothing that can be read.
pub fn item(source: &dyn Source, entry: &Entry) -> Option<Item> {
    let is_page = !entry.name().to_lowercase().ends_with(".json");
    let told = if is_page { of_page(source, entry) } else { of_json(source, entry) }?;
    let origin = Origin { entry: entry.clone(), at: At::Whole };
    let mut item = Item::new(Kind::Setting, PRODUCT, "profile".to_owned(), origin);
    let name = entry.name().rsplit('\\').next().unwrap_or(entry.name());
    item.title = Some(if told.name.is_empty() { name.to_owned() } else { told.name });
    item.path = format!("{PLATFORM}/{PRODUCT}/{name}");
    item.body = Body::Entry(entry.clone());
    item.extra.insert("facts".to_owned(), Value::Array(told.facts));
    item.extra.insert("text".to_owned(), told.text.into());
    Some(item)
}

fn of_json(source: &dyn Source, entry: &Entry) -> Option<Told> {
    let mut value = json_mended::parse(&head(source, entry, LIMIT_BYTES)).ok()?;
    if mojibake::is_mangled(source, entry) {
        mojibake::repair(&mut value);
    }
    let profile = value.as_object()?.values().next()?;
    let mut told = Told::of_json(profile);
    told.name = profile["name"]["full_name"].as_str().unwrap_or_default().to_owned();
    (!told.facts.is_empty()).then_some(told)
}

fn of_page(source: &dyn Source, entry: &Entry) -> Option<Told> {
    let mut facts = Facts::default();
    let mut page = Page::new(source.open(entry).ok()?);
    // A page that breaks off is kept as it is.
    while let Some(found) = page.next_record().ok()? {
        if let Some(html) = found.html {
            facts.rows.extend(Facts::of_page(record::read(&html), &page.head()).rows);
        }
    }
    let mut told = Told::of_page(facts);
    told.name.clear();
    (!told.facts.is_empty()).then_some(told)
}
