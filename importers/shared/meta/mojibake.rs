//! Text as Meta mangles it, made whole: UTF-8 whose every byte was taken for a letter, so that "é" arrives as "Ã©".
//!
//! Meta writes each byte of a string as `\u00xx`. That is undone for each string and each key once it was read as JSON, and only in
//! files where it was done: exports of the winter of 2020 have both kinds of files side by side, so every file is asked by
//! a vote of its strings ([`Vote`]). In a file that was never mangled nothing is touched.
//!
//! What cannot be told: a file whose only string beyond ASCII says in earnest "Ã©".

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};

use exodus_api::{Entry, Source};
use serde_json::{Map, Value};

/// A longer string has no vote.
const LIMIT_BYTES: usize = 16 << 20;
/// With so many votes more the one side has won: a file is written by one program, so that its strings agree but for what was cut
/// off, and the rest of a long one need not be read.
const ENOUGH: u64 = 256;

/// Counts the strings of a file that look mangled, and those that cannot be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vote {
    n_mangled: u64,
    n_whole: u64,
}

impl Vote {
    /// The vote of all strings of a JSON text, or of as many of its first ones as decide it.
    ///
    /// # Errors
    /// When it cannot be read to its end.
    pub fn of_json(reader: impl Read) -> io::Result<Vote> {
        let mut reader = BufReader::with_capacity(1 << 16, reader);
        let mut vote = Vote::default();
        let mut piece = Vec::new();
        let mut is_string = false;
        loop {
            // A quote with an odd number of backslashes before it is a part of the string.
            let from = piece.len();
            reader.by_ref().take(LIMIT_BYTES as u64).read_until(b'"', &mut piece)?;
            if piece.len() == from {
                return Ok(vote);
            }
            let Some((b'"', text)) = piece.split_last() else {
                if piece.len() > LIMIT_BYTES {
                    piece.clear();
                }
                continue;
            };
            let n_slashes = text.iter().rev().take_while(|byte| **byte == b'\\').count();
            if is_string && n_slashes % 2 == 1 {
                continue;
            }
            let has_letters = || !text.is_ascii() || memchr::memmem::find(text, b"\\u").is_some();
            if is_string && has_letters() {
                piece.insert(0, b'"');
                vote.add(serde_json::from_slice::<String>(&piece).as_deref().unwrap_or_default());
            }
            is_string = !is_string;
            piece.clear();
            if vote.n_mangled.abs_diff(vote.n_whole) >= ENOUGH {
                return Ok(vote);
            }
        }
    }

    /// Adds the vote of a string.
    pub fn add(&mut self, text: &str) {
        if text.is_ascii() {
            return;
        }
        match bytes_of(text).and_then(decoded) {
            Some(_) => self.n_mangled += 1,
            None => self.n_whole += 1,
        }
    }

    /// True when the file was mangled.
    pub fn is_mangled(self) -> bool {
        self.n_mangled > self.n_whole
    }
}

/// Whether the strings of a JSON file are mangled. One that cannot be read to its end is judged by what can be read.
pub fn is_mangled(source: &dyn Source, entry: &Entry) -> bool {
    let vote = source.open(entry).ok().and_then(|reader| Vote::of_json(Lenient(reader)).ok());
    vote.is_some_and(Vote::is_mangled)
}

/// Ends where its reader fails: whoever reads for the content tells of that.
struct Lenient<R>(R);

impl<R: Read> Read for Lenient<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(self.0.read(buf).unwrap_or(0))
    }
}

/// A string of a mangled file made whole, as far as that can be done; never twice.
pub fn repaired(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    // Else something whole stands between what is mangled.
    Cow::Owned(bytes_of(text).and_then(decoded).unwrap_or_else(|| by_runs(text)))
}

/// Makes all strings and keys of a value whole.
pub fn repair(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(whole) = repaired(text) {
                *text = whole;
            }
        }
        Value::Array(list) => list.iter_mut().for_each(repair),
        Value::Object(object) => {
            object.values_mut().for_each(repair);
            if !object.keys().all(|key| key.is_ascii()) {
                let old: Map<String, Value> = std::mem::take(object);
                object.extend(old.into_iter().map(|(key, value)| (repaired(&key).into_owned(), value)));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What Meta makes of a text: the inverse of [`repaired`].
pub fn mangled(text: &str) -> String {
    text.bytes().map(char::from).collect()
}

/// The bytes that the letters stand for; `None` if one is no byte.
fn bytes_of(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    for letter in text.chars() {
        bytes.push(u8::try_from(u32::from(letter)).ok()?);
    }
    Some(bytes)
}

/// The text that the bytes are, without a letter that was cut off at its end.
fn decoded(bytes: Vec<u8>) -> Option<String> {
    let err = match String::from_utf8(bytes) {
        Ok(text) => return Some(text),
        Err(err) => err,
    };
    let (is_cut_off, valid) = (err.utf8_error().error_len().is_none(), err.utf8_error().valid_up_to());
    let mut bytes = err.into_bytes();
    bytes.truncate(valid);
    // A lone lead byte in an otherwise plain text is a real letter: `é` at the end of `café`.
    if is_cut_off && !bytes.is_ascii() { String::from_utf8(bytes).ok() } else { None }
}

/// Every run of letters from U+0080 to U+00FF made whole by itself, if it is mangled as a whole.
fn by_runs(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run = String::new();
    for letter in text.chars() {
        if ('\u{80}'..='\u{ff}').contains(&letter) {
            run.push(letter);
            continue;
        }
        flush(&mut run, &mut out);
        out.push(letter);
    }
    flush(&mut run, &mut out);
    out
}

fn flush(run: &mut String, out: &mut String) {
    let whole = bytes_of(run).and_then(|bytes| String::from_utf8(bytes).ok());
    out.push_str(whole.as_deref().unwrap_or(run));
    run.clear();
}

#[cfg(test)]
mod tests {
    use exodus_fixtures::rng::Rng;

    use super::*;

    const TEXTS: &[&str] = &[
        "é",
        "José",
        "¿Qué?",
        "Größe",
        "日本語",
        "’",
        "😀",
        "👨\u{200d}👩\u{200d}👧",
        "🇪🇸",
        "👍🏽",
        "Ünïcödé “x” 🌊",
        "ñ\u{303}",
        "م",
        "\u{fffd}",
    ];

    fn vote(json: &str) -> Vote {
        Vote::of_json(json.as_bytes()).expect("a slice can be read")
    }

    #[test]
    fn what_meta_mangles_is_made_whole() {
        for text in TEXTS {
            assert_eq!(repaired(&mangled(text)), *text);
        }
        assert_eq!(repaired("Que tal Ã©xito ð\u{9f}\u{8c}\u{8a}"), "Que tal éxito 🌊");
    }

    #[test]
    fn any_text_comes_back_from_being_mangled() {
        let mut rng = Rng::new(5);
        for _ in 0..20_000 {
            let len = rng.below(12);
            let letter = |rng: &mut Rng| loop {
                let code = match rng.below(4) {
                    0 => rng.range(0x20, 0x7e),
                    1 => rng.range(0x80, 0x2ff),
                    2 => rng.range(0x300, 0xffff),
                    _ => rng.range(0x1f000, 0x1ffff),
                };
                if let Some(letter) = char::from_u32(code as u32) {
                    break letter;
                }
            };
            let text: String = (0..len).map(|_| letter(&mut rng)).collect();
            assert_eq!(repaired(&mangled(&text)), text);
            let json = format!("[{}]", serde_json::to_string(&mangled(&text)).expect("text is JSON"));
            assert_eq!(vote(&json).is_mangled(), !text.is_ascii(), "{text:?}");
            // Text that was never mangled stays as it is, unless all of it looks as if it were.
            let looks_mangled = bytes_of(&text).and_then(decoded).is_some();
            let json = format!("[{}]", serde_json::to_string(&text).expect("text is JSON"));
            assert_eq!(vote(&json).is_mangled(), looks_mangled && !text.is_ascii(), "{text:?}");
        }
    }

    #[test]
    fn whole_text_in_a_mangled_file_stays_and_pieces_are_mended() {
        for text in ["café", "É", "日本", "a 😀"] {
            assert_eq!(repaired(text), text);
        }
        assert_eq!(repaired("Ã© … Ã©"), "é … é");
        assert_eq!(repaired("Ã© and a real é here"), "é and a real é here");
        assert_eq!(repaired("Ã©\u{f0}\u{9f}\u{98}"), "é", "the half of an emoji goes");
    }

    #[test]
    fn a_file_is_mangled_if_more_of_its_strings_are_than_are_not() {
        assert!(
            vote(r#"{"a":"\u00c3\u00a9","b":["x","\u00f0\u009f\u0098\u0080"],"c":"cut \u00c3\u00a9\u00c3"}"#)
                .is_mangled()
        );
        assert!(vote(r#"{"Contrase\u00c3\u00b1a":1}"#).is_mangled(), "keys vote too");
        assert!(!vote(r#"{"a":"é","b":"Ã©","c":"日本"}"#).is_mangled());
        assert!(!vote(r#"{"a":"\u00e9 \"Ã©","b":"\\"}"#).is_mangled());
        assert!(!vote("").is_mangled() && !vote("\"").is_mangled() && !vote(r#"{"a":"b"}"#).is_mangled());
        assert!(vote(r#"["\\","\"","\u00c3\u00a9","\\\""]"#).is_mangled());
    }

    #[test]
    fn keys_and_values_of_a_value_are_made_whole() {
        let mut value = serde_json::json!({"ContraseÃ±a": ["Ã©", 1, {"x": "日"}], "b": null});
        repair(&mut value);
        assert_eq!(value, serde_json::json!({"Contraseña": ["é", 1, {"x": "日"}], "b": null}));
    }
}
