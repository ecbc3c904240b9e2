//! The state at one moment, and the step to the next.
//!
//! Invariants, whatever the events: every goroutine that has not ended is in exactly one place (one
//! slot, one ring, the global queue, one hand, one M, or waiting), and the queues hold nothing
//! else; every P is with at most one M and the other way round; a P on the idle list is `Idle`.
//! [`World::check_places`] looks.
//!
//! An event has preconditions. One that does not hold is a [`Violation`]; then what stands in the
//! way is moved aside and the event has its way.

mod apply;
mod look;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use gopark_trace::ids::{
    CellId, ChanId, CondId, FdId, GId, LockId, MId, Nanos, Obj, OnceId, PId, PoolId, SemId, SiteId,
    TimerId, WgId,
};
use gopark_trace::record::Record;
use gopark_trace::words::{Drive, EndKind, GStatus, Queue};

use crate::pages::{Pages, Sorted};
use crate::things::{
    Cell, Channel, Cond, Counts, Descriptor, Goroutine, Lock, MStatus, Machine, Once, PStatus,
    Place, Pool, Processor, Semaphore, Timer, WaitGroup,
};

/// Ids of Ms and Ps above this are not believed.
pub(crate) const MAX_INDEX: u32 = 1 << 14;

/// An event whose precondition did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The conformance rule (`"R2"`) that is broken.
    pub rule: &'static str,
    /// The sequence number of the event.
    pub seq: u64,
    /// What is wrong, in words.
    pub text: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "event {}: {}: {}", self.seq, self.rule, self.text)
    }
}

/// The state of a run at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    time: Nanos,
    seq: u64,
    known: bool,
    drive: Drive,
    seed: u64,
    program: Arc<str>,
    procs: u32,
    ended: Option<(EndKind, Arc<str>)>,
    ps: Vec<Processor>,
    ms: Vec<Machine>,
    gs: Pages<Goroutine>,
    global: VecDeque<GId>,
    idle_ms: Vec<MId>,
    idle_ps: Vec<PId>,
    spinning: u32,
    needspinning: bool,
    chans: Pages<Channel>,
    locks: Pages<Lock>,
    wgs: Pages<WaitGroup>,
    conds: Pages<Cond>,
    onces: Pages<Once>,
    sems: Pages<Semaphore>,
    pools: Pages<Pool>,
    cells: Pages<Cell>,
    fds: Pages<Descriptor>,
    timers: Pages<Timer>,
    due: Sorted<(Nanos, TimerId)>,
    /// The names that were told; a thing that has an entry has it there too.
    names: Arc<BTreeMap<Obj, Arc<str>>>,
    sites: Arc<BTreeMap<SiteId, (Arc<str>, u32)>>,
    counts: Counts,
    /// It began with a snapshot of goroutines that had done things before: who waits for what, and
    /// in which order, is known as far as the snapshot tells.
    joined: bool,
    /// Whose ticket of a condition variable was called before it parked.
    called: BTreeMap<GId, CondId>,
    /// The next park of these goroutines goes to the front of its queue.
    front: BTreeSet<GId>,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// Before the first event.
    pub fn new() -> Self {
        Self {
            time: Nanos(0),
            seq: 0,
            known: true,
            drive: Drive::Lab,
            seed: 0,
            program: Arc::from(""),
            procs: 0,
            ended: None,
            ps: Vec::new(),
            ms: Vec::new(),
            gs: Pages::default(),
            global: VecDeque::new(),
            idle_ms: Vec::new(),
            idle_ps: Vec::new(),
            spinning: 0,
            needspinning: false,
            chans: Pages::default(),
            locks: Pages::default(),
            wgs: Pages::default(),
            conds: Pages::default(),
            onces: Pages::default(),
            sems: Pages::default(),
            pools: Pages::default(),
            cells: Pages::default(),
            fds: Pages::default(),
            timers: Pages::default(),
            due: Sorted::default(),
            names: Arc::default(),
            sites: Arc::default(),
            counts: Counts::default(),
            joined: false,
            called: BTreeMap::new(),
            front: BTreeSet::new(),
        }
    }

    // ---- what a viewer asks ----

    /// The time of the last event.
    pub fn time(&self) -> Nanos {
        self.time
    }

    /// How many events were applied.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Whether the state is known: not between a gap and the next snapshot.
    pub fn known(&self) -> bool {
        self.known
    }

    /// How the run ended, if it has.
    pub fn ended(&self) -> Option<(EndKind, &str)> {
        self.ended.as_ref().map(|(how, text)| (*how, &**text))
    }

    /// What moves the run.
    pub fn drive(&self) -> Drive {
        self.drive
    }

    /// The seed of the run.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The name of the program.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// GOMAXPROCS.
    pub fn procs(&self) -> usize {
        self.procs as usize
    }

    /// The Ps, by number.
    pub fn ps(&self) -> &[Processor] {
        &self.ps
    }

    /// A P.
    pub fn p(&self, p: PId) -> Option<&Processor> {
        self.ps.get(p.0 as usize)
    }

    /// The Ms, by number.
    pub fn ms(&self) -> &[Machine] {
        &self.ms
    }

    /// An M.
    pub fn m(&self, m: MId) -> Option<&Machine> {
        self.ms.get(m.0 as usize)
    }

    /// A goroutine that has not ended.
    pub fn g(&self, g: GId) -> Option<&Goroutine> {
        self.gs.get(g.0)
    }

    /// The goroutines that have not ended, by number.
    pub fn gs(&self) -> impl Iterator<Item = &Goroutine> {
        self.gs.iter()
    }

    /// The global queue, head first.
    pub fn global(&self) -> &VecDeque<GId> {
        &self.global
    }

    /// Idle Ms; the next to be woken is the last.
    pub fn idle_ms(&self) -> &[MId] {
        &self.idle_ms
    }

    /// Idle Ps; the next to be taken is the last.
    pub fn idle_ps(&self) -> &[PId] {
        &self.idle_ps
    }

    /// How many Ms look for work.
    pub fn spinning(&self) -> u32 {
        self.spinning
    }

    /// Whether somebody left work because no P was idle.
    pub fn needspinning(&self) -> bool {
        self.needspinning
    }

    /// The channels that were used, by number.
    pub fn chans(&self) -> impl Iterator<Item = &Channel> {
        self.chans.iter()
    }

    /// A channel.
    pub fn chan(&self, chan: ChanId) -> Option<&Channel> {
        self.chans.get(chan.0.into())
    }

    /// The locks that were used, by number.
    pub fn locks(&self) -> impl Iterator<Item = &Lock> {
        self.locks.iter()
    }

    /// A lock.
    pub fn lock(&self, lock: LockId) -> Option<&Lock> {
        self.locks.get(lock.0.into())
    }

    /// The WaitGroups that were used, by number.
    pub fn wgs(&self) -> impl Iterator<Item = &WaitGroup> {
        self.wgs.iter()
    }

    /// A WaitGroup.
    pub fn wg(&self, wg: WgId) -> Option<&WaitGroup> {
        self.wgs.get(wg.0.into())
    }

    /// The condition variables that were used, by number.
    pub fn conds(&self) -> impl Iterator<Item = &Cond> {
        self.conds.iter()
    }

    /// A condition variable.
    pub fn cond(&self, cond: CondId) -> Option<&Cond> {
        self.conds.get(cond.0.into())
    }

    /// The Onces that were used, by number.
    pub fn onces(&self) -> impl Iterator<Item = &Once> {
        self.onces.iter()
    }

    /// A Once.
    pub fn once(&self, once: OnceId) -> Option<&Once> {
        self.onces.get(once.0.into())
    }

    /// The semaphores that were used, by number.
    pub fn sems(&self) -> impl Iterator<Item = &Semaphore> {
        self.sems.iter()
    }

    /// A semaphore.
    pub fn sem(&self, sem: SemId) -> Option<&Semaphore> {
        self.sems.get(sem.0.into())
    }

    /// The pools that were used, by number.
    pub fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.pools.iter()
    }

    /// A pool.
    pub fn pool(&self, pool: PoolId) -> Option<&Pool> {
        self.pools.get(pool.0.into())
    }

    /// The watched variables that were used, by number.
    pub fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter()
    }

    /// A watched variable.
    pub fn cell(&self, cell: CellId) -> Option<&Cell> {
        self.cells.get(cell.0.into())
    }

    /// The descriptors that are open, by number.
    pub fn fds(&self) -> impl Iterator<Item = &Descriptor> {
        self.fds.iter()
    }

    /// A descriptor that is open.
    pub fn fd(&self, fd: FdId) -> Option<&Descriptor> {
        self.fds.get(fd.0.into())
    }

    /// The timers that are set, the first due first.
    pub fn timers(&self) -> impl Iterator<Item = &Timer> {
        self.due.iter().filter_map(|(_, id)| self.timers.get(id.0))
    }

    /// A timer that is set.
    pub fn timer(&self, timer: TimerId) -> Option<&Timer> {
        self.timers.get(timer.0)
    }

    /// The file and line of a site.
    pub fn site(&self, site: SiteId) -> Option<(&str, u32)> {
        self.sites.get(&site).map(|(file, line)| (&**file, *line))
    }

    /// The name of a thing, if it has one.
    pub fn name_of(&self, obj: Obj) -> Option<&str> {
        let own = match obj {
            Obj::Go(g) => self.g(g)?.name.as_deref(),
            Obj::Chan(id) => self.chan(id).and_then(|x| x.name.as_deref()),
            Obj::Lock(id) => self.lock(id).and_then(|x| x.name.as_deref()),
            Obj::Wg(id) => self.wg(id).and_then(|x| x.name.as_deref()),
            // Of the others a snapshot holds no name that was not told.
            _ => None,
        };
        own.or_else(|| self.names.get(&obj).map(|name| &**name))
    }

    /// How many goroutines are in which status.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// About how many bytes a copy of this world takes by itself.
    pub fn copy_bytes(&self) -> usize {
        let queues: usize = self.ps.iter().map(|p| 128 + p.ring.len() * 8).sum();
        let lists = self.global.len() * 8 + self.ms.len() * 96 + self.due.copy_bytes();
        let pages = self.gs.copy_bytes() + self.chans.copy_bytes() + self.locks.copy_bytes();
        let more = self.conds.copy_bytes() + self.onces.copy_bytes() + self.sems.copy_bytes();
        let rest = self.pools.copy_bytes() + self.cells.copy_bytes() + self.timers.copy_bytes();
        let rest = rest + self.fds.copy_bytes();
        512 + queues + lists + pages + self.wgs.copy_bytes() + more + rest
    }

    /// It takes at least these bytes if it shares nothing; cheap to ask.
    pub(crate) fn least_bytes(&self) -> usize {
        self.gs.least_bytes() + self.timers.least_bytes()
    }

    /// About how many bytes it takes if it shares nothing.
    pub(crate) fn whole_bytes(&self) -> usize {
        let waits = self.chans.whole_bytes() + self.locks.whole_bytes() + self.wgs.whole_bytes();
        let more = self.conds.whole_bytes() + self.onces.whole_bytes() + self.sems.whole_bytes();
        let rest = self.pools.whole_bytes() + self.cells.whole_bytes();
        let timers = self.timers.whole_bytes() + self.due.whole_bytes() + self.fds.whole_bytes();
        self.copy_bytes() + self.gs.whole_bytes() + waits + more + rest + timers
    }

    /// The bytes that changes since the last call left to the copies of this world.
    pub(crate) fn take_copied(&mut self) -> usize {
        let waits = self.chans.take_copied() + self.locks.take_copied() + self.wgs.take_copied();
        let more = self.conds.take_copied() + self.onces.take_copied() + self.sems.take_copied();
        let rest = self.pools.take_copied() + self.cells.take_copied() + self.fds.take_copied();
        let timers = self.timers.take_copied() + self.due.take_copied();
        self.gs.take_copied() + waits + more + rest + timers
    }

    /// Whether every goroutine is where the queues say, once; whether each P and its M agree, and
    /// the idle lists hold the idle. For tests.
    ///
    /// # Errors
    /// With what is wrong.
    pub fn check_places(&self) -> Result<(), String> {
        let mut seen: BTreeMap<GId, Place> = BTreeMap::new();
        let mut see = |g: GId, place: Place| match seen.insert(g, place) {
            Some(other) => Err(format!("{g} is in {place:?} and in {other:?}")),
            None => Ok(()),
        };
        for p in &self.ps {
            p.slot.map_or(Ok(()), |g| see(g, Place::Slot(p.id)))?;
            p.ring.iter().try_for_each(|&g| see(g, Place::Ring(p.id)))?;
        }
        self.global.iter().try_for_each(|&g| see(g, Place::Global))?;
        for m in &self.ms {
            m.hand.iter().try_for_each(|&g| see(g, Place::Hand(m.id)))?;
            if let Some(g) = m.g {
                let place = match m.status {
                    MStatus::Syscall => Place::Syscall(m.id),
                    _ => Place::Running(m.id),
                };
                see(g, place)?;
            }
        }
        let mut counts = Counts { ended: self.counts.ended, ..Counts::default() };
        for g in self.gs.iter() {
            *counts.of(g.status) += 1;
            let found = seen.remove(&g.id).unwrap_or(Place::Waiting);
            if found != g.place {
                return Err(format!("{} says {:?}, the queues say {found:?}", g.id, g.place));
            }
        }
        if let Some((g, place)) = seen.pop_first() {
            return Err(format!("{g} in {place:?} is not a goroutine"));
        }
        if counts != self.counts {
            return Err(format!("counted {counts:?}, kept {:?}", self.counts));
        }
        self.check_pairs()?;
        self.check_idle()
    }

    /// Whether each P and its M agree.
    fn check_pairs(&self) -> Result<(), String> {
        let of_p = |p: PId| self.p(p).and_then(|p| p.m);
        let of_m = |m: MId| self.m(m).and_then(|m| m.p);
        let p = self.ps.iter().find(|p| p.m.is_some_and(|m| of_m(m) != Some(p.id)));
        let m = self.ms.iter().find(|m| m.p.is_some_and(|p| of_p(p) != Some(m.id)));
        match (p, m) {
            (None, None) => Ok(()),
            (p, m) => Err(format!("{:?} and {:?} do not have each other", p, m)),
        }
    }

    /// Whether the idle lists hold the idle, each once, and nobody else; and the due times every
    /// timer.
    fn check_idle(&self) -> Result<(), String> {
        let (ps, ms): (BTreeSet<_>, BTreeSet<_>) =
            (self.idle_ps.iter().collect(), self.idle_ms.iter().collect());
        let idle_ps = self.ps.iter().filter(|p| p.status == PStatus::Idle).map(|p| &p.id);
        let idle_ms = self.ms.iter().filter(|m| m.status == MStatus::Idle).map(|m| &m.id);
        if ps.len() != self.idle_ps.len() || !ps.iter().copied().eq(idle_ps) {
            return Err(format!("the list of idle Ps is {:?}", self.idle_ps));
        }
        if ms.len() != self.idle_ms.len() || !ms.iter().copied().eq(idle_ms) {
            return Err(format!("the list of idle Ms is {:?}", self.idle_ms));
        }
        let due: BTreeSet<_> = self.timers.iter().map(|t| (t.when, t.id)).collect();
        if !self.due.iter().eq(due.iter()) {
            return Err("the due times are not those of the timers".to_owned());
        }
        Ok(())
    }

    // ---- moving things ----

    fn p_mut(&mut self, p: PId) -> Option<&mut Processor> {
        self.ps.get_mut(p.0 as usize)
    }

    fn m_mut(&mut self, m: MId) -> Option<&mut Machine> {
        self.ms.get_mut(m.0 as usize)
    }

    /// Takes a goroutine out of wherever it is, wait queues included.
    fn take_out(&mut self, g: GId) {
        let Some(place) = self.g(g).map(|x| x.place) else { return };
        match place {
            Place::Slot(p) => {
                if let Some(p) = self.p_mut(p) {
                    p.slot = None;
                }
            }
            Place::Ring(p) => {
                if let Some(p) = self.p_mut(p) {
                    remove(&mut p.ring, g);
                }
            }
            Place::Global => remove(&mut self.global, g),
            Place::Hand(m) => {
                if let Some(m) = self.m_mut(m) {
                    m.hand.retain(|&x| x != g);
                }
            }
            Place::Running(m) | Place::Syscall(m) => {
                if let Some(m) = self.m_mut(m)
                    && m.g == Some(g)
                {
                    m.g = None;
                    if m.status == MStatus::Syscall {
                        m.status = MStatus::Running;
                    }
                }
            }
            Place::Waiting => self.leave_queues(g),
            Place::Gone => {}
        }
    }

    /// Takes a goroutine off the queue of what it waits for.
    fn leave_queues(&mut self, g: GId) {
        match self.g(g).and_then(|x| x.on) {
            Some(Obj::Chan(id)) => {
                if let Some(chan) = self.chans.get_mut(id.0.into()) {
                    remove(&mut chan.recvq, g);
                    remove(&mut chan.sendq, g);
                }
            }
            Some(Obj::Lock(id)) => {
                if let Some(lock) = self.locks.get_mut(id.0.into()) {
                    remove(&mut lock.waiters, g);
                }
            }
            Some(Obj::Wg(id)) => {
                if let Some(wg) = self.wgs.get_mut(id.0.into()) {
                    remove(&mut wg.waiters, g);
                }
            }
            Some(Obj::Cond(id)) => {
                if let Some(cond) = self.conds.get_mut(id.0.into()) {
                    remove(&mut cond.waiters, g);
                }
            }
            Some(Obj::Sem(id)) => {
                if let Some(sem) = self.sems.get_mut(id.0.into()) {
                    remove(&mut sem.waiters, g);
                }
            }
            None => self.leave_select(g),
            Some(Obj::Fd(id)) => {
                if let Some(fd) = self.fds.get_mut(id.0.into()) {
                    fd.reader = fd.reader.filter(|&waits| waits != g);
                    fd.writer = fd.writer.filter(|&waits| waits != g);
                }
            }
            _ => {}
        }
    }

    /// Sets where a goroutine is and what it does, and counts it.
    fn set_g(&mut self, g: GId, place: Place, status: GStatus) {
        let time = self.time;
        let Some(x) = self.gs.get_mut(g.0) else { return };
        let old = x.status;
        x.place = place;
        x.status = status;
        if old != status {
            x.since = time;
        }
        if status != GStatus::Waiting {
            x.wait = None;
            x.on = None;
        }
        *self.counts.of(old) -= 1;
        *self.counts.of(status) += 1;
    }

    /// Moves a goroutine to a queue. The hand is that of `m`; without one it is the global queue.
    fn move_to(&mut self, g: GId, to: Queue, m: Option<MId>) {
        self.take_out(g);
        let place = match to {
            Queue::Slot(p) if self.p(p).is_some() => {
                let old = self.p_mut(p).and_then(|p| p.slot.take());
                if let Some(old) = old {
                    // It should have been kicked before; it goes where a kick would put it.
                    self.p_mut(p).into_iter().for_each(|p| p.ring.push_back(old));
                    self.set_g(old, Place::Ring(p), GStatus::Runnable);
                }
                self.p_mut(p).into_iter().for_each(|p| p.slot = Some(g));
                Place::Slot(p)
            }
            Queue::Ring(p) if self.p(p).is_some() => {
                self.p_mut(p).into_iter().for_each(|p| p.ring.push_back(g));
                Place::Ring(p)
            }
            Queue::Hand if m.is_some_and(|m| self.m(m).is_some()) => {
                let m = m.unwrap_or_default();
                self.m_mut(m).into_iter().for_each(|m| m.hand.push(g));
                Place::Hand(m)
            }
            Queue::GlobalHead => {
                self.global.push_front(g);
                Place::Global
            }
            _ => {
                self.global.push_back(g);
                Place::Global
            }
        };
        self.set_g(g, place, GStatus::Runnable);
    }

    /// What an M does from now on; the idle list and whoever is on it follow.
    fn set_m(&mut self, m: MId, status: MStatus) {
        let Some(x) = self.m_mut(m) else { return };
        let old = std::mem::replace(&mut x.status, status);
        let g = x.g;
        if old == MStatus::Idle && status != MStatus::Idle {
            self.idle_ms.retain(|&x| x != m);
        }
        let in_call = |status| status == MStatus::Syscall;
        if let Some(g) = g.filter(|_| in_call(old) || in_call(status)) {
            let (place, status) = match status {
                MStatus::Syscall => (Place::Syscall(m), GStatus::Syscall),
                _ => (Place::Running(m), GStatus::Running),
            };
            self.set_g(g, place, status);
        }
    }

    /// What a P does from now on; the idle list follows.
    fn set_p(&mut self, p: PId, status: PStatus) {
        let Some(x) = self.p_mut(p) else { return };
        let old = std::mem::replace(&mut x.status, status);
        if old == PStatus::Idle && status != PStatus::Idle {
            self.idle_ps.retain(|&x| x != p);
        }
    }

    /// Makes a P with all lower numbers, if its number can be believed.
    fn ensure_p(&mut self, p: PId) -> bool {
        if p.0 >= MAX_INDEX {
            return false;
        }
        while self.ps.len() <= p.0 as usize {
            let id = PId(self.ps.len() as u32);
            self.ps.push(Processor {
                id,
                m: None,
                slot: None,
                ring: VecDeque::new(),
                tick: 0,
                slice_start: self.time,
                status: PStatus::Promised,
            });
        }
        true
    }

    /// Makes an M with all lower numbers, if its number can be believed.
    fn ensure_m(&mut self, m: MId) -> bool {
        if m.0 >= MAX_INDEX {
            return false;
        }
        while self.ms.len() <= m.0 as usize {
            let id = MId(self.ms.len() as u32);
            self.ms.push(Machine {
                id,
                p: None,
                g: None,
                hand: Vec::new(),
                status: MStatus::Starting,
                next_p: None,
                holds: None,
                looks: false,
            });
        }
        true
    }

    /// Makes a goroutine that was never seen.
    fn ensure_g(&mut self, g: GId) {
        if self.g(g).is_none() {
            self.gs.insert(
                g.0,
                Goroutine {
                    id: g,
                    parent: None,
                    name: None,
                    site: None,
                    status: GStatus::Waiting,
                    place: Place::Waiting,
                    wait: None,
                    on: None,
                    select: None,
                    since: self.time,
                    starts: 0,
                    tied: None,
                    held_by: None,
                    working: None,
                },
            );
            self.counts.waiting += 1;
        }
    }
}

fn remove(queue: &mut VecDeque<GId>, g: GId) {
    match queue.front() {
        Some(&first) if first == g => drop(queue.pop_front()),
        _ => queue.retain(|&x| x != g),
    }
}

/// Applies a whole stream. For tests and tools.
impl FromIterator<Record> for World {
    fn from_iter<I: IntoIterator<Item = Record>>(records: I) -> Self {
        let mut world = Self::new();
        for record in records {
            world.apply(&record);
        }
        world
    }
}
