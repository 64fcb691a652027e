//! Random input, the same each time: the entry points of `fuzz/`, run for a moment. Whatever comes, nothing panics.

use std::io::Read;

use exodus_api::Source;
use exodus_fixtures::hostile;
use exodus_fixtures::instagram;
use exodus_fixtures::labels::{Fold, Labels};
use exodus_fixtures::lang::{Lang, System};
use exodus_fixtures::mbox::{self, Style};
use exodus_fixtures::rng::Rng;
use exodus_importers::google::labels;
use exodus_importers::shared::mbox::Splitter;
use exodus_importers::shared::meta::mojibake::{self, Vote};
use exodus_importers::shared::meta::pages::Page;
use exodus_importers::shared::meta::record;

use crate::house::Home;

/// A seed changed at a few places: bits flipped, stretches cut out, doubled or taken from elsewhere.
fn mutated(seed: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..rng.range(1, 6) {
        let at = rng.below(bytes.len() as u64) as usize;
        let end = (at + rng.range(1, 40) as usize).min(bytes.len());
        match rng.below(5) {
            0 => bytes[at..end].iter_mut().for_each(|byte| *byte = rng.next_u64() as u8),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = bytes[at..end].to_vec();
                let to = rng.below(bytes.len() as u64) as usize;
                bytes.splice(to..to, piece);
            }
            3 => bytes.truncate(at),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << rng.below(8);
                }
            }
        }
        if bytes.is_empty() {
            bytes.push(b'F');
        }
    }
    bytes
}

/// All messages of an mbox; asserts what every splitting must hold.
fn split(bytes: &[u8]) -> usize {
    let mut splitter = Splitter::new(bytes);
    let (mut n, mut end) = (0, 0);
    while let Ok(Some(message)) = splitter.next_message() {
        assert!(message.offset >= end, "messages do not overlap");
        end = message.offset + message.bytes.len() as u64;
        assert!(end <= bytes.len() as u64, "a message lies in its mbox");
        n += 1;
    }
    n
}

#[test]
fn any_mbox_is_split_without_a_panic() {
    let mails = crate::exports::mails(40);
    let small: Vec<_> = mails.into_iter().filter(|mail| mail.bytes.len() < 4000).take(12).collect();
    let seed = mbox::write(&small, &Style::gmail(Lang::De));
    assert_eq!(split(&seed), small.len());
    let mut rng = Rng::new(21);
    for _ in 0..3000 {
        split(&mutated(&seed, &mut rng));
    }
}

#[test]
fn any_text_and_page_of_metas_is_read_without_a_panic() {
    let files = instagram::files(instagram::Spec::html(instagram::Generation::Media, Lang::Es));
    let seeds = files.iter().filter(|(path, _)| path.ends_with(".html"));
    let mut rng = Rng::new(23);
    let mut n_records = 0;
    for (_, seed) in seeds {
        for n in 0..200 {
            let bytes = if n == 0 { seed.clone() } else { mutated(seed, &mut rng) };
            let text = String::from_utf8_lossy(&bytes);
            assert_eq!(mojibake::repaired(&mojibake::mangled(&text)), text);
            let _ = Vote::of_json(&*bytes);
            let (mut page, mut end) = (Page::new(&*bytes), 0);
            while let Ok(Some(found)) = page.next_record() {
                assert!(found.offset >= end, "records do not overlap");
                end = found.offset;
                record::read(&found.html.unwrap_or_default());
                n_records += 1;
            }
        }
    }
    assert!(n_records > 1000, "only {n_records}");
}

#[test]
fn any_label_list_is_read_without_a_panic() {
    let list = Labels::system(&[System::Inbox, System::Updates]).with("Haus, \"Garten\"").with("旅行/港");
    let header = list.header(Lang::De, Fold::Anywhere(3));
    let seed = header.trim_start_matches("X-Gmail-Labels: ").as_bytes();
    let mut rng = Rng::new(22);
    for _ in 0..20_000 {
        for label in labels::parse(&mutated(seed, &mut rng)) {
            assert!(!label.is_empty());
        }
    }
}

/// Opens a part and reads a little of everything in it.
fn read_all(home: &Home, name: &str, bytes: &[u8]) {
    let part = home.put(name, bytes);
    let Ok(export) = exodus::source::open(&[part]) else { return };
    for entry in export.entries().iter().take(50) {
        assert!(!entry.path.is_empty() && !entry.path.starts_with('/') && !entry.path.contains("/../"));
        if let Ok(reader) = export.open(entry) {
            let mut content = Vec::new();
            // What cannot be read is told by the reader.
            let _ = reader.take(1 << 20).read_to_end(&mut content);
        }
    }
}

#[test]
fn any_zip_and_any_tgz_is_listed_and_read_without_a_panic() {
    let home = Home::new();
    let mut rng = Rng::new(23);
    let seeds: Vec<_> =
        hostile::cases().into_iter().filter(|it| (20..20_000).contains(&it.bytes.len())).collect();
    for _ in 0..2500 {
        let seed = rng.pick(&seeds);
        read_all(&home, &seed.file_name, &mutated(&seed.bytes, &mut rng));
    }
}
