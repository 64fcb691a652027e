//! The importers: one folder a platform, each a pure reader of exports.
//!
//! They see [`exodus_api`], [`shared`] and parsers; no file system, network, clock or database
//! (`clippy.toml` forbids it), and never each other. How to add one: `README.md` beside this file.

use exodus_api::Importer;

pub mod academia;
#[cfg(test)]
mod contract;
pub mod facebook;
pub mod google;
pub mod instagram;
pub mod mbox;
pub mod shared;

/// The registry, in the order in which importers are asked whether an export is theirs.
pub static ALL: &[&dyn Importer] = &[
    &google::IMPORTER, //
    &instagram::IMPORTER,
    &facebook::IMPORTER,
    &academia::IMPORTER,
    &mbox::IMPORTER,
];
