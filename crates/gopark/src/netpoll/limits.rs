//! Deadlines of a descriptor (`pollSetDeadline`, `netpolldeadlineimpl`).
//!
//! Each direction has the deadline that was set for it and that of the call in progress; the
//! earlier one counts, and is a timer. A timer that fires brings the number (`seq`) it was set with:
//! one that was overtaken by another deadline, by a close or by the next life of the descriptor
//! finds another number and does nothing.
//!
//! Go has one timer for both directions if they have the same deadline; here each has its own.

use std::sync::{Arc, OnceLock};

use gopark_trace::ids::{Nanos, SiteId};
use gopark_trace::words::FdDir;

use super::{PollDesc, PollError};
use crate::g::Gp;
use crate::kernel::{Kernel, TimerSet};
use crate::lock::Lock;
use crate::proto::poll_word::{CLOSING, READ_OVER, WRITE_OVER};
use crate::timers::{Action, Hook, Timer};

/// Whose deadline it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Of all calls (`SetDeadline`).
    All,
    /// Of the call in progress.
    Call,
}

/// The deadlines of one direction.
#[derive(Debug, Clone, Copy, Default)]
struct Limit {
    all: Option<Nanos>,
    call: Option<Nanos>,
    /// What the timer is set for.
    armed: Option<Nanos>,
    /// The number of the present deadline.
    seq: u64,
}

impl Limit {
    /// The deadline that counts.
    fn first(&self) -> Option<Nanos> {
        match (self.all, self.call) {
            (Some(all), Some(call)) => Some(all.min(call)),
            (all, call) => all.or(call),
        }
    }
}

/// What speaks against waiting for a descriptor, and what will.
#[derive(Debug, Default)]
pub(super) struct Limits {
    state: Lock<State>,
    /// Made when they are first needed, in user code, and kept as long as the descriptor's place.
    timers: [OnceLock<Arc<Timer>>; 2],
}

#[derive(Debug, Default)]
struct State {
    /// What was told to [`crate::proto::poll_word::PollInfo`].
    said: u32,
    limits: [Limit; 2],
}

fn index(dir: FdDir) -> usize {
    usize::from(dir == FdDir::Write)
}

fn over(dir: FdDir) -> u32 {
    if dir == FdDir::Read { READ_OVER } else { WRITE_OVER }
}

impl PollDesc {
    /// Makes the timer of a direction; in user code, where memory may be waited for.
    pub(crate) fn make_timer(&'static self, dir: FdDir, join: impl FnOnce(&Arc<Timer>)) {
        let place = &self.limits.timers[index(dir)];
        if place.get().is_some() {
            return;
        }
        let run = if dir == FdDir::Read { read_over } else { write_over };
        let arg = std::ptr::from_ref(self).cast();
        let timer = Timer::new(Action::Deadline(Hook { run, arg }));
        join(&timer);
        // Another goroutine may have been faster.
        let _ = place.set(timer);
    }

    /// Sets a deadline, or none. Who waits and is too late already is to be made ready. The timer
    /// was made before.
    pub(crate) fn set_limit(
        &self,
        kernel: &dyn Kernel,
        dir: FdDir,
        whose: Whose,
        when: Option<Nanos>,
        site: Option<SiteId>,
    ) -> Option<Gp> {
        let mut state = self.limits.state.lock();
        if state.said & CLOSING != 0 {
            return None;
        }
        let limit = &mut state.limits[index(dir)];
        match whose {
            Whose::All => limit.all = when,
            Whose::Call => limit.call = when,
        }
        let (first, armed) = (limit.first(), limit.armed);
        let late = first.is_some_and(|first| first <= kernel.now());
        let wanted = first.filter(|_| !late);
        if wanted != armed {
            limit.seq += 1;
            limit.armed = wanted;
            let seq = limit.seq;
            if let Some(timer) = self.limits.timers[index(dir)].get() {
                let _ = match wanted {
                    Some(when) => {
                        let set = TimerSet { when, period: Nanos(0), seq, entry: None, site };
                        kernel.timer_set(timer, set)
                    }
                    None => kernel.timer_stop(timer, site),
                };
            }
        }
        let was = state.said;
        state.said = if late { was | over(dir) } else { was & !over(dir) };
        if state.said != was {
            self.info.say(state.said);
        }
        let g = if late { self.unblock(dir, false) } else { None };
        drop(state);
        kernel.tell_poller();
        g
    }

    /// Nobody may wait any more; whoever does is taken out, readers first (`pollUnblock`).
    pub(crate) fn evict(&self, kernel: &dyn Kernel, site: Option<SiteId>) -> [Option<Gp>; 2] {
        let mut state = self.limits.state.lock();
        state.said |= CLOSING;
        for (limit, timer) in state.limits.iter_mut().zip(&self.limits.timers) {
            limit.seq += 1;
            if let (Some(_), Some(timer)) = (limit.armed.take(), timer.get()) {
                let _ = kernel.timer_stop(timer, site);
            }
        }
        self.info.say(state.said);
        [self.unblock(FdDir::Read, false), self.unblock(FdDir::Write, false)]
    }

    /// The descriptor's next life begins: nothing speaks against waiting.
    pub(super) fn clear_limits(&self) {
        let mut state = self.limits.state.lock();
        state.said = 0;
        for limit in &mut state.limits {
            *limit = Limit { seq: limit.seq + 1, ..Limit::default() };
        }
        self.info.say(0);
    }

    /// Whether there is a reason not to wait (`netpollcheckerr`).
    pub(crate) fn error(&self, dir: FdDir) -> Result<(), PollError> {
        let info = self.info.get();
        if info & CLOSING != 0 {
            Err(PollError::Closing)
        } else if info & over(dir) != 0 {
            Err(PollError::Timeout)
        } else {
            Ok(())
        }
    }

    /// A deadline is over: who waits in that direction.
    fn is_over(&self, dir: FdDir, seq: u64) -> Option<Gp> {
        let mut state = self.limits.state.lock();
        let limit = &mut state.limits[index(dir)];
        if limit.seq != seq {
            return None;
        }
        limit.armed = None;
        state.said |= over(dir);
        self.info.say(state.said);
        self.unblock(dir, false)
    }
}

/// The deadline for reading is over.
///
/// # Safety
/// `desc` is a [`PollDesc`] of the run in progress.
unsafe fn read_over(desc: *const (), seq: u64) -> [Option<Gp>; 2] {
    // SAFETY: as the caller promises; descriptors' places live as long as their run.
    [unsafe { &*desc.cast::<PollDesc>() }.is_over(FdDir::Read, seq), None]
}

/// The deadline for writing is over.
///
/// # Safety
/// `desc` is a [`PollDesc`] of the run in progress.
unsafe fn write_over(desc: *const (), seq: u64) -> [Option<Gp>; 2] {
    // SAFETY: as the caller promises; descriptors' places live as long as their run.
    [unsafe { &*desc.cast::<PollDesc>() }.is_over(FdDir::Write, seq), None]
}
