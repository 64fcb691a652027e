//! HTML as exporters write it: read for what stands in which element.
//!
//! A walk over tags and text with the elements that are open; no tree is built. Elements that are never closed are
//! closed with the one around them. Comments, scripts and style sheets are passed over. Not for pages of the web.

use std::borrow::Cow;

/// An element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Its name in lower case.
    pub name: String,
    /// Its attributes, names in lower case, values decoded.
    pub attributes: Vec<(String, String)>,
}

impl Element {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// True if the class is among its classes.
    pub fn has_class(&self, class: &str) -> bool {
        self.attribute("class").is_some_and(|value| value.split_ascii_whitespace().any(|it| it == class))
    }
}

/// What a walk comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// An element begins: the last of those that are open.
    Open,
    /// Text, decoded, with the blanks it has in the source.
    Text(&'a str),
    /// An element ends: the last of those that are open.
    Close,
}

/// Elements without content.
const VOID: &[&str] =
    &["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"];
/// Deeper nesting is no export's.
const LIMIT_DEPTH: usize = 256;

/// Walks over a page and tells `visit` of every step, with the elements that are open.
pub fn walk(html: &str, visit: &mut dyn FnMut(&[Element], Step)) {
    let mut open: Vec<Element> = Vec::new();
    let mut rest = html;
    while let Some(start) = rest.find('<') {
        text(&rest[..start], &open, visit);
        rest = &rest[start..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        let Some(end) = tag_end(rest) else { return };
        let tag = &rest[1..end - 1];
        rest = &rest[end..];
        if let Some(name) = tag.strip_prefix('/') {
            close(name.trim(), &mut open, visit);
        } else if tag.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
            let element = element(tag);
            if matches!(element.name.as_str(), "script" | "style") {
                let closing = format!("</{}", element.name);
                rest = find_ignoring_case(rest, &closing).map_or("", |at| &rest[at..]);
                continue;
            }
            let is_void = VOID.contains(&element.name.as_str()) || tag.ends_with('/');
            if open.len() >= LIMIT_DEPTH {
                continue;
            }
            open.push(element);
            visit(&open, Step::Open);
            if is_void {
                visit(&open, Step::Close);
                open.pop();
            }
        }
    }
    text(rest, &open, visit);
    while !open.is_empty() {
        visit(&open, Step::Close);
        open.pop();
    }
}

fn text(text: &str, open: &[Element], visit: &mut dyn FnMut(&[Element], Step)) {
    if !text.is_empty() {
        visit(open, Step::Text(&decoded(text)));
    }
}

fn close(name: &str, open: &mut Vec<Element>, visit: &mut dyn FnMut(&[Element], Step)) {
    let Some(at) = open.iter().rposition(|element| element.name.eq_ignore_ascii_case(name)) else { return };
    while open.len() > at {
        visit(open, Step::Close);
        open.pop();
    }
}

fn find_ignoring_case(text: &str, wanted: &str) -> Option<usize> {
    text.as_bytes().windows(wanted.len()).position(|window| window.eq_ignore_ascii_case(wanted.as_bytes()))
}

/// The end of the tag that begins the text; `>` within the quotes of a value does not end it.
fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut before = b' ';
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), byte) if byte == open => quote = None,
            (None, b'"' | b'\'') if before == b'=' => quote = Some(byte),
            (None, b'>') => return Some(at + 1),
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            before = byte;
        }
    }
    None
}

fn element(tag: &str) -> Element {
    let name_end =
        tag.find(|letter: char| letter.is_ascii_whitespace() || letter == '/').unwrap_or(tag.len());
    let mut element = Element { name: tag[..name_end].to_ascii_lowercase(), attributes: Vec::new() };
    let mut rest =
        tag[name_end..].trim_start_matches(|letter: char| letter.is_ascii_whitespace() || letter == '/');
    while !rest.is_empty() {
        let end =
            rest.find(|letter: char| letter == '=' || letter.is_ascii_whitespace()).unwrap_or(rest.len());
        let name = rest[..end].trim_end_matches('/').to_ascii_lowercase();
        let after = rest[end..].trim_start();
        let (value, next) = match after.strip_prefix('=') {
            Some(value) => value_of(value.trim_start()),
            None => ("", after),
        };
        if !name.is_empty() {
            element.attributes.push((name, decoded(value)));
        }
        // A stray `=` must not stop the walk.
        rest = if next.len() < rest.len() { next.trim_start() } else { "" };
    }
    element
}

fn value_of(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(value) = text.strip_prefix(quote) {
            return value.split_once(quote).unwrap_or((value, ""));
        }
    }
    let end = text.find(|letter: char| letter.is_ascii_whitespace()).unwrap_or(text.len());
    text.split_at(end)
}

/// Text with its character references decoded: the five of XML, those of Latin-1, common marks, and numbers.
pub fn decoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        // Names are short: a text full of `&` is not searched to its end for each.
        let end = after.bytes().take(9).position(|byte| byte == b';');
        let reference = end.map(|end| (&after[..end], &after[end + 1..]));
        match reference.and_then(|(name, next)| Some((referred(name)?, next))) {
            Some((letter, next)) => {
                out.push(letter);
                rest = next;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn referred(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let Some(number) = name.strip_prefix('#') else { return named(name) };
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

/// Names of the characters from U+00A0 to U+00FF, in their order (HTML 4, section 24.2).
const LATIN_1: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn \
    sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml \
    Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times \
    Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute \
    ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml \
    yacute thorn yuml";
/// Other names that people's texts have.
const OTHERS: &[(&str, char)] = &[
    ("ensp", '\u{2002}'),
    ("emsp", '\u{2003}'),
    ("thinsp", '\u{2009}'),
    ("zwnj", '\u{200c}'),
    ("zwj", '\u{200d}'),
    ("ndash", '–'),
    ("mdash", '—'),
    ("lsquo", '‘'),
    ("rsquo", '’'),
    ("sbquo", '‚'),
    ("ldquo", '“'),
    ("rdquo", '”'),
    ("bdquo", '„'),
    ("lsaquo", '‹'),
    ("rsaquo", '›'),
    ("bull", '•'),
    ("hellip", '…'),
    ("euro", '€'),
    ("trade", '™'),
    ("larr", '←'),
    ("rarr", '→'),
    ("hearts", '♥'),
];

fn named(name: &str) -> Option<char> {
    let latin = LATIN_1.split_ascii_whitespace().zip('\u{a0}'..='\u{ff}');
    latin.chain(OTHERS.iter().copied()).find(|(known, _)| *known == name).map(|(_, letter)| letter)
}

/// Text as it stands in HTML, in an element or in a quoted attribute.
pub fn escaped(text: &str) -> Cow<'_, str> {
    let is_special = |byte| matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'');
    if !text.bytes().any(is_special) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.bytes().position(is_special) {
        out.push_str(&rest[..at]);
        out.push_str(match rest.as_bytes()[at] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        });
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(html: &str) -> String {
        let mut out = String::new();
        walk(html, &mut |open, step| match step {
            Step::Open => out.push_str(&format!("({}", open.last().map_or("", |it| &it.name))),
            Step::Text(text) => out.push_str(text),
            Step::Close => out.push(')'),
        });
        out
    }

    #[test]
    fn elements_open_and_close_though_the_page_does_not_close_them() {
        assert_eq!(told("<!DOCTYPE html><p>a<br>b &amp; c</P>d"), "(pa(br)b & c)d");
        assert_eq!(told("<div><b>x</div>y"), "(div(bx))y");
        assert_eq!(told("</p><img src='a>b' />z<!-- <p> --><style>p > a {}</style><i>"), "(img)z(i)");
        assert_eq!(told("1 < 2 <"), "1 ");
    }

    #[test]
    fn attributes_are_read_however_they_are_quoted() {
        let element = element("a CLASS=\"x  y\" href='t&amp;u' checked data-n=5 =");
        assert!(element.has_class("y") && !element.has_class("x  y"));
        assert_eq!(element.attribute("href"), Some("t&u"));
        assert_eq!(element.attribute("checked"), Some(""));
        assert_eq!(element.attribute("data-n"), Some("5"));
    }

    #[test]
    fn broken_pages_do_no_harm() {
        let page = "<div class=\"a &#8239; b\"><img src='x'><p>é</p></div><!-- x";
        for cut in (0..page.len()).filter(|cut| page.is_char_boundary(*cut)) {
            told(&page[..cut]);
            told(&page[cut..]);
        }
        assert_eq!(decoded("a & b &#xZZ; &unknown; &#8364;"), "a & b &#xZZ; &unknown; €");
        assert_eq!(decoded("&nbsp;&Agrave;&szlig;&yuml;&hellip;"), "\u{a0}Àßÿ…");
        assert_eq!(decoded("&é;&12345678;&#x1F600;"), "&é;&12345678;😀");
        let many = "&".repeat(1 << 21);
        assert_eq!(decoded(&many), many);
        assert_eq!(decoded(&escaped("<a href=\"'&\">")), "<a href=\"'&\">");
    }
}
