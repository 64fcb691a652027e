//! What a scholar still lacks: works without a file, files without a work, works that somebody else has uploaded.

use serde_json::{Value, json};

use super::Known;

/// Which file is which work is only told within one import.
const TOGETHER: &str =
    "lists and files are matched when they are imported together: give both to one command";
/// So many works without a file, and files without a work, are told on a screen.
const N_LINES: usize = 50;

/// What is there and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checklist {
    /// Works that profiles and lists name.
    pub n_works: u64,
    /// Files that are here.
    pub n_files: u64,
    /// Works without a file.
    pub missing: Vec<Missing>,
    /// Files that match no work: paths from the archive's top, or names.
    pub alone: Vec<String>,
    /// Titles of works that are a co-author's upload: only they can download them.
    pub of_others: Vec<String>,
}

/// A work without a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Its title.
    pub title: String,
    /// Its year; empty if nobody knows.
    pub year: String,
    /// Where it is; empty if nobody knows.
    pub url: String,
    /// Who has uploaded it, if it was not the user.
    pub uploaded_by: String,
}

impl Checklist {
    /// The checklist of papers.
    pub fn of(papers: &[Known]) -> Checklist {
        let mut list = Checklist::default();
        for paper in papers {
            let is_work = !paper.is_file_alone() || !paper.text("work").is_empty();
            list.n_works += u64::from(is_work);
            list.n_files += u64::from(paper.path.is_some());
            let title = paper.title.clone().unwrap_or_default();
            let uploaded_by = paper.text("uploaded_by");
            if !uploaded_by.is_empty() {
                list.of_others.push(title.clone());
            }
            match &paper.path {
                None => list.missing.push(Missing {
                    title,
                    year: paper.text("year"),
                    url: paper.text("url"),
                    uploaded_by,
                }),
                Some(path) if !is_work => list.alone.push(path.clone()),
                Some(_) => {}
            }
        }
        list.missing.sort_by(|left, right| (&right.year, &left.title).cmp(&(&left.year, &right.title)));
        list.alone.sort();
        list
    }

    /// It in one line: `34 works are listed; 29 files are here; 5 are missing; …`.
    pub fn summary(&self) -> String {
        let count = |n: u64, one: &str, more: &str| format!("{n} {}", if n == 1 { one } else { more });
        [
            count(self.n_works, "work is listed", "works are listed"),
            count(self.n_files, "file is here", "files are here"),
            count(self.missing.len() as u64, "work has no file", "works have no file"),
            count(self.alone.len() as u64, "file matches no work", "files match no work"),
            count(
                self.of_others.len() as u64,
                "work is a co-author's upload",
                "works are a co-author's upload",
            ),
        ]
        .join("; ")
    }

    /// It in lines for people: the summary, then the first [`N_LINES`] of what is missing and of what matches nothing.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.summary()];
        lines.extend(self.missing.iter().take(N_LINES).map(|it| format!("  missing: {}", it.line())));
        lines.extend(self.alone.iter().take(N_LINES).map(|path| format!("  matches no work: {path}")));
        let n_more = self.missing.len().saturating_sub(N_LINES) + self.alone.len().saturating_sub(N_LINES);
        if !self.missing.is_empty() && !self.alone.is_empty() {
            lines.push(format!("  {TOGETHER}"));
        }
        if n_more > 0 {
            lines.push(format!(
                "  and {n_more} more: --json tells them all, and files/papers/CHECKLIST.md of the archive"
            ));
        }
        lines
    }

    /// It as JSON.
    pub fn to_json(&self) -> Value {
        let missing = self.missing.iter().map(
            |it| json!({"title": it.title, "year": it.year, "url": it.url, "uploaded_by": it.uploaded_by}),
        );
        json!({
            "works": self.n_works,
            "files": self.n_files,
            "missing": missing.collect::<Vec<_>>(),
            "alone": self.alone,
            "uploaded_by_others": self.of_others,
        })
    }

    /// It as a page of Markdown.
    pub fn page(&self) -> String {
        let mut page = format!("# Papers\n\n{}.\n", self.summary());
        if !self.missing.is_empty() {
            page.push_str(
                "\n## Works without a file\n\nDownload them while you are signed in, and import them.\n\n",
            );
            self.missing.iter().for_each(|it| page.push_str(&format!("- [ ] {}\n", it.line())));
        }
        if !self.alone.is_empty() {
            page.push_str("\n## Files that match no work\n\nWrite into `papers.csv` which `work` each is, or leave them: they are papers of their own.\n\n");
            if !self.missing.is_empty() {
                page.push_str("Lists and files are matched when they are imported together: give both to one command.\n\n");
            }
            self.alone.iter().for_each(|path| page.push_str(&format!("- [ ] `{path}`\n")));
        }
        if !self.of_others.is_empty() {
            page.push_str("\n## Works that a co-author has uploaded\n\nOnly who has uploaded a file can take it back; ask them for it.\n\n");
            self.of_others.iter().for_each(|title| page.push_str(&format!("- {title}\n")));
        }
        page
    }
}

impl Missing {
    fn line(&self) -> String {
        let by = if self.uploaded_by.is_empty() {
            String::new()
        } else {
            format!("uploaded by {}", self.uploaded_by)
        };
        let parts = [self.title.as_str(), &self.year, &self.url, &by];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
    }
}
