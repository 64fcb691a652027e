//! A batch: what will be done to files, and the order in which all of it is made safe.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::{BATCH_BYTES, BATCH_FILES, Writer};
use crate::archive::aside::lock;
use crate::archive::record::ItemRecord;
use crate::archive::views;
use crate::report::error::{Error, Result};
use crate::report::kill_point::kill_point;

/// So many times a batch the disk is asked to take what is there so far, so that little is left when it is made safe.
const TIMES_AHEAD: usize = 8;

/// What a batch will do to files when it is committed.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) records: u64,
    pub(super) bytes: u64,
    /// By item, in the order of the items' rows.
    pub(super) moves: BTreeMap<i64, Move>,
    pub(super) remove: Vec<PathBuf>,
    pub(super) changed_keywords: Vec<String>,
    pub(super) has_new_folders: bool,
    /// Sidecars of photos by their paths from the archive's top: content and time.
    pub(super) sidecars: BTreeMap<String, (String, Option<i64>)>,
    /// Sidecars that are whole under temporary names, and where each belongs.
    stored: Arc<Mutex<BTreeMap<String, PathBuf>>>,
    /// Files and bytes that the disk has been asked to take already.
    ahead: (usize, u64),
}

pub(super) struct Move {
    from: PathBuf,
    to: PathBuf,
    links: Vec<PathBuf>,
}

impl Batch {
    fn is_empty(&self) -> bool {
        let has_sidecars = !self.sidecars.is_empty() || !lock(&self.stored).is_empty();
        self.records == 0 && self.moves.is_empty() && !has_sidecars
    }
}

impl Writer {
    pub(super) fn plan_move(&mut self, id: i64, from: PathBuf, to: &str, links: &[String]) -> Result<()> {
        let to = self.root.join(to);
        let links: Vec<PathBuf> = links.iter().map(|link| self.root.join(link)).collect();
        match self.batch.moves.get_mut(&id) {
            // The item was already on its way in this batch: its file is still where the first move takes it from.
            Some(planned) => {
                let is_temporary = |path: &Path| path.starts_with(self.root.join("tmp"));
                if is_temporary(&from) && planned.from != from {
                    let old = std::mem::replace(&mut planned.from, from);
                    if is_temporary(&old) {
                        let _ = fs::remove_file(&old);
                    } else {
                        self.batch.remove.push(old);
                    }
                }
                self.batch.remove.retain(|path| *path != planned.to);
                planned.to = to;
                planned.links = links;
            }
            None => {
                self.batch.moves.insert(id, Move { from, to, links });
            }
        }
        Ok(())
    }

    pub(super) fn drop_body(&self, path: &Path) {
        // A body that cannot be removed now is cleared with its folder.
        let _ = fs::remove_file(path);
    }

    /// Makes all that was added safe.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn commit(&mut self) -> Result<()> {
        if self.batch.is_empty() {
            return Ok(());
        }
        kill_point();
        if !self.batch.moves.is_empty() || !self.batch.sidecars.is_empty() {
            self.go_ahead()?;
        }
        self.aside.wait()?;
        kill_point();
        for planned in self.batch.moves.values() {
            planned.run(&self.root)?;
        }
        for (to, from) in lock(&self.batch.stored).iter() {
            kill_point();
            rename(from, &self.root.join(to))?;
        }
        self.write_dovecot_files()?;
        let ledger_bytes = self.ledger.flush()?;
        kill_point();
        sync(&self.root)?;
        kill_point();
        self.index.set_meta("ledger_bytes", &ledger_bytes.to_string())?;
        self.index.set_meta("ledger_blake3", &self.ledger.blake3())?;
        self.index.commit()?;
        kill_point();
        let kept: Vec<&PathBuf> =
            self.batch.moves.values().flat_map(|it| it.links.iter().chain([&it.to])).collect();
        for path in self.batch.remove.iter().filter(|path| !kept.contains(path)) {
            kill_point();
            remove_if_there(path)?;
        }
        self.batch = Batch::default();
        self.index.begin()
    }

    /// Plans the sidecar of an item that has one, unless it is there as it was before.
    pub(super) fn plan_sidecar(&mut self, record: &ItemRecord, before: Option<&ItemRecord>) {
        let Some((path, content)) = views::sidecar(record) else { return };
        let was_so = before.and_then(views::sidecar).is_some_and(|(_, before)| before == content);
        let is_there = || self.batch.sidecars.contains_key(&path) || self.root.join(&path).is_file();
        if !(was_so && is_there()) {
            self.batch.sidecars.insert(path, (content, record.time));
        }
    }

    /// Lets the disk begin with what is there of the batch, when that is enough and it has nothing to do.
    pub(super) fn go_ahead_if_due(&mut self) -> Result<()> {
        let (files, bytes) = self.batch.ahead;
        let is_due = self.batch.moves.len() >= files + BATCH_FILES / TIMES_AHEAD
            || self.batch.bytes >= bytes + BATCH_BYTES / TIMES_AHEAD as u64;
        if is_due && self.aside.is_idle()? { self.go_ahead() } else { Ok(()) }
    }

    /// Has the batch's sidecars written under temporary names, and all that was written so far made safe.
    fn go_ahead(&mut self) -> Result<()> {
        self.batch.ahead = (self.batch.moves.len(), self.batch.bytes);
        let sidecars = std::mem::take(&mut self.batch.sidecars);
        let (root, scratch, stored) = (self.root.clone(), self.scratch.clone(), self.batch.stored.clone());
        self.aside.run(move || {
            for (path, (content, time)) in sidecars {
                let file = scratch.store(content.as_bytes(), String::new(), time)?.path;
                if let Some(before) = lock(&stored).insert(path, file) {
                    remove_if_there(&before)?;
                }
            }
            sync(&root)
        })
    }

    fn write_dovecot_files(&mut self) -> Result<()> {
        for folder in std::mem::take(&mut self.batch.changed_keywords) {
            let names = self.keywords.get(&folder).map_or(&[][..], Vec::as_slice);
            let path = self.root.join("mail").join(&folder).join("dovecot-keywords");
            crate::archive::write_private(
                &self.root,
                &path,
                crate::archive::dovecot_keywords(names).as_bytes(),
            )?;
            kill_point();
        }
        if std::mem::take(&mut self.batch.has_new_folders) {
            let text = crate::archive::subscriptions(self.mail_folders.keys().map(String::as_str));
            crate::archive::write_private(
                &self.root,
                &self.root.join("mail").join("subscriptions"),
                text.as_bytes(),
            )?;
        }
        Ok(())
    }
}

fn sync(root: &Path) -> Result<()> {
    let folder = fs::File::open(root).map_err(|err| Error::io("open", root, &err))?;
    rustix::fs::syncfs(&folder).map_err(|err| Error::io("make safe", root, &err.into()))
}

impl Move {
    fn run(&self, root: &Path) -> Result<()> {
        kill_point();
        if self.from != self.to {
            rename(&self.from, &self.to)?;
        }
        for link in &self.links {
            kill_point();
            let temporary = root.join("tmp").join("link");
            remove_if_there(&temporary)?;
            fs::hard_link(&self.to, &temporary).map_err(|err| Error::io("link", &self.to, &err))?;
            rename(&temporary, link)?;
            // Renaming a link onto another of the same file does nothing (POSIX).
            remove_if_there(&temporary)?;
        }
        Ok(())
    }
}

/// Renames a body or a message. A message that a mail program has given other flags meanwhile is found by the
/// unique part of its name; one that has been moved already (by a run that was killed) is left there.
fn rename(from: &Path, to: &Path) -> Result<()> {
    let err = match fs::rename(from, to) {
        Ok(()) => return Ok(()),
        Err(err) => err,
    };
    if err.kind() == std::io::ErrorKind::NotFound {
        let name = from.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let unique = name.split(":2,").next().unwrap_or(&name);
        if let Some(found) = from.parent().and_then(|folder| crate::archive::find_message(folder, unique)) {
            return fs::rename(&found, to).map_err(|err| Error::io("rename", &found, &err));
        }
        if to.exists() {
            return Ok(());
        }
    }
    Err(Error::io("rename", from, &err))
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(err) if err.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path, &err)),
        _ => Ok(()),
    }
}
