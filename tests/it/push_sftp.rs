//! Push over SFTP to a real sshd: everything that any target must do, and what only a server can do to one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use exodus_fixtures::relay::{Line, Relay};
use serde_json::Value;

use crate::asyncssh::{Login, Server};
use crate::house::{Ran, number, run, skip};
use crate::push::Story;
use crate::sshd::{Sshd, free_port, make_key};
use crate::tree;

/// A story whose target is on a server with these lines of configuration; `None` without sshd.
fn story(config: &str) -> Option<(Story, Sshd)> {
    let mut story = Story::new();
    let sshd = Sshd::start(&story.home, "sshd", config)?;
    story.url = sshd.url(&story.root);
    Some((story, sshd))
}

/// Configuration for a server that is another one than OpenSSH's own.
fn filtered(modes: &str) -> String {
    let filter = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/sftp_filter.py");
    format!("Subsystem sftp /usr/bin/python3 {} {modes}", filter.display())
}

fn sent(summary: &Value) -> u64 {
    number(&summary["counts"]["files_sent"])
}

/// What must be true of every server: all arrives, twice sends nothing, what is not ours stays, hashes agree.
fn conforms(config: &str) {
    let Some((story, _sshd)) = story(config) else { return };
    conforms_at(&story, config);
}

fn conforms_at(story: &Story, config: &str) {
    story.add("files/od d/-n 'quo\"te' ü\n.txt", b"an odd name");
    story.add("files/big.bin", &noise(9 << 20));
    story.add("files/empty", b"");
    let first = story.push(&["--verify", "hash"]).expect(0).summary();
    assert_eq!(sent(&first), number(&first["all"]["files"]), "{config}");
    let verified = &first["verified"];
    let hashed = number(&verified["hashed_there"]) + number(&verified["read_back"]);
    assert_eq!((hashed, number(&verified["good"])), (sent(&first), sent(&first)), "{config}");
    if !config.contains("no-setstat") {
        story.assert_there(config);
    }
    assert_eq!(sent(&story.push(&[]).expect(0).summary()), 0, "{config}");
    // Changed here: replaced. Changed there: left alone, unless forced.
    story.add("files/big.bin", &noise(8 << 20));
    story.add("README.txt", b"newer");
    fs::write(story.root.join("README.txt"), "theirs").expect("the target is ours");
    let left = story.push(&[]).expect(5).summary();
    assert_eq!((sent(&left), &left["left_alone"][0]["path"]), (1, &Value::from("README.txt")), "{config}");
    assert_eq!(fs::read(story.root.join("README.txt")).expect("it is there"), b"theirs");
    story.push(&["--force", "--verify", "hash"]).expect(0);
    assert_eq!(fs::read(story.root.join("README.txt")).expect("it is there"), b"newer");
    assert_eq!(fs::read(story.root.join("files/big.bin")).expect("it is there"), noise(8 << 20));
    // Something in the way of a new file.
    fs::write(story.root.join("files/new.txt"), "in the way").expect("the target is ours");
    story.add("files/new.txt", b"ours, and longer");
    story.push(&[]).expect(5);
    assert_eq!(fs::read(story.root.join("files/new.txt")).expect("it is there"), b"in the way");
    assert_no_parts(&story.root, config);
}

fn assert_no_parts(root: &Path, why: &str) {
    let left: Vec<String> = tree::of(root).into_keys().filter(|path| path.contains(".part")).collect();
    assert!(left.is_empty(), "{why}: {left:?}");
    let tries = tree::of(root).into_keys().filter(|path| path.contains("/try-")).count();
    assert_eq!(tries, 0, "{why}");
}

fn noise(n: usize) -> Vec<u8> {
    let mut bytes = vec![0; n];
    blake3::Hasher::new().update(&n.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

#[test]
fn all_is_well_on_openssh() {
    conforms("");
}

#[test]
fn all_is_well_where_no_command_can_be_run() {
    conforms("ForceCommand internal-sftp");
}

#[test]
fn all_is_well_without_any_extension() {
    conforms(&filtered("no-extensions"));
}

#[test]
fn all_is_well_where_a_rename_replaces_and_times_cannot_be_set() {
    conforms(&filtered("no-extensions careless-rename no-setstat"));
}

#[test]
fn all_is_well_where_answers_come_in_another_order() {
    conforms(&filtered("slow-shuffle"));
}

/// A server that is ended by its process id.
struct Ended(std::process::Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn all_is_well_on_proftpd_which_hashes_by_itself() {
    let (program, module) = ("/usr/sbin/proftpd", "/usr/lib/proftpd/mod_sftp.so");
    if !rustix::process::geteuid().is_root() || ![program, module].iter().all(|it| Path::new(it).exists()) {
        return skip(
            "a push to ProFTPD",
            "it cannot be run here (root, proftpd-core and proftpd-mod-crypto)",
        );
    }
    let mut story = Story::new();
    let (at, port) = (story.home.path().display().to_string(), free_port());
    make_key(&story.home.at("key"), "ed25519", "");
    let hash =
        crate::house::run(std::process::Command::new("openssl").args(["passwd", "-1", "secret"])).expect(0);
    let hash = String::from_utf8_lossy(&hash.out).trim().to_owned();
    let users = story.home.put("users", format!("ada:{hash}:0:0::{at}:/bin/sh\n").as_bytes());
    fs::set_permissions(&users, fs::Permissions::from_mode(0o600)).expect("the home is ours");
    let config = format!(
        "LoadModule mod_sftp.c\nModulePath /usr/lib/proftpd\nServerType standalone\nPort {port}\nDefaultAddress 127.0.0.1\n\
         UseIPv6 off\nUser root\nGroup root\nRootLogin on\nRequireValidShell off\nAuthUserFile {at}/users\n\
         AuthOrder mod_auth_file.c\nPidFile {at}/pid\nScoreboardFile {at}/score\nDelayEngine off\nSFTPEngine on\n\
         SFTPHostKey {at}/key\nSystemLog {at}/log\nWtmpLog off\nAllowOverwrite on\nAllowStoreRestart on\n"
    );
    let config = story.home.put("proftpd.conf", config.as_bytes());
    let mut command = std::process::Command::new(program);
    command
        .arg("-n")
        .arg("-c")
        .arg(config)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    let _server = Ended(command.spawn().expect("it can be started"));
    let until = std::time::Instant::now() + Duration::from_secs(10);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        let log = fs::read_to_string(story.home.at("log")).unwrap_or_default();
        assert!(std::time::Instant::now() < until, "ProFTPD does not listen: {log}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let public = fs::read_to_string(story.home.at("key.pub")).expect("it was made");
    story.home.put(".ssh/known_hosts", format!("[127.0.0.1]:{port} {public}").as_bytes());
    let url = format!("sftp://ada@127.0.0.1:{port}{}", story.root.display());
    story.home.run(["target", "add", "pro", &url, "--password-command", "echo secret"]).expect(0);
    assert_eq!(story.home.json(&["target", "test", "pro"])["hashes_by"], "check-file");
    story.url = "pro".to_owned();
    conforms_at(&story, "ProFTPD");
}

#[test]
fn all_is_well_on_a_server_that_is_no_relative_of_openssh() {
    let story = Story::new();
    let Some(server) = Server::start(&story.home, Login::Key) else { return };
    let port = server.port;
    let url = format!("sftp://127.0.0.1:{port}{}", story.root.display());
    conforms_at(&Story { url, ..story }, "asyncssh");
}

#[test]
fn a_server_that_allows_one_channel_will_do() {
    let Some((story, _sshd)) = story("MaxSessions 1") else { return };
    story.push(&["--verify", "hash"]).expect(0);
    story.assert_there("one channel");
}

#[test]
fn a_full_disk_leaves_no_short_file_and_says_so() {
    let Some((story, _sshd)) = story(&filtered("full-after=150000")) else { return };
    let ran = story.push(&[]);
    assert!(ran.code == 6, "{}", ran.err);
    assert!(ran.err.contains("quota") || ran.err.contains("full"), "{}", ran.err);
    let archive = tree::of(&story.home.archive());
    for (path, leaf) in tree::of(&story.root) {
        if let Some(ours) = archive.get(&path) {
            assert_eq!(leaf.content, ours.content, "{path} is short");
        }
    }
    // Room is made.
    let again = Sshd::start(&story.home, "roomy", "").expect("it was there before");
    let story = Story { url: again.url(&story.root), ..story };
    story.push(&["--verify", "hash"]).expect(0);
    story.assert_there("with room again");
}

#[test]
fn a_server_that_talks_nonsense_is_an_error_and_nothing_hangs() {
    let Some((story, _sshd)) = story(&filtered("nonsense")) else { return };
    let mut command = story.home.command(["push", &story.url, "--quiet"]);
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn();
    let child = child.expect("it can be started");
    // It tries again for minutes: a person ends it.
    std::thread::sleep(Duration::from_secs(3));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    let ran = crate::house::finish(child);
    assert!(ran.code != 0 && ran.err.contains("trying again"), "{} {}", ran.code, ran.err);
}

#[test]
fn a_link_that_is_cut_again_and_again_goes_on_and_sends_little_twice() {
    let Some((story, sshd)) = story("") else { return };
    story.add("files/big.bin", &noise(24 << 20));
    let (relay, url) = cut_line(&story, &sshd, 9 << 20);
    let ran = story.home.run(["push", &url, "--json", "--jobs", "2"]).expect(0);
    let summary = ran.summary();
    assert!(number(&summary["counts"]["link_cuts"]) >= 2, "{summary}");
    story.assert_there("after cuts");
    let sent_again = relay.passed_bytes().saturating_sub(number(&summary["all"]["bytes"]));
    assert!(sent_again < 24 << 20, "{sent_again} bytes were sent twice");
    assert!(number(&summary["counts"]["bytes_resumed"]) > 1 << 20, "{summary}");
}

/// A line to the server that is cut whenever so many bytes have passed, and a URL that leads over it.
fn cut_line(story: &Story, sshd: &Sshd, bytes: u64) -> (Relay, String) {
    let line = Line { cut_after_bytes: Some(bytes), ..Line::default() };
    line_to(story, sshd, line)
}

/// A line to the server, whose key is known at its end too, and a URL that leads over it.
fn line_to(story: &Story, sshd: &Sshd, line: Line) -> (Relay, String) {
    let relay = Relay::start(0, sshd.port, line).expect("loopback is there");
    let url = format!("sftp://127.0.0.1:{}{}", relay.port, story.root.display());
    let key = sshd.host_key();
    let known = format!("[127.0.0.1]:{} {key}\n[127.0.0.1]:{} {key}\n", relay.port, sshd.port);
    story.home.put(".ssh/known_hosts", known.as_bytes());
    (relay, url)
}

/// Pushes over a line that is cut all the time, running the command again where it gives up; returns how often the
/// line was cut.
fn push_over_cuts(story: &Story, url: &str) -> u64 {
    let mut n_cuts = 0;
    for _ in 0..5 {
        let mut command = story.home.command(["push", url, "--json", "--jobs", "2"]);
        let ran = run(command.env("EXODUS_WAIT_MS", "5"));
        n_cuts += number(&ran.summary()["counts"]["link_cuts"]);
        if ran.code == 0 {
            return n_cuts;
        }
        assert_eq!(ran.code, 6, "{}", ran.err);
    }
    panic!("it does not get there");
}

#[test]
fn a_link_that_is_cut_every_few_bytes_gets_all_there() {
    for (bytes, big) in [(64 << 10, 200 << 10), (256 << 10, 2 << 20), (1 << 20, 9 << 20), (8 << 20, 40 << 20)]
    {
        let Some((story, sshd)) = story("") else { return };
        // Large messages would take as many cuts as they have kilobytes.
        fs::remove_dir_all(story.home.archive().join("mail/cur")).expect("the archive is ours");
        story.add("files/big.bin", &noise(big));
        let (_relay, url) = cut_line(&story, &sshd, bytes);
        let n = push_over_cuts(&story, &url);
        assert!(n >= 2, "cut every {bytes} bytes: {n} cuts");
        story.assert_there(&format!("cut every {bytes} bytes"));
        assert_no_parts(&story.root, "cuts");
        assert_eq!(sent(&story.home.run(["push", &url, "--json"]).expect(0).summary()), 0);
    }
}

#[test]
fn a_link_that_is_cut_before_anything_can_be_said_is_a_clear_end() {
    let Some((story, sshd)) = story("") else { return };
    let (_relay, url) = cut_line(&story, &sshd, 1 << 10);
    let ran = story.home.run(["push", &url]);
    assert!(ran.code == 6 && ran.err.contains("127.0.0.1"), "{} {}", ran.code, ran.err);
    assert!(!story.root.join("README.txt").exists());
}

#[test]
fn a_server_that_takes_no_more_is_told_and_a_push_after_that_brings_the_rest() {
    let Some((story, _sshd)) = story(&filtered("denied-after=25")) else { return };
    let ran = story.push(&[]);
    assert!(ran.code == 5 || ran.code == 6, "{} {}", ran.code, ran.err);
    let told = format!("{}{}", String::from_utf8_lossy(&ran.out), ran.err);
    assert!(told.contains("permission denied"), "{told}");
    let again = Sshd::start(&story.home, "willing", "").expect("it was there before");
    let story = Story { url: again.url(&story.root), ..story };
    story.push(&["--verify", "hash"]).expect(0);
    story.assert_there("with rights again");
    assert_no_parts(&story.root, "with rights again");
}

/// Tells a push to stop when it has come so far that it waits for a server that is silent: it has to end by itself, and soon.
fn stop_when(story: &Story, url: &str, mut is_waiting: impl FnMut() -> bool) -> Ran {
    let mut command = story.home.command(["push", url, "--json"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it can be started");
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while !is_waiting() {
        assert!(std::time::Instant::now() < until, "it does not come so far");
        std::thread::sleep(Duration::from_millis(10));
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    let begin = std::time::Instant::now();
    let ran = crate::house::finish(child).expect(130);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?} {}", begin.elapsed(), ran.err);
    assert!(ran.err.contains("error: stopped") && ran.err.contains("hint: run the same"), "{}", ran.err);
    ran
}

#[test]
fn a_push_that_waits_for_a_server_that_never_says_anything_can_be_stopped() {
    let story = Story::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("sftp://{}/x", silent.local_addr().expect("it listens"));
    let mut calls = Vec::new();
    stop_when(&story, &url, || {
        calls.push(silent.accept());
        true
    });
}

#[test]
fn a_push_whose_server_falls_silent_can_be_stopped_and_goes_on_later() {
    // While keys are exchanged, while it logs in, while it looks what is there, in the middle of a file.
    for bytes in [100, 2000, 4500, 9 << 20] {
        let Some((story, sshd)) = story("") else { return };
        story.add("files/big.bin", &noise(24 << 20));
        let line = Line { silent_after_bytes: Some(bytes), ..Line::default() };
        let (relay, url) = line_to(&story, &sshd, line);
        stop_when(&story, &url, || relay.passed_bytes() >= bytes);
        let summary = story.push(&["--verify", "hash"]).expect(0).summary();
        story.assert_there(&format!("silent after {bytes} bytes"));
        assert_no_parts(&story.root, "silence");
        let resumed = number(&summary["counts"]["bytes_resumed"]);
        assert!(bytes < 1 << 20 || resumed > 1 << 20, "{summary}");
    }
}

/// Pushes over a line that is cut once the server is gone; `back` brings another to its port.
fn push_while_the_server_is_gone(story: &Story, sshd: Sshd, back: impl FnOnce(u16) -> Sshd) -> Ran {
    story.add("files/big.bin", &noise(6 << 20));
    let (relay, url) = cut_line(story, &sshd, 3 << 20);
    let mut command = story.home.command(["push", &url, "--json", "--bwlimit", "4M"]);
    command.env("EXODUS_WAIT_MS", "300").stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("it can be started");
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while relay.passed_bytes() < 1 << 20 {
        assert!(std::time::Instant::now() < until, "nothing is sent");
        std::thread::sleep(Duration::from_millis(10));
    }
    let port = sshd.port;
    // Whoever is connected stays so until the line is cut; nobody gets in any more.
    drop(sshd);
    while relay.passed_bytes() < 3 << 20 {
        assert!(std::time::Instant::now() < until, "nothing more is sent");
        std::thread::sleep(Duration::from_millis(10));
    }
    std::thread::sleep(Duration::from_millis(400));
    let _back = back(port);
    crate::house::finish(child)
}

#[test]
fn a_push_waits_for_a_server_that_is_gone_and_goes_on_when_it_is_back() {
    let Some((story, sshd)) = story("") else { return };
    let back = |port| Sshd::start_at(&story.home, "sshd", "", port).expect("it was there before");
    let ran = push_while_the_server_is_gone(&story, sshd, back).expect(0);
    assert!(number(&ran.summary()["counts"]["link_cuts"]) >= 2, "{}", ran.err);
    story.assert_there("the server was gone for a while");
}

#[test]
fn another_server_that_comes_back_in_its_place_gets_nothing() {
    let Some((story, sshd)) = story("") else { return };
    let back = |port| Sshd::start_at(&story.home, "stranger", "", port).expect("it was there before");
    let ran = push_while_the_server_is_gone(&story, sshd, back).expect(6);
    assert!(ran.err.contains("is not the one that it had"), "{}", ran.err);
}

#[test]
fn all_is_well_in_a_locked_room() {
    if !rustix::process::geteuid().is_root() {
        return skip("a server that locks its users in", "only root can start it");
    }
    // Every folder above must be root's alone, which those for temporary files are not.
    let room = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("room-{}", std::process::id()));
    let is_safe = room
        .ancestors()
        .skip(1)
        .filter_map(|it| it.metadata().ok())
        .all(|it| it.permissions().mode() & 0o022 == 0 && std::os::unix::fs::MetadataExt::uid(&it) == 0);
    if !is_safe {
        return skip(
            "a server that locks its users in",
            "the sources lie in a folder that others may write to",
        );
    }
    fs::create_dir_all(room.join("home")).expect("the target folder is ours");
    let config = format!("ForceCommand internal-sftp\nChrootDirectory {}", room.display());
    if let Some((mut story, sshd)) = story(&config) {
        story.url = format!("sftp://127.0.0.1:{}/home/archive", sshd.port);
        story.root = room.join("home/archive");
        conforms_at(&story, "locked in");
    }
    fs::remove_dir_all(&room).expect("it is ours");
}

#[test]
fn what_an_interrupted_try_has_left_is_compared_before_it_is_used() {
    let Some((story, _sshd)) = story("") else { return };
    let whole = noise(10 << 20);
    story.add("files/big.bin", &whole);
    let hash = blake3::hash(b"files/big.bin").to_hex();
    let part = story.root.join(format!("files/.exodus-{}.part", &hash[..20]));
    let mut other = whole.clone();
    other[5 << 20] ^= 1;
    let cases: [(&str, &[u8], u64); 8] = [
        ("empty", b"", 0),
        ("a byte", &whole[..1], 1),
        ("a KiB", &whole[..1024], 1024),
        ("a MiB", &whole[..1 << 20], 1 << 20),
        ("all but one byte", &whole[..whole.len() - 1], whole.len() as u64 - 1),
        ("all", &whole, whole.len() as u64),
        ("more", &[&whole[..], b"more"].concat(), whole.len() as u64),
        ("another in the middle", &other, 0),
    ];
    for (name, left, resumed) in cases {
        let _ = fs::remove_dir_all(&story.root);
        let _ = fs::remove_file(story.home.archive().join("push.sqlite"));
        fs::create_dir_all(part.parent().expect("it has one")).expect("the target is ours");
        fs::write(&part, left).expect("the target is ours");
        let summary = story.push(&["--only", "files/big.bin"]).expect(0).summary();
        assert!(number(&summary["counts"]["bytes_resumed"]) >= resumed, "{name}: {summary}");
        assert_eq!(fs::read(story.root.join("files/big.bin")).expect("it is there"), whole, "{name}");
        assert!(!part.exists(), "{name}");
    }
}

#[test]
fn a_push_that_was_killed_over_a_line_goes_on() {
    let Some((story, _sshd)) = story("") else { return };
    let command = || {
        let mut command = story.home.command(["push", &story.url, "--quiet"]);
        command.env("EXODUS_BATCH_RECORDS", "20");
        command
    };
    for at in [1, 2, 30, 77, 110] {
        let killed = crate::house::run(command().env("EXODUS_KILL_AT", at.to_string()));
        assert_eq!(killed.code, -9, "point {at}: {}", killed.err);
        crate::house::run(&mut command()).expect(0);
        story.assert_there(&format!("killed at {at}"));
        assert_eq!(sent(&story.push(&[]).expect(0).summary()), 0);
        fs::remove_dir_all(&story.root).expect("the target is ours");
    }
}

#[test]
fn a_limit_of_speed_is_kept() {
    let Some((story, _sshd)) = story("") else { return };
    story.add("files/big.bin", &noise(2 << 20));
    let begin = std::time::Instant::now();
    story.push(&["--only", "files/big.bin", "--bwlimit", "1M"]).expect(0);
    let seconds = begin.elapsed().as_secs_f64();
    assert!((1.5..4.0).contains(&seconds), "{seconds}");
}

#[test]
fn a_test_of_the_target_says_what_it_can_do_and_leaves_nothing() {
    let Some((story, _sshd)) = story("") else { return };
    let said = story.home.json(&["target", "test", &story.url]);
    assert_eq!(said["hashes_by"], "sha256sum");
    assert_eq!((&said["fits"], &said["rename_is_careful"]), (&true.into(), &true.into()));
    assert!(!story.root.exists(), "nothing is left there");
    let Some((story, _sshd)) = self::story("ForceCommand internal-sftp") else { return };
    assert_eq!(story.home.json(&["target", "test", &story.url])["hashes_by"], Value::Null);
}

#[test]
fn maildir_that_was_pushed_is_read_by_python() {
    let Some((story, _sshd)) = story("") else { return };
    story.push(&["--map", "mail=Maildir"]).expect(0);
    let script = "import mailbox, sys; box = mailbox.Maildir(sys.argv[1]); \
                  print(len(box) + sum(len(box.get_folder(name)) for name in box.list_folders()))";
    let mut python = std::process::Command::new("python3");
    let ran = crate::house::run(python.args(["-c", script]).arg(story.root.join("Maildir"))).expect(0);
    let messages = tree::of(&story.home.archive()).keys().filter(|path| path.contains(".exodus,S=")).count();
    assert_eq!(String::from_utf8_lossy(&ran.out).trim(), messages.to_string());
}

/// The modes that a web server needs, whatever the server's umask.
#[test]
fn a_web_space_can_be_read_by_its_web_server() {
    let Some((story, _sshd)) = story("Subsystem sftp internal-sftp -u 0077") else { return };
    story.add("files/papers/a.pdf", b"%PDF");
    story.push(&["--map", "files/papers=public_html/papers:0644"]).expect(0);
    let mode = |path: PathBuf| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(story.root.join("public_html/papers/a.pdf")), 0o644);
    assert_eq!(mode(story.root.join("public_html/papers")), 0o755);
}
