//! What the scheduler stands on: threads, sleep and wake, the clock, chance, and the recorder.
//!
//! The scheduler is written once and instantiated twice. Everything that differs between the drives
//! is behind this trait; a question for the drive anywhere else is a bug.

pub(crate) mod lab;
pub(crate) mod live;

use gopark_trace::ids::{Nanos, SiteId};
use gopark_trace::ring::Stamp;

use crate::kernel::Ev;
use crate::m::M;
use crate::sched::Sched;

/// Where the scheduler stands when it passes a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    /// A goroutine has called into the runtime.
    Call,
    /// An M is about to look for work.
    Find,
    /// A thief is about to ask the next victim.
    Victim,
    /// An M is about to give up its P.
    Release,
    /// An M that stopped spinning is about to look once more.
    Recheck,
}

/// The ground under the scheduler.
///
/// No method but [`Platform::gate`], [`Platform::sleep`], [`Platform::poll`], [`Platform::pause`]
/// and [`Platform::work`] lets other Ms act, and none of those is called with a lock held.
pub(crate) trait Platform: Sized + 'static {
    /// Whether this is the lab, for the assertion of [`crate::lock`].
    const LAB: bool;

    /// The run's clock.
    fn now(&self) -> Nanos;
    /// Lets others act, and the conductor stop the run. The caller holds no lock.
    fn gate(&self, sched: &Sched<Self>, m: &M, gate: Gate);
    /// Makes a new M ready to record, before it is used.
    fn prepare(&self, m: &M);
    /// Starts a new M; it begins in [`Sched::m_main`].
    fn launch(&self, sched: &Sched<Self>, m: &'static M);
    /// Sleeps until [`Platform::wake`].
    fn sleep(&self, m: &M);
    /// Wakes an M that sleeps or is about to.
    fn wake(&self, m: &M);
    /// Waits until `until`, or until [`Platform::poll_break`].
    fn poll(&self, m: &M, until: Option<Nanos>);
    /// Breaks a poll off, or the next one if none is in progress.
    fn poll_break(&self);
    /// A random number.
    fn random(&self, m: &M) -> u32;
    /// Waits a moment while others act (`usleep(3)` before a slot is robbed).
    fn pause(&self, m: &M, time: Nanos);
    /// Burns time on behalf of the goroutine.
    fn work(&self, m: &M, time: Nanos);
    /// Takes records of one step.
    fn record(
        &self,
        m: &M,
        site: Option<SiteId>,
        stamps: &[Stamp],
        events: &mut dyn Iterator<Item = Ev>,
    );
    /// The number of the line at this address, made known before it is used.
    fn site(&self, m: &M, at: &'static std::panic::Location<'static>) -> SiteId;
    /// The run has ended: lets every M that sleeps or polls see it.
    fn ended(&self, sched: &Sched<Self>);
}
