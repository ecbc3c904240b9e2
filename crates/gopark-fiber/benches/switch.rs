//! What switching and the pool cost, beside corosensei alone.

use corosensei::{Coroutine, CoroutineResult};
use divan::{Bencher, black_box};
use gopark_fiber::{BoundStack, Fiber, Label, StackConfig, Stacks, Step};

fn main() {
    divan::main();
}

fn pool() -> Stacks {
    Stacks::new(StackConfig::default()).expect("a pool")
}

fn bind(stacks: &mut Stacks) -> BoundStack {
    stacks.bind(64 << 10, &Label::default()).expect("a stack")
}

/// One resume and one suspend.
#[divan::bench(sample_size = 2000)]
fn switch_fiber(bencher: Bencher<'_, '_>) {
    let mut fiber = Fiber::new(bind(&mut pool()), |s, mut n: usize| {
        loop {
            n = s.suspend(n + 1);
        }
    });
    bencher.bench_local(|| fiber.resume(black_box(1)));
}

/// The same, on corosensei.
#[divan::bench(sample_size = 2000)]
fn switch_corosensei(bencher: Bencher<'_, '_>) {
    let mut coroutine = Coroutine::new(|y, mut n: usize| -> () {
        loop {
            n = y.suspend(n + 1);
        }
    });
    bencher.bench_local(|| coroutine.resume(black_box(1)));
}

/// A stack taken and given back.
#[divan::bench(sample_size = 2000)]
fn bind_and_give_back(bencher: Bencher<'_, '_>) {
    let mut stacks = pool();
    bencher.bench_local(|| {
        let stack = bind(&mut stacks);
        stacks.give_back(black_box(stack));
    });
}

/// A fiber's whole life on a pooled stack.
#[divan::bench(sample_size = 2000)]
fn spawn_run_finish(bencher: Bencher<'_, '_>) {
    let mut stacks = pool();
    bencher.bench_local(|| {
        let mut fiber = Fiber::<usize, ()>::new(bind(&mut stacks), |_, n| {
            black_box(n);
        });
        assert_eq!(fiber.resume(1), Step::Finished);
        stacks.give_back(fiber.into_stack());
    });
}

/// The same, on corosensei with a stack mapped for each.
#[divan::bench(sample_size = 2000)]
fn spawn_run_finish_corosensei(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| {
        let mut coroutine = Coroutine::<usize, (), ()>::new(|_, n| {
            black_box(n);
        });
        assert!(matches!(coroutine.resume(1), CoroutineResult::Return(())));
    });
}
