//! A history: the world at any event, whatever was packed, spilled or thinned out.

use gopark_model::{History, Limits, World};
use gopark_trace::Record;
use proptest::prelude::*;

#[path = "support/big.rs"]
mod big;

#[path = "support/dice.rs"]
mod dice;

#[path = "support/script.rs"]
mod script;

#[path = "support/walk.rs"]
mod walk;

use dice::Dice;

/// A failing case prints its values; files of old ones are not kept.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(16) }
}

/// Every block goes to the file, and few checkpoints are kept.
const TIGHT: Limits = Limits { packed: 0, checkpoints: 40_000 };

fn history(records: &[Record], limits: Limits) -> History {
    let mut history = History::with_limits(limits);
    records.iter().cloned().for_each(|record| history.push(record));
    history
}

/// Seeks and says what is there, having looked at what it cost.
#[track_caller]
fn world_at(history: &mut History, i: u64) -> World {
    let world = history.seek(i).clone();
    assert_eq!(history.at(), i);
    let (replayed, spacing) = (history.replayed(), history.spacing());
    assert!(replayed <= spacing, "{replayed} events replayed, {spacing} between checkpoints");
    world
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_world_at_any_event_is_the_fold_of_those_before(seed: u64, tight: bool) {
        let records = walk::records(seed, 3, 5_000);
        let limits = if tight { TIGHT } else { Limits::default() };
        let mut history = history(&records, limits);
        prop_assert_eq!(history.spilled() > 0, tight);
        let mut dice = Dice::new(seed);
        let mut places: Vec<u64> = (0..12).map(|_| dice.roll(5_000)).collect();
        places.extend([0, 1, 1023, 1024, 1025, 2048, history.len()]);
        let mut folds = std::collections::BTreeMap::new();
        let mut world = World::new();
        for n in 0..=history.len() {
            if places.contains(&n) {
                folds.insert(n, world.clone());
            }
            if let Some(record) = records.get(n as usize) {
                world.apply(record);
            }
        }
        // In no order, so from before and from behind, from near and from far.
        for &i in places.iter().chain(places.iter().rev()) {
            prop_assert_eq!(&world_at(&mut history, i), &folds[&i]);
        }
    }

    #[test]
    fn back_and_forth_is_the_same_world(seed: u64, back in 1u64..2_000) {
        let mut history = history(&walk::records(seed, 2, 3_000), TIGHT);
        let from = history.len() - Dice::new(seed).roll(900);
        let there = world_at(&mut history, from);
        world_at(&mut history, from - back);
        prop_assert_eq!(world_at(&mut history, from), there);
    }

    #[test]
    fn events_come_back_as_they_were(seed: u64, tight: bool) {
        let records = walk::records(seed, 4, 4_000);
        let history = history(&records, if tight { TIGHT } else { Limits::default() });
        let len = history.len();
        for i in (0..len).step_by(37).chain([1023, 1024, len - 1]) {
            prop_assert_eq!(history.record(i), records.get(i as usize).cloned());
        }
        prop_assert_eq!(history.record(len), None);
        prop_assert_eq!(history.record(u64::MAX), None);
        prop_assert_eq!(&history.records(1_000, 2_100), &records[1_000..2_100]);
        prop_assert_eq!(&history.records(0, u64::MAX), &records);
        prop_assert_eq!(history.records(5, 5), []);
        prop_assert_eq!(history.records(6, 5), []);
        prop_assert_eq!(history.records(u64::MAX, u64::MAX), []);
    }

    #[test]
    fn any_events_can_be_sought_in(seed: u64) {
        let mut dice = Dice::new(seed);
        let records: Vec<Record> = (0..2_500)
            .map(|_| gopark_trace::wire::Wire::arbitrary(&mut |n| dice.roll(n)))
            .collect();
        let mut history = history(&records, TIGHT);
        for _ in 0..6 {
            let i = dice.roll(2_501);
            let fold = World::from_iter(records[..i as usize].iter().cloned());
            prop_assert_eq!(&world_at(&mut history, i), &fold);
        }
    }

    #[test]
    fn steps_go_from_end_to_end_and_back(seed: u64, procs in 1u32..5) {
        let history = history(&walk::records(seed, procs, 1_500), Limits::default());
        let len = history.len();
        let forth: Vec<u64> =
            std::iter::successors(history.next_decision(0), |&at| history.next_decision(at)).collect();
        let mut back: Vec<u64> = std::iter::successors(Some(len + 1), |&at| {
            (at > 0).then(|| history.prev_decision(at))
        })
        .skip(1)
        .collect();
        prop_assert_eq!(back.pop(), Some(0), "the beginning is reached");
        back.reverse();
        prop_assert_eq!(&forth, &back);
        let decisions = history.records(0, len).iter().filter(|r| r.is_decision()).count();
        prop_assert_eq!(forth.len(), decisions, "one step for each decision");

        let (mut next_before, mut prev_before) = (0, 0);
        for x in 0..=len + 2 {
            let (next, prev) = (history.next_decision(x), history.prev_decision(x));
            prop_assert!(next.is_none_or(|next| next > x && next <= len));
            prop_assert!(prev < x || x == 0 && prev == 0);
            if let Some(next) = next {
                prop_assert!(history.prev_decision(next) <= x);
                prop_assert!(next >= next_before);
                next_before = next;
            }
            prop_assert!(history.next_decision(prev).is_none_or(|next| next >= x));
            prop_assert!(prev >= prev_before);
            prev_before = prev;
            prop_assert!(next.is_some() || forth.last().is_none_or(|&last| last <= x));
        }
    }
}

#[test]
fn a_step_is_a_decision_and_what_happens_with_it() {
    let mut s = script::Script::lab(1);
    s.go(2);
    s.wait(100);
    let before = s.records.len() as u64;
    s.sleep(1_000);
    let parked = s.records.len() as u64;
    s.wait(100);
    s.find();
    let found = s.records.len() as u64;
    let history = history(&s.records, Limits::default());
    // The park and its timer are one step, at one time on one M.
    assert_eq!(parked - before, 2);
    assert_eq!(history.next_decision(before), Some(parked));
    assert_eq!(history.next_decision(before + 1), Some(parked), "from inside to its end");
    assert_eq!(history.next_decision(parked), Some(found));
    assert_eq!(history.next_decision(found), None);
    assert_eq!(history.prev_decision(found), parked);
    assert_eq!(history.prev_decision(parked), history.prev_decision(before + 1));
}

#[test]
fn following_the_end_replays_little() {
    let mut history = History::new();
    for (n, record) in walk::records(5, 2, 6_000).into_iter().enumerate() {
        history.push(record);
        if n % 10 == 0 {
            history.seek(u64::MAX);
            assert_eq!(history.world(), history.end());
            assert!(history.replayed() <= 10);
        }
    }
}

/// `GOPARK_ACCEPT=1` asks for the size that was promised; otherwise a smaller one with less memory.
fn size() -> (u64, u64, Limits) {
    if std::env::var_os("GOPARK_ACCEPT").is_some() {
        (1_000_000, 100_000, Limits::default())
    } else {
        (60_000, 5_000, Limits { packed: 200_000, checkpoints: 4 << 20 })
    }
}

#[test]
fn many_events_of_many_goroutines_stay_in_bounds() {
    let (events, goroutines, limits) = size();
    let mut history = History::with_limits(limits);
    let mut most = 0;
    big::big(events, goroutines, |record| {
        history.push(record);
        most = most.max(if history.len().is_multiple_of(1_000) {
            history.checkpoint_bytes()
        } else {
            0
        });
    });
    // Between two checkpoints what changes is not counted yet.
    assert!(most <= limits.checkpoints, "{most} bytes of checkpoints");
    assert!(most > limits.checkpoints / 100, "{most} bytes: nothing is counted");
    assert!(history.spacing() <= 4_096, "{} between two checkpoints", history.spacing());
    let mut dice = Dice::new(1);
    for _ in 0..200 {
        let i = dice.roll(events);
        let counts = world_at(&mut history, i).counts();
        let alive = counts.runnable + counts.running + counts.waiting;
        assert!(alive <= goroutines, "{alive} goroutines at {i}");
        assert!(i < 3 * goroutines + 3 || alive == goroutines, "{alive} goroutines at {i}");
    }
}

#[test]
fn a_small_limit_thins_the_checkpoints_out() {
    let mut history = History::with_limits(Limits { packed: usize::MAX, checkpoints: 300_000 });
    big::big(30_000, 1_000, |record| history.push(record));
    assert!(history.spacing() > gopark_model::history::SPACING);
    assert!(history.checkpoint_bytes() <= 300_000);
    assert_eq!(history.spilled(), 0);
    let mut at = 1;
    for _ in 0..50 {
        at = at * 48_271 % history.len();
        assert_eq!(world_at(&mut history, at).seq(), at);
    }
}
