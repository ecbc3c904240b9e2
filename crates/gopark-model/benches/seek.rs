//! What a seek in a million events costs, with a hundred thousand goroutines alive.

use gopark_model::History;
use gopark_trace::ids::{GId, MId, Nanos, PId};
use gopark_trace::record::{Actor, Certainty, Record};
use gopark_trace::words::{Queue, WaitReason};
use gopark_trace::{Event, YieldKind};

fn main() {
    divan::main();
}

/// A hundred thousand parked goroutines, and one that yields for the rest.
fn history(events: u64) -> History {
    let mut history = History::new();
    let actor = |g: u64| Actor { m: Some(MId(0)), p: Some(PId(0)), g: Some(GId(g)) };
    let mut push = |g: u64, event: Event| {
        let seq = history.len();
        let certainty = Certainty::Observed;
        history.push(Record {
            seq,
            time: Nanos(seq * 100),
            actor: actor(g),
            site: None,
            rule: None,
            certainty,
            event,
        });
    };
    push(0, Event::PNew { p: PId(0) });
    push(0, Event::MStart { m: MId(0), p: Some(PId(0)), spinning: false });
    push(0, Event::PAcquire { p: PId(0) });
    for g in 1..=100_000 {
        push(g, Event::GoCreate { g: GId(g), parent: None, to: Queue::Slot(PId(0)) });
        push(g, Event::GoStart { g: GId(g), from: Queue::Slot(PId(0)), tick: 0 });
        push(g, Event::GoPark { g: GId(g), why: WaitReason::Sleep, on: None });
    }
    let mut tick = 0;
    let mut n = 300_003;
    while n < events {
        let g = GId(1 + n * 7919 % 100_000);
        tick += 1;
        push(g.0, Event::GoReady { g, to: Queue::Slot(PId(0)) });
        push(g.0, Event::GoStart { g, from: Queue::Slot(PId(0)), tick: 0 });
        push(g.0, Event::GoYield { g, kind: YieldKind::Gosched, to: Queue::Global });
        push(
            g.0,
            Event::GlobalGet {
                p: PId(0),
                gs: vec![g],
                why: gopark_trace::GlobalWhy::LocalEmpty,
                left: 0,
            },
        );
        push(g.0, Event::GoStart { g, from: Queue::Hand, tick });
        push(g.0, Event::GoPark { g, why: WaitReason::Sleep, on: None });
        n += 6;
    }
    history
}

#[divan::bench]
fn seek_anywhere_in_a_million(bencher: divan::Bencher<'_, '_>) {
    let mut history = history(1_000_000);
    let len = history.len();
    let mut at = 1;
    bencher.bench_local(|| {
        at = (at * 48_271) % len;
        history.seek(at).seq()
    });
}

#[divan::bench]
fn step_back(bencher: divan::Bencher<'_, '_>) {
    let mut history = history(1_000_000);
    history.seek(900_000);
    bencher.bench_local(|| {
        let at = history.at();
        history.seek(at - 1).seq()
    });
}
