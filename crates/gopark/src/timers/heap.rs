//! The timers of one P: a 4-ary heap keyed by due time.
//!
//! Invariant: `heap[i].when >= heap[(i - 1) / 4].when`. Timers due at the same time come in heap
//! order, so everything here moves things exactly as Go's does: the golden order depends on it.
//!
//! The entry's `when` is the timer's unless the timer is marked [`MODIFIED`].

use std::fmt;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use gopark_trace::ids::Nanos;

use super::{HEAPED, Held, MODIFIED, TimerRef, UNSET, ZOMBIE};
use crate::g::Gp;
use crate::lock::{Guard, Lock};

/// Children of a heap node (`timerHeapN`).
const CHILDREN: usize = 4;
/// No timer.
const NONE: u64 = u64::MAX;
/// How many have room from the start.
const ROOM: usize = 16;

/// The timers of one P.
#[derive(Debug)]
pub(crate) struct Timers {
    heap: Lock<Heap>,
    /// How many are in the heap; written under its lock.
    len: AtomicU32,
    /// How many of them are marked [`ZOMBIE`]; written under their own locks.
    zombies: AtomicU32,
    /// The `when` of the first entry; written under the heap's lock.
    min_heap: AtomicU64,
    /// Not later than the time of any timer marked [`MODIFIED`]. Lowered by who marks one, reset
    /// under the heap's lock by who puts the heap right.
    min_modified: AtomicU64,
    /// Whether some are buried.
    has_dead: AtomicBool,
}

/// What the heap's lock guards.
#[derive(Debug)]
struct Heap {
    entries: Vec<Entry>,
    /// The buried, through their `next`.
    dead: Option<TimerRef>,
}

// SAFETY: what the entries point to is shared between threads: Gs by their owner's word, timers by
// their locks.
unsafe impl Send for Heap {}

/// Who is in a heap.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Who {
    /// A goroutine that sleeps.
    Sleeper(Gp),
    /// A timer.
    Timer(TimerRef),
}

/// One entry of 16 bytes, so that the four children of a node share a cache line.
#[derive(Clone, Copy)]
struct Entry {
    /// A timer, or with its lowest bit set a G.
    who: NonNull<()>,
    when: Nanos,
}

/// The bit that says that an entry is a G.
const IS_G: usize = 1;

impl Entry {
    fn new(who: Who, when: Nanos) -> Self {
        let who = match who {
            Who::Sleeper(g) => g.addr().cast::<()>().map_addr(|addr| addr | IS_G),
            Who::Timer(timer) => timer.0.as_ptr().cast(),
        };
        Self { who: NonNull::new(who).expect("Gs and timers are somewhere"), when }
    }

    fn who(self) -> Who {
        match self.timer() {
            Some(timer) => Who::Timer(timer),
            None => {
                let g = self.who.as_ptr().map_addr(|addr| addr & !IS_G);
                Who::Sleeper(Gp::from_addr(g.cast()).expect("a G is somewhere"))
            }
        }
    }

    fn timer(self) -> Option<TimerRef> {
        (self.who.addr().get() & IS_G == 0).then(|| TimerRef(self.who.cast()))
    }

    /// The timer, if it has one of these bits.
    fn marked(self, bits: u8) -> Option<TimerRef> {
        self.timer().filter(|timer| timer.seen() & bits != 0)
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.who(), self.when)
    }
}

/// Timers nobody uses any more; dropped where it is allowed to free.
#[derive(Debug)]
pub(crate) struct Dead(Option<TimerRef>);

impl Dead {
    pub(crate) const fn none() -> Self {
        Self(None)
    }
}

impl Drop for Dead {
    fn drop(&mut self) {
        while let Some(timer) = self.0 {
            self.0 = timer.next.take();
            // SAFETY: the heap's share was given up when it was buried.
            drop(unsafe { timer.into_share() });
        }
    }
}

impl Timers {
    pub(crate) fn new() -> Self {
        Self {
            heap: Lock::new(Heap { entries: Vec::with_capacity(ROOM), dead: None }),
            len: AtomicU32::new(0),
            zombies: AtomicU32::new(0),
            min_heap: AtomicU64::new(NONE),
            min_modified: AtomicU64::new(NONE),
            has_dead: AtomicBool::new(false),
        }
    }

    /// When the earliest is due, or earlier (`wakeTime`).
    #[inline]
    pub(crate) fn wake_time(&self) -> Option<Nanos> {
        // In this order: who resets `min_modified` has made `min_heap` as low before.
        let modified = self.min_modified.load(Ordering::SeqCst);
        let when = modified.min(self.min_heap.load(Ordering::SeqCst));
        (when != NONE).then_some(Nanos(when))
    }

    /// Whether more than a quarter of them are zombies.
    pub(crate) fn is_haunted(&self) -> bool {
        self.zombies.load(Ordering::Relaxed) > self.len.load(Ordering::Relaxed) / 4
    }

    /// One of them became a zombie, or is none any more; by who holds that timer.
    pub(crate) fn count_zombie(&self, on: bool) {
        if on {
            self.zombies.fetch_add(1, Ordering::Relaxed);
        } else {
            self.zombies.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Lets every M know of the new time of a marked timer, whose bits are published
    /// (`updateMinWhenModified`). True if it is the earliest of those.
    pub(crate) fn lower(&self, when: Nanos) -> bool {
        // SeqCst, an exchange: see `HeldHeap::adjust`.
        self.min_modified.fetch_min(when.0, Ordering::SeqCst) > when.0
    }

    /// Locks the heap.
    pub(crate) fn lock(&self) -> HeldHeap<'_> {
        HeldHeap { of: self, heap: self.heap.lock() }
    }

    /// Takes what nobody uses any more, to be freed by the caller, who holds no lock.
    pub(crate) fn take_dead(&self) -> Dead {
        if !self.has_dead.load(Ordering::Relaxed) {
            return Dead::none();
        }
        self.has_dead.store(false, Ordering::Relaxed);
        Dead(self.heap.lock().dead.take())
    }
}

impl Drop for Timers {
    /// The run is over: every share is given up.
    fn drop(&mut self) {
        let heap = self.heap.get_mut();
        drop(Dead(heap.dead.take()));
        for entry in heap.entries.drain(..) {
            if let Some(timer) = entry.timer() {
                let mut held = timer.lock();
                held.leave_heap();
                held.when = UNSET;
                // Dropped last, with no lock held: it is the user's.
                let _unrun = held.entry.take();
                drop(held);
                // SAFETY: the entry is gone, and with it the heap's use of its share.
                drop(unsafe { timer.into_share() });
            }
        }
    }
}

/// A locked heap.
pub(crate) struct HeldHeap<'a> {
    of: &'a Timers,
    heap: Guard<'a, Heap>,
}

impl Drop for HeldHeap<'_> {
    fn drop(&mut self) {
        // Only here: whoever asks meanwhile sees no length that lasts for a moment.
        self.of.len.store(self.heap.entries.len() as u32, Ordering::Relaxed);
    }
}

impl HeldHeap<'_> {
    /// The first, with its entry's time.
    pub(crate) fn first(&self) -> Option<(Who, Nanos)> {
        self.heap.entries.first().map(|entry| (entry.who(), entry.when))
    }

    /// Everyone, in heap order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Who, Nanos)> {
        self.heap.entries.iter().map(|entry| (entry.who(), entry.when))
    }

    /// Puts one in (`addHeap`).
    pub(crate) fn add(&mut self, who: Who, when: Nanos) {
        if let Who::Timer(timer) = who {
            timer.share();
        }
        self.heap.entries.push(Entry::new(who, when));
        let last = self.heap.entries.len() - 1;
        if self.heap.sift_up(last) == 0 {
            self.update_min();
        }
    }

    /// Takes the first out (`deleteMin`). If it is a timer, its bits say so already, and the caller
    /// does not hold its lock: it may be gone after this.
    pub(crate) fn delete_min(&mut self) {
        let first = self.heap.entries.swap_remove(0);
        if !self.heap.entries.is_empty() {
            self.heap.sift_down(0);
        }
        self.update_min();
        self.bury(first);
    }

    /// Gives the first, which the caller has locked, the time it has (`updateHeap`).
    pub(crate) fn update_first(&mut self, when: Nanos) {
        self.heap.entries[0].when = when;
        self.heap.sift_down(0);
        self.update_min();
    }

    /// Does what the first, which the caller has locked, is marked for (`updateHeap`). Gives it back
    /// if it was not marked.
    pub(crate) fn settle_first<'t>(&mut self, mut timer: Held<'t>) -> Option<Held<'t>> {
        if timer.is(ZOMBIE) {
            timer.leave_heap();
            self.of.count_zombie(false);
            drop(timer);
            self.delete_min();
            return None;
        }
        if timer.is(MODIFIED) {
            timer.bits &= !MODIFIED;
            self.update_first(timer.when);
            return None;
        }
        Some(timer)
    }

    /// Puts right what is marked at the head and the tail (`cleanHead`).
    pub(crate) fn clean_head(&mut self) {
        loop {
            // Zombies at the tail first: they cost nothing, and what takes the place of one at the
            // head is then no zombie.
            let Some(&last) = self.heap.entries.last() else { return };
            if let Some(timer) = last.marked(ZOMBIE) {
                let mut held = timer.lock();
                if held.is(ZOMBIE) {
                    held.leave_heap();
                    self.of.count_zombie(false);
                    drop(held);
                    self.heap.entries.pop();
                    self.update_min();
                    self.bury(last);
                }
                continue;
            }
            let Some(timer) = self.heap.entries[0].marked(MODIFIED | ZOMBIE) else { return };
            if self.settle_first(timer.lock()).is_some() {
                return;
            }
        }
    }

    /// Puts right all that are marked, if one of them may be due or if it is forced (`adjust`).
    pub(crate) fn adjust(&mut self, now: Nanos, force: bool) {
        let modified = self.of.min_modified.load(Ordering::SeqCst);
        if !force && (modified == NONE || modified > now.0) {
            return;
        }
        // What `wake_time` says must not be too late meanwhile: so it is first kept in `min_heap`,
        // and made exact at the end. A timer that is marked from here on is seen below, or its
        // time stays in `min_modified`: its bits were published before.
        let wake = self.of.wake_time().map_or(NONE, |when| when.0);
        self.of.min_heap.store(wake, Ordering::SeqCst);
        // A swap: it reads what the last `lower` wrote, so the bits published before it are seen.
        self.of.min_modified.swap(NONE, Ordering::SeqCst);
        let mut changed = false;
        let mut i = 0;
        while let Some(&entry) = self.heap.entries.get(i) {
            let Some(timer) = entry.marked(MODIFIED | ZOMBIE) else {
                i += 1;
                continue;
            };
            let mut held = timer.lock();
            if held.is(ZOMBIE) {
                held.leave_heap();
                self.of.count_zombie(false);
                drop(held);
                self.heap.entries.swap_remove(i);
                self.bury(entry);
                changed = true;
                continue;
            }
            if held.is(MODIFIED) {
                held.bits &= !MODIFIED;
                self.heap.entries[i].when = held.when;
                changed = true;
            }
            i += 1;
        }
        if changed {
            self.heap.init();
        }
        self.update_min();
    }

    /// Moves everyone here from the heap of a P that goes away, with the world stopped (`take`).
    /// `moved` is told of each that is not stopped. Gives how many those are.
    pub(crate) fn take(&mut self, from: &mut HeldHeap<'_>, mut moved: impl FnMut(Who)) -> u32 {
        let mut count = 0;
        for i in 0..from.heap.entries.len() {
            let entry = from.heap.entries[i];
            let mut when = Some(entry.when);
            if let Some(timer) = entry.timer() {
                let mut held = timer.lock();
                held.bits &= !MODIFIED;
                when = Some(held.when).filter(|_| !held.is(ZOMBIE));
                if when.is_none() {
                    held.leave_heap();
                }
            }
            if let Some(when) = when {
                moved(entry.who());
                self.add(entry.who(), when);
                count += 1;
            }
            self.bury(entry);
        }
        from.heap.entries.clear();
        from.of.zombies.store(0, Ordering::Relaxed);
        from.update_min();
        count
    }

    fn update_min(&self) {
        let first = self.heap.entries.first();
        self.of.min_heap.store(first.map_or(NONE, |entry| entry.when.0), Ordering::SeqCst);
        if first.is_none() {
            // Then there are no marked timers either.
            self.of.min_modified.store(NONE, Ordering::SeqCst);
        }
    }

    /// Gives up the share of one that left the heap. A last share is kept for who may free.
    fn bury(&mut self, gone: Entry) {
        let Some(timer) = gone.timer() else { return };
        // SAFETY: the entry has left the heap, which gives its share up.
        let share = unsafe { timer.into_share() };
        if Arc::strong_count(&share) > 1 {
            // Should the others be dropped at this very moment, the timer is freed here after all:
            // a few words, and no code of the user's, since what it would run went with its stop.
            return drop(share);
        }
        let buried = TimerRef::of(&share);
        std::mem::forget(share);
        buried.next.set(self.heap.dead.replace(buried));
        self.of.has_dead.store(true, Ordering::Relaxed);
    }
}

impl Held<'_> {
    /// It is in no heap from here on.
    pub(crate) fn leave_heap(&mut self) {
        self.bits &= !(HEAPED | MODIFIED | ZOMBIE);
        self.owner = None;
    }
}

impl fmt::Debug for HeldHeap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.heap.fmt(f)
    }
}

impl Heap {
    /// Gives where it came to be.
    fn sift_up(&mut self, mut i: usize) -> usize {
        let entry = self.entries[i];
        while i > 0 {
            let parent = (i - 1) / CHILDREN;
            if entry.when >= self.entries[parent].when {
                break;
            }
            self.entries[i] = self.entries[parent];
            i = parent;
        }
        self.entries[i] = entry;
        i
    }

    fn sift_down(&mut self, mut i: usize) {
        let entry = self.entries[i];
        loop {
            let first = i * CHILDREN + 1;
            let end = (first + CHILDREN).min(self.entries.len());
            // The first of the earliest children, if any is earlier than the entry itself.
            let mut child = None;
            let mut when = entry.when;
            for c in first..end {
                if self.entries[c].when < when {
                    when = self.entries[c].when;
                    child = Some(c);
                }
            }
            let Some(c) = child else { break };
            self.entries[i] = self.entries[c];
            i = c;
        }
        self.entries[i] = entry;
    }

    /// Makes a heap of entries in any order (`initHeap`).
    fn init(&mut self) {
        if self.entries.len() > 1 {
            (0..=(self.entries.len() - 2) / CHILDREN).rev().for_each(|i| self.sift_down(i));
        }
    }
}
