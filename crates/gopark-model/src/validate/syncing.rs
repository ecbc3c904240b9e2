//! Who may spin for a lock, and who is let in last: R93, and what of R94 needs one instant.

use gopark_trace::event::Event;
use gopark_trace::ids::LockId;
use gopark_trace::record::Record;
use gopark_trace::words::LockMode;

use super::{Validator, has_work};

/// Rounds a lock may be spun for.
const SPIN_ROUNDS: u8 = 4;

impl Validator {
    /// What an event says against the world before it.
    pub(super) fn syncing(&mut self, record: &Record) {
        match &record.event {
            Event::LockSpin { lock, round } => self.spins(record, *lock, *round),
            Event::LockPut { lock, mode: LockMode::Read, woke: Some(_), .. } if self.lab() => {
                let readers = self.world.lock(*lock).map_or(0, |l| l.readers);
                self.expect(readers <= 1, "R94", record.seq, || {
                    format!("the writer is let in to {lock} with {readers} readers there")
                });
            }
            _ => {}
        }
    }

    /// R93: at most four rounds, for a lock in normal mode, with nothing else to do and somebody who
    /// may let it go meanwhile.
    fn spins(&mut self, record: &Record, lock: LockId, round: u8) {
        let seq = record.seq;
        self.expect((1..=SPIN_ROUNDS).contains(&round), "R93", seq, || {
            format!("{lock} is spun for in round {round}")
        });
        let procs = self.world.procs();
        self.expect(procs > 1, "R93", seq, || format!("{lock} is spun for with one P"));
        if !self.lab() {
            return;
        }
        let starves = self.world.lock(lock).is_some_and(|l| l.starving);
        self.expect(!starves, "R93", seq, || format!("{lock} starves and is spun for"));
        let p = record.actor.p;
        let busy = has_work(p.and_then(|p| self.world.p(p)));
        self.expect(!busy, "R93", seq, || format!("{p:?} spins for {lock} with work of its own"));
        let idle = self.world.idle_ps().len() + self.world.spinning() as usize;
        self.expect(procs > idle + 1, "R93", seq, || {
            format!("{lock} is spun for while {idle} of {procs} Ps are idle or look for work")
        });
    }
}
