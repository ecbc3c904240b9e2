//! Worlds from snapshots and snapshots from worlds.

use std::collections::{BTreeSet, VecDeque};

use gopark_trace::ids::{GId, Obj};
use gopark_trace::snapshot::{
    ChanSnap, GSnap, LockSnap, MSnap, PSnap, Snapshot, TimerSnap, WgSnap,
};
use gopark_trace::words::GStatus;

use super::World;
use crate::things::{Channel, Goroutine, Lock, MStatus, Machine, PStatus, Place, Timer, WaitGroup};

impl World {
    /// The world a snapshot describes.
    pub fn from_snapshot(state: &Snapshot) -> Self {
        let mut world = Self::new();
        world.load(state);
        world
    }

    /// Becomes what a snapshot says; what a snapshot does not hold (time, drive, names, lines,
    /// descriptors) stays.
    pub(super) fn load(&mut self, state: &Snapshot) {
        let old = std::mem::take(self);
        *self = Self {
            time: old.time,
            seq: old.seq,
            drive: old.drive,
            seed: old.seed,
            program: old.program,
            procs: old.procs.max(state.ps.len() as u32),
            names: old.names,
            sites: old.sites,
            fds: old.fds,
            ended: old.ended,
            joined: !state.gs.is_empty(),
            spinning: state.spinning,
            needspinning: state.needspinning,
            ..Self::new()
        };
        self.counts.ended = state.ended;
        state.gs.iter().for_each(|g| self.load_g(g));
        // What is said twice is believed once.
        let (mut ps, mut ms) = (BTreeSet::new(), BTreeSet::new());
        state.ps.iter().filter(|p| ps.insert(p.p)).for_each(|p| self.load_p(p));
        state.ms.iter().filter(|m| ms.insert(m.m)).for_each(|m| self.load_m(m));
        for &g in &state.global {
            self.place(g, Place::Global, |world| world.global.push_back(g));
        }
        for &p in &state.idle_ps {
            if let Some(x) = self.p_mut(p).filter(|x| x.m.is_none() && x.status != PStatus::Idle) {
                x.status = PStatus::Idle;
                self.idle_ps.push(p);
            }
        }
        for &m in &state.idle_ms {
            let free = |x: &&mut Machine| x.p.is_none() && x.g.is_none() && x.hand.is_empty();
            if let Some(x) = self.m_mut(m).filter(|x| free(x) && x.status != MStatus::Idle) {
                x.status = MStatus::Idle;
                self.idle_ms.push(m);
            }
        }
        for g in state.gs.iter().filter(|g| g.held_by.is_some()) {
            let held = g
                .held_by
                .and_then(|m| self.m_mut(m))
                .filter(|m| m.g.is_none() && m.status != MStatus::Idle);
            held.into_iter().for_each(|m| (m.holds, m.status) = (Some(g.g), MStatus::Held));
        }
        self.load_objects(state);
        // Whoever is runnable and in no queue was on its way; the global queue keeps it in sight.
        let lost: Vec<GId> = self.gs().filter(|g| g.place == Place::Gone).map(|g| g.id).collect();
        for g in lost {
            self.set_g(g, Place::Global, GStatus::Runnable);
            self.global.push_back(g);
        }
    }

    fn load_g(&mut self, g: &GSnap) {
        let waits = g.status == GStatus::Waiting;
        if g.status == GStatus::Dead {
            return;
        }
        self.insert_g(Goroutine {
            id: g.g,
            parent: g.parent,
            name: g.name.clone(),
            site: g.site,
            status: g.status,
            place: if waits { Place::Waiting } else { Place::Gone },
            wait: g.wait.filter(|_| waits),
            on: g.on.filter(|_| waits),
            select: None,
            since: g.since,
            starts: 1,
            tied: g.locked_to,
            held_by: g.held_by,
            working: None,
        });
    }

    /// A goroutine as a snapshot has it.
    fn insert_g(&mut self, g: Goroutine) {
        if let Some(old) = self.gs.remove(g.id.0) {
            *self.counts.of(old.status) -= 1;
        }
        *self.counts.of(g.status) += 1;
        self.gs.insert(g.id.0, g);
    }

    /// Puts a goroutine that has no place yet into one.
    fn place(&mut self, g: GId, place: Place, put: impl FnOnce(&mut Self)) {
        if self.g(g).is_some_and(|x| x.place == Place::Gone) {
            put(self);
            let status = match place {
                Place::Running(_) => GStatus::Running,
                Place::Syscall(_) => GStatus::Syscall,
                _ => GStatus::Runnable,
            };
            let since = self.g(g).map(|x| x.since);
            self.set_g(g, place, status);
            if let (Some(x), Some(since)) = (self.gs.get_mut(g.0), since) {
                x.since = since;
            }
        }
    }

    fn load_p(&mut self, p: &PSnap) {
        if !self.ensure_p(p.p) {
            return;
        }
        if let Some(x) = self.p_mut(p.p) {
            x.tick = p.tick;
            x.slice_start = p.slice_start;
        }
        if let Some(g) = p.slot {
            self.place(g, Place::Slot(p.p), |world| {
                world.p_mut(p.p).into_iter().for_each(|x| x.slot = Some(g));
            });
        }
        for &g in &p.ring {
            self.place(g, Place::Ring(p.p), |world| {
                world.p_mut(p.p).into_iter().for_each(|x| x.ring.push_back(g));
            });
        }
    }

    fn load_m(&mut self, m: &MSnap) {
        if !self.ensure_m(m.m) {
            return;
        }
        if let Some(p) = m.p
            && let Some(x) = self.p_mut(p)
            && x.m.is_none()
        {
            x.m = Some(m.m);
            x.status = PStatus::Running;
            self.m_mut(m.m).into_iter().for_each(|x| x.p = Some(p));
        }
        if let Some(x) = self.m_mut(m.m) {
            x.next_p = m.next_p;
            x.looks = m.spinning;
            x.status = match (m.polling, m.spinning, m.next_p) {
                (true, ..) => MStatus::Polling,
                (_, true, None) => MStatus::Spinning,
                (_, _, Some(_)) => MStatus::Starting,
                _ => MStatus::Running,
            };
        }
        if let Some(g) = m.g {
            let (place, status) = match self.g(g).map(|g| g.status) {
                Some(GStatus::Syscall) => (Place::Syscall(m.m), MStatus::Syscall),
                _ => (Place::Running(m.m), MStatus::Running),
            };
            self.place(g, place, |world| {
                if let Some(x) = world.m_mut(m.m) {
                    (x.g, x.status) = (Some(g), status);
                }
            });
        }
        for &g in &m.hand {
            self.place(g, Place::Hand(m.m), |world| {
                world.m_mut(m.m).into_iter().for_each(|x| x.hand.push(g));
            });
        }
    }

    fn load_objects(&mut self, state: &Snapshot) {
        let queue = |gs: &[GId]| gs.iter().copied().collect::<VecDeque<_>>();
        for c in &state.chans {
            self.chans.insert(
                c.chan.0.into(),
                Channel {
                    id: c.chan,
                    name: c.name.clone().or_else(|| self.told_name(Obj::Chan(c.chan))),
                    cap: c.cap,
                    len: c.len,
                    closed: c.closed,
                    recvq: queue(&c.recvq),
                    sendq: queue(&c.sendq),
                },
            );
        }
        self.load_selects();
        for l in &state.locks {
            self.locks.insert(
                l.lock.0.into(),
                Lock {
                    id: l.lock,
                    name: l.name.clone().or_else(|| self.told_name(Obj::Lock(l.lock))),
                    owner: l.owner,
                    readers: 0,
                    pending: None,
                    shared: false,
                    waiters: queue(&l.waiters),
                    starving: l.starving,
                },
            );
        }
        for w in &state.wgs {
            self.wgs.insert(
                w.wg.0.into(),
                WaitGroup {
                    id: w.wg,
                    name: w.name.clone().or_else(|| self.told_name(Obj::Wg(w.wg))),
                    counter: w.counter,
                    waiters: queue(&w.waiters),
                },
            );
        }
        self.load_waiters();
        for t in &state.timers {
            self.set_timer(Timer { id: t.timer, p: t.p, when: t.when, kind: t.kind, g: t.g });
        }
    }

    /// Who waits for a thing that a snapshot does not hold, the longest first.
    fn load_waiters(&mut self) {
        let waits = |on| matches!(on, Some(Obj::Cond(_) | Obj::Sem(_)));
        let mut gs: Vec<_> = self.gs().filter(|g| waits(g.on)).map(|g| (g.since, g.id)).collect();
        gs.sort_unstable();
        for (_, g) in gs {
            match self.g(g).and_then(|x| x.on) {
                Some(Obj::Cond(id)) => {
                    let cond = self.cond_entry(id);
                    cond.tickets.push_back(g);
                    cond.waiters.push_back(g);
                }
                Some(Obj::Sem(id)) => self.sem_entry(id).waiters.push_back(g),
                _ => {}
            }
        }
    }

    /// This world as a snapshot.
    pub fn snapshot(&self) -> Snapshot {
        let list = |queue: &VecDeque<GId>| queue.iter().copied().collect::<Vec<_>>();
        Snapshot {
            gs: self.gs().map(g_snap).collect(),
            ms: self
                .ms
                .iter()
                .map(|m| MSnap {
                    m: m.id,
                    p: m.p,
                    g: m.g,
                    hand: m.hand.clone(),
                    spinning: m.looks,
                    polling: m.status == MStatus::Polling,
                    next_p: m.next_p,
                })
                .collect(),
            ps: self
                .ps
                .iter()
                .map(|p| PSnap {
                    p: p.id,
                    m: p.m,
                    slot: p.slot,
                    ring: list(&p.ring),
                    tick: p.tick,
                    slice_start: p.slice_start,
                })
                .collect(),
            global: list(&self.global),
            idle_ms: self.idle_ms.clone(),
            idle_ps: self.idle_ps.clone(),
            spinning: self.spinning,
            needspinning: self.needspinning,
            chans: self
                .chans()
                .map(|c| ChanSnap {
                    chan: c.id,
                    name: c.name.clone(),
                    cap: c.cap,
                    len: c.len,
                    closed: c.closed,
                    recvq: list(&c.recvq),
                    sendq: list(&c.sendq),
                })
                .collect(),
            locks: self
                .locks()
                .map(|l| LockSnap {
                    lock: l.id,
                    name: l.name.clone(),
                    owner: l.owner,
                    waiters: list(&l.waiters),
                    starving: l.starving,
                })
                .collect(),
            wgs: self
                .wgs()
                .map(|w| WgSnap {
                    wg: w.id,
                    name: w.name.clone(),
                    counter: w.counter,
                    waiters: list(&w.waiters),
                })
                .collect(),
            timers: self
                .timers
                .iter()
                .map(|t| TimerSnap { timer: t.id, p: t.p, when: t.when, kind: t.kind, g: t.g })
                .collect(),
            ended: self.counts.ended,
        }
    }
}

fn g_snap(g: &Goroutine) -> GSnap {
    GSnap {
        g: g.id,
        parent: g.parent,
        name: g.name.clone(),
        site: g.site,
        status: g.status,
        wait: g.wait,
        on: g.on,
        since: g.since,
        locked_to: g.tied,
        held_by: g.held_by,
    }
}
