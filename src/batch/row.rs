//! One row: import each export, verify, push to each target, write the receipt. Each step is a process of its own.

use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::manifest::{ExportOf, Row, TargetOf};
use super::process::{self, Ended, Reason};
use super::state::{PushedTo, RowResult, RowState, StateFolder, StepError};
use crate::archive::folders::write;
use crate::push::settings::{self, TargetSettings};
use crate::report::error::{Kind, Result};

/// A row, with the files that its patterns name now.
#[derive(Debug)]
pub struct Work<'a> {
    /// The row.
    pub row: &'a Row,
    /// The parts of each export, sorted; none if there is no such file.
    pub parts: Vec<Vec<PathBuf>>,
    /// Bytes of all parts.
    pub bytes: u64,
    /// Names what is to be done, and with what.
    pub fingerprint: String,
}

/// Looks which files a row brings.
pub fn work<'a>(row: &'a Row, folder: &Path) -> Work<'a> {
    let parts: Vec<Vec<PathBuf>> = row.exports.iter().map(|export| files_of(export, folder)).collect();
    let mut bytes = 0;
    let mut seen = Vec::new();
    for path in parts.iter().flatten() {
        let (size, modified) = size_of(path);
        bytes += size;
        seen.push(json!([path.to_string_lossy(), size, modified]));
    }
    let targets: Vec<Value> = row.targets.iter().map(|it| json!([it.name, it.settings])).collect();
    let exports: Vec<Value> = row.exports.iter().map(|it| json!([it.from, it.pattern])).collect();
    let named =
        json!([seen, exports, row.archive.to_string_lossy(), targets, row.import, row.push, row.verify]);
    let fingerprint = blake3::hash(named.to_string().as_bytes()).to_hex()[..32].to_owned();
    Work { row, parts, bytes, fingerprint }
}

fn files_of(export: &ExportOf, folder: &Path) -> Vec<PathBuf> {
    let whole = folder.join(&export.pattern);
    // A name may have what patterns are made of.
    if whole.exists() {
        return vec![whole];
    }
    let found = glob::glob(&whole.to_string_lossy());
    let mut files: Vec<PathBuf> = found.into_iter().flatten().flatten().collect();
    files.sort();
    files
}

/// Size and time of a file; of a folder those of all files in it.
fn size_of(path: &Path) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    let files = walkdir::WalkDir::new(path)
        .into_iter()
        .flatten()
        .filter(|it| it.file_type().is_file() || it.depth() == 0);
    files
        .filter_map(|it| std::fs::metadata(it.path()).ok())
        .filter(std::fs::Metadata::is_file)
        .fold((0, 0), |(size, time), it| (size + it.len(), time.max(it.mtime().unsigned_abs())))
}

impl Work<'_> {
    /// True if what became of the row earlier still holds: nothing of what is to be done has changed. Exports that were removed
    /// after all went well are not missed.
    pub fn is_as_before(&self, result: &RowResult) -> bool {
        let is_gone = self.parts.iter().all(Vec::is_empty) && result.state == RowState::Done;
        result.fingerprint == self.fingerprint || is_gone
    }

    /// A result that says that nothing has been done yet.
    pub fn not_run(&self, state: &StateFolder) -> RowResult {
        RowResult {
            id: self.row.id.clone(),
            owner: self.row.owner.clone(),
            place: self.row.place.clone(),
            state: RowState::NotRun,
            archive: self.row.archive.clone(),
            exports: 0,
            entries: 0,
            items: 0,
            bytes: 0,
            faults: 0,
            pushed: Vec::new(),
            is_verified: false,
            is_ready: false,
            receipt: None,
            errors: Vec::new(),
            log: state.file(&self.row.id, "log"),
            started_at: None,
            ended_at: None,
            seconds: 0.0,
            fingerprint: self.fingerprint.clone(),
        }
    }

    /// Does the row. `stop` gives the reason to stop, `is_interrupted` says that the whole batch is to stop: then the row has
    /// not ended and `None` is returned.
    ///
    /// # Errors
    /// When not even its state can be written.
    pub fn run(
        &self,
        folder: &Path,
        state: &StateFolder,
        stop: &dyn Fn() -> Option<Reason>,
        is_interrupted: &dyn Fn() -> bool,
    ) -> Result<Option<RowResult>> {
        let begin = Instant::now();
        let mut result = self.not_run(state);
        result.state = RowState::Done;
        result.started_at = Some(Timestamp::now().to_string());
        let limit = self.row.time_limit;
        let stop = || match limit {
            _ if is_interrupted() => Some(Reason { what: "the batch was stopped".to_owned(), hint: None }),
            Some(limit) if begin.elapsed() > limit => {
                let what = format!("it took longer than its time limit of {} s", limit.as_secs());
                Some(Reason {
                    what,
                    hint: Some("give it more time, then run the batch again with --retry-failed"),
                })
            }
            _ => stop(),
        };
        let mut steps = Steps { folder, log: result.log.clone(), stop: &stop, result: &mut result };
        self.steps(&mut steps, state)?;
        if is_interrupted() {
            return Ok(None);
        }
        result.seconds = begin.elapsed().as_secs_f64();
        result.ended_at = Some(Timestamp::now().to_string());
        Ok(Some(result))
    }

    fn steps(&self, steps: &mut Steps, state: &StateFolder) -> Result<()> {
        let row = self.row;
        let archive = row.archive.to_string_lossy().into_owned();
        for (export, parts) in row.exports.iter().zip(&self.parts) {
            if !steps.import(export, parts, row, &archive)? {
                return Ok(());
            }
        }
        if row.archive.is_dir() {
            if row.verify && !steps.verify(&archive)? {
                return Ok(());
            }
            let settings = settings_of(row, state)?;
            for target in &row.targets {
                if !steps.push(target, row, &archive, &settings)? {
                    return Ok(());
                }
            }
            steps.receipt(&archive)?;
        }
        Ok(())
    }
}

/// The settings of a row's targets as a file that `exodus push` reads. No password stands in it, only who knows it.
fn settings_of(row: &Row, state: &StateFolder) -> Result<String> {
    let path = state.file(&row.id, "toml");
    let targets: Vec<(&str, &TargetSettings)> = row
        .targets
        .iter()
        .filter(|it| !it.name.contains("://"))
        .map(|it| (it.name.as_str(), &it.settings))
        .collect();
    write(&path, settings::text_of(&targets).as_bytes())?;
    Ok(path.to_string_lossy().into_owned())
}

/// The steps of a row with what they have brought so far.
struct Steps<'a> {
    folder: &'a Path,
    log: PathBuf,
    stop: &'a dyn Fn() -> Option<Reason>,
    result: &'a mut RowResult,
}

impl Steps<'_> {
    /// Runs a step; true if the row may go on after it.
    fn step(&mut self, name: &str, argv: Vec<String>) -> Result<(bool, Value)> {
        let Ended { code, answer, said, stopped } = process::run(&argv, self.folder, &self.log, self.stop)?;
        let answer = answer.unwrap_or(Value::Null);
        let is_partial = code == Some(Kind::Partial.exit_code().into()) && stopped.is_none();
        if code == Some(0) && stopped.is_none() {
            return Ok((true, answer));
        }
        let (mut what, mut hints) =
            said.unwrap_or_else(|| ("it ended without a word".to_owned(), Vec::new()));
        if let Some(reason) = stopped {
            what = reason.what;
            hints = reason.hint.map_or(hints, |hint| vec![hint.to_owned()]);
        }
        self.failed(name, code, what, hints, if is_partial { RowState::Partial } else { RowState::Failed });
        // An export that cannot be read keeps nobody from the others.
        let may_go_on = is_partial || code == Some(Kind::Export.exit_code().into());
        Ok((may_go_on, answer))
    }

    fn failed(&mut self, step: &str, code: Option<i32>, what: String, hints: Vec<String>, state: RowState) {
        self.result.errors.push(StepError { step: step.to_owned(), code, what, hints });
        if self.result.state != RowState::Failed {
            self.result.state = state;
        }
    }

    fn import(&mut self, export: &ExportOf, parts: &[PathBuf], row: &Row, archive: &str) -> Result<bool> {
        let name = format!("import {}", export.pattern);
        if parts.is_empty() {
            let what = format!("there is no file `{}`", export.pattern);
            let hint = "check the path in the manifest, then run the batch again with --retry-failed";
            self.failed(&name, None, what, vec![hint.to_owned()], RowState::Failed);
            return Ok(true);
        }
        let mut argv = arguments(&["import", "--json", "--quiet", "--archive", archive]);
        argv.extend(export.from.iter().flat_map(|from| arguments(&["--from", from])));
        argv.extend(row.import.iter().cloned());
        argv.push("--".to_owned());
        argv.extend(parts.iter().map(|part| part.to_string_lossy().into_owned()));
        let (may_go_on, answer) = self.step(&name, argv)?;
        if !answer["entries"].is_null() && may_go_on {
            self.result.exports += 1;
        }
        self.result.entries += number(&answer["entries"]["total"]);
        self.result.faults += number(&answer["n_faults"]);
        Ok(may_go_on)
    }

    fn verify(&mut self, archive: &str) -> Result<bool> {
        let argv = arguments(&["verify", "--json", "--quiet", "--archive", archive]);
        let (may_go_on, answer) = self.step("verify", argv)?;
        self.result.is_verified = answer["whole"] == true;
        self.result.faults += answer["problems"].as_array().map_or(0, Vec::len) as u64;
        Ok(may_go_on)
    }

    fn push(&mut self, target: &TargetOf, row: &Row, archive: &str, settings: &str) -> Result<bool> {
        let mut argv = arguments(&[
            "push",
            &target.name,
            "--json",
            "--quiet",
            "--archive",
            archive,
            "--config",
            settings,
        ]);
        argv.extend(row.push.iter().cloned());
        let (may_go_on, answer) = self.step(&format!("push to {}", target.name), argv)?;
        if !answer["all"].is_null() {
            let failed = answer["failed"].as_array().map_or(0, Vec::len) as u64;
            self.result.faults += number(&answer["n_faults"]);
            self.result.pushed.push(PushedTo {
                target: target.name.clone(),
                files: number(&answer["all"]["files"]).saturating_sub(failed),
                bytes: number(&answer["all"]["bytes"]),
                verified: number(&answer["verified"]["good"]),
            });
        }
        // A server that refuses says nothing of the next one.
        Ok(may_go_on || (self.stop)().is_none())
    }

    fn receipt(&mut self, archive: &str) -> Result<()> {
        let (_, answer) =
            self.step("receipt", arguments(&["receipt", "--json", "--quiet", "--archive", archive]))?;
        let items = answer["archive"]["items"].as_object();
        self.result.items = items.into_iter().flat_map(|all| all.values()).map(number).sum();
        self.result.bytes = number(&answer["archive"]["bytes"]);
        self.result.is_ready = answer["is_ready"] == true;
        let path = Path::new(archive).join("receipt.json");
        self.result.receipt = path.is_file().then_some(path);
        Ok(())
    }
}

fn arguments(all: &[&str]) -> Vec<String> {
    all.iter().map(|it| (*it).to_owned()).collect()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}
