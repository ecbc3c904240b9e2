//! A state word that counts its changes.
//!
//! The lower half is the state. The upper half counts the changes, so that what is done to a lock
//! without a lock has an order in a live trace: each change gives its number, and a look that
//! changes nothing may take one too.

use std::sync::atomic::{AtomicU64, Ordering};

/// One change of a word: from a half of the word to the next number.
const ONE: u64 = 1 << 32;

/// The word.
#[derive(Debug)]
pub(super) struct Word(AtomicU64);

/// A change, or a look that took a number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    /// The state before it.
    pub(super) before: u32,
    /// Its number.
    pub(super) number: u32,
}

impl Word {
    /// State 0, unchanged.
    pub(super) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The state. Acquire pairs with the Release of the change that made it, for who takes it as a
    /// word that something is done.
    #[inline]
    pub(super) fn state(&self) -> u32 {
        self.0.load(Ordering::Acquire) as u32
    }

    /// Compare and swap of the state. It fails only with another state.
    #[inline]
    pub(super) fn change(&self, from: u32, to: u32) -> Result<Change, u32> {
        let mut old = self.0.load(Ordering::Relaxed);
        loop {
            if old as u32 != from {
                return Err(old as u32);
            }
            let new = u64::from(to) | (old & !(ONE - 1)).wrapping_add(ONE);
            // Acquire pairs with the Release of the change before; Release with the next.
            match self.0.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Ok(Change { before: from, number: (old >> 32) as u32 }),
                Err(now) => old = now,
            }
        }
    }

    /// Changes the state whatever it is, unless `how` refuses: then it is left as it is, and given.
    pub(super) fn update(&self, how: impl Fn(u32) -> Option<u32>) -> Result<Change, u32> {
        let mut old = self.0.load(Ordering::Relaxed) as u32;
        loop {
            let Some(new) = how(old) else { return Err(old) };
            match self.change(old, new) {
                Ok(change) => return Ok(change),
                Err(now) => old = now,
            }
        }
    }

    /// Takes a number and leaves the state.
    pub(super) fn look(&self) -> Change {
        // Acquire as in `state`. Release, so that the order of the numbers is one of the changes.
        let old = self.0.fetch_add(ONE, Ordering::AcqRel);
        Change { before: old as u32, number: (old >> 32) as u32 }
    }

    /// Counts from 0 again: another run begins to use it.
    pub(super) fn restart(&self) {
        self.0.fetch_and(ONE - 1, Ordering::Relaxed);
    }
}
