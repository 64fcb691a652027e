//! The manifest: accounts, what they bring and where it goes; read whole, with every mistake named before anything starts.
//!
//! ```toml
//! accounts = "people.csv"               # rows may stand in a table; its columns that are not known are variables
//!
//! [defaults]                            # what a row does not say itself
//! exports = ["in/{id}/takeout-*.zip"]   # each is one export: a file, a folder or a pattern; `academia:in/{id}/papers`
//! archive = "archives/{id}"             # names an importer
//! targets = ["home"]                    # names of [target], or URLs
//! import = ["--only", "mail"]           # as `exodus import --help` has them
//! push = ["--verify", "hash"]
//! time_limit = "6h"
//!
//! [limits]
//! jobs = 4
//! per_host = 2
//!
//! [target.home]                         # as in exodus.toml
//! url = "sftp://{id}@files.example.org/~/archive"
//!
//! [[account]]
//! id = "ada"
//! vars = { unit = "physics" }
//! ```
//!
//! Paths are from the manifest's folder.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_spanned::Spanned;

use super::table;
use super::template::{Quoting, expand};
use crate::push::TARGETS;
use crate::push::place::Place;
use crate::push::settings::TargetSettings;
use crate::report::error::{Error, Kind, Result};
use crate::report::settings;

/// A manifest, understood.
#[derive(Debug)]
pub struct Manifest {
    /// Its file.
    pub path: PathBuf,
    /// The folder from which its paths count.
    pub folder: PathBuf,
    /// All rows, in their order.
    pub rows: Vec<Row>,
    /// How much at once.
    pub limits: Limits,
}

/// How much may be done at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows side by side; `None` for as many as there are processors.
    pub jobs: Option<usize>,
    /// Rows side by side that push to one host.
    pub per_host: usize,
    /// Memory that a row may need: no row begins while less is free.
    pub memory_bytes: u64,
    /// Disk that stays free.
    pub free_disk_bytes: u64,
}

/// One account.
#[derive(Clone, Debug)]
pub struct Row {
    /// Where it stands: `people.csv:7`.
    pub place: String,
    /// Its name, fit for a file's name.
    pub id: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// What it brings; each is one export.
    pub exports: Vec<ExportOf>,
    /// Where its archive is.
    pub archive: PathBuf,
    /// Where it goes.
    pub targets: Vec<TargetOf>,
    /// Further arguments of `exodus import`.
    pub import: Vec<String>,
    /// Further arguments of `exodus push`.
    pub push: Vec<String>,
    /// Whether the archive is read whole and compared before it is pushed.
    pub verify: bool,
    /// A row that takes longer is stopped.
    pub time_limit: Option<Duration>,
}

/// An export of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportOf {
    /// The importer, if it is named.
    pub from: Option<String>,
    /// A file, a folder, or a pattern.
    pub pattern: String,
}

/// A target of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetOf {
    /// Its name in the manifest, or its URL.
    pub name: String,
    /// What is known of it.
    pub settings: TargetSettings,
    /// The host it is on; empty for a folder of this machine.
    pub host: String,
}

/// What the manifest is checked against.
pub struct Known<'a> {
    /// Names of importers.
    pub importers: &'a [&'a str],
    /// Says what is wrong with the arguments of a command.
    pub argv: &'a dyn Fn(&[String]) -> std::result::Result<(), String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    accounts: Option<Spanned<String>>,
    #[serde(default)]
    defaults: Spec,
    #[serde(default)]
    limits: LimitsSpec,
    #[serde(default)]
    target: BTreeMap<String, TargetSettings>,
    #[serde(default)]
    account: Vec<Spanned<Spec>>,
}

/// What a row, or the defaults, say.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Spec {
    pub(super) id: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) exports: Option<Vec<String>>,
    pub(super) archive: Option<String>,
    pub(super) targets: Option<Vec<String>>,
    pub(super) import: Option<Vec<String>>,
    pub(super) push: Option<Vec<String>>,
    pub(super) verify: Option<bool>,
    pub(super) time_limit: Option<String>,
    #[serde(default)]
    pub(super) vars: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsSpec {
    jobs: Option<usize>,
    per_host: Option<usize>,
    memory: Option<Spanned<String>>,
    free_disk: Option<Spanned<String>>,
}

/// All that is wrong with a manifest, line by line.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<String>);

impl Problems {
    pub(super) fn add(&mut self, place: &str, what: impl std::fmt::Display) {
        self.0.push(format!("{place}: {what}"));
    }

    fn end(self, path: &Path) -> Result<()> {
        let Some(first) = self.0.first() else { return Ok(()) };
        let what = match self.0.len() {
            1 => first.clone(),
            n => format!("{n} mistakes in `{}`; nothing was started", path.display()),
        };
        let error = Error::new(Kind::Login, what);
        let rest = if self.0.len() > 1 { &self.0[..] } else { &[] };
        Err(rest.iter().take(100).fold(error, |error, problem| error.hint(problem)))
    }
}

/// Line and column, from 1, of a place in a text.
fn place_of(path: &Path, text: &str, span: Option<Range<usize>>) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some(before) = span.and_then(|span| text.get(..span.start)) else { return name.into_owned() };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("{name}:{line}:{column}")
}

/// Reads a manifest: TOML, or a table alone if its name ends in `.csv`.
///
/// # Errors
/// When it cannot be read, or anything in it is wrong: all that is, each with line and column.
pub fn read(path: &Path, known: &Known) -> Result<Manifest> {
    let text = text_of(path)?;
    let mut problems = Problems::default();
    let is_table = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv"));
    let parsed = if is_table { Ok(File::of_table(path)) } else { toml_edit::de::from_str::<File>(&text) };
    let file = parsed.map_err(|err| {
        let why = err.message().lines().collect::<Vec<_>>().join(", ");
        Error::new(Kind::Login, format!("{}: {why}", place_of(path, &text, err.span())))
    })?;
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder.canonicalize().map_err(|err| Error::io("open", folder, &err))?;
    let mut specs: Vec<(String, Spec)> = Vec::new();
    for spec in file.account {
        specs.push((place_of(path, &text, Some(spec.span())), spec.into_inner()));
    }
    if let Some(accounts) = &file.accounts {
        let table_path = folder.join(accounts.get_ref());
        match std::fs::read(&table_path) {
            Ok(bytes) => table::read(&table_path, &bytes, &mut specs, &mut problems),
            Err(err) => {
                let what = format!("cannot read `{}`: {err}", table_path.display());
                problems.add(&place_of(path, &text, Some(accounts.span())), what);
            }
        }
    }
    let limits =
        file.limits.understood(&mut |span, what| problems.add(&place_of(path, &text, Some(span)), what));
    let context = RowContext { defaults: &file.defaults, targets: &file.target, folder: &folder, known };
    let mut rows = Vec::with_capacity(specs.len());
    for (place, spec) in &specs {
        match context.row(place, spec) {
            Ok(row) => rows.push(row),
            Err(wrong) => wrong.iter().for_each(|what| problems.add(place, what)),
        }
    }
    if specs.is_empty() && problems.0.is_empty() {
        problems.add(
            &place_of(path, &text, None),
            "no account stands in it: write [[account]], or accounts = \"people.csv\"",
        );
    }
    find_doubles(&rows, &mut problems);
    problems.end(path)?;
    Ok(Manifest { path: path.to_owned(), folder, rows, limits })
}

fn text_of(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path)
        .map_err(|err| Error::new(Kind::Login, format!("cannot read `{}`: {err}", path.display())))?;
    String::from_utf8(bytes).map_err(|err| {
        let line =
            err.as_bytes()[..err.utf8_error().valid_up_to()].iter().filter(|it| **it == b'\n').count() + 1;
        Error::new(Kind::Login, format!("`{}` is not UTF-8 in line {line}", path.display()))
            .hint("save it as UTF-8")
    })
}

fn find_doubles(rows: &[Row], problems: &mut Problems) {
    let mut ids: BTreeMap<String, &str> = BTreeMap::new();
    let mut archives: BTreeMap<&Path, &str> = BTreeMap::new();
    for row in rows {
        // Disks of other systems know no case.
        if let Some(first) = ids.insert(row.id.to_lowercase(), &row.place) {
            problems.add(&row.place, format!("the id `{}` stands in {first} too", row.id));
        } else if let Some(first) = archives.insert(&row.archive, &row.place) {
            let what = format!(
                "the archive `{}` is that of {first} too; each row has its own",
                row.archive.display()
            );
            problems.add(&row.place, what);
        }
    }
}

impl File {
    /// A manifest that is a table alone.
    fn of_table(path: &Path) -> File {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        File {
            accounts: Some(Spanned::new(0..0, name)),
            defaults: Spec::default(),
            limits: LimitsSpec::default(),
            target: BTreeMap::new(),
            account: Vec::new(),
        }
    }
}

impl LimitsSpec {
    fn understood(&self, wrong: &mut dyn FnMut(Range<usize>, String)) -> Limits {
        let mut bytes = |text: &Option<Spanned<String>>, default: u64| match text {
            None => default,
            Some(text) => settings::bytes(text.get_ref()).unwrap_or_else(|| {
                wrong(text.span(), format!("`{}` is no size; write 300M or 2G", text.get_ref()));
                default
            }),
        };
        Limits {
            jobs: self.jobs.filter(|jobs| *jobs > 0),
            per_host: self.per_host.unwrap_or(4).max(1),
            memory_bytes: bytes(&self.memory, 300 << 20),
            free_disk_bytes: bytes(&self.free_disk, 512 << 20),
        }
    }
}

struct RowContext<'a> {
    defaults: &'a Spec,
    targets: &'a BTreeMap<String, TargetSettings>,
    folder: &'a Path,
    known: &'a Known<'a>,
}

/// Gathers what is wrong while a row is put together.
type Wrong = Vec<String>;

impl RowContext<'_> {
    fn row(&self, place: &str, spec: &Spec) -> std::result::Result<Row, Wrong> {
        let mut wrong = Wrong::new();
        let id = spec.id.clone().unwrap_or_default();
        if !is_name(&id) {
            let what = if id.is_empty() { "it has no id".to_owned() } else { format!("`{id}` is no id") };
            return Err(vec![format!("{what}; write letters, digits, and . _ @ + - between them")]);
        }
        let mut values = self.defaults.vars.clone();
        values.extend(spec.vars.clone());
        values.insert("id".to_owned(), id.clone());
        let owner = spec.owner.clone().or_else(|| self.defaults.owner.clone());
        values.insert("owner".to_owned(), owner.clone().unwrap_or_default());
        let filled = Filled { values: &values };
        let list =
            |name: &str, own: &Option<Vec<String>>, default: &Option<Vec<String>>, wrong: &mut Wrong| {
                let all = own.as_ref().or(default.as_ref()).cloned().unwrap_or_default();
                all.iter().filter_map(|text| filled.text(name, text, wrong)).collect::<Vec<_>>()
            };
        let exports = list("exports", &spec.exports, &self.defaults.exports, &mut wrong);
        let import = list("import", &spec.import, &self.defaults.import, &mut wrong);
        let has_push = spec.push.is_some() || self.defaults.push.is_some();
        let push = match has_push {
            true => list("push", &spec.push, &self.defaults.push, &mut wrong),
            // An account is only closed on what was proven there.
            false => vec!["--verify".to_owned(), "hash".to_owned()],
        };
        let archive = spec.archive.as_ref().or(self.defaults.archive.as_ref());
        let archive = archive.map_or("archives/{id}", String::as_str);
        let archive = self.folder.join(filled.text("archive", archive, &mut wrong).unwrap_or_default());
        let names = spec.targets.as_ref().or(self.defaults.targets.as_ref()).cloned().unwrap_or_default();
        let targets = names.iter().filter_map(|name| self.target(name, &filled, &mut wrong)).collect();
        let time_limit = spec.time_limit.as_ref().or(self.defaults.time_limit.as_ref());
        let time_limit = time_limit.and_then(|text| match settings::duration(text) {
            Some(limit) => Some(limit),
            None => {
                wrong.push(format!("time_limit: `{text}` is no time; write 90s, 30m, 6h"));
                None
            }
        });
        if exports.is_empty() && wrong.is_empty() {
            wrong.push("it brings nothing: `exports` is empty".to_owned());
        }
        self.check("import", &import, &mut wrong);
        self.check("push", &push, &mut wrong);
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let verify = spec.verify.or(self.defaults.verify).unwrap_or(true);
        let exports = exports.iter().map(|text| self.export(text)).collect();
        Ok(Row {
            place: place.to_owned(),
            id,
            owner,
            exports,
            archive,
            targets,
            import,
            push,
            verify,
            time_limit,
        })
    }

    fn check(&self, command: &str, more: &[String], wrong: &mut Wrong) {
        let mut argv = vec![command.to_owned(), "something".to_owned()];
        argv.extend(more.iter().cloned());
        argv.extend(["--archive", "a", "--json", "--quiet"].map(str::to_owned));
        if let Err(what) = (self.known.argv)(&argv) {
            wrong.push(format!("{command}: {what}"));
        }
    }

    fn export(&self, text: &str) -> ExportOf {
        let named = text.split_once(':').filter(|(name, _)| self.known.importers.contains(name));
        match named {
            Some((name, pattern)) => ExportOf { from: Some(name.to_owned()), pattern: pattern.to_owned() },
            None => ExportOf { from: None, pattern: text.to_owned() },
        }
    }

    fn target(&self, name: &str, filled: &Filled, wrong: &mut Wrong) -> Option<TargetOf> {
        let settings = match self.targets.get(name) {
            Some(settings) => settings.clone(),
            None if name.contains("://") => {
                TargetSettings { url: name.to_owned(), ..TargetSettings::default() }
            }
            None => {
                let names: BTreeSet<&String> = self.targets.keys().collect();
                wrong.push(format!("targets: there is no [target.{name}]; there are {names:?}"));
                return None;
            }
        };
        let settings = filled.settings(&settings, wrong)?;
        let place =
            settings.place().and_then(|place| settings.mapping(&crate::archive::files::PARTS).map(|_| place));
        match place {
            Ok(Place { scheme, .. }) if !TARGETS.iter().any(|def| def.scheme == scheme) => {
                wrong.push(format!("targets: there is no kind of target `{scheme}://`"));
                None
            }
            Ok(Place { host, .. }) => Some(TargetOf { name: name.to_owned(), settings, host }),
            Err(err) => {
                wrong.push(format!("targets: {err}"));
                None
            }
        }
    }
}

/// Fills in what a row says.
struct Filled<'a> {
    values: &'a BTreeMap<String, String>,
}

impl Filled<'_> {
    fn text(&self, name: &str, text: &str, wrong: &mut Wrong) -> Option<String> {
        expand(text, self.values, Quoting::None).map_err(|what| wrong.push(format!("{name}: {what}"))).ok()
    }

    fn settings(&self, settings: &TargetSettings, wrong: &mut Wrong) -> Option<TargetSettings> {
        let mut value = serde_json::to_value(settings).expect("settings are texts and numbers");
        let before = wrong.len();
        self.fill("target", &mut value, wrong);
        (wrong.len() == before).then(|| serde_json::from_value(value).expect("texts stay texts"))
    }

    fn fill(&self, name: &str, value: &mut serde_json::Value, wrong: &mut Wrong) {
        match value {
            serde_json::Value::String(text) => {
                let quoting = match name {
                    "url" => Quoting::Url,
                    name if name.ends_with("_command") => Quoting::Shell,
                    _ => Quoting::None,
                };
                match expand(text, self.values, quoting) {
                    Ok(filled) => *text = filled,
                    Err(what) => wrong.push(format!("{name}: {what}")),
                }
            }
            serde_json::Value::Object(fields) => {
                fields.iter_mut().for_each(|(name, value)| self.fill(name, value, wrong));
            }
            _ => {}
        }
    }
}

fn is_name(id: &str) -> bool {
    let is_fit = |letter: char| letter.is_ascii_alphanumeric() || "._@+-".contains(letter);
    (1..=100).contains(&id.len()) && !id.starts_with(['.', '-']) && id.chars().all(is_fit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with a manifest; its rows are those of `people.csv`.
    fn wrong_with(toml: &str, csv: &str) -> String {
        let folder = std::env::temp_dir().join(format!(
            "exodus-manifest-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("m.toml");
        std::fs::write(&path, toml).expect("a file");
        std::fs::write(folder.join("people.csv"), csv).expect("a file");
        let argv = |argv: &[String]| match argv.iter().any(|it| it == "--nonsense") {
            true => Err("unexpected argument '--nonsense'".to_owned()),
            false => Ok(()),
        };
        let read = read(&path, &Known { importers: &["academia"], argv: &argv });
        std::fs::remove_dir_all(&folder).expect("it is ours");
        match read {
            Ok(manifest) => format!("{:?}", manifest.rows),
            Err(err) => [vec![err.what], err.hints].concat().join("\n"),
        }
    }

    #[test]
    fn every_mistake_is_named_with_its_line_and_column() {
        let check = |toml: &str, csv: &str, wanted: &[&str]| {
            let found = wrong_with(toml, csv);
            for wanted in wanted {
                assert!(found.contains(wanted), "{wanted}: {found}");
            }
        };
        check("[[account]]\nid = \"a\"\nexport = []\n", "", &["m.toml:3:1", "unknown field `export`"]);
        check(
            "[[account]]\nid = \"a\"\nexports = [\"{x}\"]\n",
            "",
            &["m.toml:1:1: exports: `{x}` is not known", "id, owner"],
        );
        check("[[account]]\nid = \"../a\"\n", "", &["`../a` is no id"]);
        check(
            "[limits]\nmemory = \"much\"\n[[account]]\nid=\"a\"\nexports=[\"a\"]\n",
            "",
            &["m.toml:2:10: `much` is no size"],
        );
        check(
            "accounts = \"people.csv\"\n",
            "id,exports,targets\na,x.zip,\na,y.zip,\nb,z.zip,ftp://x/y\n",
            &["2 mistakes", "people.csv:3: the id `a` stands in people.csv:2 too", "people.csv:4: targets:"],
        );
        check("accounts = \"nobody.csv\"\n", "", &["m.toml:1:12: cannot read"]);
        check(
            "accounts = \"people.csv\"\n[defaults]\nimport = [\"--nonsense\"]\n",
            "id,exports\na,b\n",
            &["people.csv:2: import: unexpected argument"],
        );
        check("accounts = \"people.csv\"\n", "exports\nx\n", &["people.csv:1", "no column `id`"]);
        check(
            "accounts = \"people.csv\"\n",
            "id,exports,verify\na,x,perhaps\nb,x\n",
            &["people.csv:2: verify", "people.csv:3: it has 2 fields"],
        );
        check("", "", &["no account stands in it"]);
        check("[[account]]\nid=\"a\"\nexports=[\"a\"]\ntime_limit=\"soon\"\n", "", &["`soon` is no time"]);
    }

    #[test]
    fn a_row_says_for_itself_what_the_defaults_do_not_fit() {
        let toml = "accounts = \"people.csv\"\n[defaults]\nexports = [\"in/{unit}/{id}/*.zip\", \"academia:papers/{id}\"]\ntargets = [\"home\"]\n\
            [target.home]\nurl = \"sftp://{login}@h.example/~/{id}\"\npassword_command = \"pass {login}\"\n";
        let found = wrong_with(
            toml,
            "id,owner,unit,login,archive\nada,Ada Example,physics,ada@x,\nbo,,law,bo,own/bo\n",
        );
        for wanted in [
            "pattern: \"in/physics/ada/*.zip\"",
            "from: Some(\"academia\"), pattern: \"papers/ada\"",
            "url: \"sftp://ada%40x@h.example/~/ada\"",
            "Some(\"pass 'ada@x'\")",
            "archives/ada\"",
            "own/bo\"",
            "host: \"h.example\"",
            "push: [\"--verify\", \"hash\"]",
        ] {
            assert!(found.contains(wanted), "{wanted}: {found}");
        }
    }
}
