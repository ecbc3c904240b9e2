//! A long run with many goroutines: all are made and park, then one after the other wakes, yields
//! and parks again.

use gopark_trace::record::{Actor, Certainty, Record};
use gopark_trace::{Event, GId, GlobalWhy, MId, Nanos, PId, Queue, WaitReason, YieldKind};

const P0: PId = PId(0);

/// Gives `push` about so many events of so many goroutines.
pub(crate) fn big(events: u64, goroutines: u64, mut push: impl FnMut(Record)) {
    let mut seq = 0;
    let mut say = |g: u64, event: Event| {
        let actor = Actor { m: Some(MId(0)), p: Some(P0), g: Some(GId(g)) };
        let (time, certainty) = (Nanos(seq * 100), Certainty::Observed);
        push(Record { seq, time, actor, site: None, rule: None, certainty, event });
        seq += 1;
        seq
    };
    say(0, Event::PNew { p: P0 });
    say(0, Event::MStart { m: MId(0), p: Some(P0), spinning: false });
    let mut n = say(0, Event::PAcquire { p: P0 });
    for g in 1..=goroutines {
        say(g, Event::GoCreate { g: GId(g), parent: None, to: Queue::Slot(P0) });
        say(g, Event::GoStart { g: GId(g), from: Queue::Slot(P0), tick: 0 });
        n = say(g, Event::GoPark { g: GId(g), why: WaitReason::Select, on: None });
    }
    let mut tick = 0;
    while n < events {
        // In an order that has nothing to do with how they were made.
        let g = GId(1 + n * 7919 % goroutines);
        say(g.0, Event::GoReady { g, to: Queue::Slot(P0) });
        say(g.0, Event::GoStart { g, from: Queue::Slot(P0), tick });
        say(g.0, Event::GoYield { g, kind: YieldKind::Gosched, to: Queue::Global });
        let why = GlobalWhy::LocalEmpty;
        say(g.0, Event::GlobalGet { p: P0, gs: vec![g], why, left: 0 });
        tick += 1;
        say(g.0, Event::GoStart { g, from: Queue::Hand, tick });
        n = say(g.0, Event::GoPark { g, why: WaitReason::Select, on: None });
    }
}
