//! How the playhead moves: step after step, by hand or by itself, and by leaps.

use std::time::Duration;

use super::App;
use super::playhead::{Grain, Motion};
use super::tempo::{Tempo, reading_time, rest_time, step_time};
use crate::theme;

/// More time than this between two ticks was no watching: the terminal was asleep.
const LONGEST_TICK: Duration = Duration::from_millis(250);
/// More steps than this in one tick are for a later one.
const MOST_STEPS: usize = 256;
/// A follower that is this far behind a live run leaps to its end.
const TOO_FAR_BEHIND: u64 = 512;

impl App {
    /// Lets time pass.
    pub(super) fn tick(&mut self, elapsed: Duration) {
        let from = self.head.at;
        let mut left = elapsed;
        if self.head.motion.is_none() && self.head.playing {
            let rested = left.min(self.head.hold);
            self.head.hold -= rested;
            left -= rested;
        }
        left = left.min(LONGEST_TICK);
        for _ in 0..MOST_STEPS {
            match self.pass(left) {
                Some(rest) => left = rest,
                None => break,
            }
        }
        let moved = self.head.at.saturating_sub(from);
        let flying = self.head.playing && !self.head.tempo.has_motion();
        let per_frame = if flying { moved } else { 0 };
        self.dirty |= self.head.per_frame != per_frame;
        self.head.per_frame = per_frame;
    }

    /// Does what happens next in `left`. Gives the time that is left after it.
    fn pass(&mut self, left: Duration) -> Option<Duration> {
        if let Some(motion) = self.head.motion {
            if !self.head.is_moving() {
                return None;
            }
            self.dirty = true;
            let rest = self.head.advance(left)?;
            self.arrive(motion.to);
            return Some(rest);
        }
        if !self.head.playing {
            return None;
        }
        if self.head.hold > left {
            self.head.hold -= left;
            return None;
        }
        let left = left - self.head.hold;
        self.head.hold = Duration::ZERO;
        self.play_on(left)
    }

    /// Begins what comes next while playing.
    fn play_on(&mut self, left: Duration) -> Option<Duration> {
        let behind = self.known() - self.head.at;
        if self.is_following() && (self.head.tempo.is_max() || behind > TOO_FAR_BEHIND) {
            self.leap(self.known());
            return None;
        }
        if self.head.tempo.is_max() {
            let to = self.head.at.saturating_add(Tempo::most_records(left).max(1));
            self.leap(to.min(self.known()));
            return None;
        }
        if self.begin(Grain::Step, false) {
            return Some(left);
        }
        self.run_dry();
        None
    }

    /// Whether the playhead goes with the newest of a live run.
    fn is_following(&self) -> bool {
        self.program.is_live() && self.head.follow && self.head.playing && !self.program.is_over()
    }

    /// Whether there is something to play.
    pub(super) fn can_advance(&self) -> bool {
        self.target(Grain::Step).is_some()
    }

    /// Where a movement of this grain ends, if all of it is known.
    pub(super) fn target(&self, grain: Grain) -> Option<u64> {
        let (at, known) = (self.head.at, self.known());
        match grain {
            Grain::Event => (at < known).then_some(at + 1),
            Grain::Step => match self.history.next_decision(at) {
                // At the end of what is known more may belong to the step.
                Some(to) => (to < known || self.program.is_whole(to)).then_some(to),
                None => (at < known && self.program.is_over()).then_some(known),
            },
        }
    }

    /// Begins a movement, or opens the question that stands before it. False if it is not known
    /// yet what comes.
    pub(super) fn begin(&mut self, grain: Grain, by_hand: bool) -> bool {
        self.finish();
        let Some(to) = self.target(grain) else { return false };
        self.dirty = true;
        if let Some(gate) = self.gate(to) {
            self.open_question(gate, grain);
            return true;
        }
        self.quiz.forget_told();
        self.head.grain = grain;
        if !self.moves() {
            self.arrive(to);
            return true;
        }
        let length = step_time(&self.history.records(self.head.at, to));
        self.head.motion = Some(Motion { to, done: Duration::ZERO, length, by_hand });
        true
    }

    /// Whether steps are shown as motion.
    fn moves(&self) -> bool {
        self.head.tempo.has_motion() && self.theme.motion != theme::Motion::Off
    }

    /// Ends the step under way at once.
    pub(super) fn finish(&mut self) {
        if let Some(motion) = self.head.motion {
            self.arrive(motion.to);
        }
    }

    /// Puts the playhead where a step ends.
    fn arrive(&mut self, to: u64) {
        let from = self.head.at;
        let moved = self.head.motion.take().is_some();
        self.head.at = to;
        self.dirty = true;
        let tempo = self.head.tempo;
        let mut pause = rest_time();
        if !moved {
            pause += step_time(&self.history.records(from, to));
        }
        if tempo.has_motion() {
            pause += self.new_words(from, to).map_or(Duration::ZERO, |words| reading_time(&words));
        }
        self.head.hold = tempo.scale(pause);
        self.tell(to);
    }

    /// Goes over many records at once, but not over a question.
    fn leap(&mut self, to: u64) {
        if to <= self.head.at {
            return self.run_dry();
        }
        if let Some(gate) = self.gate(to) {
            self.head.at = gate.at;
            self.open_question(gate, Grain::Step);
            return;
        }
        self.quiz.forget_told();
        self.head.at = to;
        self.head.hold = Duration::ZERO;
        self.head.grain = Grain::Step;
        self.dirty = true;
    }

    /// Puts the playhead somewhere, without motion and without questions.
    pub(super) fn jump(&mut self, to: u64) {
        self.close_question();
        self.head.motion = None;
        self.head.hold = Duration::ZERO;
        self.head.per_frame = 0;
        self.head.grain = Grain::Step;
        self.head.at = to.clamp(self.floor().min(self.known()), self.known());
        self.dirty = true;
    }

    /// One movement back, which is a leap.
    pub(super) fn back(&mut self, grain: Grain) {
        self.stop();
        // A step under way has not left its place yet.
        let under_way = self.head.motion.is_some();
        let to = match grain {
            _ if under_way => self.head.at,
            Grain::Step => self.history.prev_decision(self.head.at),
            Grain::Event => self.head.at.saturating_sub(1),
        };
        self.jump(to);
        self.head.grain = grain;
    }

    /// Lets the playhead stand, wherever the program is.
    pub(super) fn stop(&mut self) {
        self.head.playing = false;
        self.head.follow = false;
        self.program.try_again();
    }
}
