//! Folders compared byte for byte: names, content, modes and modification times.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// What is true of one file or folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// Type and permissions.
    pub mode: u32,
    /// Modification time; `None` for folders and for the small files that carry the time of a run.
    pub mtime: Option<i64>,
    /// Size in bytes; 0 for folders.
    pub size: u64,
    /// BLAKE3 of the content; for a symbolic link where it leads.
    pub content: String,
}

/// All that lies below a folder, by path.
pub type Tree = BTreeMap<String, Leaf>;

/// Written anew by a run, so that their time is that of the run.
const OF_THE_RUN: [&str; 3] = ["subscriptions", "maildirfolder", "dovecot-keywords"];

/// The tree below a folder.
pub fn of(root: &Path) -> Tree {
    let mut tree = Tree::new();
    for entry in walkdir::WalkDir::new(root).min_depth(1) {
        let entry = entry.expect("the folder can be walked");
        let path = entry.path().strip_prefix(root).expect("it lies below").to_string_lossy().into_owned();
        let meta = entry.path().symlink_metadata().expect("it was listed");
        let name = entry.file_name().to_string_lossy();
        let mtime = (meta.is_file() && !OF_THE_RUN.contains(&&*name)).then(|| meta.mtime());
        let content = match () {
            () if meta.is_file() => hash(&fs::read(entry.path()).expect("it was listed")),
            () if meta.is_symlink() => format!("{:?}", fs::read_link(entry.path())),
            () => String::new(),
        };
        let size = if meta.is_file() { meta.len() } else { 0 };
        tree.insert(path, Leaf { mode: meta.mode(), mtime, size, content });
    }
    tree
}

/// What counts in an archive: `mail/` and `files/`.
pub fn of_archive(archive: &Path) -> Tree {
    let mut tree = Tree::new();
    for room in ["mail", "files"] {
        let below = of(&archive.join(room));
        tree.extend(below.into_iter().map(|(path, leaf)| (format!("{room}/{path}"), leaf)));
    }
    tree
}

/// Asserts that two trees are the same, and tells the first differences if they are not.
#[track_caller]
pub fn assert_same(found: &Tree, wanted: &Tree, why: &str) {
    if found == wanted {
        return;
    }
    let mut lines = Vec::new();
    for (path, leaf) in wanted {
        match found.get(path) {
            None => lines.push(format!("missing: {path}")),
            Some(other) if other != leaf => lines.push(format!("differs: {path}\n  {other:?}\n  {leaf:?}")),
            Some(_) => {}
        }
    }
    lines
        .extend(found.keys().filter(|path| !wanted.contains_key(*path)).map(|path| format!("extra: {path}")));
    panic!("{why}: {} differences\n{}", lines.len(), lines[..lines.len().min(12)].join("\n"));
}

/// Asserts that nothing of an unfinished run is left in an archive.
#[track_caller]
pub fn assert_tidy(archive: &Path, why: &str) {
    let names = fs::read_dir(archive).expect("the archive is there").flatten();
    let mut names: Vec<String> =
        names.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    // Not in every archive, and what was proven of it.
    names.retain(|name| !["contacts", "calendars", "proofs.jsonl"].contains(&&**name));
    names.sort_unstable();
    // There where something lies in them.
    names.retain(|name| !matches!(name.as_str(), "contacts" | "calendars"));
    assert_eq!(
        names,
        ["README.txt", "files", "index.sqlite", "ledger.jsonl", "mail", "seal.blake3"],
        "{why}"
    );
}

/// BLAKE3 in hexadecimal digits.
pub fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
