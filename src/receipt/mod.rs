//! The receipt: everything that came in, what became of it, and what was proven where and when; and the answer to the
//! question for which a person reads it: may I delete the account?
//!
//! Nothing is proven here. The receipt repeats what the archive knows of itself and what [`crate::archive::proofs`]
//! remembers of `verify` and `push`. Its form is described in `docs/receipt.schema.json`; [`page`] prints it.

pub mod page;
pub mod part;
pub mod ready;

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use self::ready::Check;
use crate::archive::proofs::{self, Proof, Pushed, What};
use crate::archive::reader::Reader;
use crate::report::counts::State;
use crate::report::error::Result;

/// What [`Receipt::schema`] says.
pub const SCHEMA: &str = "exodus-receipt-1";

/// A receipt. All times are RFC 3339 in UTC.
#[derive(Clone, Debug, Serialize)]
pub struct Receipt {
    /// The form of the receipt: [`SCHEMA`].
    pub schema: &'static str,
    /// When it was written.
    pub made_at: String,
    /// The version of exodus.
    pub exodus: &'static str,
    /// What the archive holds.
    pub archive: Archive,
    /// What came in.
    pub exports: Vec<Export>,
    /// What is kept as it came, since no importer reads it.
    pub kept: Vec<Kept>,
    /// What could not be taken.
    pub faults: Vec<Fault>,
    /// Labels and albums: as many items in the archive as in the export.
    pub labels: Vec<Label>,
    /// The last time that every file of the archive was read and compared.
    pub verified_here: Option<VerifiedHere>,
    /// The last push to each target.
    pub targets: Vec<Target>,
    /// Whether the account can be closed, check by check.
    pub ready: Vec<Check>,
    /// True when every check is met.
    pub is_ready: bool,
}

/// What the archive holds.
#[derive(Clone, Debug, Serialize)]
pub struct Archive {
    /// Its folder.
    pub path: String,
    /// BLAKE3 of its ledger, which names all that is in it.
    pub ledger_blake3: String,
    /// Items by kind.
    pub items: BTreeMap<String, u64>,
    /// Bytes of all items.
    pub bytes: u64,
}

/// An export and what became of its entries.
#[derive(Clone, Debug, Serialize)]
pub struct Export {
    /// The importer that read it.
    pub platform: String,
    /// The account it belongs to.
    pub account: Option<String>,
    /// When the platform made it.
    pub exported_at: Option<String>,
    /// Its parts.
    pub parts: Vec<Part>,
    /// Files of the export by what became of them; `total` is their sum.
    pub entries: BTreeMap<&'static str, u64>,
    /// Paths that its own list names and no part held.
    pub missing: Vec<String>,
}

/// A part of an export.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// Its file name.
    pub name: String,
    /// `zip`, `tgz`, `tar`, `folder` or `file`.
    pub kind: String,
    /// Its size in bytes.
    pub size: u64,
    /// BLAKE3 of its table of contents (names, sizes, checksums of its files), 32 hexadecimal digits.
    pub fingerprint: String,
    /// SHA-256 of the whole file, if `exodus receipt --parts` was given it.
    pub sha256: Option<String>,
}

/// What is kept as it came, of one product.
#[derive(Clone, Debug, Serialize)]
pub struct Kept {
    /// The product.
    pub product: String,
    /// Its files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Something that could not be taken.
#[derive(Clone, Debug, Serialize)]
pub struct Fault {
    /// Where.
    pub place: String,
    /// What happened.
    pub what: String,
    /// What to do.
    pub hint: Option<String>,
}

/// A label or an album.
#[derive(Clone, Debug, Serialize)]
pub struct Label {
    /// As its user wrote it.
    pub name: String,
    /// What it means, where it is one of the platform's own or an album.
    pub role: Option<String>,
    /// Items that carry it in the export.
    pub in_export: u64,
    /// Of those, items whose file the archive has.
    pub in_archive: u64,
}

/// A verify that read everything.
#[derive(Clone, Debug, Serialize)]
pub struct VerifiedHere {
    /// When it ended.
    pub at: String,
    /// Items whose files were read.
    pub items: u64,
    /// Bytes read.
    pub bytes: u64,
    /// How much was wrong.
    pub problems: u64,
    /// True when nothing has come into the archive since.
    pub is_current: bool,
}

/// The last push to a target.
#[derive(Clone, Debug, Serialize)]
pub struct Target {
    /// When it ended.
    pub at: String,
    /// What it was.
    #[serde(flatten)]
    pub pushed: Pushed,
    /// True when nothing has come into the archive since.
    pub is_current: bool,
    /// True when every file was found there by its hash.
    pub is_proven: bool,
}

/// What a receipt is about.
pub struct Scope<'a> {
    /// The archive's folder.
    pub archive: &'a Path,
    /// Only this target's URL counts; `None` for all.
    pub target: Option<&'a str>,
}

/// Writes the receipt of an archive.
///
/// # Errors
/// When the archive cannot be read.
pub fn receipt(scope: &Scope) -> Result<Receipt> {
    let reader = Reader::open(scope.archive)?;
    let status = reader.status()?;
    let state = reader.state()?;
    let proofs = proofs::all(scope.archive)?;
    let lost = reader.lost()?;
    let mut exports = Vec::new();
    for export in &status.exports {
        exports.push(Export {
            platform: export.platform.clone(),
            account: export.account.clone(),
            exported_at: export.exported_at.map(time),
            parts: parts(&reader, &export.key, &proofs)?,
            entries: State::ALL
                .into_iter()
                .map(|state| (state.name(), export.entries.get(state)))
                .chain([("total", export.entries.total())])
                .collect(),
            missing: reader.missing_of(&export.key)?,
        });
    }
    let labels = reader.labels(&lost)?.into_iter().map(|it| Label {
        name: it.name,
        role: Some(it.role).filter(|role| !role.is_empty()),
        in_export: it.in_export,
        in_archive: it.in_archive,
    });
    let kept = reader.kept()?.into_iter();
    let faults = status.faults.iter();
    let mut receipt = Receipt {
        schema: SCHEMA,
        made_at: time(jiff::Timestamp::now().as_second()),
        exodus: env!("CARGO_PKG_VERSION"),
        archive: Archive {
            path: scope.archive.display().to_string(),
            items: status.items.iter().map(|(kind, (n, _))| (kind.clone(), *n)).collect(),
            bytes: status.items.values().map(|(_, bytes)| *bytes).sum(),
            ledger_blake3: state.clone(),
        },
        exports,
        kept: kept.map(|it| Kept { product: it.product, files: it.files, bytes: it.bytes }).collect(),
        faults: faults
            .map(|it| Fault { place: it.place.clone(), what: it.what.clone(), hint: it.hint.clone() })
            .collect(),
        labels: labels.collect(),
        verified_here: verified_here(&proofs, &state),
        targets: targets(&proofs, &state, scope.target),
        ready: Vec::new(),
        is_ready: false,
    };
    receipt.ready = ready::checks(&receipt, &reader, &proofs, scope)?;
    receipt.is_ready = receipt.ready.iter().all(|check| check.is_met);
    Ok(receipt)
}

fn parts(reader: &Reader, export: &str, proofs: &[Proof]) -> Result<Vec<Part>> {
    let sha256_of = |wanted: &str| {
        proofs.iter().rev().find_map(|proof| match &proof.what {
            What::Part { fingerprint, sha256 } if fingerprint == wanted => Some(sha256.clone()),
            _ => None,
        })
    };
    let parts = reader.parts_of(export)?.into_iter().map(|it| Part {
        sha256: sha256_of(&it.fingerprint),
        name: it.name,
        kind: it.kind,
        size: it.size,
        fingerprint: it.fingerprint,
    });
    Ok(parts.collect())
}

fn verified_here(proofs: &[Proof], state: &str) -> Option<VerifiedHere> {
    proofs.iter().rev().find_map(|proof| match proof.what {
        What::Verified { items, bytes, problems } => Some(VerifiedHere {
            at: time(proof.at),
            items,
            bytes,
            problems,
            is_current: proof.state == state,
        }),
        _ => None,
    })
}

fn targets(proofs: &[Proof], state: &str, only: Option<&str>) -> Vec<Target> {
    let mut last: BTreeMap<&str, Target> = BTreeMap::new();
    for proof in proofs {
        let What::Pushed(pushed) = &proof.what else { continue };
        if only.is_some_and(|only| only != pushed.target) {
            continue;
        }
        let target = Target {
            at: time(proof.at),
            is_current: proof.state == state,
            is_proven: pushed.is_proven(),
            pushed: pushed.clone(),
        };
        last.insert(&pushed.target, target);
    }
    last.into_values().collect()
}

/// A time as RFC 3339 in UTC.
fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| "?".to_owned(), |time| time.to_string())
}
