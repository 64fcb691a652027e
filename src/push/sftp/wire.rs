//! Packets of the SSH File Transfer Protocol, version 3: draft-ietf-secsh-filexfer-02, the version that servers speak,
//! with OpenSSH's extensions (its file PROTOCOL). Nothing a server sends makes this panic or allocate more than it sent.

use bytes::Bytes;

/// Packet types of the draft, §3.
mod kind {
    pub const INIT: u8 = 1;
    pub const VERSION: u8 = 2;
    pub const OPEN: u8 = 3;
    pub const CLOSE: u8 = 4;
    pub const READ: u8 = 5;
    pub const WRITE: u8 = 6;
    pub const LSTAT: u8 = 7;
    pub const FSTAT: u8 = 8;
    pub const SETSTAT: u8 = 9;
    pub const FSETSTAT: u8 = 10;
    pub const OPENDIR: u8 = 11;
    pub const READDIR: u8 = 12;
    pub const REMOVE: u8 = 13;
    pub const MKDIR: u8 = 14;
    pub const RMDIR: u8 = 15;
    pub const REALPATH: u8 = 16;
    pub const STAT: u8 = 17;
    pub const RENAME: u8 = 18;
    pub const STATUS: u8 = 101;
    pub const HANDLE: u8 = 102;
    pub const DATA: u8 = 103;
    pub const NAME: u8 = 104;
    pub const ATTRS: u8 = 105;
    pub const EXTENDED: u8 = 200;
    pub const EXTENDED_REPLY: u8 = 201;
}

/// How to open a file: §6.3 of the draft.
pub mod open {
    /// For reading.
    pub const READ: u32 = 1;
    /// For writing.
    pub const WRITE: u32 = 2;
    /// Every write goes to the end.
    pub const APPEND: u32 = 4;
    /// Made if it is not there.
    pub const CREATE: u32 = 8;
    /// Emptied.
    pub const TRUNCATE: u32 = 16;
    /// Must not be there.
    pub const EXCLUSIVE: u32 = 32;
}

/// Status codes: §7 of the draft.
pub mod status {
    /// Done.
    pub const OK: u32 = 0;
    /// Nothing more to read.
    pub const EOF: u32 = 1;
    /// There is no such file.
    pub const NO_SUCH_FILE: u32 = 2;
    /// Not allowed.
    pub const PERMISSION_DENIED: u32 = 3;
    /// Anything else.
    pub const FAILURE: u32 = 4;
    /// The server does not know how.
    pub const OP_UNSUPPORTED: u32 = 8;
}

const HAS_SIZE: u32 = 1;
const HAS_OWNER: u32 = 2;
const HAS_MODE: u32 = 4;
const HAS_TIMES: u32 = 8;
const HAS_EXTENDED: u32 = 0x8000_0000;

/// Attributes of a file: §5 of the draft. What is `None` is not told, or not to be changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attrs {
    /// Size in bytes.
    pub size: Option<u64>,
    /// Type and permission bits.
    pub mode: Option<u32>,
    /// Modification time in seconds since 1970-01-01 UTC; the access time is set to the same.
    pub mtime: Option<u32>,
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub enum Request<'a> {
    /// Opens a file.
    Open(&'a str, u32, Attrs),
    /// Closes a handle.
    Close(&'a [u8]),
    /// Reads so many bytes from an offset on.
    Read(&'a [u8], u64, u32),
    /// What is at a path; links are not followed.
    Lstat(&'a str),
    /// What is at a path; links are followed.
    Stat(&'a str),
    /// What is behind a handle.
    Fstat(&'a [u8]),
    /// Changes attributes of a path.
    Setstat(&'a str, Attrs),
    /// Changes attributes of an open file.
    Fsetstat(&'a [u8], Attrs),
    /// Opens a folder.
    Opendir(&'a str),
    /// Some entries of an open folder.
    Readdir(&'a [u8]),
    /// Removes a file.
    Remove(&'a str),
    /// Makes a folder.
    Mkdir(&'a str, Attrs),
    /// Removes an empty folder.
    Rmdir(&'a str),
    /// The whole path.
    Realpath(&'a str),
    /// Renames; must not replace.
    Rename(&'a str, &'a str),
    /// `posix-rename@openssh.com`: renames, replaces.
    PosixRename(&'a str, &'a str),
    /// `fsync@openssh.com`.
    Fsync(&'a [u8]),
    /// `statvfs@openssh.com`.
    Statvfs(&'a str),
    /// `limits@openssh.com`.
    Limits,
    /// `check-file-name`: hashes a file, draft-ietf-secsh-filexfer-extensions-00 §3.
    CheckFile(&'a str),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// How a request ended: code and message.
    Status(u32, String),
    /// A handle.
    Handle(Vec<u8>),
    /// Bytes of a file.
    Data(Bytes),
    /// Names with attributes. Names that are not UTF-8 are left out.
    Names(Vec<(String, Attrs)>),
    /// Attributes.
    Attrs(Attrs),
    /// The answer to an extended request.
    Extended(Bytes),
}

/// The packet that opens a session.
pub fn init() -> Vec<u8> {
    vec![0, 0, 0, 5, kind::INIT, 0, 0, 0, 3]
}

/// Reads the server's answer to [`init`]: extensions by name.
pub fn version(packet: &Bytes) -> Option<Vec<(String, String)>> {
    let mut rest = Cursor(packet.clone());
    if rest.byte()? != kind::VERSION || rest.u32()? < 3 {
        return None;
    }
    let mut extensions = Vec::new();
    while let Some(name) = rest.text() {
        extensions.push((name, rest.text()?));
    }
    Some(extensions)
}

/// A request as it is sent.
pub fn encode(id: u32, request: Request) -> Vec<u8> {
    let mut out = Packet::new(id);
    match request {
        Request::Open(path, flags, attrs) => out.kind(kind::OPEN).text(path).u32(flags).attrs(&attrs),
        Request::Close(handle) => out.kind(kind::CLOSE).bytes(handle),
        Request::Read(handle, at, n) => out.kind(kind::READ).bytes(handle).u64(at).u32(n),
        Request::Lstat(path) => out.kind(kind::LSTAT).text(path),
        Request::Stat(path) => out.kind(kind::STAT).text(path),
        Request::Fstat(handle) => out.kind(kind::FSTAT).bytes(handle),
        Request::Setstat(path, attrs) => out.kind(kind::SETSTAT).text(path).attrs(&attrs),
        Request::Fsetstat(handle, attrs) => out.kind(kind::FSETSTAT).bytes(handle).attrs(&attrs),
        Request::Opendir(path) => out.kind(kind::OPENDIR).text(path),
        Request::Readdir(handle) => out.kind(kind::READDIR).bytes(handle),
        Request::Remove(path) => out.kind(kind::REMOVE).text(path),
        Request::Mkdir(path, attrs) => out.kind(kind::MKDIR).text(path).attrs(&attrs),
        Request::Rmdir(path) => out.kind(kind::RMDIR).text(path),
        Request::Realpath(path) => out.kind(kind::REALPATH).text(path),
        Request::Rename(from, to) => out.kind(kind::RENAME).text(from).text(to),
        Request::PosixRename(from, to) => {
            out.kind(kind::EXTENDED).text("posix-rename@openssh.com").text(from).text(to)
        }
        Request::Fsync(handle) => out.kind(kind::EXTENDED).text("fsync@openssh.com").bytes(handle),
        Request::Statvfs(path) => out.kind(kind::EXTENDED).text("statvfs@openssh.com").text(path),
        Request::Limits => out.kind(kind::EXTENDED).text("limits@openssh.com"),
        Request::CheckFile(path) => {
            let out = out.kind(kind::EXTENDED).text("check-file-name").text(path).text("sha256");
            out.u64(0).u64(0).u32(0)
        }
    };
    out.finish()
}

/// So many bytes stand before the data of a write with a handle of that length.
pub fn write_head_len(handle: &[u8]) -> usize {
    4 + 1 + 4 + 4 + handle.len() + 8 + 4
}

/// Fills in what stands before the data of a write: `packet` has [`write_head_len`] bytes of room, then the data.
pub fn write_head(packet: &mut [u8], id: u32, handle: &[u8], offset: u64) {
    let head = write_head_len(handle);
    let n_data = (packet.len() - head) as u32;
    let mut out = Vec::with_capacity(head);
    out.extend_from_slice(&(packet.len() as u32 - 4).to_be_bytes());
    out.push(kind::WRITE);
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(&(handle.len() as u32).to_be_bytes());
    out.extend_from_slice(handle);
    out.extend_from_slice(&offset.to_be_bytes());
    out.extend_from_slice(&n_data.to_be_bytes());
    packet[..head].copy_from_slice(&out);
}

/// Reads an answer (without its length): the request's number and what it says.
pub fn decode(packet: &Bytes) -> Option<(u32, Reply)> {
    let mut rest = Cursor(packet.clone());
    let kind = rest.byte()?;
    let id = rest.u32()?;
    let reply = match kind {
        kind::STATUS => {
            let code = rest.u32()?;
            // Old servers leave the message out.
            Reply::Status(code, rest.text().unwrap_or_default())
        }
        // 256 bytes at most, says the draft.
        kind::HANDLE => Reply::Handle(rest.string().filter(|handle| handle.len() <= 256)?.to_vec()),
        kind::DATA => Reply::Data(rest.string()?),
        kind::NAME => Reply::Names(names(&mut rest)?),
        kind::ATTRS => Reply::Attrs(rest.attrs()?),
        kind::EXTENDED_REPLY => Reply::Extended(rest.0),
        _ => return None,
    };
    Some((id, reply))
}

fn names(rest: &mut Cursor) -> Option<Vec<(String, Attrs)>> {
    let n = rest.u32()?;
    let mut names = Vec::new();
    for _ in 0..n {
        let name = rest.string()?;
        // What `ls -l` would show.
        rest.string()?;
        let attrs = rest.attrs()?;
        if let Ok(name) = String::from_utf8(name.to_vec()) {
            names.push((name, attrs));
        }
    }
    Some(names)
}

/// Numbers of an extended answer, each of 64 bits.
pub fn numbers(reply: &Bytes) -> Vec<u64> {
    reply
        .chunks_exact(8)
        .map(|it| u64::from_be_bytes([it[0], it[1], it[2], it[3], it[4], it[5], it[6], it[7]]))
        .collect()
}

/// The hash in an answer to [`Request::CheckFile`]: the algorithm's name, then the bytes.
pub fn checked_file(reply: &Bytes) -> Option<[u8; 32]> {
    let mut rest = Cursor(reply.clone());
    // Some servers repeat the extension's name first.
    let mut name = rest.text()?;
    if name == "check-file" {
        name = rest.text()?;
    }
    if name != "sha256" { None } else { rest.0.as_ref().try_into().ok() }
}

/// A packet that is being written.
struct Packet {
    id: u32,
    out: Vec<u8>,
}

impl Packet {
    fn new(id: u32) -> Packet {
        Packet { id, out: Vec::with_capacity(128) }
    }

    fn kind(&mut self, kind: u8) -> &mut Packet {
        self.out.extend_from_slice(&[0, 0, 0, 0, kind]);
        self.u32(self.id)
    }

    fn u32(&mut self, number: u32) -> &mut Packet {
        self.out.extend_from_slice(&number.to_be_bytes());
        self
    }

    fn u64(&mut self, number: u64) -> &mut Packet {
        self.out.extend_from_slice(&number.to_be_bytes());
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Packet {
        self.u32(bytes.len() as u32);
        self.out.extend_from_slice(bytes);
        self
    }

    fn text(&mut self, text: &str) -> &mut Packet {
        self.bytes(text.as_bytes())
    }

    fn attrs(&mut self, attrs: &Attrs) -> &mut Packet {
        let flag = |is: bool, flag: u32| if is { flag } else { 0 };
        let flags = flag(attrs.size.is_some(), HAS_SIZE)
            | flag(attrs.mode.is_some(), HAS_MODE)
            | flag(attrs.mtime.is_some(), HAS_TIMES);
        self.u32(flags);
        if let Some(size) = attrs.size {
            self.u64(size);
        }
        if let Some(mode) = attrs.mode {
            self.u32(mode);
        }
        if let Some(mtime) = attrs.mtime {
            self.u32(mtime).u32(mtime);
        }
        self
    }

    fn finish(mut self) -> Vec<u8> {
        let len = self.out.len() as u32 - 4;
        self.out[..4].copy_from_slice(&len.to_be_bytes());
        self.out
    }
}

/// A packet that is being read.
struct Cursor(Bytes);

impl Cursor {
    fn take(&mut self, n: usize) -> Option<Bytes> {
        (self.0.len() >= n).then(|| self.0.split_to(n))
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|it| it[0])
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4).map(|it| u32::from_be_bytes([it[0], it[1], it[2], it[3]]))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from(self.u32()?) << 32 | u64::from(self.u32()?))
    }

    fn string(&mut self) -> Option<Bytes> {
        let n = self.u32()? as usize;
        self.take(n)
    }

    fn text(&mut self) -> Option<String> {
        self.string().map(|it| String::from_utf8_lossy(&it).into_owned())
    }

    fn attrs(&mut self) -> Option<Attrs> {
        let flags = self.u32()?;
        let mut attrs = Attrs::default();
        if flags & HAS_SIZE != 0 {
            attrs.size = Some(self.u64()?);
        }
        if flags & HAS_OWNER != 0 {
            self.u64()?;
        }
        if flags & HAS_MODE != 0 {
            attrs.mode = Some(self.u32()?);
        }
        if flags & HAS_TIMES != 0 {
            self.u32()?;
            attrs.mtime = Some(self.u32()?);
        }
        if flags & HAS_EXTENDED != 0 {
            for _ in 0..self.u32()? {
                self.string()?;
                self.string()?;
            }
        }
        Some(attrs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_stand_as_the_draft_says() {
        let close = encode(7, Request::Close(b"ab"));
        assert_eq!(close, [0, 0, 0, 11, 4, 0, 0, 0, 7, 0, 0, 0, 2, b'a', b'b']);
        let attrs = Attrs { mode: Some(0o600), ..Attrs::default() };
        let open = encode(1, Request::Open("x", open::WRITE | open::CREATE, attrs));
        let wanted =
            [&[0, 0, 0, 22, 3, 0, 0, 0, 1, 0, 0, 0, 1, b'x', 0, 0, 0, 10][..], &[0, 0, 0, 4, 0, 0, 1, 128]];
        assert_eq!(open, wanted.concat());
        let mut write = vec![0; write_head_len(b"h")];
        write.extend_from_slice(b"data");
        write_head(&mut write, 9, b"h", 258);
        let wanted =
            [&[0, 0, 0, 26, 6, 0, 0, 0, 9, 0, 0, 0, 1, b'h', 0, 0, 0, 0, 0, 0, 1, 2][..], b"\0\0\0\x04data"];
        assert_eq!(write, wanted.concat());
    }

    #[test]
    fn answers_are_read_whether_short_or_with_all_there_is() {
        let status = Bytes::from_static(&[101, 0, 0, 0, 5, 0, 0, 0, 2]);
        assert_eq!(decode(&status), Some((5, Reply::Status(2, String::new()))));
        let attrs = Bytes::from_static(&[
            105, 0, 0, 0, 6, 128, 0, 0, 15, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 1, 128, 0,
            0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 1, b'a', 0, 0, 0, 1, b'b',
        ]);
        let wanted = Attrs { size: Some(9), mode: Some(0o600), mtime: Some(4) };
        assert_eq!(decode(&attrs), Some((6, Reply::Attrs(wanted))));
    }

    #[test]
    fn nothing_that_a_server_sends_makes_it_panic() {
        let mut packets: Vec<Vec<u8>> = vec![
            vec![101, 0, 0, 0, 5, 0, 0, 0, 2, 0, 0, 0, 1, b'x', 0, 0, 0, 0],
            vec![104, 0, 0, 0, 5, 0, 0, 0, 1, 0, 0, 0, 1, b'x', 0, 0, 0, 1, b'x', 0, 0, 0, 0],
            vec![
                105, 0, 0, 0, 6, 128, 0, 0, 15, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 1, 128,
                0, 0,
            ],
            vec![2, 0, 0, 0, 3, 0, 0, 0, 1, b'x', 0, 0, 0, 1, b'1'],
            vec![102, 0, 0, 0, 1, 255, 255, 255, 255],
            vec![104, 0, 0, 0, 5, 255, 255, 255, 255],
        ];
        let mut seed = 1_u64;
        for _ in 0..20_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let n = (seed >> 33) as usize % packets.len();
            let packet = &mut packets[n];
            let at = (seed >> 40) as usize % packet.len();
            packet[at] = (seed >> 50) as u8;
            let cut = Bytes::copy_from_slice(&packet[..=at]);
            for bytes in [Bytes::copy_from_slice(packet), cut] {
                let _ = (decode(&bytes), version(&bytes), numbers(&bytes), checked_file(&bytes));
            }
        }
    }
}
