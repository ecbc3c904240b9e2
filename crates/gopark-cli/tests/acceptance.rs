//! The lessons again and again: every trace keeps the rules, and the lab repeats itself.
//!
//! `GOPARK_ACCEPT=1` makes the counts large; without it they are small enough for every day.

use gopark::sink::Memory;
use gopark::trace::{Event, GStatus, Record};
use gopark_demos::{Drive, LESSONS, Lesson};
use gopark_model::{World, validate};

/// How often, every day and for acceptance.
fn count(daily: u64, acceptance: u64) -> u64 {
    if std::env::var_os("GOPARK_ACCEPT").is_some() { acceptance } else { daily }
}

fn run(lesson: &Lesson, drive: Drive, procs: usize) -> Vec<Record> {
    let memory = Memory::default();
    gopark_demos::run(lesson, drive, procs, Some(Box::new(memory.clone())))
        .unwrap_or_else(|failure| panic!("{} in {drive:?} on {procs} Ps: {failure}", lesson.name));
    memory.records()
}

/// Every rule is kept, and when main returns nobody waits and nobody is queued: whoever is left has
/// said that it is done and is on its way out.
fn check(lesson: &Lesson, records: &[Record], what: &str) {
    let found = validate(records);
    assert!(found.is_empty(), "{} {what}: {} findings, {:#?}", lesson.name, found.len(), found[0]);
    let world: World = records.iter().cloned().collect();
    let left = world.gs().filter(|g| g.status != GStatus::Running).map(|g| g.id);
    assert_eq!(left.collect::<Vec<_>>(), [], "{} {what}: these are left", lesson.name);
    let gaps = records.iter().filter(|r| matches!(r.event, Event::Gap { .. })).count();
    assert_eq!(gaps, 0, "{} {what}: its rings are large enough", lesson.name);
}

#[test]
fn in_live_every_rule_is_kept_on_1_to_8_ps() {
    for lesson in LESSONS {
        for n in 0..count(32, 1000) {
            let procs = 1 + (n % 8) as usize;
            check(lesson, &run(lesson, Drive::Live, procs), &format!("live run {n}, {procs} Ps"));
        }
    }
}

#[test]
fn in_the_lab_the_same_seed_gives_the_same_events() {
    for lesson in LESSONS {
        for seed in 0..count(40, 1000) {
            let first = run(lesson, Drive::Lab { seed }, lesson.procs);
            let again = run(lesson, Drive::Lab { seed }, lesson.procs);
            assert!(first == again, "{} with seed {seed} differs from itself", lesson.name);
            check(lesson, &first, &format!("with seed {seed}"));
        }
    }
}

#[test]
fn other_seeds_give_other_runs() {
    for lesson in LESSONS {
        let one = run(lesson, Drive::Lab { seed: 1 }, lesson.procs);
        let other = run(lesson, Drive::Lab { seed: 2 }, lesson.procs);
        let events =
            |records: Vec<Record>| records.into_iter().map(|r| r.event).collect::<Vec<_>>();
        assert_ne!(events(one)[1..], events(other)[1..], "{}", lesson.name);
    }
}
