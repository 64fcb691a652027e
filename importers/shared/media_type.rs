//! What a picture or video is by its first bytes, whatever its name says.
//!
//! Signatures as in the formats' own specifications; the brands of ISO base media files (ISO 14496-12) are those
//! that phones write.

/// So many bytes from the beginning are enough.
pub const HEAD_BYTES: u64 = 32;

/// Extensions that fit a type; the first names the type.
const TYPES: &[&[&str]] = &[
    &["jpg", "jpeg", "jpe", "jfif", "insp"],
    &["png"],
    &["gif"],
    &["webp"],
    &["heic", "heif", "hif", "avci"],
    &["avif"],
    &["bmp"],
    &["jxl"],
    &["psd"],
    // Raw pictures of most cameras are TIFF files.
    &[
        "tif", "tiff", "dng", "nef", "nrw", "cr2", "arw", "sr2", "srf", "pef", "srw", "orf", "rw2", "raw",
        "3fr", "iiq",
    ],
    &["raf"],
    &["cr3"],
    // Of one family: each is found under the other's names.
    &["mp4", "mov", "m4v", "qt", "3gp", "3g2", "3gpp", "mp", "mv", "insv", "mmv"],
    &["avi", "divx"],
    &["mkv", "webm"],
    &["mpg", "mpeg", "mpe", "mod", "tod", "vob"],
    &["wmv", "asf"],
    &["flv"],
];

/// The type of a file by its first bytes: the extension that such files have.
pub fn by_head(head: &[u8]) -> Option<&'static str> {
    let at = |from: usize, bytes: &[u8]| head.get(from..from + bytes.len()) == Some(bytes);
    let found = match () {
        () if at(0, b"\xff\xd8\xff") => "jpg",
        () if at(0, b"\x89PNG\r\n\x1a\n") => "png",
        () if at(0, b"GIF87a") || at(0, b"GIF89a") => "gif",
        () if at(0, b"RIFF") && at(8, b"WEBP") => "webp",
        () if at(0, b"RIFF") && at(8, b"AVI ") => "avi",
        () if at(4, b"ftyp") => return by_brand(head.get(8..12)?),
        () if at(4, b"moov") || at(4, b"mdat") || at(4, b"wide") => "mp4",
        () if at(0, b"\xff\x0a") || at(4, b"JXL \r\n\x87\n") => "jxl",
        () if at(0, b"8BPS") => "psd",
        () if at(0, b"FUJIFILMCCD-RAW") => "raf",
        () if at(0, b"II*\0") || at(0, b"MM\0*") || at(0, b"IIRO") || at(0, b"IIU\0") => "tif",
        () if at(0, b"\x1a\x45\xdf\xa3") => "mkv",
        () if at(0, b"\0\0\x01\xba") || at(0, b"\0\0\x01\xb3") => "mpg",
        () if at(0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11") => "wmv",
        () if at(0, b"FLV\x01") => "flv",
        () if at(0, b"BM") && at(6, b"\0\0\0\0") => "bmp",
        () => return None,
    };
    Some(found)
}

fn by_brand(brand: &[u8]) -> Option<&'static str> {
    Some(match brand {
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => "heic",
        b"avif" | b"avis" => "avif",
        b"crx " => "cr3",
        _ => "mp4",
    })
}

/// The type of a file whose extension is that of another type. `None` if they agree, or either is unknown.
pub fn lies(extension: &str, head: &[u8]) -> Option<&'static str> {
    let family_of = |name: &str| TYPES.iter().find(|family| family.contains(&name));
    let found = by_head(head)?;
    let said = family_of(extension.trim_start_matches('.').to_ascii_lowercase().split('~').next()?)?;
    (!said.contains(&found)).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_that_lies_is_found() {
        let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
        let jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF";
        for (extension, head, wanted) in [
            (".jpg", &heic[..], Some("heic")),
            (".HEIC", heic, None),
            (".HEIC", jpeg, Some("jpg")),
            (".jpeg", jpeg, None),
            (".png", jpeg, Some("jpg")),
            (".MP", b"\0\0\0\x18ftypisom", None),
            (".MOV", b"\0\0\0\x18ftypmp42", None),
            (".dng", b"II*\0\x08\0\0\0", None),
            (".xyz", jpeg, None),
            (".jpg", b"", None),
            (".jpg", b"not a picture at all", None),
        ] {
            assert_eq!(lies(extension, head), wanted, "{extension} {head:?}");
        }
    }
}
