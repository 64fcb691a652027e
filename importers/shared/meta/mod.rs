//! What the exports of Instagram and Facebook have in common: both are made by the same machinery of Meta.
//!
//! [`mojibake`] makes mangled text whole. [`tree`] finds files by the ends of their paths, whatever folder was wrapped around
//! them, and the media that records refer to. [`shape`] tells what a JSON file is by its wrapper key.
//! [`pages`] reads HTML record by record. [`facts`] takes rows out of the generic records of both
//! forms, [`threads`] reads conversations.

pub mod facts;
pub mod mojibake;
pub mod pages;
pub mod shape;
pub mod threads;
pub mod tree;
