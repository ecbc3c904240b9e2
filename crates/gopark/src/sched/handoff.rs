//! A P without M: who gets it (`handoffp`), and goroutines that are tied to a thread.
//!
//! A tied goroutine (`LockOSThread`) runs on its M and nowhere else, and that M runs nothing else.
//! Whoever picks it gives the M its own P and parks (`startlockedm`); when it parks or gives way,
//! its M hands the P off and waits until somebody picks it again (`stoplockedm`). One that waits
//! while a panic unwinds does so too, but on its own stack: [`Sched::block_thread`].

use std::sync::atomic::Ordering;

use gopark_trace::event::Event;
use gopark_trace::ring::Structure;
use gopark_trace::rule::Rule;
use gopark_trace::words::HandoffWhy;

use super::wake::spin_stamp;
use super::{Found, Sched, emit};
use crate::kernel::{Request, stamp, stamp_g};
use crate::m::M;
use crate::p::P;
use crate::platform::Platform;

impl<Pl: Platform> Sched<Pl> {
    /// Gives a P up that somebody else is to have (`releasep`).
    pub(super) fn release_p(&self, m: &M, p: &P) {
        p.set_owner(None);
        m.p.set(None);
    }

    pub(super) fn emit_handoff(&self, m: &M, p: &P, why: HandoffWhy, rule: Rule) {
        let event = Event::PHandoff { p: p.id, why, to: None, g: None };
        emit!(self, m, None, [stamp(Structure::P(p.id), p.next_event())], event, rule);
    }

    /// Tells that the own P goes to `to`, with the found goroutine, which runs only there.
    pub(super) fn emit_handoff_to(&self, m: &M, p: &P, to: &M, found: Found, rule: Rule) {
        if m.recording.get() {
            let why = if found.g.held_by.get().is_some() {
                HandoffWhy::HeldThread
            } else {
                HandoffWhy::LockedThread
            };
            let mut stamps = vec![stamp(Structure::P(p.id), p.next_event()), stamp_g(found.g)];
            stamps.extend(found.taken);
            let event = Event::PHandoff { p: p.id, why, to: Some(to.id), g: Some(found.g.gid()) };
            self.record(m, None, &stamps, &mut std::iter::once((event, Some(rule))));
        }
    }

    /// Finds somebody for a P that nobody has any more, or puts it on the idle list (`handoffp`).
    pub(super) fn handoff_p(&self, m: &'static M, p: &'static P, why: HandoffWhy) {
        let queued = p.ring.len() as u32 + u32::from(!p.slot.is_empty());
        let global = self.global_len.load(Ordering::SeqCst);
        if queued + global > 0 {
            self.emit_handoff(m, p, why, Rule::HandoffWork { queued, global });
            return self.start_m(m, self.lock(), p, false);
        }
        let looking = self.spinning.count() + self.idle_ps.load(Ordering::SeqCst);
        if looking == 0
            && let Some(change) = self.spinning.try_first()
        {
            self.account(m, spin_stamp(change));
            self.emit_handoff(m, p, why, Rule::HandoffNobodyLooks {});
            self.take_note(m);
            return self.start_m(m, self.lock(), p, true);
        }
        let mut locked = self.lock();
        if self.stop_p_if_stopping(m, &mut locked, p) {
            return;
        }
        let global = locked.global.len();
        if global > 0 {
            self.emit_handoff(m, p, why, Rule::HandoffWork { queued, global });
            return self.start_m(m, locked, p, false);
        }
        // Somebody must wait in the poller.
        let last = locked.idle_ps.len() + 1 == self.procs();
        if last && !self.polling.load(Ordering::SeqCst) {
            self.emit_handoff(m, p, why, Rule::HandoffLastP {});
            return self.start_m(m, locked, p, false);
        }
        self.emit_handoff(m, p, why, Rule::HandoffIdle {});
        self.pidle_put(m, &mut locked, p, Rule::HandoffIdle {});
        drop(locked);
        if let Some(when) = p.timers.wake_time() {
            self.wake_poller(m, when);
        }
    }

    /// The M of a tied goroutine waits until somebody picks it (`stoplockedm`). None when the run
    /// is over.
    pub(super) fn stop_tied_m(&self, m: &'static M) -> Option<Found> {
        if let Some(p) = m.p.get() {
            self.release_p(m, p);
            self.handoff_p(m, p, HandoffWhy::LockedThread);
        }
        let g = m.tied.get()?;
        emit!(
            self,
            m,
            None,
            [],
            Event::MWaitLocked { m: m.id, g: g.gid() },
            Rule::LockedThreadWaits {}
        );
        let mut locked = self.lock();
        if locked.ended.is_some() {
            return None;
        }
        locked.tied_idle += 1;
        let dead = self.check_dead(&mut locked);
        drop(locked);
        match dead {
            Some(ended) => self.finish(m, ended),
            None => self.pl.sleep(m),
        }
        self.acquire_p(m, m.next_p.take()?);
        m.picked.take()
    }

    /// The calling goroutine waits without leaving its stack: it is unwinding, and the thread counts
    /// its panics. It is tied to its thread meanwhile, which sleeps where the goroutine stands until
    /// somebody picks it. Returns at once if the run is over.
    #[cold]
    pub(super) fn block_thread(&self, request: Request) {
        let m = self.m();
        let g = m.curg.get().expect("a goroutine calls");
        self.tie(m, None);
        let in_hand = match request {
            Request::Park(park) => {
                self.park_m(m, g, park);
                None
            }
            Request::LeaveCall(site) => self.leave_call_without_p(m, g, site),
            // Nobody is given way to while a panic unwinds, and a run that is over is left.
            Request::Yield(_) | Request::Preempt(_) | Request::GoYield(_) | Request::Abandon => {
                return self.untie(m, None);
            }
        };
        let Some(found) = in_hand.or_else(|| self.stop_tied_m(m)) else {
            // The run is over: it is left from the goroutine's stack, so it is this M's again. Its
            // end may have been said under the lock only.
            while !self.is_ending() {
                std::thread::yield_now();
            }
            m.curg.set(Some(g));
            return;
        };
        self.begin_slice(m, &found);
        self.untie(m, None);
    }

    /// Gives the own P to the M that the found goroutine is tied to (`startlockedm`).
    pub(super) fn start_tied_m(&self, m: &'static M, tied: &'static M, found: Found) {
        let p = m.p.get().expect("who picks has a P");
        self.emit_handoff_to(m, p, tied, found, Rule::LockedToThread { m: tied.id });
        self.release_p(m, p);
        self.lock().tied_idle -= 1;
        tied.picked.set(Some(Found::in_hand(found.g)));
        tied.next_p.set(Some(p));
        self.pl.wake(tied);
    }

    /// Ties the calling goroutine to its thread, once more (`LockOSThread`).
    pub(super) fn tie(&self, m: &'static M, site: Option<gopark_trace::SiteId>) {
        let g = m.curg.get().expect("a goroutine calls");
        m.ties.set(m.ties.get() + 1);
        if m.ties.get() == 1 {
            m.tied.set(Some(g));
            g.tied.set(Some(m));
            let event = Event::LockThread { g: g.gid(), m: m.id, on: true };
            emit!(self, m, site, [stamp_g(g)], event, None);
        }
    }

    /// Takes one tie back; with the last it may run anywhere (`UnlockOSThread`).
    pub(super) fn untie(&self, m: &M, site: Option<gopark_trace::SiteId>) {
        match m.ties.get() {
            0 => {}
            1 => self.untie_all(m, site),
            n => m.ties.set(n - 1),
        }
    }

    fn untie_all(&self, m: &M, site: Option<gopark_trace::SiteId>) {
        m.ties.set(0);
        if let Some(g) = m.tied.take() {
            g.tied.set(None);
            let event = Event::LockThread { g: g.gid(), m: m.id, on: false };
            emit!(self, m, site, [stamp_g(g)], event, None);
        }
    }

    /// A goroutine has ended while tied: its thread ends with it, as it may not be as others
    /// expect it (`mexit`).
    pub(super) fn exit_m(&self, m: &'static M) {
        m.ties.set(0);
        m.tied.set(None);
        if let Some(p) = m.p.get() {
            self.release_p(m, p);
            self.handoff_p(m, p, HandoffWhy::LockedThread);
        }
        let mut locked = self.lock();
        locked.gone_ms += 1;
        emit!(self, m, None, [locked.stamp()], Event::MExit { m: m.id }, None);
        let dead = self.check_dead(&mut locked);
        drop(locked);
        if let Some(ended) = dead {
            self.finish(m, ended);
        }
    }
}
