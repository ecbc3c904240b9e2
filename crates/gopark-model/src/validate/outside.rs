//! System calls, slices, ties to threads, and a stop of the world: R8, R44, R45, R47–R50, R52–R54,
//! R57, R59, R62, R106.

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, MId, Nanos, PId};
use gopark_trace::record::Record;
use gopark_trace::rule::Rule;
use gopark_trace::words::{GStatus, HandoffWhy, Queue, SysPath};

use super::{Validator, has_work};
use crate::things::PStatus;
use crate::world::MAX_INDEX;

/// What a slice is, and the longest a P stays with a call.
const SLICE: Nanos = Nanos(10_000_000);
/// The shortest time between two looks of sysmon.
const LOOK: Nanos = Nanos(20_000);

/// What an M is in the middle of with a call, and what it was asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Outside {
    /// It is in a call, known to block or not, since then.
    call: Option<(bool, Nanos)>,
    /// Its call is known to block and its P was not handed off yet.
    owes_handoff: bool,
    /// It found no P after a call and has not slept since.
    owes_sleep: bool,
    /// It was asked to give way and has started nobody since.
    asked: bool,
}

impl Validator {
    /// What an event says against the world before it.
    pub(super) fn outside(&mut self, record: &Record) {
        self.blocking_hands_off(record);
        let (seq, actor) = (record.seq, record.actor);
        match &record.event {
            Event::PHandoff { p, why: HandoffWhy::BlockingCall, .. } => {
                let call = self.look(actor.m).and_then(|m| m.outside.call);
                self.expect(!matches!(call, Some((false, _))), "R47", seq, || {
                    format!("{p} is handed off by a call that is not known to block")
                });
            }
            Event::SysExit { g, path, p } => self.back(record, *g, *path, *p),
            Event::PRetake { p, from, after, .. } => self.retake(record, *p, *from, *after),
            Event::PreemptRequest { p, g, m, ran, .. } => {
                self.sysmon_acts(record);
                self.request(record, (*p, *g, *m), *ran);
            }
            Event::PLost { .. } | Event::SysmonLook { .. } => self.sysmon_acts(record),
            Event::GoStart { g, .. } => self.starts_where_it_may(record, *g),
            Event::Gomaxprocs { from, .. } => {
                let stand = self.stand.unwrap_or(*from);
                self.expect(stand == *from || !self.lab(), "R106", seq, || {
                    format!("the world stands, and {stand} of {from} Ps are stopped")
                });
            }
            _ => {}
        }
    }

    /// R8: sysmon has neither P nor goroutine.
    fn sysmon_acts(&mut self, record: &Record) {
        let (p, g) = (record.actor.p, record.actor.g);
        self.expect(p.is_none() && g.is_none(), "R8", record.seq, || {
            format!("sysmon acts with {p:?} and {g:?}")
        });
    }

    /// R54: a call that is known to block hands its P off before anything else.
    fn blocking_hands_off(&mut self, record: &Record) {
        if matches!(record.event, Event::Site { .. } | Event::RunEnd { .. }) {
            return;
        }
        let Some(doing) = record.actor.m.and_then(|m| self.doing(m)) else { return };
        let owes = std::mem::take(&mut doing.outside.owes_handoff);
        let pays = matches!(
            record.event,
            Event::PHandoff { why: HandoffWhy::BlockingCall, .. }
                // To who looks while nobody does, or to who stops the world.
                | Event::NeedSpinning { .. }
                | Event::PStop { .. }
        );
        self.expect(!owes || pays, "R54", record.seq, || {
            format!("{:?} is in a call that blocks and keeps its P", record.actor.m)
        });
    }

    /// R48–R50: with which P a goroutine is back.
    fn back(&mut self, record: &Record, g: GId, path: SysPath, p: Option<PId>) {
        let has = record.actor.m.and_then(|m| self.world.m(m)).and_then(|m| m.p);
        match path {
            SysPath::Kept => self.expect(p.is_some() && has == p, "R48", record.seq, || {
                format!("{g} is back and keeps {p:?}, but its M has {has:?}")
            }),
            SysPath::OldP | SysPath::IdleP => {
                self.expect(p.is_some() && has == p, "R49", record.seq, || {
                    format!("{g} is back with {p:?}, but its M has {has:?}")
                });
            }
            SysPath::Global => {
                let idle = self.world.idle_ps().len();
                let none = p.is_none() && has.is_none() && (idle == 0 || !self.lab());
                self.expect(none, "R50", record.seq, || {
                    format!("{g} waits for a P with {has:?} at hand and {idle} idle")
                });
            }
            SysPath::NewSlice => {}
        }
    }

    /// R52, R53: when sysmon may take a P from a call.
    fn retake(&mut self, record: &Record, p: PId, from: MId, after: Nanos) {
        let by_sysmon =
            matches!(record.rule, Some(Rule::RetakeWanted { .. } | Rule::RetakeLong { .. }));
        if !by_sysmon {
            return;
        }
        self.sysmon_acts(record);
        let call = self.look(Some(from)).and_then(|m| m.outside.call);
        if !self.lab() || call.is_none() {
            return;
        }
        // A tick that lasts for a slice needs no earlier look at the call.
        let long = self.tick_lasts(p, record.time).is_none_or(|lasts| lasts >= SLICE);
        self.expect(after >= LOOK || long, "R52", record.seq, || {
            format!("{p} is taken from a call of {after}: nobody can have looked before")
        });
        let idle = self.world.idle_ps().len();
        let wanted = has_work(self.world.p(p)) || self.world.spinning() == 0 && idle == 0;
        self.expect(wanted || after >= SLICE, "R53", record.seq, || {
            format!("{p} is taken from a call of {after}: it has no work, and {idle} are idle")
        });
    }

    /// R57, R59, R62: whom sysmon asks to give way.
    fn request(&mut self, record: &Record, (p, g, m): (PId, GId, MId), ran: Nanos) {
        let seq = record.seq;
        self.expect(ran >= SLICE, "R59", seq, || format!("{g} is asked to stop after {ran}"));
        if !self.lab() {
            return;
        }
        let lasts = self.tick_lasts(p, record.time).unwrap_or(SLICE);
        self.expect(lasts >= SLICE || ran < SLICE, "R59", seq, || {
            format!("{g} is asked to stop, and the tick of {p} is as it is for {lasts} only")
        });
        let called = self.world.g(g).is_some_and(|g| g.status == GStatus::Syscall);
        self.expect(!called, "R57", seq, || format!("{g} is asked to stop, in a call"));
        let again = self.look(Some(m)).is_some_and(|m| m.outside.asked);
        self.expect(!again, "R62", seq, || format!("{m} is asked twice to stop {g}"));
    }

    /// R44, R45, R50, R106: ties to threads, and nobody starts where the world stands.
    fn starts_where_it_may(&mut self, record: &Record, g: GId) {
        let (seq, m) = (record.seq, record.actor.m);
        let tied = self.world.g(g).and_then(|g| g.tied);
        self.expect(tied.is_none() || tied == m, "R44", seq, || {
            format!("{g} is tied to {tied:?} and starts on {m:?}")
        });
        let kept = self.look(m).is_some_and(|m| m.tied);
        self.expect(!kept || tied.is_some(), "R45", seq, || {
            format!("{m:?} belongs to a goroutine that is tied to it, and starts {g}")
        });
        let awake = self.look(m).is_some_and(|m| m.outside.owes_sleep);
        self.expect(!awake, "R50", seq, || {
            format!("{m:?} found no P after a call, and starts {g} without having slept")
        });
        let stands = record.actor.p.and_then(|p| self.world.p(p));
        let stands = stands.is_some_and(|p| p.status == PStatus::Stopped);
        self.expect(!stands, "R106", seq, || format!("{g} starts on a P that is stopped"));
    }

    /// For how long the tick of a P is as it is; unknown if the stream was joined in its slice.
    fn tick_lasts(&self, p: PId, now: Nanos) -> Option<Nanos> {
        let since = *self.tick_at.get(p.0 as usize)?;
        since.map(|since| now.minus(since))
    }

    /// Notes calls, requests, slices and stops.
    pub(super) fn after_outside(&mut self, record: &Record) {
        let time = record.time;
        match &record.event {
            Event::GoStart { from, .. } if !matches!(from, Queue::Slot(_)) => {
                record.actor.p.into_iter().for_each(|p| self.new_slice(p, time));
            }
            Event::MResume { m, p, .. } => {
                self.new_slice(*p, time);
                self.doing(*m).into_iter().for_each(|m| m.outside.asked = false);
            }
            Event::PreemptRequest { m, .. } => {
                self.doing(*m).into_iter().for_each(|m| m.outside.asked = true);
            }
            Event::StopTheWorld { on, .. } => self.stand = on.then_some(0),
            Event::PStop { on: true, .. } => {
                self.stand.iter_mut().for_each(|stand| *stand += 1);
            }
            _ => {}
        }
        let Some(doing) = record.actor.m.and_then(|m| self.doing(m)) else { return };
        let outside = &mut doing.outside;
        match &record.event {
            Event::SysEnter { blocking, .. } => {
                (outside.call, outside.owes_handoff) = (Some((*blocking, time)), *blocking);
            }
            Event::SysExit { path, .. } => {
                (outside.call, outside.owes_sleep) = (None, *path == SysPath::Global);
            }
            Event::MPark { .. } | Event::MWaitLocked { .. } => outside.owes_sleep = false,
            Event::GoStart { .. } => outside.asked = false,
            _ => {}
        }
    }

    fn new_slice(&mut self, p: PId, time: Nanos) {
        if p.0 >= MAX_INDEX {
            return;
        }
        let n = p.0 as usize;
        if self.tick_at.len() <= n {
            self.tick_at.resize(n + 1, None);
        }
        if let Some(at) = self.tick_at.get_mut(n) {
            *at = Some(time);
        }
    }
}
