//! The clock of a live run: the system's, which can stand, and a quick one for records.
//!
//! Reading the system's clock takes longer than the rest of a record. Where the processor counts
//! time at a constant rate (an invariant TSC), records read that counter; a thread of ours, the
//! drain, compares the two again and again ([`Clock::tune`]). Elsewhere the quick clock is the
//! system's. Timers always go by the system's.
//!
//! Invariant: a reader of the quick clock sees the three words of one comparison ([`Anchor`], a
//! sequence lock with one writer). The two clocks differ by less than the processor's counter strays
//! between two comparisons, some ten nanoseconds; neither the order of events nor a timer rests on it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::{Duration, Instant};

use gopark_trace::ids::Nanos;

/// How far apart the readings must be that tell the rate of the counter: then it is known to some
/// parts in a million.
const APART: Duration = Duration::from_millis(5);
/// A rate is nanoseconds for each count, times this.
const SCALE: u32 = 32;

/// The clock.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    /// Nanoseconds it has stood in all.
    stood: AtomicU64,
    /// Its reading while it stands; `u64::MAX` while it goes.
    stands_at: AtomicU64,
    anchor: Anchor,
}

/// The last comparison of counter and clock.
#[derive(Debug, Default)]
struct Anchor {
    /// Odd while the others change; 0 before the first comparison.
    changes: AtomicU64,
    count: AtomicU64,
    nanos: AtomicU64,
    rate: AtomicU64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        first();
        let clock = Self {
            start: Instant::now(),
            stood: AtomicU64::new(0),
            stands_at: AtomicU64::new(u64::MAX),
            anchor: Anchor::default(),
        };
        clock.tune();
        clock
    }

    /// The monotonic clock, without the time it stood.
    pub(crate) fn now(&self) -> Nanos {
        // Acquire pairs with the Release in `set`: a clock that goes has its new offset.
        let stands_at = self.stands_at.load(Ordering::Acquire);
        if stands_at != u64::MAX {
            return Nanos(stands_at);
        }
        Nanos(self.raw_now().saturating_sub(self.stood.load(Ordering::Relaxed)))
    }

    fn raw_now(&self) -> u64 {
        self.start.elapsed().as_nanos() as u64
    }

    /// Whether it stands.
    pub(crate) fn stands(&self) -> bool {
        self.stands_at.load(Ordering::Acquire) != u64::MAX
    }

    /// About the same, for records.
    #[inline]
    pub(crate) fn quick(&self) -> Nanos {
        let Anchor { changes, count, nanos, rate } = &self.anchor;
        // Acquire pairs with the Release in `Anchor::set`: the words are at least as new.
        let before = changes.load(Ordering::Acquire);
        let (at, nanos, rate) = (
            count.load(Ordering::Relaxed),
            nanos.load(Ordering::Relaxed),
            rate.load(Ordering::Relaxed),
        );
        // With the fence in `Anchor::set`: if a word is of a later change, so is the number now.
        fence(Ordering::Acquire);
        if before == 0 || before & 1 != 0 || changes.load(Ordering::Relaxed) != before {
            return self.now();
        }
        let counted = u128::from(counter().saturating_sub(at));
        Nanos(nanos + ((counted * u128::from(rate)) >> SCALE) as u64)
    }

    /// Compares counter and clock. One thread does.
    pub(crate) fn tune(&self) {
        let Some(&(first_time, first_count)) = first() else { return };
        if self.stands_at.load(Ordering::Relaxed) != u64::MAX {
            return;
        }
        let (time, count) = (Instant::now(), counter());
        let passed = time.saturating_duration_since(first_time);
        if passed < APART || count <= first_count {
            return;
        }
        let rate = (passed.as_nanos() << SCALE) / u128::from(count - first_count);
        let nanos = time.saturating_duration_since(self.start).as_nanos() as u64;
        let nanos = nanos.saturating_sub(self.stood.load(Ordering::Relaxed));
        self.anchor.set(count, nanos, rate as u64);
    }

    /// Stops the clock, or lets it go on.
    pub(crate) fn set(&self, go: bool) {
        if go {
            let at = self.stands_at.load(Ordering::SeqCst);
            if at != u64::MAX {
                // First how long it stood, then that it goes: whoever reads in between sees it stand.
                self.stood.store(self.raw_now().saturating_sub(at), Ordering::SeqCst);
                self.stands_at.store(u64::MAX, Ordering::Release);
                self.tune();
            }
        } else if self.stands_at.load(Ordering::SeqCst) == u64::MAX {
            let now = self.raw_now().saturating_sub(self.stood.load(Ordering::SeqCst));
            self.stands_at.store(now, Ordering::SeqCst);
            if self.anchor.changes.load(Ordering::Relaxed) != 0 {
                self.anchor.set(0, now, 0);
            }
        }
    }
}

impl Anchor {
    fn set(&self, count: u64, nanos: u64, rate: u64) {
        let changes = self.changes.load(Ordering::Relaxed);
        self.changes.store(changes + 1, Ordering::Relaxed);
        // With the fence in `Clock::quick`; see there.
        fence(Ordering::Release);
        self.count.store(count, Ordering::Relaxed);
        self.nanos.store(nanos, Ordering::Relaxed);
        self.rate.store(rate, Ordering::Relaxed);
        // Release pairs with the Acquire in `Clock::quick`.
        self.changes.store(changes + 2, Ordering::Release);
    }
}

/// The first reading of clock and counter in this process; none if there is no good counter. It
/// belongs to the machine and not to a run.
fn first() -> Option<&'static (Instant, u64)> {
    static FIRST: OnceLock<Option<(Instant, u64)>> = OnceLock::new();
    FIRST.get_or_init(|| has_counter().then(|| (Instant::now(), counter()))).as_ref()
}

/// Whether the counter goes at a constant rate, on all processors alike.
#[cfg(target_arch = "x86_64")]
fn has_counter() -> bool {
    use std::arch::x86_64::__cpuid;
    const POWER: u32 = 0x8000_0007;
    const INVARIANT_TSC: u32 = 1 << 8;
    __cpuid(0x8000_0000).eax >= POWER && __cpuid(POWER).edx & INVARIANT_TSC != 0
}

/// Whether there is one.
#[cfg(not(target_arch = "x86_64"))]
fn has_counter() -> bool {
    false
}

/// The counter.
#[cfg(target_arch = "x86_64")]
#[inline]
fn counter() -> u64 {
    // SAFETY: every x86-64 processor has the instruction, and systems let programs use it.
    unsafe { std::arch::x86_64::_rdtsc() }
}

/// Nobody asks.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
fn counter() -> u64 {
    0
}
