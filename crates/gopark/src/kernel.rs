//! What a goroutine may ask of the scheduler, whatever drives it.
//!
//! The public API (`go`, channels, locks, `sleep` …) is not generic over the platform; it reaches
//! the scheduler of the calling goroutine through this trait object. Each method is one runtime
//! call; those marked *switches* may return on another thread.

use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::panic::Location;
use std::sync::atomic::AtomicI32;
use std::sync::{Arc, Weak};

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, Nanos, Obj, PId, SiteId, TimerId};
use gopark_trace::ring::{Stamp, Structure};
use gopark_trace::rule::Rule;
use gopark_trace::snapshot::Snapshot;
use gopark_trace::words::{EndKind, FdDir, WaitReason};

use crate::g::{Entry, Gp};
use crate::lock::RawLock;
use crate::netpoll::{Opened, PollDesc, Room};
use crate::platform::Origin;
use crate::timers::Timer;
use crate::timers::heap::Dead;

/// An event with its rule.
pub(crate) type Ev = (Event, Option<Rule>);

/// A stamp that takes one number of a structure.
pub(crate) fn stamp(structure: Structure, number: u32) -> Stamp {
    Stamp { structure, number: u64::from(number), len: 1 }
}

/// A stamp of a goroutine: its next number.
pub(crate) fn stamp_g(g: Gp) -> Stamp {
    stamp(Structure::G(g.gid()), g.next_event())
}

/// A stamp of what comes after everything the goroutine did so far, told by somebody else.
pub(crate) fn after_g(g: Gp) -> Stamp {
    let number = g.events.load(std::sync::atomic::Ordering::Relaxed);
    Stamp::after(Structure::G(g.gid()), number.into())
}

/// What a goroutine asks of its M when it switches to it.
#[derive(Debug)]
pub(crate) enum Request {
    /// Park; `commit` is done when the goroutine is off its stack.
    Park(Park),
    /// Give way to others (Gosched).
    Yield(Option<SiteId>),
    /// Give way because somebody asked for it.
    Preempt(Option<SiteId>),
    /// Back from a call, and no P is free.
    LeaveCall(Option<SiteId>),
    /// Give way to the goroutine in the slot, to the tail of the own ring (goyield).
    GoYield(Option<SiteId>),
    /// The run is over: never go on.
    Abandon,
}

/// How to park.
#[derive(Debug)]
pub(crate) struct Park {
    /// Why, in Go's words.
    pub(crate) why: WaitReason,
    /// For what.
    pub(crate) on: Option<Obj>,
    /// The number the wait list has given this wait.
    pub(crate) on_number: Option<u32>,
    /// The rule.
    pub(crate) rule: Rule,
    /// From where.
    pub(crate) site: Option<SiteId>,
    /// What makes the wait known, when the goroutine is off its stack.
    pub(crate) commit: Commit,
}

/// What makes a wait known.
#[derive(Debug)]
pub(crate) enum Commit {
    /// Nothing: nobody will ever wake it.
    Nothing,
    /// The lock of the list the goroutine is on.
    Unlock(*const RawLock),
    /// The locks of all lists the goroutine is on. It lies on the goroutine's stack and is valid
    /// until the last of them is released.
    UnlockAll(*const Held),
    /// A timer at this time.
    Sleep(Nanos),
    /// One direction of a descriptor, which stays open meanwhile.
    Poll(&'static PollDesc, FdDir),
}

/// A descriptor to be registered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewFd<'a> {
    /// The descriptor.
    pub(crate) fd: BorrowedFd<'a>,
    /// What it is, for viewers.
    pub(crate) what: &'static str,
    /// Who may have its other end.
    pub(crate) origin: Origin,
    /// From where.
    pub(crate) site: Option<SiteId>,
}

/// What is held when a goroutine parks in several places at once, or in one whose order in a live
/// trace depends on others.
#[derive(Debug)]
pub(crate) struct Held {
    /// The locks, each once.
    pub(crate) locks: *const [*const RawLock],
    /// The numbers their structures have given to the wait.
    pub(crate) stamps: *const [Stamp],
}

/// How a timer is set.
pub(crate) struct TimerSet {
    /// When it is due.
    pub(crate) when: Nanos,
    /// After how long it fires again; never if 0.
    pub(crate) period: Nanos,
    /// What the hook of a deadline gets. Channel timers have their own.
    pub(crate) seq: u64,
    /// What an AfterFunc runs.
    pub(crate) entry: Option<Entry>,
    /// From where.
    pub(crate) site: Option<SiteId>,
}

/// What a timer was before it was stopped or set anew.
#[must_use = "whether it was pending is what Stop and Reset tell"]
pub(crate) struct TimerWas {
    /// It was set, and had not fired.
    pub(crate) pending: bool,
    /// What it would have run: code of the user's, for the caller to drop with no lock held.
    pub(crate) unrun: Option<Entry>,
}

/// A goroutine to be made.
pub(crate) struct Spawn {
    /// What it runs.
    pub(crate) entry: Entry,
    /// Its stack in bytes, 0 for the default.
    pub(crate) stack_size: usize,
    /// Its name.
    pub(crate) name: Option<String>,
}

/// Kinds of things that are numbered as they are made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum IdKind {
    /// Channels.
    Chan,
    /// Locks.
    Lock,
    /// WaitGroups.
    Wg,
    /// Condition variables.
    Cond,
    /// Onces.
    Once,
    /// Semaphores.
    Sem,
    /// Pools.
    Pool,
    /// Watched variables.
    Cell,
    /// Contexts.
    Ctx,
    /// Descriptors.
    Fd,
}

impl IdKind {
    /// How many kinds there are.
    pub(crate) const COUNT: usize = Self::Fd as usize + 1;
}

/// A thing of the program that a snapshot holds.
pub(crate) trait Look: Send + Sync {
    /// Adds itself; the world stands. Says which structure it is in the order of a live trace, and
    /// the number its next event will have.
    fn look(&self, state: &mut Snapshot) -> (Structure, u64);
}

/// The scheduler, seen from a goroutine.
pub(crate) trait Kernel: Send + Sync {
    /// The calling M enters the runtime and its claim on its P is contested: sees to it that it has
    /// one. It may block the thread, but never switches.
    fn reenter(&self);
    /// A point where others may act and the conductor may stop the run; at the start of each
    /// runtime call, before any lock is taken.
    fn gate(&self);
    /// Whether events are recorded.
    fn recording(&self) -> bool;
    /// The caller calls the runtime from this line: that is where a dump shows it. Gives the
    /// line's number, if events are recorded.
    fn site(&self, at: &'static Location<'static>) -> Option<SiteId>;
    /// Records events of one step, which get one time. Call it only if [`Kernel::recording`].
    fn record(&self, site: Option<SiteId>, stamps: &[Stamp], events: &mut dyn Iterator<Item = Ev>);
    /// As [`Kernel::record`], for one event of the call in progress: it shares the time of what the
    /// call recorded before.
    fn record_one(
        &self,
        site: Option<SiteId>,
        stamps: &[Stamp],
        event: &Event,
        rule: Option<&Rule>,
    );
    /// The calling goroutine.
    fn current(&self) -> Gp;
    /// The P it runs on; another one after the next gate.
    fn current_p(&self) -> PId;
    /// Makes a goroutine.
    fn spawn(&self, spawn: Spawn, site: Option<SiteId>) -> GId;
    /// Parks the calling goroutine. *Switches.*
    fn park(&self, park: Park);
    /// Makes a parked goroutine runnable, in the slot of the caller's P.
    fn ready(&self, g: Gp, site: Option<SiteId>, rule: Option<Rule>);
    /// Gosched. *Switches.*
    fn yield_now(&self, site: Option<SiteId>);
    /// goyield. *Switches.*
    fn goyield(&self, site: Option<SiteId>);
    /// Enters a system call; until [`Kernel::leave_call`] the caller may not call the runtime.
    fn enter_call(&self, call: &'static str, blocking: bool, site: Option<SiteId>);
    /// In the lab, lets the time of a call pass.
    fn wait_in_call(&self, time: Nanos);
    /// Back from a system call. *Switches.*
    fn leave_call(&self, site: Option<SiteId>);
    /// Ties the calling goroutine to its thread, or takes one tie back.
    fn tie(&self, on: bool, site: Option<SiteId>);
    /// Changes the number of Ps, if it is not 0; says how many there were. *Switches.*
    fn resize(&self, procs: usize) -> usize;
    /// All goroutines in Go's form.
    fn dump(&self) -> String;
    /// The run's clock.
    fn now(&self) -> Nanos;
    /// Burns time: virtual in the lab, real in live.
    fn work(&self, time: Nanos, site: Option<SiteId>);
    /// A random number: from the seed in the lab.
    fn random(&self) -> u32;
    /// The next number of a kind.
    fn next_id(&self, kind: IdKind) -> u32;
    /// Makes a thing known, for snapshots; when it gets its number.
    fn register(&self, thing: Weak<dyn Look>);
    /// The next number of a timer.
    fn next_timer(&self) -> TimerId;
    /// Sets a timer of this run, or sets it anew (`modify`).
    /// May be called under a lock, which is not that of the timer's channel; who calls this, tells
    /// the poller ([`Kernel::tell_poller`]) when it is released.
    fn timer_set(&self, timer: &Arc<Timer>, set: TimerSet) -> TimerWas;
    /// Stops a timer of this run (`stop`). As with [`Kernel::timer_set`], a lock may be held.
    fn timer_stop(&self, timer: &Arc<Timer>, site: Option<SiteId>) -> TimerWas;
    /// Before a look at the channel of a timer, with its lock not held: fires the timer if it is
    /// due and in no heap (`maybeRunChan`).
    fn timer_look(&self, timer: &Arc<Timer>);
    /// The calling goroutine is about to park on the channel of a timer, whose lock it holds
    /// (`blockTimerChan`).
    fn timer_block(&self, timer: &Arc<Timer>);
    /// It is not blocked there any more (`unblockTimerChan`).
    fn timer_unblock(&self, timer: &Arc<Timer>);
    /// Wakes or breaks off the poller if a timer was set that is earlier than it waits for. With no
    /// lock held; before the next gate, unless the caller parks next.
    fn tell_poller(&self);
    /// Timers of the caller's P that nobody uses any more, to be freed by the caller.
    fn dead_timers(&self) -> Dead;
    /// Whether the caller may spin once more for a lock (`runtime_canSpin`).
    fn can_spin(&self, round: u32) -> bool;
    /// Spins once (`runtime_doSpin`).
    fn spin(&self);
    /// Ends the run; does not return. *Switches.*
    fn end(&self, how: EndKind, text: String, rule: Option<Rule>);
    /// As [`Kernel::end`], but returns: the caller goes on to its next gate.
    fn fail(&self, how: EndKind, text: String, rule: Option<Rule>);
    /// The number of this run in the process, from 1.
    fn run(&self) -> u32;
    /// How many Ps there are.
    fn procs(&self) -> usize;
    /// How many goroutines are alive.
    fn alive(&self) -> u64;
    /// Gives the calling goroutine a name.
    fn set_name(&self, name: String);
    /// As [`Kernel::gate`], before a call that uses a descriptor.
    fn io_gate(&self);
    /// The caller uses a descriptor once more, without a gate in between.
    fn before_io(&self);
    /// The count that [`Room::new`] wants.
    fn poll_waiters(&self) -> Arc<AtomicI32>;
    /// Registers a descriptor with the poller (`pollOpen`). May be called under the lock of its owner.
    fn poll_open(&self, new: NewFd<'_>, room: &mut Room) -> Opened;
    /// The descriptor has addresses now; where it connects to, if it does.
    fn poll_peer(&self, desc: &'static PollDesc, fd: BorrowedFd<'_>, to: Option<SocketAddr>);
    /// Takes a descriptor out of the poller, before it is closed (`pollClose`). Nobody waits for it.
    fn poll_close(&self, desc: &'static PollDesc, fd: BorrowedFd<'_>);
}
