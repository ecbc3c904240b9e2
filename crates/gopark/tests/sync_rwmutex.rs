//! An RWMutex is Go's: many readers or one writer, who take turns, and Go's words for misuse.

#[path = "support/drives.rs"]
mod drives;
#[path = "support/is.rs"]
mod is;

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering::SeqCst};
use std::time::Duration;

use drives::both_drives;
use gopark::sync::{GoRwMutex, RwMutex, RwMutexGuard, RwMutexReadGuard, WaitGroup};
use gopark::trace::words::EndKind;
use gopark::{chan, go, lab, work, yield_now};
use is::{Is, NotSend as _, NotSync as _};

// ---- who may have it together ----

/// Go: TestParallelReaders.
#[test]
fn readers_have_it_together() {
    for readers in [1, 3, 4] {
        both_drives(
            move || {
                let lock = Arc::new(GoRwMutex::new());
                let (locked, are_in) = chan(0);
                let (let_go, may_go) = chan(0);
                let (done, are_done) = chan(0);
                for _ in 0..readers {
                    let (lock, locked) = (Arc::clone(&lock), locked.clone());
                    let (may_go, done) = (may_go.clone(), done.clone());
                    drop(go(move || {
                        lock.r_lock();
                        locked.send(());
                        may_go.recv().expect("open");
                        lock.r_unlock();
                        done.send(());
                    }));
                }
                // All are in before the first leaves.
                assert_eq!(are_in.iter().take(readers).count(), readers);
                (0..readers).for_each(|_| let_go.send(()));
                assert_eq!(are_done.iter().take(readers).count(), readers);
                lock.try_lock()
            },
            |got| assert_eq!(got, Ok(true)),
        );
    }
}

/// What a writer counts as; more than all readers.
const WRITER: i32 = 10_000;

fn reader(lock: &GoRwMutex, rounds: u32, active: &AtomicI32) {
    for _ in 0..rounds {
        lock.r_lock();
        let n = active.fetch_add(1, SeqCst) + 1;
        assert!((1..WRITER).contains(&n), "{n} are in");
        work(Duration::from_nanos(100));
        active.fetch_sub(1, SeqCst);
        lock.r_unlock();
    }
}

fn writer(lock: &GoRwMutex, rounds: u32, active: &AtomicI32) {
    for _ in 0..rounds {
        lock.lock();
        let n = active.fetch_add(WRITER, SeqCst) + WRITER;
        assert_eq!(n, WRITER, "others are in");
        work(Duration::from_nanos(100));
        active.fetch_sub(WRITER, SeqCst);
        lock.unlock();
    }
}

/// Go: HammerRWMutex, in TestRWMutex.
#[test]
fn readers_and_writers_never_have_it_together() {
    for readers in [1, 3, 10] {
        both_drives(
            move || {
                let shared = Arc::new((GoRwMutex::new(), AtomicI32::new(0)));
                let wg = WaitGroup::new();
                let add = |what: fn(&GoRwMutex, u32, &AtomicI32)| {
                    let shared = Arc::clone(&shared);
                    drop(wg.go(move || what(&shared.0, 50, &shared.1)));
                };
                add(writer);
                (0..readers / 2).for_each(|_| add(reader));
                add(writer);
                (readers / 2..readers).for_each(|_| add(reader));
                wg.wait();
                shared.1.load(SeqCst)
            },
            |got| assert_eq!(got, Ok(0)),
        );
    }
}

/// Go: TestRWMutex, its first part.
#[test]
fn tries_never_wait() {
    both_drives(
        || {
            let lock = GoRwMutex::new();
            lock.lock();
            let written = (lock.try_lock(), lock.try_r_lock());
            lock.unlock();
            let free = lock.try_lock();
            lock.unlock();
            let read = (lock.try_r_lock(), lock.try_r_lock(), lock.try_lock());
            lock.r_unlock();
            lock.r_unlock();
            (written, free, read, lock.try_lock())
        },
        |got| assert_eq!(got, Ok(((false, false), true, (true, true, false), true))),
    );
}

#[test]
fn a_pending_writer_refuses_those_who_try() {
    both_drives(
        || {
            let lock = Arc::new(GoRwMutex::new());
            lock.r_lock();
            let other = Arc::clone(&lock);
            let writes = go(move || {
                other.lock();
                other.unlock();
            });
            while lock.try_r_lock() {
                lock.r_unlock();
                yield_now();
            }
            let refused = !lock.try_lock();
            lock.r_unlock();
            writes.join().expect("no panic");
            refused && lock.try_r_lock()
        },
        |got| assert_eq!(got, Ok(true)),
    );
}

/// Go: TestRLocker.
#[test]
fn its_reading_side_is_a_lock_of_its_own() {
    both_drives(
        || {
            let lock = Arc::new(GoRwMutex::new());
            let (reads, is_read) = chan(1);
            let (writes, is_written) = chan(1);
            let other = Arc::clone(&lock);
            drop(go(move || {
                let read = other.r_locker();
                for _ in 0..10 {
                    read.lock();
                    read.lock();
                    reads.send(());
                    other.lock();
                    writes.send(());
                }
            }));
            for _ in 0..10 {
                is_read.recv().expect("open");
                lock.r_locker().unlock();
                assert!(is_written.is_empty(), "written while it is read");
                lock.r_locker().unlock();
                is_written.recv().expect("open");
                assert!(is_read.is_empty(), "read while it is written");
                lock.unlock();
            }
        },
        |got| assert_eq!(got, Ok(())),
    );
}

// ---- values ----

#[test]
fn a_value_is_read_together_and_changed_alone() {
    both_drives(
        || {
            let value = Arc::new(RwMutex::new((0, 0)));
            let wg = WaitGroup::new();
            for n in 0..8 {
                let value = Arc::clone(&value);
                drop(wg.go(move || {
                    for _ in 0..20 {
                        if n % 4 == 0 {
                            let mut both = value.lock();
                            both.0 += 1;
                            yield_now();
                            both.1 += 1;
                            both.unlock();
                        } else {
                            let both = value.r_lock();
                            yield_now();
                            assert_eq!(both.0, both.1);
                        }
                    }
                }));
            }
            wg.wait();
            let seen = *value.r_lock();
            let tried = value.try_r_lock().map(|both| *both);
            let changes = value.try_lock().is_some();
            (seen, tried, changes, Arc::into_inner(value).map(RwMutex::into_inner))
        },
        |got| assert_eq!(got, Ok(((40, 40), Some((40, 40)), true, Some((40, 40))))),
    );
}

#[test]
fn who_panics_gives_it_back() {
    both_drives(
        || {
            let lock = Arc::new(RwMutex::new(1));
            for writes in [false, true] {
                let other = Arc::clone(&lock);
                let panics = go(move || {
                    if writes {
                        let mut value = other.lock();
                        *value = 2;
                        panic!("with the lock held");
                    }
                    let _value = other.r_lock();
                    panic!("with the lock held");
                });
                panics.join().expect_err("it panicked");
            }
            *lock.lock()
        },
        |got| assert_eq!(got, Ok(2)),
    );
}

#[test]
fn guards_share_what_can_be_shared() {
    assert!(Is::<RwMutex<u32>>::sync());
    assert!(!Is::<RwMutex<Cell<u32>>>::sync(), "readers would share the Cell");
    assert!(Is::<RwMutex<Cell<u32>>>::send());
    assert!(!Is::<RwMutex<std::rc::Rc<u32>>>::send());
    assert!(Is::<RwMutexReadGuard<'static, u32>>::sync());
    assert!(!Is::<RwMutexReadGuard<'static, Cell<u32>>>::sync());
    assert!(!Is::<RwMutexGuard<'static, Cell<u32>>>::sync());
    assert!(!Is::<RwMutexGuard<'static, std::rc::Rc<u32>>>::send());
}

// ---- waiting ----

#[test]
fn a_writer_comes_to_its_turn_though_readers_never_cease() {
    for procs in [1, 2, 4] {
        let waited = lab(3).procs(procs).run(|| {
            let lock = Arc::new(GoRwMutex::new());
            for _ in 0..4 {
                let lock = Arc::clone(&lock);
                drop(go(move || {
                    loop {
                        lock.r_lock();
                        work(Duration::from_micros(10));
                        lock.r_unlock();
                        yield_now();
                    }
                }));
            }
            gopark::sleep(Duration::from_micros(50));
            let start = gopark::since_start();
            lock.lock();
            gopark::since_start() - start
        });
        assert!(waited < Duration::from_millis(1), "{waited:?} with {procs} Ps");
    }
}

#[track_caller]
fn ends_waiting(program: fn(), reasons: &[&str]) {
    both_drives(program, |got| {
        let failure = got.expect_err("it waits for ever");
        assert_eq!(failure.kind, EndKind::Deadlock, "{failure}");
        for reason in reasons {
            assert!(failure.text.contains(&format!("[{reason}]:\n")), "{failure}");
        }
    });
}

#[test]
fn waits_are_called_as_in_go() {
    ends_waiting(
        || {
            let lock = GoRwMutex::new();
            lock.lock();
            lock.r_lock();
        },
        &["sync.RWMutex.RLock"],
    );
    ends_waiting(
        || {
            let lock = GoRwMutex::new();
            lock.r_lock();
            lock.lock();
        },
        &["sync.RWMutex.Lock"],
    );
    // The second writer waits for the first, at the inner mutex.
    ends_waiting(
        || {
            let lock = GoRwMutex::new();
            lock.lock();
            lock.lock();
        },
        &["sync.Mutex.Lock"],
    );
}

/// What the docs of Go's RWMutex warn of.
#[test]
fn reading_twice_is_a_deadlock_when_a_writer_comes_in_between() {
    ends_waiting(
        || {
            let lock = Arc::new(GoRwMutex::new());
            lock.r_lock();
            let other = Arc::clone(&lock);
            drop(go(move || other.lock()));
            while lock.try_r_lock() {
                lock.r_unlock();
                yield_now();
            }
            lock.r_lock();
        },
        &["sync.RWMutex.RLock", "sync.RWMutex.Lock"],
    );
}

// ---- used wrongly ----

/// Go: TestMutexMisuse, its RWMutex part.
#[test]
fn a_wrong_unlock_ends_the_program() {
    let read: [fn(&GoRwMutex); 3] = [
        |lock| lock.r_unlock(),
        |lock| {
            lock.lock();
            lock.r_unlock();
        },
        |lock| {
            lock.r_lock();
            lock.r_unlock();
            lock.r_unlock();
        },
    ];
    let write: [fn(&GoRwMutex); 3] = [
        |lock| lock.unlock(),
        |lock| {
            lock.r_lock();
            lock.unlock();
        },
        |lock| {
            lock.lock();
            lock.unlock();
            lock.unlock();
        },
    ];
    let cases = read.map(|deed| (deed, "RUnlock")).into_iter().chain(write.map(|d| (d, "Unlock")));
    for (deed, name) in cases {
        both_drives(
            move || {
                // A fatal error is no panic: nobody can take it.
                let _ = go(move || deed(&GoRwMutex::new())).join();
            },
            |got| {
                let failure = got.expect_err("it ends");
                assert_eq!(failure.kind, EndKind::Fatal);
                let text = format!("fatal error: sync: {name} of unlocked RWMutex");
                assert_eq!(failure.text.lines().next(), Some(&*text));
            },
        );
    }
}
