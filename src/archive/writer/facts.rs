//! Items that are facts only: a message of a chat, a visit, a search. There are many of them and they are small, so all that can
//! be done without the archive is done beforehand, on another thread.

use std::ops::Range;
use std::sync::Arc;

use super::{Added, Content, Incoming, Writer};
use crate::archive::index::{NewItem, json_text};
use crate::archive::ledger;
use crate::archive::record::{ItemRecord, Record};
use crate::archive::text;
use crate::report::error::Result;

/// An item that is facts only, as the index takes it.
#[derive(Debug)]
pub struct Prepared {
    /// The record but for its further facts: they are many small pieces, which end where they were made.
    record: ItemRecord,
    /// The further facts as the index keeps them.
    extra: Option<String>,
    /// What it is found by, besides its title; `None` if it waits for the stage of full text.
    words: Option<String>,
    /// Where its line of the ledger stands among those of the others.
    line: Range<usize>,
    platform: &'static str,
    kind: exodus_api::Kind,
    do_facts_add_up: bool,
}

impl Prepared {
    /// The item, found in `export`; its line of the ledger is added to `lines`.
    pub fn of(item: Incoming, export: &Arc<str>, lines: &mut Vec<u8>) -> Prepared {
        let (platform, kind, do_facts_add_up) = (item.platform, item.kind, item.do_facts_add_up);
        let record = Record::Item(Box::new(ItemRecord {
            platform: platform.into(),
            key: item.key,
            kind: kind.name().into(),
            product: item.product,
            time: item.time,
            title: item.title,
            path: None,
            size: 0,
            blake3: None,
            export: export.clone(),
            labels: item.labels,
            mail: None,
            extra: item.extra,
            origin: item.origin,
        }));
        let start = lines.len();
        ledger::write_line(&record, lines);
        let Record::Item(mut record) = record else { unreachable!("it was made as one") };
        let extra = json_text(&record.extra);
        let words = text::words_at_hand(&record).map(str::to_owned);
        record.extra.clear();
        let line = start..lines.len();
        Prepared { record: *record, extra, words, line, platform, kind, do_facts_add_up }
    }

    /// What it is.
    pub fn kind(&self) -> exodus_api::Kind {
        self.kind
    }

    fn row(&self, with_text: bool) -> NewItem<'_> {
        let words = self.words.as_deref().filter(|_| with_text);
        let text = words.map(|words| (self.record.title.as_deref().unwrap_or(""), words));
        NewItem { record: &self.record, extra: self.extra.as_deref(), text }
    }

    fn to_incoming(&self) -> Incoming {
        let record = self.record.clone();
        let extra = self.extra.as_deref().and_then(|extra| serde_json::from_str(extra).ok());
        Incoming {
            platform: self.platform,
            key: record.key,
            kind: self.kind,
            product: record.product,
            time: record.time,
            title: record.title,
            path: String::new(),
            labels: record.labels,
            extra: extra.unwrap_or_default(),
            origin: record.origin,
            content: Content::None,
            mail: None,
            do_facts_add_up: self.do_facts_add_up,
        }
    }
}

impl Writer {
    /// Adds items that are facts only, whose lines are among `lines`. Most are new: so the index is not asked before.
    ///
    /// # Errors
    /// When the archive cannot take them.
    pub fn add_prepared<'i>(
        &mut self,
        items: impl Iterator<Item = &'i Prepared> + Clone,
        lines: &[u8],
    ) -> Result<Vec<Added>> {
        let rows: Vec<NewItem> = items.clone().map(|item| item.row(self.with_text)).collect();
        let are_new = self.index.apply_new(&rows)?;
        let mut added = Vec::with_capacity(rows.len());
        for (item, is_new) in items.zip(are_new) {
            if is_new {
                self.ledger.append_line(&lines[item.line.clone()])?;
                self.batch.records += 1;
                added.push(Added::New);
            } else {
                added.push(self.add(item.to_incoming())?);
            }
        }
        Ok(added)
    }
}
