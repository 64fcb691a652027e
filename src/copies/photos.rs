//! Photos copied out of the archive, by month as they lie in it, on request with date and place in the files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use super::exif::{Facts, filled_in};
use crate::archive::reader::Reader;
use crate::archive::tally::Photo;
use crate::report::error::{Error, Kind, Result};
use crate::report::event::{Event, Observer};

/// A larger file is copied as it is: it is a video.
const LIMIT_BYTES: u64 = 128 << 20;

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Files copied.
    pub copied: u64,
    /// Of those, files that got a date or a place.
    pub filled_in: u64,
    /// Files that were there already.
    pub there: u64,
    /// Files that were copied as they are, though they lack something, and why.
    pub as_they_are: Vec<(String, String)>,
}

/// Copies every photo and video that is not in the trash into a folder. A file that is there already is left alone.
///
/// # Errors
/// When the archive cannot be read, the folder not be written to, or the user stops.
pub fn copy(
    archive: &Path,
    to: &Path,
    writes_exif: bool,
    observer: &dyn Observer,
    stop: &AtomicBool,
) -> Result<Outcome> {
    let photos = Reader::open(archive)?.photos()?;
    let total_bytes = photos.iter().map(|photo| photo.size).sum();
    observer.event(Event::Begin { stage: "copy", total_bytes, total_items: photos.len() as u64 });
    let mut outcome = Outcome::default();
    for photo in &photos {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Interrupted, "stopped; run the same command to go on"));
        }
        let below = photo.path.strip_prefix("files/photos/").unwrap_or(&photo.path);
        let place = to.join(below);
        if place.exists() {
            outcome.there += 1;
        } else {
            copy_one(archive, photo, &place, writes_exif, &mut outcome)?;
        }
        observer.event(Event::Bytes(photo.size));
        observer.event(Event::Items(1));
    }
    observer.event(Event::End { stage: "copy" });
    Ok(outcome)
}

fn copy_one(
    archive: &Path,
    photo: &Photo,
    place: &Path,
    writes_exif: bool,
    outcome: &mut Outcome,
) -> Result<()> {
    let from = archive.join(&photo.path);
    if let Some(above) = place.parent() {
        crate::archive::folders::make(above)?;
    }
    let mut filled = None;
    if writes_exif && photo.size <= LIMIT_BYTES {
        let bytes = fs::read(&from).map_err(|err| Error::io("read", &from, &err))?;
        let facts = Facts {
            taken: photo.taken.filter(|_| photo.is_dated),
            place: photo.place,
            altitude: photo.altitude,
        };
        match filled_in(&bytes, facts) {
            Ok(bytes) => filled = bytes,
            Err(why) => outcome.as_they_are.push((photo.path.clone(), why)),
        }
    }
    let temporary = PathBuf::from(format!("{}.part", place.display()));
    let written = match &filled {
        Some(bytes) => fs::write(&temporary, bytes),
        None => fs::copy(&from, &temporary).map(|_| ()),
    };
    written
        .and_then(|()| set_time(&temporary, photo.taken))
        .and_then(|()| fs::rename(&temporary, place))
        .map_err(|err| Error::io("write", place, &err))?;
    outcome.copied += 1;
    outcome.filled_in += u64::from(filled.is_some());
    Ok(())
}

fn set_time(path: &Path, taken: Option<i64>) -> std::io::Result<()> {
    let Some(taken) = taken.and_then(|taken| u64::try_from(taken).ok()) else { return Ok(()) };
    let file = fs::File::options().write(true).open(path)?;
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(taken))
}
