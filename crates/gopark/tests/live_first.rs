//! Live: results on kernel threads.
use gopark::sink::Memory;
use gopark::{chan, go, sleep, sync::WaitGroup, yield_now};
use std::time::Duration;

fn live() -> gopark::Live {
    // SAFETY: no goroutine of these tests keeps a thread-affine value across a call into gopark.
    unsafe { gopark::live() }.unwatched()
}

fn program(n: u64) -> u64 {
    let (tx, rx) = chan(4);
    let wg = WaitGroup::new();
    for i in 0..n {
        let (tx, wg2) = (tx.clone(), wg.clone());
        wg.add(1);
        drop(go(move || {
            yield_now();
            tx.send(i);
            if i % 16 == 0 {
                sleep(Duration::from_micros(200));
            }
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

#[test]
fn unrecorded() {
    for procs in [1, 2, 4, 8] {
        for _ in 0..50 {
            assert_eq!(live().procs(procs).run(|| program(400)), 400 * 399 / 2);
        }
    }
}

#[test]
fn recorded() {
    for procs in [1, 2, 4, 8] {
        for _ in 0..10 {
            let memory = Memory::default();
            assert_eq!(
                live().procs(procs).record(memory.clone()).run(|| program(400)),
                400 * 399 / 2
            );
            assert!(memory.records().len() > 2000);
        }
    }
}
