//! Whose export it is: the account's own facts, and what the names of the parts tell.

use exodus_api::{At, Body, Entry, Item, Kind, Origin, Source};
use serde_json::{Map, Value};

use super::layout::Section;
use crate::shared::json_mended;
use crate::shared::meta::facts::{Facts, is_user};
use crate::shared::meta::mojibake;
use crate::shared::meta::pages::Page;
use crate::shared::meta::record;
use crate::shared::meta::shape::head;

/// A larger file is no account's.
const LIMIT_BYTES: u64 = 4 << 20;

/// What the names of the parts tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Whose export it is.
    pub user: Option<String>,
    /// The day on which it was made, `2025-10-12`.
    pub day: Option<String>,
}

impl Named {
    /// What the names of the parts of an export tell; nothing if they tell different things.
    pub fn of(source: &dyn Source) -> Named {
        let parts = source.entries().iter().map(|entry| entry.part).max().map_or(0, |last| last + 1);
        let mut told = (0..parts).map(|part| named(source.part_name(part)));
        let first = told.next().flatten();
        match first {
            Some(first) if told.all(|other| other.as_ref() == Some(&first)) => first,
            _ => Named::default(),
        }
    }

    /// When the export was made, in seconds since 1970-01-01 UTC, by the day.
    pub fn time(&self) -> Option<i64> {
        let day: jiff::civil::Date = self.day.as_deref()?.parse().ok()?;
        let midnight = day.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(midnight.timestamp().as_second())
    }
}

/// `instagram-<user>-2025-10-12-wgbAuZCq.zip`; until 2023 `<user>_20230606.zip`.
fn named(part: &str) -> Option<Named> {
    let stem = part.strip_suffix(".zip").unwrap_or(part);
    if let Some(rest) = stem.strip_prefix("instagram-") {
        let words: Vec<&str> = rest.split('-').collect();
        let at = words.windows(3).position(|words| is_day(&words.join("-")))?;
        let user = words[..at].join("-");
        let day = words[at..at + 3].join("-");
        return Some(Named { user: Some(user).filter(|user| is_user(user)), day: Some(day) });
    }
    let (user, digits) = stem.rsplit_once('_')?;
    let day = (digits.len() == 8 && digits.is_ascii())
        .then(|| format!("{}-{}-{}", &digits[..4], &digits[4..6], &digits[6..]))
        .filter(|day| is_day(day))?;
    is_user(user).then(|| Named { user: Some(user.to_owned()), day: Some(day) })
}

fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok_and(|day| day.year() >= 2010)
}

/// The facts of an account, out of its own file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Account {
    /// Its name, where it can be told from the other values.
    pub user: Option<String>,
    /// Facts for the index.
    pub extra: Map<String, Value>,
}

/// Reads the file of an account; `named` is whose export it is by the names of its parts.
pub fn read(source: &dyn Source, entry: &Entry, section: &Section, named: Option<&str>) -> Account {
    let mut account = Account::default();
    let facts = match section {
        Section::FlatProfile => {
            let value = json_mended::parse(&head(source, entry, LIMIT_BYTES)).unwrap_or_default();
            account.user = value.get("username").and_then(Value::as_str).map(str::to_owned);
            account.extra = value.as_object().cloned().unwrap_or_default();
            return account;
        }
        _ if entry.name().to_lowercase().ends_with(".html") => of_page(source, entry),
        _ => of_json(source, entry),
    };
    let values: Vec<&str> = facts.rows.iter().map(|row| row.value.as_str()).collect();
    let mut users =
        values.iter().filter(|value| is_user(value) && !value.bytes().all(|it| it.is_ascii_digit()));
    let first = users.next().map(|user| (*user).to_owned());
    account.user = match named {
        Some(named) if values.contains(&named) => Some(named.to_owned()),
        // Of several that could be it nobody knows which is.
        _ => first.filter(|_| users.next().is_none()),
    };
    if !facts.rows.is_empty() {
        account.extra.insert("facts".to_owned(), facts.rows_json());
        account.extra.insert("text".to_owned(), facts.text().into());
    }
    account
}

fn of_json(source: &dyn Source, entry: &Entry) -> Facts {
    let mut value = json_mended::parse(&head(source, entry, LIMIT_BYTES)).unwrap_or_default();
    if mojibake::is_mangled(source, entry) {
        mojibake::repair(&mut value);
    }
    let records = value.get("profile_user").and_then(Value::as_array);
    records.and_then(|records| Facts::of_json(records.first()?)).unwrap_or_default()
}

fn of_page(source: &dyn Source, entry: &Entry) -> Facts {
    let mut facts = Facts::default();
    let Ok(reader) = source.open(entry) else { return facts };
    let mut page = Page::new(reader);
    while let Ok(Some(found)) = page.next_record() {
        if let Some(html) = found.html {
            facts.rows.extend(Facts::of_page(record::read(&html), &page.head()).rows);
        }
    }
    facts
}

/// The account as an item, with its file as it is.
pub fn item(entry: &Entry, account: Account) -> Item {
    let origin = Origin { entry: entry.clone(), at: At::Whole };
    let mut item = Item::new(Kind::Setting, "account", "profile".to_owned(), origin);
    let name = entry.name().rsplit('\\').next().unwrap_or(entry.name());
    item.title = account.user.clone().or(Some(name.to_owned()));
    item.path = format!("instagram/account/{name}");
    item.body = Body::Entry(entry.clone());
    item.extra = account.extra;
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_part_tells_user_and_day() {
        let check = |name: &str, wanted: Option<(Option<&str>, &str)>| {
            let found = named(name);
            let found = found.as_ref().map(|it| (it.user.as_deref(), it.day.as_deref().unwrap_or_default()));
            assert_eq!(found, wanted, "{name}");
        };
        check("instagram-ada.example-2025-10-12-wgbAuZCq.zip", Some((Some("ada.example"), "2025-10-12")));
        check("instagram-ada_1-2025-10-12-wgbAuZCq (1).zip", Some((Some("ada_1"), "2025-10-12")));
        check("instagram-ada-2025-10-12-wgbAuZCq", Some((Some("ada"), "2025-10-12")));
        check("ada_example_20200316.zip", Some((Some("ada_example"), "2020-03-16")));
        for name in
            ["takeout-20250326T151156Z-001.zip", "photos_20201399.zip", "instagram.zip", "ada_2020é.zip", ""]
        {
            check(name, None);
        }
        let named = Named { user: None, day: Some("2025-10-12".into()) };
        assert_eq!(named.time(), Some(1_760_227_200));
    }
}
