//! Sending files: many at once, each whole or not at all.
//!
//! A small file goes in four steps that each wait for the server: it is opened under its temporary name (and its place
//! looked at); written and given its time; closed; renamed (and looked at). Only a file whose every write was
//! acknowledged gets its name, so that a full disk leaves no short file. Hundreds of files are on their way at once,
//! so the waiting costs nothing. Large files are in [`super::large`].

use std::fs::File;
use std::future::Future;
use std::io::Read;
use std::pin::Pin;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::stream::{self, FuturesUnordered, StreamExt};
use sha2::{Digest, Sha256 as Sha};

use super::super::manifest;
use super::super::target::{
    Feed, Next, Outcome, Over, Result, Retry, Send, Sent, Sha256, Stat, TargetError, Task,
};
use super::server::{Server, cut, stat_of};
use super::session::{Failed, Session};
use super::wire::{Attrs, Request, open, status, write_head_len};

/// Files up to this size are read at once and sent on one channel.
const SMALL_BYTES: u64 = 256 << 10;
/// So many bytes of small files may be on their way.
const SMALL_IN_FLIGHT: u64 = 16 << 20;
/// A link that is cut all the time gets less at once, see [`Feed::care`]: down to this.
const LEAST_BYTES: u64 = 4 << 10;
/// So many small files on each channel.
const FILES_A_CHANNEL: usize = 500;
/// So many large files at once: while one waits to be closed and renamed another is written.
const LARGE_AT_ONCE: usize = 3;

/// The number of what is no task of the feed's.
const TRYING: u64 = u64::MAX;

/// A look at a path that is on its way.
type Looking = Pin<Box<dyn Future<Output = std::result::Result<Option<Attrs>, Failed>> + std::marker::Send>>;

/// A small file that is being opened.
struct Begun<'a> {
    session: &'a Session,
    opened: Pin<Box<dyn Future<Output = std::result::Result<Vec<u8>, Failed>> + std::marker::Send>>,
    there: Option<Looking>,
}

/// A task that is being done.
type Doing<'a> = Pin<Box<dyn Future<Output = (u64, u64, Outcome)> + 'a>>;

/// What [`run`] keeps account of.
struct Flight<'a> {
    server: &'a Server,
    doing: FuturesUnordered<Doing<'a>>,
    small_bytes: u64,
    /// So many bytes of small files may be on their way now; grows with what gets through.
    small_limit: u64,
    /// Larger files are sent so that a cut try can be resumed.
    max_small: u64,
    is_trying: bool,
    large: usize,
    max_large: usize,
    max_files: usize,
}

/// Does what the feed hands out: see `FileTarget::run`.
///
/// # Errors
/// When the link is cut.
pub async fn run(server: &Server, feed: &mut dyn Feed) -> Result<()> {
    let a_channel = FILES_A_CHANNEL.min(server.facts.max_handles.saturating_sub(LARGE_AT_ONCE + 1).max(1));
    let max_files = a_channel * server.channels_for_small;
    let care = feed.care();
    server.care.store(care, Ordering::Relaxed);
    let mut flight = Flight {
        server,
        doing: FuturesUnordered::new(),
        small_bytes: 0,
        small_limit: SMALL_IN_FLIGHT.checked_shr(3 * care).unwrap_or(0).max(LEAST_BYTES),
        max_small: SMALL_BYTES.checked_shr(2 * care.saturating_sub(1)).unwrap_or(0).max(LEAST_BYTES),
        max_large: if care > 0 { 1 } else { LARGE_AT_ONCE },
        is_trying: !server.is_openssh() || server.facts.tried.is_some(),
        large: 0,
        max_files,
    };
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    let mut is_ended = false;
    loop {
        while !is_ended && flight.has_room() {
            match feed.next() {
                Next::Task(n, task) => flight.begin(n, task),
                Next::Wait => break,
                Next::End => is_ended = true,
            }
        }
        if flight.doing.is_empty() {
            return Ok(());
        }
        let ended = tokio::select! {
            biased;
            Some(done) = flight.doing.next() => flight.end(done, feed),
            _ = tick.tick() => Ok(()),
        };
        // After a cut too: what was found there tells that the try before it has brought something.
        feed.progress(server.acknowledged.swap(0, Ordering::Relaxed));
        feed.resumed(server.resumed.swap(0, Ordering::Relaxed));
        ended?;
        server.is_stopping.store(feed.should_stop(), Ordering::Relaxed);
        if server.is_cut() {
            return Err(cut());
        }
    }
}

impl<'a> Flight<'a> {
    fn has_room(&self) -> bool {
        self.doing.len() < self.max_files
            && self.small_bytes < self.small_limit
            && self.large < self.max_large
    }

    fn begin(&mut self, n: u64, task: Task) {
        let server = self.server;
        if matches!(task, Task::Send(_)) && !std::mem::replace(&mut self.is_trying, true) {
            // What making safe must know is found out while the first files are on their way.
            self.doing.push(Box::pin(async move {
                let tried = server.knows_commands().await;
                (TRYING, 0, tried.map_or_else(Outcome::Failed, |_| Outcome::Done))
            }));
        }
        match task {
            Task::Send(send) if send.size <= self.max_small => match read_small(&send) {
                Some((bytes, hash)) => {
                    let size = send.size;
                    self.small_bytes += size;
                    let begun = server.begin_small(&send);
                    self.doing.push(Box::pin(async move {
                        (n, size, settled(server.small(begun, &send, &bytes, hash).await))
                    }));
                }
                None => self.doing.push(Box::pin(async move { (n, 0, Outcome::Changed) })),
            },
            Task::Send(send) => {
                self.large += 1;
                self.doing.push(Box::pin(async move { (n, u64::MAX, settled(server.large(&send).await)) }));
            }
            Task::Sync => {
                self.doing.push(Box::pin(async move { (n, 0, settled(server.sync().await)) }));
            }
            Task::Append { path, bytes } => {
                self.doing.push(Box::pin(async move { (n, 0, settled(server.append(&path, &bytes).await)) }));
            }
        }
    }

    /// Takes what is done; an error of the link ends all.
    fn end(&mut self, (n, size, outcome): (u64, u64, Outcome), feed: &mut dyn Feed) -> Result<()> {
        match size {
            u64::MAX => self.large -= 1,
            size => {
                self.small_bytes -= size;
                self.small_limit = SMALL_IN_FLIGHT.min(self.small_limit + size);
            }
        }
        if let Outcome::Failed(err) = &outcome
            && err.retry == Retry::Soon
        {
            return Err(err.clone());
        }
        if n != TRYING {
            feed.done(n, outcome);
        }
        Ok(())
    }
}

fn settled(outcome: Result<Outcome>) -> Outcome {
    outcome.unwrap_or_else(Outcome::Failed)
}

/// All of a small file, with its hash; `None` if it is not what was planned any more.
fn read_small(send: &Send) -> Option<(Vec<u8>, Sha256)> {
    let mut file = File::open(&send.from).ok()?;
    let mut bytes = Vec::with_capacity(send.size as usize + 1);
    Read::by_ref(&mut file).take(send.size + 1).read_to_end(&mut bytes).ok()?;
    let hash = Sha::digest(&bytes).into();
    (bytes.len() as u64 == send.size).then_some((bytes, hash))
}

impl Server {
    /// A write's packet with room for its head.
    pub fn packet(&self, handle: &[u8], bytes: &[u8]) -> Vec<u8> {
        let head = write_head_len(handle);
        let mut packet = Vec::with_capacity(head + bytes.len());
        packet.resize(head, 0);
        packet.extend_from_slice(bytes);
        packet
    }

    /// Asks for a small file to be opened; the request is on its way at once, while the next file is read here.
    fn begin_small<'a>(&'a self, send: &Send) -> Begun<'a> {
        let session = self.session_for_small();
        let flags = open::WRITE | open::CREATE | open::TRUNCATE;
        let attrs = Attrs { mode: Some(0o600), ..Attrs::default() };
        let opened = session.handle(Request::Open(&self.at(&send.temporary), flags, attrs));
        let there = (send.over != Over::NewFolder).then(|| session.attrs(Request::Lstat(&self.at(&send.to))));
        let there = there.map(|there| -> Looking { Box::pin(there) });
        Begun { session, opened: Box::pin(opened), there }
    }

    /// Sends a small file on one channel.
    async fn small(&self, begun: Begun<'_>, send: &Send, bytes: &[u8], hash: Sha256) -> Result<Outcome> {
        let (to, temporary) = (self.at(&send.to), self.at(&send.temporary));
        let Begun { session, opened, there } = begun;
        if let Some(pace) = &self.pace {
            pace.take(bytes.len() as u64).await;
        }
        let handle = opened.await.map_err(|failed| self.explain("make", &temporary, &failed))?;
        let there = self.looked(there, &to).await?;
        if let Some(stat) = send.over.in_the_way(there) {
            let closed = session.order(Request::Close(&handle));
            let removed = session.order(Request::Remove(&temporary));
            return self.occupied(stat, closed.await.and(removed.await));
        }
        let pieces = bytes.chunks(self.facts.max_write).enumerate();
        let writes: Vec<_> = pieces
            .map(|(n, piece)| {
                let offset = (n * self.facts.max_write) as u64;
                session.write(&handle, offset, self.packet(&handle, piece))
            })
            .collect();
        let set = session.order(Request::Fsetstat(&handle, attrs_of(send)));
        let synced = self.syncs_each().then(|| session.order(Request::Fsync(&handle)));
        for write in writes {
            if let Err(failed) = write.await {
                return Err(self.give_up(session, &handle, &temporary, &failed).await);
            }
        }
        self.acknowledged.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        // A server that keeps no times keeps the file.
        let _ = set.await;
        if let Some(Err(failed)) = match synced {
            Some(synced) => Some(synced.await),
            None => None,
        } {
            return Err(self.give_up(session, &handle, &temporary, &failed).await);
        }
        let closed = session.order(Request::Close(&handle));
        if !self.is_openssh() {
            if let Err(failed) = closed.await {
                let _ = session.order(Request::Remove(&temporary)).await;
                return Err(self.explain_write(&temporary, &failed).await);
            }
            return self.give_name(session, send, hash, (there, 0)).await;
        }
        // OpenSSH does one thing after the other: the answer to the close comes before that to the rename. A close that
        // fails once all is written is rare (NFS); the file then loses its name again.
        let named = self.give_name(session, send, hash, (there, 0)).await?;
        if let (Outcome::Sent(_), Err(failed)) = (&named, closed.await) {
            let _ = session.order(Request::Remove(&to)).await;
            return Err(self.explain_write(&to, &failed).await);
        }
        self.remember_unsynced(send, &named);
        Ok(named)
    }

    /// What is to be said of a place that is taken, once the temporary file is gone: nobody looks there again.
    pub fn occupied(&self, stat: Stat, cleared: std::result::Result<(), Failed>) -> Result<Outcome> {
        match cleared {
            Err(Failed::Cut) => Err(cut()),
            // A server that lets nobody remove anything has still said what is there.
            Ok(()) | Err(_) => Ok(Outcome::Occupied(stat)),
        }
    }

    async fn looked(&self, there: Option<Looking>, path: &str) -> Result<Option<Stat>> {
        let Some(there) = there else { return Ok(None) };
        let attrs = there.await.map_err(|failed| self.explain("look at", path, &failed))?;
        Ok(attrs.map(|attrs| stat_of(&attrs)))
    }

    /// After a write that failed: nothing of the file stays.
    pub async fn give_up(
        &self,
        session: &Session,
        handle: &[u8],
        temporary: &str,
        failed: &Failed,
    ) -> TargetError {
        let closed = session.order(Request::Close(handle));
        let removed = session.order(Request::Remove(temporary));
        let _ = (closed.await, removed.await);
        self.explain_write(temporary, failed).await
    }

    /// Gives a file that is whole its name, and looks whether it is there.
    pub async fn give_name(
        &self,
        session: &Session,
        send: &Send,
        sha256: Sha256,
        (there, resumed_bytes): (Option<Stat>, u64),
    ) -> Result<Outcome> {
        let (to, temporary) = (self.at(&send.to), self.at(&send.temporary));
        let replaces = there.is_some() && matches!(send.over, Over::Ours { .. } | Over::Anything);
        let renamed = match replaces {
            true => self.replace(session, &temporary, &to).await,
            false => {
                let renamed = session.order(Request::Rename(&temporary, &to));
                let seen = session.attrs(Request::Lstat(&to));
                match (renamed.await, seen.await) {
                    // Some servers answer requests in another order than they came.
                    (Ok(()), Ok(Some(attrs))) if attrs.size == Some(send.size) => {
                        return Ok(Outcome::Sent(Sent { sha256, stat: stat_of(&attrs), resumed_bytes }));
                    }
                    (renamed, _) => renamed,
                }
            }
        };
        let seen = session.attrs(Request::Lstat(&to)).await;
        let seen = seen.map_err(|failed| self.explain("look at", &to, &failed))?.map(|attrs| stat_of(&attrs));
        match (renamed, seen) {
            (Ok(()), Some(stat)) if stat.size == send.size => {
                Ok(Outcome::Sent(Sent { sha256, stat, resumed_bytes }))
            }
            (Ok(()), _) => Err(TargetError::new(
                Retry::Never,
                format!("`{to}` is not there with its size after it was sent: the server lies"),
            )),
            (Err(Failed::Cut), _) => Err(cut()),
            (Err(_), Some(stat)) if !replaces => {
                self.occupied(stat, session.order(Request::Remove(&temporary)).await)
            }
            (Err(failed), _) => Err(self.explain("rename to", &to, &failed)),
        }
    }

    /// Puts a file in the place of another.
    async fn replace(&self, session: &Session, from: &str, to: &str) -> std::result::Result<(), Failed> {
        if self.facts.can_replace {
            return session.order(Request::PosixRename(from, to)).await;
        }
        // A careless server replaces anyway.
        if self.facts.tried.is_some_and(|tried| !tried.rename_is_careful) {
            return session.order(Request::Rename(from, to)).await;
        }
        let aside = format!("{from}.old");
        // One that a killed push has left would be in the way for ever; the file itself is at its place.
        let _ = session.order(Request::Remove(&aside)).await;
        session.order(Request::Rename(to, &aside)).await?;
        let renamed = session.order(Request::Rename(from, to)).await;
        match renamed {
            Ok(()) => session.order(Request::Remove(&aside)).await,
            Err(failed) => {
                let _ = session.order(Request::Rename(&aside, to)).await;
                Err(failed)
            }
        }
    }

    /// Makes safe all that is there.
    async fn sync(&self) -> Result<Outcome> {
        let unsynced = std::mem::take(&mut *self.unsynced.lock().unwrap_or_else(PoisonError::into_inner));
        let tried = if self.is_openssh() { self.knows_commands().await? } else { self.facts.tried };
        if tried.is_some_and(|tried| tried.syncs_by_command) {
            let command = format!("sync -f {}", super::facts::quoted(&self.root));
            // A disk that has much to write takes its time.
            let running = self.connection.run(&command, Vec::new(), Duration::from_secs(1200));
            // The manifest is what comes next.
            let path = self.at(manifest::PATH);
            let (ran, opened) = tokio::join!(running, self.open_to_append(&path));
            *self.open_manifest.lock().unwrap_or_else(PoisonError::into_inner) = opened.ok();
            let ran = ran?;
            self.connection.prepare_run();
            if ran.is_none_or(|ran| ran.status != Some(0)) {
                return Err(TargetError::new(
                    Retry::EndRun,
                    "the server could not make files safe on its disk",
                ));
            }
        } else if self.facts.can_fsync {
            let syncing = unsynced.iter().map(|path| self.sync_file(path));
            let done: Vec<_> = stream::iter(syncing).buffered(FILES_A_CHANNEL / 8).collect().await;
            done.into_iter().collect::<Result<()>>()?;
        }
        Ok(Outcome::Done)
    }

    /// Makes a file safe that has its name already. One that is not there any more needs no safety.
    async fn sync_file(&self, path: &str) -> Result<()> {
        let session = self.session_for_small();
        let handle = match session.handle(Request::Open(path, open::READ, Attrs::default())).await {
            Err(Failed::Status(status::NO_SUCH_FILE, _)) => return Ok(()),
            handle => handle.map_err(|failed| self.explain("make safe", path, &failed))?,
        };
        let (synced, closed) =
            (session.order(Request::Fsync(&handle)), session.order(Request::Close(&handle)));
        synced.await.map_err(|failed| self.explain("make safe", path, &failed))?;
        closed.await.map_err(|failed| self.explain("close", path, &failed))
    }

    /// Remembers a file that is there and that nobody has made safe.
    pub fn remember_unsynced(&self, send: &Send, outcome: &Outcome) {
        let is_known = self.facts.tried.is_some() || !self.is_openssh();
        if matches!(outcome, Outcome::Sent(_)) && self.facts.can_fsync && !is_known {
            let mut unsynced = self.unsynced.lock().unwrap_or_else(PoisonError::into_inner);
            unsynced.push(self.at(&send.to));
        }
    }

    /// Opens a file to append to; tells where it ends.
    async fn open_to_append(&self, path: &str) -> Result<(Vec<u8>, u64)> {
        let session = &self.sessions[0];
        let attrs = Attrs { mode: Some(0o600), ..Attrs::default() };
        let flags = open::WRITE | open::CREATE | open::APPEND;
        // Not every server knows how to append: the offset says it too.
        let end = session.attrs(Request::Lstat(path));
        let handle = session.handle(Request::Open(path, flags, attrs)).await;
        let handle = handle.map_err(|failed| {
            let err = self.explain("append to", path, &failed);
            if self.is_openssh() { err } else { err.hint("ProFTPD needs `AllowStoreRestart on` for that") }
        })?;
        let end = end.await.map_err(|failed| self.explain("look at", path, &failed))?;
        Ok((handle, end.and_then(|attrs| attrs.size).unwrap_or(0)))
    }

    /// Appends to a file and makes it safe.
    async fn append(&self, path: &str, bytes: &[u8]) -> Result<Outcome> {
        let early = self.open_manifest.lock().unwrap_or_else(PoisonError::into_inner).take();
        let is_manifest = path == manifest::PATH;
        let path = self.at(path);
        let session = &self.sessions[0];
        let (handle, mut offset) = match early.filter(|_| is_manifest) {
            Some(opened) => opened,
            None => self.open_to_append(&path).await?,
        };
        let mut writes = Vec::new();
        for piece in bytes.chunks(self.facts.max_write) {
            writes.push(session.write(&handle, offset, self.packet(&handle, piece)));
            offset += piece.len() as u64;
        }
        let synced = self.facts.can_fsync.then(|| session.order(Request::Fsync(&handle)));
        let closed = session.order(Request::Close(&handle));
        for write in writes {
            if let Err(failed) = write.await {
                return Err(self.explain_write(&path, &failed).await);
            }
        }
        if let Some(synced) = synced {
            synced.await.map_err(|failed| self.explain("make safe", &path, &failed))?;
        }
        closed.await.map_err(|failed| self.explain("close", &path, &failed))?;
        Ok(Outcome::Done)
    }
}

/// Time and mode that a file gets before its name.
pub fn attrs_of(send: &Send) -> Attrs {
    // The protocol has 32 bits for times, from 1970 on.
    let mtime = send.mtime.clamp(0, i64::from(u32::MAX)) as u32;
    // It was made with 0600.
    let mode = (send.mode != 0o600).then_some(send.mode);
    Attrs { size: None, mode, mtime: Some(mtime) }
}
