//! What the runtime's basic operations cost in live, and what recording them adds: the median of
//! several rounds, plain and recorded in turn. The operations are reached as a program reaches them,
//! so each row says which of them it is mostly made of. Names of workloads choose; with `--cpu` the
//! CPU time of main's thread counts, for a machine that is busy with other things.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gopark::sink::Sink;
use gopark::sync::{Mutex, WaitGroup};
use gopark::trace::event::Event;
use gopark::trace::merge::Ordered;
use gopark::trace::record::Record;
use gopark::{chan, go, sleep, yield_now};

/// Rounds of each measurement.
const ROUNDS: usize = 7;

/// A workload: does its work inside a run and says how many operations that was.
type Workload = fn() -> u64;

const WORKLOADS: &[(&str, Workload, &str)] = &[
    ("switch", || yields(1), "off the stack and on it again, by way of the global queue"),
    ("yield-2", || yields(2), "the same, two in turn"),
    ("yield-1000", || yields(1000), "the same on a thousand stacks"),
    ("spawn-ring", || spawn(200), "make, ring put and get, run, end"),
    ("spawn-overflow", || spawn(1000), "the same with a ring that overflows"),
    ("park-ready", park_ready, "a park, a wake and the slot, one way"),
    ("ping-pong", ping_pong, "the same to and fro"),
    ("chan-ready", chan_ready, "a put and a take of a buffer, nobody parks"),
    ("chan-1-1", chan_1_1, "the same between two goroutines"),
    ("mutex-1", || mutex(1), "lock and unlock, nobody else wants it"),
    ("mutex-8", || mutex(8), "the same among eight"),
    ("timers", timers, "a sleeper of 100,000 at once"),
];

fn main() {
    println!(
        "{:15} {:>3} {:>9} {:>9} {:>7} {:>10} {:>9} {:>7}  each",
        "workload", "Ps", "ns", "recorded", "ratio", "events", "ns/event", "lost"
    );
    let only: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|word| name.contains(word));
    for &(name, workload, what) in WORKLOADS.iter().filter(|row| wanted(row.0)) {
        for procs in if by_cpu() { 1..=1 } else { 1..=2 } {
            let tally = Arc::new(Tally::default());
            let (mut plain, mut recorded) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                plain.push(measure(workload, procs, None));
                recorded.push(measure(workload, procs, Some(&tally)));
            }
            let (plain, recorded) = (median(plain), median(recorded));
            let (events, lost) = tally.each();
            println!(
                "{name:15} {procs:>3} {plain:>9.1} {recorded:>9.1} {:>7.2} {events:>10.2} {:>9.1} \
                 {:>6.1}%  {what}",
                recorded / plain,
                (recorded - plain) / events,
                100.0 * lost,
            );
        }
    }
}

fn median(mut rounds: Vec<f64>) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

/// What was recorded, and of how many operations.
#[derive(Debug, Default)]
struct Tally {
    operations: AtomicU64,
    events: AtomicU64,
    lost: AtomicU64,
}

impl Tally {
    /// Events of an operation, and the share of them that found no room.
    fn each(&self) -> (f64, f64) {
        let [operations, events, lost] =
            [&self.operations, &self.events, &self.lost].map(|n| n.load(Ordering::Relaxed) as f64);
        ((events + lost) / operations, lost / (events + lost))
    }
}

/// Counts what comes out: the price of recording without that of a use for it.
struct Count(Arc<Tally>);

impl Sink for Count {
    fn take(&mut self, record: Record) {
        match record.event {
            Event::Gap { lost, .. } => self.0.lost.fetch_add(lost, Ordering::Relaxed),
            _ => self.0.events.fetch_add(1, Ordering::Relaxed),
        };
    }

    fn take_group(&mut self, group: &mut Ordered<'_>) {
        self.0.events.fetch_add(group.events().into(), Ordering::Relaxed);
    }
}

/// Nanoseconds for each operation, measured inside the run.
fn measure(workload: Workload, procs: usize, tally: Option<&Arc<Tally>>) -> f64 {
    // SAFETY: no goroutine here keeps a thread-affine value across a call into gopark.
    let live = unsafe { gopark::live() }.procs(procs).unwatched();
    let live = match tally {
        Some(tally) => live.record(Count(Arc::clone(tally))),
        None => live,
    };
    let (time, operations) = live.run(move || {
        let (start, cpu_start) = (Instant::now(), cpu_time());
        let operations = workload();
        let cpu = cpu_time().saturating_sub(cpu_start);
        (if by_cpu() { cpu } else { start.elapsed() }, operations)
    });
    if let Some(tally) = tally {
        tally.operations.fetch_add(operations, Ordering::Relaxed);
    }
    time.as_nanos() as f64 / operations as f64
}

/// Whether the CPU time of main's thread counts instead of the time on the wall, with one P.
fn by_cpu() -> bool {
    std::env::args().any(|arg| arg == "--cpu")
}

/// CPU time of the calling thread.
fn cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of ours.
    let failed = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(failed, 0, "the thread clock is always there");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn spawn(batch: u64) -> u64 {
    const GOROUTINES: u64 = 50_000;
    let wg = WaitGroup::new();
    for _ in 0..GOROUTINES / batch {
        wg.add(batch as i64);
        for _ in 0..batch {
            let wg = wg.clone();
            drop(go(move || wg.done()));
        }
        wg.wait();
    }
    GOROUTINES
}

fn yields(goroutines: u64) -> u64 {
    const YIELDS: u64 = 200_000;
    let wg = WaitGroup::new();
    for _ in 0..goroutines {
        drop(wg.go(move || (0..YIELDS / goroutines).for_each(|_| yield_now())));
    }
    wg.wait();
    YIELDS
}

fn park_ready() -> u64 {
    const MESSAGES: u64 = 200_000;
    let (tx, rx) = chan::<u64>(0);
    drop(go(move || {
        (0..MESSAGES).for_each(|n| tx.send(n));
        tx.close();
    }));
    assert_eq!(rx.iter().sum::<u64>(), MESSAGES * (MESSAGES - 1) / 2);
    MESSAGES
}

fn chan_ready() -> u64 {
    const MESSAGES: u64 = 400_000;
    let (tx, rx) = chan::<u64>(1);
    for n in 0..MESSAGES {
        tx.send(n);
        assert_eq!(rx.recv(), Some(n));
    }
    MESSAGES
}

fn ping_pong() -> u64 {
    const TRIPS: u64 = 100_000;
    let (ping, pinged) = chan::<u64>(0);
    let (pong, ponged) = chan::<u64>(0);
    drop(go(move || {
        for n in &pinged {
            pong.send(n + 1);
        }
    }));
    for n in 0..TRIPS {
        ping.send(n);
        assert_eq!(ponged.recv(), Some(n + 1));
    }
    ping.close();
    TRIPS
}

fn chan_1_1() -> u64 {
    const MESSAGES: u64 = 400_000;
    let (tx, rx) = chan::<u64>(128);
    drop(go(move || {
        (0..MESSAGES).for_each(|n| tx.send(n));
        tx.close();
    }));
    assert_eq!(rx.iter().sum::<u64>(), MESSAGES * (MESSAGES - 1) / 2);
    MESSAGES
}

fn mutex(goroutines: u64) -> u64 {
    const TIMES: u64 = 400_000;
    let each = TIMES / goroutines;
    let count = Arc::new(Mutex::new(0_u64));
    let done = Arc::new(AtomicU64::new(0));
    let wg = WaitGroup::new();
    for _ in 0..goroutines {
        let (count, done) = (Arc::clone(&count), Arc::clone(&done));
        drop(wg.go(move || {
            for _ in 0..each {
                *count.lock() += 1;
            }
            done.fetch_add(each, Ordering::Relaxed);
        }));
    }
    wg.wait();
    assert_eq!(*count.lock(), done.load(Ordering::Relaxed));
    TIMES
}

/// Goroutines that sleep for 1 to 100 ms, all at once: 1000 ns each if nothing but the sleeps took
/// time.
fn timers() -> u64 {
    const SLEEPERS: u64 = 100_000;
    let wg = WaitGroup::new();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..SLEEPERS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let time = Duration::from_millis(random % 100 + 1);
        drop(wg.go(move || sleep(time)));
    }
    wg.wait();
    SLEEPERS
}
