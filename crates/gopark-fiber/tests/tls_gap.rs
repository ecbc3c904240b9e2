//! The known gap, shown without undefined behaviour: a thread-local held open across a suspend is seen by the next fiber.

use std::cell::RefCell;

use gopark_fiber::{Fiber, Label, StackConfig, Stacks, Step};

thread_local! {
    static SHARED: RefCell<u32> = const { RefCell::new(0) };
}

#[test]
fn a_borrow_of_a_thread_local_across_a_suspend_fails_the_other_fiber() {
    let mut stacks = Stacks::new(StackConfig::default()).expect("a pool");
    let mut bind = || stacks.bind(64 << 10, &Label::default()).expect("a stack");
    let mut holder = Fiber::<(), ()>::new(bind(), |s, ()| {
        SHARED.with(|shared| {
            let mut held = shared.borrow_mut();
            *held += 1;
            s.suspend(());
            *held += 1;
        });
    });
    let mut other = Fiber::<(), bool>::new(bind(), |s, ()| {
        loop {
            s.suspend(SHARED.with(|shared| shared.try_borrow_mut().is_ok()));
        }
    });
    assert_eq!(other.resume(()), Step::Suspended(true));
    assert_eq!(holder.resume(()), Step::Suspended(()));
    assert_eq!(other.resume(()), Step::Suspended(false), "the holder's borrow is the thread's");
    assert_eq!(holder.resume(()), Step::Finished);
    assert_eq!(other.resume(()), Step::Suspended(true));
    assert_eq!(SHARED.with(|shared| *shared.borrow()), 2);
}
