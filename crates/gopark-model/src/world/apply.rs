//! One event further.
//!
//! Each arm first looks whether its event can be (`expect`), then does what the event says.

use std::collections::VecDeque;
use std::sync::Arc;

use gopark_trace::event::Event;
use gopark_trace::ids::{ChanId, GId, LockId, MId, Nanos, Obj, PId, WgId};
use gopark_trace::record::Record;
use gopark_trace::words::{
    Drive, GStatus, LockHow, LockMode, PollMode, Queue, SysPath, WaitReason, YieldKind,
};

use super::{Violation, World};
use crate::things::{Channel, Goroutine, Lock, MStatus, PStatus, Place, Timer, WaitGroup};

/// Goroutines that leave a full ring together.
const OVERFLOW: usize = 129;
/// What a ring holds.
const RING: usize = 256;

/// What went wrong with one event.
struct Check {
    seq: u64,
    found: Vec<Violation>,
}

impl Check {
    /// Notes a violation of `rule` unless `holds`.
    fn expect(&mut self, holds: bool, rule: &'static str, text: impl FnOnce() -> String) {
        if !holds {
            self.found.push(Violation { rule, seq: self.seq, text: text() });
        }
    }
}

impl World {
    /// Takes the world one event further. Returns what should not have been.
    pub fn apply(&mut self, record: &Record) -> Vec<Violation> {
        let mut check = Check { seq: record.seq, found: Vec::new() };
        check.expect(record.time >= self.time, "R1", || {
            format!("time goes back from {} to {}", self.time, record.time)
        });
        self.time = self.time.max(record.time);
        self.seq += 1;
        self.event(record, &mut check);
        // While the state is unknown nothing can be said about it.
        if self.known { check.found } else { Vec::new() }
    }

    fn event(&mut self, record: &Record, check: &mut Check) {
        match &record.event {
            Event::RunStart { .. }
            | Event::Site { .. }
            | Event::Snapshot { .. }
            | Event::Gap { .. }
            | Event::RunEnd { .. }
            | Event::ObjName { .. } => self.run_event(&record.event),
            Event::GoCreate { .. }
            | Event::GoName { .. }
            | Event::GoReady { .. }
            | Event::GoStart { .. }
            | Event::GoPark { .. }
            | Event::GoYield { .. }
            | Event::GoPreempt { .. }
            | Event::GoExit { .. }
            | Event::CoSwitch { .. }
            | Event::Work { .. }
            | Event::WorkEnd { .. } => self.go_event(record, check),
            Event::SlotKick { .. }
            | Event::RingOverflow { .. }
            | Event::RingPut { .. }
            | Event::GlobalPut { .. }
            | Event::GlobalGet { .. }
            | Event::Steal { .. }
            | Event::StealSlot { .. } => self.queue_event(record, check),
            Event::MStart { .. }
            | Event::MPark { .. }
            | Event::MWake { .. }
            | Event::MExit { .. }
            | Event::MSpin { .. }
            | Event::NeedSpinning { .. }
            | Event::MHeld { .. }
            | Event::MResume { .. }
            | Event::EmergencyRun { .. }
            | Event::MWaitLocked { .. } => self.m_event(record, check),
            Event::PNew { .. }
            | Event::PDead { .. }
            | Event::PAcquire { .. }
            | Event::PIdle { .. }
            | Event::PGet { .. }
            | Event::PHandoff { .. }
            | Event::PRetake { .. }
            | Event::PLost { .. }
            | Event::PStop { .. }
            | Event::Gomaxprocs { .. } => self.p_event(record, check),
            Event::SysEnter { .. }
            | Event::SysExit { .. }
            | Event::PollStart { .. }
            | Event::PollEnd { .. }
            | Event::TimerAdd { .. }
            | Event::TimerFire { .. }
            | Event::TimerStop { .. }
            | Event::TimerReset { .. }
            | Event::TimersMove { .. } => self.outside_event(record, check),
            Event::ChanMake { .. }
            | Event::ChanSend { .. }
            | Event::ChanRecv { .. }
            | Event::ChanClose { .. }
            | Event::LockGet { .. }
            | Event::LockQueue { .. }
            | Event::LockPut { .. }
            | Event::LockStarving { .. }
            | Event::WgAdd { .. }
            | Event::WgPass { .. } => self.sync_event(record, check),
            // The others say what was looked at or said; the state stays as it is.
            _ => {}
        }
    }

    fn run_event(&mut self, event: &Event) {
        match event {
            Event::RunStart { drive, seed, procs, program, .. } => {
                self.drive = *drive;
                self.seed = *seed;
                self.procs = *procs;
                self.program = Arc::from(&**program);
            }
            Event::Site { site, file, line, .. } => {
                self.sites.insert(*site, (Arc::from(&**file), *line));
            }
            Event::Snapshot { state } => self.load(state),
            Event::Gap { .. } => self.known = false,
            Event::RunEnd { how, text } => self.ended = Some((*how, Arc::from(&**text))),
            Event::ObjName { obj, name } => self.name(*obj, name),
            _ => {}
        }
    }

    fn name(&mut self, obj: Obj, name: &str) {
        let named = Some(name.to_owned());
        match obj {
            Obj::Chan(id) => self.chan_entry(id).name = named,
            Obj::Lock(id) => self.lock_entry(id).name = named,
            Obj::Wg(id) => self.wg_entry(id).name = named,
            Obj::Go(g) => {
                if let Some(g) = self.gs.get_mut(g.0) {
                    g.name = named;
                }
            }
            _ => {}
        }
        self.names.insert(obj, Arc::from(name));
    }

    // ---- goroutines ----

    fn go_event(&mut self, record: &Record, check: &mut Check) {
        let m = record.actor.m;
        match &record.event {
            Event::GoCreate { g, parent, to } => {
                // A name may come before; a goroutine that lives may not.
                let fresh = self.g(*g).is_none_or(|x| x.starts == 0 && x.parent.is_none());
                check.expect(fresh, "R9", || format!("{g} is made twice"));
                self.ensure_g(*g);
                if let Some(x) = self.gs.get_mut(g.0) {
                    x.parent = *parent;
                    x.site = record.site;
                    x.starts = 0;
                }
                self.expect_free(*to, check);
                self.move_to(*g, *to, m);
            }
            Event::GoName { g, name } => {
                self.ensure_g(*g);
                if let Some(x) = self.gs.get_mut(g.0) {
                    x.name = Some(name.clone());
                }
            }
            Event::GoReady { g, to } => {
                self.ensure_g(*g);
                let status = self.status(*g);
                check.expect(status == GStatus::Waiting, "R1", || {
                    format!("{g} is made ready but is {status}")
                });
                self.expect_free(*to, check);
                self.move_to(*g, *to, m);
            }
            Event::GoStart { g, from, tick } => self.start(record, *g, *from, *tick, check),
            Event::GoPark { g, why, on } => self.park(record, *g, *why, *on, check),
            Event::GoYield { g, kind, to } => {
                self.expect_running(*g, m, check);
                let right = match kind {
                    YieldKind::Gosched => *to == Queue::Global,
                    YieldKind::Handoff => !matches!(to, Queue::Global | Queue::Slot(_)),
                };
                let rule = if *kind == YieldKind::Gosched { "R15" } else { "R17" };
                check.expect(right, rule, || format!("{g} yields ({kind}) but goes to {to}"));
                self.ensure_g(*g);
                self.move_to(*g, *to, m);
            }
            Event::GoPreempt { g, to, .. } => {
                self.expect_running(*g, m, check);
                self.ensure_g(*g);
                self.move_to(*g, *to, m);
            }
            Event::GoExit { g, .. } => {
                self.expect_running(*g, m, check);
                self.take_out(*g);
                if let Some(x) = self.gs.remove(g.0) {
                    *self.counts.of(x.status) -= 1;
                    self.counts.ended += 1;
                }
            }
            Event::CoSwitch { from, to } => {
                let Some(m) = m.filter(|&m| self.ensure_m(m)) else { return };
                self.ensure_g(*from);
                self.ensure_g(*to);
                self.take_out(*from);
                self.set_g(*from, Place::Waiting, GStatus::Waiting);
                self.run_on(*to, m);
            }
            Event::Work { g, time } => self.set_working(*g, Some(*time)),
            Event::WorkEnd { g } => self.set_working(*g, None),
            _ => {}
        }
    }

    fn set_working(&mut self, g: GId, time: Option<Nanos>) {
        if let Some(x) = self.gs.get_mut(g.0) {
            x.working = time;
        }
    }

    fn status(&self, g: GId) -> GStatus {
        self.g(g).map_or(GStatus::Dead, |x| x.status)
    }

    /// A slot must be empty before somebody comes, a ring must have room.
    fn expect_free(&self, to: Queue, check: &mut Check) {
        match to {
            Queue::Slot(p) => {
                let old = self.p(p).and_then(|p| p.slot);
                check
                    .expect(old.is_none(), "R4", || format!("the slot of {p} still holds {old:?}"));
            }
            Queue::Ring(p) => {
                let len = self.p(p).map_or(0, |p| p.ring.len());
                check.expect(len < RING, "R4", || format!("the ring of {p} holds {len} already"));
            }
            _ => {}
        }
    }

    fn expect_running(&self, g: GId, m: Option<MId>, check: &mut Check) {
        let place = self.g(g).map(|x| x.place);
        let runs = m.is_some_and(|m| place == Some(Place::Running(m)));
        check.expect(runs, "R1", || format!("{g} acts on {m:?} but is {place:?}"));
    }

    fn start(&mut self, record: &Record, g: GId, from: Queue, tick: u32, check: &mut Check) {
        let (m, p) = (record.actor.m, record.actor.p);
        self.ensure_g(g);
        let place = self.g(g).map(|x| x.place);
        let right = match from {
            Queue::Slot(q) => place == Some(Place::Slot(q)) && p == Some(q),
            Queue::Ring(q) => {
                let first = self.p(q).and_then(|p| p.ring.front().copied());
                check.expect(first == Some(g), "R25", || {
                    format!("{g} starts from the ring of {q}, whose oldest is {first:?}")
                });
                place == Some(Place::Ring(q)) && p == Some(q)
            }
            _ => m.is_some_and(|m| place == Some(Place::Hand(m))),
        };
        check.expect(right, "R2", || format!("{g} starts from {from} but is {place:?}"));
        let Some(m) = m.filter(|&m| self.ensure_m(m)) else { return };
        let busy = self.m(m).and_then(|m| m.g).filter(|&other| other != g);
        check.expect(busy.is_none(), "R3", || format!("{m} still runs {busy:?}"));
        let owner = p.and_then(|p| self.p(p)).and_then(|p| p.m);
        check.expect(owner == Some(m), "R3", || {
            format!("{g} starts on {m} with {p:?}, which {owner:?} has")
        });
        self.run_on(g, m);
        if let Some(x) = self.gs.get_mut(g.0) {
            x.starts = x.starts.saturating_add(1);
        }
        let time = self.time;
        if let Some(p) = p.and_then(|p| self.p_mut(p)) {
            let inherits = matches!(from, Queue::Slot(_));
            let expected = if inherits { p.tick } else { p.tick.wrapping_add(1) };
            check.expect(tick == expected, "R24", || {
                format!("{g} starts from {from} with tick {tick}; it should be {expected}")
            });
            p.tick = tick;
            if !inherits {
                p.slice_start = time;
            }
        }
    }

    /// Puts a goroutine on an M.
    fn run_on(&mut self, g: GId, m: MId) {
        self.take_out(g);
        if let Some(other) = self.m(m).and_then(|m| m.g) {
            self.take_out(other);
            self.set_g(other, Place::Waiting, GStatus::Waiting);
        }
        if let Some(m) = self.m_mut(m) {
            m.g = Some(g);
            m.status = MStatus::Running;
        }
        self.set_g(g, Place::Running(m), GStatus::Running);
    }

    fn park(
        &mut self,
        record: &Record,
        g: GId,
        why: WaitReason,
        on: Option<Obj>,
        check: &mut Check,
    ) {
        self.ensure_g(g);
        self.expect_running(g, record.actor.m, check);
        self.take_out(g);
        self.set_g(g, Place::Waiting, GStatus::Waiting);
        if let Some(x) = self.gs.get_mut(g.0) {
            x.wait = Some(why);
            x.on = on;
        }
        let front = self.front.remove(&g);
        let queue: Option<&mut VecDeque<GId>> = match on {
            Some(Obj::Chan(id)) => {
                let chan = self.chan_entry(id);
                let sends = matches!(why, WaitReason::ChanSend | WaitReason::ChanSendNil);
                Some(if sends { &mut chan.sendq } else { &mut chan.recvq })
            }
            Some(Obj::Lock(id)) => Some(&mut self.lock_entry(id).waiters),
            Some(Obj::Wg(id)) => Some(&mut self.wg_entry(id).waiters),
            _ => None,
        };
        match queue {
            Some(queue) if front => queue.push_front(g),
            Some(queue) => queue.push_back(g),
            None => {}
        }
    }

    // ---- queues ----

    fn queue_event(&mut self, record: &Record, check: &mut Check) {
        let m = record.actor.m;
        match &record.event {
            Event::SlotKick { p, g, to } => {
                let slot = self.p(*p).and_then(|p| p.slot);
                check.expect(slot == Some(*g), "R14", || {
                    format!("{g} is kicked out of {p}, whose slot holds {slot:?}")
                });
                self.ensure_g(*g);
                self.expect_free(*to, check);
                self.move_to(*g, *to, m);
            }
            Event::RingOverflow { p, gs } => self.overflow(*p, gs, m, check),
            Event::RingPut { p, gs } => {
                for &g in gs {
                    self.expect_in_hand(g, m, check);
                    self.ensure_g(g);
                    self.expect_free(Queue::Ring(*p), check);
                    self.move_to(g, Queue::Ring(*p), m);
                }
            }
            Event::GlobalPut { gs, to } => {
                for &g in gs {
                    self.expect_in_hand(g, m, check);
                    self.ensure_g(g);
                    self.move_to(g, *to, m);
                }
            }
            Event::GlobalGet { p, gs, left, .. } => {
                let head: Vec<GId> = self.global.iter().take(gs.len()).copied().collect();
                check.expect(head == *gs, "R26", || {
                    format!("{p} takes {gs:?}, the queue begins with {head:?}")
                });
                for (i, &g) in gs.iter().enumerate() {
                    self.ensure_g(g);
                    let to = if i == 0 { Queue::Hand } else { Queue::Ring(*p) };
                    self.expect_free(to, check);
                    self.move_to(g, to, m);
                }
                let len = self.global.len() as u32;
                check.expect(len == *left, "R26", || {
                    format!("{left} should be left in the global queue, {len} are")
                });
            }
            Event::Steal { thief, victim, gs, .. } => self.steal(*thief, *victim, gs, m, check),
            Event::StealSlot { victim, g, .. } => {
                let slot = self.p(*victim).and_then(|p| p.slot);
                check.expect(slot == Some(*g), "R31", || {
                    format!("{g} is stolen from the slot of {victim}, which holds {slot:?}")
                });
                self.ensure_g(*g);
                self.move_to(*g, Queue::Hand, m);
            }
            _ => {}
        }
    }

    fn overflow(&mut self, p: PId, gs: &[GId], m: Option<MId>, check: &mut Check) {
        // A thief may take some of the half meanwhile; alone on one thread nobody can.
        let full = gs.len() == OVERFLOW || self.drive == Drive::Live;
        check.expect(full, "R12", || format!("{} leave the ring of {p}, not {OVERFLOW}", gs.len()));
        let Some((&last, oldest)) = gs.split_last() else { return };
        let head: Vec<GId> = self
            .p(p)
            .map_or_else(Vec::new, |p| p.ring.iter().take(oldest.len()).copied().collect());
        check.expect(head == oldest, "R12", || {
            format!("{oldest:?} leave the ring of {p}, whose oldest are {head:?}")
        });
        self.expect_in_hand(last, m, check);
        for &g in gs {
            self.ensure_g(g);
            self.move_to(g, Queue::Global, m);
        }
    }

    fn steal(&mut self, thief: PId, victim: PId, gs: &[GId], m: Option<MId>, check: &mut Check) {
        check.expect(thief != victim, "R28", || format!("{thief} steals from itself"));
        let Some((&last, kept)) = gs.split_last() else {
            check.expect(false, "R29", || format!("{thief} steals nothing"));
            return;
        };
        let ring: Vec<GId> =
            self.p(victim).map_or_else(Vec::new, |p| p.ring.iter().copied().collect());
        check.expect(ring.starts_with(gs), "R29", || {
            format!("{thief} steals {gs:?}, the ring of {victim} is {ring:?}")
        });
        if self.drive == Drive::Lab {
            let half = ring.len().div_ceil(2);
            check.expect(gs.len() == half, "R29", || {
                format!("{thief} steals {} of {}, not {half}", gs.len(), ring.len())
            });
        }
        for &g in kept {
            self.ensure_g(g);
            self.move_to(g, Queue::Ring(thief), m);
        }
        self.ensure_g(last);
        self.move_to(last, Queue::Hand, m);
    }

    fn expect_in_hand(&self, g: GId, m: Option<MId>, check: &mut Check) {
        let place = self.g(g).map(|x| x.place);
        let held = m.is_some_and(|m| place == Some(Place::Hand(m)));
        check.expect(held, "R2", || format!("{g} should be in the hand of {m:?} but is {place:?}"));
    }

    // ---- threads ----

    fn m_event(&mut self, record: &Record, check: &mut Check) {
        match &record.event {
            Event::MStart { m, p, spinning } => {
                let fresh = m.0 as usize == self.ms.len();
                check.expect(fresh, "R6", || format!("{m} is made, {} are there", self.ms.len()));
                let idle = self.idle_ms.len();
                check.expect(idle == 0, "R6", || format!("{m} is made while {idle} Ms are idle"));
                self.promise(*m, *p, *spinning);
            }
            Event::MWake { m, p, spinning } => {
                let last = self.idle_ms.last().copied();
                check.expect(last == Some(*m), "R6", || {
                    format!("{m} is woken, the last parked is {last:?}")
                });
                self.idle_ms.retain(|x| x != m);
                self.promise(*m, *p, *spinning);
            }
            Event::MPark { m } => {
                if !self.ensure_m(*m) {
                    return;
                }
                let holds = self.m(*m).map(|m| (m.p, m.g, m.hand.len()));
                check.expect(holds == Some((None, None, 0)), "R3", || {
                    format!("{m} sleeps but holds {holds:?}")
                });
                self.idle_ms.retain(|x| x != m);
                self.idle_ms.push(*m);
                self.let_go(*m, MStatus::Idle);
            }
            Event::MExit { m } if self.ensure_m(*m) => {
                self.idle_ms.retain(|x| x != m);
                self.let_go(*m, MStatus::Ended);
            }
            Event::MSpin { m, on, spinning } => self.spin(*m, *on, *spinning),
            Event::NeedSpinning { on } => self.needspinning = *on,
            Event::MHeld { m, g } => self.hold(*m, *g, MStatus::Held),
            Event::MResume { m, g, p } if self.ensure_m(*m) => {
                self.ensure_g(*g);
                self.run_on(*g, *m);
                p.iter().for_each(|&p| self.own(*m, p));
            }
            Event::EmergencyRun { m, g, .. } if self.ensure_m(*m) => {
                self.ensure_g(*g);
                self.run_on(*g, *m);
            }
            Event::MWaitLocked { m, .. } => {
                if let Some(m) = self.m_mut(*m) {
                    m.status = MStatus::WaitLocked;
                }
            }
            _ => {}
        }
    }

    /// An M is on its way, with a P.
    fn promise(&mut self, m: MId, p: Option<PId>, spinning: bool) {
        if !self.ensure_m(m) {
            return;
        }
        self.spinning += u32::from(spinning);
        if let Some(x) = self.m_mut(m) {
            x.status = MStatus::Starting;
            x.next_p = p;
            x.looks = spinning;
        }
    }

    fn spin(&mut self, m: MId, on: bool, spinning: u32) {
        self.spinning = spinning;
        if let Some(x) = self.m_mut(m) {
            x.looks = on;
            let stays = matches!(x.status, MStatus::Idle | MStatus::Polling | MStatus::Ended);
            if !stays {
                x.status = if on { MStatus::Spinning } else { MStatus::Running };
            }
        }
    }

    /// An M lets go of everything.
    fn let_go(&mut self, m: MId, status: MStatus) {
        let Some(x) = self.m_mut(m) else { return };
        x.status = status;
        x.next_p = None;
        x.looks = false;
        let (p, g, hand) = (x.p.take(), x.g, std::mem::take(&mut x.hand));
        if let Some(p) = p.and_then(|p| self.p_mut(p)) {
            p.m = None;
            p.status = PStatus::Promised;
        }
        for g in g.into_iter().chain(hand) {
            self.move_to(g, Queue::Global, None);
        }
        if let Some(x) = self.m_mut(m) {
            x.g = None;
            x.status = status;
        }
    }

    /// An M is stopped with its goroutine.
    fn hold(&mut self, m: MId, g: GId, how: MStatus) {
        if !self.ensure_m(m) {
            return;
        }
        self.ensure_g(g);
        self.run_on(g, m);
        let (place, status) = match how {
            MStatus::Syscall => (Place::Syscall(m), GStatus::Syscall),
            _ => (Place::Held(m), GStatus::Held),
        };
        self.set_g(g, place, status);
        if let Some(x) = self.m_mut(m) {
            x.status = how;
        }
    }

    // ---- processors ----

    fn p_event(&mut self, record: &Record, check: &mut Check) {
        let m = record.actor.m;
        match &record.event {
            Event::PNew { p } => drop(self.ensure_p(*p)),
            Event::PDead { p } => self.free(*p, PStatus::Dead),
            Event::PAcquire { p } => {
                let Some(m) = m.filter(|&m| self.ensure_m(m) && self.ensure_p(*p)) else { return };
                let owner = self.p(*p).and_then(|p| p.m).filter(|&owner| owner != m);
                check.expect(owner.is_none(), "R3", || {
                    format!("{m} acquires {p}, which {owner:?} has")
                });
                let idle = self.p(*p).is_some_and(|p| p.status == PStatus::Idle);
                check.expect(!idle, "R3", || format!("{m} acquires {p}, which is idle"));
                let other = self.m(m).and_then(|m| m.p).filter(|other| other != p);
                check.expect(other.is_none(), "R3", || {
                    format!("{m} acquires {p} but has {other:?}")
                });
                self.own(m, *p);
            }
            Event::PIdle { p } => {
                if !self.ensure_p(*p) {
                    return;
                }
                let empty = self.p(*p).is_none_or(|p| p.slot.is_none() && p.ring.is_empty());
                check.expect(empty, "R5", || format!("{p} goes idle with work in its queues"));
                let twice = self.idle_ps.contains(p);
                check.expect(!twice, "R3", || format!("{p} goes idle twice"));
                self.free(*p, PStatus::Idle);
                self.idle_ps.retain(|x| x != p);
                self.idle_ps.push(*p);
            }
            Event::PGet { p } => {
                let last = self.idle_ps.last().copied();
                check.expect(last == Some(*p), "R6", || {
                    format!("{p} is taken, the last idle one is {last:?}")
                });
                self.idle_ps.retain(|x| x != p);
                if let Some(p) = self.p_mut(*p) {
                    p.status = PStatus::Promised;
                }
            }
            Event::PHandoff { p, .. } => {
                let owner = self.p(*p).and_then(|p| p.m);
                check.expect(owner == m, "R3", || {
                    format!("{m:?} hands {p} off, which {owner:?} has")
                });
                self.free(*p, PStatus::Promised);
            }
            Event::PRetake { p, from, .. } | Event::PLost { p, m: from, .. } => {
                let owner = self.p(*p).and_then(|p| p.m);
                check.expect(owner == Some(*from), "R3", || {
                    format!("{p} is taken from {from}, but {owner:?} has it")
                });
                self.free(*p, PStatus::Promised);
            }
            Event::PStop { p, on } => {
                if let Some(p) = self.p_mut(*p) {
                    let goes_on = if p.m.is_some() { PStatus::Running } else { PStatus::Promised };
                    p.status = if *on { PStatus::Stopped } else { goes_on };
                }
            }
            Event::Gomaxprocs { to, .. } => self.procs = *to,
            _ => {}
        }
    }

    /// An M has a P from now on.
    fn own(&mut self, m: MId, p: PId) {
        if !self.ensure_p(p) {
            return;
        }
        self.free(p, PStatus::Running);
        let old = self.m_mut(m).and_then(|m| m.p.replace(p)).filter(|&old| old != p);
        if let Some(old) = old.and_then(|old| self.p_mut(old)) {
            old.m = None;
            old.status = PStatus::Promised;
        }
        if let Some(x) = self.m_mut(m) {
            if matches!(x.status, MStatus::Starting | MStatus::Idle | MStatus::Polling) {
                x.status = if x.looks { MStatus::Spinning } else { MStatus::Running };
            }
            x.next_p = None;
        }
        self.idle_ps.retain(|&x| x != p);
        let time = self.time;
        if let Some(x) = self.p_mut(p) {
            x.m = Some(m);
            x.status = PStatus::Running;
            x.slice_start = time;
        }
    }

    /// Nobody has a P any more.
    fn free(&mut self, p: PId, status: PStatus) {
        let owner = self.p_mut(p).and_then(|x| {
            x.status = status;
            x.m.take()
        });
        if let Some(owner) = owner.and_then(|m| self.m_mut(m)) {
            owner.p = None;
        }
    }

    // ---- system calls, poller, timers ----

    fn outside_event(&mut self, record: &Record, check: &mut Check) {
        let actor = record.actor.m;
        match &record.event {
            Event::SysEnter { g, .. } => {
                self.expect_running(*g, actor, check);
                actor.into_iter().for_each(|m| self.hold(m, *g, MStatus::Syscall));
            }
            Event::SysExit { g, path, .. } => {
                self.ensure_g(*g);
                match (path, actor) {
                    (SysPath::Global, _) | (_, None) => self.move_to(*g, Queue::Global, actor),
                    (_, Some(m)) if self.ensure_m(m) => self.run_on(*g, m),
                    _ => {}
                }
            }
            Event::PollStart { mode: PollMode::Blocking, .. } => {
                let other = self.ms.iter().find(|m| m.status == MStatus::Polling).map(|m| m.id);
                let alone = other.is_none() || other == actor || self.drive == Drive::Live;
                check.expect(alone, "R36", || {
                    format!("{actor:?} waits in the poller beside {other:?}")
                });
                let p = actor.and_then(|m| self.m(m)).and_then(|m| m.p);
                check.expect(p.is_none(), "R36", || {
                    format!("{actor:?} waits in the poller with {p:?}")
                });
                if let Some(m) = actor.and_then(|m| self.m_mut(m)) {
                    m.status = MStatus::Polling;
                }
            }
            Event::PollEnd { .. } => {
                if let Some(m) = actor.and_then(|m| self.m_mut(m))
                    && m.status == MStatus::Polling
                {
                    m.status = MStatus::Running;
                }
            }
            Event::TimerAdd { timer, p, when, kind, g } => {
                let new = Timer { id: *timer, p: *p, when: *when, kind: *kind, g: *g };
                if let Some(old) = self.timers.insert(*timer, new) {
                    self.due.remove(&(old.when, *timer));
                }
                self.due.insert((*when, *timer));
            }
            Event::TimerFire { timer, owner, .. } => {
                let set = self.timers.get(timer).copied();
                check.expect(set.is_some(), "R73", || format!("{timer} fires but is not set"));
                check.expect(set.is_none_or(|t| t.p == *owner), "R73", || {
                    format!("{timer} is not on {owner}")
                });
                check.expect(set.is_none_or(|t| t.when <= record.time), "R74", || {
                    format!("{timer} fires early")
                });
                self.unset(*timer);
            }
            Event::TimerStop { timer, .. } => self.unset(*timer),
            Event::TimerReset { timer, p, when } => {
                if let Some(t) = self.timers.get_mut(timer) {
                    self.due.remove(&(t.when, *timer));
                    (t.when, t.p) = (*when, *p);
                    self.due.insert((*when, *timer));
                }
            }
            Event::TimersMove { from, to, .. } => {
                self.timers.values_mut().filter(|t| t.p == *from).for_each(|t| t.p = *to);
            }
            _ => {}
        }
    }

    fn unset(&mut self, timer: gopark_trace::TimerId) {
        if let Some(t) = self.timers.remove(&timer) {
            self.due.remove(&(t.when, timer));
        }
    }

    // ---- channels and locks ----

    fn sync_event(&mut self, record: &Record, check: &mut Check) {
        match &record.event {
            Event::ChanMake { chan, cap } => self.chan_entry(*chan).cap = *cap,
            Event::ChanSend { chan, len, to, .. } => {
                let chan = self.chan_entry(*chan);
                check.expect(*len <= chan.cap, "R82", || {
                    format!("{} holds {len} of {}", chan.id, chan.cap)
                });
                chan.len = *len;
                if let Some(to) = to {
                    let first = chan.recvq.front().copied();
                    check.expect(first == Some(*to), "R84", || {
                        format!("{to} is served, {first:?} came first")
                    });
                    super::remove(&mut chan.recvq, *to);
                }
            }
            Event::ChanRecv { chan, len, from, .. } => {
                let chan = self.chan_entry(*chan);
                check.expect(*len <= chan.cap, "R83", || {
                    format!("{} holds {len} of {}", chan.id, chan.cap)
                });
                chan.len = *len;
                if let Some(from) = from {
                    let first = chan.sendq.front().copied();
                    check.expect(first == Some(*from), "R84", || {
                        format!("{from} is served, {first:?} came first")
                    });
                    super::remove(&mut chan.sendq, *from);
                }
            }
            Event::ChanClose { chan, receivers, senders } => {
                let chan = self.chan_entry(*chan);
                check.expect(!chan.closed, "R89", || format!("{} is closed twice", chan.id));
                let all = chan.recvq.iter().eq(receivers) && chan.sendq.iter().eq(senders);
                check.expect(all, "R85", || format!("{} lets go others than wait", chan.id));
                chan.closed = true;
                chan.recvq.clear();
                chan.sendq.clear();
            }
            Event::LockGet { lock, mode, how, .. } => {
                let g = record.actor.g;
                let lock = self.lock_entry(*lock);
                match mode {
                    LockMode::Write => {
                        let owner = lock.owner;
                        let free = owner.is_none() || *how == LockHow::HandedOver;
                        check.expect(free, "R90", || {
                            format!("{} is got by {g:?}, {owner:?} has it", lock.id)
                        });
                        lock.owner = g;
                    }
                    LockMode::Read => lock.readers = lock.readers.saturating_add(1),
                }
            }
            Event::LockQueue { lock, front, .. } => {
                self.lock_entry(*lock);
                if *front {
                    self.front.extend(record.actor.g);
                }
            }
            Event::LockPut { lock, mode, woke, .. } => {
                let lock = self.lock_entry(*lock);
                match mode {
                    LockMode::Write => lock.owner = None,
                    LockMode::Read => lock.readers = lock.readers.saturating_sub(1),
                }
                woke.iter().for_each(|&g| super::remove(&mut lock.waiters, g));
            }
            Event::LockStarving { lock, on, .. } => self.lock_entry(*lock).starving = *on,
            Event::WgAdd { wg, delta, counter, woke } => {
                let wg = self.wg_entry(*wg);
                let expected = wg.counter.saturating_add(*delta);
                check.expect(expected == *counter, "R95", || {
                    format!("{} goes from {} by {delta} to {counter}", wg.id, wg.counter)
                });
                wg.counter = *counter;
                let all = woke.is_empty() || wg.waiters.iter().eq(woke);
                check.expect(all, "R95", || format!("{} lets go others than wait", wg.id));
                woke.iter().for_each(|&g| super::remove(&mut wg.waiters, g));
            }
            Event::WgPass { wg } => {
                let wg = self.wg_entry(*wg);
                check.expect(wg.counter == 0, "R95", || {
                    format!("{} is passed at {}", wg.id, wg.counter)
                });
            }
            _ => {}
        }
    }

    fn chan_entry(&mut self, id: ChanId) -> &mut Channel {
        let n = id.0.into();
        if self.chans.get(n).is_none() {
            let (recvq, sendq) = (VecDeque::new(), VecDeque::new());
            self.chans
                .insert(n, Channel { id, name: None, cap: 0, len: 0, closed: false, recvq, sendq });
        }
        self.chans.get_mut(n).expect("just put there")
    }

    fn lock_entry(&mut self, id: LockId) -> &mut Lock {
        let n = id.0.into();
        if self.locks.get(n).is_none() {
            let waiters = VecDeque::new();
            self.locks.insert(
                n,
                Lock { id, name: None, owner: None, readers: 0, waiters, starving: false },
            );
        }
        self.locks.get_mut(n).expect("just put there")
    }

    fn wg_entry(&mut self, id: WgId) -> &mut WaitGroup {
        let n = id.0.into();
        if self.wgs.get(n).is_none() {
            self.wgs.insert(n, WaitGroup { id, name: None, counter: 0, waiters: VecDeque::new() });
        }
        self.wgs.get_mut(n).expect("just put there")
    }

    /// A goroutine as a snapshot has it, for [`World::load`].
    pub(super) fn insert_g(&mut self, g: Goroutine) {
        if let Some(old) = self.gs.remove(g.id.0) {
            *self.counts.of(old.status) -= 1;
        }
        *self.counts.of(g.status) += 1;
        self.gs.insert(g.id.0, g);
    }
}
