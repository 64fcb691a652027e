//! One import: an export in, an archive out, every entry in one known state.
//!
//! Four kinds of threads pass work on (see [`recorder`]): the importer reads and splits; workers parse, hash and
//! write bodies; the committer decides what is new, places it and makes it safe batch by batch. [`flow`] bounds
//! what is on its way. [`states`] keeps each entry's state; [`earlier`] knows what need not be read again; [`metered`]
//! counts what is read; [`mixed`] refuses two exports given as one; [`inspect`], [`dry_run`] and [`skeleton`] look without touching.
//!
//! **Invariants.** No importer is named here: the list comes in as an argument. Memory is bounded by [`flow`],
//! whatever the size of the export. Order of writing is the importer's order, so equal runs make equal archives.

mod claims;
mod committer;
mod dry_run;
mod earlier;
mod flow;
pub mod inspect;
mod metered;
mod mixed;
mod papers_seen;
mod recorder;
pub mod skeleton;
mod states;
mod twins;
mod worker;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use exodus_api::{Detection, ImportError, Importer, Options, Source, Survey};

use crate::archive::index::Index;
use crate::archive::maildir::LabelMode;
use crate::archive::reader::FaultLine;
use crate::archive::record::{EntryRecord, ExportRecord, FaultRecord, PartRecord, Record};
use crate::archive::text;
use crate::archive::views::albums::{self, AlbumMode};
use crate::archive::views::papers::{self, checklist::Checklist};
use crate::archive::writer::Writer;
use crate::report::counts::{EntryCounts, State};
use crate::report::error::{Error, Kind, Result};
use crate::report::event::{Event, Observer};
use crate::source::{self, Export};

/// What to import, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// The parts of one export.
    pub parts: Vec<PathBuf>,
    /// The archive's folder.
    pub archive: PathBuf,
    /// The importer to use; `None` lets the content decide.
    pub from: Option<String>,
    /// The importer's options, and `--only`.
    pub options: Options,
    /// One file a message or one for every label; `None` for what the archive was made with.
    pub labels: Option<LabelMode>,
    /// How albums are shown; `None` for what the archive has.
    pub albums: Option<AlbumMode>,
    /// Go on although the export's own list names files that are in no given part.
    pub allow_missing_parts: bool,
    /// Make the full-text index.
    pub with_text: bool,
    /// Only say what would be done.
    pub is_dry_run: bool,
}

/// What a run did. Counts survive whatever ended it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The importer.
    pub platform: String,
    /// The account the export belongs to.
    pub account: Option<String>,
    /// Entries of this run by state.
    pub entries: EntryCounts,
    /// Items of this run by kind.
    pub items: BTreeMap<&'static str, ItemCounts>,
    /// Entries and bytes kept as they came, by product.
    pub kept: BTreeMap<String, (u64, u64)>,
    /// What could not be taken; at most [`FAULTS_SHOWN`].
    pub faults: Vec<FaultLine>,
    /// How many faults there were.
    pub n_faults: u64,
    /// How mboxes and other entries were understood.
    pub notes: Vec<String>,
    /// What the export's own list names and no part holds.
    pub missing: Vec<String>,
    /// What there is of papers and what is missing, in the archive as it is now; in a dry run in the export. `None` if there are none.
    pub checklist: Option<Checklist>,
    /// Items whose full text was read.
    pub texts: u64,
    /// Seconds until all bodies were safe, and after that for the full text.
    pub seconds: (f64, f64),
    /// Bytes read from entries.
    pub bytes: u64,
    /// What ended the run early.
    pub error: Option<Error>,
}

/// An outcome shows so many faults; the archive has them all.
pub const FAULTS_SHOWN: usize = 1000;

/// Items of one kind in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ItemCounts {
    /// New in the archive.
    pub new: u64,
    /// Known, and changed by this run.
    pub updated: u64,
    /// Known, and unchanged.
    pub known: u64,
}

/// An export with the importer that reads it.
pub struct Opened<'a> {
    /// The export.
    pub export: Export,
    /// Its importer.
    pub importer: &'a dyn Importer,
    /// Which of the platform's layouts it has.
    pub layout: &'static str,
    /// What it says of itself.
    pub survey: Survey,
}

/// Opens the parts and finds their importer.
///
/// # Errors
/// When a part cannot be read or no importer knows the export.
pub fn open<'a>(
    parts: &[PathBuf],
    from: Option<&str>,
    importers: &[&'a dyn Importer],
    observer: &dyn Observer,
) -> Result<Opened<'a>> {
    let tell = |part: &str, done_bytes: u64, total_bytes: u64| {
        observer.event(Event::Listing { part: part.to_owned(), done_bytes, total_bytes });
    };
    let export = source::open_with(parts, &tell).map_err(|err| {
        let error = Error::new(Kind::Export, err.to_string());
        match err.hint {
            Some(hint) => error.hint(hint),
            None => error,
        }
    })?;
    for warning in export.warnings() {
        observer.event(Event::Warning(warning.clone()));
    }
    if export.entries().is_empty() && export.refused().is_empty() {
        return Err(Error::new(Kind::Export, "there is no file in the given parts"));
    }
    let (importer, layout) = choose(&export, from, importers)?;
    let survey = importer.survey(&export).map_err(import_error)?;
    let (name, n_parts, n_files) = (importer.about().name, export.parts().len(), export.entries().len());
    observer.event(Event::Detail(format!(
        "importer `{name}`, layout `{layout}`: {n_parts} parts, {n_files} files"
    )));
    for warning in &survey.warnings {
        observer.event(Event::Warning(warning.clone()));
    }
    Ok(Opened { export, importer, layout, survey })
}

fn choose<'a>(
    export: &Export,
    from: Option<&str>,
    importers: &[&'a dyn Importer],
) -> Result<(&'a dyn Importer, &'static str)> {
    let names = || importers.iter().map(|importer| importer.about().name).collect::<Vec<_>>().join(", ");
    if let Some(name) = from {
        let found = importers.iter().find(|importer| importer.about().name == name);
        let Some(importer) = found else {
            let what = format!("there is no importer `{name}`");
            return Err(Error::new(Kind::Usage, what).hint(format!("importers: {}", names())));
        };
        let layout = match importer.detect(export) {
            Detection::Yes { layout } => layout,
            _ => "as asked for",
        };
        return Ok((*importer, layout));
    }
    for importer in importers {
        match importer.detect(export) {
            Detection::No => {}
            Detection::Yes { layout } => {
                mixed::refuse(export, *importer, importers)?;
                return Ok((*importer, layout));
            }
            Detection::Unreadable { why } => {
                let what = format!("this looks like an export of {}, but {why}", importer.about().title);
                return Err(Error::new(Kind::Export, what));
            }
        }
    }
    Err(Error::new(Kind::Export, "no importer knows this export")
        .hint(format!("importers: {}; name one with --from", names()))
        .hint("check that these are the files as downloaded, not something unpacked from them"))
}

fn import_error(err: ImportError) -> Error {
    match err {
        ImportError::Stop(_) => Error::new(Kind::Interrupted, "stopped"),
        ImportError::Layout { what, hint } => {
            let error = Error::new(Kind::Export, what);
            match hint {
                Some(hint) => error.hint(hint),
                None => error,
            }
        }
    }
}

/// Imports an export. What went wrong is in the outcome, beside the counts.
///
/// # Errors
/// When nothing was begun: the parts cannot be read, some are missing, the archive cannot be opened.
pub fn import(
    request: &Request,
    importers: &[&dyn Importer],
    observer: &dyn Observer,
    stop: &AtomicBool,
) -> Result<Outcome> {
    let opened = open(&request.parts, request.from.as_deref(), importers, observer)?;
    if !opened.survey.missing.is_empty() && !request.allow_missing_parts {
        return Err(missing_parts(&opened.survey.missing));
    }
    if request.is_dry_run {
        return dry_run::dry_run(&opened, &request.options, observer, stop);
    }
    check_place(&request.archive, &opened.export)?;
    check_account(&request.archive, &opened)?;
    check_room(&request.archive, opened.export.content_bytes(), observer)?;
    let mut writer = Writer::open(&request.archive, request.labels)?;
    if request.with_text {
        writer.take_text();
    }
    let chosen = request.albums.map_or(Ok(()), |mode| writer.set_albums(mode));
    let begun = chosen.and_then(|()| begin(&mut writer, &opened, &request.options));
    let run = match begun {
        Ok(run) => run,
        Err(err) => {
            writer.abandon();
            return Err(err);
        }
    };
    let (mut writer, mut outcome) = recorder::run(writer, &opened, request, run, observer, stop);
    if let Some(writer) = &mut writer
        && !stop.load(Ordering::Relaxed)
        && let Err(err) = writer.between_batches(albums::update)
    {
        outcome.error.get_or_insert(err);
    }
    if let Some(writer) = &mut writer
        && !stop.load(Ordering::Relaxed)
    {
        let listed = writer.between_batches(|root, index| {
            papers::update(root, index)?;
            papers::of_index(&index.conn)
        });
        match listed {
            Ok(papers) => outcome.checklist = (!papers.is_empty()).then(|| Checklist::of(&papers)),
            Err(err) => {
                outcome.error.get_or_insert(err);
            }
        }
    }
    if let Some(writer) = &mut writer
        && request.with_text
        && outcome.error.as_ref().is_none_or(|error| error.kind == Kind::Bug)
    {
        let start = std::time::Instant::now();
        match writer.between_batches(|root, index| text::update(root, index, observer, stop)) {
            Ok(texts) => outcome.texts = texts,
            Err(err) => outcome.error = Some(err),
        }
        outcome.seconds.1 = start.elapsed().as_secs_f64();
    }
    if stop.load(Ordering::Relaxed) && outcome.error.is_none() {
        outcome.error = Some(interrupted());
    }
    if let Some(writer) = writer {
        finish(writer, run, &mut outcome);
    }
    Ok(outcome)
}

/// The entries of an export that the archive has finished, and that the same import would not read again.
///
/// # Errors
/// When the index cannot be read.
pub fn finished<'e>(
    export: &'e Export,
    archive: &Path,
    options: &Options,
) -> Result<Vec<&'e exodus_api::Entry>> {
    let index = Index::open_for_reading(&archive.join(crate::archive::index::FILE_NAME))?;
    let earlier = earlier::Earlier { index: Some(index), root: archive, options: options_text(options) };
    Ok(export.entries().iter().filter(|entry| earlier.is_done(export.parts(), entry)).collect())
}

/// Bytes that are free on the disk of an archive, whether it is there already or not.
pub fn free_bytes(archive: &Path) -> Option<u64> {
    let above = archive.ancestors().find(|folder| folder.exists());
    let above = above.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let disk = rustix::fs::statvfs(above).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Refuses an archive inside a folder that is being imported: the next run would import the archive.
fn check_place(archive: &Path, export: &Export) -> Result<()> {
    let absolute = std::path::absolute(archive).unwrap_or_else(|_| archive.to_owned());
    let there = absolute.ancestors().find_map(|folder| {
        let real = folder.canonicalize().ok()?;
        Some(real.join(absolute.strip_prefix(folder).ok()?))
    });
    let there = there.unwrap_or(absolute);
    for part in export.parts().iter().filter(|part| part.kind == source::PartKind::Folder) {
        if part.path.canonicalize().is_ok_and(|folder| there.starts_with(folder)) {
            let what =
                format!("the archive `{}` would lie inside the export `{}`", archive.display(), part.name);
            return Err(Error::new(Kind::Usage, what).hint("name a folder outside of it with --archive"));
        }
    }
    Ok(())
}

/// Refuses to begin a new archive on a disk that cannot hold the export (which is also what stops a zip bomb), and
/// warns where an archive is there already and may hold most of it.
fn check_room(archive: &Path, content_bytes: u64, observer: &dyn Observer) -> Result<()> {
    let Some(free_bytes) = free_bytes(archive) else { return Ok(()) };
    if content_bytes <= free_bytes {
        return Ok(());
    }
    let what = format!(
        "the export is {} MB unpacked, and the disk of `{}` has {} MB free",
        content_bytes / 1_000_000,
        archive.display(),
        free_bytes / 1_000_000
    );
    if archive.join(crate::archive::index::FILE_NAME).exists() {
        observer.event(Event::Warning(what));
        return Ok(());
    }
    Err(Error::new(Kind::Archive, what).hint("make room, or name a folder on another disk with --archive"))
}

fn interrupted() -> Error {
    Error::new(Kind::Interrupted, "stopped before the end")
        .hint("run the same command: what is done stays done")
}

fn finish(mut writer: Writer, run: i64, outcome: &mut Outcome) {
    let words = outcome.error.as_ref().map_or_else(|| "complete".to_owned(), |error| error.what.clone());
    let record = Record::End { run, finished: now(), outcome: words };
    let closed = writer.record(&record).and_then(|_| writer.close());
    if let Err(err) = closed {
        outcome.error.get_or_insert(err);
    }
}

fn missing_parts(missing: &[String]) -> Error {
    let mut error = Error::new(
        Kind::Export,
        format!(
            "parts are missing: {} files of the export's own list are in none of the given parts",
            missing.len()
        ),
    );
    for path in missing.iter().take(10) {
        error = error.hint(format!("missing: {path}"));
    }
    if missing.len() > 10 {
        error = error.hint(format!("and {} more; `exodus inspect` lists them all", missing.len() - 10));
    }
    error
        .hint("give all parts in one command; download those that are missing")
        .hint("--allow-missing-parts imports what is here; a later run with all parts adds the rest")
}

/// Refuses the export of another account of the same platform. Paths and names are only unique within an account:
/// the `Budget.xlsx` of one would take the place of the other's.
fn check_account(archive: &Path, opened: &Opened) -> Result<()> {
    let Some(account) = &opened.survey.account else { return Ok(()) };
    let platform = opened.importer.about().name;
    // An index that is not there or cannot be read is the writer's business.
    let Ok(index) = Index::open_for_reading(&archive.join(crate::archive::index::FILE_NAME)) else {
        return Ok(());
    };
    let mut query = index
        .conn
        .prepare("SELECT account FROM export WHERE platform = ?1 AND account IS NOT NULL ORDER BY id")?;
    let known: Vec<String> =
        query.query_map([platform], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    if known.is_empty() || known.iter().any(|known| known.eq_ignore_ascii_case(account)) {
        return Ok(());
    }
    let what = format!("this export is of {account}, and the archive holds {platform} of {}", known[0]);
    Err(Error::new(Kind::Export, what).hint("name another folder with --archive: one archive an account"))
}

/// Writes down the run, the export, its parts and every entry, all before the first item.
fn begin(writer: &mut Writer, opened: &Opened, options: &Options) -> Result<i64> {
    let run: i64 =
        writer.index().conn.query_row("SELECT coalesce(max(id), 0) + 1 FROM run", [], |row| row.get(0))?;
    writer.record(&Record::Run {
        run,
        command: "import".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: now(),
    })?;
    let has_more = has_more_parts(writer, opened)?;
    let export = export_record(opened);
    let export_key = export.export.clone();
    writer.record(&Record::Export(export))?;
    for part in opened.export.parts() {
        writer.record(&Record::Part(PartRecord {
            part: part.fingerprint.clone(),
            export: export_key.clone(),
            name: part.name.clone(),
            kind: part.kind.name().to_owned(),
            size: part.size,
        }))?;
    }
    let options = options_text(options);
    for entry in opened.export.entries() {
        let part = &opened.export.parts()[entry.part as usize].fingerprint;
        let is_again = has_more && tells_of_others(&entry.path);
        register(writer, part, &entry.path, entry.size, (State::Pending, None), (run, &options, is_again))?;
    }
    for (number, twin) in opened.export.copies().iter().enumerate() {
        let part = &opened.export.parts()[twin.part as usize].fingerprint;
        let reason = Some(format!("the same file is in part {}", part_name_of(opened, twin.of)));
        let _ = number;
        register(writer, part, &twin.path, twin.size, (State::Duplicate, reason), (run, &options, false))?;
    }
    for refused in opened.export.refused() {
        let part = opened.export.parts()[refused.part as usize].fingerprint.clone();
        let reason = Some(refused.what.clone());
        register(
            writer,
            &part,
            &refused.path,
            refused.size,
            (State::Faulted, reason),
            (run, &options, false),
        )?;
        let entry = refused.path.clone();
        let (what, hint) = (refused.what.clone(), refused.hint.clone());
        writer.record(&Record::Fault(FaultRecord { run, part, entry, at: String::new(), what, hint }))?;
    }
    if has_more {
        // What is to be read again is looked up by another connection.
        writer.commit()?;
    }
    Ok(run)
}

fn part_name_of(opened: &Opened, entry: u32) -> String {
    let entry = opened.export.entries().iter().find(|known| known.id == entry);
    entry.map(|entry| opened.export.part_name(entry.part).to_owned()).unwrap_or_default()
}

/// True when some parts of this export were imported before and others were not.
fn has_more_parts(writer: &mut Writer, opened: &Opened) -> Result<bool> {
    let mut known = 0;
    for part in opened.export.parts() {
        let sql = "SELECT count(*) FROM part WHERE fingerprint = ?1";
        known += writer.index().conn.query_row(sql, [&part.fingerprint], |row| row.get::<_, i64>(0))?;
    }
    Ok(known > 0 && known < opened.export.parts().len() as i64)
}

/// True for what may tell of files in other parts: lists, sidecars, pages. When another part has come it is read again.
pub fn tells_of_others(path: &str) -> bool {
    const ENDINGS: [&str; 9] = ["json", "html", "htm", "csv", "xml", "txt", "ics", "vcf", "js"];
    path.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending.to_lowercase().as_str()))
}

/// Writes an entry down unless the index knows it already, or it is to be read again.
fn register(
    writer: &mut Writer,
    part: &str,
    path: &str,
    size: u64,
    (state, reason): (State, Option<String>),
    (run, options, is_again): (i64, &str, bool),
) -> Result<()> {
    let is_known = writer.index().find_entry(part, path)?.is_some();
    if is_known && state != State::Faulted && !is_again {
        return Ok(());
    }
    let options = (state != State::Pending).then(|| options.to_owned());
    let record = EntryRecord {
        part: part.to_owned(),
        path: path.to_owned(),
        size,
        state,
        reason,
        options,
        notes: None,
        run,
    };
    writer.record(&Record::Entry(record))?;
    writer.commit_if_full()?;
    Ok(())
}

fn export_record(opened: &Opened) -> ExportRecord {
    let survey = &opened.survey;
    let parts = opened.export.parts();
    let stamp = parts.iter().find_map(|part| part.stamp.clone());
    let export = survey.job.clone().or_else(|| stamp.clone()).unwrap_or_else(|| {
        let mut prints: Vec<&str> = parts.iter().map(|part| part.fingerprint.as_str()).collect();
        prints.sort_unstable();
        blake3::hash(prints.concat().as_bytes()).to_hex()[..32].to_owned()
    });
    ExportRecord {
        missing: opened.survey.missing.clone(),
        export: format!("{}:{export}", opened.importer.about().name),
        platform: opened.importer.about().name.to_owned(),
        account: survey.account.clone(),
        exported_at: stamp.as_deref().and_then(stamp_time).or(survey.exported_at),
        layout: opened.layout.to_owned(),
    }
}

/// The time in a stamp such as `20250326T151156Z`.
pub fn stamp_time(stamp: &str) -> Option<i64> {
    let time: jiff::Timestamp = stamp.parse().ok()?;
    Some(time.as_second())
}

/// The options as the index remembers them for an entry: those that change what is made of it.
fn options_text(options: &Options) -> String {
    let values = options.values.iter().map(|(name, value)| format!("{name}={value}"));
    values.collect::<Vec<String>>().join(" ")
}

fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

/// The product that an entry belongs to: that with the longest folder above it.
fn product_of<'a>(survey: &'a Survey, path: &str) -> Option<&'a exodus_api::Product> {
    let holds = |product: &&exodus_api::Product| {
        product.folder.is_empty()
            || path.strip_prefix(product.folder.as_str()).is_some_and(|rest| rest.starts_with('/'))
    };
    survey.products.iter().filter(holds).max_by_key(|product| product.folder.len())
}

/// Opens the index for questions from another thread, if there is one with items in it.
fn index_of_earlier_runs(request: &Request) -> Option<Index> {
    let index = Index::open_for_reading(&request.archive.join(crate::archive::index::FILE_NAME)).ok()?;
    let has_items = index.conn.query_row("SELECT EXISTS (SELECT 1 FROM item)", [], |row| row.get(0));
    has_items.unwrap_or(false).then_some(index)
}
