//! Copies of photos for other programs, and the sidecars that other programs read.

use std::path::Path;
use std::process::Command;

use exodus_fixtures::lang::Lang;
use exodus_fixtures::office::jpeg;
use exodus_fixtures::pack::sample_parts;
use serde_json::Value;

use crate::exports;
use crate::house::{Home, number, skip};
use crate::tree;

#[test]
fn copies_get_the_dates_and_places_that_their_files_lack_and_the_archive_stays_as_it_is() {
    let home = Home::new();
    let parts = home.put_parts("export", &sample_parts(Lang::De, 5, 1).0);
    home.import(&parts, &[]).expect(0);
    let before = tree::of_archive(&home.archive());
    let ran = home.run(["export", "photos", "copies", "--write-exif", "--json"]).expect(0).summary();
    assert!(number(&ran["filled_in"]) > 0, "{ran}");
    tree::assert_same(&tree::of_archive(&home.archive()), &before, "the archive");
    let again = home.run(["export", "photos", "copies", "--write-exif", "--json"]).expect(0).summary();
    assert_eq!((&again["copied"], &again["there"]), (&0.into(), &ran["copied"]));
    let exiftool = Command::new("exiftool")
        .args(["-r", "-json", "-n", "-DateTimeOriginal", "-GPSLatitude", "-Error"])
        .arg(home.at("copies"))
        .output();
    let Ok(read) = exiftool else {
        return skip("copies with EXIF", "exiftool is not installed");
    };
    let read: serde_json::Value = serde_json::from_slice(&read.stdout).expect("exiftool writes JSON");
    let read = read.as_array().expect("a list");
    assert!(read.iter().all(|it| it["Error"].is_null()), "{read:?}");
    let dated = read.iter().filter(|it| it["DateTimeOriginal"].is_string()).count() as u64;
    assert!(dated >= number(&ran["filled_in"]), "{dated} {ran}");
}

/// A picture of 64 by 64 points in every form that `--write-exif` knows; `None` where a program that makes one is missing.
pub fn pictures(home: &Home) -> Option<Vec<(&'static str, Vec<u8>)>> {
    const PNG: &str = "import sys, zlib, struct\n\
        rows = b''.join(b'\\0' + bytes((x * 4, y * 4, (x ^ y) * 4)[c] for x in range(64) for c in range(3)) for y in range(64))\n\
        def chunk(t, d): return struct.pack('>I', len(d)) + t + d + struct.pack('>I', zlib.crc32(t + d))\n\
        head = chunk(b'IHDR', struct.pack('>IIBBBBB', 64, 64, 8, 2, 0, 0, 0))\n\
        open(sys.argv[1], 'wb').write(b'\\x89PNG\\r\\n\\x1a\\n' + head + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))";
    let at = |name: &str| home.at(name).display().to_string();
    let runs = |name: &str, args: &[&str]| {
        Command::new(name).args(args).output().is_ok_and(|output| output.status.success())
    };
    let is_made = runs("python3", &["-c", PNG, &at("a.png")])
        && runs("cwebp", &["-quiet", "-lossless", &at("a.png"), "-o", &at("lossless.webp")])
        && runs("cwebp", &["-quiet", &at("a.png"), "-o", &at("lossy.webp")])
        && runs("heif-enc", &["-q", "90", &at("a.png"), "-o", &at("a.heic")]);
    let read = |name: &'static str| (name, std::fs::read(home.at(name)).expect("it was made"));
    is_made.then(|| {
        let mut all: Vec<_> = ["a.png", "lossless.webp", "lossy.webp", "a.heic"].map(read).into();
        all.push(("a.jpg", jpeg()));
        all
    })
}

/// The points of a picture: as they stand in the file, or decoded by a program of its form.
fn points(home: &Home, picture: &Path) -> Vec<u8> {
    let out = home.at("points.png");
    let ending = picture.extension().and_then(|it| it.to_str()).unwrap_or_default();
    let decode = |name: &str, args: &[&Path]| {
        let ran = Command::new(name).args(args).output().expect("what made it comes with what reads it");
        assert!(ran.status.success(), "{picture:?}: {}", String::from_utf8_lossy(&ran.stderr));
        out.as_path()
    };
    let (file, mark): (&Path, &[u8]) = match ending {
        "webp" => (decode("dwebp", &[picture, Path::new("-o"), &out]), b"IDAT"),
        "heic" => (decode("heif-convert", &[picture, &out]), b"IDAT"),
        "png" => (picture, b"IDAT"),
        _ => (picture, b"\xff\xdb\x00"),
    };
    let bytes = std::fs::read(file).expect("it is there");
    let at = bytes.windows(mark.len()).position(|window| window == mark).expect("it has pixels");
    bytes[at..].to_vec()
}

#[test]
fn every_form_of_picture_gets_its_date_and_place_and_keeps_its_pixels() {
    let home = Home::new();
    let Some(pictures) = pictures(&home) else {
        return skip("EXIF in PNG, WebP and HEIC", "cwebp or heif-enc is not installed");
    };
    let mut files = Vec::new();
    for (name, bytes) in &pictures {
        let path = format!("Google Photos/Photos from 2019/{name}");
        let card = format!(
            r#"{{"title": "{name}", "photoTakenTime": {{"timestamp": "1552986831"}},
            "geoData": {{"latitude": 54.32, "longitude": -10.14, "altitude": 3.5}}}}"#
        );
        files.push((format!("{path}.supplemental-metadata.json"), card.into_bytes()));
        files.push((path, bytes.clone()));
    }
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (path.as_str(), &bytes[..])).collect();
    let export = home.put_parts("export", &exports::takeout(&exports::mails(5), &files, exports::NEWER));
    home.import(&export, &[]).expect(0);
    let ran = home.run(["export", "photos", "copies", "--write-exif", "--json"]).expect(0).summary();
    assert_eq!(number(&ran["filled_in"]), pictures.len() as u64, "{ran}");
    for (name, _) in &pictures {
        let copy = home.at("copies/2019/03").join(name);
        let original = home.archive().join("files/photos/2019/03").join(name);
        assert!(points(&home, &copy) == points(&home, &original), "{name} is another picture");
        let exiftool = Command::new("exiftool")
            .args(["-json", "-n", "-DateTimeOriginal", "-GPSLatitude", "-GPSLongitude", "-Error", "-Warning"])
            .arg(&copy)
            .output();
        let Ok(read) = exiftool else { return skip("EXIF read back", "exiftool is not installed") };
        let read: Value = serde_json::from_slice(&read.stdout).expect("exiftool writes JSON");
        assert_eq!(read[0]["DateTimeOriginal"], "2019:03:19 09:13:51", "{read}");
        let degrees = ["GPSLatitude", "GPSLongitude"].map(|name| read[0][name].as_f64().unwrap_or_default());
        assert!((degrees[0] - 54.32).abs() < 1e-5 && (degrees[1] + 10.14).abs() < 1e-5, "{read}");
        assert!(read[0]["Error"].is_null() && read[0]["Warning"].is_null(), "{read}");
    }
}

/// digiKam and darktable read sidecars with Exiv2.
#[test]
fn exiv2_reads_every_sidecar() {
    let home = Home::new();
    home.import(&home.put_parts("export", &sample_parts(Lang::De, 5, 1).0), &[]).expect(0);
    let sidecar = home.archive().join("files/photos/2019/05/IMG_0001.jpg.xmp");
    let Ok(ran) = Command::new("exiv2").args(["-PXkv"]).arg(&sidecar).output() else {
        return skip("sidecars in Exiv2", "exiv2 is not installed");
    };
    let told = String::from_utf8_lossy(&ran.stdout);
    let of = |key: &str| {
        let found = told.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
        found.unwrap_or_else(|| panic!("no {key} in {told}{}", String::from_utf8_lossy(&ran.stderr)))
    };
    assert_eq!(of("Xmp.exif.DateTimeOriginal"), "2019-05-03T14:30:12Z");
    assert_eq!((of("Xmp.exif.GPSLatitude"), of("Xmp.xmp.Rating")), ("54,19.200000N", "5"));
    assert!(of("Xmp.dc.description").contains("Der Hafen, früh am Morgen"), "{told}");
    assert!(of("Xmp.digiKam.TagsList").contains("Albums/Hafenfest: 2019"), "{told}");
    let every = tree::of(&home.archive().join("files/photos"));
    let sidecars = every.keys().filter(|path| path.ends_with(".xmp")).count();
    assert!(sidecars > 10);
    for path in every.keys().filter(|path| path.ends_with(".xmp")) {
        let ran = Command::new("exiv2")
            .args(["-PXkv"])
            .arg(home.archive().join("files/photos").join(path))
            .output();
        let ran = ran.expect("it ran before");
        assert!(
            ran.status.success() && ran.stderr.is_empty(),
            "{path}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
    }
}
