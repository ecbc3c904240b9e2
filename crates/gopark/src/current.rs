//! Which M the calling code runs on.
//!
//! A goroutine may go on at another thread after every switch, and the compiler may keep the
//! address of a thread-local across a switch, because it cannot know that the thread changes.
//! So there is one accessor, [`m`]: it is never inlined, it is opaque to the optimiser, and it
//! returns the *value* read, never a reference into the thread-local. Read it again after every
//! call that can switch; `&M` taken before a switch is stale after it.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use crate::kernel::Kernel;
use crate::m::M;

thread_local! {
    /// The M of this thread; null outside a run. Const and without a destructor, so that reading
    /// it is one load.
    static CURRENT: Cell<*const M> = const { Cell::new(ptr::null()) };
}

/// The M this code runs on, if it runs inside a run.
#[inline(never)]
pub(crate) fn m() -> Option<NonNull<M>> {
    // Opaque: without it two calls around a switch could be merged into one.
    std::hint::black_box(());
    let m = CURRENT.get();
    NonNull::new(std::hint::black_box(m).cast_mut())
}

/// Makes `m` the M of this thread and returns the one before.
#[inline(never)]
pub(crate) fn set(m: *const M) -> *const M {
    std::hint::black_box(());
    CURRENT.replace(m)
}

/// Whether this thread runs a lab right now.
pub(crate) fn in_lab() -> bool {
    // SAFETY: a current M lives as long as its run, which is in progress.
    m().is_some_and(|m| unsafe { m.as_ref() }.in_lab)
}

/// The kernel that runs the calling goroutine, if a goroutine calls.
pub(crate) fn kernel_if_any<'a>() -> Option<&'a dyn Kernel> {
    // SAFETY: as in `kernel`.
    m().map(|m| unsafe { &*m.as_ref().kernel })
}

/// The kernel that runs the calling goroutine.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
#[inline]
pub(crate) fn kernel<'a>() -> &'a dyn Kernel {
    match m() {
        // SAFETY: the kernel outlives all its goroutines, and the caller runs on one: the
        // reference is used by runtime calls of that goroutine only and never stored.
        Some(m) => unsafe { &*m.as_ref().kernel },
        None => panic!(
            "gopark: this call needs a goroutine; make it inside gopark::lab(seed).run(..) or live().run(..)"
        ),
    }
}
