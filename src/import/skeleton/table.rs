//! The structure of CSV: how many columns, what stands in them, and their names where the first line holds names.

use std::io::{BufRead, BufReader, Read};

use serde_json::{Value, json};

use super::words::{class, form};

/// Longer lines are no table.
const LINE_LIMIT_BYTES: u64 = 64 << 10;
/// So many lines are looked at.
const LINES: usize = 200;

/// The columns of a table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    head: Vec<String>,
    rows: u64,
    numeric: Vec<bool>,
}

impl Table {
    /// Adds what a file holds. Of several files the first tells the names.
    pub fn read(&mut self, reader: impl Read) -> bool {
        if !self.head.is_empty() {
            return true;
        }
        let mut reader = BufReader::new(reader);
        for n in 0..LINES {
            let mut line = Vec::new();
            match (&mut reader).take(LINE_LIMIT_BYTES).read_until(b'\n', &mut line) {
                Ok(0) => return true,
                Err(_) => return false,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line);
            let cells = cells(text.trim_start_matches('\u{feff}').trim_end());
            if n == 0 {
                self.numeric = vec![true; cells.len()];
                self.head = cells;
                continue;
            }
            self.rows += 1;
            for (column, numeric) in self.numeric.iter_mut().enumerate() {
                *numeric &= cells.get(column).is_some_and(|cell| cell.contains(|c: char| c.is_ascii_digit()));
            }
        }
        true
    }

    /// The columns. The first line is shown word for word only when it surely holds names and no values: it has no
    /// digit and no sign of an address, and below one of its words there are numbers in every line.
    pub fn to_json(&self, is_own: &dyn Fn(&str) -> bool) -> Value {
        let is_word = |cell: &String| {
            !cell.is_empty()
                && cell.len() <= 40
                && !cell.contains(|c: char| c.is_numeric() || "@/\\".contains(c))
        };
        let is_head = self.rows > 1 && self.head.iter().all(is_word) && self.numeric.contains(&true);
        let column = |(name, numeric): (&String, &bool)| {
            let name = if is_head || is_own(name) { name.clone() } else { form(name) };
            json!({"name": name, "holds": if *numeric && self.rows > 0 { "digits" } else { "text" }})
        };
        let columns: Vec<Value> = self.head.iter().zip(&self.numeric).take(100).map(column).collect();
        json!({"columns": columns, "rows": class(self.rows)})
    }
}

/// The cells of a line. One that goes on in the next line ends here: only its structure counts.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut is_quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '"' => is_quoted = !is_quoted,
            ',' if !is_quoted => cells.push(String::new()),
            c => cells.last_mut().expect("there is always one").push(c),
        }
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, wanted: &[&str]) {
        let mut table = Table::default();
        assert!(table.read(text.as_bytes()));
        let told = table.to_json(&|_| false);
        let names: Vec<&str> =
            told["columns"].as_array().expect("a list").iter().filter_map(|it| it["name"].as_str()).collect();
        assert_eq!(names, wanted, "{text}");
    }

    #[test]
    fn names_of_columns_are_shown_only_when_they_surely_are_names() {
        check("Title,Time\nBoats,2024\nAda,2025\n", &["Title", "Time"]);
        check("Ada,Boats\nBen,Cats\nZoe,Dogs\n", &["Aaa", "Aaaaa"]);
        check("Ada,2023\nBen,2024\nZoe,2025\n", &["Aaa", "9999"]);
        check("ada@example.org,Ada\n1,1\n2,2\n", &["aaa@aaaaaaa.aaa", "Aaa"]);
        check("\"a, b\"\n", &["a, a"]);
    }
}
