//! Facts and conditions: what is promised for a row is there in every record of it.

use gopark_trace::event::EVENTS;
use gopark_trace::rule::RULES;
use gopark_trace::wire::Wire;
use gopark_trace::{
    Actor, Certainty, Event, GId, MId, Nanos, PId, Queue, Record, Rule, WaitReason,
};
use gopark_tui::lesson::facts::{DERIVED, names_of_event, names_of_rule};
use gopark_tui::lesson::{Conditions, Facts, Template, Trigger};

use crate::run::roll;

/// A value of row `row`: the first thing that is drawn is the row.
fn value<T: Wire>(row: usize, seed: &mut u64) -> T {
    let mut first = Some(row as u64);
    T::arbitrary(&mut |n| first.take().unwrap_or_else(|| roll(seed, n)))
}

fn record(event: Event, rule: Option<Rule>) -> Record {
    Record {
        seq: 3,
        time: Nanos(1_500),
        actor: Actor { m: Some(MId(2)), p: Some(PId(1)), g: None },
        site: None,
        rule,
        certainty: Certainty::Observed,
        event,
    }
}

#[test]
fn every_row_has_the_facts_it_promises() {
    let mut seed = 1;
    for _ in 0..20 {
        for (i, row) in EVENTS.iter().enumerate() {
            let facts = Facts::of_event(&record(value(i, &mut seed), None));
            let mut found: Vec<_> = facts.iter().map(|f| f.name).collect();
            let mut promised = names_of_event(row);
            found.sort_unstable();
            promised.sort_unstable();
            assert_eq!(found, promised, "{}", row.name);
        }
        for (i, row) in RULES.iter().enumerate() {
            let event = Event::NeedSpinning { on: true };
            let facts = Facts::of_rule(&record(event, Some(value(i, &mut seed))));
            let mut found: Vec<_> = facts.iter().map(|f| f.name).collect();
            let mut promised = names_of_rule(row);
            found.sort_unstable();
            promised.sort_unstable();
            assert_eq!(found, promised, "{}", row.name);
        }
    }
}

#[test]
fn derived_facts_belong_to_rows_that_exist() {
    for (name, _) in DERIVED {
        assert!(EVENTS.iter().any(|row| row.name == *name), "{name}");
    }
}

#[test]
fn facts_are_what_narration_shows() {
    let gs = vec![GId(5), GId(6), GId(7)];
    let steal = Event::Steal { thief: PId(3), victim: PId(0), attempt: 1, of: 5, gs };
    let facts = Facts::of_event(&record(steal, None));
    let text = |name: &str| facts.get(name).map(|f| f.text.as_str());
    let number = |name: &str| facts.get(name).and_then(|f| f.number);
    assert_eq!((text("victim"), number("victim")), (Some("P0"), Some(0)));
    assert_eq!((text("newest"), number("newest")), (Some("G7"), Some(7)));
    assert_eq!((text("oldest"), number("taken")), (Some("G5"), Some(3)));
    assert_eq!((number("half_up"), number("half_down"), number("of")), (Some(3), Some(2), Some(5)));
    assert_eq!(
        (text("time"), text("by_m"), text("by_g")),
        (Some("1.5 µs"), Some("M2"), Some("none"))
    );
    assert_eq!(number("by_g"), None);
}

fn start(g: u64, from: Queue, tick: u32) -> Record {
    record(Event::GoStart { g: GId(g), from, tick }, Some(Rule::RunsFromHand { tick }))
}

#[track_caller]
fn holds(trigger: &str, record: &Record, expected: bool) {
    let trigger = Trigger::parse(trigger).expect("a trigger");
    assert_eq!(trigger.matches(record), expected);
}

#[test]
fn triggers_wait_for_events_rules_and_facts() {
    let from_ring = start(7, Queue::Ring(PId(1)), 122);
    holds("GoStart", &from_ring, true);
    holds("GoPark", &from_ring, false);
    holds("rule RunsFromHand", &from_ring, true);
    holds("rule SlotFirst", &from_ring, false);
    holds("GoStart #4 where g == 7", &from_ring, true);
    holds("GoStart where g != 7", &from_ring, false);
    holds("GoStart where tick >= 122 and tick < 123 and g <= 7", &from_ring, true);
    holds("GoStart where tick>122", &from_ring, false);
    holds("GoStart where from_kind == \"ring\"", &from_ring, true);
    holds("GoStart where from_kind != \"slot\" and from == 1", &from_ring, true);
    holds("GoStart where time == 1500ns and time > 1us", &from_ring, true);
    holds("rule RunsFromHand where tick == 122 and by_p == 1", &from_ring, true);
    holds("GoStart where g == by_p", &from_ring, false);
    holds("GoStart where by_g == 0", &from_ring, false);
    let park = record(Event::GoPark { g: GId(1), why: WaitReason::Sleep, on: None }, None);
    holds("GoPark where why == \"sleep\"", &park, true);
    holds("GoPark where why == \"chan receive\"", &park, false);
}

#[track_caller]
fn wrong(trigger: &str, message: &str) {
    let error = Trigger::parse(trigger).expect_err(trigger);
    assert!(error.contains(message), "{trigger}: {error}");
}

#[test]
fn a_wrong_trigger_says_what_is_wrong() {
    wrong("", "the name of an event");
    wrong("Stael", "there is no event \"Stael\"; Steal is near");
    wrong("Xyzzyx", "there is no event \"Xyzzyx\"");
    wrong("rule", "the name of a rule is missing");
    wrong("rule StealHalv", "StealHalf is near");
    wrong("rule Steal", "there is no rule");
    wrong("Steal #0", "they count from #1");
    wrong("Steal # 2", "they count from #1");
    wrong("Steal where", "a fact to compare is missing");
    wrong("Steal where taken", "compared with nothing");
    wrong("Steal where taken = 2", "means nothing here");
    wrong("Steal where taken ==", "compared with nothing");
    wrong("Steal where taken == 2 and", "a fact to compare is missing");
    wrong("Steal where takn == 2", "there is no fact \"takn\" here; there are thief, victim");
    wrong("Steal where taken == halve", "there is no fact \"halve\"");
    wrong("Steal where taken == 2 or of == 3", "is not expected");
    wrong("Steal where taken == 2h", "\"h\" is no unit");
    wrong("Steal where taken == 99999999999999999999", "no number that fits");
    wrong("GoPark where why == \"sleep", "has no end");
    wrong("GoPark where why < \"sleep\"", "a text can only be == or !=");
    wrong("Steal 2", "is not expected");
    wrong("rule StealHalf where thief == 1", "there is no fact \"thief\"");
}

#[test]
fn no_text_makes_a_trigger_panic() {
    let pieces = [
        "Steal",
        "rule",
        "StealHalf",
        " ",
        "#",
        "1",
        "where",
        "taken",
        "==",
        "<",
        "!",
        "\"",
        "and",
        "-",
        "µs",
        "ns",
        "é",
        "_",
        "{",
        "}",
        ":",
        "of",
        "99999999999999999999",
    ];
    let mut seed = 9;
    for _ in 0..20_000 {
        let n = roll(&mut seed, 9);
        let text: String =
            (0..n).map(|_| pieces[roll(&mut seed, pieces.len() as u64) as usize]).collect();
        let _ = Trigger::parse(&text);
        let _ = Conditions::parse(&text, &["taken", "of"]);
        let _ = Template::parse(&text, &["taken", "of"]);
    }
}

#[test]
fn templates_put_facts_into_words() {
    let facts = Facts::of_event(&start(7, Queue::Hand, 61));
    let show = |text: &str| Template::parse(text, &["g", "tick"]).map(|t| t.render(&facts));
    assert_eq!(show("{g} at {tick}, {{g}}").as_deref(), Ok("G7 at 61, {g}"));
    assert_eq!(show("{ g }").as_deref(), Ok("G7"));
    assert_eq!(show("").as_deref(), Ok(""));
    assert!(
        show("{gg}").is_err_and(|e| e.contains("there is no fact {gg} here; there are g, tick"))
    );
    assert!(show("{g").is_err_and(|e| e.contains("not closed")));
    assert!(show("g}").is_err_and(|e| e.contains("closes nothing")));
    let source = Template::parse("how many of {g}?", &["g"]).map(|t| t.source());
    assert_eq!(source.as_deref(), Ok("how many of {g}?"));
}
