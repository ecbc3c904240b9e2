//! A WaitGroup is Go's: it waits for all, lets everybody go at zero, and says Go's words.

#[path = "support/drives.rs"]
mod drives;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use drives::both_drives;
use gopark::sync::WaitGroup;
use gopark::trace::words::EndKind;
use gopark::{Panicked, chan, go, lab, work, yield_now};

fn said(joined: Result<(), Panicked>) -> String {
    joined.expect_err("it panicked").message().to_owned()
}

#[test]
fn wait_returns_when_all_are_done() {
    both_drives(
        || {
            let (wg, ended) = (WaitGroup::new(), Arc::new(AtomicU32::new(0)));
            for n in 0..20 {
                let (wg, ended) = (wg.clone(), Arc::clone(&ended));
                wg.add(1);
                drop(go(move || {
                    (0..n % 4).for_each(|_| yield_now());
                    ended.fetch_add(1, Relaxed);
                    wg.done();
                }));
            }
            wg.wait();
            ended.load(Relaxed)
        },
        |got| assert_eq!(got, Ok(20)),
    );
}

#[test]
fn go_adds_one_runs_and_is_done() {
    both_drives(
        || {
            let (wg, ended) = (WaitGroup::new(), Arc::new(AtomicU32::new(0)));
            let handles: Vec<_> = (0..5)
                .map(|_| {
                    let ended = Arc::clone(&ended);
                    wg.go(move || {
                        yield_now();
                        ended.fetch_add(1, Relaxed);
                    })
                })
                .collect();
            wg.wait();
            let seen = ended.load(Relaxed);
            handles.into_iter().for_each(|h| h.join().expect("no panic"));
            seen
        },
        |got| assert_eq!(got, Ok(5)),
    );
}

#[test]
fn wait_at_zero_does_not_park() {
    both_drives(
        || {
            let wg = WaitGroup::new();
            wg.wait();
            wg.add(2);
            wg.add(-2);
            wg.wait();
        },
        |got| assert_eq!(got, Ok(())),
    );
}

#[test]
fn it_can_be_used_again_when_everybody_has_returned() {
    both_drives(
        || {
            let wg = WaitGroup::new();
            for round in 1..=5 {
                for _ in 0..round {
                    drop(wg.go(yield_now));
                }
                wg.wait();
            }
        },
        |got| assert_eq!(got, Ok(())),
    );
}

/// Go: TestWaitGroup.
#[test]
fn two_that_wait_for_each_other_again_and_again() {
    both_drives(
        || {
            let (first, second) = (WaitGroup::new(), WaitGroup::new());
            for _ in 0..8 {
                first.add(16);
                second.add(16);
                let (told, left) = chan(16);
                for _ in 0..16 {
                    let (first, second, told) = (first.clone(), second.clone(), told.clone());
                    drop(go(move || {
                        first.done();
                        second.wait();
                        told.send(());
                    }));
                }
                first.wait();
                for _ in 0..16 {
                    assert!(left.is_empty(), "the second group let go too early");
                    second.done();
                }
                assert_eq!(left.iter().take(16).count(), 16);
            }
        },
        |got| assert_eq!(got, Ok(())),
    );
}

/// Go: TestWaitGroupRace.
#[test]
fn wait_returns_after_what_was_done_before() {
    both_drives(
        || {
            for _ in 0..50 {
                let (wg, n) = (WaitGroup::new(), Arc::new(AtomicU32::new(0)));
                for _ in 0..2 {
                    wg.add(1);
                    let (wg, n) = (wg.clone(), Arc::clone(&n));
                    drop(go(move || {
                        n.fetch_add(1, Relaxed);
                        wg.done();
                    }));
                }
                wg.wait();
                assert_eq!(n.load(Relaxed), 2);
            }
        },
        |got| assert_eq!(got, Ok(())),
    );
}

#[test]
fn everybody_who_waits_is_let_go() {
    both_drives(
        || {
            let wg = WaitGroup::new();
            wg.add(1);
            let waiters: Vec<_> = (0..10)
                .map(|n| {
                    let wg = wg.clone();
                    go(move || {
                        wg.wait();
                        n
                    })
                })
                .collect();
            (0..10).for_each(|_| yield_now());
            wg.done();
            waiters.into_iter().map(|w| w.join().expect("no panic")).sum::<u32>()
        },
        |got| assert_eq!(got, Ok(45)),
    );
}

#[test]
fn with_one_p_the_last_waiter_runs_first_and_the_others_in_the_order_they_came() {
    let order: Vec<u32> = lab(1).procs(1).start_tick(1).run(|| {
        let (wg, (told, order)) = (WaitGroup::new(), chan(5));
        wg.add(1);
        for n in 1..=5 {
            let (wg, told) = (wg.clone(), told.clone());
            drop(go(move || {
                wg.wait();
                told.send(n);
            }));
            yield_now();
        }
        wg.done();
        order.iter().take(5).collect()
    });
    assert_eq!(order, [5, 1, 2, 3, 4]);
}

#[test]
fn wait_returns_not_before_the_last_of_many_ps_is_done() {
    for seed in 0..20 {
        let late = lab(seed).procs(4).run(|| {
            let wg = WaitGroup::new();
            for n in 1..=8 {
                drop(wg.go(move || work(std::time::Duration::from_micros(n * 50))));
            }
            wg.wait();
            gopark::since_start()
        });
        // 1.8 ms of work on four Ps.
        assert!(late >= std::time::Duration::from_micros(450), "{late:?}");
    }
}

#[test]
fn a_counter_below_zero_panics() {
    both_drives(
        || {
            let wg = WaitGroup::new();
            let other = wg.clone();
            let first = said(go(move || other.done()).join());
            // The counter is as it was.
            wg.add(1);
            let other = wg.clone();
            let second = said(go(move || other.add(-2)).join());
            wg.done();
            wg.wait();
            (first, second)
        },
        |got| {
            let text = "sync: negative WaitGroup counter".to_owned();
            assert_eq!(got, Ok((text.clone(), text)));
        },
    );
}

#[test]
fn using_it_again_before_a_waiter_has_returned_panics_there() {
    // One P, so that the waiter, made ready by `done`, runs only after the `add`.
    let text = lab(1).procs(1).start_tick(1).run(|| {
        let wg = WaitGroup::new();
        wg.add(1);
        let waiter = {
            let wg = wg.clone();
            go(move || wg.wait())
        };
        yield_now();
        wg.done();
        wg.add(1);
        said(waiter.join())
    });
    assert_eq!(text, "sync: WaitGroup is reused before previous Wait has returned");
}

#[test]
fn add_inside_the_new_goroutine_is_the_mistake_it_is_in_go() {
    // With one P the new goroutine runs only when main gives way: Wait sees zero and passes.
    let seen = lab(1).procs(1).run(|| {
        let (wg, ended) = (WaitGroup::new(), Arc::new(AtomicU32::new(0)));
        let (other, count) = (wg.clone(), Arc::clone(&ended));
        drop(go(move || {
            other.add(1);
            count.fetch_add(1, Relaxed);
            other.done();
        }));
        wg.wait();
        ended.load(Relaxed)
    });
    assert_eq!(seen, 0);
}

#[test]
fn a_goroutine_that_panics_is_never_done() {
    both_drives(
        || {
            let wg = WaitGroup::new();
            let panics = wg.go(|| panic!("before it is done"));
            (0..20).for_each(|_| yield_now());
            wg.wait();
            drop(panics);
        },
        |got| {
            let failure = got.expect_err("nobody is left to be done");
            assert_eq!(failure.kind, EndKind::Deadlock, "{failure}");
            let waits = "\ngoroutine 1 [sync.WaitGroup.Wait]:\n";
            assert!(failure.text.contains(waits), "{failure}");
        },
    );
}
