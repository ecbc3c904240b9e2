//! System calls, the poller, timers.

use gopark_trace::event::Event;
use gopark_trace::ids::{FdId, GId, MId, TimerId};
use gopark_trace::record::Record;
use gopark_trace::words::{Drive, FdDir, GStatus, PollMode, Queue, SysPath};

use super::Check;
use crate::things::{Descriptor, MStatus, Timer};
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
            Event::FdOpen { fd, what } => {
                let open = self.fd(*fd).is_some();
                check.expect(!open, "R67", || format!("{fd} is opened twice"));
                let (id, what) = (*fd, what.clone());
                self.fds.insert(id.0.into(), Descriptor { id, what, reader: None, writer: None });
            }
            Event::FdReady { fd, dir, g } if self.drive == Drive::Lab => {
                let waits = self.fd(*fd).and_then(|fd| fd.waiter(*dir));
                // Who waited before a snapshot is not known.
                check.expect(waits.is_none() || waits == *g, "R67", || {
                    format!("{fd} is ready to {dir} for {g:?}, but {waits:?} waits")
                });
            }
            Event::FdClose { fd } => {
                let closed = self.fds.remove(fd.0.into());
                let waits = closed.and_then(|fd| fd.reader.or(fd.writer));
                check.expect(waits.is_none() || self.drive == Drive::Live, "R70", || {
                    format!("{fd} is closed and {waits:?} still waits for it")
                });
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

    /// A goroutine parks until a descriptor is ready.
    pub(super) fn wait_for_fd(&mut self, g: GId, id: FdId, dir: FdDir, check: &mut Check) {
        let n = id.0.into();
        if self.fds.get(n).is_none() {
            let what = String::new();
            self.fds.insert(n, Descriptor { id, what, reader: None, writer: None });
        }
        let Some(fd) = self.fds.get_mut(n) else { return };
        let place = match dir {
            FdDir::Read => &mut fd.reader,
            FdDir::Write => &mut fd.writer,
        };
        let other = place.replace(g);
        check.expect(other.is_none(), "R67", || {
            format!("{g} waits to {dir} at {id}, and {other:?} does already")
        });
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
