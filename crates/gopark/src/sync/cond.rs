//! Go's condition variable (`sync/cond.go`, `notifyList` in `sema.go`).
//!
//! Who waits takes a **ticket**, then unlocks, then queues. A signal calls the oldest ticket that was
//! not called: whoever has it is woken, or does not queue when it comes. So a signal between the
//! unlock and the queueing is not lost.
//!
//! The list is in the order in which they queued. That is the order of the tickets, but for those
//! who were overtaken between the two; a signal looks for its ticket, a broadcast wakes as they queue.

use std::panic::Location;

use gopark_trace::event::Event;
use gopark_trace::ids::{CondId, GId, Obj};
use gopark_trace::rule::Rule;
use gopark_trace::words::WaitReason;
use lock_api::MutexGuard as RawGuard;

use super::call::Call;
use super::mutex::{GoMutex, MutexGuard};
use super::rwmutex::{GoRwMutex, RLocker};
use crate::current::kernel;
use crate::g::Gp;
use crate::ids::{Bond, FOREIGN};
use crate::kernel::{Commit, IdKind, Kernel, Park};
use crate::lock::{Guard, Lock};
use crate::waitq::{WaitQueue, Waiter};

/// Something locked and unlocked by hand (Go's `sync.Locker`).
pub trait Locker {
    /// Locks; parks while somebody else has it.
    #[track_caller]
    fn lock(&self);
    /// Unlocks.
    #[track_caller]
    fn unlock(&self);
}

/// Each has both as its own methods.
macro_rules! lockers {
    ($($Lock:ty),*) => {$(
        impl Locker for $Lock {
            #[track_caller]
            fn lock(&self) {
                <$Lock>::lock(self);
            }
            #[track_caller]
            fn unlock(&self) {
                <$Lock>::unlock(self);
            }
        }
    )*};
}

lockers!(GoMutex, GoRwMutex, RLocker<'_>);

/// Go's `sync.Cond`: goroutines wait for, or announce, that something has changed.
///
/// The lock is told at each [`Cond::wait`] and not when the Cond is made (`NewCond(&l)`). It can't
/// be copied, so Go's `panic: sync.Cond is copied` can't come.
///
/// ```
/// use gopark::sync::{Cond, Mutex};
/// use std::sync::Arc;
///
/// let seen = gopark::lab(7).run(|| {
///     let shared = Arc::new((Mutex::new(0), Cond::new()));
///     let other = Arc::clone(&shared);
///     drop(gopark::go(move || {
///         *other.0.lock() = 5;
///         other.1.signal();
///     }));
///     let mut value = shared.0.lock();
///     while *value == 0 {
///         shared.1.wait_guard(&mut value);
///     }
///     *value
/// });
/// assert_eq!(seen, 5);
/// ```
#[derive(Debug)]
pub struct Cond {
    state: Lock<State>,
}

#[derive(Debug)]
struct State {
    bond: Bond,
    /// The next ticket.
    wait: u32,
    /// The oldest ticket that was not called.
    notify: u32,
    /// Who waits, with their tickets.
    queue: WaitQueue<u32>,
    /// Events emitted under the lock.
    events: u32,
}

impl State {
    fn next_event(&mut self) -> u32 {
        let n = self.events;
        self.events = n.wrapping_add(1);
        n
    }

    /// Whether a ticket was called. Tickets begin again at 0 after the last.
    fn was_called(&self, ticket: u32) -> bool {
        ticket.wrapping_sub(self.notify).cast_signed() < 0
    }

    /// Takes off the list who has this ticket.
    fn take(&mut self, ticket: u32) -> Option<Gp> {
        let mut found = None;
        // All come to the back again in their order, but for the one; mostly it is the first.
        for _ in 0..self.queue.len() {
            let Some(waiter) = self.queue.pop_front().map(std::ptr::from_ref) else { break };
            // SAFETY: whoever is on the list stays where it is until it is made ready.
            let waiter = unsafe { &*waiter };
            if found.is_none() && waiter.slot.get() == ticket {
                found = Some(waiter.g);
            } else {
                // SAFETY: it was on the list before, and its goroutine is parked.
                unsafe { self.queue.push_back(waiter) };
            }
        }
        found
    }
}

impl Default for Cond {
    fn default() -> Self {
        Self::new()
    }
}

impl Cond {
    /// Nobody waits.
    pub const fn new() -> Self {
        let (bond, queue) = (Bond::new(), WaitQueue::new());
        Self { state: Lock::new(State { bond, wait: 0, notify: 0, queue, events: 0 }) }
    }

    /// Unlocks `lock`, waits for a signal or a broadcast, and locks it again.
    ///
    /// Others may come in between, so what was waited for is looked at again, in a loop.
    ///
    /// # Panics
    /// Outside a goroutine. If `lock` is not locked, the program ends as by a wrong unlock.
    #[track_caller]
    pub fn wait<L: Locker + ?Sized>(&self, lock: &L) {
        let at = Location::caller();
        let (id, ticket) = self.ticket(at);
        lock.unlock();
        self.sleep(at, id, ticket);
        lock.lock();
    }

    /// As [`Cond::wait`], with the lock of this guard.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn wait_guard<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) {
        // Nobody uses the value meanwhile: the guard is borrowed until it is locked again.
        self.wait(guard.raw());
    }

    /// Waits as long as `what` holds of the value.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn wait_while<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        mut what: impl FnMut(&mut T) -> bool,
    ) {
        while what(guard) {
            self.wait_guard(guard);
        }
    }

    /// Wakes the one that waits longest, if anybody does. The lock need not be held.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn signal(&self) {
        let kernel = kernel();
        let (call, mut state) = self.enter(&*kernel, Location::caller());
        let mut woken = None;
        let called = state.notify != state.wait;
        if called {
            let ticket = state.notify;
            state.notify = ticket.wrapping_add(1);
            // If it is not there yet, it sees that it was called when it comes.
            woken = state.take(ticket);
        }
        if call.kernel.recording() {
            let woke = woken.iter().map(|g| g.gid()).collect();
            let event = Event::CondWake { cond: call.id, all: false, woke };
            call.emit(state.next_event(), event, called.then_some(Rule::SignalOldest {}));
        }
        drop(state);
        if let Some(g) = woken {
            call.kernel.ready(g, call.site, None);
        }
    }

    /// Wakes all, in the order they waited. The lock need not be held.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn broadcast(&self) {
        let kernel = kernel();
        let (call, mut state) = self.enter(&*kernel, Location::caller());
        state.notify = state.wait;
        let mut woken = std::mem::replace(&mut state.queue, WaitQueue::new());
        let waiters = woken.len();
        if call.kernel.recording() {
            let woke: Vec<GId> = woken.gs().map(|g| g.gid()).collect();
            let event = Event::CondWake { cond: call.id, all: true, woke };
            let rule = (waiters > 0).then_some(Rule::BroadcastAll { waiters });
            call.emit(state.next_event(), event, rule);
        }
        drop(state);
        while let Some(waiter) = woken.pop_front() {
            call.kernel.ready(waiter.g, call.site, None);
        }
    }

    /// Gives it a name, for the stage.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn set_name(&self, name: &str) {
        let kernel = kernel();
        let (call, state) = self.enter(&*kernel, Location::caller());
        drop(state);
        call.name(name);
    }

    /// Enters the runtime: a gate, then the lock.
    fn enter<'a>(
        &'a self,
        kernel: &'a dyn Kernel,
        at: &'static Location<'static>,
    ) -> (Call<'a, CondId>, Guard<'a, State>) {
        let site = kernel.site(at);
        kernel.gate();
        let mut state = self.state.lock();
        if !state.bond.is_of(kernel) {
            join_run(kernel, &mut state);
        }
        (Call::of(kernel, site, CondId(state.bond.id), Obj::Cond), state)
    }

    /// Takes the next ticket (`notifyListAdd`).
    fn ticket(&self, at: &'static Location<'static>) -> (CondId, u32) {
        let kernel = kernel();
        let (call, mut state) = self.enter(&*kernel, at);
        let ticket = state.wait;
        state.wait = ticket.wrapping_add(1);
        if call.kernel.recording() {
            let event = Event::CondTicket { cond: call.id, ticket };
            call.emit(state.next_event(), event, Some(Rule::TicketBeforeUnlock {}));
        }
        drop(state);
        (call.id, ticket)
    }

    /// Parks until this ticket is called (`notifyListWait`). *Switches.*
    fn sleep(&self, at: &'static Location<'static>, id: CondId, ticket: u32) {
        let kernel = kernel();
        let call = Call::of(&*kernel, kernel.site(at), id, Obj::Cond);
        call.kernel.gate();
        let mut state = self.state.lock();
        let still_ours = state.bond.is_of(call.kernel) && CondId(state.bond.id) == id;
        assert!(still_ours, "{FOREIGN}");
        if state.was_called(ticket) {
            return;
        }
        let waiter = Waiter::new(call.kernel.current(), ticket);
        // SAFETY: this goroutine parks next and goes on only when it is off the list.
        unsafe { state.queue.push_back(&waiter) };
        let on_number = call.kernel.recording().then(|| state.next_event());
        // SAFETY: the guard is forgotten, so only the commit releases the lock.
        let raw: *const _ = unsafe { RawGuard::mutex(&state).raw() };
        std::mem::forget(state);
        call.kernel.park(Park {
            why: WaitReason::CondWait,
            on: Some(call.obj),
            on_number,
            rule: Rule::ParkUntilReady {},
            site: call.site,
            commit: Commit::Unlock(raw),
        });
    }
}

/// The first use in a run.
#[cold]
fn join_run(kernel: &dyn Kernel, state: &mut State) {
    let waited = !state.queue.is_empty();
    assert!(state.bond.renew(kernel, IdKind::Cond, waited), "{FOREIGN}");
    (state.wait, state.notify, state.events) = (0, 0, 0);
}
