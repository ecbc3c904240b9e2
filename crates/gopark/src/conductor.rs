//! The conductor: who may let the scheduler move.
//!
//! It stands at every gate, before the transition behind it takes effect. In the lab there is one
//! turn at a time, so it is exact: the run stops before the next thing happens. In live every M
//! stops at its next gate.
//!
//! A viewer moves it with [`Command`]s; a reader thread hands them over. Without a viewer there is
//! no conductor, and a gate costs one predictable branch.

use std::sync::atomic::{AtomicBool, Ordering};

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, Nanos};
use gopark_trace::protocol::Command;
use gopark_trace::record::Record;
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
    /// The viewer was told so and has not been told yet that it goes on (live).
    stood: bool,
    /// Ms that stand at a gate (live).
    standing: u32,
    /// The world is stopped for a snapshot (live).
    frozen: bool,
    /// Decisions a second while running, 0 for no limit, and what is saved up of them (live).
    tempo: u32,
    saved: f64,
    /// When `saved` was last added to.
    saved_at: Nanos,
}

impl State {
    fn hit_by(&self, record: &Record) -> bool {
        match self.goal {
            Goal::Code(code) => record.event.code() == code,
            Goal::Go(g) => {
                matches!(record.event, Event::GoStart { g: started, .. } if started == g)
            }
            _ => false,
        }
    }

    fn look_at(&mut self, seq: u64, time: Nanos) {
        self.reached |= match self.goal {
            Goal::Seq(n) => seq >= n,
            Goal::Time(t) => time >= t,
            _ => false,
        };
    }

    fn holds(&self) -> bool {
        self.frozen || (!self.alone && self.reached)
    }
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
        Self::new(Goal::Here, herald)
    }

    /// One that lets everything happen; it stops the world only for snapshots.
    pub(crate) fn free() -> Self {
        Self::new(Goal::Never, Box::new(Nobody))
    }

    fn new(goal: Goal, herald: Box<dyn Herald>) -> Self {
        Self {
            attention: AtomicBool::new(goal != Goal::Never),
            state: Mutex::new(State {
                goal,
                reached: goal == Goal::Here,
                stop: false,
                alone: false,
                told: false,
                stood: false,
                standing: 0,
                frozen: false,
                tempo: 0,
                saved: 0.0,
                saved_at: Nanos(0),
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
            Command::Tempo { decisions_per_s } => {
                self.change(|state| state.tempo = decisions_per_s);
                return;
            }
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
        let free = state.goal == Goal::Never && state.tempo == 0;
        let quiet = (free || state.alone) && !state.stop && !state.frozen;
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
            _ => state.hit_by(record),
        };
        state.reached |= hit;
    }

    /// Sees a record that comes from the drain, after the fact (live).
    pub(crate) fn saw_late(&self, record: &Record) {
        if self.attention() {
            let mut state = self.state.lock();
            state.reached |= state.hit_by(record);
        }
    }

    /// Whether the run must stop here (lab).
    pub(crate) fn wants(&self, seq: u64, time: Nanos) -> bool {
        if !self.attention() {
            return false;
        }
        let mut state = self.state.lock();
        state.look_at(seq, time);
        state.stop || state.holds()
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

/// The live side: every M comes to stand at its next gate.
impl Conductor {
    /// Stands at a gate as long as the run must; a step lets one M through to its next gate.
    pub(crate) fn stand(&self) -> Verdict {
        let mut state = self.state.lock();
        state.standing += 1;
        let verdict = loop {
            if state.stop {
                break Verdict::Stop;
            }
            match state.goal {
                _ if state.frozen => {}
                Goal::Decisions(n) if !state.reached => {
                    state.goal = Goal::Decisions(n.saturating_sub(1));
                    state.reached = n <= 1;
                    break Verdict::GoOn;
                }
                _ if state.holds() => {}
                _ if state.tempo == 0 || state.alone => break Verdict::GoOn,
                _ if state.saved >= 1.0 => {
                    state.saved -= 1.0;
                    break Verdict::GoOn;
                }
                _ => {}
            }
            self.changed.wait(&mut state);
        };
        state.standing -= 1;
        verdict
    }

    /// How many Ms stand at a gate.
    pub(crate) fn standing(&self) -> u32 {
        self.state.lock().standing
    }

    /// Stops the world for a snapshot, or lets it go on.
    pub(crate) fn freeze(&self, on: bool) {
        self.change(|state| state.frozen = on);
    }

    /// Whether the viewer wants the world to stand; called by the drain, which also lets the tempo
    /// save up decisions.
    pub(crate) fn wants_live(&self, seq: u64, time: Nanos) -> bool {
        if !self.attention() {
            return false;
        }
        let mut state = self.state.lock();
        state.look_at(seq, time);
        if state.tempo > 0 {
            let passed = time.minus(state.saved_at).0 as f64 / 1e9;
            state.saved_at = time;
            // At most a tenth of a second's worth, so that a pause is no run-up.
            let most = f64::from(state.tempo) / 10.0;
            state.saved = (state.saved + passed * f64::from(state.tempo)).min(most.max(1.0));
            self.changed.notify_all();
        }
        state.holds()
    }

    /// Whether the viewer has not been told yet that the world stands.
    pub(crate) fn untold(&self) -> bool {
        !self.state.lock().told
    }

    /// Tells the viewer that the world stands.
    pub(crate) fn tell_paused(&self, seq: u64, time: Nanos) {
        let mut state = self.state.lock();
        if !state.holds() {
            // The viewer has changed its mind meanwhile.
            return;
        }
        state.told = true;
        state.stood = true;
        drop(state);
        self.herald.paused(seq, time);
    }

    /// Tells the viewer that the world goes on, if it was told that it stands.
    pub(crate) fn tell_running(&self) {
        if std::mem::take(&mut self.state.lock().stood) {
            self.herald.running();
        }
    }

    /// The run is over: nobody needs to stand any more.
    pub(crate) fn run_over(&self) {
        self.change(|state| state.alone = true);
    }
}

/// Nobody listens.
struct Nobody;

impl Herald for Nobody {
    fn paused(&self, _: u64, _: Nanos) {}
    fn running(&self) {}
    fn goodbye(&self) {}
}

impl std::fmt::Debug for Conductor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conductor").field("attention", &self.attention()).finish_non_exhaustive()
    }
}
