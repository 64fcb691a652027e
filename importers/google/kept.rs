//! Files of products that are understood, which stay as they are on purpose: nothing of them is worth an item.
//!
//! Each is told to the engine, so that what `inspect` calls new and unknown really is. `README.md` names them too.

use exodus_api::{Entry, ImportError, Product, Sink, Source};

use super::head;

/// How a file that is kept is known.
enum Shape {
    /// By the ending of its name, wherever in the product it lies.
    Ends(&'static [&'static str]),
    /// The same, directly in the product's folder.
    AtTop(&'static [&'static str]),
    /// By a name that was seen to be English in other languages too.
    Named(&'static [&'static str]),
    /// JSON that has one of these names near its beginning.
    Says(&'static [&'static str]),
}

use Shape::{AtTop, Ends, Named, Says};

/// Pictures and sounds beside what they belong to.
const MEDIA: Shape = Ends(&[
    "jpg", "jpeg", "png", "gif", "webp", "heic", "mp3", "amr", "wav", "ogg", "m4a", "mp4", "mov", "3gp",
]);

const KEPT: &[(&str, &[Shape])] = &[
    ("contacts", &[Ends(&["csv", "html"])]),
    ("tasks", &[Named(&["Collaborations.json"])]),
    ("keep", &[AtTop(&["txt"])]),
    ("chat", &[Named(&["user_info.json"])]),
    ("voice", &[AtTop(&["html", "vcf"]), MEDIA]),
    (
        "photos",
        &[AtTop(&["json"]), Named(&["shared_album_comments.json", "user-generated-memory-titles.json"])],
    ),
    ("my-activity", &[MEDIA]),
    ("youtube", &[Ends(&["csv"]), MEDIA]),
    (
        "chrome",
        &[
            Ends(&["csv"]),
            Says(&[
                "Autofill",
                "Autofill Profile",
                "Extensions",
                "Extension Settings",
                "Search Engines",
                "Preferences",
                "Priority Preferences",
                "OS Preferences",
                "Device Info",
                "App Settings",
                "Themes",
            ]),
        ],
    ),
    ("maps", &[MEDIA, Says(&["trips", "questions", "photoTakenTime", "commuteSettings"])]),
    (
        "location",
        &[Ends(&["csv"]), Says(&["deviceSettings", "historyEnabled", "createdTime", "timelineEdits"])],
    ),
    ("groups", &[Ends(&["csv"])]),
    (
        "blogger",
        &[
            Ends(&["csv", "html"]),
            Named(&["theme-layouts.xml", "theme-classic.xml"]),
            Says(&["creationTime"]),
        ],
    ),
    ("fit", &[Ends(&["csv"]), Says(&["Data Source"])]),
    ("fitbit", &[Ends(&["csv", "txt"]), Says(&["dateTime"])]),
    (
        "play",
        &[Named(&[
            "Devices.json",
            "Promotion History.json",
            "Redemption History.json",
            "Play Settings.json",
        ])],
    ),
    ("bond", &[Ends(&["csv"])]),
    ("google-account", &[Ends(&["html"])]),
];

/// So much of a JSON file is looked at.
const HEAD_BYTES: u64 = 4 << 10;

/// Tells the engine of the files of a product that are kept on purpose. What was claimed before stays claimed.
///
/// # Errors
/// When the run has to end.
pub fn tell(source: &dyn Source, product: &Product, sink: &mut dyn Sink) -> Result<(), ImportError> {
    let Some((_, shapes)) = KEPT.iter().find(|(name, _)| *name == product.name) else { return Ok(()) };
    let root = format!("{}/", product.folder);
    for entry in source.under(&root) {
        if shapes.iter().any(|shape| shape.fits(source, entry, &root)) {
            sink.keep(entry)?;
        }
    }
    Ok(())
}

impl Shape {
    fn fits(&self, source: &dyn Source, entry: &Entry, root: &str) -> bool {
        let ends = |endings: &[&str]| {
            let ending = entry.name().rsplit_once('.').map_or("", |(_, ending)| ending);
            endings.iter().any(|known| known.eq_ignore_ascii_case(ending))
        };
        match self {
            Ends(endings) => ends(endings),
            AtTop(endings) => !entry.path[root.len()..].contains('/') && ends(endings),
            Named(names) => names.contains(&entry.name()),
            Says(names) => {
                let beginning = if ends(&["json"]) { head(source, entry, HEAD_BYTES) } else { Vec::new() };
                let stands = |name: &&str| {
                    memchr::memmem::find(&beginning, format!("\"{name}\"").as_bytes()).is_some()
                };
                names.iter().any(stands)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::KEPT;

    #[test]
    fn the_papers_name_every_product_of_which_something_is_only_kept() {
        let papers = include_str!("README.md");
        for (name, _) in KEPT {
            let title = name.replace('-', " ");
            let mut rows = papers.lines().filter(|line| line.starts_with("| ") && line.contains(": kept |"));
            assert!(rows.any(|row| row.to_lowercase().contains(&title)), "{name}");
        }
    }
}
