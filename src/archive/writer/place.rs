//! Where an item lies: a message by its labels, any other item under a name that no disk confuses with another.

use exodus_api::{Flags, Kind, Label};

use super::{Incoming, Writer};
use crate::archive::maildir::{self, Folder};
use crate::archive::names;
use crate::archive::record::{ItemRecord, Record};
use crate::archive::views::xmp;
use crate::report::error::{Error, Result};

impl Writer {
    /// Decides where the item lies and writes it into the record; returns further paths for a message.
    pub(super) fn place(
        &mut self,
        record: &mut ItemRecord,
        item: &Incoming,
        blake3: Option<&str>,
    ) -> Result<Vec<String>> {
        let Some(mail) = &item.mail else {
            if blake3.is_some() {
                let has_sidecar = record.kind == Kind::Photo.name();
                record.path =
                    Some(self.free_path(&item.archive_path(), (record.size, blake3), has_sidecar)?);
            }
            return Ok(Vec::new());
        };
        let unique = maildir::unique_name(
            item.time.unwrap_or(0),
            &maildir::file_id(&item.key),
            record.size,
            mail.crlf_size,
        );
        self.place_message(record, &unique)
    }

    pub(super) fn place_message(&mut self, record: &mut ItemRecord, unique: &str) -> Result<Vec<String>> {
        let flags = record.mail.as_ref().map_or(Flags::NONE, |mail| Flags::from_letters(&mail.flags));
        let mut paths = Vec::new();
        for folder in maildir::folders(&record.labels, self.mode) {
            self.make_mail_folder(&folder)?;
            let letters = self.keyword_letters(&folder, &record.labels)?;
            paths.push(maildir::message_path(&folder.path, unique, flags, &letters));
        }
        record.path = Some(paths.remove(0));
        Ok(paths)
    }

    pub(super) fn make_mail_folder(&mut self, folder: &Folder) -> Result<()> {
        if self.mail_folders.contains_key(&folder.path) {
            return Ok(());
        }
        let path = self.root.join("mail").join(&folder.path);
        for name in ["cur", "new", "tmp"] {
            self.known_folders.make(&path.join(name))?;
        }
        if !folder.path.is_empty() {
            crate::archive::write_private(&self.root, &path.join("maildirfolder"), b"")?;
        }
        self.mail_folders.insert(folder.path.clone(), ());
        self.batch.has_new_folders = true;
        self.record(&Record::Folder { path: folder.path.clone(), name: folder.name.clone() })?;
        Ok(())
    }

    /// The letters of the message's keywords in a folder; the first 26 keywords of a folder have one.
    pub(super) fn keyword_letters(&mut self, folder: &Folder, labels: &[Label]) -> Result<String> {
        let mut letters = Vec::new();
        for keyword in maildir::keywords(labels, folder) {
            let known = self.keywords.entry(folder.path.clone()).or_default();
            let n = match known.iter().position(|name| *name == keyword) {
                Some(n) => n,
                None if known.len() < 26 => {
                    known.push(keyword.clone());
                    let n = known.len() - 1;
                    if !self.batch.changed_keywords.contains(&folder.path) {
                        self.batch.changed_keywords.push(folder.path.clone());
                    }
                    let record = Record::Keyword { folder: folder.path.clone(), n: n as u32, name: keyword };
                    self.record(&record)?;
                    n
                }
                None => continue,
            };
            let letter = char::from(b'a' + n as u8);
            if !letters.contains(&letter) {
                letters.push(letter);
            }
        }
        letters.sort_unstable();
        Ok(letters.into_iter().collect())
    }

    /// A path below a folder of the archive that no other item has, on any disk. A file that lies there already and is not in the
    /// index is taken over if it is the same, and left alone if it is another.
    /// With `has_sidecar` the name of its sidecar is free too.
    pub(super) fn free_path(
        &mut self,
        wanted: &str,
        (size, blake3): (u64, Option<&str>),
        has_sidecar: bool,
    ) -> Result<String> {
        let wanted = self.free_folders(wanted)?;
        let folder = wanted.rsplit_once('/').map_or("", |(folder, _)| folder);
        self.known_folders.make(&self.root.join(folder))?;
        let mut n = 1;
        loop {
            let path = names::nth_choice(&wanted, n);
            let is_taken = self.index.is_taken(&path)?
                || (has_sidecar && self.index.is_taken(&format!("{path}{}", xmp::EXTENSION))?);
            if !is_taken && self.is_free_on_disk(&path, size, blake3)? {
                return Ok(path);
            }
            n += 1;
        }
    }

    /// The path with every folder renamed whose name a file has taken.
    pub(super) fn free_folders(&self, path: &str) -> Result<String> {
        let Some((folders, name)) = path.rsplit_once('/') else { return Ok(path.to_owned()) };
        if self.known_folders.has(&self.root.join(folders)) {
            return Ok(path.to_owned());
        }
        let mut free = String::new();
        for folder in folders.split('/') {
            let slash = if free.is_empty() { "" } else { "/" };
            let wanted = format!("{free}{slash}{folder}");
            if self.known_folders.has(&self.root.join(&wanted)) {
                free = wanted;
                continue;
            }
            let mut n = 1;
            free = loop {
                let choice = names::nth_choice(&wanted, n);
                let there = self.root.join(&choice);
                let is_folder = there.symlink_metadata().map(|there| there.is_dir()).unwrap_or(true);
                if is_folder && !self.index.is_taken(&choice)? {
                    break choice;
                }
                n += 1;
            };
        }
        Ok(format!("{free}/{name}"))
    }

    pub(super) fn is_free_on_disk(&self, path: &str, size: u64, blake3: Option<&str>) -> Result<bool> {
        let path = self.root.join(path);
        if path.parent().is_some_and(|folder| self.known_folders.is_new(folder)) {
            return Ok(!self.known_folders.has(&path));
        }
        let Ok(there) = path.symlink_metadata() else { return Ok(true) };
        if !there.is_file() || there.len() != size {
            return Ok(false);
        }
        let found = crate::archive::hash_file(&path).map_err(|err| Error::io("read", &path, &err))?;
        Ok(Some(&*found) == blake3)
    }
}
