//! Stacks of goroutines that are parked for long give back what they do not use.

use std::hint::black_box;
use std::time::Duration;

use gopark::sink::Memory;
use gopark::trace::Event;
use gopark::{chan, go, sleep};

/// Uses some 30 KiB of stack.
#[inline(never)]
fn deep() -> u8 {
    let room = black_box([7u8; 30 << 10]);
    room[black_box(11_111)]
}

#[test]
fn a_long_parked_goroutine_shrinks_and_goes_on_unharmed() {
    let memory = Memory::default();
    // SAFETY: no goroutine here keeps a thread-affine value across a call into gopark.
    let live = unsafe { gopark::live() }
        .procs(1)
        .stack_size(128 << 10)
        .shrink_after(Duration::from_millis(1))
        .unwatched();
    let sum = live.record(memory.clone()).run(|| {
        let (tx, rx) = chan(0);
        let parked = go(move || {
            let before = black_box([deep(); 64]);
            let got: u8 = rx.recv().expect("a value is sent");
            // What was on its stack is still there, and it can go deep again.
            u32::from(got) + u32::from(deep()) + before.iter().map(|&b| u32::from(b)).sum::<u32>()
        });
        // Everybody waits, again and again, until the M that waits for the timer has looked.
        for _ in 0..20 {
            sleep(Duration::from_millis(2));
        }
        tx.send(1);
        parked.join().expect("it does not panic")
    });
    assert_eq!(sum, 1 + 7 + 64 * 7);
    let freed: u64 = memory
        .records()
        .iter()
        .filter_map(|r| match r.event {
            Event::StackShrink { freed, .. } => Some(freed),
            _ => None,
        })
        .sum();
    assert!(freed >= 24 << 10, "{freed} bytes were given back");
}
