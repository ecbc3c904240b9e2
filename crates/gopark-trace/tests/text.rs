//! Values as narration shows them.

use gopark_trace::wire::Shown;
use gopark_trace::{Event, GId, MId, Nanos, PId, Queue, Rule};

#[track_caller]
fn nanos(n: u64, text: &str) {
    assert_eq!(Nanos(n).to_string(), text);
}

fn gs(n: u64) -> Vec<GId> {
    (1..=n).map(GId).collect()
}

#[track_caller]
fn list(n: u64, text: &str) {
    assert_eq!(Shown(&gs(n)).to_string(), text);
}

#[test]
fn times_are_in_the_unit_that_gives_a_number_above_one() {
    nanos(0, "0 ns");
    nanos(1, "1 ns");
    nanos(999, "999 ns");
    nanos(1_000, "1 µs");
    nanos(999_999, "999.999 µs");
    nanos(1_000_000, "1 ms");
    nanos(10_000_000, "10 ms");
    nanos(999_999_999, "999.999 ms");
    nanos(1_000_000_000, "1 s");
    nanos(90_000_000_000, "90 s");
    nanos(u64::MAX - 1, "18446744073.709 s");
    nanos(u64::MAX, "for ever");
}

#[test]
fn times_have_no_zeros_at_the_end_and_never_show_more_than_there_is() {
    nanos(1_001, "1.001 µs");
    nanos(1_010, "1.01 µs");
    nanos(1_100, "1.1 µs");
    nanos(1_000_001, "1 ms");
    nanos(1_234_567, "1.234 ms");
    nanos(1_999_999, "1.999 ms");
    nanos(10_500_000_000, "10.5 s");
}

#[test]
fn lists_of_eight_are_whole() {
    list(0, "none");
    list(1, "G1");
    list(2, "G1 G2");
    list(8, "G1 G2 G3 G4 G5 G6 G7 G8");
}

#[test]
fn longer_lists_are_cut_before_the_last() {
    list(9, "G1 G2 G3 G4 G5 G6 …2 more… G9");
    list(10, "G1 G2 G3 G4 G5 G6 …3 more… G10");
    list(129, "G1 G2 G3 G4 G5 G6 …122 more… G129");
}

#[test]
fn what_is_not_there_is_none() {
    assert_eq!(Shown(&None::<PId>).to_string(), "none");
    assert_eq!(Shown(&Some(PId(3))).to_string(), "P3");
    assert_eq!(Shown(&true).to_string(), "yes");
    assert_eq!(Shown(&false).to_string(), "no");
    assert_eq!(Shown(&Box::new(-4i64)).to_string(), "-4");
}

#[test]
fn events_are_told_in_a_sentence() {
    let event = Event::Steal { thief: PId(1), victim: PId(0), attempt: 0, of: 3, gs: gs(2) };
    assert_eq!(event.to_string(), "P1 steals G1 G2 of 3 from P0");
    let event = Event::GoReady { g: GId(7), to: Queue::Slot(PId(2)) };
    assert_eq!(event.to_string(), "G7 is ready and goes to the slot of P2");
    let event = Event::MStart { m: MId(4), p: None, spinning: false };
    assert_eq!(event.to_string(), "M4 is made for none");
    let rule = Rule::GlobalQueueEvery61 { tick: 122, global: 5 };
    let text = "tick 122 is a multiple of 61, so the global queue (5 waiting) goes first";
    assert_eq!(rule.to_string(), text);
}
