//! Lists of records: people, likes, comments, what was saved and searched, logins, ads.
//!
//! Records come in every form that Meta has had for them and mean what their shape says. None of this is for anybody else: it goes
//! into the index, and never to where posts are.

use exodus_api::{Entry, ImportError, Item, Kind, Origin, Sink, Source};

use super::layout::{self, Role};
use crate::shared::content_lines::uid_of;
use crate::shared::json_mended;
use crate::shared::json_paths::JsonPaths;
use crate::shared::meta::facts::{Facts, code_of_link};
use crate::shared::meta::mojibake;
use crate::shared::meta::pages::Page;
use crate::shared::meta::record;
use crate::shared::meta::records::{Keys, LISTS, Pages};

const WHAT: &str = "a record of a list cannot be read";
const HINT: &str = "the others are safe; export again to get this one";
/// Sends the records of a file; false if there is none in it, or it cannot be read to its end, which is told.
///
/// # Errors
/// When the run has to end.
pub fn send(
    source: &dyn Source,
    entry: &Entry,
    list: &layout::List,
    keys: &mut Keys,
    sink: &mut dyn Sink,
) -> Result<bool, ImportError> {
    let mut n_items = 0_u64;
    let said_under = (list.role == Role::Comments).then(|| label_of_said(source, entry)).flatten();
    let mut send = |mut facts: Facts, origin: Origin, sink: &mut dyn Sink| -> Result<(), ImportError> {
        n_items += 1;
        facts.said_under.clone_from(&said_under);
        Ok(sink.item(item(facts, list, origin, keys))?)
    };
    let is_whole = Pages { source, entry, what: WHAT, hint: HINT }.each_facts(sink, &mut send)?;
    Ok(is_whole && n_items > 0)
}

/// The label under which comments stand in a file, by its first record that leaves no doubt.
fn label_of_said(source: &dyn Source, entry: &Entry) -> Option<String> {
    let is_clear = |facts: &Facts| facts.label_of_said().map(str::to_owned);
    if entry.name().to_lowercase().ends_with(".html") {
        let mut page = Page::new(source.open(entry).ok()?);
        // What cannot be read is told of where it is sent.
        while let Ok(Some(found)) = page.next_record() {
            let facts = found.html.map(|html| Facts::of_page(record::read(&html), &page.head()));
            if let Some(label) = facts.as_ref().and_then(is_clear) {
                return Some(label);
            }
        }
        return None;
    }
    let is_mangled = mojibake::is_mangled(source, entry);
    let mut values = JsonPaths::new(source.open(entry).ok()?, LISTS);
    while let Ok(Some(found)) = values.next_value() {
        let value = found.bytes.and_then(|bytes| json_mended::parse(&bytes).ok());
        let Some(mut value) = value else { continue };
        if is_mangled {
            mojibake::repair(&mut value);
        }
        if let Some(label) = Facts::of_json(&value).as_ref().and_then(is_clear) {
            return Some(label);
        }
    }
    None
}

/// A record as an item of facts.
pub fn item(facts: Facts, list: &layout::List, origin: Origin, keys: &mut Keys) -> Item {
    let user = if list.role == Role::Comments { facts.owner() } else { facts.user() };
    let url = facts.url().map(str::to_owned);
    let minute = facts.time.map_or(0, |time| time.div_euclid(60));
    let code = url.as_deref().and_then(code_of_link);
    let hashed = |words: &str| uid_of(format!("{minute}\n{words}").as_bytes());
    let named = match (list.role, &user, code) {
        (Role::Connections, Some(user), _) => user.clone(),
        (Role::Likes | Role::Saved, _, Some(code)) => code.to_owned(),
        (Role::Comments, user, _) => {
            // Whichever of the two was taken for which.
            let mut words = [facts.said(), user.as_deref().unwrap_or_default()];
            words.sort_unstable();
            hashed(&words.join("\n"))
        }
        _ => hashed(&facts.text()),
    };
    let kind = kind_of(list.role);
    let key = keys.free(format!("{}:{named}", list.name));
    let mut item = Item::new(kind, list.role.product(), key, origin);
    item.time = facts.time;
    let said = Some(facts.said()).filter(|said| !said.is_empty()).map(str::to_owned);
    item.title = match list.role {
        Role::Connections => user.clone().or(said.clone()),
        Role::Comments | Role::Searches => said.clone(),
        _ => Some(facts.title.clone()).filter(|title| !title.is_empty()).or(user.clone()).or(said.clone()),
    };
    let text = if list.role == Role::Comments { said.unwrap_or_default() } else { facts.text() };
    let mut add = |name: &str, value: serde_json::Value| {
        let is_empty = value.is_null() || value == "" || value.as_array().is_some_and(Vec::is_empty);
        if !is_empty {
            item.extra.insert(name.to_owned(), value);
        }
    };
    add("list", list.name.clone().into());
    if list.role == Role::Comments {
        add("type", "comment".into());
    }
    add("user", user.into());
    add("url", url.into());
    add("text", text.into());
    add("facts", facts.rows_json());
    add("media", facts.media.into());
    item
}

/// What the records of a list are.
pub fn kind_of(role: Role) -> Kind {
    match role {
        Role::Connections | Role::Saved => Kind::Bookmark,
        Role::Comments => Kind::Post,
        _ => Kind::Activity,
    }
}
