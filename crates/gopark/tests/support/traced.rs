//! Runs whose traces pass the validator: exactly in the lab, in its two classes in live.

use gopark::sink::Memory;
use gopark::trace::Record;
use gopark::{Lab, Live};

#[track_caller]
pub(crate) fn check(records: &[Record]) {
    let found = gopark_model::validate(records);
    let first: Vec<_> = found
        .iter()
        .take(3)
        .map(|v| {
            let at = records.iter().position(|r| r.seq == v.seq).unwrap_or(0);
            let around = &records[at.saturating_sub(12)..(at + 2).min(records.len())];
            let around: Vec<String> =
                around.iter().map(|r| format!("{} {:?} {}: {r}", r.seq, r.actor, r.time)).collect();
            format!("{}: {}\n  {}", v.rule, v.text, around.join("\n  "))
        })
        .collect();
    assert!(found.is_empty(), "{} violations, first\n{}", found.len(), first.join("\n"));
    let world: gopark_model::World = records.iter().cloned().collect();
    world.check_places().expect("everybody is in one place");
}

/// The records of a run in the lab, checked.
#[track_caller]
pub(crate) fn in_lab<R: Send + 'static>(
    lab: Lab,
    program: impl FnOnce() -> R + Send + 'static,
) -> (R, Vec<Record>) {
    let memory = Memory::default();
    let result = lab.unwatched().record(memory.clone()).try_run(program);
    let records = memory.records();
    let result = result.unwrap_or_else(|failure| {
        let last = &records[records.len().saturating_sub(60)..];
        let last: Vec<String> =
            last.iter().map(|r| format!("{} {:?} {}: {r}", r.seq, r.actor, r.time)).collect();
        panic!("{failure}\n{}", last.join("\n"))
    });
    check(&records);
    (result, records)
}

/// The records of a live run, checked.
#[track_caller]
pub(crate) fn in_live<R: Send + 'static>(
    live: Live,
    program: impl FnOnce() -> R + Send + 'static,
) -> (R, Vec<Record>) {
    let memory = Memory::default();
    let result = live.unwatched().record(memory.clone()).try_run(program);
    let records = memory.records();
    let result = result.unwrap_or_else(|failure| {
        let last = &records[records.len().saturating_sub(60)..];
        let last: Vec<String> =
            last.iter().map(|r| format!("{} {:?} {}: {r}", r.seq, r.actor, r.time)).collect();
        panic!("{failure}\n{}", last.join("\n"))
    });
    check(&records);
    (result, records)
}
