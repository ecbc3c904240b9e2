//! Time as goroutines see it: the run's clock and sleep.

use std::panic::Location;
use std::time::Duration;

use gopark_trace::ids::Nanos;
use gopark_trace::rule::Rule;
use gopark_trace::words::WaitReason;

use crate::current::kernel;
use crate::kernel::{Commit, Park};

/// Parks for at least `time` (`time.Sleep`). Nothing happens for zero: not even a yield.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn sleep(time: Duration) {
    if time.is_zero() {
        return;
    }
    let kernel = kernel();
    let site = kernel.site(Location::caller());
    kernel.gate();
    // The last moment of all stands for "no timer".
    let when = kernel.now().plus(time.into()).min(Nanos(u64::MAX - 1));
    kernel.park(Park {
        why: WaitReason::Sleep,
        on: None,
        on_number: None,
        rule: Rule::ParkUntilReady {},
        site,
        commit: Commit::Sleep(when),
    });
}

/// Time since the run began: virtual in the lab, real in live.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn since_start() -> Duration {
    let Nanos(ns) = kernel().now();
    Duration::from_nanos(ns)
}
