//! The text of a page of a PDF, line by line.
//!
//! lopdf decodes the letters. Its own extraction joins lines wherever a program moves to the next one by `Td` or `Tm`, as TeX does:
//! no title would be found behind the name of a journal.

use std::collections::BTreeMap;

use lopdf::content::{Content, Operation};
use lopdf::{Document, Encoding, Object, ObjectId};

/// In thousandths of a letter's height: a wider gap between letters is a blank.
const BLANK: f32 = -180.0;

/// The text of a page; what cannot be read of it is left out. Nothing is unpacked beyond `limit_bytes`.
pub fn of_page(document: &Document, page: ObjectId, limit_bytes: usize) -> String {
    let fonts = document.get_page_fonts(page).unwrap_or_default();
    let encodings: BTreeMap<Vec<u8>, Encoding> = fonts
        .into_iter()
        .filter_map(|(name, font)| {
            Some((name, font.get_font_encoding_with_limit(document, limit_bytes).ok()?))
        })
        .collect();
    let Ok(content) = document.get_page_content_with_limit(page, limit_bytes) else { return String::new() };
    let Ok(content) = Content::decode(&content) else { return String::new() };
    let mut lines = Lines::default();
    let mut encoding = None;
    for operation in &content.operations {
        match operation.operator.as_str() {
            "Tf" => encoding = operation.operands.first().and_then(|it| encodings.get(it.as_name().ok()?)),
            "Tj" | "TJ" | "'" | "\"" => lines.show(operation, encoding),
            "Td" | "TD" => lines.moved(number(operation, 1) != 0.0),
            "T*" | "ET" => lines.moved(true),
            "Tm" => lines.placed(number(operation, 5)),
            _ => {}
        }
    }
    lines.text
}

#[derive(Default)]
struct Lines {
    text: String,
    /// Where the last line was placed.
    height: Option<f32>,
}

impl Lines {
    fn show(&mut self, operation: &Operation, encoding: Option<&Encoding>) {
        let Some(encoding) = encoding else { return };
        if matches!(operation.operator.as_str(), "'" | "\"") {
            self.moved(true);
        }
        for operand in &operation.operands {
            match operand {
                Object::Array(pieces) => pieces.iter().for_each(|piece| self.piece(piece, encoding)),
                // Before the text of `"` stand two numbers.
                Object::String(..) => self.piece(operand, encoding),
                _ => {}
            }
        }
    }

    fn piece(&mut self, piece: &Object, encoding: &Encoding) {
        match piece {
            Object::String(bytes, _) => {
                if let Ok(text) = Document::decode_text(encoding, bytes) {
                    self.text.push_str(&text);
                }
            }
            gap if gap.as_float().is_ok_and(|gap| gap < BLANK) => self.moved(false),
            _ => {}
        }
    }

    fn moved(&mut self, is_line: bool) {
        if !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
            self.text.push(if is_line { '\n' } else { ' ' });
        }
    }

    fn placed(&mut self, height: f32) {
        let is_line = self.height.replace(height) != Some(height);
        self.moved(is_line);
    }
}

fn number(operation: &Operation, at: usize) -> f32 {
    operation.operands.get(at).and_then(|it| it.as_float().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::academia::pdf;

    #[test]
    fn lines_and_words_stay_apart() {
        let bytes = exodus_fixtures::scholar::pdf("", "A first líne\nand a second", true);
        let read = pdf::read(&bytes).expect("it is a PDF");
        assert_eq!(
            (read.text.trim_end(), read.n_pages, read.has_cover),
            ("A first líne\nand a second", 1, true)
        );
        let mut lines = Lines::default();
        lines.text.push_str("one");
        lines.placed(700.0);
        lines.text.push_str("two");
        lines.placed(700.0);
        lines.text.push_str("three");
        lines.moved(true);
        assert_eq!(lines.text, "one\ntwo three\n");
    }
}
