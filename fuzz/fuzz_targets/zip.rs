//! Opens any bytes as a zip and reads a little of every member: paths are clean, and nothing panics.
#![no_main]

use std::io::Read;

use exodus_api::Source;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let part = std::env::temp_dir().join(format!("exodus-fuzz-{}.zip", std::process::id()));
    std::fs::write(&part, bytes).expect("a temporary file can be written");
    let Ok(export) = exodus::source::open(&[part]) else { return };
    for entry in export.entries().iter().take(50) {
        assert!(!entry.path.is_empty() && !entry.path.starts_with('/') && !entry.path.contains("/../"));
        if let Ok(reader) = export.open(entry) {
            let mut content = Vec::new();
            // What cannot be read is told by the reader.
            let _ = reader.take(1 << 20).read_to_end(&mut content);
        }
    }
});
