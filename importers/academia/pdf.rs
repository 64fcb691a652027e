//! What a PDF says of itself: its Info dictionary, XMP, and the text of its pages. Never changes a byte of it.
//!
//! A cover page that the platform has put before it is passed over: title, DOI and marks are those of what follows.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lopdf::{Document, LoadOptions, Object, decode_text_string};
use serde_json::{Map, Value};

use super::licence;
use super::pdf_text;
use super::work::{compared, dois_in, person, set, set_date};
use crate::shared::html::{self, Step};

/// A larger PDF is found by its name only.
pub const LIMIT_BYTES: u64 = 64 << 20;
/// So much text of one is kept for full-text search.
pub const LIMIT_TEXT_BYTES: usize = 256 << 10;
/// A page, or the XMP, is not unpacked beyond this.
const LIMIT_PAGE_BYTES: usize = 8 << 20;
/// No object of one is unpacked beyond this.
const LIMIT_OBJECT_BYTES: usize = 64 << 20;
/// The first pages: those that carry title, DOI, marks.
const N_FIRST: usize = 2;

/// What a PDF says of itself.
#[derive(Clone, Debug, Default)]
pub struct Pdf {
    /// Facts: `title`, `authors`, `date`, `year`, `doi`, `arxiv`, `language`, `abstract`, `keywords`, `venue`, `volume`.
    pub facts: Map<String, Value>,
    /// Its pages, without a cover.
    pub n_pages: usize,
    /// All DOIs on the first pages and in the XMP.
    pub dois: Vec<String>,
    /// The text of the first pages, as it is compared.
    pub first: String,
    /// Its text, up to [`LIMIT_TEXT_BYTES`].
    pub text: String,
    /// A publisher's words on its first pages.
    pub licence_mark: Option<String>,
    /// True if there was a cover of the platform.
    pub has_cover: bool,
}

/// True if the content begins as a PDF does.
pub fn is_pdf(head: &[u8]) -> bool {
    memchr::memmem::find(&head[..head.len().min(1024)], b"%PDF-").is_some()
}

/// Reads a PDF; `None` if nobody can (it is damaged or locked).
pub fn read(bytes: &[u8]) -> Option<Pdf> {
    // Foreign bytes in a large parser: whatever it does with them ends here.
    catch_unwind(AssertUnwindSafe(|| parsed(bytes))).ok().flatten()
}

fn parsed(bytes: &[u8]) -> Option<Pdf> {
    let options = LoadOptions { max_decompressed_size: Some(LIMIT_OBJECT_BYTES), ..LoadOptions::default() };
    let document = Document::load_mem_with_options(bytes, options).ok()?;
    let mut pdf = Pdf::default();
    info(&document, &mut pdf.facts);
    let xmp = xmp(&document).unwrap_or_default();
    of_xmp(&xmp, &mut pdf);
    let language = document
        .catalog()
        .ok()
        .and_then(|it| it.get(b"Lang").ok())
        .and_then(|it| decode_text_string(it).ok());
    let mut first = String::new();
    let mut n_read = 0;
    for page in document.get_pages().into_values() {
        let text = pdf_text::of_page(&document, page, LIMIT_PAGE_BYTES);
        if n_read == 0 && !pdf.has_cover && is_cover(&text) {
            pdf.has_cover = true;
            continue;
        }
        pdf.n_pages += 1;
        if n_read < N_FIRST {
            first.push_str(&text);
            first.push('\n');
            n_read += 1;
        }
        if pdf.text.len() + text.len() < LIMIT_TEXT_BYTES {
            pdf.text.push_str(&text);
            pdf.text.push('\n');
        }
    }
    for doi in dois_in(&first) {
        if !pdf.dois.contains(&doi) {
            pdf.dois.push(doi);
        }
    }
    set(&mut pdf.facts, "arxiv", arxiv_in(&first));
    pdf.licence_mark = licence::mark(&first);
    let language = language.filter(|it| it.len() >= 2).or_else(|| language_of(&pdf.text).map(str::to_owned));
    set(
        &mut pdf.facts,
        "language",
        language.map(|it| it.split(['-', '_']).next().unwrap_or_default().to_lowercase()),
    );
    pdf.first = compared(&first);
    Some(pdf)
}

/// A cover that the platform puts before a download.
fn is_cover(text: &str) -> bool {
    let text = compared(text);
    text.contains("academia edu")
        && [
            "related papers",
            "accelerating the world s research",
            "cite this paper",
            "download a pdf pack",
            "get the citation",
        ]
        .iter()
        .any(|words| text.contains(words))
}

fn info(document: &Document, facts: &mut Map<String, Value>) {
    let info = document.trailer.get(b"Info").and_then(|it| document.dereference(it)).ok();
    let Some(info) = info.and_then(|(_, it)| it.as_dict().ok()) else { return };
    let text = |name: &[u8]| -> String {
        let found = info.get(name).and_then(|it| document.dereference(it)).ok();
        found
            .and_then(|(_, it): (_, &Object)| decode_text_string(it).ok())
            .unwrap_or_default()
            .replace('\0', "")
    };
    let title = text(b"Title");
    if !is_junk(&title) {
        set(facts, "title", title);
    }
    let author = text(b"Author");
    if !is_junk(&author) {
        let people = author.split([';', '&']).map(person).filter(|it| !it.is_null());
        set(facts, "authors", people.collect::<Vec<_>>());
    }
    // `D:20160503…`: when the file was made, a good guess at the year and no more.
    if let Some(date) = text(b"CreationDate").strip_prefix("D:").and_then(|it| it.get(..4)) {
        set_date(facts, date);
    }
}

/// Titles that programs write and nobody has given.
pub fn is_junk(title: &str) -> bool {
    let lower = title.trim().to_lowercase();
    let endings = [".doc", ".docx", ".dvi", ".pdf", ".indd", ".qxd", ".tex", ".rtf", ".odt", ".ps"];
    lower.len() < 4
        || lower.starts_with("microsoft word")
        || lower.starts_with("untitled")
        || lower.starts_with("sin título")
        || lower.starts_with("unbenannt")
        || lower.starts_with("document")
        || lower.starts_with("powerpoint pres")
        || endings.iter().any(|ending| lower.ends_with(ending))
        || !lower.contains(|letter: char| letter.is_alphabetic())
}

fn xmp(document: &Document) -> Option<String> {
    let stream = document.catalog().ok()?.get(b"Metadata").ok()?;
    let (_, stream) = document.dereference(stream).ok()?;
    let bytes = stream.as_stream().ok()?.get_plain_content().ok()?;
    (bytes.len() <= LIMIT_PAGE_BYTES).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// Dublin Core and PRISM in XMP.
fn of_xmp(xmp: &str, pdf: &mut Pdf) {
    let mut all: Vec<(String, String)> = Vec::new();
    html::walk(xmp, &mut |open, step| {
        if let Some(element) = open.last().filter(|_| step == Step::Open) {
            all.extend(element.attributes.iter().filter(|(_, value)| !value.is_empty()).cloned());
        }
        let Step::Text(text) = step else { return };
        let field = open.iter().rev().find(|it| !it.name.starts_with("rdf:") && !it.name.starts_with("x:"));
        if let (Some(field), false) = (field, text.trim().is_empty()) {
            all.push((field.name.clone(), text.trim().to_owned()));
        }
    });
    let first = |names: &[&str]| {
        all.iter().find(|(name, _)| names.contains(&name.as_str())).map(|(_, value)| value.clone())
    };
    if let Some(title) = first(&["dc:title"]).filter(|title| !is_junk(title)) {
        set(&mut pdf.facts, "title", title);
    }
    let every = |wanted: &str| {
        all.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.as_str()).collect::<Vec<_>>()
    };
    let people: Vec<Value> = every("dc:creator").into_iter().map(person).filter(|it| !it.is_null()).collect();
    set(&mut pdf.facts, "authors", people);
    set(&mut pdf.facts, "abstract", first(&["dc:description"]).filter(|it| it.len() > 80));
    set(&mut pdf.facts, "keywords", every("dc:subject").into_iter().map(Value::from).collect::<Vec<_>>());
    set(&mut pdf.facts, "venue", first(&["prism:publicationname"]));
    set(&mut pdf.facts, "volume", first(&["prism:volume"]));
    let doi = first(&["prism:doi", "pdfx:doi", "crossmark:doi"]).unwrap_or_default();
    pdf.dois = dois_in(&doi);
    set(&mut pdf.facts, "doi", pdf.dois.first().cloned());
}

/// The number of a preprint: `2011.01234` of `arXiv:2011.01234v2`.
fn arxiv_in(text: &str) -> Option<String> {
    let lower = text.to_ascii_lowercase();
    let (at, it) = lower.match_indices("arxiv:").next()?;
    let rest = lower[at + it.len()..].trim_start();
    let len = rest.find(|letter: char| !(letter.is_ascii_digit() || letter == '.')).unwrap_or(rest.len());
    let number = rest[..len].trim_end_matches('.');
    let (month, counter) = number.split_once('.')?;
    (month.len() == 4 && (4..=5).contains(&counter.len())).then(|| number.to_owned())
}

/// Small words that only one of the languages has.
const SMALL_WORDS: &[(&str, &[&str])] = &[
    ("en", &["the", "and", "of", "this", "with", "which", "from", "were"]),
    ("es", &["el", "los", "las", "una", "por", "como", "según", "y"]),
    ("de", &["der", "und", "die", "das", "nicht", "mit", "ist", "wurde"]),
    ("fr", &["les", "des", "une", "est", "dans", "pour", "et", "sur"]),
    ("it", &["il", "gli", "della", "che", "nel", "sono", "di", "è"]),
    ("pt", &["os", "uma", "não", "são", "com", "ao", "dos", "e"]),
];

/// The language of a text by its small words; `None` if none is clearly ahead.
fn language_of(text: &str) -> Option<&'static str> {
    let mut counts = vec![0_u32; SMALL_WORDS.len()];
    for word in text.split(|letter: char| !letter.is_alphabetic()).take(4000) {
        let word = word.to_lowercase();
        for (count, (_, words)) in counts.iter_mut().zip(SMALL_WORDS) {
            *count += u32::from(words.contains(&word.as_str()));
        }
    }
    let best = (0..counts.len()).max_by_key(|at| counts[*at])?;
    let second = (0..counts.len()).filter(|at| *at != best).map(|at| counts[at]).max().unwrap_or(0);
    (counts[best] >= 8 && counts[best] > second + second / 2).then(|| SMALL_WORDS[best].0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_that_programs_write_are_none() {
        for junk in ["Microsoft Word - a.doc", "untitled", "paper_final.dvi", "", "1-2", "Unbenannt 1"] {
            assert!(is_junk(junk), "{junk}");
        }
        assert!(!is_junk("Los astilleros del norte"));
    }

    #[test]
    fn languages_are_told_by_small_words() {
        let text = |words: &str| words.repeat(10);
        assert_eq!(
            language_of(&text("the boats of this harbour were built with care and skill ")),
            Some("en")
        );
        assert_eq!(language_of(&text("los barcos y las velas por el puerto como una ciudad ")), Some("es"));
        assert_eq!(language_of(&text("der Hafen und das Schiff ist nicht mit der Werft ")), Some("de"));
        assert_eq!(language_of("abc"), None);
    }

    #[test]
    fn preprints_have_numbers() {
        assert_eq!(arxiv_in("see arXiv:2011.01234v2 [cs]").as_deref(), Some("2011.01234"));
        assert_eq!(arxiv_in("arXiv: none"), None);
    }

    #[test]
    fn what_is_no_pdf_is_none() {
        assert!(read(b"%PDF-1.4\nnothing").is_none());
        assert!(is_pdf(b"\n\n%PDF-1.7") && !is_pdf(b"<!DOCTYPE html>"));
    }
}
