//! One order made of many rings: nothing is lost, every structure's numbers are in order, and after
//! a loss the merger says so until a snapshot comes.

use std::collections::{BTreeMap, HashMap};

use gopark_trace::merge::{ENDED_MAX, Merger};
use gopark_trace::ring::{Entry, Group, Stamp, Structure};
use gopark_trace::{Actor, CellId, Event, ExitKind, GId, MId, Nanos, PId, Record, Snapshot};
use proptest::prelude::*;

#[path = "support/dice.rs"]
mod dice;

#[path = "support/execution.rs"]
mod execution;

use dice::Dice;
use execution::{Execution, Step};

/// A failing case prints its values; files of old ones are not kept.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) }
}

/// A merger, and what came out of it.
#[derive(Debug, Default)]
struct Bench {
    merger: Merger,
    out: Vec<Record>,
}

impl Bench {
    fn drain(&mut self, watermark: u64) {
        self.merger.drain(Nanos(watermark), &mut self.out);
    }

    fn finish(&mut self) {
        self.merger.finish(&mut self.out);
        assert_eq!(self.merger.held(), 0, "nothing is held back");
    }

    fn rebase(&mut self, base: &BTreeMap<Structure, u64>, time: Nanos) {
        let base: Vec<_> = base.iter().map(|(&s, &n)| (s, n)).collect();
        self.merger.rebase(&base, time, Box::default(), &mut self.out);
        assert!(self.merger.known());
    }

    /// Feeds steps as a drain does: some of each M's, in any order of Ms, emitting in between.
    fn feed(&mut self, steps: &[Step], drains: bool, dice: &mut Dice) {
        let mut lanes: BTreeMap<MId, std::collections::VecDeque<&Group>> = BTreeMap::new();
        for step in steps {
            lanes.entry(step.m).or_default().push_back(&step.group);
        }
        while !lanes.is_empty() {
            let at = dice.roll(lanes.len() as u64) as usize;
            let m = *lanes.keys().nth(at).expect("it is below the length");
            let lane = lanes.get_mut(&m).expect("it is a key");
            for group in lane.drain(..lane.len().min(1 + dice.roll(5) as usize)) {
                self.merger.feed(m, group.clone());
            }
            lanes.retain(|_, lane| !lane.is_empty());
            if drains && dice.roll(3) == 0 {
                self.drain(dice.roll(400_000));
            }
        }
    }

    /// The steps that came out, and those after the snapshot if there is one; and their events.
    fn steps(&self) -> Vec<usize> {
        let mut steps: Vec<_> = self.out.iter().filter_map(step_of).collect();
        steps.dedup();
        steps
    }

    fn gaps(&self) -> u64 {
        let lost = |r: &Record| match r.event {
            Event::Gap { lost, .. } => lost,
            _ => 0,
        };
        self.out.iter().map(lost).sum()
    }

    /// Where the snapshot came out.
    fn snapshot(&self) -> usize {
        let is = |r: &Record| matches!(r.event, Event::Snapshot { .. });
        self.out.iter().position(is).expect("there is a snapshot")
    }

    /// What holds for everything that ever comes out.
    #[track_caller]
    fn check_records(&self) {
        for (i, record) in self.out.iter().enumerate() {
            assert_eq!(record.seq, i as u64);
        }
        assert!(self.out.is_sorted_by_key(|r| r.time), "times never go back");
        assert_eq!(self.merger.seq(), self.out.len() as u64);
    }
}

fn step_of(record: &Record) -> Option<usize> {
    match record.event {
        Event::CellWrite { value, .. } => Some(value as usize),
        _ => None,
    }
}

fn events(steps: &[Step]) -> u64 {
    steps.iter().map(|s| s.group.entries.len() as u64).sum()
}

/// Each M's steps are in its own order.
#[track_caller]
fn check_lanes(order: &[usize], steps: &[Step]) {
    let mut last = HashMap::new();
    for &step in order {
        let before = last.insert(steps[step].m, step);
        assert!(before < Some(step), "{:?}: {before:?} before {step}", steps[step].m);
    }
}

/// Each structure's numbers come one after another, from where `next` says.
#[track_caller]
fn check_numbers(order: &[usize], steps: &[Step], mut next: BTreeMap<Structure, u64>) {
    for &step in order {
        for stamp in &steps[step].group.stamps {
            let next = next.entry(stamp.structure).or_insert(0);
            assert_eq!(*next, stamp.number, "{stamp} in step {step}");
            *next = stamp.end();
        }
    }
}

/// Loses some steps, as full rings do: the next group of that M says so, or the end of the ring.
fn lose(steps: &[Step], dice: &mut Dice) -> (Vec<Step>, BTreeMap<MId, u64>, u64) {
    let (mut kept, mut pending, mut total) = (Vec::new(), BTreeMap::<MId, u64>::new(), 0);
    for step in steps {
        if dice.roll(20) == 0 {
            *pending.entry(step.m).or_default() += step.group.entries.len() as u64;
            total += step.group.entries.len() as u64;
            continue;
        }
        let lost = pending.remove(&step.m).unwrap_or(0);
        kept.push(Step { m: step.m, group: Group { lost, ..step.group.clone() } });
    }
    (kept, pending, total)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_execution_comes_back_in_order(seed: u64, ms in 1u64..7, len in 0usize..300) {
        let mut run = Execution::new(seed, ms);
        run.run(len);
        let mut bench = Bench::default();
        bench.feed(&run.steps, true, &mut Dice::new(!seed));
        bench.finish();
        let order = bench.steps();
        prop_assert_eq!(order.len(), len, "each step comes out once, its events together");
        prop_assert_eq!(bench.out.len() as u64, events(&run.steps));
        check_lanes(&order, &run.steps);
        check_numbers(&order, &run.steps, BTreeMap::new());
        bench.check_records();
        prop_assert_eq!(bench.merger.broken(), 0);
        prop_assert!(bench.merger.known());
    }

    /// Losses without a snapshot: the rest comes out by time, and every lost event is counted.
    #[test]
    fn losses_are_counted_and_the_rest_comes_out(seed: u64, ms in 1u64..7, len in 0usize..300) {
        let mut run = Execution::new(seed, ms);
        run.run(len);
        let mut dice = Dice::new(!seed);
        let (kept, pending, lost) = lose(&run.steps, &mut dice);
        let mut bench = Bench::default();
        bench.feed(&kept, true, &mut dice);
        pending.iter().for_each(|(&m, &lost)| bench.merger.gap(m, lost));
        bench.finish();
        let order = bench.steps();
        prop_assert_eq!(order.len(), kept.len());
        prop_assert_eq!(bench.gaps(), lost);
        check_lanes(&order, &run.steps);
        bench.check_records();
        prop_assert_eq!(bench.merger.broken(), 0, "what was lost breaks nothing");
        prop_assert_eq!(bench.merger.known(), lost == 0);
        // Up to the first gap the numbers are obeyed.
        let gap = bench.out.iter().position(|r| matches!(r.event, Event::Gap { .. }));
        let known = &bench.out[..gap.unwrap_or(bench.out.len())];
        let mut known: Vec<_> = known.iter().filter_map(step_of).collect();
        known.dedup();
        check_numbers(&known, &run.steps, BTreeMap::new());
    }

    /// The world is stopped in the middle, with or without losses before; some of what was before
    /// may be fed late, some of what comes after early.
    #[test]
    fn a_snapshot_begins_anew(
        seed: u64,
        ms in 1u64..7,
        before in 0usize..150,
        after in 0usize..150,
        losses: bool,
        late: bool,
    ) {
        let mut run = Execution::new(seed, ms);
        run.run(before);
        let (time, base) = (run.stop(), run.base.clone());
        run.run(after);
        let (old, new) = run.steps.split_at(before);
        let mut dice = Dice::new(!seed);
        let (kept, pending, _) =
            if losses { lose(old, &mut dice) } else { (old.to_vec(), BTreeMap::new(), 0) };
        // What is fed late must be the end of each M's, so a cut of the whole does.
        let cut = if late { dice.roll(kept.len() as u64 + 1) as usize } else { kept.len() };
        let early = if late { 0 } else { dice.roll(new.len() as u64 + 1) as usize };

        let mut bench = Bench::default();
        bench.feed(&kept[..cut], true, &mut dice);
        if !late {
            pending.iter().for_each(|(&m, &lost)| bench.merger.gap(m, lost));
        }
        bench.feed(&new[..early], false, &mut dice);
        bench.rebase(&base, time);
        // A loss that is told late would be taken for a new one.
        let quiet = |s: &Step| Step { m: s.m, group: Group { lost: 0, ..s.group.clone() } };
        let rest: Vec<_> = kept[cut..].iter().chain(&new[early..]).map(quiet).collect();
        bench.feed(&rest, true, &mut dice);
        bench.finish();
        bench.check_records();

        let snapshot = bench.snapshot();
        let order: Vec<_> = bench.out[snapshot..].iter().filter_map(step_of).collect();
        // Groups without numbers change nothing the snapshot has; late ones come out after it.
        let mut newer: Vec<_> = order.iter().copied().filter(|&step| step >= before).collect();
        newer.dedup();
        prop_assert!(order.iter().all(|&s| s >= before || run.steps[s].group.stamps.is_empty()));
        prop_assert_eq!(newer.len(), after, "everything after the snapshot comes out");
        check_lanes(&newer, &run.steps);
        check_numbers(&newer, &run.steps, base);
        prop_assert_eq!(bench.merger.broken(), 0);
        prop_assert!(bench.merger.known());
        let older = bench.out[..snapshot].iter().filter_map(step_of);
        prop_assert!(older.clone().all(|step| step < before), "and nothing of it before");
        if !late {
            prop_assert_eq!(bench.merger.stale(), 0);
            prop_assert_eq!(older.count() as u64 + bench.gaps(), events(old));
        }
        if !losses && !late {
            prop_assert_eq!(bench.gaps(), 0, "what can be brought in order is not dropped");
        }
    }

    /// Numbers that are no execution's: nothing is lost, nothing hangs, and the damage is counted.
    #[test]
    fn wrong_numbers_are_counted(seed: u64, len in 1usize..120, limit in 0usize..40) {
        let mut dice = Dice::new(seed);
        let mut bench = Bench { merger: Merger::holding(limit), out: Vec::new() };
        for value in 0..len {
            let number = dice.roll(6);
            let mut stamp = |_| Stamp {
                structure: Structure::P(PId(dice.roll(2) as u32)),
                number,
                len: dice.roll(3) as u32,
            };
            let stamps = (0..value % 3).map(&mut stamp).collect();
            let group = group(dice.roll(100), value as i64, stamps);
            bench.merger.feed(MId(dice.roll(4) as u32), group);
            if dice.roll(4) == 0 {
                bench.drain(200);
                prop_assert!(bench.merger.held() <= limit);
            }
        }
        bench.finish();
        let mut order = bench.steps();
        order.sort_unstable();
        prop_assert_eq!(order, (0..len).collect::<Vec<_>>());
        bench.check_records();
    }
}

/// A group of one event.
fn group(time: u64, value: i64, stamps: Vec<Stamp>) -> Group {
    let event = Event::CellWrite { cell: CellId(0), value };
    let entry = Entry { actor: Actor::default(), site: None, rule: None, event };
    Group { lost: 0, time: Nanos(time), stamps, entries: vec![entry] }
}

fn p(number: u64) -> Stamp {
    Stamp::one(Structure::P(PId(0)), number)
}

fn sched(number: u64) -> Stamp {
    Stamp::one(Structure::Sched, number)
}

#[test]
fn time_decides_between_groups_that_no_number_binds() {
    let mut bench = Bench::default();
    bench.merger.feed(MId(0), group(30, 2, vec![]));
    bench.merger.feed(MId(1), group(10, 0, vec![]));
    bench.merger.feed(MId(1), group(40, 3, vec![]));
    bench.merger.feed(MId(2), group(20, 1, vec![]));
    bench.finish();
    assert_eq!(bench.steps(), [0, 1, 2, 3]);
}

#[test]
fn numbers_go_before_time_and_times_never_go_back() {
    let mut bench = Bench::default();
    bench.merger.feed(MId(0), group(10, 1, vec![p(1)]));
    bench.drain(100);
    assert_eq!(bench.steps(), [0; 0], "number 0 has not come");
    bench.merger.feed(MId(1), group(50, 0, vec![p(0)]));
    bench.drain(100);
    assert_eq!(bench.steps(), [0, 1]);
    assert_eq!(bench.out[1].time, Nanos(50), "raised to that of its predecessor");
    assert_eq!(bench.merger.broken(), 0);
}

#[test]
fn nothing_later_than_the_watermark_comes_out() {
    let mut bench = Bench::default();
    bench.merger.feed(MId(0), group(10, 0, vec![p(0)]));
    bench.merger.feed(MId(0), group(21, 2, vec![p(1)]));
    bench.merger.feed(MId(1), group(20, 1, vec![]));
    bench.drain(9);
    assert_eq!(bench.steps(), [0; 0]);
    bench.drain(20);
    assert_eq!(bench.steps(), [0, 1]);
    bench.drain(21);
    assert_eq!(bench.steps(), [0, 1, 2]);
}

#[test]
fn a_range_takes_all_its_numbers() {
    let ring = |number, len| vec![Stamp { structure: Structure::Ring(PId(0)), number, len }];
    let mut bench = Bench::default();
    bench.merger.feed(MId(0), group(1, 2, ring(4, 1)));
    bench.merger.feed(MId(1), group(2, 1, ring(1, 3)));
    bench.merger.feed(MId(2), group(3, 0, ring(0, 1)));
    bench.finish();
    assert_eq!(bench.steps(), [0, 1, 2]);
    assert_eq!(bench.merger.broken(), 0);
}

#[test]
fn numbers_in_a_row_of_one_structure_may_be_in_one_group() {
    let mut bench = Bench::default();
    bench.merger.feed(MId(0), group(9, 0, vec![sched(0), p(0), sched(1)]));
    bench.merger.feed(MId(1), group(1, 1, vec![sched(2)]));
    bench.finish();
    assert_eq!(bench.steps(), [0, 1]);
    assert_eq!(bench.merger.broken(), 0);
}

#[test]
fn a_number_that_never_comes_breaks_the_order_once() {
    let mut bench = Bench::default();
    bench.merger.feed(MId(0), group(10, 0, vec![p(1)]));
    bench.merger.feed(MId(1), group(5, 1, vec![p(2)]));
    bench.merger.feed(MId(1), group(6, 2, vec![p(3)]));
    bench.drain(100);
    assert_eq!(bench.merger.held(), 3, "it may still come");
    bench.finish();
    // By time, number 2 goes first; then number 1 is late.
    assert_eq!(bench.steps(), [1, 2, 0]);
    assert_eq!(bench.merger.broken(), 2);
}

#[test]
fn a_number_given_twice_is_broken() {
    let mut bench = Bench::default();
    bench.merger.feed(MId(0), group(1, 0, vec![p(0)]));
    bench.merger.feed(MId(1), group(2, 1, vec![p(0)]));
    bench.merger.feed(MId(2), group(3, 2, vec![p(1)]));
    bench.finish();
    assert_eq!(bench.steps().len(), 3);
    assert_eq!(bench.merger.broken(), 1);
}

#[test]
fn a_merger_holds_no_more_than_its_limit() {
    let mut bench = Bench { merger: Merger::holding(3), out: Vec::new() };
    for n in 1..=4 {
        bench.merger.feed(MId(0), group(n, n as i64, vec![p(n)]));
    }
    bench.drain(0);
    assert_eq!(bench.merger.held(), 4, "later than the watermark: not its fault");
    bench.drain(10);
    assert_eq!(bench.steps(), [1, 2, 3, 4]);
    assert_eq!(bench.merger.broken(), 1);
}

#[test]
fn a_gap_comes_out_at_its_place_and_frees_what_waits() {
    let mut bench = Bench::default();
    bench.merger.feed(MId(0), group(10, 0, vec![p(0)]));
    let after = Group { lost: 5, ..group(30, 2, vec![p(7)]) };
    bench.merger.feed(MId(0), after);
    bench.merger.feed(MId(1), group(20, 1, vec![p(3)]));
    bench.drain(100);
    let told: Vec<_> = bench.out.iter().map(|r| r.event.name()).collect();
    assert_eq!(told, ["CellWrite", "Gap", "CellWrite", "CellWrite"]);
    assert_eq!(bench.out[1].event, Event::Gap { m: MId(0), lost: 5 });
    assert_eq!(bench.out[1].actor.m, Some(MId(0)));
    assert_eq!(bench.steps(), [0, 1, 2], "by time");
    assert!(!bench.merger.known());
    assert_eq!(bench.merger.broken(), 0);
}

#[test]
fn a_snapshot_gives_the_numbers_to_go_on_from() {
    let mut bench = Bench::default();
    bench.merger.gap(MId(0), 9);
    bench.drain(5);
    let base = BTreeMap::from([(Structure::P(PId(0)), 40), (Structure::Sched, 7)]);
    bench.rebase(&base, Nanos(100));
    bench.merger.feed(MId(0), group(101, 1, vec![p(41), sched(7)]));
    bench.merger.feed(MId(1), group(102, 0, vec![p(40)]));
    bench.merger.feed(MId(1), group(103, 2, vec![Stamp::one(Structure::G(GId(5)), 0)]));
    bench.drain(200);
    assert_eq!(bench.steps(), [0, 1, 2]);
    let told: Vec<_> = bench.out.iter().map(|r| r.event.name()).collect();
    assert_eq!(told, ["Gap", "Snapshot", "CellWrite", "CellWrite", "CellWrite"]);
    assert_eq!(bench.out[1].time, Nanos(100));
}

#[test]
fn what_a_snapshot_has_is_dropped_and_counted() {
    let mut bench = Bench::default();
    bench.merger.gap(MId(0), 9);
    bench.drain(5);
    bench.merger.feed(MId(1), group(90, 0, vec![p(38)]));
    bench.merger.feed(MId(1), group(91, 0, vec![]));
    bench.merger.feed(MId(1), group(92, 0, vec![p(39)]));
    bench.merger.feed(MId(1), group(101, 1, vec![p(40)]));
    let base = BTreeMap::from([(Structure::P(PId(0)), 40)]);
    bench.rebase(&base, Nanos(100));
    bench.merger.feed(MId(2), group(80, 0, vec![p(37)]));
    bench.merger.feed(MId(2), group(102, 2, vec![p(41)]));
    bench.finish();
    assert_eq!(bench.steps(), [1, 2]);
    assert_eq!(bench.out[1].event, Event::Gap { m: MId(1), lost: 3 });
    assert_eq!(bench.out[2].event, Event::Snapshot { state: Box::new(Snapshot::default()) });
    assert_eq!(bench.merger.stale(), 1);
    assert_eq!(bench.merger.broken(), 0);
}

/// No number tells how old it is: the time does.
#[test]
fn what_ended_before_a_snapshot_is_dropped_by_time() {
    let g = |number| vec![Stamp::one(Structure::G(GId(9)), number)];
    let mut bench = Bench::default();
    bench.rebase(&BTreeMap::from([(Structure::P(PId(0)), 40)]), Nanos(100));
    bench.merger.feed(MId(0), group(99, 0, g(4)));
    bench.merger.feed(MId(1), group(100, 1, g(0)));
    bench.finish();
    assert_eq!(bench.steps(), [1]);
    assert_eq!(bench.merger.stale(), 1);
    assert_eq!(bench.merger.broken(), 0);
}

#[test]
fn attaching_begins_with_a_snapshot() {
    let mut bench = Bench::default();
    bench.rebase(&BTreeMap::from([(Structure::P(PId(0)), 1_000)]), Nanos(0));
    bench.merger.feed(MId(3), group(1, 0, vec![p(1_000)]));
    bench.drain(10);
    assert_eq!(bench.steps(), [0]);
    assert_eq!(bench.out[0].event.name(), "Snapshot");
}

/// A thread that saw a goroutine just before its end may say so after it; one that comes when
/// ENDED_MAX others have ended does not find its number any more.
#[test]
fn ended_goroutines_keep_their_number_for_a_while() {
    let g = |g, number| vec![Stamp::one(Structure::G(GId(g)), number)];
    let exit = |id| {
        let event = Event::GoExit { g: GId(id), how: ExitKind::Returned };
        let entry = Entry { actor: Actor::default(), site: None, rule: None, event };
        Group { lost: 0, time: Nanos(1), stamps: g(id, 0), entries: vec![entry] }
    };
    let mut bench = Bench::default();
    let last = ENDED_MAX as u64;
    (0..=last).for_each(|id| bench.merger.feed(MId(0), exit(id)));
    bench.drain(10);
    bench.merger.feed(MId(0), group(2, 1, g(last, 1)));
    bench.merger.feed(MId(0), group(2, 2, g(1, 1)));
    bench.drain(10);
    assert_eq!(bench.steps(), [1, 2]);
    bench.merger.feed(MId(0), group(3, 3, g(0, 1)));
    bench.drain(10);
    assert_eq!(bench.merger.held(), 1, "its number was forgotten");
    bench.finish();
    assert_eq!(bench.merger.broken(), 1);
}

#[test]
fn numbers_that_begin_again_at_zero_are_counted_on() {
    use gopark_trace::ids::PId;
    let mut merger = Merger::new();
    let mut out = Vec::new();
    let slot = Structure::Slot(PId(0));
    let last = (1 << slot.bits()) - 1;
    merger.rebase(&[(slot, last)], Nanos(0), Box::default(), &mut out);
    // The later one comes from an M that is ahead of its time.
    merger.feed(MId(1), slot_group(10, slot, 0));
    merger.feed(MId(0), slot_group(20, slot, last));
    merger.finish(&mut out);
    let actors: Vec<_> = out.iter().filter_map(|r| r.actor.m).collect();
    assert_eq!((actors, merger.broken()), (vec![MId(0), MId(1)], 0));
}

/// A group with one event and one number.
fn slot_group(time: u64, structure: Structure, number: u64) -> gopark_trace::ring::Group {
    use gopark_trace::ring::{Scratch, ring};
    let m = MId(if number == 0 { 1 } else { 0 });
    let mut scratch = Scratch::new();
    scratch.begin(Nanos(time));
    let actor = gopark_trace::Actor { m: Some(m), p: None, g: None };
    scratch.event(actor, None, None, &gopark_trace::Event::MPark { m });
    let (mut producer, mut consumer) = ring(64);
    assert!(producer.push(&[Stamp::one(structure, number)], scratch.records()));
    consumer.pop().expect("it was pushed")
}
