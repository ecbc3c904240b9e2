//! How work is taken from others: R4, R28–R33.

use gopark_trace::event::Event;
use gopark_trace::ids::{MId, Nanos, PId, TimerId};
use gopark_trace::record::Record;
use gopark_trace::rule::Rule;
use gopark_trace::words::GStatus;

use super::Validator;
use crate::things::PStatus;

/// Tries of a thief.
const STEAL_TRIES: u8 = 4;
/// What a thief waits before it takes the slot of a running P.
const SLOT_PAUSE: Nanos = Nanos(3_000);

impl Validator {
    /// What an event says against the world before it.
    pub(super) fn stealing(&mut self, record: &Record) {
        let seq = record.seq;
        let Some(m) = record.actor.m else { return };
        let made = self.doing(m).and_then(|m| m.tries);
        match &record.event {
            Event::StealTry { p, attempt, order } => self.steal_try(seq, made, *p, *attempt, order),
            Event::Steal { thief, victim, attempt, of, gs } => {
                self.owner_puts(record, *thief);
                self.expect(made.is_none_or(|made| made == *attempt), "R28", seq, || {
                    format!("{thief} steals in try {attempt}, it made {made:?}")
                });
                let taken = gs.len() as u32;
                self.expect(taken == of.div_ceil(2), "R29", seq, || {
                    format!("{thief} takes {taken} of {of}")
                });
                let idle = self.world.p(*victim).is_some_and(|p| p.status == PStatus::Idle);
                self.expect(!idle, "R28", seq, || {
                    format!("{thief} steals from {victim}, which is idle")
                });
            }
            Event::StealSlot { thief, victim, .. } => self.steal_slot(record, m, *thief, *victim),
            Event::TimerFire { timer, owner, .. } => {
                let own = record.actor.p == Some(*owner);
                let last = made.is_none_or(|made| made == STEAL_TRIES);
                self.expect(own || last, "R30", seq, || {
                    format!("{timer} of {owner} is run by {:?} in try {made:?}", record.actor.p)
                });
                let sleeper = self.world.timer(*timer).and_then(|t| t.g);
                if let Some(m) = self.doing(m) {
                    m.fired = sleeper.map(|g| (*owner, g));
                }
            }
            _ => {}
        }
    }

    /// R28: at most four tries, each over every other P once.
    fn steal_try(&mut self, seq: u64, made: Option<u8>, p: PId, attempt: u8, order: &[PId]) {
        let follows = made.is_none_or(|made| made.checked_add(1) == Some(attempt));
        let right = (1..=STEAL_TRIES).contains(&attempt) && (attempt == 1 || follows);
        self.expect(right, "R28", seq, || format!("{p} makes try {attempt} after {made:?}"));
        let mut seen: Vec<PId> = order.to_vec();
        seen.sort_unstable();
        let others = self.world.ps().iter().filter(|x| x.status != PStatus::Dead && x.id != p);
        let all = seen.iter().copied().eq(others.map(|x| x.id));
        self.expect(all, "R28", seq, || format!("{p} asks {order:?}, not each other P once"));
    }

    /// R30, R31: in the last try, after the timers, with an empty ring, and with a pause if the
    /// victim runs.
    fn steal_slot(&mut self, record: &Record, m: MId, thief: PId, victim: PId) {
        let (seq, by) = (record.seq, record.actor.p);
        let (made, try_at) =
            self.look(Some(m)).map_or((None, record.time), |m| (m.tries, m.try_at));
        self.expect(by == Some(thief), "R4", seq, || format!("{by:?} steals for {thief}"));
        self.expect(made.is_none_or(|made| made == STEAL_TRIES), "R30", seq, || {
            format!("{thief} robs a slot in try {made:?}")
        });
        if !self.lab() || made.is_none() {
            return;
        }
        // The ring is looked at before the pause; meanwhile the victim may have got more.
        let ring = self.world.p(victim).map_or(0, |p| p.ring.len());
        let paused = matches!(record.rule, Some(Rule::StealSlotLast { waited: true, .. }));
        let looked = if paused { record.time.minus(SLOT_PAUSE) } else { record.time };
        let was_empty = self.empty_at.get(victim.0 as usize).is_some_and(|at| *at >= looked);
        self.expect(ring == 0 || paused && was_empty, "R30", seq, || {
            format!("{thief} robs the slot of {victim} with {ring} in the ring")
        });
        let due = self.due_timer(victim, try_at);
        self.expect(due.is_none(), "R30", seq, || {
            format!("{thief} robs {victim} before its {} fires", due.unwrap_or_default())
        });
        let Some(Rule::StealSlotLast { waited, .. }) = record.rule else { return };
        let right = if waited {
            record.time.minus(try_at) >= SLOT_PAUSE
        } else {
            !self.runs_user_code(victim)
        };
        self.expect(right, "R31", seq, || {
            let time = record.time.minus(try_at);
            format!(
                "{thief} robs the slot of {victim} {time} after its try began (waited: {waited})"
            )
        });
    }

    /// Notes which rings are empty up to this event.
    pub(super) fn note_empty_rings(&mut self, record: &Record) {
        if !self.lab() {
            return;
        }
        let ps = self.world.ps();
        self.empty_at.resize(ps.len(), Nanos(0));
        for (at, p) in self.empty_at.iter_mut().zip(ps) {
            if p.ring.is_empty() {
                *at = record.time;
            }
        }
    }

    /// Whether a P is with an M that is not in a system call.
    fn runs_user_code(&self, p: PId) -> bool {
        let m = self.world.p(p).and_then(|p| p.m).and_then(|m| self.world.m(m));
        let g = m.and_then(|m| m.g).and_then(|g| self.world.g(g));
        m.is_some() && g.is_none_or(|g| g.status != GStatus::Syscall)
    }

    /// A timer of a P that was due at a time.
    pub(super) fn due_timer(&self, p: PId, at: Nanos) -> Option<TimerId> {
        let mut due = self.world.timers().take_while(|t| t.when <= at);
        due.find(|t| t.p == p).map(|t| t.id)
    }

    /// R32: whether this starts what the M stole.
    pub(super) fn loot_that_starts(&self, record: &Record) -> bool {
        let Event::GoStart { g, .. } = record.event else { return false };
        self.look(record.actor.m).is_some_and(|m| m.loot == Some(g))
    }

    /// Notes how far a search is.
    pub(super) fn after_stealing(&mut self, record: &Record) {
        let time = record.time;
        let Some(doing) = record.actor.m.and_then(|m| self.doing(m)) else { return };
        match &record.event {
            Event::StealTry { attempt, .. } => (doing.tries, doing.try_at) = (Some(*attempt), time),
            Event::StealNone { .. } | Event::PIdle { .. } => doing.tries = Some(0),
            Event::Steal { gs, .. } => doing.loot = gs.last().copied(),
            Event::StealSlot { g, .. } => doing.loot = Some(*g),
            Event::GoStart { .. } => (doing.tries, doing.loot, doing.fired) = (Some(0), None, None),
            _ => {}
        }
    }
}
