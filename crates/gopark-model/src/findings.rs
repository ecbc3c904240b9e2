//! What is wrong with a program or a trace, in words.

use gopark_trace::event::Event;
use gopark_trace::ids::GId;
use gopark_trace::record::Record;
use gopark_trace::words::EndKind;

use crate::world::Violation;

/// What kind of thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FindingKind {
    /// An event that cannot be: a bug in a runtime or a damaged trace.
    Impossible,
    /// Every goroutine is asleep and nobody will wake one.
    Deadlock,
    /// A panic ended the program.
    Panic,
    /// A fatal error ended the program.
    Fatal,
    /// Events were lost.
    Gap,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// The event that proves it.
    pub seq: u64,
    /// The goroutines it is about.
    pub gs: Vec<GId>,
    /// What was found, in words.
    pub text: String,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "event {}: {}", self.seq, self.text)
    }
}

/// What one event shows.
pub(crate) fn findings_of(record: &Record, violations: Vec<Violation>) -> Vec<Finding> {
    let finding = |kind, text: String| Finding {
        kind,
        seq: record.seq,
        gs: record.actor.g.into_iter().collect(),
        text,
    };
    let mut found: Vec<Finding> = violations
        .into_iter()
        .map(|v| finding(FindingKind::Impossible, format!("{}: {}", v.rule, v.text)))
        .collect();
    match &record.event {
        Event::RunEnd { how, text } => {
            let kind = match how {
                EndKind::Deadlock | EndKind::NoGoroutines => Some(FindingKind::Deadlock),
                EndKind::Panic => Some(FindingKind::Panic),
                EndKind::Fatal => Some(FindingKind::Fatal),
                EndKind::Returned | EndKind::Stopped => None,
            };
            let first = text.lines().next().unwrap_or_default();
            found.extend(kind.map(|kind| finding(kind, first.to_owned())));
        }
        Event::Gap { m, lost } => {
            found.push(finding(FindingKind::Gap, format!("{lost} events of {m} were lost")));
        }
        _ => {}
    }
    found
}
