//! Posts as a tree of Markdown files with their pictures, which Hugo, Zola, Eleventy and the like take as it is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{FOLDER, Post};
use crate::archive::folders;
use crate::report::error::{Error, Kind, Result};
use crate::report::event::{Event, Observer};

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Posts.
    pub posts: u64,
    /// Pictures and videos.
    pub media: u64,
    /// Files written; the others were there already, as they are.
    pub written: u64,
}

/// Copies posts and their media into a folder, below it as below `files/posts/`. A file that is there already and
/// differs is replaced; nothing is removed.
///
/// # Errors
/// When something cannot be read or written, or the user stops.
pub fn copy(
    archive: &Path,
    posts: &[Post],
    to: &Path,
    observer: &dyn Observer,
    stop: &AtomicBool,
) -> Result<Outcome> {
    observer.event(Event::Begin { stage: "copy", total_bytes: 0, total_items: posts.len() as u64 });
    let mut outcome = Outcome::default();
    for post in posts {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Interrupted, "stopped; run the same command to go on"));
        }
        outcome.posts += 1;
        outcome.media += post.media.len() as u64;
        for path in std::iter::once(&post.path).chain(&post.media) {
            let added = if *path == post.path { post.added.as_str() } else { "" };
            outcome.written += u64::from(copy_one(&archive.join(FOLDER).join(path), &to.join(path), added)?);
        }
        observer.event(Event::Items(1));
    }
    observer.event(Event::End { stage: "copy" });
    Ok(outcome)
}

/// Copies a file with its time, and with `added` at the end of its front matter, unless it is there; true if it was written.
fn copy_one(from: &Path, to: &Path, added: &str) -> Result<bool> {
    let original = from.metadata().map_err(|err| Error::io("read", from, &err))?;
    let len = original.len() + added.len() as u64;
    if to.metadata().is_ok_and(|there| there.len() == len) {
        let (here, there) = (read_with(from, added), fs::read(to));
        if here.is_ok_and(|here| there.is_ok_and(|there| here == there)) {
            return Ok(false);
        }
    }
    if let Some(above) = to.parent() {
        folders::make(above)?;
    }
    let temporary = PathBuf::from(format!("{}.part", to.display()));
    let copied = match added {
        "" => fs::copy(from, &temporary).map(|_| ()),
        added => read_with(from, added).and_then(|text| fs::write(&temporary, text)),
    };
    let copied = copied.and_then(|()| {
        fs::File::options().write(true).open(&temporary)?.set_modified(original.modified()?)?;
        fs::rename(&temporary, to)
    });
    copied.map_err(|err| Error::io("write", to, &err))?;
    Ok(true)
}

/// A file with lines added at the end of its front matter, which it has.
fn read_with(path: &Path, added: &str) -> io::Result<Vec<u8>> {
    let mut bytes = fs::read(path)?;
    if !added.is_empty()
        && let Some(end) = memchr::memmem::find(&bytes, b"\n---\n")
    {
        bytes.splice(end + 1..end + 1, added.bytes());
    }
    Ok(bytes)
}
