//! Placeholders: `{id}` in a manifest stands for what the row says of `id`.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What a URL would take for something else: `ada@uni.example` is one user.
const IN_URL: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'?').add(b'@');

/// Where a text goes decides how values are written into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoting {
    /// As they are.
    None,
    /// Percent-encoded.
    Url,
    /// Quoted for a shell.
    Shell,
}

/// The text with every `{name}` replaced; `{{` and `}}` are braces.
///
/// # Errors
/// When there is no value of that name, or a brace stands alone; says which.
pub fn expand(
    text: &str,
    values: &BTreeMap<String, String>,
    quoting: Quoting,
) -> std::result::Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("{{").or_else(|| rest.strip_prefix("}}")) {
            out.push_str(&rest[..1]);
            rest = after;
            continue;
        }
        let name = rest.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        let Some((name, after)) = name else {
            return Err(format!("a brace stands alone in `{text}`; write {{{{ or }}}} for a brace"));
        };
        let Some(value) = values.get(name.trim()) else {
            let known: Vec<&str> = values.keys().map(String::as_str).collect();
            return Err(format!("`{{{name}}}` is not known here; there are {}", known.join(", ")));
        };
        match quoting {
            Quoting::None => out.push_str(value),
            Quoting::Url => out.extend(utf8_percent_encode(value, IN_URL)),
            Quoting::Shell => out.push_str(&format!("'{}'", value.replace('\'', "'\\''"))),
        }
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_values_as_the_place_needs_them() {
        let values: BTreeMap<String, String> = [("id", "ada"), ("user", "a'da@uni example")]
            .map(|(name, value)| (name.into(), value.into()))
            .into();
        let check = |text, quoting, wanted: Result<&str, &str>| match (expand(text, &values, quoting), wanted)
        {
            (Ok(found), Ok(wanted)) => assert_eq!(found, wanted),
            (Err(found), Err(wanted)) => assert!(found.contains(wanted), "{found}"),
            (found, _) => panic!("{text}: {found:?}"),
        };
        check("a/{id}/{ id }-{{x}}", Quoting::None, Ok("a/ada/ada-{x}"));
        check("sftp://{user}@host/~/{id}", Quoting::Url, Ok("sftp://a'da%40uni%20example@host/~/ada"));
        check("pass show {user}", Quoting::Shell, Ok("pass show 'a'\\''da@uni example'"));
        check("{nobody}", Quoting::None, Err("there are id, user"));
        check("{id", Quoting::None, Err("stands alone"));
        check("id}", Quoting::None, Err("stands alone"));
    }
}
