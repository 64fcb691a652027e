//! Many accounts from one manifest: all of them or exactly those that can be done, once, whatever ends the batch in between.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use exodus_fixtures::instagram::{self, GENERATIONS, Spec};
use exodus_fixtures::lang::Lang;
use exodus_fixtures::pack::sample_parts;
use exodus_fixtures::scholar;
use exodus_fixtures::zip::{ZipEntry, ZipWriter};
use serde_json::Value;

use crate::disk::can_mount;
use crate::house::{EXODUS, Home, Ran, number, run, skip};
use crate::receipt::{fits, fits_schema};
use crate::sshd::Sshd;

/// An export of one small mailbox.
fn small(number: usize) -> Vec<u8> {
    let mbox = format!(
        "From 1@xxx Thu Jan 01 00:00:00 +0000 2026\r\nX-GM-THRID: {number}\r\nX-Gmail-Labels: Inbox\r\nMessage-ID: <{number}@example.org>\r\n\
         From: ada@example.org\r\nSubject: {number}\r\n\r\nHello {number}\r\n"
    );
    let mut zip = ZipWriter::new(Vec::new());
    let entry = ZipEntry::google("Takeout/Mail/All mail Including Spam and Trash.mbox", 1_770_000_000);
    zip.add_bytes(&entry, mbox.as_bytes()).expect("memory takes all");
    zip.finish().expect("memory takes all")
}

/// A manifest of so many small accounts; their targets are folders.
pub fn many(home: &Home, n_rows: usize, more: &str) -> String {
    let mut table = "id,owner\n".to_owned();
    for number in 0..n_rows {
        home.put(&format!("in/a{number}/takeout-1.zip"), &small(number));
        table.push_str(&format!("a{number},Owner {number}\n"));
    }
    home.put("people.csv", table.as_bytes());
    let manifest = format!(
        "accounts = \"people.csv\"\n[defaults]\nexports = [\"in/{{id}}/takeout-*.zip\"]\ntargets = [\"disk\"]\n{more}\n\
         [target.disk]\nurl = \"file://{}/{{id}}\"\n",
        home.at("pushed").display()
    );
    let path = home.put("accounts.toml", manifest.as_bytes());
    path.to_str().expect("a path of ours").to_owned()
}

fn batch(home: &Home, manifest: &str, more: &[&str]) -> Ran {
    home.run(["batch", "run", manifest, "--json"].iter().chain(more))
}

/// The report, checked for its form.
pub fn report(path: &Path) -> Value {
    fits("docs/batch-report.schema.json", path);
    serde_json::from_slice(&fs::read(path).expect("a report is written")).expect("it is JSON")
}

pub fn states(report: &Value) -> BTreeMap<String, String> {
    let rows = report["rows"].as_array().expect("rows").iter();
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    rows.map(|row| (text(&row["id"]), text(&row["state"]))).collect()
}

fn of_state(report: &Value, state: &str) -> BTreeSet<String> {
    states(report).into_iter().filter(|(_, it)| it == state).map(|(id, _)| id).collect()
}

/// Rows that were begun in a run.
fn begun(ran: &Ran) -> usize {
    ran.json_lines().iter().filter(|line| line["event"] == "row_began").count()
}

#[test]
fn fifty_accounts_of_three_platforms_reach_their_server_and_a_second_run_does_nothing() {
    let home = Home::new();
    let Some(sshd) = Sshd::start(&home, "sshd", "MaxStartups 100:30:200") else { return };
    let langs = [Lang::De, Lang::En, Lang::Es, Lang::Ja];
    let mut table = "id;owner;kind;exports\n".to_owned();
    for number in 0..50_usize {
        let id = format!("person-{number}");
        let kind = ["takeout", "instagram", "academia"][number % 3];
        let parts = match kind {
            "takeout" => sample_parts(langs[number % langs.len()], 4, number as u64).0,
            "instagram" => instagram::parts(
                &instagram::files(Spec::json(GENERATIONS[number % GENERATIONS.len()])),
                "2026-03-14",
                2,
            ),
            _ => scholar::files().into_iter().filter(|(path, _)| !path.ends_with(scholar::SIGN_UP)).collect(),
        };
        home.put_parts(&format!("in/{id}"), &parts);
        // A list in a cell is parted by another sign than the cells.
        let exports =
            if kind == "academia" { format!("academia:in/{id}") } else { format!("in/{id}/*.zip|") };
        table.push_str(&format!("{id};Owner {number};{kind};{exports}\n"));
    }
    home.put("people.csv", format!("\u{feff}{table}").as_bytes());
    let manifest = format!(
        "accounts = \"people.csv\"\n[defaults]\ntargets = [\"web\"]\narchive = \"archives/{{kind}}/{{id}}\"\ntime_limit = \"10m\"\n\
         [limits]\njobs = 4\nper_host = 2\n[target.web]\nurl = \"{}/{{kind}}/{{id}}\"\n",
        sshd.url(&home.at("there"))
    );
    let manifest = home.put("accounts.toml", manifest.as_bytes());
    let manifest = manifest.to_str().expect("a path of ours");
    let checked = home.json(&["batch", "check", manifest]);
    assert_eq!((number(&checked["rows"]), number(&checked["hosts"]["127.0.0.1"])), (50, 50));
    let ran = batch(&home, manifest, &[]).expect(0);
    let summary = ran.summary();
    assert_eq!(
        (number(&summary["totals"]["done"]), summary["is_good"].as_bool()),
        (50, Some(true)),
        "{summary}"
    );
    let told = report(&home.at("accounts.state/report.json"));
    let rows = told["rows"].as_array().expect("rows");
    for row in rows {
        assert_eq!((&row["is_verified"], &row["is_ready"]), (&true.into(), &true.into()), "{row}");
        assert!(number(&row["items"]) > 10 && number(&row["faults"]) == 0, "{row}");
        let pushed = &row["pushed"][0];
        assert_eq!(pushed["files"], pushed["verified"], "{row}");
        fits_schema(Path::new(row["receipt"].as_str().expect("each has a receipt")));
    }
    // No more than two pushed to one host at once.
    let times = |name: &str| {
        rows.iter().map(|row| row[name].as_str().expect("a time").to_owned()).collect::<Vec<_>>()
    };
    let (began, ended) = (times("started_at"), times("ended_at"));
    for moment in &began {
        let at_work =
            began.iter().zip(&ended).filter(|(began, ended)| *began <= moment && moment < *ended).count();
        assert!(at_work <= 2, "{at_work} at {moment}");
    }
    let page = fs::read_to_string(home.at("accounts.state/report.html")).expect("a page is written");
    assert!(page.contains("50 of 50 accounts done") && page.contains("Owner 49"));
    let table = fs::read_to_string(home.at("accounts.state/report.csv")).expect("a table is written");
    assert_eq!(table.lines().count(), 51);
    let again = batch(&home, manifest, &[]).expect(0);
    assert_eq!(begun(&again), 0, "nothing is left to do");
    assert_eq!(report(&home.at("accounts.state/report.json"))["rows"], told["rows"]);
    // A newer export of one account is a reason to do that one, and no other.
    home.put("in/person-0/takeout-later.zip", &small(0));
    assert_eq!(begun(&batch(&home, manifest, &[]).expect(0)), 1);
}

#[test]
fn rows_that_cannot_be_done_hurt_no_other_and_are_told_each_with_its_reason() {
    let home = Home::new();
    // A server that takes the call and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let silent_at = silent.local_addr().expect("it has a port").port();
    many(&home, 8, "");
    home.put("in/a1/takeout-1.zip", b"this is no zip");
    fs::remove_dir_all(home.at("in/a2")).expect("it was put there");
    let mut cut = small(3);
    cut.truncate(cut.len() / 2);
    home.put("in/a3/takeout-1.zip", &cut);
    home.put("archives/a4", b"a file where the archive should be");
    let toml = fs::read_to_string(home.at("accounts.toml")).expect("it was put there");
    let table = "id,targets,time_limit\na0,,\na1,,\na2,,\na3,,\na4,,\na5,sftp://127.0.0.1:1/x,\n".to_owned()
        + &format!("a6,sftp://127.0.0.1:{silent_at}/x;disk,3s\na7,,\n");
    home.put("people.csv", table.as_bytes());
    let manifest = home.put("accounts.toml", toml.as_bytes());
    let manifest = manifest.to_str().expect("a path of ours");
    let checked = home.run(["batch", "check", manifest, "--json"]).expect(5).json();
    assert_eq!(checked["missing"][0], "people.csv:4: in/a2/takeout-*.zip");
    batch(&home, manifest, &["--jobs", "4"]).expect(5);
    let told = report(&home.at("accounts.state/report.json"));
    assert_eq!(of_state(&told, "done"), ["a0", "a7"].map(str::to_owned).into(), "{told:#}");
    let row =
        |id: &str| told["rows"].as_array().expect("rows").iter().find(|row| row["id"] == id).expect("a row");
    let check = |id: &str, code: Option<i64>, step: &str, what: &str| {
        let error = &row(id)["errors"][0];
        assert_eq!(
            (error["code"].as_i64(), row(id)["state"].as_str()),
            (code, Some("failed")),
            "{id}: {error}"
        );
        assert!(error["step"].as_str().is_some_and(|it| it.starts_with(step)), "{id}: {error}");
        assert!(error["what"].as_str().is_some_and(|it| it.contains(what)), "{id}: {error}");
        assert!(error["hints"].as_array().is_some_and(|it| !it.is_empty()), "{id} says what to do: {error}");
    };
    check("a1", Some(3), "import", "");
    check("a2", None, "import", "there is no file");
    check("a3", Some(3), "import", "");
    check("a4", Some(4), "import", "");
    check("a5", Some(6), "push to sftp://127.0.0.1:1/x", "");
    assert!(
        row("a6")["errors"][0]["what"].as_str().is_some_and(|it| it.contains("time limit of 3 s")),
        "{}",
        row("a6")
    );
    assert_eq!(row("a6")["state"], "failed");
    // Those that failed are left alone, until they are to be tried again.
    assert_eq!(begun(&batch(&home, manifest, &[]).expect(5)), 0);
    home.put("in/a2/takeout-1.zip", &small(2));
    fs::remove_file(home.at("archives/a4")).expect("it was put there");
    let again = batch(&home, manifest, &["--retry-failed", "--only", "a4", "--only", "a2"]).expect(0);
    assert_eq!(begun(&again), 2);
    home.run(["batch", "run", manifest, "--only", "nobody"]).expect(2);
}

/// An export whose messages take twice as much of a disk as they have bytes, and hardly anything while they are packed.
fn many_messages(n: usize) -> Vec<u8> {
    let body = "All work and no play makes Ada a dull girl\r\n".repeat(100);
    let mbox: String = (0..n)
        .map(|number| {
            format!(
                "From {number}@xxx Thu Jan 01 00:00:00 +0000 2026\r\nX-Gmail-Labels: Inbox\r\nSubject: {number}\r\n\r\n{body}\r\n"
            )
        })
        .collect();
    let mut zip = ZipWriter::new(Vec::new());
    let entry = ZipEntry::google("Takeout/Mail/All mail Including Spam and Trash.mbox", 1_770_000_000);
    zip.add_bytes(&entry, mbox.as_bytes()).expect("memory takes all");
    zip.finish().expect("memory takes all")
}

/// Runs in a mount namespace of its own: `$1` is the home, `$2` the binary, `$3` the manifest, `$4` the size of the disk.
const ON_A_SMALL_DISK: &str = r#"
cd "$1"
mkdir -p disk
mount -t tmpfs -o "size=$4" none disk
"$2" batch run "$3" --json --jobs 3 >full.out 2>full.err
echo $?
cp accounts.state/report.json full.json
mount -o remount,size=1g disk
"$2" batch run "$3" --json --retry-failed >roomy.out 2>roomy.err
echo $?
"#;

/// The same; fills the disk when the row `a1`, whose archive is on it, begins to push.
const ON_A_DISK_THAT_FILLS: &str = r#"
cd "$1"
mkdir -p disk
mount -t tmpfs -o size=100m none disk
"$2" batch run "$3" --json --jobs 3 >full.out 2>full.err &
until grep -q 'exodus push' accounts.state/rows/a1.log 2>/dev/null || ! kill -0 $!; do sleep 0.1; done
head -c 90m /dev/zero >disk/filler
wait $!
echo $?
"#;

/// Runs a script for small disks; returns the exit codes that it prints.
fn on_small_disk(home: &Home, script: &str, more: &[&str]) -> Vec<String> {
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", script, "sh"]).arg(home.path()).arg(EXODUS).args(more);
    let ran = run(&mut command).expect(0);
    String::from_utf8_lossy(&ran.out).split_whitespace().map(str::to_owned).collect()
}

/// Asserts that the row `a1` has failed for lack of room, and no other, and that the report says what to do.
fn assert_only_a1_lacks_room(report: &Value, step: &str, code: Option<i64>, what: &str) {
    assert_eq!(of_state(report, "done"), ["a0", "a2", "a3"].map(str::to_owned).into(), "{report:#}");
    let error = &report["rows"][1]["errors"][0];
    assert_eq!((error["code"].as_i64(), &report["rows"][1]["state"]), (code, &"failed".into()), "{error}");
    assert!(error["step"].as_str().is_some_and(|it| it.starts_with(step)), "{error}");
    assert!(error["what"].as_str().is_some_and(|it| it.contains(what)), "{error}");
    assert!(error["hints"][0].as_str().is_some_and(|it| it.starts_with("make room on")), "{error}");
}

#[test]
fn a_row_whose_disk_is_full_hurts_no_other_and_is_done_once_there_is_room() {
    if !can_mount() {
        return skip(
            "a batch on a full disk",
            "no small disk can be mounted here (root and unshare are needed)",
        );
    }
    let big = many_messages(10_000);
    // One that cannot begin, and one that meets the end of the disk itself, with its files or with its index.
    let cases = [("40m", "begin", None, "its archive needs about"), ("68m", "import", Some(4), "")];
    for (size, step, code, what) in cases {
        let home = Home::new();
        let manifest = many(&home, 4, "[limits]\nfree_disk = \"1B\"");
        home.put("in/a1/takeout-1.zip", &big);
        home.put("people.csv", b"id,archive\na0,\na1,disk/a1\na2,\na3,\n");
        let codes = on_small_disk(&home, ON_A_SMALL_DISK, &[&manifest, size]);
        let said = |name: &str| fs::read_to_string(home.at(name)).unwrap_or_default();
        assert_eq!(codes, ["5", "0"], "{size}: {} {}", said("full.err"), said("roomy.err"));
        let before = report(&home.at("full.json"));
        assert_only_a1_lacks_room(&before, step, code, what);
        // With room again it is finished, and nothing else is done.
        assert_eq!(said("roomy.out").matches("row_began").count(), 1, "{size}");
        let after = report(&home.at("accounts.state/report.json"));
        assert_eq!(number(&after["rows"][1]["items"]), 10_000, "{size}");
        for number in [0, 2, 3] {
            assert_eq!(after["rows"][number], before["rows"][number], "{size}");
        }
    }
}

#[test]
fn a_row_is_stopped_before_its_disk_is_full_and_no_row_elsewhere() {
    if !can_mount() {
        return skip("a disk that fills", "no small disk can be mounted here (root and unshare are needed)");
    }
    let home = Home::new();
    // A server that takes the call and says nothing: the row is at work as long as it may be.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("sftp://{}/x", silent.local_addr().expect("it listens"));
    let manifest = many(&home, 4, "[limits]\nfree_disk = \"30M\"");
    let table = format!("id,archive,targets\na0,,\na1,disk/a1,{url}\na2,,\na3,,\n");
    home.put("people.csv", table.as_bytes());
    assert_eq!(on_small_disk(&home, ON_A_DISK_THAT_FILLS, &[&manifest]), ["5"]);
    let told = report(&home.at("accounts.state/report.json"));
    assert_only_a1_lacks_room(&told, "push", Some(130), "before its disk was full");
}

#[test]
fn a_batch_that_is_killed_takes_its_commands_with_it_and_goes_on_where_it_was() {
    let home = Home::new();
    let manifest = many(&home, 24, "");
    let mut done: BTreeMap<String, Value> = BTreeMap::new();
    for _ in 0..3 {
        let mut command = home.command(["batch", "run", &manifest, "--json", "--jobs", "3"]);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it can be started");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let of_rows = lines.map(|line| serde_json::from_str::<Value>(&line.expect("text")).expect("JSON"));
        let ended: Vec<Value> = of_rows.filter(|line| line["event"] == "row").take(4).collect();
        child.kill().expect("it runs");
        child.wait().expect("it was killed");
        for row in ended {
            let before = done.insert(row["id"].as_str().expect("an id").to_owned(), row["ended_at"].clone());
            assert_eq!(before, None, "a row that has ended is not done again");
        }
    }
    let ran = batch(&home, &manifest, &[]).expect(0);
    assert!(begun(&ran) <= 24 - done.len(), "{} after {}", begun(&ran), done.len());
    let told = report(&home.at("accounts.state/report.json"));
    assert_eq!(of_state(&told, "done").len(), 24);
    for row in told["rows"].as_array().expect("rows") {
        if let Some(ended_at) = done.get(row["id"].as_str().expect("an id")) {
            assert_eq!(&row["ended_at"], ended_at);
        }
        assert_eq!((number(&row["items"]), &row["is_ready"]), (1, &true.into()), "{row}");
    }
    assert_eq!(begun(&batch(&home, &manifest, &[]).expect(0)), 0);
}

#[test]
fn commands_that_crash_fail_their_rows_and_can_be_done_again() {
    let home = Home::new();
    let manifest = many(&home, 3, "");
    let mut command = home.command(["batch", "run", &manifest, "--json"]);
    // Every import ends itself the hard way in the middle of its work.
    let ran = run(command.env("EXODUS_KILL_AT", "2")).expect(5);
    assert_eq!(number(&ran.summary()["totals"]["failed"]), 3, "{}", ran.err);
    let told = report(&home.at("accounts.state/report.json"));
    assert!(
        told["rows"][0]["errors"][0]["what"].as_str().is_some_and(|it| it.contains("signal")),
        "{told:#}"
    );
    batch(&home, &manifest, &["--retry-failed"]).expect(0);
}

#[test]
fn shares_of_several_machines_are_disjoint_and_their_reports_add_up() {
    let home = Home::new();
    let manifest = many(&home, 7, "push = [\"--verify\", \"size\"]");
    batch(&home, &manifest, &["--shard", "1/3"]).expect(0);
    let mut slurm = home.command(["batch", "run", &manifest, "--json", "--shard", "auto"]);
    slurm.env("SLURM_ARRAY_TASK_ID", "1").env("SLURM_ARRAY_TASK_COUNT", "3").env("SLURM_ARRAY_TASK_MIN", "0");
    run(&mut slurm).expect(0);
    let mut kubernetes = home.command(["batch", "run", &manifest, "--json", "--shard", "auto"]);
    kubernetes.env("JOB_COMPLETION_INDEX", "2").env("JOB_COMPLETIONS", "3");
    run(&mut kubernetes).expect(0);
    let of = |name: &str| home.at("accounts.state").join(name).to_str().expect("a path of ours").to_owned();
    let parts: Vec<String> = (1..=3).map(|number| of(&format!("report-{number}of3.json"))).collect();
    let rows = |path: &String| states(&report(Path::new(path))).into_keys().collect::<BTreeSet<_>>();
    assert_eq!(parts.iter().map(|path| rows(path).len()).collect::<Vec<_>>(), [3, 2, 2]);
    let whole = of("whole.json");
    let mut merge = vec!["batch", "merge-reports", "--json", "--report", &whole];
    merge.extend(parts.iter().map(String::as_str));
    let merged = home.run(&merge).expect(0).json();
    assert_eq!((number(&merged["totals"]["rows"]), number(&merged["totals"]["done"])), (7, 7));
    assert_eq!(rows(&whole).len(), 7);
    // Whoever asks for all of it afterwards finds all of it done.
    assert_eq!(begun(&batch(&home, &manifest, &[]).expect(0)), 0);
    home.run(["batch", "run", &manifest, "--shard", "auto"]).expect(2);
    home.run(["batch", "merge-reports", &manifest, "--report", &whole]).expect(2);
}

#[test]
fn a_manifest_with_mistakes_starts_nothing_and_a_second_batch_waits_for_its_turn() {
    let home = Home::new();
    let manifest = many(&home, 2, "import = [\"--only\", \"mail\", \"--nonsense\"]");
    let ran = home.run(["batch", "run", &manifest]).expect(7);
    assert!(ran.err.contains("people.csv:2: import: unexpected argument '--nonsense' found"), "{}", ran.err);
    assert!(!home.at("accounts.state").exists() && !home.at("archives").exists());
    // Two batches at once would do the same rows.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = silent.local_addr().expect("it has a port").port();
    let slow = format!(
        "[[account]]\nid = \"a0\"\nexports = [\"in/a0/*.zip\"]\ntargets = [\"sftp://127.0.0.1:{port}/x\"]\n"
    );
    let manifest = home.put("slow.toml", slow.as_bytes());
    let mut first = home
        .command(["batch", "run"])
        .arg(&manifest)
        .stderr(Stdio::null())
        .spawn()
        .expect("it can be started");
    while !home.at("slow.state/rows/a0.log").exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let path = manifest.to_str().expect("a path of ours");
    assert!(home.run(["batch", "run", path]).expect(4).err.contains("another batch is at work"));
    first.kill().expect("it runs");
    first.wait().expect("it was killed");
}
