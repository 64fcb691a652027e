//! Settles what is there without being in the books: files that met another at their place, messages that a cut
//! push has left and a mail program has renamed since. Equal bytes are ours; anything else is left alone.

use std::collections::HashMap;

use super::hash::{Hasher, hash_file};
use super::journal::{Journal, Todo};
use super::link::Link;
use super::send::{Located, Occupied, Sending};
use super::target::{FileKind, FileTarget, Result as TargetResult, Sha256, Stat};
use crate::archive::files::message_stem;
use crate::report::error::Result;

/// So many files are compared at a time.
const CHUNK: usize = 256;

/// What was settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Files that were there already, byte for byte.
    pub here_already: u64,
    /// What was left alone: the path on the target, and why.
    pub left_alone: Vec<(String, String)>,
}

/// Compares each file with the one that it met.
///
/// # Errors
/// When the target cannot be asked or the journal not be written.
pub fn settle(
    link: &mut Link,
    journal: &Journal,
    archive: &std::path::Path,
    sending: &mut Sending,
    settled: &mut Settled,
) -> Result<()> {
    let occupied = std::mem::take(&mut sending.account.occupied);
    for chunk in occupied.chunks(CHUNK) {
        let mut pairs: Vec<(Occupied, Todo)> = Vec::new();
        for met in chunk {
            let Some(todo) = journal.todo_at(met.n)? else { continue };
            if met.stat.kind == FileKind::File && met.stat.size == todo.here.size {
                pairs.push((met.clone(), todo));
            } else {
                leave(journal, settled, met, &todo)?;
            }
        }
        let paths: Vec<String> = pairs.iter().map(|(met, _)| met.path.clone()).collect();
        let theirs = link.with(|target| hashes(target, &paths))?;
        for ((met, todo), theirs) in pairs.into_iter().zip(theirs) {
            let ours = hash_file(&archive.join(&todo.here.local)).ok();
            match ours.filter(|ours| Some(*ours) == theirs) {
                Some(hash) => {
                    sending.arrived(&todo, &met.path, hash, &met.stat)?;
                    settled.here_already += 1;
                }
                None => leave(journal, settled, &met, &todo)?,
            }
        }
    }
    Ok(())
}

fn leave(journal: &Journal, settled: &mut Settled, met: &Occupied, todo: &Todo) -> Result<()> {
    let why = match (met.stat.kind, &todo.before) {
        (FileKind::Folder, _) => "a folder is there",
        (FileKind::Other, _) => "a link or a device is there",
        (_, Some(_)) => "it was changed there since exodus put it",
        (_, None) => "another file is there, which exodus did not put",
    };
    journal.strike(todo.n)?;
    settled.left_alone.push((met.path.clone(), why.to_owned()));
    Ok(())
}

/// SHA-256 of files of a target: computed there, or else read back.
pub fn hashes(target: &mut dyn FileTarget, paths: &[String]) -> TargetResult<Vec<Option<Sha256>>> {
    if paths.is_empty() {
        return Ok(Vec::new());
    }
    if let Some(hashes) = target.hashes(paths)? {
        return Ok(hashes);
    }
    paths.iter().map(|path| read_back(target, path)).collect()
}

/// SHA-256 of a file of a target, read back.
pub fn read_back(target: &mut dyn FileTarget, path: &str) -> TargetResult<Option<Sha256>> {
    let mut hash = Hasher::default();
    let is_there = target.read(path, 0, &mut hash)?;
    Ok(is_there.then(|| hash.finish()))
}

/// The messages in a Maildir folder (named by the path of its `cur`), in `cur` and `new`, by the stems of their
/// names; empty if there is no such folder.
pub fn messages(target: &mut dyn FileTarget, cur: &str) -> TargetResult<HashMap<String, (String, Stat)>> {
    let new = format!("{}new", cur.strip_suffix("cur").unwrap_or(cur));
    let mut found = HashMap::new();
    for folder in [new, cur.to_owned()] {
        for (name, stat) in target.list(&folder)?.unwrap_or_default() {
            let path = format!("{folder}/{name}");
            let unique = message_stem(&format!("mail/{path}")).unwrap_or(&name).to_owned();
            found.insert(unique, (path, stat));
        }
    }
    Ok(found)
}

/// Finds messages that are to be sent and are there already, perhaps with other flags, in folders that were there
/// before this run. Those that replace an older version are left out: what is found of them is that one.
///
/// # Errors
/// When the target cannot be asked or the journal not be read.
pub fn look_for_messages(
    link: &mut Link,
    journal: &Journal,
    folders: &[String],
    replacing: &HashMap<u64, Located>,
) -> Result<Vec<Occupied>> {
    let mut found = Vec::new();
    for cur in folders {
        let mut wanted = journal.messages_to_send(cur)?;
        wanted.retain(|(_, n)| !replacing.contains_key(n));
        if wanted.is_empty() {
            continue;
        }
        let there = link.with(|target| messages(target, cur))?;
        for (unique, n) in wanted {
            if let Some((path, stat)) = there.get(&unique) {
                found.push(Occupied { n, path: path.clone(), stat: *stat });
            }
        }
    }
    Ok(found)
}
