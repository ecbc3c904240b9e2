//! Who is woken for work, who looks for it, who gives up: R1, R6, R18–R21, R27, R34, R35, R39, R43,
//! R64.

use gopark_trace::event::Event;
use gopark_trace::ids::{MId, PId};
use gopark_trace::record::Record;
use gopark_trace::rule::Rule;
use gopark_trace::words::{PollMode, Queue, YieldKind};

use super::{Validator, has_work};
use crate::things::PStatus;

/// A wake that an M owes: it put work somewhere, or stopped looking because it found some, and
/// nobody looks. In the lab nothing comes in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Debt {
    /// An idle P must be taken, by this rule.
    TakeP(&'static str),
    /// An M must be woken with it, by this rule.
    Wake(&'static str),
    /// No P is idle: a note must be left.
    Note,
}

impl Validator {
    /// What an event says against the world before it.
    pub(super) fn waking(&mut self, record: &Record) {
        self.note_is_taken(record);
        self.debt_is_paid(record);
        let seq = record.seq;
        match &record.event {
            Event::MWake { m, p, spinning } => self.wakes(record, *m, *p, *spinning),
            Event::MStart { m, p, spinning } => self.wakes(record, *m, *p, *spinning),
            Event::LockThread { m, on, .. } => {
                self.doing(*m).into_iter().for_each(|m| m.tied = *on);
            }
            Event::MExit { m } => {
                let tied = self.look(Some(*m)).is_some_and(|m| m.tied);
                self.expect(tied, "R6", seq, || {
                    format!("{m} ends, and no goroutine was tied to it")
                });
            }
            Event::MSpin { on: true, m, .. } => self.begins_to_look(record, *m),
            Event::MSpin { on: false, m, spinning } => self.stops_looking(record, *m, *spinning),
            Event::NeedSpinning { on: true } if self.lab() => {
                let idle = self.world.idle_ps().len();
                self.expect(idle == 0, "R19", seq, || {
                    format!("work is left while {idle} Ps are idle")
                });
            }
            Event::PIdle { p } => self.releases(record, *p),
            Event::PGet { p } | Event::PAcquire { p } => {
                let dead = self.world.p(*p).is_some_and(|p| p.status == PStatus::Dead);
                self.expect(!dead, "R1", seq, || format!("{p} is taken, and is gone"));
            }
            Event::GoStart { g, .. } => {
                let looks = record.actor.m.filter(|&m| self.looks(m));
                self.expect(looks.is_none(), "R39", seq, || {
                    format!("{looks:?} starts {g} and still counts as looking")
                });
            }
            Event::MPark { .. } | Event::PollStart { mode: PollMode::Blocking, .. } => {
                self.goes_to_sleep(record);
            }
            _ => {}
        }
    }

    fn looks(&self, m: MId) -> bool {
        self.world.m(m).is_some_and(|m| m.looks)
    }

    /// R19: who begins to look takes the note that work was left.
    fn note_is_taken(&mut self, record: &Record) {
        let taken = matches!(record.event, Event::NeedSpinning { on: false });
        let takes = self.takes_note.take();
        // A P was handed off because nobody spins: whoever did that, sysmon too, takes the note.
        let handed = self.handed == Some((record.actor.m, record.time));
        let by_right = takes.is_some() && takes == record.actor.m || handed || !self.lab();
        self.expect(by_right || !taken, "R19", record.seq, || {
            format!("{:?} takes the note that work was left and does not look", record.actor.m)
        });
        self.expect(taken || takes.is_none(), "R19", record.seq, || {
            format!("{takes:?} looks and leaves the note that work was left")
        });
    }

    /// R18, R19, R39, R64: new work with nobody looking wakes an M, or leaves a note.
    fn debt_is_paid(&mut self, record: &Record) {
        let aside = matches!(
            record.event,
            Event::RingOverflow { .. } | Event::RingPut { .. } | Event::Site { .. }
        );
        let Some(doing) = record.actor.m.and_then(|m| self.doing(m)).filter(|_| !aside) else {
            return;
        };
        let Some(debt) = doing.debt.take() else { return };
        let (paid, rule) = match (debt, &record.event) {
            (Debt::TakeP(rule), Event::PGet { .. }) => {
                doing.debt = Some(Debt::Wake(rule));
                return;
            }
            (Debt::Wake(rule), event) => {
                (matches!(event, Event::MWake { .. } | Event::MStart { .. }), rule)
            }
            (Debt::TakeP(rule), _) => (false, rule),
            (Debt::Note, event) => (matches!(event, Event::NeedSpinning { on: true }), "R19"),
        };
        let ends = matches!(record.event, Event::RunEnd { .. }) || self.world.ended().is_some();
        self.expect(paid || ends, rule, record.seq, || {
            format!("{:?} has new work, nobody looks, and it owes: {debt:?}", record.actor.m)
        });
    }

    /// R18, R20, R43, R6: one M is woken, if nobody looks, with a P that was taken for it.
    fn wakes(&mut self, record: &Record, m: MId, p: Option<PId>, spinning: bool) {
        let seq = record.seq;
        if !self.started {
            return;
        }
        let Some(p) = p else {
            // Only to take over from a thread that is about to be suspended.
            let standby = record.rule == Some(Rule::Standby {});
            return self.expect(standby, "R6", seq, || format!("{m} is woken without a P"));
        };
        let status = self.world.p(p).map(|p| p.status);
        self.expect(status == Some(PStatus::Promised), "R18", seq, || {
            format!("{m} is woken with {p}, which was not taken for it but is {status:?}")
        });
        if !spinning {
            return;
        }
        if self.lab() {
            let now = self.world.spinning();
            let woke = self.look(record.actor.m).and_then(|m| m.woke);
            let again = woke.is_some_and(|woke| self.looks(woke));
            self.expect(now == 0, if again { "R20" } else { "R18" }, seq, || {
                format!("{m} is woken to look while {now} look (woken before: {woke:?})")
            });
        }
        let work = has_work(self.world.p(p));
        self.expect(!work, "R43", seq, || {
            format!("{m} is woken to look for work with {p}, which has some")
        });
    }

    /// R21, R27: it has no work, and few enough look.
    fn begins_to_look(&mut self, record: &Record, m: MId) {
        if !self.lab() {
            return;
        }
        let spinning = self.world.spinning();
        let busy = self.world.procs().saturating_sub(self.world.idle_ps().len()) as u32;
        if let Some(Rule::MaySpin { .. }) = record.rule {
            // After a poll an M goes on spinning if it spun before, whatever the others do.
            let polled = self.look(Some(m)).is_some_and(|m| m.polled);
            let few = spinning.saturating_mul(2) < busy;
            self.expect(few || polled, "R27", record.seq, || {
                format!("{m} looks for work with {spinning} spinning and {busy} busy Ps")
            });
        }
        // What a second look found is there to be taken.
        let found = matches!(record.rule, Some(Rule::SpinnerRechecks { .. }));
        let work = record.actor.p.is_some_and(|p| has_work(self.world.p(p)));
        self.expect(!work || found, "R21", record.seq, || {
            format!("{m} looks for work and has some")
        });
    }

    /// R35: who gives up has given its P up before, and counts itself out.
    fn stops_looking(&mut self, record: &Record, m: MId, spinning: u32) {
        let Some(Rule::StopsSpinning { .. }) = record.rule else { return };
        let p = self.world.m(m).and_then(|m| m.p);
        self.expect(p.is_none(), "R35", record.seq, || format!("{m} gives up looking with {p:?}"));
        let now = self.world.spinning();
        self.expect(spinning.checked_add(1) == Some(now) || !self.lab(), "R35", record.seq, || {
            format!("{now} look, then {spinning}")
        });
    }

    /// R34: before a P is given up: is the world being stopped, is there global work, a note?
    fn releases(&mut self, record: &Record, p: PId) {
        let seq = record.seq;
        let global = self.world.global().len();
        // When the world goes on everybody has what it had; who is idle is told first.
        let restarts = record.rule == Some(Rule::WorldGoesOn {});
        self.expect(global == 0 || restarts, "R34", seq, || {
            format!("{p} is given up with {global} in the global queue")
        });
        let Some(Rule::GiveUpP {}) = record.rule else { return };
        let stopping = self.stopping;
        self.expect(!stopping, "R34", seq, || {
            format!("{p} is given up while the world is being stopped")
        });
        let looks = record.actor.m.is_some_and(|m| self.looks(m));
        let note = self.world.needspinning() && self.lab();
        self.expect(looks || !note, "R34", seq, || {
            format!("{p} is given up with a note that work was left")
        });
    }

    /// R35: nobody sleeps that counts as looking, nor without a second look at every queue.
    fn goes_to_sleep(&mut self, record: &Record) {
        let Some(m) = record.actor.m else { return };
        let looks = self.looks(m);
        self.expect(!looks, "R35", record.seq, || format!("{m} sleeps and counts as looking"));
        let gave_up = self.doing(m).is_some_and(|m| std::mem::take(&mut m.gave_up));
        if !gave_up || !self.lab() {
            return;
        }
        let idle = self.world.idle_ps().last().copied();
        let work = !self.world.global().is_empty()
            || self.world.ps().iter().any(|p| p.status != PStatus::Idle && has_work(Some(p)));
        self.expect(idle.is_none() || !work, "R35", record.seq, || {
            format!("{m} gave up looking and sleeps, {idle:?} is idle and work waits")
        });
    }

    /// Notes who was woken, who gave up, and what is owed.
    pub(super) fn after_waking(&mut self, record: &Record) {
        if record.rule == Some(Rule::HandoffNobodyLooks {}) {
            self.handed = Some((record.actor.m, record.time));
        }
        let Some(m) = record.actor.m else { return };
        let debt = self.debt_after(record);
        let note = self.world.needspinning() && self.lab();
        if note && matches!(record.event, Event::MSpin { on: true, .. }) {
            self.takes_note = Some(m);
        }
        let Some(doing) = self.doing(m) else { return };
        doing.debt = debt.or(doing.debt);
        match &record.event {
            Event::MWake { m, spinning: true, .. } | Event::MStart { m, spinning: true, .. } => {
                doing.woke = Some(*m);
            }
            Event::GoStart { .. } => (doing.woke, doing.polled) = (None, false),
            Event::PollEnd { .. } => doing.polled = true,
            Event::StealTry { .. } | Event::MPark { .. } => doing.polled = false,
            Event::MSpin { on, .. } => {
                doing.gave_up = !on && matches!(record.rule, Some(Rule::StopsSpinning { .. }));
            }
            _ => {}
        }
    }

    /// What an M owes after an event, with the world after it.
    fn debt_after(&self, record: &Record) -> Option<Debt> {
        // A timer makes goroutines without a parent, once the run has begun.
        let by_timer = record.actor.g.is_none() && self.started;
        let rule = match &record.event {
            Event::GoCreate { parent: None, .. } if by_timer => "R18",
            Event::GoCreate { parent: Some(_), .. }
            | Event::GoReady { to: Queue::Slot(_), .. }
            | Event::GoYield { kind: YieldKind::Gosched, .. } => "R18",
            Event::GoPreempt { to: Queue::Global, .. } => "R64",
            // For a stop of the world it stops to look without having found any.
            Event::MSpin { on: false, .. } if record.actor.p.is_some() && !self.stopping => "R39",
            _ => return None,
        };
        let nobody = self.lab() && self.world.spinning() == 0 && self.world.ended().is_none();
        match (nobody, self.world.idle_ps().is_empty(), self.world.needspinning()) {
            (true, false, _) => Some(Debt::TakeP(rule)),
            (true, true, false) => Some(Debt::Note),
            _ => None,
        }
    }
}
