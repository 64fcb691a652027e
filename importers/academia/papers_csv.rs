//! `papers.csv`, which exodus writes into the archive and reads again once the user has edited it.

use exodus_api::Origin;
use serde_json::{Map, Value};

use super::work::{doi_in, person, set, set_date};

/// A row: what the user says of a paper.
#[derive(Debug)]
pub struct Row {
    /// The key of the item that it is of.
    pub key: String,
    /// The content of its file, BLAKE3; empty if there is none.
    pub blake3: String,
    /// The work that its file is: the platform's number, or the key of a work.
    pub work: String,
    /// Its facts.
    pub facts: Map<String, Value>,
    /// Where it stands.
    pub origin: Origin,
}

/// True for the heads of such a table.
pub fn is_ours(heads: &[String]) -> bool {
    ["key", "blake3", "access"].iter().all(|name| heads.iter().any(|head| head == name))
}

/// Reads a row; an empty cell says nothing.
///
/// # Errors
/// What is wrong with it.
pub fn read(heads: &[String], cells: &[String], origin: Origin) -> Result<Row, String> {
    let mut row =
        Row { key: String::new(), blake3: String::new(), work: String::new(), facts: Map::new(), origin };
    for (head, cell) in heads.iter().zip(cells).filter(|(_, cell)| !cell.is_empty()) {
        match head.as_str() {
            "key" => row.key.clone_from(cell),
            "blake3" => row.blake3.clone_from(cell),
            "work" => row.work.clone_from(cell),
            "date" => set_date(&mut row.facts, cell),
            "doi" => set(&mut row.facts, "doi", doi_in(cell)),
            "authors" | "editors" => {
                let people = cell.split(';').filter(|it| !it.trim().is_empty()).map(person);
                set(&mut row.facts, head, people.filter(|it| !it.is_null()).collect::<Vec<_>>());
            }
            "keywords" => {
                let words = cell.split(';').map(str::trim).filter(|it| !it.is_empty());
                set(&mut row.facts, head, words.map(Value::from).collect::<Vec<_>>());
            }
            "access" if !["public", "on-request", "private"].contains(&cell.as_str()) => {
                return Err(format!(
                    "access is `{}`, which is none of public, on-request, private",
                    short(cell)
                ));
            }
            "title" | "type" | "venue" | "volume" | "issue" | "pages" | "publisher" | "isbn" | "section"
            | "language" | "abstract" | "access" => set(&mut row.facts, head, cell.as_str()),
            _ => {}
        }
    }
    if row.key.is_empty() && row.blake3.is_empty() {
        return Err("this row has neither key nor blake3: it says of which paper it is no more".to_owned());
    }
    Ok(row)
}

fn short(cell: &str) -> String {
    cell.chars().take(40).collect()
}
