//! Workers: turn an item into one that the archive can take. Here messages are parsed and all bodies hashed and
//! written, on as many threads as there are processors.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use exodus_api::{At, Body, Entry, Fault, Item, Kind, Scope, Source};
use exodus_mail::lines::{self, LineEnds};
use memchr::memmem;

use super::committer::Done;
use super::twins::{Twin, Twins};
use crate::archive::index::Index;
use crate::archive::message;
use crate::archive::record::Spot;
use crate::archive::scratch::{Scratch, StoreError};
use crate::archive::writer::{Content, Incoming, IncomingMail};
use crate::report::error::Result;
use crate::source::Part;

/// Work for a worker.
pub enum Job {
    /// An item of an importer.
    Item(Box<Item>, Twin),
    /// An entry that no importer knows, to be kept as it is.
    Keep {
        /// The entry.
        entry: Entry,
        /// Its product.
        product: String,
        /// Where it goes below `files/`.
        path: String,
    },
}

/// What is decided about an entry that is kept.
pub struct Kept {
    /// Its product.
    pub product: String,
    /// Where it goes below `files/`.
    pub path: String,
    /// Its key.
    pub key: String,
}

/// What a worker works with.
pub struct Worker<'a> {
    /// The export.
    pub source: &'a dyn Source,
    /// Its parts.
    pub parts: &'a [Part],
    /// Where bodies are written.
    pub scratch: Arc<Scratch>,
    /// The index as earlier runs left it; `None` in a new archive.
    pub earlier: Option<Index>,
    /// The importer.
    pub platform: &'static str,
    /// True when facts that only one of two exports has are kept.
    pub do_facts_add_up: bool,
    /// The archive's folder.
    pub root: &'a Path,
    /// Entries that probably hold the same.
    pub twins: &'a Twins,
    /// The last entry of which an item came, with its place: many items share one.
    pub last_spot: RefCell<Option<(u32, Spot)>>,
}

/// Bytes of a body that an item holds in memory.
pub fn body_bytes(item: &Item) -> u64 {
    match &item.body {
        Body::Inline(bytes) => bytes.len() as u64,
        _ => 0,
    }
}

impl Worker<'_> {
    /// Does a job.
    ///
    /// # Errors
    /// When the archive cannot take it; what the entry lacks is a fault.
    pub fn work(&self, job: Job) -> Result<Done> {
        match job {
            Job::Item(item, twin) => self.item(*item, twin),
            Job::Keep { entry, product, path } => self.keep(entry, product, path),
        }
    }

    fn item(&self, item: Item, twin: Twin) -> Result<Done> {
        let entry = item.origin.entry.id;
        let is_whole = item.body.entry().is_some_and(|body| body.id == entry);
        let is_message = item.kind == Kind::Message;
        let (mut incoming, body, mail) = self.incoming(item);
        let mail = mail.unwrap_or_default();
        match body {
            Body::None => {}
            Body::Inline(bytes) if is_message => self.message(bytes, mail, &mut incoming)?,
            Body::Inline(bytes) => {
                let blake3 = blake3::hash(&bytes).to_hex().to_string();
                incoming.content = self.content(&bytes, blake3, &incoming)?;
            }
            Body::Entry(body) if !is_message && self.is_unchanged(&body, &incoming.key)? => {
                incoming.content = Content::Unchanged;
            }
            Body::Entry(body) => match self.copy(&body, incoming.time)? {
                Ok(stored) if is_message => {
                    // A message that is an entry of its own (`.eml`, a Maildir) goes the way of all messages.
                    let bytes = std::fs::read(&stored.path)
                        .map_err(|err| crate::report::error::Error::io("read", &stored.path, &err))?;
                    let _ = std::fs::remove_file(&stored.path);
                    self.message(bytes, mail, &mut incoming)?;
                }
                Ok(stored) => incoming.content = Content::Stored(stored),
                Err(fault) => return Ok(Done::Fault(fault)),
            },
            Body::Unique(body) => {
                if let Err(fault) = self.unique(&body, twin, &mut incoming)? {
                    return Ok(Done::Fault(fault));
                }
            }
        }
        Ok(Done::Item { incoming: Box::new(incoming), entry, is_whole, is_kept: false })
    }

    /// Takes content that names its item: what the archive has, or the first of its twins will have brought there,
    /// is not written again.
    fn unique(
        &self,
        entry: &Entry,
        twin: Twin,
        incoming: &mut Incoming,
    ) -> Result<std::result::Result<(), Fault>> {
        let prefix = unique_key(&incoming.key, "");
        let may_be_known = match &self.earlier {
            Some(index) => index.has_unique(self.platform, &prefix, entry.size)?,
            None => false,
        };
        if (may_be_known || twin == Twin::Later)
            && let Some(hash) = self.hash(entry)
        {
            let key = unique_key(&incoming.key, &hash);
            let is_twin = twin == Twin::Later && self.twins.is_twin(&incoming.key, entry, &hash);
            if is_twin || self.is_there(&key) {
                if twin == Twin::First {
                    self.twins.tell(&incoming.key, entry, Some(&hash));
                }
                incoming.key = key;
                incoming.content = Content::Unchanged;
                return Ok(Ok(()));
            }
        }
        let stored = self.copy(entry, incoming.time);
        if twin == Twin::First {
            let hash = stored.as_ref().ok().and_then(|stored| stored.as_ref().ok());
            self.twins.tell(&incoming.key, entry, hash.map(|stored| &*stored.blake3));
        }
        match stored? {
            Ok(stored) => {
                incoming.key = unique_key(&incoming.key, &stored.blake3);
                incoming.content = Content::Stored(stored);
                Ok(Ok(()))
            }
            Err(fault) => Ok(Err(fault)),
        }
    }

    /// True when the archive has the file of an item.
    fn is_there(&self, key: &str) -> bool {
        let content =
            self.earlier.as_ref().and_then(|index| index.content(self.platform, key).ok().flatten());
        content.is_some_and(|(path, ..)| self.root.join(path).exists())
    }

    /// An item as the archive takes it, still without its content; its body and mail facts beside it.
    pub fn incoming(&self, item: Item) -> (Incoming, Body, Option<exodus_api::Mail>) {
        let incoming = Incoming {
            platform: self.platform,
            key: item.key.0,
            kind: item.kind,
            product: item.product.into(),
            time: item.time,
            title: item.title,
            path: item.path,
            labels: item.labels,
            extra: item.extra,
            origin: self.spot(&item.origin.entry, item.origin.at),
            content: Content::None,
            mail: None,
            do_facts_add_up: self.do_facts_add_up,
        };
        (incoming, item.body, item.mail)
    }

    /// An entry that is kept, as the archive takes it.
    pub fn kept(&self, entry: &Entry, kept: Kept, content: Content) -> Incoming {
        Incoming {
            platform: self.platform,
            key: kept.key,
            kind: Kind::File,
            product: kept.product.into(),
            time: entry.modified,
            title: Some(entry.name().to_owned()),
            path: kept.path,
            labels: Vec::new(),
            extra: serde_json::Map::new(),
            origin: self.spot(entry, At::Whole),
            content,
            mail: None,
            do_facts_add_up: false,
        }
    }

    fn message(&self, mut bytes: Vec<u8>, mail: exodus_api::Mail, incoming: &mut Incoming) -> Result<()> {
        let len = bytes.len() as u64;
        let line_ends = lines::to_lf(&mut bytes);
        let blake3 = blake3::hash(&bytes).to_hex().to_string();
        incoming.content = self.content(&bytes, blake3, incoming)?;
        let is_new = matches!(incoming.content, Content::Stored(_));
        let is_as_it_was = line_ends == LineEnds::Crlf && memmem::find(&bytes, b"\r\n").is_none();
        let crlf_size = if is_as_it_was { len } else { lines::crlf_len(&bytes) as u64 };
        incoming.mail = Some(IncomingMail {
            flags: mail.flags,
            thread: mail.thread,
            is_partial: mail.is_partial,
            unquoted_lines: mail.unquoted_lines,
            line_ends,
            crlf_size,
            facts: is_new.then(|| message::facts(&bytes)),
        });
        Ok(())
    }

    /// Writes the body, unless the archive has the same under this key already.
    fn content(&self, bytes: &[u8], blake3: String, incoming: &Incoming) -> Result<Content> {
        if let Some(index) = &self.earlier
            && let Some((path, size, known)) = index.content(self.platform, &incoming.key)?
            && known == blake3
            && size == bytes.len() as u64
            && self.root.join(path).exists()
        {
            return Ok(Content::Unchanged);
        }
        Ok(Content::Stored(self.scratch.store(bytes, blake3, incoming.time)?))
    }

    /// True when the archive has the content of the entry under this key already. Reading it only to compare costs
    /// less than writing it again: a newer export brings mostly what the last one did.
    fn is_unchanged(&self, entry: &Entry, key: &str) -> Result<bool> {
        let Some(index) = &self.earlier else { return Ok(false) };
        let Some((path, size, blake3)) = index.content(self.platform, key)? else { return Ok(false) };
        let may_be_same = size == entry.size && self.root.join(path).exists();
        Ok(may_be_same && self.hash(entry).is_some_and(|hash| hash == blake3))
    }

    /// BLAKE3 of an entry; `None` if it cannot be read, which is reported when it is copied.
    fn hash(&self, entry: &Entry) -> Option<String> {
        let mut hash = blake3::Hasher::new();
        hash.update_reader(self.source.open(entry).ok()?).ok()?;
        Some(hash.finalize().to_hex().to_string())
    }

    /// The key under which the archive keeps an entry of this path and content already.
    fn kept_key(&self, entry: &Entry) -> Result<Option<String>> {
        let Some(index) = &self.earlier else { return Ok(None) };
        if !index.has_kept(self.platform, &entry.path, entry.size)? {
            return Ok(None);
        }
        let key = self.hash(entry).map(|hash| kept_key(entry, &hash));
        Ok(key.filter(|key| self.is_there(key)))
    }

    fn keep(&self, entry: Entry, product: String, path: String) -> Result<Done> {
        let (key, content) = match self.kept_key(&entry)? {
            Some(key) => (key, Content::Unchanged),
            None => match self.copy(&entry, entry.modified)? {
                Ok(stored) => (kept_key(&entry, &stored.blake3), Content::Stored(stored)),
                Err(fault) => return Ok(Done::Fault(fault)),
            },
        };
        let incoming = self.kept(&entry, Kept { product, path, key }, content);
        Ok(Done::Item { incoming: Box::new(incoming), entry: entry.id, is_whole: true, is_kept: true })
    }

    fn copy(
        &self,
        entry: &Entry,
        time: Option<i64>,
    ) -> Result<std::result::Result<crate::archive::scratch::StoredBody, Fault>> {
        let mut reader = match self.source.open(entry) {
            Ok(reader) => reader,
            Err(err) => {
                let hint = err.hint.clone().or_else(|| Some(DOWNLOAD_AGAIN.to_owned()));
                return Ok(Err(self.fault(entry, format!("cannot be opened: {}", err.what), hint)));
            }
        };
        match self.scratch.copy(&mut reader, time) {
            Ok(stored) => Ok(Ok(stored)),
            Err(StoreError::Archive(err)) => Err(err),
            Err(StoreError::Source(err)) => Ok(Err(self.fault(
                entry,
                format!("cannot be read to its end: {err}"),
                Some(DOWNLOAD_AGAIN.to_owned()),
            ))),
        }
    }

    fn fault(&self, entry: &Entry, what: String, hint: Option<String>) -> Fault {
        Fault { entry: entry.id, place: self.source.place(entry, At::Whole), scope: Scope::Entry, what, hint }
    }

    /// The place of an item in the ledger's words.
    fn spot(&self, entry: &Entry, at: At) -> Spot {
        let at = match at {
            At::Whole => 0,
            At::Byte(at) | At::Line(at) | At::Record(at) => at,
        };
        let mut last = self.last_spot.borrow_mut();
        let spot = match last.take() {
            Some((id, spot)) if id == entry.id => spot,
            _ => Spot {
                part: self.parts[entry.part as usize].fingerprint.as_str().into(),
                entry: entry.path.as_str().into(),
                at,
            },
        };
        let (_, spot) = last.insert((entry.id, spot));
        Spot { at, ..spot.clone() }
    }
}

/// The key of an entry that is kept. Nobody knows what a later file under its name means: with other content it is
/// another item.
fn kept_key(entry: &Entry, blake3: &str) -> String {
    format!("kept:{}#{}", entry.path, &blake3[..16])
}

/// The key of an item that its content names.
pub fn unique_key(prefix: &str, blake3: &str) -> String {
    format!("{prefix}#{}", blake3.get(..32).unwrap_or(blake3))
}

const DOWNLOAD_AGAIN: &str =
    "the part is damaged; download it again and run the same command: what is done stays done";
