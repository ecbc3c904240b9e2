//! Go's mutex, with its normal and its starving mode (`internal/sync/mutex.go`).
//!
//! The state, as Go's: bit 0 locked, bit 1 woken (somebody is on the way, do not wake more),
//! bit 2 starving, above that the number of waiters, who wait at a semaphore.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::Location;

use gopark_trace::event::Event;
use gopark_trace::ids::{LockId, Nanos, Obj, SiteId};
use gopark_trace::rule::Rule;
use gopark_trace::words::{EndKind, LockHow, LockMode, WaitReason};

use super::call::{Call, Home};
use super::sema::{Sema, Wait};
use super::word::{Change, Word};
use crate::current::{kernel, kernel_if_any};
use crate::kernel::{IdKind, Kernel};

const LOCKED: u32 = 1;
const WOKEN: u32 = 2;
const STARVING: u32 = 4;
const WAITER_SHIFT: u32 = 3;
const WAITER: u32 = 1 << WAITER_SHIFT;

/// A waiter that waited for longer makes the lock starve.
const STARVATION_THRESHOLD: Nanos = Nanos::MILLI;

/// Go's `sync.Mutex`: a lock without data, locked and unlocked by hand, by anybody.
///
/// [`Mutex`] is what most Rust code wants; this is for programs that read like Go's.
#[derive(Debug)]
pub struct GoMutex {
    word: Word,
    sema: Sema,
    home: Home,
}

impl Default for GoMutex {
    fn default() -> Self {
        Self::new()
    }
}

impl GoMutex {
    /// A free lock.
    pub const fn new() -> Self {
        Self { word: Word::new(), sema: Sema::new(), home: Home::new() }
    }

    /// Locks; parks while somebody else has it.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn lock(&self) {
        let kernel = kernel();
        let call = self.call(&*kernel, Location::caller());
        call.kernel.gate();
        self.acquire(&call);
    }

    /// Locks if it is free and does not starve.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn try_lock(&self) -> bool {
        let kernel = kernel();
        let call = self.call(&*kernel, Location::caller());
        call.kernel.gate();
        self.try_acquire(&call)
    }

    /// Unlocks. In starvation mode the lock is handed to the first waiter, which runs at once,
    /// while the caller goes to the tail of its ring.
    ///
    /// An unlock of a free lock ends the program: `fatal error: sync: unlock of unlocked mutex`.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn unlock(&self) {
        let kernel = kernel();
        let call = self.call(&*kernel, Location::caller());
        call.kernel.gate();
        self.release(&call);
    }

    /// Gives it a name, for the stage.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn set_name(&self, name: &str) {
        let kernel = kernel();
        self.call(&*kernel, Location::caller()).name(name);
    }

    // ---- for what is built on it ----

    /// A call from this line.
    fn call<'a>(&self, kernel: &'a dyn Kernel, at: &'static Location<'static>) -> Call<'a, LockId> {
        self.call_in(kernel, kernel.site(at))
    }

    /// A call on it as a part of a call on something else.
    pub(super) fn call_in<'a>(
        &self,
        kernel: &'a dyn Kernel,
        site: Option<SiteId>,
    ) -> Call<'a, LockId> {
        Call::of(kernel, site, self.number(kernel), Obj::Lock)
    }

    /// Its number in this run.
    #[inline]
    fn number(&self, kernel: &dyn Kernel) -> LockId {
        let enter = || {
            self.sema.enter(kernel);
            self.word.restart();
        };
        LockId(self.home.number(kernel, IdKind::Lock, enter))
    }

    /// `Lock`, behind the gate.
    pub(super) fn acquire(&self, call: &Call<'_, LockId>) {
        match self.word.change(0, LOCKED) {
            Ok(change) => self.got(call, &change, LockHow::Free, Rule::LockFree {}),
            Err(_) => self.lock_slow(call),
        }
    }

    /// `TryLock`, behind the gate.
    pub(super) fn try_acquire(&self, call: &Call<'_, LockId>) -> bool {
        let old = self.word.state();
        if old & (LOCKED | STARVING) != 0 {
            return false;
        }
        let Ok(change) = self.word.change(old, old | LOCKED) else { return false };
        self.got(call, &change, LockHow::Tried, Rule::LockFree {});
        true
    }

    /// `Unlock`, behind the gate.
    pub(super) fn release(&self, call: &Call<'_, LockId>) {
        if self.release_without_yield(call) {
            call.kernel.goyield(call.site);
        }
    }

    fn got(&self, call: &Call<'_, LockId>, change: &Change, how: LockHow, rule: Rule) {
        let waiters = change.before >> WAITER_SHIFT;
        let event = Event::LockGet { lock: call.id, mode: LockMode::Write, how, waiters };
        call.emit(change.number, event, Some(rule));
    }

    #[cold]
    fn lock_slow(&self, call: &Call<'_, LockId>) {
        let mut wait_start: Option<Nanos> = None;
        let mut starving = false;
        let mut awoke = false;
        let mut round = 0;
        let mut old = self.word.state();
        loop {
            if old & (LOCKED | STARVING) == LOCKED && call.kernel.can_spin(round) {
                let others_wait = !awoke && old & WOKEN == 0 && old >> WAITER_SHIFT != 0;
                if others_wait && let Ok(change) = self.word.change(old, old | WOKEN) {
                    call.number_only(change.number);
                    awoke = true;
                }
                round += 1;
                call.say(Event::LockSpin { lock: call.id, round: round as u8 }, None);
                call.kernel.spin();
                old = self.word.state();
                continue;
            }
            let new = next_state(old, starving, awoke);
            let Ok(change) = self.word.change(old, new) else {
                old = self.word.state();
                continue;
            };
            if old & (LOCKED | STARVING) == 0 {
                let waiters = old >> WAITER_SHIFT;
                let (how, rule) = if wait_start.is_some() {
                    (LockHow::Woken, Rule::LockFree {})
                } else {
                    (LockHow::Barged, Rule::LockBarging { waiters })
                };
                return self.got(call, &change, how, rule);
            }
            let now = call.kernel.now();
            let waited = now.minus(wait_start.unwrap_or(now));
            if new & STARVING != 0 && old & STARVING == 0 {
                let event = Event::LockStarving { lock: call.id, on: true, waited };
                call.emit(change.number, event, Some(Rule::LockStarves { waited }));
            } else {
                call.number_only(change.number);
            }
            let front = wait_start.is_some();
            let start = *wait_start.get_or_insert(now);
            self.queue(call, front, waited, old);
            let waited = call.kernel.now().minus(start);
            starving = starving || waited > STARVATION_THRESHOLD;
            old = self.word.state();
            if old & STARVING != 0 {
                return self.handed_over(call, starving, waited, old);
            }
            awoke = true;
            round = 0;
        }
    }

    /// The lock was handed over in starvation mode: it is ours, and we may end the mode.
    fn handed_over(&self, call: &Call<'_, LockId>, starving: bool, waited: Nanos, old: u32) {
        let last = old >> WAITER_SHIFT == 1;
        let calm = !starving || last;
        let taken = self.word.update(|state| {
            let mine = (state - WAITER) | LOCKED;
            Some(if calm { mine & !STARVING } else { mine })
        });
        let Ok(change) = taken else { unreachable!("it is ours in any state") };
        if !call.kernel.recording() {
            return;
        }
        let waiters = (change.before >> WAITER_SHIFT) - 1;
        let got = Event::LockGet {
            lock: call.id,
            mode: LockMode::Write,
            how: LockHow::HandedOver,
            waiters,
        };
        let ended = calm.then(|| {
            let event = Event::LockStarving { lock: call.id, on: false, waited };
            (event, Some(Rule::LockCalm { waited, last }))
        });
        let events = std::iter::once((got, None)).chain(ended);
        call.kernel.record(call.site, &[call.stamp(change.number)], &mut { events });
    }

    /// Waits at the semaphore: at the front if we have waited before.
    fn queue(&self, call: &Call<'_, LockId>, front: bool, waited: Nanos, old: u32) {
        let rule = if front {
            Rule::LockAgainFront { waited }
        } else {
            Rule::LockQueueBack { waiters: old >> WAITER_SHIFT }
        };
        let mode = LockMode::Write;
        let wait = Wait {
            why: WaitReason::MutexLock,
            on: call.obj,
            front,
            rule,
            site: call.site,
            queues: Some(Event::LockQueue { lock: call.id, mode, front, waited }),
            number: || None,
        };
        self.sema.acquire(call.kernel, wait);
    }

    /// Unlocks; true if the lock was handed over and the caller should yield.
    pub(super) fn release_without_yield(&self, call: &Call<'_, LockId>) -> bool {
        let unlocked = |state: u32| (state & LOCKED != 0).then_some(state & !LOCKED);
        let Ok(change) = self.word.update(unlocked) else {
            let text = "fatal error: sync: unlock of unlocked mutex\n".to_owned();
            call.kernel.end(EndKind::Fatal, text, None);
            return false;
        };
        let handed = change.before & STARVING != 0;
        if call.kernel.recording() && change.before == LOCKED {
            let event = Event::LockPut { lock: call.id, mode: LockMode::Write, woke: None, handed };
            call.emit(change.number, event, None);
            return false;
        }
        if handed {
            return self.wake(call, change.number, true, change.before >> WAITER_SHIFT);
        }
        let mut number = change.number;
        let mut old = change.before & !LOCKED;
        loop {
            // Nobody waits, or somebody is awake or has the lock already: nobody to wake.
            if old >> WAITER_SHIFT == 0 || old & (LOCKED | WOKEN | STARVING) != 0 {
                let event = Event::LockPut {
                    lock: call.id,
                    mode: LockMode::Write,
                    woke: None,
                    handed: false,
                };
                call.emit(number, event, None);
                return false;
            }
            match self.word.change(old, (old - WAITER) | WOKEN) {
                Ok(change) => {
                    call.number_only(number);
                    number = change.number;
                    return self.wake(call, number, false, old >> WAITER_SHIFT);
                }
                Err(now) => old = now,
            }
        }
    }

    /// Wakes the first waiter. True if the caller should yield to it.
    fn wake(&self, call: &Call<'_, LockId>, number: u32, handoff: bool, waiters: u32) -> bool {
        let next = self.sema.release(call.kernel, handoff);
        let woke = next.map(|g| g.gid());
        let rule = match woke {
            Some(to) if handoff => Some(Rule::LockHandOver { to }),
            Some(_) => Some(Rule::UnlockWakesFirst { waiters }),
            None => None,
        };
        let event = Event::LockPut { lock: call.id, mode: LockMode::Write, woke, handed: handoff };
        call.emit(number, event, rule);
        match next {
            Some(g) => {
                call.kernel.ready(g, call.site, None);
                handoff
            }
            None => false,
        }
    }
}

/// What a locker makes of the state (`lockSlow`): takes the lock unless it starves, queues if it
/// is not to be had, starts starvation if it has waited too long.
fn next_state(old: u32, starving: bool, awoke: bool) -> u32 {
    let mut new = old;
    if old & STARVING == 0 {
        new |= LOCKED;
    }
    if old & (LOCKED | STARVING) != 0 {
        new += WAITER;
    }
    if starving && old & LOCKED != 0 {
        new |= STARVING;
    }
    if awoke {
        new &= !WOKEN;
    }
    new
}

/// A value under Go's mutex.
#[derive(Default)]
pub struct Mutex<T: ?Sized> {
    raw: GoMutex,
    value: UnsafeCell<T>,
}

// SAFETY: the lock gives the value to one goroutine at a time.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}
// SAFETY: as any owner of a T.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}

impl<T> Mutex<T> {
    /// A free lock with a value.
    pub const fn new(value: T) -> Self {
        Self { raw: GoMutex::new(), value: UnsafeCell::new(value) }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }

    /// Gives it a name, for the stage.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn named(self, name: &str) -> Self {
        self.raw.set_name(name);
        self
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Locks; parks while somebody else has it.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.raw.lock();
        MutexGuard { mutex: self, value: PhantomData, site: Location::caller() }
    }

    /// Locks if it is free.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.raw.try_lock().then(|| MutexGuard {
            mutex: self,
            value: PhantomData,
            site: Location::caller(),
        })
    }
}

impl<T: ?Sized> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").finish_non_exhaustive()
    }
}

/// The right to a value under a [`Mutex`].
///
/// Dropping it unlocks, and in starvation mode hands the lock over, but never switches: the new
/// owner runs when the caller next gives way. [`MutexGuard::unlock`] yields to it at once, as Go's
/// `Unlock` does.
#[must_use = "the lock is released when this is dropped"]
pub struct MutexGuard<'a, T: ?Sized> {
    mutex: &'a Mutex<T>,
    /// It gives out `&mut T`: two threads may share it only if they may share a T.
    value: PhantomData<&'a mut T>,
    site: &'static Location<'static>,
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The lock without the value, for who waits on a [`Cond`](super::Cond).
    pub(super) fn raw(&self) -> &'a GoMutex {
        &self.mutex.raw
    }

    /// Unlocks as Go does: in starvation mode the new owner runs at once.
    #[track_caller]
    pub fn unlock(self) {
        let guard = std::mem::ManuallyDrop::new(self);
        guard.mutex.raw.unlock();
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        // After the run there is nobody to hand the lock to.
        let Some(kernel) = kernel_if_any() else { return };
        let raw = &self.mutex.raw;
        raw.release_without_yield(&raw.call_in(&*kernel, kernel.site(self.site)));
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the guard is the right to the value.
        unsafe { &*self.mutex.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard is the right to the value, and it is borrowed mutably.
        unsafe { &mut *self.mutex.value.get() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
