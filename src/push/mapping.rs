//! Which part of the archive goes where on a target, and who may read it there.

use crate::report::error::{Error, Kind, Result};

/// Permission bits of files that only their owner may read.
pub const PRIVATE: u32 = 0o600;

/// What goes where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    rules: Vec<Rule>,
}

/// One part of the archive and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// A folder or file of the archive, from its top: `mail`, `files/papers`, `index.sqlite`.
    pub from: String,
    /// Its place below the target's root; `.` is the root itself.
    pub to: String,
    /// Permission bits of its files; folders may be entered by whoever may read files.
    pub mode: u32,
}

/// Where one file goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Its path on the target, from its root.
    pub path: String,
    /// Permission bits of a file there.
    pub mode: u32,
}

impl Mapping {
    /// Everything under its own name, readable by its owner only.
    pub fn whole(parts: &[&str]) -> Mapping {
        let same = |part: &&str| Rule { from: (*part).to_owned(), to: (*part).to_owned(), mode: PRIVATE };
        Mapping { rules: parts.iter().map(same).collect() }
    }

    /// These rules and no other.
    ///
    /// # Errors
    /// When a path leaves the archive or the target, or one part has two places.
    pub fn new(rules: Vec<Rule>) -> Result<Mapping> {
        let mut clean: Vec<Rule> = Vec::new();
        for rule in rules {
            let (from, to) = (checked(&rule.from)?, checked(&rule.to)?);
            if clean.iter().any(|other| other.from == from) {
                return Err(Error::new(Kind::Login, format!("two places are named for `{from}`")));
            }
            if to == ".exodus" || to.starts_with(".exodus/") {
                return Err(Error::new(Kind::Login, "`.exodus` on the target belongs to exodus itself"));
            }
            clean.push(Rule { from, to, mode: rule.mode });
        }
        Ok(Mapping { rules: clean })
    }

    /// The rules, in the order they were given.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Where a file or folder of the archive goes; `None`: it stays here. The rule with the longest path decides.
    pub fn spot(&self, path: &str) -> Option<Spot> {
        let fitting = self.rules.iter().filter(|rule| is_below(path, &rule.from));
        let rule = fitting.max_by_key(|rule| rule.from.len())?;
        let below = path[rule.from.len().min(path.len())..].trim_start_matches('/');
        let below = if rule.from == "." { path } else { below };
        let path = match (&*rule.to, below) {
            (to, "") => to.to_owned(),
            (".", below) => below.to_owned(),
            (to, below) => format!("{to}/{below}"),
        };
        Some(Spot { path, mode: rule.mode })
    }
}

/// True for a path itself and for what is below it.
pub fn is_below(path: &str, above: &str) -> bool {
    above == "." || path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The mode of a folder whose files have that mode: who may read files may enter.
pub fn folder_mode(mode: u32) -> u32 {
    mode | ((mode & 0o444) >> 2)
}

/// A relative path without `.`, `..` and doubled slashes.
fn checked(path: &str) -> Result<String> {
    let is_bad = path.starts_with('/') || path.split('/').any(|name| name == "..") || path.contains('\0');
    if is_bad {
        return Err(Error::new(Kind::Login, format!("`{path}` is no path below the archive or the target"))
            .hint("write it from the top, without `..`: `mail`, `files/papers`, `public_html/papers`"));
    }
    let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
    Ok(if names.is_empty() { ".".to_owned() } else { names.join("/") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(rules: &[(&str, &str)]) -> Mapping {
        let rule = |(from, to): &(&str, &str)| Rule { from: (*from).into(), to: (*to).into(), mode: PRIVATE };
        Mapping::new(rules.iter().map(rule).collect()).expect("the rules are sound")
    }

    #[test]
    fn the_longest_rule_decides_and_what_no_rule_names_stays_here() {
        let mapping = mapping(&[
            ("mail", "Maildir"),
            ("files", "backup/files/"),
            ("files/papers", "public_html/papers"),
        ]);
        let cases = [
            ("mail/.Sent/cur/x", Some("Maildir/.Sent/cur/x")),
            ("mail", Some("Maildir")),
            ("files/drive/a.txt", Some("backup/files/drive/a.txt")),
            ("files/papers/a.pdf", Some("public_html/papers/a.pdf")),
            ("files/papers2/a.pdf", Some("backup/files/papers2/a.pdf")),
            ("index.sqlite", None),
        ];
        for (from, to) in cases {
            assert_eq!(mapping.spot(from).map(|spot| spot.path).as_deref(), to, "{from}");
        }
    }

    #[test]
    fn a_part_may_go_into_the_root_itself() {
        let mapping = mapping(&[("files/papers", "./"), ("README.txt", "README.txt")]);
        assert_eq!(mapping.spot("files/papers/a.pdf").map(|spot| spot.path).as_deref(), Some("a.pdf"));
        assert_eq!(mapping.spot("files/papers").map(|spot| spot.path).as_deref(), Some("."));
        assert_eq!(mapping.spot("README.txt").map(|spot| spot.path).as_deref(), Some("README.txt"));
    }

    #[test]
    fn paths_that_lead_out_are_refused() {
        for (from, to) in
            [("mail", "../x"), ("/etc", "x"), ("mail", "/srv"), ("a/../b", "x"), ("a", ".exodus/x")]
        {
            let rule = Rule { from: from.into(), to: to.into(), mode: PRIVATE };
            assert!(Mapping::new(vec![rule]).is_err(), "{from} -> {to}");
        }
    }

    #[test]
    fn folders_can_be_entered_by_whoever_may_read_files() {
        assert_eq!(folder_mode(0o600), 0o700);
        assert_eq!(folder_mode(0o640), 0o750);
        assert_eq!(folder_mode(0o644), 0o755);
    }
}
