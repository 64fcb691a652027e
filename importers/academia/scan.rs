//! Finds JSON objects inside pages: a scanner that counts braces and knows strings, for scripts of any form.
//!
//! A regular expression up to the end of the line, as others use it, fails on saves that were minified or written anew.

use std::borrow::Cow;

use serde_json::Value;

use crate::shared::html;
use crate::shared::json_mended;

/// The objects that follow a marker: `workJSON`, then any of `"`, `'`, `:`, `=`, `(` and blanks, then `{`. Copies whose signs are written as
/// character references (`&quot;`), as in attributes, are read as well.
/// One that breaks off or is no JSON is `None`.
pub fn objects(page: &str, marker: &str) -> Vec<Option<Value>> {
    let mut found = Vec::new();
    for (at, _) in page.match_indices(marker) {
        let rest = &page[at + marker.len()..];
        let head_len = rest.len().min(64);
        let head = &rest[..(0..=head_len).rev().find(|cut| rest.is_char_boundary(*cut)).unwrap_or(0)];
        let text: Cow<str> = if decoded_start(head) { first_decoded(rest) } else { Cow::Borrowed(rest) };
        let start =
            text.trim_start_matches(|letter: char| letter.is_whitespace() || "\"':=(&;\\".contains(letter));
        if start.starts_with('{') {
            found.push(object(start).and_then(|object| json_mended::parse(object.as_bytes()).ok()));
        }
    }
    found
}

/// True if an object begins here whose quotes are character references.
fn decoded_start(head: &str) -> bool {
    head.find('{').is_some_and(|at| {
        head[at + 1..].trim_start().starts_with("&quot;") || head[at + 1..].trim_start().starts_with("&#34;")
    })
}

/// The text up to the end of the attribute or element that it stands in, decoded.
fn first_decoded(rest: &str) -> Cow<'_, str> {
    let end = rest.find(['"', '<']).unwrap_or(rest.len());
    Cow::Owned(html::decoded(&rest[..end]))
}

/// The object that the text begins with, to its last brace; `None` if it begins with none or breaks off.
pub fn object(text: &str) -> Option<&str> {
    if !text.starts_with('{') {
        return None;
    }
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_string => is_escaped = true,
            b'"' => in_string = !in_string,
            b'{' if !in_string => depth += 1,
            b'}' if !in_string => {
                depth -= 1;
                if depth == 0 {
                    return Some(&text[..=at]);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn objects_are_found_in_scripts_of_any_form() {
        let wanted = json!({"id": 1, "title": "a } \" </script> ü", "n": {"k": []}});
        let text = r#"{"id":1,"title":"a } \" <\/script> \u00fc","n":{"k":[]}}"#;
        let escaped = text.replace('"', "&quot;").replace('<', "&lt;");
        for page in [
            format!("<script>f({{ workJSON: {text},\n b: 1 }})</script>"),
            format!("<script>{{\"workJSON\":{text}}}</script>"),
            format!("<div data-x=\"{{ workJSON: {escaped}, x }}\">workJSON: nothing"),
        ] {
            assert_eq!(objects(&page, "workJSON"), [Some(wanted.clone())], "{page}");
        }
        assert_eq!(objects("User.set_viewed({\"id\":2});", ".set_viewed"), [Some(json!({"id": 2}))]);
    }

    #[test]
    fn what_breaks_off_is_no_object() {
        let page = "workJSON: {\"a\": \"b\"é, {&quot;";
        for cut in (0..page.len()).filter(|cut| page.is_char_boundary(*cut)) {
            assert!(objects(&page[..cut], "workJSON").iter().all(Option::is_none));
        }
    }
}
