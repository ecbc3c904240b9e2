//! The lab: results, time and repeatability.
use gopark::sink::Memory;
use gopark::{chan, go, lab, sleep, sync::WaitGroup, work, yield_now};
use std::time::Duration;

#[test]
fn a_channel_between_two_goroutines() {
    let memory = Memory::default();
    let sum = lab(7).procs(2).record(memory.clone()).run(|| {
        let (tx, rx) = chan(0);
        drop(go(move || {
            for n in 1..=4u32 {
                tx.send(n);
                yield_now();
            }
            tx.close()
        }));
        rx.iter().sum::<u32>()
    });
    assert_eq!(sum, 10);
    for r in memory.records() {
        println!("{:>6} {:?} {}", r.time.0, r.actor, r);
    }
}

#[test]
fn four_ps_working_10_ms_end_at_10_ms() {
    let end = lab(7).procs(4).run(|| {
        let wg = WaitGroup::new();
        for _ in 0..4 {
            drop(wg.go(|| work(Duration::from_millis(10))));
        }
        wg.wait();
        gopark::since_start()
    });
    assert!(end >= Duration::from_millis(10) && end < Duration::from_micros(10_100), "{end:?}");
}

#[test]
fn sleepers_wake_in_order() {
    let order = lab(1).procs(2).run(|| {
        let (tx, rx) = chan(10);
        for n in [3u64, 1, 2] {
            let tx = tx.clone();
            drop(go(move || {
                sleep(Duration::from_millis(n));
                tx.send(n);
            }));
        }
        let mut v = vec![];
        for _ in 0..3 {
            v.push(rx.recv().unwrap());
        }
        v
    });
    assert_eq!(order, [1, 2, 3]);
}
#[test]
fn deadlock_is_told() {
    let failed = lab(1)
        .try_run(|| {
            let (_tx, rx) = chan::<u32>(0);
            rx.recv();
        })
        .unwrap_err();
    println!("{failed}");
    assert!(failed.text.starts_with(
        "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:"
    ));
}
