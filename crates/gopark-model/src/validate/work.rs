//! R41: no work waits while a P idles and nobody looks.

use gopark_trace::ids::Nanos;
use gopark_trace::record::Record;
use gopark_trace::words::Drive;

use super::{Validator, has_work};
use crate::things::MStatus;
use crate::world::Violation;

/// What an eventual rule may be broken for in live.
pub const LIVE_TIME: Nanos = Nanos(100_000_000);
/// How many events an eventual rule may be broken for in live.
pub const LIVE_RECORDS: u64 = 2_000;
/// What an eventual rule may be broken for in the lab: the steps between two gates.
pub const LAB_TIME: Nanos = Nanos(10_000);

impl Validator {
    /// R41: no state persists with an idle P, a goroutine in a queue, and nobody on the way.
    pub(super) fn conservation(&mut self, record: &Record) {
        let world = &self.world;
        let idle = !world.idle_ps().is_empty();
        let waits = || !world.global().is_empty() || world.ps().iter().any(|p| has_work(Some(p)));
        let moving = || world.ms().iter().any(|m| on_the_way(m.status, m.g.is_none()));
        if !(idle && waits()) || moving() || world.ended().is_some() {
            self.starved = None;
            return;
        }
        let (since, from) = *self.starved.get_or_insert((world.time(), record.seq));
        let lasted = record.time.minus(since);
        let too_long = if world.drive() == Drive::Lab {
            lasted > LAB_TIME
        } else {
            lasted > LIVE_TIME && record.seq.saturating_sub(from) > LIVE_RECORDS
        };
        if too_long {
            self.starved = None;
            self.found.push(Violation {
                rule: "R41",
                seq: record.seq,
                text: format!(
                    "a P idles and work waits since event {from}, for {lasted}, and nobody looks"
                ),
            });
        }
    }
}

/// Whether an M is about to find work: made or woken, looking, or between two goroutines.
fn on_the_way(status: MStatus, without_g: bool) -> bool {
    match status {
        MStatus::Starting | MStatus::Spinning => true,
        MStatus::Running => without_g,
        _ => false,
    }
}
