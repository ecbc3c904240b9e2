//! What Ms do, and which P is whose.

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, MId, PId};
use gopark_trace::record::{Actor, Record};
use gopark_trace::words::{GStatus, Queue};

use super::Check;
use crate::things::{MStatus, PStatus};
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
                self.let_go(*m, MStatus::Ended);
            }
            Event::MSpin { m, on, spinning } => self.spin(*m, *on, *spinning),
            Event::NeedSpinning { on } => self.needspinning = *on,
            Event::MHeld { m, g } if self.ensure_m(*m) => {
                self.ensure_g(*g);
                let other = self.m(*m).and_then(|m| m.g);
                check.expect(other.is_none_or(|other| other == *g), "R3", || {
                    format!("{m} is suspended with {g} but runs {other:?}")
                });
                self.set_m(*m, MStatus::Held);
                self.m_mut(*m).into_iter().for_each(|m| m.holds = Some(*g));
                self.gs.get_mut(g.0).into_iter().for_each(|g| g.held_by = Some(*m));
            }
            Event::MResume { m, g, p, tick } if self.ensure_m(*m) => {
                let held = self.g(*g).and_then(|g| g.held_by);
                check.expect(held == Some(*m), "R1", || {
                    format!("{g} goes on at {m} but is suspended with {held:?}")
                });
                self.own(*m, *p);
                self.m_mut(*m).into_iter().for_each(|m| m.holds = None);
                self.gs.get_mut(g.0).into_iter().for_each(|g| g.held_by = None);
                let actor = Actor { m: Some(*m), p: Some(*p), g: None };
                self.start(actor, *g, (Queue::Hand, *tick), check);
            }
            // It still waits in its queue, and is drawn there; the thread goes on all the same.
            Event::EmergencyRun { m, g, .. } if self.ensure_m(*m) => {
                let held = self.g(*g).and_then(|g| g.held_by);
                check.expect(held == Some(*m), "R1", || {
                    format!("{g} goes on at {m} but is suspended with {held:?}")
                });
            }
            Event::LockThread { g, m, on } => {
                self.ensure_g(*g);
                self.gs.get_mut(g.0).into_iter().for_each(|g| g.tied = on.then_some(*m));
            }
            Event::MWaitLocked { m, .. } => self.set_m(*m, MStatus::WaitLocked),
            _ => {}
        }
    }

    /// An M is on its way, with a P.
    fn promise(&mut self, m: MId, p: Option<PId>, spinning: bool) {
        if !self.ensure_m(m) {
            return;
        }
        self.spinning = self.spinning.saturating_add(u32::from(spinning));
        self.set_m(m, MStatus::Starting);
        if let Some(x) = self.m_mut(m) {
            x.next_p = p;
            x.looks = spinning;
        }
    }

    fn spin(&mut self, m: MId, on: bool, spinning: u32) {
        self.spinning = spinning;
        let Some(x) = self.m_mut(m) else { return };
        x.looks = on;
        if !matches!(x.status, MStatus::Idle | MStatus::Polling | MStatus::Ended) {
            self.set_m(m, if on { MStatus::Spinning } else { MStatus::Running });
        }
    }

    /// An M lets go of everything.
    fn let_go(&mut self, m: MId, status: MStatus) {
        let Some(x) = self.m_mut(m) else { return };
        x.next_p = None;
        x.looks = false;
        let (p, g, hand) = (x.p, x.g, x.hand.clone());
        p.into_iter().for_each(|p| self.free(p, PStatus::Promised));
        for g in g.into_iter().chain(hand) {
            self.move_to(g, Queue::Global, None);
        }
        self.set_m(m, status);
    }

    /// An M is stopped with its goroutine.
    pub(super) fn hold(&mut self, m: MId, g: GId, how: MStatus) {
        if !self.ensure_m(m) {
            return;
        }
        self.ensure_g(g);
        self.run_on(g, m);
        self.set_m(m, how);
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
                self.set_p(*p, PStatus::Promised);
            }
            Event::PHandoff { p, to, g, .. } => {
                let owner = self.p(*p).and_then(|p| p.m);
                // sysmon hands off what it has taken from somebody before.
                let taken = self.p(*p).is_some_and(|p| p.status == PStatus::Promised);
                check.expect(owner.is_some() && owner == m || taken, "R3", || {
                    format!("{m:?} hands {p} off, which {owner:?} has")
                });
                self.free(*p, PStatus::Promised);
                let Some(to) = to.filter(|&to| self.ensure_m(to)) else { return };
                self.m_mut(to).into_iter().for_each(|to| to.next_p = Some(*p));
                if let Some(g) = *g {
                    self.ensure_g(g);
                    self.expect_status(g, GStatus::Runnable, "is handed on", check);
                    self.move_to(g, Queue::Hand, Some(to));
                }
            }
            Event::PRetake { p, from, .. } | Event::PLost { p, m: from, .. } => {
                let owner = self.p(*p).and_then(|p| p.m);
                check.expect(owner == Some(*from), "R3", || {
                    format!("{p} is taken from {from}, but {owner:?} has it")
                });
                self.free(*p, PStatus::Promised);
            }
            Event::PStop { p, on } => {
                // Only who stops the world keeps its P.
                if *on && record.actor.p != Some(*p) {
                    self.free(*p, PStatus::Stopped);
                }
                let owned = self.p(*p).is_some_and(|p| p.m.is_some());
                let goes_on = if owned { PStatus::Running } else { PStatus::Promised };
                self.set_p(*p, if *on { PStatus::Stopped } else { goes_on });
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
        let old = self.m(m).and_then(|m| m.p);
        old.into_iter().for_each(|old| self.free(old, PStatus::Promised));
        self.free(p, PStatus::Running);
        let Some(x) = self.m_mut(m) else { return };
        (x.p, x.next_p) = (Some(p), None);
        if matches!(x.status, MStatus::Starting | MStatus::Idle | MStatus::Polling) {
            let looks = x.looks;
            self.set_m(m, if looks { MStatus::Spinning } else { MStatus::Running });
        }
        let time = self.time;
        if let Some(x) = self.p_mut(p) {
            (x.m, x.slice_start) = (Some(m), time);
        }
    }

    /// Nobody has a P any more.
    fn free(&mut self, p: PId, status: PStatus) {
        self.set_p(p, status);
        let owner = self.p_mut(p).and_then(|x| x.m.take());
        if let Some(owner) = owner.and_then(|m| self.m_mut(m)) {
            owner.p = None;
        }
    }
}
