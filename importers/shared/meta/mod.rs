//! What the exports of Instagram and Facebook have in common: both are made by the same machinery of Meta.
//!
//! [`mojibake`] makes mangled text whole. [`tree`] finds files by the ends of their paths, whatever folder was wrapped around
//! them, and the media that records refer to. [`shape`] tells what a JSON file is by its wrapper key.
//! [`pages`] reads HTML record by record, [`record`] what stands in one. [`facts`] takes rows out of the generic records of both
//! forms, [`records`] hands them out, [`threads`] reads conversations, [`said`] one message. [`post`]s with their [`media`] are sent
//! by [`send`] as [`markdown`], [`side_by_side`] with the messages. [`named`] tells whose export it is, [`coverage`] of which time.

pub mod coverage;
pub mod facts;
pub mod markdown;
pub mod media;
pub mod mojibake;
pub mod named;
pub mod pages;
pub mod post;
pub mod record;
pub mod records;
pub mod said;
pub mod send;
pub mod shape;
pub mod side_by_side;
pub mod threads;
pub mod tree;
