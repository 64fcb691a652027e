//! A server that is logged in: its sessions, its root, what it can do, and its errors in plain words.

use std::future::Future;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::super::Opening;
use super::super::manifest;
use super::super::ssh::Connection;
use super::super::target::{FileKind, Result, Retry, Room, Stat, TargetError};
use super::facts::{Facts, Tried};
use super::session::{Failed, Session};
use super::waiting::Heard;
use super::wire::{Attrs, Reply, Request, numbers, status};

/// So many channels on OpenSSH, unless the user says otherwise; on others one, since some do not get on with more. Each has a window of its own, which is what bounds the speed of a
/// long line.
const CHANNELS: usize = 4;

/// Small files go over so many of them: more server processes only wait for each other, since they work in the same
/// few folders.
const CHANNELS_FOR_SMALL: usize = 2;
/// On a line whose round trip takes longer they go over all of them: what is waited for then is the line.
const LONG_ROUND_TRIP: Duration = Duration::from_millis(10);

/// A server.
pub struct Server {
    /// The connection, for commands.
    pub connection: Connection,
    /// At least one.
    pub sessions: Vec<Session>,
    /// Small files go over so many of them.
    pub channels_for_small: usize,
    /// The home of the login, absolute.
    pub home: String,
    /// The target's root, absolute.
    pub root: String,
    /// What it can do, once it was found out.
    pub facts: Facts,
    /// Bounds the speed, if it is to be bounded.
    pub pace: Option<Pace>,
    /// Bytes of files acknowledged and not yet told.
    pub acknowledged: AtomicU64,
    /// Bytes of large files that cut tries had left there, not yet told.
    pub resumed: AtomicU64,
    /// How careful to be with a link that is cut all the time: see `Feed::care`.
    pub care: AtomicU32,
    /// What commands can do, once that was found out while sending.
    pub commands: OnceCell<Option<Tried>>,
    /// Files that nobody has made safe yet.
    pub unsynced: Mutex<Vec<String>>,
    /// The manifest, opened to be appended to, and where it ends.
    pub open_manifest: Mutex<Option<(Vec<u8>, u64)>>,
    /// Questions that every push asks, asked before anybody wants to know.
    pub early: Option<Early>,
    /// The user wants to stop.
    pub is_stopping: AtomicBool,
    next: AtomicUsize,
}

impl Server {
    /// Connects, logs in, opens the channels, which tell `heard` of all that comes.
    ///
    /// # Errors
    /// When any of it fails; fewer channels than wanted are no failure.
    pub async fn open(opening: &Opening<'_>, heard: &Heard) -> Result<Server> {
        let connection = Connection::open(opening).await?;
        let is_openssh = connection.software().starts_with("OpenSSH");
        let wanted = opening.jobs.unwrap_or(if is_openssh { CHANNELS } else { 1 }).max(1);
        let starting =
            (0..wanted).map(|_| async { Session::start(connection.channel().await?, heard).await });
        // Some servers allow few channels; one will do.
        let (mut sessions, mut refused) = (Vec::new(), None);
        for started in futures_util::future::join_all(starting).await {
            match started {
                Ok(session) => sessions.push(session),
                Err(err) => refused = Some(err),
            }
        }
        let Some(first) = sessions.first() else { return Err(refused.unwrap_or_else(cut)) };
        connection.prepare_run();
        let realpath = first.ask(Request::Realpath("."));
        let early = is_openssh.then(|| Early::ask(first, &opening.place.path));
        let asked = Instant::now();
        let (realpath, facts) = tokio::join!(realpath, Facts::learn(first));
        let is_long = asked.elapsed() > LONG_ROUND_TRIP;
        let home = match realpath {
            Ok(Reply::Names(names)) => names.into_iter().next().map(|(name, _)| name).unwrap_or_default(),
            Err(Failed::Cut) => return Err(cut()),
            _ => String::new(),
        };
        let root = match opening.place.path.strip_prefix('~') {
            Some(below) if below.is_empty() || below.starts_with('/') => {
                format!("{}{below}", home.trim_end_matches('/'))
            }
            _ => opening.place.path.clone(),
        };
        let channels_for_small =
            if is_long { sessions.len() } else { sessions.len().min(CHANNELS_FOR_SMALL) };
        Ok(Server {
            connection,
            channels_for_small,
            sessions,
            home,
            root: if root.is_empty() { "/".to_owned() } else { root },
            facts: facts?,
            pace: opening.bytes_per_s.map(Pace::new),
            acknowledged: AtomicU64::new(0),
            resumed: AtomicU64::new(0),
            care: AtomicU32::new(0),
            commands: OnceCell::new(),
            unsynced: Mutex::default(),
            open_manifest: Mutex::default(),
            early,
            is_stopping: AtomicBool::new(false),
            next: AtomicUsize::new(0),
        })
    }

    /// The whole path of one below the root.
    pub fn at(&self, path: &str) -> String {
        match path {
            "." | "" => self.root.clone(),
            path => format!("{}/{path}", self.root.trim_end_matches('/')),
        }
    }

    /// The session for the next small file.
    pub fn session_for_small(&self) -> &Session {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        &self.sessions[n % self.channels_for_small]
    }

    /// True when a session is gone.
    pub fn is_cut(&self) -> bool {
        self.sessions.iter().any(Session::is_closed)
    }

    /// How much room there is; `None` if the server does not tell.
    ///
    /// # Errors
    /// When the link is cut.
    pub async fn room(&self) -> Result<Option<Room>> {
        if !self.sessions[0].offers("statvfs@openssh.com") {
            return Ok(None);
        }
        room_of(ask_for_room(&self.sessions[0], &self.root)).await
    }

    /// A failed request in plain words.
    pub fn explain(&self, doing: &str, path: &str, failed: &Failed) -> TargetError {
        let Failed::Status(code, message) = failed else { return cut() };
        let why = match (*code, message.trim_end_matches('.')) {
            (status::NO_SUCH_FILE, _) => "no such file or folder".to_owned(),
            (status::PERMISSION_DENIED, _) => "permission denied".to_owned(),
            (status::OP_UNSUPPORTED, _) => "the server does not know how".to_owned(),
            (code, "") => format!("status {code}"),
            (_, message) => message.to_lowercase(),
        };
        let err = TargetError::new(Retry::Never, format!("cannot {doing} `{path}` on the server: {why}"));
        match *code {
            status::PERMISSION_DENIED => {
                err.hint(format!("your home there is `{}`; `/~/` in the URL means it", self.home))
            }
            _ => err,
        }
    }

    /// Why a server takes no more bytes.
    pub async fn explain_write(&self, path: &str, failed: &Failed) -> TargetError {
        let Failed::Status(..) = failed else { return cut() };
        let room = self.room().await.ok().flatten();
        let err = self.explain("write", path, failed);
        let what = match room {
            Some(room) if room.free_bytes < 1 << 20 => {
                format!("the disk of the server is full ({} bytes free), at `{path}`", room.free_bytes)
            }
            _ => format!("{}: its disk is full, or your quota there is used up", err.error.what),
        };
        TargetError::new(Retry::EndRun, what)
            .hint("make room there, then run the same command: what was sent stays sent")
    }
}

/// A question that is on its way.
type Asked<T> = Pin<Box<dyn Future<Output = std::result::Result<T, Failed>> + Send>>;

/// Questions that every push asks: together they wait for the line once.
pub struct Early {
    /// How much room there is.
    pub room: Option<Vec<Asked<Reply>>>,
    /// Whether there is a manifest, and how long it is.
    pub manifest: Option<Asked<Option<Attrs>>>,
}

impl Early {
    /// Asks. A path in the login's home is one that begins nowhere.
    fn ask(session: &Session, place: &str) -> Early {
        let root = match place.strip_prefix('~') {
            Some(below) if below.trim_matches('/').is_empty() => ".",
            Some(below) => below.trim_start_matches('/'),
            None => place,
        };
        let manifest = format!("{}/{}", root.trim_end_matches('/'), manifest::PATH);
        let has_room = session.offers("statvfs@openssh.com");
        Early {
            room: has_room.then(|| ask_for_room(session, root)),
            manifest: Some(Box::pin(session.attrs(Request::Lstat(&manifest)))),
        }
    }
}

/// Asks for the room of a folder. It may not be there yet: the nearest folder above it is on the same disk.
fn ask_for_room(session: &Session, root: &str) -> Vec<Asked<Reply>> {
    let top = if root.starts_with('/') { "/" } else { "." };
    let ends = root.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0).chain([root.len()]);
    let folders = [top].into_iter().chain(ends.map(|end| &root[..end]));
    folders.map(|folder| -> Asked<Reply> { Box::pin(session.ask(Request::Statvfs(folder))) }).collect()
}

/// The room that the last of the folders has that is there.
///
/// # Errors
/// When the link is cut.
pub async fn room_of(asked: Vec<Asked<Reply>>) -> Result<Option<Room>> {
    let mut room = None;
    for answer in asked {
        // bsize frsize blocks bfree bavail files ffree favail …
        if let Reply::Extended(bytes) = answer.await.map_err(|_| cut())?
            && let [_, frsize, blocks, _, bavail, files, _, favail, ..] = numbers(&bytes)[..]
        {
            room = Some(Room {
                free_bytes: bavail.saturating_mul(frsize),
                total_bytes: blocks.saturating_mul(frsize),
                free_files: (files > 0).then_some(favail),
            });
        }
    }
    Ok(room)
}

/// The link is gone.
pub fn cut() -> TargetError {
    TargetError::new(Retry::Soon, "the link to the server was cut")
}

/// What attributes say.
pub fn stat_of(attrs: &Attrs) -> Stat {
    // S_IFMT, S_IFREG, S_IFDIR of POSIX. A server that tells no type tells of files.
    let kind = match attrs.mode.map(|mode| mode & 0o170_000) {
        None | Some(0o100_000 | 0) => FileKind::File,
        Some(0o040_000) => FileKind::Folder,
        Some(_) => FileKind::Other,
    };
    Stat { kind, size: attrs.size.unwrap_or(0), mtime: attrs.mtime.map(i64::from) }
}

/// Keeps to so many bytes a second over all channels.
pub struct Pace {
    bytes_per_s: u64,
    free_at: Mutex<Option<Instant>>,
}

impl Pace {
    fn new(bytes_per_s: u64) -> Pace {
        Pace { bytes_per_s: bytes_per_s.max(1), free_at: Mutex::default() }
    }

    /// Waits until so many bytes may go.
    pub async fn take(&self, bytes: u64) {
        let wait = {
            let mut free_at = self.free_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let now = Instant::now();
            let begin = free_at.map_or(now, |at| at.max(now));
            *free_at = Some(begin + Duration::from_secs_f64(bytes as f64 / self.bytes_per_s as f64));
            begin
        };
        tokio::time::sleep_until(wait).await;
    }

    /// Pieces of about a fifth of a second.
    pub fn piece_bytes(&self) -> usize {
        (self.bytes_per_s / 5).clamp(4 << 10, 256 << 10) as usize
    }
}
