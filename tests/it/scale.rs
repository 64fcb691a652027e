//! One batch on many machines, as `docs/scale/` has it: a real Slurm of one node, GNU parallel, and the schema of Kubernetes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::batch::{many, report, states};
use crate::house::{Home, has_program, run, skip};
use crate::sshd::free_port;

/// A file of `docs/scale/`.
fn of_docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/scale").join(name)
}

/// The folder with exodus before all others, so that scripts find it.
fn path_with_exodus() -> String {
    let folder = Path::new(env!("CARGO_BIN_EXE_exodus")).parent().expect("it lies in a folder");
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default())
}

fn assert_all_done(home: &Home, name: &str, n_rows: usize) {
    let merged = report(&home.at("accounts.state").join(name));
    let states = states(&merged);
    assert_eq!(
        (states.len(), states.values().filter(|it| *it == "done").count()),
        (n_rows, n_rows),
        "{merged:#}"
    );
}

/// Slurm's daemons, of one node, with files and ports of their own; ended by their process ids.
struct Slurm {
    daemons: Vec<Child>,
    config: PathBuf,
}

impl Slurm {
    /// Starts them; `None`, aloud, where they cannot run.
    fn start(home: &Home) -> Option<Slurm> {
        let missing =
            ["munged", "slurmctld", "slurmd", "sbatch", "squeue"].into_iter().find(|it| !has_program(it));
        if let Some(missing) = missing {
            skip(
                "a Slurm array job",
                &format!("there is no {missing} (Debian packages slurmctld, slurmd, slurm-client, munge)"),
            );
            return None;
        }
        if !rustix::process::geteuid().is_root() {
            skip("a Slurm array job", "slurmd starts jobs as root only");
            return None;
        }
        for folder in ["slurm/munge", "slurm/spool", "slurm/state"] {
            fs::create_dir_all(home.at(folder)).expect("the home is ours");
        }
        let at = home.at("slurm").display().to_string();
        let key: Vec<u8> = (0..=255).cycle().take(1024).collect();
        let key = home.put("slurm/munge/key", &key);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).expect("it is ours");
        fs::set_permissions(home.at("slurm/munge"), fs::Permissions::from_mode(0o711)).expect("it is ours");
        let config = format!(
            "ClusterName=one\nSlurmctldHost=localhost(127.0.0.1)\nSlurmctldPort={}\nSlurmdPort={}\nSlurmUser=root\n\
             AuthType=auth/munge\nAuthInfo=socket={at}/munge/socket\nCredType=cred/munge\nStateSaveLocation={at}/state\n\
             SlurmdSpoolDir={at}/spool\nSlurmctldPidFile={at}/ctld.pid\nSlurmdPidFile={at}/d.pid\nProctrackType=proctrack/linuxproc\n\
             TaskPlugin=task/none\nSwitchType=switch/none\nReturnToService=2\nSelectType=select/cons_tres\n\
             SelectTypeParameters=CR_CPU\nMpiDefault=none\n\
             NodeName=localhost NodeAddr=127.0.0.1 CPUs=2 RealMemory=2048 State=UNKNOWN\n\
             PartitionName=all Nodes=localhost Default=YES MaxTime=INFINITE State=UP\n",
            free_port(),
            free_port()
        );
        let config = home.put("slurm/slurm.conf", config.as_bytes());
        let mut slurm = Slurm { daemons: Vec::new(), config };
        let munge = |name: &str| format!("--{name}-file={at}/munge/{name}");
        let socket = format!("--socket={at}/munge/socket");
        let files = ["key", "pid", "log", "seed"].map(munge);
        slurm.daemon(Command::new("munged").args(["--foreground", "--force", &socket]).args(files));
        while !home.at("slurm/munge/socket").exists() {
            std::thread::sleep(Duration::from_millis(20));
        }
        slurm.daemon(Command::new("slurmctld").arg("-D"));
        slurm.daemon(Command::new("slurmd").args(["-D", "-N", "localhost"]));
        let is_up = |slurm: &Slurm| slurm.ask("sinfo", &["-h", "-o", "%T"]).contains("idle");
        slurm.wait("its node is idle", is_up);
        Some(slurm)
    }

    fn daemon(&mut self, command: &mut Command) {
        let command = command.env("SLURM_CONF", &self.config);
        let log = fs::File::create(self.config.with_extension(format!("{}.log", self.daemons.len())));
        let log = log.expect("the home is ours");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        self.daemons.push(child.expect("the daemon can be started"));
    }

    fn ask(&self, program: &str, args: &[&str]) -> String {
        let ran = Command::new(program)
            .args(args)
            .env("SLURM_CONF", &self.config)
            .output()
            .expect("it can be started");
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }

    fn wait(&self, what: &str, is_so: impl Fn(&Slurm) -> bool) {
        let until = Instant::now() + Duration::from_secs(120);
        while !is_so(self) {
            assert!(Instant::now() < until, "{what}: {}", self.ask("scontrol", &["show", "node"]));
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        for daemon in self.daemons.iter_mut().rev() {
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}

#[test]
fn a_slurm_array_job_does_every_account() {
    let home = Home::new();
    let manifest = many(&home, 9, "");
    let Some(slurm) = Slurm::start(&home) else { return };
    let script = of_docs("slurm.sh");
    let mut submit = Command::new("sbatch");
    submit.arg("--array=1-3").arg("--mem=500M").arg(&script).arg(&manifest).current_dir(home.path());
    submit.env("SLURM_CONF", &slurm.config).env("PATH", path_with_exodus()).env("HOME", home.path());
    run(&mut submit).expect(0);
    slurm.wait("the queue is empty", |slurm| slurm.ask("squeue", &["-h"]).trim().is_empty());
    let reports: Vec<PathBuf> =
        (1..=3).map(|number| home.at(&format!("accounts.state/report-{number}of3.json"))).collect();
    let whole = home.at("accounts.state/report.json");
    let mut merge = home.command(["batch", "merge-reports", "--report"]);
    run(merge.arg(&whole).args(&reports)).expect(0);
    assert_all_done(&home, "report.json", 9);
}

#[test]
fn gnu_parallel_does_every_account_and_leaves_one_report() {
    if !has_program("parallel") {
        return skip("a batch by GNU parallel", "there is no parallel (Debian package parallel)");
    }
    let home = Home::new();
    let manifest = many(&home, 7, "");
    let mut script = Command::new(of_docs("parallel.sh"));
    script
        .args([&manifest, "3"])
        .env("PATH", path_with_exodus())
        .env("HOME", home.path())
        .current_dir(home.path());
    run(&mut script).expect(0);
    assert_all_done(&home, "report.json", 7);
}

#[test]
fn the_job_of_kubernetes_has_the_form_that_kubernetes_asks_for() {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python-tools");
    let python = |script: &str| {
        let mut python = Command::new("python3");
        python.args(["-c", script]).arg(of_docs("kubernetes.yaml")).env("PYTHONPATH", &tools);
        python
    };
    if !has_program("python3") || run(&mut python("import kubernetes_validate")).code != 0 {
        return skip("the form of kubernetes.yaml", "there is no kubernetes-validate (of PyPI)");
    }
    let script = "import sys, json, yaml, kubernetes_validate as k\n\
                  job = yaml.safe_load(open(sys.argv[1]))\n\
                  print(json.dumps({'version': k.validate(job, k.latest_version(), strict=True), 'job': job}))\n\
                  job['spec']['completionMod'] = 'Indexed'\n\
                  try: k.validate(job, k.latest_version(), strict=True)\n\
                  except k.ValidationError: pass\n\
                  else: sys.exit('a mistake is not seen')";
    let answer: Value =
        serde_json::from_slice(&run(&mut python(script)).expect(0).out).expect("it prints JSON");
    let spec = &answer["job"]["spec"];
    let variables = spec["template"]["spec"]["containers"][0]["env"].as_array().expect("variables");
    let n_told = variables
        .iter()
        .find(|it| it["name"] == "JOB_COMPLETIONS")
        .expect("exodus is told how many there are");
    assert_eq!(
        (&spec["completionMode"], n_told["value"].as_str()),
        (&"Indexed".into(), Some(spec["completions"].to_string().as_str()))
    );
}
