//! A runtime call on channels: who calls, from where, what is told of it, and how to park.

use std::panic::Location;

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, Obj, SiteId};
use gopark_trace::ring::{Stamp, Structure};
use gopark_trace::rule::Rule;
use gopark_trace::words::WaitReason;
use lock_api::MutexGuard;

use super::hchan::State;
use crate::current::{Kern, kernel};
use crate::g::Gp;
use crate::kernel::{Commit, Held, Kernel, Park, stamp};
use crate::lock::{Guard, RawLock};
use crate::waitq::{Taken, WaitQueue, Waiter};

/// One runtime call.
pub(crate) struct Call {
    pub(crate) kernel: Kern,
    pub(crate) site: Option<SiteId>,
    /// Selects that were won or seen lost since something was told: their places in the order of a
    /// live trace. Empty unless events are recorded.
    claims: Vec<Stamp>,
}

impl Call {
    /// Enters the runtime, as from this line, and passes a gate.
    #[track_caller]
    pub(crate) fn enter(at: &'static Location<'static>) -> Self {
        let kernel = kernel();
        let site = kernel.site(at);
        kernel.gate();
        Self { kernel, site, claims: Vec::new() }
    }

    /// For who is inside the runtime already: a look at a channel, or an M that runs timers.
    pub(super) fn inside() -> Self {
        Self { kernel: kernel(), site: None, claims: Vec::new() }
    }

    /// Takes the first off a queue who can still be had: one that waits in a select must be won
    /// (Go's `dequeue`).
    #[inline]
    pub(super) fn dequeue<T>(&mut self, queue: &mut WaitQueue<T>) -> Option<Taken<T>> {
        queue.take_first(|waiter| !waiter.selects || self.wins(waiter))
    }

    #[cold]
    fn wins<T>(&mut self, waiter: &Waiter<T>) -> bool {
        let won = waiter.g.select.win();
        if self.kernel.recording() {
            let select = Structure::Obj(Obj::Go(waiter.g.gid()));
            // A loser comes after the one that won.
            self.claims.push(match won {
                Ok(number) => stamp(select, number),
                Err(wins) => Stamp::after(select, wins.into()),
            });
        }
        won.is_ok()
    }

    /// What orders the next event after selects that others have won.
    pub(crate) fn take_lost(&mut self) -> Vec<Stamp> {
        let (lost, won) = std::mem::take(&mut self.claims).into_iter().partition(|c| c.len == 0);
        self.claims = won;
        lost
    }

    /// Tells what a channel has done, under its lock.
    #[inline]
    pub(super) fn tell<T>(&mut self, state: &mut State<T>, event: Event, rule: Option<Rule>) {
        if self.kernel.recording() {
            let number = state.stamp();
            self.record(number, event, rule);
        }
    }

    fn record(&mut self, number: Stamp, event: Event, rule: Option<Rule>) {
        if self.claims.is_empty() {
            self.kernel.record_one(self.site, &[number], &event, rule.as_ref());
        } else {
            self.claims.push(number);
            self.kernel.record_one(self.site, &self.claims, &event, rule.as_ref());
            self.claims.clear();
        }
    }

    /// Makes ready who was waited for, no lock being held.
    #[inline]
    pub(crate) fn ready(&self, g: Gp) {
        self.kernel.ready(g, self.site, None);
    }

    /// Parks the caller, who is on a queue of the channel; its M releases the lock.
    pub(super) fn park<T>(&self, mut state: Guard<'_, State<T>>, why: WaitReason, rule: Rule) {
        let on = Some(Obj::Chan(state.id()));
        let number = self.kernel.recording().then(|| state.stamp());
        // SAFETY: the guard is forgotten, so only the commit releases the lock.
        let lock: *const RawLock = unsafe { MutexGuard::mutex(&state).raw() };
        std::mem::forget(state);
        let park = |on_number, commit| {
            let site = self.site;
            self.kernel.park(Park { why, on, on_number, rule, site, commit });
        };
        if self.claims.is_empty() {
            let on_number = number.map(|number| number.number as u32);
            return park(on_number, Commit::Unlock(lock));
        }
        let locks = [lock];
        let stamps: Vec<Stamp> = self.claims.iter().copied().chain(number).collect();
        let held = Held { locks: &raw const locks, stamps: &raw const *stamps };
        park(None, Commit::UnlockAll(&raw const held));
    }
}

/// The goroutines of waiters, in order.
pub(super) fn ids<T>(queue: &WaitQueue<T>) -> Vec<GId> {
    queue.gs().map(|g| g.gid()).collect()
}

/// Sends on, or receives from, no channel.
#[cold]
#[track_caller]
pub(super) fn nil_blocks(at: &'static Location<'static>, sends: bool) -> ! {
    let why = if sends { WaitReason::ChanSendNil } else { WaitReason::ChanReceiveNil };
    let call = Call::enter(at);
    park_for_ever(&*call.kernel, call.site, why, Rule::NilBlocks {})
}

/// Parks where nobody can find the caller.
pub(crate) fn park_for_ever(
    kernel: &dyn Kernel,
    site: Option<SiteId>,
    why: WaitReason,
    rule: Rule,
) -> ! {
    loop {
        let (rule, commit) = (rule.clone(), Commit::Nothing);
        kernel.park(Park { why, on: None, on_number: None, rule, site, commit });
    }
}
