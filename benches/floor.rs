//! The floor under an import of mail: the least that any program must do to make files of the mbox in a zip.
//!
//! `floor ZIP DIR` inflates the largest member of a zip, splits it with `memmem` at Gmail's `From_` lines, writes
//! every message under a temporary name, renames it into `DIR/mail/cur`, and calls `syncfs` once a batch. It reads
//! no header, hashes nothing, keeps no index and survives no crash. `floor --threads ZIP DIR` does the same with
//! inflating and writing on two threads. `benches/run` compares it with exodus.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;

use memchr::{memchr, memmem};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The batches of exodus.
const BATCH_FILES: usize = 4_000;
const BATCH_BYTES: usize = 256 << 20;
const CHUNK_BYTES: usize = 512 * 1024;
/// At most so many messages are between the two threads.
const IN_FLIGHT: usize = 256;

fn main() -> ExitCode {
    // `cargo bench` adds an argument of its own.
    let mut words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let has_threads = words.iter().any(|word| word == "--threads");
    words.retain(|word| word != "--threads");
    let [zip, dir] = &words[..] else {
        println!("usage: floor [--threads] ZIP DIR; benches/run calls it");
        return ExitCode::SUCCESS;
    };
    let done = if has_threads { on_two_threads(zip, Path::new(dir)) } else { in_turn(zip, Path::new(dir)) };
    match done {
        Ok(messages) => {
            println!("{messages} messages");
            ExitCode::SUCCESS
        }
        Err(err) => {
            eprintln!("error: {err}");
            ExitCode::FAILURE
        }
    }
}

fn in_turn(zip: &str, dir: &Path) -> Result<u64> {
    let mut out = Maildir::new(dir)?;
    split_member(zip, |message| out.write(message))?;
    out.sync()?;
    Ok(out.messages)
}

fn on_two_threads(zip: &str, dir: &Path) -> Result<u64> {
    let (sender, receiver) = mpsc::sync_channel::<Vec<u8>>(IN_FLIGHT);
    std::thread::scope(|scope| {
        let writing = scope.spawn(move || -> Result<u64> {
            let mut out = Maildir::new(dir)?;
            for message in receiver {
                out.write(&message)?;
            }
            out.sync()?;
            Ok(out.messages)
        });
        let split = split_member(zip, |message| Ok(sender.send(message.to_vec())?));
        drop(sender);
        let messages = writing.join().map_err(|_| "the writing thread broke off")??;
        split.map(|()| messages)
    })
}

/// Calls `each` with every message of the largest member, its `From_` line first.
fn split_member(zip: &str, mut each: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut zip = zip::ZipArchive::new(BufReader::with_capacity(1 << 16, File::open(zip)?))?;
    let mut largest = (0, 0);
    for n in 0..zip.len() {
        largest = largest.max((zip.by_index_raw(n)?.size(), n));
    }
    let mut member = zip.by_index(largest.1)?;
    let mut buf = Vec::new();
    let mut is_at_end = false;
    while !is_at_end {
        let scanned = buf.len().saturating_sub(80);
        is_at_end = (&mut member).take(CHUNK_BYTES as u64).read_to_end(&mut buf)? == 0;
        let mut start = 0;
        for at in memmem::find_iter(&buf[scanned..], b"\nFrom ") {
            let line = scanned + at + 1;
            let is_new = line > start && is_gmail(&buf[line..]);
            if is_new {
                each(&buf[start..line])?;
                start = line;
            }
        }
        buf.drain(..start);
    }
    if buf.is_empty() { Ok(()) } else { each(&buf) }
}

fn is_gmail(line: &[u8]) -> bool {
    let end = memchr(b'\n', &line[..line.len().min(80)]);
    end.is_some_and(|end| memmem::find(&line[..end], b"@xxx ").is_some())
}

/// A Maildir with one folder.
struct Maildir {
    dir: PathBuf,
    /// Files and bytes since the last `syncfs`.
    batch: (usize, usize),
    messages: u64,
}

impl Maildir {
    fn new(dir: &Path) -> Result<Maildir> {
        for name in ["tmp", "mail/cur", "mail/new", "mail/tmp"] {
            fs::create_dir_all(dir.join(name))?;
        }
        Ok(Maildir { dir: dir.to_owned(), batch: (0, 0), messages: 0 })
    }

    fn write(&mut self, message: &[u8]) -> Result<()> {
        let head = memchr(b'\n', message).map_or(message.len(), |at| at + 1);
        let id = String::from_utf8_lossy(message[5..head].split(|byte| *byte == b'@').next().unwrap_or(b"0"));
        let body = &message[head..];
        let body = body.strip_suffix(b"\r\n").unwrap_or(body);
        self.messages += 1;
        let temporary = self.dir.join("tmp").join(self.messages.to_string());
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(body)?;
        drop(file);
        let time = id.parse::<u64>().unwrap_or(0) / (1 << 20) / 1000;
        let name = format!("{time}.{id}.exodus,S={},W={}:2,S", body.len(), body.len());
        fs::rename(&temporary, self.dir.join("mail/cur").join(name))?;
        self.batch = (self.batch.0 + 1, self.batch.1 + body.len());
        if self.batch.0 >= BATCH_FILES || self.batch.1 >= BATCH_BYTES {
            self.sync()?;
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.batch = (0, 0);
        Ok(rustix::fs::syncfs(File::open(&self.dir)?)?)
    }
}
