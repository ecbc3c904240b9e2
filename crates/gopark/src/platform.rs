//! What the scheduler stands on: threads, sleep and wake, the clock, chance, and the recorder.
//!
//! The scheduler is written once and instantiated twice. Everything that differs between the drives
//! is behind this trait; a question for the drive anywhere else is a bug.

pub(crate) mod lab;
pub(crate) mod live;

use gopark_trace::ids::{MId, Nanos, SiteId};
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
/// No method but [`Platform::gate`], [`Platform::sleep`], [`Platform::poll`], [`Platform::pause`],
/// [`Platform::work`] and [`Platform::wait_in_call`] lets other Ms act, and none of those is called with a lock held.
pub(crate) trait Platform: Sized + 'static {
    /// Whether this is the lab, for the assertion of [`crate::lock`].
    const LAB: bool;

    /// The run's clock.
    fn now(&self) -> Nanos;
    /// Whether two Ms can act at the same moment: on one processor nobody spins for another.
    fn parallel(&self) -> bool;
    /// Lets others act, and the conductor stop the run. The caller holds no lock.
    fn gate(&self, sched: &Sched<Self>, m: &M, gate: Gate);
    /// Makes a new M ready to record, before it is used.
    fn prepare(&self, m: &M);
    /// Has the M with this number made, which was promised a P.
    fn launch(&self, sched: &Sched<Self>, id: MId);
    /// Sees to it that a thread is at hand for the next M.
    fn make_spare(&self);
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
    /// Burns time on behalf of the goroutine; says how much is left if it was cut short.
    fn work(&self, m: &M, time: Nanos) -> Nanos;
    /// Lets the time of a call pass, where time is virtual.
    fn wait_in_call(&self, m: &M, time: Nanos);
    /// Whether threads can be suspended, and Ps taken from code that does not call.
    fn can_hold(&self) -> bool;
    /// Cuts the user code of an M short, if that can be: its thread will look at [`M::hold`].
    fn interrupt(&self, m: &M);
    /// CPU time an M has used, if that is known.
    fn cpu_time(&self, m: &M) -> Option<Nanos>;
    /// A memory barrier on every thread of the process; false if there is none.
    fn barrier(&self) -> bool;
    /// Ends a sleep of sysmon.
    fn wake_sysmon(&self);
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
