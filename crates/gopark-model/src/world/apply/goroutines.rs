//! What goroutines do: they are made, start, park, give way and end.

use std::collections::VecDeque;

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, MId, Nanos, Obj};
use gopark_trace::record::{Actor, Record};
use gopark_trace::rule::Rule;
use gopark_trace::words::{GStatus, PreemptKind, Queue, WaitReason, YieldKind};

use super::Check;
use crate::things::{MStatus, Place};
use crate::world::World;

impl World {
    pub(super) fn go_event(&mut self, record: &Record, check: &mut Check) {
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
                self.expect_status(*g, GStatus::Waiting, "is made ready", check);
                self.expect_first_reader(*g, check);
                self.expect_free(*to, check);
                self.move_to(*g, *to, m);
            }
            Event::GoStart { g, from, tick } => self.start(record.actor, *g, (*from, *tick), check),
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
                self.expect_free(*to, check);
                self.move_to(*g, *to, m);
            }
            Event::GoPreempt { g, kind, to } => {
                self.expect_running(*g, m, check);
                let own = record.actor.p.map(Queue::Slot);
                let right = match kind {
                    PreemptKind::StopTheWorld => own == Some(*to),
                    PreemptKind::Cooperative | PreemptKind::Signal => *to == Queue::Global,
                };
                check.expect(right, "R16", || format!("{g} is preempted {kind} but goes to {to}"));
                self.ensure_g(*g);
                self.move_to(*g, *to, m);
            }
            Event::GoExit { g, .. } => {
                self.expect_running(*g, m, check);
                self.take_out(*g);
                self.called.remove(g);
                if let Some(x) = self.gs.remove(g.0) {
                    *self.counts.of(x.status) -= 1;
                    self.counts.ended = self.counts.ended.saturating_add(1);
                }
            }
            Event::CoSwitch { from, to } => {
                let Some(m) = m.filter(|&m| self.ensure_m(m)) else { return };
                self.ensure_g(*from);
                self.ensure_g(*to);
                self.expect_running(*from, Some(m), check);
                self.expect_status(*to, GStatus::Waiting, "is switched to", check);
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

    /// A runnable goroutine runs, on the M and P of `actor`.
    pub(super) fn start(
        &mut self,
        actor: Actor,
        g: GId,
        (from, tick): (Queue, u32),
        check: &mut Check,
    ) {
        let (m, p) = (actor.m, actor.p);
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
    pub(super) fn run_on(&mut self, g: GId, m: MId) {
        self.take_out(g);
        if let Some(other) = self.m(m).and_then(|m| m.g) {
            self.take_out(other);
            self.set_g(other, Place::Waiting, GStatus::Waiting);
        }
        self.set_m(m, MStatus::Running);
        if let Some(m) = self.m_mut(m) {
            m.g = Some(g);
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
        if why == WaitReason::Select {
            self.select_parks(g, check);
        }
        let front = self.front.remove(&g);
        self.parks_with_ticket(g, on, check);
        let queue: Option<&mut VecDeque<GId>> = match on {
            Some(Obj::Chan(id)) => {
                let chan = self.chan_entry(id);
                let sends = matches!(why, WaitReason::ChanSend | WaitReason::ChanSendNil);
                Some(if sends { &mut chan.sendq } else { &mut chan.recvq })
            }
            Some(Obj::Lock(id)) => Some(&mut self.lock_entry(id).waiters),
            Some(Obj::Wg(id)) => Some(&mut self.wg_entry(id).waiters),
            Some(Obj::Cond(id)) => Some(&mut self.cond_entry(id).waiters),
            Some(Obj::Sem(id)) => Some(&mut self.sem_entry(id).waiters),
            Some(Obj::Fd(id)) => {
                if let Some(Rule::ParkForFd { dir, .. }) = record.rule {
                    self.wait_for_fd(g, id, dir, check);
                }
                None
            }
            _ => None,
        };
        match queue {
            Some(queue) if front => queue.push_front(g),
            Some(queue) => queue.push_back(g),
            None => {}
        }
    }
}
