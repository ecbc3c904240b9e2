//! Rings: groups come out whole, in order, and losses are told at their place.

use gopark_trace::ring::{Consumer, Entry, Group, Producer, Scratch, Stamp, Structure, ring};
use gopark_trace::wire::Wire;
use gopark_trace::{Actor, CellId, Event, GId, MId, Nanos, Obj, PId};
use proptest::prelude::*;

#[path = "support/dice.rs"]
mod dice;

use dice::Dice;

/// Pushes a group as an M does.
fn push(producer: &mut Producer, scratch: &mut Scratch, group: &Group) -> bool {
    scratch.begin(group.time);
    group.stamps.iter().for_each(|s| scratch.stamp(*s));
    for e in &group.entries {
        scratch.event(e.actor, e.site, e.rule.as_ref(), &e.event);
    }
    assert_eq!(scratch.events() as usize, group.entries.len());
    let stamps = scratch.stamps().to_vec();
    producer.push(&stamps, scratch.records())
}

/// A group of `events` events that says which one it is.
fn group(n: u64, events: u64) -> Group {
    let entry = |i| Entry {
        actor: Actor { m: Some(MId(1)), p: Some(PId(2)), g: None },
        site: None,
        rule: None,
        event: Event::CellWrite { cell: CellId(0), value: (n + i) as i64 },
    };
    Group {
        lost: 0,
        time: Nanos(n),
        stamps: vec![Stamp::one(Structure::P(PId(2)), n)],
        entries: (0..events).map(entry).collect(),
    }
}

fn structure(dice: &mut Dice) -> Structure {
    // Now and then an id that does not fit the short form.
    let wide = if dice.roll(8) == 0 { dice.roll(u64::MAX) } else { dice.roll(1 << 20) };
    match dice.roll(8) {
        0 => Structure::G(GId(wide)),
        1 => Structure::P(PId(wide as u32)),
        2 => Structure::Ring(PId(wide as u32)),
        3 => Structure::Sched,
        4 => Structure::Spin,
        5 => Structure::Obj(Obj::Go(GId(wide))),
        _ => Structure::Obj(Obj::arbitrary(&mut |n| dice.roll(n))),
    }
}

fn arbitrary(seed: u64) -> Group {
    let mut dice = Dice::new(seed);
    let stamp = |_| Stamp {
        structure: structure(&mut dice),
        number: dice.roll(u64::MAX),
        len: if dice.roll(8) == 0 { dice.roll(u64::from(u32::MAX)) as u32 } else { 1 },
    };
    let stamps = (0..seed % 7).map(stamp).collect();
    let entries = (0..seed % 5).map(|_| Entry::arbitrary(&mut |n| dice.roll(n))).collect();
    Group { lost: 0, time: Nanos(dice.roll(u64::MAX)), stamps, entries }
}

/// A failing case prints its values; files of old ones are not kept.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) }
}

proptest! {
    #![proptest_config(config())]

    /// Whatever is in them, and wherever in the ring they wrap round.
    #[test]
    fn groups_come_out_as_they_went_in(seeds in prop::collection::vec(any::<u64>(), 1..40)) {
        let (mut producer, mut consumer) = ring(4096);
        let mut scratch = Scratch::new();
        for group in seeds.into_iter().map(arbitrary) {
            prop_assert!(push(&mut producer, &mut scratch, &group));
            prop_assert_eq!(consumer.pop(), Some(group));
            prop_assert_eq!(consumer.pop(), None);
        }
        prop_assert_eq!(consumer.lost(), 0);
    }

    /// A reader that is now fast, now slow.
    #[test]
    fn every_event_is_read_or_known_to_be_lost(
        words in 1usize..200,
        steps in prop::collection::vec((0u64..4, 0u64..5), 0..200),
    ) {
        let (mut producer, mut consumer) = ring(words);
        let mut scratch = Scratch::new();
        let (mut pushed, mut lost) = (0, 0);
        let mut tally = Tally::default();
        for (reads, events) in steps {
            let fits = push(&mut producer, &mut scratch, &group(pushed, events));
            pushed += events;
            lost += if fits { 0 } else { events };
            for _ in 0..reads {
                tally.look(&mut consumer);
            }
        }
        while tally.look(&mut consumer) {}
        prop_assert_eq!(tally.seen, pushed);
        prop_assert_eq!(tally.lost, lost);
    }
}

/// What the drain found so far: event `n` says that it is number `n`.
#[derive(Debug, Default)]
struct Tally {
    seen: u64,
    lost: u64,
}

impl Tally {
    /// Takes one group, or the loss at the end; false if there was neither.
    fn look(&mut self, consumer: &mut Consumer) -> bool {
        let Some(found) = consumer.pop() else {
            let lost = consumer.lost();
            self.seen += lost;
            self.lost += lost;
            return lost > 0;
        };
        self.lost += found.lost;
        let n = self.seen + found.lost;
        let events = found.entries.len() as u64;
        assert_eq!(found, Group { lost: found.lost, ..group(n, events) });
        self.seen = n + events;
        true
    }
}

#[test]
fn a_full_ring_drops_the_newest_and_says_so_at_its_place() {
    let (mut producer, mut consumer) = ring(16);
    let mut scratch = Scratch::new();
    let mut push = |n, events| push(&mut producer, &mut scratch, &group(n, events));
    assert!(push(0, 3));
    assert!(push(3, 3));
    assert!(!push(6, 3), "there is no room for three events");
    assert_eq!(consumer.lost(), 0, "what was not lost comes first");
    assert_eq!(consumer.pop(), Some(group(0, 3)));
    assert!(push(9, 1));
    assert!(!push(10, 2));
    assert_eq!(consumer.pop(), Some(group(3, 3)));
    assert_eq!(consumer.pop(), Some(Group { lost: 3, ..group(9, 1) }));
    assert_eq!(consumer.pop(), None);
    assert_eq!(consumer.lost(), 2);
    assert_eq!(consumer.lost(), 0, "it is told once");
    assert!(push(12, 1));
    assert_eq!(consumer.pop(), Some(group(12, 1)), "and not again");
}

#[test]
fn a_group_longer_than_the_ring_is_lost() {
    let (mut producer, mut consumer) = ring(16);
    assert!(!push(&mut producer, &mut Scratch::new(), &group(0, 50)));
    assert_eq!(consumer.pop(), None);
    assert_eq!(consumer.lost(), 50);
}

#[test]
fn an_empty_group_is_a_group() {
    let (mut producer, mut consumer) = ring(16);
    assert!(producer.push(&[], Scratch::new().records()));
    let empty = Group { lost: 0, time: Nanos(0), stamps: Vec::new(), entries: Vec::new() };
    assert_eq!(consumer.pop(), Some(empty));
}

#[test]
fn two_threads_agree() {
    const EVENTS: u64 = 100_000;
    let (mut producer, mut consumer) = ring(1024);
    let writer = std::thread::spawn(move || {
        let mut scratch = Scratch::new();
        let mut n = 0;
        while n < EVENTS {
            let events = 1 + n % 3;
            push(&mut producer, &mut scratch, &group(n, events));
            n += events;
        }
        n
    });
    let mut tally = Tally::default();
    while !writer.is_finished() {
        tally.look(&mut consumer);
    }
    let written = writer.join().expect("the writer ends");
    while tally.look(&mut consumer) {}
    assert_eq!(tally.seen, written);
    assert!(tally.lost < written, "something got through");
}

#[test]
fn stamps_say_what_they_number() {
    let stamp = Stamp { structure: Structure::Ring(PId(3)), number: 40, len: 4 };
    assert_eq!(stamp.end(), 44);
    assert_eq!(stamp.to_string(), "the ring of P3 #40..44");
    assert_eq!(Stamp::one(Structure::G(GId(7)), 2).to_string(), "G7 #2");
}
