//! Whether the machine is quiet: a loop that does the same again and again, on every processor at
//! once, must need the same time again and again.

use std::time::{Duration, Instant};

use crate::measure::percentile;

/// What may be lost to others in a quiet machine.
const MOST: f64 = 0.05;
/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(100);
/// Times the loop runs on each processor, and its length: about 20 ms in all.
const TIMES: usize = 100;
const LENGTH: u64 = 100_000;

/// What the looks at the machine found.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    lost: Vec<f64>,
    noisy: usize,
}

impl Watch {
    /// Waits for a quiet machine, but not longer than so. False if it is not quiet.
    pub(crate) fn gate(&mut self, patience: Duration) -> bool {
        let start = Instant::now();
        let mut lost = look();
        while lost > MOST && start.elapsed() < patience {
            std::thread::park_timeout(PAUSE);
            lost = look();
        }
        let quiet = lost <= MOST;
        self.lost.push(lost);
        self.noisy += usize::from(!quiet);
        quiet
    }

    /// In words.
    pub(crate) fn say(&mut self) -> String {
        if self.lost.is_empty() {
            return "the machine was not looked at".to_owned();
        }
        let of = self.lost.len();
        let (p50, p90) = (percentile(&mut self.lost, 0.5), percentile(&mut self.lost, 0.9));
        let (p50, p90, most) = (100.0 * p50, 100.0 * p90, 100.0 * MOST);
        let verdict = match self.noisy {
            0 => "the machine was quiet".to_owned(),
            noisy if noisy * 10 <= of => {
                format!("the machine was quiet but for {noisy} of {of} runs")
            }
            noisy => format!(
                "THE MACHINE WAS NOT QUIET before {noisy} of {of} runs: these figures are provisional"
            ),
        };
        format!(
            "{verdict} (a loop lost {p50:.1} % of its time to others in the median, {p90:.1} % at p90; \
             quiet is up to {most} %)"
        )
    }
}

/// The share of time that a loop on every processor loses to others.
fn look() -> f64 {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let loops: Vec<_> = (0..processors).map(|_| std::thread::spawn(spin)).collect();
    let lost = loops.into_iter().map(|thread| thread.join().expect("it only computes"));
    lost.fold(0.0, f64::max)
}

fn spin() -> f64 {
    let mut times: Vec<f64> = (0..TIMES)
        .map(|_| {
            let start = Instant::now();
            let n = (0..LENGTH).fold(1_u64, |n, _| std::hint::black_box(n.wrapping_mul(3)));
            std::hint::black_box(n);
            start.elapsed().as_secs_f64()
        })
        .collect();
    let all: f64 = times.iter().sum();
    1.0 - percentile(&mut times, 0.25) * TIMES as f64 / all
}
