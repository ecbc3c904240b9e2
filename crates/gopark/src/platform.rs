//! What the scheduler stands on: threads, sleep and wake, the clock, chance, and the recorder.
//!
//! The scheduler is written once and instantiated twice. Everything that differs between the drives
//! is behind this trait; a question for the drive anywhere else is a bug.

pub(crate) mod lab;
pub(crate) mod live;
mod poller;

use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use gopark_trace::event::Event;
use gopark_trace::ids::{MId, Nanos, SiteId};
use gopark_trace::ring::Stamp;
use gopark_trace::rule::Rule;

use crate::kernel::Ev;
use crate::m::M;
use crate::netpoll::{FdEvents, PollDesc};
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

/// How long a poll waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Not at all.
    None,
    /// Until this moment, or for ever.
    Until(Option<Nanos>),
}

/// Who may have the other end of a descriptor: a lab must know for whom real time has to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The runtime made it: if the other end is outside, its addresses say so.
    Made,
    /// The program brought it: the other end may be anybody's.
    Brought,
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
    /// Asks for descriptors that became ready, and waits for them as long as that takes, until the
    /// moment in `patience`, or until [`Platform::poll_break`]. One M at a time waits; who does not
    /// want to wait does not wait for that one either.
    fn poll(&self, m: &M, patience: Patience, events: &mut FdEvents);
    /// Breaks a poll off, or the next one if none is in progress.
    fn poll_break(&self);
    /// Events of this descriptor are told from now on, both directions, each time it becomes ready.
    fn poll_add(
        &self,
        fd: BorrowedFd<'_>,
        desc: &'static PollDesc,
        origin: Origin,
    ) -> std::io::Result<()>;
    /// Its addresses are known now; where it connects to, if it does.
    fn poll_peer(&self, fd: BorrowedFd<'_>, desc: &'static PollDesc, to: Option<SocketAddr>);
    /// Its events are told no more.
    fn poll_remove(&self, fd: BorrowedFd<'_>, desc: &'static PollDesc);
    /// A goroutine is about to use a descriptor: what others have sent has arrived.
    fn before_io(&self);
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
    /// Whether the world stands, or is to, because its viewer wants it to.
    fn is_paused(&self) -> bool;
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
    /// As [`Platform::record`], for one event, which is not taken: what happens day by day.
    fn record_one(
        &self,
        m: &M,
        site: Option<SiteId>,
        stamps: &[Stamp],
        event: &Event,
        rule: Option<&Rule>,
    ) {
        let event = (event.clone(), rule.cloned());
        self.record(m, site, stamps, &mut std::iter::once(event));
    }
    /// The time of what this M records now. The records of one step share it, see [`M::later`].
    fn time_of(&self, _m: &M) -> Nanos {
        self.now()
    }
    /// The number of the line at this address, made known before it is used.
    fn site(&self, m: &M, at: &'static std::panic::Location<'static>) -> SiteId;
    /// The run has ended: lets every M that sleeps or polls see it.
    fn ended(&self, sched: &Sched<Self>);
}
