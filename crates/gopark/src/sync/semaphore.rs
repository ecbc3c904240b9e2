//! A weighted semaphore (`golang.org/x/sync/semaphore`).
//!
//! Served in order: as long as somebody waits nobody goes before it, also who wants less. So one who
//! wants much comes to its turn.

use std::panic::Location;

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, Obj, SemId};
use gopark_trace::rule::Rule;
use gopark_trace::words::WaitReason;
use lock_api::MutexGuard as RawGuard;

use super::call::Call;
use crate::current::kernel;
use crate::ids::{Bond, FOREIGN};
use crate::kernel::{Commit, Ev, IdKind, Kernel, Park};
use crate::lock::{Guard, Lock};
use crate::waitq::{WaitQueue, Waiter};

/// A semaphore of some size, acquired and released by weights.
#[derive(Debug)]
pub struct Semaphore {
    size: u64,
    state: Lock<State>,
}

#[derive(Debug)]
struct State {
    bond: Bond,
    /// How much is taken.
    taken: u64,
    /// Who waits, and how much each wants.
    queue: WaitQueue<u64>,
    /// Events emitted under the lock.
    events: u32,
}

impl State {
    fn next_event(&mut self) -> u32 {
        let n = self.events;
        self.events = n.wrapping_add(1);
        n
    }
}

impl Semaphore {
    /// A semaphore of this size, nothing of it taken (`NewWeighted`).
    pub const fn new(size: u64) -> Self {
        let (bond, queue) = (Bond::new(), WaitQueue::new());
        Self { size, state: Lock::new(State { bond, taken: 0, queue, events: 0 }) }
    }

    /// Takes `n`; parks until it is its turn and `n` are free. Who wants more than the whole size
    /// waits for ever, and keeps nobody else waiting.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn acquire(&self, n: u64) {
        let kernel = kernel();
        let (call, mut state) = self.enter(&*kernel, Location::caller());
        if self.try_take(&call, &mut state, n) {
            return;
        }
        let park = |on, on_number, rule, commit| Park {
            why: WaitReason::SemAcquire,
            on,
            on_number,
            rule,
            site: call.site,
            commit,
        };
        if n > self.size {
            drop(state);
            loop {
                call.kernel.park(park(None, None, Rule::ParkUntilReady {}, Commit::Nothing));
            }
        }
        let (free, waiters) = (self.size - state.taken, state.queue.len());
        let waiter = Waiter::new(call.kernel.current(), n);
        // SAFETY: this goroutine parks next and goes on only when it is off the list.
        unsafe { state.queue.push_back(&waiter) };
        let on_number = call.kernel.recording().then(|| state.next_event());
        // SAFETY: the guard is forgotten, so only the commit releases the lock.
        let raw: *const _ = unsafe { RawGuard::mutex(&state).raw() };
        std::mem::forget(state);
        let rule = Rule::SemQueues { wants: n, free, waiters };
        // Whoever makes us ready has taken it for us.
        call.kernel.park(park(Some(call.obj), on_number, rule, Commit::Unlock(raw)));
    }

    /// Takes `n` if they are free and nobody waits.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn try_acquire(&self, n: u64) -> bool {
        let kernel = kernel();
        let (call, mut state) = self.enter(&*kernel, Location::caller());
        self.try_take(&call, &mut state, n)
    }

    /// Gives `n` back, and lets in who waits, in order, as long as there is enough.
    ///
    /// # Panics
    /// `semaphore: released more than held`. Outside a goroutine.
    #[track_caller]
    pub fn release(&self, n: u64) {
        let kernel = kernel();
        let (call, mut state) = self.enter(&*kernel, Location::caller());
        let Some(taken) = state.taken.checked_sub(n) else {
            drop(state);
            panic!("semaphore: released more than held");
        };
        state.taken = taken;
        let recording = call.kernel.recording();
        let mut told: Vec<Ev> = Vec::new();
        if recording {
            told.push((self.changed(&call, &state, number(n), None), None));
        }
        let mut woken = WaitQueue::new();
        while let Some((waiter, wants)) = self.next(&mut state) {
            state.taken += wants;
            // SAFETY: it is off the other list, and its goroutine is parked until it is made ready.
            unsafe { woken.push_back(&*waiter) };
            if recording {
                // SAFETY: as above.
                let woke = Some(unsafe { (*waiter).g.gid() });
                let event = self.changed(&call, &state, -number(wants), woke);
                told.push((event, Some(Rule::SemServesFirst { wants })));
            }
        }
        if recording {
            let stamp = call.stamp(state.next_event());
            call.kernel.record(call.site, &[stamp], &mut told.into_iter());
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

    /// As [`Semaphore::set_name`], on the way.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn named(self, name: &str) -> Self {
        self.set_name(name);
        self
    }

    /// Enters the runtime: a gate, then the lock.
    fn enter<'a>(
        &'a self,
        kernel: &'a dyn Kernel,
        at: &'static Location<'static>,
    ) -> (Call<'a, SemId>, Guard<'a, State>) {
        let site = kernel.site(at);
        kernel.gate();
        let mut state = self.state.lock();
        if !state.bond.is_of(kernel) {
            join_run(kernel, &mut state);
        }
        (Call::of(kernel, site, SemId(state.bond.id), Obj::Sem), state)
    }

    fn try_take(&self, call: &Call<'_, SemId>, state: &mut State, n: u64) -> bool {
        if n > self.size - state.taken || !state.queue.is_empty() {
            return false;
        }
        state.taken += n;
        if call.kernel.recording() {
            let event = self.changed(call, state, -number(n), None);
            call.emit(state.next_event(), event, None);
        }
        true
    }

    /// Takes the first waiter off, if there is enough for it.
    fn next(&self, state: &mut State) -> Option<(*const Waiter<u64>, u64)> {
        let waiter = std::ptr::from_ref(state.queue.pop_front()?);
        // SAFETY: whoever is on the list stays where it is until it is made ready.
        let wants = unsafe { (*waiter).slot.get() };
        if wants <= self.size - state.taken {
            return Some((waiter, wants));
        }
        // SAFETY: it was on the list before, and its goroutine is parked.
        unsafe { state.queue.push_front(&*waiter) };
        None
    }

    fn changed(
        &self,
        call: &Call<'_, SemId>,
        state: &State,
        delta: i64,
        woke: Option<GId>,
    ) -> Event {
        Event::SemChange { sem: call.id, delta, count: number(self.size - state.taken), woke }
    }
}

/// The first use in a run. What was taken stays taken.
#[cold]
fn join_run(kernel: &dyn Kernel, state: &mut State) {
    let waited = !state.queue.is_empty();
    assert!(state.bond.renew(kernel, IdKind::Sem, waited), "{FOREIGN}");
    state.events = 0;
}

/// A weight as it is told.
fn number(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
