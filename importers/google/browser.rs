//! `archive_browser.html` (in German `Archiv_Übersicht.html`): the page on which an export describes itself.
//!
//! It maps a product's code, the same in every language, to its folder, and lists every file of all parts
//! (seen in eight exports from 2019 to 2025). Only attributes and class names are read, never its words:
//! `data-english-name`, `data-folder-name`, `extracted-folder-name`, `extracted-file-name`, `takeout-resource-link`.
//! The page may be large (its facts begin after some 100 kB of style sheets) and may list 100,000 files.

use memchr::memmem;

use crate::shared::html::decoded;

/// What the page says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Browser {
    /// The export's own name of itself.
    pub job: Option<String>,
    /// The account, the last word of the title that looks like an address.
    pub account: Option<String>,
    /// Products: code and folder.
    pub products: Vec<(String, String)>,
    /// Files that the page lists. How folders nest on the page has changed over the years, so a listed file is to be
    /// looked for by its product and name; its path is for people.
    pub files: Vec<ListedFile>,
    /// Paths below the page's own folder that the page links to.
    pub links: Vec<String>,
}

/// A file that the page lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFile {
    /// The folder of its product.
    pub product: String,
    /// Its folders below that as far as the page shows them, and its name.
    pub path: String,
}

impl ListedFile {
    /// Its name.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

/// Reads the page.
pub fn parse(html: &[u8]) -> Browser {
    let html = String::from_utf8_lossy(html);
    let mut browser = Browser { job: text_of_class(&html, "job-id"), ..Browser::default() };
    browser.account = text_of_class(&html, "header_title").as_deref().and_then(address_in);
    read_tiles(&html, &mut browser);
    browser
}

fn address_in(title: &str) -> Option<String> {
    let is_edge = |letter: char| !letter.is_alphanumeric();
    let words = title.split_whitespace().map(|word| word.trim_matches(is_edge));
    words.rev().find(|word| word.contains('@')).map(str::to_owned)
}

/// The text of the first element that has the class among its classes.
fn text_of_class(html: &str, class: &str) -> Option<String> {
    let mut from = 0;
    while let Some(at) = html[from..].find("class=\"") {
        let start = from + at + 7;
        let end = start + html[start..].find('"')?;
        from = end;
        if html[start..end].split_ascii_whitespace().any(|word| word == class) {
            let text = start_of_text(html, end)?;
            let text = decoded(&html[text..text + html[text..].find('<')?]);
            return Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        }
    }
    None
}

fn start_of_text(html: &str, from: usize) -> Option<usize> {
    html[from..].find('>').map(|at| from + at + 1)
}

/// Walks over the page's marks in their order. A product's tile names it; folders open and close; files stand in them.
fn read_tiles(html: &str, browser: &mut Browser) {
    let mut walk = Walk { browser, folder_of_product: None, folders: Vec::new(), closed: None, depth: 0 };
    let bytes = html.as_bytes();
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'<', &bytes[at..]) {
        let start = at + found;
        let Some(end) = tag_end(bytes, start) else { return };
        let tag = &html[start..end];
        if tag.starts_with("<script") || tag.starts_with("<style") {
            let close: &[u8] = if tag.starts_with("<script") { b"</script" } else { b"</style" };
            at = memmem::find(&bytes[end..], close).map_or(bytes.len(), |close| end + close);
            continue;
        }
        let text_end = memchr::memchr(b'<', &bytes[end..]).map_or(bytes.len(), |next| end + next);
        walk.tag(tag, &html[end..text_end]);
        at = end;
    }
}

/// The end of the tag that begins at `start`; `>` within quotes does not end it.
fn tag_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in bytes.iter().enumerate().skip(start) {
        match (quote, byte) {
            (Some(open), byte) if *byte == open => quote = None,
            (None, b'"') => quote = Some(b'"'),
            (None, b'>') => return Some(at + 1),
            _ => {}
        }
    }
    None
}

struct Walk<'a> {
    browser: &'a mut Browser,
    folder_of_product: Option<String>,
    /// Open folders: the depth of elements at which each was opened, and its name once it is known.
    folders: Vec<(usize, Option<String>)>,
    /// The folder whose element was closed last: its files may follow in an element of their own.
    closed: Option<String>,
    depth: usize,
}

impl Walk<'_> {
    fn tag(&mut self, tag: &str, text: &str) {
        let is_closing = tag.starts_with("</");
        let is_block = is_element(tag, "div") || is_element(tag, "button");
        if is_closing {
            if is_block {
                self.close();
            }
            return;
        }
        if let (Some(code), Some(folder)) =
            (attribute(tag, "data-english-name"), attribute(tag, "data-folder-name"))
        {
            self.folder_of_product = Some(folder.clone());
            self.folders.clear();
            if !self.browser.products.iter().any(|(_, known)| *known == folder) {
                self.browser.products.push((code, folder));
            }
        }
        if let Some(id) = attribute(tag, "id")
            && let Some(code) = id.strip_prefix("service-details-")
        {
            let product = self.browser.products.iter().find(|(known, _)| known == code);
            self.folder_of_product = product.map(|(_, folder)| folder.clone());
            self.folders.clear();
        }
        let classes = attribute(tag, "class").unwrap_or_default();
        let has_class = |class: &str| classes.split_ascii_whitespace().any(|word| word == class);
        if is_block {
            self.depth += 1;
        }
        if has_class("extracted-folder") {
            self.folders.push((self.depth, None));
        }
        if has_class("extracted-folder-contents") {
            let name = self.closed.take();
            self.folders.push((self.depth, name));
        }
        if has_class("extracted-folder-name") {
            let name = decoded(text).trim().to_owned();
            match self.folders.last_mut() {
                Some((_, known @ None)) => *known = Some(name),
                _ => self.folders.push((self.depth, Some(name))),
            }
        }
        if has_class("extracted-file-name") {
            self.file(&decoded(text));
        }
        if has_class("takeout-resource-link")
            && let Some(href) = attribute(tag, "href")
        {
            self.link(&href);
        }
    }

    /// Leaves the folders that were opened inside the element that ends.
    fn close(&mut self) {
        while self.folders.last().is_some_and(|(depth, _)| *depth >= self.depth && self.depth > 0) {
            self.closed = self.folders.pop().and_then(|(_, name)| name);
        }
        self.depth = self.depth.saturating_sub(1);
    }

    fn file(&mut self, name: &str) {
        // Names are listed with a blank before them; a blank after them may be the name's own.
        let name = name.trim_start().trim_end_matches(['\n', '\r', '\t']);
        let Some(product) = &self.folder_of_product else { return };
        if name.is_empty() {
            return;
        }
        let folders = self.folders.iter().filter_map(|(_, name)| name.as_deref());
        let path = folders.chain([name]).collect::<Vec<&str>>().join("/");
        self.browser.files.push(ListedFile { product: product.clone(), path });
    }

    fn link(&mut self, href: &str) {
        if href.contains("://") || href.starts_with('#') {
            return;
        }
        let path = percent_decoded(href);
        let path = path.trim_start_matches("./");
        if !path.is_empty() && !path.starts_with('/') && !path.contains("..") {
            self.browser.links.push(path.to_owned());
        }
    }
}

fn is_element(tag: &str, name: &str) -> bool {
    let rest = tag.trim_start_matches('<').trim_start_matches('/');
    rest.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '>', '\n', '\t', '\r', '/']))
}

/// The value of an attribute in double quotes, decoded.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let mut from = 0;
    loop {
        let at = from + tag[from..].find(name)?;
        from = at + name.len();
        let is_name = tag[..at].ends_with([' ', '\n', '\t', '\r']);
        if let Some(value) = tag[from..].strip_prefix("=\"").filter(|_| is_name) {
            return value.split_once('"').map(|(value, _)| decoded(value));
        }
    }
}

/// The end of a link, or any of its parts, with its `%xx` decoded.
pub fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r##"<html><style>.a > .b { content: "<div class='extracted-file-name'>no</div>" }</style>
<div class="job-id hidden">0db7b8c4-aaaa</div>
<h1 class="header_title">Archive for ada@example.org</h1>
<div id="service-tile-YOUTUBE"><h1 class="data-folder-name" data-english-name="YOUTUBE" data-folder-name="YouTube i YouTube&#160;Music">x</h1></div>
<div id="service-details-YOUTUBE"><div class="extracted-list">
<button class="extracted-folder"><div class="extracted-folder-name">historial</div>
<div class="file-leaf"><div class="extracted-file-name"> canal.csv</div></div></button>
<div class="file-leaf"><div class="extracted-file-name"> top &amp; more.csv</div></div>
<a class="takeout-resource-link" href="YouTube%20i%20YouTube%C2%A0Music/historial/h.html">open</a></div></div>
<div><h1 class="data-folder-name" data-english-name="DRIVE" data-folder-name="Drive">Drive</h1></div>
<div><div class="extracted-file-name"> a.docx</div></div></html>"##;

    #[test]
    fn the_page_tells_account_products_and_files_in_any_language() {
        let browser = parse(PAGE.as_bytes());
        assert_eq!(browser.job.as_deref(), Some("0db7b8c4-aaaa"));
        assert_eq!(browser.account.as_deref(), Some("ada@example.org"));
        let youtube = "YouTube i YouTube\u{a0}Music".to_owned();
        assert_eq!(browser.products, [("YOUTUBE".into(), youtube.clone()), ("DRIVE".into(), "Drive".into())]);
        let files: Vec<(&str, &str)> =
            browser.files.iter().map(|file| (file.product.as_str(), file.path.as_str())).collect();
        let youtube = youtube.as_str();
        assert_eq!(
            files,
            [(youtube, "historial/canal.csv"), (youtube, "top & more.csv"), ("Drive", "a.docx")]
        );
        assert_eq!(browser.links, [format!("{youtube}/historial/h.html")]);
    }

    #[test]
    fn broken_pages_do_no_harm() {
        for cut in 0..PAGE.len() {
            if PAGE.is_char_boundary(cut) {
                parse(&PAGE.as_bytes()[..cut]);
            }
        }
        assert_eq!(parse(b"<div class=\"").job, None);
    }
}
