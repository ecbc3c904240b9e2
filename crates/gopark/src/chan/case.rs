//! A channel as a select sees it: one case, whatever the type of its values.
//!
//! A case lies on the selecting goroutine's stack. While that waits, the case's waiter is on the
//! channel's queue, so the case must stay where it is until [`Op::leave`]: a select borrows it from
//! before the first to after the last.

use std::cell::{Cell, OnceCell};
use std::panic::Location;
use std::sync::Arc;

use gopark_trace::ids::ChanId;
use gopark_trace::ring::Stamp;

use super::call::Call;
use super::hchan::{Chan, Slot, State, Way};
use super::{Receiver, Sender, recv_at, send_at, send_on_closed};
use crate::g::Gp;
use crate::lock::RawLock;
use crate::timers::Timer;
use crate::waitq::Waiter;

/// What a select asks of a case.
pub(crate) trait Op {
    /// The lock of its channel; none if that is nil. Two cases of one channel have the same.
    fn lock(&self) -> Option<&RawLock>;

    /// Whether it sends.
    fn sends(&self) -> bool;

    /// The timer of its channel.
    fn timer(&self) -> Option<&Arc<Timer>>;

    /// Does it by itself, as if there were no select around it.
    fn alone(&self, at: &'static Location<'static>);

    /// Makes the channel known in the run.
    ///
    /// # Safety
    /// The caller holds [`Op::lock`]. So for all below.
    unsafe fn join(&self, call: &mut Call);

    /// The channel's number in the run.
    ///
    /// # Safety
    /// As [`Op::join`].
    unsafe fn chan(&self) -> ChanId;

    /// The place of the channel's next event.
    ///
    /// # Safety
    /// As [`Op::join`].
    unsafe fn stamp(&self) -> Stamp;

    /// Whether it could go on now; if others can win whoever waits there, a guess.
    ///
    /// # Safety
    /// As [`Op::join`].
    unsafe fn is_ready(&self) -> bool;

    /// Finds a way to go on now, and claims it. False if there is none.
    ///
    /// # Safety
    /// As [`Op::join`].
    unsafe fn find(&self, call: &mut Call) -> bool;

    /// Goes the way that was found. Gives who is to be made ready when the lock is released.
    ///
    /// # Safety
    /// As [`Op::join`].
    unsafe fn go(&self, call: &mut Call) -> Option<Gp>;

    /// Puts a waiter of this goroutine on the queue of the channel.
    ///
    /// # Safety
    /// As [`Op::join`], and the case stays where it is until [`Op::leave`].
    unsafe fn wait(&self, g: Gp);

    /// Takes the waiter off, if nobody has done it. True if it was the one that was won.
    ///
    /// # Safety
    /// As [`Op::join`].
    unsafe fn leave(&self) -> bool;
}

/// A case of any type.
#[derive(Clone, Copy)]
pub struct AnyCase<'a>(pub(crate) &'a dyn Op);

impl std::fmt::Debug for AnyCase<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnyCase").field("sends", &self.0.sends()).finish_non_exhaustive()
    }
}

/// One case; its slot says what has come of it.
struct Case<'a, T> {
    /// None is nil.
    chan: Option<&'a Chan<T>>,
    sends: bool,
    /// What is to be sent, then what was received; while the goroutine waits, its waiter has it.
    slot: Cell<Slot<T>>,
    way: Cell<Option<Way<T>>>,
    waiter: OnceCell<Waiter<Slot<T>>>,
}

impl<'a, T: Send + 'static> Case<'a, T> {
    fn new(chan: Option<&'a Chan<T>>, value: Option<T>) -> Self {
        Self {
            chan,
            sends: value.is_some(),
            slot: Cell::new(Slot::Waiting(value)),
            way: Cell::new(None),
            waiter: OnceCell::new(),
        }
    }

    /// What has come of it.
    fn into_slot(self) -> Slot<T> {
        self.waiter.into_inner().map_or(self.slot, |waiter| waiter.slot).into_inner()
    }

    /// What to send.
    fn take_value(&self) -> T {
        let Slot::Waiting(Some(value)) = self.slot.replace(Slot::Done(None)) else {
            unreachable!("a case that sends has its value, once");
        };
        value
    }

    fn sent(&self, sent: Result<Option<Gp>, T>) -> Option<Gp> {
        sent.unwrap_or_else(|value| {
            self.slot.set(Slot::Closed(Some(value)));
            None
        })
    }

    fn not_nil(&self) -> &'a Chan<T> {
        self.chan.expect("a nil case is not asked")
    }

    /// # Safety
    /// The caller holds the channel's lock and uses the result only as long as it does, and not
    /// beside another one.
    #[expect(clippy::mut_from_ref, reason = "the lock is held, by the caller's promise")]
    unsafe fn state(&self) -> &mut State<T> {
        // SAFETY: whoever holds the lock has the state to itself.
        unsafe { &mut *self.not_nil().state.data_ptr() }
    }
}

impl<T: Send + 'static> Op for Case<'_, T> {
    fn lock(&self) -> Option<&RawLock> {
        // SAFETY: the lock is released by whoever has taken it, and only then.
        self.chan.map(|chan| unsafe { chan.state.raw() })
    }

    fn sends(&self) -> bool {
        self.sends
    }

    fn timer(&self) -> Option<&Arc<Timer>> {
        self.chan.and_then(|chan| chan.timer.as_ref())
    }

    #[track_caller]
    fn alone(&self, at: &'static Location<'static>) {
        if self.sends {
            let sent = send_at(self.chan, at, self.take_value());
            self.sent(sent.map(|()| None));
        } else {
            self.slot.set(Slot::Done(recv_at(self.chan, at)));
        }
    }

    unsafe fn join(&self, call: &mut Call) {
        // SAFETY: passed on.
        self.not_nil().join(call, unsafe { self.state() });
    }

    unsafe fn chan(&self) -> ChanId {
        // SAFETY: passed on.
        unsafe { self.state() }.id()
    }

    unsafe fn stamp(&self) -> Stamp {
        // SAFETY: passed on.
        unsafe { self.state() }.stamp()
    }

    unsafe fn is_ready(&self) -> bool {
        // SAFETY: passed on.
        let (chan, state) = (self.not_nil(), unsafe { self.state() });
        if self.sends { chan.can_send(state) } else { chan.can_recv(state) }
    }

    unsafe fn find(&self, call: &mut Call) -> bool {
        // SAFETY: passed on.
        let (chan, state) = (self.not_nil(), unsafe { self.state() });
        let way =
            if self.sends { chan.way_to_send(call, state) } else { chan.way_to_recv(call, state) };
        let found = way.is_some();
        self.way.set(way);
        found
    }

    unsafe fn go(&self, call: &mut Call) -> Option<Gp> {
        let way = self.way.take().expect("a way was found");
        // SAFETY: passed on.
        let (chan, state) = (self.not_nil(), unsafe { self.state() });
        if self.sends {
            let value = self.take_value();
            self.sent(chan.send_by(call, state, way, value))
        } else {
            let (value, woken) = chan.recv_by(call, state, way);
            self.slot.set(Slot::Done(value));
            woken
        }
    }

    unsafe fn wait(&self, g: Gp) {
        let slot = self.slot.replace(Slot::Waiting(None));
        let waiter = self.waiter.get_or_init(|| Waiter::of_select(g, slot));
        // SAFETY: passed on; and the caller parks next, and comes to `leave` before it moves the
        // case.
        unsafe {
            let state = self.state();
            let queue = if self.sends { &mut state.sendq } else { &mut state.recvq };
            queue.push_back(waiter);
        }
    }

    unsafe fn leave(&self) -> bool {
        let waiter = self.waiter.get().expect("the goroutine waited here");
        // SAFETY: passed on.
        let state = unsafe { self.state() };
        let queue = if self.sends { &mut state.sendq } else { &mut state.recvq };
        queue.remove(waiter);
        let slot = waiter.slot.replace(Slot::Closed(None));
        let won = !matches!(slot, Slot::Waiting(_));
        waiter.slot.set(slot);
        won
    }
}

/// A case that receives.
pub struct RecvCase<'a, T>(Case<'a, T>);

/// A case that sends.
pub struct SendCase<'a, T>(Case<'a, T>);

/// A case that receives from `rx`.
pub fn recv<T: Send + 'static>(rx: &Receiver<T>) -> RecvCase<'_, T> {
    RecvCase(Case::new(rx.chan.as_deref(), None))
}

/// A case that sends `value` on `tx`.
pub fn send<T: Send + 'static>(tx: &Sender<T>, value: T) -> SendCase<'_, T> {
    SendCase(Case::new(tx.chan.as_deref(), Some(value)))
}

impl<T: Send + 'static> RecvCase<'_, T> {
    /// It, whatever its type.
    pub fn any(&self) -> AnyCase<'_> {
        AnyCase(&self.0)
    }

    /// What was received, if it was this case: nothing from a closed channel.
    pub fn finish(self) -> Option<Option<T>> {
        match self.0.into_slot() {
            Slot::Done(value) => Some(value),
            Slot::Closed(_) => Some(None),
            Slot::Waiting(_) => None,
        }
    }
}

impl<T: Send + 'static> SendCase<'_, T> {
    /// It, whatever its type.
    pub fn any(&self) -> AnyCase<'_> {
        AnyCase(&self.0)
    }

    /// Whether it was this case; if not, its value is dropped.
    ///
    /// # Panics
    /// `send on closed channel`.
    #[track_caller]
    pub fn finish(self) -> Option<()> {
        self.finish_or_value().ok()
    }

    /// As [`SendCase::finish`], but gives the value back.
    ///
    /// # Errors
    /// With the value, if it was another case.
    ///
    /// # Panics
    /// `send on closed channel`.
    #[track_caller]
    pub fn finish_or_value(self) -> Result<(), T> {
        match self.0.into_slot() {
            Slot::Done(_) => Ok(()),
            Slot::Closed(Some(value)) => send_on_closed(value),
            Slot::Waiting(Some(value)) => Err(value),
            Slot::Waiting(None) | Slot::Closed(None) => {
                unreachable!("a case that sends has its value")
            }
        }
    }
}

impl<T> std::fmt::Debug for RecvCase<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecvCase").finish_non_exhaustive()
    }
}

impl<T> std::fmt::Debug for SendCase<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SendCase").finish_non_exhaustive()
    }
}
