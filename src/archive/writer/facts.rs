//! Items that are facts only: a message of a chat, a visit, a search. There are many of them and they are small, so all that can
//! be done without the archive is done beforehand, on another thread.

use super::{Added, Content, Incoming, Writer};
use crate::archive::index::json_text;
use crate::archive::ledger;
use crate::archive::record::{ItemRecord, Record};
use crate::archive::text;
use crate::report::error::Result;

/// An item that is facts only, as the ledger and the index take it.
#[derive(Debug)]
pub struct Prepared {
    /// The record but for its further facts: they are many small pieces, which end where they were made.
    record: ItemRecord,
    /// The further facts as the index keeps them.
    extra: Option<String>,
    /// What it is found by, besides its title; `None` if it waits for the stage of full text.
    words: Option<String>,
    /// The line of the ledger.
    line: Vec<u8>,
    platform: &'static str,
    kind: exodus_api::Kind,
    do_facts_add_up: bool,
}

impl Prepared {
    /// The item, found in `export`.
    pub fn of(item: Incoming, export: &str) -> Prepared {
        let (platform, kind, do_facts_add_up) = (item.platform, item.kind, item.do_facts_add_up);
        let record = Record::Item(Box::new(ItemRecord {
            platform: platform.to_owned(),
            key: item.key,
            kind: kind.name().to_owned(),
            product: item.product,
            time: item.time,
            title: item.title,
            path: None,
            size: 0,
            blake3: None,
            export: export.to_owned(),
            labels: item.labels,
            mail: None,
            extra: item.extra,
            origin: item.origin,
        }));
        let line = ledger::line(&record);
        let Record::Item(mut record) = record else { unreachable!("it was made as one") };
        let extra = json_text(&record.extra);
        let words = text::words_of_facts(&mut record);
        record.extra.clear();
        Prepared { record: *record, extra, words, line, platform, kind, do_facts_add_up }
    }

    /// What it is.
    pub fn kind(&self) -> exodus_api::Kind {
        self.kind
    }

    fn into_incoming(self) -> Incoming {
        let record = self.record;
        let extra = self.extra.and_then(|extra| serde_json::from_str(&extra).ok()).unwrap_or_default();
        Incoming {
            platform: self.platform,
            key: record.key,
            kind: self.kind,
            product: record.product,
            time: record.time,
            title: record.title,
            path: String::new(),
            labels: record.labels,
            extra,
            origin: record.origin,
            content: Content::None,
            mail: None,
            do_facts_add_up: self.do_facts_add_up,
        }
    }
}

impl Writer {
    /// Adds an item that is facts only. Most are new: so the index is not asked before.
    ///
    /// # Errors
    /// When the archive cannot take it.
    pub fn add_prepared(&mut self, item: Prepared) -> Result<Added> {
        let words = item.words.as_deref().filter(|_| self.with_text);
        let text = words.map(|words| (item.record.title.as_deref().unwrap_or(""), words));
        if self.index.apply_new(&item.record, item.extra.as_deref(), text)?.is_none() {
            return self.add(item.into_incoming());
        }
        self.ledger.append_line(&item.line)?;
        self.batch.records += 1;
        Ok(Added::New)
    }
}
