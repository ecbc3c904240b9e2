//! Every trace of these runs passes the validator: in the lab exactly, in live in its two classes.
use gopark::sink::Memory;
use gopark::sync::{GoMutex, WaitGroup};
use gopark::{chan, go, lab, sleep, work, yield_now};
use std::sync::Arc;
use std::time::Duration;

fn check(name: &str, records: &[gopark::trace::Record]) {
    let found = gopark_model::validate(records);
    assert!(
        found.is_empty(),
        "{name}: {} violations, first {:#?}",
        found.len(),
        &found[..found.len().min(5)]
    );
    let mut world = gopark_model::World::new();
    for r in records {
        world.apply(r);
    }
    world.check_places().unwrap_or_else(|e| panic!("{name}: {e}"));
}

fn mixed() -> u64 {
    let (tx, rx) = chan(4);
    let wg = WaitGroup::new();
    let lock = Arc::new(GoMutex::new());
    for i in 0..120u64 {
        let (tx, wg2, lock) = (tx.clone(), wg.clone(), Arc::clone(&lock));
        wg.add(1);
        drop(go(move || {
            yield_now();
            lock.lock();
            if i % 5 == 0 {
                work(Duration::from_micros(3));
            }
            if i % 9 == 0 {
                sleep(Duration::from_micros(20));
            }
            lock.unlock();
            tx.send(i);
            wg2.done();
        }));
    }
    let wg2 = wg.clone();
    drop(go(move || {
        wg2.wait();
        tx.close();
    }));
    rx.iter().sum()
}

fn flood() -> u64 {
    let wg = WaitGroup::new();
    for _ in 0..1000 {
        drop(wg.go(|| ()));
    }
    wg.wait();
    0
}

#[test]
fn lab_runs_keep_every_rule() {
    for procs in [1, 2, 3, 4, 8] {
        for seed in 0..20 {
            for (name, program) in [("mixed", mixed as fn() -> u64), ("flood", flood)] {
                let memory = Memory::default();
                lab(seed).procs(procs).record(memory.clone()).unwatched().run(program);
                check(&format!("{name} seed {seed} procs {procs}"), &memory.records());
            }
        }
    }
}

#[test]
fn live_runs_keep_every_rule() {
    for procs in [1, 2, 4, 8] {
        for n in 0..10 {
            for (name, program) in [("mixed", mixed as fn() -> u64), ("flood", flood)] {
                let memory = Memory::default();
                // SAFETY: no goroutine here keeps a thread-affine value across a call into gopark.
                unsafe { gopark::live() }
                    .procs(procs)
                    .record(memory.clone())
                    .unwatched()
                    .run(program);
                check(&format!("{name} run {n} procs {procs}"), &memory.records());
            }
        }
    }
}
