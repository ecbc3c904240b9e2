//! Work stealing: one P is flooded, the others help themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gopark::sync::WaitGroup;
use gopark::work;

/// Goroutines of the flood.
const FLOOD: u64 = 20;
/// What they count together: 1 + 2 + … + 20.
const SUM: u64 = FLOOD * (FLOOD + 1) / 2;

/// The program. It prints what all its goroutines counted together.
pub fn main() {
    let sum = Arc::new(AtomicU64::new(0));
    let all = WaitGroup::new().named("all");

    // Three goroutines that compute for a while. Other Ps take them, one each, and are busy.
    for _ in 0..3 {
        drop(all.go(|| work(Duration::from_micros(25))));
    }
    work(Duration::from_micros(15));

    // Meanwhile this P makes a lot of work, all of it in its own queue.
    for n in 1..=FLOOD {
        let sum = Arc::clone(&sum);
        drop(all.go(move || {
            work(Duration::from_micros(4));
            sum.fetch_add(n, Ordering::Relaxed);
        }));
    }
    all.wait();

    let counted = sum.load(Ordering::Relaxed);
    assert_eq!(counted, SUM, "every goroutine counted once");
    println!("{FLOOD} goroutines counted {counted}");
}
