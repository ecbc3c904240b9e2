//! A session: every peer runs every workload in turn, each run in a process of its own, several
//! rounds of it; then the medians.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::measure::median;
use crate::plan::{WORKLOADS, Workload};
use crate::quiet::Watch;
use crate::report;
use crate::worker::NOT_DONE;

/// Runs a session and prints its table.
#[derive(Debug, clap::Args)]
pub(crate) struct Session {
    /// Rounds of each workload
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Only workloads whose name begins so; may be given several times
    #[arg(long, value_name = "WORKLOAD")]
    only: Vec<String>,
    /// Only these runtimes, between commas
    #[arg(long, value_delimiter = ',', value_name = "RUNTIME")]
    peers: Vec<String>,
    /// Numbers of Ps or workers
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    procs: Vec<usize>,
    /// A tenth of the work, and 2 rounds unless said otherwise: to see that everything runs
    #[arg(long)]
    quick: bool,
    /// Seconds to wait for a quiet machine before each run
    #[arg(long, default_value_t = 5)]
    gate: u64,
    /// Where to write the line of each run
    #[arg(long, value_name = "FILE")]
    raw: Option<PathBuf>,
}

/// Who does it: the peer as in the plan, and its Ps.
pub(crate) type Who = (&'static str, usize);

/// What came of a peer's rounds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Result {
    rounds: BTreeMap<String, Vec<f64>>,
    /// Why there is nothing, or nothing more.
    pub(crate) nothing: Option<Nothing>,
}

/// Why a peer has no figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nothing {
    /// It is not installed.
    NotHere,
    /// It does not do this.
    NotDone,
    /// It did not end.
    Never,
    /// It ended badly.
    Failed,
}

impl Result {
    /// The median of a metric.
    pub(crate) fn median(&self, metric: &str) -> Option<f64> {
        if self.nothing.is_some() {
            return None;
        }
        self.rounds.get(metric).map(|rounds| median(&mut rounds.clone()))
    }

    fn add(&mut self, line: &str) {
        for (name, value) in line.split('\t').skip(3).filter_map(|field| field.split_once('=')) {
            let value = value.trim().parse().expect("a run prints numbers");
            self.rounds.entry(name.to_owned()).or_default().push(value);
        }
    }
}

/// The results of one workload.
pub(crate) type Results = BTreeMap<Who, Result>;

impl Session {
    pub(crate) fn run(&self) -> std::io::Result<()> {
        let me = std::env::current_exe()?;
        let go = build_go(&me);
        let mut raw = self.raw.as_ref().map(File::create).transpose()?;
        let rounds = if self.quick { self.rounds.min(2) } else { self.rounds };
        let mut watch = Watch::default();
        report::head(rounds, self.quick, go.as_deref());
        let mut all = Vec::new();
        for workload in WORKLOADS.iter().filter(|w| self.wants(w)) {
            let mut results = Results::new();
            let who = self.who(workload);
            for round in 0..rounds {
                // To and fro, so that nobody always follows the same neighbour.
                let order: Vec<Who> = match round % 2 {
                    0 => who.clone(),
                    _ => who.iter().rev().copied().collect(),
                };
                for who in order {
                    let result = results.entry(who).or_default();
                    if result.nothing.is_some() {
                        continue;
                    }
                    let mut command = match (who.0, &go) {
                        ("go", None) => {
                            result.nothing = Some(Nothing::NotHere);
                            continue;
                        }
                        ("go", Some(go)) => {
                            let mut command = Command::new(go);
                            command.arg("-client").arg(&me);
                            command
                        }
                        _ => {
                            let mut command = Command::new(&me);
                            command.arg("one");
                            command
                        }
                    };
                    if self.quick {
                        command.arg(if who.0 == "go" { "-quick" } else { "--quick" });
                    }
                    command.args([workload.name, who.0, &who.1.to_string()]);
                    watch.gate(Duration::from_secs(self.gate));
                    match one(command, Duration::from_secs(workload.deadline)) {
                        Ok(line) => {
                            result.add(&line);
                            if let Some(raw) = &mut raw {
                                writeln!(raw, "{}", line.trim_end())?;
                            }
                        }
                        Err(why) => result.nothing = Some(why),
                    }
                }
            }
            report::workload(workload, &self.procs, &results, !self.quick);
            all.push((workload, results));
        }
        if !self.quick {
            report::goals(&all, &self.procs);
        }
        println!("{}", watch.say());
        Ok(())
    }

    fn wants(&self, workload: &Workload) -> bool {
        self.only.is_empty()
            || self.only.iter().any(|name| workload.name.starts_with(name.as_str()))
    }

    /// Who runs this workload, in the order of a round.
    fn who(&self, workload: &Workload) -> Vec<Who> {
        let runtime = |peer: &str| peer.split(':').next().unwrap_or_default().to_owned();
        let wanted = |peer: &&&str| self.peers.is_empty() || self.peers.contains(&runtime(peer));
        let peers = workload.peers.iter().filter(wanted);
        peers.flat_map(|&peer| self.procs.iter().map(move |&procs| (peer, procs))).collect()
    }
}

/// Runs one and returns its line.
fn one(mut command: Command, deadline: Duration) -> std::result::Result<String, Nothing> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    // A runtime that gives up says so in a line.
    command.env_remove("GOPARK_STAGE").env("RUST_BACKTRACE", "0");
    let mut child = command.spawn().map_err(|_| Nothing::NotHere)?;
    let mut out = child.stdout.take().expect("it is piped");
    let (ended, end) = mpsc::channel::<()>();
    let reader = std::thread::spawn(move || {
        let mut line = String::new();
        let read = out.read_to_string(&mut line);
        drop(ended);
        read.map(|_| line).unwrap_or_default()
    });
    // Nothing is ever sent: its other end goes when the child has closed its output.
    let timed_out = end.recv_timeout(deadline) == Err(mpsc::RecvTimeoutError::Timeout);
    if timed_out {
        // It may have ended just now.
        drop(child.kill());
    }
    let code = child.wait().ok().and_then(|status| status.code());
    let line = reader.join().expect("it only reads");
    match code {
        Some(0) => Ok(line),
        Some(NOT_DONE) => Err(Nothing::NotDone),
        _ if timed_out => Err(Nothing::Never),
        _ => Err(Nothing::Failed),
    }
}

/// Builds the Go half beside this program, if Go is here.
fn build_go(me: &Path) -> Option<PathBuf> {
    let program = me.with_file_name("bench-peers-go");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("go");
    let built =
        Command::new("go").current_dir(source).arg("build").arg("-o").arg(&program).status();
    match built {
        Ok(status) if status.success() => Some(program),
        Ok(status) => {
            eprintln!("go build: {status}");
            None
        }
        Err(_) => None,
    }
}
