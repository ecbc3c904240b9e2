//! A watched variable tells every read and every write, and loses updates as Go's variables do.

#[path = "support/live.rs"]
mod live;

use std::sync::Arc;

use gopark::racy::Cell;
use gopark::sink::Memory;
use gopark::sync::{Mutex, WaitGroup};
use gopark::trace::Event;
use gopark::trace::record::Record;
use gopark::{go, lab, yield_now};
use live::live;

/// Four goroutines that count to ten each, without a lock.
fn counts() -> u32 {
    let (count, wg) = (Arc::new(Cell::new(0_u32).named("count")), WaitGroup::new());
    for _ in 0..4 {
        let count = Arc::clone(&count);
        drop(wg.go(move || (0..10).for_each(|_| count.update(|n| n + 1))));
    }
    wg.wait();
    count.get()
}

/// Reads and writes of cells, in order: whether it is a write, and the value.
fn told(records: &[Record]) -> Vec<(bool, i64)> {
    let access = |record: &Record| match record.event {
        Event::CellRead { value, .. } => Some((false, value)),
        Event::CellWrite { value, .. } => Some((true, value)),
        _ => None,
    };
    records.iter().filter_map(access).collect()
}

#[test]
fn updates_without_a_lock_are_lost_with_some_seeds_and_the_same_ones_each_time() {
    let run = |seed, procs| lab(seed).procs(procs).unwatched().run(counts);
    let counted: Vec<u32> = (0..40).map(|seed| run(seed, 4)).collect();
    assert!(counted.iter().all(|n| (10..=40).contains(n)), "{counted:?}");
    assert!(counted.iter().any(|n| *n < 40), "{counted:?}");
    assert_eq!(counted, (0..40).map(|seed| run(seed, 4)).collect::<Vec<_>>());
    // With one P nobody comes in between: nothing preempts at a read.
    assert_eq!(run(1, 1), 40);
}

#[test]
fn with_a_lock_nothing_is_lost() {
    for seed in 0..20 {
        let counted = lab(seed).procs(4).unwatched().run(|| {
            let shared = Arc::new((Cell::new(0), Mutex::new(())));
            let wg = WaitGroup::new();
            for _ in 0..4 {
                let shared = Arc::clone(&shared);
                drop(wg.go(move || {
                    for _ in 0..10 {
                        let _held = shared.1.lock();
                        shared.0.update(|n| n + 1);
                    }
                }));
            }
            wg.wait();
            shared.0.get()
        });
        assert_eq!(counted, 40, "seed {seed}");
    }
}

#[test]
fn each_read_tells_what_was_written_last() {
    let check = |records: &[Record], counted: u32| {
        let told = told(records);
        assert_eq!(told.iter().filter(|(write, _)| *write).count(), 40);
        assert_eq!(told.iter().filter(|(write, _)| !*write).count(), 41);
        let mut value = 0;
        for (write, seen) in told {
            if write {
                value = seen;
            }
            assert_eq!(seen, value, "it was read out of order");
        }
        assert_eq!(value, i64::from(counted));
    };
    for procs in [1, 2, 4] {
        for seed in 0..8 {
            let memory = Memory::default();
            let counted = lab(seed).procs(procs).unwatched().record(memory.clone()).run(counts);
            check(&memory.records(), counted);
            let memory = Memory::default();
            let counted = live(procs).record(memory.clone()).run(counts);
            check(&memory.records(), counted);
        }
    }
}

#[test]
fn it_holds_integers_and_bools() {
    lab(1).run(|| {
        let (signed, unsigned, flag) = (Cell::new(-1_i8), Cell::new(u64::MAX), Cell::new(true));
        assert_eq!((signed.get(), unsigned.get(), flag.get()), (-1, u64::MAX, true));
        signed.set(i8::MIN);
        flag.set(false);
        assert_eq!((signed.get(), flag.get()), (i8::MIN, false));
        assert_eq!(format!("{signed:?} {flag:?} {:?}", Cell::<usize>::default()), {
            "Cell(-128) Cell(false) Cell(0)"
        });
    });
}

#[test]
fn a_flag_without_a_lock_can_be_waited_for() {
    for procs in [1, 2] {
        let run = || {
            let flag = Arc::new(Cell::new(false));
            let other = Arc::clone(&flag);
            drop(go(move || other.set(true)));
            while !flag.get() {
                yield_now();
            }
        };
        lab(1).procs(procs).unwatched().run(run);
        live(procs).run(run);
    }
}
