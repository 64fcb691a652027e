//! Writes items into the archive, batch by batch.
//!
//! A batch is safe in this order: bodies whole under temporary names, `syncfs` (most of it ahead, while the batch still grows), renames, ledger, `syncfs`, commit of
//! the index. So a name that can be seen always holds whole content, and a row always has its file. Whatever ends
//! the process in between, the next run makes the same archive of the same export.
//!
//! [`place`] decides where an item lies, [`known`] what is taken of an item found again, [`batch`] makes it safe; [`facts`] is the short
//! way for items that are facts only.

mod batch;
mod facts;
mod known;
mod place;

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use exodus_api::{Flags, Kind as ItemKind, Label};
use exodus_mail::lines::LineEnds;

use self::batch::Batch;
pub use self::facts::Prepared;
use super::aside::Aside;
use super::folders;
use super::index::Index;
use super::ledger::Ledger;
use super::lock::Lock;
use super::maildir::LabelMode;
use super::message::Facts;
use super::record::{ItemRecord, MailRecord, Record, Spot};
use super::scratch::{Scratch, StoredBody};
use super::views::albums::AlbumMode;
use super::{names, recover, seal, text};
use crate::report::counts::State;
use crate::report::error::{Error, Kind, Result};
use crate::report::kill_point::{batch_records, kill_point};

/// A batch is committed after so many records, files or bytes.
const BATCH_RECORDS: u64 = 128_000;
const BATCH_FILES: usize = 8_000;
const BATCH_BYTES: u64 = 1 << 30;

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
    pub product: Cow<'static, str>,
    /// When it was made or received.
    pub time: Option<i64>,
    /// What a person calls it.
    pub title: Option<String>,
    /// Where it goes below the folder of its kind; empty for messages.
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
    /// True when facts are kept that a newer export does not tell, and taken that an older one does.
    pub do_facts_add_up: bool,
}

impl Incoming {
    /// Where it wants to lie, from the archive's top.
    fn archive_path(&self) -> String {
        format!("{}/{}", self.kind.folder(), names::safe_path(&self.path))
    }
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
    with_text: bool,
    batch_records: u64,
    batch: Batch,
    /// Brings what the batch has to the disk meanwhile.
    aside: Aside,
    known_folders: folders::Known,
    mail_folders: HashMap<String, ()>,
    keywords: HashMap<String, Vec<String>>,
    export: Arc<str>,
    export_order: HashMap<String, (Option<i64>, i64)>,
    lock: Lock,
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
        seal::break_seal(root)?;
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
            with_text: false,
            batch_records: batch_records(BATCH_RECORDS),
            batch: Batch::default(),
            aside: Aside::new(1),
            known_folders: folders::Known::default(),
            mail_folders: HashMap::new(),
            keywords: HashMap::new(),
            export: "".into(),
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

    /// Decides how albums are shown from now on.
    ///
    /// # Errors
    /// When the archive cannot take it.
    pub fn set_albums(&mut self, mode: AlbumMode) -> Result<()> {
        if AlbumMode::of(&self.index)? != mode {
            self.record(&Record::Setting { name: "albums".to_owned(), value: mode.name().to_owned() })?;
        }
        Ok(())
    }

    /// Puts new items whose words are at hand into the full text at once.
    pub fn take_text(&mut self) {
        self.with_text = true;
    }

    /// Where bodies are stored before they are added; may be used from any thread.
    pub fn scratch(&self) -> std::sync::Arc<Scratch> {
        self.scratch.clone()
    }

    /// The key of the export that is being imported.
    pub fn export(&self) -> &Arc<str> {
        &self.export
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
            self.export = export.export.as_str().into();
        }
        let id = self.apply(record, None)?;
        if let Record::Export(export) = record {
            self.export_order.insert(export.export.clone(), (export.exported_at, id));
        }
        Ok(id)
    }

    fn apply(&mut self, record: &Record, facts: Option<&Facts>) -> Result<i64> {
        let id = self.index.apply(record, facts)?;
        self.append(record)?;
        Ok(id)
    }

    fn append(&mut self, record: &Record) -> Result<()> {
        self.batch.records += 1;
        self.ledger.append(record)
    }

    /// Commits the batch if it is full; returns whether it did.
    ///
    /// # Errors
    /// When the archive cannot take it.
    pub fn commit_if_full(&mut self) -> Result<bool> {
        let is_full = self.batch.records >= self.batch_records
            || self.batch.moves.len() >= BATCH_FILES
            || self.batch.bytes >= BATCH_BYTES;
        if is_full {
            self.commit()?
        } else {
            self.go_ahead_if_due()?
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
        self.plan_sidecar(&record, None);
        let subject = text::subject(record.title.as_deref().unwrap_or(""), path.as_deref());
        let words = text::words_at_hand(&record).filter(|_| self.with_text);
        let id = self.index.apply_item(&record, facts.as_ref(), words.map(|words| (&*subject, words)))?;
        self.append(&Record::Item(Box::new(record)))?;
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
            platform: item.platform.into(),
            key: item.key.clone(),
            kind: item.kind.name().into(),
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

    /// The entries of a part by their paths: the state of each in the index, and the options under which it was read.
    ///
    /// # Errors
    /// When the index cannot be read or has no such part.
    pub fn entry_states(&mut self, part: &str) -> Result<HashMap<String, (State, Option<String>)>> {
        let part = self.index.part_id(part)?;
        let mut query =
            self.index.conn.prepare("SELECT path, state, options FROM entry WHERE part_id = ?1")?;
        let mut rows = query.query([part])?;
        let mut found = HashMap::new();
        while let Some(row) = rows.next()? {
            let state = State::from_name(&row.get::<_, String>(1)?).unwrap_or(State::Pending);
            found.insert(row.get(0)?, (state, row.get(2)?));
        }
        Ok(found)
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
        // It failed, or what it does is for nothing.
        let _ = self.aside.wait();
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
        self.index.rest()?;
        drop(self.index);
        kill_point();
        seal::set(&self.root, Some(&self.ledger.blake3()))?;
        kill_point();
        self.scratch.close();
        self.lock.is_unclean = false;
        drop(self.lock);
        Ok(())
    }
}

/// The folder below `mail/` (`.A.B`, empty for the inbox) and the unique name of a message's path.
pub fn folder_and_unique(path: &str) -> (&str, &str) {
    let below = path.strip_prefix("mail/").unwrap_or(path);
    let (folder, name) = below.rsplit_once('/').unwrap_or(("", below));
    let folder = folder.strip_suffix("cur").unwrap_or(folder);
    (folder.trim_end_matches('/'), name.split(":2,").next().unwrap_or(name))
}
