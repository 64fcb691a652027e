//! The XMP sidecar of a photo: what the index knows of it, for the programs that show photos.
//!
//! `<photo>.xmp` beside the photo, as darktable, digiKam, Immich and PhotoPrism look for it. It is a function of the
//! index: written with its item, never read. XMP is ISO 16684-1; the properties are those of the XMP specification
//! part 2 (`dc`, `xmp`, `photoshop`, `exif`), of IPTC (`PersonInImage`), and the ones in which digiKam and Lightroom
//! keep tags with a hierarchy (`digiKam:TagsList`, `lr:hierarchicalSubject`).

use exodus_api::{Label, Role};
use serde_json::{Map, Value};

/// What follows the name of a photo.
pub const EXTENSION: &str = ".xmp";
/// What a favourite is rated.
const FAVOURITE: u8 = 5;

/// What is told of a photo.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// When it was taken, in seconds since 1970-01-01.
    pub time: Option<i64>,
    /// Its name.
    pub title: Option<&'a str>,
    /// Its facts, under the names of `docs/archive-format.md`.
    pub extra: &'a Map<String, Value>,
    /// Its labels; those that are albums count.
    pub labels: &'a [Label],
}

/// The sidecar of a photo.
pub fn of(told: Told) -> String {
    let mut out = String::from(
        "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n \
        <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n  <rdf:Description rdf:about=\"\"\n    \
        xmlns:dc=\"http://purl.org/dc/elements/1.1/\"\n    xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\"\n    \
        xmlns:photoshop=\"http://ns.adobe.com/photoshop/1.0/\"\n    xmlns:exif=\"http://ns.adobe.com/exif/1.0/\"\n    \
        xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\"\n    \
        xmlns:digiKam=\"http://www.digikam.org/ns/1.0/\"\n    xmlns:lr=\"http://ns.adobe.com/lightroom/1.0/\"\n    \
        xmlns:fstop=\"http://www.fstopapp.com/xmp/\">\n",
    );
    if let Some(date) = date(told) {
        for name in ["exif:DateTimeOriginal", "xmp:CreateDate", "photoshop:DateCreated"] {
            property(&mut out, name, &date);
        }
    }
    place(&mut out, told.extra);
    if told.extra.get("favourite") == Some(&Value::Bool(true)) {
        property(&mut out, "xmp:Rating", &FAVOURITE.to_string());
        property(&mut out, "fstop:favorite", "1");
    }
    text(&mut out, "dc:title", told.title);
    text(&mut out, "dc:description", told.extra.get("description").and_then(Value::as_str));
    tags(&mut out, told);
    out.push_str("  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"w\"?>\n");
    out
}

/// The date as XMP has it: with `Z` where the instant is known, without a zone where only a clock on a wall is. A year
/// alone is no date.
fn date(told: Told) -> Option<String> {
    let from = told.extra.get("date_from").and_then(Value::as_str)?;
    let time = jiff::Timestamp::from_second(told.time?).ok()?;
    match from {
        "sidecar" => Some(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        "exif" | "name" => Some(time.strftime("%Y-%m-%dT%H:%M:%S").to_string()),
        _ => None,
    }
}

fn place(out: &mut String, extra: &Map<String, Value>) {
    let number = |name: &str| extra.get(name).and_then(Value::as_f64);
    let (Some(latitude), Some(longitude)) = (number("latitude"), number("longitude")) else { return };
    property(out, "exif:GPSLatitude", &degrees(latitude, ['N', 'S']));
    property(out, "exif:GPSLongitude", &degrees(longitude, ['E', 'W']));
    if let Some(altitude) = number("altitude").filter(|altitude| *altitude != 0.0 && altitude.abs() < 1e6) {
        property(out, "exif:GPSAltitude", &format!("{}/100", (altitude.abs() * 100.0).round() as u64));
        property(out, "exif:GPSAltitudeRef", if altitude < 0.0 { "1" } else { "0" });
    }
}

/// `54,19.200000N`: degrees, minutes with six places (some two millimetres), and which half of the globe.
fn degrees(angle: f64, [plus, minus]: [char; 2]) -> String {
    let millionths = (angle.abs() * 60e6).round() as u64;
    let (whole, minutes) = (millionths / 60_000_000, millionths % 60_000_000);
    let half = if angle < 0.0 { minus } else { plus };
    format!("{whole},{}.{:06}{half}", minutes / 1_000_000, minutes % 1_000_000)
}

/// People and albums, as keywords, with a hierarchy for those who know one.
fn tags(out: &mut String, told: Told) {
    let people = told.extra.get("people").and_then(Value::as_array).into_iter().flatten();
    let people: Vec<&str> = people.filter_map(Value::as_str).collect();
    let albums = told.labels.iter().filter(|label| label.role == Some(Role::Album));
    let mut albums: Vec<&str> = albums.map(|label| &*label.name).collect();
    // In the index they stand in the order in which they were found.
    albums.sort_unstable();
    let of = |root: &str, between: &str| -> Vec<String> {
        let name = |kind: &str, name: &str| format!("{kind}{between}{}", name.replace(between, "_"));
        let people = people.iter().map(|person| name("People", person));
        let albums = albums.iter().map(|album| name("Albums", album));
        let all = people.chain(albums);
        all.map(|tag| format!("{root}{tag}")).collect()
    };
    list(
        out,
        "dc:subject",
        "Bag",
        &people.iter().chain(&albums).map(|it| (*it).to_owned()).collect::<Vec<_>>(),
    );
    list(
        out,
        "Iptc4xmpExt:PersonInImage",
        "Bag",
        &people.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>(),
    );
    list(out, "digiKam:TagsList", "Seq", &of("", "/"));
    list(out, "lr:hierarchicalSubject", "Bag", &of("", "|"));
}

fn property(out: &mut String, name: &str, value: &str) {
    out.push_str(&format!("   <{name}>{}</{name}>\n", escaped(value)));
}

/// A text in the language that programs show by default.
fn text(out: &mut String, name: &str, value: Option<&str>) {
    let Some(value) = value.filter(|value| !value.is_empty()) else { return };
    let value = escaped(value);
    out.push_str(&format!(
        "   <{name}><rdf:Alt><rdf:li xml:lang=\"x-default\">{value}</rdf:li></rdf:Alt></{name}>\n"
    ));
}

fn list(out: &mut String, name: &str, kind: &str, values: &[String]) {
    if values.is_empty() {
        return;
    }
    let items: String = values.iter().map(|value| format!("<rdf:li>{}</rdf:li>", escaped(value))).collect();
    out.push_str(&format!("   <{name}><rdf:{kind}>{items}</rdf:{kind}></{name}>\n"));
}

/// Text in XML 1.0; what it cannot hold at all goes.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            '\n' | '\t' => out.push(letter),
            letter if letter < ' ' || matches!(letter, '\u{fffe}' | '\u{ffff}') => {}
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn sidecar(time: Option<i64>, extra: &Value, albums: &[&str]) -> String {
        let extra = extra.as_object().cloned().unwrap_or_default();
        let label = |name: &&str| Label { name: (*name).to_owned(), role: Some(Role::Album) };
        let labels: Vec<Label> = albums.iter().map(label).collect();
        of(Told { time, title: Some("IMG_1.jpg"), extra: &extra, labels: &labels })
    }

    #[test]
    fn a_sidecar_tells_date_place_words_people_and_albums() {
        let extra = json!({
            "date_from": "sidecar", "latitude": 54.32, "longitude": -10.14, "altitude": 3.5, "favourite": true,
            "description": "früh & <still>", "people": ["Ben Example"]
        });
        let xmp = sidecar(Some(1_556_893_812), &extra, &["Boote", "A/B|C"]);
        for wanted in [
            "<exif:DateTimeOriginal>2019-05-03T14:30:12Z</",
            "<exif:GPSLatitude>54,19.200000N</",
            "<exif:GPSLongitude>10,8.400000W</",
            "<exif:GPSAltitude>350/100</",
            "<xmp:Rating>5</",
            ">früh &amp; &lt;still&gt;</",
            "<Iptc4xmpExt:PersonInImage><rdf:Bag><rdf:li>Ben Example</rdf:li></",
            "<digiKam:TagsList><rdf:Seq><rdf:li>People/Ben Example</rdf:li><rdf:li>Albums/A_B|C</rdf:li>",
            "<rdf:li>Albums|A/B_C</rdf:li><rdf:li>Albums|Boote</rdf:li>",
        ] {
            assert!(xmp.contains(wanted), "{wanted} in {xmp}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_told() {
        let xmp = sidecar(Some(0), &json!({"date_from": "year folder", "favourite": false}), &[]);
        for unwanted in ["Date", "GPS", "Rating", "subject"] {
            assert!(!xmp.contains(&format!("{unwanted}>")), "{unwanted} in {xmp}");
        }
        let xmp = sidecar(Some(1_556_893_812), &json!({"date_from": "exif"}), &[]);
        assert!(xmp.contains(">2019-05-03T14:30:12</"), "{xmp}");
    }

    #[test]
    fn places_are_rounded_without_sixty_minutes() {
        assert_eq!(degrees(9.999_999_999_99, ['N', 'S']), "10,0.000000N");
        assert_eq!(degrees(-0.5, ['N', 'S']), "0,30.000000S");
    }
}
