//! The archive's account of itself, for a receipt: which parts came in, what is kept as it came, how many items carry
//! each label and whether their files are all there.

use std::collections::{BTreeMap, HashSet};

use rusqlite::params;

use super::reader::{Reader, find_file};
use crate::report::error::Result;

/// A part of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its file name.
    pub name: String,
    /// `zip`, `tgz`, `tar`, `folder` or `file`.
    pub kind: String,
    /// Its size in bytes.
    pub size: u64,
    /// What names its content: BLAKE3 of its table of contents (names, sizes, checksums), cut to 32 digits.
    pub fingerprint: String,
}

/// A label or an album: how many items carry it, and of how many the file is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// As its user wrote it.
    pub name: String,
    /// What it means, where it is one of the platform's own.
    pub role: String,
    /// Items that carry it in the export.
    pub in_export: u64,
    /// Of those, items whose file the archive has.
    pub in_archive: u64,
}

/// A photo or video and what a copy of it should say.
#[derive(Clone, Debug, PartialEq)]
pub struct Photo {
    /// Where it lies, from the archive's top.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was taken, in seconds since 1970-01-01 UTC.
    pub taken: Option<i64>,
    /// True when that was said of it; false when it is known to the year or month alone.
    pub is_dated: bool,
    /// Latitude and longitude in degrees, north and east positive.
    pub place: Option<(f64, f64)>,
    /// Altitude in metres.
    pub altitude: Option<f64>,
}

/// A post that is a file of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Where it lies, from the archive's top.
    pub path: String,
    /// When it was posted, in seconds since 1970-01-01 UTC.
    pub time: Option<i64>,
    /// All that exports told of it.
    pub facts: serde_json::Map<String, serde_json::Value>,
}

/// A paper.
#[derive(Clone, Debug, PartialEq)]
pub struct Paper {
    /// Its title.
    pub title: Option<String>,
    /// Where its file lies, from the archive's top; `None` for one whose file nobody has.
    pub path: Option<String>,
    /// Its facts.
    pub facts: serde_json::Map<String, serde_json::Value>,
}

/// Entries of one product that are kept as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The product.
    pub product: String,
    /// How many files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Reader {
    /// Names what is in the archive now: the BLAKE3 of the ledger, as far as it counts.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn state(&self) -> Result<String> {
        Ok(self.index().meta("ledger_blake3")?.unwrap_or_default())
    }

    /// The parts of an export, by the export's key.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn parts_of(&self, export: &str) -> Result<Vec<Part>> {
        let mut query = self.conn().prepare_cached(
            "SELECT part.name, part.kind, part.size, fingerprint FROM part JOIN export ON export.id = export_id
             WHERE export.key = ?1 ORDER BY part.name, part.id",
        )?;
        let rows = query.query_map([export], |row| {
            Ok(Part {
                name: row.get(0)?,
                kind: row.get(1)?,
                size: row.get::<_, i64>(2)? as u64,
                fingerprint: row.get(3)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Paths that an export's own list names and that were in none of its parts, whichever run they were given to.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn missing_of(&self, export: &str) -> Result<Vec<String>> {
        let mut query = self.conn().prepare_cached("SELECT missing FROM export WHERE key = ?1")?;
        let missing: Option<String> = query.query_row([export], |row| row.get(0))?;
        let missing: Vec<String> =
            missing.and_then(|list| serde_json::from_str(&list).ok()).unwrap_or_default();
        let mut came = self.conn().prepare_cached(
            "SELECT 1 FROM entry JOIN part ON part.id = part_id JOIN export ON export.id = export_id
             WHERE export.key = ?1 AND entry.path = ?2",
        )?;
        let mut lacking = Vec::new();
        for path in missing {
            if !came.exists([export, &path])? {
                lacking.push(path);
            }
        }
        Ok(lacking)
    }

    /// What the last run that imported something ended with; `None` if it never ended.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn last_outcome(&self) -> Result<Option<String>> {
        let sql = "SELECT outcome FROM run WHERE command = 'import' ORDER BY id DESC LIMIT 1";
        Ok(self.conn().query_row(sql, [], |row| row.get(0))?)
    }

    /// What is kept as it came, by product.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn kept(&self) -> Result<Vec<Kept>> {
        let mut query = self.conn().prepare(
            "SELECT product, count(*), sum(size) FROM item WHERE key >= 'kept:' AND key < 'kept;'
             GROUP BY product ORDER BY product",
        )?;
        let rows = query.query_map([], |row| {
            let (files, bytes): (i64, i64) = (row.get(1)?, row.get(2)?);
            Ok(Kept { product: row.get(0)?, files: files as u64, bytes: bytes as u64 })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// All photos and videos but those in the trash, by their paths.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn photos(&self) -> Result<Vec<Photo>> {
        let mut query = self.conn().prepare(
            "SELECT path, size, time, json_extract(extra, '$.latitude'), json_extract(extra, '$.longitude'),
             json_extract(extra, '$.altitude'), coalesce(json_extract(extra, '$.date_from'), '') <> 'year folder'
             FROM item
             WHERE kind = 'photo' AND path IS NOT NULL AND coalesce(json_extract(extra, '$.trashed'), 0) = 0
             ORDER BY path",
        )?;
        let rows = query.query_map([], |row| {
            let (latitude, longitude): (Option<f64>, Option<f64>) = (row.get(3)?, row.get(4)?);
            Ok(Photo {
                path: row.get(0)?,
                size: row.get::<_, i64>(1)? as u64,
                taken: row.get(2)?,
                is_dated: row.get(6)?,
                place: latitude.zip(longitude),
                altitude: row.get(5)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// All posts that are files, the newest first.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn posts(&self) -> Result<Vec<Post>> {
        let mut query = self.conn().prepare(
            "SELECT path, time, coalesce(extra, '{}') FROM item WHERE kind = 'post' AND path LIKE 'files/posts/%.md'
             ORDER BY time DESC, path",
        )?;
        let rows = query.query_map([], |row| {
            let facts = serde_json::from_str(row.get_ref(2)?.as_str()?).unwrap_or_default();
            Ok(Post { path: row.get(0)?, time: row.get(1)?, facts })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// All papers, each once, with their entries in BibTeX.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn papers(&self) -> Result<Vec<Paper>> {
        let papers = super::views::papers::of_index(self.conn())?.into_iter();
        Ok(papers.map(|it| Paper { title: it.title, path: it.path, facts: it.facts }).collect())
    }

    /// Items whose file is not there, or not with its size.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn lost(&self) -> Result<HashSet<i64>> {
        let mut query = self.conn().prepare("SELECT id, path, size FROM item WHERE path IS NOT NULL")?;
        let mut rows = query.query([])?;
        let mut lost = HashSet::new();
        while let Some(row) = rows.next()? {
            let (path, size): (String, i64) = (row.get(1)?, row.get(2)?);
            let there = find_file(self.root(), &path).and_then(|path| path.metadata().ok());
            if there.is_none_or(|there| there.len() != size as u64) {
                lost.insert(row.get(0)?);
            }
        }
        Ok(lost)
    }

    /// Every label and album, by name.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn labels(&self, lost: &HashSet<i64>) -> Result<Vec<Label>> {
        let conn = self.conn();
        let mut missing: BTreeMap<i64, u64> = BTreeMap::new();
        let mut query = conn.prepare("SELECT label_id FROM item_label WHERE item_id = ?1")?;
        for item in lost {
            for label in query.query_map(params![item], |row| row.get::<_, i64>(0))? {
                *missing.entry(label?).or_default() += 1;
            }
        }
        let mut query = conn.prepare(
            "SELECT label.id, name, role, count(*) FROM label JOIN item_label ON label_id = label.id
             GROUP BY label.id ORDER BY name, role",
        )?;
        let rows = query.query_map([], |row| {
            let (id, n): (i64, i64) = (row.get(0)?, row.get(3)?);
            let in_export = n as u64;
            let in_archive = in_export.saturating_sub(missing.get(&id).copied().unwrap_or(0));
            Ok(Label { name: row.get(1)?, role: row.get(2)?, in_export, in_archive })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}
