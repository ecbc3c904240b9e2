//! What the runtime's basic operations cost in live, and what recording adds: the median of several
//! rounds, and the ratio of a recorded run to an unrecorded one beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gopark::sink::Nowhere;
use gopark::sync::{Mutex, WaitGroup};
use gopark::{chan, go, sleep, yield_now};

/// Rounds of each measurement.
const ROUNDS: usize = 7;

/// A workload: does its work inside a run and says how many operations that was.
type Workload = fn() -> u64;

const WORKLOADS: &[(&str, Workload)] = &[
    ("spawn", spawn),
    ("yield-2", || yields(2)),
    ("yield-1000", || yields(1000)),
    ("ping-pong", ping_pong),
    ("chan-1-1", chan_1_1),
    ("mutex-8", mutex),
    ("timers", timers),
];

fn main() {
    println!("{:12} {:>5} {:>10} {:>12} {:>7}", "workload", "Ps", "ns/op", "recorded", "ratio");
    for &(name, workload) in WORKLOADS {
        for procs in [1, 2] {
            let plain = median(|| measure(workload, procs, false));
            let recorded = median(|| measure(workload, procs, true));
            let ratio = recorded / plain;
            println!("{name:12} {procs:>5} {plain:>10.1} {recorded:>12.1} {ratio:>7.2}");
        }
    }
}

fn median(mut measure: impl FnMut() -> f64) -> f64 {
    let mut rounds: Vec<f64> = (0..ROUNDS).map(|_| measure()).collect();
    rounds.sort_by(f64::total_cmp);
    rounds[ROUNDS / 2]
}

/// Nanoseconds for each operation, measured inside the run.
fn measure(workload: Workload, procs: usize, recorded: bool) -> f64 {
    // SAFETY: no goroutine here keeps a thread-affine value across a call into gopark.
    let live = unsafe { gopark::live() }.procs(procs).unwatched();
    let live = if recorded { live.record(Nowhere) } else { live };
    live.run(move || {
        let start = Instant::now();
        let operations = workload();
        start.elapsed().as_nanos() as f64 / operations as f64
    })
}

fn spawn() -> u64 {
    const BATCHES: u64 = 50;
    const BATCH: u64 = 1000;
    let wg = WaitGroup::new();
    for _ in 0..BATCHES {
        wg.add(BATCH as i64);
        for _ in 0..BATCH {
            let wg = wg.clone();
            drop(go(move || wg.done()));
        }
        wg.wait();
    }
    BATCHES * BATCH
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

fn mutex() -> u64 {
    const EACH: u64 = 50_000;
    let count = Arc::new(Mutex::new(0_u64));
    let done = Arc::new(AtomicU64::new(0));
    let wg = WaitGroup::new();
    for _ in 0..8 {
        let (count, done) = (Arc::clone(&count), Arc::clone(&done));
        drop(wg.go(move || {
            for _ in 0..EACH {
                *count.lock() += 1;
            }
            done.fetch_add(EACH, Ordering::Relaxed);
        }));
    }
    wg.wait();
    assert_eq!(*count.lock(), done.load(Ordering::Relaxed));
    8 * EACH
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
