//! Thousands of runs leave the process as it was: memory, addresses, threads and descriptors. Alone
//! in its binary, and one test, because it measures the process.

#![cfg(target_os = "linux")]

#[path = "support/live.rs"]
mod live;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use gopark::sink::Memory;
use gopark::sync::{Mutex, WaitGroup};
use gopark::{Lab, chan, go, go_with_stack, lab, park_forever, sleep, yield_now};
use live::live;

/// The system's allocator, with the bytes that are in use.
struct Counting;

static IN_USE: AtomicI64 = AtomicI64::new(0);

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        IN_USE.fetch_add(layout.size() as i64, Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size() as i64, Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a process has.
#[derive(Debug, Clone, Copy)]
struct Process {
    /// Bytes of the heap.
    heap: i64,
    /// Pages of addresses, and those that hold something.
    pages: i64,
    resident: i64,
    threads: i64,
    descriptors: i64,
}

impl Process {
    fn now() -> Self {
        let heap = IN_USE.load(Relaxed);
        let statm = fs::read_to_string("/proc/self/statm").expect("procfs");
        let mut fields = statm.split_whitespace().map(|n| n.parse().expect("a number"));
        let mut field = || fields.next().expect("seven numbers");
        let (pages, resident) = (field(), field());
        let descriptors = fs::read_dir("/proc/self/fd").expect("procfs").count() as i64;
        Self { heap, pages, resident, threads: threads(), descriptors }
    }
}

fn threads() -> i64 {
    let status = fs::read_to_string("/proc/self/status").expect("procfs");
    let threads = status.lines().find_map(|line| line.strip_prefix("Threads:"));
    threads.expect("a line").trim().parse().expect("a number")
}

/// A thread that was joined is still counted until the kernel has cleared it away.
fn wait_for_threads_to_be_gone(left: i64) {
    let start = Instant::now();
    while threads() > left && start.elapsed() < Duration::from_secs(10) {
        thread::yield_now();
    }
}

/// What `run` adds to the process in so many rounds, once it is warm.
fn growth(warm: u32, rounds: u32, run: impl Fn(u32)) -> Process {
    let threads = threads();
    (0..warm).for_each(&run);
    wait_for_threads_to_be_gone(threads);
    let before = Process::now();
    (0..rounds).for_each(&run);
    wait_for_threads_to_be_gone(threads);
    let after = Process::now();
    Process {
        heap: after.heap - before.heap,
        pages: after.pages - before.pages,
        resident: after.resident - before.resident,
        threads: after.threads - before.threads,
        descriptors: after.descriptors - before.descriptors,
    }
}

/// A program all of whose goroutines end.
fn ends() -> u64 {
    let (tx, rx) = chan(2);
    let (wg, lock) = (WaitGroup::new(), std::sync::Arc::new(Mutex::new(0)));
    for n in 0..10 {
        let (tx, lock) = (tx.clone(), std::sync::Arc::clone(&lock));
        drop(wg.go(move || {
            *lock.lock() += 1;
            tx.send(n);
            yield_now();
            sleep(Duration::from_micros(n));
        }));
    }
    let waits = wg.clone();
    let closer = go(move || {
        waits.wait();
        tx.close();
    });
    let deep = go_with_stack(1 << 20, yield_now);
    let sum = rx.iter().sum();
    closer.join().expect("no panic");
    deep.join().expect("no panic");
    sum
}

/// A program whose goroutines are cut off: parked, asleep, ready, and not begun.
fn is_cut_off() {
    for _ in 0..3 {
        drop(go(|| park_forever()));
        drop(go(|| sleep(Duration::from_secs(3_600))));
        drop(go_with_stack(1 << 20, || {
            loop {
                yield_now()
            }
        }));
    }
    (0..10).for_each(|_| yield_now());
    drop(go(|| ()));
}

fn a_lab(n: u32) -> Lab {
    lab(u64::from(n)).procs(1 + n as usize % 8).unwatched()
}

#[test]
fn runs_leave_the_process_as_it_was() {
    // Heaps of the C library's threads come and go in steps of 64 MiB of addresses.
    // SAFETY: it only sets a number.
    let set = unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
    assert_eq!(set, 1);

    let labs = growth(200, 1_000, |n| assert_eq!(a_lab(n).run(ends), 45));
    assert_eq!((labs.heap, labs.threads, labs.descriptors), (0, 0, 0), "{labs:?}");
    let recorded =
        growth(20, 100, |n| assert_eq!(a_lab(n).record(Memory::default()).run(ends), 45));
    assert_eq!(recorded.heap, 0, "{recorded:?}");
    let cut_off = growth(200, 900, |n| a_lab(n).run(is_cut_off));
    assert_eq!((cut_off.threads, cut_off.descriptors), (0, 0), "{cut_off:?}");

    let lives = growth(50, 100, |n| assert_eq!(live(1 + n as usize % 4).run(ends), 45));
    let lives_cut_off = growth(50, 100, |n| live(1 + n as usize % 4).run(is_cut_off));
    let lives_recorded = growth(20, 20, |_| {
        live(2).record(Memory::default()).run(ends);
    });

    // A run reserves gigabytes and touches some hundred pages: one that kept anything of it would
    // show. What is left of a cut-off goroutine on the heap is its closure, some hundred bytes.
    const MIB: i64 = (1 << 20) / 4096;
    for grown in [labs, recorded, cut_off, lives, lives_cut_off, lives_recorded] {
        assert!(grown.pages <= 16 * MIB, "{grown:?}");
        // What is resident comes and goes with the allocator's habits; it only bounds the rest.
        assert!(grown.resident <= 32 * MIB, "{grown:?}");
        assert_eq!((grown.threads, grown.descriptors), (0, 0), "{grown:?}");
    }
}
