//! Large files: read once from beginning to end, written over all channels, resumed where a try was cut.
//!
//! Chunks are handed to whichever channel has least on its way, so they arrive out of order, and what a cut try has
//! left may have holes near its end. So before going on, what is there is compared: all but the end by one hash, if
//! the server can compute it, the end (or all) by reading it back.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::atomic::Ordering;
use std::time::Duration;

use data_encoding::HEXLOWER;
use futures_util::future::join_all;
use futures_util::stream::{FuturesOrdered, FuturesUnordered, StreamExt};
use sha2::{Digest, Sha256 as Sha};

use super::super::target::{Outcome, Result, Send, Stat, TargetError};
use super::facts::quoted;
use super::send::attrs_of;
use super::server::{Server, cut, stat_of};
use super::session::{Failed, Session, unexpected};
use super::wire::{Attrs, Reply, Request, open, status, write_head_len};

/// So much of one file may be on its way on each channel: two windows of OpenSSH, so that none runs dry.
const IN_FLIGHT_A_CHANNEL: u64 = 4 << 20;
/// The same on servers that are not OpenSSH: some stop answering when they are sent more than they like to hold.
const CAREFUL_IN_FLIGHT: u64 = 1 << 20;
/// So much of one file over all channels.
const IN_FLIGHT_BYTES: u64 = 32 << 20;
/// What is left of a cut try may have holes so far before its end, at most.
const HOLES_BYTES: u64 = 64 << 20;
/// On a link that is cut all the time a file is written in pieces down to this, in order and on one channel.
const LEAST_PIECE_BYTES: usize = 4 << 10;
/// And so much of it is on its way.
const LEAST_IN_FLIGHT_BYTES: u64 = 16 << 10;
/// So many reads are on their way when comparing.
const READS: usize = 32;

/// A file that is being written.
struct Writing<'a> {
    server: &'a Server,
    /// Each channel with its handle.
    ends: Vec<(&'a Session, Vec<u8>)>,
    hash: Sha,
    offset: u64,
}

/// How writing ended.
enum Written {
    Whole,
    Stopped,
    Changed,
}

impl Server {
    /// Sends a large file over all channels.
    ///
    /// # Errors
    /// When the server refuses, or the link is cut.
    pub async fn large(&self, send: &Send) -> Result<Outcome> {
        let Some(mut file) = planned(send) else { return Ok(Outcome::Changed) };
        let (to, temporary) = (self.at(&send.to), self.at(&send.temporary));
        let first = &self.sessions[0];
        let attrs = Attrs { mode: Some(0o600), ..Attrs::default() };
        let flags = open::READ | open::WRITE | open::CREATE;
        let opened = first.handle(Request::Open(&temporary, flags, attrs));
        let there = first.attrs(Request::Lstat(&to));
        let handle = opened.await.map_err(|failed| self.explain("make", &temporary, &failed))?;
        let there =
            there.await.map_err(|failed| self.explain("look at", &to, &failed))?.map(|it| stat_of(&it));
        if let Some(stat) = send.over.in_the_way(there) {
            let closed = first.order(Request::Close(&handle));
            let removed = first.order(Request::Remove(&temporary));
            return self.occupied(stat, closed.await.and(removed.await));
        }
        let size = first.attrs(Request::Fstat(&handle)).await;
        let size = size.map_err(|failed| self.explain("look at", &temporary, &failed))?;
        let left = size.and_then(|attrs| attrs.size).unwrap_or(0);
        let mut writing = Writing { server: self, ends: vec![(first, handle)], hash: Sha::new(), offset: 0 };
        if left > 0 {
            writing.resume(&mut file, left.min(send.size), &temporary).await?;
            if left > send.size {
                writing.cut_off(send.size, &temporary).await?;
            }
        }
        let resumed = writing.offset;
        self.resumed.fetch_add(resumed, Ordering::Relaxed);
        if self.care.load(Ordering::Relaxed) == 0 {
            writing.open_others(&temporary).await;
        }
        match writing.write(&mut file, send).await {
            Ok(Written::Whole) => {}
            Ok(Written::Stopped) => {
                writing.close().await;
                return Ok(Outcome::Stopped);
            }
            Ok(Written::Changed) => {
                writing.close().await;
                let _ = first.order(Request::Remove(&temporary)).await;
                return Ok(Outcome::Changed);
            }
            Err(failed) => {
                // What was written serves the next try: room may be made.
                writing.close().await;
                return Err(self.explain_write(&temporary, &failed).await);
            }
        }
        self.finish(send, writing, (there, resumed)).await
    }

    async fn finish(&self, send: &Send, writing: Writing<'_>, facts: (Option<Stat>, u64)) -> Result<Outcome> {
        let temporary = self.at(&send.temporary);
        let (first, handle) = &writing.ends[0];
        let set = first.order(Request::Fsetstat(handle, attrs_of(send)));
        let synced = self.syncs_each().then(|| first.order(Request::Fsync(handle)));
        // A server that keeps no times keeps the file.
        let _ = set.await;
        if let Some(synced) = synced
            && let Err(failed) = synced.await
        {
            return Err(self.explain_write(&temporary, &failed).await);
        }
        let sha256 = writing.hash.clone().finalize().into();
        let first = *first;
        for closed in writing.close().await {
            if let Err(failed) = closed {
                return Err(self.explain_write(&temporary, &failed).await);
            }
        }
        let named = self.give_name(first, send, sha256, facts).await?;
        self.remember_unsynced(send, &named);
        Ok(named)
    }
}

/// The local file, if it is as large as planned.
fn planned(send: &Send) -> Option<File> {
    let file = File::open(&send.from).ok()?;
    (file.metadata().ok()?.len() == send.size).then_some(file)
}

impl<'a> Writing<'a> {
    /// Opens the file on the other channels too; those that cannot are left out.
    async fn open_others(&mut self, temporary: &str) {
        let others = self.server.sessions.iter().skip(1);
        let opened = others.map(|session| async move {
            let handle = session.handle(Request::Open(temporary, open::WRITE, Attrs::default())).await;
            handle.ok().map(|handle| (session, handle))
        });
        self.ends.extend(join_all(opened).await.into_iter().flatten());
    }

    async fn close(self) -> Vec<std::result::Result<(), Failed>> {
        let closing: Vec<_> =
            self.ends.iter().map(|(session, handle)| session.order(Request::Close(handle))).collect();
        join_all(closing).await
    }

    async fn cut_off(&self, size: u64, temporary: &str) -> Result<()> {
        let (session, handle) = &self.ends[0];
        let attrs = Attrs { size: Some(size), ..Attrs::default() };
        let done = session.order(Request::Fsetstat(handle, attrs)).await;
        done.map_err(|failed| self.server.explain("shorten", temporary, &failed))
    }

    /// Writes from the offset on.
    async fn write(&mut self, file: &mut File, send: &Send) -> std::result::Result<Written, Failed> {
        let mut in_flight = FuturesUnordered::new();
        let mut bytes_in_flight = 0;
        let a_channel = if self.server.is_openssh() { IN_FLIGHT_A_CHANNEL } else { CAREFUL_IN_FLIGHT };
        // A piece that is cut is lost whole, and a server that loses the link forgets what it has not got to yet.
        let care = 2 * self.server.care.load(Ordering::Relaxed);
        let lessened = |bytes: u64| bytes.checked_shr(care).unwrap_or(0);
        let limit =
            lessened((a_channel * self.ends.len() as u64).min(IN_FLIGHT_BYTES)).max(LEAST_IN_FLIGHT_BYTES);
        let pace = self.server.pace.as_ref();
        let max_write = self.server.facts.max_write;
        let piece = (lessened(max_write as u64) as usize).max(LEAST_PIECE_BYTES.min(max_write));
        let piece = piece.min(pace.map_or(usize::MAX, |pace| pace.piece_bytes()));
        while self.offset < send.size {
            if self.server.is_stopping.load(Ordering::Relaxed) {
                while let Some((_, done)) = in_flight.next().await {
                    let _: std::result::Result<(), Failed> = done;
                }
                return Ok(Written::Stopped);
            }
            let n = (piece as u64).min(send.size - self.offset) as usize;
            while bytes_in_flight + n as u64 > limit {
                let Some((n, done)) = in_flight.next().await else { break };
                bytes_in_flight -= n;
                self.server.acknowledged.fetch_add(n, Ordering::Relaxed);
                done?;
            }
            let Some((session, handle)) = self.ends.iter().min_by_key(|(session, _)| session.queued()) else {
                return Err(Failed::Cut);
            };
            let head = write_head_len(handle);
            let mut packet = vec![0; head + n];
            if file.read_exact(&mut packet[head..]).is_err() {
                return Ok(Written::Changed);
            }
            self.hash.update(&packet[head..]);
            if let Some(pace) = pace {
                pace.take(n as u64).await;
            }
            let write = session.write(handle, self.offset, packet);
            in_flight.push(async move { (n as u64, write.await) });
            bytes_in_flight += n as u64;
            self.offset += n as u64;
            // Others want the thread too: answers, and small files.
            tokio::task::yield_now().await;
        }
        while let Some((n, done)) = in_flight.next().await {
            self.server.acknowledged.fetch_add(n, Ordering::Relaxed);
            done?;
        }
        let is_longer = file.read(&mut [0]).map_or(true, |n| n > 0);
        Ok(if is_longer { Written::Changed } else { Written::Whole })
    }

    /// Goes to the end of what is there already and is the same.
    async fn resume(&mut self, file: &mut File, left: u64, temporary: &str) -> Result<()> {
        let sure = left.saturating_sub(HOLES_BYTES);
        if sure > 0 && self.can_hash() && !self.resume_by_hash(file, sure, temporary).await? {
            // Another file's beginning: nothing of it serves.
            self.hash = Sha::new();
            self.offset = 0;
            return rewind(file, 0);
        }
        self.resume_by_reading(file, left).await?;
        rewind(file, self.offset)
    }

    fn can_hash(&self) -> bool {
        self.server.facts.tried.is_some_and(|tried| tried.hashes_by_command)
    }

    async fn resume_by_hash(&mut self, file: &mut File, sure: u64, temporary: &str) -> Result<bool> {
        let command = format!("head -c {sure} -- {} | sha256sum", quoted(temporary));
        let ran = self.server.connection.run(&command, Vec::new(), Duration::from_secs(3600));
        let mut buf = vec![0; 256 << 10];
        let mut done = 0;
        while done < sure {
            let n = (buf.len() as u64).min(sure - done) as usize;
            if file.read_exact(&mut buf[..n]).is_err() {
                return Ok(false);
            }
            self.hash.update(&buf[..n]);
            done += n as u64;
        }
        let ours: [u8; 32] = self.hash.clone().finalize().into();
        let theirs = ran.await?.map(|ran| ran.out).unwrap_or_default();
        self.offset = sure;
        Ok(theirs.starts_with(HEXLOWER.encode(&ours).as_bytes()))
    }

    /// Reads back from the offset on, until the first difference.
    async fn resume_by_reading(&mut self, file: &mut File, left: u64) -> Result<()> {
        let (session, handle) = (self.ends[0].0, self.ends[0].1.clone());
        let n_read = self.server.facts.max_read as u64;
        let mut asked = self.offset;
        let mut answers = FuturesOrdered::new();
        let mut ours = vec![0; n_read as usize];
        loop {
            while answers.len() < READS && asked < left {
                let n = n_read.min(left - asked);
                answers.push_back(session.ask(Request::Read(&handle, asked, n as u32)));
                asked += n;
            }
            let Some(answer) = answers.next().await else { return Ok(()) };
            let theirs = match answer {
                Ok(Reply::Data(data)) => data,
                Ok(Reply::Status(status::EOF, _)) => return Ok(()),
                Err(Failed::Cut) => return Err(cut()),
                // A file that cannot be read back is written anew.
                Ok(_) | Err(_) => return Ok(()),
            };
            let wanted = n_read.min(left - self.offset) as usize;
            let n = theirs.len().min(wanted);
            if file.read_exact(&mut ours[..n]).is_err() || ours[..n] != theirs[..n] {
                return Ok(());
            }
            self.hash.update(&ours[..n]);
            self.offset += n as u64;
            // A short answer leaves a gap before the next one.
            if n < wanted {
                return Ok(());
            }
        }
    }
}

fn rewind(file: &mut File, offset: u64) -> Result<()> {
    let sought = file.seek(SeekFrom::Start(offset));
    sought.map(|_| ()).map_err(|err| {
        TargetError::new(super::super::target::Retry::Never, format!("the local file cannot be read: {err}"))
    })
}

impl Server {
    /// Reads a file from an offset on, in order; false if there is none.
    ///
    /// # Errors
    /// When it cannot be read, or `out` takes no more.
    pub async fn read(&self, path: &str, mut offset: u64, out: &mut dyn std::io::Write) -> Result<bool> {
        let path = self.at(path);
        let session = &self.sessions[0];
        let handle = match session.handle(Request::Open(&path, open::READ, Attrs::default())).await {
            Err(Failed::Status(status::NO_SUCH_FILE, _)) => return Ok(false),
            handle => handle.map_err(|failed| self.explain("read", &path, &failed))?,
        };
        let n_read = self.facts.max_read as u32;
        let mut asked = offset;
        let mut answers = FuturesOrdered::new();
        let done = loop {
            while answers.len() < READS {
                answers.push_back(session.ask(Request::Read(&handle, asked, n_read)));
                asked += u64::from(n_read);
            }
            let data = match answers.next().await {
                Some(Ok(Reply::Data(data))) => data,
                Some(Ok(Reply::Status(status::EOF, _))) | None => break Ok(true),
                Some(Ok(other)) => break Err(self.explain("read", &path, &unexpected(other))),
                Some(Err(failed)) => break Err(self.explain("read", &path, &failed)),
            };
            if let Err(err) = out.write_all(&data) {
                let what = format!("what was read from `{path}` cannot be taken: {err}");
                break Err(TargetError::new(super::super::target::Retry::EndRun, what));
            }
            offset += data.len() as u64;
            if data.len() < n_read as usize {
                // Less than was asked for: the end, or a server that gives little at a time. Ask on from here.
                while answers.next().await.is_some() {}
                asked = offset;
            }
        };
        while answers.next().await.is_some() {}
        let _ = session.order(Request::Close(&handle)).await;
        done
    }
}
