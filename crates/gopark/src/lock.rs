//! The runtime's locks: futex words in the usual shape of `lock_api`.
//!
//! Waiting goes through the platform. In the lab nobody ever waits: an M gives up its turn only at
//! gates, which stand before a lock is taken and never inside, so a lock that is taken is a bug.

use crate::atomics::AtomicU32;
use crate::current;
use crate::proto::futex_lock::FutexLock;

/// The raw lock.
#[derive(Debug)]
pub(crate) struct RawLock(FutexLock);

// SAFETY: FutexLock gives the lock to one caller at a time: from FREE only one compare-exchange or
// swap succeeds, and FREE is stored only by the holder.
unsafe impl lock_api::RawMutex for RawLock {
    const INIT: Self = Self(FutexLock::from_word(AtomicU32::new(0)));
    // A lock may be taken by a goroutine and released by its M after the switch.
    type GuardMarker = lock_api::GuardSend;

    #[inline]
    fn lock(&self) {
        if !self.0.try_lock() {
            lock_slow(&self.0);
        }
    }

    #[inline]
    fn try_lock(&self) -> bool {
        self.0.try_lock()
    }

    #[inline]
    unsafe fn unlock(&self) {
        self.0.unlock();
    }

    fn is_locked(&self) -> bool {
        self.0.is_held()
    }
}

#[cold]
fn lock_slow(lock: &FutexLock) {
    if current::in_lab() {
        panic!("gopark: a turn of the lab ended with a lock held");
    }
    lock.lock_contended();
}

/// A lock with what it guards.
pub(crate) type Lock<T> = lock_api::Mutex<RawLock, T>;
/// The right to what a [`Lock`] guards.
pub(crate) type Guard<'a, T> = lock_api::MutexGuard<'a, RawLock, T>;
