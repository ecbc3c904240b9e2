//! The table of a session.

use crate::plan::{From, Goal, Metric, WORKLOADS, Workload};
use crate::session::{Nothing, Result, Results};

/// Packages whose versions are told.
const PEERS: &[&str] =
    &["tokio", "may", "async-executor", "async-io", "kanal", "async-channel", "parking_lot"];

/// What comes first.
pub(crate) fn head(rounds: usize, quick: bool, go: Option<&std::path::Path>) {
    let lock = include_str!("../Cargo.lock");
    let version = |name: &str| {
        let package = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?.1;
        Some(format!("{name} {}", package.split_once('"')?.0))
    };
    let versions: Vec<String> = PEERS.iter().filter_map(|name| version(name)).collect();
    let go = if go.is_some() { go_version() } else { "go not here".to_owned() };
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    println!("gopark beside {}, {go}", versions.join(", "));
    println!(
        "{processors} processors, medians of {rounds} interleaved rounds, 1P/2P: Ps or workers"
    );
    if quick {
        println!("QUICK: a tenth of the work; the goals are for all of it and are not judged");
    }
}

fn go_version() -> String {
    let out = std::process::Command::new("go").arg("version").output();
    let text = out.map(|out| String::from_utf8_lossy(&out.stdout).into_owned()).unwrap_or_default();
    text.split_whitespace().nth(2).unwrap_or("go").to_owned()
}

/// The results of a workload: a block for each metric, with gopark's goals if they are judged.
pub(crate) fn workload(workload: &Workload, procs: &[usize], results: &Results, judged: bool) {
    println!("\n{}: {}", workload.name, workload.what);
    for metric in workload.metrics {
        let peers = workload.peers.iter().copied();
        let ran = |peer: &str| results.keys().any(|(who, _)| *who == peer);
        let peers: Vec<&str> = peers.filter(|peer| ran(peer)).collect();
        let known =
            peers.iter().any(|&p| procs.iter().any(|&n| value(results, p, n, metric).is_some()));
        let first = metric.name == workload.metrics[0].name;
        if !known && !first {
            continue;
        }
        print!("  {:22}", metric.name);
        procs.iter().for_each(|n| print!("{:>11}", format!("{n}P")));
        print!("   gopark/it");
        procs.iter().for_each(|n| print!("{:>8}", format!("{n}P")));
        println!();
        for peer in peers {
            let mut line = line(workload, metric, peer, procs, results);
            if judged {
                line += &verdicts(workload, metric, peer, procs, results);
            }
            println!("{}", line.trim_end());
        }
    }
}

fn line(
    workload: &Workload,
    metric: &Metric,
    peer: &str,
    procs: &[usize],
    results: &Results,
) -> String {
    let mut line = format!("    {peer:20}");
    for &n in procs {
        let result = results.iter().find(|((who, ps), _)| *who == peer && *ps == n);
        line += &format!("{:>11}", figure(result.map(|(_, result)| result), metric.name));
    }
    line += "            ";
    // The first of gopark's ways stands for it.
    let own = workload.peers[0];
    for &n in procs {
        let ours = value(results, own, n, metric).filter(|_| !peer.starts_with("gopark"));
        let ratio = ours.zip(value(results, peer, n, metric)).map(|(ours, its)| ours / its);
        line += &ratio.map_or_else(|| " ".repeat(8), |ratio| format!("{ratio:>8.2}"));
    }
    line
}

/// The goals of a line, and whether they are met.
fn verdicts(w: &Workload, metric: &Metric, peer: &str, procs: &[usize], r: &Results) -> String {
    let goals = w.goals.iter().filter(|goal| goal.peer == peer && goal.metric == metric.name);
    goals.flat_map(|goal| procs.iter().map(|&n| verdict(goal, metric, n, r))).collect()
}

fn figure(result: Option<&Result>, metric: &str) -> String {
    let Some(result) = result else { return String::new() };
    match result.nothing {
        Some(Nothing::NotHere) => "not here".to_owned(),
        Some(Nothing::NotDone) => "-".to_owned(),
        Some(Nothing::Never) => "never".to_owned(),
        Some(Nothing::Failed) => "fails".to_owned(),
        None => result.median(metric).map_or_else(|| "-".to_owned(), number),
    }
}

/// Three digits that mean something.
fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn value(results: &Results, peer: &str, procs: usize, metric: &Metric) -> Option<f64> {
    let found = results.iter().find(|((who, ps), _)| *who == peer && *ps == procs);
    found.and_then(|(_, result)| result.median(metric.name))
}

/// What is asked of gopark on so many Ps.
fn bound(goal: &Goal, metric: &Metric, procs: usize, results: &Results) -> Option<f64> {
    let set = *goal.bound.get(procs.checked_sub(1)?)?;
    let measured = match goal.from {
        From::Set => None,
        From::Go => value(results, "go", procs, metric),
    };
    measured.or(Some(set)).filter(|bound| bound.is_finite())
}

/// None if nothing is asked.
fn met(goal: &Goal, metric: &Metric, procs: usize, results: &Results) -> Option<bool> {
    let bound = bound(goal, metric, procs, results)?;
    let value = value(results, goal.peer, procs, metric);
    Some(value.is_some_and(|v| if metric.more { v >= bound } else { v <= bound }))
}

fn verdict(goal: &Goal, metric: &Metric, procs: usize, results: &Results) -> String {
    let Some(bound) = bound(goal, metric, procs, results) else { return String::new() };
    let sign = if metric.more { '≥' } else { '≤' };
    let word = if met(goal, metric, procs, results) == Some(true) { "met" } else { "MISSED" };
    format!("   {procs}P {sign} {} {word}", number(bound))
}

/// Which goals were missed, in all.
pub(crate) fn goals(all: &[(&Workload, Results)], procs: &[usize]) {
    let (mut reached, mut missed) = (0, Vec::new());
    for (workload, results) in all {
        for goal in workload.goals {
            let metric = workload.metrics.iter().find(|metric| metric.name == goal.metric);
            let metric = metric.expect("a goal is for one of the metrics");
            for &n in procs.iter().filter(|&&n| results.contains_key(&(goal.peer, n))) {
                match met(goal, metric, n, results) {
                    None => {}
                    Some(true) => reached += 1,
                    Some(false) => {
                        let what = format!("{} {}, {}", workload.name, metric.name, goal.peer);
                        let is = value(results, goal.peer, n, metric)
                            .map_or_else(|| "-".to_owned(), number);
                        missed.push(format!("{what}: {is},{}", verdict(goal, metric, n, results)));
                    }
                }
            }
        }
    }
    println!("\ngoals: {reached} met, {} missed", missed.len());
    missed.iter().for_each(|what| println!("  {what}"));
    headline(all, procs);
}

/// gopark with every event recorded beside Go with tracing off.
fn headline(all: &[(&Workload, Results)], procs: &[usize]) {
    for (workload, results) in all.iter().filter(|(w, _)| w.name.starts_with("tracing-")) {
        let [off, on] = ["off ns", "on ns"].map(|name| Metric { name, more: false });
        for &n in procs {
            let ours = value(results, "gopark", n, &on);
            let its = value(results, "go", n, &off);
            if let Some((ours, its)) = ours.zip(its) {
                let ratio = ours / its;
                println!("{} {n}P: gopark recorded / Go not recorded {ratio:.2}", workload.name);
            }
        }
    }
}

/// The workloads with what they are.
pub(crate) fn list() {
    for workload in WORKLOADS {
        println!("{:20} {}", workload.name, workload.what);
    }
}
