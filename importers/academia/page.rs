//! Saved pages: profiles and works, as `.html`, as one file (SingleFile) or as `.mhtml`.

use exodus_api::{At, Entry, Origin};
use mail_parser::{MessageParser, PartType};
use serde_json::Value;

use super::scan;
use super::wire::{id_in, text, work};
use super::work::{Work, doi_in, person, set_date};
use crate::shared::html::{self, Step};

/// What a page tells.
#[derive(Debug, Default)]
pub struct Page {
    /// The account that the page is of: what `set_viewed` says.
    pub viewed: Option<Value>,
    /// Its works.
    pub works: Vec<Work>,
    /// Works of which it has something that cannot be read.
    pub n_broken: usize,
}

/// True for the text of a page of the platform that tells of works.
pub fn is_ours(page: &[u8]) -> bool {
    let has = |what: &str| memchr::memmem::find(page, what.as_bytes()).is_some();
    has("academia.edu")
        && ["workJSON", "set_viewed(", "data-work-id", "citation_title"].iter().any(|it| has(it))
}

/// The pages in a file: itself, or those of an `.mhtml`.
pub fn texts(bytes: &[u8], is_mhtml: bool) -> Vec<String> {
    if !is_mhtml {
        return vec![String::from_utf8_lossy(bytes).into_owned()];
    }
    let Some(message) = MessageParser::default().parse(bytes) else { return Vec::new() };
    let pages = message.parts.into_iter().filter_map(|part| match part.body {
        PartType::Html(text) => Some(text.into_owned()),
        _ => None,
    });
    pages.collect()
}

/// Reads a page. Works of a profile are taken from its scripts; where a save has lost them, from what is shown.
pub fn read(page: &str, entry: &Entry) -> Page {
    let origin = |record: usize| Origin { entry: entry.clone(), at: At::Record(record as u64) };
    let viewed = scan::objects(page, ".set_viewed").into_iter().flatten().next();
    let mut found = Page { viewed, ..Page::default() };
    for value in scan::objects(page, "workJSON") {
        let Some(value) = value else {
            found.n_broken += 1;
            continue;
        };
        if let Some(work) = work(&value, origin(found.works.len()))
            && !found.works.iter().any(|known| known.id == work.id)
        {
            found.works.push(work);
        }
    }
    if found.works.is_empty()
        && let Some(work) = of_work(page, origin(0))
    {
        found.works.push(work);
    }
    if found.works.is_empty() {
        shown(page, &origin, &mut found.works);
    }
    if let Some(viewed) = &found.viewed {
        with_owner(&mut found.works, viewed);
    }
    found
}

/// Puts the owner of a page before the co-authors who are tagged.
fn with_owner(works: &mut [Work], viewed: &Value) {
    let full = format!("{} {}", text(viewed, "first_name"), text(viewed, "middle_initials"));
    let owner = super::work::named(&full, &text(viewed, "last_name"));
    for work in works {
        let Some(Value::Array(tagged)) = work.facts.remove("co_authors") else {
            if !work.facts.contains_key("authors") && !owner.is_null() {
                work.set("authors", vec![owner.clone()]);
            }
            continue;
        };
        let mut all = vec![owner.clone()];
        all.extend(tagged.into_iter().filter(|it| *it != owner));
        all.retain(|it| !it.is_null());
        work.set("authors", all);
    }
}

/// The one work of its own page, by what it tells search engines.
fn of_work(page: &str, origin: Origin) -> Option<Work> {
    let mut work = Work::new(origin);
    let mut authors = Vec::new();
    let (mut first, mut last) = (String::new(), String::new());
    html::walk(page, &mut |open, step| {
        let Some(element) = open.last().filter(|_| step == Step::Open) else { return };
        if element.name == "link" && element.attribute("rel") == Some("canonical") {
            let url = element.attribute("href").unwrap_or_default();
            work.id = work.id.take().or(id_in(url).map(str::to_owned));
            work.set("url", url);
        }
        if element.name != "meta" {
            return;
        }
        let name = element.attribute("name").or(element.attribute("property")).unwrap_or_default();
        let content = element.attribute("content").unwrap_or_default();
        match name {
            "citation_title" => work.set("title", content),
            "citation_author" => authors.push(person(content)),
            "citation_publication_date" | "citation_date" | "citation_year" if work.year().is_none() => {
                set_date(&mut work.facts, content);
            }
            "citation_journal_title" | "citation_conference_title" | "citation_inbook_title" => {
                work.set("venue", content)
            }
            "citation_publisher" | "citation_dissertation_institution" => work.set("publisher", content),
            "citation_volume" => work.set("volume", content),
            "citation_issue" => work.set("issue", content),
            "citation_isbn" => work.set("isbn", content),
            "citation_language" => work.set("language", content),
            "citation_doi" => work.set("doi", doi_in(content)),
            "citation_firstpage" => first = content.to_owned(),
            "citation_lastpage" => last = content.to_owned(),
            "og:description" | "citation_abstract" => work.set("abstract", content),
            "og:url" => {
                work.id = work.id.take().or(id_in(content).map(str::to_owned));
                work.set("url", content);
            }
            _ => {}
        }
    });
    if work.text("title").is_empty() || work.id.is_none() {
        return None;
    }
    let pages = if last.is_empty() || first == last { first } else { format!("{first}-{last}") };
    work.set("pages", pages);
    work.set("authors", authors);
    work.is_listed = true;
    work.file_names.extend(work.text("url").rsplit('/').next().map(str::to_owned));
    // Other works on the page have files too: only what leads to this one's download is its own.
    let links = page.match_indices("attachments/").map(|(at, it)| &page[at + it.len()..]);
    let ids = links.filter_map(|rest| rest.split_once("/download_file")).map(|(id, _)| id);
    if let Some(id) = ids.filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())).next() {
        work.attachments.push(id.to_owned());
    }
    Some(work)
}

/// Works as a profile shows them: number, title and link.
fn shown(page: &str, origin: &dyn Fn(usize) -> Origin, works: &mut Vec<Work>) {
    const TITLES: &[&str] = &["js-work-strip-work-link", "wp-workCard--title", "wp-workCard_item--title"];
    html::walk(page, &mut |open, step| {
        let holder = open.iter().find_map(|element| element.attribute("data-work-id"));
        let Some(id) = holder.filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()))
        else {
            return;
        };
        if !works.iter().any(|known: &Work| known.id.as_deref() == Some(id)) {
            let mut work = Work::new(origin(works.len()));
            work.id = Some(id.to_owned());
            work.is_listed = true;
            works.push(work);
        }
        let Some(work) = works.iter_mut().find(|known| known.id.as_deref() == Some(id)) else { return };
        if let Some(url) =
            open.last().and_then(|it| it.attribute("href")).filter(|url| id_in(url) == Some(id))
        {
            work.set("url", url);
        }
        let is_title = open.iter().any(|element| TITLES.iter().any(|class| element.has_class(class)));
        if let (Step::Text(text), true) = (step, is_title && !text_is_known(work)) {
            work.set("title", text);
        }
    });
    works.retain(text_is_known);
}

fn text_is_known(work: &Work) -> bool {
    !work.text("title").is_empty()
}
