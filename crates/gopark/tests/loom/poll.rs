//! The poll word: readiness, a close and a deadline find whoever waits, and nobody runs a goroutine
//! whose stack is still in use.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicPtr, AtomicU32, Ordering, fence};
use loom::thread;

use crate::checker::{check, must_fail};
use crate::proto::gword::{DEAD, GWord, IDLE, RUNNABLE, RUNNING, WAITING};
use crate::proto::poll_word::{Begin, CLOSING, PollInfo, PollWord};

/// A goroutine: its word, and its stack, which is written before it parks and read by who runs it.
struct G {
    word: GWord,
    stack: UnsafeCell<u32>,
}

struct Desc {
    read: PollWord<G>,
    info: PollInfo,
    g: G,
}

// SAFETY: that the stack has one owner at a time is what loom checks at each access.
unsafe impl Sync for Desc {}
// SAFETY: a number is Send.
unsafe impl Send for Desc {}

impl Desc {
    fn new() -> Arc<Self> {
        let g = G { word: GWord::new(), stack: UnsafeCell::new(0) };
        g.word.switch(IDLE, DEAD);
        g.word.switch(DEAD, RUNNABLE);
        g.word.switch(RUNNABLE, RUNNING);
        Arc::new(Self { read: PollWord::new(), info: PollInfo::new(), g })
    }

    fn g(&self) -> *mut G {
        std::ptr::from_ref(&self.g).cast_mut()
    }
}

/// How a wait ended on the thread of the waiter.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    /// Readiness was there, or came before the goroutine was parked.
    Ready,
    /// It did not wait because of what was said.
    Told,
    /// It parked: another thread has it, or nobody yet.
    Parked,
}

/// The waiting goroutine and its M, in their order.
fn wait(desc: &Desc) -> Ended {
    match desc.read.begin() {
        Begin::Consumed => return Ended::Ready,
        Begin::DoubleWait => panic!("there is one waiter"),
        Begin::Waits => {}
    }
    if desc.info.get() != 0 {
        desc.read.end();
        return Ended::Told;
    }
    // SAFETY: loom fails the model if this access overlaps another one.
    desc.g.stack.with_mut(|stack| unsafe { *stack += 1 });
    desc.g.word.switch(RUNNING, WAITING);
    if desc.read.commit(desc.g()) {
        return Ended::Parked;
    }
    // Something came in between: it goes on here.
    desc.g.word.switch(WAITING, RUNNABLE);
    desc.g.word.switch(RUNNABLE, RUNNING);
    if desc.read.end() { Ended::Ready } else { Ended::Told }
}

/// What becomes of the goroutine that was taken out of the word. Whether there was one.
fn run(desc: &Desc, taken: Option<*mut G>) -> bool {
    let Some(g) = taken else { return false };
    assert_eq!(g, desc.g());
    desc.g.word.switch(WAITING, RUNNABLE);
    desc.g.word.switch(RUNNABLE, RUNNING);
    // SAFETY: as above.
    let saved = desc.g.stack.with_mut(|stack| unsafe { *stack });
    assert_eq!(saved, 1, "it goes on from where it was left");
    true
}

fn poller(desc: &Arc<Desc>) -> thread::JoinHandle<bool> {
    let desc = Arc::clone(desc);
    thread::spawn(move || run(&desc, desc.read.unblock(true)))
}

fn closer(desc: &Arc<Desc>) -> thread::JoinHandle<bool> {
    let desc = Arc::clone(desc);
    thread::spawn(move || {
        desc.info.say(CLOSING);
        run(&desc, desc.read.unblock(false))
    })
}

#[test]
fn readiness_that_comes_while_a_goroutine_parks_is_not_lost() {
    check(None, || {
        let desc = Desc::new();
        let poller = poller(&desc);
        let ended = wait(&desc);
        let woken = poller.join().expect("a model's thread");
        assert_eq!(woken, ended == Ended::Parked, "{ended:?}");
        assert_ne!(ended, Ended::Told);
    });
}

#[test]
fn nobody_sleeps_on_what_is_being_closed() {
    check(None, || {
        let desc = Desc::new();
        let closer = closer(&desc);
        let ended = wait(&desc);
        let woken = closer.join().expect("a model's thread");
        assert_eq!(woken, ended == Ended::Parked, "{ended:?}");
        assert_ne!(ended, Ended::Ready, "a close is no readiness");
    });
}

#[test]
fn readiness_and_a_close_wake_a_goroutine_once() {
    check(Some(3), || {
        let desc = Desc::new();
        let (poller, closer) = (poller(&desc), closer(&desc));
        let ended = wait(&desc);
        let wakers = [poller, closer].map(|waker| waker.join().expect("a model's thread"));
        let woken = wakers.iter().filter(|woken| **woken).count();
        assert_eq!(woken, usize::from(ended == Ended::Parked), "{ended:?}");
    });
}

#[test]
fn a_second_waiter_is_seen() {
    check(None, || {
        let desc = Desc::new();
        assert_eq!(desc.read.begin(), Begin::Waits);
        assert_eq!(desc.read.begin(), Begin::DoubleWait);
        assert!(!desc.read.end());
        assert_eq!(desc.read.unblock(true), None);
        assert_eq!(desc.read.begin(), Begin::Consumed);
    });
}

#[test]
fn a_close_without_the_fences_is_caught() {
    must_fail(&["sleeps for ever"], || {
        let word = Arc::new(AtomicPtr::<G>::new(std::ptr::null_mut()));
        let info = Arc::new(AtomicU32::new(0));
        let waits = std::ptr::without_provenance_mut(2);
        let closer = {
            let (word, info) = (Arc::clone(&word), Arc::clone(&info));
            thread::spawn(move || {
                info.store(CLOSING, Ordering::Release);
                word.load(Ordering::Relaxed) == waits
            })
        };
        word.store(waits, Ordering::Release);
        let told = info.load(Ordering::Acquire) == CLOSING;
        let found = closer.join().expect("a model's thread");
        assert!(told || found, "it sleeps for ever");
    });
}

#[test]
fn the_same_with_the_fences_holds() {
    check(None, || {
        let word = Arc::new(AtomicPtr::<G>::new(std::ptr::null_mut()));
        let info = Arc::new(PollInfo::new());
        let waits = std::ptr::without_provenance_mut(2);
        let closer = {
            let (word, info) = (Arc::clone(&word), Arc::clone(&info));
            thread::spawn(move || {
                info.say(CLOSING);
                word.load(Ordering::Relaxed) == waits
            })
        };
        word.store(waits, Ordering::Release);
        fence(Ordering::SeqCst);
        let told = info.get() == CLOSING;
        let found = closer.join().expect("a model's thread");
        assert!(told || found, "it sleeps for ever");
    });
}

#[test]
fn committing_before_the_switch_is_caught() {
    must_fail(&["bad goroutine status", "Causality violation", "goes on from where"], || {
        let desc = Desc::new();
        let poller = poller(&desc);
        if desc.read.begin() == Begin::Waits && desc.read.commit(desc.g()) {
            // SAFETY: as above.
            desc.g.stack.with_mut(|stack| unsafe { *stack += 1 });
            desc.g.word.switch(RUNNING, WAITING);
        }
        poller.join().expect("a model's thread");
    });
}
