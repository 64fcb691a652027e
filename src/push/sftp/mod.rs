//! The target `sftp://`: files over the SSH File Transfer Protocol, version 3, on any server that speaks it.
//!
//! [`wire`] is the protocol's packets, [`session`] a channel with many requests on their way, [`server`] a login with
//! its channels, [`facts`] what the server can do; [`send`] sends small files and [`large`] large ones. tokio stays in
//! here: from outside all of it is blocking, until [`waiting`] makes no sense any more.

pub mod facts;
pub mod large;
pub mod send;
pub mod server;
pub mod session;
pub mod waiting;
pub mod wire;

use std::io::Write;
use std::time::Duration;

use data_encoding::HEXLOWER;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt};
use sha2::{Digest, Sha256 as Sha};
use tokio::runtime::{Builder, Runtime};

use self::facts::quoted;
use self::server::{Server, cut, stat_of};
use self::session::{Failed, unexpected};
use self::waiting::Waiting;
use self::wire::{Attrs, Reply, Request, status};
use super::manifest;
use super::target::{
    Abilities, Feed, FileKind, FileTarget, Folder, Moved, Result, Retry, Room, Sha256, Stat, TargetError,
};
use super::{Opening, TargetDef};

/// `sftp://user@host:port/path`
pub const DEF: TargetDef = TargetDef { scheme: "sftp", title: "a server over SFTP", open };

/// So many small requests are on their way at once.
const REQUESTS: usize = 256;
/// A server may hash for so long.
const HASH_PATIENCE: Duration = Duration::from_secs(3600);

/// A server as a target.
struct Sftp<'a> {
    // Dropped before the runtime, in which it lives.
    server: Server,
    runtime: Runtime,
    waiting: Waiting<'a>,
}

fn open<'a>(opening: &Opening<'a>) -> Result<Box<dyn FileTarget + 'a>> {
    if opening.place.host.is_empty() {
        return Err(TargetError::login("`sftp://` needs a host: sftp://you@your-server/~/archive"));
    }
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime =
        runtime.map_err(|err| TargetError::new(Retry::EndRun, format!("cannot start threads: {err}")))?;
    let waiting = Waiting::new(opening.stop);
    match waiting.until_done(&runtime, Server::open(opening, &waiting.heard)) {
        Ok(server) => Ok(Box::new(Sftp { server, runtime, waiting })),
        Err(err) => {
            // Where a name leads may still be asked for, by a thread that nobody can stop.
            runtime.shutdown_background();
            Err(err)
        }
    }
}

impl FileTarget for Sftp<'_> {
    fn room(&mut self) -> Result<Option<Room>> {
        let early = self.server.early.as_mut().and_then(|early| early.room.take());
        self.waiting.until_done(&self.runtime, async {
            match early {
                Some(answers) => server::room_of(answers).await,
                None => self.server.room().await,
            }
        })
    }

    fn abilities(&mut self) -> Result<Abilities> {
        self.waiting.until_done(&self.runtime, self.server.abilities())
    }

    fn make_folders(&mut self, folders: &[Folder]) -> Result<Vec<bool>> {
        self.waiting.until_done(&self.runtime, self.server.make_folders(folders))
    }

    fn run(&mut self, feed: &mut dyn Feed) -> Result<()> {
        self.waiting.until_done(&self.runtime, async {
            if !self.server.is_openssh() {
                self.server.try_out().await?;
            }
            let sent = send::run(&self.server, feed).await;
            if sent.is_ok() {
                self.server.clear_try().await;
            }
            self.server.take_tried();
            sent
        })
    }

    fn stat(&mut self, paths: &[String]) -> Result<Vec<Option<Stat>>> {
        let early = self.server.early.as_mut().filter(|_| paths == [manifest::PATH]);
        let early = early.and_then(|early| early.manifest.take());
        self.waiting.until_done(&self.runtime, async {
            match early {
                Some(answer) => {
                    let path = self.server.at(manifest::PATH);
                    let attrs =
                        answer.await.map_err(|failed| self.server.explain("look at", &path, &failed))?;
                    Ok(vec![attrs.map(|attrs| stat_of(&attrs))])
                }
                None => self.server.stat(paths).await,
            }
        })
    }

    fn list(&mut self, folder: &str) -> Result<Option<Vec<(String, Stat)>>> {
        self.waiting.until_done(&self.runtime, self.server.list(folder))
    }

    fn read(&mut self, path: &str, offset: u64, out: &mut dyn Write) -> Result<bool> {
        self.waiting.until_done(&self.runtime, self.server.read(path, offset, out))
    }

    fn hashes(&mut self, paths: &[String]) -> Result<Option<Vec<Option<Sha256>>>> {
        self.waiting.until_done(&self.runtime, async {
            let tried = self.server.try_out_for_sending().await?;
            match () {
                () if tried.can_check => self.server.checked_files(paths).await,
                () if tried.hashes_by_command => self.server.summed_files(paths).await,
                () => Ok(None),
            }
        })
    }

    fn rename(&mut self, moves: &[(String, String)]) -> Result<Vec<Moved>> {
        self.waiting.until_done(&self.runtime, async {
            self.server.try_out_for_sending().await?;
            let renames = moves.iter().map(|(from, to)| self.server.rename(from, to));
            Ok(stream::iter(renames).buffered(REQUESTS).collect().await)
        })
    }

    fn remove(&mut self, paths: &[String]) -> Result<Vec<Option<TargetError>>> {
        self.waiting.until_done(&self.runtime, self.server.remove(paths))
    }
}

impl Server {
    async fn make_folders(&self, folders: &[Folder]) -> Result<Vec<bool>> {
        let session = &self.sessions[0];
        // All at once: most servers do one thing after the other, so parents are there when their children come.
        let above =
            self.root.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0).chain([self.root.len()]);
        let attrs = Attrs { mode: Some(0o700), ..Attrs::default() };
        let above: Vec<_> =
            above.map(|end| session.order(Request::Mkdir(&self.root[..end], attrs))).collect();
        let making = folders.iter().map(|folder| self.make_folder(folder));
        let done = join_all(making).await;
        // One that is there already is no failure; one that cannot be made shows in what should be in it.
        join_all(above).await;
        let mut made = Vec::with_capacity(folders.len());
        for (folder, done) in folders.iter().zip(done) {
            made.push(match done {
                Err(err) if err.retry == Retry::Never => self.make_folder(folder).await?,
                done => done?,
            });
        }
        Ok(made)
    }

    async fn make_folder(&self, folder: &Folder) -> Result<bool> {
        let path = self.at(&folder.path);
        let session = &self.sessions[0];
        let attrs = Attrs { mode: Some(folder.mode), ..Attrs::default() };
        match session.order(Request::Mkdir(&path, attrs)).await {
            Ok(()) => {
                // The server's umask may have taken something away.
                if folder.mode & 0o077 != 0 {
                    let _ = session.order(Request::Setstat(&path, attrs)).await;
                }
                Ok(true)
            }
            Err(failed) => {
                let there = session.attrs(Request::Stat(&path)).await.ok().flatten().map(|it| stat_of(&it));
                match there.map(|stat| stat.kind) {
                    Some(FileKind::Folder) => Ok(false),
                    Some(_) => Err(TargetError::new(
                        Retry::Never,
                        format!("cannot make the folder `{path}` on the server: a file is there"),
                    )),
                    None => Err(self.explain("make the folder", &path, &failed)),
                }
            }
        }
    }

    async fn stat(&self, paths: &[String]) -> Result<Vec<Option<Stat>>> {
        let looks = paths.iter().map(|path| async {
            let path = self.at(path);
            let attrs = self.sessions[0].attrs(Request::Lstat(&path)).await;
            let attrs = attrs.map_err(|failed| self.explain("look at", &path, &failed))?;
            Ok(attrs.map(|attrs| stat_of(&attrs)))
        });
        stream::iter(looks).buffered(REQUESTS).collect::<Vec<_>>().await.into_iter().collect()
    }

    async fn list(&self, folder: &str) -> Result<Option<Vec<(String, Stat)>>> {
        let path = self.at(folder);
        let session = &self.sessions[0];
        let handle = match session.handle(Request::Opendir(&path)).await {
            Err(Failed::Status(status::NO_SUCH_FILE, _)) => return Ok(None),
            handle => handle.map_err(|failed| self.explain("list", &path, &failed))?,
        };
        let mut found = Vec::new();
        // A few at a time: the server gives some names for each request, in turn.
        let mut answers: stream::FuturesOrdered<_> =
            (0..8).map(|_| session.ask(Request::Readdir(&handle))).collect();
        let done = loop {
            match answers.next().await {
                Some(Ok(Reply::Names(names))) => {
                    let names = names.into_iter().filter(|(name, _)| name != "." && name != "..");
                    found.extend(names.map(|(name, attrs)| (name, stat_of(&attrs))));
                    answers.push_back(session.ask(Request::Readdir(&handle)));
                }
                Some(Ok(Reply::Status(status::EOF, _))) | None => break Ok(Some(found)),
                Some(Ok(other)) => break Err(self.explain("list", &path, &unexpected(other))),
                Some(Err(failed)) => break Err(self.explain("list", &path, &failed)),
            }
        };
        while answers.next().await.is_some() {}
        let _ = session.order(Request::Close(&handle)).await;
        done
    }

    async fn rename(&self, from: &str, to: &str) -> Moved {
        let (from, to) = (self.at(from), self.at(to));
        let session = &self.sessions[0];
        let is_careless = self.facts.tried.is_some_and(|tried| !tried.rename_is_careful);
        if is_careless && matches!(session.attrs(Request::Lstat(&to)).await, Ok(Some(_))) {
            return Moved::Occupied;
        }
        let Err(failed) = session.order(Request::Rename(&from, &to)).await else { return Moved::Done };
        let (old, new) = (session.attrs(Request::Lstat(&from)), session.attrs(Request::Lstat(&to)));
        match (old.await, new.await) {
            (Ok(None), _) => Moved::Gone,
            (_, Ok(Some(_))) => Moved::Occupied,
            _ => Moved::Failed(self.explain("rename", &from, &failed)),
        }
    }

    async fn remove(&self, paths: &[String]) -> Result<Vec<Option<TargetError>>> {
        let removals = paths.iter().map(|path| async {
            let path = self.at(path);
            match self.sessions[0].order(Request::Remove(&path)).await {
                Ok(()) | Err(Failed::Status(status::NO_SUCH_FILE, _)) => Ok(None),
                Err(Failed::Cut) => Err(cut()),
                Err(failed) => Ok(Some(self.explain("remove", &path, &failed))),
            }
        });
        stream::iter(removals).buffered(REQUESTS).collect::<Vec<_>>().await.into_iter().collect()
    }

    /// Hashes by the extension `check-file`.
    async fn checked_files(&self, paths: &[String]) -> Result<Option<Vec<Option<Sha256>>>> {
        let checks = paths.iter().map(|path| async {
            let path = self.at(path);
            match self.sessions[0].ask(Request::CheckFile(&path)).await {
                Ok(Reply::Extended(bytes)) => Ok(Some(wire::checked_file(&bytes))),
                Ok(Reply::Status(status::NO_SUCH_FILE, _)) => Ok(Some(None)),
                // ProFTPD hashes no empty file; any other is read back.
                Ok(_) => {
                    let attrs = self.sessions[0].attrs(Request::Lstat(&path)).await.map_err(|_| cut())?;
                    let is_empty = attrs.is_some_and(|attrs| attrs.size == Some(0));
                    Ok(is_empty.then(|| Some(Sha::digest(b"").into())))
                }
                Err(_) => Err(cut()),
            }
        });
        // If it cannot do it for one, it cannot do it.
        stream::iter(checks).buffered(16).collect::<Vec<_>>().await.into_iter().collect()
    }

    /// Hashes by running `sha256sum`.
    async fn summed_files(&self, paths: &[String]) -> Result<Option<Vec<Option<Sha256>>>> {
        let command = format!("cd {} && xargs -0 sha256sum -z --", quoted(&self.root));
        let names: Vec<u8> = paths.iter().flat_map(|path| path.bytes().chain([0])).collect();
        let Some(ran) = self.connection.run(&command, names, HASH_PATIENCE).await? else { return Ok(None) };
        let mut lines = ran.out.split(|byte| *byte == 0).filter_map(|line| {
            let (hash, name) = line.split_at_checked(66)?;
            let hash: Sha256 = HEXLOWER.decode(&hash[..64]).ok()?.try_into().ok()?;
            Some((hash, name))
        });
        // Those that could not be read are left out; the others stand in the order in which they were asked for.
        let mut next = lines.next();
        let hashes = paths.iter().map(|path| match next {
            Some((hash, name)) if name == path.as_bytes() => {
                next = lines.next();
                Some(hash)
            }
            _ => None,
        });
        Ok(Some(hashes.collect()))
    }
}
