//! The note an idle M sleeps on: no wake is lost, and what the waker wrote is seen.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use crate::checker::{check, must_fail};
use crate::lock::Locked;
use crate::proto::note::Note;

/// An M: its note, and the P it is promised with its wake-up. `next_p` belongs to whoever took the
/// M off the idle list, until it has woken it.
struct M {
    note: Note,
    next_p: UnsafeCell<u32>,
}

// SAFETY: that `next_p` has one owner at a time is what loom checks at each access.
unsafe impl Sync for M {}
// SAFETY: a number is Send.
unsafe impl Send for M {}

impl M {
    fn new() -> Arc<Self> {
        Arc::new(Self { note: Note::new(), next_p: UnsafeCell::new(0) })
    }

    fn promise(&self, p: u32) {
        // SAFETY: loom fails the model if this access overlaps another one.
        self.next_p.with_mut(|next| unsafe { *next = p });
    }

    fn promised(&self) -> u32 {
        // SAFETY: as above.
        self.next_p.with(|next| unsafe { *next })
    }
}

fn one_wake(spins: u32) {
    let m = M::new();
    let sleeper = {
        let m = Arc::clone(&m);
        thread::spawn(move || {
            m.note.sleep(spins);
            m.promised()
        })
    };
    m.promise(7);
    m.note.wake();
    assert_eq!(sleeper.join().expect("a model's thread"), 7);
}

#[test]
fn a_wake_before_or_during_the_sleep_is_not_lost() {
    check(None, || one_wake(0));
}

#[test]
fn a_wake_is_seen_by_one_that_still_spins() {
    check(None, || one_wake(1));
}

#[test]
fn an_m_that_goes_to_the_idle_list_again_is_woken_again() {
    check(Some(4), || {
        let m = M::new();
        let idle = Arc::new(Locked::new(false));
        let sleeper = {
            let (m, idle) = (Arc::clone(&m), Arc::clone(&idle));
            thread::spawn(move || {
                for p in 1..=2 {
                    idle.with(|idle| *idle = true);
                    m.note.sleep(0);
                    assert_eq!(m.promised(), p);
                }
            })
        };
        for p in 1..=2 {
            // Whoever takes it off the list may wake it, and nobody else.
            while !idle.with(std::mem::take) {
                thread::yield_now();
            }
            m.promise(p);
            m.note.wake();
        }
        sleeper.join().expect("a model's thread");
    });
}

#[test]
fn a_promise_after_the_wake_is_caught() {
    must_fail(&["Causality violation", "concurrent"], || {
        let m = M::new();
        let sleeper = {
            let m = Arc::clone(&m);
            thread::spawn(move || {
                m.note.sleep(0);
                m.promised()
            })
        };
        m.note.wake();
        m.promise(7);
        sleeper.join().expect("a model's thread");
    });
}
