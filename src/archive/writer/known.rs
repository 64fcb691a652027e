//! An item that the archive has already, found again: what of the new finding is taken.
//!
//! Within one export labels add up, since a message stands in one mbox for every label. A newer export replaces
//! labels, flags, facts and changed content; an older one adds only where it was found. Where exports of a platform tell less
//! with time, facts that only one of them has are kept and added. Content that is whole takes
//! the place of content that is not, whatever their age.

use std::path::PathBuf;

use super::{Added, Content, Incoming, Writer, folder_and_unique};
use crate::archive::index::KnownItem;
use crate::archive::maildir::{self, LabelMode};
use crate::archive::record::{ItemRecord, OriginRecord, Record};
use crate::archive::scratch::StoredBody;
use crate::report::error::Result;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Older,
    Same,
    Newer,
}

impl Writer {
    pub(super) fn add_known(&mut self, item: Incoming, known: KnownItem) -> Result<Added> {
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
            let has_sidecar = item.kind == exodus_api::Kind::Photo;
            let content = (body.size, Some(&*body.blake3));
            record.path = Some(self.free_path(&item.archive_path(), content, has_sidecar)?);
        }
        let is_same = ItemRecord { origin: before.origin.clone(), ..record.clone() } == *before;
        self.plan_sidecar(&record, Some(before));
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
    pub(super) fn is_lost(&self, known: &KnownItem) -> bool {
        let is_there = |path: &str| crate::archive::reader::find_file(&self.root, path).is_some();
        !self.batch.moves.contains_key(&known.id) && !known.record.path.as_deref().is_some_and(is_there)
    }

    pub(super) fn add_origin(&mut self, item: &Incoming, known: &KnownItem) -> Result<Added> {
        if !self.index.has_origin(known.id, &item.origin)? {
            let origin = OriginRecord {
                platform: item.platform.into(),
                key: item.key.clone(),
                origin: item.origin.clone(),
            };
            self.apply(&Record::Origin(origin), None)?;
            return Ok(Added::Known);
        }
        Ok(Added::Again)
    }

    /// Whether the current export is older or newer than the one that an item was last found in.
    pub(super) fn order(&self, before: &ItemRecord) -> Order {
        if before.export == self.export {
            return Order::Same;
        }
        let none = (None, 0);
        let ours = self.export_order.get(&*self.export).unwrap_or(&none);
        let theirs = self.export_order.get(&*before.export).unwrap_or(&none);
        let is_older = match (ours.0, theirs.0) {
            (Some(ours), Some(theirs)) if ours != theirs => ours < theirs,
            _ => ours.1 < theirs.1,
        };
        if is_older { Order::Older } else { Order::Newer }
    }

    /// The facts of a known item after it was found again. Within one export (a message stands in several mboxes)
    /// labels add up; a newer export replaces them; an older one changes nothing, but for facts that add up.
    pub(super) fn merged(&self, item: &Incoming, before: &ItemRecord, order: Order) -> ItemRecord {
        let mut record = before.clone();
        record.origin = item.origin.clone();
        if order == Order::Older {
            if item.do_facts_add_up {
                record.time = record.time.or(item.time);
                record.title = record.title.or_else(|| item.title.clone());
                for (name, value) in &item.extra {
                    record.extra.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
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
            _ => {
                record.labels.clone_from(&item.labels);
                // What a newer export does not tell any more (a favourite that is none now) is not so any more.
                if !item.do_facts_add_up {
                    record.extra.clear();
                }
            }
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

    pub(super) fn move_known(
        &mut self,
        known: &KnownItem,
        body: Option<StoredBody>,
        path: &str,
        old_path: Option<&str>,
        links: &[String],
    ) -> Result<()> {
        let old = old_path.map(|old| self.root.join(old));
        let is_moved = old_path != Some(path);
        if let Some(old_path) = old_path {
            // Those that stay are written again by the move, and what a batch writes it does not remove.
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
    pub(super) fn copies_of(&self, before: &ItemRecord, path: &str) -> Result<Vec<PathBuf>> {
        if self.mode == LabelMode::Primary || before.mail.is_none() {
            return Ok(Vec::new());
        }
        let unique = folder_and_unique(path).1;
        let mut paths = Vec::new();
        for folder in maildir::folders(&before.labels, self.mode).into_iter().skip(1) {
            let cur = self.root.join("mail").join(&folder.path).join("cur");
            paths.extend(crate::archive::find_message(&cur, unique));
        }
        Ok(paths)
    }
}
