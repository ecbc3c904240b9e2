//! R90 to R95: Mutex and WaitGroup.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use gopark::sink::Memory;
use gopark::sync::{Mutex, WaitGroup};
use gopark::trace::Event;
use gopark::trace::ids::{GId, Nanos};
use gopark::trace::record::Record;
use gopark::trace::rule::Rule;
use gopark::trace::words::{LockHow, Queue};
use gopark::{go, lab, log, work, yield_now};

use crate::runs::{after, events, every_record, follow, made, on_one_p, started};

/// Eight goroutines on four Ps that take one lock again and again for 300 µs each.
pub(crate) fn starving(seed: u64) -> Vec<Record> {
    let memory = Memory::default();
    lab(seed).procs(4).unwatched().record(memory.clone()).run(|| {
        let (lock, wg) = (Arc::new(Mutex::new(())), WaitGroup::new());
        for _ in 0..8 {
            let lock = Arc::clone(&lock);
            drop(wg.go(move || {
                for _ in 0..4 {
                    let held = lock.lock();
                    work(Duration::from_micros(300));
                    held.unlock();
                }
            }));
        }
        wg.wait();
    });
    memory.records()
}

#[test]
fn r90_unlock_wakes_the_first_waiter_into_the_slot_and_it_competes() {
    let records = on_one_p(|| {
        let lock = Arc::new(Mutex::new(()));
        let held = lock.lock();
        for _ in 0..3 {
            let lock = Arc::clone(&lock);
            drop(go(move || drop(lock.lock())));
            yield_now();
        }
        log("begin");
        drop(held);
        log("end");
        // The woken one has not got it yet: who runs may take it first.
        assert!(lock.try_lock().is_some());
        (0..3).for_each(|_| yield_now());
    });
    let gs = made(&records);
    let events = events(after(&records, "begin"));
    assert!(
        matches!(events[0], Event::LockPut { woke: Some(g), handed: false, .. } if g == gs[0]),
        "{:?}",
        events[0]
    );
    assert!(matches!(events[1], Event::GoReady { g, to: Queue::Slot(_) } if g == gs[0]));
    let order: Vec<GId> =
        started(after(&records, "end")).into_iter().filter(|g| *g != GId(1)).collect();
    assert_eq!(order, gs, "first come, first woken");
}

#[test]
fn r91_a_waiter_of_more_than_a_millisecond_makes_a_held_lock_starve() {
    let mut starved = 0;
    for seed in 0..10 {
        for record in starving(seed) {
            if let Event::LockStarving { on: true, waited, .. } = record.event {
                assert!(waited > Nanos::MILLI, "{waited}");
                assert_eq!(record.rule, Some(Rule::LockStarves { waited }));
                starved += 1;
            }
        }
    }
    assert!(starved > 5, "{starved}");
}

#[test]
fn r91_a_starving_lock_is_handed_over_and_its_new_owner_inherits_the_slice() {
    let mut handed = 0;
    for seed in 0..10 {
        let mut to_run = HashMap::new();
        follow(&starving(seed), |board, record| match record.event {
            Event::LockPut { woke: Some(g), handed: true, .. } => {
                assert_eq!(record.rule, Some(Rule::LockHandOver { to: g }));
                let p = record.actor.p.expect("it runs on a P");
                to_run.insert(record.actor.m, (g, board.p(p).tick));
            }
            Event::GoStart { g, from, tick } => {
                if let Some((owner, before)) = to_run.remove(&record.actor.m) {
                    assert_eq!((g, tick), (owner, before), "at once, in the same slice");
                    assert!(matches!(from, Queue::Slot(_)));
                    handed += 1;
                }
            }
            _ => {}
        });
    }
    assert!(handed > 20, "{handed}");
}

#[test]
fn r92_a_starving_lock_is_had_by_hand_over_only_until_its_last_waiter_or_a_quick_one() {
    let (mut calm, mut handed) = (0, 0);
    for seed in 0..10 {
        let mut starves = false;
        for record in starving(seed) {
            match record.event {
                Event::LockStarving { on: true, .. } => starves = true,
                Event::LockStarving { on: false, waited, .. } => {
                    let Some(Rule::LockCalm { waited: told, last }) = record.rule else {
                        panic!("{record}")
                    };
                    assert!(last || waited <= Nanos::MILLI);
                    assert_eq!(told, waited);
                    (starves, calm) = (false, calm + 1);
                }
                Event::LockGet { how, .. } => {
                    assert!(!starves || how == LockHow::HandedOver, "{record}");
                    handed += u32::from(how == LockHow::HandedOver);
                }
                _ => {}
            }
        }
        assert!(!starves, "it ends with the last waiter");
    }
    assert!(calm > 5 && handed > calm, "{calm} and {handed}");
}

#[test]
fn r93_a_lock_is_spun_for_at_most_four_rounds_with_an_empty_ring() {
    let mut spins = 0;
    for seed in 0..10 {
        follow(&starving(seed), |board, record| {
            if let Event::LockSpin { round, .. } = record.event {
                assert!((1..=4).contains(&round));
                let p = record.actor.p.expect("it runs on a P");
                assert!(board.p(p).slot.is_none() && board.p(p).ring.is_empty());
                spins += 1;
            }
        });
    }
    assert!(spins > 20, "{spins}");
    // With one P whoever holds the lock can't go on meanwhile: nobody spins.
    let alone = on_one_p(|| {
        let lock = Arc::new(Mutex::new(()));
        let held = lock.lock();
        let other = Arc::clone(&lock);
        drop(go(move || drop(other.lock())));
        yield_now();
        drop(held);
        yield_now();
    });
    assert!(!alone.iter().any(|r| matches!(r.event, Event::LockSpin { .. })));
}

#[test]
fn r95_the_last_done_lets_all_waiters_go_the_first_first() {
    let records = on_one_p(|| {
        let wg = WaitGroup::new();
        wg.add(1);
        for _ in 0..4 {
            let wg = wg.clone();
            drop(go(move || wg.wait()));
            yield_now();
        }
        log("begin");
        wg.done();
        (0..3).for_each(|_| yield_now());
    });
    let gs = made(&records);
    let done = after(&records, "begin");
    let woke = done.iter().find_map(|r| match &r.event {
        Event::WgAdd { delta: -1, counter: 0, woke, .. } => Some(woke.clone()),
        _ => None,
    });
    assert_eq!(woke, Some(gs.clone()));
    let order: Vec<GId> = started(done).into_iter().filter(|g| *g != GId(1)).collect();
    assert_eq!(order, [gs[3], gs[0], gs[1], gs[2]], "each took the slot from the one before");
}

#[test]
fn r95_wait_at_zero_does_not_park() {
    let mut passed = 0;
    let mut waits = on_one_p(|| WaitGroup::new().wait());
    waits.retain(|r| matches!(r.event, Event::GoPark { .. } | Event::WgPass { .. }));
    assert_eq!(waits.len(), 1);
    every_record(|_, record| passed += u32::from(matches!(record.event, Event::WgAdd { .. })));
    assert!(passed > 0);
}
