//! JSON of the platform's own: answers of its internal endpoints, saved from a browser, or in a HAR.

use data_encoding::BASE64;
use exodus_api::{At, Entry, Origin};
use serde_json::Value;

use super::page::{self, Page};
use super::wire;

/// Deeper nesting is nobody's.
const LIMIT_DEPTH: usize = 64;

/// True for JSON that tells of works: by its first bytes.
pub fn is_ours(head: &[u8]) -> bool {
    let has = |what: &str| memchr::memmem::find(head, what.as_bytes()).is_some();
    has("academia.edu")
        && ["internal_url", "internalUrl", "workJSON", "document_type", "documentType"]
            .iter()
            .any(|it| has(it))
}

/// All works of a JSON value, wherever they stand in it; answers within a HAR, and pages in these, are read as well.
pub fn read(value: &Value, entry: &Entry) -> Page {
    let mut found = Page::default();
    visit(value, entry, 0, &mut found);
    found
}

fn visit(value: &Value, entry: &Entry, depth: usize, found: &mut Page) {
    if depth > LIMIT_DEPTH {
        return;
    }
    match value {
        Value::Array(list) => list.iter().for_each(|it| visit(it, entry, depth + 1, found)),
        Value::Object(map) => {
            let origin = Origin { entry: entry.clone(), at: At::Record(found.works.len() as u64) };
            if let Some(work) = wire::work(value, origin) {
                match found.works.iter_mut().find(|known| known.id == work.id) {
                    Some(known) => known.take(work, false),
                    None => found.works.push(work),
                }
                return;
            }
            if map.get("encoding").and_then(Value::as_str) == Some("base64")
                && let Some(bytes) =
                    map.get("text").and_then(Value::as_str).and_then(|it| BASE64.decode(it.as_bytes()).ok())
            {
                return answer(&String::from_utf8_lossy(&bytes), entry, depth, found);
            }
            map.values().for_each(|it| visit(it, entry, depth + 1, found));
        }
        Value::String(text) => answer(text, entry, depth, found),
        _ => {}
    }
}

/// A text that is JSON or a page itself.
fn answer(text: &str, entry: &Entry, depth: usize, found: &mut Page) {
    if text.trim_start().starts_with(['{', '[']) {
        if let Ok(value) = serde_json::from_str::<Value>(text) {
            visit(&value, entry, depth + 1, found);
        }
    } else if text.len() > 100 && page::is_ours(text.as_bytes()) {
        let page = page::read(text, entry);
        found.viewed = found.viewed.take().or(page.viewed);
        for mut work in page.works {
            work.origin.at = At::Record(found.works.len() as u64);
            match found.works.iter_mut().find(|known| known.id == work.id) {
                Some(known) => known.take(work, false),
                None => found.works.push(work),
            }
        }
    }
}
