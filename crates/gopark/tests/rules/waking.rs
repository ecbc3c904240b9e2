//! R18 to R21, R34 to R41: who is woken for work, who sleeps, and that no work waits for nothing.

use std::time::Duration;

use gopark::sink::Memory;
use gopark::trace::Event;
use gopark::trace::ids::{MId, Nanos};
use gopark::trace::record::Record;
use gopark::trace::rule::Rule;
use gopark::trace::words::PollMode;
use gopark::{chan, lab, log, sleep, sync::WaitGroup, work};

use crate::runs::{after, every_record, every_record_on, follow, mixed};

/// Whether the record says that an M was woken or made, to spin.
fn woken_spinning(record: &Record) -> Option<MId> {
    match record.event {
        Event::MWake { m, spinning: true, .. } | Event::MStart { m, spinning: true, .. } => Some(m),
        _ => None,
    }
}

#[test]
fn r18_new_work_wakes_one_m_if_none_spins_and_a_p_is_idle() {
    let mut wakes = 0;
    every_record(|board, record| {
        if let (Event::PGet { .. }, Some(Rule::WakeOne { idle })) = (&record.event, &record.rule) {
            assert_eq!(board.spinning, 0, "nobody looked for work");
            assert_eq!(*idle as usize, board.idle_ps.len());
        }
        if woken_spinning(record).is_some() {
            assert_eq!(board.spinning, 0, "it is the only one that looks");
            wakes += 1;
        }
    });
    assert!(wakes > 200, "{wakes}");
}

#[test]
fn r18_with_an_idle_p_and_nobody_looking_new_work_always_wakes_one() {
    let mut wanted = 0;
    for procs in [2, 4, 8] {
        for seed in 0..8 {
            let records = mixed(seed, procs);
            let mut next = records.iter().skip(1);
            follow(&records, |board, record| {
                let next = next.next();
                let new = matches!(record.event, Event::GoCreate { parent: Some(_), .. })
                    || matches!(record.event, Event::GoReady { .. });
                if !new || board.spinning > 0 || board.idle_ps.is_empty() {
                    return;
                }
                let rule = next.and_then(|record| record.rule.clone());
                assert!(matches!(rule, Some(Rule::WakeOne { .. })), "after {record}: {next:?}");
                wanted += 1;
            });
        }
    }
    assert!(wanted > 30, "{wanted}");
}

#[test]
fn r19_work_that_finds_no_idle_p_leaves_a_note_that_the_next_to_spin_takes() {
    let (mut left, mut taken) = (0, 0);
    // An M rarely gives up just between a note and the next M that spins.
    for seed in 0..300 {
        let mut noted = false;
        follow(&mixed(seed, 2), |board, record| match record.event {
            Event::NeedSpinning { on: true } => {
                assert!(!noted, "it is left once");
                assert!(board.idle_ps.is_empty());
                (noted, left) = (true, left + 1);
            }
            Event::NeedSpinning { on: false } => {
                assert!(noted);
                noted = false;
            }
            Event::PIdle { .. } if record.rule == Some(Rule::GiveUpP {}) => {
                assert!(board.spinning > 0 || !noted, "a P is given up although a note was left");
            }
            _ => {
                if record.rule == Some(Rule::NeedSpinningTaken {}) {
                    assert!(noted);
                    taken += 1;
                }
            }
        });
    }
    assert!(left > 1_000 && taken > 0, "left {left}, taken {taken}");
}

/// The records after main has let six goroutines go at once, on eight Ps; each of them works.
fn burst(seed: u64) -> Vec<Record> {
    let memory = Memory::default();
    lab(seed).procs(8).unwatched().record(memory.clone()).run(|| {
        let (tx, rx) = chan::<()>(0);
        let wg = WaitGroup::new();
        for _ in 0..6 {
            let rx = rx.clone();
            drop(wg.go(move || {
                rx.recv();
                work(Duration::from_millis(1));
            }));
        }
        // All of them have parked, and all Ms but main's have gone to sleep.
        sleep(Duration::from_millis(1));
        work(Duration::from_millis(1));
        log("burst");
        tx.close();
        wg.wait();
    });
    after(&memory.records(), "burst").to_vec()
}

#[test]
fn r20_a_burst_wakes_one_m_and_that_one_the_next() {
    for seed in 0..10 {
        let records = burst(seed);
        let closed = records.iter().position(|r| matches!(r.event, Event::ChanClose { .. }));
        let close = &records[closed.expect("main closed it")];
        let mut looking = None;
        let mut chain = 0;
        for (i, record) in records.iter().enumerate() {
            let Some(woken) = woken_spinning(record) else { continue };
            if record.time == close.time {
                assert_eq!(record.actor.m, close.actor.m);
                assert_eq!(chain, 0, "six were let go, one M was woken for them");
            } else if chain < 5 {
                assert_eq!(record.actor.m, looking, "the one that was woken wakes the next");
                let before = records[..i]
                    .iter()
                    .rev()
                    .filter(|r| r.actor.m == looking)
                    .find(|r| matches!(r.event, Event::MSpin { .. }))
                    .and_then(|r| r.rule.clone());
                assert!(
                    matches!(before, Some(Rule::FoundWhileSpinning { .. })),
                    "when it has found work itself: {before:?}"
                );
            }
            looking = Some(woken);
            chain += 1;
        }
        assert!(chain >= 5, "seed {seed}: {chain} Ms were woken for six goroutines");
    }
}

#[test]
fn r21_an_m_that_spins_has_no_work_of_its_own() {
    every_record(|board, record| {
        if let Event::StealTry { p, attempt: 1, .. } = record.event {
            assert!(board.p(p).slot.is_none() && board.p(p).ring.is_empty());
        }
    });
}

#[test]
fn r34_a_p_is_given_up_only_when_the_global_queue_is_empty() {
    every_record(|board, record| {
        if record.rule == Some(Rule::GiveUpP {}) {
            assert!(board.global.is_empty());
        }
    });
}

#[test]
fn r36_one_m_at_a_time_waits_in_the_poller_and_has_no_p() {
    let (mut polling, mut polls) = (None, 0);
    every_record(|_, record| match record.event {
        Event::RunStart { .. } => polling = None,
        Event::PollStart { mode, until } => {
            assert_eq!((mode, record.actor.p), (PollMode::Blocking, None));
            assert_eq!(polling.replace(record.actor.m), None, "one at a time");
            assert!(until.is_some());
            polls += 1;
        }
        Event::PollEnd { .. } => assert_eq!(polling.take(), Some(record.actor.m)),
        _ => {}
    });
    assert!(polls > 100, "{polls}");
}

#[test]
fn r38_a_timer_that_is_due_earlier_breaks_the_poll() {
    let (mut until, mut broken) = (None, 0);
    every_record(|_, record| match record.event {
        Event::RunStart { .. } => until = None,
        Event::PollStart { until: due, .. } => until = due,
        Event::PollEnd { .. } => until = None,
        Event::PollBreak { .. } => {
            let Some(Rule::EarlierTimer { when }) = record.rule else { panic!("{record}") };
            assert!(until.is_none_or(|until| when < until));
            broken += 1;
        }
        _ => {}
    });
    assert!(broken > 10, "{broken}");
}

#[test]
fn r39_whoever_found_work_while_spinning_stops_and_wakes_the_next() {
    let mut found = 0;
    for seed in 0..10 {
        let records = mixed(seed, 4);
        let mut next = records.iter().skip(1);
        follow(&records, |board, record| {
            let next = next.next();
            let Some(Rule::FoundWhileSpinning { spinning }) = record.rule else { return };
            if spinning > 0 || board.idle_ps.is_empty() {
                return;
            }
            let rule = next.and_then(|next| next.rule.clone());
            assert!(matches!(rule, Some(Rule::WakeOne { .. })), "{next:?}");
            found += 1;
        });
    }
    assert!(found > 50, "{found}");
}

/// For how long at most, one time after another, work waited in a queue beside an idle P, and
/// nobody looked for any.
fn longest_neglect(records: &[Record]) -> Nanos {
    let (mut since, mut longest) = (None, Nanos(0));
    follow(records, |board, record| {
        let neglected = board.has_work() && !board.idle_ps.is_empty() && board.spinning == 0;
        let from = if neglected { since.or(Some(record.time)) } else { None };
        longest = longest.max(from.map_or(Nanos(0), |from| record.time.minus(from)));
        since = from;
    });
    longest
}

#[test]
fn r41_no_p_is_idle_while_work_waits_and_nobody_looks_for_it() {
    for procs in [2, 4, 8] {
        for seed in 0..30 {
            // An M that gives up is at one gate when it stops to count and at the next when it looks
            // once more; work that comes in between wakes somebody at once.
            let neglect = longest_neglect(&mixed(seed, procs));
            assert!(neglect <= Nanos(100), "seed {seed}, {procs} Ps: for {neglect}");
        }
    }
}

#[test]
fn r41_work_is_spread_over_four_ps_within_microseconds() {
    for seed in 0..20 {
        let memory = Memory::default();
        lab(seed).procs(4).unwatched().record(memory.clone()).run(|| {
            let wg = WaitGroup::new();
            log("begin");
            (0..8).for_each(|_| drop(wg.go(|| work(Duration::from_millis(1)))));
            wg.wait();
        });
        let records = memory.records();
        let begin = after(&records, "begin")[0].time;
        let mut busy_at = None;
        follow(&records, |board, record| {
            if busy_at.is_none() && board.running.len() == 4 {
                busy_at = Some(record.time);
            }
        });
        // Three wakes in a chain, each with four tries over three Ps at 100 ns and a pause of 3 µs.
        let spread = busy_at.expect("all four were busy").minus(begin);
        assert!(spread < Nanos(25_000), "seed {seed}: {spread}");
    }
}

#[test]
fn an_m_is_made_only_when_a_p_needs_one_and_none_is_idle() {
    // The board asserts that none is idle, and that the last parked is woken first.
    let mut made = 0;
    every_record_on(&[4], |_, record| {
        if let Event::MStart { m, p, .. } = record.event {
            assert!(p.is_some());
            made += u32::from(m != MId(0));
        }
    });
    // Eight runs on four Ps need some three more Ms each; one that is about to park is no idle one.
    assert!((8..=8 * 6).contains(&made), "{made}");
}
