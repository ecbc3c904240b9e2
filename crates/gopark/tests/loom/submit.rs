//! Submit and give up: work that comes while the last M gives up looking is found by one of the two.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use loom::thread;

use crate::checker::{check, must_fail};
use crate::lock::Locked;
use crate::proto::spinning::Spinning;

/// A queue as others see it: how many wait in it. Relaxed, so that nothing but the protocol's own
/// fences orders it.
#[derive(Default)]
struct Queue(AtomicU32);

impl Queue {
    fn put(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes one, if one is seen.
    fn take(&self) -> bool {
        let mut n = self.len();
        while n > 0 {
            match self.0.compare_exchange(n, n - 1, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => n = now,
            }
        }
        false
    }

    fn len(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The count of spinning Ms, as the runtime has it or without something.
trait Count: Send + Sync + 'static {
    fn new() -> Self;
    fn start(&self);
    fn stop(&self);
    /// Whether the submitter wakes an M, which then spins.
    fn wakes(&self) -> bool;
}

impl Count for Spinning {
    fn new() -> Self {
        Spinning::new()
    }
    fn start(&self) {
        Spinning::start(self);
    }
    fn stop(&self) {
        Spinning::stop(self);
    }
    fn wakes(&self) -> bool {
        !self.any_after_submit() && self.try_first().is_some()
    }
}

/// The same count with the fences of one side only, or of none.
struct Unfenced<const SUBMIT: bool, const STOP: bool>(AtomicU64);

impl<const SUBMIT: bool, const STOP: bool> Count for Unfenced<SUBMIT, STOP> {
    fn new() -> Self {
        Self(AtomicU64::new(0))
    }
    fn start(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
    fn stop(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
        if STOP {
            fence(Ordering::SeqCst);
        }
    }
    fn wakes(&self) -> bool {
        if SUBMIT {
            fence(Ordering::SeqCst);
        }
        self.0.load(Ordering::Relaxed) == 0
            && self.0.compare_exchange(0, 1, Ordering::SeqCst, Ordering::Relaxed).is_ok()
    }
}

/// One M that spins gives up while another submits; afterwards the work was taken, or somebody was
/// woken for it.
fn submit_while_the_last_spinner_gives_up<C: Count>(submitters: u32) {
    let (spinning, queue) = (Arc::new(C::new()), Arc::new(Queue::default()));
    spinning.start();
    let submitters: Vec<_> = (0..submitters)
        .map(|_| {
            let (spinning, queue) = (Arc::clone(&spinning), Arc::clone(&queue));
            thread::spawn(move || {
                queue.put();
                spinning.wakes()
            })
        })
        .collect();
    let mut taken = u32::from(queue.take());
    if taken == 0 {
        spinning.stop();
        if queue.len() > 0 {
            spinning.start();
            taken = u32::from(queue.take());
            spinning.stop();
        }
    }
    let of = submitters.len() as u32;
    let woken = submitters.into_iter().filter_map(|s| s.join().ok()).filter(|woke| *woke).count();
    assert!(taken > 0 || woken > 0, "all {of} pieces of work are lost");
    assert!(woken <= 1, "{woken} were woken while one looks");
}

#[test]
fn work_is_found_by_the_one_that_gives_up_or_somebody_is_woken() {
    check(None, || submit_while_the_last_spinner_gives_up::<Spinning>(1));
}

#[test]
fn a_burst_of_work_wakes_one_at_most() {
    check(None, || submit_while_the_last_spinner_gives_up::<Spinning>(2));
}

#[test]
fn without_the_fences_work_is_lost() {
    const LOST: &[&str] = &["are lost"];
    must_fail(LOST, || submit_while_the_last_spinner_gives_up::<Unfenced<false, false>>(1));
    must_fail(LOST, || submit_while_the_last_spinner_gives_up::<Unfenced<true, false>>(1));
    must_fail(LOST, || submit_while_the_last_spinner_gives_up::<Unfenced<false, true>>(1));
    check(None, || submit_while_the_last_spinner_gives_up::<Unfenced<true, true>>(1));
}

#[test]
fn looking_once_more_before_counting_out_loses_work() {
    must_fail(&["is lost"], || {
        let (spinning, queue) = (Arc::new(Spinning::new()), Arc::new(Queue::default()));
        spinning.start();
        let submitter = {
            let (spinning, queue) = (Arc::clone(&spinning), Arc::clone(&queue));
            thread::spawn(move || {
                queue.put();
                spinning.wakes()
            })
        };
        let taken = queue.take();
        spinning.stop();
        let woken = submitter.join().expect("a model's thread");
        assert!(taken || woken, "the work is lost");
    });
}

#[test]
fn every_change_of_the_count_has_its_own_number() {
    check(None, || {
        let spinning = Arc::new(Spinning::new());
        let others: Vec<_> = (0..2)
            .map(|_| {
                let spinning = Arc::clone(&spinning);
                thread::spawn(move || vec![spinning.start().number, spinning.stop().number])
            })
            .collect();
        let mut numbers: Vec<u32> = spinning.try_first().map(|c| c.number).into_iter().collect();
        let mine = numbers.len() as u32;
        numbers.extend(others.into_iter().filter_map(|t| t.join().ok()).flatten());
        numbers.sort_unstable();
        assert_eq!(numbers, (0..4 + mine).collect::<Vec<_>>());
        assert_eq!((spinning.changes(), spinning.count()), (4 + mine, mine));
    });
}

/// The rest of `wakep` and of giving up a P, where the idle Ps and the note that work was left are
/// under the scheduler's lock. `NOTE_UNDER_LOCK` is whether the note is left before the lock is
/// released.
fn submit_while_an_m_that_does_not_spin_gives_up<const NOTE_UNDER_LOCK: bool>() {
    let spinning = Arc::new(Spinning::new());
    let queue = Arc::new(Queue::default());
    let needed = Arc::new(AtomicBool::new(false));
    let idle_ps = Arc::new(Locked::new(0_u32));
    let submitter = {
        let (spinning, queue) = (Arc::clone(&spinning), Arc::clone(&queue));
        let (needed, idle_ps) = (Arc::clone(&needed), Arc::clone(&idle_ps));
        thread::spawn(move || {
            queue.put();
            if spinning.any_after_submit() || spinning.try_first().is_none() {
                return false;
            }
            idle_ps.lock();
            let found = idle_ps.held(|idle| idle.checked_sub(1).inspect(|left| *idle = *left));
            if found.is_none() {
                spinning.stop();
                if NOTE_UNDER_LOCK {
                    needed.store(true, Ordering::SeqCst);
                    idle_ps.unlock();
                } else {
                    idle_ps.unlock();
                    needed.store(true, Ordering::SeqCst);
                }
                return false;
            }
            idle_ps.unlock();
            true
        })
    };
    // It found nothing, did not spin because another does, and gives its P up.
    let looks_again = idle_ps.with(|idle| {
        let needed = needed.load(Ordering::SeqCst);
        *idle += u32::from(!needed);
        needed
    });
    let woken = submitter.join().expect("a model's thread");
    assert!(woken || looks_again, "a P is idle, work waits, and nobody looks for it");
}

#[test]
fn work_that_finds_no_idle_p_leaves_a_note_under_the_lock() {
    check(None, submit_while_an_m_that_does_not_spin_gives_up::<true>);
}

#[test]
fn a_note_left_after_the_lock_comes_too_late() {
    must_fail(&["nobody looks for it"], submit_while_an_m_that_does_not_spin_gives_up::<false>);
}
