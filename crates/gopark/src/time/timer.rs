//! What happens once, later: [`Timer`], [`after`], [`after_func`].

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use gopark_trace::ids::Nanos;

use crate::chan::{Receiver, timer_chan};
use crate::current::kernel;
use crate::go::detached_entry;
use crate::kernel::{TimerSet, TimerWas};
use crate::timers::{self, Action, due_at};

/// What is said to who uses a timer of another run.
const OTHER_RUN: &str = "gopark: this timer belongs to another run";

/// A timer that is set, and can be stopped or set anew.
pub(super) struct Set {
    timer: Arc<timers::Timer>,
    /// The channel it sends on; nil if it runs a function.
    pub(super) c: Receiver<Duration>,
    /// What it runs, each time in a goroutine of its own.
    f: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl Set {
    pub(super) fn sending() -> Self {
        let (timer, c) = timer_chan();
        Self { timer, c, f: None }
    }

    fn running(f: Arc<dyn Fn() + Send + Sync>) -> Self {
        Self { timer: timers::Timer::new(Action::Func), c: Receiver::nil(), f: Some(f) }
    }

    /// Sets it for the first time.
    #[track_caller]
    pub(super) fn first(
        self,
        after: Duration,
        period: Duration,
        at: &'static Location<'static>,
    ) -> Self {
        self.timer.join_run(&*kernel());
        self.reset(after, period, at);
        self
    }

    /// Sets it; whether it was set and had not fired.
    #[track_caller]
    pub(super) fn reset(
        &self,
        after: Duration,
        period: Duration,
        at: &'static Location<'static>,
    ) -> bool {
        // Boxed before the runtime is entered: in it nobody may wait for malloc.
        let entry = self.f.clone().map(|f| detached_entry(move || f()));
        let kernel = kernel();
        let site = kernel.site(at);
        kernel.gate();
        assert!(self.timer.is_of(&*kernel), "{OTHER_RUN}");
        let when = due_at(kernel.now(), after.into());
        let period: Nanos = period.into();
        let set = TimerSet { when, period, seq: 0, entry, site };
        let TimerWas { pending, unrun } = kernel.timer_set(&self.timer, set);
        kernel.tell_poller();
        let dead = kernel.dead_timers();
        // What is left is dropped outside of the runtime: it frees, and may be the user's.
        drop(kernel);
        drop((dead, unrun));
        pending
    }

    /// Stops it; whether it was set and had not fired.
    #[track_caller]
    pub(super) fn stop(&self, at: &'static Location<'static>) -> bool {
        let kernel = kernel();
        let site = kernel.site(at);
        kernel.gate();
        assert!(self.timer.is_of(&*kernel), "{OTHER_RUN}");
        let TimerWas { pending, unrun } = kernel.timer_stop(&self.timer, site);
        drop(kernel);
        drop(unrun);
        pending
    }
}

/// Fires once (`time.Timer`): made by [`Timer::new`] it sends the time on its channel, made by
/// [`after_func`] it runs a function in a goroutine of its own.
///
/// ```
/// use gopark::time::{Timer, after_func};
/// use std::time::Duration;
///
/// gopark::lab(1).run(|| {
///     let (tx, rx) = gopark::chan(1);
///     let timer = after_func(Duration::from_millis(5), move || tx.send("late"));
///     assert!(timer.reset(Duration::from_millis(1)), "it had not fired");
///     assert_eq!(rx.recv(), Some("late"));
///     assert!(!timer.stop(), "it has fired");
/// });
/// ```
pub struct Timer(Set);

impl Timer {
    /// A timer that sends the moment it was due on its channel after `time` (`time.NewTimer`).
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn new(time: Duration) -> Self {
        Self(Set::sending().first(time, Duration::ZERO, Location::caller()))
    }

    /// Its channel (`C`); nil if the timer runs a function. It looks empty always: only a receive
    /// says whether the timer has fired.
    pub fn c(&self) -> &Receiver<Duration> {
        &self.0.c
    }

    /// Stops the timer (`Stop`). True if that is why it does not fire; false if it has fired or was
    /// stopped before. After it nothing is received from the channel. It does not wait for a
    /// function that runs already.
    ///
    /// # Panics
    /// Outside a goroutine, or in another run than that of the timer.
    #[track_caller]
    pub fn stop(&self) -> bool {
        self.0.stop(Location::caller())
    }

    /// Sets the timer anew, to fire after `time` (`Reset`). True if it was set and had not fired.
    /// After it nothing is received from the channel that was sent before.
    ///
    /// # Panics
    /// Outside a goroutine, or in another run than that of the timer.
    #[track_caller]
    pub fn reset(&self, time: Duration) -> bool {
        self.0.reset(time, Duration::ZERO, Location::caller())
    }
}

/// The channel of a new timer (`time.After`): it gives the moment the timer was due, after `time`.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn after(time: Duration) -> Receiver<Duration> {
    Set::sending().first(time, Duration::ZERO, Location::caller()).c
}

/// Runs `f` in a goroutine of its own after `time` (`time.AfterFunc`), unless the timer is stopped
/// before. A timer that is reset runs `f` again. Dropping the timer does not stop it.
///
/// A panic of `f` ends the program.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn after_func(time: Duration, f: impl Fn() + Send + Sync + 'static) -> Timer {
    Timer(Set::running(Arc::new(f)).first(time, Duration::ZERO, Location::caller()))
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timer").field(&self.0).finish()
    }
}

impl fmt::Debug for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.timer.fmt(f)
    }
}
