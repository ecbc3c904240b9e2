//! The runtime's semaphore, on which the locks stand (`sema.go`).
//!
//! A count of wake-ups nobody has used, and the list of those who wait for one, under one lock. Who
//! gives one up finds the first waiter or leaves it in the count; who wants one finds one in the
//! count or queues: both under the lock, so none is lost. A waiter that is woken must still find the
//! count above zero, and queues again if somebody was quicker; unless it was *handed* the wake-up.

use gopark_trace::event::Event;
use gopark_trace::ids::{Obj, SiteId};
use gopark_trace::rule::Rule;
use gopark_trace::words::WaitReason;
use lock_api::MutexGuard as RawGuard;

use crate::g::Gp;
use crate::ids::FOREIGN;
use crate::kernel::{Commit, Kernel, Park};
use crate::lock::Lock;
use crate::waitq::{WaitQueue, Waiter};

/// The semaphore.
#[derive(Debug)]
pub(super) struct Sema {
    state: Lock<State>,
}

#[derive(Debug)]
struct State {
    /// The run of those who wait; 0 before the first.
    run: u32,
    /// Wake-ups nobody has used.
    count: u32,
    /// Who waits; the flag says that the count was taken for it already.
    queue: WaitQueue<bool>,
}

/// How to wait.
#[derive(Debug)]
pub(super) struct Wait<N> {
    /// Why, in Go's words.
    pub(super) why: WaitReason,
    /// For what.
    pub(super) on: Obj,
    /// Before all others: for one that has waited before (`lifo`).
    pub(super) front: bool,
    /// The rule.
    pub(super) rule: Rule,
    /// From where.
    pub(super) site: Option<SiteId>,
    /// What is told if it has to queue, under the lock.
    pub(super) queues: Option<Event>,
    /// Gives the wait its number in the order of the thing, under the lock.
    pub(super) number: N,
}

impl Sema {
    /// No wake-ups, nobody waits.
    pub(super) const fn new() -> Self {
        Self { state: Lock::new(State { run: 0, count: 0, queue: WaitQueue::new() }) }
    }

    /// The first use in a run. What nobody used is kept.
    ///
    /// # Panics
    /// If goroutines of another run wait.
    pub(super) fn enter(&self, kernel: &dyn Kernel) {
        let mut state = self.state.lock();
        assert!(state.run == kernel.run() || state.queue.is_empty(), "{FOREIGN}");
        state.run = kernel.run();
    }

    /// Takes a wake-up, or waits for one (`semacquire1`). *Switches.*
    pub(super) fn acquire<N>(&self, kernel: &dyn Kernel, mut wait: Wait<N>)
    where
        N: FnMut() -> Option<u32>,
    {
        loop {
            let mut state = self.state.lock();
            assert!(state.run == kernel.run(), "{FOREIGN}");
            if state.take() {
                return;
            }
            if let Some(event) = wait.queues.clone().filter(|_| kernel.recording()) {
                let mut events = std::iter::once((event, Some(wait.rule.clone())));
                kernel.record(wait.site, &[], &mut events);
            }
            let on_number = if kernel.recording() { (wait.number)() } else { None };
            let waiter = Waiter::new(kernel.current(), false);
            // SAFETY: this goroutine parks next and goes on only when it is off the list.
            unsafe {
                if wait.front {
                    state.queue.push_front(&waiter);
                } else {
                    state.queue.push_back(&waiter);
                }
            }
            // SAFETY: the guard is forgotten, so only the commit releases the lock.
            let raw: *const _ = unsafe { RawGuard::mutex(&state).raw() };
            std::mem::forget(state);
            kernel.park(Park {
                why: wait.why,
                on: Some(wait.on),
                on_number,
                rule: wait.rule.clone(),
                site: wait.site,
                commit: Commit::Unlock(raw),
            });
            if waiter.slot.get() || self.state.lock().take() {
                return;
            }
        }
    }

    /// Gives a wake-up (`semrelease1`): to the first waiter, who is to be made ready now, or to
    /// whoever comes. `handoff` gives it to that waiter alone.
    #[must_use = "who was waiting must be made ready"]
    pub(super) fn release(&self, kernel: &dyn Kernel, handoff: bool) -> Option<Gp> {
        let mut state = self.state.lock();
        assert!(state.run == kernel.run(), "{FOREIGN}");
        state.count += 1;
        let (g, waiter) = state.queue.pop_front().map(|w| (w.g, std::ptr::from_ref(w)))?;
        if handoff {
            state.count -= 1;
            // SAFETY: it was taken off the list just now and is not ready before we say so.
            unsafe { (*waiter).slot.set(true) };
        }
        Some(g)
    }
}

impl State {
    /// Takes a wake-up that nobody has used.
    fn take(&mut self) -> bool {
        let there = self.count > 0;
        self.count -= u32::from(there);
        there
    }
}
