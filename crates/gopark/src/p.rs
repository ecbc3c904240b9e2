//! A processor: the right to run goroutines, with the queues that go with it.
//!
//! Its cells belong to the M that has it; while it is idle, to whoever holds the scheduler's lock;
//! while it is promised, to the promised M. The slot and the ring may be robbed by others.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering};

use gopark_fiber::BoundStack;
use gopark_trace::ids::{Nanos, PId};

use crate::g::{GList, Gp};
use crate::m::M;
use crate::runq::{Ring, Slot};
use crate::timers::heap::Timers;

/// Ids a P draws at once (`_GoidCacheBatch`).
pub(crate) const GOID_BATCH: u64 = 16;

/// One processor.
pub(crate) struct P {
    /// Which one.
    pub(crate) id: PId,
    /// Go's `runnext`.
    pub(crate) slot: Slot,
    /// The local run queue.
    pub(crate) ring: Ring,
    /// Go's `schedtick`: goroutines started with a new slice. Written by the owner, read by all.
    pub(crate) tick: AtomicU32,
    /// The M that has it; null for none. Written by whoever takes or gives it up, read by sysmon.
    pub(crate) owner: AtomicPtr<M>,
    /// Go's `syscalltick`: how many system calls have ended or lost it.
    pub(crate) syscalltick: AtomicU32,
    /// When the present slice began.
    pub(crate) slice_start: Cell<Nanos>,
    /// Whether it is on the idle list (Go's `idlepMask`): written under the scheduler's lock.
    pub(crate) idle: AtomicBool,
    /// How many events were emitted about who has it.
    pub(crate) events: AtomicU32,
    /// The timers set on it.
    pub(crate) timers: Timers,
    /// Goroutine ids it may give out: the next, and the end.
    pub(crate) goids: Cell<(u64, u64)>,
    /// Ended goroutines to be used again.
    pub(crate) gfree: RefCell<GList>,
    /// Stacks to be used again, the warmest last.
    pub(crate) stacks: RefCell<Vec<BoundStack>>,
}

// SAFETY: see the module: the cells have one owner at a time, handed over through the scheduler's
// lock or an M's note.
unsafe impl Sync for P {}
// SAFETY: as above.
unsafe impl Send for P {}

/// Stacks a P keeps before they go to the pool of all.
pub(crate) const STACKS_PER_P: usize = 32;

impl P {
    pub(crate) fn new(id: PId) -> Self {
        Self {
            id,
            slot: Slot::new(),
            ring: Ring::new(),
            tick: AtomicU32::new(0),
            owner: AtomicPtr::new(std::ptr::null_mut()),
            syscalltick: AtomicU32::new(0),
            slice_start: Cell::new(Nanos(0)),
            idle: AtomicBool::new(false),
            events: AtomicU32::new(0),
            timers: Timers::new(),
            goids: Cell::new((0, 0)),
            gfree: RefCell::new(GList::new()),
            stacks: RefCell::new(Vec::with_capacity(STACKS_PER_P)),
        }
    }

    /// The M that has it; a guess, unless the world stands or its goroutine is held.
    pub(crate) fn owner(&self) -> Option<&'static M> {
        let m = self.owner.load(Ordering::Acquire);
        // SAFETY: Ms live as long as the run.
        unsafe { m.as_ref() }
    }

    /// Says who has it.
    pub(crate) fn set_owner(&self, m: Option<&M>) {
        let m = m.map_or(std::ptr::null(), std::ptr::from_ref);
        self.owner.store(m.cast_mut(), Ordering::Release);
    }

    /// The tick, as its owner or as a guess.
    #[inline]
    pub(crate) fn tick(&self) -> u32 {
        self.tick.load(Ordering::Relaxed)
    }

    /// The number of the next event about who has it; called by whoever has it.
    pub(crate) fn next_event(&self) -> u32 {
        self.events.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether its slot and ring are empty; a guess unless nobody owns it.
    pub(crate) fn is_empty(&self) -> bool {
        self.slot.is_empty() && self.ring.is_empty()
    }

    /// Takes an ended goroutine to use again.
    pub(crate) fn take_free(&self) -> Option<Gp> {
        self.gfree.borrow_mut().pop_front()
    }
}

impl std::fmt::Debug for P {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("P")
            .field("id", &self.id)
            .field("tick", &self.tick())
            .finish_non_exhaustive()
    }
}
