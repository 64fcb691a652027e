//! Rows of facts, out of Meta's generic records.
//!
//! The same list comes as `string_list_data`, as `string_map_data` with labels in the account's language, since 2025 as `label_values`,
//! and as tables on pages. All become rows with a label, a value, a link and a time; what a row means is told by its shape (it
//! has a time, it is a link, it looks like a user's name) and never by its label.

use serde_json::{Map, Value, json};

use super::pages::Head;
use super::record::Record;
use crate::shared::localized_date;

/// Deeper records are no platform's.
const LIMIT_DEPTH: usize = 16;

/// What a record says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    /// Its heading; often who it is about.
    pub title: String,
    /// When it happened, in seconds since 1970-01-01 UTC.
    pub time: Option<i64>,
    /// Its rows, in their order.
    pub rows: Vec<Row>,
    /// The files of the export that it refers to.
    pub media: Vec<String>,
    /// The label of the row that is what was said, where that was found out from other records.
    pub said_under: Option<String>,
}

/// One row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// What it is called, in the account's language; empty if it is not called anything.
    pub label: String,
    /// What it says.
    pub value: String,
    /// Where it links to.
    pub href: String,
    /// The time that it tells, in seconds since 1970-01-01 UTC.
    pub time: Option<i64>,
}

impl Facts {
    /// The facts of a JSON record that was made whole; `None` if it has none.
    pub fn of_json(value: &Value) -> Option<Facts> {
        let mut facts = Facts::default();
        facts.read(value, "", 0);
        if let Some(title) = value.get("title").and_then(Value::as_str) {
            facts.title = title.trim().to_owned();
        }
        let own = value.get("timestamp").and_then(Value::as_i64).and_then(seconds);
        facts.time = own.or_else(|| facts.rows.iter().find_map(|row| row.time));
        let has_any = !facts.title.is_empty() || !facts.rows.is_empty() || !facts.media.is_empty();
        has_any.then_some(facts)
    }

    fn read(&mut self, value: &Value, label: &str, depth: usize) {
        if depth > LIMIT_DEPTH {
            return;
        }
        match value {
            Value::Array(list) => list.iter().for_each(|it| self.read(it, label, depth + 1)),
            Value::Object(object) => {
                let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().trim();
                if let Some(uri) = object.get("uri").and_then(Value::as_str) {
                    if !uri.is_empty() {
                        self.media.push(uri.to_owned());
                    }
                    return;
                }
                let named = text("label");
                let named = if named.is_empty() { label } else { named };
                let time =
                    ["timestamp", "timestamp_value"].iter().find_map(|name| object.get(*name)?.as_i64());
                let row = Row {
                    label: named.to_owned(),
                    value: text("value").to_owned(),
                    href: text("href").to_owned(),
                    time: time.and_then(seconds),
                };
                let is_row =
                    depth > 0 && (!row.value.is_empty() || !row.href.is_empty() || row.time.is_some());
                if is_row {
                    self.rows.push(row);
                }
                for (name, value) in object.iter().filter(|(_, value)| value.is_array() || value.is_object())
                {
                    let title = text("title");
                    // A map has its labels as keys; the names of the machinery are none.
                    let label = match name.as_str() {
                        "dict" | "vec" if !title.is_empty() => title,
                        "dict" | "vec" | "media" => named,
                        name if name.ends_with("_data") || name == "label_values" => "",
                        name => name,
                    };
                    self.read(value, label, depth + 1);
                }
            }
            Value::String(text) if depth > 0 && !text.trim().is_empty() => {
                self.rows.push(Row {
                    label: label.to_owned(),
                    value: text.trim().to_owned(),
                    ..Row::default()
                });
            }
            _ => {}
        }
    }

    /// The facts of a record on a page.
    pub fn of_page(record: Record, head: &Head) -> Facts {
        let mut facts = Facts { title: record.title, media: record.media, ..Facts::default() };
        facts.time = head.seconds(&record.dated);
        let mut links = record.links.into_iter();
        for row in record.rows {
            links = links.filter(|link| *link != row.href).collect::<Vec<_>>().into_iter();
            // A row whose only content is a heading for what is nested in it.
            if row.value.is_empty() && row.href.is_empty() {
                continue;
            }
            let time = head.seconds(&row.value);
            facts.rows.push(Row { label: row.label, value: row.value, href: row.href, time });
        }
        let mut links: Vec<String> = links.collect();
        for text in record.texts {
            let href = if links.is_empty() { String::new() } else { links.remove(0) };
            facts.rows.push(Row { time: head.seconds(&text), value: text, href, ..Row::default() });
        }
        facts.rows.extend(links.into_iter().map(|href| Row { href, ..Row::default() }));
        facts.time = facts.time.or_else(|| facts.rows.iter().find_map(|row| row.time));
        facts
    }

    /// The first link.
    pub fn url(&self) -> Option<&str> {
        let links = self.rows.iter().flat_map(|row| [row.href.as_str(), row.value.as_str()]);
        links.into_iter().find(|link| link.starts_with("https://") || link.starts_with("http://"))
    }

    /// What was said, searched, chosen: the row under the label that is known for that, else the longest value that is
    /// neither a time nor a link.
    pub fn said(&self) -> &str {
        self.said_row().map_or("", |row| row.value.as_str())
    }

    fn said_row(&self) -> Option<&Row> {
        let is_value = |row: &&Row| row.time.is_none() && !is_link(&row.value) && !is_date(&row.value);
        let known = self.said_under.as_ref();
        let named = known.and_then(|label| self.rows.iter().filter(is_value).find(|row| row.label == *label));
        named.or_else(|| self.rows.iter().filter(is_value).rev().max_by_key(|row| row.value.len()))
    }

    /// The label of the only value that cannot be the name of a user, beside one that can: where what somebody said stands
    /// in this and all other records of the file. Words of one letter-case and no blank look like a user's name.
    pub fn label_of_said(&self) -> Option<&str> {
        let values = || self.rows.iter().filter(|row| row.time.is_none() && !row.value.is_empty());
        let mut others = values().filter(|row| !is_user(&row.value) && !is_date(&row.value));
        let found = others.next().filter(|row| !row.label.is_empty())?;
        let is_clear = others.next().is_none() && values().any(|row| is_user(&row.value));
        is_clear.then_some(found.label.as_str())
    }

    /// Who what was said was said to: the last value that looks like a user's name and is not what was said.
    pub fn owner(&self) -> Option<String> {
        let said = self.said_row();
        let others = self
            .rows
            .iter()
            .filter(|row| row.time.is_none() && !said.is_some_and(|it| std::ptr::eq(it, *row)));
        others.map(|row| row.value.as_str()).rev().find(|value| is_user(value)).map(str::to_owned)
    }

    /// The user that it is about: by a link to a profile, else by the heading, else by the last value that looks like
    /// the name of a user.
    pub fn user(&self) -> Option<String> {
        let linked =
            self.rows.iter().flat_map(|row| [&row.href, &row.value]).find_map(|link| user_of_link(link));
        let titled = Some(self.title.as_str()).filter(|title| is_user(title)).map(str::to_owned);
        let values = self.rows.iter().filter(|row| row.time.is_none()).map(|row| row.value.as_str());
        let named = || values.rev().find(|value| is_user(value)).map(str::to_owned);
        linked.or(titled).or_else(named)
    }

    /// All that it says in lines, for full text; no times.
    pub fn text(&self) -> String {
        let values = self.rows.iter().map(|row| if row.value.is_empty() { &row.href } else { &row.value });
        let mut lines: Vec<&str> = Vec::new();
        let own = std::iter::once(&self.title).chain(values).map(String::as_str);
        for line in own.filter(|line| !line.is_empty() && !is_date(line)) {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        lines.join("\n")
    }

    /// The rows as JSON: `label`, `value`, `href`, `time`, as far as they have them.
    pub fn rows_json(&self) -> Value {
        let row = |row: &Row| {
            let mut map = Map::new();
            for (name, value) in [("label", &row.label), ("value", &row.value), ("href", &row.href)] {
                if !value.is_empty() {
                    map.insert(name.to_owned(), json!(value));
                }
            }
            if let Some(time) = row.time {
                map.insert("time".to_owned(), json!(time));
            }
            Value::Object(map)
        };
        self.rows.iter().map(row).collect()
    }
}

/// A time that can be one: 0 is written for none, and other values before 1990 or after 2100 for nothing at all.
/// Milliseconds are made seconds.
pub fn seconds(time: i64) -> Option<i64> {
    let time = if time > 100_000_000_000 { time / 1000 } else { time };
    (631_152_000..4_102_444_800).contains(&time).then_some(time)
}

fn is_date(text: &str) -> bool {
    localized_date::wall_clock_seconds(text).is_some()
}

fn is_link(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

/// True if a text can be the name of a user.
pub fn is_user(text: &str) -> bool {
    let is_letter =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_');
    !text.is_empty() && text.len() <= 30 && text.bytes().all(is_letter)
}

/// The user whose profile or story a link leads to.
pub fn user_of_link(link: &str) -> Option<String> {
    let mut names = names_of_link(link)?;
    let first = names.next()?;
    let name = match first {
        "_u" | "stories" => names.next()?,
        "p" | "reel" | "reels" | "tv" | "explore" | "accounts" | "direct" | "l" => return None,
        name => name,
    };
    is_user(name).then(|| name.to_owned())
}

/// What names the post that a link leads to: `p/<code>` and its like give the code.
pub fn code_of_link(link: &str) -> Option<&str> {
    let mut names = names_of_link(link)?;
    let mut before = names.next()?;
    for name in names {
        if matches!(before, "p" | "reel" | "reels" | "tv") && !name.is_empty() {
            return Some(name);
        }
        before = name;
    }
    None
}

fn names_of_link(link: &str) -> Option<impl Iterator<Item = &str>> {
    let rest = link.strip_prefix("https://").or_else(|| link.strip_prefix("http://"))?;
    let (host, path) = rest.split_once('/')?;
    let path = path.split(['?', '#']).next()?;
    let is_platform = host == "instagram.com" || host.ends_with(".instagram.com");
    is_platform.then(|| path.split('/').filter(|name| !name.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::super::record;
    use super::*;

    fn json_facts(text: &str) -> Facts {
        Facts::of_json(&serde_json::from_str(text).expect(text)).expect(text)
    }

    #[test]
    fn all_forms_of_a_follower_are_one() {
        let page = "<div class=\"uiBoxWhite noborder\"><h2>ana</h2><div><a href=\"https://www.instagram.com/_u/ana\">https://www.instagram.com/_u/ana</a>\
            </div><div>Jul 22, 2023 4:26 am</div></div>";
        for facts in [
            json_facts(
                r#"{"title":"","media_list_data":[],"string_list_data":[{"href":"https://www.instagram.com/ana","value":"ana","timestamp":1690000000}]}"#,
            ),
            json_facts(
                r#"{"title":"ana","string_list_data":[{"href":"https://www.instagram.com/_u/ana","timestamp":1690000000}]}"#,
            ),
            json_facts(
                r#"{"timestamp":1690000000,"media":[],"fbid":"17","label_values":[{"label":"Nombre","value":"Ana Example"},{"label":"Nombre de usuario","value":"ana"}]}"#,
            ),
            Facts::of_page(record::read(page), &Head::default()),
        ] {
            assert_eq!(facts.user().as_deref(), Some("ana"), "{facts:?}");
            assert_eq!(facts.time.map(|time| time / 60), Some(28_166_666), "{facts:?}");
        }
    }

    #[test]
    fn a_comment_is_told_from_its_owner_by_its_shape() {
        let page = "<div class=\"uiBoxWhite noborder\"><table><tr><td colspan=\"2\" class=\"_a6_q\">Kommentar<div><div>Qué bien</div></div></td></tr>\
            <tr><td colspan=\"2\">Eigentümer<div><div>ana</div></div></td></tr><tr><td>Zeit</td><td>22.07.2023, 04:26</td></tr></table></div>";
        for facts in [
            json_facts(
                r#"{"media_list_data":[{"uri":""}],"string_map_data":{"Comentario":{"value":"Qué bien"},"Autor":{"value":"ana"},"Hora":{"timestamp":1690000000}}}"#,
            ),
            Facts::of_page(record::read(page), &Head::default()),
        ] {
            assert_eq!((facts.said(), facts.owner().as_deref()), ("Qué bien", Some("ana")), "{facts:?}");
            let label = facts.label_of_said().map(str::to_owned);
            assert!(label.as_deref().is_some_and(|label| label.starts_with("Ko") || label.starts_with("Co")));
            // In a record where both could be either, the label tells.
            let rows = [("Autor", "ana.example"), (label.as_deref().unwrap_or_default(), "ok")];
            let row = |(label, value): (&str, &str)| Row {
                label: label.into(),
                value: value.into(),
                ..Row::default()
            };
            let other = Facts { rows: rows.map(row).into(), said_under: label, ..Facts::default() };
            assert_eq!(
                (other.said(), other.owner().as_deref(), other.label_of_said()),
                ("ok", Some("ana.example"), None)
            );
            assert_eq!(facts.time.map(|time| time / 60), Some(28_166_666), "{facts:?}");
        }
    }

    #[test]
    fn nested_values_keep_their_labels_and_files_are_named() {
        let facts = json_facts(
            r#"{"label_values":[{"label":"URL","value":"https://www.instagram.com/p/XYZ/","href":"https://www.instagram.com/p/XYZ/"},
            {"dict":[{"dict":[{"label":"Name","value":"Ana Example"},{"label":"Username","value":"ana"}],"title":""}],"title":"Owner"}],
            "media":[{"uri":"media/posts/1.jpg"}],"timestamp":1690000000}"#,
        );
        let rows: Vec<(&str, &str)> = facts.rows.iter().map(|row| (&*row.label, &*row.value)).collect();
        assert_eq!(
            rows,
            [("URL", "https://www.instagram.com/p/XYZ/"), ("Name", "Ana Example"), ("Username", "ana")]
        );
        assert_eq!(
            (facts.url(), facts.user().as_deref()),
            (Some("https://www.instagram.com/p/XYZ/"), Some("ana"))
        );
        assert_eq!(facts.media, ["media/posts/1.jpg"]);
        assert_eq!(code_of_link("https://www.instagram.com/p/XYZ/"), Some("XYZ"));
        assert_eq!(code_of_link("https://www.instagram.com/ana/reel/Q_-1/?x"), Some("Q_-1"));
        assert_eq!(
            (code_of_link("https://example.org/p/X"), user_of_link("https://www.instagram.com/p/X")),
            (None, None)
        );
    }

    #[test]
    fn times_that_are_none_are_none() {
        assert_eq!(
            (seconds(0), seconds(-62_169_958_800), seconds(1_690_000_000_123)),
            (None, None, Some(1_690_000_000))
        );
    }
}
