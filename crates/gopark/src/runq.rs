//! The local run queue of a P: the slot and the ring of 256 (`proc.go` runqput, runqget, runqgrab).
//!
//! The ring is a crossbeam-deque in FIFO flavour. That deque is unbounded and allocates when it
//! grows and when its owner pops it small again, which the scheduler must not do: a goroutine that
//! is suspended inside `malloc` would hold a lock the scheduler then waits for. So here
//!
//! - it is made with room for more than 256 and never grows: [`Ring::push`] refuses the 257th;
//! - it never shrinks, because only `Worker::pop` shrinks and nobody calls it: the owner takes
//!   through its own [`Stealer`], like a thief. `Stealer::steal` leaves the buffer alone;
//! - so no buffer is ever replaced and the collector behind it has nothing to free;
//! - each M pins the collector once when it starts, which registers its thread.
//!
//! That is the decision on the no-allocation rule: it holds with crossbeam-deque, and
//! `tests/no_alloc.rs` counts. One thing is left: the collector is shared by the whole process, and
//! what *other* threads that used it left behind when they ended may be freed by one of our takes.
//! Before goroutines can be stopped inside `malloc` that must be settled. The price is one locked instruction more in the owner's take.
//! An own ring of 256 would save it and could be looked into; it would replace this one file.
//!
//! **Order in a live trace.** Puts are ordered by the owner. Every take, by owner or thief, takes
//! from the head, so takes are ordered by the place of what they took: a G carries the count of
//! puts it was put at ([`crate::g::G::ring_pos`]), written before it becomes visible.

use std::cell::Cell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_deque::{Steal, Stealer, Worker};

use crate::g::{G, Gp};

/// Goroutines a ring holds (`len(p.runq)`).
pub(crate) const RING: usize = 256;
/// Goroutines that leave a full ring together, not counting the one that did not fit.
pub(crate) const OVERFLOW: usize = RING / 2;

/// The ring.
pub(crate) struct Ring {
    /// Used by the owner of the P only.
    worker: Worker<Gp>,
    /// Used by everybody.
    stealer: Stealer<Gp>,
    /// How many were ever put; the owner's.
    puts: Cell<u32>,
}

// SAFETY: `worker` and `puts` are used by the M that owns the P only, and the P changes hands
// through the scheduler's lock or an M's note; `stealer` is Sync.
unsafe impl Sync for Ring {}

impl Ring {
    pub(crate) fn new() -> Self {
        let worker = Worker::new_fifo();
        let stealer = worker.stealer();
        let ring = Self { worker, stealer, puts: Cell::new(0) };
        ring.warm();
        ring
    }

    /// Makes room for more than [`RING`], once: nothing here allocates again.
    fn warm(&self) {
        let placeholder = Gp::alloc();
        (0..=RING).for_each(|_| self.worker.push(placeholder));
        while self.stealer.steal().is_success() {}
        // SAFETY: the ring is empty again; nobody else saw the placeholder.
        unsafe { placeholder.free() };
    }

    /// How many wait; exact for the owner while nobody steals.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.stealer.len()
    }

    /// Whether none waits.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.stealer.is_empty()
    }

    /// Puts one at the tail; the owner's. False if the ring is full.
    #[inline]
    pub(crate) fn push(&self, g: Gp) -> bool {
        if self.worker.len() >= RING {
            return false;
        }
        let n = self.puts.get();
        g.ring_pos.set(n);
        self.puts.set(n.wrapping_add(1));
        self.worker.push(g);
        true
    }

    /// Takes the oldest; the owner's.
    #[inline]
    pub(crate) fn pop(&self) -> Option<Gp> {
        // Asked first: a take pins the collector, empty or not.
        while !self.worker.is_empty() {
            match self.stealer.steal() {
                Steal::Success(g) => return Some(g),
                Steal::Empty => return None,
                Steal::Retry => {}
            }
        }
        None
    }

    /// Takes the oldest half, rounded up, at most `limit`, into `loot`, oldest first. A grab that
    /// lost a race is tried again while there is something to take, as in `runqgrab`.
    pub(crate) fn grab<'a>(
        &self,
        loot: &'a Loot,
        limit: usize,
    ) -> impl Iterator<Item = Gp> + use<'a> {
        loop {
            match self.stealer.steal_batch_with_limit(&loot.worker, limit) {
                Steal::Success(()) | Steal::Empty => return loot.drain(),
                Steal::Retry => {}
            }
        }
    }

    /// How many were ever taken: the number of the next take. Only with the world stopped.
    pub(crate) fn taken(&self) -> u32 {
        self.puts.get().wrapping_sub(self.len() as u32)
    }

    /// The Gs in it, oldest first. Only with the world stopped: takes them out and puts them back.
    pub(crate) fn look(&self) -> Vec<Gp> {
        let all: Vec<Gp> = std::iter::from_fn(|| self.pop()).collect();
        all.iter().for_each(|&g| self.worker.push(g));
        all
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({})", self.len())
    }
}

/// A thief's private place for what it grabbed.
pub(crate) struct Loot {
    worker: Worker<Gp>,
    stealer: Stealer<Gp>,
}

impl Loot {
    pub(crate) fn new() -> Self {
        let worker = Worker::new_fifo();
        let stealer = worker.stealer();
        let loot = Self { worker, stealer };
        let placeholder = Gp::alloc();
        (0..RING).for_each(|_| loot.worker.push(placeholder));
        loot.drain().for_each(drop);
        // SAFETY: the place is empty again; nobody else saw the placeholder.
        unsafe { placeholder.free() };
        loot
    }

    /// Pins the collector once on the calling thread, which registers the thread with it.
    pub(crate) fn warm(&self) {
        let nothing = self.stealer.steal();
        debug_assert!(nothing.is_empty(), "nothing was stolen yet");
    }

    fn drain(&self) -> impl Iterator<Item = Gp> + use<'_> {
        // Through the stealer: a pop would shrink the buffer.
        std::iter::from_fn(|| self.stealer.steal().success())
    }
}

/// Go's `runnext`: one goroutine that runs before the ring.
///
/// The owner puts and takes; a thief may take in its last try. The lower 40 bits hold the
/// goroutine's address, which has 48 bits and is a multiple of 256; the upper 24 count the changes,
/// so that puts and takes have an order in a live trace.
pub(crate) struct Slot(AtomicU64);

const ADDR_BITS: u32 = 40;
const ADDR: u64 = (1 << ADDR_BITS) - 1;
const ALIGN_BITS: u32 = std::mem::align_of::<G>().trailing_zeros();
const NUMBER: u32 = (1 << (64 - ADDR_BITS)) - 1;

impl Slot {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    fn parts(word: u64) -> (Option<Gp>, u32) {
        let ptr =
            std::ptr::with_exposed_provenance_mut::<G>(((word & ADDR) << ALIGN_BITS) as usize);
        (Gp::from_addr(ptr), (word >> ADDR_BITS) as u32)
    }

    fn word(addr: u64, number: u32) -> u64 {
        addr | u64::from(number.wrapping_add(1) & NUMBER) << ADDR_BITS
    }

    /// Whether it is empty; a guess for others than the owner.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed) & ADDR == 0
    }

    /// Who is in it; a guess for others than the owner.
    pub(crate) fn get(&self) -> Option<Gp> {
        Self::parts(self.0.load(Ordering::Acquire)).0
    }

    /// The number the next change will have.
    pub(crate) fn changes(&self) -> u32 {
        Self::parts(self.0.load(Ordering::Relaxed)).1
    }

    /// Puts one in and takes the old one out, at once; the owner's. Returns the change's number.
    #[inline]
    pub(crate) fn put(&self, g: Gp) -> (Option<Gp>, u32) {
        let addr = g.addr().expose_provenance() as u64 >> ALIGN_BITS;
        debug_assert_eq!(addr & !ADDR, 0, "user addresses have 48 bits");
        let mut old = self.0.load(Ordering::Relaxed);
        loop {
            let number = (old >> ADDR_BITS) as u32;
            let new = Self::word(addr, number);
            // Release: a thief that takes g sees what its maker wrote. Acquire: pairs with the
            // thief's AcqRel, whose change number this one follows.
            match self.0.compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return (Self::parts(old).0, number),
                Err(now) => old = now,
            }
        }
    }

    /// Takes the one in it, if there is one; the owner's. Only a thief can come first, and then
    /// there is nothing left to take.
    #[inline]
    pub(crate) fn take(&self) -> Option<(Gp, u32)> {
        let g = Self::parts(self.0.load(Ordering::Relaxed)).0?;
        self.steal(g).map(|number| (g, number))
    }

    /// Takes the one in it if it is still `g`; for thieves.
    pub(crate) fn steal(&self, g: Gp) -> Option<u32> {
        let old = self.0.load(Ordering::Relaxed);
        if Self::parts(old).0 != Some(g) {
            return None;
        }
        let number = (old >> ADDR_BITS) as u32;
        let new = Self::word(0, number);
        // AcqRel: see `put`.
        self.0.compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed).ok().map(|_| number)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slot({:?})", self.get())
    }
}
