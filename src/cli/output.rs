//! The only place that prints. Data goes to stdout, everything else to stderr; text from an export is stripped of
//! what a terminal would obey. A reader that goes away (`exodus list | head`) is no failure: what follows is dropped
//! and the command comes to its own end, so that nothing is cut in the middle of a write.

use std::ffi::OsStr;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::MultiProgress;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::log::{Level, Log};
use crate::report::error::Error;

/// Prints. Cheap to clone; lines and progress bars do not get into each other's way.
#[derive(Clone)]
pub struct Output {
    bars: Arc<MultiProgress>,
    log: Arc<Log>,
    is_terminal: bool,
    is_coloured: bool,
    is_utf8: bool,
    is_closed: Arc<AtomicBool>,
    failure: Arc<Mutex<Option<io::Error>>>,
}

/// Whether to colour: what `--color` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal, unless NO_COLOR is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Colour {
    /// Whether stderr gets colours: <https://no-color.org>, <https://bixense.com/clicolors>.
    fn is_on(self, is_terminal: bool) -> bool {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        match self {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto if is_set("NO_COLOR") => false,
            Colour::Auto if is_set("CLICOLOR_FORCE") => true,
            Colour::Auto => {
                is_terminal && std::env::var_os("TERM").is_none_or(|term| term != *OsStr::new("dumb"))
            }
        }
    }
}

impl Output {
    /// Prints to this process's stdout and stderr.
    pub fn new(colour: Colour, log: Log) -> Output {
        let is_terminal = io::stderr().is_terminal();
        Output {
            bars: Arc::new(MultiProgress::new()),
            log: Arc::new(log),
            is_terminal,
            is_coloured: colour.is_on(is_terminal),
            is_utf8: locale_is_utf8(),
            is_closed: Arc::default(),
            failure: Arc::default(),
        }
    }

    /// True when stderr is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// True when the locale is one of UTF-8. Data is UTF-8 everywhere; progress is plain ASCII where this is false.
    pub fn is_utf8(&self) -> bool {
        self.is_utf8
    }

    /// The place for progress bars.
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// A line of data on stdout.
    pub fn line(&self, text: &str) {
        self.bars.suspend(|| self.data(&[text.as_bytes(), b"\n"]));
    }

    /// Bytes of data on stdout, as they are.
    pub fn raw(&self, bytes: &[u8]) {
        self.data(&[bytes]);
    }

    fn data(&self, pieces: &[&[u8]]) {
        if self.is_closed.load(Ordering::Relaxed) {
            return;
        }
        let mut out = io::stdout().lock();
        let written = pieces.iter().try_for_each(|piece| out.write_all(piece)).and_then(|()| out.flush());
        if let Err(err) = written {
            self.is_closed.store(true, Ordering::Relaxed);
            if err.kind() != io::ErrorKind::BrokenPipe {
                self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(err);
            }
        }
    }

    /// Why data on stdout is not whole, once: a full disk behind `>`. That nobody wanted to read more is no reason.
    pub fn failure(&self) -> Option<io::Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// A JSON value on one line of stdout.
    pub fn json(&self, value: &serde_json::Value) {
        if !self.is_closed.load(Ordering::Relaxed) {
            self.line(&harmless_json(value));
        }
    }

    /// A line for people on stderr.
    pub fn note(&self, text: &str) {
        // Who does not listen misses it; the work goes on.
        self.bars.suspend(|| drop(writeln!(io::stderr().lock(), "{text}")));
    }

    /// A line for people on stderr that begins with what it is, and is written down in the log.
    pub fn headed(&self, head: Head, text: &str) {
        let text = clean(text);
        self.log.line(head.word(), &text);
        let (on, off) = if self.is_coloured { (head.colour(), "\u{1b}[0m") } else { ("", "") };
        self.note(&format!("{on}{}:{off} {text}", head.word()));
    }

    /// An error with its hints on stderr.
    pub fn error(&self, err: &Error) {
        self.headed(Head::Error, &err.what);
        for hint in &err.hints {
            self.headed(Head::Hint, hint);
        }
    }

    /// What only those want to know who asked with `-v`, and the log.
    pub fn detail(&self, level: Level, text: &str) {
        let text = clean(text);
        self.log.line(level.word(), &text);
        if self.log.is_told(level) {
            self.note(&format!("{}: {text}", level.word()));
        }
    }

    /// Text of a stranger as progress shows it: nothing that a terminal obeys or, in another locale, cannot show.
    pub fn shown(&self, text: &str) -> String {
        let clean = clean(text);
        if self.is_utf8 { clean } else { ascii(&clean) }
    }
}

/// What a line on stderr is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head {
    /// It ends the command.
    Error,
    /// What to do.
    Hint,
    /// Something the user should know.
    Warning,
    /// An entry, or an item of it, that could not be taken.
    Fault,
}

impl Head {
    fn word(self) -> &'static str {
        match self {
            Head::Error => "error",
            Head::Hint => "hint",
            Head::Warning => "warning",
            Head::Fault => "fault",
        }
    }

    fn colour(self) -> &'static str {
        match self {
            Head::Error | Head::Fault => "\u{1b}[1;31m",
            Head::Warning => "\u{1b}[1;33m",
            Head::Hint => "\u{1b}[1;36m",
        }
    }
}

/// Whether the locale is one of UTF-8: the first of these that is set decides (setlocale(3)).
fn locale_is_utf8() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|name| std::env::var(name).ok());
    let locale = set.into_iter().find(|value| !value.is_empty()).unwrap_or_default().to_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Text in ASCII, for terminals that show nothing else.
fn ascii(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '\u{2009}' | '\u{a0}' => out.push(' '),
            '\u{2026}' => out.push_str("..."),
            letter if letter.is_ascii() => out.push(letter),
            _ => out.push('?'),
        }
    }
    out
}

/// What a terminal obeys: control characters and those that turn the direction of text.
fn is_obeyed(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text without what a terminal obeys.
pub fn clean(text: &str) -> String {
    text.chars().map(|letter| if is_obeyed(letter) { '\u{fffd}' } else { letter }).collect()
}

/// JSON that says the same and holds nothing that a terminal obeys: it stands escaped.
fn harmless_json(value: &serde_json::Value) -> String {
    let mut out = String::new();
    for letter in value.to_string().chars() {
        // Outside strings JSON is plain ASCII, and serde escapes ASCII's own control characters but one.
        if is_obeyed(letter) {
            out.push_str(&format!("\\u{:04x}", u32::from(letter)));
        } else {
            out.push(letter);
        }
    }
    out
}

/// Text cut to so many characters, with an ellipsis.
pub fn cut(text: &str, chars: usize) -> String {
    let clean = clean(text);
    match clean.char_indices().nth(chars) {
        Some(_) => clean.chars().take(chars.saturating_sub(1)).chain(['…']).collect(),
        None => clean,
    }
}

/// A number with its thousands apart: `12 345`.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{2009}');
        }
        out.push(digit);
    }
    out
}

/// So many things: `1 file`, `2 files`.
pub fn counted(n: u64, thing: &str) -> String {
    format!("{} {}", number(n), things(n, thing))
}

/// The word for so many things: `file`, `files`; `activity`, `activities`.
pub fn things(n: u64, thing: &str) -> String {
    match thing.strip_suffix('y') {
        _ if n == 1 => thing.to_owned(),
        Some(stem) => format!("{stem}ies"),
        None => format!("{thing}s"),
    }
}

/// A size as people read it: `1.2 GiB`.
pub fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

/// A time in UTC as people read it: `2019-03-19 09:13`.
pub fn time(seconds: i64) -> String {
    let time = Timestamp::from_second(seconds).map(|time| time.to_zoned(TimeZone::UTC));
    time.map_or_else(|_| "?".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M").to_string())
}

/// A time as JSON: RFC 3339 in UTC.
pub fn time_json(seconds: Option<i64>) -> serde_json::Value {
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map_or(serde_json::Value::Null, |time| time.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_says_the_same_without_what_a_terminal_obeys() {
        let value = serde_json::json!({"a": "\u{1b}[31m \u{9b}2J \u{202e}x \u{7f} \u{1f600} ü"});
        let text = harmless_json(&value);
        assert!(!text.chars().any(is_obeyed), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).ok(), Some(value));
    }

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(
            clean("a\x1b[31mb\u{9b}c\u{202e}d\r\n"),
            "a\u{fffd}[31mb\u{fffd}c\u{fffd}d\u{fffd}\u{fffd}"
        );
        assert_eq!(clean("Grüße ☯ 日本"), "Grüße ☯ 日本");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(number(1_234_567), "1\u{2009}234\u{2009}567");
        assert_eq!(time(1_552_986_831), "2019-03-19 09:13");
        assert_eq!(ascii("12\u{2009}345 Grüße…"), "12 345 Gr??e...");
    }
}
