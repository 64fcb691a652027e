//! A note as Markdown with YAML front matter.

use exodus_api::front_matter;
use serde_json::Map;

use super::note::Note;
use crate::shared::markdown::{self, in_brackets};

/// The name of its file without `.md`: its title's first line, else that of the file it came in.
pub fn file_stem(note: &Note, stem: &str) -> String {
    let name = markdown::file_stem(&note.title, stem);
    if name.is_empty() { "note".to_owned() } else { name }
}

/// The note as a file: facts, title, text or checklist, attachments, links. Its text stands as it is, since notes
/// are often written in Markdown anyway.
pub fn written(note: &Note, attachments: &[String]) -> String {
    let mut facts = Map::new();
    if !note.title.is_empty() {
        facts.insert("title".to_owned(), note.title.clone().into());
    }
    facts.extend(note.facts(&[]).into_iter().filter(|(name, _)| name != "links"));
    let mut out = front_matter::written(&facts);
    if !note.text.is_empty() {
        out.push_str(note.text.trim_end());
        out.push_str("\n\n");
    }
    for (is_checked, text) in &note.items {
        let mark = if *is_checked { 'x' } else { ' ' };
        // A line break inside an item must not end the list.
        let text = text.trim_end().replace('\n', "\n  ");
        out.push_str(&format!("- [{mark}] {text}\n"));
    }
    if !note.items.is_empty() {
        out.push('\n');
    }
    for path in attachments {
        let bang = if is_picture(path) { "!" } else { "" };
        let name = path.rsplit('/').next().unwrap_or(path);
        out.push_str(&format!("{bang}[{}](<{path}>)\n", in_brackets(name)));
    }
    if !attachments.is_empty() {
        out.push('\n');
    }
    for (title, url) in &note.links {
        let title = if title.is_empty() { url } else { title };
        let url = url.replace(['<', '>', '\n', ' '], "");
        out.push_str(&format!("- [{}](<{url}>)\n", in_brackets(title)));
    }
    let len = out.trim_end().len();
    out.truncate(len);
    out.push('\n');
    out
}

fn is_picture(path: &str) -> bool {
    let path = path.to_lowercase();
    [".png", ".jpg", ".jpeg", ".gif", ".webp"].iter().any(|end| path.ends_with(end))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// The value of a fact of front matter.
    fn fact(text: &str, name: &str) -> Option<Value> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))?;
        serde_json::from_str(line).ok()
    }

    #[test]
    fn a_checklist_is_a_task_list_with_attachments_and_links_below() {
        let note = Note {
            title: "Boat: \"list\"".into(),
            items: vec![(true, "paint".into()), (false, "two\nlines".into())],
            labels: vec!["Hafen".into()],
            links: vec![("A [b]".into(), "https://example.org/".into())],
            color: "red".into(),
            is_pinned: true,
            created_us: Some(1_690_514_400_000_000),
            ..Note::default()
        };
        let text = written(&note, &["attachments/1.jpg".into(), "attachments/2.3gp".into()]);
        let body = text.split("---\n\n").nth(1).expect("front matter and a body");
        assert_eq!(
            body,
            "- [x] paint\n- [ ] two\n  lines\n\n![1.jpg](<attachments/1.jpg>)\n[2.3gp](<attachments/2.3gp>)\n\n\
            - [A \\[b\\]](<https://example.org/>)\n"
        );
        assert_eq!(fact(&text, "title"), Some("Boat: \"list\"".into()));
        assert_eq!(fact(&text, "created"), Some("2023-07-28T03:20:00Z".into()));
        assert_eq!(fact(&text, "pinned"), Some(true.into()));
        assert_eq!(fact(&text, "color"), Some("red".into()));
        assert_eq!(fact(&text, "archived"), None);
    }

    #[test]
    fn a_note_is_named_after_its_title_or_its_file() {
        let name = |title: &str| file_stem(&Note { title: title.into(), ..Note::default() }, "2018-05-10");
        assert_eq!(name("a/b\nc"), "a_b");
        assert_eq!(name(""), "2018-05-10");
        assert_eq!(name("..."), "note");
    }
}
