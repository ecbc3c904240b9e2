//! The rules of the rulebook, checked on any stream of events.
//!
//! Two classes. *Exact* rules are about structure and order and hold at every event, in both
//! drives: who is where, what leaves a queue and in which order. [`World::apply`] checks most of
//! them, this module those that need the rule beside the event. *Eventual* rules are about a global
//! instant (nobody idles while work waits). In the lab, where one M acts at a time, they are exact.
//! In live the events of one instant come one after another, so only what persists counts: for
//! more than [`LIVE_TIME`] and [`LIVE_RECORDS`] events.

use gopark_trace::event::Event;
use gopark_trace::ids::{MId, Nanos, PId};
use gopark_trace::record::Record;
use gopark_trace::rule::Rule;
use gopark_trace::words::{Drive, GlobalWhy, Queue};

use crate::things::{MStatus, PStatus};
use crate::world::{Violation, World};

/// What an eventual rule may be broken for in live.
pub const LIVE_TIME: Nanos = Nanos(100_000_000);
/// How many events an eventual rule may be broken for in live.
pub const LIVE_RECORDS: u64 = 2_000;
/// What an eventual rule may be broken for in the lab: the steps between two gates.
pub const LAB_TIME: Nanos = Nanos(10_000);

/// Global batches take at most this many.
const GLOBAL_BATCH: u32 = 128;
/// How often the global queue goes first.
const GLOBAL_EVERY: u32 = 61;
/// Tries of a thief.
const STEAL_TRIES: u8 = 4;

/// Checks a whole stream.
pub fn validate<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<Violation> {
    let mut validator = Validator::new();
    for record in records {
        validator.feed(record);
    }
    validator.finish()
}

/// Checks a stream, event by event.
#[derive(Debug, Default)]
pub struct Validator {
    world: World,
    found: Vec<Violation>,
    /// Since when work waits while a P idles and nobody looks.
    starved: Option<(Nanos, u64)>,
    /// Tries of the search in progress, for each M.
    tries: Vec<u8>,
    /// Whether a goroutine has run: before that M0 is set up by hand.
    started: bool,
}

impl Validator {
    /// Nothing seen.
    pub fn new() -> Self {
        Self::default()
    }

    /// The world so far.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// What was found so far.
    pub fn violations(&self) -> &[Violation] {
        &self.found
    }

    /// Takes the next event.
    pub fn feed(&mut self, record: &Record) {
        if self.world.known() {
            self.conservation(record);
            self.rule_of_event(record);
            self.wakes(record);
            self.search(record);
        } else {
            self.starved = None;
        }
        let found = self.world.apply(record);
        self.found.extend(found);
    }

    /// Everything that was found.
    pub fn finish(self) -> Vec<Violation> {
        self.found
    }

    fn lab(&self) -> bool {
        self.world.drive() == Drive::Lab
    }

    fn expect(&mut self, holds: bool, rule: &'static str, seq: u64, text: impl FnOnce() -> String) {
        if !holds {
            self.found.push(Violation { rule, seq, text: text() });
        }
    }

    /// The numbers of a rule against the world before the event.
    fn rule_of_event(&mut self, record: &Record) {
        let (seq, lab) = (record.seq, self.lab());
        let p = record.actor.p.and_then(|p| self.world.p(p));
        match (&record.event, &record.rule) {
            (Event::GoCreate { to, .. }, Some(Rule::GoToSlot { p })) => {
                let p = *p;
                self.expect(*to == Queue::Slot(p), "R10", seq, || {
                    format!("a new goroutine goes to {to}, not to the slot of {p}")
                });
                self.expect(record.actor.p == Some(p), "R10", seq, || {
                    format!("{:?} spawns into the slot of {p}", record.actor.p)
                });
            }
            (Event::GoReady { to: Queue::Slot(p), .. }, _) => {
                let p = *p;
                self.expect(record.actor.p == Some(p), "R13", seq, || {
                    format!("{:?} wakes into the slot of {p}", record.actor.p)
                });
            }
            (Event::RingOverflow { p, .. }, _) if lab => {
                let len = self.world.p(*p).map_or(0, |p| p.ring.len());
                self.expect(len == 256, "R12", seq, || {
                    format!("the ring of {p} overflows with {len}")
                });
            }
            (Event::GoStart { from: Queue::Ring(_), .. }, _) => {
                let slot = p.and_then(|p| p.slot);
                self.expect(slot.is_none() || !lab, "R25", seq, || {
                    format!("the ring goes before {slot:?} in the slot")
                });
            }
            (Event::GlobalGet { why: GlobalWhy::Every61, gs, .. }, _) => {
                let tick = p.map_or(0, |p| p.tick);
                self.expect(tick.is_multiple_of(GLOBAL_EVERY), "R23", seq, || {
                    format!("the global queue goes first at tick {tick}")
                });
                self.expect(gs.len() == 1, "R23", seq, || {
                    format!("{} are taken, not one", gs.len())
                });
            }
            (Event::GlobalGet { p: to, gs, why, .. }, _) => {
                let size = self.world.global().len() as u32;
                let procs = self.world.procs().max(1) as u32;
                let share = size.min(GLOBAL_BATCH).min(size / procs + 1);
                self.expect(gs.len() as u32 == share, "R26", seq, || {
                    format!("{} of {size} are taken, not {share}", gs.len())
                });
                let ring = self.world.p(*to).map_or(0, |p| p.ring.len());
                let empty = ring == 0 || *why == GlobalWhy::Recheck;
                self.expect(empty, "R22", seq, || {
                    format!("the global queue is asked with {ring} in the ring")
                });
            }
            (Event::MSpin { on: true, m, .. }, rule) => {
                let (m, rule) = (*m, rule.clone());
                self.spin_starts(seq, m, record.actor.p, rule);
            }
            (Event::MSpin { on: false, m, spinning }, Some(Rule::StopsSpinning { .. })) if lab => {
                let p = self.world.m(*m).and_then(|m| m.p);
                self.expect(p.is_none(), "R35", seq, || format!("{m} stops spinning with {p:?}"));
                let now = self.world.spinning();
                self.expect(*spinning + 1 == now, "R35", seq, || {
                    format!("{now} spin, then {spinning}")
                });
            }
            (Event::NeedSpinning { on: true }, _) if lab => {
                let idle = self.world.idle_ps().len();
                self.expect(idle == 0, "R19", seq, || {
                    format!("work is left while {idle} Ps are idle")
                });
            }
            _ => {}
        }
    }

    fn spin_starts(&mut self, seq: u64, m: MId, p: Option<PId>, rule: Option<Rule>) {
        if !self.lab() {
            return;
        }
        let spinning = self.world.spinning();
        let busy = self.world.procs().saturating_sub(self.world.idle_ps().len()) as u32;
        if let Some(Rule::MaySpin { .. }) = rule {
            // After a poll an M goes on spinning if it spun before, whatever the others do.
            let came_from_poll = self.world.m(m).is_some_and(|m| m.status == MStatus::Spinning);
            self.expect(2 * spinning < busy || came_from_poll, "R27", seq, || {
                format!("{m} looks for work with {spinning} spinning and {busy} busy Ps")
            });
        }
        let work =
            p.and_then(|p| self.world.p(p)).is_some_and(|p| p.slot.is_some() || !p.ring.is_empty());
        let found = matches!(rule, Some(Rule::SpinnerRechecks { .. }));
        self.expect(!work || found, "R21", seq, || format!("{m} looks for work and has some"));
    }

    /// Wakes: one M at a time, only if nobody looks.
    fn wakes(&mut self, record: &Record) {
        let seq = record.seq;
        match &record.event {
            Event::MWake { m, spinning: true, p } | Event::MStart { m, spinning: true, p } => {
                let (m, p) = (*m, *p);
                if self.lab() {
                    let spinning = self.world.spinning();
                    self.expect(spinning == 0, "R18", seq, || {
                        format!("{m} is woken to look while {spinning} look")
                    });
                }
                let has_work = p
                    .and_then(|p| self.world.p(p))
                    .is_some_and(|p| p.slot.is_some() || !p.ring.is_empty());
                self.expect(!has_work, "R43", seq, || {
                    format!("{m} is woken to look for work with {p:?}, which has some")
                });
            }
            Event::MWake { p: None, m, .. } if self.started => {
                let m = *m;
                self.expect(false, "R6", seq, || format!("{m} is woken without a P"));
            }
            _ => {}
        }
        self.started |= matches!(record.event, Event::GoStart { .. });
    }

    /// At most four tries, each over every other P once.
    fn search(&mut self, record: &Record) {
        let seq = record.seq;
        let Some(m) = record.actor.m.map(|m| m.0 as usize).filter(|&m| m < 1 << 14) else { return };
        if self.tries.len() <= m {
            self.tries.resize(m + 1, 0);
        }
        match &record.event {
            Event::StealTry { p, attempt, order } => {
                let (p, attempt) = (*p, *attempt);
                let before = if attempt == 1 { 0 } else { self.tries[m] };
                self.tries[m] = attempt;
                self.expect(before + 1 == attempt && attempt <= STEAL_TRIES, "R28", seq, || {
                    format!("{p} makes try {attempt} after {before}")
                });
                let mut seen: Vec<PId> = order.clone();
                seen.sort_unstable();
                seen.dedup();
                let others =
                    self.world.ps().iter().filter(|x| x.status != PStatus::Dead && x.id != p);
                let all =
                    seen.len() == order.len() && seen.iter().copied().eq(others.map(|x| x.id));
                self.expect(all, "R28", seq, || {
                    format!("{p} asks {order:?}, not each other P once")
                });
            }
            Event::Steal { thief, victim, attempt, of, gs } => {
                let (made, taken, of) = (self.tries[m], gs.len() as u32, *of);
                self.expect(made == *attempt, "R28", seq, || {
                    format!("{thief} steals in try {attempt}, it made {made}")
                });
                self.expect(taken == of.div_ceil(2), "R29", seq, || {
                    format!("{thief} takes {taken} of {of}")
                });
                let idle = self.world.p(*victim).is_some_and(|p| p.status == PStatus::Idle);
                self.expect(!idle, "R28", seq, || {
                    format!("{thief} steals from {victim}, which is idle")
                });
            }
            Event::StealSlot { thief, victim, .. } => {
                let made = self.tries[m];
                self.expect(made == STEAL_TRIES, "R30", seq, || {
                    format!("{thief} robs a slot in try {made}")
                });
                let ring = self.world.p(*victim).map_or(0, |p| p.ring.len());
                let lab = self.lab();
                self.expect(ring == 0 || !lab, "R30", seq, || {
                    format!("{thief} robs the slot of {victim} with {ring} in the ring")
                });
            }
            Event::GoStart { from: Queue::Hand, .. } => self.tries[m] = 0,
            _ => {}
        }
    }

    /// R41: no state persists with an idle P, a goroutine in a queue, and nobody on the way.
    fn conservation(&mut self, record: &Record) {
        let world = &self.world;
        let waits = !world.global().is_empty()
            || world.ps().iter().any(|p| !p.ring.is_empty() || p.slot.is_some());
        let idle = !world.idle_ps().is_empty();
        let moving = || world.ms().iter().any(|m| on_the_way(m.status, m.g.is_none()));
        if !(waits && idle) || moving() || world.ended().is_some() {
            self.starved = None;
            return;
        }
        let (since, from) = *self.starved.get_or_insert((world.time(), record.seq));
        let lasted = record.time.minus(since);
        let too_long = if world.drive() == Drive::Lab {
            lasted > LAB_TIME
        } else {
            lasted > LIVE_TIME && record.seq - from > LIVE_RECORDS
        };
        if too_long {
            self.starved = None;
            self.found.push(Violation {
                rule: "R41",
                seq: record.seq,
                text: format!(
                    "a P idles and work waits since event {from}, for {lasted}, and nobody looks"
                ),
            });
        }
    }
}

/// Whether an M is about to find work: made or woken, looking, or between two goroutines.
fn on_the_way(status: MStatus, without_g: bool) -> bool {
    match status {
        MStatus::Starting | MStatus::Spinning => true,
        MStatus::Running => without_g,
        _ => false,
    }
}
