//! How fast the playhead moves: tempos, how long a step takes, how long words take to read.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use gopark_trace::{Event, Record};

/// The tempos there are. The last is as fast as it goes.
const LADDER: [f32; 9] = [0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, f32::INFINITY];

/// The place of x1 on the ladder.
const NORMAL: u8 = 3;
/// The last place at which tokens move; faster ones would only flicker.
const LAST_WITH_MOTION: u8 = 5;

/// One step at x1, as long as one token needs: its cause is lit, it moves, it settles.
const STEP: Duration = Duration::from_millis(900);
/// Added for each further token that moves in the same step.
const STAGGER: Duration = Duration::from_millis(60);
/// Further tokens that get time of their own.
const MOST_STAGGER: usize = 10;
/// A step in which no token changes its place.
const SMALL_STEP: Duration = Duration::from_millis(450);
/// Between two steps while playing.
const REST: Duration = Duration::from_millis(100);
/// Time to read one character of narration.
const READ: Duration = Duration::from_millis(45);
/// The longest a playing stage waits for a reader.
const MOST_READ: Duration = Duration::from_secs(12);
/// Records a second at the tempo that is as fast as it goes.
const MOST_RECORDS: f64 = 200_000.0;

/// A tempo of the playhead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tempo(u8);

impl Tempo {
    /// The normal tempo, x1.
    pub const NORMAL: Self = Self(NORMAL);
    /// As fast as it goes.
    pub const MAX: Self = Self(LADDER.len() as u8 - 1);

    /// Every tempo, slowest first.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..LADDER.len() as u8).map(Self)
    }

    /// The next faster one, if there is one.
    #[must_use]
    pub fn faster(self) -> Self {
        Self((self.0 + 1).min(Self::MAX.0))
    }

    /// The next slower one, if there is one.
    #[must_use]
    pub fn slower(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The factor: 2.0 is twice as fast; infinite is as fast as it goes.
    #[must_use]
    pub fn factor(self) -> f32 {
        LADDER[usize::from(self.0)]
    }

    /// Whether it is as fast as it goes.
    #[must_use]
    pub fn is_max(self) -> bool {
        self == Self::MAX
    }

    /// Whether tokens move at it.
    #[must_use]
    pub fn has_motion(self) -> bool {
        self.0 <= LAST_WITH_MOTION
    }

    /// What a length of time at x1 takes at this tempo.
    #[must_use]
    pub fn scale(self, time: Duration) -> Duration {
        if self.is_max() { Duration::ZERO } else { time.div_f32(self.factor()) }
    }

    /// What of the time at x1 has gone by after `elapsed` at this tempo.
    #[must_use]
    pub(crate) fn progress(self, elapsed: Duration) -> Duration {
        if self.is_max() { Duration::MAX } else { elapsed.mul_f32(self.factor()) }
    }

    /// How many records go by in `elapsed` at the tempo that is as fast as it goes.
    pub(crate) fn most_records(elapsed: Duration) -> u64 {
        (elapsed.as_secs_f64() * MOST_RECORDS).ceil() as u64
    }

    /// The decisions a second that a live program may take, so that the stage keeps up with it; 0
    /// is full speed.
    #[must_use]
    pub fn decisions_per_s(self) -> u32 {
        if self.is_max() {
            return 0;
        }
        let per_s = self.factor() / (STEP + REST).as_secs_f32();
        (per_s.ceil() as u32).max(1)
    }
}

impl Default for Tempo {
    fn default() -> Self {
        Self::NORMAL
    }
}

impl fmt::Display for Tempo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_max() { f.write_str("max") } else { write!(f, "x{}", self.factor()) }
    }
}

/// A tempo that there is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoTempo(String);

impl fmt::Display for NoTempo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is no tempo; there are", self.0)?;
        Tempo::all().try_for_each(|tempo| match tempo {
            Tempo::MAX => f.write_str(" max"),
            tempo => write!(f, " {}", tempo.factor()),
        })
    }
}

impl std::error::Error for NoTempo {}

impl FromStr for Tempo {
    type Err = NoTempo;

    fn from_str(text: &str) -> Result<Self, NoTempo> {
        if text == "max" {
            return Ok(Self::MAX);
        }
        let wanted = text.trim_start_matches('x').parse::<f32>();
        let found = Self::all().find(|t| !t.is_max() && wanted == Ok(t.factor()));
        found.ok_or_else(|| NoTempo(text.to_owned()))
    }
}

/// How long a step takes at x1.
#[must_use]
pub fn step_time(step: &[Record]) -> Duration {
    let tokens: usize = step.iter().map(|record| tokens(&record.event)).sum();
    match tokens {
        0 => SMALL_STEP,
        n => STEP + STAGGER * (n - 1).min(MOST_STAGGER) as u32,
    }
}

/// The pause between two steps at x1.
pub(crate) fn rest_time() -> Duration {
    REST
}

/// How long a reader needs for these words.
#[must_use]
pub fn reading_time(words: &str) -> Duration {
    let letters = u32::try_from(words.chars().count()).unwrap_or(u32::MAX);
    READ.saturating_mul(letters).min(MOST_READ)
}

/// How many tokens an event moves.
fn tokens(event: &Event) -> usize {
    match event {
        Event::GoCreate { .. }
        | Event::GoReady { .. }
        | Event::GoStart { .. }
        | Event::GoPark { .. }
        | Event::GoYield { .. }
        | Event::GoPreempt { .. }
        | Event::GoExit { .. }
        | Event::CoSwitch { .. }
        | Event::SlotKick { .. }
        | Event::StealSlot { .. }
        | Event::MStart { .. }
        | Event::MPark { .. }
        | Event::MWake { .. }
        | Event::MHeld { .. }
        | Event::MResume { .. }
        | Event::PHandoff { .. }
        | Event::PRetake { .. }
        | Event::SysEnter { .. }
        | Event::SysExit { .. } => 1,
        Event::RingOverflow { gs, .. }
        | Event::RingPut { gs, .. }
        | Event::GlobalPut { gs, .. }
        | Event::GlobalGet { gs, .. }
        | Event::Steal { gs, .. } => gs.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_is_climbed_step_by_step_and_has_ends() {
        let mut tempo = Tempo(0);
        for expected in Tempo::all() {
            assert_eq!(tempo, expected);
            tempo = tempo.faster();
        }
        assert_eq!(tempo, Tempo::MAX);
        assert_eq!(Tempo(0).slower(), Tempo(0));
        assert_eq!(Tempo::NORMAL.factor(), 1.0);
    }

    #[test]
    fn every_tempo_reads_back_as_it_is_written() {
        for tempo in Tempo::all() {
            assert_eq!(tempo.to_string().parse(), Ok(tempo));
        }
        assert_eq!("0.25".parse(), Ok(Tempo(1)));
        for wrong in ["", "x", "3", "inf", "-1", "nan", "fast"] {
            let error = wrong.parse::<Tempo>().expect_err(wrong).to_string();
            assert!(error.ends_with("0.1 0.25 0.5 1 2 4 8 16 max"), "{error}");
        }
    }

    #[test]
    fn tokens_move_up_to_x4() {
        let moving: Vec<String> =
            Tempo::all().filter(|t| t.has_motion()).map(|t| t.to_string()).collect();
        assert_eq!(moving, ["x0.1", "x0.25", "x0.5", "x1", "x2", "x4"]);
    }

    #[test]
    fn time_is_stretched_and_pressed() {
        let second = Duration::from_secs(1);
        assert_eq!(Tempo::NORMAL.scale(second), second);
        assert_eq!(Tempo::NORMAL.faster().scale(second), second / 2);
        assert_eq!(Tempo::NORMAL.slower().progress(second), second / 2);
        assert_eq!(Tempo::MAX.scale(second), Duration::ZERO);
        assert_eq!(Tempo::MAX.decisions_per_s(), 0);
        assert_eq!(Tempo(0).decisions_per_s(), 1);
        assert!(Tempo(7).decisions_per_s() >= 16);
    }
}
