//! Where in the history the viewer looks, and how that place moves.

use std::time::Duration;

use super::Tempo;

/// How far one movement goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Grain {
    /// To after the next decision.
    #[default]
    Step,
    /// To after the next event.
    Event,
}

/// A step under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Motion {
    /// Where the playhead will be.
    pub(super) to: u64,
    /// How much of the step is done, in time at x1.
    pub(super) done: Duration,
    /// How long the step takes at x1.
    pub(super) length: Duration,
    /// Whether the viewer asked for this one step; it then goes on while nothing plays.
    pub(super) by_hand: bool,
}

/// The playhead. While a step is under way it still is where the step began.
#[derive(Debug, Clone, Default)]
pub(super) struct Playhead {
    /// Records before it.
    pub(super) at: u64,
    /// The step under way.
    pub(super) motion: Option<Motion>,
    /// Whether it moves by itself.
    pub(super) playing: bool,
    /// Whether it stays with the newest of a live run.
    pub(super) follow: bool,
    /// How fast it moves.
    pub(super) tempo: Tempo,
    /// How long it stays where it is before it plays on.
    pub(super) hold: Duration,
    /// How far the last movement went: what is told is as fine as the movement.
    pub(super) grain: Grain,
    /// Records that went by in the last frame without motion.
    pub(super) per_frame: u64,
}

impl Playhead {
    /// Whether time moves something: a step that is not frozen by a pause.
    pub(super) fn is_moving(&self) -> bool {
        self.motion.is_some_and(|motion| motion.by_hand || self.playing)
    }

    /// How far the step under way has gone, 0 to 1.
    pub(super) fn fraction(&self) -> f32 {
        match self.motion {
            Some(m) if !m.length.is_zero() => m.done.div_duration_f32(m.length).clamp(0.0, 1.0),
            _ => 0.0,
        }
    }

    /// Lets the step under way go on for `elapsed`. Gives what is left of that if the step is over.
    pub(super) fn advance(&mut self, elapsed: Duration) -> Option<Duration> {
        let tempo = self.tempo;
        let motion = self.motion.as_mut()?;
        let needed = tempo.scale(motion.length.saturating_sub(motion.done));
        if elapsed < needed {
            motion.done = (motion.done + tempo.progress(elapsed)).min(motion.length);
            return None;
        }
        Some(elapsed.saturating_sub(needed))
    }
}
