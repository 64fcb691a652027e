//! Whose export it is: the account's own facts.

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
