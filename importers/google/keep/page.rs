//! A note, as its page tells it: the only form before about 2018, and what is left of a note whose JSON is broken.
//!
//! Elements are known by their classes (`note`, `heading`, `title`, `content`, `listitem`, `label-name`), which are the
//! same in every language (pages of 2014 to 2024 in other importers' tests); words and dates are not read.

use super::note::Note;
use crate::shared::html::{self, Element, Step};

/// The note of a page; `None` if the page is none of Keep's.
pub fn read(html: &str) -> Option<Note> {
    let mut page = Page::default();
    html::walk(html, &mut |open, step| page.step(open, &step));
    page.finish()
}

#[derive(Default)]
struct Page {
    note: Note,
    is_note: bool,
    heading: String,
    label: String,
    link: Option<(String, String)>,
}

/// What the text of an element belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Title,
    Heading,
    Item,
    Text,
    Label,
    Nothing,
}

fn part(open: &[Element]) -> Part {
    let inside = |class: &str| open.iter().any(|element| element.has_class(class));
    if !inside("note") {
        Part::Nothing
    } else if inside("label-name") {
        Part::Label
    } else if inside("chips") || inside("attachments") || inside("bullet") || inside("sharees") {
        Part::Nothing
    } else if inside("title") {
        Part::Title
    } else if inside("listitem") {
        Part::Item
    } else if inside("content") {
        Part::Text
    } else if inside("heading") {
        Part::Heading
    } else {
        Part::Nothing
    }
}

impl Page {
    fn step(&mut self, open: &[Element], step: &Step) {
        let Some(element) = open.last() else { return };
        match step {
            Step::Open => self.open(open, element),
            Step::Text(text) => self.text(part(open), text),
            Step::Close => {
                let is_paragraph =
                    matches!(element.name.as_str(), "p" | "div") && element.attributes.is_empty();
                if element.has_class("label-name") {
                    let label = std::mem::take(&mut self.label).trim().to_owned();
                    self.note.labels.extend(Some(label).filter(|label| !label.is_empty()));
                } else if element.name == "p" || is_paragraph {
                    self.text(part(open), "\u{2029}");
                }
                if element.name == "a" {
                    self.note.links.extend(self.link.take());
                }
            }
        }
    }

    fn open(&mut self, open: &[Element], element: &Element) {
        if element.has_class("note") {
            self.is_note = true;
            let classes = element.attribute("class").unwrap_or_default().split_ascii_whitespace();
            let is_color =
                |class: &&str| *class != "DEFAULT" && class.bytes().all(|byte| byte.is_ascii_uppercase());
            self.note.color = classes.into_iter().find(is_color).unwrap_or_default().to_lowercase();
        }
        if element.has_class("listitem") {
            self.note.items.push((element.has_class("checked"), String::new()));
        }
        self.note.is_archived |= element.has_class("archived");
        self.note.is_trashed |= element.has_class("trashed");
        self.note.is_pinned |= element.has_class("pinned");
        let is_in = |class: &str| open.iter().any(|element| element.has_class(class));
        match element.name.as_str() {
            "br" => self.text(part(open), "\u{2029}"),
            "img" | "audio" | "source" if is_in("note") => self.attach(element.attribute("src")),
            "a" if is_in("attachments") => self.attach(element.attribute("href")),
            "a" if is_in("annotation") || element.has_class("annotation") => {
                let url = element.attribute("href").unwrap_or_default();
                self.link = Some((String::new(), url.to_owned())).filter(|_| !url.is_empty());
            }
            _ => {}
        }
    }

    fn attach(&mut self, source: Option<&str>) {
        let Some(source) = source.filter(|source| !source.contains(':') && !source.is_empty()) else {
            return;
        };
        if !self.note.attachments.iter().any(|known| known == source) {
            self.note.attachments.push(source.to_owned());
        }
    }

    fn text(&mut self, part: Part, text: &str) {
        // Line breaks of the source are blanks; those that are meant come as a mark.
        let text = text.replace(['\n', '\r', '\t'], " ").replace('\u{2029}', "\n");
        if let Some((title, _)) = &mut self.link {
            title.push_str(text.trim());
        }
        match part {
            Part::Title => self.note.title.push_str(&text),
            Part::Heading => self.heading.push_str(&text),
            Part::Text => self.note.text.push_str(&text),
            Part::Label => self.label.push_str(&text),
            Part::Item => {
                if let Some((_, item)) = self.note.items.last_mut() {
                    item.push_str(&text);
                }
            }
            Part::Nothing => {}
        }
    }

    fn finish(mut self) -> Option<Note> {
        let note = &mut self.note;
        note.title = note.title.trim().to_owned();
        note.items.iter_mut().for_each(|(_, text)| *text = text.trim().to_owned());
        note.text = note.text.trim_end().trim_start_matches([' ', '\n']).to_owned();
        note.dated = Some(self.heading.split_whitespace().collect::<Vec<&str>>().join(" "));
        note.dated = note.dated.take().filter(|dated| !dated.is_empty());
        let has_content = !note.title.is_empty()
            || !note.text.is_empty()
            || !note.items.is_empty()
            || !note.attachments.is_empty();
        (self.is_note && has_content).then_some(self.note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_title_text_labels_and_attachments() {
        let note = read(
            "<html><head><title>x</title><style>.note {}</style></head><body><div class=\"note YELLOW\">\n\
            <div class=\"heading\"><div class=\"meta-icons\"><span class=\"archived\" title=\"Archiviert\"></span></div>\n\
            03.03.2017, 17:00:00</div>\n<div class=\"title\">Boot &amp; Hafen</div>\n\
            <div class=\"content\">erste Zeile<br>zweite\nZeile</div>\n\
            <div class=\"attachments\"><ul><li><img alt=\"\" src=\"1.2.png\" /></li><li><img src=\"data:image/png;base64,AA\"></li></ul></div>\n\
            <div class=\"chips\"><span class=\"chip label\"><span class=\"label-name\">Hafen</span> </span>\
            <a class=\"annotation\" href=\"https://example.org/\"><span class=\"text\">Example</span></a></div></div></body></html>",
        )
        .expect("a note");
        let expected = Note {
            title: "Boot & Hafen".into(),
            text: "erste Zeile\nzweite Zeile".into(),
            labels: vec!["Hafen".into()],
            attachments: vec!["1.2.png".into()],
            links: vec![("Example".into(), "https://example.org/".into())],
            color: "yellow".into(),
            is_archived: true,
            dated: Some("03.03.2017, 17:00:00".into()),
            ..Note::default()
        };
        assert_eq!(note, expected);
    }

    #[test]
    fn a_page_tells_a_checklist_and_paragraphs() {
        let note = read(
            "<div class=\"note\"><div class=\"content\"><ul class=\"list\"><li class=\"listitem checked\"><span class=\"bullet\">&#9745;</span>\
            <span class=\"text\">milk</span></li><li class=\"listitem\"><span class=\"bullet\">&#9744;</span>\n<span class=\"text\">two<br>lines</span></li></ul></div></div>",
        );
        assert_eq!(note.expect("a note").items, [(true, "milk".into()), (false, "two\nlines".into())]);
        let note = read(
            "<div class=\"note\"><div class=\"content\"><p dir=\"ltr\"><span>a</span></p><p>b</p></div></div>",
        );
        assert_eq!(note.expect("a note").text, "a\nb");
        assert_eq!(read("<div class=\"content\">a page of something else</div>"), None);
    }
}
