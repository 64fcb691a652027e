//! A history as a page: blocks of the class `outer-cell`, each a record, read one at a time.
//!
//! A block has a header (the product), a cell whose lines are title, subtitles, date, and a cell with headings in bold and
//! what stands below them. Its words are in the account's language; nothing is read from them but the date. Seen in
//! public parsers of 2017 to 2026; that headings are in `b` and values begin with `&emsp;` is known from the same.

use std::io::{self, Read};

use memchr::memmem;
use serde_json::{Map, Value, json};

use super::record::{Record, blanks_folded};
use crate::shared::html::{self, Element, Step};
use crate::shared::localized_date;

/// Begins a record.
pub const MARK: &str = "class=\"outer-cell";
/// A larger record is not held.
const LIMIT_BYTES: usize = 8 << 20;
const CHUNK_BYTES: usize = 1 << 16;

/// The page, block by block.
pub struct Page<R: Read> {
    reader: R,
    buf: Vec<u8>,
    /// Where `buf` begins in the page.
    offset: u64,
    /// How much of `buf` was searched for the next mark.
    searched: usize,
    is_in_block: bool,
    is_end: bool,
    is_too_large: bool,
}

/// One block.
pub struct Block {
    /// The byte at which it begins.
    pub offset: u64,
    /// It; `None` if it is too large to be held.
    pub html: Option<String>,
}

impl<R: Read> Page<R> {
    /// A page that is read from its beginning.
    pub fn new(reader: R) -> Page<R> {
        let buf = Vec::new();
        Page { reader, buf, offset: 0, searched: 0, is_in_block: false, is_end: false, is_too_large: false }
    }

    /// How far it was read in whole blocks, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next block; `None` at the end of the page.
    ///
    /// # Errors
    /// When it cannot be read on, or ends before it should.
    pub fn next_block(&mut self) -> io::Result<Option<Block>> {
        loop {
            let from = self.searched.max(usize::from(self.is_in_block));
            let found = self.buf.get(from..).and_then(|rest| memmem::find(rest, MARK.as_bytes()));
            if let Some(found) = found {
                let was_in_block = std::mem::replace(&mut self.is_in_block, true);
                let block = self.take(from + found);
                if was_in_block {
                    return Ok(Some(block));
                }
                continue;
            }
            self.searched = self.buf.len().saturating_sub(MARK.len() - 1);
            if self.is_end {
                if !std::mem::replace(&mut self.is_in_block, false) {
                    return Ok(None);
                }
                let is_closed = memmem::rfind(&self.buf, b"</html>").is_some();
                let block = self.take(self.buf.len());
                if !is_closed {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the page ends early"));
                }
                return Ok(Some(block));
            }
            // What stands before the first block, or in one that is too large, is let go.
            if !self.is_in_block || self.buf.len() > LIMIT_BYTES {
                self.is_too_large |= self.is_in_block;
                self.offset += self.searched as u64;
                self.buf.drain(..self.searched);
                self.searched = 0;
            }
            self.fill()?;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let len = self.buf.len();
        let n = self.reader.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut self.buf)?;
        debug_assert_eq!(self.buf.len(), len + n);
        self.is_end = n == 0;
        Ok(())
    }

    fn take(&mut self, len: usize) -> Block {
        let offset = self.offset;
        let is_whole = !std::mem::replace(&mut self.is_too_large, false);
        let html = is_whole.then(|| String::from_utf8_lossy(&self.buf[..len]).into_owned());
        self.buf.drain(..len);
        self.offset += len as u64;
        self.searched = 0;
        Block { offset, html }
    }
}

#[derive(Default)]
struct Line {
    text: String,
    url: Option<String>,
}

#[derive(Default)]
struct Cells {
    header: String,
    lines: Vec<Line>,
    /// Headings and what stands below them.
    facts: Vec<(String, Vec<Line>)>,
}

/// The record of a block; `None` if it has no lines.
pub fn read(block: &str) -> Option<Record> {
    let cells = cells(&format!("<div {block}"));
    let mut lines = cells.lines.into_iter().filter(|line| !line.text.is_empty());
    let title = lines.next()?;
    let rest: Vec<Line> = lines.collect();
    let date = rest.iter().rposition(|line| localized_date::is_like_one(&line.text));
    let mut record = Record { title: title.text, url: title.url, ..Record::default() };
    let mut add = |name: &str, value: Value| record.extra.insert(name.to_owned(), value);
    if !cells.header.is_empty() {
        add("header", cells.header.into());
    }
    if let Some(at) = date {
        record.time = localized_date::seconds(&rest[at].text);
        add("time_text", rest[at].text.clone().into());
    }
    let before = &rest[..date.unwrap_or(rest.len())];
    if !before.is_empty() {
        add("subtitles", before.iter().map(named).collect());
    }
    let after: Vec<&str> = rest.iter().skip(before.len() + 1).map(|line| line.text.as_str()).collect();
    if !after.is_empty() {
        add("text", after.join("\n").into());
    }
    // The headings are words of the account's language, so they stay what they are.
    let facts: Map<String, Value> =
        cells.facts.iter().map(|(name, lines)| (name.clone(), lines.iter().map(named).collect())).collect();
    if !facts.is_empty() {
        add("facts", Value::Object(facts));
    }
    Some(record)
}

fn named(line: &Line) -> Value {
    match &line.url {
        Some(url) => json!({"name": line.text, "url": url}),
        None => json!({"name": line.text}),
    }
}

fn cells(block: &str) -> Cells {
    let mut cells = Cells::default();
    html::walk(block, &mut |open, step| cells.step(open, step));
    for line in cells.lines.iter_mut().chain(cells.facts.iter_mut().flat_map(|(_, lines)| lines)) {
        line.text = blanks_folded(&line.text);
    }
    cells.header = blanks_folded(&cells.header);
    for (name, lines) in &mut cells.facts {
        *name = blanks_folded(name).trim_end_matches([':', '：', ' ']).to_owned();
        lines.retain(|line| !line.text.is_empty());
    }
    cells
}

impl Cells {
    fn step(&mut self, open: &[Element], step: Step) {
        let has = |class: &str| open.iter().any(|element| element.has_class(class));
        let is_caption = has("mdl-typography--caption");
        if has("header-cell") {
            if let Step::Text(text) = step {
                self.header.push_str(text);
            }
            return;
        }
        if !has("content-cell") {
            return;
        }
        let last = open.last().map_or("", |element| element.name.as_str());
        match step {
            Step::Open if is_caption && last == "b" => self.facts.push((String::new(), Vec::new())),
            Step::Open if matches!(last, "br" | "p" | "li" | "div") => {
                if let Some(lines) = self.lines_of(is_caption) {
                    lines.push(Line::default());
                }
            }
            Step::Open if last == "a" => {
                let url = open.last().and_then(|element| element.attribute("href")).map(str::to_owned);
                if let Some(line) = self.line(is_caption) {
                    line.url = line.url.take().or(url);
                }
            }
            Step::Text(text) if is_caption && last == "b" => {
                if let Some((name, _)) = self.facts.last_mut() {
                    name.push_str(text);
                }
            }
            Step::Text(text) => {
                if let Some(line) = self.line(is_caption) {
                    line.text.push_str(text);
                }
            }
            _ => {}
        }
    }

    fn lines_of(&mut self, is_caption: bool) -> Option<&mut Vec<Line>> {
        match is_caption {
            true => self.facts.last_mut().map(|(_, lines)| lines),
            false => Some(&mut self.lines),
        }
    }

    fn line(&mut self, is_caption: bool) -> Option<&mut Line> {
        let lines = self.lines_of(is_caption)?;
        if lines.is_empty() {
            lines.push(Line::default());
        }
        lines.last_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "class=\"outer-cell mdl-cell\"><div class=\"mdl-grid\"><div class=\"header-cell mdl-cell\"><p \
        class=\"mdl-typography--title\">YouTube<br></p></div><div class=\"content-cell mdl-typography--body-1\">Watched&nbsp;<a \
        href=\"https://www.youtube.com/watch?v=0\">Boats &amp; dawn</a><br><a href=\"https://www.youtube.com/channel/UC0\">Harbour \
        TV</a><br>19.03.2019, 10:13:51 MEZ<br></div><div class=\"content-cell mdl-typography--text-right\"></div><div \
        class=\"content-cell mdl-typography--caption\"><b>Products:</b><br>&emsp;YouTube<br><b>Details:</b><br>&emsp;From Google \
        Ads<br></div></div></div>";

    #[test]
    fn a_block_is_read_by_its_cells_and_not_by_its_words() {
        let record = read(BLOCK).expect("it is one");
        assert_eq!(record.title, "Watched Boats & dawn");
        assert_eq!(record.url.as_deref(), Some("https://www.youtube.com/watch?v=0"));
        assert_eq!(record.time, Some(1_552_986_831));
        let expected = json!({"header": "YouTube", "time_text": "19.03.2019, 10:13:51 MEZ",
            "subtitles": [{"name": "Harbour TV", "url": "https://www.youtube.com/channel/UC0"}],
            "facts": {"Products": [{"name": "YouTube"}], "Details": [{"name": "From Google Ads"}]}});
        assert_eq!(Value::Object(record.extra), expected);
        let unread = read(&BLOCK.replace("MEZ", "QQT")).expect("it is one");
        assert_eq!((unread.time, &unread.extra["time_text"]), (None, &json!("19.03.2019, 10:13:51 QQT")));
        assert_eq!(read("class=\"outer-cell\"><p>x</p></div>"), None);
    }

    /// Gives a few bytes at a time.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(self.0.len()).min(buf.len());
            buf[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    #[test]
    fn blocks_come_out_one_by_one_however_the_page_arrives() {
        let page =
            format!("<html><style>.outer-cell {{}}</style><body><div {BLOCK}<div {BLOCK}</body></html>");
        for step in [1, 7, 100_000] {
            let mut blocks = Page::new(Trickle(page.as_bytes(), step));
            for _ in 0..2 {
                let block = blocks.next_block().expect("it can be read").expect("a block");
                assert!(page[block.offset as usize..].starts_with(MARK));
                assert_eq!(
                    read(&block.html.expect("small")).expect("a record").title,
                    "Watched Boats & dawn"
                );
            }
            assert!(blocks.next_block().expect("it can be read").is_none());
        }
        let mut cut = Page::new(&page.as_bytes()[..page.len() - 20]);
        assert!(cut.next_block().is_ok() && cut.next_block().is_err());
    }

    #[test]
    fn a_block_without_end_is_let_go_and_those_after_it_are_read() {
        let large = "x".repeat(LIMIT_BYTES + (1 << 20));
        let page = format!("<html><div class=\"outer-cell\">{large}<div {BLOCK}</html>");
        let mut blocks = Page::new(page.as_bytes());
        let first = blocks.next_block().expect("it can be read").expect("a block");
        assert!(first.html.is_none());
        let second = blocks.next_block().expect("it can be read").expect("a block");
        assert!(read(&second.html.expect("small")).is_some());
        assert!(blocks.buf.capacity() < 3 * LIMIT_BYTES);
    }
}
