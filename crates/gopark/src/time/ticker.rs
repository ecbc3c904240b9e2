//! What happens again and again: [`Ticker`], [`tick`].

use std::fmt;
use std::panic::Location;
use std::time::Duration;

use super::timer::Set;
use crate::chan::Receiver;

/// Sends the time on its channel again and again (`time.Ticker`). Ticks nobody takes in time are
/// dropped, not made up for.
///
/// ```
/// use gopark::time::Ticker;
/// use std::time::Duration;
///
/// let ticks: Vec<Duration> = gopark::lab(1).run(|| {
///     let ticker = Ticker::new(Duration::from_secs(1));
///     ticker.c().iter().take(3).collect()
/// });
/// assert_eq!(ticks[1] - ticks[0], Duration::from_secs(1));
/// assert_eq!(ticks[2] - ticks[0], Duration::from_secs(2));
/// ```
pub struct Ticker(Set);

impl Ticker {
    /// A ticker that sends every `period`, for the first time after one (`time.NewTicker`).
    ///
    /// # Panics
    /// `non-positive interval for NewTicker`. Outside a goroutine.
    #[track_caller]
    pub fn new(period: Duration) -> Self {
        assert!(!period.is_zero(), "non-positive interval for NewTicker");
        Self(Set::sending().first(period, period, Location::caller()))
    }

    /// Its channel (`C`). It looks empty always: only a receive says whether it has ticked.
    pub fn c(&self) -> &Receiver<Duration> {
        &self.0.c
    }

    /// Stops the ticker (`Stop`). After it nothing is received from the channel, which stays open:
    /// who receives waits for ever.
    ///
    /// # Panics
    /// Outside a goroutine, or in another run than that of the ticker.
    #[track_caller]
    pub fn stop(&self) {
        self.0.stop(Location::caller());
    }

    /// Stops the ticker and sets it to another period, which begins now (`Reset`).
    ///
    /// # Panics
    /// `non-positive interval for Ticker.Reset`. Outside a goroutine, or in another run than that of
    /// the ticker.
    #[track_caller]
    pub fn reset(&self, period: Duration) {
        assert!(!period.is_zero(), "non-positive interval for Ticker.Reset");
        self.0.reset(period, period, Location::caller());
    }
}

/// The channel of a new ticker (`time.Tick`); nil if there is no period.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn tick(period: Duration) -> Receiver<Duration> {
    if period.is_zero() { Receiver::nil() } else { Ticker::new(period).0.c }
}

impl fmt::Debug for Ticker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ticker").field(&self.0).finish()
    }
}
