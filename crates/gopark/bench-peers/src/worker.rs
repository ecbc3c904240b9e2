//! One workload on one runtime: what each process of a session does.

use crate::echo::echo;
use crate::futures::{self, AsyncChannel, Kanal, TokioMpsc};
use crate::measure::Figures;
use crate::stackful::gopark::{Chan, Declared, Gopark, Undeclared};
use crate::stackful::may::{Bounded, May, Mpmc, Mpsc, Spsc};
use crate::stackful::threads::{self, Threads};
use crate::{futures::smol::Smol, futures::tokio::Tokio, stackful, tracing};

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Job {
    /// The workload
    pub(crate) workload: String,
    /// The runtime; after a colon the way it does it, where there are several: tokio:kanal
    pub(crate) runtime: String,
    /// Its Ps or workers
    pub(crate) procs: usize,
    /// A tenth of the work
    #[arg(long)]
    pub(crate) quick: bool,
}

impl Job {
    /// The runtime and its way.
    pub(crate) fn peer(&self) -> (&str, &str) {
        self.runtime.split_once(':').unwrap_or((&self.runtime, ""))
    }
}

/// A count, or a tenth of it.
pub(crate) fn size(full: u64, quick: bool) -> u64 {
    if quick { full / 10 } else { full }
}

/// The exit code of a runtime that does not do a workload.
pub(crate) const NOT_DONE: i32 = 3;

/// Does it and prints one line: the job, then each metric with its value, between tabs.
pub(crate) fn work(job: &Job) -> ! {
    let Some(figures) = run(job) else {
        eprintln!("bench-peers: {} does not run {}", job.runtime, job.workload);
        std::process::exit(NOT_DONE);
    };
    let mut line = format!("{}\t{}\t{}", job.workload, job.runtime, job.procs);
    for (name, value) in figures {
        line += &format!("\t{name}={value}");
    }
    println!("{line}");
    // Some runtimes don't like to be ended; this process has nothing left to do.
    std::process::exit(0)
}

fn run(job: &Job) -> Option<Figures> {
    if let Some(figures) = echo(job) {
        return Some(figures);
    }
    match job.peer() {
        ("gopark", "") => tracing::tracing(job)
            .or_else(|| stackful::plain::<Gopark>(job))
            .or_else(|| stackful::pairs::<Gopark, Chan>(job))
            .or_else(|| stackful::shared::<Gopark, Chan>(job)),
        ("gopark", "declared") => stackful::system::<Gopark, Declared>(job),
        ("gopark", "undeclared") => stackful::system::<Gopark, Undeclared>(job),
        ("gopark", _) => tracing::tracing(job),
        ("threads", _) => stackful::plain::<Threads>(job)
            .or_else(|| stackful::system::<Threads, threads::Direct>(job))
            .or_else(|| stackful::pairs::<Threads, threads::Kanal>(job))
            .or_else(|| stackful::shared::<Threads, threads::Kanal>(job)),
        ("may", "mpmc") => {
            stackful::pairs::<May, Mpmc>(job).or_else(|| stackful::shared::<May, Mpmc>(job))
        }
        ("may", "mpsc") => stackful::pairs::<May, Mpsc>(job),
        ("may", "bounded") => stackful::pairs::<May, Bounded>(job),
        ("may", "spsc") => stackful::pairs::<May, Spsc>(job),
        ("may", _) => stackful::plain::<May>(job),
        ("tokio", "parking_lot") => parking_lot::<Tokio>(job),
        ("tokio", "kanal") => {
            futures::pairs::<Tokio, Kanal>(job).or_else(|| futures::shared::<Tokio, Kanal>(job))
        }
        ("tokio", "async-channel") => futures::pairs::<Tokio, AsyncChannel>(job)
            .or_else(|| futures::shared::<Tokio, AsyncChannel>(job)),
        ("tokio", "mpsc") => futures::pairs::<Tokio, TokioMpsc>(job),
        ("tokio", _) => futures::plain::<Tokio>(job),
        ("smol", "parking_lot") => parking_lot::<Smol>(job),
        ("smol", "kanal") => {
            futures::pairs::<Smol, Kanal>(job).or_else(|| futures::shared::<Smol, Kanal>(job))
        }
        ("smol", "async-channel") => futures::pairs::<Smol, AsyncChannel>(job)
            .or_else(|| futures::shared::<Smol, AsyncChannel>(job)),
        ("smol", _) => futures::plain::<Smol>(job),
        _ => None,
    }
}

fn parking_lot<R: futures::Futures>(job: &Job) -> Option<Figures> {
    (job.workload == "mutex").then(|| futures::mutex::<R, ::parking_lot::Mutex<u64>>(job))
}
