//! gopark beside other runtimes: the same workloads on each, in one session, in medians and ratios.
//!
//! In reading order: `plan` (which workloads, who runs them, what gopark is to reach), `stackful`
//! and `futures` (the workloads, written once for each style, and the runtimes below them), `echo`
//! and `tracing` (two that need more), `worker` (one run), `session` (all of them), `quiet` (whether
//! the figures are worth anything), `report` (the table). Go's half is in `go/` and is built when
//! Go is here.
//!
//! Figures of different machines or sessions can't be compared, only ratios within one.

mod measure;
mod plan;

mod stackful;
mod futures;

mod echo;
mod tracing;

mod worker;

mod quiet;
mod report;
mod session;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// gopark beside tokio, may, smol, kernel threads and Go.
#[derive(Debug, Parser)]
#[command(name = "bench-peers", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    session: session::Session,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// One workload on one runtime; prints one line with tabs
    One(worker::Job),
    /// The workloads
    List,
    /// The client of the echo workloads
    #[command(hide = true)]
    Client { addr: SocketAddr, connections: usize, ms: u64 },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        None => cli.session.run().map_err(|e| e.to_string()),
        Some(Command::One(job)) => worker::work(job),
        Some(Command::List) => {
            report::list();
            Ok(())
        }
        Some(Command::Client { addr, connections, ms }) => {
            echo::client::talk(*addr, *connections, Duration::from_millis(*ms));
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-peers: {error}");
            ExitCode::FAILURE
        }
    }
}
