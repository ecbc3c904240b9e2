//! The channel itself (`hchan`): a buffer, those who wait to receive, those who wait to send.
//!
//! Invariants: of the two wait queues at least one is empty, but for goroutines that wait in a
//! select that was won elsewhere, or that wait on both; a buffered value and a waiting receiver, or
//! free room and a waiting sender, never exist together. A value moves straight between the two
//! goroutines when one of them waits: its place is on the waiter's stack.
//!
//! What can go on is found first, and claimed ([`Way`]), then done: a select stands between the two.

use std::collections::VecDeque;
use std::panic::Location;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

use gopark_trace::event::Event;
use gopark_trace::ids::{ChanId, Obj};
use gopark_trace::ring::{Stamp, Structure};
use gopark_trace::rule::Rule;
use gopark_trace::snapshot::{ChanSnap, Snapshot};
use gopark_trace::words::{RecvHow, SendHow, WaitReason};

use super::call::{Call, ids};
use crate::g::Gp;
use crate::ids::{Bond, FOREIGN};
use crate::kernel::{IdKind, Kernel, Look, stamp};
use crate::lock::{Guard, Lock};
use crate::timers::Timer;
use crate::waitq::{Taken, WaitQueue, Waiter};

/// The channel itself.
pub(super) struct Chan<T> {
    /// Itself, to be made known.
    me: Weak<Self>,
    cap: u32,
    /// How many values are buffered; written under the lock, read from anywhere.
    len: AtomicU32,
    /// The timer that sends on it.
    pub(super) timer: Option<Arc<Timer>>,
    pub(super) state: Lock<State<T>>,
}

/// What a waiting goroutine gives or gets.
pub(super) enum Slot<T> {
    /// A sender's value; a receiver waits without one.
    Waiting(Option<T>),
    /// The other side has come: a receiver's value, nothing for a sender.
    Done(Option<T>),
    /// The channel was closed; a sender has its value back.
    Closed(Option<T>),
}

/// What lies under the lock.
pub(super) struct State<T> {
    pub(super) buffer: VecDeque<T>,
    pub(super) recvq: WaitQueue<Slot<T>>,
    pub(super) sendq: WaitQueue<Slot<T>>,
    closed: bool,
    bond: Bond,
    /// Whether it was told of.
    made: bool,
    /// Events emitted under the lock.
    events: u32,
}

/// How a send or a receive can go on at once.
pub(super) enum Way<T> {
    /// With one who waits, and is ours now.
    With(Taken<Slot<T>>),
    /// Into the buffer, or out of it.
    Buffer,
    /// The channel is closed.
    Closed,
}

impl<T> State<T> {
    /// Its number in the run.
    pub(super) fn id(&self) -> ChanId {
        ChanId(self.bond.id)
    }

    /// The place of its next event.
    pub(super) fn stamp(&mut self) -> Stamp {
        let n = self.events;
        self.events = n.wrapping_add(1);
        stamp(Structure::Obj(Obj::Chan(self.id())), n)
    }
}

impl<T: Send + 'static> Look for Chan<T> {
    fn look(&self, snapshot: &mut Snapshot) -> (Structure, u64) {
        let state = self.state.lock();
        // Whoever was won elsewhere waits here no more, although it is still on the list.
        let ids =
            |queue: &WaitQueue<Slot<T>>| queue.iter().filter(waits).map(|w| w.g.gid()).collect();
        snapshot.chans.push(ChanSnap {
            chan: state.id(),
            name: None,
            cap: self.cap,
            len: state.buffer.len() as u32,
            closed: state.closed,
            recvq: ids(&state.recvq),
            sendq: ids(&state.sendq),
        });
        (Structure::Obj(Obj::Chan(state.id())), state.events.into())
    }
}

/// Whether somebody waits still.
fn waits<T>(waiter: &&Waiter<T>) -> bool {
    !waiter.selects || waiter.g.select.is_open()
}

impl<T> Chan<T> {
    /// Its room, for its users: that of a timer seems to have none.
    pub(super) fn cap(&self) -> usize {
        if self.timer.is_some() { 0 } else { self.cap as usize }
    }

    /// How many are buffered, for its users.
    pub(super) fn len(&self) -> usize {
        if self.timer.is_some() { 0 } else { self.len.load(Ordering::Relaxed) as usize }
    }

    /// Whether there is room for one more.
    fn has_room(&self, state: &State<T>) -> bool {
        state.buffer.len() < self.cap as usize
    }
}

impl<T: Send + 'static> Chan<T> {
    pub(super) fn new(cap: usize) -> Arc<Self> {
        Self::with_timer(cap, |_| None)
    }

    /// Makes one, with a timer that sends on it.
    pub(super) fn with_timer(
        cap: usize,
        timer: impl FnOnce(&Weak<Self>) -> Option<Arc<Timer>>,
    ) -> Arc<Self> {
        let mut buffer = VecDeque::new();
        let Some(room) = u32::try_from(cap).ok().filter(|_| buffer.try_reserve_exact(cap).is_ok())
        else {
            panic!("makechan: size out of range");
        };
        let state = State {
            buffer,
            recvq: WaitQueue::new(),
            sendq: WaitQueue::new(),
            closed: false,
            bond: Bond::new(),
            made: false,
            events: 0,
        };
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            cap: room,
            len: AtomicU32::new(0),
            timer: timer(me),
            state: Lock::new(state),
        })
    }

    /// Enters the runtime: a gate, then the lock.
    #[track_caller]
    #[inline]
    pub(super) fn enter(&self, at: &'static Location<'static>) -> (Call, Guard<'_, State<T>>) {
        let call = Call::enter(at);
        if let Some(timer) = &self.timer {
            call.kernel.timer_look(timer);
        }
        self.lock(call)
    }

    /// As [`Chan::enter`], for who has passed the gate.
    #[inline]
    pub(super) fn lock(&self, mut call: Call) -> (Call, Guard<'_, State<T>>) {
        let mut state = self.state.lock();
        self.join(&mut call, &mut state);
        (call, state)
    }

    /// Whoever comes first in a run makes the channel known.
    #[inline]
    pub(super) fn join(&self, call: &mut Call, state: &mut State<T>) {
        if !state.bond.is_of(&*call.kernel) {
            self.join_run(&*call.kernel, state);
        }
        if !state.made {
            state.made = true;
            let event = Event::ChanMake { chan: state.id(), cap: self.cap };
            call.tell(state, event, None);
        }
    }

    /// The first use in a run.
    #[cold]
    fn join_run(&self, kernel: &dyn Kernel, state: &mut State<T>) {
        let waited = !(state.recvq.is_empty() && state.sendq.is_empty());
        assert!(state.bond.renew(kernel, IdKind::Chan, waited), "{FOREIGN}");
        state.made = false;
        state.events = 0;
        let me: Weak<dyn Look> = Weak::<Self>::clone(&self.me);
        kernel.register(me);
    }

    // ---- send ----

    /// Sends; the value comes back if the channel is closed.
    pub(super) fn send(&self, at: &'static Location<'static>, value: T) -> Result<(), T> {
        let (mut call, mut state) = self.enter(at);
        if let Some(way) = self.way_to_send(&mut call, &mut state) {
            let woken = self.send_by(&mut call, &mut state, way, value)?;
            drop(state);
            woken.into_iter().for_each(|g| call.ready(g));
            return Ok(());
        }
        let len = state.buffer.len() as u32;
        let waiter = Waiter::new(call.kernel.current(), Slot::Waiting(Some(value)));
        // SAFETY: this goroutine parks next and goes on only when it is off the list.
        unsafe { state.sendq.push_back(&waiter) };
        call.park(state, WaitReason::ChanSend, Rule::SendBlocks { len, cap: self.cap });
        match waiter.slot.into_inner() {
            Slot::Done(_) => Ok(()),
            Slot::Closed(Some(value)) => Err(value),
            Slot::Waiting(_) | Slot::Closed(None) => unreachable!("woken without a reason"),
        }
    }

    /// How a value can be sent now.
    #[inline]
    pub(super) fn way_to_send(&self, call: &mut Call, state: &mut State<T>) -> Option<Way<T>> {
        if state.closed {
            return Some(Way::Closed);
        }
        if let Some(receiver) = call.dequeue(&mut state.recvq) {
            return Some(Way::With(receiver));
        }
        self.has_room(state).then_some(Way::Buffer)
    }

    /// Sends this way. Gives who is to be made ready when the lock is released, or the value if the
    /// channel is closed.
    #[inline]
    pub(super) fn send_by(
        &self,
        call: &mut Call,
        state: &mut State<T>,
        way: Way<T>,
        value: T,
    ) -> Result<Option<Gp>, T> {
        let (how, to, rule) = match way {
            Way::Closed => return Err(value),
            Way::With(receiver) => {
                receiver.slot.set(Slot::Done(Some(value)));
                let to = receiver.into_g();
                (SendHow::Direct, Some(to), Rule::SendToWaiter { to: to.gid() })
            }
            Way::Buffer => {
                state.buffer.push_back(value);
                let len = self.count(state);
                (SendHow::Buffered, None, Rule::SendBuffered { len, cap: self.cap })
            }
        };
        let (chan, len) = (state.id(), state.buffer.len() as u32);
        let sent = Event::ChanSend { chan, len, how, to: to.map(|g| g.gid()) };
        call.tell(state, sent, Some(rule));
        Ok(to)
    }

    /// Whether a value could be sent now.
    pub(super) fn can_send(&self, state: &State<T>) -> bool {
        state.closed || state.recvq.iter().any(|w| waits(&w)) || self.has_room(state)
    }

    // ---- receive ----

    /// Receives.
    pub(super) fn recv(&self, at: &'static Location<'static>) -> Option<T> {
        let (mut call, mut state) = self.enter(at);
        if let Some(way) = self.way_to_recv(&mut call, &mut state) {
            let (value, woken) = self.recv_by(&mut call, &mut state, way);
            drop(state);
            woken.into_iter().for_each(|g| call.ready(g));
            return value;
        }
        let waiter = Waiter::new(call.kernel.current(), Slot::Waiting(None));
        // SAFETY: this goroutine parks next and goes on only when it is off the list.
        unsafe { state.recvq.push_back(&waiter) };
        if let Some(timer) = &self.timer {
            call.kernel.timer_block(timer);
        }
        call.park(state, WaitReason::ChanReceive, Rule::RecvBlocks {});
        if let Some(timer) = &self.timer {
            call.kernel.timer_unblock(timer);
        }
        match waiter.slot.into_inner() {
            Slot::Done(value) => value,
            Slot::Closed(_) => None,
            Slot::Waiting(_) => unreachable!("woken without a reason"),
        }
    }

    /// How a value can be received now.
    #[inline]
    pub(super) fn way_to_recv(&self, call: &mut Call, state: &mut State<T>) -> Option<Way<T>> {
        if let Some(sender) = call.dequeue(&mut state.sendq) {
            return Some(Way::With(sender));
        }
        if !state.buffer.is_empty() {
            return Some(Way::Buffer);
        }
        state.closed.then_some(Way::Closed)
    }

    /// Receives this way. Gives the value, and who is to be made ready when the lock is released.
    #[inline]
    pub(super) fn recv_by(
        &self,
        call: &mut Call,
        state: &mut State<T>,
        way: Way<T>,
    ) -> (Option<T>, Option<Gp>) {
        let head = state.buffer.pop_front();
        let (value, how, from, rule) = match (way, head) {
            (Way::With(sender), head) => {
                let Slot::Waiting(Some(sent)) = sender.slot.replace(Slot::Done(None)) else {
                    unreachable!("a waiting sender has its value");
                };
                let g = sender.into_g();
                let from = g.gid();
                match head {
                    Some(head) => {
                        state.buffer.push_back(sent);
                        let rule = Rule::RecvRefill { from };
                        (Some(head), RecvHow::BufferedRefilled, Some(g), rule)
                    }
                    None => (Some(sent), RecvHow::Direct, Some(g), Rule::RecvFromSender { from }),
                }
            }
            (_, Some(head)) => {
                let len = self.count(state);
                (Some(head), RecvHow::Buffered, None, Rule::RecvBuffered { len })
            }
            (_, None) => (None, RecvHow::Closed, None, Rule::ClosedGivesZero {}),
        };
        let (chan, len) = (state.id(), state.buffer.len() as u32);
        let received = Event::ChanRecv { chan, len, how, from: from.map(|g| g.gid()) };
        call.tell(state, received, Some(rule));
        (value, from)
    }

    /// Whether a receive could go on now.
    pub(super) fn can_recv(&self, state: &State<T>) -> bool {
        state.closed || state.sendq.iter().any(|w| waits(&w)) || !state.buffer.is_empty()
    }

    // ---- close ----

    /// Closes: receivers first, then senders are collected; they are let go in reverse order. False
    /// if it was closed already.
    pub(super) fn close(&self, at: &'static Location<'static>) -> bool {
        let (mut call, mut state) = self.enter(at);
        if state.closed {
            return false;
        }
        state.closed = true;
        let State { recvq, sendq, .. } = &mut *state;
        let mut woken = let_go(&mut call, recvq);
        let mut senders = let_go(&mut call, sendq);
        if call.kernel.recording() {
            let (receivers, senders) = (ids(&woken), ids(&senders));
            let event = Event::ChanClose { chan: state.id(), receivers, senders };
            call.tell(&mut state, event, None);
        }
        drop(state);
        while let Some(sender) = senders.take_first(|_| true) {
            woken.put(sender);
        }
        let of = woken.len();
        while let Some(last) = woken.take_last() {
            let rule = Rule::CloseReadiesInReverse { place: woken.len() + 1, of };
            call.kernel.ready(last.into_g(), call.site, Some(rule));
        }
        true
    }

    /// Says how many are buffered, also to those who do not take the lock.
    pub(super) fn count(&self, state: &State<T>) -> u32 {
        let len = state.buffer.len() as u32;
        self.len.store(len, Ordering::Relaxed);
        len
    }
}

/// Takes everybody off a queue who is ours, and tells them that the channel is closed. Senders keep
/// their values, and drop them.
fn let_go<T>(call: &mut Call, queue: &mut WaitQueue<Slot<T>>) -> WaitQueue<Slot<T>> {
    let mut woken = WaitQueue::new();
    while let Some(waiter) = call.dequeue(queue) {
        if let Slot::Waiting(value) = waiter.slot.replace(Slot::Closed(None)) {
            waiter.slot.set(Slot::Closed(value));
        }
        woken.put(waiter);
    }
    woken
}
