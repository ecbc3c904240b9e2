//! The tables are what the codec, the docs and the screen are made of: their rows are complete.

use std::collections::HashSet;

use gopark_trace::event::EVENTS;
use gopark_trace::protocol::{COMMANDS, Command, MESSAGES, Message};
use gopark_trace::rule::RULES;
use gopark_trace::wire::Wire;
use gopark_trace::words::*;
use gopark_trace::{Certainty, Event, Rule, Spec};

#[path = "support/dice.rs"]
mod dice;

use dice::Dice;

const TABLES: [(&str, &[Spec]); 4] =
    [("Event", EVENTS), ("Rule", RULES), ("Command", COMMANDS), ("Message", MESSAGES)];

/// Every row of every table.
fn rows() -> impl Iterator<Item = (&'static str, &'static Spec)> {
    TABLES.into_iter().flat_map(|(table, rows)| rows.iter().map(move |row| (table, row)))
}

/// A value of row `row`: the first thing that is drawn is the row.
fn value<T: Wire>(row: usize, dice: &mut Dice) -> T {
    let mut first = Some(row as u64);
    T::arbitrary(&mut |n| first.take().unwrap_or_else(|| dice.roll(n)))
}

fn is_camel_case(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric())
}

#[test]
fn codes_and_names_are_unique() {
    for (table, rows) in TABLES {
        let codes: HashSet<_> = rows.iter().map(|r| r.code).collect();
        let names: HashSet<_> = rows.iter().map(|r| r.name).collect();
        assert_eq!(codes.len(), rows.len(), "{table}: a code stands twice");
        assert_eq!(names.len(), rows.len(), "{table}: a name stands twice");
        assert!(!codes.contains(&0), "{table}: 0 is no code, so that zeroed bytes are no event");
        assert!(rows.is_sorted_by_key(|r| r.code), "{table}: rows are in wire order");
    }
}

#[test]
fn names_are_camel_case() {
    for (table, row) in rows() {
        assert!(is_camel_case(row.name), "{table} {}", row.name);
        for arg in row.args {
            let lower = arg.name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            assert!(lower && !arg.ty.is_empty(), "{table} {}: {}", row.name, arg.name);
        }
    }
}

#[test]
fn every_row_says_what_it_means_and_where_it_comes_from() {
    for (table, row) in rows() {
        let meaning = row.meaning();
        assert!(meaning.ends_with('.') && meaning.len() > 8, "{table} {}: {meaning}", row.name);
        assert!(!row.source.trim().is_empty(), "{table} {}", row.name);
        assert!(!row.text.trim().is_empty(), "{table} {}", row.name);
        assert_eq!(row.text, row.text.trim(), "{table} {}", row.name);
    }
}

#[test]
fn a_value_finds_its_own_row() {
    #[track_caller]
    fn check(spec: &Spec, row: &Spec, code: u8, name: &str) {
        assert_eq!((spec.code, spec.name), (row.code, row.name));
        assert_eq!((code, name), (row.code, row.name));
    }
    let mut dice = Dice::new(1);
    for (i, row) in EVENTS.iter().enumerate() {
        let v: Event = value(i, &mut dice);
        check(v.spec(), row, v.code(), v.name());
    }
    for (i, row) in RULES.iter().enumerate() {
        let v: Rule = value(i, &mut dice);
        check(v.spec(), row, v.code(), v.name());
    }
    for (i, row) in COMMANDS.iter().enumerate() {
        let v: Command = value(i, &mut dice);
        check(v.spec(), row, v.code(), v.name());
    }
    for (i, row) in MESSAGES.iter().enumerate() {
        let v: Message = value(i, &mut dice);
        check(v.spec(), row, v.code(), v.name());
    }
}

#[test]
fn narration_is_a_sentence_without_holes() {
    #[track_caller]
    fn check(name: &str, text: &str) {
        assert!(!text.trim().is_empty(), "{name} says nothing");
        assert!(!text.contains(['{', '}']), "{name}: {text}");
        assert!(!text.contains("Some(") && !text.contains("None"), "{name}: {text}");
    }
    let mut dice = Dice::new(2);
    for _ in 0..64 {
        for (i, row) in EVENTS.iter().enumerate() {
            let v: Event = value(i, &mut dice);
            // A program may say nothing at all.
            if !matches!(&v, Event::UserLog { text } if text.is_empty()) {
                check(row.name, &v.to_string());
            }
        }
        for (i, row) in RULES.iter().enumerate() {
            check(row.name, &value::<Rule>(i, &mut dice).to_string());
        }
        for (i, row) in COMMANDS.iter().enumerate() {
            check(row.name, &value::<Command>(i, &mut dice).to_string());
        }
    }
}

#[test]
fn rules_name_rules_of_the_rulebook() {
    let mut dice = Dice::new(3);
    for (i, row) in RULES.iter().enumerate() {
        for check in value::<Rule>(i, &mut dice).checks().split_whitespace() {
            let number = check.strip_prefix('R').and_then(|n| n.parse().ok());
            assert!(matches!(number, Some(1..=110)), "{}: {check}", row.name);
        }
    }
}

#[test]
fn words_have_a_byte_and_a_text_each() {
    macro_rules! check {
        ($($Word:ident)*) => {$({
            let bytes = $Word::ALL.iter().map(|w| { let mut b = Vec::new(); w.put(&mut b); b });
            let bytes: HashSet<_> = bytes.collect();
            let texts: HashSet<_> = $Word::ALL.iter().map(|w| w.text()).collect();
            assert!(bytes.iter().all(|b| b.len() == 1 && b[0] != 0), stringify!($Word));
            assert_eq!(bytes.len(), $Word::ALL.len(), stringify!($Word));
            assert_eq!(texts.len(), $Word::ALL.len(), stringify!($Word));
            assert!(!texts.contains(""), stringify!($Word));
        })*};
    }
    check! {
        Certainty WaitReason YieldKind PreemptKind ExitKind GlobalWhy HandoffWhy TimerKind SendHow
        RecvHow LockMode LockHow PollMode FdDir SysPath Drive EndKind GStatus
    }
}
