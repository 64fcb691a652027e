//! What was done: My Activity and the histories of YouTube, record by record.
//!
//! `<Product>/MyActivity.json` is an array of records, `MyActivity.html` a page of the same, each of hundreds of megabytes
//! where an account is old; names of folders and files, titles and, on pages, dates are in the account's language. Each
//! record is an item of facts only, and nothing of it is left out, so the file itself is not kept.

mod page;
mod record;

use exodus_api::{At, Entry, ImportError, Kind, Options, Origin, Product, Sink, Skip, Source};
use memchr::memmem;
use serde_json::Value;

use self::page::Page;
pub use self::record::Keys;
use super::{faults, head};
use crate::shared::json_paths::JsonPaths;
use crate::shared::{json_mended, names};

/// A page tells what it is behind its style sheet, which has some 150 kB.
const HEAD_BYTES: u64 = 1 << 20;
/// Records, and searches as exports of 2014 to 2016 have them.
const PATHS: &[&[&str]] = &[&["*"], &["event", "*"]];
const HINT: &str = "the other records are safe; export again to get this one";

/// In which of its two forms a history is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An array of records.
    Json,
    /// A page.
    Html,
}

/// Imports all of My Activity.
pub fn import(
    source: &dyn Source,
    product: &Product,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    let root = format!("{}/", product.folder);
    let under = source.under(&root).iter().filter(|entry| !names::is_system_junk(&entry.path));
    let mut entries: Vec<(&Entry, Form)> =
        under.filter_map(|entry| Some((entry, form_of(source, entry)?))).collect();
    entries.sort_by_key(|(entry, _)| (entry.part, entry.order));
    for (entry, form) in entries {
        send(source, (entry, form), "my-activity", options, sink)?;
    }
    Ok(())
}

/// In which form an entry is a history; `None` if it is none.
pub fn form_of(source: &dyn Source, entry: &Entry) -> Option<Form> {
    let name = entry.name().to_lowercase();
    let says = |bytes: &[u8], word: &str| memmem::find(bytes, word.as_bytes()).is_some();
    if name.ends_with(".html") {
        return says(&head(source, entry, HEAD_BYTES), page::MARK).then_some(Form::Html);
    }
    if name.ends_with(".json") {
        let bytes = head(source, entry, 16 << 10);
        let is_records = says(&bytes, "\"header\"") && says(&bytes, "\"title\"");
        let is_searches = says(&bytes, "\"event\"") && says(&bytes, "\"query_text\"");
        return (is_records || is_searches).then_some(Form::Json);
    }
    None
}

/// Sends the records of an entry and finishes it.
pub fn send(
    source: &dyn Source,
    (entry, form): (&Entry, Form),
    product: &'static str,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<(), ImportError> {
    if !options.wants(Kind::Activity, product) {
        return Ok(sink.skip(entry, Skip::NotAskedFor)?);
    }
    if sink.is_done(entry) {
        return Ok(sink.used(entry)?);
    }
    let mut sending = Sending { source, entry, product, keys: Keys::default() };
    match form {
        Form::Json => sending.json(sink),
        Form::Html => sending.html(sink),
    }
}

struct Sending<'a> {
    source: &'a dyn Source,
    entry: &'a Entry,
    product: &'static str,
    keys: Keys,
}

impl Sending<'_> {
    fn json(&mut self, sink: &mut dyn Sink) -> Result<(), ImportError> {
        let Some(reader) = faults::opened(self.source, self.entry, sink)? else { return Ok(()) };
        let mut values = JsonPaths::new(reader, PATHS);
        let mut end = 0;
        loop {
            let found = match values.next_value() {
                Ok(Some(found)) => found,
                Ok(None) => return Ok(sink.used(self.entry)?),
                Err(err) => {
                    return Ok(sink.fault(faults::breaks_off(self.source, self.entry, end, &err))?);
                }
            };
            end = found.offset;
            let value: Option<Value> = found.bytes.and_then(|bytes| json_mended::parse(&bytes).ok());
            let facts = value.and_then(record::of_json);
            self.record(facts, found.offset, sink)?;
        }
    }

    fn html(&mut self, sink: &mut dyn Sink) -> Result<(), ImportError> {
        let Some(reader) = faults::opened(self.source, self.entry, sink)? else { return Ok(()) };
        let mut page = Page::new(reader);
        loop {
            match page.next_block() {
                Ok(Some(block)) => {
                    let facts = block.html.as_deref().and_then(page::read);
                    self.record(facts, block.offset, sink)?;
                }
                Ok(None) => return Ok(sink.used(self.entry)?),
                Err(err) => {
                    let fault = faults::breaks_off(self.source, self.entry, page.offset(), &err);
                    return Ok(sink.fault(fault)?);
                }
            }
        }
    }

    fn record(
        &mut self,
        facts: Option<record::Record>,
        offset: u64,
        sink: &mut dyn Sink,
    ) -> Result<(), ImportError> {
        let Some(facts) = facts else {
            let what = "a record of what was done cannot be read".to_owned();
            let fault = faults::bad_record(self.source, self.entry, At::Byte(offset), what, HINT);
            return Ok(sink.fault(fault)?);
        };
        let origin = Origin { entry: self.entry.clone(), at: At::Byte(offset) };
        Ok(sink.item(facts.into_item(self.product, &mut self.keys, origin))?)
    }
}
