//! A real sshd for one test: on a free port of 127.0.0.1, with keys, configuration and log of its own in the test's
//! home, stopped by its process id. The user is the one who runs the tests.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
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
        let sshd = Sshd::start_at(home, name, more, free_port())?;
        sshd.be_known(home);
        Some(sshd)
    }

    /// The same on that port; the home's known hosts stay as they are. A folder that has a host key keeps it.
    pub fn start_at(home: &Home, name: &str, more: &str, port: u16) -> Option<Sshd> {
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
        let mut command = Command::new(SSHD);
        command.arg("-D").arg("-f").arg(folder.join("config")).arg("-E").arg(folder.join("log"));
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let sshd = Sshd { child: child.expect("sshd can be started"), port, folder };
        sshd.wait();
        Some(sshd)
    }

    fn wait(&self) {
        let until = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
            let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < until, "sshd does not listen: {log}");
            std::thread::sleep(Duration::from_millis(10));
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

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback is there");
    listener.local_addr().expect("it listens").port()
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
