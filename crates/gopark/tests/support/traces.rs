//! As `traced.rs`, for who wants the result and not the records.

use std::time::Duration;

use gopark::lab;

#[path = "traced.rs"]
mod records;

/// A run in the lab, checked.
#[track_caller]
pub(crate) fn traced_lab<R: Send + 'static>(
    seed: u64,
    procs: usize,
    step: Duration,
    main: impl FnOnce() -> R + Send + 'static,
) -> R {
    records::in_lab(lab(seed).procs(procs).step(step), main).0
}

/// A live run, checked.
#[track_caller]
pub(crate) fn traced_live<R: Send + 'static>(
    procs: usize,
    main: impl FnOnce() -> R + Send + 'static,
) -> R {
    // SAFETY: no goroutine of these tests keeps a thread-affine value across a call into gopark.
    records::in_live(unsafe { gopark::live() }.procs(procs), main).0
}
