//! Copies of what is in the archive, outside of it, for other programs. The archive itself is never changed.

pub mod exif;
pub mod jpeg;
pub mod photos;
pub mod posts;
