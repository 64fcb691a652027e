//! File names compared as people mean them: whatever the Unicode form, the kind of blank or the case.

use unicode_normalization::UnicodeNormalization;

/// The form in which names are compared: NFC, lower case, every blank a space, none at the ends.
pub fn folded(name: &str) -> String {
    let blank_to_space = |letter: char| if letter.is_whitespace() { ' ' } else { letter };
    // ASCII is in NFC; looking that up costs more than all the rest.
    let composed: String = match name.is_ascii() {
        true => name.chars().map(blank_to_space).collect(),
        false => name.nfc().map(blank_to_space).collect(),
    };
    composed.trim().to_lowercase()
}

/// True for by-products of operating systems: `__MACOSX/`, `._x`, `.DS_Store`, `Thumbs.db`, `desktop.ini`.
pub fn is_system_junk(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.split('/').any(|folder| folder == "__MACOSX")
        || name.starts_with("._")
        || matches!(name, ".DS_Store" | "Thumbs.db" | "desktop.ini")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_equal_when_people_call_them_equal() {
        assert_eq!(folded("YouTube et YouTube\u{a0}Music"), folded("youtube et youtube music "));
        assert_eq!(folded("Entwu\u{308}rfe"), folded("ENTWÜRFE"));
    }

    #[test]
    fn junk_is_known_by_its_name() {
        assert!(is_system_junk("__MACOSX/Takeout/a.txt"));
        assert!(is_system_junk("Takeout/Drive/._a.txt"));
        assert!(is_system_junk("Takeout/.DS_Store"));
        assert!(!is_system_junk("Takeout/Drive/.a"));
    }
}
