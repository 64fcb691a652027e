//! Which files are the parts of one export, and in which order they belong.
//!
//! Google calls them `takeout-<time>-<number>.zip`, since autumn 2025 with a group between the two
//! (`takeout-20250921T…Z-3-009.zip`); browsers add ` (1)` to what they download twice.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::kind;
use super::listing::Unopened;
use super::names;
use super::{OpenError, PartKind};

/// A file or folder that is a part, not opened yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its file name, printable.
    pub(super) name: String,
    /// Where it is.
    pub(super) path: PathBuf,
}

/// What the name of a part of a Takeout tells.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Numbered {
    /// When the export was made: `20250326T151156Z`.
    pub(super) stamp: String,
    /// The group, in exports since autumn 2025.
    pub(super) group: Option<u64>,
    /// The number of the part, from 1.
    pub(super) number: u64,
    /// Which download of the part it is; 0 for the first.
    copy: u64,
    digits: usize,
}

/// What the name of a part tells, when it is one that Google gives.
pub(super) fn numbered(name: &str) -> Option<Numbered> {
    let rest = name.strip_prefix("takeout-")?;
    let stem = [".zip", ".tgz", ".tar.gz"].iter().find_map(|ending| rest.strip_suffix(ending))?;
    let (stem, copy) = without_copy_mark(stem);
    let mut words = stem.split('-');
    let stamp = words.next().filter(|stamp| is_stamp(stamp))?;
    let (group, number) = match (words.next()?, words.next(), words.next()) {
        (number, None, _) => (None, number),
        (group, Some(number), None) => (Some(natural_number(group)?), number),
        _ => return None,
    };
    let stamp = stamp.to_owned();
    let digits = number.len();
    (digits >= 3).then_some(Numbered { stamp, group, number: natural_number(number)?, copy, digits })
}

fn natural_number(digits: &str) -> Option<u64> {
    let is_number = digits.bytes().all(|digit| digit.is_ascii_digit());
    if is_number { digits.parse().ok() } else { None }
}

/// The stem without the ` (1)` of a second download, and that number.
fn without_copy_mark(stem: &str) -> (&str, u64) {
    let inner = stem.strip_suffix(')').and_then(|rest| rest.rsplit_once(" ("));
    let copy = inner.and_then(|(stem, number)| Some((stem, natural_number(number)?)));
    copy.unwrap_or((stem, 0))
}

fn is_stamp(stamp: &str) -> bool {
    let is_right = |(idx, letter): (usize, u8)| match idx {
        8 => letter == b'T',
        15 => letter == b'Z',
        _ => letter.is_ascii_digit(),
    };
    stamp.len() == 16 && stamp.bytes().enumerate().all(is_right)
}

/// True for the names that Google gives to parts, now and before 2015.
fn is_part_name(name: &str) -> bool {
    numbered(name).is_some() || name.ends_with("-takeout.zip")
}

/// All parts that these paths mean, in their order, and what the user should know of that.
pub(super) fn find(paths: &[PathBuf]) -> Result<(Vec<Found>, Vec<String>), OpenError> {
    let mut found: Vec<Found> = Vec::new();
    let mut warnings = Vec::new();
    for path in paths {
        let in_it = expand(path, &mut warnings).map_err(|err| OpenError::of(&name_of(path), err))?;
        found.extend(in_it);
    }
    found.sort_by(by_order);
    let mut seen: Vec<(PathBuf, String)> = Vec::new();
    let mut once = Vec::new();
    for part in found {
        let whole = fs::canonicalize(&part.path).map_err(|err| OpenError::of(&part.name, err.into()))?;
        if seen.iter().any(|(path, _)| *path == whole) {
            warnings.push(format!("`{}` was given more than once; it counts once", part.name));
        } else {
            seen.push((whole, part.name.clone()));
            once.push(part);
        }
    }
    warnings.extend(gaps(&once));
    Ok((once, warnings))
}

fn name_of(path: &Path) -> String {
    let whole = if path.file_name().is_none() { fs::canonicalize(path).ok() } else { None };
    let path = whole.as_deref().unwrap_or(path);
    let name = path.file_name().unwrap_or(path.as_os_str());
    names::printable(&names::decode(name.as_bytes()))
}

fn found_at(path: &Path) -> Found {
    Found { name: name_of(path), path: path.to_owned() }
}

/// The parts that one path means: itself, or what is in it when it is a folder of parts.
fn expand(path: &Path, warnings: &mut Vec<String>) -> Result<Vec<Found>, Unopened> {
    if !fs::metadata(path)?.is_dir() {
        return Ok(vec![found_at(path)]);
    }
    let mut archives = Vec::new();
    let mut others = Vec::new();
    let mut children = fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
    children.sort_by_key(fs::DirEntry::file_name);
    let has_part_names = children.iter().any(|child| {
        child.file_type().is_ok_and(|kind| kind.is_file())
            && is_part_name(&child.file_name().to_string_lossy())
    });
    for child in children {
        let is_file = child.file_type().is_ok_and(|kind| kind.is_file());
        if is_file && is_archive(&child.path(), has_part_names) {
            archives.push(found_at(&child.path()));
        } else if !has_part_names && !is_hidden(&child.path()) {
            return Ok(vec![found_at(path)]);
        } else {
            others.push(name_of(&child.path()));
        }
    }
    if archives.is_empty() {
        return Ok(vec![found_at(path)]);
    }
    if !others.is_empty() {
        let names = others.join("`, `");
        warnings.push(format!(
            "`{}` is a folder of parts; these in it are no parts and are left out: `{names}`",
            name_of(path)
        ));
    }
    Ok(archives)
}

fn is_hidden(path: &Path) -> bool {
    name_of(path).starts_with('.')
}

/// True for what is an archive both by its name and by its first bytes: by these alone every `.docx` is a zip.
/// In a folder of parts a name that Google gives is enough, so that an empty download is told of.
fn is_archive(path: &Path, has_part_names: bool) -> bool {
    let name = name_of(path);
    if kind::archive_name(&name).is_none() || (has_part_names && is_part_name(&name)) {
        return kind::archive_name(&name).is_some();
    }
    let tell = || -> Option<PartKind> {
        let file = File::open(path).ok()?;
        let len = file.metadata().ok()?.len();
        kind::archive(&file, len).ok()?
    };
    tell().is_some_and(PartKind::is_archive)
}

/// Orders parts by time, group, number and name, with numbers in names by their value.
fn by_order(one: &Found, two: &Found) -> Ordering {
    let order = numbered(&one.name).cmp(&numbered(&two.name));
    let order = order.then_with(|| natural(&one.name).cmp(&natural(&two.name)));
    order.then_with(|| (&one.name, &one.path).cmp(&(&two.name, &two.path)))
}

/// A piece of a name: names are ordered with the numbers in them by their value.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Piece<'a> {
    Number(u128),
    Text(&'a str),
}

fn natural(mut name: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    while !name.is_empty() {
        let text_len = name.find(|letter: char| letter.is_ascii_digit()).unwrap_or(name.len());
        let (text, rest) = name.split_at(text_len);
        let number_len = rest.bytes().take(30).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = rest.split_at(number_len);
        if !text.is_empty() {
            pieces.push(Piece::Text(text));
        }
        pieces.extend(digits.parse().ok().map(Piece::Number));
        name = rest;
    }
    pieces
}

/// What is missing in the numbering of the parts at these paths.
pub(super) fn gaps_of(paths: &[PathBuf]) -> Vec<String> {
    gaps(&paths.iter().map(|path| found_at(path)).collect::<Vec<_>>())
}

/// What is missing in the numbering of the parts: a part, or nothing, for numbers may have holes.
fn gaps(parts: &[Found]) -> Vec<String> {
    let mut groups: BTreeMap<(String, Option<u64>), Vec<Numbered>> = BTreeMap::new();
    for part in parts.iter().filter_map(|part| numbered(&part.name)) {
        groups.entry((part.stamp.clone(), part.group)).or_default().push(part);
    }
    let mut warnings = Vec::new();
    for ((stamp, group), mut numbers) in groups {
        numbers.sort();
        let group = group.map_or(String::new(), |group| format!("{group}-"));
        let mut next = 1;
        for part in numbers {
            let name =
                |number: u64| format!("takeout-{stamp}-{group}{number:0digits$}", digits = part.digits);
            let missing = match part.number.saturating_sub(next) {
                0 => None,
                1 => Some(format!("{} is", name(next))),
                _ => Some(format!("{} to {} are", name(next), name(part.number - 1))),
            };
            warnings
                .extend(missing.map(|which| format!("{which} not among the parts; numbers may have holes")));
            next = part.number.saturating_add(1);
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> Vec<Found> {
        names.iter().map(|name| Found { name: (*name).to_owned(), path: PathBuf::from(name) }).collect()
    }

    #[test]
    fn the_names_that_google_gives_are_known() {
        let check = |name: &str, want: Option<(Option<u64>, u64)>| {
            let got = numbered(name).map(|part| (part.group, part.number));
            assert_eq!(got, want, "{name}");
        };
        check("takeout-20250326T151156Z-001.zip", Some((None, 1)));
        check("takeout-20250921T101010Z-3-009.tgz", Some((Some(3), 9)));
        check("takeout-20250326T151156Z-1234.tar.gz", Some((None, 1234)));
        check("takeout-20250326T151156Z-001 (1).zip", Some((None, 1)));
        check("takeout-20250326T151156Z-01.zip", None);
        check("takeout-20250326T151156Z-1-2-003.zip", None);
        check("takeout-2025032T6151156Z-001.zip", None);
        check("takeout-20250326T151156Z-001.zip.part", None);
        check("takeout-20250326T151156Z-+01.zip", None);
        assert!(is_part_name("ada@example.org-takeout.zip"));
    }

    #[test]
    fn parts_are_ordered_by_time_group_and_number() {
        let mut parts = found(&[
            "takeout-20250921T101010Z-3-010.zip",
            "takeout-20250921T101010Z-3-009.zip",
            "takeout-20250921T101010Z-1-1000.zip",
            "takeout-20250921T101010Z-1-999.zip",
            "takeout-20240101T000000Z-002 (1).zip",
            "takeout-20240101T000000Z-002.zip",
            "b10.zip",
            "b9.zip",
            "b.zip",
        ]);
        parts.sort_by(by_order);
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        let want = [
            "b9.zip",
            "b10.zip",
            "b.zip",
            "takeout-20240101T000000Z-002.zip",
            "takeout-20240101T000000Z-002 (1).zip",
            "takeout-20250921T101010Z-1-999.zip",
            "takeout-20250921T101010Z-1-1000.zip",
            "takeout-20250921T101010Z-3-009.zip",
            "takeout-20250921T101010Z-3-010.zip",
        ];
        assert_eq!(names, want);
    }

    #[test]
    fn a_hole_in_the_numbers_is_told() {
        let parts = found(&[
            "takeout-20250326T151156Z-001.zip",
            "takeout-20250326T151156Z-003.zip",
            "takeout-20250326T151156Z-007.zip",
            "takeout-20250326T151156Z-2-001.zip",
        ]);
        let want = [
            "takeout-20250326T151156Z-002 is not among the parts; numbers may have holes",
            "takeout-20250326T151156Z-004 to takeout-20250326T151156Z-006 are not among the parts; numbers may have holes",
        ];
        assert_eq!(gaps(&parts), want);
    }
}
