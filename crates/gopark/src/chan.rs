//! Channels (`chan.go`).
//!
//! Invariants: of the two wait queues at least one is empty; a buffered value and a waiting
//! receiver, or free room and a waiting sender, never exist together. A value moves straight
//! between the two goroutines when one of them waits: its place is on the waiter's stack.
//!
//! A channel is closed by `close` and by nothing else: dropping a handle never closes it.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::sync::{Arc, Weak};

use gopark_trace::event::Event;
use gopark_trace::ids::{ChanId, GId, Obj, SiteId};
use gopark_trace::ring::Structure;
use gopark_trace::rule::Rule;
use gopark_trace::snapshot::{ChanSnap, Snapshot};
use gopark_trace::words::{RecvHow, SendHow, WaitReason};
use lock_api::MutexGuard;

use crate::current::{Kern, kernel};
use crate::g::Gp;
use crate::ids::{Bond, FOREIGN};
use crate::kernel::{Commit, IdKind, Kernel, Look, Park, stamp};
use crate::lock::{Guard, Lock};
use crate::waitq::{WaitQueue, Waiter};

/// Makes a channel with room for `cap` values; 0 makes an unbuffered one.
///
/// # Panics
/// If there is no memory for `cap` values (`makechan: size out of range`).
pub fn chan<T: Send + 'static>(cap: usize) -> (Sender<T>, Receiver<T>) {
    let mut buffer = VecDeque::new();
    if buffer.try_reserve_exact(cap).is_err() || u32::try_from(cap).is_err() {
        panic!("makechan: size out of range");
    }
    let state = State {
        buffer,
        recvq: WaitQueue::new(),
        sendq: WaitQueue::new(),
        closed: false,
        bond: Bond::new(),
        made: false,
        events: 0,
    };
    let chan = Arc::new_cyclic(|me| Chan { me: Weak::clone(me), cap, state: Lock::new(state) });
    (Sender { chan: Arc::clone(&chan) }, Receiver { chan })
}

/// The channel itself.
struct Chan<T> {
    /// Itself, to be made known.
    me: Weak<Self>,
    cap: usize,
    state: Lock<State<T>>,
}

/// What a waiting goroutine gives or gets: `Waiting` holds a sender's value.
enum Slot<T> {
    /// A sender's value; a receiver waits without one.
    Waiting(Option<T>),
    /// The other side has come: a receiver's value, nothing for a sender.
    Done(Option<T>),
    /// The channel was closed.
    Closed,
}

struct State<T> {
    buffer: VecDeque<T>,
    recvq: WaitQueue<Slot<T>>,
    sendq: WaitQueue<Slot<T>>,
    closed: bool,
    bond: Bond,
    /// Whether it was told of.
    made: bool,
    /// Events emitted under the lock.
    events: u32,
}

impl<T> State<T> {
    fn next_event(&mut self) -> u32 {
        let n = self.events;
        self.events = n.wrapping_add(1);
        n
    }
}

impl<T: Send + 'static> Look for Chan<T> {
    fn look(&self, snapshot: &mut Snapshot) -> (Structure, u64) {
        let state = self.state.lock();
        let ids = |queue: &WaitQueue<Slot<T>>| queue.gs().map(|g| g.gid()).collect();
        snapshot.chans.push(ChanSnap {
            chan: ChanId(state.bond.id),
            name: None,
            cap: self.cap as u32,
            len: state.buffer.len() as u32,
            closed: state.closed,
            recvq: ids(&state.recvq),
            sendq: ids(&state.sendq),
        });
        (Structure::Obj(Obj::Chan(ChanId(state.bond.id))), state.events.into())
    }
}

/// A runtime call on a channel: who calls, from where.
struct Call {
    kernel: Kern,
    site: Option<SiteId>,
    chan: ChanId,
}

impl<T: Send + 'static> Chan<T> {
    /// Enters the runtime: a gate, then the lock.
    fn enter(&self, at: &'static Location<'static>) -> (Call, Guard<'_, State<T>>) {
        let kernel = kernel();
        let site = kernel.site(at);
        kernel.gate();
        let mut state = self.state.lock();
        if !state.bond.is_of(&*kernel) {
            self.join_run(&*kernel, &mut state);
        }
        let call = Call { kernel, site, chan: ChanId(state.bond.id) };
        // Whoever comes first.
        if !state.made {
            state.made = true;
            let event = Event::ChanMake { chan: call.chan, cap: self.cap as u32 };
            call.emit(&mut state, event, None);
        }
        (call, state)
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

    fn send(&self, call: &Call, mut state: Guard<'_, State<T>>, value: T) {
        if state.closed {
            drop(state);
            panic!("send on closed channel");
        }
        if let Some(waiter) = state.recvq.pop_front() {
            let g = waiter.g;
            waiter.slot.set(Slot::Done(Some(value)));
            let len = state.buffer.len() as u32;
            let to = g.gid();
            let sent = Event::ChanSend { chan: call.chan, len, how: SendHow::Direct, to: Some(to) };
            call.emit(&mut state, sent, Some(Rule::SendToWaiter { to }));
            drop(state);
            return call.ready(g);
        }
        let len = state.buffer.len() as u32;
        let cap = self.cap as u32;
        if len < cap {
            state.buffer.push_back(value);
            let len = len + 1;
            let sent = Event::ChanSend { chan: call.chan, len, how: SendHow::Buffered, to: None };
            call.emit(&mut state, sent, Some(Rule::SendBuffered { len, cap }));
            return;
        }
        let waiter = Waiter::new(call.kernel.current(), Slot::Waiting(Some(value)));
        // SAFETY: this goroutine parks next and goes on only when it is off the list.
        unsafe { state.sendq.push_back(&waiter) };
        call.park(state, WaitReason::ChanSend, Rule::SendBlocks { len, cap });
        match waiter.slot.replace(Slot::Closed) {
            Slot::Done(_) => {}
            Slot::Closed => panic!("send on closed channel"),
            Slot::Waiting(_) => unreachable!("woken without a reason"),
        }
    }

    fn recv(&self, call: &Call, mut state: Guard<'_, State<T>>) -> Option<T> {
        match self.take(call, state) {
            Ok(value) => return value,
            Err(held) => state = held,
        }
        let waiter = Waiter::new(call.kernel.current(), Slot::Waiting(None));
        // SAFETY: this goroutine parks next and goes on only when it is off the list.
        unsafe { state.recvq.push_back(&waiter) };
        call.park(state, WaitReason::ChanReceive, Rule::RecvBlocks {});
        match waiter.slot.replace(Slot::Closed) {
            Slot::Done(value) => value,
            Slot::Closed => None,
            Slot::Waiting(_) => unreachable!("woken without a reason"),
        }
    }

    /// Receives without waiting; gives the lock back if that cannot be.
    fn take<'a>(
        &self,
        call: &Call,
        mut state: Guard<'a, State<T>>,
    ) -> Result<Option<T>, Guard<'a, State<T>>> {
        let chan = call.chan;
        let head = state.buffer.pop_front();
        if let Some(waiter) = state.sendq.pop_front() {
            let g = waiter.g;
            let Slot::Waiting(Some(sent)) = waiter.slot.replace(Slot::Done(None)) else {
                unreachable!("a waiting sender has its value");
            };
            let from = g.gid();
            let (value, how, rule) = match head {
                Some(head) => {
                    state.buffer.push_back(sent);
                    (head, RecvHow::BufferedRefilled, Rule::RecvRefill { from })
                }
                None => (sent, RecvHow::Direct, Rule::RecvFromSender { from }),
            };
            let len = state.buffer.len() as u32;
            let event = Event::ChanRecv { chan, len, how, from: Some(from) };
            call.emit(&mut state, event, Some(rule));
            drop(state);
            call.ready(g);
            return Ok(Some(value));
        }
        let len = state.buffer.len() as u32;
        if let Some(head) = head {
            let event = Event::ChanRecv { chan, len, how: RecvHow::Buffered, from: None };
            call.emit(&mut state, event, Some(Rule::RecvBuffered { len }));
            return Ok(Some(head));
        }
        if state.closed {
            let event = Event::ChanRecv { chan, len, how: RecvHow::Closed, from: None };
            call.emit(&mut state, event, Some(Rule::ClosedGivesZero {}));
            return Ok(None);
        }
        Err(state)
    }

    /// Closes: receivers first, then senders are collected; they are let go in reverse order.
    fn close(&self, call: &Call, mut state: Guard<'_, State<T>>) {
        if state.closed {
            drop(state);
            panic!("close of closed channel");
        }
        state.closed = true;
        let mut gs: Vec<Gp> = Vec::new();
        // Values nobody will receive; dropping one may use this channel, so not under its lock.
        let mut unsent: Vec<Slot<T>> = Vec::new();
        for queue in 0..2 {
            loop {
                let State { recvq, sendq, .. } = &mut *state;
                let list = if queue == 0 { recvq } else { sendq };
                let Some(waiter) = list.pop_front() else { break };
                unsent.push(waiter.slot.replace(Slot::Closed));
                gs.push(waiter.g);
            }
        }
        if call.kernel.recording() {
            let (senders, receivers): (Vec<Gp>, Vec<Gp>) =
                gs.iter().partition(|g| g.wait.get() == Some(WaitReason::ChanSend));
            let ids = |gs: Vec<Gp>| gs.into_iter().map(|g| g.gid()).collect::<Vec<GId>>();
            let event = Event::ChanClose {
                chan: call.chan,
                receivers: ids(receivers),
                senders: ids(senders),
            };
            call.emit(&mut state, event, None);
        }
        drop(state);
        // Dropping one may panic; everybody is made ready all the same.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(unsent)));
        let of = gs.len() as u32;
        for (i, g) in gs.into_iter().enumerate().rev() {
            let rule = Rule::CloseReadiesInReverse { place: i as u32 + 1, of };
            call.kernel.ready(g, call.site, Some(rule));
        }
        if let Err(panic) = dropped {
            resume_unwind(panic);
        }
    }
}

impl Call {
    fn emit<T>(&self, state: &mut Guard<'_, State<T>>, event: Event, rule: Option<Rule>) {
        if self.kernel.recording() {
            let number = stamp(Structure::Obj(Obj::Chan(self.chan)), state.next_event());
            self.kernel.record(self.site, &[number], &mut std::iter::once((event, rule)));
        }
    }

    fn ready(&self, g: Gp) {
        self.kernel.ready(g, self.site, None);
    }

    /// Parks the caller, who is on a queue; its M releases the lock.
    fn park<T>(&self, mut state: Guard<'_, State<T>>, why: WaitReason, rule: Rule) {
        let on_number = self.kernel.recording().then(|| state.next_event());
        // SAFETY: the guard is forgotten, so only the commit releases the lock.
        let raw: *const _ = unsafe { MutexGuard::mutex(&state).raw() };
        std::mem::forget(state);
        self.kernel.park(Park {
            why,
            on: Some(Obj::Chan(self.chan)),
            on_number,
            rule,
            site: self.site,
            commit: Commit::Unlock(raw),
        });
    }
}

/// The sending side of a channel. Clones share the channel; dropping one does not close it.
pub struct Sender<T> {
    chan: Arc<Chan<T>>,
}

/// The receiving side of a channel. Clones share the channel.
pub struct Receiver<T> {
    chan: Arc<Chan<T>>,
}

impl<T: Send + 'static> Sender<T> {
    /// Sends a value (`c <- v`): straight to a waiting receiver, or into the buffer, or the
    /// caller parks.
    ///
    /// # Panics
    /// `send on closed channel`. Outside a goroutine.
    #[track_caller]
    pub fn send(&self, value: T) {
        let (call, state) = self.chan.enter(Location::caller());
        self.chan.send(&call, state, value);
    }

    /// Closes the channel (`close(c)`): waiting receivers get nothing, waiting senders panic.
    ///
    /// # Panics
    /// `close of closed channel`. Outside a goroutine.
    #[track_caller]
    pub fn close(&self) {
        let (call, state) = self.chan.enter(Location::caller());
        self.chan.close(&call, state);
    }

    /// How many values are buffered.
    pub fn len(&self) -> usize {
        self.chan.state.lock().buffer.len()
    }

    /// Whether none is buffered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many can be buffered.
    pub fn cap(&self) -> usize {
        self.chan.cap
    }

    /// Gives the channel a name, for the stage.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn named(self, name: &str) -> Self {
        let (call, mut state) = self.chan.enter(Location::caller());
        let event = Event::ObjName { obj: Obj::Chan(call.chan), name: name.to_owned() };
        call.emit(&mut state, event, None);
        drop(state);
        self
    }
}

impl<T: Send + 'static> Receiver<T> {
    /// Receives a value (`v, ok := <-c`): `None` when the channel is closed and empty.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn recv(&self) -> Option<T> {
        self.recv_at(Location::caller())
    }

    fn recv_at(&self, at: &'static Location<'static>) -> Option<T> {
        let (call, state) = self.chan.enter(at);
        self.chan.recv(&call, state)
    }

    /// Values until the channel is closed and empty (`for v := range c`).
    #[track_caller]
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self, at: Location::caller() }
    }

    /// How many values are buffered.
    pub fn len(&self) -> usize {
        self.chan.state.lock().buffer.len()
    }

    /// Whether none is buffered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many can be buffered.
    pub fn cap(&self) -> usize {
        self.chan.cap
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { chan: Arc::clone(&self.chan) }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self { chan: Arc::clone(&self.chan) }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("cap", &self.chan.cap).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("cap", &self.chan.cap).finish_non_exhaustive()
    }
}

/// Values of a channel until it is closed and empty.
#[derive(Debug)]
pub struct Iter<'a, T> {
    receiver: &'a Receiver<T>,
    /// The line of the loop, which receives each time.
    at: &'static Location<'static>,
}

impl<T: Send + 'static> Iterator for Iter<'_, T> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        self.receiver.recv_at(self.at)
    }
}

/// As [`Iter`], with the receiver.
#[derive(Debug)]
pub struct IntoIter<T> {
    receiver: Receiver<T>,
    at: &'static Location<'static>,
}

impl<T: Send + 'static> Iterator for IntoIter<T> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        self.receiver.recv_at(self.at)
    }
}

impl<T: Send + 'static> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;
    #[track_caller]
    fn into_iter(self) -> IntoIter<T> {
        IntoIter { receiver: self, at: Location::caller() }
    }
}

impl<'a, T: Send + 'static> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;
    #[track_caller]
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}
