//! What the local run queue costs: crossbeam-deque as gopark's `runq.rs` uses it, beside an own ring
//! of 256 as Go has it. Medians of interleaved rounds, in ns for each operation.
//!
//! The deque is used through its stealer also by its owner, and refuses the 257th, for the reasons
//! `runq.rs` gives; its own `pop`, which may free memory, is there for comparison.

#[path = "rings/deque.rs"]
mod deque;
#[path = "rings/own.rs"]
mod own;

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

/// What a ring holds.
const RING: usize = 256;
/// What leaves a full ring together: half of it, and the one that did not fit.
const OVERFLOW: usize = RING / 2 + 1;
const ROUNDS: usize = 11;

/// A local run queue. The owner pushes, pops and overflows; anyone grabs.
trait Ring: Sync {
    /// Where a thief puts what it grabbed; its own.
    type Loot;

    fn new() -> Self;
    fn loot() -> Self::Loot;
    /// False if it is full.
    fn push(&self, value: usize) -> bool;
    fn pop(&self) -> Option<usize>;
    /// Takes the older half, rounded up, and returns its sum and how many it was.
    fn grab(&self, loot: &mut Self::Loot) -> (u64, u64);
    /// Takes half of a full ring and the one that did not fit, for the global queue.
    fn overflow(&self, last: usize, batch: &mut [usize; OVERFLOW]);
}

/// An operation: nanoseconds for each.
type Operation = fn() -> f64;

fn operations<R: Ring + 'static>() -> [(&'static str, Operation); 6] {
    [
        ("push + pop", push_pop::<R>),
        ("push 256, pop 256 (each pair)", fill_and_empty::<R>),
        ("push + steal one", push_steal::<R>),
        ("grab half of 256 (128)", grab_half::<R>),
        ("overflow (129)", overflow::<R>),
        ("push + pop under a hot thief", hot_thief::<R>),
    ]
}

fn main() {
    let columns = ["deque", "deque, own pop", "own ring"];
    let rings =
        [operations::<deque::Deque>(), operations::<deque::Popped>(), operations::<own::Own>()];
    print!("{:32}", "ns");
    columns.iter().for_each(|column| print!("{column:>16}"));
    println!("{:>16}", "own/deque");
    for (at, (name, _)) in rings[0].iter().enumerate() {
        let mut rounds = [(); 3].map(|()| Vec::new());
        for _ in 0..ROUNDS {
            for (ring, rounds) in rings.iter().zip(&mut rounds) {
                rounds.push(ring[at].1());
            }
        }
        let medians = rounds.map(|mut rounds| {
            rounds.sort_by(f64::total_cmp);
            rounds[ROUNDS / 2]
        });
        print!("{name:32}");
        medians.iter().for_each(|ns| print!("{ns:>16.1}"));
        println!("{:>16.2}", medians[2] / medians[0]);
    }
}

/// The time of one of so many.
fn each(count: usize, work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos() as f64 / count as f64
}

/// One in, one out, while a few wait.
fn push_pop<R: Ring>() -> f64 {
    const COUNT: usize = 1_000_000;
    let ring = R::new();
    (0..8).for_each(|n| assert!(ring.push(n)));
    let mut sum = 0;
    let ns = each(COUNT, || {
        for n in 0..COUNT {
            assert!(ring.push(black_box(n)));
            sum += ring.pop().expect("some wait");
        }
    });
    let left: usize = std::iter::from_fn(|| ring.pop()).sum();
    assert_eq!(sum + left, 28 + COUNT * (COUNT - 1) / 2);
    ns
}

/// All in, then all out.
fn fill_and_empty<R: Ring>() -> f64 {
    const TIMES: usize = 4000;
    let ring = R::new();
    each(TIMES * RING, || {
        for _ in 0..TIMES {
            (0..RING).for_each(|n| assert!(ring.push(black_box(n))));
            assert!(!ring.push(RING), "it is full");
            (0..RING).for_each(|n| assert_eq!(ring.pop(), Some(n)));
        }
    })
}

/// One in, and a thief that takes it; on one thread, so nothing is fought for.
fn push_steal<R: Ring>() -> f64 {
    const COUNT: usize = 1_000_000;
    let (ring, mut loot) = (R::new(), R::loot());
    each(COUNT, || {
        for n in 0..COUNT {
            assert!(ring.push(black_box(n)));
            assert_eq!(ring.grab(&mut loot), (n as u64, 1));
        }
    })
}

/// Half of a full ring, and what the thief needs to have them one by one.
fn grab_half<R: Ring>() -> f64 {
    const TIMES: usize = 4000;
    let (ring, mut loot) = (R::new(), R::loot());
    let mut ns = 0.0;
    for _ in 0..TIMES {
        (0..RING).for_each(|n| assert!(ring.push(black_box(n))));
        ns += each(TIMES, || assert_eq!(ring.grab(&mut loot), (128 * 127 / 2, 128)));
        (128..RING).for_each(|n| assert_eq!(ring.pop(), Some(n)));
    }
    ns
}

fn overflow<R: Ring>() -> f64 {
    const TIMES: usize = 4000;
    let ring = R::new();
    let mut batch = [0; OVERFLOW];
    let mut ns = 0.0;
    for _ in 0..TIMES {
        (0..RING).for_each(|n| assert!(ring.push(black_box(n))));
        ns += each(TIMES, || ring.overflow(RING, &mut batch));
        assert_eq!((batch[0], batch[127], batch[128]), (0, 127, RING));
        (128..RING).for_each(|n| assert_eq!(ring.pop(), Some(n)));
    }
    ns
}

/// The owner's price while a thief on another processor grabs without a pause.
fn hot_thief<R: Ring>() -> f64 {
    const COUNT: usize = 300_000;
    let ring = R::new();
    let (over, begun) = (AtomicBool::new(false), AtomicBool::new(false));
    let stolen = AtomicU64::new(0);
    let mut kept = 0;
    let ns = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut loot = R::loot();
            let mut sum = 0;
            while !over.load(Ordering::Acquire) {
                sum += ring.grab(&mut loot).0;
                begun.store(true, Ordering::Release);
            }
            stolen.store(sum, Ordering::Release);
        });
        while !begun.load(Ordering::Acquire) {
            std::thread::yield_now();
        }
        let ns = each(COUNT, || {
            for n in 0..COUNT / 4 {
                (0..4).for_each(|k| assert!(ring.push(4 * n + k)));
                for _ in 0..4 {
                    kept += ring.pop().unwrap_or(0) as u64;
                }
            }
        });
        over.store(true, Ordering::Release);
        ns
    });
    kept += std::iter::from_fn(|| ring.pop()).map(|n| n as u64).sum::<u64>();
    let all = COUNT as u64 * (COUNT as u64 - 1) / 2;
    assert_eq!(kept + stolen.load(Ordering::Acquire), all, "each was taken once");
    ns
}
