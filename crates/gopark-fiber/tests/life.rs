//! A fiber from new to finished: what is dropped, what is leaked, what goes through.

use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;

use gopark_fiber::{BoundStack, Fiber, Label, StackConfig, Stacks, Step};

const SIZE: usize = 64 << 10;

fn pool() -> Stacks {
    Stacks::new(StackConfig { slots: 16, ..StackConfig::default() }).expect("a pool")
}

fn bind(stacks: &mut Stacks) -> BoundStack {
    stacks.bind(SIZE, &Label::default()).expect("a stack")
}

#[test]
fn values_go_in_and_out() {
    let mut stacks = pool();
    let mut fiber = Fiber::new(bind(&mut stacks), |s, mut text: String| {
        while text.len() < 20 {
            text = s.suspend((text.clone(), [text.len(); 32]));
        }
    });
    assert!(!fiber.is_started());
    assert_eq!(fiber.resume("one".into()), Step::Suspended(("one".into(), [3; 32])));
    assert!(fiber.is_started() && !fiber.is_finished());
    assert_eq!(fiber.resume("fifteen".into()), Step::Suspended(("fifteen".into(), [7; 32])));
    assert_eq!(fiber.resume("x".repeat(20)), Step::Finished);
    assert!(fiber.is_finished());
    stacks.give_back(fiber.into_stack());
}

#[test]
fn large_and_oddly_aligned_closures_are_carried() {
    #[repr(align(64))]
    struct Aligned(u8);
    let mut stacks = pool();
    let (large, aligned) = ([7_u8; 30_000], Aligned(9));
    let mut fiber = Fiber::<(), usize>::new(bind(&mut stacks), move |s, ()| {
        assert_eq!((&raw const aligned).addr() % 64, 0);
        s.suspend(large.iter().map(|b| usize::from(*b)).sum::<usize>() + usize::from(aligned.0));
    });
    assert_eq!(fiber.resume(()), Step::Suspended(210_009));
    assert_eq!(fiber.resume(()), Step::Finished);
}

#[test]
fn a_panic_that_leaves_the_function_leaves_resume_and_the_stack_is_good() {
    let mut stacks = pool();
    let owned = Rc::new(());
    let held = Rc::clone(&owned);
    let mut fiber = Fiber::<(), ()>::new(bind(&mut stacks), move |s, ()| {
        let _held = held;
        s.suspend(());
        panic::resume_unwind(Box::new(17));
    });
    assert_eq!(fiber.resume(()), Step::Suspended(()));
    let caught = panic::catch_unwind(AssertUnwindSafe(|| fiber.resume(())));
    assert_eq!(*caught.expect_err("it panicked").downcast::<i32>().expect("our payload"), 17);
    assert_eq!(Rc::strong_count(&owned), 1, "unwound");
    assert!(fiber.is_finished());
    stacks.give_back(fiber.into_stack());
}

#[test]
fn dropping_a_new_fiber_drops_its_function_and_returns_its_stack() {
    let mut stacks = pool();
    let owned = Rc::new(());
    for _ in 0..100 {
        let held = Rc::clone(&owned);
        drop(Fiber::<(), ()>::new(bind(&mut stacks), move |_, ()| drop(held)));
    }
    assert_eq!(Rc::strong_count(&owned), 1);
    assert_eq!(stacks.usage(SIZE).expect("the default class").used, 1);
}

#[test]
fn a_new_fiber_whose_function_panics_when_dropped_is_dropped_once() {
    struct Grumpy(Rc<()>);
    impl Drop for Grumpy {
        fn drop(&mut self) {
            panic::resume_unwind(Box::new("grumpy"));
        }
    }
    let mut stacks = pool();
    let owned = Rc::new(());
    let make = |stacks: &mut Stacks| {
        let grumpy = Grumpy(Rc::clone(&owned));
        Fiber::<(), ()>::new(bind(stacks), move |_, ()| assert_eq!(Rc::strong_count(&grumpy.0), 0))
    };
    let fiber = make(&mut stacks);
    assert!(panic::catch_unwind(AssertUnwindSafe(|| drop(fiber))).is_err());
    assert_eq!(Rc::strong_count(&owned), 1);
    let fiber = make(&mut stacks);
    // SAFETY: it never ran, so there are no frames.
    assert!(panic::catch_unwind(AssertUnwindSafe(|| unsafe { fiber.abandon() })).is_err());
    assert_eq!(Rc::strong_count(&owned), 1);
    assert_eq!(stacks.usage(SIZE).expect("the default class").used, 1);
}

#[test]
fn dropping_a_parked_fiber_leaks_it_and_abandoning_it_returns_the_stack() {
    let mut stacks = pool();
    let owned = Rc::new(());
    let park = |stacks: &mut Stacks| {
        let held = Rc::clone(&owned);
        let mut fiber = Fiber::<(), ()>::new(bind(stacks), move |s, ()| {
            s.suspend(());
            drop(held);
        });
        assert_eq!(fiber.resume(()), Step::Suspended(()));
        fiber
    };
    drop(park(&mut stacks));
    let fiber = park(&mut stacks);
    // SAFETY: nobody refers to its frames.
    stacks.give_back(unsafe { fiber.abandon() });
    let fiber = park(&mut stacks);
    assert_eq!(
        stacks.usage(SIZE).expect("the default class").used,
        2,
        "one leaked, one used twice"
    );
    // SAFETY: nobody refers to its frames.
    stacks.give_back(unsafe { fiber.abandon() });
    assert_eq!(Rc::strong_count(&owned), 4, "nothing was unwound");
}

#[test]
fn the_stack_of_an_unfinished_fiber_can_not_be_had() {
    let mut stacks = pool();
    let mut fiber = Fiber::<(), ()>::new(bind(&mut stacks), |s, ()| s.suspend(()));
    assert_eq!(fiber.resume(()), Step::Suspended(()));
    assert!(panic::catch_unwind(AssertUnwindSafe(|| fiber.into_stack())).is_err());
}
