//! Functions that run later: set, stopped, set anew; exact in the lab, never early in live.

#[path = "support/drives.rs"]
mod drives;
#[path = "support/traces.rs"]
mod traces;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::time::Duration;

use drives::both_drives;
use gopark::sync::WaitGroup;
use gopark::time::{Timer, after_func, since_start, sleep};
use gopark::trace::words::EndKind;
use gopark::{chan, current_id, go, lab, park_forever, set_gomaxprocs, work, yield_now};
use traces::{traced_lab, traced_live};

const MICRO: Duration = Duration::from_micros(1);
const MILLI: Duration = Duration::from_millis(1);

/// A function that says when it ran, and the timer for it.
fn told_after(time: Duration) -> (Timer, gopark::Receiver<Duration>) {
    let (told, ran) = chan(10);
    (after_func(time, move || told.send(since_start())), ran)
}

// ---- AfterFunc ----

#[test]
fn a_function_runs_at_its_time_in_a_goroutine_of_its_own() {
    for procs in [1, 2, 4] {
        let (at, by) = traced_lab(1, procs, Duration::ZERO, || {
            let (told, ran) = chan(0);
            drop(after_func(3 * MILLI, move || told.send((since_start(), current_id()))));
            ran.recv().expect("it runs")
        });
        assert_eq!(at, 3 * MILLI);
        assert_ne!(by.0, 1, "not main");
    }
}

/// Go: TestAfterFunc.
#[test]
fn a_function_may_set_the_next_timer() {
    fn next(left: u32, told: gopark::Sender<u32>) {
        told.send(left);
        if left > 0 {
            drop(after_func(MILLI / 10, move || next(left - 1, told.clone())));
        }
    }
    both_drives(
        || {
            let (told, counted) = chan(0);
            drop(after_func(Duration::ZERO, move || next(10, told.clone())));
            counted.iter().take(11).collect::<Vec<_>>()
        },
        |got| assert_eq!(got, Ok((0..=10).rev().collect())),
    );
}

/// Go: TestAfterFuncStarvation. A function runs although others keep the P busy by giving way.
#[test]
fn a_function_is_not_starved_by_goroutines_that_give_way_to_each_other() {
    both_drives(
        || {
            let stop = Arc::new(AtomicBool::new(false));
            let wg = WaitGroup::new();
            let (here, there) = (chan(1), chan(1));
            for (from, to) in [(here.1, there.0.clone()), (there.1, here.0.clone())] {
                let stop = Arc::clone(&stop);
                drop(wg.go(move || {
                    loop {
                        from.recv();
                        to.send(());
                        if stop.load(SeqCst) {
                            break;
                        }
                    }
                }));
            }
            let stops = Arc::clone(&stop);
            drop(after_func(100 * MICRO, move || stops.store(true, SeqCst)));
            here.0.send(());
            wg.wait();
        },
        |got| assert_eq!(got, Ok(())),
    );
}

/// Go: TestAfterStop, TestAfterQueuing's functions.
#[test]
fn a_function_whose_timer_is_stopped_does_not_run() {
    both_drives(
        || {
            let (first, never) = told_after(3 * MILLI);
            let (_second, ran) = told_after(MILLI);
            let was_set = first.stop();
            let at = ran.recv().expect("the other one runs");
            sleep(5 * MILLI);
            (was_set, first.stop(), at >= MILLI, never.len())
        },
        |got| assert_eq!(got, Ok((true, false, true, 0))),
    );
}

/// Go: TestReset.
#[test]
fn a_timer_that_is_set_anew_fires_at_the_new_time_only() {
    let ran = traced_lab(1, 1, Duration::ZERO, || {
        let (timer, ran) = told_after(100 * MILLI);
        sleep(50 * MILLI);
        assert!(timer.reset(150 * MILLI), "it is set");
        sleep(100 * MILLI);
        assert_eq!(ran.len(), 0, "the first time is past and does not count");
        let at = ran.recv().expect("it runs");
        assert!(!timer.reset(50 * MILLI), "it has fired");
        (at, ran.recv().expect("it runs again"))
    });
    assert_eq!(ran, (200 * MILLI, 250 * MILLI));
}

#[test]
fn a_timer_may_be_set_earlier_by_whoever_has_it() {
    for seed in 0..10 {
        for procs in [1, 2, 4] {
            // It is on the heap of main's P; another P's goroutine sets it earlier while somebody polls.
            let late = traced_lab(seed, procs, Duration::from_nanos(100), move || {
                let (timer, ran) = told_after(3_600_000 * MILLI);
                let due = go(move || {
                    sleep(2 * MILLI);
                    assert!(timer.reset(MILLI));
                    since_start() + MILLI
                });
                let ran = ran.recv().expect("it runs");
                ran.checked_sub(due.join().expect("no panic")).expect("not too early")
            });
            assert!(late < 20 * MICRO, "seed {seed}, {procs} Ps: {late:?} late");
        }
    }
}

/// Go: TestStopResult, TestResetResult, for functions.
#[test]
fn stop_and_reset_say_whether_the_timer_was_set() {
    both_drives(
        || {
            let (timer, ran) = told_after(60_000 * MILLI);
            let mut said = vec![timer.stop(), timer.stop(), timer.reset(60_000 * MILLI)];
            said.extend([timer.reset(Duration::ZERO), ran.recv().is_some()]);
            said.extend([timer.stop(), timer.reset(60_000 * MILLI), timer.stop()]);
            said
        },
        |got| {
            let expected = [true, false, false, true, true, false, false, true];
            assert_eq!(got.as_deref(), Ok(&expected[..]));
        },
    );
}

/// Go: TestAfterStress; the garbage collector's part is taken by goroutines that set and stop.
#[test]
fn timers_that_are_set_stopped_and_set_anew_everywhere_fire_as_often_as_was_said() {
    fn stress() -> (u32, u32) {
        let fired = Arc::new(AtomicU32::new(0));
        let (wg, due) = (WaitGroup::new(), Arc::new(AtomicU32::new(0)));
        for n in 0..40_u32 {
            let (fired, due) = (Arc::clone(&fired), Arc::clone(&due));
            drop(wg.go(move || {
                for i in 0..20 {
                    let (fired, time) = (Arc::clone(&fired), (n * 7 + i * 13) % 50 * MICRO);
                    let timer = after_func(time, move || {
                        fired.fetch_add(1, SeqCst);
                    });
                    let mut fires = 1;
                    match (n + i) % 4 {
                        0 => fires -= u32::from(timer.stop()),
                        1 => {
                            yield_now();
                            fires += u32::from(!timer.reset(time / 2));
                        }
                        2 => {
                            fires += u32::from(!timer.reset(60_000 * MILLI));
                            yield_now();
                            fires -= u32::from(timer.stop());
                        }
                        _ => {}
                    }
                    due.fetch_add(fires, SeqCst);
                    sleep(i % 3 * 10 * MICRO);
                }
            }));
        }
        wg.wait();
        while fired.load(SeqCst) < due.load(SeqCst) {
            sleep(MILLI);
        }
        sleep(MILLI);
        (fired.load(SeqCst), due.load(SeqCst))
    }
    for procs in [1, 2, 4] {
        for seed in 0..10 {
            let (fired, due) = traced_lab(seed, procs, Duration::from_nanos(100), stress);
            assert_eq!(fired, due, "seed {seed}, {procs} Ps");
        }
        for _ in 0..10 {
            let (fired, due) = traced_live(procs, stress);
            assert_eq!(fired, due, "{procs} Ps");
        }
    }
}

/// Go: TestTimerStopStress.
#[test]
fn many_stopped_timers_are_in_nobodys_way() {
    both_drives(
        || {
            let (told, order) = chan(100);
            let stopped: Vec<Timer> = (0..1_000_u32)
                .filter_map(|n| {
                    let told = told.clone();
                    let time = (n % 100 + 1) * 10 * MICRO;
                    let timer = after_func(3_000 * MILLI + time, move || told.send(n));
                    (n % 10 != 0).then_some(timer)
                })
                .collect();
            let all = stopped.iter().all(Timer::stop);
            drop(stopped);
            // What is left is due in a moment now.
            let (told, soon) = chan(100);
            for n in [5_u32, 3, 4, 1, 2] {
                let told = told.clone();
                drop(after_func(n * 2 * MILLI, move || told.send(n)));
            }
            let mut soon: Vec<u32> = soon.iter().take(5).collect();
            // On several Ps those that are due may be overtaken on their way.
            soon.sort_unstable();
            (all, soon, order.len())
        },
        |got| assert_eq!(got, Ok((true, vec![1, 2, 3, 4, 5], 0))),
    );
}

/// Go: TestOverflowSleep, TestOverflowRuntimeTimer: the end of time is never reached.
#[test]
fn a_timer_for_the_end_of_time_does_not_fire_and_keeps_no_other_from_firing() {
    both_drives(
        || {
            let (never, told) = told_after(Duration::MAX);
            drop(go(|| sleep(Duration::MAX)));
            let (_timer, ran) = told_after(MILLI);
            (ran.recv().is_some(), told.len(), never.stop())
        },
        |got| assert_eq!(got, Ok((true, 0, true))),
    );
}

/// Go: TestSleepZeroDeadlock. Sleeps of nothing and functions that run at once do not lock up.
#[test]
fn sleeps_of_nothing_beside_functions_that_run_at_once() {
    both_drives(
        || {
            let (told, ran) = chan(100);
            for _ in 0..100 {
                sleep(Duration::ZERO);
                let told = told.clone();
                drop(after_func(Duration::ZERO, move || told.send(())));
                sleep(Duration::ZERO);
            }
            ran.iter().take(100).count()
        },
        |got| assert_eq!(got, Ok(100)),
    );
}

#[test]
fn a_panic_of_a_function_ends_the_program() {
    both_drives(
        || {
            drop(after_func(MILLI, || panic!("later")));
            park_forever();
        },
        |got: Result<(), _>| {
            let failure = got.expect_err("it panicked");
            assert_eq!(failure.kind, EndKind::Panic);
            assert!(failure.text.starts_with("panic: later\n\ngoroutine "), "{failure}");
        },
    );
}

#[test]
fn what_a_stopped_function_holds_is_dropped_with_its_timer() {
    both_drives(
        || {
            let held = Arc::new(());
            let copy = Arc::clone(&held);
            let timer = after_func(60_000 * MILLI, move || drop(Arc::clone(&copy)));
            assert!(timer.stop());
            let before = Arc::strong_count(&held);
            drop(timer);
            (before, Arc::strong_count(&held))
        },
        |got| assert_eq!(got, Ok((2, 1))),
    );
}

#[test]
fn what_a_function_holds_is_dropped_at_the_end_of_the_run_at_the_latest() {
    let held = Arc::new(());
    both_drives(
        {
            let held = Arc::clone(&held);
            move || {
                let (copy, other) = (Arc::clone(&held), held);
                drop(after_func(60_000 * MILLI, move || drop(Arc::clone(&copy))));
                let stopped = after_func(60_000 * MILLI, move || drop(Arc::clone(&other)));
                stopped.stop();
            }
        },
        |got| assert_eq!(got, Ok(())),
    );
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn r107_the_timers_of_ps_that_go_away_fire_where_they_are_then_and_may_be_changed() {
    fn shrinks() -> (u32, bool) {
        let (told, ran) = chan(100);
        let (wg, made) = (WaitGroup::new(), chan(40));
        for n in 0..40_u32 {
            let (told, made) = (told.clone(), made.0.clone());
            drop(wg.go(move || {
                // On as many Ps as there are.
                work(5 * MICRO);
                let time = if n % 4 == 0 { MILLI } else { 3_600_000 * MILLI };
                let timer = after_func(time + n * MICRO, move || told.send(n));
                made.send((n, timer));
                sleep((10 + n % 7) * MICRO);
            }));
        }
        let timers: Vec<(u32, Timer)> = made.1.iter().take(40).collect();
        let stopped = timers.iter().filter(|(n, _)| n % 4 == 1);
        let mut right = stopped.into_iter().all(|(_, timer)| timer.stop());
        set_gomaxprocs(1);
        wg.wait();
        for (n, timer) in &timers {
            // Those that were stopped are set anew, of the others some are set earlier.
            right &= n % 4 == 0 || timer.reset(100 * MICRO) == (n % 4 != 1);
        }
        (ran.iter().take(40).sum(), right)
    }
    for seed in 0..20 {
        let got = traced_lab(seed, 4, Duration::from_nanos(100), shrinks);
        assert_eq!(got, (40 * 39 / 2, true), "seed {seed}");
    }
    for _ in 0..10 {
        assert_eq!(traced_live(4, shrinks), (40 * 39 / 2, true));
    }
}

#[test]
fn a_timer_of_a_run_that_is_over_is_of_no_use_in_another() {
    let timer = lab(1).unwatched().run(|| after_func(60_000 * MILLI, || {}));
    let end = lab(1).unwatched().try_run(move || timer.stop());
    let failure = end.expect_err("it is another run");
    assert!(failure.text.contains("this timer belongs to another run"), "{failure}");
}

#[test]
fn outside_of_a_run_there_are_no_timers() {
    let made = std::panic::catch_unwind(|| drop(after_func(MILLI, || {})));
    assert!(made.is_err());
}
