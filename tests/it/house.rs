//! A temporary home in which the real binary runs.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// The binary under test.
pub const EXODUS: &str = env!("CARGO_BIN_EXE_exodus");

/// A folder of this test's own, gone when it is dropped.
pub struct Home {
    path: PathBuf,
}

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; minus the signal's number when a signal ended it.
    pub code: i32,
    /// Its stdout.
    pub out: Vec<u8>,
    /// Its stderr.
    pub err: String,
}

impl Home {
    /// An empty home.
    pub fn new() -> Home {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("exodus-it-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary folder can be made");
        Home { path: path.canonicalize().expect("it was made") }
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path in it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Where the archive is when nothing else is said.
    pub fn archive(&self) -> PathBuf {
        self.at("archive")
    }

    /// Writes a file, with the folders above it.
    pub fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.at(name);
        fs::create_dir_all(path.parent().expect("it is in the home")).expect("the home is ours");
        fs::write(&path, bytes).expect("the home is ours");
        path
    }

    /// Writes the parts of an export into a folder; returns that folder.
    pub fn put_parts(&self, folder: &str, parts: &[(String, Vec<u8>)]) -> PathBuf {
        for (name, bytes) in parts {
            self.put(&format!("{folder}/{name}"), bytes);
        }
        self.at(folder)
    }

    /// A command of the binary in this home, with the archive named by the environment.
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(EXODUS);
        command.args(args).current_dir(&self.path).env_clear();
        command.env("HOME", &self.path).env("EXODUS_ARCHIVE", self.archive()).env("TMPDIR", &self.path);
        command.stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Ran {
        run(&mut self.command(args))
    }

    /// Imports what lies at `part`, quietly; returns what the command did.
    pub fn import(&self, part: &Path, more: &[&str]) -> Ran {
        self.run([OsStr::new("import"), part.as_os_str(), OsStr::new("--json")].into_iter().chain(os(more)))
    }

    /// Asserts that `verify` finds the archive whole.
    pub fn assert_whole(&self, why: &str) {
        let ran = self.run(["verify", "--json", "--quiet"]);
        assert!(ran.code == 0, "{why}: {}{}", String::from_utf8_lossy(&ran.out), ran.err);
    }

    /// The answer of a command that was given `--json`.
    pub fn json(&self, args: &[&str]) -> Value {
        self.run(args.iter().chain(&["--json"])).expect(0).json()
    }

    /// The answer of a command that was given `--json`, line by line.
    pub fn json_lines(&self, args: &[&str]) -> Vec<Value> {
        self.run(args.iter().chain(&["--json"])).expect(0).json_lines()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

impl Ran {
    /// Asserts the exit code.
    #[track_caller]
    pub fn expect(self, code: i32) -> Ran {
        let out = String::from_utf8_lossy(&self.out);
        let tail: String = out.chars().rev().take(3000).collect::<Vec<_>>().into_iter().rev().collect();
        assert_eq!(self.code, code, "stdout: …{tail}\nstderr: {}", self.err);
        self
    }

    /// The only JSON value on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        let lines = self.json_lines();
        assert_eq!(lines.len(), 1, "one JSON object was expected");
        lines.into_iter().next().unwrap_or_default()
    }

    /// Every line of stdout as JSON.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let text = std::str::from_utf8(&self.out).expect("JSON is UTF-8");
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|err| panic!("{err}: {line:?}")))
            .collect()
    }

    /// The summary of an import: its last line.
    #[track_caller]
    pub fn summary(&self) -> Value {
        let last = self.json_lines().pop().unwrap_or_else(|| panic!("no output; stderr: {}", self.err));
        assert_eq!(last["event"], "summary", "exit {}; stderr: {}", self.code, self.err);
        last
    }
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Ran {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    finish(child.unwrap_or_else(|err| panic!("{command:?} cannot be started: {err}")))
}

/// Waits for a child whose output is piped.
pub fn finish(child: Child) -> Ran {
    use std::os::unix::process::ExitStatusExt;
    let output = child.wait_with_output().expect("a child can be waited for");
    let status = output.status;
    let code = status.code().unwrap_or_else(|| -status.signal().unwrap_or(0));
    Ran { code, out: output.stdout, err: String::from_utf8_lossy(&output.stderr).into_owned() }
}

/// A part of a JSON number that must be one.
#[track_caller]
pub fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("not a number: {value}"))
}

/// Asserts that the states of the entries add up to their total, none of them pending; returns the total.
#[track_caller]
pub fn assert_adds_up(entries: &Value) -> u64 {
    let states = ["taken", "used", "duplicate", "kept", "skipped", "faulted"];
    let sum: u64 = states.iter().map(|state| number(&entries[*state])).sum();
    assert_eq!(sum, number(&entries["total"]), "{entries}");
    assert_eq!(number(&entries["pending"]), 0, "{entries}");
    sum
}

fn os<'a>(words: &'a [&str]) -> impl Iterator<Item = &'a OsStr> {
    words.iter().map(OsStr::new)
}

/// True when a program is there to be run.
pub fn has_program(name: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| folder.join(name).is_file())
}

/// Says aloud, even when tests are quiet, that something was not tested and why.
pub fn skip(what: &str, why: &str) {
    use std::io::Write;
    // Not `eprintln`, which the test harness would catch and hide.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}: {why}");
}
