//! Stopping the world, and changing GOMAXPROCS while it stands (`stopTheWorld`, `procresize`).
//!
//! While the world is being stopped every M that comes by the scheduler gives its P up as stopped;
//! Ps of Ms in system calls and idle ones are taken at once. The world stands when all are stopped
//! but the stopper's own. Stopped Ps keep their queues.

use std::sync::atomic::Ordering;

use gopark_trace::event::Event;
use gopark_trace::ids::{Nanos, PId};
use gopark_trace::ring::Structure;
use gopark_trace::rule::Rule;
use gopark_trace::words::Queue;

use super::{Locked, Sched, emit};
use crate::g::Gp;
use crate::kernel::{stamp, stamp_g};
use crate::m::M;
use crate::p::P;
use crate::platform::{Gate, Platform};
use crate::proto::gword::SYSCALL;

/// How long the stopper waits before it asks those that still run again.
const ASK_AGAIN: Nanos = Nanos(100_000);

impl<Pl: Platform> Sched<Pl> {
    /// Whether the world is being stopped, or stands.
    #[inline]
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn emit_stop(&self, m: &M, p: &P, on: bool) {
        let event = Event::PStop { p: p.id, on };
        emit!(self, m, None, [stamp(Structure::P(p.id), p.next_event())], event, None);
    }

    /// One P more stands.
    fn p_stands(&self, m: &M, locked: &mut Locked, p: &P) {
        locked.still_running -= 1;
        self.emit_stop(m, p, true);
    }

    /// A P that nobody has any more stands if the world is being stopped.
    pub(super) fn stop_p_if_stopping(&self, m: &M, locked: &mut Locked, p: &P) -> bool {
        let stopping = self.is_stopping();
        if stopping {
            self.p_stands(m, locked, p);
        }
        stopping
    }

    /// The M gives up its P because the world is being stopped, and sleeps (`gcstopm`).
    pub(super) fn gcstop_m(&self, m: &'static M) {
        if m.spinning.get() {
            self.stop_spinning(m, |_| Rule::WorldStops {});
        }
        let p = m.p.get().expect("it came by with a P");
        let mut locked = self.lock();
        self.release_p(m, p);
        if !self.stop_p_if_stopping(m, &mut locked, p) {
            // It goes on already.
            drop(locked);
            return self.acquire_p(m, p);
        }
        drop(locked);
        self.stop_m(m);
    }

    /// A goroutine that enters a call gives its P to whoever stops the world.
    pub(super) fn give_p_in_call(&self, m: &M, g: Gp) {
        if !g.word.hold(SYSCALL) {
            return;
        }
        if let Some(p) = m.p.get() {
            let mut locked = self.lock();
            if self.is_stopping() {
                p.syscalltick.fetch_add(1, Ordering::Relaxed);
                self.release_p(m, p);
                self.p_stands(m, &mut locked, p);
            }
        }
        g.word.let_go(SYSCALL);
    }

    /// Stops the world; the caller keeps its P (`stopTheWorldWithSema`). One at a time.
    fn stop_the_world(&self, m: &'static M, why: &str) {
        // Somebody else may be at it: until that one is done we are stopped like everybody.
        let mut locked = self.lock();
        if m.recording.get() {
            let event = Event::StopTheWorld { on: true, why: why.to_owned() };
            emit!(self, m, None, [locked.stamp()], event, None);
        }
        locked.still_running = self.procs() as u32;
        self.stopping.store(true, Ordering::SeqCst);
        let own = m.p.get().expect("who stops the world has a P");
        self.p_stands(m, &mut locked, own);
        drop(locked);
        for p in self.all_ps() {
            if let Some(taken) = self.take_p_in_call(p) {
                self.emit_retake(m, p, &taken, Rule::StoppedInCall {});
                let mut locked = self.lock();
                self.p_stands(m, &mut locked, p);
            }
        }
        let mut locked = self.lock();
        while let Some(p) = self.pidle_get_as(m, &mut locked, Rule::WorldStops {}) {
            self.p_stands(m, &mut locked, p);
        }
        drop(locked);
        while self.lock().still_running > 0 && !self.is_ending() {
            for p in self.all_ps() {
                if let Some(other) = p.owner().filter(|other| !std::ptr::eq(*other, m)) {
                    self.preempt_one(m, p, other, None);
                }
            }
            // A thread that was suspended without a standby waits for sysmon.
            if self.sysmon_waits.load(Ordering::SeqCst) {
                self.wake_sysmon();
            }
            self.pl.pause(m, ASK_AGAIN);
        }
    }

    /// Lets the world go on with `procs` Ps (`startTheWorldWithSema`, `procresize`).
    fn start_the_world(&self, m: &'static M, procs: usize) {
        let old = self.procs();
        let mut locked = self.lock();
        for i in old..procs {
            let p = self.make_p(PId(i as u32));
            emit!(self, m, None, [locked.stamp()], Event::PNew { p: p.id }, None);
        }
        let own = m.p.get().expect("who starts the world has a P");
        for i in procs..old {
            self.destroy_p(m, &mut locked, self.p(PId(i as u32)), own);
        }
        if m.recording.get() {
            let event = Event::Gomaxprocs { from: old as u32, to: procs as u32 };
            emit!(self, m, None, [locked.stamp()], event, None);
        }
        self.gomaxprocs.store(procs as u32, Ordering::SeqCst);
        if own.id.0 as usize >= procs {
            // Its own P went away: it goes on with the first.
            let first = self.p(PId(0));
            self.release_p(m, own);
            self.emit_stop(m, first, false);
            self.acquire_p(m, first);
            self.move_timers(m, own, first);
        } else {
            self.emit_stop(m, own, false);
        }
        let own = m.p.get().expect("just made sure of");
        let mut with_work = Vec::new();
        for i in (0..procs).rev() {
            let p = self.p(PId(i as u32));
            if p.id == own.id {
                continue;
            }
            if i < old {
                self.emit_stop(m, p, false);
            }
            if p.is_empty() {
                self.pidle_put(m, &mut locked, p, Rule::WorldGoesOn {});
            } else {
                with_work.push(p);
            }
        }
        self.stopping.store(false, Ordering::SeqCst);
        if m.recording.get() {
            let event = Event::StopTheWorld { on: false, why: String::new() };
            emit!(self, m, None, [locked.stamp()], event, None);
        }
        drop(locked);
        self.wake_sysmon();
        for p in with_work.into_iter().rev() {
            self.start_m(m, self.lock(), p, false);
        }
        // One more, to share what the others have.
        self.wakep(m);
    }

    /// A P goes away: its goroutines go to the head of the global queue in their order, its timers
    /// to the caller's P (`(*p).destroy`).
    fn destroy_p(&self, m: &'static M, locked: &mut Locked, p: &'static P, own: &'static P) {
        let mut gs: Vec<Gp> = Vec::new();
        let mut stamps = Vec::new();
        if let Some((g, number)) = p.slot.take() {
            stamps.push(stamp(Structure::Slot(p.id), number));
            gs.push(g);
        }
        while let Some(g) = p.ring.pop() {
            stamps.push(stamp(Structure::Ring(p.id), g.ring_pos.get()));
            gs.push(g);
        }
        for &g in gs.iter().rev() {
            locked.global.push_front(g);
        }
        self.global_len.store(locked.global.len(), Ordering::SeqCst);
        if m.recording.get() && !gs.is_empty() {
            stamps.extend(gs.iter().map(|&g| stamp_g(g)));
            stamps.push(locked.stamp());
            let gs = gs.iter().map(|g| g.gid()).collect();
            let event = Event::GlobalPut { gs, to: Queue::GlobalHead };
            let rule = Some(Rule::ProcsShrink { p: p.id });
            self.record(m, None, &stamps, &mut std::iter::once((event, rule)));
        }
        if p.id != own.id {
            self.move_timers(m, p, own);
        }
        while let Some(g) = p.take_free() {
            locked.gfree.push_back(g);
        }
        p.stacks.borrow_mut().drain(..).for_each(|stack| locked.stacks.give_back(stack));
        let event = Event::PDead { p: p.id };
        let rule = Rule::ProcsShrink { p: p.id };
        emit!(
            self,
            m,
            None,
            [locked.stamp(), stamp(Structure::P(p.id), p.next_event())],
            event,
            rule
        );
    }

    /// Changes the number of Ps; says how many there were (`GOMAXPROCS`). *Switches* while somebody
    /// else stops the world.
    pub(super) fn resize(&self, procs: usize) -> usize {
        loop {
            let m = self.call_gate();
            let old = self.procs();
            if procs == 0 || procs == old {
                return old;
            }
            let taken = self.world.swap(true, Ordering::SeqCst);
            if taken {
                // Whoever has it will stop us before it is done.
                self.gate(m, Gate::Call);
                self.switch(crate::kernel::Request::Yield(None));
                continue;
            }
            self.stop_the_world(m, "GOMAXPROCS");
            if self.is_ending() {
                self.never_go_on();
            }
            self.start_the_world(m, procs);
            self.world.store(false, Ordering::SeqCst);
            return old;
        }
    }
}
