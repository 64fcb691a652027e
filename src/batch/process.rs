//! A command of exodus as a process of its own: whatever becomes of it, this one goes on.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::report::error::{Error, Result};

/// The variable that names the process whose end ends this one.
pub const PARENT_VARIABLE: &str = "EXODUS_BATCH_PROCESS";

/// A command that was told to stop gets so long to do it.
const GRACE: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);
/// So much of what it said last is looked through for its error.
const LIMIT_ERROR_BYTES: u64 = 64 << 10;

/// What became of a command.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// The last JSON line that it wrote.
    pub answer: Option<Value>,
    /// What it said was wrong, and what to do.
    pub said: Option<(String, Vec<String>)>,
    /// Why it was stopped from here.
    pub stopped: Option<Reason>,
}

/// Why a command is stopped.
#[derive(Clone, Debug)]
pub struct Reason {
    /// What is wrong.
    pub what: String,
    /// What to do, if it is something else than what the command says when it is stopped.
    pub hint: Option<&'static str>,
}

/// Ends this process when the one that began it ends, however that ends. Does nothing for a process that no batch began.
pub fn end_with_parent() {
    let parent = std::env::var(PARENT_VARIABLE).ok().and_then(|text| text.parse::<i32>().ok());
    let Some(parent) = parent else { return };
    let is_set = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).is_ok();
    let now = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
    if is_set && now != Some(parent) {
        // It has ended before we could ask to be told.
        std::process::exit(130);
    }
}

/// Runs exodus with these arguments in this folder; adds what it says to the log. `stop` is asked again and again and gives the
/// reason to stop it.
///
/// # Errors
/// When it cannot be begun, or the log not be written.
pub fn run(argv: &[String], folder: &Path, log: &Path, stop: &dyn Fn() -> Option<Reason>) -> Result<Ended> {
    let program = std::env::current_exe().map_err(|err| Error::io("find", Path::new("exodus"), &err))?;
    let failed = |err| Error::io("write", log, &err);
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(log).map_err(failed)?;
    writeln!(file, "{} exodus {}", Timestamp::now(), argv.join(" ")).map_err(failed)?;
    let begin = file.metadata().map_err(failed)?.len();
    let mut command = Command::new(&program);
    command
        .args(["--color", "never"])
        .args(argv)
        .current_dir(folder)
        .env(PARENT_VARIABLE, std::process::id().to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(file);
    let mut child = command.spawn().map_err(|err| Error::io("run", &program, &err))?;
    let stdout = child.stdout.take().expect("it is piped");
    let (status, stopped, answer) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| last_line(stdout));
        let (status, stopped) = wait(&mut child, stop);
        (status, stopped, reader.join().ok().flatten())
    });
    let status = status.map_err(|err| Error::io("wait for", &program, &err))?;
    let mut file = OpenOptions::new().append(true).open(log).map_err(failed)?;
    writeln!(file, "{} {status}", Timestamp::now()).map_err(failed)?;
    let answer = answer.and_then(|line| serde_json::from_str(&line).ok());
    let said = error_in(log, begin).or_else(|| killed(status));
    Ok(Ended { code: status.code(), answer, said, stopped })
}

fn wait(
    child: &mut Child,
    stop: &dyn Fn() -> Option<Reason>,
) -> (std::io::Result<ExitStatus>, Option<Reason>) {
    let mut stopped: Option<(Reason, Instant)> = None;
    loop {
        match child.try_wait() {
            Ok(None) => {}
            Ok(Some(status)) => return (Ok(status), stopped.map(|(why, _)| why)),
            Err(err) => return (Err(err), stopped.map(|(why, _)| why)),
        }
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        match (&stopped, pid) {
            (None, Some(pid)) => {
                if let Some(why) = stop() {
                    let _ = kill_process(pid, Signal::TERM);
                    stopped = Some((why, Instant::now()));
                }
            }
            (Some((_, since)), _) if since.elapsed() > GRACE => {
                let _ = child.kill();
            }
            _ => {}
        }
        std::thread::sleep(POLL);
    }
}

/// Reads to the end and returns the last line; the others were of its progress.
fn last_line(stdout: impl Read) -> Option<String> {
    let mut last = None;
    for line in BufReader::new(stdout).lines() {
        match line {
            Ok(line) if line.trim().is_empty() => {}
            Ok(line) => last = Some(line),
            Err(_) => break,
        }
    }
    last
}

/// The error with its hints that the log ends with.
fn error_in(log: &Path, begin: u64) -> Option<(String, Vec<String>)> {
    let mut file = File::open(log).ok()?;
    let len = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(begin.max(len.saturating_sub(LIMIT_ERROR_BYTES)))).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let mut lines =
        text.lines().skip_while(|line| !line.starts_with("error: ")).collect::<Vec<_>>().into_iter();
    let what = lines.next()?.strip_prefix("error: ")?.to_owned();
    let hints = lines.filter_map(|line| line.strip_prefix("hint: ")).map(str::to_owned);
    Some((what, hints.collect()))
}

fn killed(status: ExitStatus) -> Option<(String, Vec<String>)> {
    let signal = status.signal()?;
    let hint = match signal {
        9 => "the system may have ended it for lack of memory; run the same command with fewer --jobs",
        _ => "run the same command again; if it happens again, please report it",
    };
    Some((format!("it was ended by signal {signal}"), vec![hint.to_owned()]))
}
