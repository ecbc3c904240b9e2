//! R73 to R81: timers and the clock.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use gopark::sink::Memory;
use gopark::trace::Event;
use gopark::trace::ids::{GId, Nanos, PId, TimerId};
use gopark::trace::record::Record;
use gopark::trace::rule::Rule;
use gopark::trace::words::WaitReason;
use gopark::{Failure, chan, go, lab, log, park_forever, sleep};

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
