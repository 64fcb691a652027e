//! The sandbox of `import` and `watch`: foreign data is read by a process that the kernel (Landlock) lets read the parts and write
//! the archive, and nothing else: no other file, no program, no TCP, no signal to others. So an error in a parser cannot
//! become more than a wrong item. A `watch` that deletes what is imported may change and remove the parts too.
//!
//! It holds for the thread that asks for it and for all that this thread starts: it is put up before there is another one
//! that reads. (The one that waits for Ctrl-C is older, and reads nothing; that of `watch` which verifies reads the archive alone.) What is not in it: UDP, and looking at names and sizes of files, which Landlock does not control.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus,
    Scope,
};

use super::log::Level;
use super::output::Output;
use crate::report::error::{Error, Result};

/// The newest rules that are asked for; an older kernel keeps those that it knows.
const RULES: ABI = ABI::V6;

/// What who is shut in may touch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reach<'a> {
    /// May be read, and where links in them lead to.
    pub parts: &'a [PathBuf],
    /// A folder that may be read; links in it lead nowhere.
    pub watched: Option<&'a Path>,
    /// The files of the watched folder may be changed and removed too.
    pub deletes: bool,
    /// The archive, if anything is to be written.
    pub archive: Option<&'a Path>,
}

/// What a sandbox became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sandbox {
    /// All rules hold.
    Whole,
    /// The kernel knows some of the rules.
    Partly,
    /// The kernel has no Landlock, or it is not in use; why, if it is known.
    No(String),
}

impl Sandbox {
    /// In a line for who asks.
    fn words(&self, reach: &Reach) -> String {
        let does = if reach.deletes { "reads and changes" } else { "reads" };
        match self {
            Sandbox::Whole => format!("sandbox: {does} the parts, writes the archive, nothing else"),
            Sandbox::Partly => "sandbox: as far as this kernel can (an older Landlock)".to_owned(),
            Sandbox::No(why) => format!("no sandbox: {why}"),
        }
    }
}

/// The version of Landlock that this kernel has in use.
pub fn kernel_version() -> Option<i32> {
    // Only somebody who is shut in is told: a thread that does nothing else.
    let told = std::thread::spawn(|| restrict(&Reach::default(), None)).join().ok()?.ok()?;
    match told.landlock {
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            Some(kernel_abi.unwrap_or(effective_abi as i32))
        }
        _ => None,
    }
}

/// The archive's folder, made if it was not there, and gone again if nothing came into it.
struct Place<'a> {
    archive: &'a Path,
    /// Folders that were made, the outermost first.
    made: Vec<&'a Path>,
}

impl<'a> Place<'a> {
    /// Makes the folder where it is missing. What cannot be made is for the import to complain of.
    fn make(archive: &'a Path) -> Place<'a> {
        let is_missing = |path: &&Path| !path.as_os_str().is_empty() && path.symlink_metadata().is_err();
        let mut made: Vec<&Path> = archive.ancestors().take_while(is_missing).collect();
        made.reverse();
        drop(crate::archive::folders::make(archive));
        Place { archive, made }
    }

    /// The folder in which the first of the made ones stands, if any was made.
    fn above(&self) -> Option<&Path> {
        let above = self.made.first()?.parent()?;
        Some(if above.as_os_str().is_empty() { Path::new(".") } else { above })
    }

    /// Removes what was made and is empty.
    fn clear(&self) {
        // One that is not empty stays, and all above it.
        let _ = self.made.iter().rev().try_for_each(std::fs::remove_dir);
    }
}

/// Does something with foreign data in the sandbox; `no_sandbox` says that the user wants none.
///
/// # Errors
/// Those of the work.
pub fn inside<T>(
    reach: &Reach,
    no_sandbox: bool,
    output: &Output,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    if no_sandbox {
        output.detail(Level::Info, "no sandbox: --no-sandbox");
        return work();
    }
    let place = reach.archive.map(Place::make);
    let sandbox = shut_in(reach, place.as_ref());
    output.detail(Level::Info, &sandbox.words(reach));
    let done = work();
    if let Some(place) = &place {
        place.clear();
    }
    let is_refused = |err: &Error| err.what.contains("Permission denied");
    done.map_err(|err| match is_refused(&err) && !matches!(sandbox, Sandbox::No(_)) {
        true => err.hint("if you may read and write there yourself, the sandbox is in the way: --no-sandbox"),
        false => err,
    })
}

/// Shuts this thread, and all that it starts from now on, in.
fn shut_in(reach: &Reach, place: Option<&Place>) -> Sandbox {
    let told = match restrict(reach, place) {
        Ok(told) => told,
        Err(err) => return Sandbox::No(err.to_string()),
    };
    match (told.landlock, told.ruleset) {
        (LandlockStatus::NotEnabled, _) => Sandbox::No("Landlock is switched off in this kernel".to_owned()),
        (LandlockStatus::NotImplemented, _) => Sandbox::No("this kernel has no Landlock".to_owned()),
        (_, RulesetStatus::FullyEnforced) => Sandbox::Whole,
        (_, RulesetStatus::PartiallyEnforced) => Sandbox::Partly,
        (_, RulesetStatus::NotEnforced) => Sandbox::No("the kernel took no rule".to_owned()),
    }
}

fn restrict(reach: &Reach, place: Option<&Place>) -> std::result::Result<RestrictionStatus, RulesetError> {
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(RULES))?
        .handle_access(AccessNet::from_all(RULES))?
        .scope(Scope::from_all(RULES))?
        .create()?;
    let read = AccessFs::from_read(RULES) & !AccessFs::Execute;
    for part in reach.parts {
        rules = allow(rules, part, read)?;
        for target in targets_of_links(part) {
            rules = allow(rules, &target, read)?;
        }
    }
    if let Some(folder) = reach.watched {
        let change = AccessFs::WriteFile | AccessFs::RemoveFile;
        rules = allow(rules, folder, if reach.deletes { read | change } else { read })?;
    }
    // How many processors this process may use.
    for path in ["/proc/self", "/sys/fs/cgroup"] {
        rules = allow(rules, Path::new(path), read)?;
    }
    rules = allow(rules, Path::new("/dev/null"), read | AccessFs::WriteFile)?;
    if let Some(place) = place {
        let write = AccessFs::from_all(RULES) & !AccessFs::Execute;
        rules = allow(rules, place.archive, write)?;
        // `mail` or `files` may lie on another disk.
        for target in targets_of_links(place.archive) {
            rules = allow(rules, &target, write)?;
        }
        if let Some(above) = place.above() {
            rules = allow(rules, above, AccessFs::RemoveDir.into())?;
        }
    }
    rules.restrict_self()
}

/// Allows what is at a path, if it is there.
fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> std::result::Result<RulesetCreated, RulesetError> {
    let Ok(at) = PathFd::new(path) else { return Ok(rules) };
    // Of a file only what can be done with files may be said.
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(RULES) };
    rules.add_rule(PathBeneath::new(at, access))
}

/// Where links that stand in a folder lead to: a part may be one.
fn targets_of_links(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let links = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink()));
    links.filter_map(|entry| entry.path().canonicalize().ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::{TcpListener, TcpStream};
    use std::process::Command;

    use super::*;

    /// What a thread that is shut in can do. (The rules hold for it alone.)
    #[test]
    fn who_is_shut_in_reads_the_parts_and_writes_the_archive_and_nothing_else() {
        if kernel_version().is_none() {
            return eprintln!("SKIPPED: the sandbox: this kernel has no Landlock");
        }
        let root = std::env::temp_dir().join(format!("exodus-sandbox-{}", std::process::id()));
        for folder in ["parts", "watched", "archive/tmp", "other"] {
            fs::create_dir_all(root.join(folder)).expect("a temporary folder can be made");
        }
        fs::write(root.join("other/secret"), "secret").expect("it is ours");
        for part in ["part.zip", "watched/1.zip"] {
            fs::write(root.join(part), "part").expect("it is ours");
        }
        std::os::unix::fs::symlink(root.join("part.zip"), root.join("parts/link.zip")).expect("it is ours");
        std::os::unix::fs::symlink(root.join("other/secret"), root.join("watched/link")).expect("it is ours");
        let server = TcpListener::bind("127.0.0.1:0").expect("loopback is there");
        let address = server.local_addr().expect("it listens");
        let at = root.clone();
        let inside = std::thread::spawn(move || {
            let archive = at.join("archive");
            let (parts, watched) = ([at.join("parts")], at.join("watched"));
            let reach =
                Reach { parts: &parts, watched: Some(&watched), deletes: true, archive: Some(&archive) };
            let sandbox = shut_in(&reach, Some(&Place::make(&archive)));
            let hole = std::fs::OpenOptions::new().read(true).write(true).open(at.join("watched/1.zip"));
            let allowed = [
                ("read a part by a link", fs::read(at.join("parts/link.zip")).is_ok()),
                ("write the archive", fs::write(archive.join("tmp/1"), "x").is_ok()),
                ("move within the archive", fs::rename(archive.join("tmp/1"), archive.join("1")).is_ok()),
                ("link within the archive", fs::hard_link(archive.join("1"), archive.join("tmp/2")).is_ok()),
                ("change a watched part", hole.is_ok()),
                ("delete a watched part", fs::remove_file(at.join("watched/1.zip")).is_ok()),
                ("start threads", std::thread::spawn(|| ()).join().is_ok()),
            ];
            let forbidden = [
                ("read another file", fs::read(at.join("other/secret")).is_ok()),
                ("read the system", fs::read("/etc/passwd").is_ok()),
                ("write a part", fs::write(at.join("parts/new"), "x").is_ok()),
                ("change a part", fs::write(at.join("part.zip"), "x").is_ok()),
                ("delete a part", fs::remove_file(at.join("parts/link.zip")).is_ok()),
                ("make a watched part", fs::write(at.join("watched/2.zip"), "x").is_ok()),
                ("write elsewhere", fs::write(at.join("other/new"), "x").is_ok()),
                ("remove elsewhere", fs::remove_file(at.join("other/secret")).is_ok()),
                ("move out", fs::rename(archive.join("1"), at.join("other/1")).is_ok()),
                ("read by a link in the watched folder", fs::read(at.join("watched/link")).is_ok()),
                ("list elsewhere", fs::read_dir(at.join("other")).is_ok()),
                ("run a program", Command::new("true").status().is_ok()),
                ("connect", sandbox == Sandbox::Whole && TcpStream::connect(address).is_ok()),
                ("listen", sandbox == Sandbox::Whole && TcpListener::bind("127.0.0.1:0").is_ok()),
                (
                    "another thread reads",
                    std::thread::spawn(|| fs::read("/etc/passwd").is_ok()).join().unwrap_or(true),
                ),
            ];
            (sandbox, allowed, forbidden)
        });
        let (sandbox, allowed, forbidden) = inside.join().expect("it does not panic");
        assert!(matches!(sandbox, Sandbox::Whole | Sandbox::Partly), "{sandbox:?}");
        allowed.iter().for_each(|(what, is_done)| assert!(is_done, "it may not {what}"));
        forbidden.iter().for_each(|(what, is_done)| assert!(!is_done, "it can {what}"));
        fs::remove_dir_all(&root).expect("this thread may");
    }
}
