//! What a PDF says of itself: its Info dictionary, XMP, and the text of its pages. Never changes a byte of it.
//!
//! A cover page that the platform has put before it is passed over: title, DOI and marks are those of what follows.

use std::panic::{AssertUnwindSafe, catch_unwind};

use lopdf::{Document, LoadOptions, Object, decode_text_string};
use serde_json::Value;

use super::inside::{Inside, LIMIT_TEXT_BYTES, is_junk};
use super::pdf_text;
use super::work::{compared, dois_in, person, set};
use crate::shared::html::{self, Step};

/// A page, or the XMP, is not unpacked beyond this.
const LIMIT_PAGE_BYTES: usize = 8 << 20;
/// No object of one is unpacked beyond this.
const LIMIT_OBJECT_BYTES: usize = 64 << 20;
/// The first pages: those that carry title, DOI, marks.
const N_FIRST: usize = 2;

/// True if the content begins as a PDF does.
pub fn is_pdf(head: &[u8]) -> bool {
    memchr::memmem::find(&head[..head.len().min(1024)], b"%PDF-").is_some()
}

/// Reads a PDF; `None` if nobody can (it is damaged or locked).
pub fn read(bytes: &[u8]) -> Option<Inside> {
    // Foreign bytes in a large parser: whatever it does with them ends here.
    catch_unwind(AssertUnwindSafe(|| parsed(bytes))).ok().flatten()
}

fn parsed(bytes: &[u8]) -> Option<Inside> {
    let options = LoadOptions { max_decompressed_size: Some(LIMIT_OBJECT_BYTES), ..LoadOptions::default() };
    let document = Document::load_mem_with_options(bytes, options).ok()?;
    let mut pdf = Inside::default();
    info(&document, &mut pdf);
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
    pdf.take_first_pages(&first, language);
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

fn info(document: &Document, pdf: &mut Inside) {
    let info = document.trailer.get(b"Info").and_then(|it| document.dereference(it)).ok();
    let Some(info) = info.and_then(|(_, it)| it.as_dict().ok()) else { return };
    let text = |name: &[u8]| -> String {
        let found = info.get(name).and_then(|it| document.dereference(it)).ok();
        found
            .and_then(|(_, it): (_, &Object)| decode_text_string(it).ok())
            .unwrap_or_default()
            .replace('\0', "")
    };
    pdf.set_title(&text(b"Title"));
    let author = text(b"Author");
    if !is_junk(&author) {
        let people = author.split([';', '&']).map(person).filter(|it| !it.is_null());
        set(&mut pdf.facts, "authors", people.collect::<Vec<_>>());
    }
    // `D:20160503…`
    pdf.set_made(text(b"CreationDate").trim_start_matches("D:"));
}

fn xmp(document: &Document) -> Option<String> {
    let stream = document.catalog().ok()?.get(b"Metadata").ok()?;
    let (_, stream) = document.dereference(stream).ok()?;
    let bytes = stream.as_stream().ok()?.get_plain_content().ok()?;
    (bytes.len() <= LIMIT_PAGE_BYTES).then(|| String::from_utf8_lossy(&bytes).into_owned())
}

/// Dublin Core and PRISM in XMP.
fn of_xmp(xmp: &str, pdf: &mut Inside) {
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
    pdf.set_title(&first(&["dc:title"]).unwrap_or_default());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_pdf_is_none() {
        assert!(read(b"%PDF-1.4\nnothing").is_none());
        assert!(is_pdf(b"\n\n%PDF-1.7") && !is_pdf(b"<!DOCTYPE html>"));
    }
}
