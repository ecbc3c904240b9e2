//! A live run for tests.

use gopark::Live;

/// A live run that looks for no viewer.
pub(crate) fn live(procs: usize) -> Live {
    // SAFETY: no goroutine of these tests keeps a thread-affine value across a call into gopark.
    unsafe { gopark::live() }.procs(procs).unwatched()
}
