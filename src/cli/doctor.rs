//! `exodus doctor`: what may stand in the way, before it does. It changes nothing, and asks no server but the one that
//! is named.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use rustix::fs::{FlockOperation, OFlags};
use rustix::process::{Resource, getrlimit};
use serde_json::json;

use super::chosen_target::ChosenArgs;
use super::output::{clean, counted, number, size};
use super::progress::{Progress, Telling};
use super::questions::Questions;
use super::{Common, Context, sandbox};
use crate::archive;
use crate::archive::index::{FILE_NAME as INDEX, FORMAT};
use crate::archive::ledger::FILE_NAME as LEDGER;
use crate::archive::reader::Reader;
use crate::push::run::{self, Ears};
use crate::report::error::{Error, Kind, Result};

/// Look for what may stand in the way: disk, limits, clock, ssh, the archive, a server
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  exodus doctor\n  exodus doctor --target home     (and log in there)")]
pub struct DoctorArgs {
    /// Also log in to this target: a URL, or a name from exodus.toml
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    #[command(flatten)]
    chosen: ChosenArgs,
    #[command(flatten)]
    common: Common,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Ok,
    Warning,
    /// Decides the exit code.
    Error(Kind),
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Error(_) => "error",
        }
    }
}

/// What was looked at, what was found, and what to do.
struct Check {
    name: &'static str,
    state: State,
    what: String,
    hints: Vec<String>,
}

impl Check {
    fn ok(name: &'static str, what: impl Into<String>) -> Check {
        Check { name, state: State::Ok, what: what.into(), hints: Vec::new() }
    }

    fn warning(name: &'static str, what: impl Into<String>, hint: impl Into<String>) -> Check {
        Check { name, state: State::Warning, what: what.into(), hints: vec![hint.into()] }
    }

    fn error(name: &'static str, err: Error) -> Check {
        Check { name, state: State::Error(err.kind), what: err.what, hints: err.hints }
    }
}

/// Runs the command.
pub fn run(args: &DoctorArgs, context: &Context) -> Result<()> {
    let archive = &args.common.archive;
    let mut checks =
        vec![disk(archive), temporary(), limits(), clock(archive), locale(context), sandbox_check()];
    checks.extend(of_archive(archive));
    checks.extend([agent(), known_hosts(), key_files()]);
    checks.extend(args.target.as_deref().map(|name| target(name, args, context)));
    tell(&checks, args, context);
    let errors = checks.iter().filter_map(|check| match check.state {
        State::Error(kind) => Some(kind),
        _ => None,
    });
    let kinds: Vec<Kind> = errors.collect();
    match kinds.first() {
        None => Ok(()),
        Some(kind) => Err(Error::new(*kind, format!("{} failed", counted(kinds.len() as u64, "check")))),
    }
}

fn tell(checks: &[Check], args: &DoctorArgs, context: &Context) {
    let output = &context.output;
    if args.common.json {
        let list = checks
            .iter()
            .map(|it| json!({"name": it.name, "state": it.state.name(), "what": it.what, "hints": it.hints}));
        return output.json(&json!({"checks": list.collect::<Vec<_>>()}));
    }
    for check in checks {
        output.line(&format!("{:<8} {:<10} {}", check.state.name(), check.name, clean(&check.what)));
        for hint in &check.hints {
            output.line(&format!("{:<19} to do: {}", "", clean(hint)));
        }
    }
}

/// The disk of the archive: bytes, and how many files it still takes.
fn disk(archive: &Path) -> Check {
    let above = archive.ancestors().find(|folder| folder.exists());
    let above = above.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(disk) = rustix::fs::statvfs(above) else {
        return Check::warning(
            "disk",
            "nobody knows how much is free",
            "name a folder of a disk with --archive",
        );
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let what = format!(
        "{} of {} free for `{}`",
        size(free),
        size(disk.f_blocks.saturating_mul(disk.f_frsize)),
        archive.display()
    );
    if free < 100 << 20 {
        return Check::error(
            "disk",
            Error::new(Kind::Archive, what)
                .hint("make room, or name a folder on another disk with --archive"),
        );
    }
    // Of disks that count no files (btrfs) both numbers are 0.
    if disk.f_files > 0 && disk.f_favail < 50_000 {
        let what = format!("{what}, but only for {}", counted(disk.f_favail, "more file"));
        return Check::warning(
            "disk",
            what,
            "a mail is a file: name a folder on another disk with --archive",
        );
    }
    match free < 2 << 30 {
        true => Check::warning("disk", what, "`exodus inspect` says how much an export needs"),
        false => Check::ok("disk", what),
    }
}

/// The folder for what is needed for a moment: `verify` builds a second index there.
fn temporary() -> Check {
    let folder = std::env::temp_dir();
    match rustix::fs::access(&folder, rustix::fs::Access::WRITE_OK) {
        Ok(()) => Check::ok("temporary", format!("`{}` can be written to", folder.display())),
        Err(err) => {
            let what = format!("`{}` cannot be written to: {err}", folder.display());
            Check::warning("temporary", what, "`exodus verify` needs such a folder: export TMPDIR=DIR")
        }
    }
}

/// What the system lets a process have.
fn limits() -> Check {
    let files = getrlimit(Resource::Nofile).current;
    let shown = files.map_or_else(|| "any number of".to_owned(), number);
    let what = format!("{shown} files may be open at once");
    if files.is_some_and(|files| files < 256) {
        return Check::warning("limits", what, "raise it: ulimit -n 1024");
    }
    match getrlimit(Resource::Fsize).current {
        Some(largest) => {
            let what = format!("no file may be larger than {}", size(largest));
            Check::warning("limits", what, "raise it: ulimit -f unlimited")
        }
        None => Check::ok("limits", what),
    }
}

/// The clock, by itself and against that of the archive's disk, which may be another machine's.
fn clock(archive: &Path) -> Check {
    let now = SystemTime::now();
    let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |it| it.as_secs());
    // 2026-01-01: exodus is no older.
    if seconds(now) < 1_767_225_600 {
        let what = format!("the clock says {}", super::output::time(seconds(now) as i64));
        return Check::error(
            "clock",
            Error::new(Kind::Partial, what).hint("set it: what comes first and last is decided by it"),
        );
    }
    let written = fs::metadata(archive.join(LEDGER)).and_then(|meta| meta.modified());
    if written.is_ok_and(|written| written > now + Duration::from_secs(60)) {
        return Check::warning(
            "clock",
            "the archive was written to in the future",
            "set the clock, of this machine or of that which wrote",
        );
    }
    match disk_time(archive) {
        Some(disk) if disk.abs_diff(seconds(now)) > 5 => {
            let what = format!("the disk's clock differs by {} s", disk.abs_diff(seconds(now)));
            Check::warning("clock", what, "set one of the two by NTP")
        }
        _ => Check::ok("clock", "as this machine and the archive's disk agree"),
    }
}

/// The time that the disk gives to a file without a name, which leaves nothing behind.
fn disk_time(archive: &Path) -> Option<u64> {
    let flags = OFlags::TMPFILE.bits() as i32;
    let file = OpenOptions::new().write(true).custom_flags(flags).mode(0o600).open(archive).ok()?;
    u64::try_from(file.metadata().ok()?.mtime()).ok()
}

fn locale(context: &Context) -> Check {
    match context.output.is_utf8() {
        true => Check::ok("locale", "UTF-8"),
        false => Check::warning(
            "locale",
            "not one of UTF-8: progress is shown in ASCII; names and texts are UTF-8 all the same",
            "export LC_ALL=C.UTF-8",
        ),
    }
}

fn sandbox_check() -> Check {
    match sandbox::kernel_version() {
        Some(version @ 4..) => Check::ok(
            "sandbox",
            format!("Landlock {version}: an import reads the parts, writes the archive, and nothing else"),
        ),
        Some(version) => Check::warning(
            "sandbox",
            format!("Landlock {version} does not know networks: the rest holds"),
            "a kernel of Linux 6.7 or newer knows them",
        ),
        None => Check::warning(
            "sandbox",
            "this kernel has no Landlock, or does not use it: an import is not shut in",
            "a kernel of Linux 5.13 or newer has it",
        ),
    }
}

/// The archive: whether it can be read, and what a killed run has left.
fn of_archive(root: &Path) -> Vec<Check> {
    if !archive::looks_like_archive(root) {
        return vec![Check::ok("archive", format!("there is none in `{}` yet", root.display()))];
    }
    let read = archive::require(root).and_then(|()| Reader::open(root)).and_then(|reader| reader.status());
    let found = match read {
        Ok(status) => {
            let items = status.items.values().map(|(n, _)| n).sum();
            Check::ok(
                "archive",
                format!(
                    "format {FORMAT}, {}, {}",
                    counted(items, "item"),
                    counted(status.exports.len() as u64, "export")
                ),
            )
        }
        Err(err) => Check::error("archive", err),
    };
    let is_private =
        fs::metadata(root.join(INDEX)).map_or(true, |meta| meta.permissions().mode() & 0o077 == 0);
    let mut checks = vec![found];
    if !is_private {
        checks.push(Check::warning(
            "rights",
            "others can read the archive's index",
            format!("chmod -R go= {}", root.display()),
        ));
    }
    checks.extend(lock(root));
    checks
}

/// A lock that somebody holds, or that a killed run has left.
fn lock(root: &Path) -> Option<Check> {
    let file = File::open(root.join("lock")).ok()?;
    let owner = fs::read_to_string(root.join("lock")).unwrap_or_default();
    if rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared).is_err() {
        let what = format!("another exodus is writing to it (process {})", owner.trim());
        return Some(Check::warning(
            "lock",
            what,
            "wait until it has ended; one that was killed lets go by itself",
        ));
    }
    let what = "a run was killed before its end; nothing is lost";
    Some(Check::warning("lock", what, "run the same command again: it goes on where it was"))
}

/// The agent that has keys. exodus speaks SSH itself; the program `ssh` is not needed.
fn agent() -> Check {
    let Some(socket) = std::env::var_os("SSH_AUTH_SOCK").filter(|socket| !socket.is_empty()) else {
        return Check::ok("ssh-agent", "there is none; key files are used");
    };
    match UnixStream::connect(&socket) {
        Ok(_) => Check::ok("ssh-agent", "it answers"),
        Err(err) => Check::warning(
            "ssh-agent",
            format!("SSH_AUTH_SOCK leads to nobody: {err}"),
            "start one (eval $(ssh-agent)), or unset SSH_AUTH_SOCK",
        ),
    }
}

fn ssh_folder() -> PathBuf {
    PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".ssh")
}

fn known_hosts() -> Check {
    let path = ssh_folder().join("known_hosts");
    match fs::metadata(&path) {
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
            Check::ok("ssh", "no server is known yet: exodus shows its key and asks")
        }
        Err(err) => {
            Check::warning("ssh", format!("`{}` cannot be read: {err}", path.display()), "check whose it is")
        }
        Ok(meta) if meta.permissions().mode() & 0o022 != 0 => {
            let what = format!("others can write to `{}`, and so decide whom you trust", path.display());
            Check::warning("ssh", what, format!("chmod 644 {}", path.display()))
        }
        Ok(_) => Check::ok("ssh", "known hosts can be read"),
    }
}

/// Keys of the usual names that others can read.
fn key_files() -> Check {
    let names = ["id_ed25519", "id_ecdsa", "id_rsa", "id_ed25519_sk", "id_ecdsa_sk"];
    let files: Vec<PathBuf> =
        names.iter().map(|name| ssh_folder().join(name)).filter(|path| path.exists()).collect();
    let is_open =
        |path: &&PathBuf| fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0);
    match files.iter().find(is_open) {
        Some(path) => Check::warning(
            "ssh-keys",
            format!("others can read the key `{}`", path.display()),
            format!("chmod 600 {}", path.display()),
        ),
        None => Check::ok("ssh-keys", counted(files.len() as u64, "key file")),
    }
}

/// Logs in and asks the server what it is.
fn target(name: &str, args: &DoctorArgs, context: &Context) -> Check {
    let questions = Questions::new(&context.output);
    let progress = Progress::new(&context.output, Telling::Nobody, true);
    let ears = Ears { ask: &questions, observer: &progress, stop: &context.stop };
    let request = args.chosen.request(Some(name), &args.common.archive);
    match request.and_then(|request| run::test(&request, ears)) {
        Ok(abilities) => {
            let free =
                abilities.room.map(|room| format!(", {} free", size(room.free_bytes))).unwrap_or_default();
            Check::ok("target", format!("{} answers{free}", abilities.software))
        }
        Err(err) => Check::error("target", err),
    }
}
