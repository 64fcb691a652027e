//! The structure of HTML and XML: which elements stand in which, with their classes and the names of their
//! attributes; no text and no other value.

use std::collections::BTreeSet;
use std::io::Read;

use super::words::is_field_name;

/// How much of a file is looked at: its structure repeats.
const LIMIT_BYTES: u64 = 1 << 20;
/// No more paths than these are told.
const LIMIT_PATHS: usize = 200;
/// Elements nested deeper are not told.
const LIMIT_DEPTH: usize = 12;

/// What a file is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Its elements have the names of HTML; anything else in angle brackets is text.
    Html,
    /// Its elements have any name.
    Xml,
}

/// The paths of elements in a file.
#[derive(Clone, Debug, Default)]
pub struct Elements {
    paths: BTreeSet<String>,
}

impl Elements {
    /// Adds what a file holds.
    pub fn read(&mut self, reader: impl Read, language: Language) -> bool {
        let mut bytes = Vec::new();
        let is_read = reader.take(LIMIT_BYTES).read_to_end(&mut bytes).is_ok();
        self.add(&String::from_utf8_lossy(&bytes), language);
        is_read
    }

    /// The paths, each once.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!(self.paths)
    }

    fn add(&mut self, text: &str, language: Language) {
        let mut open: Vec<(&str, String)> = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('<') {
            rest = &rest[at + 1..];
            if let Some(comment) = rest.strip_prefix("!--") {
                rest = comment.find("-->").map_or("", |end| &comment[end..]);
                continue;
            }
            let Some(end) = end_of_tag(rest) else { return };
            let tag = &rest[..end];
            rest = &rest[end..];
            if let Some(name) = tag.strip_prefix('/') {
                let same = open.iter().rposition(|(open, _)| *open == name.trim());
                open.truncate(same.unwrap_or(open.len()));
                continue;
            }
            let name_len = tag.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(tag.len());
            let name = &tag[..name_len];
            if !is_element(name) || (language == Language::Html && !is_html(name)) {
                // In a page this may be an address in angle brackets.
                continue;
            }
            open.push((name, format!("{name}{}", attributes(&tag[name_len..]))));
            if open.len() <= LIMIT_DEPTH && self.paths.len() < LIMIT_PATHS {
                let path: Vec<&str> = open.iter().map(|(_, told)| told.as_str()).collect();
                self.paths.insert(path.join(" > "));
            }
            if tag.ends_with('/') || (language == Language::Html && is_void(name)) {
                open.pop();
            } else if ["script", "style"].contains(&name) {
                rest = rest.find("</").map_or("", |end| &rest[end..]);
            }
        }
    }
}

fn is_element(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-:".contains(c);
    name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.len() <= 40 && name.chars().all(is_plain)
}

fn is_void(name: &str) -> bool {
    let void = ["br", "hr", "img", "input", "link", "meta", "col", "wbr"];
    void.iter().any(|void| name.eq_ignore_ascii_case(void))
}

fn is_html(name: &str) -> bool {
    const NAMES: &str = " a abbr address area article aside audio b base blockquote body br button caption cite code col \
        colgroup dd del details div dl dt em fieldset figcaption figure font footer form frame h1 h2 h3 h4 h5 h6 head \
        header hr html i iframe img input ins label legend li link main map mark menu meta nav ol option p picture pre q s \
        script section select small source span strike strong style sub summary sup svg table tbody td textarea tfoot th \
        thead time title tr tt u ul video wbr ";
    NAMES.split_whitespace().any(|known| name.eq_ignore_ascii_case(known))
}

/// The end of a tag: a `>` that stands in no quotes.
fn end_of_tag(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (c, quote) {
            ('>', None) => return Some(at),
            ('"' | '\'', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            _ => {}
        }
    }
    None
}

/// The names of attributes, with the value of `class`: `.outer-cell[href]`.
fn attributes(text: &str) -> String {
    let mut told = String::new();
    let mut rest = text.trim_start();
    while let Some(at) = rest.find('=') {
        let name = rest[..at].rsplit(char::is_whitespace).next().unwrap_or("").to_owned();
        let value = rest[at + 1..].trim_start();
        let (value, after) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
            _ => value.split_once(char::is_whitespace).unwrap_or((value, "")),
        };
        let is_plain = |class: &&str| is_field_name(&class.replace('-', "_"));
        match name.as_str() {
            "class" => value
                .split_whitespace()
                .filter(is_plain)
                .take(4)
                .for_each(|class| told += &format!(".{class}")),
            name if is_element(name) => told += &format!("[{name}]"),
            _ => {}
        }
        rest = after;
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_told_by_their_elements() {
        let page = "<!doctype html><html><head><style>b > c {}</style><title>Ada</title></head><body>\
            <div class=\"outer-cell x1234\"><a href=\"https://example.org/?a>b\">Boats</a><br><Ada> 2024</div>\
            <!-- <b>Ada</b> --><p lang=de>Ada < Ben</p></body></html>";
        let mut elements = Elements::default();
        assert!(elements.read(page.as_bytes(), Language::Html));
        let wanted = [
            "html",
            "html > body",
            "html > body > div.outer-cell",
            "html > body > div.outer-cell > a[href]",
            "html > body > div.outer-cell > br",
            "html > body > p[lang]",
            "html > head",
            "html > head > style",
            "html > head > title",
        ];
        assert_eq!(elements.paths.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
    }
}
