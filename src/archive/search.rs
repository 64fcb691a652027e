//! Searches: `from:ada label:"Haus, Garten" after:2019-03 budget` and what answers them.

use std::path::Path;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rusqlite::types::Value;

use super::reader::{Line, Reader};
use crate::report::error::{Error, Kind, Result};

/// What a search asks for. Every condition must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    conditions: Vec<Condition>,
    words: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Condition {
    From(String),
    To(String),
    Subject(String),
    Label(String),
    Before(i64),
    After(i64),
    HasAttachment,
    Kind(exodus_api::Kind),
}

/// Reads a search.
///
/// # Errors
/// When a condition is unknown or a date cannot be read.
pub fn parse(text: &str) -> Result<Query> {
    let mut query = Query::default();
    for word in words(text) {
        let condition = match word.split_once(':') {
            Some(("from", value)) => Condition::From(value.to_lowercase()),
            Some(("to", value)) => Condition::To(value.to_lowercase()),
            Some(("subject", value)) => Condition::Subject(value.to_lowercase()),
            Some(("label", value)) => Condition::Label(value.to_lowercase()),
            Some(("before", value)) => Condition::Before(day(value)?),
            Some(("after", value)) => Condition::After(day(value)?),
            Some(("has", "attachment")) => Condition::HasAttachment,
            Some(("has", other)) => return Err(unknown(&format!("has:{other}"))),
            Some(("kind", value)) => Condition::Kind(kind(value)?),
            _ => {
                query.words.push(word);
                continue;
            }
        };
        query.conditions.push(condition);
    }
    Ok(query)
}

fn kind(name: &str) -> Result<exodus_api::Kind> {
    exodus_api::Kind::from_name(&name.to_lowercase()).ok_or_else(|| {
        let names: Vec<&str> = exodus_api::Kind::ALL.iter().map(|kind| kind.name()).collect();
        Error::new(Kind::Usage, format!("there is no kind `{name}`"))
            .hint(format!("kinds are {}", names.join(", ")))
    })
}

fn unknown(condition: &str) -> Error {
    Error::new(Kind::Usage, format!("unknown search condition `{condition}`"))
        .hint("use from: to: subject: label: before: after: has:attachment kind: and plain words")
}

/// The words of a search; double quotes keep blanks together, also after a colon.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut is_quoted = false;
    for letter in text.chars() {
        match letter {
            '"' => is_quoted = !is_quoted,
            letter if letter.is_whitespace() && !is_quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            letter => word.push(letter),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The beginning of a day (`2019-03-19`), month (`2019-03`) or year (`2019`) in UTC.
fn day(text: &str) -> Result<i64> {
    let whole = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => text.to_owned(),
    };
    let date: Option<Date> = whole.replace('/', "-").parse().ok();
    let zoned = date.and_then(|date| date.to_zoned(TimeZone::UTC).ok());
    zoned.map(|zoned| zoned.timestamp().as_second()).ok_or_else(|| {
        Error::new(Kind::Usage, format!("`{text}` is not a date")).hint("write 2019-03-19, 2019-03 or 2019")
    })
}

/// What answers a search: newest first. With words that need the full text, `without_text` tells how many items
/// it does not have yet.
#[derive(Debug)]
pub struct Answer {
    /// The items found.
    pub lines: Vec<Line>,
    /// Items that could not be looked into.
    pub without_text: u64,
}

/// Answers a search.
///
/// # Errors
/// When the index cannot be read.
pub fn search(root: &Path, query: &Query, limit: Option<u64>) -> Result<Answer> {
    let reader = Reader::open(root)?;
    let conn = reader.conn();
    conn.create_scalar_function(
        "has",
        2,
        rusqlite::functions::FunctionFlags::SQLITE_DETERMINISTIC,
        |context| {
            let text: Option<String> = context.get(0)?;
            let part: String = context.get(1)?;
            Ok(text.is_some_and(|text| text.to_lowercase().contains(&part)))
        },
    )?;
    let mut sql =
        String::from("SELECT item.id FROM item LEFT JOIN message ON message.item_id = item.id WHERE 1");
    let mut values: Vec<Value> = Vec::new();
    for condition in &query.conditions {
        let (text, value) = condition.sql();
        sql.push_str(" AND ");
        sql.push_str(text);
        values.extend(value);
    }
    if !query.words.is_empty() {
        sql.push_str(" AND item.id IN (SELECT rowid FROM text WHERE text MATCH ?)");
        values.push(match_expression(&query.words).into());
    }
    sql.push_str(" ORDER BY item.time IS NULL, item.time DESC, item.id LIMIT ?");
    values.push(limit.map_or(-1, |limit| limit as i64).into());
    let mut statement = conn.prepare(&sql)?;
    let rows = statement.query_map(rusqlite::params_from_iter(values), |row| row.get(0))?;
    let ids: Vec<i64> = rows.collect::<rusqlite::Result<_>>()?;
    let without_text = if query.words.is_empty() {
        0
    } else {
        conn.query_row("SELECT count(*) FROM item WHERE has_text = 0", [], |row| row.get::<_, i64>(0))? as u64
    };
    Ok(Answer { lines: reader.lines(&ids)?, without_text })
}

/// Words as FTS5 takes them: each quoted, so that none is an operator; a `*` at the end asks for beginnings.
fn match_expression(words: &[String]) -> String {
    let quoted = words.iter().map(|word| match word.strip_suffix('*') {
        Some(begin) => format!("\"{begin}\"*"),
        None => format!("\"{word}\""),
    });
    quoted.collect::<Vec<String>>().join(" AND ")
}

impl Condition {
    fn sql(&self) -> (&'static str, Option<Value>) {
        match self {
            Condition::From(part) => ("has(sender, ?)", Some(part.clone().into())),
            Condition::To(part) => {
                ("has(coalesce(recipients, '') || ' ' || coalesce(cc, ''), ?)", Some(part.clone().into()))
            }
            Condition::Subject(part) => ("has(coalesce(subject, title), ?)", Some(part.clone().into())),
            Condition::Label(name) => (
                "item.id IN (SELECT item_id FROM item_label JOIN label ON label.id = label_id
                 WHERE has(label.name || '/' || label.role, ?))",
                Some(name.clone().into()),
            ),
            Condition::Before(time) => ("item.time < ?", Some((*time).into())),
            Condition::After(time) => ("item.time >= ?", Some((*time).into())),
            Condition::HasAttachment => ("attachments > 0", None),
            Condition::Kind(kind) => ("kind = ?", Some(kind.name().to_owned().into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_and_words_are_told_apart() {
        let query =
            parse("from:Ada label:\"Haus, Garten\" after:2019-03 has:attachment budget \"two words\"")
                .unwrap();
        assert_eq!(query.words, ["budget", "two words"]);
        assert_eq!(
            query.conditions,
            [
                Condition::From("ada".into()),
                Condition::Label("haus, garten".into()),
                Condition::After(1_551_398_400),
                Condition::HasAttachment,
            ]
        );
        assert!(parse("has:nothing").is_err());
        assert!(parse("before:soon").is_err());
        assert!(parse("kind:letter").unwrap_err().to_string().contains("letter"));
        assert_eq!(parse("kind:Post playa").unwrap().conditions, [Condition::Kind(exodus_api::Kind::Post)]);
        assert_eq!(parse("12:30 http://example.org").unwrap().words, ["12:30", "http://example.org"]);
    }

    #[test]
    fn words_are_never_operators() {
        assert_eq!(
            match_expression(&["a".into(), "NOT".into(), "bud*".into()]),
            "\"a\" AND \"NOT\" AND \"bud\"*"
        );
    }
}
