//! One stack, held: the right to run on one slot.
//!
//! Invariants:
//! - A `BoundStack` is the only holder of its slot; `region` is `Some` until it is given up.
//! - It keeps its region mapped.
//! - The top [`RECORD`] bytes of the slot are the park record: above the base, so no frame reaches them.

use std::fmt;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;

use corosensei::stack::{STACK_ALIGNMENT, StackPointer};

use crate::label::Label;
use crate::region::Region;

/// Bytes at the top of a slot for the park record. Together with corosensei's entry and parent link, which are right
/// below, it fills one 64-byte line, so that recording costs no cache miss of its own.
const RECORD: usize = 32;

const _: () = assert!(RECORD.is_multiple_of(STACK_ALIGNMENT) && RECORD >= size_of::<usize>());

/// A stack taken from a [`Stacks`](crate::Stacks).
///
/// Give it back with [`Stacks::give_back`](crate::Stacks::give_back), which keeps its pages warm. Merely dropped, it also
/// finds its way home, from any thread and after the pool is gone too, but its pages are given to the system first.
pub struct BoundStack {
    /// The park record, at the address where frames start.
    record: NonNull<usize>,
    /// The slot's index.
    slot: u32,
    /// Where the slot is; `None` only once the slot was given up.
    region: Option<Arc<Region>>,
}

impl BoundStack {
    /// Holds a slot that is guarded and on no list.
    pub(crate) fn new(region: &Arc<Region>, slot: u32) -> BoundStack {
        let top = region.span(slot).end;
        let record = region.pointer(top - RECORD).cast();
        BoundStack { record, slot, region: Some(Arc::clone(region)) }
    }

    /// Bytes of the slot: the class it belongs to, and the number an overflow reports.
    #[inline]
    pub fn size(&self) -> usize {
        self.region().size()
    }

    /// The addresses of the slot that do not fault. A running fiber's locals are in it.
    pub fn usable(&self) -> Range<usize> {
        self.region().usable(self.slot)
    }

    /// Names another owner, for a stack that is used again without a trip to the pool.
    #[inline]
    pub fn set_label(&mut self, label: &Label<'_>) {
        self.region().set_owner(self.slot, label);
    }

    /// Bytes from the top down to the lowest resident page: how deep the stack was ever used since its pages were last given
    /// back, in whole pages. If the system does not say, all of it counts as used.
    pub fn high_water(&self) -> usize {
        let usable = self.usable();
        match self.region().resident(usable.clone()) {
            Ok(resident) => usable.end - resident.lowest,
            Err(_) => usable.len(),
        }
    }

    /// Gives up the slot without returning it to any list.
    pub(crate) fn into_slot(mut self) -> (Arc<Region>, u32) {
        let region = self.region.take().expect("held until given up");
        (region, self.slot)
    }

    /// The address a fiber starts at: below the park record, 16-aligned.
    #[inline]
    pub(crate) fn base(&self) -> StackPointer {
        self.record.addr()
    }

    /// Where the slot is.
    #[inline]
    pub(crate) fn region(&self) -> &Region {
        self.region.as_deref().expect("held until given up")
    }

    /// Whether the slot is one of `region`'s.
    #[inline]
    pub(crate) fn is_of(&self, region: &Arc<Region>) -> bool {
        self.region.as_ref().is_some_and(|own| Arc::ptr_eq(own, region))
    }

    /// The park record, one word that is ours. The slot's holder alone may use it: a fiber while it runs, whoever owns the
    /// fiber while it does not.
    #[inline]
    pub(crate) fn record(&self) -> NonNull<usize> {
        self.record
    }
}

// SAFETY: the pointer is to memory of the slot, which any thread may use, and which the holder alone uses. A shared
// `BoundStack` gives the pointer away only within this crate, where a fiber uses it as its owner.
unsafe impl Send for BoundStack {}
// SAFETY: as above; the public methods that take `&self` read immutable facts and ask the system.
unsafe impl Sync for BoundStack {}

impl Drop for BoundStack {
    fn drop(&mut self) {
        if let Some(region) = self.region.take() {
            // SAFETY: we hold the slot. Whoever drops a stack has no fiber on it: a fiber owns its stack, and gives it up
            // only when it finished or was abandoned.
            unsafe { region.discard_slot(self.slot) };
            region.push_returned(self.slot);
        }
    }
}

impl fmt::Debug for BoundStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundStack")
            .field("slot", &self.slot)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

const _: () = assert!(size_of::<BoundStack>() == 24);
