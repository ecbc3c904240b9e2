//! Timers (`time.go`): what one is, and the protocol between who sets it and the P that has it.
//!
//! A timer is in no heap, or in the heap of one P, whichever set it ([`heap`]). Who stops it or
//! gives it another time can't reach into that heap: its P may be another's. So both are **lazy**:
//!
//! - stop marks it [`ZOMBIE`]; the P's M takes it out when it comes to the head or the tail of the
//!   heap, or all zombies at once when they are more than a quarter;
//! - another time marks it [`MODIFIED`], and the heap's entry keeps the old one. The heap's
//!   `min_modified` is lowered so that no M sleeps past the new time; the entry is put right when
//!   it comes to the head, or all of them at once when that moment has come.
//!
//! Locks, in the order they are taken: the channel of a channel timer, the heap, the timer. `seen`
//! is the timer's bits at its last unlock: the heap reads it to leave most timers unlocked. Who
//! gives a timer an earlier time publishes its bits *before* it lowers `min_modified`: a heap that
//! is being put right at that moment either sees the bit, or its own reset of `min_modified` came
//! first and the lower value stays.
//!
//! **Channel timers** are in a heap only while a goroutine is blocked on their channel. Otherwise
//! nobody needs to be woken for them, and the next look at the channel fires them if they are due.
//! A firing is decided under the timer's lock and done under the channel's, with no lock in between;
//! `seq` counts the stops and resets, and is changed under both locks, so a firing that was overtaken
//! by one of them finds another number and sends nothing.
//!
//! **Memory.** The scheduler must not allocate or free. A sleeper needs no timer of its own: nobody
//! can stop it or give it another time, so its G is the entry in the heap. Timers are in an [`Arc`]
//! of which the heap has a share; a share that proves to be the last is buried, for the next
//! goroutine that makes a timer to free ([`heap::Timers::take_dead`]). What an AfterFunc runs is
//! boxed by who sets the timer and taken out by who fires or stops it.

pub(crate) mod heap;

use std::cell::Cell;
use std::fmt;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use gopark_trace::ids::{GId, Nanos, Obj, SiteId, TimerId};
use gopark_trace::ring::{Stamp, Structure};
use gopark_trace::snapshot::Snapshot;
use gopark_trace::words::TimerKind;

use crate::g::{Entry, Gp};
use crate::kernel::{Kernel, Look, stamp};
use crate::lock::{Guard, Lock};
use crate::p::P;

/// It is in the heap of a P (`timerHeaped`).
pub(crate) const HEAPED: u8 = 1;
/// Its entry in the heap has an old time (`timerModified`). Only with [`HEAPED`].
pub(crate) const MODIFIED: u8 = 2;
/// It is to be taken out of the heap (`timerZombie`). Only with [`HEAPED`].
pub(crate) const ZOMBIE: u8 = 4;

/// The time of a timer that is not set.
pub(crate) const UNSET: Nanos = Nanos::MAX;
/// The last moment a timer can be set for.
const LAST: Nanos = Nanos(u64::MAX - 1);

/// When a timer that is set now for `after` is due.
pub(crate) fn due_at(now: Nanos, after: Nanos) -> Nanos {
    now.plus(after).min(LAST)
}

/// What the timer of a descriptor's deadline does: it is called on the scheduler's side of an M that
/// has a P, so it must not block, nor call user code, nor allocate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hook {
    /// Gets `arg` and the `seq` the timer was set with; gives whom to make ready, in this order.
    pub(crate) run: unsafe fn(*const (), u64) -> [Option<Gp>; 2],
    /// Whose deadline it is.
    pub(crate) arg: *const (),
}

/// What a timer does when it fires.
pub(crate) enum Action {
    /// Calls a hook.
    Deadline(Hook),
    /// Starts a goroutine with what is in [`State::entry`].
    Func,
    /// Sends the time on a channel.
    Chan(Weak<dyn TimerChan>),
}

/// The channel of a timer.
pub(crate) trait TimerChan: Send + Sync {
    /// Sends `when` unless the timer's `seq` is another by now; gives a receiver to be made ready.
    /// Counts the firing out of [`Timer::sending`]. A look at the channel that fires the timer says
    /// how late that is.
    fn send_time(&self, seq: u64, when: Nanos, late: Option<Nanos>) -> Option<Gp>;
    /// Calls `change` under the channel's lock, then drops what is buffered; whether something was.
    fn change(&self, change: &mut dyn FnMut()) -> bool;
}

/// One timer.
pub(crate) struct Timer {
    /// Its bits at the last unlock (`astate`). Written by who holds the lock, read by the heap.
    seen: AtomicU8,
    /// What it does.
    pub(crate) action: Action,
    /// Firings of a channel timer that are decided and not done. Raised under the timer's lock,
    /// lowered under the channel's.
    pub(crate) sending: AtomicU32,
    state: Lock<State>,
    /// The next of the buried; of who buried it.
    next: Cell<Option<TimerRef>>,
}

// SAFETY: `next` is used only by who holds the heap it is buried in, and by nobody else at all: it
// is buried when its share is the last. A hook's pointer is used as its maker promised.
unsafe impl Send for Timer {}
// SAFETY: as above.
unsafe impl Sync for Timer {}

/// What a timer's lock guards.
pub(crate) struct State {
    /// [`HEAPED`], [`MODIFIED`], [`ZOMBIE`].
    pub(crate) bits: u8,
    /// The run it belongs to.
    pub(crate) run: u32,
    /// Its number.
    pub(crate) id: TimerId,
    /// Events emitted about it.
    events: u32,
    /// When it is due; [`UNSET`] if it is not set.
    pub(crate) when: Nanos,
    /// It fires again after this; never if 0.
    pub(crate) period: Nanos,
    /// Of a deadline: what its hook gets. Of a channel timer: the stops and resets so far.
    pub(crate) seq: u64,
    /// The P whose heap has it.
    pub(crate) owner: Option<&'static P>,
    /// Goroutines blocked on its channel.
    pub(crate) blocked: u32,
    /// What an AfterFunc will run.
    pub(crate) entry: Option<Entry>,
    /// Whom it wakes, for viewers.
    pub(crate) g: Option<GId>,
    /// Where it was set.
    pub(crate) site: Option<SiteId>,
}

impl Timer {
    /// A timer that is not set and belongs to no run. Made outside of the runtime: it allocates.
    pub(crate) fn new(action: Action) -> Arc<Self> {
        let state = State {
            bits: 0,
            run: 0,
            id: TimerId(0),
            events: 0,
            when: UNSET,
            period: Nanos(0),
            seq: 0,
            owner: None,
            blocked: 0,
            entry: None,
            g: None,
            site: None,
        };
        Arc::new(Self {
            seen: AtomicU8::new(0),
            action,
            sending: AtomicU32::new(0),
            state: Lock::new(state),
            next: Cell::new(None),
        })
    }

    /// Makes it belong to this run, before it is first set.
    pub(crate) fn join_run(self: &Arc<Self>, kernel: &dyn Kernel) {
        let mut held = self.lock();
        (held.run, held.id) = (kernel.run(), kernel.next_timer());
        drop(held);
        if kernel.recording() {
            let this = Arc::downgrade(self);
            kernel.register(this);
        }
    }

    /// Whether it belongs to this run.
    pub(crate) fn is_of(&self, kernel: &dyn Kernel) -> bool {
        self.lock().run == kernel.run()
    }

    /// Its bits at the last unlock.
    #[inline]
    pub(crate) fn seen(&self) -> u8 {
        // Acquire: pairs with `publish`, through `min_modified`; see the module.
        self.seen.load(Ordering::Acquire)
    }

    /// Locks it.
    pub(crate) fn lock(&self) -> Held<'_> {
        Held { seen: &self.seen, state: self.state.lock() }
    }

    /// Whether it sends on a channel.
    pub(crate) fn is_chan(&self) -> bool {
        matches!(self.action, Action::Chan(_))
    }

    /// The word for what it does.
    pub(crate) fn kind(&self, state: &State) -> TimerKind {
        match &self.action {
            Action::Deadline(_) => TimerKind::Deadline,
            Action::Func => TimerKind::AfterFunc,
            Action::Chan(_) if state.period == Nanos(0) => TimerKind::Channel,
            Action::Chan(_) => TimerKind::Ticker,
        }
    }
}

impl Look for Timer {
    /// Where it is stands in the snapshot by its heap.
    fn look(&self, _snapshot: &mut Snapshot) -> (Structure, u64) {
        self.lock().number()
    }
}

impl State {
    /// Whether it should be in a heap and is in none (`needsAdd`).
    pub(crate) fn needs_add(&self, is_chan: bool) -> bool {
        self.bits & HEAPED == 0 && self.when != UNSET && (!is_chan || self.blocked > 0)
    }

    /// Whether this bit is set.
    pub(crate) fn is(&self, bit: u8) -> bool {
        self.bits & bit != 0
    }

    /// The stamp of the next event about it.
    pub(crate) fn stamp(&mut self) -> Stamp {
        let n = self.events;
        self.events = n.wrapping_add(1);
        stamp(Structure::Obj(Obj::Timer(self.id)), n)
    }

    /// The number its next event will have.
    pub(crate) fn number(&self) -> (Structure, u64) {
        (Structure::Obj(Obj::Timer(self.id)), self.events.into())
    }

    /// When it is due after it fires at `now`: not at all, or so many periods later that none is
    /// made up for.
    pub(crate) fn next_due(&self, now: Nanos) -> Nanos {
        let Nanos(period) = self.period;
        if period == 0 {
            return UNSET;
        }
        let late = now.minus(self.when).0;
        self.when.plus(Nanos(period.saturating_mul(1 + late / period))).min(LAST)
    }
}

/// A locked timer. Its bits are published when it is let go.
pub(crate) struct Held<'a> {
    seen: &'a AtomicU8,
    state: Guard<'a, State>,
}

impl Held<'_> {
    /// Publishes the bits now, before the heap's `min_modified` is lowered.
    pub(crate) fn publish(&self) {
        // Release: pairs with the load in `seen`.
        self.seen.store(self.state.bits, Ordering::Release);
    }
}

impl Deref for Held<'_> {
    type Target = State;
    fn deref(&self) -> &State {
        &self.state
    }
}

impl std::ops::DerefMut for Held<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // The lock is released after this.
        self.publish();
    }
}

/// A timer that stays where it is while this is used: the caller holds a share of its [`Arc`], or the
/// heap it is in does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimerRef(NonNull<Timer>);

impl TimerRef {
    /// Points to a timer.
    pub(crate) fn of(timer: &Arc<Timer>) -> Self {
        // The pointer of the Arc and not of a reference: shares are counted beside the timer.
        Self(NonNull::new(Arc::as_ptr(timer).cast_mut()).expect("an Arc is somewhere"))
    }

    /// Takes a share, for a heap.
    fn share(self) {
        // SAFETY: it came from `Arc::as_ptr`, and the caller holds a share.
        unsafe { Arc::increment_strong_count(self.0.as_ptr()) };
    }

    /// The share that a heap has taken.
    ///
    /// # Safety
    /// The caller gives the heap's share up.
    unsafe fn into_share(self) -> Arc<Timer> {
        // SAFETY: it came from `Arc::as_ptr`, and as the caller promises.
        unsafe { Arc::from_raw(self.0.as_ptr()) }
    }
}

impl Deref for TimerRef {
    type Target = Timer;
    #[inline]
    fn deref(&self) -> &Timer {
        // SAFETY: see the type: it is used only while the timer is there.
        unsafe { self.0.as_ref() }
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("seen", &self.seen()).finish_non_exhaustive()
    }
}

impl fmt::Debug for TimerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimerRef({:p})", self.0)
    }
}

#[cfg(test)]
mod tests;
