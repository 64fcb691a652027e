//! Which files are photos and videos, by their extensions.

use super::super::naming::split_extension;

const IMAGES: [&str; 34] = [
    "jpg", "jpeg", "jpe", "jfif", "heic", "heif", "hif", "avif", "png", "gif", "webp", "bmp", "tif", "tiff",
    "jxl", "svg", "ico", "psd", "dng", "cr2", "cr3", "crw", "nef", "nrw", "arw", "sr2", "srf", "orf", "raf",
    "rw2", "pef", "srw", "raw", "x3f",
];
const VIDEOS: [&str; 26] = [
    "mp4", "mov", "m4v", "avi", "mkv", "webm", "3gp", "3g2", "3gpp", "mpg", "mpeg", "mpe", "mts", "m2ts",
    "m2t", "wmv", "asf", "flv", "divx", "mmv", "tod", "mod", "ts", "qt", "insv", "insp",
];
/// Videos of motion photos: `x.MP`, `x.MV`, and `x.MP~2` of a second one.
const MOTIONS: [&str; 2] = ["mp", "mv"];

fn extension(name: &str) -> String {
    split_extension(name).1.trim_start_matches('.').to_ascii_lowercase()
}

/// True for the name of a picture.
pub fn is_image(name: &str) -> bool {
    IMAGES.contains(&&*extension(name))
}

/// True for the name of a picture or a video.
pub fn is_photo(name: &str) -> bool {
    let extension = extension(name);
    IMAGES.contains(&&*extension) || VIDEOS.contains(&&*extension) || is_motion(&extension)
}

/// True for a name that the video of a live or motion photo may have.
pub fn may_be_moving(name: &str) -> bool {
    let extension = extension(name);
    extension.is_empty() || is_motion(&extension) || ["mp4", "mov", "m4v", "3gp"].contains(&&*extension)
}

fn is_motion(extension: &str) -> bool {
    MOTIONS.contains(&extension.split('~').next().unwrap_or_default())
}
