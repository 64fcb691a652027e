//! What the exports of Instagram and Facebook have in common: both are made by the same machinery of Meta.
//!
//! [`mojibake`] makes mangled text whole. [`tree`] finds files by the ends of their paths, whatever folder was wrapped around
//! them, and the media that records refer to. [`shape`] tells what a JSON file is by its wrapper key.
//! [`pages`] reads HTML record by record, [`record`] what stands in one. [`facts`] takes rows out of the generic records of both
//! forms, [`threads`] reads conversations, [`said`] one message.

pub mod facts;
pub mod mojibake;
pub mod pages;
pub mod record;
pub mod said;
pub mod shape;
pub mod threads;
pub mod tree;
