//! Thousands of pools leave nothing behind. Alone in its binary, because it measures the process.

#![cfg(target_os = "linux")]

use std::fs;

use gopark_fiber::{Fiber, Label, StackConfig, Stacks, Step};

/// Total program size and resident size, in pages.
fn sizes() -> (u64, u64) {
    let statm = fs::read_to_string("/proc/self/statm").expect("procfs");
    let mut fields = statm.split_whitespace().map(|n| n.parse().expect("a number"));
    (fields.next().expect("size"), fields.next().expect("resident"))
}

fn mappings() -> usize {
    fs::read_to_string("/proc/self/maps").expect("procfs").lines().count()
}

fn one_pool_with_three_fibers() {
    let mut stacks = Stacks::new(StackConfig::default()).expect("a pool");
    let mut bind =
        |size| stacks.bind(size, &Label { goroutine: 1, name: "leak" }).expect("a stack");
    let mut finished = Fiber::<(), ()>::new(bind(64 << 10), |_, ()| ());
    assert_eq!(finished.resume(()), Step::Finished);
    let new = Fiber::<(), ()>::new(bind(64 << 10), |_, ()| ());
    let mut parked = Fiber::<(), ()>::new(bind(1 << 20), |s, ()| s.suspend(()));
    assert_eq!(parked.resume(()), Step::Suspended(()));
    stacks.give_back(finished.into_stack());
    // SAFETY: nobody refers to its frames.
    let abandoned = unsafe { parked.abandon() };
    drop(stacks);
    drop((new, abandoned));
}

#[test]
fn ten_thousand_pools_leave_the_process_as_it_was() {
    for _ in 0..100 {
        one_pool_with_three_fibers();
    }
    let (before, maps_before) = (sizes(), mappings());
    for _ in 0..10_000 {
        one_pool_with_three_fibers();
    }
    let (after, maps_after) = (sizes(), mappings());
    assert!(after.0 <= before.0 + 64, "size grew from {} to {} pages", before.0, after.0);
    assert!(after.1 <= before.1 + 256, "resident grew from {} to {} pages", before.1, after.1);
    assert!(maps_after <= maps_before + 4, "mappings grew from {maps_before} to {maps_after}");
}

#[test]
fn more_pools_at_once_than_the_overflow_handler_can_list() {
    let config = StackConfig { slots: 4, ..StackConfig::default() };
    let mut pools: Vec<_> = (0..1500).map(|_| Stacks::new(config).expect("a pool")).collect();
    for pool in &mut pools {
        let stack = pool.bind(64 << 10, &Label::default()).expect("a stack");
        let mut fiber = Fiber::<(), ()>::new(stack, |_, ()| ());
        assert_eq!(fiber.resume(()), Step::Finished);
    }
}
