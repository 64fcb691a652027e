//! exodus

pub mod source;
