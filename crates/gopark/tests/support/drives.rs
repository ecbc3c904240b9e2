//! One program in both drives: what Go promises must not depend on who moves the scheduler.

#[path = "live.rs"]
mod live;

use gopark::{Failure, lab};

pub(crate) use self::live::live;

/// Runs `program` in the lab with several seeds and in live, on one P, two and four, and shows each
/// end to `check`.
pub(crate) fn both_drives<F, R>(program: F, check: impl Fn(Result<R, Failure>))
where
    F: FnOnce() -> R + Clone + Send + 'static,
    R: Send + 'static,
{
    for procs in [1, 2, 4] {
        for seed in 0..8 {
            check(lab(seed).procs(procs).unwatched().try_run(program.clone()));
        }
        for _ in 0..3 {
            check(live(procs).try_run(program.clone()));
        }
    }
}
