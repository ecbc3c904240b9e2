//! Numbers for channels and locks, given when they are first used inside a run.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::kernel::{IdKind, Kernel};

/// A number that is drawn at first use; 0 until then.
#[derive(Debug, Default)]
pub(crate) struct LazyId(AtomicU32);

impl LazyId {
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// The number of a thing that has one.
    pub(crate) fn known(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// The number, and whether it was drawn just now. Two first users may both draw one; the
    /// second then takes the first's.
    pub(crate) fn get(&self, kernel: &dyn Kernel, kind: IdKind) -> (u32, bool) {
        let id = self.0.load(Ordering::Relaxed);
        if id != 0 {
            return (id, false);
        }
        let new = kernel.next_id(kind);
        match self.0.compare_exchange(0, new, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => (new, true),
            Err(id) => (id, false),
        }
    }
}
