//! What a JSON file of Meta's is by its beginning: a bare list, or an object whose first key tells.

use exodus_api::{Entry, Source};
use std::io::Read;

/// How much of a file is looked at.
const HEAD_BYTES: u64 = 8 << 10;

/// The shape of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// True for a list of records.
    pub is_list: bool,
    /// The first key of the object, or of the first record of the list, without the number of a version (`friends_v2`).
    pub key: String,
    /// The beginning of the file.
    pub head: String,
}

impl Shape {
    /// The shape of a file; `None` if it is neither a list nor an object.
    pub fn of(source: &dyn Source, entry: &Entry) -> Option<Shape> {
        Shape::of_head(&head(source, entry, HEAD_BYTES))
    }

    fn of_head(head: &[u8]) -> Option<Shape> {
        let text = String::from_utf8_lossy(head).into_owned();
        let rest = text.trim_start_matches('\u{feff}').trim_start();
        let (is_list, rest) = match rest.strip_prefix('[') {
            Some(rest) => (true, rest.trim_start()),
            None => (false, rest),
        };
        let key = rest.strip_prefix('{').map(str::trim_start).and_then(|rest| rest.strip_prefix('"'));
        let key = key.and_then(|rest| rest.split('"').next()).unwrap_or_default();
        let key = without_version(key).to_owned();
        (is_list || rest.starts_with('{')).then_some(Shape { is_list, key, head: text })
    }

    /// True if the beginning has such a key.
    pub fn has(&self, key: &str) -> bool {
        self.head.contains(&format!("\"{key}\""))
    }
}

/// A key without the number of its version: `friends` of `friends_v2`.
pub fn without_version(key: &str) -> &str {
    match key.rsplit_once("_v") {
        Some((name, digits)) if !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit()) => name,
        _ => key,
    }
}

/// The first bytes of an entry. One that cannot be read is reported where it is imported.
pub fn head(source: &dyn Source, entry: &Entry, len_bytes: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(reader) = source.open(entry) {
        let _ = reader.take(len_bytes).read_to_end(&mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(bool, &str)>) {
        let shape = Shape::of_head(text.as_bytes());
        assert_eq!(shape.as_ref().map(|shape| (shape.is_list, &*shape.key)), expected, "{text}");
    }

    #[test]
    fn a_file_is_known_by_its_first_key() {
        check(r#"{"ig_stories": [{"uri":"#, Some((false, "ig_stories")));
        check("\u{feff} [\n {\"media\":[", Some((true, "media")));
        check(r#"{"friends_v2":[]}"#, Some((false, "friends")));
        check("[]", Some((true, "")));
        check("[\"You have no data in this section\"]", Some((true, "")));
        check("{}", Some((false, "")));
        check("<html>", None);
        check("", None);
        assert_eq!(without_version("group_vault"), "group_vault");
    }
}
