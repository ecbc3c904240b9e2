//! The futex lock: one holder at a time, and nobody sleeps for ever.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use crate::atomics::AtomicU32;
use crate::checker::{check, must_fail};
use crate::proto::futex_lock::FutexLock;

/// A value under the runtime's lock, as `lock_api` makes one of it.
pub(crate) struct Locked<T> {
    lock: FutexLock,
    value: UnsafeCell<T>,
}

// SAFETY: `with` gives the value to whoever holds the lock; that this is one at a time is what loom
// checks at each access.
unsafe impl<T: Send> Sync for Locked<T> {}
// SAFETY: as any owner of a T.
unsafe impl<T: Send> Send for Locked<T> {}

impl<T> Locked<T> {
    pub(crate) fn new(value: T) -> Self {
        let lock = FutexLock::from_word(AtomicU32::new(0));
        Self { lock, value: UnsafeCell::new(value) }
    }

    pub(crate) fn lock(&self) {
        if !self.lock.try_lock() {
            self.lock.lock_contended();
        }
    }

    pub(crate) fn unlock(&self) {
        self.lock.unlock();
    }

    /// What `f` makes of the value; the caller holds the lock.
    pub(crate) fn held<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: loom fails the model if this access overlaps another one.
        self.value.with_mut(|value| f(unsafe { &mut *value }))
    }

    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        self.lock();
        let result = self.held(f);
        self.unlock();
        result
    }
}

/// Two threads and this one add under the lock; `rounds` times each of the two.
fn adders(rounds: u32) {
    let sum = Arc::new(Locked::new(0));
    let others: Vec<_> = (0..2)
        .map(|_| {
            let sum = Arc::clone(&sum);
            thread::spawn(move || (0..rounds).for_each(|_| sum.with(|n| *n += 1)))
        })
        .collect();
    sum.with(|n| *n += 1);
    others.into_iter().for_each(|t| t.join().expect("a model's thread"));
    assert_eq!(sum.with(|n| *n), 2 * rounds + 1);
}

#[test]
fn the_lock_has_one_holder_and_wakes_whoever_waits() {
    check(Some(4), || adders(1));
}

#[test]
fn the_lock_wakes_whoever_comes_again() {
    check(Some(3), || adders(2));
}

#[test]
fn a_taken_lock_is_not_had_by_trying() {
    check(None, || {
        let lock = Arc::new(FutexLock::from_word(AtomicU32::new(0)));
        let other = {
            let lock = Arc::clone(&lock);
            thread::spawn(move || {
                let got = lock.try_lock();
                if got {
                    assert!(lock.is_held());
                    lock.unlock();
                }
            })
        };
        if lock.try_lock() {
            assert!(!lock.try_lock());
            lock.unlock();
        }
        other.join().expect("a model's thread");
        assert!(lock.try_lock(), "all have given it back");
    });
}

#[test]
fn an_unlock_that_wakes_nobody_is_caught() {
    use crate::atomics::{Ordering, futex_wait};
    must_fail(&["deadlock"], || {
        // Held, and somebody may sleep. Not loom's Arc: that one can't be dropped in a deadlock.
        let word = std::sync::Arc::new(AtomicU32::new(2));
        let sleeper = {
            let word = std::sync::Arc::clone(&word);
            thread::spawn(move || {
                while word.swap(2, Ordering::Acquire) != 0 {
                    futex_wait(&word, 2);
                }
            })
        };
        // The unlock, without its wake.
        word.swap(0, Ordering::Release);
        sleeper.join().expect("a model's thread");
    });
}
