//! Splits any bytes as an mbox: messages lie in it, in their order, and do not overlap.
#![no_main]

use exodus_importers::shared::mbox::Splitter;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut splitter = Splitter::new(bytes);
    let mut end = 0;
    while let Ok(Some(message)) = splitter.next_message() {
        assert!(message.offset >= end, "messages do not overlap");
        end = message.offset + message.bytes.len() as u64;
        assert!(end <= bytes.len() as u64, "a message lies in its mbox");
    }
});
