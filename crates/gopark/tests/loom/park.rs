//! Park and ready: nobody runs a goroutine whose stack is still in use.
//!
//! A goroutine is its word and its saved context, which the switch away from it writes and the
//! switch to it reads.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use crate::checker::{check, must_fail};
use crate::lock::Locked;
use crate::proto::gword::{DEAD, GWord, IDLE, RUNNABLE, RUNNING, WAITING};

struct G {
    word: GWord,
    context: UnsafeCell<u32>,
}

// SAFETY: that the context has one owner at a time is what loom checks at each access.
unsafe impl Sync for G {}
// SAFETY: a number is Send.
unsafe impl Send for G {}

impl G {
    /// A goroutine that runs.
    fn running() -> Arc<Self> {
        let g = Self { word: GWord::new(), context: UnsafeCell::new(0) };
        g.word.switch(IDLE, DEAD);
        g.word.switch(DEAD, RUNNABLE);
        g.word.switch(RUNNABLE, RUNNING);
        Arc::new(g)
    }

    /// The switch away from it.
    fn save(&self) {
        // SAFETY: loom fails the model if this access overlaps another one.
        self.context.with_mut(|context| unsafe { *context += 1 });
    }

    /// The switch to it.
    fn restore(&self, switches: u32) {
        // SAFETY: as above.
        let saved = self.context.with_mut(|context| unsafe { *context });
        assert_eq!(saved, switches, "it goes on from where it was left");
    }

    /// What an M that has it in hand does with it.
    fn run(&self, switches: u32) {
        self.word.switch(RUNNABLE, RUNNING);
        self.restore(switches);
    }
}

/// A wait list: who waits, if anybody.
type List = Locked<Option<Arc<G>>>;

/// The parking side, in its order.
fn park(g: &Arc<G>, list: &List) {
    list.lock();
    list.held(|waiting| *waiting = Some(Arc::clone(g)));
    g.save();
    g.word.switch(RUNNING, WAITING);
    list.unlock();
}

/// The waking side. The goroutine, if it was found.
fn ready(list: &List) -> Option<Arc<G>> {
    let g = list.with(Option::take)?;
    g.word.switch(WAITING, RUNNABLE);
    Some(g)
}

#[test]
fn a_waker_runs_only_who_has_left_its_stack() {
    check(Some(3), || {
        let (g, list) = (G::running(), Arc::new(List::new(None)));
        // Two wakers: one of them finds it, at most.
        let wakers: Vec<_> = (0..2)
            .map(|_| {
                let list = Arc::clone(&list);
                thread::spawn(move || ready(&list).map(|g| g.run(1)).is_some())
            })
            .collect();
        park(&g, &list);
        let woken = wakers.into_iter().filter_map(|w| w.join().ok()).filter(|found| *found).count();
        let waits = list.with(|waiting| waiting.is_some());
        assert_eq!(woken + usize::from(waits), 1, "it waits or was woken, once");
        assert_eq!(g.word.get(), if waits { WAITING } else { RUNNING });
    });
}

#[test]
fn a_goroutine_that_is_made_ready_passes_through_a_queue_to_another_m() {
    check(Some(3), || {
        let (g, list) = (G::running(), Arc::new(List::new(None)));
        let queue = Arc::new(List::new(None));
        let waker = {
            let (list, queue) = (Arc::clone(&list), Arc::clone(&queue));
            thread::spawn(move || {
                if let Some(g) = ready(&list) {
                    queue.with(|queue| *queue = Some(g));
                }
            })
        };
        let other_m = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                if let Some(g) = queue.with(Option::take) {
                    g.run(1);
                    // It parks again, for ever.
                    g.save();
                    g.word.switch(RUNNING, WAITING);
                }
            })
        };
        park(&g, &list);
        waker.join().expect("a model's thread");
        other_m.join().expect("a model's thread");
        assert!(matches!(g.word.get(), WAITING | RUNNABLE));
    });
}

#[test]
fn releasing_the_list_before_the_switch_is_caught() {
    must_fail(&["bad goroutine status", "Causality violation", "goes on from where"], || {
        let (g, list) = (G::running(), Arc::new(List::new(None)));
        let waker = {
            let list = Arc::clone(&list);
            thread::spawn(move || {
                if let Some(g) = ready(&list) {
                    g.run(1);
                }
            })
        };
        list.with(|waiting| *waiting = Some(Arc::clone(&g)));
        g.save();
        g.word.switch(RUNNING, WAITING);
        waker.join().expect("a model's thread");
    });
}

#[test]
fn setting_the_word_before_the_switch_is_caught_without_the_lock() {
    must_fail(&["Causality violation", "goes on from where"], || {
        let (g, list) = (G::running(), Arc::new(List::new(None)));
        let waker = {
            let list = Arc::clone(&list);
            thread::spawn(move || {
                if let Some(g) = ready(&list) {
                    g.run(1);
                }
            })
        };
        // Were the word alone to guard the stack, the list could be released here.
        g.word.switch(RUNNING, WAITING);
        list.with(|waiting| *waiting = Some(Arc::clone(&g)));
        g.save();
        waker.join().expect("a model's thread");
    });
}

#[test]
fn two_owners_of_one_goroutine_are_caught() {
    must_fail(&["bad goroutine status"], || {
        let g = G::running();
        g.word.switch(RUNNING, RUNNABLE);
        let other_m = {
            let g = Arc::clone(&g);
            thread::spawn(move || g.word.switch(RUNNABLE, RUNNING))
        };
        g.word.switch(RUNNABLE, RUNNING);
        other_m.join().expect("a model's thread");
    });
}
