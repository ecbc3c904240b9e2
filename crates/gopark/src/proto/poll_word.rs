//! One direction of a descriptor: ready, or somebody waits for it (`netpoll.go`, `rg` and `wg`).
//!
//! | word | meaning |
//! |---|---|
//! | `NIL` | nothing |
//! | `READY` | readiness came and nobody has used it |
//! | `WAIT` | a goroutine is about to park |
//! | a goroutine | it is parked; whoever takes it out of the word makes it ready |
//!
//! **Wait** (the goroutine): 1. `READY -> NIL`: done, without parking; or `NIL -> WAIT`; 2. fence;
//! 3. if the descriptor is closed or its deadline is over, back and leave; 4. switch to the M.
//! **Commit** (its M, when it is off its stack): 5. `WAIT -> goroutine`; if that fails something
//! came in between, and the goroutine is ready at once. **After it**: 6. swap `NIL`; it was woken
//! by readiness if the word was `READY`, else it asks what happened.
//!
//! **Readiness** (the poller): any `-> READY`, and the goroutine that stood there is ready.
//! **Close, deadline**: 1. say so in [`PollInfo`]; 2. fence; 3. `WAIT` or a goroutine `-> NIL`, and
//! that goroutine is ready; `READY` and `NIL` stay.
//!
//! *The first race*: readiness comes while a goroutine parks. *Why it is not lost*: the word knows
//! every moment of it. Before step 1 it is `READY` and is used; between 1 and 5 the commit fails;
//! after 5 the poller gets the goroutine.
//!
//! *The second race*: a goroutine is about to wait while somebody closes. *Why it does not sleep for
//! ever*: of the two fences one comes first. If the waiter's does, the closer's step 3 finds `WAIT`
//! or the goroutine; if the closer's does, the waiter's step 3 sees what the closer said. Without
//! the fences both may miss; `tests/loom.rs` shows that, too.
//!
//! Two goroutines that wait in one direction would be one too many for the word; the lock of that
//! direction keeps them apart ([`crate::net`]).

use crate::atomics::{AtomicPtr, AtomicU32, Ordering, fence};

/// One direction of a descriptor. `T` is the goroutine.
#[derive(Debug)]
pub(crate) struct PollWord<T>(AtomicPtr<T>);

/// What became of the wish to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// Readiness was there and is used up.
    Consumed,
    /// The word is `WAIT`: look at [`PollInfo`], then park or [`PollWord::end`].
    Waits,
    /// Somebody waits in this direction already.
    DoubleWait,
}

fn nil<T>() -> *mut T {
    std::ptr::null_mut()
}

fn ready<T>() -> *mut T {
    std::ptr::without_provenance_mut(1)
}

fn wait<T>() -> *mut T {
    std::ptr::without_provenance_mut(2)
}

impl<T> PollWord<T> {
    /// Nothing came and nobody waits.
    pub(crate) fn new() -> Self {
        Self(AtomicPtr::new(nil()))
    }

    /// Forgets readiness that nobody has used: the caller tries for itself next (`pollReset`).
    pub(crate) fn reset(&self) {
        self.0.swap(nil(), Ordering::AcqRel);
    }

    /// Step 1 of a wait, and the fence before step 3.
    pub(crate) fn begin(&self) -> Begin {
        loop {
            // Acquire pairs with the Release of whoever set READY.
            match self.0.compare_exchange(ready(), nil(), Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Begin::Consumed,
                Err(found) if !found.is_null() => return Begin::DoubleWait,
                Err(_) => {}
            }
            let waits = self.0.compare_exchange(nil(), wait(), Ordering::AcqRel, Ordering::Relaxed);
            if waits.is_ok() {
                // Pairs with the fence in `PollInfo::say`.
                fence(Ordering::SeqCst);
                return Begin::Waits;
            }
        }
    }

    /// Step 5. False if something came in between: then the goroutine does not wait.
    pub(crate) fn commit(&self, g: *mut T) -> bool {
        // Release: who takes the goroutine out sees its saved stack.
        self.0.compare_exchange(wait(), g, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    /// Step 6, also for who leaves without parking. Whether readiness came.
    pub(crate) fn end(&self) -> bool {
        let found = self.0.swap(nil(), Ordering::AcqRel);
        debug_assert!(
            found.is_null() || found == ready() || found == wait(),
            "gopark: a poll word still holds the goroutine that goes on"
        );
        found == ready()
    }

    /// Takes whoever waits out of the word (`netpollunblock`): because of readiness, or, if not
    /// `came`, because of a deadline or a close.
    pub(crate) fn unblock(&self, came: bool) -> Option<*mut T> {
        let new = if came { ready() } else { nil() };
        let mut found = self.0.load(Ordering::Relaxed);
        loop {
            // What came first stays; a deadline leaves no readiness behind.
            if found == ready() || found.is_null() && !came {
                return None;
            }
            // Acquire pairs with the Release in `commit`, Release with the Acquire in `begin`.
            match self.0.compare_exchange(found, new, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return (!found.is_null() && found != wait()).then_some(found),
                Err(other) => found = other,
            }
        }
    }

    /// Whether a goroutine is parked here; a guess.
    pub(crate) fn is_waited(&self) -> bool {
        let found = self.0.load(Ordering::Relaxed);
        !(found.is_null() || found == ready() || found == wait())
    }
}

/// The descriptor is being closed.
pub(crate) const CLOSING: u32 = 1;
/// The deadline for reading is over.
pub(crate) const READ_OVER: u32 = 2;
/// The deadline for writing is over.
pub(crate) const WRITE_OVER: u32 = 4;

/// Why not to wait for a descriptor (`atomicInfo`).
#[derive(Debug)]
pub(crate) struct PollInfo(AtomicU32);

impl PollInfo {
    /// Nothing speaks against it.
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Says it, before the words are asked who waits. One at a time: under the descriptor's lock.
    pub(crate) fn say(&self, info: u32) {
        self.0.store(info, Ordering::Release);
        // Pairs with the fence in `PollWord::begin`.
        fence(Ordering::SeqCst);
    }

    /// What was said.
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }
}
