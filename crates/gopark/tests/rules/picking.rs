//! R23 to R26: which goroutine runs next.

use std::collections::HashSet;

use gopark::trace::Event;
use gopark::trace::ids::{GId, PId};
use gopark::trace::record::Record;
use gopark::trace::rule::Rule;
use gopark::trace::words::{GlobalWhy, Queue};
use gopark::{chan, go, lab, yield_now};

use crate::runs::{every_record, on_one_p, on_one_p_from_tick};

/// Main keeps the ring of one P full of two goroutines for ever, each of which wakes the next, while
/// a third yields. Only every 61st tick lets it in.
fn busy_ring(start_tick: u32, rounds: u32) -> Vec<Record> {
    on_one_p_from_tick(start_tick, move || {
        let (mains, main) = chan(0);
        let (left, lefts) = chan(0);
        let (right, rights) = chan(0);
        drop(go(move || lefts.iter().for_each(|()| mains.send(()))));
        drop(go(move || rights.iter().for_each(drop::<()>)));
        drop(go(|| {
            loop {
                yield_now()
            }
        }));
        // All three have come to where they stay.
        yield_now();
        for _ in 0..rounds {
            // `left` is displaced by `right` into the ring, starts from there, and wakes main.
            left.send(());
            right.send(());
            main.recv();
        }
    })
}

#[test]
fn r23_every_61st_tick_the_global_queue_goes_first() {
    let records = busy_ring(1, 400);
    let mut ticks = Vec::new();
    let mut board_had_others = 0;
    crate::runs::follow(&records, |board, record| {
        if let Event::GlobalGet { gs, why: GlobalWhy::Every61, p, .. } = &record.event {
            assert_eq!(gs.len(), 1, "exactly one");
            let before = board.p(*p);
            assert_eq!(before.tick % 61, 0, "tick {}", before.tick);
            let size = board.global.len() as u32;
            let rule = Rule::GlobalQueueEvery61 { tick: before.tick, global: size };
            assert_eq!(record.rule, Some(rule));
            board_had_others += u32::from(before.slot.is_some() || !before.ring.is_empty());
            ticks.push(before.tick);
        }
    });
    // Every multiple of 61 was used, and nothing else let it in while the others were busy.
    let all: Vec<u32> = (1..=ticks.len() as u32).map(|n| n * 61).collect();
    assert_eq!(ticks, all);
    assert!(ticks.len() >= 6, "{ticks:?}");
    assert_eq!(board_had_others, ticks.len() as u32, "slot or ring had somebody each time");
}

#[test]
fn r23_in_every_run_the_61st_tick_asks_the_global_queue_if_there_is_somebody() {
    let (mut asked, mut steals) = (0, HashSet::new());
    every_record(|board, record| match record.event {
        Event::RunStart { .. } => steals.clear(),
        // It asked before it began to look at others.
        Event::StealTry { .. } => drop(steals.insert(record.actor.m)),
        Event::GoStart { from, .. } if !steals.remove(&record.actor.m) => {
            let tick = board.p(record.actor.p.expect("it runs on a P")).tick;
            if tick % 61 == 0 && from != Queue::Hand {
                assert!(board.global.is_empty(), "tick {tick}: the global queue was not asked");
            }
            asked += u32::from(tick > 0 && tick % 61 == 0 && from == Queue::Hand);
        }
        _ => {}
    });
    assert!(asked > 5, "{asked}");
}

#[test]
fn r24_the_tick_counts_every_start_but_those_from_the_slot() {
    let (mut inherited, mut counted) = (0, 0);
    every_record(|board, record| {
        let Event::GoStart { from, tick, .. } = record.event else { return };
        let p = record.actor.p.expect("it runs on a P");
        let own_slot = from == Queue::Slot(p);
        assert_eq!(tick, board.p(p).tick + u32::from(!own_slot), "from {from}");
        *(if own_slot { &mut inherited } else { &mut counted }) += 1;
    });
    assert!(inherited > 1_000 && counted > 1_000, "{inherited} and {counted}");
}

#[test]
fn r25_the_slot_comes_before_the_ring_and_the_ring_is_first_in_first_out() {
    let (mut slots, mut rings) = (0, 0);
    every_record(|board, record| {
        let Event::GoStart { g, from, .. } = record.event else { return };
        let p = record.actor.p.expect("it runs on a P");
        match from {
            Queue::Slot(slot) => {
                assert_eq!(slot, p, "nobody runs from a foreign slot");
                slots += 1;
            }
            Queue::Ring(ring) => {
                assert_eq!(ring, p, "nobody runs from a foreign ring");
                assert_eq!(board.p(p).slot, None, "the slot comes first");
                assert_eq!(board.p(p).ring.front(), Some(&g), "the oldest comes first");
                rings += 1;
            }
            _ => {}
        }
    });
    assert!(slots > 1_000 && rings > 100, "{slots} and {rings}");
}

#[track_caller]
fn assert_batch(size: u32, procs: u32, record: &Record, p: PId, gs: &[GId], left: u32) {
    let share = size.min(128).min(size / procs + 1);
    assert_eq!(gs.len() as u32, share, "of {size} on {procs} Ps");
    assert_eq!(left, size - share);
    assert_eq!(record.rule, Some(Rule::GlobalBatch { size, procs, taken: share }));
    assert_eq!(record.actor.p.unwrap_or(p), p);
}

#[test]
fn r26_a_batch_is_the_share_of_a_p_and_at_most_128() {
    let batches_of = |procs: usize, goroutines: usize| {
        let memory = gopark::sink::Memory::default();
        lab(2).procs(procs).unwatched().record(memory.clone()).run(move || {
            let (told, done) = chan(0);
            for _ in 0..goroutines {
                let told = told.clone();
                drop(go(move || {
                    (0..4).for_each(|_| yield_now());
                    told.send(());
                }));
            }
            assert_eq!(done.iter().take(goroutines).count(), goroutines);
        });
        let (mut sizes, mut last) = (Vec::new(), None);
        crate::runs::follow(&memory.records(), |board, record| {
            if let Some((g, m)) = last.take() {
                // The first of the batch runs at once.
                let Event::GoStart { g: ran, from, .. } = record.event else { return };
                if record.actor.m == m {
                    assert_eq!((ran, from), (g, Queue::Hand));
                }
            }
            let Event::GlobalGet { p, gs, why, left } = &record.event else { return };
            if *why == GlobalWhy::Every61 {
                return;
            }
            let size = board.global.len() as u32;
            assert_batch(size, procs as u32, record, *p, gs, *left);
            assert!(board.p(*p).slot.is_none() && board.p(*p).ring.is_empty());
            sizes.push(gs.len());
            last = Some((gs[0], record.actor.m));
        });
        sizes
    };
    assert!(batches_of(1, 500).contains(&128), "at most 128");
    assert!(batches_of(3, 500).iter().any(|n| (2..128).contains(n)), "a share");
    assert!(batches_of(4, 3).contains(&1), "one of few");
}

#[test]
fn r26_the_rest_of_a_batch_goes_to_the_ring_in_order() {
    let records = on_one_p(|| {
        (0..5).for_each(|_| drop(go(yield_now)));
        (0..3).for_each(|_| yield_now());
    });
    let mut batches = 0;
    let mut expected = None;
    crate::runs::follow(&records, |board, record| {
        if let Some((p, rest)) = expected.take() {
            let p: PId = p;
            let rest: Vec<GId> = rest;
            assert!(board.p(p).ring.iter().eq(&rest));
            batches += u32::from(!rest.is_empty());
        }
        if let Event::GlobalGet { p, gs, .. } = &record.event {
            expected = Some((*p, gs[1..].to_vec()));
        }
    });
    assert!(batches > 0);
}
