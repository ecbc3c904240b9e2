//! System calls: who keeps which P (`entersyscall`, `exitsyscall`).
//!
//! A goroutine in a call keeps its M, and the P stays attached to that M: most calls are short.
//! Whoever wants the P meanwhile holds the goroutine still (`SYSCALL` + `HELD`, Go's scan bit),
//! looks whether goroutine, M and P still belong together, and takes it; the M, back from its call,
//! waits that long before it looks whether it still has a P.

use std::sync::atomic::Ordering;

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, Nanos, SiteId};
use gopark_trace::ring::{Stamp, Structure};
use gopark_trace::rule::Rule;
use gopark_trace::words::{HandoffWhy, SysPath};

use super::{Found, Sched, emit};
use crate::g::Gp;
use crate::kernel::{Request, after_g, stamp, stamp_g};
use crate::m::M;
use crate::p::P;
use crate::platform::Platform;
use crate::proto::claim::{OWNS, SYSCALL as IN_CALL};
use crate::proto::gword::{RUNNABLE, RUNNING, SYSCALL};

/// A P that was taken from an M in a call.
pub(super) struct Retaken {
    /// From whom.
    pub(super) from: &'static M,
    /// The goroutine in the call.
    pub(super) g: GId,
    /// For how long it has been there, if somebody looks at clocks.
    pub(super) after: Nanos,
    /// After what it did before.
    entered: Stamp,
}

impl<Pl: Platform> Sched<Pl> {
    /// The calling goroutine enters a call (`entersyscall`, `entersyscallblock`). On return it runs
    /// user code that may not call the runtime.
    pub(super) fn enter_call(&self, call: &'static str, blocking: bool, site: Option<SiteId>) {
        let m = self.m();
        let g = m.curg.get().expect("a goroutine calls");
        let p = m.p.get().expect("it runs with a P");
        if self.sysmon_waits.load(Ordering::SeqCst) {
            self.wake_sysmon();
        }
        g.since.set(self.time_seen(m));
        if m.recording.get() {
            let rule =
                if blocking { Rule::BlockingHandsOff {} } else { Rule::SyscallKeepsP { p: p.id } };
            let event = Event::SysEnter { g: g.gid(), call: call.to_owned(), blocking };
            emit!(self, m, site, [stamp_g(g)], event, rule);
        }
        m.old_p.set(Some(p));
        if blocking {
            p.syscalltick.fetch_add(1, Ordering::Relaxed);
            self.release_p(m, p);
            self.handoff_p(m, p, HandoffWhy::BlockingCall);
        }
        m.claim.set(IN_CALL);
        g.word.switch(RUNNING, SYSCALL);
        if self.is_stopping() {
            // The world is being stopped: it need not wait for this P.
            self.give_p_in_call(m, g);
        }
        m.claim.leave();
    }

    /// The calling goroutine is back (`exitsyscall`). *Switches*, if there is no P for it.
    pub(super) fn leave_call(&self, site: Option<SiteId>) {
        let m = self.m();
        m.claim.enter();
        m.claim.set(OWNS);
        let g = m.curg.get().expect("a goroutine calls");
        // Waits while somebody holds it to take the P.
        g.word.switch(SYSCALL, RUNNING);
        g.since.set(self.time_seen(m));
        if let Some(p) = m.p.get() {
            p.syscalltick.fetch_add(1, Ordering::Relaxed);
            let event = Event::SysExit { g: g.gid(), path: SysPath::Kept, p: Some(p.id) };
            emit!(self, m, site, [stamp_g(g)], event, Rule::SyscallFast { p: p.id });
            return;
        }
        if let Some((p, path, rule)) = self.p_after_call(m) {
            self.acquire_p(m, p);
            p.syscalltick.fetch_add(1, Ordering::Relaxed);
            let event = Event::SysExit { g: g.gid(), path, p: Some(p.id) };
            emit!(self, m, site, [stamp_g(g)], event, rule);
            return;
        }
        self.switch(Request::LeaveCall(site));
    }

    /// A P for a goroutine that has lost its own: the old one, if it sits in another call, else the
    /// first idle one (`exitsyscallTryGetP`).
    fn p_after_call(&self, m: &'static M) -> Option<(&'static P, SysPath, Rule)> {
        if self.is_stopping() {
            return None;
        }
        if let Some(p) = m.old_p.get()
            && let Some(taken) = self.take_p_in_call(p)
        {
            self.emit_retake(m, p, &taken, Rule::SyscallOldP { p: p.id });
            return Some((p, SysPath::OldP, Rule::SyscallOldP { p: p.id }));
        }
        if self.idle_ps.load(Ordering::SeqCst) == 0 {
            return None;
        }
        let mut locked = self.lock();
        let p = self.pidle_get(m, &mut locked)?;
        drop(locked);
        if self.sysmon_waits.load(Ordering::SeqCst) {
            self.wake_sysmon();
        }
        Some((p, SysPath::IdleP, Rule::SyscallIdleP { p: p.id }))
    }

    /// No P was free: a last look under the lock, else the goroutine goes to the global queue and
    /// its M parks (`exitsyscallNoP`). Returns what is to run at once.
    pub(super) fn leave_call_without_p(
        &self,
        m: &'static M,
        g: Gp,
        site: Option<SiteId>,
    ) -> Option<Found> {
        g.word.switch(RUNNING, RUNNABLE);
        m.curg.set(None);
        let mut locked = self.lock();
        if let Some(p) = self.pidle_get(m, &mut locked) {
            drop(locked);
            let event = Event::SysExit { g: g.gid(), path: SysPath::NewSlice, p: Some(p.id) };
            emit!(self, m, site, [stamp_g(g)], event, Rule::SyscallIdleP { p: p.id });
            self.acquire_p(m, p);
            return Some(Found::in_hand(g));
        }
        let event = Event::SysExit { g: g.gid(), path: SysPath::Global, p: None };
        emit!(self, m, site, [locked.stamp(), stamp_g(g)], event, Rule::SyscallNoP {});
        self.global_push(&mut locked, g);
        None
    }

    /// Takes a P from the M that is in a call with it, if one is.
    pub(super) fn take_p_in_call(&self, p: &'static P) -> Option<Retaken> {
        let from = p.owner()?;
        let g = from.curg.get()?;
        if !g.word.hold(SYSCALL) {
            return None;
        }
        // Held, it can't leave its call, so what belongs together now stays together.
        let together = p.owner().is_some_and(|owner| std::ptr::eq(owner, from))
            && from.curg.get() == Some(g)
            && from.p.get().is_some_and(|own| own.id == p.id);
        if together {
            self.release_p(from, p);
            p.syscalltick.fetch_add(1, Ordering::Relaxed);
        }
        let since = g.since.get();
        let after = self.pl.now().minus(since);
        let retaken = Retaken { from, g: g.gid(), after, entered: after_g(g) };
        g.word.let_go(SYSCALL);
        together.then_some(retaken)
    }

    pub(super) fn emit_retake(&self, m: &M, p: &P, taken: &Retaken, rule: Rule) {
        let queued = p.ring.len() as u32 + u32::from(!p.slot.is_empty());
        let event =
            Event::PRetake { p: p.id, from: taken.from.id, g: taken.g, after: taken.after, queued };
        let number = p.next_event();
        emit!(self, m, None, [stamp(Structure::P(p.id), number), taken.entered], event, rule);
    }
}
