//! The names of entries: from the bytes of a container to a path that cannot climb out of anything.
//!
//! Only what could mislead every reader is refused here. Names that some file system cannot hold (reserved
//! device names, trailing dots, too many bytes) stay as they are: the archive makes them safe.

use std::borrow::Cow;

/// The characters of code page 437 from 0x80 on: what a zip without the UTF-8 flag promises.
const CP437_HIGH: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// How a name is refused when it is not a path inside the export; reads on from "refused: ".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadName {
    /// It has a `..` in it.
    Climbs,
    /// It begins at the root or with a drive letter.
    Absolute,
    /// It has a NUL in it.
    Nul,
    /// Nothing is left of it.
    Empty,
}

impl BadName {
    /// What happened, for messages.
    pub(super) fn what(self) -> &'static str {
        match self {
            BadName::Climbs => "its name climbs out of the archive",
            BadName::Absolute => "its name is absolute: it points outside of the archive",
            BadName::Nul => "its name has a NUL in it",
            BadName::Empty => "it has no name",
        }
    }
}

/// The text of a name in a zip: UTF-8 when it is that, else code page 437, which gives every byte a character of its own.
pub(super) fn decode_zip(raw: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(raw) {
        Ok(name) => Cow::Borrowed(name),
        Err(_) => Cow::Owned(raw.iter().map(|byte| cp437(*byte)).collect()),
    }
}

/// The text of a name in a tar or a folder: UTF-8 when it is that, else Latin-1, which old unix systems wrote.
pub(super) fn decode(raw: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(raw) {
        Ok(name) => Cow::Borrowed(name),
        Err(_) => Cow::Owned(raw.iter().copied().map(char::from).collect()),
    }
}

fn cp437(byte: u8) -> char {
    let high = usize::from(byte).checked_sub(0x80);
    let found = high.and_then(|idx| CP437_HIGH.chars().nth(idx));
    found.unwrap_or(char::from(byte))
}

/// A name of an old Windows zip, whose separators are backslashes, with `/` instead.
pub(super) fn with_slashes(name: Cow<'_, str>) -> Cow<'_, str> {
    if name.contains('\\') && !name.contains('/') { Cow::Owned(name.replace('\\', "/")) } else { name }
}

/// The path that a name means inside the export: no empty names, no `.`, and never a way out.
pub(super) fn clean(name: &str) -> Result<String, BadName> {
    if name.contains('\0') {
        return Err(BadName::Nul);
    }
    if name.starts_with('/') || name.starts_with("\\\\") || has_drive(name) {
        return Err(BadName::Absolute);
    }
    let mut path = String::with_capacity(name.len());
    for step in name.split('/').filter(|step| !step.is_empty() && *step != ".") {
        if step == ".." {
            return Err(BadName::Climbs);
        }
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(step);
    }
    // `./C:/x` must not turn into a drive by being cleaned.
    if has_drive(&path) {
        return Err(BadName::Absolute);
    }
    if path.is_empty() { Err(BadName::Empty) } else { Ok(path) }
}

fn has_drive(name: &str) -> bool {
    matches!(name.as_bytes(), [letter, b':', b'/' | b'\\', ..] if letter.is_ascii_alphabetic())
}

/// The name as messages may show it: control characters escaped, so that it cannot move the cursor.
pub(super) fn printable(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter.is_control() || is_steering(letter) {
            out.extend(letter.escape_unicode());
        } else {
            out.push(letter);
        }
    }
    out
}

/// True for characters that turn the direction of writing and so can hide what a name ends in.
fn is_steering(letter: char) -> bool {
    matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// The name with a number before its extension: `a/b.txt` becomes `a/b (2).txt`.
pub(super) fn numbered(path: &str, number: u32) -> String {
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let slash = if folder.is_empty() { "" } else { "/" };
    match name.rsplit_once('.') {
        Some((stem, ext)) if !stem.is_empty() => format!("{folder}{slash}{stem} ({number}).{ext}"),
        _ => format!("{folder}{slash}{name} ({number})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, want: Result<&str, BadName>) {
        assert_eq!(clean(name), want.map(str::to_owned), "{name:?}");
    }

    #[test]
    fn a_name_is_cleaned_without_being_changed() {
        check("Takeout/Mail/a.mbox", Ok("Takeout/Mail/a.mbox"));
        check("./Takeout//a/./b", Ok("Takeout/a/b"));
        check("Fotos de /x ", Ok("Fotos de /x "));
        check("CON/a.", Ok("CON/a."));
        check("a..b/..c", Ok("a..b/..c"));
        check("C:x", Ok("C:x"));
    }

    #[test]
    fn a_name_that_leads_out_is_refused() {
        check("../etc/passwd", Err(BadName::Climbs));
        check("a/../../b", Err(BadName::Climbs));
        check("a/..", Err(BadName::Climbs));
        check("/etc/passwd", Err(BadName::Absolute));
        check("C:/Windows", Err(BadName::Absolute));
        check("c:\\Windows/x", Err(BadName::Absolute));
        check("./C:/Windows", Err(BadName::Absolute));
        check("\\\\server/share", Err(BadName::Absolute));
        check("a\0b", Err(BadName::Nul));
        check("", Err(BadName::Empty));
        check("./.", Err(BadName::Empty));
    }

    #[test]
    fn names_that_are_not_utf8_are_what_their_time_wrote() {
        assert_eq!(CP437_HIGH.chars().count(), 128);
        assert_eq!(decode_zip(b"\x81ber.txt"), "über.txt");
        assert_eq!(decode_zip("über.txt".as_bytes()), "über.txt");
        assert_eq!(decode_zip(b"\xff"), "\u{a0}");
        assert_eq!(decode(b"caf\xe9"), "café");
    }

    #[test]
    fn backslashes_separate_only_when_nothing_else_does() {
        assert_eq!(with_slashes("a\\b\\c".into()), "a/b/c");
        assert_eq!(with_slashes("a/b\\c".into()), "a/b\\c");
    }

    #[test]
    fn messages_show_no_control_characters() {
        assert_eq!(printable("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\u{a}");
        assert_eq!(printable("a\u{202e}gpj.exe"), "a\\u{202e}gpj.exe");
        assert_eq!(printable("é ü"), "é ü");
    }

    #[test]
    fn the_number_stands_before_the_extension() {
        assert_eq!(numbered("a/b.txt", 2), "a/b (2).txt");
        assert_eq!(numbered("b", 3), "b (3)");
        assert_eq!(numbered("a.d/.hidden", 2), "a.d/.hidden (2)");
    }
}
