//! A thread as the scheduler sees it: a kernel thread in live, a coroutine in the lab.
//!
//! Its cells belong to the M itself, but for `next_p` and `spinning_start`, which belong to
//! whoever takes the M off the idle list until it has woken it.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};

use gopark_trace::ids::{GId, MId, Nanos, SiteId};
use gopark_trace::record::Actor;
use gopark_trace::ring::Stamp;

use crate::g::{Gp, GpCell};
use crate::kernel::Kernel;
use crate::p::P;
use crate::platform::live::{RecorderCell, ThreadCell};
use crate::proto::claim::{Claim, HELD, SYSCALL};
use crate::proto::note::Note;
use crate::runq::{Loot, RING};
use crate::sched::Found;

/// The number of sysmon's M, which is none of those that run goroutines.
pub(crate) const SYSMON: u32 = u32::MAX;

/// One thread.
pub(crate) struct M {
    /// Which one.
    pub(crate) id: MId,
    /// The kernel it serves; valid as long as the run.
    pub(crate) kernel: *const dyn Kernel,
    /// Whether that kernel is a lab: read by the accessor of the current M only, to say that
    /// waiting for a lock is a bug there.
    pub(crate) in_lab: bool,
    /// Whether it runs user code, and what others make of its P meanwhile.
    pub(crate) claim: Claim,
    /// Its P.
    pub(crate) p: Cell<Option<&'static P>>,
    /// The P it was promised with its wake-up.
    pub(crate) next_p: Cell<Option<&'static P>>,
    /// The goroutine it runs; for others than itself a guess, unless they hold that goroutine.
    pub(crate) curg: GpCell,
    /// The goroutine that is tied to it (Go's `lockedg`).
    pub(crate) tied: Cell<Option<Gp>>,
    /// The P it had when it entered a call.
    pub(crate) old_p: Cell<Option<&'static P>>,
    /// What others need to suspend it.
    pub(crate) hold: Hold,
    /// The thread whose P it takes over; set by that thread before it wakes this one.
    pub(crate) takes_from: Cell<Option<&'static M>>,
    /// For whom it records right now, if not for itself.
    pub(crate) acts_as: Cell<Option<Actor>>,
    /// How often that goroutine has tied itself (Go's `lockedExt`).
    pub(crate) ties: Cell<u32>,
    /// Its tied goroutine, picked by another M, and from where.
    pub(crate) picked: Cell<Option<Found>>,
    /// It stands at a gate because its viewer wants it to.
    pub(crate) stands: AtomicBool,
    /// Its goroutine is asked to give way at its next call (Go's `g.preempt`).
    pub(crate) preempt: AtomicBool,
    /// Whether it looks for work.
    pub(crate) spinning: Cell<bool>,
    /// A timer it has set under a lock is due at this time, and the poller must hear of it when
    /// the lock is released.
    pub(crate) earlier: Cell<Option<Nanos>>,
    /// Whether events are recorded; the one branch that off costs.
    pub(crate) recording: Cell<bool>,
    /// Its random numbers: the state of a splitmix64 generator.
    pub(crate) rng: Cell<u64>,
    /// Where stolen goroutines stand before they are put into the own ring.
    pub(crate) loot: Loot,
    /// Its thread, in live.
    pub(crate) thread: ThreadCell,
    /// What it sleeps on in live.
    pub(crate) note: Note,
    /// Where it records in live.
    pub(crate) recorder: RecorderCell,
    /// The time of its last record, as long as it is good for the next one; see [`M::later`].
    pub(crate) time: Cell<Nanos>,
    /// Memory for lists in its events, and for their stamps.
    pub(crate) ids: Cell<Vec<GId>>,
    pub(crate) stamps: Cell<Vec<Stamp>>,
    /// Lines it has seen lately, so that a line needs the shared table once.
    pub(crate) sites: RefCell<SiteCache>,
}

// SAFETY: the cells are used by the M's own thread, or by the one M that took it off the idle list
// under the scheduler's lock and hands it back through its note.
unsafe impl Send for M {}
// SAFETY: as above.
unsafe impl Sync for M {}

impl M {
    pub(crate) fn new(
        id: MId,
        kernel: *const dyn Kernel,
        in_lab: bool,
        recording: bool,
        seed: u64,
    ) -> Self {
        Self {
            id,
            kernel,
            in_lab,
            claim: Claim::new(),
            p: Cell::new(None),
            next_p: Cell::new(None),
            curg: GpCell::new(),
            tied: Cell::new(None),
            old_p: Cell::new(None),
            hold: Hold::default(),
            takes_from: Cell::new(None),
            acts_as: Cell::new(None),
            ties: Cell::new(0),
            picked: Cell::new(None),
            stands: AtomicBool::new(false),
            preempt: AtomicBool::new(false),
            spinning: Cell::new(false),
            earlier: Cell::new(None),
            recording: Cell::new(recording),
            rng: Cell::new(seed ^ (u64::from(id.0) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            loot: Loot::new(),
            thread: ThreadCell::default(),
            note: Note::new(),
            recorder: RecorderCell::default(),
            time: Cell::new(Nanos::MAX),
            ids: Cell::new(Vec::with_capacity(if recording { RING } else { 0 })),
            stamps: Cell::new(Vec::with_capacity(if recording { 2 * RING } else { 0 })),
            sites: RefCell::new(SiteCache::default()),
        }
    }

    /// Time has passed since the last record: a goroutine ran, or the M waited. The next record
    /// reads the clock, and those of the same step share its time: the clock is the dearest part of
    /// a record.
    #[inline]
    pub(crate) fn later(&self) {
        self.time.set(Nanos::MAX);
    }

    /// Empty lists for an event; they go back with [`M::keep_lists`]. Used where nothing may be
    /// allocated, which is why they have room.
    #[inline]
    pub(crate) fn lists(&self) -> (Vec<GId>, Vec<Stamp>) {
        if self.recording.get() {
            (self.ids.take(), self.stamps.take())
        } else {
            Default::default()
        }
    }

    /// Keeps the memory of lists.
    pub(crate) fn keep_lists(&self, mut ids: Vec<GId>, mut stamps: Vec<Stamp>) {
        ids.clear();
        stamps.clear();
        self.ids.set(ids);
        self.stamps.set(stamps);
    }

    /// Who acts, for a record.
    pub(crate) fn actor(&self) -> Actor {
        if let Some(other) = self.acts_as.get() {
            return other;
        }
        Actor {
            m: (self.id.0 != SYSMON).then_some(self.id),
            p: self.p.get().map(|p| p.id),
            g: self.curg.get().map(|g| g.gid()),
        }
    }

    /// Whether it is in a marked system call; for others than itself a guess.
    pub(crate) fn is_in_call(&self) -> bool {
        self.claim.get() == SYSCALL
    }

    /// Whether sysmon has something to do about it: it runs without P, was suspended and is in no
    /// queue yet, or has a standby it may not need.
    pub(crate) fn needs_sysmon(&self) -> bool {
        self.claim.is_loose() || self.hold.is_lost() || self.hold.is_open()
    }

    /// Whether it does nothing to the scheduler's state before it passes a gate again: it is in a
    /// call, or suspended.
    pub(crate) fn is_outside(&self) -> bool {
        matches!(self.claim.get(), SYSCALL | HELD)
    }

    /// The next random number (splitmix64, Steele, Lea and Flood 2014).
    pub(crate) fn random(&self) -> u64 {
        next_random(&self.rng)
    }
}

/// What sysmon and a thread that is to be suspended say to each other; see
/// [`crate::sched`]'s `preempt`.
#[derive(Debug, Default)]
pub(crate) struct Hold {
    /// A signal is on its way: one at a time.
    asked: AtomicBool,
    /// Who takes the P over.
    standby: AtomicPtr<M>,
    /// The P it gave away when there was no standby.
    given: AtomicPtr<P>,
    /// Its P was taken while it was blocked, and its goroutine is in no queue.
    lost: AtomicBool,
    /// Its CPU time when it was last seen to begin to run without P.
    pub(crate) cpu: AtomicU64,
    /// When the back-stop last let it go.
    pub(crate) let_go_at: AtomicU64,
}

impl Hold {
    /// Asks it to stop.
    pub(crate) fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
    }

    /// Whether a signal is on its way.
    pub(crate) fn asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }

    /// The signal has come; false if nobody asked.
    pub(crate) fn answer(&self) -> bool {
        self.asked.swap(false, Ordering::SeqCst)
    }

    /// Says who takes the P over.
    pub(crate) fn set_standby(&self, standby: &'static M) {
        self.standby.store(std::ptr::from_ref(standby).cast_mut(), Ordering::SeqCst);
    }

    /// Whoever takes the P over, for the one that asks first.
    pub(crate) fn take_standby(&self) -> Option<&'static M> {
        let standby = self.standby.swap(std::ptr::null_mut(), Ordering::SeqCst);
        // SAFETY: Ms live as long as the run.
        unsafe { standby.as_ref() }
    }

    /// Gives its P away to sysmon.
    pub(crate) fn give(&self, p: &'static P) {
        self.given.store(std::ptr::from_ref(p).cast_mut(), Ordering::SeqCst);
    }

    /// The P it gave away.
    pub(crate) fn take_given(&self) -> Option<&'static P> {
        let p = self.given.swap(std::ptr::null_mut(), Ordering::SeqCst);
        // SAFETY: Ps live as long as the run.
        unsafe { p.as_ref() }
    }

    /// Whether a P or a standby is to be taken from it.
    pub(crate) fn is_open(&self) -> bool {
        !self.given.load(Ordering::SeqCst).is_null()
            || !self.standby.load(Ordering::SeqCst).is_null()
    }

    /// Whether its P was taken while it was blocked, and its goroutine is in no queue.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::SeqCst)
    }

    /// Says so.
    pub(crate) fn set_lost(&self, lost: bool) {
        self.lost.store(lost, Ordering::SeqCst);
    }
}

impl std::fmt::Debug for M {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("M").field("id", &self.id).finish_non_exhaustive()
    }
}

/// One step of splitmix64: the same numbers for the same seed, in every version of gopark.
pub(crate) fn next_random(state: &Cell<u64>) -> u64 {
    let s = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
    state.set(s);
    let z = (s ^ (s >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A small direct-mapped cache from the address of a source location to its number.
#[derive(Debug)]
pub(crate) struct SiteCache([(usize, SiteId); 64]);

impl Default for SiteCache {
    fn default() -> Self {
        Self([(0, SiteId(0)); 64])
    }
}

impl SiteCache {
    fn index(addr: usize) -> usize {
        (addr >> 3) % 64
    }

    pub(crate) fn get(&self, addr: usize) -> Option<SiteId> {
        let (at, site) = self.0[Self::index(addr)];
        (at == addr).then_some(site)
    }

    pub(crate) fn put(&mut self, addr: usize, site: SiteId) {
        self.0[Self::index(addr)] = (addr, site);
    }
}
