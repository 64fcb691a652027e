//! How records become rows.
//!
//! Only [`Index::apply`], with its parts for items, writes what records say, whether they come from a running import or from the ledger,
//! so that an index that was built again is the same.

use exodus_api::Label;
use rusqlite::{Statement, params};

use super::{Index, json_text, role_name};
use crate::archive::message::Facts;
use crate::archive::names;
use crate::archive::record::{EntryRecord, FaultRecord, ItemRecord, OriginRecord, Record, Spot};
use crate::report::counts::State;
use crate::report::error::Result;

/// Not `DO UPDATE`: SQLite keeps what that could have to take back.
const INSERT_ITEM: &str =
    "INSERT INTO item (platform, key, kind, product, time, title, path, path_fold, size, blake3, export_id, extra, has_text)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13) ON CONFLICT (platform, key) DO NOTHING";
const INSERT_TEXT: &str = "INSERT INTO text (rowid, subject, body) VALUES (?1, ?2, ?3)";
const INSERT_ORIGIN: &str = "INSERT OR IGNORE INTO origin (item_id, entry_id, at) VALUES (?1, ?2, ?3)";
const INSERT_LABEL: &str = "INSERT INTO item_label (item_id, position, label_id) VALUES (?1, ?2, ?3)";

/// An item that is facts only, on its way into the index.
pub struct NewItem<'i> {
    /// Its record, without its further facts.
    pub record: &'i ItemRecord,
    /// The further facts as [`json_text`] writes them.
    pub extra: Option<&'i str>,
    /// What it is found by: its subject and its words.
    pub text: Option<(&'i str, &'i str)>,
}

impl Index {
    /// Makes rows of a record. `facts` are those of the message that an item record stores; without them a message
    /// keeps the facts it has. Returns the row of the item, entry, export or part that the record is about.
    ///
    /// # Errors
    /// When the index cannot be written, or the record names something that no earlier record has introduced.
    pub fn apply(&mut self, record: &Record, facts: Option<&Facts>) -> Result<i64> {
        match record {
            Record::Run { run, command, version, started } => {
                self.run(
                    "INSERT OR REPLACE INTO run (id, command, version, started) VALUES (?1, ?2, ?3, ?4)",
                    params![run, command, version, started],
                )?;
                Ok(*run)
            }
            Record::End { run, finished, outcome } => {
                self.run(
                    "UPDATE run SET finished = ?2, outcome = ?3 WHERE id = ?1",
                    params![run, finished, outcome],
                )?;
                Ok(*run)
            }
            Record::Setting { name, value } => self.set_meta(name, value).map(|()| 0),
            Record::Export(it) => {
                let missing = (!it.missing.is_empty()).then(|| serde_json::json!(it.missing).to_string());
                self.run(
                    "INSERT INTO export (key, platform, account, exported_at, layout, missing) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT (key) DO UPDATE SET account = coalesce(excluded.account, account),
                     exported_at = coalesce(excluded.exported_at, exported_at), layout = excluded.layout,
                     missing = excluded.missing",
                    params![it.export, it.platform, it.account, it.exported_at, it.layout, missing],
                )?;
                self.export_id(&it.export)
            }
            Record::Part(it) => {
                let export = self.export_id(&it.export)?;
                self.run(
                    "INSERT INTO part (fingerprint, export_id, name, kind, size) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT (fingerprint) DO UPDATE SET name = excluded.name",
                    params![it.part, export, it.name, it.kind, it.size as i64],
                )?;
                self.part_id(&it.part)
            }
            Record::Entry(it) => self.apply_entry(it),
            Record::Item(it) => self.apply_item(it, facts, None),
            Record::Origin(it) => self.apply_origin(it),
            Record::Folder { path, name } => {
                self.run("INSERT OR IGNORE INTO folder (path, name) VALUES (?1, ?2)", params![path, name])?;
                Ok(0)
            }
            Record::Keyword { folder, n, name } => {
                self.run(
                    "INSERT OR IGNORE INTO keyword (folder, n, name) VALUES (?1, ?2, ?3)",
                    params![folder, n, name],
                )?;
                Ok(0)
            }
            Record::Fault(it) => self.apply_fault(it),
        }
    }

    fn run(&self, sql: &str, values: &[&dyn rusqlite::ToSql]) -> Result<usize> {
        Ok(self.conn.prepare_cached(sql)?.execute(values)?)
    }

    fn apply_entry(&mut self, it: &EntryRecord) -> Result<i64> {
        let notes = it.notes.as_ref().map(serde_json::Value::to_string);
        let (size, state) = (it.size as i64, it.state.name());
        // Most are known, and one row is changed by its number: a statement that SQLite may have to take back makes it write down what
        // the full text has gathered.
        let id = match self.find_entry(&it.part, &it.path)? {
            Some(id) => {
                self.run(
                    "UPDATE entry SET state = ?2, reason = ?3, options = ?4, notes = coalesce(?5, notes), run_id = ?6 WHERE id = ?1",
                    params![id, state, it.reason, it.options, notes, it.run],
                )?;
                id
            }
            None => {
                let part = self.part_id(&it.part)?;
                self.run(
                    "INSERT INTO entry (part_id, path, size, state, reason, options, notes, run_id)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                    params![part, it.path, size, state, it.reason, it.options, notes, it.run],
                )?;
                self.conn.last_insert_rowid()
            }
        };
        if it.state != State::Pending {
            // Faults of earlier runs are answered by what this one found.
            self.run("DELETE FROM fault WHERE entry_id = ?1 AND run_id <> ?2", params![id, it.run])?;
        }
        Ok(id)
    }

    /// Makes rows of items that are facts only; returns of each whether it is new. Of one whose key the index has already nothing
    /// is changed.
    ///
    /// # Errors
    /// As [`Index::apply`].
    pub fn apply_new(&mut self, items: &[NewItem]) -> Result<Vec<bool>> {
        let mut rows = Vec::with_capacity(items.len());
        for NewItem { record, .. } in items {
            let labels =
                record.labels.iter().map(|label| self.label_id(label)).collect::<Result<Vec<_>>>()?;
            let entry = self.entry_id(&record.origin.part, &record.origin.entry)?;
            rows.push((self.export_id(&record.export)?, entry, labels));
        }
        let mut item = self.conn.prepare_cached(INSERT_ITEM)?;
        let mut text = self.conn.prepare_cached(INSERT_TEXT)?;
        let mut origin = self.conn.prepare_cached(INSERT_ORIGIN)?;
        let mut label = self.conn.prepare_cached(INSERT_LABEL)?;
        let mut are_new = Vec::with_capacity(items.len());
        for (it, (export, entry, labels)) in items.iter().zip(rows) {
            let is_new = insert_item(&mut item, it.record, (None, export), it.extra, it.text.is_some())?;
            are_new.push(is_new);
            if !is_new {
                continue;
            }
            let id = self.conn.last_insert_rowid();
            if let Some((subject, words)) = it.text {
                text.execute(params![id, subject, words])?;
            }
            origin.execute(params![id, entry, it.record.origin.at as i64])?;
            for (position, n) in labels.into_iter().enumerate() {
                label.execute(params![id, position as i64, n])?;
            }
        }
        Ok(are_new)
    }

    /// [`Index::apply`] for the record of an item. `text` is what it is found by if it is new, its subject and its words.
    ///
    /// # Errors
    /// As [`Index::apply`].
    pub fn apply_item(
        &mut self,
        it: &ItemRecord,
        facts: Option<&Facts>,
        text: Option<(&str, &str)>,
    ) -> Result<i64> {
        let fold = it.path.as_ref().filter(|_| it.mail.is_none()).map(|path| names::folded(path));
        let extra = json_text(&it.extra);
        // Without a path only the key can stand against it, and most are new: trying it searches the keys, which are in no order, once
        // instead of twice.
        let known = if fold.is_some() { self.item_id(&it.platform, &it.key)? } else { None };
        if known.is_none() && self.insert(it, fold.as_deref(), extra.as_deref(), text)? {
            return self.apply_rest(self.conn.last_insert_rowid(), it, facts);
        }
        let known = if known.is_some() { known } else { self.item_id(&it.platform, &it.key)? };
        let id = known.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let export = self.export_id(&it.export)?;
        self.run(
            "UPDATE item SET time = ?2, title = ?3, path = ?4, path_fold = ?5, size = ?6, blake3 = ?7,
             export_id = ?8, extra = ?9, has_text = CASE WHEN blake3 IS ?7 AND title IS ?3
             AND json_extract(extra, '$.text') IS json_extract(?9, '$.text') THEN has_text ELSE 0 END
             WHERE id = ?1",
            params![id, it.time, it.title, it.path, fold, it.size as i64, it.blake3, export, extra],
        )?;
        self.run("DELETE FROM item_label WHERE item_id = ?1", params![id])?;
        self.apply_rest(id, it, facts)
    }

    /// Inserts the row of an item and of its text; false if there is one of its key.
    fn insert(
        &mut self,
        it: &ItemRecord,
        fold: Option<&str>,
        extra: Option<&str>,
        text: Option<(&str, &str)>,
    ) -> Result<bool> {
        let export = self.export_id(&it.export)?;
        let mut insert = self.conn.prepare_cached(INSERT_ITEM)?;
        if !insert_item(&mut insert, it, (fold, export), extra, text.is_some())? {
            return Ok(false);
        }
        if let Some((subject, words)) = text {
            self.run(INSERT_TEXT, params![self.conn.last_insert_rowid(), subject, words])?;
        }
        Ok(true)
    }

    /// Makes the rows of an item beside its own; returns that one.
    fn apply_rest(&mut self, id: i64, it: &ItemRecord, facts: Option<&Facts>) -> Result<i64> {
        for (position, label) in it.labels.iter().enumerate() {
            let label = self.label_id(label)?;
            self.run(INSERT_LABEL, params![id, position as i64, label])?;
        }
        self.apply_mail(id, it)?;
        if let Some(facts) = facts {
            self.set_facts(id, facts)?;
        }
        self.add_origin(id, &it.origin)?;
        Ok(id)
    }

    fn apply_mail(&self, id: i64, it: &ItemRecord) -> Result<()> {
        let (Some(mail), Some(path)) = (&it.mail, &it.path) else { return Ok(()) };
        let (folder, file_name) = crate::archive::writer::folder_and_unique(path);
        self.run(
            "INSERT INTO message (item_id, file_name, folder, flags, line_ends, is_partial, unquoted_lines, thread,
             attachments) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0)
             ON CONFLICT (item_id) DO UPDATE SET file_name = excluded.file_name, folder = excluded.folder,
             flags = excluded.flags, line_ends = excluded.line_ends, is_partial = excluded.is_partial,
             unquoted_lines = excluded.unquoted_lines, thread = excluded.thread",
            params![
                id,
                file_name,
                folder,
                mail.flags,
                mail.line_ends,
                mail.is_partial,
                mail.unquoted_lines,
                mail.thread
            ],
        )?;
        Ok(())
    }

    /// Sets what was read from the message itself.
    ///
    /// # Errors
    /// When the index cannot be written.
    pub fn set_facts(&self, id: i64, facts: &Facts) -> Result<()> {
        self.run(
            "UPDATE message SET message_id = ?2, date = ?3, sender = ?4, recipients = ?5, cc = ?6, subject = ?7,
             snippet = ?8, attachments = ?9 WHERE item_id = ?1",
            params![
                id,
                facts.message_id,
                facts.date,
                facts.sender,
                facts.recipients,
                facts.cc,
                facts.subject,
                facts.snippet,
                facts.attachments.len() as i64
            ],
        )?;
        self.run("DELETE FROM attachment WHERE item_id = ?1", params![id])?;
        for (n, attachment) in facts.attachments.iter().enumerate() {
            self.run(
                "INSERT INTO attachment (item_id, n, name, media_type, size) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![id, n as i64, attachment.name, attachment.media_type, attachment.size as i64],
            )?;
        }
        Ok(())
    }

    fn apply_origin(&mut self, it: &OriginRecord) -> Result<i64> {
        let id = self.item_id(&it.platform, &it.key)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        self.add_origin(id, &it.origin)?;
        Ok(id)
    }

    fn add_origin(&mut self, item: i64, spot: &Spot) -> Result<()> {
        let entry = self.entry_id(&spot.part, &spot.entry)?;
        self.run(INSERT_ORIGIN, params![item, entry, spot.at as i64])?;
        Ok(())
    }

    fn apply_fault(&mut self, it: &FaultRecord) -> Result<i64> {
        let entry = self.entry_id(&it.part, &it.entry)?;
        self.run(
            "INSERT INTO fault (run_id, entry_id, at, what, hint) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![it.run, entry, it.at, it.what, it.hint],
        )?;
        Ok(entry)
    }

    fn label_id(&mut self, label: &Label) -> Result<i64> {
        if let Some(id) = self.labels.get(label) {
            return Ok(*id);
        }
        let role = role_name(label);
        self.run("INSERT OR IGNORE INTO label (name, role) VALUES (?1, ?2)", params![label.name, role])?;
        let mut query = self.conn.prepare_cached("SELECT id FROM label WHERE name = ?1 AND role = ?2")?;
        let id = query.query_row(params![label.name, role], |row| row.get(0))?;
        self.labels.insert(label.clone(), id);
        Ok(id)
    }
}

fn insert_item(
    insert: &mut Statement,
    it: &ItemRecord,
    (fold, export): (Option<&str>, i64),
    extra: Option<&str>,
    has_text: bool,
) -> Result<bool> {
    let n_rows = insert.execute(params![
        it.platform,
        it.key,
        it.kind,
        it.product,
        it.time,
        it.title,
        it.path,
        fold,
        it.size as i64,
        it.blake3,
        export,
        extra,
        has_text
    ])?;
    Ok(n_rows == 1)
}
