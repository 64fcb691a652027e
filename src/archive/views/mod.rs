//! Views: files that are a function of the index, for programs that do not read it. Nothing reads them back.
//!
//! [`xmp`] beside every photo, [`albums`] as folders of links, [`papers`] as lists. The writer writes a sidecar in the batch of its photo,
//! and the albums when an import ends; `verify` compares both with the index, `reindex` makes them anew.

pub mod albums;
pub mod papers;
pub mod xmp;

use std::fs;
use std::path::Path;

use exodus_api::{Kind, Label};
use rusqlite::params;
use serde_json::{Map, Value};

use self::albums::AlbumMode;
use self::xmp::Told;
use super::index::Index;
use super::reader;
use super::record::ItemRecord;
use super::scratch::Scratch;
use crate::report::error::{Error, Result};
use crate::report::kill_point::kill_point;

/// A view that is not what the index says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differs {
    /// The file, from the archive's top.
    pub path: String,
    /// True when it is not there; else somebody has changed it.
    pub is_missing: bool,
}

/// The sidecar that an item has: its path from the archive's top and its content.
pub fn sidecar(record: &ItemRecord) -> Option<(String, String)> {
    let path = record.path.as_ref().filter(|_| record.kind == Kind::Photo.name())?;
    let told = Told {
        time: record.time,
        title: record.title.as_deref(),
        extra: &record.extra,
        labels: &record.labels,
    };
    Some((format!("{path}{}", xmp::EXTENSION), xmp::of(told)))
}

/// Compares the sidecars of photos (only those of a share, `id % of == nth`) and, with `with_albums`, the albums with the
/// index.
///
/// # Errors
/// When the index cannot be read.
pub fn check(root: &Path, index: &Index, (nth, of): (i64, i64), with_albums: bool) -> Result<Vec<Differs>> {
    let mut differs = Vec::new();
    each_sidecar(index, (nth, of), &mut |path, content, _| {
        match fs::read(root.join(&path)) {
            Ok(found) if found == content.as_bytes() => {}
            found => differs.push(Differs { is_missing: found.is_err(), path }),
        }
        Ok(())
    })?;
    if with_albums {
        differs.extend(papers::check(root, index)?);
    }
    // A copy that a push has made has none of them, and lacks nothing.
    if with_albums && albums::are_there(root) {
        let mode = AlbumMode::of(index)?;
        for (link, photo) in albums::wanted(index)? {
            let is_missing = root.join(&link).symlink_metadata().is_err();
            if !albums::leads(root, &link, &photo, mode) {
                differs.push(Differs { path: link, is_missing });
            }
        }
    }
    Ok(differs)
}

/// Makes all views what the index says.
///
/// # Errors
/// When the disk does not take them.
pub fn restore(root: &Path, index: &Index, scratch: &Scratch) -> Result<()> {
    each_sidecar(index, (0, 1), &mut |path, content, time| {
        let path = root.join(path);
        // Beside a photo that is lost it would be a stray.
        let is_there = path.with_extension("").is_file();
        if !is_there || fs::read(&path).is_ok_and(|found| found == content.as_bytes()) {
            return Ok(());
        }
        let stored = scratch.store(content.as_bytes(), String::new(), time)?;
        kill_point();
        fs::rename(&stored.path, &path).map_err(|err| Error::io("rename", &stored.path, &err))
    })?;
    papers::update(root, index)?;
    albums::update(root, index)
}

type Visit<'v> = dyn FnMut(String, String, Option<i64>) -> Result<()> + 'v;

/// Tells `visit` path, content and time of the sidecar of every photo of a share.
fn each_sidecar(index: &Index, (nth, of): (i64, i64), visit: &mut Visit) -> Result<()> {
    let mut query = index.conn.prepare(
        "SELECT id, path, time, title, coalesce(extra, '{}') FROM item
         WHERE kind = ?1 AND path IS NOT NULL AND id % ?3 = ?2 ORDER BY id",
    )?;
    let mut rows = query.query(params![Kind::Photo.name(), nth, of])?;
    while let Some(row) = rows.next()? {
        let (path, time): (String, Option<i64>) = (row.get(1)?, row.get(2)?);
        let (title, extra): (Option<String>, String) = (row.get(3)?, row.get(4)?);
        let extra: Map<String, Value> = serde_json::from_str(&extra).unwrap_or_default();
        let labels: Vec<Label> = reader::labels_of(&index.conn, row.get(0)?)?;
        let content = xmp::of(Told { time, title: title.as_deref(), extra: &extra, labels: &labels });
        visit(format!("{path}{}", xmp::EXTENSION), content, time)?;
    }
    Ok(())
}
