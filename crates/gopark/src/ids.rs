//! Which run a channel, lock or WaitGroup belongs to, and its number there.
//!
//! A thing may be used in several runs, one after another: each gives it a number of its own. But
//! who waits on it belongs to one run: to let another run wake it would put a goroutine on a foreign
//! scheduler, or touch one whose run is over. So a thing changes its run only while nobody waits.

use crate::kernel::{IdKind, Kernel};

/// The run a thing belongs to and its number there; under the thing's own lock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Bond {
    /// The run; 0 before the first.
    run: u32,
    /// The number.
    pub(crate) id: u32,
}

impl Bond {
    /// Of no run yet.
    pub(crate) const fn new() -> Self {
        Self { run: 0, id: 0 }
    }

    /// Whether the thing belongs to this run already.
    #[inline]
    pub(crate) fn is_of(self, kernel: &dyn Kernel) -> bool {
        self.run == kernel.run()
    }

    /// Makes the thing belong to this run. `waited` says whether somebody of its old run waits on
    /// it: then that can't be, and nothing is changed.
    pub(crate) fn renew(&mut self, kernel: &dyn Kernel, kind: IdKind, waited: bool) -> bool {
        if !waited {
            *self = Self { run: kernel.run(), id: kernel.next_id(kind) };
        }
        !waited
    }
}

/// What is said when a thing can't change its run.
pub(crate) const FOREIGN: &str =
    "gopark: goroutines of another run wait here; what two runs share can't be waited on";
