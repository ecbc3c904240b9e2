//! Taking stacks and giving them back.

use std::collections::HashSet;
use std::error::Error;
use std::io;
use std::thread;

use gopark_fiber::{
    BoundStack, Fiber, Guards, Label, STACK_SIZE_MAX, StackConfig, StackError, Stacks, Step,
};

const SIZE: usize = 64 << 10;

fn small(slots: u32, warm_slots: u32) -> Stacks {
    let config = StackConfig { slots, warm_slots, ..StackConfig::default() };
    Stacks::new(config).expect("a pool")
}

fn bind(stacks: &mut Stacks) -> BoundStack {
    stacks.bind(SIZE, &Label { goroutine: 1, name: "pool" }).expect("a stack")
}

/// Runs something on the stack that touches `depth` bytes of it; three times that without optimisation.
fn run_on(stack: BoundStack, depth: usize) -> BoundStack {
    #[inline(never)]
    fn dig(depth: usize) -> u8 {
        let frame = std::hint::black_box([1_u8; 512]);
        if depth > 512 { dig(depth - 512).wrapping_add(frame[7]) } else { frame[3] }
    }
    let mut fiber = Fiber::<usize, ()>::new(stack, |_, depth| {
        std::hint::black_box(dig(depth));
    });
    assert_eq!(fiber.resume(depth), Step::Finished);
    fiber.into_stack()
}

#[test]
fn the_stack_last_given_back_is_taken_first() {
    let mut stacks = small(1 << 10, 16);
    let (a, b) = (bind(&mut stacks), bind(&mut stacks));
    let (at_a, at_b) = (a.usable(), b.usable());
    assert_ne!(at_a, at_b);
    stacks.give_back(a);
    stacks.give_back(b);
    let first = bind(&mut stacks);
    let second = bind(&mut stacks);
    assert_eq!((first.usable(), second.usable()), (at_b, at_a));
    assert_eq!(stacks.usage(SIZE).expect("the default class").used, 2);
}

#[test]
fn stacks_above_the_high_water_mark_lose_their_pages_and_those_below_keep_them() {
    let mut stacks = small(1 << 10, 2);
    let held: Vec<_> = (0..4).map(|_| bind(&mut stacks)).collect();
    for stack in held {
        let stack = run_on(stack, 10 << 10);
        assert!(stack.high_water() > 10 << 10);
        stacks.give_back(stack);
    }
    assert_eq!(stacks.usage(SIZE).expect("the default class").warm, 2);
    let depths: Vec<_> =
        (0..4).map(|_| bind(&mut stacks)).map(|stack| stack.high_water()).collect();
    assert!(depths[0] > 10 << 10 && depths[1] > 10 << 10, "warm first: {depths:?}");
    assert_eq!(depths[2..], [0, 0]);
}

#[test]
fn dropped_stacks_come_home_from_any_thread() {
    let mut stacks = small(64, 16);
    for _ in 0..50 {
        let all: Vec<_> = (0..64).map(|_| bind(&mut stacks)).collect();
        assert!(matches!(
            stacks.bind(SIZE, &Label::default()),
            Err(StackError::OutOfSlots { size: SIZE, slots: 64 })
        ));
        let distinct: HashSet<_> = all.iter().map(|stack| stack.usable().start).collect();
        assert_eq!(distinct.len(), 64, "no slot is handed out twice");
        let mut shares: Vec<Vec<BoundStack>> = (0..4).map(|_| Vec::new()).collect();
        for (i, stack) in all.into_iter().enumerate() {
            shares[i % 4].push(stack);
        }
        thread::scope(|scope| {
            for share in shares {
                scope.spawn(move || drop(share));
            }
        });
    }
    assert_eq!(stacks.usage(SIZE).expect("the default class").used, 64);
}

#[test]
fn a_stack_outlives_its_pool_and_a_foreign_one_goes_home() {
    let (mut one, mut other) = (small(4, 4), small(4, 4));
    let stack = bind(&mut one);
    other.give_back(bind(&mut one));
    assert_eq!(other.usage(SIZE).expect("the default class").warm, 0);
    drop(one);
    drop(run_on(stack, 10 << 10));
}

#[test]
fn sizes_are_rounded_up_to_classes_that_are_made_when_needed() {
    let mut stacks = small(1 << 10, 16);
    assert_eq!(stacks.usage(1 << 20), None);
    assert_eq!(stacks.reserve((1 << 20) - 5).expect("a class"), 1 << 20);
    let stack = stacks.bind((512 << 10) + 1, &Label::default()).expect("a stack");
    assert_eq!(stack.size(), 1 << 20);
    assert!(stack.usable().len() < stack.size());
    stacks.give_back(run_on(stack, 200 << 10));
    assert_eq!(stacks.usage(1 << 20).expect("used").warm, 1);
    assert_eq!(stacks.bind(0, &Label::default()).expect("a stack").size(), 16 << 10);
    let huge = stacks.bind(STACK_SIZE_MAX, &Label::default()).expect("a stack");
    stacks.give_back(run_on(huge, 3 << 20));
}

#[test]
fn sizes_that_can_not_be_are_refused_with_words() {
    let mut stacks = small(4, 4);
    let refused = stacks.bind(STACK_SIZE_MAX + 1, &Label::default()).expect_err("too large");
    assert!(matches!(refused, StackError::BadSize { .. }) && refused.source().is_none());
    assert!(refused.to_string().contains("1073741825"));
    assert_eq!(io::Error::from(refused).kind(), io::ErrorKind::InvalidInput);
    for default_size in [0, 8 << 10, 48 << 10, 2 * STACK_SIZE_MAX] {
        let config = StackConfig { default_size, ..StackConfig::default() };
        assert!(matches!(Stacks::new(config), Err(StackError::BadSize { .. })), "{default_size}");
    }
}

#[test]
fn protected_guards_stop_before_the_process_runs_out_of_mappings() {
    let config = StackConfig { guards: Guards::Protect, ..StackConfig::default() };
    let mut stacks = Stacks::new(config).expect("a pool");
    let mut held = Vec::new();
    let refused = loop {
        match stacks.bind(SIZE, &Label::default()) {
            Ok(stack) => held.push(stack),
            Err(e) => break e,
        }
    };
    // Another test of this binary may hold some too, on a kernel without marks.
    assert!(matches!(refused, StackError::OutOfGuards { max: 30_000 }), "{refused}");
    assert!((29_000..=30_000).contains(&held.len()), "{}", held.len());
    stacks.give_back(held.pop().expect("some"));
    assert!(stacks.bind(SIZE, &Label::default()).is_ok(), "a guarded one can still be had");
    drop((held, stacks));
    let mut again = Stacks::new(config).expect("a pool");
    assert!(again.bind(SIZE, &Label::default()).is_ok(), "the budget comes back with the region");
}

#[test]
fn many_parked_fibers() {
    const MANY: usize = 20_000;
    let mut stacks = Stacks::new(StackConfig::default()).expect("a pool");
    let mut fibers: Vec<Fiber<usize, usize>> = (0..MANY)
        .map(|i| {
            let stack = bind(&mut stacks);
            Fiber::new(stack, move |s, first| {
                let second = s.suspend(first + i);
                s.suspend(second * 2);
            })
        })
        .collect();
    for round in [1, 2, 3] {
        for (i, fiber) in fibers.iter_mut().enumerate() {
            let step = fiber.resume(round);
            match round {
                1 => assert_eq!(step, Step::Suspended(i + 1)),
                2 => assert_eq!(step, Step::Suspended(4)),
                _ => assert_eq!(step, Step::Finished),
            }
        }
    }
    for fiber in fibers {
        stacks.give_back(fiber.into_stack());
    }
}
