//! How settings are read, whoever's they are: the text of a file, sizes and times as people write them.

use std::path::Path;
use std::time::Duration;

use super::error::{Error, Kind, Result};

/// The text of a settings file; empty if it is not there.
///
/// # Errors
/// When it cannot be read.
pub fn text_of(path: &Path) -> Result<String> {
    match std::fs::read_to_string(path) {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(err) => Err(Error::new(Kind::Login, format!("cannot read `{}`: {err}", path.display()))),
        Ok(text) => Ok(text),
    }
}

/// Bytes: `800k`, `2M`, `1.5G`; k is 1024. `None` if it is no number of bytes, or zero.
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => 0,
    };
    let number: f64 = digits.parse().ok().filter(|number: &f64| number.is_finite())?;
    let bytes = (number * f64::from(factor)) as u64;
    (bytes > 0).then_some(bytes)
}

/// A time: `500ms`, `90s`, `30m`, `6h`, `2d`. `None` if it is none, or zero.
pub fn duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit_ms = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let number: u64 = digits.trim().parse().ok().filter(|number| *number > 0)?;
    number.checked_mul(unit_ms).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, size) in
            [("500", 500), ("500k", 512_000), ("2M", 2 << 20), ("1.5M", 3 << 19), ("1GiB", 1 << 30)]
        {
            assert_eq!(bytes(text), Some(size), "{text}");
        }
        for text in ["", "0", "fast", "-3k", "2 x", "nan", "infk"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(duration("400ms"), Some(Duration::from_millis(400)));
        assert_eq!(duration("2 d"), Some(Duration::from_secs(172_800)));
        assert!(["", "6", "h", "-1h", "0s", "1y"].iter().all(|text| duration(text).is_none()));
    }
}
