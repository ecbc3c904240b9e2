//! What a world is made of: goroutines, threads, processors, and what goroutines wait for.

use std::collections::VecDeque;

use gopark_trace::{
    ChanId, GId, GStatus, LockId, MId, Nanos, Obj, PId, SiteId, TimerId, TimerKind, WaitReason,
    WgId,
};

use super::chunks::Keyed;

/// Where a goroutine is. Always in exactly one place, which also decides its [`GStatus`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// In the slot of a P.
    Slot(PId),
    /// In the ring of a P.
    Ring(PId),
    /// In the global queue.
    Global,
    /// In the hand of an M: taken from a queue, not yet started or queued again.
    Hand(MId),
    /// Running on an M.
    Running(MId),
    /// In a system call on an M.
    Syscall(MId),
    /// Suspended with its M.
    Held(MId),
    /// Parked.
    Waiting,
    /// Ended.
    Gone,
}

impl Place {
    /// The status of a goroutine in this place.
    pub fn status(self) -> GStatus {
        match self {
            Self::Slot(_) | Self::Ring(_) | Self::Global | Self::Hand(_) => GStatus::Runnable,
            Self::Running(_) => GStatus::Running,
            Self::Syscall(_) => GStatus::Syscall,
            Self::Held(_) => GStatus::Held,
            Self::Waiting => GStatus::Waiting,
            Self::Gone => GStatus::Dead,
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Slot(p) => write!(f, "in the slot of {p}"),
            Self::Ring(p) => write!(f, "in the ring of {p}"),
            Self::Global => f.write_str("in the global queue"),
            Self::Hand(m) => write!(f, "in the hand of {m}"),
            Self::Running(m) => write!(f, "running on {m}"),
            Self::Syscall(m) => write!(f, "in a system call on {m}"),
            Self::Held(m) => write!(f, "held with {m}"),
            Self::Waiting => f.write_str("waiting"),
            Self::Gone => f.write_str("gone"),
        }
    }
}

/// A goroutine that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goroutine {
    /// Which one.
    pub id: GId,
    /// Who made it.
    pub parent: Option<GId>,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The line of its `go` statement.
    pub site: Option<SiteId>,
    /// Its status; always that of its place.
    pub status: GStatus,
    /// Where it is.
    pub place: Place,
    /// Why it waits, while it waits.
    pub wait: Option<WaitReason>,
    /// What it waits for.
    pub on: Option<Obj>,
    /// Since when it has this status.
    pub since: Nanos,
    /// How many times it was started; saturating.
    pub starts: u32,
    /// Until when it computes, if it is in `work`.
    pub working: Option<Nanos>,
    /// The thread it is tied to.
    pub locked_to: Option<MId>,
}

impl Goroutine {
    /// A goroutine nothing is known of: it waits, for nothing.
    pub(crate) fn unknown(id: GId, since: Nanos) -> Self {
        Self {
            id,
            parent: None,
            name: None,
            site: None,
            status: GStatus::Waiting,
            place: Place::Waiting,
            wait: None,
            on: None,
            since,
            starts: 0,
            working: None,
            locked_to: None,
        }
    }
}

/// The status of a P.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PStatus {
    /// On the list of idle Ps, or just made.
    Idle,
    /// An M has it.
    Running,
    /// Taken from the idle list or handed off, and not yet acquired.
    Promised,
    /// Stopped with the world.
    Stopped,
    /// Gone, because GOMAXPROCS shrank.
    Dead,
}

/// A processor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processor {
    /// Which one.
    pub id: PId,
    /// The M that has it.
    pub m: Option<MId>,
    /// Its slot (Go's `runnext`).
    pub slot: Option<GId>,
    /// Its ring, oldest first.
    pub ring: VecDeque<GId>,
    /// Go's `schedtick`: how many times a goroutine started here with a new time slice.
    pub tick: u32,
    /// When the present slice began.
    pub slice_start: Nanos,
    /// Its status.
    pub status: PStatus,
}

impl Processor {
    pub(crate) fn new(id: PId) -> Self {
        Self {
            id,
            m: None,
            slot: None,
            ring: VecDeque::new(),
            tick: 0,
            slice_start: Nanos(0),
            status: PStatus::Idle,
        }
    }

    /// Whether nothing waits here.
    pub fn is_empty(&self) -> bool {
        self.slot.is_none() && self.ring.is_empty()
    }

    /// How many wait here.
    pub fn queued(&self) -> usize {
        usize::from(self.slot.is_some()) + self.ring.len()
    }
}

/// The status of an M.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MStatus {
    /// Made or woken, not yet running.
    Starting,
    /// Running a goroutine, or in the scheduler.
    Running,
    /// Looking for work without having any.
    Spinning,
    /// Asleep on the list of idle Ms.
    Idle,
    /// Waiting in the poller.
    Polling,
    /// In a system call.
    Syscall,
    /// Suspended with a preempted goroutine.
    Held,
    /// Waiting until the goroutine tied to it is picked.
    WaitLocked,
    /// Ended.
    Ended,
}

/// A thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Which one.
    pub id: MId,
    /// Its P.
    pub p: Option<PId>,
    /// The goroutine it runs, or is in a call or suspended with.
    pub g: Option<GId>,
    /// Goroutines it has taken from a queue and not yet started or queued again.
    pub hand: Vec<GId>,
    /// Its status.
    pub status: MStatus,
    /// The P that was promised to it.
    pub next_p: Option<PId>,
    /// Whether it counts as spinning, which it may do before it runs.
    pub spinning: bool,
    /// The preempted goroutine it is suspended with, which waits in a queue to be picked.
    pub holds: Option<GId>,
    /// The lock whose queue its goroutine joins at the front, said just before it parks.
    pub(crate) front_of: Option<LockId>,
}

impl Machine {
    pub(crate) fn new(id: MId) -> Self {
        Self {
            id,
            p: None,
            g: None,
            hand: Vec::new(),
            status: MStatus::Starting,
            next_p: None,
            spinning: false,
            holds: None,
            front_of: None,
        }
    }

    /// Whether it is in the scheduler with a P: about to find a goroutine, or to give the P up.
    pub fn searches(&self) -> bool {
        self.p.is_some()
            && self.g.is_none()
            && matches!(self.status, MStatus::Running | MStatus::Spinning)
    }
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    /// Which one.
    pub id: ChanId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its room.
    pub cap: u32,
    /// How many values are buffered.
    pub len: u32,
    /// Whether it is closed.
    pub closed: bool,
    /// Waiting receivers, first first; without those that wait in a select.
    pub recvq: VecDeque<GId>,
    /// Waiting senders, first first; without those that wait in a select.
    pub sendq: VecDeque<GId>,
}

/// A Mutex or RWMutex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Which one.
    pub id: LockId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Who holds it.
    pub owner: Option<GId>,
    /// How many hold its read side.
    pub readers: u32,
    /// Who waits, first first.
    pub waiters: VecDeque<GId>,
    /// Whether it is in starvation mode.
    pub starving: bool,
}

/// A WaitGroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitGroup {
    /// Which one.
    pub id: WgId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Its counter.
    pub counter: i64,
    /// Who waits, first first.
    pub waiters: VecDeque<GId>,
}

/// A timer that is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timer {
    /// Which one.
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

/// How many goroutines have which status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// In a run queue, or in hand.
    pub runnable: u64,
    /// Running.
    pub running: u64,
    /// In a system call.
    pub syscall: u64,
    /// Parked.
    pub waiting: u64,
    /// Suspended with their thread.
    pub held: u64,
    /// Ended since the start of the run.
    pub ended: u64,
}

impl Counts {
    /// Those that have not ended.
    pub fn alive(&self) -> u64 {
        self.runnable + self.running + self.syscall + self.waiting + self.held
    }

    pub(crate) fn of(&mut self, status: GStatus) -> &mut u64 {
        match status {
            GStatus::Runnable => &mut self.runnable,
            GStatus::Running => &mut self.running,
            GStatus::Syscall => &mut self.syscall,
            GStatus::Waiting => &mut self.waiting,
            GStatus::Held => &mut self.held,
            GStatus::Dead => &mut self.ended,
        }
    }
}

/// A source line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) id: SiteId,
    pub(crate) file: String,
    pub(crate) line: u32,
}

/// The name of a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) obj: Obj,
    pub(crate) name: String,
}

/// A timer in the order of due times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) when: Nanos,
    pub(crate) timer: TimerId,
}

/// The channels whose queues a goroutine in a select stands in, as a snapshot told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selecting {
    pub(crate) g: GId,
    pub(crate) chans: Vec<ChanId>,
}

fn text(name: &Option<String>) -> usize {
    name.as_ref().map_or(0, String::capacity)
}

fn gs(queue: &VecDeque<GId>) -> usize {
    queue.len() * size_of::<GId>()
}

macro_rules! keyed {
    ($($value:ident . $key:ident : $id:ident, $heap:expr;)*) => {$(
        impl Keyed for $value {
            type Key = $id;
            fn key(&self) -> $id {
                self.$key
            }
            fn guess(first: $id, key: $id) -> usize {
                usize::try_from(key.0.wrapping_sub(first.0)).unwrap_or(usize::MAX)
            }
            fn heap(&self) -> usize {
                let heap: fn(&Self) -> usize = $heap;
                heap(self)
            }
        }
    )*};
}

keyed! {
    Goroutine.id: GId, |g| text(&g.name);
    Channel.id: ChanId, |c| text(&c.name) + gs(&c.recvq) + gs(&c.sendq);
    Lock.id: LockId, |l| text(&l.name) + gs(&l.waiters);
    WaitGroup.id: WgId, |w| text(&w.name) + gs(&w.waiters);
    Timer.id: TimerId, |_| 0;
    Site.id: SiteId, |s| s.file.capacity();
    Selecting.g: GId, |s| s.chans.capacity() * size_of::<ChanId>();
}

impl Keyed for Name {
    type Key = Obj;
    fn key(&self) -> Obj {
        self.obj
    }
    fn guess(_: Obj, _: Obj) -> usize {
        usize::MAX
    }
    fn heap(&self) -> usize {
        self.name.capacity()
    }
}

impl Keyed for Due {
    type Key = (Nanos, TimerId);
    fn key(&self) -> Self::Key {
        (self.when, self.timer)
    }
    fn guess(_: Self::Key, _: Self::Key) -> usize {
        usize::MAX
    }
}
