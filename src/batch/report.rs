//! The report of a batch: for machines (`docs/batch-report.schema.json`), for spreadsheets, and as a page for people.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use minijinja::value::Serde;
use minijinja::{Environment, context};
use serde::{Deserialize, Serialize};

use super::state::{RowResult, RowState};
use crate::archive::folders::write;
use crate::report::error::{Error, Kind, Result};

/// What [`Report::schema`] says.
pub const SCHEMA: &str = "exodus-batch-report-1";

/// A report. All times are RFC 3339 in UTC.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The form of the report: [`SCHEMA`].
    pub schema: String,
    /// When it was written.
    pub made_at: String,
    /// The version of exodus.
    pub exodus: String,
    /// The manifest.
    pub manifest: PathBuf,
    /// The share of the rows that it is of: `2/8`; none if it is of all.
    pub shard: Option<String>,
    /// Sums of all rows.
    pub totals: Totals,
    /// Every row.
    pub rows: Vec<RowResult>,
}

/// Sums of all rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Rows.
    pub rows: u64,
    /// Rows of which all was done.
    pub done: u64,
    /// Rows of which something could not be taken or sent.
    pub partial: u64,
    /// Rows that failed.
    pub failed: u64,
    /// Rows that have not ended.
    pub not_run: u64,
    /// Files of exports.
    pub entries: u64,
    /// Items in archives.
    pub items: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// What could not be taken, sent or proven.
    pub faults: u64,
}

impl Report {
    /// A report of these rows.
    pub fn of(manifest: &Path, shard: Option<String>, rows: Vec<RowResult>) -> Report {
        let mut totals = Totals::default();
        for row in &rows {
            totals.rows += 1;
            totals.entries += row.entries;
            totals.items += row.items;
            totals.bytes += row.bytes;
            totals.faults += row.faults;
            *match row.state {
                RowState::Done => &mut totals.done,
                RowState::Partial => &mut totals.partial,
                RowState::Failed => &mut totals.failed,
                RowState::NotRun => &mut totals.not_run,
            } += 1;
        }
        Report {
            schema: SCHEMA.to_owned(),
            made_at: Timestamp::now().to_string(),
            exodus: env!("CARGO_PKG_VERSION").to_owned(),
            manifest: std::path::absolute(manifest).unwrap_or_else(|_| manifest.to_owned()),
            shard,
            totals,
            rows,
        }
    }

    /// True if every row has ended and none failed.
    pub fn is_good(&self) -> bool {
        self.totals.done == self.totals.rows
    }

    /// Writes it as JSON to `path`, and beside it as `.csv` and `.html`.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn write(&self, path: &Path) -> Result<()> {
        if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
            crate::archive::folders::make(above)?;
        }
        let json = serde_json::to_string_pretty(self).expect("a report is plain JSON") + "\n";
        write(path, json.as_bytes())?;
        write(&path.with_extension("csv"), &self.table())?;
        write(&path.with_extension("html"), self.page().as_bytes())
    }

    /// Reads one.
    ///
    /// # Errors
    /// When it cannot be read or is none.
    pub fn read(path: &Path) -> Result<Report> {
        let wrong = |what: String| Error::new(Kind::Usage, format!("`{}` {what}", path.display()));
        let bytes = std::fs::read(path).map_err(|err| wrong(format!("cannot be read: {err}")))?;
        let report: Report =
            serde_json::from_slice(&bytes).map_err(|err| wrong(format!("is no report of a batch: {err}")))?;
        match report.schema.as_str() {
            SCHEMA => Ok(report),
            other => Err(wrong(format!("is a report of another form, `{other}`"))),
        }
    }

    /// One report of several: every row once, as it ended last.
    pub fn merged(reports: Vec<Report>) -> Report {
        let manifest = reports.first().map(|it| it.manifest.clone()).unwrap_or_default();
        let mut order: Vec<String> = Vec::new();
        let mut rows: BTreeMap<String, RowResult> = BTreeMap::new();
        for row in reports.into_iter().flat_map(|it| it.rows) {
            match rows.get_mut(&row.id) {
                // No time is before every time.
                Some(known) if known.ended_at < row.ended_at => *known = row,
                Some(_) => {}
                None => {
                    order.push(row.id.clone());
                    rows.insert(row.id.clone(), row);
                }
            }
        }
        let rows = order.iter().filter_map(|id| rows.remove(id)).collect();
        Report::of(&manifest, None, rows)
    }

    fn table(&self) -> Vec<u8> {
        let mut table = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        let heads = [
            "id",
            "owner",
            "state",
            "exports",
            "entries",
            "items",
            "bytes",
            "faults",
            "pushed",
            "verified_there",
            "ready",
            "started",
            "ended",
            "seconds",
            "archive",
            "receipt",
            "error",
        ];
        let mut write = |cells: &[String]| table.write_record(cells).expect("memory takes all");
        write(&heads.map(str::to_owned));
        for row in &self.rows {
            let text = |text: &Option<String>| text.clone().unwrap_or_default();
            let pushed: u64 = row.pushed.iter().map(|it| it.files).sum();
            let verified: u64 = row.pushed.iter().map(|it| it.verified).sum();
            let errors: Vec<String> =
                row.errors.iter().map(|it| format!("{}: {}", it.step, it.what)).collect();
            write(&[
                row.id.clone(),
                harmless(&text(&row.owner)),
                row.state.name().to_owned(),
                row.exports.to_string(),
                row.entries.to_string(),
                row.items.to_string(),
                row.bytes.to_string(),
                row.faults.to_string(),
                pushed.to_string(),
                verified.to_string(),
                row.is_ready.to_string(),
                text(&row.started_at),
                text(&row.ended_at),
                format!("{:.1}", row.seconds),
                row.archive.display().to_string(),
                row.receipt.as_ref().map(|it| it.display().to_string()).unwrap_or_default(),
                harmless(&errors.join("; ")),
            ]);
        }
        table.into_inner().expect("memory takes all")
    }

    fn page(&self) -> String {
        let mut pages = Environment::new();
        pages.add_template("report.html", include_str!("report.html")).expect("the template is ours");
        pages.add_filter("bytes", |bytes: u64| indicatif::BinaryBytes(bytes).to_string());
        let page = pages.get_template("report.html").expect("it was added");
        // What is bad stands first.
        let mut rows: Vec<&RowResult> = self.rows.iter().collect();
        rows.sort_by_key(|row| match row.state {
            RowState::Failed => 0,
            RowState::Partial => 1,
            RowState::NotRun => 2,
            RowState::Done => 3,
        });
        page.render(context! { report => Serde(self), rows => Serde(&rows) })
            .expect("the template knows the report")
    }
}

impl RowState {
    /// Its name, as the report has it.
    pub fn name(self) -> &'static str {
        match self {
            RowState::Done => "done",
            RowState::Partial => "partial",
            RowState::Failed => "failed",
            RowState::NotRun => "not_run",
        }
    }
}

/// Text that no spreadsheet takes for a formula.
fn harmless(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, state: RowState, ended_at: Option<&str>) -> RowResult {
        RowResult {
            id: id.to_owned(),
            owner: Some("=cmd|'/c calc'!A1".to_owned()),
            place: "people.csv:2".to_owned(),
            state,
            archive: "a".into(),
            exports: 1,
            entries: 2,
            items: 3,
            bytes: 4,
            faults: 0,
            pushed: Vec::new(),
            is_verified: true,
            is_ready: false,
            receipt: None,
            errors: Vec::new(),
            log: "log".into(),
            started_at: None,
            ended_at: ended_at.map(str::to_owned),
            seconds: 1.0,
            fingerprint: String::new(),
        }
    }

    #[test]
    fn of_several_reports_each_row_is_taken_as_it_ended_last() {
        let report = |rows| Report::of(Path::new("m.toml"), None, rows);
        let first = report(vec![
            row("a", RowState::Failed, Some("2026-01-01T00:00:00Z")),
            row("b", RowState::NotRun, None),
        ]);
        let second = report(vec![
            row("b", RowState::Done, Some("2026-01-02T00:00:00Z")),
            row("c", RowState::Done, Some("2026-01-02T00:00:00Z")),
        ]);
        let third = report(vec![row("a", RowState::Partial, Some("2026-01-03T00:00:00Z"))]);
        let merged = Report::merged(vec![first, second, third]);
        let states: Vec<_> = merged.rows.iter().map(|it| (it.id.as_str(), it.state)).collect();
        assert_eq!(states, [("a", RowState::Partial), ("b", RowState::Done), ("c", RowState::Done)]);
        assert_eq!(
            (merged.totals.rows, merged.totals.done, merged.totals.partial, merged.totals.items),
            (3, 2, 1, 9)
        );
        assert!(!merged.is_good());
    }

    #[test]
    fn tables_and_pages_hold_no_traps() {
        let report = Report::of(Path::new("m.toml"), None, vec![row("a", RowState::Done, None)]);
        let table = String::from_utf8(report.table()).expect("text");
        assert!(table.contains(",'=cmd|'/c calc'!A1,done,") && table.lines().count() == 2, "{table}");
        let page = report.page();
        assert!(page.contains("=cmd|&#x27;") && !page.contains("cmd|'"), "{page}");
    }
}
