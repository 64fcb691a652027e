//! JSON as exporters really write it: what a strict reader refuses is mended, and nothing else is changed.
//!
//! Seen in exports of several platforms: a byte order mark, halves of surrogate pairs (`\ud83d` where a text was cut inside an
//! emoji), control characters and bytes that are no UTF-8 inside of strings.

use serde_json::Value;

/// The value, read strictly, or mended where that fails.
///
/// # Errors
/// What the strict reader said, when mending does not help.
pub fn parse(bytes: &[u8]) -> Result<Value, serde_json::Error> {
    let strict = serde_json::from_slice(bytes);
    strict.or_else(|err| serde_json::from_str(&mended(&String::from_utf8_lossy(bytes))).map_err(|_| err))
}

fn mended(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}');
    let mut out = String::with_capacity(text.len());
    let mut is_string = false;
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let (this, after) = rest.split_at(letter.len_utf8());
        rest = after;
        match letter {
            '"' => {
                is_string = !is_string;
                out.push('"');
            }
            '\\' if is_string => rest = escape(rest, &mut out),
            letter if is_string && letter.is_ascii_control() => out.push(' '),
            _ => out.push_str(this),
        }
    }
    out
}

/// Copies an escape whose backslash was read; returns what follows it.
fn escape<'a>(rest: &'a str, out: &mut String) -> &'a str {
    let Some(unit) = unit(rest) else {
        let len = rest.chars().next().map_or(0, char::len_utf8);
        out.push('\\');
        out.push_str(&rest[..len]);
        return &rest[len..];
    };
    let after = &rest[5..];
    let is_pair =
        after.strip_prefix('\\').and_then(self::unit).is_some_and(|low| (0xdc00..0xe000).contains(&low));
    match unit {
        0xd800..0xdc00 if is_pair => {
            out.push_str(&format!("\\{}{}", &rest[..5], &after[..6]));
            &after[6..]
        }
        0xd800..0xe000 => {
            out.push('\u{fffd}');
            after
        }
        _ => {
            out.push('\\');
            out.push_str(&rest[..5]);
            after
        }
    }
}

/// The unit that `u` and four hexadecimal digits write.
fn unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix('u')?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], expected: &str) {
        assert_eq!(parse(text).expect("it can be mended"), Value::from(expected));
    }

    #[test]
    fn what_exporters_break_is_mended() {
        check("\u{feff}\"a\"".as_bytes(), "a");
        check(br#""cut \ud83d""#, "cut \u{fffd}");
        check(br#""\ude00 \ud83d\u0041""#, "\u{fffd} \u{fffd}A");
        check(b"\"a\x01b\nc \xff\"", "a b c \u{fffd}");
        check(br#""whole \ud83d\ude00 \u00e9 \\ud83d \" \n""#, "whole 😀 é \\ud83d \" \n");
    }

    #[test]
    fn what_is_no_json_stays_an_error_and_nothing_panics() {
        let text = r#"{"a\u00": "\ud83d\ude0", "é\"#;
        for cut in (0..=text.len()).filter(|cut| text.is_char_boundary(*cut)) {
            assert!(parse(&text.as_bytes()[..cut]).is_err(), "{cut}");
        }
    }
}
