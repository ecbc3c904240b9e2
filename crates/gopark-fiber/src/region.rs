//! One mapping of equal slots, its guards, and the list of slots that come home by themselves.
//!
//! Invariants:
//! - `stacks` and `infos` stay mapped while the region lives; the pool and each bound stack hold an `Arc` of it.
//! - A slot index is below `slots`, and its holder alone uses its memory and (between lists) its `SlotInfo::next`.
//! - `returned` is pushed by anyone and emptied whole by the pool.

use std::fmt;
use std::io;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::atomic::{
    AtomicU32, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

use crate::label::{Label, SlotInfo};
use crate::registry::{self, Registration};
use crate::stacks::StackError;
use crate::sys;

/// How guards are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guards {
    /// Marks in the page table where the kernel has them (Linux 6.13), else protection.
    #[default]
    Auto,
    /// Protection, whatever the kernel has. Limited to 30 000 guards in a process.
    Protect,
}

/// Protected guards a process may have. Each splits a mapping in two, and Linux allows 65 530 mappings
/// (`vm.max_map_count`): at 32 750 guards *every* mapping call of the process fails, the allocator's too. This stops before.
pub(crate) const PROTECTED_GUARDS_MAX: usize = 30_000;

/// Protected guards in use. Process-wide because the limit is: mappings are counted per process, not per pool.
static PROTECTED_GUARDS: AtomicUsize = AtomicUsize::new(0);

/// The end of a free list.
pub(crate) const NO_SLOT: u32 = u32::MAX;

/// Guard pages of a slot, at most. Rust probes every page of a frame, so one page catches it; C code may step over one.
const GUARD_PAGES_MAX: usize = 16;

/// Address space one class may take. Plucked from thin air: a five-hundredth of what a process has on x86-64.
const CLASS_SPAN_MAX: usize = 1 << 38;

/// A mapping of slots of one size.
pub(crate) struct Region {
    /// The lowest address of slot 0.
    stacks: NonNull<u8>,
    /// One [`SlotInfo`] per slot.
    infos: NonNull<SlotInfo>,
    /// Slots there are.
    slots: u32,
    /// Bytes per slot, as a power of two.
    size_log2: u32,
    /// Bytes at the bottom of each slot that fault.
    guard: usize,
    /// Bytes per page.
    page: usize,
    /// Whether guards are marks in the page table; found out with slot 0.
    marks: bool,
    /// Guards of this region that were made by protection, to be taken off [`PROTECTED_GUARDS`] at the end.
    protected: AtomicUsize,
    /// Slots whose `BoundStack` was dropped rather than given back: the head of a list through `SlotInfo::next`.
    returned: AtomicU32,
    /// Our line in the overflow handler's list, if it had room.
    registration: Option<Registration>,
}

// SAFETY: the pointers are to mappings that any thread may use; what is behind them is either atomic (`infos`) or used
// only by the holder of a slot (`stacks`). The methods touch slot memory only on that holder's behalf.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// Reserves up to `slots` slots of `size` bytes: half as many each time the system refuses.
    pub(crate) fn new(size: usize, slots: u32, guards: Guards) -> Result<Region, StackError> {
        debug_assert!(size.is_power_of_two());
        let page = sys::page_size();
        let affordable = u32::try_from(CLASS_SPAN_MAX / size).unwrap_or(u32::MAX);
        let mut slots = slots.min(affordable).clamp(1, NO_SLOT - 1);
        let (stacks, infos) = loop {
            match reserve(size, slots) {
                Ok(both) => break both,
                Err(e) if slots == 1 => return Err(StackError::Reserve(e)),
                Err(_) => slots /= 2,
            }
        };
        let mut region = Region {
            stacks,
            infos,
            slots,
            size_log2: size.trailing_zeros(),
            guard: (size / 16).clamp(page, GUARD_PAGES_MAX * page),
            page,
            marks: false,
            protected: AtomicUsize::new(0),
            returned: AtomicU32::new(NO_SLOT),
            registration: None,
        };
        // SAFETY: nothing uses slot 0 yet, and its guard is a part of no stack.
        region.marks = guards == Guards::Auto
            && unsafe { sys::install_guard_marker(stacks, region.guard) }.is_ok();
        // SAFETY: `infos` holds `slots` zeroed infos until `Drop` unmaps it, and `Drop` withdraws the registration first.
        region.registration =
            unsafe { registry::register(stacks, slots, region.size_log2, region.guard, infos) };
        Ok(region)
    }

    /// Bytes per slot, guard included.
    #[inline]
    pub(crate) fn size(&self) -> usize {
        1 << self.size_log2
    }

    /// Slots there are.
    pub(crate) fn slots(&self) -> u32 {
        self.slots
    }

    /// Bytes per page.
    pub(crate) fn page(&self) -> usize {
        self.page
    }

    /// The addresses of a slot, guard included.
    pub(crate) fn span(&self, slot: u32) -> Range<usize> {
        assert!(slot < self.slots);
        let bottom = self.stacks.addr().get() + ((slot as usize) << self.size_log2);
        bottom..bottom + self.size()
    }

    /// The addresses of a slot that do not fault.
    pub(crate) fn usable(&self, slot: u32) -> Range<usize> {
        let span = self.span(slot);
        span.start + self.guard..span.end
    }

    /// A pointer into the stacks' mapping.
    pub(crate) fn pointer(&self, address: usize) -> NonNull<u8> {
        let offset = address - self.stacks.addr().get();
        assert!(offset < (self.slots as usize) << self.size_log2);
        // SAFETY: the offset was just checked to be inside the mapping.
        unsafe { self.stacks.add(offset) }
    }

    /// What is known about a slot.
    #[inline]
    pub(crate) fn info(&self, slot: u32) -> &SlotInfo {
        assert!(slot < self.slots);
        // SAFETY: `infos` holds `slots` infos, zeroed by the kernel, which is a valid SlotInfo; all access is atomic.
        unsafe { self.infos.add(slot as usize).as_ref() }
    }

    /// Names a slot's owner.
    #[inline]
    pub(crate) fn set_owner(&self, slot: u32, label: &Label<'_>) {
        self.info(slot).set_owner(label);
    }

    /// Guards a slot that was never handed out.
    pub(crate) fn install_guard(&self, slot: u32) -> Result<(), StackError> {
        let bottom = self.pointer(self.span(slot).start);
        // SAFETY: the guard is a part of no stack, so nothing is lost and nobody is meant to touch it.
        if self.marks && unsafe { sys::install_guard_marker(bottom, self.guard) }.is_ok() {
            return Ok(());
        }
        // Marks are refused on memory that was locked since (mlockall): protection still works there.
        if PROTECTED_GUARDS.fetch_add(1, Relaxed) >= PROTECTED_GUARDS_MAX {
            PROTECTED_GUARDS.fetch_sub(1, Relaxed);
            return Err(StackError::OutOfGuards { max: PROTECTED_GUARDS_MAX });
        }
        self.protected.fetch_add(1, Relaxed);
        // SAFETY: as above. If it fails the guard still counts until the region goes, which errs on the safe side.
        unsafe { sys::protect(bottom, self.guard) }.map_err(StackError::Guard)
    }

    /// Puts a slot on the list that the pool empties. Any thread, no lock: a Treiber push.
    ///
    /// There is no ABA hazard, because nobody ever takes one slot off this list: the pool takes all of it by a swap. A
    /// push that read `head` and is overtaken by a swap and by pushes that restore the same `head` has, at the moment its
    /// exchange succeeds, the right `next` again.
    pub(crate) fn push_returned(&self, slot: u32) {
        let info = self.info(slot);
        let mut head = self.returned.load(Relaxed);
        loop {
            info.next.store(head, Relaxed);
            // Release pairs with the Acquire in `take_returned`: the pool sees `next`, and that the last user's writes to
            // the stack are over. Pushes in between continue the release sequence, being read-modify-writes.
            match self.returned.compare_exchange_weak(head, slot, Release, Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Takes the whole list; [`NO_SLOT`] when it is empty.
    pub(crate) fn take_returned(&self) -> u32 {
        if self.returned.load(Relaxed) == NO_SLOT {
            return NO_SLOT;
        }
        self.returned.swap(NO_SLOT, Acquire)
    }

    /// Gives the physical pages of a slot back.
    ///
    /// # Safety
    ///
    /// The caller holds the slot, and nothing on it is needed.
    pub(crate) unsafe fn discard_slot(&self, slot: u32) {
        let usable = self.usable(slot);
        // A refusal (locked memory) leaves the pages where they are: a cost, not a fault.
        // SAFETY: the range is the slot's, and the caller holds it.
        let _ = unsafe { sys::discard(self.pointer(usable.start), usable.len()) };
    }

    /// Which pages of a page-aligned part of a slot are resident.
    pub(crate) fn resident(&self, range: Range<usize>) -> io::Result<Resident> {
        /// Pages asked about at once: what fits a small array on a small stack.
        const BATCH: usize = 256;
        let mut found = Resident { lowest: range.end, pages: 0 };
        for start in range.clone().step_by(BATCH * self.page) {
            let mut bits = [0; BATCH];
            let batch = ((range.end - start) / self.page).min(BATCH);
            sys::residency(self.pointer(start), self.page, &mut bits[..batch])?;
            for (i, _) in bits[..batch].iter().enumerate().filter(|(_, bit)| **bit & 1 != 0) {
                found.lowest = found.lowest.min(start + i * self.page);
                found.pages += 1;
            }
        }
        Ok(found)
    }
}

/// What [`Region::resident`] found.
#[derive(Debug)]
pub(crate) struct Resident {
    /// The lowest resident page's address; the end of the range when there is none.
    pub(crate) lowest: usize,
    /// Pages that are resident.
    pub(crate) pages: usize,
}

impl Drop for Region {
    fn drop(&mut self) {
        // First out of the list, so that no signal handler reads `infos` while it goes.
        drop(self.registration.take());
        // SAFETY: both are whole reservations of `reserve`. The last `Arc` is gone, hence every `BoundStack`, hence every
        // fiber on these stacks that could still run.
        unsafe {
            sys::release(self.stacks, (self.slots as usize) << self.size_log2);
            sys::release(self.infos.cast(), self.slots as usize * size_of::<SlotInfo>());
        }
        PROTECTED_GUARDS.fetch_sub(self.protected.load(Relaxed), Relaxed);
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region")
            .field("size", &self.size())
            .field("slots", &self.slots)
            .field("guard", &self.guard)
            .field("marks", &self.marks)
            .finish_non_exhaustive()
    }
}

/// Reserves the two mappings of a region.
fn reserve(size: usize, slots: u32) -> io::Result<(NonNull<u8>, NonNull<SlotInfo>)> {
    let stacks_len = size * slots as usize;
    let stacks = sys::reserve(stacks_len)?;
    match sys::reserve(slots as usize * size_of::<SlotInfo>()) {
        Ok(infos) => Ok((stacks, infos.cast())),
        Err(e) => {
            // SAFETY: reserved just above, and not used by anyone.
            unsafe { sys::release(stacks, stacks_len) };
            Err(e)
        }
    }
}
