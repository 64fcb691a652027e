//! The files that may be works: PDFs and other documents, and what is known of each before it is matched.

use std::io::Read;

use exodus_api::{At, Entry, Fault, Scope, Source};

use super::inside::{Inside, LIMIT_BYTES};
use super::matching::stem;
use super::work::compared;
use super::{office, pdf};
use crate::shared::faults;

/// Extensions of documents.
const EXTENSIONS: &[&str] =
    &["pdf", "doc", "docx", "ppt", "pptx", "odt", "odp", "rtf", "epub", "tex", "ps", "djvu"];

/// A file that may be a work.
#[derive(Debug)]
pub struct File {
    /// Where it lies.
    pub entry: Entry,
    /// BLAKE3 of its content, hexadecimal; empty if it is too large to be read.
    pub blake3: String,
    /// True if it is a PDF.
    pub is_pdf: bool,
    /// What it says of itself.
    pub inside: Option<Inside>,
    /// The work that `papers.csv` names for it: a number or a key.
    pub chosen: Option<String>,
    /// Its name as it is compared.
    pub stem: String,
    /// Numbers in its name.
    pub numbers: Vec<String>,
    /// DOIs of its first pages.
    pub dois: Vec<String>,
    /// Its own title as it is compared.
    pub title: String,
    /// Its first pages as they are compared.
    pub first: String,
}

/// True for a file whose name says that it is a document, unless it belongs to a saved page.
pub fn is_document(entry: &Entry) -> bool {
    EXTENSIONS.contains(&extension(entry).as_str()) && !is_of_page(entry)
}

/// The extension in lower case.
pub fn extension(entry: &Entry) -> String {
    entry.name().rsplit_once('.').map(|(_, ending)| ending.to_lowercase()).unwrap_or_default()
}

/// True for what a browser saves beside a page.
pub fn is_of_page(entry: &Entry) -> bool {
    // In German it is `-Dateien`, in Spanish `_archivos`.
    const ENDINGS: &[&str] =
        &["_files", "-dateien", "_archivos", "_fichiers", "_file", "_arquivos", "-filer", "_bestanden"];
    entry
        .folder()
        .split('/')
        .any(|folder| ENDINGS.iter().any(|ending| folder.to_lowercase().ends_with(ending)))
}

/// Reads a document.
///
/// # Errors
/// A fault if it cannot be read, or is none: a page that asks to sign in.
pub fn read(source: &dyn Source, entry: &Entry, text_budget: &mut usize) -> Result<File, Box<Fault>> {
    let mut file = named(entry);
    let mut reader = source.open(entry).map_err(|err| faults::not_opened(source, entry, err))?;
    let is_small = entry.size <= LIMIT_BYTES;
    let mut bytes = Vec::new();
    let limit = if is_small { LIMIT_BYTES + 1 } else { 1024 };
    reader
        .by_ref()
        .take(limit)
        .read_to_end(&mut bytes)
        .map_err(|err| faults::breaks_off(source, entry, bytes.len() as u64, &err))?;
    if extension(entry) == "pdf" && !pdf::is_pdf(&bytes) {
        return Err(Box::new(no_pdf(source, entry, &bytes)));
    }
    if !is_small {
        return Ok(file);
    }
    file.blake3 = blake3::hash(&bytes).to_hex().to_string();
    file.is_pdf = pdf::is_pdf(&bytes);
    if let Some(mut inside) = if file.is_pdf { pdf::read(&bytes) } else { office::read(&bytes) } {
        if *text_budget < inside.text.len() {
            inside.text.clear();
        }
        *text_budget -= inside.text.len();
        file.title = compared(inside.facts.get("title").and_then(|it| it.as_str()).unwrap_or_default());
        file.first = std::mem::take(&mut inside.first);
        // What the XMP says is its own; what the pages say may be somebody else's.
        let own = inside.facts.get("doi").and_then(|it| it.as_str());
        file.dois = own.map_or_else(|| inside.dois.clone(), |doi| vec![doi.to_owned()]);
        file.inside = Some(inside);
    }
    Ok(file)
}

fn named(entry: &Entry) -> File {
    let stem = compared(stem(entry.name()));
    let numbers = entry.name().split(|letter: char| !letter.is_ascii_digit()).filter(|it| !it.is_empty());
    File {
        entry: entry.clone(),
        blake3: String::new(),
        is_pdf: false,
        inside: None,
        chosen: None,
        numbers: numbers.map(str::to_owned).collect(),
        stem,
        dois: Vec::new(),
        title: String::new(),
        first: String::new(),
    }
}

fn no_pdf(source: &dyn Source, entry: &Entry, head: &[u8]) -> Fault {
    let start = String::from_utf8_lossy(&head[..head.len().min(1024)]).to_lowercase();
    let is_page = ["<!doctype html", "<html", "<head"].iter().any(|tag| start.contains(tag));
    let (what, hint) = match is_page {
        true => (
            "this is a web page that asks to sign up, not a PDF, though its name says so",
            "sign in to academia.edu in the browser, download the file again, then run the same command",
        ),
        false => (
            "this is not a PDF, though its name says so",
            "open it to see what it is; if it is nothing, download it again, then run the same command",
        ),
    };
    Fault {
        entry: entry.id,
        place: source.place(entry, At::Whole),
        scope: Scope::Entry,
        what: what.to_owned(),
        hint: Some(hint.to_owned()),
    }
}

#[cfg(test)]
impl File {
    /// A file of a test.
    pub fn of_test(name: &str, title: &str, first: &str) -> File {
        let entry =
            Entry { id: 1, part: 0, path: name.to_owned(), size: 0, modified: None, crc32: None, order: 0 };
        let mut file = named(&entry);
        file.title = compared(title);
        file.first = compared(first);
        file.dois = super::work::dois_in(first);
        file
    }
}
