//! The note an idle M sleeps on: woken exactly once per sleep (Go's `notesleep`, `notewakeup`).
//!
//! Word: `CLEAR` nobody slept or woke since the last sleep · `WOKEN` the wake came, first or while
//! asleep. The sleeper waits for `WOKEN` and clears it; the waker sets it and wakes. A wake that
//! comes before the sleep is kept, so none is lost; two wakes for one sleep are a bug of the caller
//! (an M is on the idle list once, and only whoever takes it off may wake it).

use crate::atomics::{AtomicU32, Ordering, futex_wait, futex_wake, spin_hint};

const CLEAR: u32 = 0;
const WOKEN: u32 = 1;

/// A one-shot wake-up.
#[derive(Debug)]
pub(crate) struct Note(AtomicU32);

impl Note {
    /// A note nobody has woken.
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(CLEAR))
    }

    /// Looks `spins` times whether the wake has come, then sleeps until it comes. Everything the
    /// waker wrote before [`Note::wake`] is seen after it.
    pub(crate) fn sleep(&self, spins: u32) {
        for _ in 0..spins {
            if self.0.load(Ordering::Relaxed) == WOKEN {
                break;
            }
            spin_hint();
        }
        // Acquire pairs with the Release in `wake`: the promised P is seen.
        while self.0.load(Ordering::Acquire) != WOKEN {
            futex_wait(&self.0, CLEAR);
        }
        self.0.store(CLEAR, Ordering::Relaxed);
    }

    /// Wakes the sleeper, or lets its next sleep return at once.
    pub(crate) fn wake(&self) {
        let before = self.0.swap(WOKEN, Ordering::Release);
        debug_assert_eq!(before, CLEAR, "an idle M was woken twice");
        futex_wake(&self.0);
    }

    /// As [`Note::wake`], when the run is over: whether it sleeps or was woken does not matter.
    pub(crate) fn wake_at_end(&self) {
        self.0.store(WOKEN, Ordering::Release);
        futex_wake(&self.0);
    }
}
