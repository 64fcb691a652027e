//! YAML front matter of Markdown files. Values are written as JSON, which is YAML, so that no text can break out.

use serde_json::{Map, Value};

/// The facts as front matter, in their order, and an empty line after it; nothing if there are none.
pub fn written(facts: &Map<String, Value>) -> String {
    if facts.is_empty() {
        return String::new();
    }
    let lines: String = facts.iter().map(|(name, value)| line(name, value)).collect();
    format!("---\n{lines}---\n\n")
}

/// A line of front matter, with its end.
pub fn line(name: &str, value: &Value) -> String {
    let mut out = format!("{name}: ");
    for letter in value.to_string().chars() {
        // In JSON they may stand as they are; YAML refuses them or breaks the line.
        match letter {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(letter)));
            }
            letter => out.push(letter),
        }
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_breaks_out_of_its_line() {
        let mut facts = Map::new();
        facts.insert("title".to_owned(), "a: \"b\"\n---\nc".into());
        facts.insert("labels".to_owned(), vec!["x, y"].into());
        assert_eq!(written(&facts), "---\nlabels: [\"x, y\"]\ntitle: \"a: \\\"b\\\"\\n---\\nc\"\n---\n\n");
        assert_eq!(written(&Map::new()), "");
        let facts = Map::from_iter([("a".to_owned(), "é\u{9f}\u{2028}🌊".into())]);
        assert_eq!(written(&facts), "---\na: \"é\\u009f\\u2028🌊\"\n---\n\n");
    }
}
