//! sysmon: looks at the Ps from outside, now and then (`proc.go` sysmon, retake, preemptone).
//!
//! It has no P and no goroutine. It sleeps 20 µs, after 50 rounds without a P retaken twice as long
//! each time, at most 10 ms; when every P is idle it sleeps until the next timer. It never
//! allocates, and waits for no lock that user code could hold: goroutines may be suspended anywhere.

use std::sync::atomic::Ordering;

use gopark_trace::event::Event;
use gopark_trace::ids::{Nanos, PId};
use gopark_trace::rule::Rule;
use gopark_trace::words::HandoffWhy;

use super::{Sched, emit};
use crate::m::M;
use crate::p::P;
use crate::platform::Platform;

/// The shortest sleep.
const NAP: Nanos = Nanos(20_000);
/// The longest, while a P runs.
const NAP_MAX: Nanos = Nanos(10_000_000);
/// Rounds without a P retaken before it sleeps longer.
const ROUNDS: u32 = 50;
/// The longest sleep, while no P runs (half of Go's forced GC period).
const DEEP: Nanos = Nanos(60_000_000_000);
/// A time slice (`forcePreemptNS`), and the longest a P stays with a call.
pub(super) const SLICE: Nanos = Nanos(10_000_000);

/// What sysmon remembers between its looks.
#[derive(Debug)]
pub(crate) struct Sysmon {
    nap: Nanos,
    idle_rounds: u32,
    deep: bool,
    last_look: Nanos,
    seen: Box<[Seen]>,
}

/// What it saw of one P (`sysmontick`).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    tick: u32,
    tick_at: Nanos,
    call: u32,
    call_at: Nanos,
    pub(super) inside: super::preempt::Inside,
}

impl Sysmon {
    /// Before its first look, with room for `procs` Ps.
    pub(crate) fn new(procs: usize) -> Self {
        Self {
            nap: NAP,
            idle_rounds: 0,
            deep: false,
            last_look: Nanos(0),
            // Whatever it sees first is new.
            seen: vec![Seen { tick: u32::MAX, call: u32::MAX, ..Seen::default() }; procs]
                .into_boxed_slice(),
        }
    }
}

impl Sysmon {
    /// Whether it sleeps because no P runs.
    pub(crate) fn is_deep(&self) -> bool {
        self.deep
    }
}

impl<Pl: Platform> Sched<Pl> {
    /// One round; says when the next one is due, at the latest.
    pub(crate) fn sysmon_round(&self, sysmon: &mut Sysmon) -> Nanos {
        let now = self.pl.now();
        if sysmon.deep {
            sysmon.deep = false;
            self.sysmon_waits.store(false, Ordering::SeqCst);
            (sysmon.idle_rounds, sysmon.nap) = (0, NAP);
        } else if let Some(until) = self.sysmon_may_sleep(now) {
            sysmon.deep = true;
            return until;
        }
        self.sysmon_look(sysmon, now);
        sysmon.nap = match sysmon.idle_rounds {
            0 => NAP,
            n if n > ROUNDS => Nanos(sysmon.nap.0 * 2).min(NAP_MAX),
            _ => sysmon.nap,
        };
        now.plus(sysmon.nap)
    }

    /// Until when nothing can happen that concerns it: every P is idle or stopped.
    fn sysmon_may_sleep(&self, now: Nanos) -> Option<Nanos> {
        let idle = || self.idle_ps.load(Ordering::SeqCst) as usize == self.procs();
        if !idle() && !self.is_stopping() {
            return None;
        }
        let locked = self.lock();
        let wanted = self.table(&locked).iter().any(|m| m.needs_sysmon());
        if !idle() && !self.is_stopping() || wanted {
            return None;
        }
        let timers = self.all_ps().filter_map(|p| p.timers.wake_time()).min();
        let until = timers.unwrap_or(Nanos::MAX).min(now.plus(DEEP));
        if until <= now {
            return None;
        }
        // Under the lock: who enters a call with a P it got after this sees it.
        self.sysmon_waits.store(true, Ordering::SeqCst);
        Some(until)
    }

    /// Ends its deep sleep.
    #[cold]
    pub(super) fn wake_sysmon(&self) {
        self.sysmon_waits.store(false, Ordering::SeqCst);
        self.pl.wake_sysmon();
    }

    fn sysmon_look(&self, sysmon: &mut Sysmon, now: Nanos) {
        let m = self.sysmon_m();
        m.later();
        let slept = now.minus(sysmon.last_look);
        sysmon.last_look = now;
        let (mut retook, mut preempted) = (0, 0);
        for i in 0..self.procs() {
            let p = self.p(PId(i as u32));
            let Some(owner) = p.owner() else { continue };
            let seen = &mut sysmon.seen[i];
            let tick = p.tick();
            if self.watch(m, p, owner, &mut seen.inside, now) {
                continue;
            }
            let same_since = if seen.tick == tick { Some(seen.tick_at) } else { None };
            if same_since.is_none() {
                (seen.tick, seen.tick_at) = (tick, now);
            }
            let long = same_since.map(|at| now.minus(at)).filter(|&ran| ran >= SLICE);
            if let Some(ran) = long {
                preempted += u32::from(self.preempt_one(m, p, owner, Some(ran)));
            }
            retook += u32::from(self.retake_from_call(m, p, owner, seen, now, long.is_some()));
        }
        self.look_after_threads(m, now);
        sysmon.idle_rounds = if retook > 0 { 0 } else { sysmon.idle_rounds + 1 };
        if retook + preempted > 0 {
            let idle_rounds = sysmon.idle_rounds;
            let event = Event::SysmonLook { slept, idle_rounds, retook, preempted, polled: false };
            emit!(self, m, None, [], event, None);
        }
    }

    /// Takes a P whose M has been in a call for too long (`retake`).
    fn retake_from_call(
        &self,
        m: &'static M,
        p: &'static P,
        owner: &'static M,
        seen: &mut Seen,
        now: Nanos,
        long: bool,
    ) -> bool {
        if !owner.is_in_call() {
            return false;
        }
        let call = p.syscalltick.load(Ordering::Relaxed);
        if !long && seen.call != call {
            // The first look at this call only remembers it.
            (seen.call, seen.call_at) = (call, now);
            return false;
        }
        let after = now.minus(seen.call_at);
        let idle = self.idle_ps.load(Ordering::SeqCst);
        let spinning = self.spinning.count();
        if p.is_empty() && spinning + idle > 0 && after < SLICE {
            return false;
        }
        let Some(taken) = self.take_p_in_call(p) else { return false };
        let queued = p.ring.len() as u32 + u32::from(!p.slot.is_empty());
        let rule = if queued > 0 || spinning + idle == 0 {
            Rule::RetakeWanted { queued, idle, spinning, after }
        } else {
            Rule::RetakeLong { after }
        };
        self.emit_retake(m, p, &taken, rule);
        self.handoff_p(m, p, HandoffWhy::Retaken);
        true
    }

    /// Asks the goroutine on a P to give way (`preemptone`): because its slice is over, or, without
    /// a time, because the world is being stopped. False if there is nobody to ask.
    pub(super) fn preempt_one(
        &self,
        m: &'static M,
        p: &'static P,
        owner: &'static M,
        ran: Option<Nanos>,
    ) -> bool {
        let Some(g) = owner.curg.get() else { return false };
        if owner.is_in_call() {
            return false;
        }
        let news = !owner.preempt.swap(true, Ordering::SeqCst);
        let signal = self.stop_thread(m, owner);
        if news && let Some(ran) = ran {
            let event = Event::PreemptRequest { p: p.id, g: g.gid(), m: owner.id, ran, signal };
            emit!(self, m, None, [], event, Rule::SliceOver { ran, tick: p.tick() });
        }
        news
    }
}
