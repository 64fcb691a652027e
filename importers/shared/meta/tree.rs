//! The files of an export by the ends of their paths.
//!
//! Meta has moved its folders several times, and people put a folder around what they unpack; so a file is known by the
//! end of its path. Compared are paths in lower case, with `/` for every `\`, without the ` (1)` of a second download.

use std::collections::{HashMap, HashSet};

use exodus_api::{Entry, Product, Source};

use crate::shared::names;

/// The files of an export, without the by-products of operating systems.
pub struct Tree<'a> {
    /// In the order in which they are cheapest to read.
    files: Vec<File<'a>>,
    by_name: HashMap<String, Vec<usize>>,
}

/// A file.
#[derive(Clone, Debug)]
pub struct File<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// Its path as paths are compared.
    pub path: String,
}

impl File<'_> {
    /// The last name of the path.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// The name without its extension and without the number of a file that was cut into several: `posts` of
    /// `posts_1.json`.
    pub fn stem(&self) -> &str {
        let name = self.name();
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        match stem.rsplit_once('_') {
            Some((stem, number)) if is_number(number) => stem,
            _ => stem,
        }
    }

    /// The number of a file that was cut into several: 3 of `message_3.json`; 0 if it has none.
    pub fn number(&self) -> u64 {
        let name = self.name();
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let number = stem.rsplit_once('_').map_or("", |(_, number)| number);
        number.parse().unwrap_or(0)
    }

    /// The extension in lower case; empty if there is none.
    pub fn extension(&self) -> &str {
        self.name().rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// The folders of the path, the innermost first.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        self.path.rsplit('/').skip(1)
    }

    /// What is the same of a file's JSON and its page: its folder and its name.
    fn place(&self) -> String {
        format!("{}/{}", self.folders().next().unwrap_or_default(), self.stem())
    }

    /// True if the innermost folder is called so.
    pub fn is_in(&self, folder: &str) -> bool {
        self.folders().next() == Some(folder)
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() < 6 && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl<'a> Tree<'a> {
    /// The files of an export.
    pub fn of(source: &'a dyn Source) -> Tree<'a> {
        let entries = source.entries().iter();
        let is_file = |entry: &&Entry| !names::is_system_junk(&entry.path.replace('\\', "/"));
        let mut files: Vec<File> =
            entries.filter(is_file).map(|entry| File { entry, path: compared(&entry.path) }).collect();
        files.sort_by_key(|file| (file.entry.part, file.entry.order, file.entry.id));
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        for (number, file) in files.iter().enumerate() {
            by_name.entry(file.name().to_owned()).or_default().push(number);
        }
        Tree { files, by_name }
    }

    /// All files, in the order in which they are cheapest to read.
    pub fn files(&self) -> &[File<'a>] {
        &self.files
    }

    /// True if only one file has this name, as names are compared.
    pub fn is_unique(&self, name: &str) -> bool {
        self.by_name.get(&compared(name)).is_some_and(|files| files.len() == 1)
    }

    /// The files of which `of` can tell what they are, without those of conversations. A page is left out where the same
    /// comes as JSON.
    pub fn told<T>(&self, of: impl Fn(&File<'a>) -> Option<T>) -> Vec<(&File<'a>, T)> {
        let files = self.files.iter().filter(|file| matches!(file.extension(), "json" | "html" | "htm"));
        let files = files.filter(|file| !(file.stem() == "message" && file.path.contains("messages/")));
        let mut told: Vec<(&File, T)> = files.filter_map(|file| Some((file, of(file)?))).collect();
        let is_json = |file: &File| file.extension() == "json";
        let of_json: HashSet<String> =
            told.iter().filter(|(file, _)| is_json(file)).map(|(file, _)| file.place()).collect();
        told.retain(|(file, _)| is_json(file) || !of_json.contains(&file.place()));
        told
    }

    /// The file that a record refers to: the one whose path has the longest end in common with the reference, which must
    /// be the name and a folder at least. Of several the first by its path counts; `None` if there is none.
    pub fn referred(&self, uri: &str) -> Option<&'a Entry> {
        let wanted = reference(uri)?;
        let name = wanted.rsplit('/').next()?;
        let in_common = |path: &str| {
            let names = path.rsplit('/').zip(wanted.rsplit('/'));
            names.take_while(|(one, other)| one == other).count()
        };
        let n_wanted = wanted.split('/').count().min(2);
        let found = self.by_name.get(name)?.iter().map(|number| &self.files[*number]);
        let fits = found.map(|file| (in_common(&file.path), file)).filter(|(n, _)| *n >= n_wanted);
        fits.max_by(|(one, file), (other, next)| {
            one.cmp(other).then_with(|| next.entry.path.cmp(&file.entry.path))
        })
        .map(|(_, file)| file.entry)
    }
}

/// The folders of an export and what is in them by `product_of`, for what is only kept.
pub fn products(source: &dyn Source, product_of: fn(&str) -> Option<&'static str>) -> Vec<Product> {
    let mut products: Vec<Product> = Vec::new();
    let mut seen = HashSet::new();
    for entry in source.entries() {
        let mut at = 0;
        for name in entry.folder().split('/') {
            at += name.len();
            let folder = &entry.path[..at];
            at += 1;
            let Some(product) = product_of(&names::folded(name)) else { continue };
            if seen.insert(folder.to_owned()) {
                products.push(Product {
                    name: product.to_owned(),
                    folder: folder.to_owned(),
                    is_understood: true,
                });
            }
            break;
        }
    }
    products
}

/// A path as paths are compared.
pub fn compared(path: &str) -> String {
    let path = path.replace('\\', "/");
    let path = names::folded(&path);
    let (folder, name) = path.rsplit_once('/').map_or(("", path.as_str()), |(folder, name)| (folder, name));
    let (stem, extension) = name.rsplit_once('.').map_or((name, ""), |(stem, extension)| (stem, extension));
    let copy = stem.strip_suffix(')').and_then(|rest| rest.rsplit_once(" ("));
    let stem =
        copy.filter(|(stem, number)| is_number(number) && !stem.is_empty()).map_or(stem, |(stem, _)| stem);
    let dot = if extension.is_empty() { "" } else { "." };
    let slash = if folder.is_empty() { "" } else { "/" };
    format!("{folder}{slash}{stem}{dot}{extension}")
}

/// The path that a reference to a file of the export leads to, as paths are compared; `None` if it leads elsewhere.
pub fn reference(uri: &str) -> Option<String> {
    let uri = uri.trim();
    let path = uri.split(['?', '#']).next().unwrap_or(uri).replace('\\', "/");
    let is_elsewhere = path.contains("://") || path.starts_with("data:") || path.starts_with("mailto:");
    let names = path.split('/').filter(|name| !matches!(*name, "" | "." | ".."));
    let path = names.collect::<Vec<_>>().join("/");
    (!is_elsewhere && !path.is_empty()).then(|| compared(&path))
}

#[cfg(test)]
mod tests {
    use exodus_api::{At, SourceError};

    use super::*;

    struct Listing(Vec<Entry>);

    impl Source for Listing {
        fn entries(&self) -> &[Entry] {
            &self.0
        }
        fn open(&self, _: &Entry) -> Result<Box<dyn std::io::Read + Send + '_>, SourceError> {
            Ok(Box::new(std::io::empty()))
        }
        fn part_name(&self, _: u32) -> &str {
            "export.zip"
        }
        fn opens_anywhere(&self, _: &Entry) -> bool {
            true
        }
    }

    fn listing(paths: &[&str]) -> Listing {
        let entry = |(id, path): (u32, &&str)| Entry {
            id,
            part: 0,
            path: (*path).to_owned(),
            size: 1,
            modified: None,
            crc32: None,
            order: u64::from(id),
        };
        Listing((0..).zip(paths).map(entry).collect())
    }

    #[test]
    fn a_reference_finds_its_file_whatever_was_wrapped_around_it() {
        let source = listing(&[
            "my export/media/posts/202207/a.webp",
            "my export/media/stories/202207/a.webp",
            "my export/your_instagram_activity/messages/inbox/x_1/photos/1.jpg",
            "my export\\media\\reels\\B.MP4",
            "__MACOSX/media/posts/202207/._a.webp",
        ]);
        let tree = Tree::of(&source);
        assert_eq!(tree.files().len(), 4);
        assert!(tree.is_unique("b.MP4") && !tree.is_unique("a.webp") && !tree.is_unique("none"));
        for (uri, wanted) in [
            ("media/posts/202207/a.webp", Some(0)),
            ("./media/stories/202207/a.webp?x=1", Some(1)),
            ("your_instagram_activity/media/posts/202207/a.webp", Some(0)),
            ("messages/inbox/x_1/photos/1.jpg", Some(2)),
            ("../../messages/inbox/y_2/photos/1.jpg", Some(2)),
            ("media/reels/b.mp4", Some(3)),
            ("media/igtv/b.mp4", None),
            ("https://x.fbcdn.net/media/posts/202207/a.webp", None),
            ("", None),
        ] {
            assert_eq!(tree.referred(uri).map(|entry| entry.id), wanted, "{uri}");
        }
        assert_eq!(source.place(&source.0[0], At::Whole).part, "export.zip");
    }

    #[test]
    fn a_second_download_and_cut_files_have_the_name_of_the_first() {
        assert_eq!(compared("A\\Followers_1 (1).json"), "a/followers_1.json");
        let source = listing(&["x/post_comments_12 (2).json", "followers.json", "x/message_3.html", "noext"]);
        let tree = Tree::of(&source);
        let told: Vec<(&str, u64, &str)> =
            tree.files().iter().map(|file| (file.stem(), file.number(), file.extension())).collect();
        assert_eq!(
            told,
            [
                ("post_comments", 12, "json"),
                ("followers", 0, "json"),
                ("message", 3, "html"),
                ("noext", 0, "")
            ]
        );
        assert!(tree.files()[0].is_in("x") && !tree.files()[1].is_in("x"));
    }
}
