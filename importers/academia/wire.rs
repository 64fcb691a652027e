//! A work as the platform's own JSON has it, in pages, in answers to its pages, in snake case and in camel case.
//!
//! Which keys there are: `README.md` beside this file. Those that no source has shown are read if they are there.

use exodus_api::Origin;
use serde_json::Value;

use super::work::{Work, doi_in, named, person, set, set_date, set_day};
use crate::shared::html;

/// A field under its name in snake case or in camel case.
pub fn field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    if let Some(found) = value.get(name) {
        return Some(found).filter(|found| !found.is_null());
    }
    let mut camel = String::with_capacity(name.len());
    let mut is_up = false;
    for letter in name.chars() {
        match letter {
            '_' => is_up = true,
            letter if is_up => {
                camel.extend(letter.to_uppercase());
                is_up = false;
            }
            letter => camel.push(letter),
        }
    }
    value.get(&camel).filter(|found| !found.is_null())
}

/// A field that is a text or a number, as text.
pub fn text(value: &Value, name: &str) -> String {
    match field(value, name) {
        Some(Value::String(text)) => html::decoded(text),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// A field that is a number, or a text that is one.
fn number(value: &Value, name: &str) -> Option<i64> {
    match field(value, name)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// True for an object that is a work: it has a number and a title, and what only works have.
pub fn is_work(value: &Value) -> bool {
    let has = |name: &str| field(value, name).is_some();
    let is_named = !text(value, "id").is_empty() && !text(value, "title").is_empty();
    is_named
        && (has("internal_url") || has("document_type") || has("downloadable_attachments") || has("owner_id"))
}

/// A work; `None` if the value is none.
pub fn work(value: &Value, origin: Origin) -> Option<Work> {
    if !is_work(value) {
        return None;
    }
    let mut work = Work::new(origin);
    work.id = Some(text(value, "id"));
    work.is_listed = true;
    work.owner = Some(text(value, "owner_id")).filter(|owner| !owner.is_empty());
    let url = text(value, "internal_url");
    work.file_names.extend(slug_of(&url));
    work.set("url", if url.starts_with('/') { format!("https://www.academia.edu{url}") } else { url });
    for (fact, name) in
        [("title", "title"), ("section", "section"), ("language", "language"), ("abstract", "abstract")]
    {
        work.set(fact, text(value, name));
    }
    let views = number(value, "view_count")
        .or_else(|| number(value, "views_count"))
        .or_else(|| number(value, "all_time_views"));
    work.set("views", views);
    about(&mut work, field(value, "metadata").unwrap_or(value));
    let (document, section) = (text(value, "document_type"), text(value, "section"));
    let is_talk = field(value, "metadata").is_some_and(|it| year_of(it, "conference_start_date").is_some());
    let has_venue = !work.text("venue").is_empty();
    work.set("type", type_of(&document, &section, is_talk, has_venue));
    authors(&mut work, value);
    let interests = field(value, "research_interests").and_then(Value::as_array).into_iter().flatten();
    let keywords: Vec<Value> =
        interests.map(|it| text(it, "name")).filter(|it| !it.is_empty()).map(Value::from).collect();
    work.set("keywords", keywords);
    for list in ["attachments", "downloadable_attachments"] {
        field(value, list)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .for_each(|it| attachment(&mut work, it));
    }
    Some(work)
}

fn attachment(work: &mut Work, value: &Value) {
    let id = text(value, "id");
    if !id.is_empty() && !work.attachments.contains(&id) {
        work.attachments.push(id);
    }
    for name in ["file_name", "bulk_download_file_name"] {
        let name = text(value, name);
        if !name.is_empty() && !work.file_names.contains(&name) {
            work.file_names.push(name);
        }
    }
}

/// What is told of its publication.
fn about(work: &mut Work, value: &Value) {
    work.set("abstract", text(value, "abstract"));
    let date = field(value, "publication_date");
    match date {
        Some(Value::String(date)) => set_date(&mut work.facts, date),
        Some(date) => {
            if let Some(year) = number(date, "year").filter(|year| (1000..3000).contains(year)) {
                set_day(&mut work.facts, year, number(date, "month"), number(date, "day"));
            }
        }
        None => {}
    }
    if work.year().is_none()
        && let Some(year) = year_of(value, "conference_start_date")
    {
        let start = field(value, "conference_start_date").unwrap_or(&Value::Null);
        set_day(&mut work.facts, year, number(start, "month"), number(start, "day"));
    }
    let venue = ["publication_name", "journal_name", "organization"].map(|name| text(value, name));
    work.set("venue", venue.into_iter().find(|venue| !venue.is_empty()));
    work.set("publisher", text(value, "publisher"));
    work.set("volume", text(value, "volume"));
    work.set("issue", text(value, "issue"));
    work.set("pages", text(value, "page_numbers").replace("--", "-").replace('–', "-"));
    work.set("isbn", text(value, "isbn"));
    work.set("doi", doi_in(&text(value, "doi")));
}

fn year_of(value: &Value, name: &str) -> Option<i64> {
    number(field(value, name)?, "year").filter(|year| (1000..3000).contains(year))
}

/// The authors in their order: those of the JSON, else those who are tagged, behind the owner.
fn authors(work: &mut Work, value: &Value) {
    let person_of = |it: &Value| match (text(it, "first_name"), text(it, "last_name")) {
        (given, family) if !family.is_empty() => {
            named(&format!("{given} {}", text(it, "middle_initials")), &family)
        }
        _ => person(
            &[text(it, "display_name"), text(it, "name")]
                .into_iter()
                .find(|it| !it.is_empty())
                .unwrap_or_default(),
        ),
    };
    let mut people: Vec<(i64, Value)> = Vec::new();
    let listed = field(value, "authors").and_then(Value::as_array).filter(|all| !all.is_empty());
    let tagged = listed.is_none();
    if tagged && let Some(owner) = field(value, "owner") {
        people.push((i64::MIN, person_of(owner)));
    }
    let list = listed.or_else(|| field(value, "co_author_tags").and_then(Value::as_array));
    for (at, it) in (0..).zip(list.into_iter().flatten()) {
        people.push((number(it, "order").unwrap_or(at), person_of(it)));
    }
    people.sort_by_key(|(order, _)| *order);
    let people: Vec<Value> = people.into_iter().map(|(_, it)| it).filter(|it| !it.is_null()).collect();
    let is_tagged_only = tagged && field(value, "owner").is_none();
    // Tags name the co-authors only: the page knows who the owner is.
    set(&mut work.facts, if is_tagged_only { "co_authors" } else { "authors" }, people);
    if let Some(owner) = field(value, "owner") {
        work.set("owner_name", text(owner, "display_name"));
    }
}

/// The type of CSL of a work.
fn type_of(document: &str, section: &str, is_talk: bool, has_venue: bool) -> &'static str {
    let section = super::work::compared(section);
    let is = |words: &[&str]| words.iter().any(|word| section.contains(word));
    match document {
        "book" => "book",
        "thesis" => "thesis",
        "talk" => "speech",
        "draft" => "manuscript",
        _ if is(&["thes", "tesis", "dissertation"]) => "thesis",
        _ if is(&["chapter", "capitulo", "kapitel", "beitrag"]) => "chapter",
        _ if is(&["book review", "resena", "rezension"]) => "article-journal",
        _ if is(&["book", "libro", "buch", "bucher", "livre"]) => "book",
        _ if is(&["talk", "conferencia", "vortrag", "presentation", "poster"]) => "speech",
        _ if is(&["conference", "proceeding", "congreso", "tagung"]) || is_talk => "paper-conference",
        _ if is(&["report", "informe", "bericht"]) => "report",
        _ if is(&["draft", "borrador", "entwurf", "teaching"]) || !has_venue => "manuscript",
        _ => "article-journal",
    }
}

/// What a link calls the work: `A_paper` of `…/4567/A_paper`.
fn slug_of(url: &str) -> Option<String> {
    let slug = url.trim_end_matches('/').rsplit('/').next()?;
    (!slug.is_empty() && slug.contains(|letter: char| letter.is_alphabetic())).then(|| slug.to_owned())
}

/// The number of a work in a link to it: `4567` of `https://www.academia.edu/4567/A_paper`.
pub fn id_in(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("academia.edu/")?;
    let id = rest.split(['/', '?', '#']).next()?;
    (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())).then_some(id)
}
