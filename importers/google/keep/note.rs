//! A note, as its JSON tells it.
//!
//! Times are microseconds since 1970 UTC; `createdTimestampUsec` is missing before about 2022, and nothing else is
//! always there. Of `textContent` and `listContent` a note has one.

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::shared::json_mended;

/// A note.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// Its title; empty if it has none.
    pub title: String,
    /// Its text.
    pub text: String,
    /// The items of a checklist: whether each is checked, and what it says.
    pub items: Vec<(bool, String)>,
    /// Its labels.
    pub labels: Vec<String>,
    /// The names of its attachments, as it spells them.
    pub attachments: Vec<String>,
    /// Links that Keep found in it: title and address.
    pub links: Vec<(String, String)>,
    /// The addresses of those it is shared with, the owner's too.
    pub shared_with: Vec<String>,
    /// Its colour, in lower case; empty if it has none of its own.
    pub color: String,
    /// Pinned to the top.
    pub is_pinned: bool,
    /// Put out of sight.
    pub is_archived: bool,
    /// Deleted.
    pub is_trashed: bool,
    /// When it was made, in microseconds since 1970-01-01 UTC.
    pub created_us: Option<i64>,
    /// When it was last changed, in microseconds since 1970-01-01 UTC.
    pub edited_us: Option<i64>,
    /// The date that a page shows, in its language, where nothing better is known.
    pub dated: Option<String>,
}

impl Note {
    /// The note that JSON tells; `None` if it is JSON of something else.
    ///
    /// # Errors
    /// When it is no JSON.
    pub fn of_json(bytes: &[u8]) -> Result<Option<Note>, serde_json::Error> {
        let value = json_mended::parse(bytes)?;
        let has = |name: &str| value.get(name).is_some();
        let has_content = has("textContent") || has("listContent") || has("title") || has("attachments");
        let is_note = has_content && (has("isTrashed") || has("isPinned") || has("userEditedTimestampUsec"));
        Ok(is_note.then(|| of_value(&value)))
    }

    /// Its facts for the index.
    pub fn facts(&self, attachments: &[String]) -> Map<String, Value> {
        let mut facts = Map::new();
        let mut add = |name: &str, value: Value| {
            let is_empty = match &value {
                Value::Bool(is_true) => !is_true,
                Value::String(text) => text.is_empty(),
                Value::Array(list) => list.is_empty(),
                value => value.is_null(),
            };
            if !is_empty {
                facts.insert(name.to_owned(), value);
            }
        };
        add("created", self.created_us.and_then(in_words).into());
        add("edited", self.edited_us.and_then(in_words).into());
        add("dated", self.dated.clone().into());
        add("color", self.color.clone().into());
        add("pinned", self.is_pinned.into());
        add("archived", self.is_archived.into());
        add("trashed", self.is_trashed.into());
        add("labels", self.labels.clone().into());
        add("attachments", attachments.to_vec().into());
        add("links", self.links.iter().map(|(_, url)| url.clone()).collect::<Vec<String>>().into());
        add("shared_with", self.shared_with.clone().into());
        facts
    }
}

/// A time in microseconds as RFC 3339 writes it, to the second.
fn in_words(time_us: i64) -> Option<String> {
    let time = Timestamp::from_second(time_us.div_euclid(1_000_000)).ok()?;
    Some(time.to_string())
}

fn of_value(value: &Value) -> Note {
    let text = |value: &Value, name: &str| {
        value.get(name).and_then(Value::as_str).unwrap_or_default().replace("\r\n", "\n")
    };
    let list = |name: &str| value.get(name).and_then(Value::as_array).into_iter().flatten();
    let texts = |list_name: &str, name: &str| {
        let texts = list(list_name).map(|it| text(it, name));
        texts.filter(|text| !text.is_empty()).collect::<Vec<String>>()
    };
    let is = |name: &str| value.get(name).and_then(Value::as_bool).unwrap_or(false);
    let time = |name: &str| value.get(name).and_then(Value::as_i64).filter(|time_us| *time_us > 0);
    let color = text(value, "color").to_lowercase();
    let links = list("annotations").map(|it| (text(it, "title"), text(it, "url")));
    Note {
        title: text(value, "title").trim().to_owned(),
        text: text(value, "textContent"),
        items: list("listContent")
            .map(|it| (it.get("isChecked").and_then(Value::as_bool).unwrap_or(false), text(it, "text")))
            .collect(),
        labels: texts("labels", "name"),
        attachments: texts("attachments", "filePath"),
        links: links.filter(|(_, url)| !url.is_empty()).collect(),
        shared_with: texts("sharees", "email"),
        color: if color == "default" { String::new() } else { color },
        is_pinned: is("isPinned"),
        is_archived: is("isArchived"),
        is_trashed: is("isTrashed"),
        created_us: time("createdTimestampUsec"),
        edited_us: time("userEditedTimestampUsec"),
        dated: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_of_something_else_is_no_note_and_a_broken_one_says_why() {
        assert_eq!(Note::of_json(b"{\"title\": \"x\"}").expect("it is JSON"), None);
        assert_eq!(Note::of_json(b"[1]").expect("it is JSON"), None);
        assert!(Note::of_json(b"{\"title\": \"x\" \"isTrashed\": true}").is_err());
        let note =
            Note::of_json(b"{\"title\":\"x\",\"isTrashed\":true}").expect("it is JSON").expect("a note");
        assert_eq!(note, Note { title: "x".into(), is_trashed: true, ..Note::default() });
        assert_eq!(note.facts(&[]).len(), 1);
    }
}
