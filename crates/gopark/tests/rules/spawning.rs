//! R10 to R17: where a goroutine goes when it is made, made ready, or gives way.

use std::collections::HashMap;

use gopark::trace::Event;
use gopark::trace::ids::{GId, PId};
use gopark::trace::rule::Rule;
use gopark::trace::words::{Queue, YieldKind};
use gopark::{chan, go, log, park_forever, yield_now};

use crate::runs::{after, events, every_record, every_record_on, follow, made, on_one_p, started};

const P0: PId = PId(0);

#[test]
fn r10_go_puts_the_new_one_into_the_slot_and_its_predecessor_behind_the_ring() {
    let records = on_one_p(|| {
        log("begin");
        drop(go(|| ()));
        drop(go(|| ()));
        drop(go(|| ()));
        log("the spawner goes on");
    });
    let gs = made(&records);
    let create = |g| Event::GoCreate { g, parent: Some(GId(1)), to: Queue::Slot(P0) };
    let kick = |g| Event::SlotKick { p: P0, g, to: Queue::Ring(P0) };
    let moves: Vec<Event> = events(after(&records, "begin"))
        .into_iter()
        .filter(|event| {
            matches!(event, Event::GoCreate { .. } | Event::SlotKick { .. } | Event::UserLog { .. })
        })
        .collect();
    let goes_on = Event::UserLog { text: "the spawner goes on".to_owned() };
    assert_eq!(
        moves,
        [create(gs[0]), kick(gs[0]), create(gs[1]), kick(gs[1]), create(gs[2]), goes_on]
    );
    let actors = after(&records, "begin").iter().map(|r| r.actor.g);
    assert!(actors.into_iter().all(|g| g == Some(GId(1))), "main does all of it");
}

/// In which order `n` goroutines start that main makes before it parks.
fn order_of_spawned(n: usize) -> Vec<usize> {
    let records = on_one_p(move || {
        let (told, done) = chan(n);
        for _ in 0..n {
            let told = told.clone();
            drop(go(move || told.send(())));
        }
        assert_eq!(done.iter().take(n).count(), n);
    });
    let numbers: HashMap<GId, usize> =
        made(&records).into_iter().enumerate().map(|(i, g)| (g, i + 1)).collect();
    started(&records).into_iter().filter_map(|g| numbers.get(&g).copied()).collect()
}

#[test]
fn r11_n_spawns_run_in_order() {
    for n in [1, 2, 3, 100, 256, 257] {
        // The newest from the slot, then the others from the ring, oldest first.
        let order: Vec<usize> = std::iter::once(n).chain(1..n).collect();
        assert_eq!(order_of_spawned(n), order, "{n} goroutines");
    }
}

#[test]
fn r12_overflow_moves_129_to_the_global_queue() {
    let records = on_one_p(|| {
        (0..258).for_each(|_| drop(go(|| ())));
        log("made");
        (0..600).for_each(|_| yield_now());
    });
    let gs = made(&records);
    let overflows: Vec<_> = records
        .iter()
        .filter_map(|r| match &r.event {
            Event::RingOverflow { p, gs } => Some((*p, gs.clone(), r.rule.clone())),
            _ => None,
        })
        .collect();
    // The 257th was in the slot when the 258th came; the ring held the first 256.
    let moved: Vec<GId> = gs[..128].iter().chain([&gs[256]]).copied().collect();
    assert_eq!(overflows, [(P0, moved.clone(), Some(Rule::RingFull { ring: 256, moved: 129 }))]);
    let mut checked = false;
    follow(&records, |board, record| {
        if matches!(&record.event, Event::UserLog { text } if text == "made") {
            assert_eq!(board.p(P0).slot, Some(gs[257]), "the newest stays in the slot");
            assert!(board.p(P0).ring.iter().eq(&gs[128..256]), "the younger half stays");
            assert!(board.global.iter().eq(&moved), "in the order they came");
            checked = true;
        }
    });
    assert!(checked);
    let ran = started(&records).into_iter().filter(|g| gs.contains(g)).count();
    assert_eq!(ran, 258, "all of them ran, once");
}

#[test]
fn r13_a_woken_goroutine_goes_to_the_slot_of_its_waker() {
    let mut parked_on = HashMap::new();
    let mut elsewhere = 0;
    every_record_on(&[2, 4, 8], |_, record| match record.event {
        Event::RunStart { .. } => parked_on.clear(),
        Event::GoPark { g, .. } => drop(parked_on.insert(g, record.actor.p)),
        Event::GoReady { g, to } => {
            let waker = record.actor.p.expect("who wakes has a P");
            assert_eq!(to, Queue::Slot(waker));
            elsewhere += u32::from(parked_on.get(&g) != Some(&Some(waker)));
        }
        _ => {}
    });
    assert!(elsewhere > 100, "only {elsewhere} were woken on another P than they parked on");
}

#[test]
fn r14_of_two_woken_the_second_has_the_slot_and_the_first_is_last_in_the_ring() {
    let records = on_one_p(|| {
        let (first, firsts) = chan(0);
        let (second, seconds) = chan(0);
        drop(go(move || firsts.recv()));
        drop(go(move || seconds.recv()));
        // Both run and park; then one that only waits in the ring.
        yield_now();
        drop(go(|| ()));
        drop(go(|| ()));
        log("begin");
        first.send(());
        second.send(());
        log("end");
        park_until_all_ran();
    });
    let gs = made(&records);
    let (first, second, third, fourth) = (gs[0], gs[1], gs[2], gs[3]);
    let mut checked = false;
    follow(&records, |board, record| {
        if matches!(&record.event, Event::UserLog { text } if text == "end") {
            assert_eq!(board.p(P0).slot, Some(second));
            assert!(board.p(P0).ring.iter().eq(&[third, fourth, first]));
            checked = true;
        }
    });
    assert!(checked);
    let order: Vec<GId> =
        started(after(&records, "end")).into_iter().filter(|g| *g != GId(1)).collect();
    assert_eq!(order, [second, third, fourth, first]);
}

fn park_until_all_ran() {
    (0..5).for_each(|_| yield_now());
}

#[test]
fn r15_gosched_goes_behind_everybody_to_the_global_queue() {
    let mut yields = 0;
    every_record(|_, record| {
        if let Event::GoYield { kind: YieldKind::Gosched, to, .. } = record.event {
            assert_eq!(to, Queue::Global);
            yields += 1;
        }
    });
    assert!(yields > 500, "{yields} yields");
    // On one P: whoever yields runs again after all that are in slot and ring.
    let records = on_one_p(|| {
        (0..3).for_each(|_| drop(go(|| ())));
        log("begin");
        yield_now();
    });
    let gs = made(&records);
    assert_eq!(started(after(&records, "begin")), [gs[2], gs[0], gs[1], GId(1)]);
}

#[test]
fn r17_who_hands_a_lock_over_goes_to_its_own_ring_and_leaves_the_slot_alone() {
    let mut handed = 0;
    for seed in 0..10 {
        let records = crate::syncing::starving(seed);
        follow(&records, |board, record| {
            if let Event::GoYield { g, kind: YieldKind::Handoff, to } = record.event {
                let p = record.actor.p.expect("it runs on a P");
                assert_eq!(to, Queue::Ring(p), "{g}");
                assert!(board.p(p).slot.is_some(), "the new owner waits in the slot");
                handed += 1;
            }
        });
    }
    assert!(handed > 20, "{handed} were handed over");
}

#[test]
fn every_goroutine_is_in_one_place_and_comes_from_where_it_was() {
    // The board asserts it at each event.
    let (mut ended, mut made) = (0, 0);
    every_record(|_, record| match record.event {
        Event::GoCreate { .. } => made += 1,
        Event::GoExit { .. } => ended += 1,
        _ => {}
    });
    // All but main, of which there is one in each run.
    assert_eq!(made - ended, 5 * 8);
    // And with rings that overflow on several Ps.
    let memory = gopark::sink::Memory::default();
    gopark::lab(3).procs(3).unwatched().record(memory.clone()).run(|| {
        let (told, done) = chan(0);
        for _ in 0..700 {
            let told = told.clone();
            drop(go(move || {
                yield_now();
                told.send(());
            }));
        }
        drop(go(|| park_forever()));
        assert_eq!(done.iter().take(700).count(), 700);
    });
    let mut overflows = 0;
    follow(&memory.records(), |_, record| {
        overflows += u32::from(matches!(record.event, Event::RingOverflow { .. }));
    });
    assert!(overflows > 0);
}
