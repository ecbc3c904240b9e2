//! How deep a stack was used, and giving back what is not.

use std::hint::black_box;

use gopark_fiber::{BoundStack, Fiber, Label, StackConfig, Stacks, Step};

/// Roomy: without optimisation, digging takes three times what it says.
const SIZE: usize = 1 << 20;

fn bind(stacks: &mut Stacks) -> BoundStack {
    stacks.bind(SIZE, &Label::default()).expect("a stack")
}

fn pool() -> Stacks {
    Stacks::new(StackConfig { slots: 64, ..StackConfig::default() }).expect("a pool")
}

/// Touches at least `depth` bytes of stack and comes back.
#[inline(never)]
fn dig(depth: usize) -> usize {
    let frame = black_box([1_u8; 1024]);
    if depth > 1024 { dig(depth - 1024) + usize::from(frame[9]) } else { usize::from(frame[3]) }
}

#[test]
fn high_water_follows_the_deepest_use() {
    let mut stacks = pool();
    let mut fiber = Fiber::<usize, usize>::new(bind(&mut stacks), |s, mut depth| {
        loop {
            depth = s.suspend(dig(depth));
        }
    });
    // Built with the closure on it, so its top page is there.
    assert!(fiber.high_water() <= 8 << 10);
    let mut before = 0;
    for depth in [10 << 10, 60 << 10, 150 << 10] {
        assert!(matches!(fiber.resume(depth), Step::Suspended(_)));
        let deep = fiber.high_water();
        assert!(deep > before && deep >= depth && deep <= fiber.limit(), "{deep} for {depth}");
        before = deep;
    }
    assert!(matches!(fiber.resume(1), Step::Suspended(_)));
    assert_eq!(fiber.high_water(), before, "it never falls by itself");
    // SAFETY: nobody refers to its frames.
    stacks.give_back(unsafe { fiber.abandon() });
}

#[test]
fn shrink_gives_pages_back_and_what_is_above_the_stack_pointer_survives() {
    let mut stacks = pool();
    let mut fiber = Fiber::<usize, usize>::new(bind(&mut stacks), |s, mut depth| {
        let kept: [usize; 3000] = std::array::from_fn(|i| i * 7);
        loop {
            black_box(dig(depth));
            depth = s.suspend(black_box(&kept).iter().sum());
            assert!(black_box(&kept).iter().enumerate().all(|(i, v)| *v == i * 7));
        }
    });
    assert_eq!(fiber.shrink().expect("shrink"), 0, "new");
    let sum = (0..3000).map(|i| i * 7).sum();
    for _ in 0..10 {
        assert_eq!(fiber.resume(150 << 10), Step::Suspended(sum));
        let deep = fiber.high_water();
        let given = fiber.shrink().expect("shrink");
        assert!(given >= 120 << 10, "{given} of {deep}");
        assert_eq!(fiber.high_water(), deep - given);
        assert!(fiber.high_water() >= 24_000 && fiber.high_water() < 140 << 10);
        assert_eq!(fiber.shrink().expect("shrink"), 0, "once is enough");
    }
    // SAFETY: nobody refers to its frames.
    stacks.give_back(unsafe { fiber.abandon() });
}

#[test]
fn shrink_spares_large_values_on_their_way_out_and_in() {
    let mut stacks = pool();
    let mut fiber = Fiber::<[u64; 700], [u64; 900]>::new(bind(&mut stacks), |s, mut input| {
        loop {
            black_box(dig(150 << 10));
            let out = std::array::from_fn(|i| input[i % 700] + 1);
            input = s.suspend(out);
        }
    });
    for round in 0..10 {
        let Step::Suspended(out) = fiber.resume([round; 700]) else { panic!("it loops") };
        assert!(out.iter().all(|v| *v == round + 1));
        assert!(fiber.shrink().expect("shrink") > 0);
    }
    // SAFETY: nobody refers to its frames.
    stacks.give_back(unsafe { fiber.abandon() });
}
