//! The target `file://`: a folder on this machine, a disk that was plugged in, a server's folder that is mounted.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use sha2::{Digest, Sha256 as Sha};

use super::target::{
    Abilities, Feed, FileKind, FileTarget, Folder, Moved, Next, Outcome, Over, Result, Retry, Room, Send,
    Sent, Sha256, Stat, TargetError, Task,
};
use super::{Opening, TargetDef};
use crate::archive::files::mtime_of;

/// `file:///path`
pub const DEF: TargetDef = TargetDef { scheme: "file", title: "a folder or a disk of this machine", open };

/// A folder as a target.
struct Disk {
    root: PathBuf,
    bytes_per_s: Option<u64>,
}

fn open<'a>(opening: &Opening<'a>) -> Result<Box<dyn FileTarget + 'a>> {
    let place = opening.place;
    if !place.host.is_empty() && place.host != "localhost" {
        return Err(TargetError::login(format!("`file://{}` names another machine", place.host))
            .hint("write three slashes for this one: file:///mnt/disk/archive"));
    }
    let root = match place.path.strip_prefix('~') {
        Some(below) if below.is_empty() || below.starts_with('/') => {
            let home = std::env::var_os("HOME").unwrap_or_default();
            PathBuf::from(home).join(below.trim_start_matches('/'))
        }
        _ => PathBuf::from(&place.path),
    };
    Ok(Box::new(Disk { root, bytes_per_s: opening.bytes_per_s }))
}

impl FileTarget for Disk {
    fn room(&mut self) -> Result<Option<Room>> {
        let there = self.root.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
        Ok(rustix::fs::statvfs(there).ok().map(|it| Room {
            free_bytes: it.f_bavail * it.f_frsize,
            total_bytes: it.f_blocks * it.f_frsize,
            free_files: (it.f_files > 0).then_some(it.f_favail),
        }))
    }

    fn abilities(&mut self) -> Result<Abilities> {
        let room = self.room()?;
        let there = self.root.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/"));
        Ok(Abilities {
            software: "a disk of this machine".to_owned(),
            root: self.root.display().to_string(),
            extensions: Vec::new(),
            room,
            replaces_at_once: true,
            rename_is_careful: true,
            syncs: true,
            hashes_by: Some("reading"),
            is_case_sensitive: is_case_sensitive(there),
            keeps_times: true,
            keeps_modes: true,
        })
    }

    fn make_folders(&mut self, folders: &[Folder]) -> Result<Vec<bool>> {
        let above = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.root);
        above.map_err(|err| of_path("make the folder", &self.root, &err))?;
        folders.iter().map(|folder| make_folder(&self.at(&folder.path), folder.mode)).collect()
    }

    fn run(&mut self, feed: &mut dyn Feed) -> Result<()> {
        let mut pace = Pace::new(self.bytes_per_s);
        loop {
            let (n, task) = match feed.next() {
                Next::Task(n, task) => (n, task),
                // Everything that was handed out is done: waiting would never end.
                Next::Wait | Next::End => return Ok(()),
            };
            let outcome = match task {
                Task::Send(send) => self.send(&send, feed, &mut pace),
                Task::Sync => self.sync(),
                Task::Append { path, bytes } => self.append(&path, &bytes),
            };
            feed.done(n, outcome.unwrap_or_else(Outcome::Failed));
        }
    }

    fn stat(&mut self, paths: &[String]) -> Result<Vec<Option<Stat>>> {
        paths.iter().map(|path| stat_of(&self.at(path))).collect()
    }

    fn list(&mut self, folder: &str) -> Result<Option<Vec<(String, Stat)>>> {
        let path = self.at(folder);
        let entries = match fs::read_dir(&path) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            entries => entries.map_err(|err| of_path("list", &path, &err))?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|err| of_path("list", &path, &err))?;
            if let (Some(name), Some(stat)) = (entry.file_name().to_str(), stat_of(&entry.path())?) {
                found.push((name.to_owned(), stat));
            }
        }
        Ok(Some(found))
    }

    fn read(&mut self, path: &str, offset: u64, out: &mut dyn Write) -> Result<bool> {
        let path = self.at(path);
        let mut file = match File::open(&path) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(false),
            file => file.map_err(|err| of_path("read", &path, &err))?,
        };
        let copied = file.seek(SeekFrom::Start(offset)).and_then(|_| io::copy(&mut file, out));
        copied.map_err(|err| of_path("read", &path, &err))?;
        Ok(true)
    }

    fn hashes(&mut self, paths: &[String]) -> Result<Option<Vec<Option<Sha256>>>> {
        Ok(Some(paths.iter().map(|path| super::hash::hash_file(&self.at(path)).ok()).collect()))
    }

    fn rename(&mut self, moves: &[(String, String)]) -> Result<Vec<Moved>> {
        Ok(moves.iter().map(|(from, to)| self.rename_one(&self.at(from), &self.at(to))).collect())
    }

    fn remove(&mut self, paths: &[String]) -> Result<Vec<Option<TargetError>>> {
        let remove = |path: &String| match fs::remove_file(self.at(path)) {
            Err(err) if err.kind() != io::ErrorKind::NotFound => {
                Some(of_path("remove", &self.at(path), &err))
            }
            _ => None,
        };
        Ok(paths.iter().map(remove).collect())
    }
}

impl Disk {
    fn at(&self, path: &str) -> PathBuf {
        if path == "." { self.root.clone() } else { self.root.join(path) }
    }

    fn send(&self, send: &Send, feed: &mut dyn Feed, pace: &mut Pace) -> Result<Outcome> {
        let (to, temporary) = (self.at(&send.to), self.at(&send.temporary));
        if let Some(occupied) = send.over.in_the_way(stat_of(&to)?) {
            let _ = fs::remove_file(&temporary);
            return Ok(Outcome::Occupied(occupied));
        }
        let Ok(mut from) = File::open(&send.from) else { return Ok(Outcome::Changed) };
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&temporary);
        let mut file = file.map_err(|err| of_path("create", &temporary, &err))?;
        let mut hash = Sha::new();
        let resumed_bytes = same_bytes(&mut from, &mut file, &mut hash)
            .map_err(|err| of_path("compare", &temporary, &err))?;
        let copied = copy(&mut from, &mut file, &mut hash, (feed, pace));
        let Some(bytes) = copied.map_err(|err| of_path("write", &temporary, &err))? else {
            return Ok(Outcome::Stopped);
        };
        if resumed_bytes + bytes != send.size {
            let _ = fs::remove_file(&temporary);
            return Ok(Outcome::Changed);
        }
        finish(&file, send).map_err(|err| of_path("write", &temporary, &err))?;
        if let Some(occupied) = self.give_name(&temporary, &to, send.over)? {
            return Ok(Outcome::Occupied(occupied));
        }
        let stat = stat_of(&to)?.filter(|stat| stat.size == send.size);
        let stat = stat.ok_or_else(|| {
            TargetError::new(Retry::Never, format!("`{}` is not there after it was written", to.display()))
        })?;
        Ok(Outcome::Sent(Sent { sha256: hash.finalize().into(), stat, resumed_bytes }))
    }

    fn give_name(&self, temporary: &Path, to: &Path, over: Over) -> Result<Option<Stat>> {
        let replaces = matches!(over, Over::Ours { .. } | Over::Anything);
        if replaces {
            fs::rename(temporary, to).map_err(|err| of_path("rename", temporary, &err))?;
            return Ok(None);
        }
        match self.rename_one(temporary, to) {
            Moved::Done => Ok(None),
            Moved::Failed(err) => Err(err),
            Moved::Gone => Err(TargetError::new(Retry::Never, format!("`{}` has gone", temporary.display()))),
            Moved::Occupied => {
                let _ = fs::remove_file(temporary);
                stat_of(to)
            }
        }
    }

    fn rename_one(&self, from: &Path, to: &Path) -> Moved {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        use rustix::io::Errno;
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => Moved::Done,
            Err(Errno::EXIST) => Moved::Occupied,
            Err(Errno::NOENT) if !from.exists() => Moved::Gone,
            // Not every file system can refuse by itself (FAT, FUSE).
            Err(Errno::INVAL | Errno::NOSYS) if to.symlink_metadata().is_ok() => Moved::Occupied,
            Err(Errno::INVAL | Errno::NOSYS) => match fs::rename(from, to) {
                Ok(()) => Moved::Done,
                Err(err) => Moved::Failed(of_path("rename", from, &err)),
            },
            Err(err) => Moved::Failed(of_path("rename", from, &err.into())),
        }
    }

    fn sync(&self) -> Result<Outcome> {
        let root = File::open(&self.root).map_err(|err| of_path("open", &self.root, &err))?;
        rustix::fs::syncfs(&root).map_err(|err| of_path("make safe", &self.root, &err.into()))?;
        Ok(Outcome::Done)
    }

    fn append(&self, path: &str, bytes: &[u8]) -> Result<Outcome> {
        let path = self.at(path);
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(&path);
        let written = file.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_data()));
        written.map_err(|err| of_path("append to", &path, &err))?;
        Ok(Outcome::Done)
    }
}

fn is_case_sensitive(there: &Path) -> bool {
    let name = format!(".exodus-case-{}", std::process::id());
    let probe = there.join(&name);
    if fs::write(&probe, b"").is_err() {
        return true;
    }
    let other = there.join(name.to_uppercase()).exists();
    let _ = fs::remove_file(&probe);
    !other
}

/// Compares what an interrupted try has left with the source, piece by piece; leaves both files after the last
/// equal piece and cuts the rest off. Tells how much was equal.
fn same_bytes(from: &mut File, file: &mut File, hash: &mut Sha) -> io::Result<u64> {
    let (mut ours, mut theirs) = (vec![0; PIECE], vec![0; PIECE]);
    let mut equal = 0;
    loop {
        let n = read_full(file, &mut theirs)?;
        let m = read_full(from, &mut ours)?;
        if n == 0 || n > m || ours[..n] != theirs[..n] {
            break;
        }
        hash.update(&ours[..n]);
        equal += n as u64;
        if n < PIECE {
            break;
        }
    }
    file.set_len(equal)?;
    file.seek(SeekFrom::Start(equal))?;
    from.seek(SeekFrom::Start(equal))?;
    Ok(equal)
}

const PIECE: usize = 256 << 10;

fn read_full(file: &mut File, buf: &mut [u8]) -> io::Result<usize> {
    let mut n = 0;
    while n < buf.len() {
        match file.read(&mut buf[n..])? {
            0 => break,
            more => n += more,
        }
    }
    Ok(n)
}

/// Copies the rest; `None` if the user wants to stop.
fn copy(
    from: &mut File,
    to: &mut File,
    hash: &mut Sha,
    (feed, pace): (&mut dyn Feed, &mut Pace),
) -> io::Result<Option<u64>> {
    let mut buf = vec![0; PIECE];
    let mut bytes = 0;
    loop {
        let n = read_full(from, &mut buf)?;
        if n == 0 {
            return Ok(Some(bytes));
        }
        to.write_all(&buf[..n])?;
        hash.update(&buf[..n]);
        bytes += n as u64;
        feed.progress(n as u64);
        pace.keep(n as u64);
        if feed.should_stop() && n == PIECE {
            return Ok(None);
        }
    }
}

fn finish(file: &File, send: &Send) -> io::Result<()> {
    let whole = Duration::from_secs(send.mtime.unsigned_abs());
    let mtime = if send.mtime < 0 { UNIX_EPOCH - whole } else { UNIX_EPOCH + whole };
    // Some file systems keep neither times nor modes.
    let _ = file.set_permissions(Permissions::from_mode(send.mode));
    let _ = file.set_modified(mtime);
    Ok(())
}

fn make_folder(path: &Path, mode: u32) -> Result<bool> {
    match fs::DirBuilder::new().mode(mode).create(path) {
        Ok(()) => {
            let _ = fs::set_permissions(path, Permissions::from_mode(mode));
            Ok(true)
        }
        Err(_) if path.is_dir() => Ok(false),
        Err(err) => Err(of_path("make the folder", path, &err)),
    }
}

fn stat_of(path: &Path) -> Result<Option<Stat>> {
    match path.symlink_metadata() {
        Err(err) if matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(err) => Err(of_path("look at", path, &err)),
        Ok(metadata) => {
            let kind = match metadata.file_type() {
                it if it.is_file() => FileKind::File,
                it if it.is_dir() => FileKind::Folder,
                _ => FileKind::Other,
            };
            Ok(Some(Stat { kind, size: metadata.len(), mtime: Some(mtime_of(&metadata)) }))
        }
    }
}

fn of_path(doing: &str, path: &Path, err: &io::Error) -> TargetError {
    let what = format!("cannot {doing} `{}`: {err}", path.display());
    match err.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => TargetError::new(Retry::EndRun, what)
            .hint("make room there, then run the same command: what was sent stays sent"),
        io::ErrorKind::ReadOnlyFilesystem => {
            TargetError::new(Retry::EndRun, what).hint("the disk is mounted read-only")
        }
        io::ErrorKind::InvalidInput => TargetError::new(Retry::Never, what).hint(
            "file systems of Windows (FAT, exFAT, NTFS) cannot keep names of a Maildir, which have a `:`",
        ),
        _ => TargetError::new(Retry::Never, what),
    }
}

/// Keeps to so many bytes a second.
struct Pace {
    bytes_per_s: Option<u64>,
    begin: std::time::Instant,
    bytes: u64,
}

impl Pace {
    fn new(bytes_per_s: Option<u64>) -> Pace {
        Pace { bytes_per_s, begin: std::time::Instant::now(), bytes: 0 }
    }

    fn keep(&mut self, bytes: u64) {
        let Some(rate) = self.bytes_per_s else { return };
        self.bytes += bytes;
        let due = Duration::from_secs_f64(self.bytes as f64 / rate.max(1) as f64);
        std::thread::sleep(due.saturating_sub(self.begin.elapsed()));
    }
}
