//! Logins over SSH: which servers are trusted, and as whom exodus logs in.
//!
//! Servers are real sshds. Passwords are the exception: they would need a user of the machine with a password, so a
//! server made of russh's own server side asks for them. It opens no channel, which the client says after the login.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use russh::server::{Auth, Response, Server as _};
use russh::{MethodKind, MethodSet};

use crate::house::{Home, Ran, run};
use crate::sshd::{Sshd, free_port, make_key};

fn test(home: &Home, url: &str, more: &[&str]) -> Ran {
    home.run(["target", "test", url].iter().chain(more))
}

fn start(home: &Home, more: &str) -> Option<(Sshd, String)> {
    let sshd = Sshd::start(home, "sshd", more)?;
    let url = sshd.url(&home.at("there"));
    Some((sshd, url))
}

fn known_hosts(home: &Home, text: &str) {
    home.put(".ssh/known_hosts", text.as_bytes());
}

fn keygen(args: &[&str], at: &Path) {
    run(Command::new("ssh-keygen").args(args).current_dir(at).stdin(Stdio::null())).expect(0);
}

#[test]
fn an_unknown_server_is_refused_or_on_request_remembered() {
    let home = Home::new();
    let Some((sshd, url)) = start(&home, "") else { return };
    known_hosts(&home, "# nobody");
    let refused = test(&home, &url, &[]).expect(6).err;
    assert!(refused.contains("SHA256:") && refused.contains("--accept-new-host-key"), "{refused}");
    test(&home, &url, &["--accept-new-host-key"]).expect(0);
    test(&home, &url, &[]).expect(0);
    let name = format!("[127.0.0.1]:{}", sshd.port);
    let found =
        run(Command::new("ssh-keygen").args(["-F", &name, "-f"]).arg(home.at(".ssh/known_hosts"))).expect(0);
    assert!(String::from_utf8_lossy(&found.out).contains(&sshd.host_key()));
    let text = fs::read_to_string(home.at(".ssh/known_hosts")).expect("it is there");
    assert!(text.starts_with("# nobody\n"), "a line that had no end got one: {text}");
}

#[test]
fn a_server_with_another_key_is_refused_whatever_is_accepted() {
    let home = Home::new();
    let Some((sshd, url)) = start(&home, "") else { return };
    make_key(&home.at("other"), "ed25519", "");
    let other = fs::read_to_string(home.at("other.pub")).expect("it was made");
    known_hosts(&home, &format!("[127.0.0.1]:{} {other}", sshd.port));
    let refused = test(&home, &url, &["--accept-new-host-key"]).expect(6).err;
    assert!(refused.contains("known_hosts:1") && refused.contains("ssh-keygen -R"), "{refused}");
    known_hosts(
        &home,
        &format!("@revoked * {}\n[127.0.0.1]:{} {}\n", sshd.host_key(), sshd.port, sshd.host_key()),
    );
    let revoked = test(&home, &url, &["--accept-new-host-key"]).expect(6).err;
    assert!(revoked.contains("withdrawn"), "{revoked}");
}

#[test]
fn hashed_names_wildcards_and_other_types_of_keys_are_known() {
    let home = Home::new();
    let Some((sshd, url)) = start(&home, "") else { return };
    keygen(&["-q", "-H", "-f", "known_hosts"], &home.at(".ssh"));
    let text = fs::read_to_string(home.at(".ssh/known_hosts")).expect("it is there");
    assert!(text.starts_with("|1|"), "{text}");
    test(&home, &url, &[]).expect(0);
    known_hosts(&home, &format!("[127.0.0.*]:{},!nobody {}\n", sshd.port, sshd.host_key()));
    test(&home, &url, &[]).expect(0);
    // A server with two keys of which only the one is known that it would not show first.
    make_key(&home.at("rsa"), "rsa", "");
    let home2 = Home::new();
    let at = home.at("rsa").display().to_string();
    let Some(both) = Sshd::start(&home2, "both", &format!("HostKey {at}")) else { return };
    let rsa = fs::read_to_string(home.at("rsa.pub")).expect("it was made");
    known_hosts(&home2, &format!("[127.0.0.1]:{} {rsa}", both.port));
    test(&home2, &both.url(&home2.at("there")), &[]).expect(0);
}

#[test]
fn a_certificate_of_a_trusted_authority_vouches_while_it_is_valid() {
    let home = Home::new();
    let certificate = home.at("sshd/host_key-cert.pub");
    let Some((_, _)) = start(&home, "") else { return };
    make_key(&home.at("ca"), "ed25519", "");
    let authority = fs::read_to_string(home.at("ca.pub")).expect("it was made");
    let cases =
        [("127.0.0.1", "+1h", 0), ("elsewhere.example.org", "+1h", 6), ("127.0.0.1", "20200101:20200102", 6)];
    for (principal, valid, code) in cases {
        let home2 = Home::new();
        let name = home2.at("signed");
        fs::create_dir_all(&name).expect("the home is ours");
        make_key(&name.join("key"), "ed25519", "");
        let ca = home.at("ca").display().to_string();
        keygen(&["-q", "-s", &ca, "-I", "x", "-h", "-n", principal, "-V", valid, "key.pub"], &name);
        let at = name.display();
        let config = format!("HostKey {at}/key\nHostCertificate {at}/key-cert.pub");
        let Some(sshd) = Sshd::start(&home2, "sshd", &config) else { return };
        known_hosts(&home2, &format!("@cert-authority 127.0.0.1 {authority}"));
        let ran = test(&home2, &sshd.url(&home2.at("there")), &[]);
        assert_eq!(ran.code, code, "{principal} {valid}: {}", ran.err);
    }
    assert!(!certificate.exists());
}

#[test]
fn keys_of_all_types_log_in_and_those_that_others_can_read_do_not() {
    let home = Home::new();
    let Some((sshd, url)) = start(&home, "") else { return };
    for kind in ["ed25519", "ecdsa", "rsa"] {
        let key = home.at(&format!("key-{kind}"));
        make_key(&key, kind, "");
        fs::copy(home.at(&format!("key-{kind}.pub")), sshd.folder.join("authorized_keys"))
            .expect("it was made");
        let name = key.display().to_string();
        test(&home, &url, &["--identity", &name]).expect(0);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("the home is ours");
        let refused = test(&home, &url, &["--identity", &name]).expect(7).err;
        assert!(refused.contains("chmod 600"), "{refused}");
    }
}

#[test]
fn a_passphrase_comes_from_the_environment_or_a_command_and_is_never_shown() {
    let home = Home::new();
    let Some((sshd, url)) = start(&home, "") else { return };
    make_key(&home.at("locked"), "ed25519", "open sesame");
    fs::copy(home.at("locked.pub"), sshd.folder.join("authorized_keys")).expect("it was made");
    let key = home.at("locked").display().to_string();
    let with = |name: &str, value: &str| {
        let mut command = home.command(["target", "test", &url, "--identity", &key]);
        run(command.env(name, value))
    };
    with("EXODUS_PASSPHRASE", "open sesame").expect(0);
    let wrong = with("EXODUS_PASSPHRASE", "abracadabra").expect(7).err;
    assert!(wrong.contains("passphrase does not open") && !wrong.contains("abracadabra"), "{wrong}");
    test(&home, &url, &["--identity", &key]).expect(7);
    let command = "echo open sesame";
    home.run(["target", "add", "box", &url, "--identity", &key, "--passphrase-command", command]).expect(0);
    test(&home, "box", &[]).expect(0);
    // Nobody is asked for the passphrase of a key that the server would not take.
    make_key(&home.at("other"), "ed25519", "");
    fs::copy(home.at("other.pub"), sshd.folder.join("authorized_keys")).expect("it was made");
    let refused = with("EXODUS_PASSPHRASE", "abracadabra").expect(7).err;
    assert!(!refused.contains("does not open"), "{refused}");
}

/// A real ssh-agent, ended by its process id.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_agent_with_many_keys_finds_the_one_that_the_server_takes() {
    let home = Home::new();
    let Some((sshd, url)) = start(&home, "MaxAuthTries 6") else { return };
    let socket = home.at("agent");
    let agent = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn();
    let _agent = Agent(agent.expect("ssh-agent can be started"));
    while !socket.exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    for n in 0..9 {
        make_key(&home.at(&format!("k{n}")), "ed25519", "");
        let mut add = Command::new("ssh-add");
        run(add.arg("-q").arg(home.at(&format!("k{n}"))).env("SSH_AUTH_SOCK", &socket)).expect(0);
    }
    fs::copy(home.at("k8.pub"), sshd.folder.join("authorized_keys")).expect("it was made");
    let ran = run(home.command(["target", "test", &url]).env("SSH_AUTH_SOCK", &socket));
    assert_eq!(ran.code, 0, "{}", ran.err);
}

#[test]
fn the_users_configuration_is_followed_through_a_jump_host() {
    let home = Home::new();
    let Some((sshd, _)) = start(&home, "AllowTcpForwarding yes") else { return };
    let Some(inner) = Sshd::start(&home, "inner", "") else { return };
    let key = home.at("special");
    make_key(&key, "ed25519", "");
    fs::copy(home.at("special.pub"), inner.folder.join("authorized_keys")).expect("it was made");
    let known = [(&sshd, "127.0.0.1"), (&inner, "127.0.0.1")]
        .map(|(it, name)| format!("[{name}]:{} {}\n", it.port, it.host_key()));
    known_hosts(&home, &known.concat());
    let config = format!(
        "Host box\n  HostName 127.0.0.1\n  Port {}\n  IdentityFile ~/special\n  ProxyJump gate\n\
         Host gate\n  HostName 127.0.0.1\n  Port {}\nMatch host nothing\n  Port 1\n",
        inner.port, sshd.port
    );
    home.put(".ssh/config", config.as_bytes());
    let said = home.json(&["target", "test", &format!("sftp://box{}", home.at("there").display())]);
    assert!(said["software"].as_str().is_some_and(|it| it.starts_with("OpenSSH")), "{said}");
    assert!(sshd.log().contains("Accepted publickey"), "{}", sshd.log());
}

#[test]
fn a_login_that_fails_says_what_was_tried_and_a_server_that_is_not_there_is_named() {
    let home = Home::new();
    let Some((sshd, url)) = start(&home, "") else { return };
    fs::write(sshd.folder.join("authorized_keys"), "").expect("the home is ours");
    let refused = test(&home, &url, &[]).expect(7).err;
    assert!(refused.contains("id_ed25519") && refused.contains("publickey"), "{refused}");
    let port = free_port();
    let gone = test(&home, &format!("sftp://127.0.0.1:{port}/x"), &[]).expect(6).err;
    assert!(gone.contains(&port.to_string()) && gone.contains("refused"), "{gone}");
}

/// A server that takes one password, asked for in one way or the other, and offers nothing after that.
#[derive(Clone)]
struct Asking {
    method: MethodKind,
}

const PASSWORD: &str = "correct horse";

impl russh::server::Server for Asking {
    type Handler = Asking;

    fn new_client(&mut self, _: Option<std::net::SocketAddr>) -> Asking {
        self.clone()
    }
}

fn verdict(is_right: bool) -> Auth {
    if is_right { Auth::Accept } else { Auth::Reject { proceed_with_methods: None, partial_success: false } }
}

impl russh::server::Handler for Asking {
    type Error = russh::Error;

    async fn auth_password(&mut self, _: &str, password: &str) -> Result<Auth, russh::Error> {
        Ok(verdict(self.method == MethodKind::Password && password == PASSWORD))
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Result<Auth, russh::Error> {
        let Some(mut response) = response else {
            let prompts = vec![("Password:".into(), false)];
            return Ok(Auth::Partial { name: "".into(), instructions: "".into(), prompts: prompts.into() });
        };
        Ok(verdict(response.next().is_some_and(|answer| answer == PASSWORD.as_bytes())))
    }
}

/// Serves until the runtime is dropped; its port and its host key.
fn serve(method: MethodKind, home: &Home) -> (tokio::runtime::Runtime, u16) {
    make_key(&home.at("server_key"), "ed25519", "");
    let key = russh::keys::load_secret_key(home.at("server_key"), None).expect("it was made");
    let config = russh::server::Config {
        keys: vec![key],
        methods: MethodSet::from(&[method][..]),
        auth_rejection_time: std::time::Duration::from_millis(10),
        ..russh::server::Config::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("threads can be started");
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("loopback is there");
    let port = listener.local_addr().expect("it listens").port();
    runtime.spawn(async move { Asking { method }.run_on_socket(Arc::new(config), &listener).await });
    let public = fs::read_to_string(home.at("server_key.pub")).expect("it was made");
    known_hosts(home, &format!("[127.0.0.1]:{port} {public}"));
    (runtime, port)
}

#[test]
fn passwords_come_from_the_environment_or_a_command_and_are_never_shown() {
    for method in [MethodKind::Password, MethodKind::KeyboardInteractive] {
        let home = Home::new();
        let (_runtime, port) = serve(method, &home);
        let url = format!("sftp://ada@127.0.0.1:{port}/~/x");
        let with = |name: &str, value: &str| run(home.command(["target", "test", &url]).env(name, value));
        let inside = with("EXODUS_PASSWORD", PASSWORD).expect(6).err;
        assert!(inside.contains("opens no channel"), "{method:?}: {inside}");
        let outside = with("EXODUS_PASSWORD", "wrong battery").expect(7).err;
        assert!(
            outside.contains("cannot log in as ada@") && !outside.contains("battery"),
            "{method:?}: {outside}"
        );
        test(&home, &url, &[]).expect(7);
        home.run(["target", "add", "a", &url, "--password-command", &format!("echo {PASSWORD}")]).expect(0);
        test(&home, "a", &[]).expect(6);
        home.run(["target", "add", "b", &url, "--password-command", "echo no >&2; exit 3"]).expect(0);
        let failed = test(&home, "b", &[]).expect(7).err;
        assert!(failed.contains("exit status: 3"), "{failed}");
        home.run(["target", "add", "c", &url, "--password-env", "MINE"]).expect(0);
        run(home.command(["target", "test", "c"]).env("MINE", PASSWORD)).expect(6);
    }
}
