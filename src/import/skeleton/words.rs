//! Words by their form: `Ada 2024` becomes `Aaa 9999`.

/// Longer names are cut.
const LIMIT_CHARS: usize = 60;

/// A text with every letter and digit replaced by one that tells nothing: `A`, `a`, `9`, and `x` for letters of scripts
/// without capitals. Signs stay, for the form of a name is in them.
pub fn form(text: &str) -> String {
    let letter = |c: char| match c {
        c if c.is_numeric() => '9',
        c if c.is_uppercase() => 'A',
        c if c.is_lowercase() => 'a',
        c if c.is_ascii() || c.is_whitespace() => c,
        _ => 'x',
    };
    text.chars().take(LIMIT_CHARS).map(letter).collect()
}

/// A path with the platform's own names shown, and all others by their form. Depth and extension stay.
pub fn path(path: &str, is_own: &dyn Fn(&str) -> bool) -> String {
    let names =
        path.split('/').map(|name| if is_own(name) { name.to_owned() } else { file_name(name, is_own) });
    names.collect::<Vec<String>>().join("/")
}

fn file_name(name: &str, is_own: &dyn Fn(&str) -> bool) -> String {
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if is_extension(extension) => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let numberless = stem.trim_end_matches(|c: char| c.is_ascii_digit() || "-_() ".contains(c));
    // `Calls-001`: the platform's own name with a number behind it.
    let stem = match is_own(numberless) {
        true => format!("{numberless}{}", form(&stem[numberless.len()..])),
        false => form(stem),
    };
    format!("{stem}{extension}")
}

/// Extensions tell what a file is; anything else behind a dot may be part of a name.
fn is_extension(text: &str) -> bool {
    const KNOWN: &[&str] = &[
        "json", "csv", "tsv", "html", "htm", "txt", "xml", "vcf", "ics", "mbox", "eml", "atom", "kml", "kmz",
        "gpx", "tcx", "geojson", "pdf", "docx", "xlsx", "pptx", "doc", "xls", "ppt", "odt", "ods", "odp",
        "zip", "tgz", "tar", "gz", "jpg", "jpeg", "png", "gif", "webp", "heic", "heif", "dng", "mp4", "mov",
        "webm", "avi", "3gp", "mp3", "m4a", "ogg", "opus", "wav", "amr", "svg", "md", "rtf", "js", "css",
        "pb", "db", "sqlite", "bin",
    ];
    KNOWN.iter().any(|known| text.eq_ignore_ascii_case(known))
}

/// True for a name that a programmer has given to a field: one word of ASCII letters, without a longer number.
pub fn is_field_name(text: &str) -> bool {
    let is_word = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$');
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$');
    is_word && starts && digits <= 2 && text.len() <= 40
}

/// A count by its class: exact numbers may tell something.
pub fn class(n: u64) -> &'static str {
    match n {
        0 => "0",
        1 => "1",
        2..10 => "2-9",
        10..100 => "10-99",
        100..1000 => "100-999",
        1000..100_000 => "1,000-99,999",
        _ => "100,000 or more",
    }
}

/// A size in bytes by its class.
pub fn size_class(bytes: u64) -> &'static str {
    match bytes {
        0 => "empty",
        1..1_000 => "less than 1 kB",
        1_000..10_000 => "less than 10 kB",
        10_000..100_000 => "less than 100 kB",
        100_000..1_000_000 => "less than 1 MB",
        1_000_000..100_000_000 => "less than 100 MB",
        _ => "100 MB or more",
    }
}

/// The words of a fault up to where a value may stand: values come last, in marks or behind a colon.
pub fn without_values(what: &str) -> &str {
    let end = what.find(|c: char| "`\"':(".contains(c) || c.is_ascii_digit()).unwrap_or(what.len());
    what[..end].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_people_are_shown_by_their_form_and_those_of_the_platform_as_they_are() {
        let is_own = |name: &str| ["Takeout", "Calls", "messages.json"].contains(&name);
        for (found, wanted) in [
            ("Takeout/Ada's Ünterlagen 2024.json", "Takeout/Aaa'a Aaaaaaaaaa 9999.json"),
            ("Takeout/Calls-001/messages.json", "Takeout/Calls-999/messages.json"),
            ("Takeout/旅行/a.secret", "Takeout/xx/a.aaaaaa"),
            ("ada@example.org.mbox", "aaa@aaaaaaa.aaa.mbox"),
        ] {
            assert_eq!(path(found, &is_own), wanted);
        }
    }

    #[test]
    fn only_one_plain_word_is_the_name_of_a_field() {
        for name in ["titleUrl", "time_usec", "$id", "_x"] {
            assert!(is_field_name(name), "{name}");
        }
        for name in ["ada@example.org", "Ada Example", "2024", "a1234", "größe", ""] {
            assert!(!is_field_name(name), "{name}");
        }
    }

    #[test]
    fn a_fault_is_told_without_its_values() {
        assert_eq!(
            without_values("the note is not understood: invalid type: string \"Ada\""),
            "the note is not understood"
        );
        assert_eq!(without_values("no date in `Ada`"), "no date in");
    }
}
