//! Reads any bytes as the value of `X-Gmail-Labels`: no label is empty.
#![no_main]

use exodus_importers::google::labels;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for label in labels::parse(bytes) {
        assert!(!label.is_empty());
    }
});
