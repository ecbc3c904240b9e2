//! Goroutines, threads, processors and what they wait for, as a viewer sees them.

use std::collections::VecDeque;

use gopark_trace::ids::{
    CellId, ChanId, CondId, FdId, GId, LockId, MId, Nanos, Obj, OnceId, PId, PoolId, SemId, SiteId,
    TimerId, WgId,
};
use gopark_trace::words::{FdDir, GStatus, TimerKind, WaitReason};

use crate::pages::Heap;

/// What a P does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PStatus {
    /// On the idle list.
    Idle,
    /// An M has it.
    Running,
    /// Taken from the idle list or handed off, and not yet acquired.
    Promised,
    /// Stopped with the world.
    Stopped,
    /// Gone.
    Dead,
}

/// What an M does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MStatus {
    /// Made or woken, and not yet on its way.
    Starting,
    /// Runs a goroutine, or the scheduler.
    Running,
    /// Looks for work.
    Spinning,
    /// Sleeps on the idle list.
    Idle,
    /// Waits in the poller.
    Polling,
    /// In a system call with its goroutine.
    Syscall,
    /// Suspended with a preempted goroutine.
    Held,
    /// Waits for the goroutine that is tied to it.
    WaitLocked,
    /// Gone.
    Ended,
}

/// Where a goroutine is. It is in exactly one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// In the slot of a P.
    Slot(PId),
    /// In the ring of a P.
    Ring(PId),
    /// In the global queue.
    Global,
    /// In the hand of an M: taken from one place, not yet in the next.
    Hand(MId),
    /// On an M.
    Running(MId),
    /// In a system call, on an M.
    Syscall(MId),
    /// Parked.
    Waiting,
    /// Nowhere: ended, or never seen.
    Gone,
}

/// One processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processor {
    /// Which.
    pub id: PId,
    /// The M that has it.
    pub m: Option<MId>,
    /// Its slot.
    pub slot: Option<GId>,
    /// Its ring, oldest first.
    pub ring: VecDeque<GId>,
    /// Goroutines started with a new slice (Go's schedtick).
    pub tick: u32,
    /// When the present slice began.
    pub slice_start: Nanos,
    /// What it does.
    pub status: PStatus,
}

/// One thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Which.
    pub id: MId,
    /// Its P.
    pub p: Option<PId>,
    /// The goroutine it runs.
    pub g: Option<GId>,
    /// Goroutines in its hand.
    pub hand: Vec<GId>,
    /// What it does.
    pub status: MStatus,
    /// A P that is promised to it.
    pub next_p: Option<PId>,
    /// The goroutine it is suspended with.
    pub holds: Option<GId>,
    /// Whether it counts among those that look for work, whatever it does this moment.
    pub looks: bool,
}

/// One goroutine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goroutine {
    /// Which.
    pub id: GId,
    /// Who made it.
    pub parent: Option<GId>,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Where it was made.
    pub site: Option<SiteId>,
    /// Its status.
    pub status: GStatus,
    /// Where it is.
    pub place: Place,
    /// Why it waits.
    pub wait: Option<WaitReason>,
    /// What it waits for.
    pub on: Option<Obj>,
    /// The select it is in.
    pub select: Option<Box<Select>>,
    /// Since when it is in this status.
    pub since: Nanos,
    /// How many times it was started.
    pub starts: u32,
    /// The thread it is tied to.
    pub tied: Option<MId>,
    /// The thread that is suspended with it: only there it can go on.
    pub held_by: Option<MId>,
    /// It computes, for this long.
    pub working: Option<Nanos>,
}

/// A select, from its start until it takes a case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Select {
    /// Its cases, as they are written; of one that was joined while it waited, those it waits on.
    pub cases: Vec<SelectCase>,
    /// The order they are tried in; empty if it was joined while it waited.
    pub order: Vec<u32>,
    /// Whether there is a default.
    pub default: bool,
    /// Who lets it go on: which channel, and whether it sends there.
    pub won: Option<(ChanId, bool)>,
}

/// One case of a select.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelectCase {
    /// Its channel; none is nil.
    pub chan: Option<ChanId>,
    /// Whether it sends.
    pub sends: bool,
    /// Whether it could go on when the select started.
    pub ready: bool,
}

impl Select {
    /// Whether its start was seen, so that cases have their numbers.
    pub(crate) fn is_told(&self) -> bool {
        !self.order.is_empty() || self.cases.iter().all(|case| case.chan.is_none())
    }
}

/// One channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Which.
    pub id: ChanId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its room.
    pub cap: u32,
    /// How many values are buffered.
    pub len: u32,
    /// Whether it is closed.
    pub closed: bool,
    /// Waiting receivers, first first.
    pub recvq: VecDeque<GId>,
    /// Waiting senders, first first.
    pub sendq: VecDeque<GId>,
}

/// One lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Which.
    pub id: LockId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Who holds it.
    pub owner: Option<GId>,
    /// How many hold it for reading.
    pub readers: u32,
    /// A writer that waits for readers to leave, and keeps new ones out.
    pub pending: Option<GId>,
    /// Somebody has used it for reading: it is an RWMutex.
    pub shared: bool,
    /// Who waits, first first.
    pub waiters: VecDeque<GId>,
    /// Whether it is in starvation mode.
    pub starving: bool,
}

/// One WaitGroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitGroup {
    /// Which.
    pub id: WgId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its counter.
    pub counter: i64,
    /// Who waits, first first.
    pub waiters: VecDeque<GId>,
}

/// One condition variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cond {
    /// Which.
    pub id: CondId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Who has a ticket that was not called, the oldest first: parked, or about to.
    pub tickets: VecDeque<GId>,
    /// Who is parked, first first.
    pub waiters: VecDeque<GId>,
}

/// One Once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// Which.
    pub id: OnceId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Who runs its function.
    pub runner: Option<GId>,
    /// Whether that has ended.
    pub done: bool,
}

/// One semaphore.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Semaphore {
    /// Which.
    pub id: SemId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// What is left of it, as of its last change.
    pub free: i64,
    /// Who waits, first first.
    pub waiters: VecDeque<GId>,
}

/// One pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Which.
    pub id: PoolId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// How many objects it keeps.
    pub kept: u64,
}

/// One watched variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Which.
    pub id: CellId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// What was last read or written.
    pub value: i64,
    /// Who wrote it last.
    pub writer: Option<GId>,
}

/// One descriptor that is registered with the poller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Which.
    pub id: FdId,
    /// What it is; empty if that was told before a hole.
    pub what: String,
    /// Who is parked until it can be read.
    pub reader: Option<GId>,
    /// Who is parked until it can be written.
    pub writer: Option<GId>,
}

impl Descriptor {
    /// Who is parked for one direction.
    pub fn waiter(&self, dir: FdDir) -> Option<GId> {
        match dir {
            FdDir::Read => self.reader,
            FdDir::Write => self.writer,
        }
    }
}

/// One timer that is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer {
    /// Which.
    pub id: TimerId,
    /// On whose heap.
    pub p: PId,
    /// When it is due.
    pub when: Nanos,
    /// What it does.
    pub kind: TimerKind,
    /// Whom it wakes.
    pub g: Option<GId>,
}

/// How many goroutines are in which status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// In a queue or in a hand.
    pub runnable: u64,
    /// On an M with a P.
    pub running: u64,
    /// In a system call.
    pub syscall: u64,
    /// Parked.
    pub waiting: u64,
    /// Ended.
    pub ended: u64,
}

impl Counts {
    /// The count of a status that is not dead.
    pub(crate) fn of(&mut self, status: GStatus) -> &mut u64 {
        match status {
            GStatus::Runnable => &mut self.runnable,
            GStatus::Running => &mut self.running,
            GStatus::Syscall => &mut self.syscall,
            GStatus::Waiting => &mut self.waiting,
            GStatus::Dead => &mut self.ended,
        }
    }
}

/// What a text takes.
fn text(text: &Option<String>) -> usize {
    text.as_ref().map_or(0, String::len)
}

/// What a queue takes.
fn queue(queue: &VecDeque<GId>) -> usize {
    queue.len() * size_of::<GId>()
}

impl Heap for Goroutine {
    fn heap(&self) -> usize {
        let select = self.select.as_ref().map_or(0, |select| {
            size_of::<Select>() + size_of_val(&*select.cases) + size_of_val(&*select.order)
        });
        text(&self.name) + select
    }
}

impl Heap for Channel {
    fn heap(&self) -> usize {
        text(&self.name) + queue(&self.recvq) + queue(&self.sendq)
    }
}

impl Heap for Lock {
    fn heap(&self) -> usize {
        text(&self.name) + queue(&self.waiters)
    }
}

impl Heap for WaitGroup {
    fn heap(&self) -> usize {
        text(&self.name) + queue(&self.waiters)
    }
}

impl Heap for Cond {
    fn heap(&self) -> usize {
        text(&self.name) + queue(&self.tickets) + queue(&self.waiters)
    }
}

impl Heap for Once {
    fn heap(&self) -> usize {
        text(&self.name)
    }
}

impl Heap for Semaphore {
    fn heap(&self) -> usize {
        text(&self.name) + queue(&self.waiters)
    }
}

impl Heap for Pool {
    fn heap(&self) -> usize {
        text(&self.name)
    }
}

impl Heap for Cell {
    fn heap(&self) -> usize {
        text(&self.name)
    }
}

impl Heap for Descriptor {
    fn heap(&self) -> usize {
        self.what.len()
    }
}

impl Heap for Timer {
    fn heap(&self) -> usize {
        0
    }
}
