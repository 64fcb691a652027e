//! What a push changes besides sending: messages follow the archive into other folders; with `--prune`, files of
//! ours that the archive does not have any more are removed.

use super::journal::{Journal, Todo};
use super::link::Link;
use super::manifest::{Line, Put};
use super::mapping::is_below;
use super::settle::messages;
use super::target::{FileTarget, Moved, Result as TargetResult};
use crate::report::error::Result;

/// So many files are looked at or removed at a time.
const CHUNK: usize = 256;

/// Moves messages on the target to where the archive has them now. One that its owner has moved or deleted there is
/// left to them. Returns how many were moved, and the lines for the manifest.
///
/// # Errors
/// When the target cannot be asked.
pub fn move_messages(link: &mut Link, moves: Vec<(Put, Todo)>) -> Result<(u64, Vec<Line>)> {
    let (mut n, mut lines) = (0, Vec::new());
    for (old, todo) in moves {
        let to = &todo.here.path;
        let path = link.with(|target| move_message(target, &old, to))?;
        n += u64::from(path.is_some());
        lines.push(Line::Gone { gone: old.path.clone() });
        let path = path.unwrap_or_else(|| to.clone());
        lines.push(Line::Put(Put { path, ..old }));
    }
    Ok((n, lines))
}

/// Where the message is now; `None` if it was not there any more.
fn move_message(target: &mut dyn FileTarget, old: &Put, to: &str) -> TargetResult<Option<String>> {
    if rename(target, &old.path, to)? {
        return Ok(Some(to.to_owned()));
    }
    let (Some((folder, _)), Some(message)) = (old.path.rsplit_once('/'), &old.message) else {
        return Ok(None);
    };
    let cur = format!("{}cur", folder.strip_suffix("cur").or(folder.strip_suffix("new")).unwrap_or(folder));
    let Some((path, _)) = messages(target, &cur)?.remove(message) else { return Ok(None) };
    let to = with_flags_of(to, &path);
    Ok(rename(target, &path, &to)?.then_some(to))
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
