//! Go's lock of many readers or one writer (`sync/rwmutex.go`).
//!
//! The state is Go's `readerCount`: how many read or wait to read, less [`MAX_READERS`] while a
//! writer has the lock or waits for it. So a reader that comes sees by the sign that it must wait,
//! and a writer that comes sees how many are in.
//!
//! Writers compete for an inner mutex first; one at a time gets to the readers. That one announces
//! itself in the count and waits until the readers it found there have left, counted down in
//! `departing` (Go's `readerWait`). Leaving, it takes itself out of the count, wakes every reader
//! that queued meanwhile, in their order, and only then lets go of the inner mutex: so readers and
//! writers take turns.
//!
//! The order of events. What is told stands in the order of the count's changes: a reader is in, or
//! queues, by the change that counts it; a writer queues by the change that announces it. A reader
//! or a writer that had to wait is in when it goes on, and takes a number for that.

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::atomic::{AtomicI32, Ordering};

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, LockId, Nanos, Obj, SiteId};
use gopark_trace::rule::Rule;
use gopark_trace::words::{EndKind, LockHow, LockMode, WaitReason};

use super::call::{Call, Home};
use super::mutex::GoMutex;
use super::sema::{Sema, Wait};
use super::word::Word;
use crate::current::{kernel, kernel_if_any};
use crate::kernel::{IdKind, Kernel};

/// What a writer takes from the count (`rwmutexMaxReaders`).
const MAX_READERS: i32 = 1 << 30;

/// Go's `sync.RWMutex`: a lock without data, locked and unlocked by hand, by anybody.
///
/// It may be held by many readers or by one writer. A writer that waits keeps new readers out, so
/// it comes to its turn; therefore a goroutine must not take it for reading twice.
///
/// [`RwMutex`] is what most Rust code wants; this is for programs that read like Go's.
#[derive(Debug)]
pub struct GoRwMutex {
    /// `readerCount`.
    count: Word,
    /// Readers that a waiting writer still waits for: `readerWait`.
    departing: AtomicI32,
    /// Where readers wait for a writer to leave: `readerSem`.
    readers: Sema,
    /// Where a writer waits for readers to leave: `writerSem`.
    writer: Sema,
    /// Held by the writer that has the lock or is next: `w`.
    inner: GoMutex,
    home: Home,
}

impl Default for GoRwMutex {
    fn default() -> Self {
        Self::new()
    }
}

impl GoRwMutex {
    /// A free lock.
    pub const fn new() -> Self {
        Self {
            count: Word::new(),
            departing: AtomicI32::new(0),
            readers: Sema::new(),
            writer: Sema::new(),
            inner: GoMutex::new(),
            home: Home::new(),
        }
    }

    /// Locks for reading; parks while a writer has it or waits for it.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn r_lock(&self) {
        let kernel = kernel();
        let call = self.call(&*kernel, Location::caller());
        call.kernel.gate();
        let Ok(change) = self.count.update(|n| Some(add(n, 1))) else { unreachable!("always") };
        if count(change.before) >= 0 {
            return self.got(&call, change.number, LockMode::Read, LockHow::Free, 0);
        }
        self.queue(&call, change.number, LockMode::Read, Rule::WriterPending {});
        self.got_late(&call, LockMode::Read);
    }

    /// Locks for reading if no writer has it or waits for it.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn try_r_lock(&self) -> bool {
        let kernel = kernel();
        let call = self.call(&*kernel, Location::caller());
        call.kernel.gate();
        let Ok(change) = self.count.update(|n| (count(n) >= 0).then(|| add(n, 1))) else {
            return false;
        };
        self.got(&call, change.number, LockMode::Read, LockHow::Tried, 0);
        true
    }

    /// Undoes one [`GoRwMutex::r_lock`]. The last reader that a writer waits for lets it in.
    ///
    /// Without a reader it ends the program: `fatal error: sync: RUnlock of unlocked RWMutex`.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn r_unlock(&self) {
        let kernel = kernel();
        let call = self.call(&*kernel, Location::caller());
        call.kernel.gate();
        self.r_release(&call);
    }

    /// Locks for writing; parks while others have it.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn lock(&self) {
        let kernel = kernel();
        let call = self.call(&*kernel, Location::caller());
        call.kernel.gate();
        // First the other writers, then the readers.
        self.inner.acquire(&self.inner.call_in(call.kernel, call.site));
        let Ok(change) = self.count.update(|n| Some(add(n, -MAX_READERS))) else {
            unreachable!("always")
        };
        let active = count(change.before);
        if active == 0 {
            return self.got(&call, change.number, LockMode::Write, LockHow::Free, 0);
        }
        let rule = Rule::WriterWaitsForReaders { readers: active.unsigned_abs() };
        // AcqRel: with the readers that count down; the last of either side sees all others.
        if self.departing.fetch_add(active, Ordering::AcqRel) + active == 0 {
            call.emit(change.number, queued(&call, LockMode::Write), Some(rule));
        } else {
            self.queue(&call, change.number, LockMode::Write, rule);
        }
        self.got_late(&call, LockMode::Write);
    }

    /// Locks for writing if nobody has it.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn try_lock(&self) -> bool {
        let kernel = kernel();
        let call = self.call(&*kernel, Location::caller());
        call.kernel.gate();
        let inner = self.inner.call_in(call.kernel, call.site);
        if !self.inner.try_acquire(&inner) {
            return false;
        }
        let Ok(change) = self.count.change(0, add(0, -MAX_READERS)) else {
            self.inner.release(&inner);
            return false;
        };
        self.got(&call, change.number, LockMode::Write, LockHow::Tried, 0);
        true
    }

    /// Unlocks for writing: first every reader that waits is let in, in the order they came, then
    /// the next writer may try.
    ///
    /// Without a writer it ends the program: `fatal error: sync: Unlock of unlocked RWMutex`.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn unlock(&self) {
        let kernel = kernel();
        let call = self.call(&*kernel, Location::caller());
        call.kernel.gate();
        if self.release_without_yield(&call) {
            call.kernel.goyield(call.site);
        }
    }

    /// Its reading side as a lock (`RLocker`).
    pub fn r_locker(&self) -> RLocker<'_> {
        RLocker(self)
    }

    /// Gives it a name, for the stage.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn set_name(&self, name: &str) {
        let kernel = kernel();
        let call = self.call(&*kernel, Location::caller());
        call.name(name);
        self.inner.call_in(call.kernel, call.site).name(&format!("{name}.w"));
    }

    /// A call from this line.
    fn call<'a>(&self, kernel: &'a dyn Kernel, at: &'static Location<'static>) -> Call<'a, LockId> {
        self.call_in(kernel, kernel.site(at))
    }

    fn call_in<'a>(&self, kernel: &'a dyn Kernel, site: Option<SiteId>) -> Call<'a, LockId> {
        Call::of(kernel, site, self.number(kernel), Obj::Lock)
    }

    /// Its number in this run. The inner mutex is a lock of its own, and called after this one.
    #[inline]
    fn number(&self, kernel: &dyn Kernel) -> LockId {
        let mut fresh = false;
        let number = self.home.number(kernel, IdKind::Lock, || {
            self.readers.enter(kernel);
            self.writer.enter(kernel);
            self.count.restart();
            fresh = true;
        });
        if fresh && kernel.recording() {
            self.inner.call_in(kernel, None).name(&format!("{}.w", LockId(number)));
        }
        LockId(number)
    }

    /// It is ours: told at this place in its order.
    fn got(
        &self,
        call: &Call<'_, LockId>,
        number: u32,
        mode: LockMode,
        how: LockHow,
        waiters: u32,
    ) {
        let event = Event::LockGet { lock: call.id, mode, how, waiters };
        let rule = (how != LockHow::Woken).then_some(Rule::LockFree {});
        call.emit(number, event, rule);
    }

    /// It is ours after a wait.
    fn got_late(&self, call: &Call<'_, LockId>, mode: LockMode) {
        if !call.kernel.recording() {
            return;
        }
        let look = self.count.look();
        let counted = count(look.before);
        let waiters = match mode {
            // Below zero another writer waits already.
            LockMode::Read => u32::from(counted < 0),
            LockMode::Write => counted.wrapping_add(MAX_READERS).max(0).unsigned_abs(),
        };
        self.got(call, look.number, mode, LockHow::Woken, waiters);
    }

    /// Waits for its turn, which is told at this place in the order.
    fn queue(&self, call: &Call<'_, LockId>, number: u32, mode: LockMode, rule: Rule) {
        call.emit(number, queued(call, mode), Some(rule.clone()));
        let (sema, why) = match mode {
            LockMode::Read => (&self.readers, WaitReason::RwMutexRLock),
            LockMode::Write => (&self.writer, WaitReason::RwMutexLock),
        };
        let wait = Wait {
            why,
            on: call.obj,
            front: false,
            rule,
            site: call.site,
            queues: None,
            number: || Some(self.count.look().number),
        };
        sema.acquire(call.kernel, wait);
    }

    fn r_release(&self, call: &Call<'_, LockId>) {
        let leave = |n: u32| (count(n) != 0 && count(n) != -MAX_READERS).then(|| add(n, -1));
        let Ok(change) = self.count.update(leave) else {
            return fatal(call, "sync: RUnlock of unlocked RWMutex");
        };
        // AcqRel: as in `lock`.
        let last = count(change.before) < 0 && self.departing.fetch_sub(1, Ordering::AcqRel) == 1;
        let writer = if last { self.writer.release(call.kernel, false) } else { None };
        let woke = writer.map(|g| g.gid());
        let rule = last.then_some(Rule::LastReaderWakesWriter {});
        call.emit(change.number, put(call, LockMode::Read, woke), rule);
        if let Some(g) = writer {
            call.kernel.ready(g, call.site, None);
        }
    }

    /// Unlocks for writing; true if the inner mutex was handed over and the caller should yield.
    fn release_without_yield(&self, call: &Call<'_, LockId>) -> bool {
        let leave = |n: u32| (count(n) < 0).then(|| add(n, MAX_READERS));
        let Ok(change) = self.count.update(leave) else {
            fatal(call, "sync: Unlock of unlocked RWMutex");
            return false;
        };
        let readers = count(change.before).wrapping_add(MAX_READERS).unsigned_abs();
        let rule = (readers > 0).then_some(Rule::WriterLetsReadersIn { readers });
        call.emit(change.number, put(call, LockMode::Write, None), rule);
        for _ in 0..readers {
            // Who is counted and not there yet finds the wake-up when it comes.
            if let Some(g) = self.readers.release(call.kernel, false) {
                call.kernel.ready(g, call.site, None);
            }
        }
        self.inner.release_without_yield(&self.inner.call_in(call.kernel, call.site))
    }
}

/// The state as a number of readers.
fn count(state: u32) -> i32 {
    state.cast_signed()
}

/// The state with this many readers more.
fn add(state: u32, n: i32) -> u32 {
    state.wrapping_add_signed(n)
}

fn queued(call: &Call<'_, LockId>, mode: LockMode) -> Event {
    Event::LockQueue { lock: call.id, mode, front: false, waited: Nanos(0) }
}

fn put(call: &Call<'_, LockId>, mode: LockMode, woke: Option<GId>) -> Event {
    Event::LockPut { lock: call.id, mode, woke, handed: false }
}

#[cold]
fn fatal(call: &Call<'_, LockId>, what: &str) {
    call.kernel.end(EndKind::Fatal, format!("fatal error: {what}\n"), None);
}

/// The reading side of a [`GoRwMutex`], locked and unlocked as a lock of its own.
#[derive(Debug, Clone, Copy)]
pub struct RLocker<'a>(&'a GoRwMutex);

impl RLocker<'_> {
    /// As [`GoRwMutex::r_lock`].
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn lock(&self) {
        self.0.r_lock();
    }

    /// As [`GoRwMutex::r_unlock`].
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn unlock(&self) {
        self.0.r_unlock();
    }
}

/// A value under Go's lock of many readers or one writer.
#[derive(Default)]
pub struct RwMutex<T: ?Sized> {
    raw: GoRwMutex,
    value: UnsafeCell<T>,
}

// SAFETY: the lock gives the value to one writer, or to readers, who share it.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwMutex<T> {}
// SAFETY: as any owner of a T.
unsafe impl<T: ?Sized + Send> Send for RwMutex<T> {}

impl<T> RwMutex<T> {
    /// A free lock with a value.
    pub const fn new(value: T) -> Self {
        Self { raw: GoRwMutex::new(), value: UnsafeCell::new(value) }
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

impl<T: ?Sized> RwMutex<T> {
    /// Locks for reading; parks while a writer has it or waits for it.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn r_lock(&self) -> RwMutexReadGuard<'_, T> {
        self.raw.r_lock();
        RwMutexReadGuard { lock: self, value: PhantomData, site: Location::caller() }
    }

    /// Locks for reading if no writer has it or waits for it.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn try_r_lock(&self) -> Option<RwMutexReadGuard<'_, T>> {
        let site = Location::caller();
        self.raw.try_r_lock().then(|| RwMutexReadGuard { lock: self, value: PhantomData, site })
    }

    /// Locks for writing; parks while others have it.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn lock(&self) -> RwMutexGuard<'_, T> {
        self.raw.lock();
        RwMutexGuard { lock: self, value: PhantomData, site: Location::caller() }
    }

    /// Locks for writing if nobody has it.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn try_lock(&self) -> Option<RwMutexGuard<'_, T>> {
        let site = Location::caller();
        self.raw.try_lock().then(|| RwMutexGuard { lock: self, value: PhantomData, site })
    }
}

impl<T: ?Sized> fmt::Debug for RwMutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwMutex").finish_non_exhaustive()
    }
}

/// The right to read a value under an [`RwMutex`]. Dropping it unlocks.
#[must_use = "the lock is released when this is dropped"]
pub struct RwMutexReadGuard<'a, T: ?Sized> {
    lock: &'a RwMutex<T>,
    /// It gives out `&T`.
    value: PhantomData<&'a T>,
    site: &'static Location<'static>,
}

impl<T: ?Sized> RwMutexReadGuard<'_, T> {
    /// Unlocks, as dropping it does, behind a gate.
    #[track_caller]
    pub fn unlock(self) {
        let guard = std::mem::ManuallyDrop::new(self);
        guard.lock.raw.r_unlock();
    }
}

impl<T: ?Sized> Drop for RwMutexReadGuard<'_, T> {
    fn drop(&mut self) {
        // After the run nobody waits for it.
        let Some(kernel) = kernel_if_any() else { return };
        let raw = &self.lock.raw;
        raw.r_release(&raw.call_in(&*kernel, kernel.site(self.site)));
    }
}

impl<T: ?Sized> Deref for RwMutexReadGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: while it is there no writer is.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwMutexReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// The right to a value under an [`RwMutex`], alone.
///
/// Dropping it unlocks but never switches, as with a [`MutexGuard`](super::MutexGuard);
/// [`RwMutexGuard::unlock`] yields as Go's `Unlock` does.
#[must_use = "the lock is released when this is dropped"]
pub struct RwMutexGuard<'a, T: ?Sized> {
    lock: &'a RwMutex<T>,
    /// It gives out `&mut T`: two threads may share it only if they may share a T.
    value: PhantomData<&'a mut T>,
    site: &'static Location<'static>,
}

impl<T: ?Sized> RwMutexGuard<'_, T> {
    /// Unlocks as Go does: if the writers' mutex starves, the next of them runs at once.
    #[track_caller]
    pub fn unlock(self) {
        let guard = std::mem::ManuallyDrop::new(self);
        guard.lock.raw.unlock();
    }
}

impl<T: ?Sized> Drop for RwMutexGuard<'_, T> {
    fn drop(&mut self) {
        // After the run there is nobody to let in.
        let Some(kernel) = kernel_if_any() else { return };
        let raw = &self.lock.raw;
        raw.release_without_yield(&raw.call_in(&*kernel, kernel.site(self.site)));
    }
}

impl<T: ?Sized> Deref for RwMutexGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: the guard is the right to the value.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized> DerefMut for RwMutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard is the right to the value, and it is borrowed mutably.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwMutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
