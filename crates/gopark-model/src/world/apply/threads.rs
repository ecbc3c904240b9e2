//! What Ms do, and which P is whose.

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, MId, PId};
use gopark_trace::record::Record;
use gopark_trace::words::{GStatus, Queue};

use super::Check;
use crate::things::{MStatus, PStatus, Place};
use crate::world::World;

impl World {
    pub(super) fn m_event(&mut self, record: &Record, check: &mut Check) {
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
        self.spinning = self.spinning.saturating_add(u32::from(spinning));
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
    pub(super) fn hold(&mut self, m: MId, g: GId, how: MStatus) {
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

    pub(super) fn p_event(&mut self, record: &Record, check: &mut Check) {
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
    pub(super) fn own(&mut self, m: MId, p: PId) {
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
}
