//! What can't be seen from outside: that `PARK_MARGIN` covers what lies below the recorded stack pointer.

use crate::fiber::{Fiber, State, Step};
use crate::label::Label;
use crate::stacks::{StackConfig, Stacks};

/// Parks a fiber that did nothing but suspend on a stack nobody used, and returns how far below the recorded stack pointer
/// its stack was ever written.
fn written_below<In: Default + 'static, Out: Default + 'static>() -> usize {
    let mut stacks =
        Stacks::new(StackConfig { slots: 1, ..StackConfig::default() }).expect("a pool");
    let stack = stacks.bind(1 << 20, &Label::default()).expect("a stack");
    let mut fiber = Fiber::<In, Out>::new(stack, |s, _| {
        s.suspend(Out::default());
    });
    assert!(matches!(fiber.resume(In::default()), Step::Suspended(_)));
    let usable = fiber.stack.usable();
    let State::Parked(parked_at) = fiber.state() else { panic!("it is parked") };
    assert!(usable.contains(&parked_at));
    let words = (usable.start..parked_at).step_by(8);
    // SAFETY: the slot is mapped and the fiber parked: nobody writes.
    let word = |at| unsafe { fiber.stack.region().pointer(at).cast::<u64>().read_volatile() };
    let lowest = words.into_iter().find(|at| word(*at) != 0).unwrap_or(parked_at);
    // SAFETY: nobody refers to its frames.
    drop(unsafe { fiber.abandon() });
    parked_at - lowest
}

#[derive(Clone, Copy)]
struct Large(#[expect(dead_code, reason = "it is only moved")] [u64; 512]);

impl Default for Large {
    fn default() -> Self {
        Large([u64::MAX; 512])
    }
}

#[test]
fn the_park_margin_covers_what_a_switch_writes() {
    assert_covered::<(), ()>();
    assert_covered::<u64, u64>();
    assert_covered::<Large, ()>();
    assert_covered::<(), Large>();
    assert_covered::<Large, Large>();
}

#[track_caller]
fn assert_covered<In: Default + 'static, Out: Default + 'static>() {
    let (written, margin) = (written_below::<In, Out>(), Fiber::<In, Out>::PARK_MARGIN);
    println!("in {}, out {}: {written} of {margin}", size_of::<In>(), size_of::<Out>());
    assert!(written * 3 / 2 <= margin, "{written} of {margin}");
}
