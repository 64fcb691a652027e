//! Mail that comes without a platform: plain mboxes, `.eml` files, Maildirs, and folders of them as Thunderbird and
//! Apple Mail leave them. Everything is known by its content; names only say which folder a mail lay in.

mod folders;
mod status;

use std::io::Read;

use exodus_api::{
    About, At, Body, Detection, Entry, Fault, Flags, ImportError, Importer, Item, Key, Kind, Label, Mail,
    Options, Origin, Product, Scope, Sink, Skip, Source, Survey,
};
use exodus_mail::header;
use mail_parser::DateTime;
use serde_json::{Map, json};

use crate::shared::mbox::{RawMessage, Splitter};
use crate::shared::quoting::{self, Evidence, FROM_QUOTING, Quoting, chosen};
use crate::shared::{from_line, identity, names};

/// The importer.
pub static IMPORTER: Mbox = Mbox;

/// Reads mboxes, `.eml` files and Maildirs.
pub struct Mbox;

static ABOUT: About = About {
    name: "mbox",
    title: "mbox, .eml files, Maildir",
    kinds: &[Kind::Message],
    products: &["mail"],
    options: &[FROM_QUOTING],
    do_facts_add_up: false,
    request_url: None,
};

/// So much of an mbox is looked at before it is imported.
const PROBE_BYTES: u64 = 8 << 20;

/// What an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    Mbox,
    Message,
    Other,
}

impl Importer for Mbox {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn detect(&self, source: &dyn Source) -> Detection {
        let looked_at = source.entries().iter().filter(|entry| !is_beside(entry)).take(50);
        let (mut mail, mut other) = (0, 0);
        let mut layout = "messages";
        for entry in looked_at {
            let head = head(source, entry);
            if from_line::is_gmail(&head) {
                return Detection::No;
            }
            match content_of(entry, &head) {
                Content::Mbox => {
                    mail += 1;
                    layout = "mbox";
                }
                Content::Message => mail += 1,
                Content::Other => other += 1,
            }
        }
        if mail > other { Detection::Yes { layout } } else { Detection::No }
    }

    fn survey(&self, _: &dyn Source) -> Result<Survey, ImportError> {
        let mail = Product { name: "mail".to_owned(), folder: String::new(), is_understood: true };
        Ok(Survey { products: vec![mail], ..Survey::default() })
    }

    fn import(&self, source: &dyn Source, options: &Options, sink: &mut dyn Sink) -> Result<(), ImportError> {
        let mut entries: Vec<&Entry> = source.entries().iter().collect();
        entries.sort_by_key(|entry| (entry.part, entry.order));
        for entry in entries {
            if names::is_system_junk(&entry.path) {
                sink.skip(entry, Skip::SystemJunk)?;
                continue;
            }
            if is_beside(entry) {
                sink.skip(entry, Skip::Because("an index that a mail program makes again by itself"))?;
                continue;
            }
            let content = content_of(entry, &head(source, entry));
            if content == Content::Other {
                continue;
            }
            if !options.wants(Kind::Message, "mail") {
                sink.skip(entry, Skip::NotAskedFor)?;
            } else if sink.is_done(entry) {
                sink.used(entry)?;
            } else if content == Content::Mbox {
                import_mbox(source, entry, options, sink)?;
            } else {
                import_message(source, entry, sink)?;
            }
        }
        Ok(())
    }
}

/// True for what mail programs keep beside mail and make again: indexes and UID lists.
fn is_beside(entry: &Entry) -> bool {
    let name = entry.name();
    let is_index = |end: &str| name.to_lowercase().ends_with(end);
    is_index(".msf")
        || name.starts_with("dovecot")
        || matches!(
            name,
            "subscriptions" | "maildirfolder" | "maildirsize" | "table_of_contents" | "msgFilterRules.dat"
        )
}

fn head(source: &dyn Source, entry: &Entry) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(reader) = source.open(entry) {
        // An entry that cannot be read is reported where it is imported.
        let _ = reader.take(2048).read_to_end(&mut bytes);
    }
    bytes
}

fn content_of(entry: &Entry, head: &[u8]) -> Content {
    let name = entry.name().to_lowercase();
    let begin = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head).trim_ascii_start();
    let line = begin.split(|byte| *byte == b'\n').next().unwrap_or(begin);
    if from_line::parse(line).is_some() {
        return Content::Mbox;
    }
    if folders::is_maildir_message(&entry.path) || name.ends_with(".eml") || name.ends_with(".emlx") {
        return Content::Message;
    }
    let is_mbox_name = name.ends_with(".mbox") || name.ends_with(".mbx") || name == "mbox";
    if is_mbox_name && (begin.is_empty() || header::fields(begin).next().is_some()) {
        return Content::Mbox;
    }
    Content::Other
}

fn import_mbox(
    source: &dyn Source,
    entry: &Entry,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let mut probe = Evidence::default();
    if let Ok(reader) = source.open(entry) {
        let mut splitter = Splitter::new(reader.take(PROBE_BYTES));
        // What cannot be read is reported below.
        while let Ok(Some(message)) = splitter.next_message() {
            probe.weigh(&message.bytes, message.bare_from_lines);
        }
    }
    let labels = folders::labels_of(&entry.path);
    let quoting = chosen(options).unwrap_or_else(|| probe.verdict());
    let Some((evidence, messages)) = read_mbox(source, entry, (quoting, false), &labels, sink)? else {
        return Ok(());
    };
    let better = chosen(options).unwrap_or_else(|| evidence.verdict());
    if better != quoting && evidence.quoted_lines > 0 {
        read_mbox(source, entry, (better, true), &labels, sink)?;
    }
    sink.note(entry, "messages", json!(messages))?;
    sink.note(entry, "from-quoting", json!(better.name()))?;
    sink.note(entry, "quoted-lines", json!(evidence.quoted_lines))?;
    Ok(sink.used(entry)?)
}

/// Reads an mbox once; `None` if it could not be read to its end.
fn read_mbox(
    source: &dyn Source,
    entry: &Entry,
    (quoting, only_quoted): (Quoting, bool),
    labels: &[Label],
    sink: &mut dyn Sink,
) -> Result<Option<(Evidence, u64)>, ImportError> {
    let fault = |at: At, scope: Scope, what: String| Fault {
        entry: entry.id,
        place: source.place(entry, at),
        scope,
        what,
        hint: Some("what could be read is stored; import a whole copy to complete it".to_owned()),
    };
    let reader = match source.open(entry) {
        Ok(reader) => reader,
        Err(err) => {
            sink.fault(fault(At::Whole, Scope::Entry, format!("cannot be opened: {}", err.what)))?;
            return Ok(None);
        }
    };
    let mut splitter = Splitter::new(reader);
    let (mut evidence, mut messages, mut end) = (Evidence::default(), 0, 0);
    loop {
        let raw = match splitter.next_message() {
            Ok(Some(raw)) => raw,
            Ok(None) => return Ok(Some((evidence, messages))),
            Err(err) => {
                sink.fault(fault(At::Byte(end), Scope::Entry, format!("cannot be read to its end: {err}")))?;
                return Ok(None);
            }
        };
        end = raw.offset + raw.bytes.len() as u64;
        messages += 1;
        let quoted_before = evidence.quoted_lines;
        evidence.weigh(&raw.bytes, raw.bare_from_lines);
        if raw.is_cut || raw.from_line.is_none() {
            let what = "a message without its beginning or its end; what there is of it is stored".to_owned();
            sink.fault(fault(At::Byte(raw.offset), Scope::Item, what))?;
        }
        if !only_quoted || evidence.quoted_lines > quoted_before {
            sink.item(item_of_mbox(entry, raw, quoting, labels))?;
        }
    }
}

fn item_of_mbox(entry: &Entry, raw: RawMessage, quoting: Quoting, labels: &[Label]) -> Item {
    let key = identity::of(&raw.bytes);
    let is_partial = raw.is_cut || raw.from_line.is_none();
    let time = raw.from_line.map(|line| line.time).or_else(|| date(&raw.bytes));
    let flags = status::flags(header::split(&raw.bytes).0);
    let mut bytes = raw.bytes;
    let unquoted_lines = if quoting == Quoting::Mboxrd { quoting::unquote(&mut bytes) } else { 0 };
    let mail = Mail { flags, thread: None, is_partial, unquoted_lines };
    item(entry, At::Byte(raw.offset), (key, time), labels.to_vec(), (bytes, mail))
}

fn import_message(source: &dyn Source, entry: &Entry, sink: &mut dyn Sink) -> Result<(), ImportError> {
    let mut bytes = Vec::new();
    let read = source.open(entry).map_err(|err| err.what);
    let read = read.and_then(|mut reader| reader.read_to_end(&mut bytes).map_err(|err| err.to_string()));
    if let Err(err) = read {
        return Ok(sink.fault(Fault {
            entry: entry.id,
            place: source.place(entry, At::Whole),
            scope: Scope::Entry,
            what: format!("cannot be read to its end: {err}"),
            hint: Some("import a whole copy of it".to_owned()),
        })?);
    }
    if entry.name().to_lowercase().ends_with(".emlx") {
        bytes = without_emlx_frame(bytes);
    }
    let flags = match folders::maildir_flags(entry.name()) {
        Some(letters) => Flags::from_letters(letters),
        None if entry.path.contains("/new/") => Flags::NONE,
        None => status::flags(header::split(&bytes).0),
    };
    let is_maildir = folders::is_maildir_message(&entry.path);
    let time =
        if is_maildir { entry.modified.or_else(|| date(&bytes)) } else { date(&bytes).or(entry.modified) };
    let labels = folders::labels_of(&entry.path);
    let mail = Mail { flags, thread: None, is_partial: false, unquoted_lines: 0 };
    sink.item(item(entry, At::Whole, (identity::of(&bytes), time), labels, (bytes, mail)))?;
    Ok(sink.used(entry)?)
}

/// Apple Mail writes the length of the message on a line before it and a property list after it.
fn without_emlx_frame(bytes: Vec<u8>) -> Vec<u8> {
    let line = memchr::memchr(b'\n', &bytes[..bytes.len().min(24)]);
    let len = line.and_then(|end| std::str::from_utf8(&bytes[..end]).ok()?.trim().parse::<usize>().ok());
    match (line, len) {
        (Some(end), Some(len)) if end + 1 + len <= bytes.len() => bytes[end + 1..end + 1 + len].to_vec(),
        _ => bytes,
    }
}

/// `Date`, in seconds since 1970-01-01 UTC.
fn date(message: &[u8]) -> Option<i64> {
    let value = header::get(header::split(message).0, "Date")?;
    let date = DateTime::parse_rfc822(&String::from_utf8_lossy(&value))?;
    date.is_valid().then(|| date.to_timestamp())
}

fn item(
    entry: &Entry,
    at: At,
    (key, time): (String, Option<i64>),
    labels: Vec<Label>,
    (bytes, mail): (Vec<u8>, Mail),
) -> Item {
    Item {
        key: Key(format!("hash:{key}")),
        kind: Kind::Message,
        product: "mail",
        time,
        title: None,
        path: String::new(),
        labels,
        body: Body::Inline(bytes),
        origin: Origin { entry: entry.clone(), at },
        mail: Some(mail),
        extra: Map::new(),
    }
}
