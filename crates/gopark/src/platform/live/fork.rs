//! What a fork leaves of a live run: nothing.
//!
//! The child has the forking thread and no other, so nobody would run its goroutines or wake it. Its
//! thread is outside of the run from then on, and every call into gopark says so. What only forks to
//! execute another program, as `std::process::Command` does, never gets there.

use std::sync::Once;

use crate::current;

/// Makes the process ready, once.
pub(super) fn install() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        // Where it can't be had, a child hangs at its first call; nothing else depends on it.
        // SAFETY: the handler has the form that is asked for, and stays: it is a function of ours.
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
    });
}

/// In the child, on its only thread.
extern "C" fn in_child() {
    current::forked();
}
