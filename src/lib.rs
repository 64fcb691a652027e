//! exodus
pub mod archive;
pub mod import;
pub mod report;
pub mod source;
