//! The select word of a goroutine: which of several wakers has it (Go's `selectDone`).
//!
//! Word: twice the number of its selects that were won, plus 1 while one waits (`OPEN`).
//!
//! A goroutine in a select is on the lists of several channels, and each of them may be used by
//! somebody at the same moment. Only one may let it go on.
//!
//! **Select**: 1. take the locks of all its channels; 2. put a waiter on each list; 3. open the
//! word; 4. park: the locks are released when the goroutine is off its stack. When it goes on:
//! 5. take all locks again; 6. take off the waiters that are still there; 7. release the locks.
//!
//! **Wake**, under the lock of one channel: 1. take the first waiter off; 2. try to win the word of
//! its goroutine; 3. whoever has won hands the value over, releases the lock and makes the goroutine
//! ready; whoever has lost leaves it alone and goes on with the next waiter.
//!
//! *The race*: two wakers find waiters of one goroutine on two lists. *Why one goes on*: the word is
//! won by one compare-exchange. *Why nobody wins a later select with the waiter of an earlier one*:
//! the word is opened again only after step 6, which takes each waiter off under the lock that a
//! waker needs to find it. So a waker that holds a waiter of an earlier select, and its lock, sees
//! a word that is not open.
//!
//! The word counts, and is never set back, because a live trace needs to know which win it was that
//! a loser has seen: its event comes after the winner's. `tests/loom.rs` checks all this, and that a
//! win without compare-exchange, and a next select before step 6, are caught.

use crate::atomics::{AtomicU64, Ordering};

/// Added while a select waits and nobody has won it.
const OPEN: u64 = 1;

/// The word; see the module.
#[derive(Debug)]
pub(crate) struct SelectWord(AtomicU64);

impl SelectWord {
    /// No select yet.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// No select yet in this life of the goroutine; nobody else knows it.
    pub(crate) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// The goroutine's select waits from here on; it holds the locks of all its channels.
    pub(crate) fn open(&self) {
        let word = self.0.load(Ordering::Relaxed);
        debug_assert_eq!(word & OPEN, 0, "a goroutine is in one select at a time");
        // Relaxed: whoever tries to win it has taken one of the locks after us.
        self.0.store(word | OPEN, Ordering::Relaxed);
    }

    /// Wins the select, as the caller's n-th counted from 0; the caller holds the lock of one of its
    /// channels.
    ///
    /// # Errors
    /// With the number of selects won so far, if another one has won it.
    pub(crate) fn win(&self) -> Result<u32, u32> {
        let word = self.0.load(Ordering::Relaxed);
        if word & OPEN == 0 {
            return Err(wins(word));
        }
        // Relaxed is enough for what belongs to the goroutine: its lists' locks hand it over, and
        // this word only says to whom. A loser reads nothing of it.
        match self.0.compare_exchange(word, word + 1, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => Ok(wins(word)),
            Err(now) => Err(wins(now)),
        }
    }

    /// Whether a select waits that nobody has won. Under the lock of one of its channels, a guess
    /// that only another waker can make wrong.
    pub(crate) fn is_open(&self) -> bool {
        self.0.load(Ordering::Relaxed) & OPEN != 0
    }

    /// How many selects were won; with the world stopped.
    pub(crate) fn wins(&self) -> u32 {
        wins(self.0.load(Ordering::Relaxed))
    }
}

/// Cut to the bits of a structure's numbers.
fn wins(word: u64) -> u32 {
    (word >> 1) as u32
}
