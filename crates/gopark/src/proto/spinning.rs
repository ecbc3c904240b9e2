//! How many Ms look for work, and why no work is overlooked (`proc.go`, "worker thread parking").
//!
//! **Submit**: 1. put the goroutine into a queue; 2. full fence; 3. if nobody spins and a P is
//! idle, wake one M, spinning.
//!
//! **Give up**: 1. find nothing; 2. give up the P; 3. stop counting as spinning; 4. full fence;
//! 5. look at every queue once more; 6. sleep.
//!
//! *The race*: the submitter sees a spinning M and wakes nobody; that M has already looked at the
//! queue and goes to sleep; the work waits for ever. *Why it can't*: with both fences, either the
//! submitter's look at the count comes after the spinner's step 3, then it sees zero and wakes; or
//! it comes before, then the spinner's step 5 comes after the submitter's step 1 and finds the
//! work. Without the fences both may miss (the store-buffer case); `tests/loom.rs` shows that, too.
//!
//! The word counts in its lower half; its upper half counts its changes, so that every change has
//! a number and a live trace can be put in order.

use crate::atomics::{AtomicU64, Ordering, fence};

/// The number of spinning Ms, with the number of its changes.
#[derive(Debug)]
pub(crate) struct Spinning(AtomicU64);

const CHANGE: u64 = 1 << 32;

/// What a change made of the count, and which change it was.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    /// Spinning Ms after it.
    pub(crate) count: u32,
    /// Its number.
    pub(crate) number: u32,
}

impl Change {
    fn of(before: u64, after: u64) -> Self {
        Self { count: after as u32, number: (before >> 32) as u32 }
    }
}

impl Spinning {
    /// Nobody spins.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// How many spin; a guess for everybody but those that fenced.
    #[inline]
    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed) as u32
    }

    /// The number the next change will have.
    pub(crate) fn changes(&self) -> u32 {
        (self.0.load(Ordering::Relaxed) >> 32) as u32
    }

    /// Whether somebody spins, asked after work was put into a queue.
    #[inline]
    pub(crate) fn any_after_submit(&self) -> bool {
        // Pairs with the fence in `stop`; see the module.
        fence(Ordering::SeqCst);
        self.count() != 0
    }

    /// From nobody to one: the right to wake an M as a spinning one. `None` if somebody spins.
    pub(crate) fn try_first(&self) -> Option<Change> {
        let old = self.0.load(Ordering::Relaxed);
        if old as u32 != 0 {
            return None;
        }
        let new = old.wrapping_add(CHANGE + 1);
        let won = self.0.compare_exchange(old, new, Ordering::SeqCst, Ordering::Relaxed);
        won.ok().map(|_| Change::of(old, new))
    }

    /// One more.
    pub(crate) fn start(&self) -> Change {
        let old = self.0.fetch_add(CHANGE + 1, Ordering::SeqCst);
        Change::of(old, old.wrapping_add(CHANGE + 1))
    }

    /// One less; the caller must look at every queue after it if it gives up.
    pub(crate) fn stop(&self) -> Change {
        let old = self.0.fetch_add(CHANGE - 1, Ordering::SeqCst);
        debug_assert!(old as u32 > 0, "nobody spun");
        // Pairs with the fence in `any_after_submit`; see the module.
        fence(Ordering::SeqCst);
        Change::of(old, old.wrapping_add(CHANGE - 1))
    }
}
