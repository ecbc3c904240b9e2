//! The conductor: who may let the scheduler move.
//!
//! It stands at every gate, before the transition behind it takes effect. In the lab there is one
//! turn at a time, so it is exact: the run stops before the next thing happens. In live every M
//! stops at its next gate.
//!
//! A viewer moves it with [`Command`]s; a reader thread hands them over. Without a viewer there is
//! no conductor, and a gate costs one predictable branch.

use std::sync::atomic::{AtomicBool, Ordering};

use gopark_trace::ids::{GId, Nanos};
use gopark_trace::protocol::Command;
use gopark_trace::record::Record;
use gopark_trace::event::Event;
use parking_lot::{Condvar, Mutex};

/// What a stopped M may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Go on.
    GoOn,
    /// End the run.
    Stop,
}

/// How far the run may go before it stops by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// It stands.
    Here,
    /// No end.
    Never,
    /// Until this many events were emitted.
    Seq(u64),
    /// Until this many decisions more have happened.
    Decisions(u32),
    /// Until an event with this code.
    Code(u8),
    /// Until this goroutine runs.
    Go(GId),
    /// Until this time.
    Time(Nanos),
}

#[derive(Debug)]
struct State {
    goal: Goal,
    /// The goal was reached by the last record.
    reached: bool,
    stop: bool,
    /// The viewer is gone: nobody will ever say "run".
    alone: bool,
    /// Stopped, and the viewer was told.
    told: bool,
    /// Ms that stand at a gate (live).
    standing: u32,
}

/// Tells the viewer that the run stands or goes.
pub(crate) trait Herald: Send + Sync {
    /// It stands, after this many events.
    fn paused(&self, seq: u64, time: Nanos);
    /// It goes on.
    fn running(&self);
    /// It is over.
    fn goodbye(&self);
}

/// The conductor of one run.
pub(crate) struct Conductor {
    /// Whether a gate has anything to ask; written under the state's lock.
    attention: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
    herald: Box<dyn Herald>,
}

impl Conductor {
    /// One that lets nothing happen until it is told.
    pub(crate) fn paused(herald: Box<dyn Herald>) -> Self {
        Self {
            attention: AtomicBool::new(true),
            state: Mutex::new(State {
                goal: Goal::Here,
                reached: true,
                stop: false,
                alone: false,
                told: false,
                standing: 0,
            }),
            changed: Condvar::new(),
            herald,
        }
    }

    /// Does what the viewer wishes.
    pub(crate) fn obey(&self, command: &Command) {
        let goal = match *command {
            Command::Run {} => Goal::Never,
            Command::Pause {} => Goal::Here,
            Command::Step { decisions } => Goal::Decisions(decisions.max(1)),
            Command::RunToSeq { seq } => Goal::Seq(seq),
            Command::RunToEvent { code } => Goal::Code(code),
            Command::RunToGo { g } => Goal::Go(g),
            Command::RunToTime { time } => Goal::Time(time),
            Command::Tempo { .. } => return,
            Command::Stop {} => {
                self.change(|state| state.stop = true);
                return;
            }
        };
        self.change(|state| {
            state.goal = goal;
            state.reached = goal == Goal::Here;
            state.told = false;
        });
    }

    /// The viewer is gone: run to the end, unwatched.
    pub(crate) fn alone(&self) {
        self.change(|state| state.alone = true);
    }

    /// The run is over.
    pub(crate) fn goodbye(&self) {
        self.herald.goodbye();
    }

    fn change(&self, how: impl FnOnce(&mut State)) {
        let mut state = self.state.lock();
        how(&mut state);
        let quiet = (state.goal == Goal::Never || state.alone) && !state.stop;
        self.attention.store(!quiet, Ordering::Release);
        drop(state);
        self.changed.notify_all();
    }

    /// Whether a gate must ask at all.
    #[inline]
    pub(crate) fn attention(&self) -> bool {
        self.attention.load(Ordering::Acquire)
    }

    /// Sees a record, to know when a goal is reached.
    pub(crate) fn saw(&self, record: &Record) {
        if !self.attention() {
            return;
        }
        let mut state = self.state.lock();
        let hit = match state.goal {
            Goal::Decisions(n) if record.is_decision() => {
                state.goal = Goal::Decisions(n.saturating_sub(1));
                n <= 1
            }
            Goal::Code(code) => record.event.code() == code,
            Goal::Go(g) => matches!(record.event, Event::GoStart { g: started, .. } if started == g),
            _ => false,
        };
        state.reached |= hit;
    }

    /// Whether the run must stop here (lab).
    pub(crate) fn wants(&self, seq: u64, time: Nanos) -> bool {
        if !self.attention() {
            return false;
        }
        let mut state = self.state.lock();
        state.reached |= match state.goal {
            Goal::Seq(n) => seq >= n,
            Goal::Time(t) => time >= t,
            _ => false,
        };
        state.stop || (state.reached && !state.alone)
    }

    /// Waits until the run may go on (lab: the one turn; the caller has flushed its records).
    pub(crate) fn wait(&self, seq: u64, time: Nanos) -> Verdict {
        let mut state = self.state.lock();
        loop {
            if state.stop {
                return Verdict::Stop;
            }
            if state.alone || !state.reached {
                drop(state);
                self.herald.running();
                return Verdict::GoOn;
            }
            if !state.told {
                state.told = true;
                parking_lot::MutexGuard::unlocked(&mut state, || self.herald.paused(seq, time));
                continue;
            }
            self.changed.wait(&mut state);
        }
    }
}

impl std::fmt::Debug for Conductor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conductor").field("attention", &self.attention()).finish_non_exhaustive()
    }
}
