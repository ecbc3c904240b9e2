//! Go's mutex, with its normal and its starving mode (`internal/sync/mutex.go`, `sema.go`).
//!
//! The state word, as Go's: bit 0 locked, bit 1 woken (somebody is on the way, do not wake more),
//! bit 2 starving, above that the number of waiters. The upper half of the word counts its changes,
//! so that locks and unlocks have an order in a live trace.
//!
//! Waiters queue at a semaphore: a count of wake-ups nobody has used, and a list, under one lock.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::atomic::{AtomicU64, Ordering};

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, LockId, Nanos, Obj, SiteId};
use gopark_trace::ring::Structure;
use gopark_trace::rule::Rule;
use gopark_trace::words::{EndKind, LockHow, LockMode, WaitReason};
use lock_api::MutexGuard as RawGuard;

use crate::current::{Kern, kernel, kernel_if_any};
use crate::ids::{Bond, FOREIGN};
use crate::kernel::{Commit, IdKind, Kernel, Park, stamp};
use crate::lock::Lock;
use crate::waitq::{WaitQueue, Waiter};

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
    word: AtomicU64,
    sema: Lock<Sema>,
    /// The run it belongs to and its number there, as in the semaphore's bond, to be read without
    /// its lock: run in the upper half.
    tag: AtomicU64,
}

#[derive(Debug)]
struct Sema {
    bond: Bond,
    /// Wake-ups nobody has used.
    count: u32,
    /// Who waits; the flag says that the count was taken for it already.
    queue: WaitQueue<bool>,
}

/// A change of the word, and its number.
struct Change {
    before: u32,
    number: u32,
}

impl Default for GoMutex {
    fn default() -> Self {
        Self::new()
    }
}

impl GoMutex {
    /// A free lock.
    pub const fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            sema: Lock::new(Sema { bond: Bond::new(), count: 0, queue: WaitQueue::new() }),
            tag: AtomicU64::new(0),
        }
    }

    /// Locks; parks while somebody else has it.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn lock(&self) {
        let call = self.call();
        call.kernel.gate();
        match self.change(0, LOCKED) {
            Ok(change) => self.got(&call, &change, LockHow::Free, Rule::LockFree {}),
            Err(_) => self.lock_slow(&call),
        }
    }

    /// Locks if it is free and does not starve.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn try_lock(&self) -> bool {
        let call = self.call();
        call.kernel.gate();
        let old = self.state();
        if old & (LOCKED | STARVING) != 0 {
            return false;
        }
        let Ok(change) = self.change(old, old | LOCKED) else { return false };
        self.got(&call, &change, LockHow::Tried, Rule::LockFree {});
        true
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
        let call = self.call();
        call.kernel.gate();
        if self.unlock_without_yield(&call) {
            call.kernel.goyield(call.site);
        }
    }

    /// Gives it a name, for the stage.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn set_name(&self, name: &str) {
        let call = self.call();
        if call.kernel.recording() {
            let event = Event::ObjName { obj: Obj::Lock(call.lock), name: name.to_owned() };
            call.kernel.record(call.site, &[], &mut std::iter::once((event, None)));
        }
    }

    #[track_caller]
    fn call(&self) -> Call {
        let kernel = kernel();
        let site = kernel.site(Location::caller());
        let lock = self.number(&*kernel);
        Call { kernel, site, lock }
    }

    /// Its number in this run.
    #[inline]
    fn number(&self, kernel: &dyn Kernel) -> LockId {
        // Acquire pairs with the Release in `join_run`: the word counts anew.
        let tag = self.tag.load(Ordering::Acquire);
        if (tag >> 32) as u32 == kernel.run() { LockId(tag as u32) } else { self.join_run(kernel) }
    }

    /// The first use in a run.
    #[cold]
    fn join_run(&self, kernel: &dyn Kernel) -> LockId {
        let mut sema = self.sema.lock();
        if !sema.bond.is_of(kernel) {
            let waited = !sema.queue.is_empty();
            assert!(sema.bond.renew(kernel, IdKind::Lock, waited), "{FOREIGN}");
            // Its changes are counted from 0 in each run.
            self.word.fetch_and(u64::from(u32::MAX), Ordering::Relaxed);
            let tag = u64::from(kernel.run()) << 32 | u64::from(sema.bond.id);
            self.tag.store(tag, Ordering::Release);
        }
        LockId(sema.bond.id)
    }

    fn state(&self) -> u32 {
        self.word.load(Ordering::Relaxed) as u32
    }

    /// Compare and swap of the state.
    #[inline]
    fn change(&self, from: u32, to: u32) -> Result<Change, u32> {
        let old = self.word.load(Ordering::Relaxed);
        if old as u32 != from {
            return Err(old as u32);
        }
        let number = (old >> 32) as u32;
        let new = u64::from(to) | u64::from(number.wrapping_add(1)) << 32;
        // Acquire pairs with the Release of the unlock before; Release with the next lock.
        match self.word.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => Ok(Change { before: from, number }),
            Err(now) => Err(now as u32),
        }
    }

    /// Changes the state whatever it is.
    fn update(&self, how: impl Fn(u32) -> u32) -> Change {
        loop {
            let old = self.state();
            if let Ok(change) = self.change(old, how(old)) {
                return change;
            }
        }
    }

    fn got(&self, call: &Call, change: &Change, how: LockHow, rule: Rule) {
        let waiters = change.before >> WAITER_SHIFT;
        let event = Event::LockGet { lock: call.lock, mode: LockMode::Write, how, waiters };
        call.emit(change.number, event, Some(rule));
    }

    #[cold]
    fn lock_slow(&self, call: &Call) {
        let mut wait_start: Option<Nanos> = None;
        let mut starving = false;
        let mut awoke = false;
        let mut round = 0;
        let mut old = self.state();
        loop {
            if old & (LOCKED | STARVING) == LOCKED && call.kernel.can_spin(round) {
                let others_wait = !awoke && old & WOKEN == 0 && old >> WAITER_SHIFT != 0;
                if others_wait && let Ok(change) = self.change(old, old | WOKEN) {
                    call.number_only(change.number);
                    awoke = true;
                }
                round += 1;
                if call.kernel.recording() {
                    let event = Event::LockSpin { lock: call.lock, round: round as u8 };
                    call.kernel.record(call.site, &[], &mut std::iter::once((event, None)));
                }
                call.kernel.spin();
                old = self.state();
                continue;
            }
            let new = next_state(old, starving, awoke);
            let Ok(change) = self.change(old, new) else {
                old = self.state();
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
                let event = Event::LockStarving { lock: call.lock, on: true, waited };
                call.emit(change.number, event, Some(Rule::LockStarves { waited }));
            } else {
                call.number_only(change.number);
            }
            let front = wait_start.is_some();
            let start = *wait_start.get_or_insert(now);
            self.queue(call, front, waited, old);
            let waited = call.kernel.now().minus(start);
            starving = starving || waited > STARVATION_THRESHOLD;
            old = self.state();
            if old & STARVING != 0 {
                return self.handed_over(call, starving, waited, old);
            }
            awoke = true;
            round = 0;
        }
    }

    /// The lock was handed over in starvation mode: it is ours, and we may end the mode.
    fn handed_over(&self, call: &Call, starving: bool, waited: Nanos, old: u32) {
        let last = old >> WAITER_SHIFT == 1;
        let calm = !starving || last;
        let change = self.update(|state| {
            let mine = (state - WAITER) | LOCKED;
            if calm { mine & !STARVING } else { mine }
        });
        if !call.kernel.recording() {
            return;
        }
        let waiters = (change.before >> WAITER_SHIFT) - 1;
        let got = Event::LockGet {
            lock: call.lock,
            mode: LockMode::Write,
            how: LockHow::HandedOver,
            waiters,
        };
        let ended = calm.then(|| {
            let event = Event::LockStarving { lock: call.lock, on: false, waited };
            (event, Some(Rule::LockCalm { waited, last }))
        });
        let events = std::iter::once((got, None)).chain(ended);
        call.kernel.record(call.site, &[call.stamp(change.number)], &mut { events });
    }

    /// Waits at the semaphore (`semacquire1`): at the front if we have waited before.
    fn queue(&self, call: &Call, front: bool, waited: Nanos, old: u32) {
        loop {
            let mut sema = self.sema.lock();
            assert!(sema.bond.is_of(&*call.kernel), "{FOREIGN}");
            if sema.count > 0 {
                sema.count -= 1;
                return;
            }
            let rule = if front {
                Rule::LockAgainFront { waited }
            } else {
                Rule::LockQueueBack { waiters: old >> WAITER_SHIFT }
            };
            if call.kernel.recording() {
                let event =
                    Event::LockQueue { lock: call.lock, mode: LockMode::Write, front, waited };
                call.kernel.record(
                    call.site,
                    &[],
                    &mut std::iter::once((event, Some(rule.clone()))),
                );
            }
            let waiter = Waiter::new(call.kernel.current(), false);
            // SAFETY: this goroutine parks next and goes on only when it is off the list.
            unsafe {
                if front {
                    sema.queue.push_front(&waiter);
                } else {
                    sema.queue.push_back(&waiter);
                }
            }
            // SAFETY: the guard is forgotten, so only the commit releases the lock.
            let raw: *const _ = unsafe { RawGuard::mutex(&sema).raw() };
            std::mem::forget(sema);
            call.kernel.park(Park {
                why: WaitReason::MutexLock,
                on: Some(Obj::Lock(call.lock)),
                on_number: None,
                rule,
                site: call.site,
                commit: Commit::Unlock(raw),
            });
            if waiter.slot.get() {
                return;
            }
            let mut sema = self.sema.lock();
            if sema.count > 0 {
                sema.count -= 1;
                return;
            }
        }
    }

    /// Unlocks; true if the lock was handed over and the caller should yield.
    fn unlock_without_yield(&self, call: &Call) -> bool {
        let change = self.update(|state| state & !LOCKED);
        if change.before & LOCKED == 0 {
            let text = "fatal error: sync: unlock of unlocked mutex\n".to_owned();
            call.kernel.end(EndKind::Fatal, text, None);
            return false;
        }
        let handed = change.before & STARVING != 0;
        if call.kernel.recording() && change.before == LOCKED {
            let event =
                Event::LockPut { lock: call.lock, mode: LockMode::Write, woke: None, handed };
            call.emit(change.number, event, None);
            return false;
        }
        if handed {
            return self.release(call, change.number, true, change.before >> WAITER_SHIFT);
        }
        let mut number = change.number;
        let mut old = change.before & !LOCKED;
        loop {
            // Nobody waits, or somebody is awake or has the lock already: nobody to wake.
            if old >> WAITER_SHIFT == 0 || old & (LOCKED | WOKEN | STARVING) != 0 {
                let event = Event::LockPut {
                    lock: call.lock,
                    mode: LockMode::Write,
                    woke: None,
                    handed: false,
                };
                call.emit(number, event, None);
                return false;
            }
            match self.change(old, (old - WAITER) | WOKEN) {
                Ok(change) => {
                    call.number_only(number);
                    number = change.number;
                    return self.release(call, number, false, old >> WAITER_SHIFT);
                }
                Err(now) => old = now,
            }
        }
    }

    /// Wakes the first waiter (`semrelease1`). True if the caller should yield to it.
    fn release(&self, call: &Call, number: u32, handoff: bool, waiters: u32) -> bool {
        let mut sema = self.sema.lock();
        assert!(sema.bond.is_of(&*call.kernel), "{FOREIGN}");
        sema.count += 1;
        let next = sema.queue.pop_front().map(|w| (w.g, std::ptr::from_ref(w)));
        if handoff && let Some((_, waiter)) = next {
            sema.count -= 1;
            // SAFETY: it was taken off the list just now and is not ready before we say so.
            unsafe { (*waiter).slot.set(true) };
        }
        drop(sema);
        let woke: Option<GId> = next.map(|(g, _)| g.gid());
        let rule = match woke {
            Some(to) if handoff => Some(Rule::LockHandOver { to }),
            Some(_) => Some(Rule::UnlockWakesFirst { waiters }),
            None => None,
        };
        let event =
            Event::LockPut { lock: call.lock, mode: LockMode::Write, woke, handed: handoff };
        call.emit(number, event, rule);
        match next {
            Some((g, _)) => {
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

/// A runtime call on a lock: who calls, from where.
struct Call {
    kernel: Kern,
    site: Option<SiteId>,
    lock: LockId,
}

impl Call {
    fn stamp(&self, number: u32) -> gopark_trace::ring::Stamp {
        stamp(Structure::Obj(Obj::Lock(self.lock)), number)
    }

    fn emit(&self, number: u32, event: Event, rule: Option<Rule>) {
        if self.kernel.recording() {
            self.kernel.record(
                self.site,
                &[self.stamp(number)],
                &mut std::iter::once((event, rule)),
            );
        }
    }

    /// A change nobody is told of still has its number.
    fn number_only(&self, number: u32) {
        if self.kernel.recording() {
            self.kernel.record(self.site, &[self.stamp(number)], &mut std::iter::empty());
        }
    }
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

impl<T: ?Sized> MutexGuard<'_, T> {
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
        let site = kernel.site(self.site);
        let raw = &self.mutex.raw;
        let lock = raw.number(&*kernel);
        raw.unlock_without_yield(&Call { kernel, site, lock });
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
