//! Reads any bytes as text, JSON and pages of Meta's: what it mangles comes back, and records lie in their page.
#![no_main]

use exodus_importers::shared::meta::mojibake::{self, Vote};
use exodus_importers::shared::meta::pages::Page;
use exodus_importers::shared::meta::record;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        assert_eq!(mojibake::repaired(&mojibake::mangled(text)), text);
    }
    let _ = Vote::of_json(bytes);
    let mut page = Page::new(bytes);
    let mut end = 0;
    while let Ok(Some(found)) = page.next_record() {
        assert!(found.offset >= end, "records do not overlap");
        end = found.offset;
        record::read(&found.html.unwrap_or_default());
    }
});
