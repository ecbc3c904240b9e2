//! The whole state at one moment, as plain data.
//!
//! A snapshot is taken with the world stopped. A world made from it equals the world that folded
//! every event before it.

use crate::ids::{ChanId, GId, LockId, MId, Nanos, Obj, PId, SiteId, TimerId, WgId};
use crate::words::{GStatus, TimerKind, WaitReason};

wire_struct! {
    /// One goroutine.
    pub struct GSnap {
        /// Which.
        pub g: GId,
        /// Who made it.
        pub parent: Option<GId>,
        /// Its name, if it has one.
        pub name: Option<String>,
        /// Where it was made.
        pub site: Option<SiteId>,
        /// Its status.
        pub status: GStatus,
        /// Why and on what it waits.
        pub wait: Option<WaitReason>,
        /// What it waits for.
        pub on: Option<Obj>,
        /// Since when it is in this status.
        pub since: Nanos,
        /// The thread it is tied to.
        pub locked_to: Option<MId>,
        /// The thread that is suspended with it.
        pub held_by: Option<MId>,
    }

    /// One thread.
    pub struct MSnap {
        /// Which.
        pub m: MId,
        /// Its P.
        pub p: Option<PId>,
        /// The goroutine it runs.
        pub g: Option<GId>,
        /// Goroutines in its hand: taken from a queue, not yet started or queued.
        pub hand: Vec<GId>,
        /// Whether it looks for work.
        pub spinning: bool,
        /// Whether it blocks in the poller.
        pub polling: bool,
        /// A P that is promised to it.
        pub next_p: Option<PId>,
    }

    /// One processor.
    pub struct PSnap {
        /// Which.
        pub p: PId,
        /// The M that has it.
        pub m: Option<MId>,
        /// Its slot.
        pub slot: Option<GId>,
        /// Its ring, oldest first.
        pub ring: Vec<GId>,
        /// How many times a goroutine started on it with a new slice (Go's schedtick).
        pub tick: u32,
        /// When the present slice began.
        pub slice_start: Nanos,
    }

    /// One channel.
    pub struct ChanSnap {
        /// Which.
        pub chan: ChanId,
        /// Its name, if it has one.
        pub name: Option<String>,
        /// Its room.
        pub cap: u32,
        /// How many are buffered.
        pub len: u32,
        /// Whether it is closed.
        pub closed: bool,
        /// Waiting receivers, first first.
        pub recvq: Vec<GId>,
        /// Waiting senders, first first.
        pub sendq: Vec<GId>,
    }

    /// One lock.
    pub struct LockSnap {
        /// Which.
        pub lock: LockId,
        /// Its name, if it has one.
        pub name: Option<String>,
        /// Who holds it.
        pub owner: Option<GId>,
        /// Who waits, first first.
        pub waiters: Vec<GId>,
        /// Whether it is in starvation mode.
        pub starving: bool,
    }

    /// One WaitGroup.
    pub struct WgSnap {
        /// Which.
        pub wg: WgId,
        /// Its name, if it has one.
        pub name: Option<String>,
        /// Its counter.
        pub counter: i64,
        /// Who waits, first first.
        pub waiters: Vec<GId>,
    }

    /// One timer.
    pub struct TimerSnap {
        /// Which.
        pub timer: TimerId,
        /// On whose heap.
        pub p: PId,
        /// When it is due.
        pub when: Nanos,
        /// What it does.
        pub kind: TimerKind,
        /// Whom it wakes.
        pub g: Option<GId>,
    }

    /// The whole state.
    #[derive(Default)]
    pub struct Snapshot {
        /// Every goroutine that is not dead.
        pub gs: Vec<GSnap>,
        /// Every thread.
        pub ms: Vec<MSnap>,
        /// Every processor.
        pub ps: Vec<PSnap>,
        /// The global queue, head first.
        pub global: Vec<GId>,
        /// Idle Ms, the next to be woken last.
        pub idle_ms: Vec<MId>,
        /// Idle Ps, the next to be taken last.
        pub idle_ps: Vec<PId>,
        /// Spinning Ms.
        pub spinning: u32,
        /// Whether somebody found no idle P for work.
        pub needspinning: bool,
        /// Channels that are known.
        pub chans: Vec<ChanSnap>,
        /// Locks that are known.
        pub locks: Vec<LockSnap>,
        /// WaitGroups that are known.
        pub wgs: Vec<WgSnap>,
        /// Timers that are set.
        pub timers: Vec<TimerSnap>,
        /// Goroutines that have ended.
        pub ended: u64,
    }
}
