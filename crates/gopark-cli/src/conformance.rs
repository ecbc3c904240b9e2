//! `gopark conformance`: small programs whose order in real Go is known, run on the lab.
//!
//! A file is a list of programs, each with the exact order in which Go 1.27 ran it with one P, no
//! GC and a clock that moves only when everybody sleeps. The lab with one P and steps that cost
//! nothing must give the same order, event for event.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flate2::read::GzDecoder;
use gopark::sync::{Cond, GoMutex, GoRwMutex, WaitGroup};
use gopark::trace::EndKind;
use gopark::{Select, Selected};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::Value;

/// In an order: the body started.
const START: u16 = 65_535;
/// In an order: the body ended.
const END: u16 = 65_534;
/// In an order: a select took the case whose number is added, or its default, which comes after the
/// last case.
const CASE: u16 = 0x8000;

/// One program and its order in Go.
#[derive(Debug, Deserialize)]
pub(crate) struct Program {
    name: String,
    start_tick: u32,
    chans: Vec<usize>,
    mutexes: usize,
    #[serde(default)]
    rwmutexes: usize,
    waitgroups: usize,
    /// The mutex of each.
    #[serde(default)]
    conds: Vec<usize>,
    bodies: Vec<Vec<Vec<Value>>>,
    order: Vec<(u16, u16)>,
    final_waits: Vec<String>,
}

/// What an operation does.
#[derive(Debug, Clone)]
enum Op {
    Go(usize),
    Yield,
    Sleep(u64),
    Send(usize, i64),
    Recv(usize),
    Close(usize),
    Lock(usize),
    Unlock(usize),
    RLock(usize),
    RUnlock(usize),
    WLock(usize),
    WUnlock(usize),
    CondWait(usize),
    Signal(usize),
    Broadcast(usize),
    LockThread,
    UnlockThread,
    WgAdd(usize, i64),
    WgDone(usize),
    WgWait(usize),
    /// Its cases (whether it sends, on which channel), and whether there is a default.
    Select(Vec<(bool, usize)>, bool),
}

/// How a program fared.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// The same order and the same waits at the end.
    Match,
    /// Another order, told from the first difference on.
    Differs(String),
    /// It uses what gopark does not have yet, or what no program may use.
    Unsupported(String),
}

/// What went wrong with a file of programs.
#[derive(Debug)]
pub(crate) enum FileError {
    /// It can't be read.
    Io(std::io::Error),
    /// It is not a list of programs.
    Json(serde_json::Error),
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(e) => write!(f, "{e}"),
            Self::Json(e) => write!(f, "not a list of programs: {e}"),
        }
    }
}

/// Reads a file of programs, gzipped or not.
pub(crate) fn read(path: &Path) -> Result<Vec<Program>, FileError> {
    let mut bytes = Vec::new();
    let mut file = BufReader::new(File::open(path).map_err(FileError::Io)?);
    file.read_to_end(&mut bytes).map_err(FileError::Io)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut plain = Vec::new();
        GzDecoder::new(&bytes[..]).read_to_end(&mut plain).map_err(FileError::Io)?;
        bytes = plain;
    }
    serde_json::from_slice(&bytes).map_err(FileError::Json)
}

impl Program {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs it and compares.
    pub(crate) fn check(&self) -> Verdict {
        let bodies = match self.ops() {
            Ok(bodies) => bodies,
            Err(why) => return Verdict::Unsupported(why),
        };
        let log = Arc::new(Mutex::new(Vec::new()));
        let world = Things {
            bodies,
            chan_caps: self.chans.clone(),
            mutexes: (0..self.mutexes).map(|_| GoMutex::new()).collect(),
            rwmutexes: (0..self.rwmutexes).map(|_| GoRwMutex::new()).collect(),
            conds: self.conds.iter().map(|&mutex| (Cond::new(), mutex)).collect(),
            waitgroups: (0..self.waitgroups).map(|_| WaitGroup::new()).collect(),
            choices: self.choices(),
            log: Arc::clone(&log),
        };
        let run = gopark::lab(1)
            .procs(1)
            .step(Duration::ZERO)
            .start_tick(self.start_tick)
            .unwatched()
            .try_run(move || main_body(world));
        let order = std::mem::take(&mut *log.lock());
        if let Some(difference) = first_difference(&self.order, &order) {
            return Verdict::Differs(difference);
        }
        let waits = match run {
            Err(failure) if failure.kind == EndKind::Deadlock => waits_of(&failure.text),
            Err(failure) => return Verdict::Differs(format!("it ended otherwise: {failure}")),
            Ok(()) => Vec::new(),
        };
        let mut expected = self.final_waits.clone();
        expected.sort();
        if waits == expected {
            Verdict::Match
        } else {
            Verdict::Differs(format!("at the end Go has {expected:?} waiting, gopark {waits:?}"))
        }
    }

    /// What each body's selects took in Go, in order.
    fn choices(&self) -> Vec<Mutex<VecDeque<u16>>> {
        let taken = |body: usize| {
            let steps = self.order.iter().filter(|step| usize::from(step.0) == body);
            steps.filter_map(|&(_, code)| case_of(code)).collect()
        };
        (0..self.bodies.len()).map(|body| Mutex::new(taken(body))).collect()
    }

    fn ops(&self) -> Result<Vec<Vec<Op>>, String> {
        if let Some(mutex) = self.conds.iter().find(|&&mutex| mutex >= self.mutexes) {
            return Err(format!(
                "a condition variable on mutex {mutex}: there are {}",
                self.mutexes
            ));
        }
        self.bodies.iter().map(|body| body.iter().map(|op| self.op(op)).collect()).collect()
    }

    fn op(&self, op: &[Value]) -> Result<Op, String> {
        let name = op.first().and_then(Value::as_str).ok_or("an operation without a name")?;
        let number = |i: usize| {
            op.get(i).and_then(Value::as_i64).ok_or(format!("`{name}` lacks its number {i}"))
        };
        let index = |i: usize, of: usize| -> Result<usize, String> {
            let n = number(i)?;
            usize::try_from(n)
                .ok()
                .filter(|&n| n < of)
                .ok_or(format!("`{name} {n}`: there are {of}"))
        };
        Ok(match name {
            "go" => Op::Go(index(1, self.bodies.len())?),
            "yield" => Op::Yield,
            "sleep" => Op::Sleep(number(1)?.max(0) as u64),
            "send" => Op::Send(index(1, self.chans.len())?, number(2)?),
            "recv" => Op::Recv(index(1, self.chans.len())?),
            "close" => Op::Close(index(1, self.chans.len())?),
            "lock" => Op::Lock(index(1, self.mutexes)?),
            "unlock" => Op::Unlock(index(1, self.mutexes)?),
            "rlock" => Op::RLock(index(1, self.rwmutexes)?),
            "runlock" => Op::RUnlock(index(1, self.rwmutexes)?),
            "wlock" => Op::WLock(index(1, self.rwmutexes)?),
            "wunlock" => Op::WUnlock(index(1, self.rwmutexes)?),
            "condwait" => Op::CondWait(index(1, self.conds.len())?),
            "signal" => Op::Signal(index(1, self.conds.len())?),
            "bcast" => Op::Broadcast(index(1, self.conds.len())?),
            "lockos" => Op::LockThread,
            "unlockos" => Op::UnlockThread,
            "wgadd" => Op::WgAdd(index(1, self.waitgroups)?, number(2)?),
            "wgdone" => Op::WgDone(index(1, self.waitgroups)?),
            "wgwait" => Op::WgWait(index(1, self.waitgroups)?),
            "select" => {
                let cases = op.get(1).and_then(Value::as_array);
                let cases = cases.ok_or("`select` lacks its cases")?.iter();
                let cases: Result<_, String> = cases.map(|case| self.case(case)).collect();
                Op::Select(cases?, number(2)? != 0)
            }
            other => return Err(format!("`{other}` is not there yet")),
        })
    }
}

impl Program {
    /// A case of a select: whether it sends, and on which channel.
    fn case(&self, case: &Value) -> Result<(bool, usize), String> {
        let chan = case.get(1).and_then(Value::as_u64).and_then(|c| usize::try_from(c).ok());
        match (case.get(0).and_then(Value::as_str), chan) {
            (Some(way @ ("recv" | "send")), Some(chan)) if chan < self.chans.len() => {
                Ok((way == "send", chan))
            }
            _ => Err(format!("`{case}` is no case of a select")),
        }
    }
}

/// What the bodies of a program share.
struct Things {
    bodies: Vec<Vec<Op>>,
    chan_caps: Vec<usize>,
    mutexes: Vec<GoMutex>,
    rwmutexes: Vec<GoRwMutex>,
    conds: Vec<(Cond, usize)>,
    waitgroups: Vec<WaitGroup>,
    choices: Vec<Mutex<VecDeque<u16>>>,
    log: Arc<Mutex<Vec<(u16, u16)>>>,
}

type Chan = (gopark::Sender<i64>, gopark::Receiver<i64>);

fn main_body(things: Things) {
    let chans: Vec<Chan> = things.chan_caps.iter().map(|&cap| gopark::chan(cap)).collect();
    run_body(&Arc::new((things, chans)), 0);
    gopark::park_forever();
}

fn run_body(shared: &Arc<(Things, Vec<Chan>)>, body: usize) {
    let (things, chans) = &**shared;
    let log = |code: u16| things.log.lock().push((body as u16, code));
    log(START);
    for (n, op) in things.bodies[body].iter().enumerate() {
        match *op {
            Op::Go(b) => {
                let shared = Arc::clone(shared);
                drop(gopark::go(move || run_body(&shared, b)));
            }
            Op::Yield => gopark::yield_now(),
            Op::Sleep(ms) => gopark::sleep(Duration::from_millis(ms)),
            Op::Send(c, v) => chans[c].0.send(v),
            Op::Recv(c) => drop(chans[c].1.recv()),
            Op::Close(c) => chans[c].0.close(),
            Op::Lock(m) => things.mutexes[m].lock(),
            Op::Unlock(m) => things.mutexes[m].unlock(),
            Op::RLock(r) => things.rwmutexes[r].r_lock(),
            Op::RUnlock(r) => things.rwmutexes[r].r_unlock(),
            Op::WLock(r) => things.rwmutexes[r].lock(),
            Op::WUnlock(r) => things.rwmutexes[r].unlock(),
            Op::CondWait(c) => {
                let (cond, mutex) = &things.conds[c];
                cond.wait(&things.mutexes[*mutex]);
            }
            Op::Signal(c) => things.conds[c].0.signal(),
            Op::Broadcast(c) => things.conds[c].0.broadcast(),
            Op::LockThread => gopark::lock_os_thread(),
            Op::UnlockThread => gopark::unlock_os_thread(),
            Op::WgAdd(w, n) => things.waitgroups[w].add(n),
            Op::WgDone(w) => things.waitgroups[w].done(),
            Op::WgWait(w) => things.waitgroups[w].wait(),
            Op::Select(ref cases, default) => {
                let choice = things.choices[body].lock().pop_front();
                log(CASE | take_case(chans, cases, default, choice));
            }
        }
        log(n as u16);
    }
    log(END);
}

/// Selects, and takes the case that Go took by chance if that is a legal choice: it is tried first.
/// Which case was taken.
fn take_case(chans: &[Chan], cases: &[(bool, usize)], default: bool, choice: Option<u16>) -> u16 {
    let mut select = Select::new();
    for &(sends, chan) in cases {
        let (tx, rx) = &chans[chan];
        select = if sends { select.send(tx, 0) } else { select.recv(rx) };
    }
    if default {
        select = select.or_default();
    }
    if let Some(choice) = choice {
        select = select.prefer(choice.into());
    }
    match select.select() {
        Selected::Recv(case, _) | Selected::Sent(case) => case as u16,
        Selected::Default => cases.len() as u16,
    }
}

/// The case that a step of an order took, if it is one of a select.
fn case_of(code: u16) -> Option<u16> {
    (code & CASE != 0 && code < END).then_some(code & !CASE)
}

/// The wait reasons in a report in Go's form, sorted.
fn waits_of(report: &str) -> Vec<String> {
    let mut waits: Vec<String> = report
        .lines()
        .filter(|line| line.starts_with("goroutine "))
        .filter_map(|line| Some(line.split_once('[')?.1.split_once(']')?.0))
        // Behind the reason may stand that the goroutine is tied to its thread.
        .map(|status| status.split(", ").next().unwrap_or(status).to_owned())
        .collect();
    waits.sort();
    waits
}

/// The first place where two orders differ, with both orders around it.
fn first_difference(go: &[(u16, u16)], ours: &[(u16, u16)]) -> Option<String> {
    const AROUND: usize = 4;
    if go == ours {
        return None;
    }
    let at = go.iter().zip(ours).take_while(|(a, b)| a == b).count();
    let window = |order: &[(u16, u16)]| {
        let from = at.saturating_sub(AROUND);
        let to = (at + AROUND + 1).min(order.len());
        let part = order.get(from..to).unwrap_or_default();
        part.iter().map(|&step| step_name(step)).collect::<Vec<_>>().join(" ")
    };
    Some(format!(
        "step {at} of {}\n      Go      … {} …\n      gopark  … {} …",
        go.len(),
        window(go),
        window(ours)
    ))
}

fn step_name((body, code): (u16, u16)) -> String {
    match code {
        START => format!("{body}:start"),
        END => format!("{body}:end"),
        _ => match case_of(code) {
            Some(case) => format!("{body}:case{case}"),
            None => format!("{body}:{code}"),
        },
    }
}
