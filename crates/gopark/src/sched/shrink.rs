//! Stacks of goroutines that are parked for long give back the pages they do not use.
//!
//! Go halves such a stack while the GC scans it. Stacks cannot move here, so their unused pages go
//! back to the system instead, and come back zeroed if they are needed again. That costs some
//! microseconds for each stack, so only an M that is about to wait does it, a few at a time.

use std::sync::atomic::Ordering;

use gopark_trace::event::Event;
use gopark_trace::ids::Nanos;
use gopark_trace::rule::Rule;

use super::{Sched, emit};
use crate::g::Gp;
use crate::kernel::stamp_g;
use crate::m::M;
use crate::platform::Platform;
use crate::proto::gword::WAITING;

/// Stacks that are shrunk before an M waits; more are done the next time.
const AT_ONCE: usize = 64;
/// A stack that never used more than this is left alone: what it would give back is not worth it.
const SMALL: usize = 2 * 4096;

impl<Pl: Platform> Sched<Pl> {
    /// Lets some long-parked goroutines give back what they do not use. By an M with no P that is
    /// about to wait.
    pub(super) fn shrink_some(&self, m: &M) {
        let Some(after) = self.shrink_after else { return };
        let now = self.pl.now();
        let last = Nanos(self.shrunk_at.load(Ordering::Relaxed));
        if now.minus(last) < after {
            return;
        }
        self.shrunk_at.store(now.0, Ordering::Relaxed);
        // A G stays in this list for the whole run, and its link is written before it is in it.
        let first = self.lock().all;
        let gs = std::iter::successors(first, |g| g.all_link.get());
        gs.filter(|&g| self.shrink_one(m, g, now, after)).take(AT_ONCE).for_each(drop);
    }

    /// Looks at one goroutine; true if it gave something back.
    fn shrink_one(&self, m: &M, g: Gp, now: Nanos, after: Nanos) -> bool {
        if !g.word.hold(WAITING) {
            return false;
        }
        if g.since.get() == Nanos::MAX {
            // Nobody looked at the clock when it parked: it counts from now.
            g.since.set(now);
        }
        let parked = now.minus(g.since.get());
        // One that is tied may stand on its stack with its thread.
        let due = g.tied.get().is_none() && parked >= after && !g.shrunk.get();
        let freed = if due { give_back(g) } else { 0 };
        g.shrunk.set(g.shrunk.get() || due);
        if freed > 0 {
            emit!(
                self,
                m,
                None,
                [stamp_g(g)],
                Event::StackShrink { g: g.gid(), freed: freed as u64 },
                Rule::StackIdle { parked }
            );
        }
        g.word.let_go(WAITING);
        freed > 0
    }
}

/// Bytes a held goroutine's stack gives back.
fn give_back(g: Gp) -> usize {
    // SAFETY: the G is parked and held, so its coroutine is suspended and ours alone.
    let fiber = unsafe { &mut *g.fiber.get() };
    match fiber {
        Some(fiber) if fiber.high_water() > SMALL => fiber.shrink().unwrap_or(0),
        _ => 0,
    }
}
