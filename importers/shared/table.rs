//! CSV as exporters write it: rows of any number of cells, one at a time.
//!
//! The caller bounds the size of what it gives: a quote that is never closed makes one row of all that follows.

use std::io::{self, Read};

/// Larger tables are not read: no export's list is.
pub const LIMIT_BYTES: u64 = 64 << 20;

/// A row.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// The line at which it begins, from 1.
    pub line: u64,
    /// Its cells without blanks at their ends.
    pub cells: Vec<String>,
}

/// Reads rows; empty lines are none.
pub struct Rows<R: Read>(csv::Reader<R>);

impl<R: Read> Rows<R> {
    /// The rows of a table, its heads among them.
    pub fn new(reader: R) -> Rows<R> {
        Rows(csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(reader))
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// When it cannot be read on.
    pub fn next_row(&mut self) -> io::Result<Option<Row>> {
        let mut record = csv::ByteRecord::new();
        if !self.0.read_byte_record(&mut record).map_err(io::Error::other)? {
            return Ok(None);
        }
        let line = record.position().map_or(1, csv::Position::line);
        let text =
            |cell: &[u8]| String::from_utf8_lossy(cell).trim_start_matches('\u{feff}').trim().to_owned();
        Ok(Some(Row { line, cells: record.iter().map(text).collect() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_their_lines_and_cells_whatever_is_in_them() {
        let mut rows = Rows::new("\u{feff}a,b\n\n\"x\ny\", \"\"\"\nlast".as_bytes());
        let mut all = Vec::new();
        while let Some(row) = rows.next_row().expect("it can be read") {
            all.push((row.line, row.cells));
        }
        assert_eq!(all[0], (1, vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(all[1].1[0], "x\ny");
        assert_eq!(all.len(), 3);
    }
}
