//! Gmail: `All mail Including Spam and Trash.mbox` in any language, one mbox a label, splits `-001`, `-002`, and
//! `topics.mbox` of Google Groups.
//!
//! Before an mbox is imported its beginning is looked at, to decide the account's language and how lines that begin
//! with `From ` were treated. Both are weighed again over all that is read; if the whole says otherwise, the mboxes
//! concerned are read once more under the better decision, and the archive takes the new labels and bodies for the
//! same messages. So the result depends on what is in the export and not on how far into it the evidence lies.

use std::io::Read;

use exodus_api::{
    At, Body, Entry, Fault, Flags, ImportError, Item, Key, Kind, Label, Mail, Options, Origin, Product, Role,
    Scope, Sink, Skip, Source,
};
use exodus_mail::header;
use serde_json::{Map, json};

use super::head;
use super::labels::{self, LanguageScore};
use super::locales::Locale;
use crate::shared::mbox::{RawMessage, Splitter};
use crate::shared::quoting::{self, Evidence, Quoting, chosen};
use crate::shared::{from_line, identity};

/// So much of an mbox is looked at before it is imported.
const PROBE_BYTES: u64 = 8 << 20;

/// True for names that an mbox has.
pub fn is_mbox_name(path: &str) -> bool {
    path.len() > 5 && path.get(path.len() - 5..).is_some_and(|end| end.eq_ignore_ascii_case(".mbox"))
}

/// An mbox of the export.
pub struct Mbox<'a> {
    entry: &'a Entry,
    product: &'static str,
}

/// The mboxes of a product. A file of another name is one too if it begins like a Gmail mbox.
pub fn mboxes<'a>(source: &'a dyn Source, product: &Product) -> Vec<Mbox<'a>> {
    let folder = if product.folder.is_empty() { String::new() } else { format!("{}/", product.folder) };
    let name = if product.name == "groups" { "groups" } else { "mail" };
    let is_mbox = |entry: &&Entry| {
        let is_odd = || !entry.name().contains('.') && from_line::is_gmail(&head(source, entry, 256));
        !crate::shared::names::is_system_junk(&entry.path) && (is_mbox_name(&entry.path) || is_odd())
    };
    let mut found: Vec<&Entry> = source.under(&folder).iter().filter(is_mbox).collect();
    found.sort_by_key(|entry| (entry.part, entry.order));
    found.into_iter().map(|entry| Mbox { entry, product: name }).collect()
}

/// What was decided about an mbox, and what it turned out to be.
struct Decision {
    quoting: Quoting,
    evidence: Evidence,
    /// Whether anything depends on the quoting.
    has_quoted: bool,
}

/// Imports all mboxes of an account.
pub fn import(
    source: &dyn Source,
    mboxes: &[Mbox],
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let mut wanted = Vec::new();
    for mbox in mboxes {
        if !options.wants(Kind::Message, mbox.product) {
            sink.skip(mbox.entry, Skip::NotAskedFor)?;
        } else if sink.is_done(mbox.entry) {
            sink.used(mbox.entry)?;
        } else {
            wanted.push(mbox);
        }
    }
    let mut probe = LanguageScore::default();
    let mut decisions = Vec::new();
    for mbox in &wanted {
        decisions.push(look_at(source, mbox.entry, &mut probe, options));
    }
    let locale = probe.language();
    let mut score = LanguageScore::default();
    let mut readings = Vec::new();
    for (mbox, decision) in wanted.iter().zip(&mut decisions) {
        let mut reading = Reading {
            source,
            mbox,
            locale,
            quoting: decision.quoting,
            score: &mut score,
            only_quoted: false,
        };
        let read = reading.read(sink)?;
        decision.evidence = read.evidence;
        decision.has_quoted = read.evidence.quoted_lines > 0;
        readings.push(read);
    }
    let better = score.language();
    for ((mbox, decision), read) in wanted.iter().zip(&decisions).zip(&readings) {
        let quoting = chosen(options).unwrap_or_else(|| decision.evidence.verdict());
        let is_other_quoting = decision.has_quoted && quoting != decision.quoting;
        let is_other_language = better.language != locale.language;
        if is_other_language || is_other_quoting {
            let mut unused = LanguageScore::default();
            let only_quoted = !is_other_language;
            let mut again =
                Reading { source, mbox, locale: better, quoting, score: &mut unused, only_quoted };
            again.read(sink)?;
        }
        sink.note(mbox.entry, "messages", json!(read.messages))?;
        sink.note(mbox.entry, "language", json!(better.language))?;
        sink.note(mbox.entry, "from-quoting", json!(quoting.name()))?;
        sink.note(mbox.entry, "quoted-lines", json!(decision.evidence.quoted_lines))?;
        sink.note(mbox.entry, "bare-from-lines", json!(decision.evidence.bare_from_lines))?;
        if !read.is_broken {
            sink.used(mbox.entry)?;
        }
    }
    Ok(())
}

/// Looks at the beginning of an mbox.
fn look_at(source: &dyn Source, entry: &Entry, score: &mut LanguageScore, options: &Options) -> Decision {
    let mut evidence = Evidence::default();
    if let Ok(reader) = source.open(entry) {
        let mut splitter = Splitter::new(reader.take(PROBE_BYTES));
        // What cannot be read is reported when the mbox is imported.
        while let Ok(Some(message)) = splitter.next_message() {
            evidence.weigh(&message.bytes, message.bare_from_lines);
            score.add(&labels_of(&message.bytes));
        }
    }
    let quoting = chosen(options).unwrap_or_else(|| evidence.verdict());
    Decision { quoting, evidence, has_quoted: false }
}

fn labels_of(message: &[u8]) -> Vec<String> {
    let value = header::get(header::split(message).0, "X-Gmail-Labels");
    value.map(|value| labels::parse(&value)).unwrap_or_default()
}

/// One reading of an mbox under one decision.
struct Reading<'a> {
    source: &'a dyn Source,
    mbox: &'a Mbox<'a>,
    locale: &'static Locale,
    quoting: Quoting,
    score: &'a mut LanguageScore,
    /// Only messages in which the quoting matters are sent on.
    only_quoted: bool,
}

/// What a reading found.
struct Findings {
    messages: u64,
    evidence: Evidence,
    is_broken: bool,
}

impl Reading<'_> {
    fn read(&mut self, sink: &mut dyn Sink) -> Result<Findings, ImportError> {
        let mut read = Findings { messages: 0, evidence: Evidence::default(), is_broken: false };
        let entry = self.mbox.entry;
        let reader = match self.source.open(entry) {
            Ok(reader) => reader,
            Err(err) => {
                read.is_broken = true;
                let what = format!("cannot be opened: {}", err.what);
                sink.fault(self.fault(At::Whole, Scope::Entry, what, err.hint))?;
                return Ok(read);
            }
        };
        let mut splitter = Splitter::new(reader);
        let mut end = 0;
        loop {
            match splitter.next_message() {
                Ok(Some(message)) => {
                    end = message.offset + message.bytes.len() as u64;
                    read.messages += 1;
                    self.message(message, &mut read.evidence, sink)?;
                }
                Ok(None) => return Ok(read),
                Err(err) => {
                    read.is_broken = true;
                    let what = format!("cannot be read to its end: {err}");
                    let hint =
                        "the messages before it are safe; download the part again and run the same command";
                    sink.fault(self.fault(At::Byte(end), Scope::Entry, what, Some(hint.to_owned())))?;
                    return Ok(read);
                }
            }
        }
    }

    fn message(
        &mut self,
        raw: RawMessage,
        evidence: &mut Evidence,
        sink: &mut dyn Sink,
    ) -> Result<(), ImportError> {
        let quoted_before = evidence.quoted_lines;
        evidence.weigh(&raw.bytes, raw.bare_from_lines);
        let has_quoted = evidence.quoted_lines > quoted_before;
        if raw.bytes.is_empty() && raw.from_line.is_none() || (self.only_quoted && !has_quoted) {
            return Ok(());
        }
        if raw.from_line.is_none() {
            let what = format!(
                "{} bytes stand before the first message; stored as a message of their own",
                raw.bytes.len()
            );
            let hint = "the mbox was cut inside a message; look for its other half in another part";
            sink.fault(self.fault(At::Byte(raw.offset), Scope::Item, what, Some(hint.to_owned())))?;
        }
        if raw.is_cut {
            let what = "the export breaks off inside this message; what there is of it is stored".to_owned();
            sink.fault(self.fault(At::Byte(raw.offset), Scope::Item, what, None))?;
        }
        let item = self.item(raw, has_quoted);
        Ok(sink.item(item)?)
    }

    fn item(&mut self, raw: RawMessage, has_quoted: bool) -> Item {
        let mut bytes = raw.bytes;
        let (head, _) = header::split(&bytes);
        let names =
            header::get(head, "X-Gmail-Labels").map(|value| labels::parse(&value)).unwrap_or_default();
        self.score.add(&names);
        let mut labels: Vec<Label> = names.into_iter().map(|name| labels::label(name, self.locale)).collect();
        let thread =
            header::get(head, "X-GM-THRID").map(|value| String::from_utf8_lossy(&value).into_owned());
        let mut thread = thread.map(|thread| thread.trim().to_owned());
        if self.mbox.product == "groups" {
            // `Groups/<domain>/<groups that one owns>/<address of the group>/topics.mbox`, in any language but for the address.
            let group = self.mbox.entry.folder().rsplit('/').next().unwrap_or_default();
            labels.push(Label { name: format!("Groups/{group}"), role: None });
            thread = thread.map(|thread| format!("{group}:{thread}"));
        }
        // Groups count their messages from the beginning, each its own: 28668125511680 may be in two of them.
        let is_numbered = self.mbox.product != "groups";
        let (key, time) = match raw.from_line {
            Some(line) => match (line.gmail_id.filter(|_| is_numbered), line.gmail_time()) {
                (Some(id), Some(time)) => (format!("gmail:{id}"), Some(time)),
                (Some(id), None) => (format!("gmail:{id}"), Some(line.time)),
                _ => (format!("hash:{}", identity::of(&bytes)), Some(line.time)),
            },
            None => (format!("hash:{}", identity::of(&bytes)), None),
        };
        let unquoted_lines =
            if has_quoted && self.quoting == Quoting::Mboxrd { quoting::unquote(&mut bytes) } else { 0 };
        let mail = Mail {
            flags: flags(&labels),
            thread,
            is_partial: raw.is_cut || raw.from_line.is_none(),
            unquoted_lines,
        };
        Item {
            key: Key(key),
            kind: Kind::Message,
            product: self.mbox.product,
            time,
            title: None,
            path: String::new(),
            labels,
            body: Body::Inline(bytes),
            origin: Origin { entry: self.mbox.entry.clone(), at: At::Byte(raw.offset) },
            mail: Some(mail),
            extra: Map::new(),
        }
    }

    fn fault(&self, at: At, scope: Scope, what: String, hint: Option<String>) -> Fault {
        Fault { entry: self.mbox.entry.id, place: self.source.place(self.mbox.entry, at), scope, what, hint }
    }
}

/// The flags that Gmail's labels amount to. A message that is not marked as unread was read.
fn flags(labels: &[Label]) -> Flags {
    let has = |role: Role| labels.iter().any(|label| label.role == Some(role));
    let has_keyword = |name: &str| {
        let mut keywords = labels.iter().filter(|label| label.role == Some(Role::Keyword));
        keywords.any(|label| label.name.eq_ignore_ascii_case(name))
    };
    let of = |is_set: bool, flag: Flags| if is_set { flag } else { Flags::NONE };
    Flags::NONE
        .with(of(!has(Role::Unread), Flags::SEEN))
        .with(of(has(Role::Flagged), Flags::FLAGGED))
        .with(of(has(Role::Drafts), Flags::DRAFT))
        .with(of(has(Role::Trash), Flags::TRASHED))
        .with(of(has_keyword("$Forwarded"), Flags::PASSED))
}
