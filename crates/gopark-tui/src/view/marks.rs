//! Where things stand in one frame: made by drawing it, used to move tokens between two frames.
//!
//! Invariant, kept by the panels of the stage and tested over random worlds: every goroutine of the
//! world has one token, or is counted once in a "+n".

use std::collections::HashMap;

use gopark_trace::{GId, MId, PId};
use ratatui::layout::{Position, Rect};

use super::census::Key;

/// A place on the stage that several goroutines can be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Spot {
    /// The slot of a P.
    Slot(PId),
    /// The ring of a P.
    Ring(PId),
    /// The global queue.
    Global,
    /// What an M runs or holds.
    On(MId),
    /// What an M has in hand.
    Hand(MId),
    /// Those who wait for one thing.
    Waiting(Key),
    /// All who wait.
    Waiters,
    /// Threads without a processor.
    Threads,
    /// All processors, where they are not drawn one by one.
    Processors,
}

/// Where things stand.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks {
    /// The token of each goroutine that has one.
    pub(crate) gs: HashMap<GId, Rect>,
    /// The token of each thread.
    pub(crate) ms: HashMap<MId, Rect>,
    /// The name of each processor.
    pub(crate) ps: HashMap<PId, Rect>,
    /// Where the next token of a place would stand.
    pub(crate) tails: HashMap<Spot, Position>,
    /// Goroutines without a token, counted in a "+n".
    pub(crate) counted: usize,
    /// Goroutines that were given a second token: none, if the panels are right.
    pub(crate) repeated: usize,
    /// Rows in which tokens travel, from the top.
    pub(crate) gutters: Vec<u16>,
    /// A column in which tokens travel from one gutter to another.
    pub(crate) corridor: Option<u16>,
}

impl Marks {
    /// Notes that the token of `g` stands at `at`.
    pub(crate) fn token(&mut self, g: GId, at: Rect) {
        if self.gs.insert(g, at).is_some() {
            self.repeated += 1;
        }
    }

    /// Notes where the next token of `spot` would stand; the first note counts.
    pub(crate) fn tail(&mut self, spot: Spot, x: u16, y: u16) {
        self.tails.entry(spot).or_insert(Position::new(x, y));
    }

    /// Where something that is at `spot` without a token of its own is best shown.
    pub(crate) fn place(&self, spot: Spot) -> Option<Position> {
        let broader = match spot {
            Spot::Waiting(_) => Spot::Waiters,
            Spot::On(_) | Spot::Hand(_) => Spot::Threads,
            Spot::Slot(_) | Spot::Ring(_) => Spot::Processors,
            other => other,
        };
        self.tails.get(&spot).or_else(|| self.tails.get(&broader)).copied()
    }
}
