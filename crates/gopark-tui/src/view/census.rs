//! Who is where: every goroutine that is not dead in exactly one bucket, in the order it stands.
//!
//! Invariant: a goroutine's own place decides its bucket, the queues only give the order. So even a
//! world folded from a broken recording shows each of them once.

use std::collections::{BTreeMap, HashMap};

use gopark_model::{Goroutine, MStatus, Machine, PStatus, Place, Processor, World};
use gopark_trace::{ChanId, GId, LockId, MId, Obj, PId, WaitReason, WgId};

/// More of a queue than this is never drawn singly, so it is not put in order either.
const DRAWN_AT_MOST: usize = 600;

/// A queue as it is drawn: its head, and how many there are in all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Queue {
    /// The first ones in order.
    pub(crate) head: Vec<GId>,
    /// How many there are.
    pub(crate) total: usize,
}

impl Queue {
    /// The `members` (by id) in the order of `list`; those it does not know come last.
    fn ordered(list: impl IntoIterator<Item = GId>, members: &[GId]) -> Self {
        let mut used = vec![false; members.len()];
        let mut head = Vec::new();
        for g in list {
            if head.len() == members.len().min(DRAWN_AT_MOST) {
                break;
            }
            if let Ok(i) = members.binary_search(&g)
                && !used[i]
            {
                used[i] = true;
                head.push(g);
            }
        }
        let rest = members.iter().zip(&used).filter(|(_, used)| !**used).map(|(g, _)| *g);
        let room = members.len().min(DRAWN_AT_MOST).saturating_sub(head.len());
        head.extend(rest.take(room));
        Self { head, total: members.len() }
    }

    /// Members in the order of their ids.
    fn plain(members: &[GId]) -> Self {
        Self::ordered([], members)
    }
}

/// What a thread has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// What it runs, or holds in a call or suspended.
    pub(crate) on: Vec<GId>,
    /// What it has taken from a queue and not started yet.
    pub(crate) hand: Vec<GId>,
}

/// A processor with all that is drawn in its card.
#[derive(Debug, Clone)]
pub(crate) struct Lane<'w> {
    /// The processor.
    pub(crate) p: &'w Processor,
    /// Its thread, or the one that is to take it.
    pub(crate) m: Option<&'w Machine>,
    /// Whether the thread has not taken it yet.
    pub(crate) coming: bool,
    /// What its thread has.
    pub(crate) load: Load,
    /// Its slot; more than one only in a broken recording.
    pub(crate) slot: Queue,
    /// Its ring, oldest first.
    pub(crate) ring: Queue,
}

/// A thread that is drawn beside the processors.
#[derive(Debug, Clone)]
pub(crate) struct Thread<'w> {
    /// The thread.
    pub(crate) m: &'w Machine,
    /// What it has.
    pub(crate) load: Load,
}

/// What a group of goroutines waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    /// To receive from or send to a channel.
    Chan(ChanId),
    /// A lock.
    Lock(LockId),
    /// A WaitGroup.
    Wg(WgId),
    /// A moment.
    Sleep,
    /// One of several channels.
    Select,
    /// Something else, with Go's word for it.
    Other(WaitReason, Option<Obj>),
    /// The recording does not say.
    Unknown,
}

impl Key {
    /// What `g` waits for.
    pub(crate) fn of(g: &Goroutine) -> Self {
        match (g.wait, g.on) {
            (Some(WaitReason::Select | WaitReason::SelectDurable), _) => Self::Select,
            (Some(WaitReason::Sleep), _) => Self::Sleep,
            (_, Some(Obj::Chan(chan))) => Self::Chan(chan),
            (_, Some(Obj::Lock(lock))) => Self::Lock(lock),
            (_, Some(Obj::Wg(wg))) => Self::Wg(wg),
            (Some(why), on) => Self::Other(why, on),
            (None, _) => Self::Unknown,
        }
    }
}

/// Every goroutine by where it is drawn.
#[derive(Debug, Clone)]
pub(crate) struct Census<'w> {
    /// The processors that are there.
    pub(crate) lanes: Vec<Lane<'w>>,
    /// The threads without a processor, but for those that have ended.
    pub(crate) threads: Vec<Thread<'w>>,
    /// The global queue, head first.
    pub(crate) global: Queue,
    /// Parked goroutines by what they wait for, by id.
    pub(crate) waiting: BTreeMap<Key, Vec<GId>>,
    /// Goroutines in a place that is not drawn; only in a broken recording.
    pub(crate) elsewhere: Vec<GId>,
    /// How many goroutines there are.
    pub(crate) total: usize,
}

impl<'w> Census<'w> {
    /// Takes the census of `world`.
    pub(crate) fn of(world: &'w World) -> Self {
        let mut buckets = Buckets::default();
        let mut total = 0;
        for g in world.gs() {
            total += 1;
            buckets.put(g);
        }
        let mut lanes = Vec::new();
        for p in world.ps().iter().filter(|p| p.status != PStatus::Dead) {
            lanes.push(buckets.lane(world, p));
        }
        let drawn: Vec<MId> = lanes.iter().filter_map(|l| l.m).map(|m| m.id).collect();
        let mut threads = Vec::new();
        for m in world.ms().iter().filter(|m| !drawn.contains(&m.id)) {
            let load = buckets.load(m.id);
            if m.status != MStatus::Ended || load != Load::default() {
                threads.push(Thread { m, load });
            }
        }
        Self {
            lanes,
            threads,
            global: Queue::ordered(world.global().iter().copied(), &buckets.global),
            elsewhere: buckets.left_over(),
            waiting: buckets.waiting,
            total,
        }
    }

    /// The members of a group in the order they will be served, if there is one.
    pub(crate) fn served(world: &World, key: Key, members: &[GId]) -> Queue {
        match key {
            Key::Lock(id) => match world.lock(id) {
                Some(lock) => Queue::ordered(lock.waiters.iter().copied(), members),
                None => Queue::plain(members),
            },
            Key::Wg(id) => match world.wg(id) {
                Some(wg) => Queue::ordered(wg.waiters.iter().copied(), members),
                None => Queue::plain(members),
            },
            Key::Sleep => Queue::ordered(world.timers().filter_map(|t| t.g), members),
            _ => Queue::plain(members),
        }
    }

    /// The receivers and the senders among those who wait for `chan`, first first.
    pub(crate) fn ends(world: &World, chan: ChanId, members: &[GId]) -> (Queue, Queue) {
        let sends = |g: &GId| {
            let why = world.g(*g).and_then(|g| g.wait);
            matches!(why, Some(WaitReason::ChanSend | WaitReason::ChanSendDurable))
        };
        let (senders, receivers): (Vec<GId>, Vec<GId>) = members.iter().partition(|g| sends(g));
        match world.chan(chan) {
            Some(c) => (
                Queue::ordered(c.recvq.iter().copied(), &receivers),
                Queue::ordered(c.sendq.iter().copied(), &senders),
            ),
            None => (Queue::plain(&receivers), Queue::plain(&senders)),
        }
    }
}

/// Goroutines by place, each bucket in the order of ids.
#[derive(Debug, Default)]
struct Buckets {
    slots: HashMap<PId, Vec<GId>>,
    rings: HashMap<PId, Vec<GId>>,
    on: HashMap<MId, Vec<GId>>,
    hands: HashMap<MId, Vec<GId>>,
    global: Vec<GId>,
    waiting: BTreeMap<Key, Vec<GId>>,
    elsewhere: Vec<GId>,
}

impl Buckets {
    fn put(&mut self, g: &Goroutine) {
        let bucket = match g.place {
            Place::Slot(p) => self.slots.entry(p).or_default(),
            Place::Ring(p) => self.rings.entry(p).or_default(),
            Place::Running(m) | Place::Syscall(m) => self.on.entry(m).or_default(),
            Place::Hand(m) => self.hands.entry(m).or_default(),
            Place::Global => &mut self.global,
            Place::Waiting => self.waiting.entry(Key::of(g)).or_default(),
            Place::Gone => &mut self.elsewhere,
        };
        bucket.push(g.id);
    }

    fn load(&mut self, m: MId) -> Load {
        Load {
            on: self.on.remove(&m).unwrap_or_default(),
            hand: self.hands.remove(&m).unwrap_or_default(),
        }
    }

    fn lane<'w>(&mut self, world: &'w World, p: &'w Processor) -> Lane<'w> {
        let owner = p.m.and_then(|id| world.m(id));
        let promised = || world.ms().iter().find(|m| m.next_p == Some(p.id) && m.p.is_none());
        let m = owner.or_else(promised);
        let slot = self.slots.remove(&p.id).unwrap_or_default();
        let ring = self.rings.remove(&p.id).unwrap_or_default();
        Lane {
            p,
            m,
            coming: owner.is_none() && m.is_some(),
            load: m.map(|m| self.load(m.id)).unwrap_or_default(),
            slot: Queue::plain(&slot),
            ring: Queue::ordered(p.ring.iter().copied(), &ring),
        }
    }

    /// Those in places that no lane and no thread has taken.
    fn left_over(&mut self) -> Vec<GId> {
        let mut left = std::mem::take(&mut self.elsewhere);
        for places in [&mut self.slots, &mut self.rings] {
            left.extend(places.drain().flat_map(|(_, gs)| gs));
        }
        for places in [&mut self.on, &mut self.hands] {
            left.extend(places.drain().flat_map(|(_, gs)| gs));
        }
        left.sort_unstable();
        left
    }
}
