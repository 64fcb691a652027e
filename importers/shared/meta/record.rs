//! One record of a page: heading, rows, texts, files and date, by classes and never by words.

use super::tree;
use crate::shared::html::{self, Element, Step};
use crate::shared::localized_date;

/// One record, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// Its heading: a caption, a name, who sent a message.
    pub title: String,
    /// Labels and values of its tables.
    pub rows: Vec<Row>,
    /// What else stands in it, block by block.
    pub texts: Vec<String>,
    /// What it links to on the web.
    pub links: Vec<String>,
    /// The files of the export that it refers to, each once.
    pub media: Vec<String>,
    /// Reactions, as they are shown.
    pub reactions: Vec<String>,
    /// Its date, as it is shown.
    pub dated: String,
}

/// A row of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// What stands before, in the language of the account.
    pub label: String,
    /// What stands behind.
    pub value: String,
    /// Where it links to.
    pub href: String,
}

/// Reads a record.
pub fn read(html: &str) -> Record {
    let mut reading = Reading::default();
    html::walk(html, &mut |open, step| reading.step(open, &step));
    reading.flush(Room::Body);
    let mut record = reading.record;
    record.title = record.title.trim().to_owned();
    // Where no class says which it is, the date is the last text that is one.
    if record.dated.is_empty()
        && let Some(at) = record.texts.iter().rposition(|it| localized_date::wall_clock_seconds(it).is_some())
    {
        record.dated = record.texts.remove(at);
    }
    record
}

/// What a text belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    Title,
    Row(usize),
    Reaction,
    Date,
    Body,
}

#[derive(Default)]
struct Reading {
    record: Record,
    text: String,
    /// The row of each table row that is open, with how many elements are open above it.
    rows: Vec<(usize, usize)>,
    seen: std::collections::HashSet<String>,
}

impl Reading {
    fn step(&mut self, open: &[Element], step: &Step) {
        let Some(last) = open.last() else { return };
        let is_block = matches!(
            last.name.as_str(),
            "div"
                | "td"
                | "th"
                | "tr"
                | "table"
                | "h1"
                | "h2"
                | "h3"
                | "li"
                | "ul"
                | "p"
                | "section"
                | "footer"
                | "header"
        );
        match step {
            Step::Text(text) => self.text.push_str(&text.replace(['\n', '\r'], " ")),
            Step::Open if last.name == "br" => self.text.push('\n'),
            Step::Open | Step::Close if is_block => {
                // What was read so far belongs to the element around this one; at its end to this one.
                let around = if *step == Step::Open { &open[..open.len() - 1] } else { open };
                self.flush(self.room(around));
                match step {
                    Step::Open if last.name == "tr" => {
                        self.rows.push((self.record.rows.len(), open.len()));
                        self.record.rows.push(Row::default());
                    }
                    Step::Close if last.name == "tr" => {
                        self.rows.pop();
                    }
                    _ => {}
                }
            }
            Step::Open => self.refer(last),
            Step::Close => {}
        }
    }

    fn room(&self, open: &[Element]) -> Room {
        let has = |classes: &[&str]| open.iter().any(|it| classes.iter().any(|class| it.has_class(class)));
        let is_named = |names: &[&str]| open.iter().any(|it| names.contains(&it.name.as_str()));
        match self.rows.last() {
            Some((row, depth)) if open.len() >= *depth => Room::Row(*row),
            _ if has(&["_a6-o", "_2lem", "_a72d"]) || is_named(&["footer"]) => Room::Date,
            _ if has(&["_a6-h", "_2lek", "_2lel"]) || is_named(&["h2", "h3"]) => Room::Title,
            _ if is_named(&["ul"]) => Room::Reaction,
            _ => Room::Body,
        }
    }

    fn flush(&mut self, room: Room) {
        let text = folded_lines(&std::mem::take(&mut self.text));
        if text.is_empty() {
            return;
        }
        let record = &mut self.record;
        match room {
            Room::Title if record.title.is_empty() => record.title = text,
            Room::Title => record.title = format!("{}\n{text}", record.title),
            Room::Date if record.dated.is_empty() => record.dated = text,
            Room::Reaction => record.reactions.push(text),
            Room::Row(row) => {
                let row = &mut record.rows[row];
                match (row.label.is_empty(), row.value.is_empty()) {
                    (true, _) => row.label = text,
                    (false, true) => row.value = text,
                    (false, false) => row.value = format!("{}\n{text}", row.value),
                }
            }
            Room::Date | Room::Body => record.texts.push(text),
        }
    }

    /// Takes what an element refers to.
    fn refer(&mut self, element: &Element) {
        let uri = match element.name.as_str() {
            "a" => element.attribute("href"),
            "img" | "video" | "audio" | "source" => element.attribute("src"),
            _ => None,
        };
        let Some(uri) = uri.filter(|uri| !uri.is_empty() && !uri.starts_with('#')) else { return };
        if let Some(path) = tree::reference(uri) {
            if self.seen.insert(path) {
                self.record.media.push(uri.to_owned());
            }
            return;
        }
        if !uri.starts_with("http") {
            return;
        }
        if let Some((row, _)) = self.rows.last() {
            self.record.rows[*row].href = uri.to_owned();
        }
        if self.seen.insert(uri.to_owned()) {
            self.record.links.push(uri.to_owned());
        }
    }
}

/// A text with every blank a space and no two beside each other.
pub fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The same line by line, without empty lines at the ends.
fn folded_lines(text: &str) -> String {
    text.split('\n').map(folded).collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POST: &str = "<div class=\"pam _3-95 _2ph- _a6-g uiBoxWhite noborder\"><h2 class=\"_3-95 _2pim _a6-h _a6-i\">A &amp; B<br>c</h2>\
        <div class=\"_3-95 _a6-p\"><div><a href=\"media/posts/202207/a.webp\"><img src=\"media/posts/202207/a.webp\" class=\"_a6_o _3-96\"/></a>\
        <table><tr><td class=\"_2pin _a6_q\">Latitud<div><div class=\"_a6-q\">41.15</div></div></td></tr>\
        <tr><td class=\"_a6_q\">Longitud</td><td class=\"_2piu _a6_r\">-8.61</td></tr></table></div></div>\
        <div class=\"_3-94 _a6-o\">jul. 26, 2022 9:45 pm</div></div>";
    const FOLLOWER: &str = "<div class=\"pam uiBoxWhite noborder\"><div class=\"_a6-p\"><div><div><a target=\"_blank\" \
        href=\"https://www.instagram.com/ana\">ana</a></div><div>Dec 23, 2025 12:16 pm</div></div></div></div>";

    #[test]
    fn a_record_gives_heading_rows_files_and_date() {
        let record = read(POST);
        assert_eq!((&*record.title, &*record.dated), ("A & B\nc", "jul. 26, 2022 9:45 pm"));
        assert_eq!(record.media, ["media/posts/202207/a.webp"]);
        let rows: Vec<(&str, &str)> = record.rows.iter().map(|row| (&*row.label, &*row.value)).collect();
        assert_eq!(rows, [("Latitud", "41.15"), ("Longitud", "-8.61")]);
        let record = read(FOLLOWER);
        assert_eq!(
            (record.links, record.texts),
            (vec!["https://www.instagram.com/ana".into()], vec!["ana".into()])
        );
        assert_eq!(record.dated, "Dec 23, 2025 12:16 pm");
    }

    #[test]
    fn a_message_gives_sender_words_and_reactions() {
        let record = read(
            "<section class=\"uiBoxWhite noborder\"><h2>Ben Example</h2><div class=\"_3-95 _a6-p\"><div><div></div><div>hola 🌊</div>\
            <div><ul class=\"_a6-q\"><li><span>❤Ada Example<span> (Dec 28, 2020 6:56 am)</span></span></li></ul></div></div></div>\
            <footer class=\"_3-94 _a6-o\">Dec 28, 2020 7:20 am</footer></section>",
        );
        assert_eq!(
            (&*record.title, record.texts, &*record.dated),
            ("Ben Example", vec!["hola 🌊".into()], "Dec 28, 2020 7:20 am")
        );
        assert_eq!(record.reactions, ["❤Ada Example (Dec 28, 2020 6:56 am)"]);
    }

    #[test]
    fn broken_records_do_no_harm() {
        for cut in (0..POST.len()).filter(|cut| POST.is_char_boundary(*cut)) {
            read(&POST[..cut]);
            read(&POST[cut..]);
        }
    }
}
