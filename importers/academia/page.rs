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
    let mut ids = links.filter_map(|rest| rest.split_once("/download_file")).map(|(id, _)| id);
    if let Some(id) = ids.find(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::academia::json;
    use serde_json::json as of;

    fn entry() -> Entry {
        Entry { id: 0, part: 0, path: "a".to_owned(), size: 0, modified: None, crc32: None, order: 0 }
    }

    const WORK_PAGE: &str = r#"<html><head><link rel="canonical" href="https://www.academia.edu/4567/A_paper_on_boats">
        <meta name="citation_title" content="A paper on boats &amp; sails"><meta name="citation_author" content="Ana P&eacute;rez">
        <meta name="citation_author" content="G&#243;mez, Berta"><meta name="citation_publication_date" content="2016/05/03">
        <meta name="citation_journal_title" content="J. X"><meta name="citation_firstpage" content="3"><meta name="citation_lastpage" content="9">
        <meta name="citation_doi" content="10.5555/x.1"><meta property="og:description" content="About boats."></head>
        <body><a href="https://www.academia.edu/attachments/890123/download_file?s=x">Download</a>
        <a href="https://www.academia.edu/attachments/11/download_file">another's</a></body></html>"#;

    #[test]
    fn the_page_of_a_work_tells_what_it_tells_search_engines() {
        assert!(is_ours(WORK_PAGE.as_bytes()) && !is_ours(b"<html>academia.edu</html>"));
        let works = read(WORK_PAGE, &entry()).works;
        assert_eq!((works.len(), works[0].id.as_deref()), (1, Some("4567")));
        assert_eq!(works[0].attachments, ["890123"]);
        let wanted = of!({"title": "A paper on boats & sails", "authors": [{"given": "Ana", "family": "Pérez"}, {"given": "Berta", "family": "Gómez"}],
            "date": "2016-05-03", "year": 2016, "venue": "J. X", "pages": "3-9", "doi": "10.5555/x.1", "abstract": "About boats.",
            "url": "https://www.academia.edu/4567/A_paper_on_boats"});
        assert_eq!(Value::Object(works[0].facts.clone()), wanted);
    }

    #[test]
    fn a_profile_without_its_scripts_tells_what_it_shows() {
        let page = r#"academia.edu <div class="js-work-strip profile--work_container" data-work-id="4567"><a class="js-work-strip-work-link x"
            href="https://www.academia.edu/4567/A_paper">A paper</a><p>Not its title</p></div><div data-work-id="8"><p>none</p></div>"#;
        let works = read(page, &entry()).works;
        assert_eq!(works.len(), 1);
        assert_eq!(
            (works[0].id.as_deref(), works[0].text("title"), works[0].text("url")),
            (Some("4567"), "A paper", "https://www.academia.edu/4567/A_paper")
        );
    }

    #[test]
    fn a_page_in_mime_is_the_same_page() {
        let encoded = WORK_PAGE.replace('=', "=3D").replace("citation_title", "citation_ti=\r\ntle");
        let mime = format!(
            "From: <Saved by Blink>\r\nSnapshot-Content-Location: https://www.academia.edu/4567/A\r\nMIME-Version: 1.0\r\n\
            Content-Type: multipart/related; type=\"text/html\"; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: text/html\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\n{encoded}\r\n--b\r\nContent-Type: image/png\r\n\r\nx\r\n--b--\r\n"
        );
        let pages = texts(mime.as_bytes(), true);
        assert_eq!(pages.len(), 1);
        assert_eq!(read(&pages[0], &entry()).works[0].facts, read(WORK_PAGE, &entry()).works[0].facts);
    }

    #[test]
    fn works_are_found_in_a_har_however_deep_and_however_packed() {
        let answer = r#"{"works":[{"id":1,"title":"One","internalUrl":"https://www.academia.edu/1/One","ownerId":5}]}"#;
        let packed =
            data_encoding::BASE64.encode(answer.replace("1,\"title\":\"One", "2,\"title\":\"Two").as_bytes());
        let har = of!({"log": {"entries": [
            {"response": {"content": {"mimeType": "application/json", "text": answer}}},
            {"response": {"content": {"mimeType": "application/json", "text": packed, "encoding": "base64"}}},
            {"response": {"content": {"mimeType": "text/html", "text": WORK_PAGE}}},
        ]}});
        let works = json::read(&har, &entry()).works;
        let told: Vec<(&str, &str)> =
            works.iter().map(|it| (it.id.as_deref().unwrap_or_default(), it.text("title"))).collect();
        assert_eq!(told, [("1", "One"), ("2", "Two"), ("4567", "A paper on boats & sails")]);
    }
}
