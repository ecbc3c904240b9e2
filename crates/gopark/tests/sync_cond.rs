//! A Cond is Go's: no wake-up is lost, and the one that waits longest is woken first.

#[path = "support/drives.rs"]
mod drives;

use std::sync::Arc;

use drives::both_drives;
use gopark::sync::{Cond, GoMutex, GoRwMutex, Locker, Mutex, WaitGroup};
use gopark::trace::words::EndKind;
use gopark::{chan, go, lab, yield_now};

/// Go: TestCondSignal.
#[test]
fn a_signal_wakes_one() {
    both_drives(
        || {
            let shared = Arc::new((GoMutex::new(), Cond::new()));
            let (tell, running) = chan(2);
            let (told, awake) = chan(2);
            for _ in 0..2 {
                let (shared, tell, told) = (Arc::clone(&shared), tell.clone(), told.clone());
                drop(go(move || {
                    shared.0.lock();
                    tell.send(());
                    shared.1.wait(&shared.0);
                    told.send(());
                    shared.0.unlock();
                }));
            }
            assert_eq!(running.iter().take(2).count(), 2);
            for _ in 0..2 {
                assert!(awake.is_empty(), "nobody was woken yet");
                shared.0.lock();
                shared.1.signal();
                shared.0.unlock();
                awake.recv().expect("open");
                assert!(awake.is_empty(), "one was woken");
            }
            // For nobody.
            shared.1.signal();
        },
        |got| assert_eq!(got, Ok(())),
    );
}

/// Go: TestCondSignalGenerations.
#[test]
fn each_generation_is_woken_in_its_turn() {
    both_drives(
        || {
            let shared = Arc::new((GoMutex::new(), Cond::new()));
            let (tell, running) = chan(100);
            let (told, awake) = chan(100);
            let mut order = Vec::new();
            for n in 0..100 {
                let (s, tell, told) = (Arc::clone(&shared), tell.clone(), told.clone());
                drop(go(move || {
                    s.0.lock();
                    tell.send(());
                    s.1.wait(&s.0);
                    told.send(n);
                    s.0.unlock();
                }));
                if n > 0 {
                    order.extend(awake.recv());
                }
                running.recv().expect("open");
                shared.0.lock();
                shared.1.signal();
                shared.0.unlock();
            }
            order
        },
        |got| assert_eq!(got, Ok((0..99).collect())),
    );
}

/// Go: TestCondBroadcast.
#[test]
fn a_broadcast_wakes_all() {
    const WAITERS: usize = 30;
    both_drives(
        || {
            let shared = Arc::new((Mutex::new(false), Cond::new()));
            let (tell, running) = chan(WAITERS);
            let (told, awake) = chan(WAITERS);
            for n in 0..WAITERS {
                let (shared, tell, told) = (Arc::clone(&shared), tell.clone(), told.clone());
                drop(go(move || {
                    let mut over = shared.0.lock();
                    while !*over {
                        tell.send(n);
                        shared.1.wait_guard(&mut over);
                        told.send(n);
                    }
                }));
            }
            let mut rounds = Vec::new();
            for round in 0..5 {
                assert_eq!(running.iter().take(WAITERS).count(), WAITERS);
                if round == 4 {
                    *shared.0.lock() = true;
                }
                assert!(awake.is_empty(), "nobody was woken yet");
                // All have told, so all wait when the lock is free.
                shared.0.lock().unlock();
                shared.1.broadcast();
                let mut woken: Vec<usize> = awake.iter().take(WAITERS).collect();
                woken.sort_unstable();
                rounds.push(woken);
            }
            rounds
        },
        |got| assert_eq!(got, Ok(vec![(0..WAITERS).collect(); 5])),
    );
}

/// Go: TestRace.
#[test]
fn three_take_turns_by_signals_alone() {
    both_drives(
        || {
            let shared = Arc::new((Mutex::new(0), Cond::new()));
            let wg = WaitGroup::new();
            let s = Arc::clone(&shared);
            drop(wg.go(move || {
                let mut x = s.0.lock();
                *x = 1;
                s.1.wait_guard(&mut x);
                assert_eq!(*x, 2, "the first was woken by the second");
                *x = 3;
                s.1.signal();
            }));
            let s = Arc::clone(&shared);
            drop(wg.go(move || {
                loop {
                    let mut x = s.0.lock();
                    if *x == 1 {
                        *x = 2;
                        s.1.signal();
                        return;
                    }
                    x.unlock();
                    yield_now();
                }
            }));
            let s = Arc::clone(&shared);
            drop(wg.go(move || {
                loop {
                    let mut x = s.0.lock();
                    if *x == 2 {
                        s.1.wait_guard(&mut x);
                        assert_eq!(*x, 3, "the third was woken by the first");
                        return;
                    }
                    if *x == 3 {
                        return;
                    }
                    x.unlock();
                    yield_now();
                }
            }));
            wg.wait();
            *shared.0.lock()
        },
        |got| assert_eq!(got, Ok(3)),
    );
}

/// Go: TestCondSignalStealing.
#[test]
fn who_waits_already_is_woken_before_who_comes_after() {
    both_drives(
        || {
            for _ in 0..30 {
                let shared = Arc::new((Mutex::new(false), Cond::new()));
                let (tell, heard) = chan(0);
                let s = Arc::clone(&shared);
                drop(go(move || {
                    let mut done = s.0.lock();
                    tell.send(());
                    s.1.wait_guard(&mut done);
                    done.unlock();
                    tell.send(());
                }));
                heard.recv().expect("open");
                // It waits when we have the lock.
                shared.0.lock().unlock();
                let s = Arc::clone(&shared);
                drop(go(move || s.1.signal()));
                let s = Arc::clone(&shared);
                let late = go(move || {
                    let mut done = s.0.lock();
                    s.1.wait_while(&mut done, |done| !*done);
                });
                // The signal is for the first, whoever else comes.
                heard.recv().expect("open");
                *shared.0.lock() = true;
                shared.1.broadcast();
                late.join().expect("no panic");
            }
        },
        |got| assert_eq!(got, Ok(())),
    );
}

#[test]
fn no_signal_between_unlock_and_wait_is_lost() {
    // Who signals when it has the lock signals after the ticket; whatever happens in between, the
    // waiter goes on.
    for seed in 0..200 {
        lab(seed).procs(3).run(|| {
            let shared = Arc::new((Mutex::new(0), Cond::new()));
            let other = Arc::clone(&shared);
            drop(go(move || {
                for _ in 0..5 {
                    *other.0.lock() += 1;
                    other.1.signal();
                }
            }));
            let mut seen = shared.0.lock();
            shared.1.wait_while(&mut seen, |n| *n < 5);
        });
    }
}

#[test]
fn it_waits_with_any_locker() {
    fn waits_with(lock: &(impl Locker + ?Sized), cond: &Cond, wake: impl FnOnce()) {
        lock.lock();
        wake();
        cond.wait(lock);
        lock.unlock();
    }
    both_drives(
        || {
            let shared = Arc::new((GoMutex::new(), GoRwMutex::new(), Cond::new()));
            for n in 0..3 {
                let s = Arc::clone(&shared);
                let wake = || {
                    let s = Arc::clone(&shared);
                    drop(go(move || {
                        // Only when the lock is free does the other have its ticket.
                        match n {
                            0 => s.0.lock(),
                            _ => s.1.lock(),
                        }
                        s.2.signal();
                        match n {
                            0 => s.0.unlock(),
                            _ => s.1.unlock(),
                        }
                    }));
                };
                match n {
                    0 => waits_with(&s.0, &s.2, wake),
                    1 => waits_with(&s.1, &s.2, wake),
                    _ => waits_with(&s.1.r_locker(), &s.2, wake),
                }
            }
        },
        |got| assert_eq!(got, Ok(())),
    );
}

#[test]
fn waiting_without_a_signal_is_a_deadlock() {
    both_drives(
        || {
            let (lock, cond) = (GoMutex::new(), Cond::new());
            // For nobody: it is not kept.
            cond.signal();
            cond.broadcast();
            lock.lock();
            cond.wait(&lock);
        },
        |got| {
            let failure = got.expect_err("nobody signals");
            assert_eq!(failure.kind, EndKind::Deadlock, "{failure}");
            assert!(failure.text.contains("\ngoroutine 1 [sync.Cond.Wait]:\n"), "{failure}");
        },
    );
}

#[test]
fn waiting_with_a_free_lock_ends_the_program() {
    both_drives(
        || Cond::new().wait(&GoMutex::new()),
        |got| {
            let failure = got.expect_err("it ends");
            let line = failure.text.lines().next();
            assert_eq!(line, Some("fatal error: sync: unlock of unlocked mutex"));
        },
    );
}
