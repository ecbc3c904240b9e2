//! One program in both drives, recorded: its result is right, and its trace keeps every rule.

#[path = "live.rs"]
mod live;

use gopark::sink::Memory;
use gopark::trace::record::Record;
use gopark::{Failure, lab};

pub(crate) use self::live::live;

/// Runs `program` in the lab with several seeds and in live, on one P, two and four. Shows each end
/// to `check`, and each trace to the validator.
#[track_caller]
pub(crate) fn both_drives_keep_the_rules<F, R>(program: F, check: impl Fn(Result<R, Failure>))
where
    F: FnOnce() -> R + Clone + Send + 'static,
    R: Send + 'static,
{
    for procs in [1, 2, 4] {
        for seed in 0..10 {
            let memory = Memory::default();
            let run = lab(seed).procs(procs).record(memory.clone()).unwatched();
            check(run.try_run(program.clone()));
            keeps_the_rules(&format!("lab, seed {seed}, {procs} Ps"), &memory.records());
        }
        for n in 0..4 {
            let memory = Memory::default();
            check(live(procs).record(memory.clone()).try_run(program.clone()));
            keeps_the_rules(&format!("live, run {n}, {procs} Ps"), &memory.records());
        }
    }
}

/// Nothing in a trace is against the rules.
#[track_caller]
pub(crate) fn keeps_the_rules(name: &str, records: &[Record]) {
    let found = gopark_model::validate(records);
    assert!(
        found.is_empty(),
        "{name}: {} violations, first {:#?}",
        found.len(),
        &found[..found.len().min(5)]
    );
    let world: gopark_model::World = records.iter().cloned().collect();
    world.check_places().unwrap_or_else(|e| panic!("{name}: {e}"));
}
