//! A counter to wait on (`sync/waitgroup.go`).

use std::panic::Location;
use std::sync::{Arc, Weak};

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, Obj, SiteId, WgId};
use gopark_trace::ring::Structure;
use gopark_trace::rule::Rule;
use gopark_trace::snapshot::{Snapshot, WgSnap};
use gopark_trace::words::WaitReason;
use lock_api::MutexGuard;

use crate::current::kernel;
use crate::go::{JoinHandle, go};
use crate::ids::{Bond, FOREIGN};
use crate::kernel::{Commit, IdKind, Kernel, Look, Park, stamp};
use crate::lock::{Guard, Lock};
use crate::waitq::{WaitQueue, Waiter};

/// Waits for a collection of goroutines to finish. Clones share the counter.
#[derive(Debug, Clone, Default)]
pub struct WaitGroup {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Lock<State>,
}

impl Default for Inner {
    fn default() -> Self {
        let (bond, waiters) = (Bond::new(), WaitQueue::new());
        Self { state: Lock::new(State { bond, counter: 0, waiters, events: 0 }) }
    }
}

impl Look for Inner {
    fn look(&self, snapshot: &mut Snapshot) -> (Structure, u64) {
        let state = self.state.lock();
        snapshot.wgs.push(WgSnap {
            wg: WgId(state.bond.id),
            name: None,
            counter: state.counter,
            waiters: state.waiters.gs().map(|g| g.gid()).collect(),
        });
        (Structure::Obj(Obj::Wg(WgId(state.bond.id))), state.events.into())
    }
}

#[derive(Debug)]
struct State {
    bond: Bond,
    counter: i64,
    waiters: WaitQueue<()>,
    events: u32,
}

impl WaitGroup {
    /// A WaitGroup at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes the counter by `delta`; at zero everybody who waits is let go, the first first.
    ///
    /// # Panics
    /// `sync: negative WaitGroup counter`; `sync: WaitGroup misuse: Add called concurrently with
    /// Wait`. Outside a goroutine.
    #[track_caller]
    pub fn add(&self, delta: i64) {
        let kernel = kernel();
        let site = kernel.site(Location::caller());
        self.change(&*kernel, site, delta);
    }

    /// Changes the counter by -1 (`Done`).
    ///
    /// # Panics
    /// As [`WaitGroup::add`].
    #[track_caller]
    pub fn done(&self) {
        let kernel = kernel();
        let site = kernel.site(Location::caller());
        self.change(&*kernel, site, -1);
    }

    /// Adds one, runs `f` in a goroutine, and is done when it returns (`wg.Go`).
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn go<F>(&self, f: F) -> JoinHandle<()>
    where
        F: FnOnce() + Send + 'static,
    {
        self.add(1);
        let wg = self.clone();
        go(move || {
            f();
            wg.done();
        })
    }

    /// Parks until the counter is zero.
    ///
    /// # Panics
    /// `sync: WaitGroup is reused before previous Wait has returned`. Outside a goroutine.
    #[track_caller]
    pub fn wait(&self) {
        let kernel = kernel();
        let site = kernel.site(Location::caller());
        kernel.gate();
        let (id, mut state) = self.lock(&*kernel);
        let counter = state.counter;
        if counter == 0 {
            emit(&*kernel, &mut state, id, site, Event::WgPass { wg: id }, None);
            return;
        }
        let waiter = Waiter::new(kernel.current(), ());
        // SAFETY: this goroutine parks next and goes on only when it is off the list.
        unsafe { state.waiters.push_back(&waiter) };
        let on_number = kernel.recording().then(|| state.next_event());
        // SAFETY: the guard is forgotten, so only the commit releases the lock.
        let raw: *const _ = unsafe { MutexGuard::mutex(&state).raw() };
        std::mem::forget(state);
        kernel.park(Park {
            why: WaitReason::WaitGroupWait,
            on: Some(Obj::Wg(id)),
            on_number,
            rule: Rule::WaitGroupAbove { counter },
            site,
            commit: Commit::Unlock(raw),
        });
        let state = self.inner.state.lock();
        if state.counter != 0 || !state.waiters.is_empty() {
            drop(state);
            panic!("sync: WaitGroup is reused before previous Wait has returned");
        }
    }

    /// Gives it a name, for the stage.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn named(self, name: &str) -> Self {
        let kernel = kernel();
        let (id, mut state) = self.lock(&*kernel);
        let event = Event::ObjName { obj: Obj::Wg(id), name: name.to_owned() };
        emit(&*kernel, &mut state, id, None, event, None);
        drop(state);
        self
    }

    /// Takes the lock, with the WaitGroup's number in this run.
    fn lock(&self, kernel: &dyn Kernel) -> (WgId, Guard<'_, State>) {
        let mut state = self.inner.state.lock();
        if !state.bond.is_of(kernel) {
            let waited = !state.waiters.is_empty();
            assert!(state.bond.renew(kernel, IdKind::Wg, waited), "{FOREIGN}");
            state.events = 0;
            let inner: Weak<Inner> = Arc::downgrade(&self.inner);
            kernel.register(inner);
        }
        (WgId(state.bond.id), state)
    }

    fn change(&self, kernel: &dyn Kernel, site: Option<SiteId>, delta: i64) {
        kernel.gate();
        let (id, mut state) = self.lock(kernel);
        let counter = state.counter + delta;
        if counter < 0 {
            drop(state);
            panic!("sync: negative WaitGroup counter");
        }
        if !state.waiters.is_empty() && delta > 0 && counter == delta {
            drop(state);
            panic!("sync: WaitGroup misuse: Add called concurrently with Wait");
        }
        state.counter = counter;
        let zero = counter == 0;
        let mut woken = if zero {
            std::mem::replace(&mut state.waiters, WaitQueue::new())
        } else {
            WaitQueue::new()
        };
        let waiters = woken.len();
        if kernel.recording() {
            let woke: Vec<GId> = woken.gs().map(|g| g.gid()).collect();
            let rule = (waiters > 0).then_some(Rule::WaitGroupZero { waiters });
            let event = Event::WgAdd { wg: id, delta, counter, woke };
            emit(kernel, &mut state, id, site, event, rule);
        }
        drop(state);
        while let Some(waiter) = woken.pop_front() {
            kernel.ready(waiter.g, site, None);
        }
    }
}

impl State {
    fn next_event(&mut self) -> u32 {
        let n = self.events;
        self.events = n.wrapping_add(1);
        n
    }
}

fn emit(
    kernel: &dyn Kernel,
    state: &mut Guard<'_, State>,
    id: WgId,
    site: Option<SiteId>,
    event: Event,
    rule: Option<Rule>,
) {
    if kernel.recording() {
        let number = stamp(Structure::Obj(Obj::Wg(id)), state.next_event());
        kernel.record(site, &[number], &mut std::iter::once((event, rule)));
    }
}
