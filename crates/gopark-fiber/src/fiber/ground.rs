//! What corosensei sees of a stack: two addresses.
//!
//! corosensei owns the stack it is given and lends it to nobody. A fiber needs its stack (to measure it, to shrink it), so it
//! keeps the [`BoundStack`] beside the coroutine and gives the coroutine this. It also keeps corosensei out of our interface.

use corosensei::stack::{Stack, StackPointer};

use crate::bound::BoundStack;

/// The bounds of a stack that someone else holds.
#[derive(Debug)]
pub(super) struct Ground {
    /// Where frames start, growing down.
    base: StackPointer,
    /// The lowest address, guard included.
    limit: StackPointer,
}

impl Ground {
    /// The bounds of `stack`.
    ///
    /// # Safety
    ///
    /// The stack is not given up, and not used for anything else, while the coroutine on it exists.
    pub(super) unsafe fn new(stack: &BoundStack) -> Ground {
        let bottom = stack.usable().end - stack.size();
        let limit = StackPointer::new(bottom).expect("a slot is not at address zero");
        Ground { base: stack.base(), limit }
    }
}

// SAFETY:
// - The memory between guard and base is mapped, readable and writable as long as the stack is bound, which is as long as the
//   coroutine exists (`Ground::new`), and no one else has it.
// - The bottom of the slot is a guard that was installed before the slot was first handed out and is never removed.
// - A slot has at least 16 KiB and four pages, of which at most a quarter is guard: that leaves MIN_STACK_SIZE bytes.
// - `base` is a page boundary minus a multiple of the alignment; `limit` is a page boundary and below the guard.
unsafe impl Stack for Ground {
    #[inline]
    fn base(&self) -> StackPointer {
        self.base
    }

    #[inline]
    fn limit(&self) -> StackPointer {
        self.limit
    }
}
