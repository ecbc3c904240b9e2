//! One program in both drives, recorded: whatever happens, every trace keeps the rules.

#[path = "live.rs"]
mod live;

use gopark::lab;
use gopark::sink::Memory;
use gopark::trace::record::Record;

pub(crate) use self::live::live;

/// Fails if a trace breaks a rule.
#[track_caller]
pub(crate) fn keeps_the_rules(name: &str, records: &[Record]) {
    let found = gopark_model::validate(records);
    let first = &found[..found.len().min(3)];
    assert!(found.is_empty(), "{name}: {} violations, first {first:#?}", found.len());
}

/// Runs `program` in labs and in live, on one P, two and four, and checks every trace.
#[track_caller]
pub(crate) fn traced(program: impl FnOnce() + Clone + Send + 'static) {
    for procs in [1, 2, 4] {
        for seed in 0..4 {
            let memory = Memory::default();
            lab(seed).procs(procs).record(memory.clone()).unwatched().run(program.clone());
            keeps_the_rules(&format!("lab {seed} on {procs}"), &memory.records());
        }
        for _ in 0..3 {
            live(procs).run(program.clone());
            let memory = Memory::default();
            live(procs).record(memory.clone()).run(program.clone());
            keeps_the_rules(&format!("live on {procs}"), &memory.records());
        }
    }
}
