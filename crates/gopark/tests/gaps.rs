//! A ring that is too small loses events: the stream says so and goes on from a snapshot.

use gopark::sink::Memory;
use gopark::sync::WaitGroup;
use gopark::trace::Event;
use gopark::{chan, go, yield_now};
use gopark_model::{World, validate};

/// More events than a small ring can take, for as long as it needs to lose some and recover.
fn noisy() -> u64 {
    let (tx, rx) = chan(8);
    let wg = WaitGroup::new();
    for n in 0..200 {
        let (tx, wg2) = (tx.clone(), wg.clone());
        wg.add(1);
        drop(go(move || {
            for _ in 0..300 {
                yield_now();
                tx.send(1);
            }
            let _ = n;
            wg2.done();
        }));
    }
    let closer = tx.clone();
    drop(go(move || {
        wg.wait();
        closer.close();
    }));
    rx.iter().sum()
}

#[test]
fn a_gap_is_told_and_followed_by_a_snapshot_that_fits_what_comes_after() {
    let memory = Memory::default();
    // SAFETY: no goroutine here keeps a thread-affine value across a call into gopark.
    let live = unsafe { gopark::live() }.procs(2).ring_words(1 << 9).unwatched();
    let sum = live.record(memory.clone()).run(noisy);
    assert_eq!(sum, 200 * 300);
    let records = memory.records();
    let place = |found: fn(&Event) -> bool| records.iter().position(|r| found(&r.event));
    let gap = place(|e| matches!(e, Event::Gap { .. })).expect("512 words are not enough");
    let after = records[gap..].iter().any(|r| matches!(r.event, Event::Snapshot { .. }));
    assert!(after, "the world was stopped and looked at");
    let found = validate(&records);
    assert!(
        found.is_empty(),
        "{} violations, first {:#?}",
        found.len(),
        &found[..found.len().min(3)]
    );
    let mut world = World::new();
    records.iter().for_each(|record| drop(world.apply(record)));
    world.check_places().expect("every goroutine is in one place");
}
