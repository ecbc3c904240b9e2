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
    check(Some(3), || submit_while_the_last_spinner_gives_up::<Spinning>(2));
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

/// The rest of `wakep` and of giving up a P: the idle Ps under the scheduler's lock, and the note
/// that work was left because none was idle.
struct Rest {
    spinning: Spinning,
    queue: Queue,
    needed: AtomicBool,
    idle: Locked<u32>,
    /// The length of `idle`, for those without the lock.
    idle_len: AtomicU32,
}

impl Rest {
    fn new(needed: bool) -> Arc<Self> {
        Arc::new(Self {
            spinning: Spinning::new(),
            queue: Queue::default(),
            needed: AtomicBool::new(needed),
            idle: Locked::new(0),
            idle_len: AtomicU32::new(0),
        })
    }

    fn set_idle(&self, idle: &mut u32, to: u32) {
        *idle = to;
        self.idle_len.store(to, Ordering::SeqCst);
    }

    /// Submits and wakes; whether somebody was woken. The note is left before the lock is released,
    /// or after it.
    fn submit(&self, note_under_lock: bool) -> bool {
        self.queue.put();
        if self.spinning.any_after_submit() {
            return false;
        }
        let noted = self.needed.load(Ordering::SeqCst);
        if self.idle_len.load(Ordering::SeqCst) == 0 && noted {
            return false;
        }
        if self.spinning.try_first().is_none() {
            return false;
        }
        self.idle.lock();
        let found = self.idle.held(|idle| {
            let found = *idle > 0;
            self.set_idle(idle, idle.saturating_sub(1));
            found
        });
        if !found {
            self.spinning.stop();
        }
        if !found && note_under_lock {
            self.needed.store(true, Ordering::SeqCst);
        }
        self.idle.unlock();
        if !found && !note_under_lock {
            self.needed.store(true, Ordering::SeqCst);
        }
        found
    }

    /// What an M does that found nothing and does not spin: it takes the note and looks once more,
    /// or gives up its P. Whether it looks.
    fn give_up(&self) -> bool {
        self.idle.with(|idle| {
            let noted = self.needed.load(Ordering::SeqCst);
            if !noted {
                self.set_idle(idle, *idle + 1);
            }
            noted
        })
    }

    /// What an M does that took the note. Whether it found the work.
    fn look_again(&self) -> bool {
        self.spinning.start();
        self.needed.store(false, Ordering::SeqCst);
        if self.queue.take() {
            return true;
        }
        self.idle.with(|idle| self.set_idle(idle, *idle + 1));
        self.spinning.stop();
        self.queue.take()
    }
}

fn submit_while_an_m_that_does_not_spin_gives_up(note_under_lock: bool) {
    let rest = Rest::new(false);
    let submitter = {
        let rest = Arc::clone(&rest);
        thread::spawn(move || rest.submit(note_under_lock))
    };
    let looks = rest.give_up();
    let woken = submitter.join().expect("a model's thread");
    assert!(woken || looks, "a P is idle, work waits, and nobody looks for it");
}

#[test]
fn work_that_finds_no_idle_p_leaves_a_note_under_the_lock() {
    check(None, || submit_while_an_m_that_does_not_spin_gives_up(true));
}

#[test]
fn a_note_left_after_the_lock_comes_too_late() {
    must_fail(&["nobody looks for it"], || submit_while_an_m_that_does_not_spin_gives_up(false));
}

#[test]
fn work_that_finds_the_note_left_already_needs_no_other() {
    check(None, || {
        let rest = Rest::new(true);
        let submitter = {
            let rest = Arc::clone(&rest);
            thread::spawn(move || rest.submit(true))
        };
        let found = rest.give_up() && rest.look_again();
        let woken = submitter.join().expect("a model's thread");
        assert!(woken || found, "work waits and nobody looks for it");
    });
}
