//! How a Takeout spells names: what it replaces, where it cuts, how it numbers duplicates.
//!
//! A file keeps its name with what some file system refuses replaced by `_`; stem and extension are cut to 50 UTF-16
//! units together, without the dot; the number of a duplicate follows the cut: `a(1).jpg`. Since 2026 some exports
//! do not cut any more. Computed from some 25 listings of 2018 to 2026.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

/// Stem and extension of a file's name together have at most so many UTF-16 units.
const NAME_UNITS: usize = 50;

/// A title as an export spells it in names: what some file system refuses becomes `_`, runs of it one.
pub fn spelled(title: &str) -> String {
    let mut name = String::with_capacity(title.len());
    for letter in title.chars() {
        match is_refused(letter) {
            true if name.ends_with('_') => {}
            true => name.push('_'),
            false => name.push(letter),
        }
    }
    name
}

fn is_refused(letter: char) -> bool {
    matches!(letter, '%' | '&' | '*' | '\\' | '|' | ':' | '?' | '"' | '<' | '>' | '/' | '\'' | '\n' | '\r')
}

/// The first `units` UTF-16 units of a text; a letter of two is not split.
pub fn cut(text: &str, units: usize) -> &str {
    let mut used = 0;
    for (at, letter) in text.char_indices() {
        used += letter.len_utf16();
        if used > units {
            return &text[..at];
        }
    }
    text
}

/// Length in UTF-16 units.
pub fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// The name of a file with this (spelled) name after the cut.
pub fn cut_name(name: &str) -> String {
    let (stem, extension) = split_extension(name);
    let room = NAME_UNITS.saturating_sub(units(extension.trim_start_matches('.')));
    format!("{}{extension}", cut(stem, room))
}

/// A name as stem and extension with its dot; the extension is empty if there is none of sensible length.
pub fn split_extension(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= 6 => name.split_at(dot),
        _ => (name, ""),
    }
}

/// A name's stem without the number of a duplicate: `a(1)` is `a` and 1.
pub fn split_number(stem: &str) -> (&str, Option<u32>) {
    let split = stem.strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match split {
        Some((stem, number)) if !stem.is_empty() && is_number(number) => match number.parse() {
            Ok(number) => (stem, Some(number)),
            Err(_) => (stem, None),
        },
        _ => (stem, None),
    }
}

/// A file's name without the number of a duplicate, which stands before the extension: `a(1).jpg` is `a.jpg` and 1.
pub fn unnumbered(name: &str) -> (String, Option<u32>) {
    let (stem, extension) = split_extension(name);
    match split_number(stem) {
        (stem, Some(number)) => (format!("{stem}{extension}"), Some(number)),
        _ => (name.to_owned(), None),
    }
}

/// The form in which a title and a name are compared: NFC, lower case, and every letter that an export may have
/// replaced, blanks too, one `_`.
pub fn alike(name: &str) -> String {
    let mut form = String::with_capacity(name.len());
    // Most names are ASCII, which is in NFC: looking that up costs more than all the rest.
    let composed = if name.is_ascii() { Cow::Borrowed(name) } else { name.nfc().collect() };
    for letter in composed.chars() {
        let letter = if letter.is_whitespace() || is_refused(letter) { '_' } else { letter };
        if letter != '_' || !form.ends_with('_') {
            form.extend(letter.to_lowercase());
        }
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_spelled_and_cut_as_listings_show() {
        assert_eq!(spelled("Budget: 2024?.xlsx"), "Budget_ 2024_.xlsx");
        assert_eq!(spelled("a:/b"), "a_b");
        let long = "PXL_20230809_203449253.LONG_EXPOSURE-02.ORIGINAL_OF_ALL.jpg";
        assert_eq!(cut_name(long), "PXL_20230809_203449253.LONG_EXPOSURE-02.ORIGINA.jpg");
        assert_eq!(cut("a😀b", 2), "a");
        assert_eq!(cut("a😀b", 3), "a😀");
    }

    #[test]
    fn the_number_of_a_duplicate_stands_before_the_extension() {
        assert_eq!(unnumbered("IMG_1(12).jpg"), ("IMG_1.jpg".to_owned(), Some(12)));
        assert_eq!(unnumbered("MVIMG_1(2)"), ("MVIMG_1".to_owned(), Some(2)));
        for plain in ["IMG_1.jpg", "(1).jpg", "a().jpg", "a(x).jpg", "a(1)b.jpg"] {
            assert_eq!(unnumbered(plain), (plain.to_owned(), None));
        }
    }

    #[test]
    fn names_are_alike_whatever_was_replaced() {
        assert_eq!(alike("Was: das?.JPG"), alike("Was_ das_.jpg"));
        assert_eq!(alike("U\u{308}bung 1.jpg"), alike("übung\u{a0}1.jpg"));
        assert_ne!(alike("IMG-1.jpg"), alike("IMG_1.jpg"));
    }
}
