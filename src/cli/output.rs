//! The only place that prints. Data goes to stdout, everything else to stderr; text from an export is stripped of
//! what a terminal would obey.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use indicatif::MultiProgress;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::report::error::Error;

/// Prints. Cheap to clone; lines and progress bars do not get into each other's way.
#[derive(Clone)]
pub struct Output {
    bars: Arc<MultiProgress>,
    is_terminal: bool,
}

impl Output {
    /// Prints to this process's stdout and stderr.
    pub fn new() -> Output {
        Output { bars: Arc::new(MultiProgress::new()), is_terminal: io::stderr().is_terminal() }
    }

    /// True when stderr is a terminal.
    pub fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// The place for progress bars.
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// A line of data on stdout.
    pub fn line(&self, text: &str) {
        self.bars.suspend(|| write(&mut io::stdout().lock(), text));
    }

    /// Bytes of data on stdout, as they are.
    pub fn raw(&self, bytes: &[u8]) {
        let mut out = io::stdout().lock();
        if let Err(err) = out.write_all(bytes).and_then(|()| out.flush()) {
            end_if_closed(&err);
        }
    }

    /// A JSON value on one line of stdout.
    pub fn json(&self, value: &serde_json::Value) {
        self.line(&harmless_json(value));
    }

    /// A line for people on stderr.
    pub fn note(&self, text: &str) {
        self.bars.suspend(|| write(&mut io::stderr().lock(), text));
    }

    /// An error with its hints on stderr.
    pub fn error(&self, err: &Error) {
        self.note(&format!("error: {}", clean(&err.what)));
        for hint in &err.hints {
            self.note(&format!("hint: {}", clean(hint)));
        }
    }
}

fn write(out: &mut dyn Write, text: &str) {
    if let Err(err) = writeln!(out, "{text}").and_then(|()| out.flush()) {
        end_if_closed(&err);
    }
}

/// Nobody reads any more (`exodus list | head`): that is no failure of ours.
fn end_if_closed(err: &io::Error) {
    if err.kind() == io::ErrorKind::BrokenPipe {
        std::process::exit(0);
    }
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
    }
}
