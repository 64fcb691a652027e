//! Lists of records: people, events, groups, pages, comments, reactions, what was saved and searched.
//!
//! A person has no number in the export, only the name that is shown; so two of the same name are told apart by their order.
//! None of this is for anybody else: it goes into the index, and never to where posts are.

use exodus_api::{Entry, ImportError, Item, Kind, Origin, Sink, Source};
use serde_json::{Map, Value, json};

use super::event::Event;
use super::layout::{List, Role};
use crate::shared::content_lines::uid_of;
use crate::shared::meta::facts::{Facts, seconds};
use crate::shared::meta::records::{Keys, LISTS, Pages};

const WHAT: &str = "a record of a list cannot be read";
const HINT: &str = "the others are safe; export again to get this one";
/// Answers to invitations are a list for each answer.
const NESTED: &[&[&str]] = &[&["*"], &["?", "*"], &["?", "?", "*"]];
/// Deeper records are no platform's.
const LIMIT_DEPTH: usize = 12;
/// Keys whose text names what a record is about.
const NAMES: &[&str] = &["name", "title"];
/// Keys whose text is what somebody wrote, searched or chose, the more particular first.
const SAID: &[&str] = &["comment", "post", "text", "reaction"];

/// Sends the records of a file; false if there is none in it, or it cannot be read to its end, which is told.
///
/// # Errors
/// When the run has to end.
pub fn send(
    source: &dyn Source,
    entry: &Entry,
    list: List,
    keys: &mut Keys,
    sink: &mut dyn Sink,
) -> Result<bool, ImportError> {
    let pages = Pages { source, entry, what: WHAT, hint: HINT };
    let mut n_items = 0_u64;
    let is_whole = if pages.is_page() {
        pages.each(sink, &mut |record, head, origin, sink| {
            let told = Told::of_page(Facts::of_page(record, head));
            if told.facts.is_empty() && told.name.is_empty() {
                return Ok(());
            }
            n_items += 1;
            let mut item = item(told, list, origin, keys);
            if list.role == Role::Events {
                Event::default().add_to(&mut item);
            }
            Ok(sink.item(item)?)
        })?
    } else {
        let paths = if list.role == Role::Events { NESTED } else { LISTS };
        pages.each_keyed(paths, sink, &mut |value, on_the_way, origin, sink| {
            if !value.is_object() {
                // `["You have no data in this section"]`, a list within a list that is read by itself.
                return Ok(!value.is_number());
            }
            n_items += 1;
            let mut item = item(Told::of_json(&value), list, origin, keys);
            if list.role == Role::Events {
                Event::of_json(&value, on_the_way).add_to(&mut item);
            }
            sink.item(item)?;
            Ok(true)
        })?
    };
    Ok(is_whole && n_items > 0)
}

/// What a record tells.
#[derive(Debug, Default, PartialEq)]
pub struct Told {
    /// Who or what it is about.
    pub name: String,
    /// What somebody wrote, searched or chose.
    said: String,
    /// When it happened, in seconds since 1970-01-01 UTC.
    time: Option<i64>,
    url: Option<String>,
    /// All that it says, for full text.
    pub text: String,
    /// Its rows.
    pub facts: Vec<Value>,
}

impl Told {
    /// What a record of JSON tells.
    pub fn of_json(value: &Value) -> Told {
        if value.get("label_values").is_some() {
            return Facts::of_json(value).map(Told::of_page).unwrap_or_default();
        }
        let mut walk = Walk::default();
        walk.take("", value, 0);
        let first = |names: &[&str]| -> String {
            let found = names.iter().find_map(|name| walk.texts.iter().find(|(key, _)| key == name));
            found.map(|(_, text)| text.clone()).unwrap_or_default()
        };
        let is_link = |text: &&String| text.starts_with("https://") || text.starts_with("http://");
        let mut lines: Vec<&str> = Vec::new();
        for (_, text) in &walk.texts {
            if !lines.contains(&text.as_str()) {
                lines.push(text);
            }
        }
        Told {
            name: first(NAMES),
            said: first(SAID),
            time: walk.time,
            url: walk.texts.iter().map(|(_, text)| text).find(is_link).cloned(),
            text: lines.join("\n"),
            facts: walk.texts.iter().map(|(label, value)| json!({"label": label, "value": value})).collect(),
        }
    }

    /// What a generic record, or one of a page, tells.
    pub fn of_page(facts: Facts) -> Told {
        let is_words = |text: &&str| !text.is_empty() && !text.starts_with("http");
        let mut values = facts.rows.iter().filter(|row| row.time.is_none()).map(|row| row.value.as_str());
        let said = values.find(is_words).unwrap_or_default().to_owned();
        let name = if facts.title.is_empty() { said.clone() } else { facts.title.clone() };
        Told {
            name,
            said,
            time: facts.time,
            url: facts.url().map(str::to_owned),
            text: facts.text(),
            facts: facts.rows_json().as_array().cloned().unwrap_or_default(),
        }
    }
}

/// The texts of a record with the keys that they stand at, and the first time in it.
#[derive(Default)]
struct Walk {
    texts: Vec<(String, String)>,
    time: Option<i64>,
}

impl Walk {
    fn take(&mut self, key: &str, value: &Value, depth: usize) {
        match value {
            _ if depth > LIMIT_DEPTH => {}
            Value::String(text) if !text.trim().is_empty() => {
                self.texts.push((key.to_owned(), text.trim().to_owned()));
            }
            Value::Number(number) if key.ends_with("timestamp") => {
                self.time = self.time.or_else(|| seconds(number.as_i64()?));
            }
            Value::Array(list) => list.iter().for_each(|value| self.take(key, value, depth + 1)),
            Value::Object(object) => {
                // What it says of itself comes before what is nested in it.
                let is_deep = |value: &Value| value.is_array() || value.is_object();
                let (deep, own): (Vec<_>, Vec<_>) = object.iter().partition(|(_, value)| is_deep(value));
                // Of two times of one record the first is when it began.
                let mut own = own;
                own.sort_by_key(|(key, _)| (*key != "timestamp", *key != "start_timestamp"));
                own.into_iter().chain(deep).for_each(|(key, value)| self.take(key, value, depth + 1));
            }
            _ => {}
        }
    }
}

fn item(told: Told, list: List, origin: Origin, keys: &mut Keys) -> Item {
    let minute = told.time.map_or(0, |time| time.div_euclid(60));
    let hashed = |words: &str| uid_of(format!("{minute}\n{words}").as_bytes());
    let named = match list.role {
        Role::Friends | Role::Groups | Role::Pages if !told.name.is_empty() => told.name.clone(),
        Role::Comments | Role::GroupPosts | Role::Searches => hashed(&told.said),
        Role::Events => hashed(&told.name),
        // The sentence is another in every language, and so may be the rest.
        _ => minute.to_string(),
    };
    let key = keys.free(format!("{}:{named}", list.name));
    let kind = if list.role == Role::Events { Kind::Activity } else { list.role.kind() };
    let mut item = Item::new(kind, list.role.product(), key, origin);
    item.time = told.time;
    let is_said = matches!(list.role, Role::Comments | Role::GroupPosts | Role::Searches);
    let title = if is_said && !told.said.is_empty() { &told.said } else { &told.name };
    item.title = Some(title.clone()).filter(|title| !title.is_empty());
    let kind_of_post = match list.role {
        Role::Comments => Some("comment"),
        Role::GroupPosts => Some("group-post"),
        _ => None,
    };
    let name = Some(told.name).filter(|_| matches!(list.role, Role::Friends | Role::Groups | Role::Pages));
    let facts = [
        ("list", list.name.into()),
        ("type", kind_of_post.into()),
        ("name", name.into()),
        ("url", told.url.into()),
        ("text", if list.role == Role::Comments { told.said } else { told.text }.into()),
        ("facts", told.facts.into()),
    ];
    let is_empty =
        |value: &Value| value.is_null() || value == "" || value.as_array().is_some_and(Vec::is_empty);
    let facts = facts.into_iter().filter(|(_, value)| !is_empty(value));
    item.extra = facts.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>();
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_what_was_written_and_not_the_sentence() {
        let told = Told::of_json(
            &json!({"timestamp": 1_690_000_000, "title": "Ada Example commented on a post.",
            "data": [{"comment": {"timestamp": 1_690_000_001, "comment": "schön!", "author": "Ada Example", "group": "Boats"}}]}),
        );
        assert_eq!((&*told.said, told.time), ("schön!", Some(1_690_000_000)));
        assert!(told.text.contains("Boats"));
    }

    #[test]
    fn an_event_begins_when_it_begins() {
        let told = Told::of_json(
            &json!({"name": "Regatta", "end_timestamp": 1_690_003_600, "start_timestamp": 1_690_000_000}),
        );
        assert_eq!((&*told.name, told.time), ("Regatta", Some(1_690_000_000)));
    }
}
