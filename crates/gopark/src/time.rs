//! Time as goroutines see it (`package time`): the run's clock, sleep, timers and tickers.
//!
//! In reading order: the clock and [`sleep`]; [`Timer`] with [`after`] and [`after_func`];
//! [`Ticker`] with [`tick`].
//!
//! A moment is a [`Duration`] since the run began, as [`since_start`] gives it: virtual in the lab,
//! real in live.

mod ticker;
mod timer;

use std::panic::Location;
use std::time::Duration;

use gopark_trace::rule::Rule;
use gopark_trace::words::WaitReason;

pub use self::ticker::{Ticker, tick};
pub use self::timer::{Timer, after, after_func};
use crate::current::kernel;
use crate::kernel::{Commit, Park};
use crate::timers::due_at;

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
    let when = due_at(kernel.now(), time.into());
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
    Duration::from_nanos(kernel().now().0)
}
