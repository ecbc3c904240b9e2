//! Where goroutines go when they become runnable, and which runs next: R4, R10, R12–R14, R22–R26,
//! R74.

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, PId};
use gopark_trace::record::Record;
use gopark_trace::rule::Rule;
use gopark_trace::words::{GlobalWhy, Queue};

use super::{Validator, has_work};

/// Global batches take at most this many.
const GLOBAL_BATCH: u32 = 128;
/// How often the global queue goes first.
const GLOBAL_EVERY: u32 = 61;
/// What a ring holds.
const RING: usize = 256;

impl Validator {
    /// What an event says against the world before it.
    pub(super) fn picking(&mut self, record: &Record) {
        match &record.event {
            Event::GoCreate { to, .. } => {
                let own = record.actor.p.map(Queue::Slot);
                self.expect(own == Some(*to), "R10", record.seq, || {
                    format!("{:?} spawns, and the new goroutine goes to {to}", record.actor.p)
                });
            }
            Event::GoReady { g, to } => self.ready(record, *g, *to),
            Event::SlotKick { p, to, .. } => self.kick(record, *p, *to),
            Event::RingOverflow { p, .. } => {
                self.owner_puts(record, *p);
                let len = self.world.p(*p).map_or(0, |p| p.ring.len());
                self.expect(len == RING || !self.lab(), "R12", record.seq, || {
                    format!("the ring of {p} overflows with {len}")
                });
            }
            Event::RingPut { p, .. } | Event::GoYield { to: Queue::Ring(p), .. } => {
                self.owner_puts(record, *p);
            }
            Event::GoStart { from: from @ (Queue::Slot(p) | Queue::Ring(p)), .. } => {
                self.local_start(record, *p, matches!(from, Queue::Ring(_)));
            }
            Event::GlobalGet { p, gs, why, .. } => self.global_get(record, *p, gs, *why),
            Event::StealTry { p, attempt, .. } if self.lab() => {
                let local = has_work(self.world.p(*p));
                self.expect(!local, "R22", record.seq, || {
                    format!("{p} looks at others with work of its own")
                });
                let global = self.world.global().len();
                self.expect(*attempt != 1 || global == 0, "R22", record.seq, || {
                    format!("{p} looks at others with {global} in the global queue")
                });
            }
            _ => {}
        }
    }

    /// R4: only its owner fills a slot and moves the tail of a ring.
    pub(super) fn owner_puts(&mut self, record: &Record, p: PId) {
        let by = record.actor.p;
        self.expect(by == Some(p), "R4", record.seq, || format!("{by:?} puts work into {p}"));
    }

    /// R13: to the slot of the waker, except what a poll gives; R33: also if the timer was stolen.
    fn ready(&mut self, record: &Record, g: GId, to: Queue) {
        let by = record.actor.p;
        let polled =
            matches!(record.rule, Some(Rule::InjectList { .. } | Rule::PollerWithoutP { .. }));
        let right = match to {
            Queue::Slot(p) => by == Some(p),
            _ => polled,
        };
        let fired = self.look(record.actor.m).and_then(|m| m.fired);
        let stolen = fired.is_some_and(|(owner, sleeper)| sleeper == g && by != Some(owner));
        let ended =
            matches!(record.rule, Some(Rule::DeadlineWakes { .. } | Rule::CloseWakes { .. }));
        let rule = match (stolen, ended) {
            (true, _) => "R33",
            (false, true) => "R70",
            _ => "R13",
        };
        self.expect(right, rule, record.seq, || {
            format!("{by:?} makes {g} ready, and it goes to {to}")
        });
    }

    /// R14: who is displaced goes to the tail of the own ring, or if that is full into the hand.
    fn kick(&mut self, record: &Record, p: PId, to: Queue) {
        self.owner_puts(record, p);
        let full = self.world.p(p).is_some_and(|p| p.ring.len() >= RING);
        // In live a thief may make room, or have made some that is not told yet.
        let right = match to {
            Queue::Ring(ring) => ring == p && !(full && self.lab()),
            Queue::Hand => full || !self.lab(),
            _ => false,
        };
        self.expect(right, "R14", record.seq, || {
            format!("who is kicked out of the slot of {p} goes to {to} (ring full: {full})")
        });
    }

    /// A goroutine starts from the own queues: nothing that goes first was left.
    fn local_start(&mut self, record: &Record, p: PId, from_ring: bool) {
        if !self.lab() {
            return;
        }
        let slot = self.world.p(p).and_then(|p| p.slot);
        self.expect(!from_ring || slot.is_none(), "R25", record.seq, || {
            format!("the ring goes before {slot:?} in the slot")
        });
        // What a stolen timer made ready runs at once, in the middle of a search.
        if self.look(record.actor.m).is_none_or(|m| m.tries != Some(0)) {
            return;
        }
        let (tick, global) = (self.world.p(p).map_or(0, |p| p.tick), self.world.global().len());
        let turn = tick.is_multiple_of(GLOBAL_EVERY);
        self.expect(!turn || global == 0, "R23", record.seq, || {
            format!("at tick {tick} the global queue goes first, and {global} wait there")
        });
        let due = self.due_timer(p, record.time);
        self.expect(due.is_none(), "R74", record.seq, || {
            format!("{p} picks a goroutine before its {} fires", due.unwrap_or_default())
        });
    }

    fn global_get(&mut self, record: &Record, p: PId, gs: &[GId], why: GlobalWhy) {
        let (seq, lab) = (record.seq, self.lab());
        if why != GlobalWhy::Recheck {
            // In a re-check the P is not acquired yet.
            self.owner_puts(record, p);
        }
        if why == GlobalWhy::Every61 {
            let tick = self.world.p(p).map_or(0, |p| p.tick);
            self.expect(tick.is_multiple_of(GLOBAL_EVERY), "R23", seq, || {
                format!("the global queue goes first at tick {tick}")
            });
            self.expect(gs.len() == 1, "R23", seq, || format!("{} are taken, not one", gs.len()));
            return;
        }
        let size = self.world.global().len() as u32;
        let procs = self.world.procs().max(1) as u32;
        let share = size.min(GLOBAL_BATCH).min(size / procs + 1);
        self.expect(gs.len() as u32 == share, "R26", seq, || {
            format!("{} of {size} are taken, not {share}", gs.len())
        });
        let ring = self.world.p(p).map_or(0, |p| p.ring.len());
        self.expect(ring == 0, "R22", seq, || {
            format!("the global queue is asked with {ring} in the ring")
        });
        let slot = self.world.p(p).and_then(|p| p.slot);
        self.expect(slot.is_none() || !lab, "R22", seq, || {
            format!("the global queue is asked with {slot:?} in the slot")
        });
    }
}
