//! What a server can do: what it says of itself, and what trying shows.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256 as Sha};

use super::super::target::{Abilities, Result, Retry};
use super::server::{Server, cut};
use super::session::{Failed, Session};
use super::wire::{Attrs, Reply, Request, checked_file, numbers, open};

/// What every server must take in one write: draft-ietf-secsh-filexfer-02 §3.
const SAFE_WRITE_BYTES: usize = 32 << 10;
/// A server that answers a command with nothing for so long runs none.
const PATIENCE: Duration = Duration::from_secs(15);

/// A folder to try commands with may be on the server.
static HAS_TRY_FOLDER: AtomicBool = AtomicBool::new(false);

/// What is known of a server.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Bytes of one write, and of one read.
    pub max_write: usize,
    /// See `max_write`.
    pub max_read: usize,
    /// Files that may be open on one channel.
    pub max_handles: usize,
    /// `posix-rename@openssh.com`: a file is replaced in one step.
    pub can_replace: bool,
    /// `fsync@openssh.com`
    pub can_fsync: bool,
    /// What trying has shown; `None`: not tried yet.
    pub tried: Option<Tried>,
}

/// What trying shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// A plain rename refuses to replace a file.
    pub rename_is_careful: bool,
    /// `check-file`, which ProFTPD knows and does not announce.
    pub can_check: bool,
    /// Commands can be run, see the same files, and have `sha256sum -z`.
    pub hashes_by_command: bool,
    /// Commands can be run, see the same files, and have `sync -f`.
    pub syncs_by_command: bool,
    /// `A` and `a` are two files.
    pub is_case_sensitive: bool,
    /// Times are kept.
    pub keeps_times: bool,
    /// Permission bits are kept.
    pub keeps_modes: bool,
}

impl Facts {
    /// Asks for what the server tells of itself.
    ///
    /// # Errors
    /// When the link is cut.
    pub async fn learn(session: &Session) -> Result<Facts> {
        let mut facts = Facts {
            max_write: SAFE_WRITE_BYTES,
            max_read: SAFE_WRITE_BYTES,
            max_handles: 100,
            can_replace: session.offers("posix-rename@openssh.com"),
            can_fsync: session.offers("fsync@openssh.com"),
            tried: None,
        };
        if session.offers("limits@openssh.com") {
            match session.ask(Request::Limits).await {
                Ok(Reply::Extended(bytes)) => facts.limit(&numbers(&bytes)),
                Err(Failed::Cut) => return Err(cut()),
                _ => {}
            }
        }
        Ok(facts)
    }

    /// max-packet-length, max-read-length, max-write-length, max-open-handles; 0: no limit.
    fn limit(&mut self, limits: &[u64]) {
        let [_, read, write, handles, ..] = limits else { return };
        let bytes =
            |limit: u64| if limit == 0 { SAFE_WRITE_BYTES } else { limit.clamp(4096, 256 << 10) as usize };
        (self.max_read, self.max_write) = (bytes(*read), bytes(*write));
        if *handles > 0 {
            self.max_handles = (*handles).clamp(1, 10_000) as usize;
        }
    }
}

impl Server {
    /// Finds out what only trying shows, with two small files in `.exodus`, which are removed again.
    ///
    /// # Errors
    /// When the link is cut, or not even these files can be made.
    pub async fn try_out(&mut self) -> Result<Tried> {
        if let Some(tried) = self.facts.tried {
            return Ok(tried);
        }
        let id = own_id();
        let tried = match self.try_with_files(&id).await {
            Ok(tried) => tried,
            // Nothing was ever pushed there: the folder is made for the while.
            Err(err) if err.retry == Retry::Never => {
                let made = self.make_own_folder().await?;
                let tried = self.try_with_files(&id).await;
                for path in made.iter().rev() {
                    let _ = self.sessions[0].order(Request::Rmdir(path)).await;
                }
                tried?
            }
            Err(err) => return Err(err),
        };
        self.facts.tried = Some(tried);
        Ok(tried)
    }

    /// Files are made safe one by one, since there is no way to do it for many. On OpenSSH, while nobody knows yet
    /// whether there is, they are remembered until it is time.
    pub fn syncs_each(&self) -> bool {
        self.facts.can_fsync
            && match self.facts.tried {
                Some(tried) => !tried.syncs_by_command,
                None => !self.is_openssh(),
            }
    }

    /// What OpenSSH's commands can do, found out once.
    ///
    /// # Errors
    /// When the link is cut.
    pub async fn knows_commands(&self) -> Result<Option<Tried>> {
        if self.facts.tried.is_some() {
            return Ok(self.facts.tried);
        }
        self.commands.get_or_try_init(|| self.try_commands_at_once()).await.copied()
    }

    /// Keeps what was found out while sending.
    pub fn take_tried(&mut self) {
        self.facts.tried = self.facts.tried.or(self.commands.take().flatten());
    }

    /// What sending must know: on OpenSSH, of which the rest is known, only whether commands can be run.
    ///
    /// # Errors
    /// When the link is cut.
    pub async fn try_out_for_sending(&mut self) -> Result<Tried> {
        if self.is_openssh() && self.facts.tried.is_none() {
            self.facts.tried = self.try_commands_at_once().await?;
        }
        self.try_out().await
    }

    /// Whether OpenSSH runs commands, asked for in one wait of the line: a folder is made under a name that nobody else
    /// can know of, and a command looks for it; what it finds in time is proof. `None`: nobody knows.
    ///
    /// # Errors
    /// When the link is cut.
    pub async fn try_commands_at_once(&self) -> Result<Option<Tried>> {
        let folder = self.at(&format!(".exodus/try-{}", own_id()));
        let attrs = Attrs { mode: Some(0o700), ..Attrs::default() };
        HAS_TRY_FOLDER.store(true, Ordering::Relaxed);
        let made = self.sessions[0].order(Request::Mkdir(&folder, attrs));
        let quoted = quoted(&folder);
        let command = format!(
            "for n in 1 2 3; do test -d {quoted} && break; sleep 0.1; done; \
             test -d {quoted} && sha256sum -z < /dev/null && sync -f {quoted} && echo exodus-synced"
        );
        let (made, ran) = tokio::join!(made, self.connection.run(&command, Vec::new(), PATIENCE));
        self.connection.prepare_run();
        let ran = ran?;
        // One that a cut try of this process has left will do.
        if made.is_err() && !matches!(self.sessions[0].attrs(Request::Lstat(&folder)).await, Ok(Some(_))) {
            return Ok(None);
        }
        self.clear_try().await;
        let out = ran.map(|ran| ran.out).unwrap_or_default();
        let hash: [u8; 32] = Sha::digest(b"").into();
        let hashes_by_command = out.starts_with(format!("{}  -\0", HEXLOWER.encode(&hash)).as_bytes());
        Ok(Some(Tried {
            rename_is_careful: true,
            can_check: false,
            hashes_by_command,
            syncs_by_command: hashes_by_command && out.ends_with(b"exodus-synced\n"),
            is_case_sensitive: true,
            keeps_times: true,
            keeps_modes: true,
        }))
    }

    /// Removes the folder of a try, also one that a connection that was cut has left.
    pub async fn clear_try(&self) {
        if HAS_TRY_FOLDER.load(Ordering::Relaxed) {
            let folder = self.at(&format!(".exodus/try-{}", own_id()));
            match self.sessions[0].order(Request::Rmdir(&folder)).await {
                Err(Failed::Cut) => {}
                _ => HAS_TRY_FOLDER.store(false, Ordering::Relaxed),
            }
        }
    }

    /// True for a server that is known to answer in order and to rename carefully.
    pub fn is_openssh(&self) -> bool {
        self.connection.software().starts_with("OpenSSH") && self.facts.can_replace
    }

    /// Makes the root and `.exodus` where they are missing; tells which were made.
    async fn make_own_folder(&self) -> Result<Vec<String>> {
        let own = self.at(".exodus");
        let session = &self.sessions[0];
        let mut made = Vec::new();
        let ends = own.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0).chain([own.len()]);
        for end in ends {
            let attrs = Attrs { mode: Some(0o700), ..Attrs::default() };
            match session.order(Request::Mkdir(&own[..end], attrs)).await {
                Ok(()) => made.push(own[..end].to_owned()),
                Err(Failed::Cut) => return Err(cut()),
                Err(failed) if end == own.len() => {
                    return Err(self.explain("make the folder", &own, &failed));
                }
                Err(_) => {}
            }
        }
        Ok(made)
    }

    async fn try_with_files(&self, id: &str) -> Result<Tried> {
        let session = &self.sessions[0];
        let own = |name: &str| self.at(&format!(".exodus/{name}"));
        let (one, two, three) =
            (own(&format!("try-a-{id}")), own(&format!("try-b-{id}")), own(&format!("try-c-{id}")));
        let upper = own(&format!("try-a-{id}").to_uppercase());
        let content = format!("exodus {id}");
        let attrs = Attrs { mode: Some(0o640), mtime: Some(1_000_000_000), ..Attrs::default() };
        let files =
            (self.put_small(&one, content.as_bytes(), attrs), self.put_small(&two, b"", Attrs::default()));
        let copy = self.put_small(&three, content.as_bytes(), attrs);
        let (first, second, third) = tokio::join!(files.0, files.1, copy);
        first.and(second).and(third)?;
        let looks = (session.attrs(Request::Lstat(&one)), session.attrs(Request::Lstat(&upper)));
        let rename = session.order(Request::Rename(&two, &one));
        let checked = session.ask(Request::CheckFile(&three));
        let commands = self.try_commands(&three, content.as_bytes());
        let (there, as_upper, rename, checked, commands) =
            tokio::join!(looks.0, looks.1, rename, checked, commands);
        let hash: [u8; 32] = Sha::digest(content.as_bytes()).into();
        for path in [&one, &two, &three] {
            // Nobody waits for it.
            drop(session.order(Request::Remove(path)));
        }
        let there = there.ok().flatten().unwrap_or_default();
        let (hashes_by_command, syncs_by_command) = commands?;
        Ok(Tried {
            rename_is_careful: rename.is_err(),
            can_check: matches!(checked, Ok(Reply::Extended(bytes)) if checked_file(&bytes) == Some(hash)),
            hashes_by_command,
            syncs_by_command,
            is_case_sensitive: !matches!(as_upper, Ok(Some(_))),
            keeps_times: there.mtime == attrs.mtime,
            keeps_modes: there.mode.is_some_and(|mode| mode & 0o777 == 0o640),
        })
    }

    async fn put_small(&self, path: &str, bytes: &[u8], attrs: Attrs) -> Result<()> {
        let session = &self.sessions[0];
        let flags = open::WRITE | open::CREATE | open::TRUNCATE;
        let handle =
            session.handle(Request::Open(path, flags, Attrs { mode: Some(0o600), ..Attrs::default() })).await;
        let handle = handle.map_err(|failed| self.explain("make", path, &failed))?;
        let written = session.write(&handle, 0, self.packet(&handle, bytes));
        let set = session.order(Request::Fsetstat(&handle, attrs));
        let closed = session.order(Request::Close(&handle));
        // What the server does not keep is found out when it is looked at.
        let (written, _, closed) = tokio::join!(written, set, closed);
        if let Err(failed) = written {
            return Err(self.explain_write(path, &failed).await);
        }
        closed.map_err(|failed| self.explain("close", path, &failed))
    }

    /// Whether commands see the same files: for hashes, and for making safe.
    async fn try_commands(&self, path: &str, content: &[u8]) -> Result<(bool, bool)> {
        let quoted = quoted(path);
        let command = format!("sha256sum -z -- {quoted}; sync -f {quoted} && echo exodus-synced");
        let Some(ran) = self.connection.run(&command, Vec::new(), PATIENCE).await? else {
            return Ok((false, false));
        };
        let hash: [u8; 32] = Sha::digest(content).into();
        let hashes = ran.out.starts_with(format!("{}  {path}\0", HEXLOWER.encode(&hash)).as_bytes());
        // Without the hash nobody knows which files the command has seen.
        Ok((hashes, hashes && ran.out.ends_with(b"exodus-synced\n")))
    }

    /// All there is to tell of the server.
    ///
    /// # Errors
    /// When the link is cut, or not even a small file can be made.
    pub async fn abilities(&mut self) -> Result<Abilities> {
        self.facts.tried = None;
        let tried = self.try_out().await?;
        let hashes_by = match () {
            () if tried.can_check => Some("check-file"),
            () if tried.hashes_by_command => Some("sha256sum"),
            () => None,
        };
        Ok(Abilities {
            software: self.connection.software().to_owned(),
            root: self.root.clone(),
            extensions: self.sessions[0].extensions.iter().map(|(name, _)| name.clone()).collect(),
            room: self.room().await?,
            replaces_at_once: self.facts.can_replace || !tried.rename_is_careful,
            rename_is_careful: tried.rename_is_careful,
            syncs: self.facts.can_fsync || tried.syncs_by_command,
            hashes_by,
            is_case_sensitive: tried.is_case_sensitive,
            keeps_times: tried.keeps_times,
            keeps_modes: tried.keeps_modes,
        })
    }
}

/// Letters that no other machine or user has: what a push that was killed has left is found by the next one.
fn own_id() -> String {
    let machine = rustix::system::uname();
    let home = std::env::var_os("HOME").unwrap_or_default();
    let seed = format!("exodus {:?} {home:?}", machine.nodename());
    HEXLOWER.encode(&blake3::hash(seed.as_bytes()).as_bytes()[..8])
}

/// A path as a word for a POSIX shell.
pub fn quoted(path: &str) -> String {
    format!("'{}'", path.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_whatever_is_in_it() {
        assert_eq!(quoted("/srv/it's $HOME"), "'/srv/it'\\''s $HOME'");
    }
}
