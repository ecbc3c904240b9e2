//! Time: exact in the lab, never too short in live.

#[path = "support/drives.rs"]
mod drives;

use std::time::{Duration, Instant};

use drives::{both_drives, live};
use gopark::sync::WaitGroup;
use gopark::trace::words::EndKind;
use gopark::{chan, go, lab, log, park_forever, since_start, sleep, work, yield_now};

const MICRO: Duration = Duration::from_micros(1);
const MILLI: Duration = Duration::from_millis(1);

// ---- work ----

/// When `n` goroutines that work 10 ms each are done.
fn end_of_work(procs: usize, n: u32) -> Duration {
    lab(7).procs(procs).run(move || {
        let wg = WaitGroup::new();
        (0..n).for_each(|_| drop(wg.go(|| work(10 * MILLI))));
        wg.wait();
        since_start()
    })
}

#[test]
fn four_ps_that_work_ten_milliseconds_each_end_at_ten_milliseconds() {
    // Some scheduling steps of 100 ns, and the pauses of thieves, come before and after.
    let steps = 50 * MICRO;
    for (procs, n, ends) in [(4, 4, 10), (4, 8, 20), (2, 4, 20), (1, 4, 40)] {
        let end = end_of_work(procs, n);
        let due = ends * MILLI;
        assert!((due..due + steps).contains(&end), "{n} on {procs} Ps: {end:?}");
    }
}

#[test]
fn work_takes_exactly_its_time_when_steps_cost_nothing() {
    let end = lab(7).procs(1).step(Duration::ZERO).run(|| {
        work(3 * MILLI);
        work(Duration::ZERO);
        work(Duration::from_nanos(1));
        since_start()
    });
    assert_eq!(end, 3 * MILLI + Duration::from_nanos(1));
}

#[test]
fn a_step_costs_what_it_is_said_to_cost() {
    // Each `log` is no step; each `yield_now` of a lone goroutine passes two gates.
    let spent = |step: Duration| {
        lab(7).procs(1).step(step).run(|| {
            let before = since_start();
            log("no step");
            (0..10).for_each(|_| yield_now());
            since_start() - before
        })
    };
    assert_eq!(spent(Duration::ZERO), Duration::ZERO);
    assert_eq!(spent(MICRO), 20 * MICRO);
    assert_eq!(spent(7 * MICRO), 140 * MICRO);
}

#[test]
fn in_live_work_burns_at_least_its_time() {
    let (start, told) = (Instant::now(), 2 * MILLI);
    live(2).run(move || work(told));
    assert!(start.elapsed() >= told);
}

// ---- sleep ----

#[test]
fn sleepers_wake_at_their_exact_time_when_steps_cost_nothing() {
    for procs in [1, 2, 4] {
        for seed in 0..20 {
            let woke: Vec<(u64, Duration)> =
                lab(seed).procs(procs).step(Duration::ZERO).run(|| {
                    let (told, woke) = chan(20);
                    // Later ones are often due earlier: who polls must be told.
                    for n in [9, 2, 14, 1, 5, 5, 3, 8, 700, 4] {
                        let told = told.clone();
                        drop(go(move || {
                            let time = n * 100 * MICRO;
                            sleep(time);
                            told.send((u64::from(n), since_start()));
                            sleep(time);
                            told.send((u64::from(2 * n), since_start()));
                        }));
                    }
                    woke.iter().take(20).collect()
                });
            for (n, at) in woke {
                assert_eq!(at, Duration::from_micros(100 * n), "seed {seed}, {procs} Ps");
            }
        }
    }
}

#[test]
fn sleepers_wake_soon_after_their_time_when_steps_cost() {
    for seed in 0..20 {
        let late = lab(seed).procs(4).run(|| {
            let (told, lates) = chan(10);
            for n in 1..=10 {
                let told = told.clone();
                drop(go(move || {
                    let due = since_start() + n * 77 * MICRO;
                    sleep(n * 77 * MICRO);
                    told.send(since_start().checked_sub(due));
                }));
            }
            lates.iter().take(10).collect::<Option<Vec<Duration>>>()
        });
        let late = late.expect("nobody wakes too early");
        assert!(late.iter().all(|late| *late < 10 * MICRO), "seed {seed}: {late:?}");
    }
}

#[test]
fn a_sleeper_whose_p_is_busy_is_woken_by_another_p() {
    // The timer is on the heap of a P that computes for long; the other P is idle, and its M waits
    // for a much later timer, or for none.
    for somebody_polls in [true, false] {
        for seed in 0..20 {
            let woke = lab(seed).procs(2).run(move || {
                if somebody_polls {
                    drop(go(|| sleep(3_600_000 * MILLI)));
                }
                let (told, woke) = chan(1);
                sleep(MILLI);
                drop(go(move || {
                    let start = since_start();
                    sleep(MILLI);
                    told.send(since_start() - start);
                }));
                yield_now();
                work(50 * MILLI);
                woke.recv().expect("open")
            });
            assert!(woke < MILLI + 20 * MICRO, "seed {seed}: after {woke:?}");
        }
    }
}

#[test]
fn sleepers_wake_in_the_order_of_their_times() {
    for procs in [1, 4] {
        let order: Vec<u32> = lab(1).procs(procs).run(|| {
            let (told, order) = chan(6);
            for n in [3, 1, 6, 2, 5, 4] {
                let told = told.clone();
                drop(go(move || {
                    sleep(n * MILLI);
                    told.send(n);
                }));
            }
            order.iter().take(6).collect()
        });
        assert_eq!(order, [1, 2, 3, 4, 5, 6]);
    }
}

#[test]
fn in_live_a_sleep_is_never_too_short() {
    for procs in [1, 2, 4] {
        let slept: Vec<(Duration, Duration)> = live(procs).run(|| {
            let (told, slept) = chan(24);
            for n in 0..24 {
                let told = told.clone();
                drop(go(move || {
                    let time = Duration::from_micros(n % 12 * 250);
                    let start = Instant::now();
                    sleep(time);
                    told.send((time, start.elapsed()));
                }));
            }
            slept.iter().take(24).collect()
        });
        assert!(slept.iter().all(|(time, slept)| slept >= time), "{slept:?}");
    }
}

#[test]
fn in_live_a_later_sleep_that_is_due_earlier_is_not_kept_waiting() {
    // Somebody polls for a minute already when the short sleeps begin.
    let (start, minute) = (Instant::now(), 60_000 * MILLI);
    for procs in [1, 2, 4] {
        live(procs).run(move || {
            drop(go(move || sleep(minute)));
            (0..20).for_each(|_| sleep(100 * MICRO));
        });
    }
    assert!(start.elapsed() < minute);
}

#[test]
fn a_sleep_of_nothing_returns_without_yielding() {
    let others = lab(1).procs(1).start_tick(1).run(|| {
        let (told, order) = chan(2);
        let other = told.clone();
        drop(go(move || other.send("the other")));
        (0..5).for_each(|_| sleep(Duration::ZERO));
        told.send("main");
        order.iter().take(2).collect::<Vec<_>>()
    });
    assert_eq!(others, ["main", "the other"]);
}

#[test]
fn somebody_who_sleeps_keeps_a_program_alive() {
    both_drives(
        || {
            let (told, woke) = chan(0);
            drop(go(move || {
                sleep(3 * MILLI);
                told.send("awake");
            }));
            woke.recv()
        },
        |got| assert_eq!(got, Ok(Some("awake"))),
    );
}

#[test]
fn sleeping_for_ever_is_sleeping_and_no_deadlock() {
    let end = lab(1).procs(2).try_run(|| {
        drop(go(|| park_forever()));
        sleep(Duration::MAX);
    });
    // The lab's clock jumps to the end of time.
    assert_eq!(end.map_err(|failure| failure.kind), Ok::<(), EndKind>(()));
}

#[test]
fn the_clock_of_a_run_begins_at_zero_and_never_goes_back() {
    both_drives(
        || {
            let mut last = since_start();
            assert!(last < Duration::from_secs(60));
            for _ in 0..100 {
                yield_now();
                let now = since_start();
                assert!(now >= last);
                last = now;
            }
        },
        |got| assert_eq!(got, Ok(())),
    );
    assert_eq!(lab(1).procs(1).step(Duration::ZERO).run(since_start), Duration::ZERO);
}
