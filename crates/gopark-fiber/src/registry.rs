//! Which guards are ours: the list the overflow handler searches.
//!
//! It is process-wide because its reader is: a signal action belongs to the process, and the handler gets an address and
//! nothing else. It is a fixed array of atomics because the handler may neither allocate nor lock. (The other statics of
//! the crate are the saved signal actions, in `overflow`, and the count of protected guards, in `region`.)
//!
//! Protocol. `base` says what an entry is: `FREE`, `CLAIMED` (its owner is writing it or taking it back), or an address.
//! - *register*: 1. claim a free entry; 2. write the other fields; 3. publish the address.
//! - *withdraw*: 1. set `CLAIMED`; 2. wait until `READERS` is 0; 3. set `FREE`. Only then may the region be unmapped.
//! - *find*: 1. count itself in `READERS`; 2. read the entries, and the slot's info behind the one that fits; 3. uncount.
//!
//! Excluded: reading an info that is unmapped, and mixing the fields of two regions. Proof: withdraw.1, withdraw.2, find.1
//! and the load of `base` in find.2 are sequentially consistent. If find.2 saw an address, then it comes before withdraw.1
//! in their order, so find.1 does too, so withdraw.2 sees the reader until find.3.
//! The wait is short: the handler runs with every signal blocked and does not wait for anything itself.

use std::hint;
use std::ptr::{self, NonNull};
use std::sync::atomic::{
    AtomicPtr, AtomicU32, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release, SeqCst},
};

use crate::label::{Owner, SlotInfo};

/// Regions that can be listed at once. A region beyond it works and is guarded; its overflow is reported by whoever handled
/// the signal before us. Plucked from thin air: two labs with three classes each need six.
const ENTRIES: usize = 1024;

/// `base` of an entry nobody uses.
const FREE: usize = 0;

/// `base` of an entry that its owner is changing. No region is at address 1.
const CLAIMED: usize = 1;

/// One region.
struct Entry {
    /// `FREE`, `CLAIMED`, or the region's lowest address.
    base: AtomicUsize,
    /// Slots there are.
    slots: AtomicU32,
    /// Bytes per slot, as a power of two.
    size_log2: AtomicU32,
    /// Bytes of guard at the bottom of each slot.
    guard: AtomicUsize,
    /// The slots' infos.
    infos: AtomicPtr<SlotInfo>,
}

/// The list.
static REGIONS: [Entry; ENTRIES] = [const {
    Entry {
        base: AtomicUsize::new(FREE),
        slots: AtomicU32::new(0),
        size_log2: AtomicU32::new(0),
        guard: AtomicUsize::new(0),
        infos: AtomicPtr::new(ptr::null_mut()),
    }
}; ENTRIES];

/// Handlers that are reading the list.
static READERS: AtomicUsize = AtomicUsize::new(0);

/// An entry that is in use. Dropping it withdraws it.
#[derive(Debug)]
pub(crate) struct Registration(usize);

/// Lists a region; `None` when the list is full.
///
/// # Safety
///
/// `infos` points to `slots` valid infos until the registration is dropped.
pub(crate) unsafe fn register(
    stacks: NonNull<u8>,
    slots: u32,
    size_log2: u32,
    guard: usize,
    infos: NonNull<SlotInfo>,
) -> Option<Registration> {
    // Acquire pairs with the Release that freed the entry: our writes come after its last reader's reads.
    let claim =
        |entry: &Entry| entry.base.compare_exchange(FREE, CLAIMED, Acquire, Relaxed).is_ok();
    let index = REGIONS.iter().position(claim)?;
    let entry = &REGIONS[index];
    entry.slots.store(slots, Relaxed);
    entry.size_log2.store(size_log2, Relaxed);
    entry.guard.store(guard, Relaxed);
    entry.infos.store(infos.as_ptr(), Relaxed);
    // Publishes the fields to `find`.
    entry.base.store(stacks.addr().get(), Release);
    Some(Registration(index))
}

impl Drop for Registration {
    fn drop(&mut self) {
        let entry = &REGIONS[self.0];
        entry.base.store(CLAIMED, SeqCst);
        while READERS.load(SeqCst) != 0 {
            hint::spin_loop();
        }
        entry.base.store(FREE, Release);
    }
}

/// A guard that was hit.
#[derive(Debug)]
pub(crate) struct Overflow {
    /// Bytes of the slot.
    pub(crate) size: usize,
    /// Who ran on it.
    pub(crate) owner: Owner,
}

/// The slot whose guard holds `address`. Safe in a signal handler.
pub(crate) fn find(address: usize) -> Option<Overflow> {
    READERS.fetch_add(1, SeqCst);
    let found = REGIONS.iter().find_map(|entry| entry.overflow_at(address));
    READERS.fetch_sub(1, SeqCst);
    found
}

impl Entry {
    /// Whether `address` is in a guard of this region. The caller counts in [`READERS`].
    fn overflow_at(&self, address: usize) -> Option<Overflow> {
        let base = self.base.load(SeqCst);
        if base == FREE || base == CLAIMED {
            return None;
        }
        let size_log2 = self.size_log2.load(Relaxed);
        let offset = address.checked_sub(base)?;
        let slot = offset >> size_log2;
        let size = 1_usize << size_log2;
        if slot >= self.slots.load(Relaxed) as usize || offset % size >= self.guard.load(Relaxed) {
            return None;
        }
        // SAFETY: `register`'s caller keeps `slots` infos there until the registration is dropped, and dropping waits for
        // us (module docs). `slot` was checked.
        let info = unsafe { &*self.infos.load(Relaxed).add(slot) };
        Some(Overflow { size, owner: info.owner() })
    }
}
