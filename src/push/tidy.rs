//! What a push changes besides sending: messages follow the archive into other folders; with `--prune`, files of
//! ours that the archive does not have any more are removed.

use std::collections::HashMap;
use std::path::Path;

use super::hash::hash_file;
use super::journal::{Journal, Todo};
use super::link::Link;
use super::manifest::{Line, Put};
use super::mapping::is_below;
use super::send::Located;
use super::settle::messages;
use super::target::{FileTarget, Moved, Result as TargetResult, Sha256, Stat};
use crate::report::error::Result;

/// So many files are looked at or removed at a time.
const CHUNK: usize = 256;

/// What became of messages that the archive has moved, or has new bytes of.
#[derive(Clone, Debug, Default)]
pub struct Followed {
    /// Messages that were renamed there.
    pub moved: u64,
    /// Messages that need nothing more: numbers in the order of sending.
    pub done: Vec<u64>,
    /// Messages whose new bytes are to be sent, with the older version that they replace.
    pub replacing: HashMap<u64, Located>,
    /// Lines for the manifest.
    pub lines: Vec<Line>,
}

/// Lets messages on the target follow the archive: one with the same bytes is renamed; one with new bytes is going to
/// be replaced, and keeps the flags that its owner has given it there. What its owner has moved or deleted there is
/// left to them.
///
/// # Errors
/// When the target cannot be asked or the journal not be written.
pub fn follow(
    link: &mut Link,
    journal: &Journal,
    archive: &Path,
    pairs: Vec<(Put, Todo)>,
) -> Result<Followed> {
    let mut followed = Followed::default();
    let mut folders = Folders::default();
    for (old, todo) in pairs {
        let located = link.with(|target| folders.locate(target, &old))?;
        let ours = hash_file(&archive.join(&todo.here.local)).ok();
        let Some(located) = located else {
            followed.leave(old, &todo, ours);
            continue;
        };
        // Flags that its owner has changed there stay; else the archive's count.
        let path = match located.path == old.path {
            true => todo.here.path.clone(),
            false => with_flags_of(&todo.here.path, &located.path),
        };
        if ours != Some(old.sha256) {
            journal.set_path(&todo.here, &path)?;
            followed.replacing.insert(todo.n, located);
            continue;
        }
        if path != located.path && link.with(|target| rename(target, &located.path, &path))? {
            followed.moved += 1;
        }
        followed.done.push(todo.n);
        followed.lines.push(Line::Gone { gone: old.path.clone() });
        followed.lines.push(Line::Put(Put { path, ..old }));
    }
    Ok(followed)
}

impl Followed {
    /// Its owner has moved or deleted it: it is booked as if it were where the archive has it.
    fn leave(&mut self, old: Put, todo: &Todo, ours: Option<Sha256>) {
        let here = &todo.here;
        self.done.push(todo.n);
        self.lines.push(Line::Gone { gone: old.path });
        self.lines.push(Line::Put(Put {
            path: here.path.clone(),
            size: here.size,
            mtime: here.mtime,
            seen: None,
            sha256: ours.unwrap_or(old.sha256),
            message: here.message.clone(),
        }));
    }
}

/// Folders of messages, listed once each, where a message is not where it was put.
#[derive(Default)]
pub struct Folders(HashMap<String, HashMap<String, (String, Stat)>>);

impl Folders {
    /// Where a message that we have put is now: there, or in the same folder under other flags.
    ///
    /// # Errors
    /// When the target cannot be asked.
    pub fn locate(&mut self, target: &mut dyn FileTarget, put: &Put) -> TargetResult<Option<Located>> {
        let stat = target.stat(std::slice::from_ref(&put.path))?.into_iter().next().flatten();
        match stat {
            Some(stat) => Ok(Some(Located { path: put.path.clone(), stat })),
            None => self.renamed(target, put),
        }
    }

    /// Where a message is that is not where we have put it.
    ///
    /// # Errors
    /// When the target cannot be asked.
    pub fn renamed(&mut self, target: &mut dyn FileTarget, put: &Put) -> TargetResult<Option<Located>> {
        let Some(message) = &put.message else { return Ok(None) };
        let folder = put.path.rsplit_once('/').map_or("cur", |(folder, _)| folder);
        let above = folder.rsplit_once('/').map(|(above, _)| format!("{above}/")).unwrap_or_default();
        let cur = format!("{above}cur");
        if !self.0.contains_key(&cur) {
            let there = messages(target, &cur)?;
            self.0.insert(cur.clone(), there);
        }
        let found = self.0.get(&cur).and_then(|there| there.get(message)).cloned();
        Ok(found.map(|(path, stat)| Located { path, stat }))
    }
}

fn rename(target: &mut dyn FileTarget, from: &str, to: &str) -> TargetResult<bool> {
    match target.rename(&[(from.to_owned(), to.to_owned())])?.into_iter().next() {
        Some(Moved::Done) => Ok(true),
        Some(Moved::Failed(err)) => Err(err),
        // Occupied: it is there already, from a push that was cut.
        Some(Moved::Gone | Moved::Occupied) | None => Ok(false),
    }
}

/// The name of a message with the flags that its owner has given it on the target, and the keywords of its new
/// folder, whose letters differ from the old one's.
fn with_flags_of(to: &str, found: &str) -> String {
    let flags = |path: &str| path.rsplit_once(":2,").map_or(String::new(), |(_, flags)| flags.to_owned());
    let Some((name, ours)) = to.rsplit_once(":2,") else { return to.to_owned() };
    let theirs = flags(found);
    let capitals = theirs.chars().filter(char::is_ascii_uppercase);
    let keywords = ours.chars().filter(char::is_ascii_lowercase);
    format!("{name}:2,{}", capitals.chain(keywords).collect::<String>())
}

/// What is to be pruned: files of ours within the scopes (paths on the target) that the archive does not have.
///
/// # Errors
/// When the journal cannot be read.
pub fn superfluous(journal: &Journal, scopes: &[String]) -> Result<Vec<Put>> {
    let all = journal.superfluous()?.into_iter();
    Ok(all.filter(|put| scopes.iter().any(|scope| is_below(&put.path, scope))).collect())
}

/// What became of pruning.
#[derive(Clone, Debug, Default)]
pub struct Pruned {
    /// Files removed.
    pub removed: u64,
    /// What was left alone: path on the target, and why.
    pub left_alone: Vec<(String, String)>,
    /// Lines for the manifest.
    pub lines: Vec<Line>,
}

/// Removes files that are still as we have put them.
///
/// # Errors
/// When the target cannot be asked.
pub fn prune(link: &mut Link, puts: &[Put]) -> Result<Pruned> {
    let mut pruned = Pruned::default();
    for chunk in puts.chunks(CHUNK) {
        let paths: Vec<String> = chunk.iter().map(|put| put.path.clone()).collect();
        let stats = link.with(|target| target.stat(&paths))?;
        let mut ours: Vec<String> = Vec::new();
        for (put, stat) in chunk.iter().zip(stats) {
            match stat {
                None => pruned.lines.push(Line::Gone { gone: put.path.clone() }),
                Some(stat) if stat.size == put.size && stat.mtime == put.seen_mtime() => {
                    ours.push(put.path.clone());
                }
                Some(_) => {
                    let why = "it was changed there since exodus put it".to_owned();
                    pruned.left_alone.push((put.path.clone(), why));
                }
            }
        }
        let removed = link.with(|target| target.remove(&ours))?;
        for (path, failed) in ours.into_iter().zip(removed) {
            match failed {
                None => {
                    pruned.removed += 1;
                    pruned.lines.push(Line::Gone { gone: path });
                }
                Some(err) => pruned.left_alone.push((path, err.error.what)),
            }
        }
    }
    Ok(pruned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moved_message_keeps_the_flags_of_the_server_and_gets_the_keywords_of_its_folder() {
        let moved = with_flags_of("mail/.A/cur/1.x:2,ab", "mail/.B/cur/1.x:2,FSc");
        assert_eq!(moved, "mail/.A/cur/1.x:2,FSab");
    }
}
