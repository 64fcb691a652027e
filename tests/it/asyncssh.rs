//! A server of asyncssh for one test: in its home, stopped by its process id.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::house::{Home, skip};
use crate::sshd::{free_port, make_key};

/// Who may log in.
pub enum Login<'a> {
    /// Anybody with the home's key `~/.ssh/id_ed25519`, which is made.
    Key,
    /// Anybody with this password.
    Password(&'a str),
}

/// A server that runs until it is dropped. Its folder is `server` in the home.
pub struct Server {
    child: Child,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

impl Server {
    /// Starts a server that the home knows. `None`, aloud, without asyncssh.
    pub fn start(home: &Home, login: Login) -> Option<Server> {
        let has_it = Command::new("/usr/bin/python3").args(["-c", "import asyncssh"]).output();
        if !has_it.is_ok_and(|ran| ran.status.success()) {
            skip("a push to asyncssh", "it is not installed (Debian package python3-asyncssh)");
            return None;
        }
        let port = free_port();
        fs::create_dir_all(home.at("server")).expect("the home is ours");
        make_key(&home.at("server/key"), "ed25519", "");
        let public = fs::read_to_string(home.at("server/key.pub")).expect("it was made");
        home.put(".ssh/known_hosts", format!("[127.0.0.1]:{port} {public}").as_bytes());
        let mut command = Command::new("/usr/bin/python3");
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/asyncssh_server.py"));
        command.arg(port.to_string()).arg(home.at("server/key"));
        match login {
            Login::Key => {
                make_key(&home.at(".ssh/id_ed25519"), "ed25519", "");
                command.arg(home.at(".ssh/id_ed25519.pub"))
            }
            Login::Password(password) => command.arg("--password").env("PASSWORD", password),
        };
        command.current_dir(home.at("server")).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Server { child: command.spawn().expect("it can be started"), port };
        let until = Instant::now() + Duration::from_secs(20);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < until, "asyncssh does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
