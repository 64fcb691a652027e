//! SSH connections: to the right host, as the right user, host keys always checked.

use super::Opening;
use super::target::Result;

/// A connection that is logged in; the connections to jump hosts below it live as long as it.
pub struct Connection {}

/// What a command on the server did.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its exit status; `None` if the server told none.
    pub status: Option<u32>,
    /// Its stdout.
    pub out: Vec<u8>,
}

impl Connection {
    /// Connects and logs in.
    ///
    /// # Errors
    /// When the host cannot be reached or its key is not the known one, or no way to log in is accepted.
    pub async fn open(_opening: &Opening<'_>) -> Result<Connection> {
        Err(super::target::TargetError::login("not written yet"))
    }

    /// A new session channel.
    ///
    /// # Errors
    /// When the server refuses one, or the link is cut.
    pub async fn channel(&self) -> Result<russh::Channel<russh::client::Msg>> {
        Err(super::target::TargetError::login("not written yet"))
    }

    /// Runs a command on the server with that stdin; `None` if the server lets nobody run commands.
    ///
    /// # Errors
    /// When the link is cut.
    pub async fn run(&self, _command: &str, _input: &[u8]) -> Result<Option<Ran>> {
        Ok(None)
    }

    /// What the server calls itself: `OpenSSH_9.2p1 Debian-2`.
    pub fn software(&self) -> &str {
        ""
    }
}
