//! A lock in one word: the scheduler's own, never parking_lot's.
//!
//! Where the runtime cannot be preempted it may not wait for a lock that a suspended goroutine
//! could hold, and parking_lot keeps its sleepers in one table for all locks of the process.
//!
//! Word: `FREE` · `HELD` nobody sleeps · `AWAITED` held, and somebody may sleep (Drepper,
//! "Futexes Are Tricky", mutex 2).

use crate::atomics::{AtomicU32, Ordering, futex_wait, futex_wake, spin_hint};

const FREE: u32 = 0;
const HELD: u32 = 1;
const AWAITED: u32 = 2;

/// How often a waiter looks before it sleeps: the sections are tens of nanoseconds long, so this
/// covers one of them several times over.
const SPINS: u32 = 60;

/// The lock's word.
#[derive(Debug)]
pub(crate) struct FutexLock(AtomicU32);

impl FutexLock {
    /// A lock in a word that holds 0, which is free.
    pub(crate) const fn from_word(word: AtomicU32) -> Self {
        Self(word)
    }

    /// Takes the lock if it is free.
    #[inline]
    pub(crate) fn try_lock(&self) -> bool {
        // Acquire pairs with the Release in `unlock`.
        self.0.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Waits for the lock and takes it.
    #[cold]
    pub(crate) fn lock_contended(&self) {
        for _ in 0..SPINS {
            if self.0.load(Ordering::Relaxed) == FREE && self.try_lock() {
                return;
            }
            spin_hint();
        }
        // From here the word says AWAITED even if nobody else sleeps: one wake too many is
        // harmless, one too few is not.
        while self.0.swap(AWAITED, Ordering::Acquire) != FREE {
            futex_wait(&self.0, AWAITED);
        }
    }

    /// Gives the lock back.
    #[inline]
    pub(crate) fn unlock(&self) {
        // Release pairs with the Acquire in `try_lock` and `lock_contended`.
        if self.0.swap(FREE, Ordering::Release) == AWAITED {
            futex_wake(&self.0);
        }
    }

    /// Whether somebody holds it.
    pub(crate) fn is_held(&self) -> bool {
        self.0.load(Ordering::Relaxed) != FREE
    }
}
