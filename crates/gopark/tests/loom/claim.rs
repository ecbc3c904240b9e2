//! The claim: a P that is taken from a thread, suspended or blocked, is nobody's twice and not lost.
//!
//! A P is a cell that its owner alone touches. What the scheduler does around the claim is told here
//! in its order: who takes (`take_from_blocked`), who enters (`settle_claim`, `wait_for_p`), who is
//! suspended (`suspend_here`), who picks (`give_to_held`), and the back-stop (`emergency`).

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use crate::atomics;
use crate::checker::{check, must_fail};
use crate::proto::claim::{Claim, EMERGENCY, GRANTED, HELD, LOST, OWNS, RESUMED, TAKING};
use crate::proto::note::Note;

/// One M with its claim, the P it may have, and what it is handed.
struct M {
    claim: Claim,
    p: UnsafeCell<u32>,
    next_p: UnsafeCell<bool>,
}

// SAFETY: that the cells have one owner at a time is what loom checks at each access.
unsafe impl Sync for M {}
// SAFETY: a number and a flag are Send.
unsafe impl Send for M {}

impl M {
    /// In the runtime, with its P.
    fn new() -> Arc<Self> {
        let (p, next_p) = (UnsafeCell::new(0), UnsafeCell::new(false));
        Arc::new(Self { claim: Claim::new(), p, next_p })
    }

    /// Suspended with a goroutine that waits in a queue; somebody else has its P.
    fn held() -> Arc<Self> {
        let m = Self::new();
        m.claim.leave();
        m.claim.set(HELD);
        m
    }

    /// What only the owner of the P does.
    fn use_p(&self) {
        // SAFETY: loom fails the model if this access overlaps another one.
        self.p.with_mut(|p| unsafe { *p += 1 });
    }

    /// Puts the P into the hand of this M.
    fn put_next(&self) {
        // SAFETY: as above.
        self.next_p.with_mut(|next| unsafe { *next = true });
    }

    /// Takes it out of the hand.
    fn take_next(&self) {
        // SAFETY: as above.
        let there = self.next_p.with_mut(|next| unsafe { std::mem::take(&mut *next) });
        assert!(there, "a P comes with the word");
        self.use_p();
    }

    /// Enters the runtime. Whether the M has its P then, or has found that it lost it.
    fn enter(&self) -> bool {
        self.claim.enter();
        if !self.claim.is_contested() {
            return true;
        }
        loop {
            match self.claim.get() {
                OWNS => return true,
                TAKING => drop(self.claim.switch(TAKING, OWNS)),
                LOST => return false,
                GRANTED => {
                    self.take_next();
                    self.claim.set(OWNS);
                }
                EMERGENCY => {
                    if self.claim.switch(EMERGENCY, HELD) {
                        self.wait_for_p();
                    }
                }
                state => unreachable!("an M that runs is not in state {state}"),
            }
        }
    }

    /// Waits at the entry until it is given a P.
    fn wait_for_p(&self) {
        loop {
            match self.claim.wait_while_held() {
                RESUMED | GRANTED => {
                    self.take_next();
                    return self.claim.set(OWNS);
                }
                EMERGENCY => drop(self.claim.switch(EMERGENCY, HELD)),
                state => unreachable!("a waiting M is not in state {state}"),
            }
        }
    }

    /// Another takes the P if the M is in user code, after `barrier`.
    fn take(&self, barrier: impl FnOnce()) -> bool {
        if !self.claim.switch(OWNS, TAKING) {
            return false;
        }
        barrier();
        if self.claim.in_user() {
            return self.claim.switch(TAKING, LOST);
        }
        self.claim.switch(TAKING, OWNS);
        false
    }

    /// Who picked its goroutine gives it its own P.
    fn give(&self) {
        self.put_next();
        while !self.claim.switch(HELD, RESUMED) {
            if self.claim.switch(EMERGENCY, GRANTED) {
                return;
            }
        }
        self.claim.wake();
    }

    /// The back-stop lets it go on without a P.
    fn emergency(&self) {
        if self.claim.switch(HELD, EMERGENCY) {
            self.claim.wake();
        }
    }

    /// What a suspended thread does when it is let go, up to its next call into the runtime.
    fn goes_on(&self) {
        if self.claim.wait_while_held() == RESUMED {
            self.take_next();
            self.claim.set(OWNS);
        }
    }
}

/// An M in user code enters the runtime and leaves it, twice, while another tries to take its P.
fn taker_and_owner(barrier: impl Fn() + Copy + Send + 'static) {
    let m = M::new();
    m.use_p();
    m.claim.leave();
    let taker = {
        let m = Arc::clone(&m);
        thread::spawn(move || {
            let took = m.take(barrier);
            if took {
                m.use_p();
            }
            took
        })
    };
    let mut has = true;
    for _ in 0..2 {
        has = m.enter();
        if !has {
            break;
        }
        m.use_p();
        m.claim.leave();
    }
    let took = taker.join().expect("a model's thread");
    assert!(has || took, "who lost its P lost it to somebody");
    assert_eq!(m.claim.get(), if took { LOST } else { OWNS });
}

#[test]
fn a_p_is_not_taken_from_who_enters_and_uses_it() {
    check(Some(3), || taker_and_owner(atomics::barrier));
}

#[test]
fn a_taker_without_the_barrier_is_caught() {
    must_fail(&["Causality violation"], || taker_and_owner(|| ()));
}

#[test]
fn a_taker_that_does_not_look_where_the_m_is_is_caught() {
    must_fail(&["Causality violation"], || {
        let m = M::new();
        let taker = {
            let m = Arc::clone(&m);
            thread::spawn(move || {
                if m.claim.switch(OWNS, TAKING) && m.claim.switch(TAKING, LOST) {
                    m.use_p();
                }
            })
        };
        // It is in the runtime all the time.
        m.use_p();
        taker.join().expect("a model's thread");
    });
}

#[test]
fn a_suspended_thread_gives_its_p_to_the_standby_and_gets_one_back() {
    check(None, || {
        let (m, standby) = (M::new(), Arc::new(Note::new()));
        m.claim.leave();
        let other = {
            let (m, standby) = (Arc::clone(&m), Arc::clone(&standby));
            thread::spawn(move || {
                standby.sleep(0);
                m.use_p();
                m.give();
            })
        };
        m.use_p();
        assert!(m.claim.switch(OWNS, HELD), "nobody else wants its P");
        standby.wake();
        m.goes_on();
        assert!(m.enter(), "it was resumed with a P");
        m.use_p();
        other.join().expect("a model's thread");
    });
}

#[test]
fn either_the_handler_or_the_taker_has_the_p() {
    check(Some(3), || {
        let m = M::new();
        m.use_p();
        m.claim.leave();
        let taker = {
            let m = Arc::clone(&m);
            thread::spawn(move || {
                let took = m.take(atomics::barrier);
                if took {
                    m.use_p();
                }
                took
            })
        };
        // In the handler: in user code, so no enter.
        let gives = m.claim.switch(OWNS, HELD);
        if gives {
            m.use_p();
        }
        let took = taker.join().expect("a model's thread");
        assert!(!(gives && took), "both have the P");
        assert_eq!(
            m.claim.get(),
            if gives {
                HELD
            } else if took {
                LOST
            } else {
                OWNS
            }
        );
    });
}

#[test]
fn who_waits_without_a_p_gets_one_from_the_picker_or_at_the_entry() {
    check(Some(3), || {
        let m = M::held();
        let picker = {
            let m = Arc::clone(&m);
            thread::spawn(move || m.give())
        };
        let sysmon = {
            let m = Arc::clone(&m);
            thread::spawn(move || m.emergency())
        };
        m.goes_on();
        assert!(m.enter(), "it has a P again, exactly once");
        assert_eq!(m.claim.get(), OWNS);
        picker.join().expect("a model's thread");
        sysmon.join().expect("a model's thread");
    });
}

#[test]
fn a_picker_that_knows_only_of_suspended_threads_is_caught() {
    must_fail(&["the P is lost"], || {
        let m = M::held();
        let picker = {
            let m = Arc::clone(&m);
            thread::spawn(move || {
                m.put_next();
                let gave = m.claim.switch(HELD, RESUMED);
                if gave {
                    m.claim.wake();
                }
                gave
            })
        };
        m.emergency();
        m.goes_on();
        assert!(picker.join().expect("a model's thread"), "the P is lost");
    });
}

#[test]
fn a_p_that_is_handed_over_after_the_word_is_caught() {
    must_fail(&["a P comes with the word", "Causality violation"], || {
        let m = M::held();
        let picker = {
            let m = Arc::clone(&m);
            thread::spawn(move || {
                m.claim.switch(HELD, RESUMED);
                m.claim.wake();
                m.put_next();
            })
        };
        m.goes_on();
        picker.join().expect("a model's thread");
    });
}
