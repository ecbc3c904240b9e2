//! Timers and tickers that send on channels: in a heap only while somebody waits for them, and never
//! a value from before a stop.

#[path = "support/drives.rs"]
mod drives;
#[path = "support/traces.rs"]
mod traces;

use std::time::Duration;

use drives::both_drives;
use gopark::sync::WaitGroup;
use gopark::time::{Ticker, Timer, after, after_func, since_start, sleep, tick};
use gopark::trace::words::EndKind;
use gopark::{Receiver, chan, go, lab, select, work, yield_now};
use traces::{traced_lab, traced_live};

const MICRO: Duration = Duration::from_micros(1);
const MILLI: Duration = Duration::from_millis(1);
const FREE: Duration = Duration::ZERO;

/// Whether nothing comes for a while.
fn silent(c: &Receiver<Duration>) -> bool {
    let while_ = after(10 * MILLI);
    select! {
        recv(c) => false,
        recv(while_) => true,
    }
}

// ---- After and Timer ----

/// Go: TestAfter, TestAfterTick.
#[test]
fn after_gives_the_moment_it_was_due() {
    let got = traced_lab(1, 1, FREE, || {
        let moments: Vec<_> = (0..3).map(|_| after(MILLI).recv().expect("it fires")).collect();
        (moments, since_start())
    });
    assert_eq!(got, (vec![MILLI, 2 * MILLI, 3 * MILLI], 3 * MILLI));
    for procs in [1, 2, 4] {
        let late = traced_live(procs, || {
            let start = since_start();
            let due = after(MILLI).recv().expect("it fires");
            since_start() >= due && due >= start + MILLI
        });
        assert!(late);
    }
}

/// Go: TestAfterTimes. Who comes late gets the moment the timer was due, not that of the look.
#[test]
fn who_looks_late_gets_the_moment_the_timer_was_due() {
    both_drives(
        || {
            let (start, c) = (since_start(), after(MILLI));
            sleep(4 * MILLI);
            let due = c.recv().expect("it is due");
            (due >= start + MILLI, due < start + 4 * MILLI, since_start() >= start + 4 * MILLI)
        },
        |got| assert_eq!(got, Ok((true, true, true))),
    );
}

/// Go: TestAfterQueuing.
#[test]
fn timers_fire_in_the_order_of_their_times_whatever_the_order_they_were_made_in() {
    let slots = [5, 3, 6, 6, 6, 1, 1, 2, 7, 9, 4, 8, 0_u32];
    let order = traced_lab(3, 1, FREE, move || {
        let (told, order) = chan(slots.len());
        for n in slots {
            let told = told.clone();
            drop(go(move || {
                after(n * MILLI).recv();
                told.send(n);
            }));
        }
        order.iter().take(slots.len()).collect::<Vec<_>>()
    });
    let mut sorted = slots;
    sorted.sort_unstable();
    assert_eq!(order, sorted);
}

#[test]
fn the_channel_of_a_timer_looks_empty_always() {
    both_drives(
        || {
            let timer = Timer::new(MILLI);
            let before = (timer.c().len(), timer.c().cap(), timer.c().is_empty());
            sleep(3 * MILLI);
            let after = (timer.c().len(), timer.c().cap(), timer.c().is_empty());
            (before, after, timer.c().recv().is_some(), timer.c().cap())
        },
        |got| assert_eq!(got, Ok(((0, 0, true), (0, 0, true), true, 0))),
    );
}

/// Go: TestStopResult, TestResetResult, TestChan.
#[test]
fn stop_and_reset_say_whether_somebody_could_still_have_received() {
    both_drives(
        || {
            let timer = Timer::new(60_000 * MILLI);
            let mut said = vec![timer.stop(), timer.stop(), timer.reset(60_000 * MILLI)];
            said.extend([timer.reset(MILLI), timer.c().recv().is_some(), timer.stop()]);
            // Due and not received: who stops it takes it back, and that counts as in time.
            said.push(timer.reset(MILLI));
            sleep(3 * MILLI);
            said.extend([timer.stop(), timer.stop(), timer.reset(MILLI)]);
            sleep(3 * MILLI);
            said.extend([timer.reset(60_000 * MILLI), timer.stop()]);
            said
        },
        |got| {
            let expected =
                [true, false, false, true, true, false, false, true, false, false, true, true];
            assert_eq!(got.as_deref(), Ok(&expected[..]));
        },
    );
}

#[test]
fn r76_nothing_is_received_after_a_stop() {
    both_drives(
        || {
            let timer = Timer::new(MILLI);
            sleep(3 * MILLI);
            timer.stop();
            silent(timer.c())
        },
        |got| assert_eq!(got, Ok(true)),
    );
}

#[test]
fn r76_after_a_reset_only_the_new_time_is_received() {
    let got = traced_lab(1, 1, FREE, || {
        let timer = Timer::new(MILLI);
        sleep(5 * MILLI);
        timer.reset(10 * MILLI);
        (timer.c().recv(), since_start())
    });
    assert_eq!(got, (Some(15 * MILLI), 15 * MILLI));
}

/// Go: TestRacyResetTimer, TestResetChan's stale values: stops and resets race with firings.
#[test]
fn r76_no_value_survives_a_race_of_a_firing_with_a_reset() {
    fn race() -> bool {
        let wg = WaitGroup::new();
        let (told, right) = chan(200);
        for n in 0..20_u32 {
            let told = told.clone();
            drop(wg.go(move || {
                let timer = Timer::new(n % 5 * MICRO);
                for i in 0..10 {
                    if i % 2 == 0 {
                        yield_now();
                    }
                    let at = since_start();
                    timer.reset((n + i) % 7 * MICRO);
                    // What is received belongs to this reset or a later one.
                    let due = timer.c().recv().expect("open");
                    told.send(due >= at);
                    timer.reset(Duration::from_nanos(u64::from(n * 100 + i)));
                }
            }));
        }
        wg.wait();
        right.iter().take(200).all(|right| right)
    }
    for procs in [1, 2, 4] {
        for seed in 0..10 {
            assert!(traced_lab(seed, procs, Duration::from_nanos(100), race));
        }
        for _ in 0..10 {
            assert!(traced_live(procs, race));
        }
    }
}

/// Go: TestTimerModifiedEarlier.
#[test]
fn a_timer_somebody_waits_for_may_be_set_earlier_or_later() {
    for (procs, seed) in [(1, 0), (2, 1), (2, 2), (4, 3)] {
        let got = traced_lab(seed, procs, Duration::from_nanos(100), || {
            let timer = std::sync::Arc::new(Timer::new(3_600_000 * MILLI));
            let waits = std::sync::Arc::clone(&timer);
            let waits = go(move || (waits.c().recv().expect("it fires"), since_start()));
            sleep(MILLI);
            let first = timer.reset(500 * MILLI);
            sleep(MILLI);
            let second = timer.reset(MILLI);
            let set = since_start();
            let (due, got) = waits.join().expect("no panic");
            (first, second, due <= set + MILLI, got.checked_sub(due))
        });
        let (first, second, in_time, late) = got;
        assert!(first && second && in_time, "{got:?}");
        assert!(late.expect("not early") < 20 * MICRO, "{late:?}");
    }
}

#[test]
fn many_may_wait_for_one_timer_and_one_gets_it() {
    both_drives(
        || {
            let timer = Timer::new(MILLI);
            let (told, got) = chan(3);
            for _ in 0..3 {
                let (c, told) = (timer.c().clone(), told.clone());
                drop(go(move || told.send(c.recv().is_some())));
            }
            let first = got.recv();
            let mut more = Vec::new();
            for _ in 0..2 {
                timer.reset(MILLI);
                more.push(got.recv());
            }
            (first, more)
        },
        |got| assert_eq!(got, Ok((Some(true), vec![Some(true); 2]))),
    );
}

#[test]
fn the_channel_outlives_its_timer() {
    both_drives(
        || {
            let c = Timer::new(2 * MILLI).c().clone();
            yield_now();
            c.recv().is_some()
        },
        |got| assert_eq!(got, Ok(true)),
    );
}

// ---- tickers ----

/// Go: TestTicker, TestTickTimes.
#[test]
fn a_ticker_ticks_at_whole_periods() {
    let ticks = traced_lab(1, 2, FREE, || {
        let ticker = Ticker::new(10 * MILLI);
        let first: Vec<_> = ticker.c().iter().take(5).collect();
        ticker.reset(3 * MILLI);
        let then: Vec<_> = ticker.c().iter().take(3).collect();
        ticker.stop();
        (first, then)
    });
    assert_eq!(ticks.0, [10, 20, 30, 40, 50].map(|n| n * MILLI));
    assert_eq!(ticks.1, [53, 56, 59].map(|n| n * MILLI));
}

#[test]
fn r78_ticks_nobody_takes_are_dropped() {
    // Nobody looks for a while; one tick is kept, and the next is at a whole period.
    let ticks = traced_lab(1, 1, FREE, || {
        let c = tick(10 * MILLI);
        let first = c.recv();
        sleep(95 * MILLI);
        let late = (c.recv(), since_start());
        let next = c.recv();
        (first, late, next)
    });
    let (first, (late, at), next) = ticks;
    assert_eq!((first, late, at), (Some(10 * MILLI), Some(20 * MILLI), 105 * MILLI));
    assert_eq!(next, Some(110 * MILLI));
}

#[test]
fn r78_a_tick_that_is_late_does_not_move_those_after_it() {
    // The only P computes while the ticks are due and somebody is blocked on them.
    let ticks = traced_lab(1, 1, FREE, || {
        let ticker = Ticker::new(3 * MILLI);
        let c = ticker.c().clone();
        let got = go(move || c.iter().take(3).map(|due| (due, since_start())).collect::<Vec<_>>());
        yield_now();
        work(8 * MILLI);
        got.join().expect("no panic")
    });
    let due = |(due, at): (u32, u32)| (due * MILLI, at * MILLI);
    assert_eq!(ticks, [(3, 8), (9, 9), (12, 12)].map(due));
}

#[test]
fn a_ticker_that_is_stopped_is_silent() {
    both_drives(
        || {
            let ticker = Ticker::new(MILLI);
            let ticked = ticker.c().recv().is_some();
            sleep(3 * MILLI);
            ticker.stop();
            (ticked, silent(ticker.c()))
        },
        |got| assert_eq!(got, Ok((true, true))),
    );
}

/// Go: TestTeardown.
#[test]
fn tickers_come_and_go() {
    both_drives(
        || {
            let ticks = (0..3).filter_map(|_| {
                let ticker = Ticker::new(100 * MICRO);
                let got = ticker.c().recv();
                ticker.stop();
                got
            });
            ticks.count()
        },
        |got| assert_eq!(got, Ok(3)),
    );
}

/// Go: TestNewTickerLtZeroDuration, TestTickerResetLtZeroDuration.
#[test]
fn a_ticker_needs_a_period() {
    for (program, text) in [
        ((|| drop(Ticker::new(FREE))) as fn(), "non-positive interval for NewTicker"),
        (|| Ticker::new(MILLI).reset(FREE), "non-positive interval for Ticker.Reset"),
    ] {
        let failure = lab(1).unwatched().try_run(program).expect_err("it panics");
        assert_eq!(failure.kind, EndKind::Panic);
        assert!(failure.text.contains(text), "{failure}");
    }
}

/// Go: TestTickLtZeroDuration, and the nil `C` of an AfterFunc timer.
#[test]
fn no_period_is_no_channel_and_the_timer_of_a_function_has_none() {
    both_drives(
        || (tick(FREE).is_nil(), after_func(MILLI, || {}).c().is_nil(), tick(MILLI).is_nil()),
        |got| assert_eq!(got, Ok((true, true, false))),
    );
}

// ---- looks without waiting, and selects ----

/// Go: TestChan, for a timer: every look, with every state of the timer before it.
#[test]
fn a_look_without_waiting_finds_the_timer_fired_exactly_when_it_is_due() {
    for procs in [1, 2] {
        traced_lab(1, procs, FREE, || {
            let timer = Timer::new(1_000 * MILLI);
            let c = timer.c();
            let none = || {
                assert!(c.try_recv().is_err(), "no tick yet");
                let default = select! {
                    recv(c) => false,
                    default => true,
                };
                assert!(default && c.is_empty() && c.cap() == 0);
            };
            none();
            // Stopped before, at and after its time.
            assert!(timer.stop() && !timer.stop());
            sleep(2_000 * MILLI);
            none();
            assert!(!timer.reset(MILLI));
            none();
            sleep(MILLI);
            assert!(timer.stop(), "due, not received");
            none();
            // Received by a look.
            assert!(!timer.reset(MILLI));
            sleep(5 * MILLI);
            let due = c.try_recv().expect("due");
            assert_eq!(due, Some(since_start() - 4 * MILLI));
            none();
            assert!(!timer.stop());
            // Set later before its time, and after it.
            timer.reset(MILLI);
            assert!(timer.reset(10 * MILLI));
            sleep(5 * MILLI);
            none();
            sleep(5 * MILLI);
            assert!(timer.reset(10 * MILLI), "due, not received");
            none();
            sleep(9 * MILLI);
            none();
            sleep(MILLI);
            assert_eq!(c.try_recv(), Ok(Some(since_start())));
            // Stopped with a value of a firing that had come to a heap: somebody was blocked before.
            timer.reset(MILLI);
            let other = c.clone();
            let blocked = go(move || other.recv());
            assert_eq!(blocked.join().expect("no panic"), Some(since_start()));
            none();
        });
    }
}

/// The timer may still be in a heap after a select has left it: that is no reason not to fire it.
#[test]
fn a_look_finds_a_due_timer_also_right_after_a_select_has_left_it() {
    let due = traced_lab(1, 1, FREE, || {
        let (timer, ticker) = (Timer::new(3 * MILLI), Ticker::new(2 * MILLI));
        let wake = after(MILLI);
        select! {
            recv(timer.c()) => unreachable!("it is not due"),
            recv(ticker.c()) => unreachable!("it is not due"),
            recv(wake) => {}
        }
        // Nobody looks after timers meanwhile.
        work(4 * MILLI);
        let due = [timer.c().try_recv(), ticker.c().try_recv(), ticker.c().try_recv()];
        (due.map(Result::ok), ticker.c().recv())
    });
    let first = [Some(Some(3 * MILLI)), Some(Some(2 * MILLI)), None];
    assert_eq!(due, (first, Some(6 * MILLI)));
}

/// Go: TestChan, for a ticker; TestManualTicker.
#[test]
fn a_ticker_looked_at_without_waiting_keeps_one_tick_and_its_beat() {
    traced_lab(1, 1, FREE, || {
        let ticker = Ticker::new(100 * MILLI);
        let c = ticker.c();
        let start = since_start();
        assert!(c.try_recv().is_err());
        for beat in 1..4_u32 {
            sleep(100 * MILLI);
            assert_eq!(c.try_recv(), Ok(Some(start + beat * 100 * MILLI)));
            assert!(c.try_recv().is_err(), "one a beat");
        }
        sleep(350 * MILLI);
        assert_eq!(c.try_recv(), Ok(Some(start + 400 * MILLI)));
        assert!(c.try_recv().is_err(), "those in between are gone");
        sleep(50 * MILLI);
        assert_eq!(c.try_recv(), Ok(Some(start + 700 * MILLI)));
        sleep(100 * MILLI);
        ticker.stop();
        assert!(c.try_recv().is_err());
        ticker.reset(10 * MILLI);
        assert!(c.try_recv().is_err());
        sleep(10 * MILLI);
        assert_eq!(c.try_recv(), Ok(Some(since_start())));
    });
}

#[test]
fn a_select_with_a_timeout_takes_what_comes_first() {
    for seed in 0..20 {
        for procs in [1, 2, 4] {
            let got = traced_lab(seed, procs, FREE, || {
                let (tx, rx) = chan(0);
                drop(go(move || {
                    sleep(2 * MILLI);
                    tx.send(1);
                    sleep(20 * MILLI);
                    tx.send(2);
                }));
                let mut got = Vec::new();
                for _ in 0..2 {
                    let timeout = after(10 * MILLI);
                    got.push(select! {
                        n = recv(rx) => (n, since_start()),
                        recv(timeout) => (None, since_start()),
                    });
                }
                got
            });
            assert_eq!(got, [(Some(1), 2 * MILLI), (None, 12 * MILLI)], "seed {seed}");
        }
    }
}

#[test]
fn r77_a_select_leaves_the_timers_it_did_not_take() {
    // Each round makes a timer that is due in an hour, waits for it beside something else, and
    // forgets it. Then the program is dead at once, and not in an hour.
    fn rounds() {
        let (tx, rx) = chan(0);
        drop(go(move || {
            for n in 0..50_u32 {
                yield_now();
                tx.send(n);
            }
        }));
        let ticker = Ticker::new(7 * MICRO);
        let ticks_of = ticker.c();
        let (mut got, mut ticks) = (0, 0);
        while got < 50 {
            let timeout = after(3_600_000 * MILLI);
            select! {
                recv(rx) => got += 1,
                recv(ticks_of) => {
                    ticks += 1;
                    // A ticker that is always due would keep the others from running.
                    yield_now();
                }
                recv(timeout) => unreachable!("an hour is long"),
            }
        }
        assert!(ticks < 1_000_000);
    }
    for procs in [1, 2, 4] {
        for seed in 0..10 {
            traced_lab(seed, procs, Duration::from_nanos(100), rounds);
            let ran = lab(seed).procs(procs).unwatched().try_run(|| {
                rounds();
                let before = since_start();
                drop(after_func(MILLI, move || assert!(since_start() < before + 2 * MILLI)));
                gopark::park_forever();
            });
            assert_eq!(ran.map(|(): ()| ()).expect_err("dead").kind, EndKind::Deadlock);
        }
        for _ in 0..10 {
            traced_live(procs, rounds);
        }
    }
}

#[test]
fn one_timer_in_several_cases_and_several_selects() {
    both_drives(
        || {
            let timer = Timer::new(MILLI);
            let (told, got) = chan(4);
            for _ in 0..4 {
                let (c, told) = (timer.c().clone(), told.clone());
                drop(go(move || {
                    let case = select! {
                        recv(c) => 1,
                        recv(c) => 2,
                    };
                    told.send(case);
                }));
            }
            for _ in 0..4 {
                assert!((1..=2).contains(&got.recv().expect("open")));
                timer.reset(100 * MICRO);
            }
            timer.stop()
        },
        |got| assert!(got.is_ok(), "{got:?}"),
    );
}

// ---- R105 ----

/// How a run ends whose main sets something and then waits for ever.
fn end_of(set: fn() -> Receiver<Duration>) -> (EndKind, String) {
    let ran = lab(1).procs(2).unwatched().try_run(move || {
        let _kept = set();
        gopark::park_forever();
    });
    let failure = ran.map(|(): ()| ()).expect_err("nobody is left");
    (failure.kind, failure.text)
}

#[test]
fn r105_an_unread_timer_or_ticker_keeps_no_dead_program_alive() {
    for set in [|| after(MILLI), || tick(MILLI)] as [fn() -> Receiver<Duration>; 2] {
        let (kind, text) = end_of(set);
        assert_eq!(kind, EndKind::Deadlock);
        assert!(text.contains("goroutine 1 [select (no cases)]:"), "{text}");
    }
}

#[test]
fn r105_who_waits_for_a_stopped_timer_waits_for_ever() {
    for (program, why) in [
        (
            (|| {
                let timer = Timer::new(MILLI);
                timer.stop();
                timer.c().recv();
            }) as fn(),
            "goroutine 1 [chan receive]:",
        ),
        (
            || {
                let ticker = Ticker::new(MILLI);
                let c = ticker.c().clone();
                drop(go(move || c.iter().for_each(drop)));
                sleep(3 * MILLI);
                ticker.stop();
                gopark::park_forever();
            },
            "goroutine 1 [select (no cases)]:",
        ),
    ] {
        for procs in [1, 2] {
            let ran = lab(1).procs(procs).unwatched().try_run(program);
            let failure = ran.expect_err("nobody is left");
            assert_eq!(failure.kind, EndKind::Deadlock, "{failure}");
            assert!(failure.text.contains(why), "{failure}");
        }
    }
}
