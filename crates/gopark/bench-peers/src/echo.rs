//! The workload `echo`: a server in the runtime under test, a client in a process of its own.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::mpsc;

use crate::measure::{Figures, cpu_time, raise_file_limit};
use crate::worker::Job;
use crate::{futures, stackful};

pub(crate) mod client;
mod epoll;

/// What a server reads at once.
pub(crate) const BUFFER: usize = 4096;

/// A server: tells its address and never ends.
type Serve = fn(usize, Tell);
type Tell = Box<dyn FnOnce(SocketAddr) + Send>;

/// Runs the job if it is one of these.
pub(crate) fn echo(job: &Job) -> Option<Figures> {
    let connections: usize = job.workload.strip_prefix("echo-")?.parse().ok()?;
    let serve: Serve = match job.peer() {
        ("gopark", _) => |procs, tell| stackful::gopark::serve(procs, tell),
        ("tokio", _) => |procs, tell| futures::tokio::serve(procs, tell),
        ("smol", _) => |procs, tell| futures::smol::serve(procs, tell),
        ("may", _) => |procs, tell| stackful::may::serve(procs, tell),
        ("threads", _) => |procs, tell| stackful::threads::serve(procs, tell),
        ("epoll", _) => |procs, tell| epoll::serve(procs, tell),
        _ => return None,
    };
    raise_file_limit();
    let (tell, told) = mpsc::channel();
    let procs = job.procs;
    let tell = Box::new(move |addr| tell.send(addr).expect("the address is waited for"));
    std::thread::spawn(move || serve(procs, tell));
    let addr = told.recv().expect("the server tells its address");

    let before = cpu_time();
    let found = run_client(addr, connections, job.quick);
    let used = cpu_time() - before;
    let mut figures = Vec::new();
    for (name, value) in found {
        match name {
            "requests" => figures.push(("cpu us", used.as_secs_f64() * 1e6 / value)),
            name => figures.push((name, value)),
        }
    }
    Some(figures)
}

/// Runs the client against a server and returns what it prints.
fn run_client(addr: SocketAddr, connections: usize, quick: bool) -> Figures {
    let me = std::env::current_exe().expect("this program has a path");
    let ms = if quick { 300 } else { 2000 };
    let out = Command::new(me)
        .args(["client", &addr.to_string(), &connections.to_string(), &ms.to_string()])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("the client starts");
    assert!(out.status.success(), "the client failed");
    let line = String::from_utf8(out.stdout).expect("it prints text");
    client::METRICS.into_iter().zip(line.split_whitespace().map(number)).collect()
}

fn number(word: &str) -> f64 {
    word.parse().expect("the client prints numbers")
}
