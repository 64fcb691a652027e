//! Drafts of depositions for Zenodo, one a paper: for its REST API or as notes for its form. Nothing is ever sent.
//!
//! Names and values as in developers.zenodo.org, "Depositions". No licence is set: only the author can choose one.

use std::path::Path;

use serde_json::{Value, json};

use super::paper::{Access, Author, Paper};
use crate::report::error::Result;

/// Writes a draft for every paper that is not a publisher's; returns how many.
///
/// # Errors
/// When one cannot be written.
pub fn write(papers: &[Paper], folder: &Path) -> Result<u64> {
    let mut n = 0;
    for paper in papers.iter().filter(|paper| paper.access != Access::Private) {
        let text = format!("{:#}\n", draft(paper));
        super::written(&folder.join(format!("{}.json", paper.slug)), text.as_bytes())?;
        n += 1;
    }
    Ok(n)
}

fn draft(paper: &Paper) -> Value {
    let (upload, publication) = match paper.of.as_str() {
        "speech" => ("presentation", None),
        "book" => ("publication", Some("book")),
        "chapter" => ("publication", Some("section")),
        "paper-conference" => ("publication", Some("conferencepaper")),
        "thesis" => ("publication", Some("thesis")),
        "report" => ("publication", Some("report")),
        "manuscript" => ("publication", Some("workingpaper")),
        "" => ("publication", Some("other")),
        _ => ("publication", Some("article")),
    };
    let creator = |author: &Author| match author.given.is_empty() {
        true => json!({"name": author.family}),
        false => json!({"name": format!("{}, {}", author.family, author.given)}),
    };
    // A description must be there.
    let description = if paper.summary.is_empty() { &paper.title } else { &paper.summary };
    let mut metadata = json!({
        "title": paper.title, "upload_type": upload, "description": description,
        "creators": paper.authors.iter().map(creator).collect::<Vec<_>>(),
    });
    let mut add = |name: &str, value: &str| {
        if !value.is_empty() {
            metadata[name] = value.into();
        }
    };
    add("publication_type", publication.unwrap_or_default());
    add("publication_date", &paper.date);
    add("doi", &paper.doi);
    match paper.of.as_str() {
        "paper-conference" | "speech" => add("conference_title", &paper.venue),
        "chapter" => add("partof_title", &paper.venue),
        _ => add("journal_title", &paper.venue),
    }
    add("journal_volume", &paper.volume);
    add("journal_issue", &paper.issue);
    add(if paper.of == "chapter" { "partof_pages" } else { "journal_pages" }, &paper.pages);
    add("imprint_publisher", &paper.publisher);
    if !paper.keywords.is_empty() {
        metadata["keywords"] = paper.keywords.clone().into();
    }
    json!({ "metadata": metadata })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_has_what_must_be_there_and_no_licence() {
        let facts = json!({"type": "paper-conference", "title": "Boats", "date": "2019-05", "venue": "Harbour Days",
            "authors": [{"family": "Pérez", "given": "Ana"}, {"literal": "Harbour Society"}]});
        let paper = Paper::of(None, None, facts.as_object().expect("an object"));
        let expected = json!({"metadata": {"title": "Boats", "upload_type": "publication", "publication_type": "conferencepaper",
            "description": "Boats", "publication_date": "2019-05", "conference_title": "Harbour Days",
            "creators": [{"name": "Pérez, Ana"}, {"name": "Harbour Society"}]}});
        assert_eq!(draft(&paper), expected);
    }
}
