//! The G word: the status of a goroutine, and who may touch it meanwhile.
//!
//! | word | who owns the G's other fields |
//! |---|---|
//! | `IDLE`, `DEAD` | the maker or the P whose free list it is on |
//! | `RUNNABLE` | whoever holds the queue place it is in; moving between queues hands it on |
//! | `RUNNING` | the M that runs it |
//! | `WAITING` | whoever takes it off the wait list, under that list's lock |
//! | `SYSCALL` | the M that is in the call with it |
//! | `WAITING` + `HELD` | whoever set `HELD`: it looks after the parked stack for a moment |
//! | `SYSCALL` + `HELD` | whoever set `HELD`: it takes the P from the M, which can't leave its call meanwhile |
//!
//! **Park** (the parking side runs on its M's own stack, the goroutine already switched away from):
//! 1. the goroutine puts itself on a wait list, holding the list's lock, and switches to its M;
//! 2. the M sets `RUNNING -> WAITING`;
//! 3. the M releases the list's lock (the commit).
//!
//! **Ready**: 1. take the list's lock; 2. take the goroutine off the list; 3. release the lock;
//! 4. set `WAITING -> RUNNABLE`; 5. put it into a run queue.
//!
//! *The race*: a waker that made the goroutine runnable before step 2 of the parking side would let
//! another M run a stack that is still in use. *Why it can't*: the waker finds the goroutine only
//! on the list, and the list's lock is held from before the goroutine is on it until after the
//! switch and step 2. The lock's release/acquire pair carries the saved stack pointer and the word.
//! `tests/loom.rs` checks it, and that releasing the lock before the switch is caught.

use crate::atomics::{AtomicU32, Ordering, spin_hint};

/// Just allocated.
pub(crate) const IDLE: u32 = 0;
/// In a run queue, or in the hand of an M on the way from or to one.
pub(crate) const RUNNABLE: u32 = 1;
/// On an M.
pub(crate) const RUNNING: u32 = 2;
/// In a system call.
pub(crate) const SYSCALL: u32 = 3;
/// Parked.
pub(crate) const WAITING: u32 = 4;
/// Ended, or being set up.
pub(crate) const DEAD: u32 = 6;
/// Added to `WAITING` or `SYSCALL`: somebody holds the goroutine still (Go's scan bit). Who would
/// change the status waits for it.
pub(crate) const HELD: u32 = 0x1000;

/// The status word of one goroutine; see the module for who may write it.
#[derive(Debug)]
pub(crate) struct GWord(AtomicU32);

impl GWord {
    /// A word in `IDLE`.
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(IDLE))
    }

    /// The status now; only its owner may rely on it.
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Goes from one status to another (Go's `casgstatus`).
    ///
    /// # Panics
    /// If the word is not `from`: two owners at once, a bug in the runtime.
    #[inline]
    pub(crate) fn switch(&self, from: u32, to: u32) {
        // Acquire/Release although the queues and locks already order owners: a word that is
        // wrong must be seen as wrong here, on the machine where it went wrong.
        if !matches!(from, WAITING | SYSCALL) {
            // Nobody but the owner changes it, so no exchange is needed.
            let found = self.0.load(Ordering::Acquire);
            if found != from {
                bad_status(from, to, found);
            }
            return self.0.store(to, Ordering::Release);
        }
        loop {
            let switched = self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed);
            match switched {
                Ok(_) => return,
                // Held for some microseconds only.
                Err(found) if found == from | HELD => spin_hint(),
                Err(found) => bad_status(from, to, found),
            }
        }
    }

    /// Holds a goroutine still that is in `status`, if it is and nobody else does: until
    /// [`GWord::let_go`] what the module's table says belongs to the caller.
    pub(crate) fn hold(&self, status: u32) -> bool {
        // Acquire pairs with the Release of the switch to the status: what came before it is seen.
        let held =
            self.0.compare_exchange(status, status | HELD, Ordering::AcqRel, Ordering::Relaxed);
        held.is_ok()
    }

    /// Lets a goroutine go that was held in `status`.
    pub(crate) fn let_go(&self, status: u32) {
        // Release pairs with the Acquire of the next switch.
        self.0.store(status, Ordering::Release);
    }
}

#[cold]
fn bad_status(from: u32, to: u32, found: u32) -> ! {
    panic!("gopark: bad goroutine status {found} on the way from {from} to {to}");
}
