//! Proves that an archive is whole: every file there and unchanged, every entry in one known state, the index and
//! the ledger of one mind.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use exodus_mail::dkim::{self, Verdict};
use exodus_mail::header;
use rusqlite::Connection;

use super::index::{self, Index};
use super::lock::Lock;
use super::maildir::{self, LabelMode};
use super::proofs::{Proof, What};
use super::reader::{self, FaultLine, find_file};
use super::{ledger, proofs, recover, reindex, seal, views};
use crate::report::counts::{EntryCounts, State};
use crate::report::error::{Error, Kind, Result};
use crate::report::event::{Event, Observer};

/// What to verify.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scope {
    /// Only the n-th of t shares of the items; both from 1.
    pub subset: Option<(u64, u64)>,
    /// Check DKIM body hashes too.
    pub dkim: bool,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Items whose files were read.
    pub items: u64,
    /// Bytes read.
    pub bytes: u64,
    /// What is wrong: the archive is not what it was.
    pub problems: Vec<Problem>,
    /// What is worth knowing and no harm: flags that a mail program has changed, files of the user's own.
    pub notes: Vec<String>,
    /// Entries of all exports by state.
    pub entries: EntryCounts,
    /// Faults that no later run has answered.
    pub faults: Vec<FaultLine>,
    /// Messages by what their DKIM body hashes say, if asked for.
    pub dkim: Option<Dkim>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file, from the archive's top.
    pub path: String,
    /// What is wrong with it.
    pub what: String,
}

/// Messages by what their DKIM body hashes say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dkim {
    /// The body is byte for byte what its sender signed.
    pub proven: u64,
    /// It is not: a mailing list changed it on its way, or the export did.
    pub differs: u64,
    /// There is no signature that can be checked offline.
    pub unsigned: u64,
}

struct Row {
    path: String,
    size: u64,
    blake3: String,
    is_message: bool,
}

enum Found {
    Good(Option<Verdict>),
    Moved(Option<Verdict>),
    Bad(&'static str),
}

/// Verifies an archive.
///
/// # Errors
/// When it cannot be read at all, is being written to, or the user stops it; what is wrong is in the report.
pub fn verify(root: &Path, scope: Scope, observer: &dyn Observer, stop: &AtomicBool) -> Result<Report> {
    super::require(root)?;
    let lock = Lock::take(root);
    let _lock = match lock {
        // An archive on a disk that cannot be written to cannot change meanwhile either.
        Err(err) if !err.what.contains("another exodus") => None,
        lock => Some(lock?),
    };
    let index = Index::open_for_reading(&root.join(index::FILE_NAME))?;
    let mut report = Report { entries: reader::entry_counts(&index.conn, None)?, ..Report::default() };
    check_index(root, &index, scope, &mut report)?;
    check_items(root, &index, scope, observer, stop, &mut report)?;
    check_views(root, &index, scope, &mut report)?;
    if scope.subset.is_none() {
        check_strays(root, &index, &mut report)?;
        check_small_files(root, &index, &mut report)?;
    }
    report.faults = super::reader::Reader::open(root)?.status()?.faults;
    let pending = report.entries.get(State::Pending);
    if pending > 0 {
        let what = format!("{pending} entries were never reached: an import was not finished; run it again");
        report.problems.push(Problem { path: index::FILE_NAME.to_owned(), what });
    }
    report.problems.sort();
    if scope.subset.is_none() {
        // A full disk or one that cannot be written to is no damage of the archive.
        if let Err(err) = remember(root, &index, &report) {
            report.notes.push(format!("this verify is not written down: {}", err.what));
        }
    }
    Ok(report)
}

/// Writes down what was proven.
fn remember(root: &Path, index: &Index, report: &Report) -> Result<()> {
    let problems = report.problems.len() as u64;
    let what = What::Verified { items: report.items, bytes: report.bytes, problems };
    let state = index.meta("ledger_blake3")?.unwrap_or_default();
    proofs::add(root, &Proof { at: jiff::Timestamp::now().as_second(), state, what })
}

fn check_index(root: &Path, index: &Index, scope: Scope, report: &mut Report) -> Result<()> {
    let mut problem =
        |path: &str, what: String| report.problems.push(Problem { path: path.to_owned(), what });
    let check: rusqlite::Result<String> =
        index.conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    match check {
        Ok(answer) if answer == "ok" => {}
        Ok(answer) => {
            problem(index::FILE_NAME, format!("is damaged: {answer}; `exodus reindex` builds it again"))
        }
        Err(err) => problem(index::FILE_NAME, format!("is damaged: {err}; `exodus reindex` builds it again")),
    }
    let has_index = seal::has_index(root)? != Some(false);
    if !has_index {
        problem(index::FILE_NAME, "is not what was sealed; `exodus reindex` builds it again".to_owned());
    }
    let has_ledger = !root.join(ledger::FILE_NAME).exists() || seal::has_ledger(root)? != Some(false);
    if !(has_index && has_ledger) {
        problem(seal::FILE_NAME, "does not fit what it seals: one of the two has changed".to_owned());
    }
    let committed: u64 = index.meta("ledger_bytes")?.and_then(|bytes| bytes.parse().ok()).unwrap_or(0);
    let hash = index.meta("ledger_blake3")?;
    if !root.join(ledger::FILE_NAME).exists() {
        problem(ledger::FILE_NAME, "is missing; restore it from a copy of the archive".to_owned());
    } else if ledger::blake3_of(root, committed)? != hash {
        problem(ledger::FILE_NAME, "has changed since it was written".to_owned());
    } else if scope.subset.is_none()
        && let Some(difference) = compare_with_ledger(root, index, committed)?
    {
        problem(
            index::FILE_NAME,
            format!("is not what the ledger says ({difference}); `exodus reindex` builds it again"),
        );
    }
    Ok(())
}

/// Builds an index from the ledger aside and compares; tells in words where they first differ.
fn compare_with_ledger(root: &Path, index: &Index, committed: u64) -> Result<Option<String>> {
    let aside = std::env::temp_dir().join(format!("exodus-verify-{}.sqlite", std::process::id()));
    let _ = fs::remove_file(&aside);
    let built = build_aside(root, &aside, committed).and_then(|()| differences(&index.conn, &aside));
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{}{suffix}", aside.display()));
    }
    built
}

fn build_aside(root: &Path, aside: &Path, committed: u64) -> Result<()> {
    let mut fresh = Index::create(aside)?;
    fresh.begin()?;
    reindex::replay_into(root, &mut fresh, Some(committed))?;
    fresh.commit()?;
    fresh.rest()
}

fn differences(conn: &Connection, aside: &Path) -> Result<Option<String>> {
    conn.execute("ATTACH ?1 AS aside", [aside.display().to_string()])?;
    let tables = [
        ("item", "platform, key, kind, product, time, title, path, size, blake3, extra", "@.item"),
        (
            "message",
            "file_name, folder, flags, line_ends, is_partial, unquoted_lines, thread, item_id",
            "@.message",
        ),
        ("label", "item_id, position, name, role", "@.item_label JOIN @.label ON label.id = label_id"),
        (
            "origin",
            "item_id, fingerprint, entry.path, at",
            "@.origin JOIN @.entry ON entry.id = entry_id JOIN @.part ON part.id = part_id",
        ),
        ("entry", "path, size, state, reason, options, notes", "@.entry"),
        ("part", "fingerprint, name, kind, size", "@.part"),
        ("export", "key, platform, account, exported_at, layout, missing", "@.export"),
        ("fault", "at, what, hint", "@.fault"),
        ("keyword", "folder, n, name", "@.keyword"),
        ("folder", "path, name", "@.folder"),
    ];
    let mut found = None;
    for (table, columns, from) in tables {
        let count = |left: &str, right: &str| -> rusqlite::Result<i64> {
            let (left, right) = (from.replace('@', left), from.replace('@', right));
            let sql = format!(
                "SELECT count(*) FROM (SELECT {columns} FROM {left} EXCEPT SELECT {columns} FROM {right})"
            );
            conn.query_row(&sql, [], |row| row.get(0))
        };
        let (more, less) = match (count("main", "aside"), count("aside", "main")) {
            (Ok(more), Ok(less)) => (more, less),
            _ => (1, 1),
        };
        if more + less > 0 {
            found = Some(format!("{} rows of the table `{table}` differ", more.max(less)));
            break;
        }
    }
    conn.execute_batch("DETACH aside")?;
    Ok(found)
}

fn check_items(
    root: &Path,
    index: &Index,
    scope: Scope,
    observer: &dyn Observer,
    stop: &AtomicBool,
    report: &mut Report,
) -> Result<()> {
    let (share, shares) = scope.subset.unwrap_or((1, 1));
    let total =
        "SELECT count(*), CAST(total(size) AS INTEGER) FROM item WHERE path IS NOT NULL AND id % ?2 = ?1 - 1";
    let (items, bytes): (i64, i64) =
        index.conn.query_row(total, [share as i64, shares as i64], |row| Ok((row.get(0)?, row.get(1)?)))?;
    observer.event(Event::Begin { stage: "verify", total_bytes: bytes as u64, total_items: items as u64 });
    report.dkim = scope.dkim.then(Dkim::default);
    let mut query = index.conn.prepare(
        "SELECT id, path, size, coalesce(blake3, ''), kind = 'message' FROM item
         WHERE path IS NOT NULL AND id % ?2 = ?1 - 1 AND id > ?3 ORDER BY id LIMIT 1000",
    )?;
    let mut last = 0;
    loop {
        let rows: Vec<(i64, Row)> = query
            .query_map([share as i64, shares as i64, last], |row| {
                let found = Row {
                    path: row.get(1)?,
                    size: row.get::<_, i64>(2)? as u64,
                    blake3: row.get(3)?,
                    is_message: row.get(4)?,
                };
                Ok((row.get(0)?, found))
            })?
            .collect::<rusqlite::Result<_>>()?;
        let Some((end, _)) = rows.last() else { break };
        last = *end;
        for ((_, row), found) in rows.iter().zip(check_all(root, &rows, scope.dkim, observer, stop)) {
            report.take(row, found);
        }
        if stop.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Interrupted, "stopped before all was verified"));
        }
    }
    observer.event(Event::End { stage: "verify" });
    Ok(())
}

impl Report {
    fn take(&mut self, row: &Row, found: Found) {
        self.items += 1;
        // A damaged index may tell any size.
        self.bytes = self.bytes.saturating_add(row.size);
        let verdict = match found {
            Found::Good(verdict) => verdict,
            Found::Moved(verdict) => {
                self.notes.push(format!("{}: a mail program has changed its flags", row.path));
                verdict
            }
            Found::Bad(what) => {
                self.problems.push(Problem { path: row.path.clone(), what: what.to_owned() });
                None
            }
        };
        if let (Some(dkim), Some(verdict)) = (&mut self.dkim, verdict) {
            match verdict {
                Verdict::Proven => dkim.proven += 1,
                Verdict::Differs => dkim.differs += 1,
                Verdict::Unsigned => dkim.unsigned += 1,
            }
        }
    }
}

fn check_all(
    root: &Path,
    rows: &[(i64, Row)],
    with_dkim: bool,
    observer: &dyn Observer,
    stop: &AtomicBool,
) -> Vec<Found> {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let work = || {
        let mut found = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((_, row)) = rows.get(number).filter(|_| !stop.load(Ordering::Relaxed)) else {
                return found;
            };
            found.push((number, check(root, row, with_dkim)));
            observer.event(Event::Bytes(row.size));
            observer.event(Event::Items(1));
        }
    };
    let mut found: Vec<(usize, Found)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("checking a file never panics")).collect()
    });
    found.sort_unstable_by_key(|(number, _)| *number);
    found.into_iter().map(|(_, found)| found).collect()
}

fn check(root: &Path, row: &Row, with_dkim: bool) -> Found {
    let Some(path) = find_file(root, &row.path) else { return Found::Bad("is missing") };
    let is_moved = path != root.join(&row.path);
    match fs::metadata(&path) {
        Ok(there) if there.len() != row.size => {
            return Found::Bad("has another size than it was written with");
        }
        Ok(_) => {}
        Err(_) => return Found::Bad("cannot be read"),
    }
    let mut verdict = None;
    let hash = if with_dkim && row.is_message {
        fs::read(&path).map(|bytes| {
            let (head, body) = header::split(&bytes);
            verdict = Some(dkim::check(head, body));
            blake3::hash(&bytes).to_hex().to_string()
        })
    } else {
        super::hash_file(&path)
    };
    match hash {
        Ok(hash) if hash == row.blake3 && is_moved => Found::Moved(verdict),
        Ok(hash) if hash == row.blake3 => Found::Good(verdict),
        Ok(_) => Found::Bad("has changed since it was written"),
        Err(_) => Found::Bad("cannot be read"),
    }
}

/// Compares sidecars of photos and albums with what the index says they are.
fn check_views(root: &Path, index: &Index, scope: Scope, report: &mut Report) -> Result<()> {
    let share = scope.subset.map_or((0, 1), |(nth, of)| (nth as i64 - 1, of as i64));
    for differs in views::check(root, index, share, scope.subset.is_none())? {
        let what = match differs.is_missing {
            true => "is missing; the next import or `exodus reindex` makes it again",
            false => "is not what the index says; `exodus reindex` makes it again",
        };
        report.problems.push(Problem { path: differs.path, what: what.to_owned() });
    }
    if !views::albums::are_there(root) && !views::albums::wanted(index)?.is_empty() {
        let note =
            "the albums' links are not here, as in a copy that a push has made; `exodus reindex` makes them";
        report.notes.push(format!("{}: {note}", views::albums::FOLDER));
    }
    Ok(())
}

/// Looks for files that no row speaks of.
fn check_strays(root: &Path, index: &Index, report: &mut Report) -> Result<()> {
    check_stray_messages(root, index, report)?;
    let links = views::albums::wanted(index)?;
    let lists = views::papers::wanted(index)?;
    let mut of_others = 0;
    let folders = ["files", "contacts", "calendars"].map(|folder| root.join(folder));
    for entry in folders.iter().flat_map(|folder| walkdir::WalkDir::new(folder).min_depth(1)) {
        let Ok(entry) = entry else { continue };
        if entry.file_type().is_dir() {
            continue;
        }
        let path = entry.path().strip_prefix(root).unwrap_or(entry.path()).to_string_lossy().into_owned();
        if !links.contains_key(&path) && !lists.contains_key(&path) && !index.is_taken(&path)? {
            of_others += 1;
            if of_others <= 5 {
                report.notes.push(format!("{path}: not put there by exodus"));
            }
        }
    }
    if of_others > 5 {
        report.notes.push(format!("{} more files were not put there by exodus", of_others - 5));
    }
    Ok(())
}

fn check_stray_messages(root: &Path, index: &Index, report: &mut Report) -> Result<()> {
    let mode = index.meta("labels")?.and_then(|name| LabelMode::from_name(&name));
    let mail = root.join("mail");
    let mut query = index.conn.prepare("SELECT folder FROM message WHERE file_name = ?1")?;
    for folder in recover::mail_folders(&mail)? {
        for entry in
            ["cur", "new"].iter().flat_map(|state| fs::read_dir(mail.join(&folder).join(state))).flatten()
        {
            let Ok(entry) = entry else { continue };
            let name = entry.file_name().to_string_lossy().into_owned();
            if !maildir::is_ours(&name) {
                continue;
            }
            let unique = name.split(":2,").next().unwrap_or(&name);
            let home: Option<String> = query.query_row([unique], |row| row.get(0)).ok();
            let is_known = match &home {
                Some(home) => *home == folder || mode == Some(LabelMode::Copies),
                None => false,
            };
            if !is_known {
                let path = format!("mail/{folder}/cur/{name}").replace("//", "/");
                let what = "is a message that the index does not know; the next import clears it".to_owned();
                report.problems.push(Problem { path, what });
            }
        }
    }
    Ok(())
}

/// Compares the small files that are written from the index with what the index would write.
fn check_small_files(root: &Path, index: &Index, report: &mut Report) -> Result<()> {
    let readme = fs::read_to_string(root.join("README.txt")).unwrap_or_default();
    if readme != super::README {
        let what = "is not what this exodus writes; the next import writes it again".to_owned();
        report.problems.push(Problem { path: "README.txt".to_owned(), what });
    }
    let mut query = index.conn.prepare("SELECT path FROM folder")?;
    let folders: Vec<String> = query.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    if !folders.is_empty() {
        let wanted = super::subscriptions(folders.iter().map(String::as_str));
        let found = fs::read_to_string(root.join("mail/subscriptions")).unwrap_or_default();
        if wanted != found {
            report.notes.push("mail/subscriptions: changed by a mail program".to_owned());
        }
    }
    for folder in &folders {
        let mut query = index.conn.prepare_cached("SELECT name FROM keyword WHERE folder = ?1 ORDER BY n")?;
        let keywords: Vec<String> =
            query.query_map([folder], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        let path = format!("mail/{folder}/dovecot-keywords").replace("//", "/");
        let found = fs::read_to_string(root.join(&path)).unwrap_or_default();
        let wanted = super::dovecot_keywords(&keywords);
        if !found.starts_with(&wanted) {
            let what = "does not name the keywords of its folder's messages any more".to_owned();
            report.problems.push(Problem { path, what });
        }
    }
    Ok(())
}
