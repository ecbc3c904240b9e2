//! What `src/atomics.rs` is to the runtime, made of loom's parts.
//!
//! **The futex** is a table of sleepers under one lock, as the kernel's: the word is compared under
//! that lock, and a wake takes one sleeper of that word off the table. So a wake that comes between
//! the compare and the sleep is not lost. One that nobody sends leaves a sleeper: loom calls that a
//! deadlock.
//!
//! **Spin loops** look once. A second look is never needed to be correct, and it multiplies the
//! orders to be checked: after [`spin_hint`] a relaxed load gives what this thread saw last, which
//! memory is always free to do, until it asks for more than a look.
//!
//! **The barrier on every thread** (`membarrier`) gives each thread a full fence at one place of its
//! code; where that is nobody knows, so the thread's own compiler fence keeps its code in order
//! around it. loom has no such pair: here both are full fences, which order as much and no more.

use std::cell::Cell;

use loom::sync::Mutex;
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering, fence};
use loom::thread::{self, Thread};

loom::thread_local! {
    /// What this thread saw last in a word, and whether it only spins since.
    static SEEN: Cell<(u32, bool)> = Cell::new((0, false));
}

fn saw(value: u32) -> u32 {
    SEEN.with(|seen| seen.set((value, false)));
    value
}

/// A word that can be slept on.
#[derive(Debug)]
pub(crate) struct AtomicU32(loom::sync::atomic::AtomicU32);

impl AtomicU32 {
    pub(crate) fn new(value: u32) -> Self {
        Self(loom::sync::atomic::AtomicU32::new(value))
    }

    pub(crate) fn load(&self, order: Ordering) -> u32 {
        match SEEN.with(Cell::get) {
            (value, true) if order == Ordering::Relaxed => value,
            _ => saw(self.0.load(order)),
        }
    }

    pub(crate) fn store(&self, value: u32, order: Ordering) {
        self.0.store(value, order);
    }

    pub(crate) fn swap(&self, value: u32, order: Ordering) -> u32 {
        saw(self.0.swap(value, order))
    }

    pub(crate) fn compare_exchange(
        &self,
        old: u32,
        new: u32,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u32, u32> {
        let found = self.0.compare_exchange(old, new, success, failure);
        found.map(saw).map_err(saw)
    }

    fn place(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

/// One side of the asymmetric barrier.
pub(crate) fn compiler_fence(order: Ordering) {
    fence(order);
}

/// The other side of it.
pub(crate) fn barrier() {
    fence(Ordering::SeqCst);
}

/// Tells that this is a spin loop.
pub(crate) fn spin_hint() {
    SEEN.with(|seen| seen.set((seen.get().0, true)));
}

loom::lazy_static! {
    /// Who sleeps, first first, and on which word.
    static ref SLEEPERS: Mutex<Vec<(usize, Thread)>> = Mutex::new(Vec::new());
}

/// Sleeps until `word` is woken, unless it no longer holds `value`.
pub(crate) fn futex_wait(word: &AtomicU32, value: u32) {
    let mut sleepers = SLEEPERS.lock().expect("no model panics with it");
    if saw(word.0.load(Ordering::Relaxed)) != value {
        return;
    }
    sleepers.push((word.place(), thread::current()));
    drop(sleepers);
    // Each entry is taken off once, by the wake that unparks this thread, now or later.
    thread::park();
}

/// Wakes one sleeper on `word`.
pub(crate) fn futex_wake(word: &AtomicU32) {
    let mut sleepers = SLEEPERS.lock().expect("no model panics with it");
    let first = sleepers.iter().position(|(place, _)| *place == word.place());
    if let Some(first) = first {
        let (_, sleeper) = sleepers.remove(first);
        drop(sleepers);
        sleeper.unpark();
    }
}
