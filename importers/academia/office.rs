//! What Word, PowerPoint, OpenDocument and EPUB files say of themselves: title, people, dates, text. Never changes a byte of them.
//!
//! All are zips of XML: Office Open XML (ECMA-376) with `docProps/core.xml`, OpenDocument (ISO 26300) with `meta.xml`, EPUB with
//! the package that `META-INF/container.xml` names. The older binary formats are found by their name only.

use std::io::{Cursor, Read};

use serde_json::Value;
use zip::ZipArchive;

use super::inside::{Inside, LIMIT_TEXT_BYTES};
use super::work::{dois_in, person, set};
use crate::shared::html::{self, Step};

/// No file within is unpacked beyond this.
const LIMIT_PART_BYTES: u64 = 16 << 20;
/// So many chapters or slides are read.
const LIMIT_PARTS: usize = 500;
/// What stands on the first two pages, about.
const N_FIRST_LETTERS: usize = 6_000;

type Zip<'b> = ZipArchive<Cursor<&'b [u8]>>;

/// Reads a document; `None` if it is none of these or nobody can read it.
pub fn read(bytes: &[u8]) -> Option<Inside> {
    let mut zip = ZipArchive::new(Cursor::new(bytes)).ok()?;
    let mut inside = Inside::default();
    let told = if let Some(core) = part(&mut zip, "docProps/core.xml") {
        let pages = part(&mut zip, "docProps/app.xml").and_then(|app| first(&app, &["pages", "slides"]));
        inside.n_pages = pages.and_then(|it| it.parse().ok()).unwrap_or(0);
        take_text(&mut inside, &mut zip, &office_parts);
        core
    } else if let Some(meta) = part(&mut zip, "meta.xml") {
        inside.n_pages = page_count(&meta);
        take_text(&mut inside, &mut zip, &|_| vec!["content.xml".to_owned()]);
        meta
    } else {
        let (path, package) = package(&mut zip)?;
        take_text(&mut inside, &mut zip, &|_| chapters(&path, &package));
        package
    };
    take_facts(&mut inside, &told);
    let end = inside.text.char_indices().nth(N_FIRST_LETTERS).map_or(inside.text.len(), |(at, _)| at);
    let beginning = inside.text[..end].to_owned();
    inside.take_first_pages(&beginning, first(&told, &["dc:language"]));
    Some(inside)
}

fn part(zip: &mut Zip, name: &str) -> Option<String> {
    let mut bytes = Vec::new();
    // What is damaged is read as far as it goes.
    let _ = zip.by_name(name).ok()?.take(LIMIT_PART_BYTES).read_to_end(&mut bytes);
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// The text of the first element of one of these names.
fn first(xml: &str, names: &[&str]) -> Option<String> {
    every(xml, names).into_iter().next()
}

fn every(xml: &str, names: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    html::walk(xml, &mut |open, step| {
        let is_wanted = open.last().is_some_and(|it| names.contains(&it.name.as_str()));
        if let (Step::Text(text), true) = (step, is_wanted)
            && !text.trim().is_empty()
        {
            found.push(text.trim().to_owned());
        }
    });
    found
}

/// Dublin Core, as all three have it.
fn take_facts(inside: &mut Inside, xml: &str) {
    inside.set_title(&first(xml, &["dc:title"]).unwrap_or_default());
    let mut people = every(xml, &["meta:initial-creator"]);
    if people.is_empty() {
        people = every(xml, &["dc:creator"]);
    }
    let people = people.iter().flat_map(|it| it.split(';')).map(person).filter(|it| !it.is_null());
    set(&mut inside.facts, "authors", people.collect::<Vec<_>>());
    let made = first(xml, &["dcterms:created", "meta:creation-date"]).or_else(|| first(xml, &["dc:date"]));
    inside.set_made(&made.unwrap_or_default());
    set(&mut inside.facts, "abstract", first(xml, &["dc:description"]).filter(|it| it.len() > 80));
    let keywords = every(xml, &["cp:keywords", "meta:keyword"]);
    let keywords: Vec<Value> =
        keywords.iter().flat_map(|it| it.split([',', ';'])).map(|it| it.trim().into()).collect();
    set(&mut inside.facts, "keywords", keywords);
    let doi = every(xml, &["dc:identifier"]).iter().find_map(|it| dois_in(it).into_iter().next());
    inside.dois.extend(doi.clone());
    set(&mut inside.facts, "doi", doi);
}

/// Adds the text of the named parts, a line a paragraph.
fn take_text(inside: &mut Inside, zip: &mut Zip, names: &dyn Fn(&mut Zip) -> Vec<String>) {
    for name in names(zip).into_iter().take(LIMIT_PARTS) {
        if inside.text.len() >= LIMIT_TEXT_BYTES {
            break;
        }
        let Some(xml) = part(zip, &name) else { continue };
        let text = &mut inside.text;
        html::walk(&xml, &mut |open, step| {
            let name = open.last().map_or("", |it| it.name.as_str());
            let is_block = matches!(
                name,
                "w:p" | "a:p" | "text:p" | "text:h" | "p" | "h1" | "h2" | "h3" | "li" | "div" | "td"
            );
            match step {
                Step::Text(_) if text.len() >= LIMIT_TEXT_BYTES => {}
                Step::Text(_)
                    if open
                        .iter()
                        .any(|it| matches!(it.name.as_str(), "head" | "w:instrtext" | "a:tablestyleid")) => {}
                Step::Text(more) => text.push_str(more),
                Step::Close if matches!(name, "w:tab" | "text:tab" | "text:s") => text.push(' '),
                Step::Close if is_block || name == "w:br" || name == "br" => text.push('\n'),
                _ => {}
            }
        });
    }
    inside.text.truncate(inside.text.floor_char_boundary(LIMIT_TEXT_BYTES));
    // Blanks between elements are no text.
    let lines = inside.text.lines().map(str::trim).filter(|line| !line.is_empty());
    inside.text = lines.collect::<Vec<_>>().join("\n");
}

/// The text of a Word document, or the slides in their order.
fn office_parts(zip: &mut Zip) -> Vec<String> {
    let number =
        |name: &str| name.strip_prefix("ppt/slides/slide")?.strip_suffix(".xml")?.parse::<u32>().ok();
    let mut slides: Vec<(u32, String)> =
        zip.file_names().flatten().filter_map(|name| Some((number(&name)?, name.into_owned()))).collect();
    slides.sort();
    let mut parts = vec!["word/document.xml".to_owned()];
    parts.extend(slides.into_iter().map(|(_, name)| name));
    parts
}

fn page_count(meta: &str) -> usize {
    let mut n_pages = 0;
    html::walk(meta, &mut |open, step| {
        if let (Some(element), Step::Open) = (open.last(), step)
            && let Some(count) = element.attribute("meta:page-count")
        {
            n_pages = count.parse().unwrap_or(0);
        }
    });
    n_pages
}

/// The package of an EPUB, with its path.
fn package(zip: &mut Zip) -> Option<(String, String)> {
    let container = part(zip, "META-INF/container.xml")?;
    let mut path = None;
    html::walk(&container, &mut |open, step| {
        if let (Some(element), Step::Open) = (open.last(), step) {
            path = path.take().or_else(|| element.attribute("full-path").map(str::to_owned));
        }
    });
    let path = path?;
    let package = part(zip, &path)?;
    Some((path, package))
}

/// The chapters of an EPUB in the order of its spine.
fn chapters(path: &str, package: &str) -> Vec<String> {
    let folder = path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    let mut items: Vec<(String, String)> = Vec::new();
    let mut spine: Vec<String> = Vec::new();
    html::walk(package, &mut |open, step| {
        let (Some(element), Step::Open) = (open.last(), step) else { return };
        let value = |name: &str| element.attribute(name).unwrap_or_default().to_owned();
        match element.name.rsplit(':').next() {
            Some("item") => items.push((value("id"), value("href"))),
            Some("itemref") => spine.push(value("idref")),
            _ => {}
        }
    });
    let href =
        |id: &String| items.iter().find(|(known, _)| known == id).map(|(_, href)| format!("{folder}{href}"));
    spine.iter().filter_map(href).collect()
}

#[cfg(test)]
mod tests {
    use exodus_fixtures::office::zip;

    use super::*;

    const CREATED: &str = "2016-05-03T10:00:00Z";

    fn docx() -> Vec<u8> {
        zip(&[
            ("docProps/core.xml", format!("<cp:coreProperties><dc:title>Los astilleros del norte</dc:title><dc:creator>Pérez, Ana; Bo Example</dc:creator><cp:keywords>puertos, barcos</cp:keywords><dcterms:created xsi:type=\"dcterms:W3CDTF\">{CREATED}</dcterms:created><dc:language>es-ES</dc:language></cp:coreProperties>")),
            ("docProps/app.xml", "<Properties><Pages>12</Pages></Properties>".to_owned()),
            ("word/document.xml", "<w:document><w:body><w:p><w:r><w:t>Los astilleros</w:t></w:r><w:r><w:tab/><w:t>&amp; más</w:t></w:r></w:p><w:p><w:r><w:instrText>PAGE 1</w:instrText><w:t>doi:10.5555/abc</w:t></w:r></w:p></w:body></w:document>".to_owned()),
        ])
    }

    fn pptx() -> Vec<u8> {
        let slide = |text: &str| {
            format!("<p:sld><p:txBody><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sld>")
        };
        zip(&[
            (
                "docProps/core.xml",
                format!(
                    "<cp:coreProperties><dc:title>Los astilleros del norte</dc:title><dc:creator>Ana Pérez</dc:creator><dcterms:created>{CREATED}</dcterms:created><dc:language>es</dc:language></cp:coreProperties>"
                ),
            ),
            ("docProps/app.xml", "<Properties><Slides>12</Slides></Properties>".to_owned()),
            ("ppt/slides/slide10.xml", slide("doi:10.5555/abc")),
            ("ppt/slides/slide2.xml", slide("Los astilleros &amp; más")),
        ])
    }

    fn odt() -> Vec<u8> {
        zip(&[
            ("meta.xml", format!("<office:meta><dc:title>Los astilleros del norte</dc:title><dc:creator>Somebody Else</dc:creator><meta:initial-creator>Ana Pérez</meta:initial-creator><meta:creation-date>{CREATED}</meta:creation-date><dc:language>es-ES</dc:language><meta:document-statistic meta:page-count=\"12\"/></office:meta>")),
            ("content.xml", "<office:text><text:h>Los<text:s/>astilleros &amp; más</text:h><text:p>doi:10.5555/abc</text:p></office:text>".to_owned()),
        ])
    }

    fn epub() -> Vec<u8> {
        zip(&[
            ("META-INF/container.xml", "<container><rootfiles><rootfile full-path=\"OEBPS/p.opf\"/></rootfiles></container>".to_owned()),
            ("OEBPS/p.opf", "<package><metadata><dc:title>Los astilleros del norte</dc:title><dc:creator>Ana Pérez</dc:creator><dc:date>2016</dc:date><dc:language>es</dc:language><dc:identifier>https://doi.org/10.5555/abc</dc:identifier></metadata><manifest><item id=\"b\" href=\"b.xhtml\"/><item id=\"a\" href=\"a.xhtml\"/></manifest><spine><itemref idref=\"a\"/><itemref idref=\"b\"/></spine></package>".to_owned()),
            ("OEBPS/b.xhtml", "<html><head><title>x</title></head><body><p>second</p></body></html>".to_owned()),
            ("OEBPS/a.xhtml", "<html><head><title>x</title></head><body><h1>Los astilleros &amp; más</h1></body></html>".to_owned()),
        ])
    }

    #[test]
    fn documents_tell_title_people_year_pages_and_text() {
        for (bytes, pages, last) in [
            (docx(), 12, "doi:10.5555/abc"),
            (pptx(), 12, "doi:10.5555/abc"),
            (odt(), 12, "doi:10.5555/abc"),
            (epub(), 0, "second"),
        ] {
            let inside = read(&bytes).expect("it is a document");
            assert_eq!(inside.text.replace('\t', " "), format!("Los astilleros & más\n{last}"));
            assert_eq!(inside.facts["title"], "Los astilleros del norte");
            assert_eq!(inside.facts["authors"][0]["family"], "Pérez");
            assert_eq!((&inside.facts["year"], &inside.facts["language"]), (&2016.into(), &"es".into()));
            assert_eq!((inside.n_pages, inside.dois.as_slice()), (pages, &["10.5555/abc".to_owned()][..]));
            assert!(inside.first.starts_with("los astilleros mas"), "{:?}", inside.first);
            // Cut anywhere it is read as far as it goes, or not at all.
            (0..bytes.len()).step_by(7).for_each(|cut| _ = read(&bytes[..cut]));
        }
    }

    #[test]
    fn other_zips_are_none() {
        assert!(read(&zip(&[("a.txt", "PK".to_owned())])).is_none() && read(b"PK\x03\x04").is_none());
    }
}
