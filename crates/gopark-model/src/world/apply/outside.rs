//! System calls, the poller, timers.

use gopark_trace::event::Event;
use gopark_trace::ids::{MId, TimerId};
use gopark_trace::record::Record;
use gopark_trace::words::{Drive, GStatus, PollMode, Queue, SysPath};

use super::Check;
use crate::things::{MStatus, Timer};
use crate::world::World;

impl World {
    pub(super) fn outside_event(&mut self, record: &Record, check: &mut Check) {
        let actor = record.actor.m;
        match &record.event {
            Event::SysEnter { g, .. } => {
                self.expect_running(*g, actor, check);
                actor.into_iter().for_each(|m| self.hold(m, *g, MStatus::Syscall));
            }
            Event::SysExit { g, path, .. } => {
                self.ensure_g(*g);
                self.expect_status(*g, GStatus::Syscall, "is back from a call", check);
                match (path, actor) {
                    (SysPath::Global, _) | (_, None) => self.move_to(*g, Queue::Global, actor),
                    (SysPath::NewSlice, _) => self.move_to(*g, Queue::Hand, actor),
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
                actor.into_iter().for_each(|m| self.set_m(m, MStatus::Polling));
            }
            Event::PollEnd { .. } => {
                let polls = |m: &MId| self.m(*m).is_some_and(|m| m.status == MStatus::Polling);
                if let Some(m) = actor.filter(polls) {
                    self.set_m(m, MStatus::Running);
                }
            }
            Event::TimerAdd { timer, p, when, kind, g } => {
                let set = self.timers.get(timer.0).copied();
                check.expect(set.is_none(), "R73", || format!("{timer} is set already: {set:?}"));
                self.set_timer(Timer { id: *timer, p: *p, when: *when, kind: *kind, g: *g });
            }
            Event::TimerFire { timer, owner, .. } => {
                let set = self.timers.get(timer.0).copied();
                check.expect(set.is_some(), "R73", || format!("{timer} fires but is not set"));
                check.expect(set.is_none_or(|t| t.p == *owner), "R73", || {
                    format!("{timer} is not on {owner}")
                });
                check.expect(set.is_none_or(|t| t.when <= record.time), "R74", || {
                    format!("{timer} fires early")
                });
                self.unset(*timer);
            }
            Event::TimerStop { timer, was_set } => {
                let set = self.timers.get(timer.0).is_some();
                check.expect(*was_set || !set, "R76", || {
                    format!("{timer} is stopped as if it had fired, and is set")
                });
                self.unset(*timer);
            }
            Event::TimerReset { timer, p, when } => {
                let old = self.timers.get(timer.0).copied();
                check.expect(old.is_some_and(|t| t.p == *p), "R73", || {
                    format!("{timer} gets another time on {p}, it was {old:?}")
                });
                if let Some(old) = old {
                    self.set_timer(Timer { when: *when, p: *p, ..old });
                }
            }
            Event::TimersMove { from, to, count } => {
                let moved: Vec<Timer> =
                    self.timers.iter().filter(|t| t.p == *from).copied().collect();
                check.expect(moved.len() == *count as usize, "R107", || {
                    format!("{count} timers move from {from}, which had {}", moved.len())
                });
                moved.into_iter().for_each(|t| self.set_timer(Timer { p: *to, ..t }));
            }
            _ => {}
        }
    }

    /// Sets a timer, or sets it anew.
    pub(in crate::world) fn set_timer(&mut self, timer: Timer) {
        self.unset(timer.id);
        self.due.insert((timer.when, timer.id));
        self.timers.insert(timer.id.0, timer);
    }

    fn unset(&mut self, timer: TimerId) {
        if let Some(t) = self.timers.remove(timer.0) {
            self.due.remove((t.when, timer));
        }
    }
}
