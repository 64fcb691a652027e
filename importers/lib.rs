//! The importers: one folder a platform, each a pure reader of exports.
//!
//! They see [`exodus_api`], [`shared`] and parsers; no file system, network, clock or database
//! (`clippy.toml` forbids it), and never each other. How to add one: `README.md` beside this file.

pub mod google;
pub mod shared;
