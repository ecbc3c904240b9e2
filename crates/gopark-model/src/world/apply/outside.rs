//! System calls, the poller, timers.

use super::*;

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
}
