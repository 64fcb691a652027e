//! A real sshd for one test: on a free port of 127.0.0.1, with keys, configuration and log of its own in the test's
//! home, stopped by its process id. The user is the one who runs the tests.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::house::{Home, run, skip};

const SSHD: &str = "/usr/sbin/sshd";

/// A server that runs until it is dropped.
pub struct Sshd {
    child: Child,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Its folder: `host_key`, `host_key.pub`, `authorized_keys`, `log`.
    pub folder: PathBuf,
}

impl Sshd {
    /// Starts a server whose folder is `name` in that home, with more lines of configuration. The home gets a key
    /// `~/.ssh/id_ed25519` that it takes, and knows its host key. `None`, aloud, where there is no sshd.
    pub fn start(home: &Home, name: &str, more: &str) -> Option<Sshd> {
        for _ in 0..20 {
            let sshd = Sshd::try_start_at(home, name, more, free_port())?;
            // Somebody else may have taken the port since it was free.
            if let Ok(sshd) = sshd {
                sshd.be_known(home);
                return Some(sshd);
            }
        }
        panic!("no port is free");
    }

    /// The same on that port; the home's known hosts stay as they are. A folder that has a host key keeps it.
    pub fn start_at(home: &Home, name: &str, more: &str, port: u16) -> Option<Sshd> {
        let sshd = Sshd::try_start_at(home, name, more, port)?;
        Some(sshd.unwrap_or_else(|log| panic!("sshd does not listen: {log}")))
    }

    /// The same; what it has logged if it does not listen.
    fn try_start_at(home: &Home, name: &str, more: &str, port: u16) -> Option<Result<Sshd, String>> {
        if !Path::new(SSHD).exists() || !can_run() {
            skip("a push over SFTP", "no sshd can be run here (Debian package openssh-server)");
            return None;
        }
        let folder = home.at(name);
        fs::create_dir_all(&folder).expect("the home is ours");
        if !folder.join("host_key").exists() {
            make_key(&folder.join("host_key"), "ed25519", "");
        }
        let own = home.at(".ssh/id_ed25519");
        if !own.exists() {
            fs::create_dir_all(home.at(".ssh")).expect("the home is ours");
            make_key(&own, "ed25519", "");
        }
        fs::copy(home.at(".ssh/id_ed25519.pub"), folder.join("authorized_keys")).expect("it was made");
        let at = folder.display();
        // The first line of a setting counts: what a test wants comes before the rest.
        let subsystem = if more.contains("Subsystem") { "" } else { "Subsystem sftp internal-sftp" };
        let config = format!(
            "{more}\n{subsystem}\nPort {port}\nListenAddress 127.0.0.1\nHostKey {at}/host_key\nAuthorizedKeysFile {at}/authorized_keys\n\
             StrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\n"
        );
        fs::write(folder.join("config"), config).expect("the home is ours");
        // What an earlier server of this folder has logged says nothing of this one.
        let _ = fs::remove_file(folder.join("log"));
        let mut command = Command::new(SSHD);
        command.arg("-D").arg("-f").arg(folder.join("config")).arg("-E").arg(folder.join("log"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut sshd = Sshd { child: child.expect("sshd can be started"), port, folder };
        Some(sshd.wait().map(|()| sshd))
    }

    /// Waits until it listens, and not another server at its port.
    fn wait(&mut self) -> Result<(), String> {
        let until = Instant::now() + Duration::from_secs(20);
        let says = format!("Server listening on 127.0.0.1 port {}.", self.port);
        while !self.log().contains(&says) {
            let is_over = self.child.try_wait().map_or(true, |ended| ended.is_some());
            if is_over || Instant::now() > until {
                return Err(self.log());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        match TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)) {
            Ok(_) => Ok(()),
            Err(err) => Err(format!("{err}: {}", self.log())),
        }
    }

    /// Its public host key: type and key.
    pub fn host_key(&self) -> String {
        let text = fs::read_to_string(self.folder.join("host_key.pub")).expect("it was made");
        text.split(' ').take(2).collect::<Vec<_>>().join(" ")
    }

    /// Writes its host key into the home's known hosts, and nothing else.
    pub fn be_known(&self, home: &Home) {
        home.put(".ssh/known_hosts", format!("[127.0.0.1]:{} {}\n", self.port, self.host_key()).as_bytes());
    }

    /// The URL of a folder on it, by its absolute path.
    pub fn url(&self, path: &Path) -> String {
        format!("sftp://127.0.0.1:{}{}", self.port, path.display())
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Makes a pair of keys with ssh-keygen.
pub fn make_key(path: &Path, kind: &str, passphrase: &str) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", kind, "-N", passphrase, "-C", "test", "-f"]).arg(path);
    run(&mut command).expect(0);
}

/// A port that nobody listens on, and below those that the system gives to connections.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(641);
    loop {
        let number = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = 12_000 + (number % 20_000) as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// sshd of root needs a folder to lock itself into.
fn can_run() -> bool {
    let folder = Path::new("/run/sshd");
    if folder.is_dir() || !rustix::process::geteuid().is_root() {
        return true;
    }
    fs::create_dir_all(folder)
        .and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o755)))
        .is_ok()
}
