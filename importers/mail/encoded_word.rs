//! RFC 2047 encoded words, decoded as Gmail writes them rather than as the RFC wants them.
//!
//! Gmail folds one long run of encoded words at any byte, also inside a multi-byte character (seen in a Takeout of
//! 2019: `Priv=C3` in one word, `=A9` in the next). So the bytes of adjacent words of one charset are joined first
//! and decoded then. Bytes outside encoded words are UTF-8, or else Windows-1252.

use std::sync::LazyLock;

use data_encoding::{BASE64_NOPAD, Encoding, HEXUPPER_PERMISSIVE};
use encoding_rs::{UTF_8, WINDOWS_1252};
use memchr::{memchr, memmem};

/// Decodes the value of an unstructured header field (already unfolded).
pub fn decode(value: &[u8]) -> String {
    let mut out = String::with_capacity(value.len());
    let mut run = Run::default();
    let mut rest = value;
    let mut plain_from = 0;
    while let Some(at) = memmem::find(&rest[plain_from..], b"=?") {
        let start = plain_from + at;
        let Some((word, len)) = word_at(&rest[start..]) else {
            plain_from = start + 2;
            continue;
        };
        let between = &rest[..start];
        if run.is_empty() || !between.iter().all(u8::is_ascii_whitespace) {
            run.flush(&mut out);
            push_plain(between, &mut out);
        }
        run.push(&word, &mut out);
        rest = &rest[start + len..];
        plain_from = 0;
    }
    run.flush(&mut out);
    push_plain(rest, &mut out);
    out
}

/// Adjacent words of one charset, their bytes joined.
#[derive(Default)]
struct Run {
    charset: Vec<u8>,
    bytes: Vec<u8>,
}

impl Run {
    fn is_empty(&self) -> bool {
        self.charset.is_empty()
    }

    fn push(&mut self, word: &Word, out: &mut String) {
        if !self.charset.eq_ignore_ascii_case(word.charset) {
            self.flush(out);
            self.charset = word.charset.to_vec();
        }
        self.bytes.extend_from_slice(&word.bytes);
    }

    fn flush(&mut self, out: &mut String) {
        if !self.is_empty() {
            let encoding = encoding_rs::Encoding::for_label(&self.charset);
            match encoding {
                Some(encoding) => out.push_str(&encoding.decode_without_bom_handling(&self.bytes).0),
                None => push_plain(&self.bytes, out),
            }
            self.charset.clear();
            self.bytes.clear();
        }
    }
}

fn push_plain(bytes: &[u8], out: &mut String) {
    match UTF_8.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => out.push_str(&text),
        None => out.push_str(&WINDOWS_1252.decode_without_bom_handling(bytes).0),
    }
}

struct Word<'a> {
    charset: &'a [u8],
    bytes: Vec<u8>,
}

/// The encoded word at the beginning of `bytes` (`=?charset[*language]?B or Q?text?=`) and its length.
fn word_at(bytes: &[u8]) -> Option<(Word<'_>, usize)> {
    let charset_end = 2 + memchr(b'?', bytes.get(2..)?)?;
    let method = *bytes.get(charset_end + 1)?;
    if bytes.get(charset_end + 2) != Some(&b'?') {
        return None;
    }
    let text_start = charset_end + 3;
    let text_end = text_start + memmem::find(&bytes[text_start..], b"?=")?;
    let charset = bytes[2..charset_end].split(|byte| *byte == b'*').next()?;
    if charset.is_empty() || !charset.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let text = &bytes[text_start..text_end];
    let bytes = match method {
        b'q' | b'Q' => from_q(text),
        b'b' | b'B' => from_base64(text),
        _ => return None,
    };
    Some((Word { charset, bytes }, text_end + 2))
}

/// Undoes the Q encoding; what is not valid in it stands for itself.
fn from_q(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let pair = (byte == b'=').then(|| text.get(at + 1..at + 3)).flatten();
        match pair.and_then(|pair| HEXUPPER_PERMISSIVE.decode(pair).ok()) {
            Some(decoded) => {
                out.extend_from_slice(&decoded);
                at += 3;
            }
            None => {
                out.push(if byte == b'_' { b' ' } else { byte });
                at += 1;
            }
        }
    }
    out
}

/// Undoes base64, with or without padding; bytes outside its alphabet are passed over.
fn from_base64(text: &[u8]) -> Vec<u8> {
    static LENIENT: LazyLock<Encoding> = LazyLock::new(|| {
        let mut spec = BASE64_NOPAD.specification();
        spec.check_trailing_bits = false;
        spec.encoding().expect("a known encoding without its check for trailing bits")
    });
    let is_symbol = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let mut symbols: Vec<u8> = text.iter().copied().filter(is_symbol).collect();
    if symbols.len() % 4 == 1 {
        symbols.pop();
    }
    LENIENT.decode(&symbols).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str, decoded: &str) {
        assert_eq!(decode(value.as_bytes()), decoded);
    }

    #[test]
    fn a_character_cut_by_a_fold_is_joined_again() {
        check("=?UTF-8?Q?Priv=C3?= =?UTF-8?Q?=A9,Ge=C3=B6ffnet?=", "Privé,Geöffnet");
        check("=?UTF-8?B?w?= =?UTF-8?B?w?=", "");
        check("=?utf-8?B?w7Y=?= =?UTF-8?b?w7Y?=", "öö");
    }

    #[test]
    fn words_stand_for_themselves_where_they_are_none() {
        check("plain =? text", "plain =? text");
        check("=?UTF-8?X?abc?=", "=?UTF-8?X?abc?=");
        check("=?UTF-8?Q?abc", "=?UTF-8?Q?abc");
        check("=?nonsense?Q?a=C3=B6?=", "aö");
        check("=?UTF-8?Q?a=ZZ=4?=", "a=ZZ=4");
        check("", "");
    }

    #[test]
    fn blanks_between_words_go_and_other_blanks_stay() {
        check("a =?UTF-8?Q?b?= c =?UTF-8?Q?d_e?= =?ISO-8859-1*fr?Q?=E9?= f", "a b c d eé f");
    }

    #[test]
    fn bytes_outside_words_are_utf8_or_else_windows_1252() {
        assert_eq!(decode("Grüße".as_bytes()), "Grüße");
        assert_eq!(decode(b"Gr\xfc\xdfe"), "Grüße");
    }

    #[test]
    fn iso_2022_jp_is_decoded() {
        check("=?ISO-2022-JP?B?GyRCRnxLXDhsGyhC?=", "日本語");
    }
}
