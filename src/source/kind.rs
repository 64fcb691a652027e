//! What a file is, told by its first bytes and never by its name.
//!
//! The name only tells what its owner believes it to be: a "zip" that is a web page is worth a message of its own.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

use super::PartKind;
use super::gzip::{Gzip, Index};
use super::listing::Unopened;
use super::stretch::read_at_most;
use super::{tar, zip};

impl PartKind {
    /// True for zip, tar and tgz.
    pub(super) fn is_archive(self) -> bool {
        matches!(self, PartKind::Zip | PartKind::Tar | PartKind::TarGz)
    }
}

const AGAIN: &str = "download this part again, then run the same command";

/// Tells what the file with this name is.
///
/// # Errors
/// When it is empty, or has the name of an archive and is none.
pub(super) fn tell(file: &File, len: u64, name: &str) -> Result<PartKind, Unopened> {
    if len == 0 {
        return Err(Unopened::new("this file is empty: nothing of it was downloaded", AGAIN));
    }
    if let Some(kind) = archive(file, len)? {
        return Ok(kind);
    }
    let Some(named) = archive_name(name) else {
        return Ok(PartKind::File);
    };
    let mut head = vec![0; 1024];
    let got = read_at_most(file, &mut head, 0)?;
    if is_web_page(&head[..got]) {
        let what =
            format!("this is a web page, not a {named}: the download link had expired or needed a login");
        let hint =
            "log in, ask for a new link if need be, download this part again, then run the same command";
        return Err(Unopened::new(what, hint));
    }
    let what = format!(
        "this is not a {named}, though its name says so: its first bytes are those of something else"
    );
    Err(Unopened::new(what, AGAIN))
}

/// Which archive this is; `None` when it is none.
pub(super) fn archive(file: &File, len: u64) -> io::Result<Option<PartKind>> {
    let mut head = [0; 512];
    let got = read_at_most(file, &mut head, 0)?;
    Ok(match &head[..got] {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] | [b'P', b'K', 7, 8, b'P', b'K', ..] => {
            Some(PartKind::Zip)
        }
        [0x1f, 0x8b, 8, ..] => holds_tar(file, len)?.then_some(PartKind::TarGz),
        head if tar::is_header(head) => Some(PartKind::Tar),
        // A program that unpacks itself is a zip with something before it.
        _ => zip::directory::find(file, len)?.map(|_| PartKind::Zip),
    })
}

/// True when a tar is packed in this gzip file, or when it breaks off too early to tell.
fn holds_tar(file: &File, len: u64) -> io::Result<bool> {
    let file = Arc::new(file.try_clone()?);
    let gzip = Gzip::listing(&file, len, Index::default());
    let mut head = Vec::new();
    match gzip.take(512).read_to_end(&mut head) {
        Ok(_) => Ok(tar::is_header(&head) || (head.len() == 512 && head.iter().all(|byte| *byte == 0))),
        Err(err) if matches!(err.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) => {
            Ok(true)
        }
        Err(err) => Err(err),
    }
}

/// What its name says that a file is: `zip`, `tgz` or `tar`.
pub(super) fn archive_name(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let known = [(".zip", "zip"), (".tgz", "tgz"), (".tar.gz", "tgz"), (".tar", "tar")];
    known.iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, named)| *named)
}

fn is_web_page(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let text = text.trim_start_matches(|letter: char| letter.is_whitespace() || letter == '\u{feff}');
    let is_tag = |tag: &str| text.starts_with(tag);
    is_tag("<!doctype html")
        || is_tag("<html")
        || is_tag("<head")
        || (is_tag("<!--") && text.contains("<html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_web_page_is_known_by_its_first_words() {
        assert!(is_web_page(b"\xef\xbb\xbf\r\n<!DOCTYPE html><title>Sign in</title>"));
        assert!(is_web_page(b"<html lang=\"en\">"));
        assert!(!is_web_page(b"From 1@xxx Mon Jan 1\r\n"));
    }

    #[test]
    fn a_name_tells_what_its_owner_believes() {
        assert_eq!(archive_name("takeout-20250326T151156Z-001.ZIP"), Some("zip"));
        assert_eq!(archive_name("a.tar.gz"), Some("tgz"));
        assert_eq!(archive_name("All mail.mbox"), None);
    }
}
