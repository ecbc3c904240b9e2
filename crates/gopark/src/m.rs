//! A thread as the scheduler sees it: a kernel thread in live, a coroutine in the lab.
//!
//! Its cells belong to the M itself, but for `next_p` and `spinning_start`, which belong to
//! whoever takes the M off the idle list until it has woken it.

use std::cell::{Cell, RefCell};

use gopark_trace::ids::{MId, SiteId};
use gopark_trace::record::Actor;

use crate::g::Gp;
use crate::kernel::Kernel;
use crate::p::P;
use crate::platform::live::RecorderCell;
use crate::proto::claim::Claim;
use crate::proto::note::Note;
use crate::runq::Loot;

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
    /// The goroutine it runs.
    pub(crate) curg: Cell<Option<Gp>>,
    /// Whether it looks for work.
    pub(crate) spinning: Cell<bool>,
    /// Whether events are recorded; the one branch that off costs.
    pub(crate) recording: Cell<bool>,
    /// Its random numbers: the state of a splitmix64 generator.
    pub(crate) rng: Cell<u64>,
    /// Where stolen goroutines stand before they are put into the own ring.
    pub(crate) loot: Loot,
    /// What it sleeps on in live.
    pub(crate) note: Note,
    /// Where it records in live.
    pub(crate) recorder: RecorderCell,
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
            curg: Cell::new(None),
            spinning: Cell::new(false),
            recording: Cell::new(recording),
            rng: Cell::new(seed ^ (u64::from(id.0) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
            loot: Loot::new(),
            note: Note::new(),
            recorder: RecorderCell::default(),
            sites: RefCell::new(SiteCache::default()),
        }
    }

    /// Who acts, for a record.
    pub(crate) fn actor(&self) -> Actor {
        Actor {
            m: Some(self.id),
            p: self.p.get().map(|p| p.id),
            g: self.curg.get().map(|g| g.gid()),
        }
    }

    /// The next random number (splitmix64, Steele, Lea and Flood 2014).
    pub(crate) fn random(&self) -> u64 {
        next_random(&self.rng)
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
