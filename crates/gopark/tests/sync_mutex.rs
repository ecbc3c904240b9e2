//! A Mutex is Go's: who gets it next, when it starves, and what happens when it is used wrongly.

#[path = "support/drives.rs"]
mod drives;
#[path = "support/is.rs"]
mod is;

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use drives::both_drives;
use gopark::sink::Memory;
use gopark::sync::{GoMutex, Mutex, MutexGuard, WaitGroup};
use gopark::trace::Event;
use gopark::trace::rule::Rule;
use gopark::trace::words::{EndKind, LockHow, Queue, YieldKind};
use gopark::{chan, go, lab, since_start, work, yield_now};
use is::{Is, NotSend as _, NotSync as _};

const MICRO: Duration = Duration::from_micros(1);

// ---- one holder ----

#[test]
fn one_goroutine_at_a_time_has_it_also_across_calls_that_switch() {
    both_drives(
        || {
            let (sum, wg) = (Arc::new(Mutex::new(0_u32)), WaitGroup::new());
            for _ in 0..12 {
                let sum = Arc::clone(&sum);
                drop(wg.go(move || {
                    for _ in 0..10 {
                        let mut guard = sum.lock();
                        let seen = *guard;
                        yield_now();
                        *guard = seen + 1;
                    }
                }));
            }
            wg.wait();
            *sum.lock()
        },
        |got| assert_eq!(got, Ok(120)),
    );
}

#[test]
fn many_short_sections_lose_nothing() {
    both_drives(
        || {
            let (sum, wg) = (Arc::new(Mutex::new(0_u32)), WaitGroup::new());
            for _ in 0..4 {
                let sum = Arc::clone(&sum);
                drop(wg.go(move || (0..1_000).for_each(|_| *sum.lock() += 1)));
            }
            wg.wait();
            Arc::into_inner(sum).map(Mutex::into_inner)
        },
        |got| assert_eq!(got, Ok(Some(4_000))),
    );
}

#[test]
fn try_lock_never_waits() {
    both_drives(
        || {
            let lock = Mutex::new('a');
            let held = lock.lock();
            let refused = lock.try_lock().is_none();
            held.unlock();
            let got = lock.try_lock().map(|guard| *guard);
            (refused, got, lock.into_inner())
        },
        |got| assert_eq!(got, Ok((true, Some('a'), 'a'))),
    );
}

#[test]
fn a_go_mutex_may_be_unlocked_by_another_goroutine() {
    both_drives(
        || {
            let lock = Arc::new(GoMutex::new());
            lock.lock();
            let other = Arc::clone(&lock);
            drop(go(move || other.unlock()));
            lock.lock();
            let refused = !lock.try_lock();
            lock.unlock();
            refused && lock.try_lock()
        },
        |got| assert_eq!(got, Ok(true)),
    );
}

#[test]
fn a_holder_that_panics_gives_it_back() {
    both_drives(
        || {
            let lock = Arc::new(Mutex::new(1));
            let other = Arc::clone(&lock);
            let panics = go(move || {
                let mut guard = other.lock();
                *guard = 2;
                panic!("with the lock held");
            });
            panics.join().expect_err("it panicked");
            *lock.lock()
        },
        |got| assert_eq!(got, Ok(2)),
    );
}

#[test]
fn a_guard_shares_its_value_only_if_the_value_can_be_shared() {
    assert!(Is::<MutexGuard<'static, u32>>::sync());
    assert!(!Is::<MutexGuard<'static, Cell<u32>>>::sync(), "two threads could use one Cell");
    assert!(Is::<Mutex<Cell<u32>>>::sync());
    assert!(!Is::<Mutex<std::rc::Rc<u32>>>::sync());
    assert!(!Is::<Mutex<std::rc::Rc<u32>>>::send());
    assert!(Is::<MutexGuard<'static, Cell<u32>>>::send());
    assert!(!Is::<MutexGuard<'static, std::rc::Rc<u32>>>::send());
}

// ---- used wrongly ----

#[test]
fn unlocking_an_unlocked_mutex_ends_the_program() {
    both_drives(
        || {
            // A fatal error is no panic: nobody can take it.
            let wrong = go(|| GoMutex::new().unlock());
            let _ = wrong.join();
        },
        |got| {
            let failure = got.expect_err("it ends");
            assert_eq!(failure.kind, EndKind::Fatal);
            let line = failure.text.lines().next();
            assert_eq!(line, Some("fatal error: sync: unlock of unlocked mutex"));
        },
    );
}

#[test]
fn locking_twice_is_a_deadlock() {
    both_drives(
        || {
            let lock = Mutex::new(());
            let _held = lock.lock();
            drop(lock.lock());
        },
        |got| {
            let failure = got.expect_err("it waits for itself");
            assert_eq!(failure.kind, EndKind::Deadlock, "{failure}");
            assert!(failure.text.contains("\ngoroutine 1 [sync.Mutex.Lock]:\n"), "{failure}");
        },
    );
}

// ---- normal mode ----

#[test]
fn waiters_get_it_in_the_order_they_came() {
    let order: Vec<u32> = lab(1).procs(1).start_tick(1).step(Duration::ZERO).run(|| {
        let (lock, (told, order)) = (Arc::new(Mutex::new(())), chan(5));
        let held = lock.lock();
        for n in 0..5 {
            let (lock, told) = (Arc::clone(&lock), told.clone());
            drop(go(move || {
                let _held = lock.lock();
                told.send(n);
            }));
            yield_now();
        }
        drop(held);
        order.iter().take(5).collect()
    });
    assert_eq!(order, [0, 1, 2, 3, 4]);
}

#[test]
fn a_goroutine_that_runs_takes_it_before_the_one_that_was_woken() {
    let memory = Memory::default();
    let order: Vec<&str> =
        lab(1).procs(1).start_tick(1).step(Duration::ZERO).record(memory.clone()).run(|| {
            let (lock, (told, order)) = (Arc::new(Mutex::new(())), chan(5));
            let held = lock.lock();
            let (other, tell) = (Arc::clone(&lock), told.clone());
            drop(go(move || {
                let _held = other.lock();
                tell.send("the one that waited");
            }));
            yield_now();
            drop(held);
            // It has been made ready and runs when we give way; the lock is free meanwhile.
            let held = lock.lock();
            told.send("the one that ran");
            yield_now();
            drop(held);
            order.iter().take(2).collect()
        });
    assert_eq!(order, ["the one that ran", "the one that waited"]);
    let fronts = memory.records().into_iter().filter_map(|r| match r.event {
        Event::LockQueue { front, .. } => Some(front),
        _ => None,
    });
    assert_eq!(fronts.collect::<Vec<_>>(), [false, true], "the loser waits at the front");
}

// ---- starvation ----

/// Main holds the lock, lets it go and takes it again at once, every `hold`, while one goroutine
/// waits; tells when that one got it, and how.
fn waits_for(hold: Duration) -> (Duration, Vec<LockHow>, Vec<bool>) {
    let memory = Memory::default();
    let got =
        lab(1).procs(1).start_tick(1).step(Duration::ZERO).record(memory.clone()).run(move || {
            let (lock, (told, when)) = (Arc::new(Mutex::new(())), chan(1));
            let held = lock.lock();
            let other = Arc::clone(&lock);
            drop(go(move || {
                let _held = other.lock();
                told.send(since_start());
            }));
            yield_now();
            work(hold);
            drop(held);
            while when.is_empty() {
                let held = lock.lock();
                // The waiter runs, finds it locked, and looks at the time it has waited.
                yield_now();
                work(hold);
                held.unlock();
            }
            when.recv().expect("open")
        });
    let (mut hows, mut starving) = (Vec::new(), Vec::new());
    for record in memory.records() {
        match record.event {
            Event::LockGet { how, .. } => hows.push(how),
            Event::LockStarving { on, .. } => starving.push(on),
            _ => {}
        }
    }
    (got, hows, starving)
}

#[test]
fn a_waiter_of_more_than_a_millisecond_is_handed_the_lock() {
    let (got, hows, starving) = waits_for(400 * MICRO);
    // Woken at 400 and 800 µs it loses; at 1.2 ms it makes the lock starve, and at the next unlock
    // it is handed over.
    assert_eq!(got, 1_600 * MICRO);
    assert_eq!(starving, [true, false]);
    let handed: Vec<usize> =
        hows.iter().enumerate().filter(|(_, h)| **h == LockHow::HandedOver).map(|h| h.0).collect();
    assert_eq!(handed, [4], "{hows:?}");
}

#[test]
fn a_waiter_of_exactly_a_millisecond_is_not() {
    // Woken at 1 ms it has not waited for more than that, at 2 ms it has.
    let (got, _, starving) = waits_for(1_000 * MICRO);
    assert_eq!(got, 3_000 * MICRO);
    assert_eq!(starving, [true, false]);
}

#[test]
fn a_starving_lock_goes_from_waiter_to_waiter_until_the_last() {
    let memory = Memory::default();
    let order: Vec<u32> =
        lab(1).procs(1).start_tick(1).step(Duration::ZERO).record(memory.clone()).run(|| {
            let (lock, (told, order)) = (Arc::new(Mutex::new(())), chan(3));
            let held = lock.lock();
            for n in 0..3 {
                let (lock, told) = (Arc::clone(&lock), told.clone());
                drop(go(move || {
                    let held = lock.lock();
                    told.send(n);
                    held.unlock();
                }));
                yield_now();
            }
            work(2_000 * MICRO);
            drop(held);
            // The first waiter finds it locked again and makes it starve.
            let held = lock.lock();
            yield_now();
            assert!(lock.try_lock().is_none(), "nobody barges into a starving lock");
            held.unlock();
            assert!(!order.is_empty(), "the first waiter ran at once");
            order.iter().take(3).collect()
        });
    assert_eq!(order, [0, 1, 2]);
    let mut handed = 0;
    for record in memory.records() {
        if let Event::LockPut { handed: true, woke: Some(_), .. } = record.event {
            handed += 1;
        }
        if let Event::GoYield { kind: YieldKind::Handoff, to, .. } = record.event {
            assert!(matches!(to, Queue::Ring(_)), "the giver goes to the tail of its ring: {to}");
        }
    }
    assert_eq!(handed, 3);
}

#[test]
fn a_starving_lock_calms_down_with_a_waiter_that_waited_no_longer_than_a_millisecond() {
    let memory = Memory::default();
    let order: Vec<u32> =
        lab(1).procs(1).start_tick(1).step(Duration::ZERO).record(memory.clone()).run(|| {
            let (lock, (told, order)) = (Arc::new(Mutex::new(())), chan(4));
            let waiter = |n| {
                let (lock, told) = (Arc::clone(&lock), told.clone());
                drop(go(move || {
                    let held = lock.lock();
                    told.send(n);
                    held.unlock();
                }));
                yield_now();
            };
            let held = lock.lock();
            waiter(0);
            work(2_000 * MICRO);
            drop(held);
            // The first finds it locked again and makes it starve; then come three more.
            let held = lock.lock();
            yield_now();
            (1..=3).for_each(waiter);
            held.unlock();
            order.iter().take(4).collect()
        });
    assert_eq!(order, [0, 1, 2, 3]);
    let (mut hows, mut calm) = (Vec::new(), Vec::new());
    for record in memory.records() {
        match (record.event, record.rule) {
            (Event::LockGet { how, .. }, _) => hows.push(how),
            (_, Some(Rule::LockCalm { waited, last })) => calm.push((waited.0, last)),
            _ => {}
        }
    }
    // Main twice; the one that starved and the one after it, who was quick; then as usual again.
    use LockHow::{Free, HandedOver, Woken};
    assert_eq!(hows[..2], [Free, LockHow::Barged]);
    assert_eq!(hows[2..], [HandedOver, HandedOver, Woken, Woken]);
    assert_eq!(calm, [(0, false)]);
}

/// Go: TestMutexFairness.
#[test]
fn who_holds_it_most_of_the_time_does_not_keep_others_out() {
    for (seed, procs) in (0..8).flat_map(|seed| [2, 4].map(|procs| (seed, procs))) {
        let took = lab(seed).procs(procs).run(|| {
            let (lock, (stop, stopped)) = (Arc::new(GoMutex::new()), chan(1));
            let other = Arc::clone(&lock);
            drop(go(move || {
                while stopped.is_empty() {
                    other.lock();
                    work(100 * MICRO);
                    other.unlock();
                }
            }));
            let start = since_start();
            for _ in 0..10 {
                gopark::sleep(100 * MICRO);
                lock.lock();
                lock.unlock();
            }
            stop.send(());
            since_start() - start
        });
        // Each time it waits for a millisecond or little more before the lock is handed over.
        assert!(took < 30_000 * MICRO, "{took:?} with seed {seed} and {procs} Ps");
    }
}

#[test]
fn dropping_a_guard_hands_a_starving_lock_over_but_never_switches() {
    let (ran_at_drop, ran_later) = lab(1).procs(1).start_tick(1).step(Duration::ZERO).run(|| {
        let (lock, (told, order)) = (Arc::new(Mutex::new(())), chan(1));
        let held = lock.lock();
        let other = Arc::clone(&lock);
        drop(go(move || {
            let _held = other.lock();
            told.send(());
        }));
        yield_now();
        work(2_000 * MICRO);
        drop(held);
        // The waiter finds it locked again and makes it starve.
        let held = lock.lock();
        yield_now();
        drop(held);
        let ran_at_drop = !order.is_empty();
        assert!(lock.try_lock().is_none(), "it belongs to the waiter already");
        (ran_at_drop, order.recv().is_some())
    });
    assert!(!ran_at_drop);
    assert!(ran_later);
}
