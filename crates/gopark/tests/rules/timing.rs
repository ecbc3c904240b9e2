//! R73 to R81: timers and the clock.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use gopark::sink::Memory;
use gopark::time::{Ticker, Timer, after_func};
use gopark::trace::Event;
use gopark::trace::ids::{GId, Nanos, PId, TimerId};
use gopark::trace::record::Record;
use gopark::trace::rule::Rule;
use gopark::trace::words::{Queue, TimerKind, WaitReason};
use gopark::{Failure, chan, go, lab, log, park_forever, sleep, work, yield_now};

use crate::runs::{after, every_record, follow, made, mixed, on_one_p};

/// Goroutines on one P that sleep for these milliseconds; main makes them and waits.
fn sleepers(times: &'static [u64]) -> Vec<Record> {
    let memory = Memory::default();
    lab(1).procs(1).start_tick(10).step(Duration::ZERO).unwatched().record(memory.clone()).run(
        move || {
            let (told, done) = chan(times.len());
            for ms in times {
                let told = told.clone();
                drop(go(move || {
                    sleep(Duration::from_millis(*ms));
                    told.send(());
                }));
            }
            assert_eq!(done.iter().take(times.len()).count(), times.len());
        },
    );
    memory.records()
}

/// In which order they ran after they had slept; main's first goroutine is 1.
fn order_after_sleep(records: &[Record]) -> Vec<usize> {
    let first = records.iter().position(is_fire).expect("timers fired");
    records[first..]
        .iter()
        .filter_map(|r| match r.event {
            Event::GoStart { g, .. } if g != GId(1) => Some(number(records, g)),
            _ => None,
        })
        .collect()
}

fn is_fire(record: &Record) -> bool {
    matches!(record.event, Event::TimerFire { .. })
}

/// Numbers main's goroutines from 1.
fn number(records: &[Record], g: GId) -> usize {
    made(records).iter().position(|made| *made == g).map_or(0, |at| at + 1)
}

#[test]
fn r73_timers_of_the_same_moment_fire_in_the_order_of_a_4_ary_heap() {
    let records = sleepers(&[5; 12]);
    let mut sleeper = HashMap::new();
    let mut fired: Vec<usize> = Vec::new();
    for record in &records {
        match record.event {
            Event::TimerAdd { timer, p, g: Some(g), .. } => {
                assert_eq!((p, record.rule.clone()), (PId(0), Some(Rule::TimerOnOwnHeap { p })));
                sleeper.insert(timer, number(&records, g));
            }
            Event::TimerFire { timer, .. } => fired.push(sleeper[&timer]),
            _ => {}
        }
    }
    // They were set in the order 12, 1, 2 … 11: the first is at the root, and after each one that
    // fires the last takes its place.
    assert_eq!(fired, [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
}

#[test]
fn r74_all_due_timers_run_before_any_goroutine_and_the_last_has_the_slot() {
    let records = sleepers(&[5; 12]);
    let first = records.iter().position(is_fire).expect("timers fired");
    let last = records.iter().rposition(is_fire).expect("timers fired");
    let between = &records[first..last];
    assert!(between.iter().all(|r| !matches!(r.event, Event::GoStart { .. })));
    // As in real Go 1.27 (`sleep_same_instant` of the corpus).
    let order = order_after_sleep(&records);
    assert_eq!(order, [1, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
}

#[test]
fn r74_sleepers_of_several_moments_run_in_real_gos_order() {
    // `sleep_mixed` of the corpus.
    let order = order_after_sleep(&sleepers(&[5, 1, 3, 2, 4, 2, 5, 1, 3]));
    assert_eq!(order, [8, 2, 4, 6, 3, 9, 5, 7, 1]);
}

#[test]
fn r74_whoever_looks_for_work_runs_its_due_timers_first() {
    let mut due: HashMap<TimerId, (PId, Nanos)> = HashMap::new();
    let (mut fired, mut steals) = (0, HashSet::new());
    every_record(|_, record| match record.event {
        Event::RunStart { .. } => {
            due.clear();
            steals.clear();
        }
        // Its own came before it began to look at others.
        Event::StealTry { .. } => drop(steals.insert(record.actor.m)),
        Event::TimerAdd { timer, p, when, .. } => drop(due.insert(timer, (p, when))),
        Event::TimerFire { timer, owner, late } => {
            let (p, when) = due.remove(&timer).expect("it was set");
            assert_eq!((p, when.plus(late)), (owner, record.time), "never too early");
            fired += 1;
        }
        Event::GoStart { .. } if !steals.remove(&record.actor.m) => {
            let p = record.actor.p.expect("it runs on a P");
            let overdue = due.values().find(|(owner, when)| *owner == p && *when <= record.time);
            assert_eq!(overdue, None, "{record}");
        }
        _ => {}
    });
    assert!(fired > 200, "{fired}");
}

#[test]
fn r75_a_sleepers_timer_is_set_after_it_has_parked() {
    let mut sleeps = 0;
    every_record(|board, record| {
        if let Event::TimerAdd { g: Some(g), .. } = record.event {
            assert!(board.running.values().all(|running| *running != g));
            sleeps += 1;
        }
    });
    assert!(sleeps > 200, "{sleeps}");
}

#[test]
fn r75_a_sleep_of_nothing_does_nothing_at_all() {
    let records = on_one_p(|| {
        log("begin");
        (0..3).for_each(|_| sleep(Duration::ZERO));
        log("end");
    });
    let is_line = |r: &&Record| !matches!(r.event, Event::Site { .. });
    let next = after(&records, "begin").iter().find(is_line).expect("main ends");
    assert!(matches!(&next.event, Event::UserLog { text } if text == "end"), "{next}");
}

#[test]
fn r80_a_timer_that_is_now_the_earliest_breaks_the_poll_or_wakes_somebody_to_poll() {
    let (mut broken, mut woken) = (0, 0);
    for procs in [2, 3, 4, 8] {
        for seed in 0..40 {
            let records = mixed(seed, procs);
            let mut next = records.iter().skip(1);
            let mut due: HashMap<TimerId, (PId, Nanos)> = HashMap::new();
            let mut polled_until = None;
            follow(&records, |board, record| {
                let next = next.next().and_then(|next| next.rule.clone());
                match record.event {
                    Event::PollStart { until, .. } => polled_until = until,
                    Event::PollEnd { .. } => polled_until = None,
                    Event::TimerFire { timer, .. } => drop(due.remove(&timer)),
                    Event::TimerAdd { timer, p, when, .. } => {
                        let earliest = due.values().all(|(q, other)| *q != p || when < *other);
                        due.insert(timer, (p, when));
                        match polled_until {
                            _ if !earliest => {}
                            Some(until) if until > when => {
                                assert_eq!(next, Some(Rule::EarlierTimer { when }), "{record}");
                                broken += 1;
                            }
                            None if board.spinning == 0 && !board.idle_ps.is_empty() => {
                                assert!(matches!(next, Some(Rule::WakeOne { .. })), "{record}");
                                woken += 1;
                            }
                            _ => {}
                        }
                    }
                    _ => {}
                }
            });
        }
    }
    assert!(broken > 10 && woken > 10, "{broken} and {woken}");
}

#[test]
fn r81_the_clock_jumps_only_when_nobody_can_act() {
    // Between two records more than a thief's pause apart nobody runs or looks: all wait or compute.
    let mut jumps = 0;
    for seed in 0..10 {
        let records = mixed(seed, 2);
        let (mut last, mut working) = (Nanos(0), 0);
        follow(&records, |board, record| {
            let jump = record.time.minus(last) > Nanos(4_000);
            if jump && working == 0 {
                assert!(!board.has_work(), "{record}");
                assert!(board.running.is_empty(), "{record}: {:?}", board.running);
                jumps += 1;
            }
            last = record.time;
            match record.event {
                Event::Work { .. } => working += 1,
                Event::WorkEnd { .. } => working -= 1,
                _ => {}
            }
        });
    }
    assert!(jumps > 5, "{jumps}");
}

#[test]
fn r105_a_sleeper_is_no_deadlock_until_it_has_woken() {
    let memory = Memory::default();
    let ran: Result<(), Failure> =
        lab(1).procs(2).unwatched().record(memory.clone()).try_run(|| {
            drop(go(|| sleep(Duration::from_millis(7))));
            park_forever();
        });
    let failure = ran.expect_err("nobody is left");
    assert!(failure.text.starts_with("fatal error: all goroutines are asleep"), "{failure}");
    let records = memory.records();
    let end = records.last().expect("it ended");
    assert!(matches!(end.event, Event::RunEnd { .. }));
    assert!(end.time >= Nanos(7_000_000), "{}", end.time);
    let parks = records.iter().filter(|r| {
        matches!(r.event, Event::GoPark { why: WaitReason::SelectNoCases | WaitReason::Sleep, .. })
    });
    assert_eq!(parks.count(), 2);
}

#[test]
fn r73_a_timer_goes_to_the_heap_of_the_p_that_sets_it_and_stays_there_until_it_is_settled() {
    let records = on_one_p(|| {
        let timer = after_func(Duration::from_millis(5), || {});
        timer.reset(Duration::from_millis(7));
        timer.stop();
        timer.reset(Duration::from_millis(9));
        sleep(Duration::from_millis(20));
        timer.reset(Duration::from_millis(1));
    });
    let kept = Some(Rule::StaysOnHeap { p: PId(0) });
    let own = Some(Rule::TimerOnOwnHeap { p: PId(0) });
    let told: Vec<_> = records
        .iter()
        .filter_map(|r| match r.event {
            Event::TimerAdd { kind: TimerKind::AfterFunc, .. } => Some(("add", r.rule.clone())),
            Event::TimerReset { .. } => Some(("reset", r.rule.clone())),
            Event::TimerStop { was_set: true, .. } => Some(("stop", r.rule.clone())),
            _ => None,
        })
        .collect();
    let expected = [("add", own.clone()), ("reset", None), ("stop", None), ("add", kept)];
    assert_eq!(told[..4], expected);
    // It fired and left the heap: now it goes to one again.
    assert_eq!(told[4..], [("add", own)]);
}

#[test]
fn r77_a_channel_timer_is_in_a_heap_only_while_a_goroutine_is_blocked_on_it() {
    let records = on_one_p(|| {
        let ticker = Ticker::new(Duration::from_millis(5));
        let timer = Timer::new(Duration::from_millis(5));
        log("nobody is blocked");
        timer.reset(Duration::from_millis(6));
        sleep(Duration::from_millis(8));
        log("both are due");
        assert!(timer.c().recv().is_some() && ticker.c().recv().is_some());
        log("one is blocked");
        ticker.c().recv();
        log("it is not any more");
    });
    let of_chan = |r: &&Record| {
        matches!(
            r.event,
            Event::TimerAdd { kind: TimerKind::Channel | TimerKind::Ticker, .. }
                | Event::TimerReset { .. }
        )
    };
    let blocked = after(&records, "one is blocked");
    let before = records.len() - blocked.len();
    assert_eq!(records[..before].iter().find(of_chan), None);
    // Due and unwatched, they were fired by the receives.
    let looks = after(&records, "both are due").iter().filter(|r| {
        matches!(r.event, Event::ChanSend { .. })
            && matches!(r.rule, Some(Rule::TimerAtLook { late }) if late >= Nanos(2_000_000))
    });
    assert_eq!(looks.count(), 2);
    // In the heap from the block to the wake-up, where it ticked once more.
    let main = Some(GId(1));
    let told: Vec<_> = blocked
        .iter()
        .filter_map(|r| match r.event {
            Event::TimerAdd { g, .. } => Some(("add", g)),
            Event::TimerFire { .. } => Some(("fire", main)),
            Event::TimerStop { was_set: true, .. } => {
                assert_eq!(r.rule, Some(Rule::TimerUnwatched {}));
                Some(("leave", main))
            }
            _ => None,
        })
        .collect();
    assert_eq!(told, [("add", main), ("fire", main), ("add", main), ("leave", main)]);
}

#[test]
fn r78_the_next_tick_is_a_whole_number_of_periods_later() {
    let records = on_one_p(|| {
        let ticker = Ticker::new(Duration::from_millis(2));
        let c = ticker.c().clone();
        drop(go(move || c.iter().for_each(drop)));
        yield_now();
        work(Duration::from_millis(7));
        sleep(Duration::from_millis(4));
    });
    let next: Vec<_> = records
        .iter()
        .filter_map(|r| match (&r.event, &r.rule) {
            (Event::TimerAdd { when, .. }, Some(Rule::TickerNext { period, late })) => {
                assert_eq!(*period, Nanos(2_000_000));
                Some((when.0 / 2_000_000, late.0 / 2_000_000))
            }
            _ => None,
        })
        .collect();
    // Due at 2 ms, 5 ms late: at 8 ms again. In units of the period, which began a moment later.
    assert_eq!(next, [(4, 2), (5, 0), (6, 0)]);
}

#[test]
fn r79_what_an_after_func_runs_runs_in_a_new_goroutine() {
    let records = on_one_p(|| {
        let (told, ran) = chan(0);
        drop(after_func(Duration::from_millis(1), move || told.send(())));
        ran.recv();
    });
    let fire = records.iter().position(is_fire).expect("it fires");
    let create = &records[fire + 1];
    assert!(
        matches!(create.event, Event::GoCreate { parent: None, to: Queue::Slot(PId(0)), .. }),
        "{create}"
    );
    assert_eq!(create.actor.g, None, "the scheduler makes it");
}

#[test]
fn r80_a_timer_that_is_set_earlier_breaks_the_poll() {
    let mut broken = 0;
    for seed in 0..20 {
        let memory = Memory::default();
        let run = lab(seed).procs(2).unwatched().record(memory.clone());
        run.run(|| {
            let timer = after_func(Duration::from_secs(3_600), || {});
            sleep(Duration::from_millis(1));
            // The other M may wait for the hour to pass by now.
            work(Duration::from_millis(1));
            timer.reset(Duration::from_millis(1));
            work(Duration::from_millis(5));
        });
        let records = memory.records();
        let reset = records.iter().position(|r| matches!(r.event, Event::TimerReset { .. }));
        let reset = reset.expect("it was set anew");
        let Event::TimerReset { when, .. } = records[reset].event else { unreachable!() };
        let polled = records[..reset]
            .iter()
            .rev()
            .find(|r| matches!(r.event, Event::PollStart { .. } | Event::PollEnd { .. }));
        if matches!(polled.map(|r| &r.event), Some(Event::PollStart { .. })) {
            assert_eq!(records[reset + 1].rule, Some(Rule::EarlierTimer { when }));
            broken += 1;
        }
        let fire = records.iter().rfind(|r| is_fire(r)).expect("it fired");
        assert!(fire.time.minus(when) < Nanos(20_000), "seed {seed}: {fire}");
    }
    assert!(broken > 10, "{broken}");
}

#[test]
fn r105_a_function_is_no_deadlock_until_it_has_run_and_a_stopped_one_does_not_count() {
    for (stop, ends) in [(false, 7_000_000), (true, 0)] {
        let memory = Memory::default();
        let run = lab(1).procs(1).unwatched().record(memory.clone());
        let ran: Result<(), Failure> = run.try_run(move || {
            let timer = after_func(Duration::from_millis(7), || {});
            assert_eq!(stop && timer.stop(), stop);
            park_forever();
        });
        let failure = ran.expect_err("nobody is left");
        assert!(failure.text.starts_with("fatal error: all goroutines are asleep"), "{failure}");
        let records = memory.records();
        let end = records.last().expect("it ended").time;
        assert!((Nanos(ends)..Nanos(ends + 10_000)).contains(&end), "{end}");
    }
}
