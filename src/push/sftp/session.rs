//! One SFTP session: a channel on which many requests are on their way at once.
//!
//! Requests of many files travel together: whatever waits to be sent goes out as one message, which costs both sides
//! much less than a message for each. Answers are told apart by their numbers.

use std::collections::HashMap;
use std::future::Future;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::sync::{mpsc, oneshot};

use super::super::target::{Result, Retry, TargetError};
use super::waiting::Heard;
use super::wire::{self, Attrs, Reply, Request, status};

/// Packets shorter than this are sent together with others.
const SHORT_BYTES: usize = 16 << 10;
/// So much is sent together.
const TOGETHER_BYTES: usize = 64 << 10;
/// A server that says nothing for so long, while answers are due, is given up. A disk that is busy may take its time.
const PATIENCE: Duration = Duration::from_secs(120);
/// No answer is longer; OpenSSH's own limit is 256 KiB.
const MAX_PACKET: usize = 1 << 20;

/// A session. Cheap to share.
pub struct Session {
    inner: Arc<Inner>,
    /// What the server offers besides the protocol.
    pub extensions: Vec<(String, String)>,
}

struct Inner {
    out: mpsc::UnboundedSender<Bytes>,
    waiting: Mutex<Waiting>,
    next_id: AtomicU32,
    /// Bytes of files that are on their way.
    pub queued: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    answers: HashMap<u32, oneshot::Sender<Reply>>,
    is_closed: bool,
}

/// A request that did not succeed.
#[derive(Clone, Debug)]
pub enum Failed {
    /// The server said no: code and message.
    Status(u32, String),
    /// The link is cut, or the server talks nonsense.
    Cut,
}

/// What a request comes to.
pub type Answer<T> = std::result::Result<T, Failed>;

impl Session {
    /// Starts SFTP on a channel; tells `heard` of all that comes.
    ///
    /// # Errors
    /// When the server does not offer it.
    pub async fn start(channel: Channel<Msg>, heard: &Heard) -> Result<Session> {
        let no_sftp = |why: &str| {
            TargetError::new(Retry::EndRun, format!("the server does not offer SFTP: {why}"))
                .hint("ask its provider for SFTP access")
        };
        if channel.request_subsystem(true, "sftp").await.is_err() {
            return Err(TargetError::new(Retry::Soon, "the link is cut"));
        }
        let (mut read, write) = channel.split();
        let mut input = Input::default();
        write.data_bytes(wire::init()).await.map_err(|_| TargetError::new(Retry::Soon, "the link is cut"))?;
        let version = loop {
            match read.wait().await {
                Some(ChannelMsg::Data { data }) => {
                    input.buf.extend_from_slice(&data);
                    match input.packet() {
                        Ok(Some(packet)) => break packet,
                        Ok(None) => {}
                        Err(()) => return Err(no_sftp("it answers something else")),
                    }
                }
                Some(ChannelMsg::Failure) => return Err(no_sftp("it refuses the subsystem `sftp`")),
                Some(ChannelMsg::Close) | None => return Err(no_sftp("it closes the channel")),
                Some(_) => {}
            }
        };
        let extensions = wire::version(&version).ok_or_else(|| no_sftp("it speaks no version that we do"))?;
        let (out, queue) = mpsc::unbounded_channel();
        let inner =
            Inner { out, waiting: Mutex::default(), next_id: AtomicU32::new(1), queued: AtomicU64::new(0) };
        let inner = Arc::new(inner);
        tokio::spawn(write_all(write, queue, inner.clone()));
        tokio::spawn(read_all(read, input, inner.clone(), heard.clone()));
        Ok(Session { inner, extensions })
    }

    /// True when the server offers this.
    pub fn offers(&self, name: &str) -> bool {
        self.extensions.iter().any(|(offered, _)| offered == name)
    }

    /// Bytes of files on their way on this channel.
    pub fn queued(&self) -> u64 {
        self.inner.queued.load(Ordering::Relaxed)
    }

    /// True when nothing more comes.
    pub fn is_closed(&self) -> bool {
        self.inner.lock().is_closed
    }

    /// Sends a request; the answer comes when the future is awaited.
    pub fn ask(&self, request: Request) -> impl Future<Output = Answer<Reply>> + Send + use<> {
        let (id, answer) = self.inner.expect();
        self.inner.send(wire::encode(id, request));
        async move { answer.await.map_err(|_| Failed::Cut) }
    }

    /// Sends a write whose packet has room for its head before the data.
    pub fn write(
        &self,
        handle: &[u8],
        offset: u64,
        mut packet: Vec<u8>,
    ) -> impl Future<Output = Answer<()>> + Send + use<> {
        let (id, answer) = self.inner.expect();
        wire::write_head(&mut packet, id, handle, offset);
        let inner = self.inner.clone();
        let bytes = packet.len() as u64;
        inner.queued.fetch_add(bytes, Ordering::Relaxed);
        inner.send(packet);
        async move {
            let answer = answer.await;
            inner.queued.fetch_sub(bytes, Ordering::Relaxed);
            done(answer.map_err(|_| Failed::Cut)?)
        }
    }

    /// A request that is only done or not.
    pub fn order(&self, request: Request) -> impl Future<Output = Answer<()>> + Send + use<> {
        let answer = self.ask(request);
        async move { done(answer.await?) }
    }

    /// A request for a handle.
    pub fn handle(&self, request: Request) -> impl Future<Output = Answer<Vec<u8>>> + Send + use<> {
        let answer = self.ask(request);
        async move {
            match answer.await? {
                Reply::Handle(handle) => Ok(handle),
                other => Err(unexpected(other)),
            }
        }
    }

    /// A request for attributes; `None` when there is no such file.
    pub fn attrs(&self, request: Request) -> impl Future<Output = Answer<Option<Attrs>>> + Send + use<> {
        let answer = self.ask(request);
        async move {
            match answer.await? {
                Reply::Attrs(attrs) => Ok(Some(attrs)),
                Reply::Status(status::NO_SUCH_FILE, _) => Ok(None),
                other => Err(unexpected(other)),
            }
        }
    }
}

/// Reads "done" out of an answer.
fn done(reply: Reply) -> Answer<()> {
    match reply {
        Reply::Status(status::OK, _) => Ok(()),
        other => Err(unexpected(other)),
    }
}

/// What an answer that was not hoped for means.
pub fn unexpected(reply: Reply) -> Failed {
    match reply {
        Reply::Status(code, message) => Failed::Status(code, message),
        _ => Failed::Status(status::FAILURE, "the server answers something else".to_owned()),
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new number, and where its answer will come.
    fn expect(&self) -> (u32, oneshot::Receiver<Reply>) {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        let mut waiting = self.lock();
        // On a closed session the sender is dropped here, which is an answer too.
        if !waiting.is_closed {
            waiting.answers.insert(id, sender);
        }
        (id, answer)
    }

    fn send(&self, packet: Vec<u8>) {
        // If nobody sends any more, nobody waits either: `close` has dropped them.
        let _ = self.out.send(packet.into());
    }

    /// Tells all who wait that nothing more comes.
    fn close(&self) {
        let mut waiting = self.lock();
        waiting.is_closed = true;
        waiting.answers.clear();
    }
}

async fn write_all(
    write: ChannelWriteHalf<Msg>,
    mut queue: mpsc::UnboundedReceiver<Bytes>,
    inner: Arc<Inner>,
) {
    let mut together = BytesMut::with_capacity(TOGETHER_BYTES);
    while let Some(first) = queue.recv().await {
        let mut next = Some(first);
        while let Some(packet) = next.take() {
            if packet.len() >= SHORT_BYTES {
                if !together.is_empty() && write.data_bytes(together.split().freeze()).await.is_err() {
                    return inner.close();
                }
                if write.data_bytes(packet).await.is_err() {
                    return inner.close();
                }
            } else {
                together.extend_from_slice(&packet);
            }
            if together.len() < TOGETHER_BYTES {
                next = queue.try_recv().ok();
            }
        }
        if !together.is_empty() && write.data_bytes(together.split().freeze()).await.is_err() {
            return inner.close();
        }
    }
    // The session was dropped.
    let _ = write.close().await;
}

async fn read_all(mut read: ChannelReadHalf, mut input: Input, inner: Arc<Inner>, heard: Heard) {
    loop {
        let Ok(message) = tokio::time::timeout(PATIENCE, read.wait()).await else {
            // A server that lives and does not answer is no better than one that is gone.
            if inner.lock().answers.is_empty() { continue } else { return inner.close() }
        };
        match message {
            Some(ChannelMsg::Data { data }) => {
                heard.again();
                input.buf.extend_from_slice(&data);
                loop {
                    match input.packet() {
                        Ok(Some(packet)) => {
                            // An answer nobody waits for is the server's mistake, and no harm.
                            let Some((id, reply)) = wire::decode(&packet) else { return inner.close() };
                            let waiting = inner.lock().answers.remove(&id);
                            if let Some(waiting) = waiting {
                                let _ = waiting.send(reply);
                            }
                        }
                        Ok(None) => break,
                        Err(()) => return inner.close(),
                    }
                }
            }
            Some(ChannelMsg::Close | ChannelMsg::Eof) | None => return inner.close(),
            Some(_) => {}
        }
    }
}

/// Cuts what comes into packets.
#[derive(Default)]
struct Input {
    buf: BytesMut,
}

impl Input {
    /// The next packet without its length, if all of it is there.
    fn packet(&mut self) -> std::result::Result<Option<Bytes>, ()> {
        let Some(head) = self.buf.first_chunk::<4>() else { return Ok(None) };
        let len = u32::from_be_bytes(*head) as usize;
        if len == 0 || len > MAX_PACKET {
            return Err(());
        }
        if self.buf.len() < 4 + len {
            return Ok(None);
        }
        self.buf.advance(4);
        Ok(Some(self.buf.split_to(len).freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_cut_out_however_they_come() {
        let mut input = Input::default();
        for byte in [0, 0, 0, 2, 7] {
            input.buf.extend_from_slice(&[byte]);
            assert_eq!(input.packet(), Ok(None));
        }
        input.buf.extend_from_slice(&[8, 0, 0, 0, 1, 9]);
        assert_eq!(input.packet(), Ok(Some(Bytes::from_static(&[7, 8]))));
        assert_eq!(input.packet(), Ok(Some(Bytes::from_static(&[9]))));
        input.buf.extend_from_slice(&[255, 255, 255, 255]);
        assert_eq!(input.packet(), Err(()));
    }
}
