//! The target `sftp://`: files over the SSH File Transfer Protocol, version 3.

use super::target::{FileTarget, Result};
use super::{Opening, TargetDef, ssh};

/// `sftp://user@host:port/path`
pub const DEF: TargetDef = TargetDef { scheme: "sftp", title: "a server over SFTP", open };

fn open(_opening: &Opening) -> Result<Box<dyn FileTarget>> {
    let _ = ssh::Connection::open;
    Err(super::target::TargetError::login("not written yet"))
}
