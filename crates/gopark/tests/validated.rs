//! Every trace of these runs passes the validator: in the lab exactly, in live in its two classes.
use gopark::racy::Cell;
use gopark::sink::Memory;
use gopark::sync::{Cond, GoMutex, GoRwMutex, Mutex, Once, Pool, Semaphore, WaitGroup};
use gopark::{chan, go, lab, sleep, work, yield_now};
use std::sync::Arc;
use std::time::Duration;

fn check(name: &str, records: &[gopark::trace::Record]) {
    let found = gopark_model::validate(records);
    assert!(
        found.is_empty(),
        "{name}: {} violations, first {:#?}",
        found.len(),
        &found[..found.len().min(5)]
    );
    let mut world = gopark_model::World::new();
    for r in records {
        world.apply(r);
    }
    world.check_places().unwrap_or_else(|e| panic!("{name}: {e}"));
}

fn mixed() -> u64 {
    let (tx, rx) = chan(4);
    let wg = WaitGroup::new();
    let lock = Arc::new(GoMutex::new());
    for i in 0..120u64 {
        let (tx, wg2, lock) = (tx.clone(), wg.clone(), Arc::clone(&lock));
        wg.add(1);
        drop(go(move || {
            yield_now();
            lock.lock();
            if i % 5 == 0 {
                work(Duration::from_micros(3));
            }
            if i % 9 == 0 {
                sleep(Duration::from_micros(20));
            }
            lock.unlock();
            tx.send(i);
            wg2.done();
        }));
    }
    let wg2 = wg.clone();
    drop(go(move || {
        wg2.wait();
        tx.close();
    }));
    rx.iter().sum()
}

fn flood() -> u64 {
    let wg = WaitGroup::new();
    for _ in 0..1000 {
        drop(wg.go(|| ()));
    }
    wg.wait();
    0
}

/// What `sync` has, used by many at once.
struct Shared {
    table: GoRwMutex,
    seen: Cell<u64>,
    turn: (Mutex<u64>, Cond),
    once: Once,
    slots: Semaphore,
    buffers: Pool<u64>,
}

fn sharing() -> u64 {
    let shared = Arc::new(Shared {
        table: GoRwMutex::new(),
        seen: Cell::new(0),
        turn: (Mutex::new(0), Cond::new()),
        once: Once::new(),
        slots: Semaphore::new(5),
        buffers: Pool::new(|| 0),
    });
    let wg = WaitGroup::new();
    for i in 0..40_u64 {
        let s = Arc::clone(&shared);
        drop(wg.go(move || {
            s.once.do_once(yield_now);
            for n in 0..6 {
                if (i + n) % 5 == 0 {
                    s.table.lock();
                    work(Duration::from_micros(2));
                    s.seen.update(|n| n + 1);
                    s.table.unlock();
                } else if (i + n) % 7 != 0 || s.table.try_r_lock() {
                    if (i + n) % 7 != 0 {
                        s.table.r_lock();
                    }
                    work(Duration::from_nanos(500));
                    s.table.r_unlock();
                }
                s.slots.acquire(i % 5 + 1);
                let buffer = s.buffers.get();
                if n % 3 == 0 {
                    yield_now();
                }
                s.buffers.put(buffer + 1);
                s.slots.release(i % 5 + 1);
            }
            // All meet: the last wakes the others, or one wakes the next.
            let mut arrived = s.turn.0.lock();
            *arrived += 1;
            if arrived.is_multiple_of(10) {
                s.turn.1.broadcast();
            } else if arrived.is_multiple_of(3) {
                s.turn.1.signal();
            }
            s.turn.1.wait_while(&mut arrived, |arrived| *arrived < 40);
            arrived.unlock();
            s.turn.1.signal();
        }));
    }
    wg.wait();
    shared.seen.get()
}

/// Goroutines that end early, and tied ones among them.
fn leaving() -> u64 {
    let left: Vec<_> = (0..40_u64)
        .map(|n| {
            go(move || {
                if n % 4 == 0 {
                    gopark::lock_os_thread();
                }
                yield_now();
                if n % 3 == 0 { gopark::goexit() } else { n }
            })
        })
        .collect();
    left.into_iter().filter_map(|left| left.join().ok()).sum()
}

/// Waits in its destructor, whatever unwinds.
struct Waits(gopark::Receiver<u64>, WaitGroup, Arc<GoMutex>);
impl Drop for Waits {
    fn drop(&mut self) {
        self.0.recv();
        self.2.lock();
        gopark::syscall_blocking(|| ());
        sleep(Duration::from_micros(20));
        self.2.unlock();
        self.1.done();
    }
}

/// Goroutines that wait while they unwind; only live runs can.
fn unwinding() -> u64 {
    let (tx, rx) = chan(0);
    let (wg, lock) = (WaitGroup::new(), Arc::new(GoMutex::new()));
    for _ in 0..12 {
        wg.add(1);
        let waits = Waits(rx.clone(), wg.clone(), Arc::clone(&lock));
        drop(go(move || {
            let _waits = waits;
            gopark::goexit();
        }));
    }
    for n in 0..12 {
        drop(go(yield_now));
        tx.send(n);
    }
    wg.wait();
    0
}

type Program = fn() -> u64;

/// What runs, by name.
const PROGRAMS: [(&str, Program); 4] =
    [("mixed", mixed), ("flood", flood), ("sharing", sharing), ("leaving", leaving)];

#[test]
fn lab_runs_keep_every_rule() {
    for procs in [1, 2, 3, 4, 8] {
        for seed in 0..20 {
            for (name, program) in PROGRAMS {
                let memory = Memory::default();
                lab(seed).procs(procs).record(memory.clone()).unwatched().run(program);
                check(&format!("{name} seed {seed} procs {procs}"), &memory.records());
            }
        }
    }
}

#[test]
fn live_runs_keep_every_rule() {
    for procs in [1, 2, 4, 8] {
        for n in 0..10 {
            for (name, program) in PROGRAMS.into_iter().chain([("unwinding", unwinding as Program)])
            {
                let memory = Memory::default();
                // SAFETY: no goroutine here keeps a thread-affine value across a call into gopark.
                unsafe { gopark::live() }
                    .procs(procs)
                    .record(memory.clone())
                    .unwatched()
                    .run(program);
                check(&format!("{name} run {n} procs {procs}"), &memory.records());
            }
        }
    }
}
