//! The lab: the same program with the same seed gives the same events, whatever else the process
//! does; another seed gives another order.

#[path = "support/child.rs"]
mod child;
#[path = "support/mixed.rs"]
mod mixed;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::thread;

use child::{end_of, stderr};
use gopark::sink::Memory;
use gopark::sync::WaitGroup;
use gopark::trace::record::Record;
use gopark::{current_id, go_with_stack, lab, log, yield_now};
use mixed::program;

type Told = ((u64, u64, u64), Vec<Record>);

fn run(seed: u64, procs: usize, number: u64) -> Told {
    let memory = Memory::default();
    let told =
        lab(seed).procs(procs).unwatched().record(memory.clone()).run(move || program(number));
    (told, memory.records())
}

/// The first record that differs is what one wants to see.
#[track_caller]
fn assert_same(first: &Told, second: &Told, what: &str) {
    let differs = first.1.iter().zip(&second.1).find(|(a, b)| a != b);
    assert_eq!(differs, None, "{what}");
    assert_eq!(first.1.len(), second.1.len(), "{what}");
    assert_eq!(first.0, second.0, "{what}");
}

#[test]
fn the_same_seed_gives_the_same_events() {
    for seed in 0..200 {
        let procs = [1, 2, 4, 7][seed as usize % 4];
        let (first, second) = (run(seed, procs, seed), run(seed, procs, seed));
        assert!(first.1.len() > 100, "program {seed} does nothing");
        assert_same(&first, &second, &format!("seed {seed}, {procs} Ps"));
    }
}

#[test]
fn another_process_gives_the_same_events() {
    let told = || {
        let mut hash = DefaultHasher::new();
        for seed in 0..10 {
            format!("{:?}", run(seed, 4, seed).1).hash(&mut hash);
        }
        format!("{:x}", hash.finish())
    };
    let there = end_of("another_process_gives_the_same_events", || eprint!("{}", told()));
    assert_eq!(stderr(&there), told());
}

#[test]
fn another_seed_gives_the_same_result_in_another_order() {
    for procs in [2, 4] {
        let results: HashSet<_> = (0..20).map(|seed| run(seed, procs, 5).0).collect();
        assert_eq!(results.len(), 1, "{results:?}");
        let orders: HashSet<Vec<String>> = (0..20)
            .map(|seed| run(seed, procs, 5).1.iter().map(|r| r.event.to_string()).skip(1).collect())
            .collect();
        assert!(orders.len() > 10, "{} orders of 20 seeds on {procs} Ps", orders.len());
    }
}

#[test]
fn recording_changes_nothing() {
    for seed in 0..50 {
        let unrecorded = lab(seed).procs(4).unwatched().run(move || {
            let told = program(seed);
            (told, gopark::since_start())
        });
        let recorded = lab(seed).procs(4).unwatched().record(Memory::default()).run(move || {
            let told = program(seed);
            (told, gopark::since_start())
        });
        assert_eq!(unrecorded, recorded, "seed {seed}");
    }
}

#[test]
fn records_are_numbered_and_their_time_never_goes_back() {
    for seed in 0..20 {
        let (_, records) = run(seed, 4, seed);
        for (n, record) in records.iter().enumerate() {
            assert_eq!(record.seq, n as u64, "seed {seed}");
        }
        assert!(records.is_sorted_by_key(|record| record.time), "seed {seed}");
    }
}

#[test]
fn two_labs_on_two_threads_do_not_see_each_other() {
    let alone: Vec<Told> = (0..20).map(|seed| run(seed, 4, seed)).collect();
    let together = thread::scope(|scope| {
        let threads = [(); 2].map(|()| {
            scope.spawn(|| (0..20).map(|seed| run(seed, 4, seed)).collect::<Vec<Told>>())
        });
        threads.map(|thread| thread.join().expect("no panic"))
    });
    for (seed, alone) in alone.iter().enumerate() {
        for together in &together {
            assert_same(alone, &together[seed], &format!("seed {seed}"));
        }
    }
}

#[test]
fn a_lab_inside_a_goroutine_of_another_changes_neither() {
    /// Four goroutines, one of which runs something of its own in the middle.
    fn outer(
        seed: u64,
        inside: impl FnOnce() -> Option<Told> + Send + 'static,
    ) -> (Option<Told>, Vec<Record>) {
        let memory = Memory::default();
        let told = lab(seed).procs(2).unwatched().record(memory.clone()).run(move || {
            let wg = WaitGroup::new();
            (0..3).for_each(|_| drop(wg.go(|| (0..5).for_each(|_| yield_now()))));
            let middle = go_with_stack(1 << 20, move || {
                let before = current_id();
                yield_now();
                let told = inside();
                assert_eq!(current_id(), before);
                log("the middle goes on");
                yield_now();
                told
            });
            wg.wait();
            middle.join().expect("no panic")
        });
        (told, memory.records())
    }
    for seed in 0..20 {
        let (told, with) = outer(seed, move || Some(run(seed + 1, 4, 3)));
        let (_, without) = outer(seed, || None);
        let inner = told.expect("there was one inside");
        assert_same(&inner, &run(seed + 1, 4, 3), &format!("inside, seed {seed}"));
        assert_same(&((0, 0, 0), with), &((0, 0, 0), without), &format!("outside, seed {seed}"));
    }
}
