//! Writes items into the archive, batch by batch.
//!
//! A batch is safe in this order: bodies whole under temporary names, `syncfs`, renames, ledger, `syncfs`, commit of
//! the index. So a name that can be seen always holds whole content, and a row always has its file. Whatever ends
//! the process in between, the next run makes the same archive of the same export.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use exodus_api::{Flags, Kind as ItemKind, Label};
use exodus_mail::lines::LineEnds;

use super::folders;
use super::index::{Index, KnownItem};
use super::ledger::Ledger;
use super::lock::Lock;
use super::maildir::{self, Folder, LabelMode};
use super::message::Facts;
use super::record::{ItemRecord, MailRecord, OriginRecord, Record, Spot};
use super::scratch::{Scratch, StoredBody};
use super::{names, recover};
use crate::report::counts::State;
use crate::report::error::{Error, Kind, Result};
use crate::report::kill_point::{batch_records, kill_point};

/// A batch is committed after so many records or bytes.
const BATCH_RECORDS: u64 = 4_000;
const BATCH_BYTES: u64 = 256 << 20;

/// An item ready to be written: its body is whole under a temporary name.
#[derive(Debug)]
pub struct Incoming {
    /// The importer that made it.
    pub platform: &'static str,
    /// Its name for ever within the platform.
    pub key: String,
    /// What it is.
    pub kind: ItemKind,
    /// The product it comes from.
    pub product: String,
    /// When it was made or received.
    pub time: Option<i64>,
    /// What a person calls it.
    pub title: Option<String>,
    /// Where it goes below `files/`; empty for messages.
    pub path: String,
    /// Its labels.
    pub labels: Vec<Label>,
    /// Further facts.
    pub extra: serde_json::Map<String, serde_json::Value>,
    /// Where it was found.
    pub origin: Spot,
    /// Its content.
    pub content: Content,
    /// What only messages have.
    pub mail: Option<IncomingMail>,
}

/// The content of an item that is ready to be written.
#[derive(Debug)]
pub enum Content {
    /// Facts only.
    None,
    /// Whole on disk under a temporary name.
    Stored(StoredBody),
    /// The same as the archive has under this key already; nothing was written.
    Unchanged,
}

/// What only messages have.
#[derive(Debug)]
pub struct IncomingMail {
    /// Its flags.
    pub flags: Flags,
    /// The platform's name of its thread.
    pub thread: Option<String>,
    /// True when the export broke off inside it.
    pub is_partial: bool,
    /// How many `>From ` lines were restored.
    pub unquoted_lines: u32,
    /// How its lines ended in the export.
    pub line_ends: LineEnds,
    /// Its size with CRLF line ends.
    pub crlf_size: u64,
    /// What was read from it; `None` if its content is unchanged.
    pub facts: Option<Facts>,
}

/// What became of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is new.
    New,
    /// It was known; its content, labels or facts have changed.
    Updated,
    /// It was known, and nothing has changed.
    Known,
    /// It was known from this very place, and nothing has changed.
    Again,
}

/// Writes items into an archive; holds its lock.
pub struct Writer {
    root: PathBuf,
    index: Index,
    ledger: Ledger,
    scratch: std::sync::Arc<Scratch>,
    mode: LabelMode,
    batch_records: u64,
    batch: Batch,
    known_folders: folders::Known,
    mail_folders: HashMap<String, ()>,
    keywords: HashMap<String, Vec<String>>,
    export: String,
    export_order: HashMap<String, (Option<i64>, i64)>,
    lock: Lock,
}

/// What a batch will do to files when it is committed.
#[derive(Default)]
struct Batch {
    records: u64,
    bytes: u64,
    /// By item, in the order of the items' rows.
    moves: BTreeMap<i64, Move>,
    remove: Vec<PathBuf>,
    changed_keywords: Vec<String>,
    has_new_folders: bool,
}

struct Move {
    from: PathBuf,
    to: PathBuf,
    links: Vec<PathBuf>,
}

impl Writer {
    /// Opens an archive for writing, making it first if there is none. `mode` is kept from the first time on.
    ///
    /// # Errors
    /// When it is locked, damaged, of a newer format, or cannot be made.
    pub fn open(root: &Path, mode: Option<LabelMode>) -> Result<Writer> {
        super::prepare(root)?;
        let lock = Lock::take(root)?;
        let scratch = Scratch::open(root)?;
        super::write_private(root, &root.join("README.txt"), super::README.as_bytes())?;
        let index_path = root.join(super::index::FILE_NAME);
        let is_new = !index_path.exists();
        if is_new && root.join(super::ledger::FILE_NAME).exists() {
            return Err(super::lost_index(root));
        }
        let index = if is_new { recover::create_index(root)? } else { Index::open(&index_path)? };
        let committed = index.meta("ledger_bytes")?.and_then(|bytes| bytes.parse().ok()).unwrap_or(0);
        let ledger = Ledger::open(root, committed)?;
        if lock.is_unclean {
            recover::sweep(root, &index)?;
        }
        let kept_mode = index.meta("labels")?.and_then(|name| LabelMode::from_name(&name));
        let mut writer = Writer {
            root: root.to_owned(),
            index,
            ledger,
            scratch: std::sync::Arc::new(scratch),
            mode: kept_mode.or(mode).unwrap_or(LabelMode::Primary),
            batch_records: batch_records(BATCH_RECORDS),
            batch: Batch::default(),
            known_folders: folders::Known::default(),
            mail_folders: HashMap::new(),
            keywords: HashMap::new(),
            export: String::new(),
            export_order: HashMap::new(),
            lock,
        };
        if let (Some(kept), Some(asked)) = (kept_mode, mode)
            && kept != asked
        {
            let what = format!("this archive was made with --labels={}", kept.name());
            return Err(
                Error::new(Kind::Usage, what).hint("leave --labels out, or import into a new archive")
            );
        }
        writer.load()?;
        writer.index.begin()?;
        if kept_mode.is_none() {
            let value = writer.mode.name().to_owned();
            writer.record(&Record::Setting { name: "labels".to_owned(), value })?;
        }
        Ok(writer)
    }

    fn load(&mut self) -> Result<()> {
        let conn = &self.index.conn;
        let mut query = conn.prepare("SELECT path FROM folder")?;
        for path in query.query_map([], |row| row.get::<_, String>(0))? {
            self.mail_folders.insert(path?, ());
        }
        let mut query = conn.prepare("SELECT folder, name FROM keyword ORDER BY folder, n")?;
        for row in query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))? {
            let (folder, name) = row?;
            self.keywords.entry(folder).or_default().push(name);
        }
        let mut query = conn.prepare("SELECT key, exported_at, id FROM export")?;
        for row in query.query_map([], |row| Ok((row.get::<_, String>(0)?, (row.get(1)?, row.get(2)?))))? {
            let (key, order) = row?;
            self.export_order.insert(key, order);
        }
        Ok(())
    }

    /// Where bodies are stored before they are added; may be used from any thread.
    pub fn scratch(&self) -> std::sync::Arc<Scratch> {
        self.scratch.clone()
    }

    /// The index, for questions.
    pub fn index(&mut self) -> &mut Index {
        &mut self.index
    }

    /// Writes a record that is not an item: a run, an export, a part, an entry, a fault.
    ///
    /// # Errors
    /// When the archive cannot take it.
    pub fn record(&mut self, record: &Record) -> Result<i64> {
        if let Record::Export(export) = record {
            self.export.clone_from(&export.export);
        }
        let id = self.apply(record, None)?;
        if let Record::Export(export) = record {
            self.export_order.insert(export.export.clone(), (export.exported_at, id));
        }
        Ok(id)
    }

    fn apply(&mut self, record: &Record, facts: Option<&Facts>) -> Result<i64> {
        let id = self.index.apply(record, facts)?;
        self.ledger.append(record)?;
        self.batch.records += 1;
        Ok(id)
    }

    /// Commits the batch if it is full; returns whether it did.
    ///
    /// # Errors
    /// When the archive cannot take it.
    pub fn commit_if_full(&mut self) -> Result<bool> {
        let is_full = self.batch.records >= self.batch_records || self.batch.bytes >= BATCH_BYTES;
        if is_full {
            self.commit()?;
        }
        Ok(is_full)
    }

    /// Adds an item to the batch.
    ///
    /// # Errors
    /// When the archive cannot take it.
    pub fn add(&mut self, item: Incoming) -> Result<Added> {
        if let Content::Stored(body) = &item.content {
            self.batch.bytes += body.size;
        }
        match self.index.find(item.platform, &item.key)? {
            None => self.add_new(item),
            Some(known) => self.add_known(item, known),
        }
    }

    fn add_new(&mut self, mut item: Incoming) -> Result<Added> {
        let facts = item.mail.as_mut().and_then(|mail| mail.facts.take());
        let content = std::mem::replace(&mut item.content, Content::None);
        let body = match content {
            Content::Stored(body) => Some(body),
            Content::None => None,
            Content::Unchanged => {
                let what = format!("the index changed while `{}` was being imported", item.key);
                return Err(Error::new(Kind::Archive, what));
            }
        };
        let mut record = self.new_record(&item, body.as_ref());
        let links = self.place(&mut record, &item, body.as_ref().map(|body| &*body.blake3))?;
        let path = record.path.clone();
        let id = self.apply(&Record::Item(Box::new(record)), facts.as_ref())?;
        if let (Some(body), Some(path)) = (body, path) {
            self.plan_move(id, body.path, &path, &links)?;
        }
        Ok(Added::New)
    }

    fn new_record(&self, item: &Incoming, body: Option<&StoredBody>) -> ItemRecord {
        let mail = item.mail.as_ref().map(|mail| MailRecord {
            flags: mail.flags.letters(),
            line_ends: mail.line_ends.name().to_owned(),
            thread: mail.thread.clone(),
            is_partial: mail.is_partial,
            unquoted_lines: mail.unquoted_lines,
        });
        ItemRecord {
            platform: item.platform.to_owned(),
            key: item.key.clone(),
            kind: item.kind.name().to_owned(),
            product: item.product.clone(),
            time: item.time,
            title: item.title.clone(),
            path: None,
            size: body.map_or(0, |body| body.size),
            blake3: body.map(|body| body.blake3.clone()),
            export: self.export.clone(),
            labels: item.labels.clone(),
            mail,
            extra: item.extra.clone(),
            origin: item.origin.clone(),
        }
    }

    /// Decides where the item lies and writes it into the record; returns further paths for a message.
    fn place(
        &mut self,
        record: &mut ItemRecord,
        item: &Incoming,
        blake3: Option<&str>,
    ) -> Result<Vec<String>> {
        let Some(mail) = &item.mail else {
            if blake3.is_some() {
                record.path = Some(self.free_path(&item.path, record.size, blake3)?);
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

    fn place_message(&mut self, record: &mut ItemRecord, unique: &str) -> Result<Vec<String>> {
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

    fn make_mail_folder(&mut self, folder: &Folder) -> Result<()> {
        if self.mail_folders.contains_key(&folder.path) {
            return Ok(());
        }
        let path = self.root.join("mail").join(&folder.path);
        for name in ["cur", "new", "tmp"] {
            self.known_folders.make(&path.join(name))?;
        }
        if !folder.path.is_empty() {
            super::write_private(&self.root, &path.join("maildirfolder"), b"")?;
        }
        self.mail_folders.insert(folder.path.clone(), ());
        self.batch.has_new_folders = true;
        self.record(&Record::Folder { path: folder.path.clone(), name: folder.name.clone() })?;
        Ok(())
    }

    /// The letters of the message's keywords in a folder; the first 26 keywords of a folder have one.
    fn keyword_letters(&mut self, folder: &Folder, labels: &[Label]) -> Result<String> {
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

    /// A path below `files/` that no other item has, on any disk. A file that lies there already and is not in the
    /// index is taken over if it is the same, and left alone if it is another.
    fn free_path(&mut self, wanted: &str, size: u64, blake3: Option<&str>) -> Result<String> {
        let wanted = format!("files/{}", names::safe_path(wanted));
        let wanted = self.free_folders(&wanted)?;
        let folder = wanted.rsplit_once('/').map_or("", |(folder, _)| folder);
        self.known_folders.make(&self.root.join(folder))?;
        let mut n = 1;
        loop {
            let path = names::nth_choice(&wanted, n);
            if !self.index.is_taken(&path)? && self.is_free_on_disk(&path, size, blake3)? {
                return Ok(path);
            }
            n += 1;
        }
    }

    /// The path with every folder renamed whose name a file has taken.
    fn free_folders(&self, path: &str) -> Result<String> {
        let Some((folders, name)) = path.rsplit_once('/') else { return Ok(path.to_owned()) };
        if self.known_folders.has(&self.root.join(folders)) {
            return Ok(path.to_owned());
        }
        let mut free = String::new();
        for folder in folders.split('/') {
            let slash = if free.is_empty() { "" } else { "/" };
            let wanted = format!("{free}{slash}{folder}");
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

    fn is_free_on_disk(&self, path: &str, size: u64, blake3: Option<&str>) -> Result<bool> {
        let path = self.root.join(path);
        let Ok(there) = path.symlink_metadata() else { return Ok(true) };
        if !there.is_file() || there.len() != size {
            return Ok(false);
        }
        let found = super::hash_file(&path).map_err(|err| Error::io("read", &path, &err))?;
        Ok(Some(&*found) == blake3)
    }

    fn add_known(&mut self, item: Incoming, known: KnownItem) -> Result<Added> {
        let before = &known.record;
        let order = self.order(before);
        let is_partial = item.mail.as_ref().is_some_and(|mail| mail.is_partial);
        let was_partial = before.mail.as_ref().is_some_and(|mail| mail.is_partial);
        let new_body = match item.content {
            Content::Stored(ref body)
                if Some(&body.blake3) != before.blake3.as_ref() || self.is_lost(&known) =>
            {
                Some(body.clone())
            }
            _ => None,
        };
        let takes_body = new_body.is_some()
            && match (is_partial, was_partial) {
                (true, false) => false,
                (false, true) => true,
                _ => order != Order::Older,
            };
        if let Content::Stored(body) = &item.content
            && !takes_body
        {
            self.drop_body(&body.path);
        }
        let mut record = self.merged(&item, before, order);
        let mut links = Vec::new();
        if takes_body && let Some(body) = &new_body {
            record.size = body.size;
            record.blake3 = Some(body.blake3.clone());
            if let (Some(mail), Some(new)) = (&mut record.mail, &item.mail) {
                mail.line_ends = new.line_ends.name().to_owned();
                mail.is_partial = new.is_partial;
                mail.unquoted_lines = new.unquoted_lines;
            }
        }
        if record.mail.is_some() {
            let unique = match (&item.mail, takes_body) {
                (Some(mail), true) => {
                    let id = maildir::file_id(&record.key);
                    maildir::unique_name(record.time.unwrap_or(0), &id, record.size, mail.crlf_size)
                }
                _ => folder_and_unique(before.path.as_deref().unwrap_or("")).1.to_owned(),
            };
            links = self.place_message(&mut record, &unique)?;
        } else if record.path.is_none()
            && let Some(body) = &new_body
        {
            record.path = Some(self.free_path(&item.path, body.size, Some(&body.blake3))?);
        }
        let is_same = ItemRecord { origin: before.origin.clone(), ..record.clone() } == *before;
        if is_same && !takes_body {
            return self.add_origin(&item, &known);
        }
        let only_export =
            ItemRecord { export: before.export.clone(), origin: before.origin.clone(), ..record.clone() };
        let added = if only_export == *before && !takes_body { Added::Known } else { Added::Updated };
        let facts = item.mail.and_then(|mail| mail.facts).filter(|_| takes_body);
        let (path, old_path) = (record.path.clone(), before.path.clone());
        self.apply(&Record::Item(Box::new(record.clone())), facts.as_ref())?;
        if let Some(path) = path {
            self.move_known(&known, new_body.filter(|_| takes_body), &path, old_path.as_deref(), &links)?;
        }
        Ok(added)
    }

    /// True when the file of a known item is gone, so that the same content is welcome again.
    fn is_lost(&self, known: &KnownItem) -> bool {
        let is_there = |path: &str| super::reader::find_file(&self.root, path).is_some();
        !self.batch.moves.contains_key(&known.id) && !known.record.path.as_deref().is_some_and(is_there)
    }

    fn add_origin(&mut self, item: &Incoming, known: &KnownItem) -> Result<Added> {
        if !self.index.has_origin(known.id, &item.origin)? {
            let origin = OriginRecord {
                platform: item.platform.to_owned(),
                key: item.key.clone(),
                origin: item.origin.clone(),
            };
            self.apply(&Record::Origin(origin), None)?;
            return Ok(Added::Known);
        }
        Ok(Added::Again)
    }

    /// Whether the current export is older or newer than the one that an item was last found in.
    fn order(&self, before: &ItemRecord) -> Order {
        if before.export == self.export {
            return Order::Same;
        }
        let none = (None, 0);
        let ours = self.export_order.get(&self.export).unwrap_or(&none);
        let theirs = self.export_order.get(&before.export).unwrap_or(&none);
        let is_older = match (ours.0, theirs.0) {
            (Some(ours), Some(theirs)) if ours != theirs => ours < theirs,
            _ => ours.1 < theirs.1,
        };
        if is_older { Order::Older } else { Order::Newer }
    }

    /// The facts of a known item after it was found again. Within one export (a message stands in several mboxes)
    /// labels add up; a newer export replaces them; an older one changes nothing.
    fn merged(&self, item: &Incoming, before: &ItemRecord, order: Order) -> ItemRecord {
        let mut record = before.clone();
        record.origin = item.origin.clone();
        if order == Order::Older {
            return record;
        }
        record.export.clone_from(&self.export);
        record.title = item.title.clone().or(record.title);
        if item.time.is_some() && item.mail.is_none() {
            record.time = item.time;
        }
        match order {
            Order::Same => {
                let new = item.labels.iter().filter(|label| !before.labels.contains(label));
                record.labels.extend(new.cloned());
            }
            _ => record.labels.clone_from(&item.labels),
        }
        for (name, value) in &item.extra {
            record.extra.insert(name.clone(), value.clone());
        }
        if let (Some(mail), Some(new)) = (&mut record.mail, &item.mail) {
            mail.flags = new.flags.letters();
            mail.thread = new.thread.clone().or(mail.thread.take());
        }
        record
    }

    fn move_known(
        &mut self,
        known: &KnownItem,
        body: Option<StoredBody>,
        path: &str,
        old_path: Option<&str>,
        links: &[String],
    ) -> Result<()> {
        let old = old_path.map(|old| self.root.join(old));
        let is_moved = old_path != Some(path);
        if is_moved && let Some(old_path) = old_path {
            let stale = self.copies_of(&known.record, old_path)?;
            self.batch.remove.extend(stale);
        }
        match (body, old) {
            (Some(body), old) => {
                if is_moved {
                    self.batch.remove.extend(old);
                }
                self.plan_move(known.id, body.path, path, links)
            }
            (None, Some(old)) if is_moved || !links.is_empty() => self.plan_move(known.id, old, path, links),
            _ => Ok(()),
        }
    }

    /// The hard links of a message beside its primary path, as its labels were.
    fn copies_of(&self, before: &ItemRecord, path: &str) -> Result<Vec<PathBuf>> {
        if self.mode == LabelMode::Primary || before.mail.is_none() {
            return Ok(Vec::new());
        }
        let unique = folder_and_unique(path).1;
        let mut paths = Vec::new();
        for folder in maildir::folders(&before.labels, self.mode).into_iter().skip(1) {
            let cur = self.root.join("mail").join(&folder.path).join("cur");
            paths.extend(super::find_message(&cur, unique));
        }
        Ok(paths)
    }

    fn plan_move(&mut self, id: i64, from: PathBuf, to: &str, links: &[String]) -> Result<()> {
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

    fn drop_body(&self, path: &Path) {
        // A body that cannot be removed now is cleared with its folder.
        let _ = fs::remove_file(path);
    }

    /// Makes all that was added safe.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn commit(&mut self) -> Result<()> {
        if self.batch.records == 0 && self.batch.moves.is_empty() {
            return Ok(());
        }
        kill_point();
        if !self.batch.moves.is_empty() {
            self.sync()?;
        }
        kill_point();
        for planned in self.batch.moves.values() {
            planned.run(&self.root)?;
        }
        self.write_dovecot_files()?;
        let ledger_bytes = self.ledger.flush()?;
        kill_point();
        self.sync()?;
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

    fn sync(&self) -> Result<()> {
        let folder = fs::File::open(&self.root).map_err(|err| Error::io("open", &self.root, &err))?;
        rustix::fs::syncfs(&folder).map_err(|err| Error::io("make safe", &self.root, &err.into()))
    }

    fn write_dovecot_files(&mut self) -> Result<()> {
        for folder in std::mem::take(&mut self.batch.changed_keywords) {
            let names = self.keywords.get(&folder).map_or(&[][..], Vec::as_slice);
            let path = self.root.join("mail").join(&folder).join("dovecot-keywords");
            super::write_private(&self.root, &path, super::dovecot_keywords(names).as_bytes())?;
            kill_point();
        }
        if std::mem::take(&mut self.batch.has_new_folders) {
            let text = super::subscriptions(self.mail_folders.keys().map(String::as_str));
            super::write_private(&self.root, &self.root.join("mail").join("subscriptions"), text.as_bytes())?;
        }
        Ok(())
    }

    /// The state of an entry in the index, and the options under which it was read.
    ///
    /// # Errors
    /// When the index cannot be read or has no such entry.
    pub fn entry_state(&mut self, part: &str, path: &str) -> Result<(State, Option<String>)> {
        let id = self.index.entry_id(part, path)?;
        let mut query = self.index.conn.prepare_cached("SELECT state, options FROM entry WHERE id = ?1")?;
        let (name, options): (String, _) = query.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok((State::from_name(&name).unwrap_or(State::Pending), options))
    }

    /// Commits, and lets `work` use the index before the next batch begins.
    ///
    /// # Errors
    /// When the disk does not take the batch, or `work` fails.
    pub fn between_batches<T>(&mut self, work: impl FnOnce(&Path, &Index) -> Result<T>) -> Result<T> {
        self.commit()?;
        self.index.commit()?;
        let result = work(&self.root, &self.index);
        self.index.begin()?;
        result
    }

    /// Drops what was added since the last commit, its temporary files with it.
    pub fn abandon(mut self) {
        self.index.roll_back();
        self.scratch.close();
        self.lock.is_unclean = true;
    }

    /// Commits and lets go of the archive.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn close(mut self) -> Result<()> {
        self.commit()?;
        self.index.commit()?;
        self.scratch.close();
        kill_point();
        self.index.rest()?;
        drop(self.index);
        kill_point();
        self.lock.is_unclean = false;
        drop(self.lock);
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Older,
    Same,
    Newer,
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
        if let Some(found) = from.parent().and_then(|folder| super::find_message(folder, unique)) {
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

/// The folder below `mail/` (`.A.B`, empty for the inbox) and the unique name of a message's path.
pub fn folder_and_unique(path: &str) -> (&str, &str) {
    let below = path.strip_prefix("mail/").unwrap_or(path);
    let (folder, name) = below.rsplit_once('/').unwrap_or(("", below));
    let folder = folder.strip_suffix("cur").unwrap_or(folder);
    (folder.trim_end_matches('/'), name.split(":2,").next().unwrap_or(name))
}
