//! Passwords and passphrases: taken in every way there is, and found afterwards in nothing that exodus wrote or said.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::sample_parts;

use crate::asyncssh::{Login, Server};
use crate::house::{Home, Ran, run};
use crate::sshd::{Sshd, make_key};

const PASSWORD: &str = "Kanarienvogel-4711";
const WRONG: &str = "Nachtigall-0815";

fn home() -> Home {
    let home = Home::new();
    home.put_parts("export", &sample_parts(Lang::De, 5, 1).0);
    home.import(&home.at("export"), &[]).expect(0);
    for (name, secret) in [("right", PASSWORD), ("wrong", WRONG)] {
        let path = home.put(name, format!("{secret}\n").as_bytes());
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("it is ours");
    }
    home
}

/// Asserts that neither secret stands in what was said or in any file but the two that hold them.
#[track_caller]
fn assert_nowhere(home: &Home, ran: &Ran, why: &str) {
    let has = |bytes: &[u8]| {
        [PASSWORD, WRONG].iter().any(|it| memchr::memmem::find(bytes, it.as_bytes()).is_some())
    };
    assert!(!has(&ran.out) && !has(ran.err.as_bytes()), "{why}: {}", ran.err);
    for entry in
        walkdir::WalkDir::new(home.path()).into_iter().flatten().filter(|it| it.file_type().is_file())
    {
        let is_holder = [home.at("right"), home.at("wrong")].iter().any(|it| it == entry.path());
        let is_found = !is_holder && has(&fs::read(entry.path()).expect("it is ours"));
        assert!(!is_found, "{why}: {}", entry.path().display());
    }
}

/// A way to say a secret: options of `target add`, and a variable of the environment.
struct Way {
    options: Vec<String>,
    variable: Option<(String, String)>,
}

fn ways(what: &str, file: &str) -> [Way; 4] {
    let secret = if file == "right" { PASSWORD } else { WRONG };
    let option = |kind: &str, value: &str| vec![format!("--{what}-{kind}"), value.to_owned()];
    let variable = |name: &str| Some((name.to_owned(), secret.to_owned()));
    let usual = format!("EXODUS_{}", what.to_uppercase());
    [
        Way { options: Vec::new(), variable: variable(&usual) },
        Way { options: option("env", "MINE"), variable: variable("MINE") },
        Way { options: option("file", &format!("~/{file}")), variable: None },
        Way { options: option("command", &format!("cat {file}")), variable: None },
    ]
}

/// Pushes with a secret said in each way; each ends with that code, and the secret is nowhere.
fn check(home: &Home, url: &str, what: &str, file: &str, code: i32) {
    for (n, Way { options, variable }) in ways(what, file).into_iter().enumerate() {
        let name = format!("{what}-{file}-{n}");
        home.run(["target", "add", &name, url].into_iter().map(str::to_owned).chain(options)).expect(0);
        for more in [&[][..], &["--json"], &["--verify", "hash"]] {
            let words = ["push", &name, "-vv", "--log-file", "log"].into_iter().chain(more.iter().copied());
            let ran = run(home.command(words).envs(variable.clone())).expect(code);
            assert_nowhere(home, &ran, &name);
        }
    }
}

#[test]
fn a_password_is_taken_in_every_way_and_is_nowhere_afterwards() {
    let home = home();
    let Some(server) = Server::start(&home, Login::Password(PASSWORD)) else { return };
    let url = format!("sftp://ada@127.0.0.1:{}{}", server.port, home.at("there").display());
    check(&home, &url, "password", "wrong", 7);
    check(&home, &url, "password", "right", 0);
    assert!(home.at("there/index.sqlite").exists());
    // In the URL others would see it.
    let with_password = url.replace("ada@", &format!("ada:{PASSWORD}@"));
    for words in [
        &["push", &*with_password][..],
        &["target", "add", "x", &with_password],
        &["target", "test", &with_password.replace("://", ":///")],
    ] {
        assert_nowhere(&home, &home.run(words).expect(7), "a URL");
    }
}

#[test]
fn a_passphrase_is_taken_in_every_way_and_is_nowhere_afterwards() {
    let home = home();
    let Some(sshd) = Sshd::start(&home, "sshd", "") else { return };
    make_key(&home.at("locked"), "ed25519", PASSWORD);
    fs::copy(home.at("locked.pub"), sshd.folder.join("authorized_keys")).expect("the home is ours");
    for (from, to) in [("locked", ".ssh/id_ed25519"), ("locked.pub", ".ssh/id_ed25519.pub")] {
        fs::rename(home.at(from), home.at(to)).expect("the home is ours");
    }
    let url = sshd.url(&home.at("there"));
    check(&home, &url, "passphrase", "wrong", 7);
    check(&home, &url, "passphrase", "right", 0);
}

/// Runs a command where the keyring is open and has a password, if there is one in `SECRET`.
#[cfg(feature = "keyring")]
const WITH_KEYRING: &str = r#"
echo | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1
if [ -n "$SECRET" ]; then echo "$SECRET" | secret-tool store --label exodus service exodus username ada; fi
unset SECRET
exec "$@"
"#;

#[cfg(feature = "keyring")]
#[test]
fn a_password_is_taken_from_the_keyring_and_is_nowhere_afterwards() {
    use crate::house::{EXODUS, has_program, skip};
    if !["dbus-run-session", "gnome-keyring-daemon", "secret-tool"].into_iter().all(has_program) {
        return skip(
            "the keyring",
            "it is not installed (Debian packages dbus, gnome-keyring, libsecret-tools)",
        );
    }
    let home = home();
    let Some(server) = Server::start(&home, Login::Password(PASSWORD)) else { return };
    let url = format!("sftp://ada@127.0.0.1:{}{}", server.port, home.at("there").display());
    home.run(["target", "add", "web", &url, "--password-keyring", "exodus/ada"]).expect(0);
    let nowhere = ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere");
    let without = run(home.command(["push", "web"]).envs([nowhere])).expect(7);
    assert!(without.err.contains("there is no keyring"), "{}", without.err);
    for (secret, code, said) in [("", 7, "secret-tool store"), (WRONG, 7, "cannot log in"), (PASSWORD, 0, "")]
    {
        let mut command = std::process::Command::new("dbus-run-session");
        command.args([
            "--",
            "sh",
            "-c",
            WITH_KEYRING,
            "sh",
            EXODUS,
            "push",
            "web",
            "-vv",
            "--log-file",
            "log",
        ]);
        // Nothing that leads to the keyring of whoever runs the tests.
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.current_dir(home.path()).env("HOME", home.path()).env("EXODUS_ARCHIVE", home.archive());
        let ran = run(command.env("SECRET", secret).stdin(std::process::Stdio::null())).expect(code);
        assert!(ran.err.contains(said), "{}", ran.err);
        assert_nowhere(&home, &ran, "the keyring");
    }
    assert!(home.at("there/index.sqlite").exists());
}

#[test]
fn a_file_that_others_can_read_is_no_place_for_a_secret() {
    let home = home();
    let Some(server) = Server::start(&home, Login::Password(PASSWORD)) else { return };
    let url = format!("sftp://ada@127.0.0.1:{}{}", server.port, home.at("there").display());
    fs::set_permissions(home.at("right"), fs::Permissions::from_mode(0o640)).expect("it is ours");
    home.run(["target", "add", "a", &url, "--password-file", "right"]).expect(0);
    let ran = home.run(["push", "a"]).expect(7);
    assert!(ran.err.contains("others can read") && ran.err.contains("chmod 600"), "{}", ran.err);
    home.run(["target", "add", "b", &url, "--password-keyring", "exodus/ada"]).expect(0);
    if !cfg!(feature = "keyring") {
        let ran = home.run(["push", "b"]).expect(7);
        assert!(ran.err.contains("--features keyring"), "{}", ran.err);
    }
}
