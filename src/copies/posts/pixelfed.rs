//! Posts in zips that Pixelfed's own importer of another network's exports takes (Settings, Import).
//!
//! What it accepts is known from its code (`AccountImport.vue`, `ImportPostController.php`, 2024 to 2026) and issues, and was
//! not tried on a server: `content/posts_1.json`; pictures in `media/posts/` that end in `.jpg`, `.png`, `.mp4`; a hundred
//! posts at a time; 15 MB a file; no caption may be empty (#5569). It reads text as Meta writes it, every byte of UTF-8 as
//! `\u00xx` with small letters, so that is how it is written here.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{FOLDER, Post, mime_type};
use crate::copies::jpeg;
use crate::report::error::{Error, Kind, Result};
use crate::report::event::{Event, Observer};

/// So many posts can be chosen at a time.
const POSTS_A_ZIP: usize = 100;
/// A file may have so many bytes (`max_photo_size` of a usual server, in kB).
const LIMIT_BYTES: u64 = 15_000_000;
/// A picture that is larger is not read.
const LIMIT_READ_BYTES: u64 = 256 << 20;

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Posts.
    pub posts: u64,
    /// Pictures and videos.
    pub media: u64,
    /// Of those, pictures that were made JPEG.
    pub converted: u64,
    /// The zips, in the order in which they are to be imported: the oldest posts first.
    pub zips: Vec<PathBuf>,
    /// What is left out, and why.
    pub left_out: Vec<(String, String)>,
}

/// Writes posts into `out`, or where one zip is not enough into `<out>-1.zip`, `<out>-2.zip` and so on.
///
/// # Errors
/// When something cannot be read or written, or the user stops.
pub fn write(
    archive: &Path,
    posts: &[Post],
    out: &Path,
    observer: &dyn Observer,
    stop: &AtomicBool,
) -> Result<Outcome> {
    observer.event(Event::Begin { stage: "copy", total_bytes: 0, total_items: posts.len() as u64 });
    let mut outcome = Outcome::default();
    let mut ready = Vec::new();
    // Imported in the order of their days, they stand in that order.
    for post in posts.iter().rev() {
        let kind = post.text("type").unwrap_or_default();
        if ["story", "profile-photo", "page"].contains(&kind) {
            outcome.left_out.push((post.path.clone(), format!("a {kind} is no post there")));
        } else if post.media.is_empty() {
            outcome.left_out.push((post.path.clone(), "it has no picture".to_owned()));
        } else {
            ready.push(post);
        }
    }
    let chunks: Vec<&[&Post]> = ready.chunks(POSTS_A_ZIP).collect();
    for (number, chunk) in (1..).zip(&chunks) {
        let path = if chunks.len() == 1 { out.to_owned() } else { numbered(out, number) };
        write_one(archive, chunk, &path, (observer, stop), &mut outcome)?;
        outcome.zips.push(path);
    }
    observer.event(Event::End { stage: "copy" });
    Ok(outcome)
}

/// `posts.zip` as `posts-2.zip`.
fn numbered(out: &Path, number: usize) -> PathBuf {
    let stem = out.file_stem().unwrap_or_default().to_string_lossy();
    out.with_file_name(format!("{stem}-{number}.zip"))
}

fn write_one(
    archive: &Path,
    posts: &[&Post],
    path: &Path,
    ears: (&dyn Observer, &AtomicBool),
    outcome: &mut Outcome,
) -> Result<()> {
    let temporary = PathBuf::from(format!("{}.part", path.display()));
    let failed = |err: std::io::Error| Error::io("write", &temporary, &err);
    let written = File::create(&temporary).map_err(failed).and_then(|file| {
        let file = fill(archive, posts, (file, &temporary), ears, outcome)?;
        file.sync_all().and_then(|()| fs::rename(&temporary, path)).map_err(failed)
    });
    if written.is_err() {
        // Nothing half-written stays. That it cannot be removed is told by what went wrong.
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Writes the posts and their list into a zip.
fn fill(
    archive: &Path,
    posts: &[&Post],
    (file, path): (File, &Path),
    (observer, stop): (&dyn Observer, &AtomicBool),
    outcome: &mut Outcome,
) -> Result<File> {
    let failed = |err: std::io::Error| Error::io("write", path, &err);
    let mut zip = ZipWriter::new(BufWriter::new(file));
    let mut list = Vec::new();
    for post in posts {
        if stop.load(Ordering::Relaxed) {
            return Err(Error::new(Kind::Interrupted, "stopped; nothing half-written stays"));
        }
        let media = media(archive, post, &mut zip, outcome).map_err(failed)?;
        observer.event(Event::Items(1));
        if !media.is_empty() {
            list.push(entry(post, media));
            outcome.posts += 1;
        }
    }
    let text = mangled(&Value::Array(list).to_string());
    zip.start_file("content/posts_1.json", SimpleFileOptions::default())
        .map_err(std::io::Error::from)
        .and_then(|()| zip.write_all(text.as_bytes()))
        .and_then(|()| zip.finish()?.into_inner().map_err(std::io::IntoInnerError::into_error))
        .map_err(failed)
}

/// Puts the media of a post into the zip, and tells what they are called there.
fn media(
    archive: &Path,
    post: &Post,
    zip: &mut ZipWriter<BufWriter<File>>,
    outcome: &mut Outcome,
) -> std::io::Result<Vec<String>> {
    let day = post.time.and_then(|time| Timestamp::from_second(time).ok());
    let day = day.map_or("undated".to_owned(), |day| day.strftime("%Y%m%d").to_string());
    let mut names = Vec::new();
    for path in &post.media {
        let (bytes, extension) = match taken(&archive.join(FOLDER).join(path), mime_type(path)) {
            Ok(taken) => taken,
            Err(why) => {
                outcome.left_out.push((path.clone(), why));
                continue;
            }
        };
        outcome.converted += u64::from(extension == "jpg" && mime_type(path) != "image/jpeg");
        outcome.media += 1;
        // The same in every run, and no other's: posts are told apart by it there.
        let hash = blake3::hash(path.as_bytes()).to_hex();
        let name = format!("media/posts/{day}_{}.{extension}", &hash[..16]);
        let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        zip.start_file(&name, stored)?;
        zip.write_all(&bytes)?;
        names.push(name);
    }
    Ok(names)
}

/// A file as it may be sent, and its extension.
fn taken(file: &Path, mime_type: &str) -> std::result::Result<(Vec<u8>, &'static str), String> {
    let size = file.metadata().map_err(|err| err.to_string())?.len();
    if size > LIMIT_READ_BYTES || (mime_type == "video/mp4" && size > LIMIT_BYTES) {
        return Err(format!("it has {size} bytes, and {LIMIT_BYTES} are allowed"));
    }
    let read = || fs::read(file).map_err(|err| err.to_string());
    match mime_type {
        "image/jpeg" if size <= LIMIT_BYTES => Ok((read()?, "jpg")),
        "image/png" if size <= LIMIT_BYTES => Ok((read()?, "png")),
        "video/mp4" => Ok((read()?, "mp4")),
        _ if mime_type.starts_with("image/") => Ok((jpeg::of(&read()?, LIMIT_BYTES as usize)?, "jpg")),
        _ => Err("only pictures and MP4 are taken there".to_owned()),
    }
}

/// A post as the list has it. Of one picture the caption stands at the picture, of several at the post.
fn entry(post: &Post, media: Vec<String>) -> Value {
    let time = post.time.unwrap_or(0);
    let words = post.text("caption").unwrap_or(post.body.trim());
    let words: String = words.chars().filter(|letter| *letter == '\n' || !letter.is_control()).collect();
    let caption = if words.trim().is_empty() {
        // An empty one makes its server fail.
        post.time
            .and_then(|time| Timestamp::from_second(time).ok())
            .map_or("…".to_owned(), |time| time.strftime("%Y-%m-%d").to_string())
    } else {
        // `\u00` in the words themselves would be taken for a byte.
        words.replace("\\u00", "\\ u00")
    };
    let is_one = media.len() == 1;
    let of_each = |uri: String| {
        let title = if is_one { caption.as_str() } else { "" };
        json!({"uri": uri, "creation_timestamp": time, "title": title})
    };
    let media: Vec<Value> = media.into_iter().map(of_each).collect();
    match is_one {
        true => json!({"media": media}),
        false => json!({"media": media, "title": caption, "creation_timestamp": time}),
    }
}

/// JSON as Meta writes it: what is not ASCII byte by byte.
fn mangled(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for byte in json.bytes() {
        match byte {
            0..=0x7f => out.push(char::from(byte)),
            byte => out.push_str(&format!("\\u00{byte:02x}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Pixelfed does to the text: each `\u00xx` of small letters becomes that letter, each letter one byte.
    fn as_pixelfed_reads(json: &str) -> Value {
        let mut letters = Vec::new();
        let mut rest = json;
        while let Some(letter) = rest.chars().next() {
            let digits = rest.strip_prefix("\\u00").and_then(|rest| rest.get(..2));
            let is_small = |text: &&str| text.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
            if let Some(digits) = digits.filter(is_small) {
                letters.push(u16::from_str_radix(digits, 16).expect("two digits"));
                rest = &rest[6..];
            } else {
                letters.extend(letter.encode_utf16(&mut [0; 2]).iter());
                rest = &rest[letter.len_utf8()..];
            }
        }
        let bytes: Vec<u8> = letters.into_iter().map(|unit| unit as u8).collect();
        serde_json::from_slice(&bytes).unwrap_or_else(|err| panic!("{err}: {json}"))
    }

    fn post(caption: &str, time: Option<i64>) -> Post {
        let mut front = serde_json::Map::new();
        front.insert("caption".to_owned(), caption.into());
        Post {
            path: "p/1/index.md".to_owned(),
            time,
            front,
            added: String::new(),
            body: String::new(),
            media: Vec::new(),
        }
    }

    #[test]
    fn every_caption_comes_through_what_pixelfed_does_to_it() {
        let captions = [
            "é 😀 “x”",
            "a \"b\" \\ c\nd",
            "日本 👩‍👩‍👧",
            "plain",
            "back\\u00e9slash",
            "tab\there \u{7}",
            "\u{e9}\u{a0}",
        ];
        for caption in captions {
            let list = Value::Array(vec![entry(
                &post(caption, Some(1_552_986_831)),
                vec!["media/posts/1.jpg".into()],
            )]);
            let read = as_pixelfed_reads(&mangled(&list.to_string()));
            let expected = caption.replace(['\t', '\u{7}'], "").replace("\\u00", "\\ u00");
            assert_eq!(read[0]["media"][0]["title"], *expected, "{caption}");
        }
    }

    #[test]
    fn no_caption_is_empty_and_that_of_several_pictures_is_the_posts() {
        let uris = |n: usize| (0..n).map(|n| format!("media/posts/{n}.jpg")).collect::<Vec<_>>();
        let single = entry(&post("", Some(1_552_986_831)), uris(1));
        assert_eq!(single["media"][0]["title"], "2019-03-19");
        assert_eq!(entry(&post(" ", None), uris(1))["media"][0]["title"], "…");
        let several = entry(&post("words", Some(5)), uris(2));
        assert_eq!((&several["title"], &several["creation_timestamp"]), (&"words".into(), &5.into()));
        assert_eq!(
            several["media"][1],
            json!({"uri": "media/posts/1.jpg", "creation_timestamp": 5, "title": ""})
        );
        assert_eq!(numbered(Path::new("/x/posts.zip"), 2), Path::new("/x/posts-2.zip"));
    }
}
