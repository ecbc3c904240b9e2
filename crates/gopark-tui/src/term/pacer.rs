//! How often a frame may be sent.
//!
//! Frames are dropped, never queued. A terminal that takes long for each (a slow link) gets fewer:
//! when writing has taken more than half of a frame's time thrice in a row, their number is halved,
//! down to a few; when a good many have gone through quickly, it rises again.

use std::time::Duration;

/// The fewest frames a second.
const FEWEST: u32 = 5;
/// Slow frames in a row until there are fewer.
const PATIENCE: u32 = 3;
/// Quick frames in a row until there are more: recovery is slow, lest it swing.
const CONFIDENCE: u32 = 60;

/// Paces frames.
#[derive(Debug, Clone)]
pub struct Pacer {
    /// What was asked for.
    most: u32,
    fps: u32,
    slow: u32,
    quick: u32,
}

impl Pacer {
    /// At most `fps` frames a second.
    #[must_use]
    pub fn new(fps: u32) -> Self {
        let most = fps.max(1);
        Self { most, fps: most, slow: 0, quick: 0 }
    }

    /// The time between two frames.
    #[must_use]
    pub fn gap(&self) -> Duration {
        Duration::from_secs(1) / self.fps
    }

    /// Frames a second now.
    #[must_use]
    pub fn fps(&self) -> u32 {
        self.fps
    }

    /// Whether there are fewer frames than asked for.
    #[must_use]
    pub fn is_slow(&self) -> bool {
        self.fps < self.most
    }

    /// A frame took this long to write.
    pub fn wrote(&mut self, took: Duration) {
        if took > self.gap() / 2 {
            self.quick = 0;
            self.slow += 1;
            if self.slow >= PATIENCE {
                self.slow = 0;
                self.fps = (self.fps / 2).max(FEWEST.min(self.most));
            }
            return;
        }
        self.slow = 0;
        self.quick += 1;
        // It rises only if the next pace would have been met as well.
        if self.is_slow() && self.quick >= CONFIDENCE && took < self.gap() / 4 {
            self.quick = 0;
            self.fps = (self.fps * 2).min(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SLOW: Duration = Duration::from_millis(150);
    const QUICK: Duration = Duration::from_micros(100);

    fn paces(pacer: &mut Pacer, frames: usize, took: Duration) -> Vec<u32> {
        let mut paces: Vec<u32> = (0..frames)
            .map(|_| {
                pacer.wrote(took);
                pacer.fps()
            })
            .collect();
        paces.dedup();
        paces
    }

    #[test]
    fn a_slow_link_gets_fewer_frames_and_recovers_slowly() {
        let mut pacer = Pacer::new(30);
        assert_eq!(paces(&mut pacer, 2, SLOW), [30]);
        assert!(!pacer.is_slow());
        assert_eq!(paces(&mut pacer, 20, SLOW), [15, 7, 5]);
        assert!(pacer.is_slow());
        assert_eq!(paces(&mut pacer, 59, QUICK), [5]);
        assert_eq!(paces(&mut pacer, 400, QUICK), [10, 20, 30]);
        assert!(!pacer.is_slow());
    }

    #[test]
    fn a_hiccup_changes_nothing() {
        let mut pacer = Pacer::new(30);
        for _ in 0..50 {
            pacer.wrote(SLOW);
            pacer.wrote(SLOW);
            pacer.wrote(QUICK);
        }
        assert_eq!(pacer.fps(), 30);
    }

    #[test]
    fn whatever_is_asked_for_there_is_a_gap() {
        for fps in [0, 1, 3, 60] {
            let mut pacer = Pacer::new(fps);
            paces(&mut pacer, 30, Duration::from_secs(9));
            assert!(
                pacer.gap() >= Duration::from_millis(16) && pacer.gap() <= Duration::from_secs(1)
            );
        }
    }
}
