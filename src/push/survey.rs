//! The survey: what the archive has for a target, each file with its place there.

use super::journal::{Here, Journal};
use super::mapping::{Mapping, folder_mode, is_below};
use crate::archive::files::OnDisk;
use crate::archive::reader::Reader;
use crate::report::error::{Error, Kind, Result};

/// What a survey passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// What cannot be sent as a file: path and why.
    pub odd: Vec<(String, String)>,
    /// Parts of the archive that have no place on the target.
    pub staying: Vec<String>,
    /// Index, ledger and seal were left out because somebody writes to the archive.
    pub is_being_written: bool,
}

/// Files are sent in this order: what makes a Maildir, messages, other files, what speaks of all of them.
fn class(path: &str, message: Option<&str>) -> u8 {
    match (path.split('/').next(), message) {
        (_, Some(_)) => 1,
        (Some("mail"), None) => 0,
        (Some("files" | "contacts" | "calendars"), None) => 2,
        _ => 3,
    }
}

/// Walks through the archive and tells the journal of all that has a place on the target. `only`: paths in the
/// archive; empty for all.
///
/// # Errors
/// When the archive cannot be read, or two files would have one place.
pub fn survey(reader: &Reader, mapping: &Mapping, only: &[String], journal: &Journal) -> Result<Survey> {
    let mut survey = Survey { is_being_written: !reader.is_at_rest(), ..Survey::default() };
    let is_wanted = |path: &str| only.is_empty() || only.iter().any(|only| is_below(path, only));
    journal.at_once(|journal| {
        reader.each_file(&mut |it| match it {
            OnDisk::Folder(path) => {
                let spot = mapping.spot(&path);
                if spot.is_none() && !path.contains('/') && !leads_to_a_rule(mapping, &path) {
                    survey.staying.push(path.clone());
                }
                match spot.filter(|_| is_wanted(&path)) {
                    Some(spot) => add_folders(journal, &spot.path, spot.mode),
                    None => Ok(()),
                }
            }
            OnDisk::File { path, size, mtime, ctime, message } => {
                let Some(spot) = mapping.spot(&path) else {
                    if !path.contains('/') {
                        survey.staying.push(path);
                    }
                    return Ok(());
                };
                if !is_wanted(&path) {
                    return Ok(());
                }
                if let Some((above, _)) = spot.path.rsplit_once('/') {
                    add_folders(journal, above, spot.mode)?;
                }
                let class = class(&path, message.as_deref());
                let here = Here {
                    local: path,
                    path: spot.path,
                    message,
                    size,
                    mtime,
                    ctime,
                    mode: spot.mode,
                    class,
                };
                add(journal, &here, &mut survey)
            }
            OnDisk::Odd { path, why } => {
                if is_wanted(&path) && mapping.spot(&path).is_some() {
                    survey.odd.push((path, why.to_owned()));
                }
                Ok(())
            }
        })
    })?;
    Ok(survey)
}

fn add(journal: &Journal, here: &Here, survey: &mut Survey) -> Result<()> {
    if journal.add_here(here)? {
        return Ok(());
    }
    if here.message.is_some() {
        survey.odd.push((here.local.clone(), "the same message lies in its folder twice".to_owned()));
        return Ok(());
    }
    let what = format!("`{}` and another file would both go to `{}`", here.local, here.path);
    Err(Error::new(Kind::Login, what).hint("give the parts of the archive places of their own"))
}

/// A folder and all above it, below the target's root. Who may read something below may enter them.
fn add_folders(journal: &Journal, path: &str, mode: u32) -> Result<()> {
    for (at, _) in path.match_indices('/') {
        journal.add_folder(&path[..at], folder_mode(mode))?;
    }
    journal.add_folder(path, folder_mode(mode))
}

/// True when some rule is about something below this folder.
fn leads_to_a_rule(mapping: &Mapping, path: &str) -> bool {
    mapping.rules().iter().any(|rule| is_below(&rule.from, path))
}
