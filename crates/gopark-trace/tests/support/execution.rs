//! A random execution of some Ms over shared structures, as their rings would hold it.

use std::collections::BTreeMap;

use gopark_trace::ring::{Entry, Group, Stamp, Structure};
use gopark_trace::{Actor, CellId, ChanId, Event, GId, MId, Nanos, Obj, PId};

use crate::dice::Dice;

/// A group and its M. Its events say its place in the true order.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) m: MId,
    pub(crate) group: Group,
}

/// What happened, in the true order, and the numbers the structures are at after it.
#[derive(Debug)]
pub(crate) struct Execution {
    pub(crate) steps: Vec<Step>,
    pub(crate) base: BTreeMap<Structure, u64>,
    ms: u64,
    /// How far the clock of each M is off.
    skew: Vec<u64>,
    time: u64,
    dice: Dice,
}

/// No clock is off by more, either way.
const SKEW: u64 = 50_000;

/// No group is stamped later than this after it happened.
const JITTER: u64 = 500;

impl Execution {
    pub(crate) fn new(seed: u64, ms: u64) -> Self {
        let mut dice = Dice::new(seed);
        let skew = (0..ms).map(|_| dice.roll(2 * SKEW)).collect();
        Self { steps: Vec::new(), base: BTreeMap::new(), ms, skew, time: 0, dice }
    }

    /// Goes on for `n` steps.
    pub(crate) fn run(&mut self, n: usize) {
        (0..n).for_each(|_| self.step());
    }

    /// Stops the world; gives a time that every clock has reached, and none will be before again.
    pub(crate) fn stop(&mut self) -> Nanos {
        self.time += 2 * SKEW + JITTER;
        Nanos(self.time)
    }

    fn step(&mut self) {
        let m = self.dice.roll(self.ms);
        self.time += self.dice.roll(2_000);
        let jitter = self.dice.roll(JITTER);
        let mut stamps = Vec::new();
        for _ in 0..self.dice.roll(4) {
            self.stamp(&mut stamps);
        }
        let value = self.steps.len() as i64;
        let m = MId(m as u32);
        let entry = Entry {
            actor: Actor { m: Some(m), p: None, g: None },
            site: None,
            rule: None,
            event: Event::CellWrite { cell: CellId(0), value },
        };
        let entries = vec![entry; 1 + self.dice.roll(2) as usize];
        let time = Nanos(self.time + self.skew[m.0 as usize] + jitter);
        self.steps.push(Step { m, group: Group { lost: 0, time, stamps, entries } });
    }

    /// Takes the next number, or numbers, of a structure; sometimes of one that is stamped already.
    fn stamp(&mut self, stamps: &mut Vec<Stamp>) {
        let id = self.dice.roll(3);
        let structure = match self.dice.roll(6) {
            0 => Structure::G(GId(self.dice.roll(1 + self.steps.len() as u64 / 4))),
            1 => Structure::P(PId(id as u32)),
            2 => Structure::Ring(PId(id as u32)),
            3 => Structure::Sched,
            4 => Structure::Spin,
            _ => Structure::Obj(Obj::Chan(ChanId(id as u32))),
        };
        let len = if matches!(structure, Structure::Ring(_)) { 1 + self.dice.roll(4) } else { 1 };
        let next = self.base.entry(structure).or_insert(0);
        stamps.push(Stamp { structure, number: *next, len: len as u32 });
        *next += len;
    }
}
