//! Who turns the export of a platform into items.

use std::collections::BTreeMap;

use crate::{ImportError, Kind, Sink, Source};

/// Turns the export of one platform into items. Reads only through [`Source`].
pub trait Importer: Sync {
    /// What it is called and what it can do.
    fn about(&self) -> &'static About;

    /// Tells whether the export is of this platform. Looks at names first and opens a few small entries at most.
    fn detect(&self, source: &dyn Source) -> Detection;

    /// Tells what is in the export before anything is taken: account, products, what its own list says is missing.
    ///
    /// # Errors
    /// When the export cannot be read at all.
    fn survey(&self, source: &dyn Source) -> Result<Survey, ImportError>;

    /// Sends all of the export to `sink`.
    ///
    /// # Errors
    /// Only what ends the import; what one item lacks is a [`crate::Fault`].
    fn import(&self, source: &dyn Source, options: &Options, sink: &mut dyn Sink) -> Result<(), ImportError>;

    /// True when the name of a file or folder, or of a field in one, is the platform's own and so tells nothing of a
    /// person: what may stand in a report of a layout that nobody knows. With or without its extension.
    fn is_own_name(&self, _name: &str) -> bool {
        false
    }
}

/// What an importer is called and what it can do; feeds the command line, the papers and the tests.
#[derive(Debug)]
pub struct About {
    /// Its name on the command line, in the index and in `files/<name>/`.
    pub name: &'static str,
    /// The platform as people call it.
    pub title: &'static str,
    /// The kinds of items it makes.
    pub kinds: &'static [Kind],
    /// The products whose entries it understands, by the names used in [`crate::Item::product`] and `--only`.
    pub products: &'static [&'static str],
    /// Its options, which become command line flags.
    pub options: &'static [OptionSpec],
    /// True when a newer export may leave out what an older one tells, so that facts that only one of them has are kept;
    /// false when what is not told any more is not so any more.
    pub do_facts_add_up: bool,
    /// Where a person asks the platform for this export.
    pub request_url: Option<&'static str>,
}

/// One option of an importer: `--<name>=<one of values>`.
#[derive(Debug)]
pub struct OptionSpec {
    /// Its name, without the dashes.
    pub name: &'static str,
    /// What it may be set to; the first is the default.
    pub values: &'static [&'static str],
    /// One sentence for the help text.
    pub help: &'static str,
}

/// The options of one run: what the user chose.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Chosen values by option name.
    pub values: BTreeMap<String, String>,
    /// Kinds or products of `--only`; empty means all.
    pub only: Vec<String>,
}

impl Options {
    /// The chosen value of an option, or its default.
    pub fn get<'a>(&'a self, spec: &'a OptionSpec) -> &'a str {
        let chosen = self.values.get(spec.name).map(String::as_str);
        chosen.or(spec.values.first().copied()).unwrap_or("")
    }

    /// True when the user wants this kind from this product.
    pub fn wants(&self, kind: Kind, product: &str) -> bool {
        let named = |only: &String| only == kind.name() || only == product;
        self.only.is_empty() || self.only.iter().any(named)
    }
}

/// Whether an export is of an importer's platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Detection {
    /// It is of another platform.
    No,
    /// It is of this platform.
    Yes {
        /// Which of the platform's layouts it has.
        layout: &'static str,
    },
    /// It is of this platform, but cannot be read.
    Unreadable {
        /// Why, and what to do.
        why: &'static str,
    },
}

/// What is in an export, from its own words and its names.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// The account it belongs to, when the export says.
    pub account: Option<String>,
    /// The platform's name of this export, the same in all its parts, when it has one.
    pub job: Option<String>,
    /// When the export was made, in seconds since 1970-01-01 UTC.
    pub exported_at: Option<i64>,
    /// Its products; entries outside all of them belong to none.
    pub products: Vec<Product>,
    /// Paths that the export's own list names and no given part holds.
    pub missing: Vec<String>,
    /// What a person must know before relying on the export, in one sentence each: that it holds one year only.
    pub warnings: Vec<String>,
}

/// One product in an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Its name: one of [`About::products`] when the importer understands it, else as the platform calls it.
    /// Names the folder `files/<platform>/<name>/` of what is kept.
    pub name: String,
    /// The path of its folder in the export, without the last `/`; empty for the top.
    pub folder: String,
    /// True when the importer makes items of it; false when its entries are only kept.
    pub is_understood: bool,
}
