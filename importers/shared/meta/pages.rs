//! Pages of Meta's, read one record at a time, by their classes and never by their words.
//!
//! A record is an element with both classes `uiBoxWhite` and `noborder`; it may hold further ones, which are a part of it. In it a heading
//! (`h2`, `_a6-h`; until 2021 `_2lek`), a body (`_a6-p`), rows of a table with a label and a value, and a date (`_a6-o`, `footer`; until
//! 2021 `_2lem`). Seen in parsers and reduced pages of 2019 to 2026, English, Portuguese and Korean.
//!
//! Dates are those of a clock on a wall. The head of newer pages says when they were made twice, by that clock and in UTC, which
//! tells how far the clock is from UTC: a fixture of August 2026 has `<time datetime="…05:03Z">… 22:03 UTC</time>`.

use std::io::{self, Read};

use memchr::memmem;

use super::record::folded;
use crate::shared::html::{self, Step};
use crate::shared::localized_date;

/// What every record has.
const MARK: &[u8] = b"uiBoxWhite";
/// A larger record is not held.
const LIMIT_BYTES: usize = 8 << 20;
/// So much before the first record is looked at.
const LIMIT_HEAD_BYTES: usize = 1 << 20;
const CHUNK_BYTES: usize = 1 << 16;

/// What stands above the records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// What the page is called.
    pub title: String,
    /// How far the clock of its dates is ahead of UTC, in seconds; `None` if the page does not tell.
    pub ahead_s: Option<i64>,
}

impl Head {
    /// The time that a text of the page tells, in seconds since 1970-01-01 UTC; by the clock on the wall where the page
    /// does not tell how far that is from UTC.
    pub fn seconds(&self, text: &str) -> Option<i64> {
        Some(localized_date::wall_clock_seconds(text)? - self.ahead_s.unwrap_or(0))
    }
}

/// The records of a page.
pub struct Page<R: Read> {
    reader: R,
    buf: Vec<u8>,
    /// Where `buf` begins in the page.
    offset: u64,
    /// How much of `buf` was looked at.
    searched: usize,
    /// The name of the element that is the record, and how many such are open; `buf` begins with it.
    open: Option<(Vec<u8>, usize)>,
    head: Option<Head>,
    has_end: bool,
}

/// One record as it stands.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// The byte at which it begins.
    pub offset: u64,
    /// It; `None` if it is too large to be held.
    pub html: Option<String>,
}

impl<R: Read> Page<R> {
    /// The records of a page that is read from its beginning.
    pub fn new(reader: R) -> Page<R> {
        Page { reader, buf: Vec::new(), offset: 0, searched: 0, open: None, head: None, has_end: false }
    }

    /// What stands above the records; empty until the first was asked for.
    pub fn head(&self) -> Head {
        self.head.clone().unwrap_or_default()
    }

    /// How far it was read in whole records, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next record; `None` at the end of the page.
    ///
    /// # Errors
    /// When it cannot be read on, or ends before it should.
    pub fn next_record(&mut self) -> io::Result<Option<Found>> {
        loop {
            if self.open.is_some() {
                if let Some(end) = self.end_of_record() {
                    return Ok(Some(self.take(end)));
                }
                if self.buf.len() > LIMIT_BYTES {
                    let offset = self.offset;
                    self.let_go(self.buf.len());
                    self.open = None;
                    return Ok(Some(Found { offset, html: None }));
                }
            } else if self.find_record() {
                continue;
            }
            if self.fill()? == 0 {
                self.read_head();
                let is_whole = self.open.is_none() && self.has_end;
                return if is_whole { Ok(None) } else { Err(ends_early()) };
            }
        }
    }

    /// Goes to the next element that is a record; false if more of the page is needed for that.
    fn find_record(&mut self) -> bool {
        while let Some(at) = self.buf.get(self.searched..).and_then(|rest| memmem::find(rest, MARK)) {
            let at = self.searched + at;
            let Some(end) = memchr::memchr(b'>', &self.buf[at..]) else { return false };
            let start = memchr::memrchr(b'<', &self.buf[..at]).unwrap_or(at);
            let tag = &self.buf[start..at + end];
            let name: Vec<u8> =
                tag[1.min(tag.len())..].iter().copied().take_while(u8::is_ascii_alphabetic).collect();
            self.searched = at + MARK.len();
            // A style sheet names the class too.
            let is_element = !name.is_empty() && name != b"style" && name != b"script";
            if is_element && memmem::find(tag, b"noborder").is_some() && memmem::find(tag, b"class").is_some()
            {
                self.read_head();
                self.let_go(start);
                self.searched = 1;
                self.open = Some((name, 1));
                return true;
            }
        }
        let keep = 4 << 10;
        let limit = if self.head.is_some() { keep } else { LIMIT_HEAD_BYTES };
        self.searched = self.buf.len().saturating_sub(MARK.len());
        self.has_end = memmem::rfind(&self.buf, b"</html").is_some();
        if self.buf.len() > limit {
            self.read_head();
            let n = self.buf.len() - keep;
            self.searched = self.searched.saturating_sub(n);
            let searched = self.searched;
            self.let_go(n);
            self.searched = searched;
        }
        false
    }

    /// Where the record ends, if that was read already.
    fn end_of_record(&mut self) -> Option<usize> {
        let (name, n_open) = self.open.as_mut()?;
        while let Some(at) = memchr::memchr(b'<', self.buf.get(self.searched..)?) {
            let at = self.searched + at;
            let rest = &self.buf[at + 1..];
            if rest.len() < name.len() + 2 {
                return None;
            }
            let is_end = rest[0] == b'/';
            let of_tag = &rest[usize::from(is_end)..];
            let is_same = of_tag[..name.len()].eq_ignore_ascii_case(name)
                && !of_tag[name.len()].is_ascii_alphanumeric();
            self.searched = at + 1;
            match (is_same, is_end) {
                (true, false) => *n_open += 1,
                (true, true) => *n_open -= 1,
                (false, _) => {}
            }
            if *n_open == 0 {
                let end = memchr::memchr(b'>', &self.buf[at..]).map_or(self.buf.len(), |end| at + end + 1);
                return Some(end);
            }
        }
        self.searched = self.buf.len();
        None
    }

    fn take(&mut self, len: usize) -> Found {
        let offset = self.offset;
        let html = String::from_utf8_lossy(&self.buf[..len]).into_owned();
        self.let_go(len);
        self.open = None;
        Found { offset, html: Some(html) }
    }

    fn let_go(&mut self, len: usize) {
        self.buf.drain(..len);
        self.offset += len as u64;
        self.searched = 0;
    }

    fn fill(&mut self) -> io::Result<usize> {
        self.reader.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut self.buf)
    }

    fn read_head(&mut self) {
        if self.head.is_none() {
            self.head = Some(head(&String::from_utf8_lossy(&self.buf)));
        }
    }
}

fn ends_early() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the page ends early")
}

fn head(html: &str) -> Head {
    let mut head = Head::default();
    let mut heading = String::new();
    let mut made: Option<(String, String)> = None;
    html::walk(html, &mut |open, step| {
        let Some(last) = open.last() else { return };
        match step {
            Step::Open if last.name == "time" && head.ahead_s.is_none() => {
                made = last.attribute("datetime").map(|utc| (utc.to_owned(), String::new()));
            }
            Step::Text(text) if last.name == "time" => {
                if let Some((_, shown)) = &mut made {
                    shown.push_str(text);
                }
            }
            Step::Close if last.name == "time" && head.ahead_s.is_none() => {
                head.ahead_s = made.take().and_then(|(utc, shown)| ahead_s(&utc, &shown));
            }
            Step::Text(text) if last.name == "title" => head.title.push_str(text),
            Step::Text(text) if last.name == "h1" || last.has_class("_a70e") => heading.push_str(text),
            _ => {}
        }
    });
    let heading = folded(&heading);
    head.title = if heading.is_empty() { folded(&head.title) } else { heading };
    head
}

/// How far the clock of `shown` is ahead of UTC, by the time of day alone: dates in words are not needed for that.
fn ahead_s(utc: &str, shown: &str) -> Option<i64> {
    let is_utc = utc.ends_with('Z') || utc.ends_with("+00:00");
    let utc = localized_date::time_of_day(utc.split_once('T').filter(|_| is_utc)?.1)?;
    let ahead = (localized_date::time_of_day(shown)? - utc).rem_euclid(86_400);
    // Zones go from twelve hours behind to fourteen ahead, in quarters of an hour.
    let ahead = (ahead + 450) / 900 * 900;
    Some(if ahead > 12 * 3600 { ahead - 86_400 } else { ahead })
}

#[cfg(test)]
mod tests {
    use super::*;

    const POST: &str = "<div class=\"pam _3-95 _2ph- _a6-g uiBoxWhite noborder\"><h2 class=\"_3-95 _2pim _a6-h _a6-i\">A &amp; B<br>c</h2>\
        <div class=\"_3-95 _a6-p\"><div><a href=\"media/posts/202207/a.webp\"><img src=\"media/posts/202207/a.webp\" class=\"_a6_o _3-96\"/></a>\
        <table><tr><td class=\"_2pin _a6_q\">Latitud<div><div class=\"_a6-q\">41.15</div></div></td></tr>\
        <tr><td class=\"_a6_q\">Longitud</td><td class=\"_2piu _a6_r\">-8.61</td></tr></table></div></div>\
        <div class=\"_3-94 _a6-o\">jul. 26, 2022 9:45 pm</div></div>";
    const FOLLOWER: &str = "<div class=\"pam uiBoxWhite noborder\"><div class=\"_a6-p\"><div><div><a target=\"_blank\" \
        href=\"https://www.instagram.com/ana\">ana</a></div><div>Dec 23, 2025 12:16 pm</div></div></div></div>";

    fn page(records: &[&str]) -> String {
        let style = "x".repeat(70_000);
        format!(
            "<html><head><title>t</title><style>.uiBoxWhite.noborder {{ {style} }}</style><base href=\"../../\"/></head><body class=\"_5vb_ _2yq _a7o5\">\
            <header><h1>Publicaciones</h1><aside>de ada <time datetime=\"2026-08-12T05:03Z\">11 de agosto de 2026, 22:03 UTC</time></aside></header>\
            <main class=\"_a706\" role=\"main\">{}</main></body></html>",
            records.join("\n")
        )
    }

    /// Gives a byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let n = self.0.len().min(buf.len()).min(7_001);
            buf[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn records(html: &str) -> (Head, Vec<String>) {
        let mut page = Page::new(Slow(html.as_bytes()));
        let mut all = Vec::new();
        while let Some(found) = page.next_record().expect("the page is whole") {
            let record = found.html.expect("it is small");
            assert!(html.as_bytes()[found.offset as usize..].starts_with(record.as_bytes()));
            all.push(record);
        }
        (page.head(), all)
    }

    #[test]
    fn a_page_gives_its_records_whole_and_its_head() {
        let nested = format!("<div class=\"uiBoxWhite noborder pam\"><div>{FOLLOWER}</div></div>");
        let (head, found) = records(&page(&[POST, &nested, FOLLOWER]));
        assert_eq!(found, [POST, &nested, FOLLOWER]);
        assert_eq!(head, Head { title: "Publicaciones".into(), ahead_s: Some(-7 * 3600) });
        assert_eq!(head.seconds("jul. 26, 2022 9:45 pm"), Some(1_658_897_100));
        let (head, found) = records(&page(&[]));
        assert!(found.is_empty() && head.title == "Publicaciones");
        let many = vec![POST; 500];
        assert_eq!(records(&page(&many)).1.len(), 500);
    }

    #[test]
    fn pages_that_break_off_are_errors_and_nothing_panics() {
        let html = page(&[POST, FOLLOWER]);
        for cut in (0..html.len() - 8).step_by(13).chain(html.len() - 400..html.len() - 8) {
            let mut page = Page::new(&html.as_bytes()[..cut]);
            let ended = std::iter::from_fn(|| page.next_record().transpose()).find_map(Result::err);
            assert!(ended.is_some(), "cut at {cut}");
        }
    }

    #[test]
    fn clocks_far_from_utc_are_told() {
        assert_eq!(ahead_s("2026-08-12T05:03Z", "14:03"), Some(9 * 3600));
        assert_eq!(ahead_s("2026-08-12T05:03Z", "10:33 AM"), Some(19_800));
        assert_eq!(ahead_s("2026-08-12T23:00Z", "1:00 pm"), Some(-10 * 3600));
        assert_eq!(ahead_s("2026-08-12T05:03", "14:03"), None);
    }
}
