//! Names on disk: safe on every system, no two alike on any, and as near to the user's own as that allows.
//!
//! The archive lies on Linux, but it is copied to USB sticks, Macs and web spaces. So a name here holds no
//! character that Windows refuses, is none of its device names, does not end in a dot or a blank, is at most 255
//! bytes long, and differs from its neighbours in more than case or Unicode form.

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick, is_nfkc_quick};

/// No name on disk is longer: the limit of ext4, APFS, NTFS (in UTF-16 units) and most others.
const LIMIT_BYTES: usize = 255;
/// Room for ` (9999)` and for a target's temporary names.
const ROOM_BYTES: usize = 15;

/// Makes every name of a path safe; names that vanish (empty, `.`, `..`) are replaced by `_`.
/// An absolute path becomes a relative one.
pub fn safe_path(path: &str) -> String {
    let names = path.split('/').filter(|name| !name.is_empty());
    let safe: Vec<String> = names.map(safe_name).collect();
    if safe.is_empty() { "_".to_owned() } else { safe.join("/") }
}

/// Makes one name safe.
pub fn safe_name(name: &str) -> String {
    let replace = |letter: char| match letter {
        '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*' => '_',
        letter if letter.is_control() => '_',
        // Characters that change the direction of text make a name read as another (`exe.fdp` for `pdf.exe`).
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => '_',
        letter => letter,
    };
    let mut safe: String = name.chars().map(replace).collect();
    let kept = safe.trim_end_matches(['.', ' ']).len();
    let tail = "_".repeat(safe[kept..].chars().count());
    safe.replace_range(kept.., &tail);
    if is_device(&safe) {
        safe.insert(0, '_');
    }
    if safe.is_empty() {
        safe.push('_');
    }
    shortened(&safe)
}

/// The names of devices on Windows, with or without an extension.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_uppercase();
    match stem.as_str() {
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" => true,
        _ => {
            let number = stem.strip_prefix("COM").or_else(|| stem.strip_prefix("LPT"));
            number.is_some_and(|number| {
                number.len() == 1 && number != "0" && number.as_bytes()[0].is_ascii_digit()
            })
        }
    }
}

/// Cuts a name that is too long, keeps its extension and puts a hash of the whole name in, so that two names that
/// are cut alike stay apart.
fn shortened(name: &str) -> String {
    if name.len() <= LIMIT_BYTES - ROOM_BYTES {
        return name.to_owned();
    }
    let (stem, extension) = split_extension(name);
    let hash = &blake3::hash(name.as_bytes()).to_hex()[..8];
    let room = LIMIT_BYTES - ROOM_BYTES - extension.len() - hash.len() - 1;
    let cut = stem.floor_char_boundary(room);
    format!("{}~{hash}{extension}", &stem[..cut])
}

/// A name as stem and extension (with its dot; empty if there is none of sensible length).
pub fn split_extension(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= 17 => name.split_at(dot),
        _ => (name, ""),
    }
}

/// The form in which two paths are compared: equal for names that some file system cannot keep apart.
pub fn folded(path: &str) -> String {
    if path.is_ascii() {
        // It has but one form.
        return path.to_ascii_lowercase();
    }
    // Most are composed already; asking costs little.
    let lower: String = match is_nfkc_quick(path.chars()) {
        IsNormalized::Yes => path.chars().flat_map(char::to_lowercase).collect(),
        _ => path.nfkc().flat_map(char::to_lowercase).collect(),
    };
    match is_nfc_quick(lower.chars()) {
        IsNormalized::Yes => lower,
        _ => lower.nfc().collect(),
    }
}

/// The n-th choice for a path that is taken: `a/b.txt`, then `a/b (2).txt`, `a/b (3).txt`.
pub fn nth_choice(path: &str, n: u32) -> String {
    if n <= 1 {
        return path.to_owned();
    }
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let (stem, extension) = split_extension(name);
    let slash = if folder.is_empty() { "" } else { "/" };
    format!("{folder}{slash}{stem} ({n}){extension}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_everywhere_and_otherwise_as_they_were() {
        for (name, safe) in [
            ("Budget 2024.xlsx", "Budget 2024.xlsx"),
            ("Grüße – ☯.txt", "Grüße – ☯.txt"),
            ("a:b?.txt", "a_b_.txt"),
            ("trailing. ", "trailing__"),
            ("..", "__"),
            (".", "_"),
            ("", "_"),
            ("CON", "_CON"),
            ("con.txt", "_con.txt"),
            ("COM1.tar.gz", "_COM1.tar.gz"),
            ("COM10", "COM10"),
            ("Console", "Console"),
            ("a\0b\x1b[31m", "a_b_[31m"),
            ("fdp\u{202e}exe", "fdp_exe"),
            (".bashrc", ".bashrc"),
        ] {
            assert_eq!(safe_name(name), safe, "{name:?}");
        }
    }

    #[test]
    fn paths_never_climb() {
        assert_eq!(safe_path("../../etc/passwd"), "__/__/etc/passwd");
        assert_eq!(safe_path("/etc//passwd"), "etc/passwd");
        assert_eq!(safe_path(""), "_");
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let long = format!("{}.docx", "ü".repeat(300));
        let other = format!("{}x.docx", "ü".repeat(300));
        let (long, other) = (safe_name(&long), safe_name(&other));
        assert!(long.len() <= 255 && long.ends_with(".docx"));
        assert_ne!(long, other);
        assert!(nth_choice(&long, 9999).len() <= 255);
    }

    #[test]
    fn names_that_some_disk_cannot_keep_apart_fold_alike() {
        assert_eq!(folded("Re\u{301}sume\u{301}.TXT"), folded("résumé.txt"));
        assert_ne!(folded("a.txt"), folded("b.txt"));
        assert_eq!(nth_choice("x/a.txt", 2), "x/a (2).txt");
        assert_eq!(nth_choice("a", 3), "a (3)");
    }
}
