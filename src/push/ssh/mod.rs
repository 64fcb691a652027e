//! SSH connections: to the right host, as the right user, host keys always checked.
//!
//! [`host_config`] reads what the user's SSH configuration says, [`known_hosts`] judges the server's key, [`login`]
//! logs in. russh speaks the protocol. Nothing here logs a secret or puts one into an error.

pub mod host_config;
mod key_file;
pub mod known_hosts;
pub mod login;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use russh::client::{self, Handle};
use russh::keys::{Certificate, HashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{ChannelMsg, Preferred, cipher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use self::host_config::{Asked, HostConfig};
use self::known_hosts::{KnownHosts, Verdict, fingerprint};
use self::login::{Login, Step};
use super::Opening;
use super::target::{Result, Retry, TargetError};
use crate::report::error::{Error, Kind};

/// A connection attempt ends after this.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// A server that says nothing for so long is asked whether it is there; after four such times the link is cut.
const KEEPALIVE: Duration = Duration::from_secs(15);
/// How much a server may send on a channel before we have read it.
const WINDOW_BYTES: u32 = 8 << 20;

/// A connection that is logged in; the connections to jump hosts below it live as long as it.
pub struct Connection {
    handle: Arc<Handle<Watch>>,
    software: String,
    /// Where it leads, for messages.
    name: String,
    /// A channel for the next command, opened ahead: a command then costs one wait less.
    spare: Mutex<Option<JoinHandle<std::result::Result<Channel, russh::Error>>>>,
    _below: Option<Box<Connection>>,
}

type Channel = russh::Channel<client::Msg>;

/// What a command on the server did.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its exit status; `None` if the server told none.
    pub status: Option<u32>,
    /// Its stdout.
    pub out: Vec<u8>,
}

/// Hears what the server says besides answers.
pub struct Watch {
    offers: mpsc::Sender<Offer>,
    accepted: Option<PublicKey>,
    said: Arc<Mutex<Said>>,
}

/// What the server has said of itself.
#[derive(Default)]
struct Said {
    software: String,
    banners: Vec<String>,
}

/// A host key that waits for its verdict.
struct Offer {
    key: PublicKey,
    certificate: Option<Certificate>,
    verdict: oneshot::Sender<bool>,
}

impl client::Handler for Watch {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> std::result::Result<bool, russh::Error> {
        let key = shown.public_key();
        // Asked again whenever the keys of the connection are renewed.
        if self.accepted.as_ref().is_some_and(|accepted| accepted.key_data() == key.key_data()) {
            return Ok(true);
        }
        let (verdict, answer) = oneshot::channel();
        let offer = Offer { key: key.clone(), certificate: shown.certificate().cloned(), verdict };
        if self.offers.send(offer).await.is_err() {
            return Ok(false);
        }
        let is_good = answer.await.unwrap_or(false);
        self.accepted = is_good.then_some(key);
        Ok(is_good)
    }

    async fn kex_done(
        &mut self,
        _: Option<&[u8]>,
        _: &russh::Names,
        session: &mut client::Session,
    ) -> std::result::Result<(), russh::Error> {
        let id = String::from_utf8_lossy(session.remote_sshid()).into_owned();
        let software = id.trim().trim_start_matches("SSH-2.0-").to_owned();
        self.said.lock().unwrap_or_else(PoisonError::into_inner).software = software;
        Ok(())
    }

    async fn auth_banner(
        &mut self,
        banner: &str,
        _: &mut client::Session,
    ) -> std::result::Result<(), russh::Error> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).banners.push(banner.to_owned());
        Ok(())
    }
}

impl Connection {
    /// Connects and logs in.
    ///
    /// # Errors
    /// When the host cannot be reached or its key is not the known one, or no way to log in is accepted.
    pub async fn open(opening: &Opening<'_>) -> Result<Connection> {
        let home = PathBuf::from(std::env::var_os("HOME").unwrap_or_default());
        let place = opening.place;
        let asked = Asked { host: &place.host, port: place.port, user: place.user.as_deref() };
        let config = host_config::read(&home, asked)?;
        let mut below = None;
        for text in &config.jumps {
            let (user, host, port) = host_config::jump(text);
            let asked = Asked { host: &host, port, user: user.as_deref() };
            let mut jump = host_config::read(&home, asked)?;
            jump.jumps.clear();
            below = Some(Box::new(Connection::to(&jump, below, opening).await?));
        }
        Connection::to(&config, below, opening).await
    }

    /// Connects to one host and logs in, over another connection or directly.
    async fn to(
        config: &HostConfig,
        below: Option<Box<Connection>>,
        opening: &Opening<'_>,
    ) -> Result<Connection> {
        let mut login = Login::new(config, opening);
        loop {
            let (mut handle, said) = dial(config, below.as_deref(), opening).await?;
            let step = login.go_on(&mut handle).await;
            let (software, banners) = {
                let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
                (said.software.clone(), std::mem::take(&mut said.banners))
            };
            banners.iter().for_each(|banner| opening.ask.tell(banner));
            match step? {
                Step::Done => {
                    let (name, spare) = (config.host.text(), Mutex::default());
                    return Ok(Connection { handle: Arc::new(handle), software, name, spare, _below: below });
                }
                // Some servers end a connection after a few keys that they do not know.
                Step::ConnectAgain => {}
            }
        }
    }

    /// A new session channel.
    ///
    /// # Errors
    /// When the server refuses one, or the link is cut.
    pub async fn channel(&self) -> Result<Channel> {
        self.handle.channel_open_session().await.map_err(|err| match err {
            russh::Error::ChannelOpenFailure(_) => TargetError::new(
                Retry::EndRun,
                format!("`{}` lets you log in and opens no channel: {}", self.name, plain(&err)),
            ),
            err => self.cut(&err),
        })
    }

    /// Opens a channel ahead for the next command.
    pub fn prepare_run(&self) {
        let handle = self.handle.clone();
        let opening = tokio::spawn(async move { handle.channel_open_session().await });
        *self.spare.lock().unwrap_or_else(PoisonError::into_inner) = Some(opening);
    }

    /// Runs a command on the server with that stdin; `None` if the server lets nobody run commands. One that says
    /// nothing for `patience` is given up: a server that answers every command with SFTP waits for ever.
    ///
    /// # Errors
    /// When the link is cut.
    pub async fn run(&self, command: &str, input: Vec<u8>, patience: Duration) -> Result<Option<Ran>> {
        let spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut channel = match spare {
            Some(spare) => match spare.await {
                Ok(Ok(channel)) => channel,
                _ => return Ok(None),
            },
            None => match self.channel().await {
                Err(err) if err.retry == Retry::EndRun => return Ok(None),
                channel => channel?,
            },
        };
        if channel.exec(true, command).await.is_err() {
            return Ok(None);
        }
        let writer = channel.make_writer();
        let feeding = tokio::spawn(feed(writer, input));
        let mut ran = Ran { status: None, out: Vec::new() };
        loop {
            match tokio::time::timeout(patience, channel.wait()).await {
                Err(_) => {
                    feeding.abort();
                    let _ = channel.close().await;
                    return Ok(None);
                }
                Ok(Some(ChannelMsg::Failure)) => {
                    feeding.abort();
                    return Ok(None);
                }
                Ok(Some(ChannelMsg::Data { data })) if ran.out.len() + data.len() <= 16 << 20 => {
                    ran.out.extend_from_slice(&data);
                }
                Ok(Some(ChannelMsg::ExitStatus { exit_status })) => ran.status = Some(exit_status),
                Ok(Some(ChannelMsg::Close)) | Ok(None) => break,
                Ok(Some(_)) => {}
            }
        }
        feeding.abort();
        if self.handle.is_closed() {
            return Err(self.cut(&russh::Error::Disconnect));
        }
        Ok(Some(ran))
    }

    /// What the server calls itself: `OpenSSH_9.2p1 Debian-2`.
    pub fn software(&self) -> &str {
        &self.software
    }

    fn cut(&self, err: &russh::Error) -> TargetError {
        TargetError::new(Retry::Soon, format!("the link to `{}` is cut: {}", self.name, plain(err)))
    }
}

async fn feed(mut writer: impl AsyncWrite + Unpin, input: Vec<u8>) {
    use tokio::io::AsyncWriteExt;
    // A command that does not read its stdin ends all the same.
    if writer.write_all(&input).await.is_ok() {
        let _ = writer.shutdown().await;
    }
}

type Dialed = (Handle<Watch>, Arc<Mutex<Said>>);

/// Connects and checks the host key.
async fn dial(config: &HostConfig, below: Option<&Connection>, opening: &Opening<'_>) -> Result<Dialed> {
    let known = KnownHosts::read(&config.known_hosts);
    let (offers, mut waiting) = mpsc::channel(1);
    let said = Arc::new(Mutex::new(Said::default()));
    let watch = Watch { offers, accepted: None, said: said.clone() };
    let settings = Arc::new(settings(config, &known));
    let mut refused = None;
    let mut judge = |offer: Offer| {
        let verdict = judge(config, &known, &offer, opening);
        let _ = offer.verdict.send(verdict.is_ok());
        refused = verdict.err();
    };
    let stream = tokio::time::timeout(CONNECT_TIMEOUT, stream(config, below)).await;
    let stream = stream.unwrap_or_else(|_| Err(unreachable(config, "it does not answer")))?;
    let mut connecting = std::pin::pin!(client::connect_stream(settings, stream, watch));
    let connected = loop {
        tokio::select! {
            Some(offer) = waiting.recv() => judge(offer),
            connected = &mut connecting => break connected,
        }
    };
    match (connected, refused) {
        (Ok(handle), _) => Ok((handle, said)),
        (Err(_), Some(refused)) => Err(refused),
        (Err(err), None) => Err(unreachable(config, &plain(&err))),
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

async fn stream(config: &HostConfig, below: Option<&Connection>) -> Result<Box<dyn Stream>> {
    let (name, port) = (config.host.name.as_str(), config.host.port);
    if let Some(below) = below {
        let channel = below.handle.channel_open_direct_tcpip(name, u32::from(port), "127.0.0.1", 0).await;
        let channel =
            channel.map_err(|err| unreachable(config, &format!("`{}` says {}", below.name, plain(&err))))?;
        return Ok(Box::new(channel.into_stream()));
    }
    let stream =
        TcpStream::connect((name, port)).await.map_err(|err| unreachable(config, &err.to_string()))?;
    // Many small packets are on their way at once; none should wait for another.
    let _ = stream.set_nodelay(true);
    Ok(Box::new(stream))
}

fn settings(config: &HostConfig, known: &KnownHosts) -> client::Config {
    // A server with several keys shows the one that is known.
    let mut keys = Vec::new();
    for algorithm in known.key_types(&config.host) {
        keys.extend(Preferred::DEFAULT.key.iter().filter(|it| is_same_type(it, &algorithm)).cloned());
    }
    let others = Preferred::DEFAULT.key.iter().filter(|it| !keys.contains(it)).cloned();
    let keys: Vec<_> = keys.iter().cloned().chain(others.collect::<Vec<_>>()).collect();
    let certificates = if known.has_authority(&config.host) { keys.clone() } else { Vec::new() };
    let ciphers = [
        cipher::AES_256_GCM,
        cipher::CHACHA20_POLY1305,
        cipher::AES_256_CTR,
        cipher::AES_192_CTR,
        cipher::AES_128_CTR,
    ];
    client::Config {
        preferred: Preferred {
            key: Cow::Owned(keys),
            host_key_certificates: Cow::Owned(certificates),
            // Several times as fast as the rest where processors have instructions for it, which is nearly everywhere.
            cipher: Cow::Owned(ciphers.to_vec()),
            ..Preferred::DEFAULT
        },
        window_size: WINDOW_BYTES,
        maximum_packet_size: 65_535,
        channel_buffer_size: 512,
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: 4,
        inactivity_timeout: None,
        nodelay: true,
        ..client::Config::default()
    }
}

/// RSA keys sign in several ways; they are one type.
fn is_same_type(one: &russh::keys::Algorithm, other: &russh::keys::Algorithm) -> bool {
    use russh::keys::Algorithm::Rsa;
    one == other || matches!((one, other), (Rsa { .. }, Rsa { .. }))
}

fn judge(
    config: &HostConfig,
    known: &KnownHosts,
    offer: &Offer,
    opening: &Opening<'_>,
) -> std::result::Result<(), TargetError> {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let (host, key) = (&config.host, &offer.key);
    let (name, shown) = (host.text(), fingerprint(key));
    let key_type = key.algorithm().to_string();
    match known.judge(host, key, offer.certificate.as_ref(), now_s) {
        Verdict::Known => Ok(()),
        Verdict::Changed { place, known } => Err(refusal(format!(
            "the key of `{name}` is not the one that it had: it shows {key_type} {shown}, and {place} knows {known}"
        ))
        .hint("somebody may be between you and your server: ask its provider whether the key was changed")
        .hint(format!("if it was: `ssh-keygen -R '{name}'`, then run the same command"))),
        Verdict::Revoked { place } => {
            Err(refusal(format!("the key of `{name}` ({key_type} {shown}) was withdrawn, says {place}")))
        }
        Verdict::BadCertificate(why) => {
            Err(refusal(format!("`{name}` cannot prove that it is itself: {why} ({key_type} {shown})")))
        }
        Verdict::New if opening.login.accepts_new_host_key => remember(config, known, key, opening),
        Verdict::New | Verdict::OtherType { .. } => match opening.ask.trust(&name, &key_type, &shown) {
            Some(true) => remember(config, known, key, opening),
            Some(false) => Err(refusal(format!("the key of `{name}` was not accepted"))),
            None => Err(refusal(format!("`{name}` is not known here; its key is {key_type} {shown}"))
                .hint("compare it with what your provider says; `--accept-new-host-key` trusts and remembers it")),
        },
    }
}

fn refusal(what: String) -> TargetError {
    TargetError { retry: Retry::EndRun, error: Error::new(Kind::Server, what) }
}

fn remember(
    config: &HostConfig,
    known: &KnownHosts,
    key: &PublicKey,
    opening: &Opening<'_>,
) -> std::result::Result<(), TargetError> {
    if let Err(err) = known.remember(&config.host, key, config.hashes_known_hosts) {
        opening.ask.tell(&format!("cannot write `{}`: {err}", known.own().display()));
    }
    Ok(())
}

fn unreachable(config: &HostConfig, why: &str) -> TargetError {
    let at = match config.host.name == config.alias.to_lowercase() {
        true => format!("`{}`", config.host.text()),
        false => format!("`{}` ({})", config.host.text(), config.alias),
    };
    TargetError::new(Retry::Soon, format!("cannot connect to {at}: {why}"))
        .hint("check the name, the port and the network; `ssh` to the same host should work")
}

/// An error of russh in plain words.
fn plain(err: &russh::Error) -> String {
    match err {
        russh::Error::Disconnect | russh::Error::HUP | russh::Error::SendError | russh::Error::RecvError => {
            "the server has closed the connection".to_owned()
        }
        russh::Error::KeepaliveTimeout
        | russh::Error::ConnectionTimeout
        | russh::Error::InactivityTimeout => "nothing was heard from the server for a minute".to_owned(),
        russh::Error::IO(err) => err.to_string(),
        err => err.to_string().trim_end_matches('.').to_owned(),
    }
}

/// The strongest hash that the server takes for signatures with RSA keys.
async fn rsa_hash(handle: &Handle<Watch>) -> Option<HashAlg> {
    // A server that does not tell knows at least SHA-256, or is too old to be trusted.
    handle.best_supported_rsa_hash().await.ok().flatten().flatten().or(Some(HashAlg::Sha256))
}
