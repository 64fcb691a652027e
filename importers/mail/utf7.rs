//! Modified UTF-7, in which IMAP and Maildir++ write mailbox names (RFC 3501 section 5.1.3).

use data_encoding::{BitOrder, Encoding, Specification};
use std::sync::LazyLock;

static BASE64: LazyLock<Encoding> = LazyLock::new(|| {
    let mut spec = Specification::new();
    spec.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,");
    spec.bit_order = BitOrder::MostSignificantFirst;
    spec.check_trailing_bits = false;
    spec.encoding().expect("64 different symbols make an encoding")
});

/// Writes a name in modified UTF-7: printable ASCII as itself, `&` as `&-`, the rest as base64 of UTF-16.
pub fn encode(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut pending: Vec<u8> = Vec::new();
    for letter in name.chars() {
        if (' '..='~').contains(&letter) {
            flush(&mut pending, &mut out);
            out.push(letter);
            if letter == '&' {
                out.push('-');
            }
        } else {
            let mut units = [0u16; 2];
            let units = letter.encode_utf16(&mut units);
            pending.extend(units.iter().flat_map(|unit| unit.to_be_bytes()));
        }
    }
    flush(&mut pending, &mut out);
    out
}

fn flush(pending: &mut Vec<u8>, out: &mut String) {
    if !pending.is_empty() {
        out.push('&');
        out.push_str(&BASE64.encode(pending));
        out.push('-');
        pending.clear();
    }
}

/// Reads a name written in modified UTF-7; `None` if it is not.
pub fn decode(name: &str) -> Option<String> {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let (code, next) = after.split_once('-')?;
        if code.is_empty() {
            out.push('&');
        } else {
            let bytes = BASE64.decode(code.as_bytes()).ok()?;
            let pairs = bytes.chunks_exact(2);
            if !pairs.remainder().is_empty() {
                return None;
            }
            let units: Vec<u16> = pairs.map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            out.push_str(&String::from_utf16(&units).ok()?);
        }
        rest = next;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, encoded: &str) {
        assert_eq!(encode(name), encoded);
        assert_eq!(decode(encoded).as_deref(), Some(name));
    }

    #[test]
    fn names_are_written_as_rfc_3501_writes_them() {
        check("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
        check("Entwürfe", "Entw&APw-rfe");
        check("Haus & Garten", "Haus &- Garten");
        check("☯", "&Ji8-");
        check("😀", "&2D3eAA-");
        check("plain", "plain");
        assert_eq!(decode("&broken"), None);
        assert_eq!(decode("&AA-"), None);
    }
}
