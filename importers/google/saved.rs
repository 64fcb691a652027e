//! Saved: lists of links and places, each a CSV.
//!
//! `Title,Note,URL,Tags,Comment` (without tags before 2024), heads in the account's language; lines that describe the list
//! may stand above them, and a row without content below. A row is what it is by the address in it.

use std::collections::HashMap;

use exodus_api::{At, Entry, ImportError, Item, Kind, Options, Origin, Product, Sink, Skip, Source};
use serde_json::Value;

use super::{faults, head};
use crate::shared::names;
use crate::shared::table::{LIMIT_BYTES, Row, Rows};

const PRODUCT: &str = "saved";

/// Imports all lists.
pub fn import(
    source: &dyn Source,
    product: &Product,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let root = format!("{}/", product.folder);
    let is_list = |entry: &&Entry| {
        entry.name().to_lowercase().ends_with(".csv")
            && entry.size <= LIMIT_BYTES
            && !names::is_system_junk(&entry.path)
            && has_heads(&head(source, entry, 64 << 10))
    };
    for entry in source.under(&root).iter().filter(is_list) {
        if !options.wants(Kind::Bookmark, PRODUCT) {
            sink.skip(entry, Skip::NotAskedFor)?;
        } else if sink.is_done(entry) {
            sink.used(entry)?;
        } else {
            send(source, entry, sink)?;
        }
    }
    Ok(())
}

/// True for a row of four or five words: the heads.
fn is_heads(row: &Row) -> bool {
    matches!(row.cells.len(), 4 | 5) && row.cells.iter().all(|cell| !cell.is_empty() && !cell.contains("://"))
}

fn has_heads(beginning: &[u8]) -> bool {
    let mut rows = Rows::new(beginning);
    std::iter::from_fn(|| rows.next_row().ok().flatten()).take(50).any(|row| is_heads(&row))
}

fn send(source: &dyn Source, entry: &Entry, sink: &mut dyn Sink) -> Result<(), ImportError> {
    let Some(reader) = faults::opened(source, entry, sink)? else { return Ok(()) };
    let mut rows = Rows::new(reader);
    let list = entry.name().rsplit_once('.').map_or(entry.name(), |(stem, _)| stem);
    let mut reading = Reading { list, heads: None, about: Vec::new(), seen: HashMap::new() };
    let mut record = 0;
    loop {
        let row = match rows.next_row() {
            Ok(Some(row)) => row,
            Ok(None) => break,
            Err(err) => return Ok(sink.fault(faults::breaks_off(source, entry, 0, &err))?),
        };
        let origin = Origin { entry: entry.clone(), at: At::Record(record) };
        record += 1;
        if let Some(item) = reading.row(row, origin) {
            sink.item(item)?;
        }
    }
    if !reading.about.is_empty() {
        sink.note(entry, "about", reading.about.join("\n").into())?;
    }
    Ok(sink.used(entry)?)
}

struct Reading<'a> {
    list: &'a str,
    heads: Option<Vec<String>>,
    /// What describes the list.
    about: Vec<String>,
    seen: HashMap<String, u32>,
}

impl Reading<'_> {
    fn row(&mut self, row: Row, origin: Origin) -> Option<Item> {
        let Some(heads) = &self.heads else {
            if is_heads(&row) {
                self.heads = Some(row.cells);
            } else {
                self.about.extend(row.cells.into_iter().filter(|cell| !cell.is_empty()));
            }
            return None;
        };
        if row.cells.iter().all(String::is_empty) {
            return None;
        }
        let url = row.cells.iter().find(|cell| cell.contains("://")).cloned();
        let title = row.cells[0].clone();
        let hash = blake3::hash(url.as_deref().unwrap_or(&title).as_bytes()).to_hex();
        let key = format!("saved:{}:{}", names::folded(self.list), &hash[..32]);
        let count = self.seen.entry(key.clone()).or_default();
        *count += 1;
        let key = if *count == 1 { key } else { format!("{key}#{count}") };
        let mut item = Item::new(Kind::Bookmark, PRODUCT, key, origin);
        let texts = row.cells.iter().skip(1).filter(|cell| !cell.is_empty() && !cell.contains("://"));
        let text = texts.map(String::as_str).collect::<Vec<&str>>().join("\n");
        let facts: serde_json::Map<String, Value> = heads
            .iter()
            .zip(&row.cells)
            .filter(|(_, cell)| !cell.is_empty())
            .map(|(head, cell)| (head.clone(), cell.as_str().into()))
            .collect();
        item.extra.insert("list".to_owned(), self.list.into());
        if !text.is_empty() {
            item.extra.insert("text".to_owned(), text.into());
        }
        if let Some(url) = &url {
            item.extra.insert("url".to_owned(), url.as_str().into());
        }
        item.extra.insert("row".to_owned(), Value::Object(facts));
        item.title = Some(title).filter(|title| !title.is_empty()).or(url);
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_known_in_any_language_and_below_a_description() {
        for text in ["Title,Note,URL,Comment\n", "my, own list\n\nTitel,Notiz,URL,Tags,Kommentar\n,,,,\n"] {
            assert!(has_heads(text.as_bytes()), "{text}");
        }
        for text in ["", "a,b\n1,2\n", "Title,,URL,Comment\n"] {
            assert!(!has_heads(text.as_bytes()), "{text}");
        }
    }
}
