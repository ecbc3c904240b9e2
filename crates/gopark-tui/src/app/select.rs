//! From thing to thing: what tab selects.
//!
//! First the goroutine the present moment is about, then every goroutine, thread, processor,
//! channel, lock and WaitGroup in the order of their ids, round and round. What has gone stays
//! selected: going back brings it to life again.

use gopark_model::World;
use gopark_trace::{Event, GId, Obj, Record};

use super::App;
use crate::scene::Selected;

impl App {
    /// Selects the thing after or before the one that is selected.
    pub(super) fn select(&mut self, next: bool) {
        let about = self.focus().as_ref().and_then(subject);
        let at = self.head.at;
        let world = self.history.seek(at);
        let things = things(world);
        self.selected = match (self.selected, about) {
            (None, Some(g)) if things.contains(&Selected::G(g)) => Some(Selected::G(g)),
            (None, _) if next => things.first().copied(),
            (None, _) => things.last().copied(),
            (Some(now), _) if next => {
                let later = things.iter().find(|thing| rank(**thing) > rank(now));
                later.or(things.first()).copied()
            }
            (Some(now), _) => {
                let earlier = things.iter().rev().find(|thing| rank(**thing) < rank(now));
                earlier.or(things.last()).copied()
            }
        };
    }
}

/// Everything that can be selected, in order.
fn things(world: &World) -> Vec<Selected> {
    let gs = world.gs().map(|g| Selected::G(g.id));
    let ms = world.ms().iter().map(|m| Selected::M(m.id));
    let ps = world.ps().iter().map(|p| Selected::P(p.id));
    let chans = world.chans().map(|c| Selected::Obj(Obj::Chan(c.id)));
    let locks = world.locks().map(|l| Selected::Obj(Obj::Lock(l.id)));
    let wgs = world.wgs().map(|w| Selected::Obj(Obj::Wg(w.id)));
    let mut all: Vec<_> = gs.chain(ms).chain(ps).chain(chans).chain(locks).chain(wgs).collect();
    all.sort_by_key(|thing| rank(*thing));
    all
}

/// The place of a thing among all that could be, there or not.
fn rank(thing: Selected) -> (u8, u64, Option<Obj>) {
    match thing {
        Selected::G(g) => (0, g.0, None),
        Selected::M(m) => (1, u64::from(m.0), None),
        Selected::P(p) => (2, u64::from(p.0), None),
        Selected::Obj(obj) => (3, 0, Some(obj)),
    }
}

/// The goroutine a record is about.
fn subject(record: &Record) -> Option<GId> {
    match &record.event {
        Event::GoCreate { g, .. }
        | Event::GoReady { g, .. }
        | Event::GoStart { g, .. }
        | Event::GoPark { g, .. }
        | Event::GoYield { g, .. }
        | Event::GoPreempt { g, .. }
        | Event::GoExit { g, .. }
        | Event::SlotKick { g, .. }
        | Event::StealSlot { g, .. }
        | Event::SysEnter { g, .. }
        | Event::SysExit { g, .. } => Some(*g),
        Event::Steal { gs, .. } | Event::GlobalGet { gs, .. } => gs.last().copied(),
        _ => record.actor.g,
    }
}
