//! Fibers that change threads, under the promise of `assume_send`.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::thread;

use gopark_fiber::{Fiber, Label, SendFiber, StackConfig, Stacks, Step};

#[test]
fn fibers_move_between_threads_at_every_step() {
    const THREADS: usize = 4;
    const FIBERS: u64 = 300;
    const STEPS: u64 = 50;
    let mut stacks = Stacks::new(StackConfig::default()).expect("a pool");
    let queue: VecDeque<SendFiber<u64, u64>> = (0..FIBERS)
        .map(|id| {
            let stack =
                stacks.bind(64 << 10, &Label { goroutine: id, name: "mover" }).expect("a stack");
            let fiber = Fiber::new(stack, move |s, _| {
                let mut seen = vec![id];
                let mut text = String::new();
                for step in 0..STEPS {
                    seen.push(s.suspend(step));
                    text.push_str(&seen.len().to_string());
                }
                assert_eq!(seen.len() as u64, STEPS + 1);
            });
            // SAFETY: its frames hold numbers, a vector and a string; nothing of a thread.
            unsafe { fiber.assume_send() }
        })
        .collect();
    let queue = Arc::new(Mutex::new(queue));
    let stacks = Arc::new(Mutex::new(stacks));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let Some(mut fiber) = queue.lock().expect("queue").pop_front() else {
                        return;
                    };
                    match fiber.resume(1) {
                        Step::Suspended(_) => {
                            assert!(fiber.is_started() && fiber.high_water() > 0);
                            queue.lock().expect("queue").push_back(fiber);
                        }
                        Step::Finished => {
                            stacks.lock().expect("stacks").give_back(fiber.into_stack());
                        }
                    }
                }
            });
        }
    });
    assert!(queue.lock().expect("queue").is_empty());
    let usage = stacks.lock().expect("stacks").usage(64 << 10).expect("the default class");
    assert_eq!((usage.used, usage.warm), (FIBERS as u32, FIBERS as u32));
}
