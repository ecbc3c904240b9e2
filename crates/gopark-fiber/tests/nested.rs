//! An outer fiber suspended from inside a nested one.
//!
//! The deterministic lab rests on this: its Ms are fibers, its Gs are fibers that Ms resume, and an M may have to wait while
//! a G runs on it. Everything here happens on one thread.

use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;

use gopark_fiber::{BoundStack, Fiber, Label, StackConfig, Stacks, Step, Suspender};

type Outer = Fiber<u64, Note>;
type Inner = Fiber<u64, Note>;

/// What comes out of a fiber.
#[derive(Debug, PartialEq, Eq)]
enum Note {
    /// The outer suspended from its own stack.
    Outer(u64),
    /// The outer was suspended by code on the inner's stack.
    Inside(u64),
    /// The inner suspended itself, to the outer.
    Inner(u64),
}

/// The way out of the outer fiber that runs now: what a runtime keeps in its M.
#[derive(Clone, Default)]
struct Current(Rc<Cell<Option<*const Suspender<u64, Note>>>>);

impl Current {
    fn set(&self, suspender: &Suspender<u64, Note>) {
        self.0.set(Some(suspender));
    }

    /// Suspends the outer fiber; meant to be called on the inner's stack.
    fn suspend(&self, note: Note) -> u64 {
        let suspender = self.0.get().expect("an outer fiber runs");
        // SAFETY: each outer sets this before it resumes an inner, and stays on its stack, parked or running, as long as
        // the inner it resumed has not returned to it.
        unsafe { (*suspender).suspend(note) }
    }
}

fn stack(stacks: &mut Stacks, goroutine: u64) -> BoundStack {
    let label = Label { goroutine, name: "nested" };
    stacks.bind(256 << 10, &label).expect("a stack")
}

/// How much stack lies between two frames says nothing here, but which stack a frame is on does.
fn here() -> usize {
    let local = 0_u8;
    (&raw const local).addr()
}

#[test]
fn an_inner_fiber_suspends_the_outer_and_goes_on() {
    let mut stacks = Stacks::new(StackConfig::default()).expect("a pool");
    let current = Current::default();
    let inner_stack = stack(&mut stacks, 2);
    let on_inner = inner_stack.usable();
    let inside = current.clone();
    let mut inner: Inner = Fiber::new(inner_stack, move |own, first| {
        assert!(on_inner.contains(&here()));
        let second = inside.suspend(Note::Inside(first * 10));
        assert!(on_inner.contains(&here()), "execution continues on the inner stack");
        let third = own.suspend(Note::Inner(second * 10));
        inside.suspend(Note::Inside(third * 10));
    });
    let mut outer: Outer = Fiber::new(stack(&mut stacks, 1), move |own, first| {
        current.set(own);
        assert_eq!(inner.resume(first), Step::Suspended(Note::Inner(20)));
        own.suspend(Note::Outer(7));
        assert_eq!(inner.resume(3), Step::Finished);
    });
    assert_eq!(outer.resume(1), Step::Suspended(Note::Inside(10)));
    assert_eq!(
        outer.shrink().expect("shrink"),
        0,
        "parked on another stack: its own depth is unknown"
    );
    assert_eq!(outer.resume(2), Step::Suspended(Note::Outer(7)));
    assert_eq!(outer.resume(0), Step::Suspended(Note::Inside(30)));
    assert_eq!(outer.resume(0), Step::Finished);
    stacks.give_back(outer.into_stack());
}

#[test]
fn panics_are_caught_on_the_inner_after_the_outer_was_suspended_there() {
    let mut stacks = Stacks::new(StackConfig::default()).expect("a pool");
    let current = Current::default();
    let inside = current.clone();
    let mut inner: Inner = Fiber::new(stack(&mut stacks, 2), move |_, _| {
        for round in 0..4 {
            let caught = panic::catch_unwind(AssertUnwindSafe(|| {
                let _held = DropCounter(&inside, round);
                inside.suspend(Note::Inside(round));
                panic::resume_unwind(Box::new(round));
            }));
            assert_eq!(
                *caught.expect_err("it panicked").downcast::<u64>().expect("our payload"),
                round
            );
            let caught = panic::catch_unwind(AssertUnwindSafe(|| {
                inside.suspend(Note::Inside(round + 100));
                [0_u8; 4][std::hint::black_box(4)]
            }));
            assert!(caught.is_err());
        }
        panic::resume_unwind(Box::new("left the inner"));
    });
    let mut outer: Outer = Fiber::new(stack(&mut stacks, 1), move |own, _| {
        current.set(own);
        let caught = panic::catch_unwind(AssertUnwindSafe(|| inner.resume(0)));
        assert_eq!(
            *caught.expect_err("it panicked").downcast::<&str>().expect("our payload"),
            "left the inner"
        );
        assert!(inner.is_finished());
        panic::resume_unwind(Box::new("left the outer"));
    });
    for round in 0..4 {
        assert_eq!(outer.resume(0), Step::Suspended(Note::Inside(round)));
        // A panic on the root, while the other one's frames are parked.
        assert!(panic::catch_unwind(|| panic::resume_unwind(Box::new(()))).is_err());
        assert_eq!(outer.resume(0), Step::Suspended(Note::Inside(round + 100)));
    }
    let caught = panic::catch_unwind(AssertUnwindSafe(|| outer.resume(0)));
    assert_eq!(
        *caught.expect_err("it panicked").downcast::<&str>().expect("our payload"),
        "left the outer"
    );
    assert!(outer.is_finished());
    stacks.give_back(outer.into_stack());
}

/// Uses what it borrowed when unwinding drops it.
struct DropCounter<'a>(&'a Current, u64);

impl Drop for DropCounter<'_> {
    fn drop(&mut self) {
        assert!(self.0.0.get().is_some() && self.1 < 4 && std::thread::panicking());
    }
}

#[test]
fn a_backtrace_on_the_inner_walks_through_the_outer_to_the_root() {
    #[inline(never)]
    fn frame_on_the_inner(inside: &Current) -> (String, String) {
        let before = Backtrace::force_capture().to_string();
        inside.suspend(Note::Inside(0));
        (before, Backtrace::force_capture().to_string())
    }
    #[inline(never)]
    fn frame_on_the_outer(inner: &mut Inner) {
        assert_eq!(std::hint::black_box(inner).resume(0), Step::Finished);
    }
    #[inline(never)]
    fn frame_on_the_root(outer: &mut Outer) -> Step<Note> {
        std::hint::black_box(outer.resume(0))
    }
    let mut stacks = Stacks::new(StackConfig::default()).expect("a pool");
    let current = Current::default();
    let inside = current.clone();
    let traces = Rc::new(RefCell::new(None));
    let seen = Rc::clone(&traces);
    let mut inner: Inner = Fiber::new(stack(&mut stacks, 2), move |_, _| {
        *seen.borrow_mut() = Some(frame_on_the_inner(&inside));
    });
    let mut outer: Outer = Fiber::new(stack(&mut stacks, 1), move |own, _| {
        current.set(own);
        frame_on_the_outer(&mut inner);
    });
    assert_eq!(frame_on_the_root(&mut outer), Step::Suspended(Note::Inside(0)));
    assert_eq!(frame_on_the_root(&mut outer), Step::Finished);
    let (before, after) = traces.borrow_mut().take().expect("the inner ran");
    for trace in [before, after] {
        for frame in ["frame_on_the_inner", "frame_on_the_outer", "frame_on_the_root"] {
            assert!(trace.contains(frame), "{frame} is missing in\n{trace}");
        }
    }
}

/// Ms that share Gs: each M takes the next G that is not in the middle of something, resumes it once, and is itself
/// suspended by the G's code or by its own. The root picks Ms in a seeded order.
#[test]
fn several_outers_interleave_and_exchange_their_inners() {
    const OUTERS: usize = 3;
    const INNERS: u64 = 5;
    const ROUNDS: u64 = 40;
    let mut stacks = Stacks::new(StackConfig::default()).expect("a pool");
    let current = Current::default();
    let ready = Rc::new(RefCell::new(Vec::<Inner>::new()));
    let finished = Rc::new(Cell::new(0));
    for id in 0..INNERS {
        let inside = current.clone();
        ready.borrow_mut().push(Fiber::new(stack(&mut stacks, 100 + id), move |own, _| {
            let mut sum = 0;
            for round in 0..ROUNDS {
                let payload = Box::new(round);
                let caught = panic::catch_unwind(AssertUnwindSafe(|| {
                    inside.suspend(Note::Inside(id));
                    panic::resume_unwind(payload);
                }));
                sum += *caught.expect_err("it panicked").downcast::<u64>().expect("our payload");
                own.suspend(Note::Inner(id));
            }
            assert_eq!(sum, ROUNDS * (ROUNDS - 1) / 2);
        }));
    }
    let mut outers: Vec<Outer> = (0..OUTERS)
        .map(|m| {
            let (current, ready, finished) =
                (current.clone(), Rc::clone(&ready), Rc::clone(&finished));
            Fiber::new(stack(&mut stacks, m as u64), move |own, _| {
                while finished.get() < INNERS {
                    let next = ready.borrow_mut().pop();
                    if let Some(mut inner) = next {
                        current.set(own);
                        match inner.resume(m as u64) {
                            Step::Suspended(_) => ready.borrow_mut().insert(0, inner),
                            Step::Finished => finished.set(finished.get() + 1),
                        }
                    }
                    own.suspend(Note::Outer(m as u64));
                }
            })
        })
        .collect();
    let own: Vec<Current> = outers.iter().map(|_| Current::default()).collect();
    let mut seed = 7_u64;
    while outers.iter().any(|m| !m.is_finished()) {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let m = (seed >> 33) as usize % OUTERS;
        if outers[m].is_finished() {
            continue;
        }
        // Whose way out is current is a part of what the root switches, as a runtime does with its M.
        current.0.set(own[m].0.get());
        let _ = outers[m].resume(0);
        own[m].0.set(current.0.get());
    }
    assert_eq!(finished.get(), INNERS);
    for outer in outers {
        stacks.give_back(outer.into_stack());
    }
}

#[test]
fn both_can_be_abandoned_in_the_middle_and_their_stacks_used_again() {
    let mut stacks = Stacks::new(StackConfig::default()).expect("a pool");
    let dropped = Rc::new(());
    for _ in 0..100 {
        let current = Current::default();
        let inside = current.clone();
        let held = Rc::clone(&dropped);
        let inner: Inner = Fiber::new(stack(&mut stacks, 2), move |_, _| {
            inside.suspend(Note::Inside(5));
            drop(held);
        });
        // A runtime keeps fibers in memory of its own; so does this.
        let inner = Box::into_raw(Box::new(inner));
        let mut outer: Outer = Fiber::new(stack(&mut stacks, 1), move |own, _| {
            current.set(own);
            // SAFETY: the box lives, and is used by nobody else until the outer is gone.
            let step = unsafe { (*inner).resume(0) };
            unreachable!("abandoned before: {step:?}");
        });
        assert_eq!(outer.resume(0), Step::Suspended(Note::Inside(5)));
        // SAFETY: nothing refers to the frames of either, and neither is used again.
        let freed = unsafe { [outer.abandon(), Box::from_raw(inner).abandon()] };
        for stack in freed {
            stacks.give_back(stack);
        }
    }
    let usage = stacks.usage(256 << 10).expect("used");
    assert_eq!((usage.used, usage.warm), (2, 2));
    assert_eq!(Rc::strong_count(&dropped), 101, "what abandoned frames own is leaked");
}

#[test]
fn three_levels_deep_each_level_can_be_left() {
    let mut stacks = Stacks::new(StackConfig::default()).expect("a pool");
    let (low, middle) = (Current::default(), Current::default());
    let (low_inside, middle_inside) = (low.clone(), middle.clone());
    let mut third: Inner = Fiber::new(stack(&mut stacks, 3), move |own, _| {
        low_inside.suspend(Note::Inside(1));
        middle_inside.suspend(Note::Inside(2));
        own.suspend(Note::Inner(3));
        low_inside.suspend(Note::Inside(4));
    });
    let mut second: Inner = Fiber::new(stack(&mut stacks, 2), move |own, _| {
        middle.set(own);
        assert_eq!(third.resume(0), Step::Suspended(Note::Inner(3)));
        own.suspend(Note::Inner(30));
        assert_eq!(third.resume(0), Step::Finished);
    });
    let mut first: Outer = Fiber::new(stack(&mut stacks, 1), move |own, _| {
        low.set(own);
        assert_eq!(second.resume(0), Step::Suspended(Note::Inside(2)));
        own.suspend(Note::Outer(20));
        assert_eq!(second.resume(0), Step::Suspended(Note::Inner(30)));
        assert_eq!(second.resume(0), Step::Finished);
    });
    assert_eq!(first.resume(0), Step::Suspended(Note::Inside(1)));
    assert_eq!(first.resume(0), Step::Suspended(Note::Outer(20)));
    assert_eq!(first.resume(0), Step::Suspended(Note::Inside(4)));
    assert_eq!(first.resume(0), Step::Finished);
}
