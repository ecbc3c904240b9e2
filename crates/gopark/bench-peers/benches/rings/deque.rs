//! crossbeam-deque.

use std::cell::RefCell;

use crossbeam_deque::{Steal, Stealer, Worker};

use super::{OVERFLOW, RING, Ring};

/// As `runq.rs` uses it: the owner takes through its stealer.
pub(crate) struct Deque {
    worker: Worker<usize>,
    stealer: Stealer<usize>,
    /// The owner's place for what overflows.
    loot: RefCell<Loot>,
}

// SAFETY: only the owner uses `worker` and `loot`; the stealer is Sync.
unsafe impl Sync for Deque {}

/// A private place for what was grabbed.
pub(crate) struct Loot {
    worker: Worker<usize>,
    stealer: Stealer<usize>,
}

impl Loot {
    fn drain(&self) -> impl Iterator<Item = usize> {
        std::iter::from_fn(|| self.stealer.steal().success())
    }
}

/// A deque that will not grow.
fn warm() -> (Worker<usize>, Stealer<usize>) {
    let worker = Worker::new_fifo();
    let stealer = worker.stealer();
    (0..=RING).for_each(|n| worker.push(n));
    while stealer.steal().is_success() {}
    (worker, stealer)
}

impl Deque {
    fn grab_into<'a>(&self, loot: &'a Loot) -> impl Iterator<Item = usize> + use<'a> {
        loop {
            match self.stealer.steal_batch_with_limit(&loot.worker, RING / 2) {
                Steal::Success(()) | Steal::Empty => return loot.drain(),
                Steal::Retry => {}
            }
        }
    }
}

impl Ring for Deque {
    type Loot = Loot;

    fn new() -> Self {
        let (worker, stealer) = warm();
        Self { worker, stealer, loot: RefCell::new(Self::loot()) }
    }
    fn loot() -> Loot {
        let (worker, stealer) = warm();
        Loot { worker, stealer }
    }
    fn push(&self, value: usize) -> bool {
        if self.worker.len() >= RING {
            return false;
        }
        self.worker.push(value);
        true
    }
    fn pop(&self) -> Option<usize> {
        loop {
            match self.stealer.steal() {
                Steal::Success(value) => return Some(value),
                Steal::Empty => return None,
                Steal::Retry => {}
            }
        }
    }
    fn grab(&self, loot: &mut Loot) -> (u64, u64) {
        let all = self.grab_into(loot);
        all.fold((0, 0), |(sum, count), value| (sum + value as u64, count + 1))
    }
    fn overflow(&self, last: usize, batch: &mut [usize; OVERFLOW]) {
        let loot = self.loot.borrow_mut();
        for (value, place) in self.grab_into(&loot).zip(&mut *batch) {
            *place = value;
        }
        batch[OVERFLOW - 1] = last;
    }
}

/// The same with the deque's own pop.
pub(crate) struct Popped(Deque);

impl Ring for Popped {
    type Loot = Loot;

    fn new() -> Self {
        Self(Deque::new())
    }
    fn loot() -> Loot {
        Deque::loot()
    }
    fn push(&self, value: usize) -> bool {
        self.0.push(value)
    }
    #[expect(clippy::disallowed_methods, reason = "to see what it would cost")]
    fn pop(&self) -> Option<usize> {
        self.0.worker.pop()
    }
    fn grab(&self, loot: &mut Loot) -> (u64, u64) {
        self.0.grab(loot)
    }
    fn overflow(&self, last: usize, batch: &mut [usize; OVERFLOW]) {
        self.0.overflow(last, batch);
    }
}
