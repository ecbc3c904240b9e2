//! Taking the P from code that does not call the runtime (gopark's own; Go switches stacks instead).
//!
//! In Rust a goroutine can't be switched away from anywhere but at a call, so its whole thread is
//! stopped where it stands, as the system might do at any time: user code can't tell. The protocol
//! between the threads is in [`crate::proto::claim`]; this is who decides, and what follows.
//!
//! - **A hog** is suspended by a signal. Its P goes to a *standby*: an M that sysmon has taken from
//!   the idle list before. The standby puts the goroutine into the global queue and looks for work.
//! - **A thread that burns no CPU** is blocked in a call nobody marked. Its P is taken without a
//!   word; when it burns CPU again it is suspended, when it calls the runtime it gets itself a P.
//! - **Whoever picks a goroutine whose thread is suspended** gives that thread its own P.
//!
//! What keeps it alive although suspended goroutines may hold any lock of the program, malloc's too:
//! 1. where the runtime can't be preempted it takes no such lock, but for what the back-stop covers;
//! 2. sysmon takes none at all, and new threads are made by another, which may wait;
//! 3. a standby has been through all of its start: it sleeps on the idle list;
//! 4. without a standby, sysmon itself queues the goroutine, and gives the P to a suspended thread
//!    whose goroutine waits in the global queue;
//! 5. the back-stop: an M that stands in the runtime without using the CPU, or a thread that is not
//!    made, waits for a lock that a suspended goroutine holds: one goes on without P;
//! 6. what a suspended thread gives away is always where sysmon can find it.

use std::sync::atomic::Ordering;

use gopark_trace::event::Event;
use gopark_trace::ids::{MId, Nanos};
use gopark_trace::record::Actor;
use gopark_trace::ring::Structure;
use gopark_trace::rule::Rule;
use gopark_trace::words::{HandoffWhy, PreemptKind, Queue};

use super::{Found, Sched, emit};
use crate::g::Gp;
use crate::kernel::{after_g, stamp, stamp_g};
use crate::m::M;
use crate::p::P;
use crate::platform::Platform;
use crate::proto::claim::{EMERGENCY, GRANTED, HELD, LOST, OWNS, RESUMED, SYSCALL, TAKING};
use crate::proto::gword::{RUNNABLE, RUNNING};

/// For how long an M is watched before it can be said that it burns no CPU.
const WATCH: Nanos = Nanos(2_000_000);
/// It burns none if it uses less than one part of this many.
const BURNS: u64 = 10;
/// What an M without P may burn before it is suspended.
const FREE_CPU: Nanos = Nanos(500_000);
/// For how long the runtime may stand still before the back-stop acts.
const STUCK: Nanos = Nanos(15_000_000);

/// What sysmon saw of the M that has a P.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Inside {
    m: MId,
    tick: u32,
    user: bool,
    since: Nanos,
    cpu: Nanos,
}

impl<Pl: Platform> Sched<Pl> {
    /// Asks a goroutine to stop where it stands. Says whether a signal is on its way.
    pub(super) fn stop_thread(&self, m: &'static M, owner: &'static M) -> bool {
        if !self.pl.can_hold() {
            self.pl.interrupt(owner);
            return false;
        }
        let has_p = matches!(owner.claim.get(), OWNS | GRANTED);
        if owner.hold.asked() || !owner.claim.in_user() || !has_p {
            return false;
        }
        let Some(standby) = self.reserve_standby(m) else {
            // One is being made; if that takes too long, the thread is suspended all the same.
            return self.standby_overdue(m) && self.signal(owner);
        };
        owner.hold.set_standby(standby);
        self.signal(owner)
    }

    fn signal(&self, owner: &M) -> bool {
        owner.hold.ask();
        self.pl.interrupt(owner);
        true
    }

    /// The world is to stand for its viewer: stops whoever computes without coming to a gate.
    pub(crate) fn stop_who_computes(&self) {
        let m = self.sysmon_m();
        for owner in self.all_ps().filter_map(P::owner).filter(|owner| owner.claim.in_user()) {
            self.stop_thread(m, owner);
        }
        self.look_after_threads(m, self.pl.now());
    }

    /// Takes an M from the idle list, or one that was made to be at hand, to take a P over.
    fn reserve_standby(&self, m: &M) -> Option<&'static M> {
        let mut locked = self.lock();
        if locked.ended.is_some() {
            return None;
        }
        let (standby, event) = match locked.idle_ms.pop() {
            Some(idle) => (idle, Event::MWake { m: idle.id, p: None, spinning: false }),
            None => {
                let next = locked.ms as usize;
                let spare = self.table(&locked).get(next).copied();
                let Some(spare) = spare else {
                    drop(locked);
                    self.pl.make_spare();
                    return None;
                };
                locked.ms += 1;
                self.pl.make_spare();
                (spare, Event::MStart { m: spare.id, p: None, spinning: false })
            }
        };
        self.standby_wanted.store(u64::MAX, Ordering::Relaxed);
        emit!(self, m, None, [locked.stamp()], event, Rule::Standby {});
        Some(standby)
    }

    /// Whether no standby could be had for too long.
    fn standby_overdue(&self, _m: &M) -> bool {
        let now = self.pl.now();
        let since = self.standby_wanted.load(Ordering::Relaxed);
        if since == u64::MAX {
            self.standby_wanted.store(now.0, Ordering::Relaxed);
            return false;
        }
        now.minus(Nanos(since)) >= STUCK
    }

    /// Puts the goroutine of a suspended thread where it waits for its turn. The caller has the P,
    /// if there was one, but has not acquired it.
    fn queue_held(&self, m: &'static M, victim: &'static M, p: Option<&'static P>) {
        let g = victim.curg.get().expect("a goroutine runs in user code");
        g.held_by.set(Some(victim));
        let ran = p.map_or(Nanos(0), |p| self.pl.now().minus(p.slice_start.get()));
        g.since.set(self.time_seen(m));
        victim.hold.set_lost(false);
        m.acts_as.set(Some(Actor { m: Some(victim.id), p: p.map(|p| p.id), g: Some(g.gid()) }));
        // Told before anybody can pick it.
        let event = Event::MHeld { m: victim.id, g: g.gid() };
        emit!(self, m, None, [stamp_g(g)], event, Rule::ThreadHeld {});
        g.word.switch(RUNNING, RUNNABLE);
        match p {
            // Stopped only for the world to stand, it goes on first.
            Some(p) if self.is_stopping() || self.pl.is_paused() => {
                let kind = PreemptKind::StopTheWorld;
                self.runq_put(m, p, g, None, |to| {
                    let event = Event::GoPreempt { g: g.gid(), kind, to };
                    (event, Some(Rule::StoppedToSlot { p: p.id }))
                });
            }
            _ => {
                let mut locked = self.lock();
                let kind = PreemptKind::Signal;
                let event = Event::GoPreempt { g: g.gid(), kind, to: Queue::Global };
                let rule = Rule::PreemptedToGlobal { ran };
                emit!(self, m, None, [locked.stamp(), stamp_g(g)], event, rule);
                self.global_push(&mut locked, g);
            }
        }
        if let Some(p) = p {
            self.emit_handoff(m, p, HandoffWhy::HeldThread, Rule::ThreadHeld {});
        }
        m.acts_as.set(None);
    }

    /// A standby was woken by the thread that it takes the P from.
    pub(super) fn take_over(&self, m: &'static M, victim: &'static M) {
        let p = m.next_p.take().expect("a suspended thread gives its P with the wake");
        self.queue_held(m, victim, Some(p));
        self.acquire_p(m, p);
        self.wakep(m);
    }

    /// Gives the own P to the thread that is suspended with the found goroutine.
    pub(super) fn resume_held(&self, m: &'static M, held: &'static M, found: Found) {
        let p = m.p.get().expect("who picks has a P");
        self.emit_handoff_to(m, p, held, found, Rule::BoundToThread { m: held.id });
        self.release_p(m, p);
        self.give_to_held(m, held, p, found.g);
    }

    fn give_to_held(&self, m: &M, held: &'static M, p: &'static P, g: Gp) {
        p.tick.store(p.tick().wrapping_add(1), Ordering::Relaxed);
        p.slice_start.set(self.time_seen(m));
        g.held_by.set(None);
        g.since.set(self.time_seen(m));
        g.word.switch(RUNNABLE, RUNNING);
        held.preempt.store(false, Ordering::Relaxed);
        if m.recording.get() {
            let number = p.next_event();
            let stamps = [stamp_g(g), stamp(Structure::P(p.id), number)];
            let event = Event::MResume { m: held.id, g: g.gid(), p: p.id, tick: p.tick() };
            let rule = Some(Rule::BoundToThread { m: held.id });
            self.record(m, None, &stamps, &mut std::iter::once((event, rule)));
        }
        p.set_owner(Some(held));
        held.next_p.set(Some(p));
        while !held.claim.switch(HELD, RESUMED) {
            if held.claim.switch(EMERGENCY, GRANTED) {
                return;
            }
            std::hint::spin_loop();
        }
        held.claim.wake();
    }

    /// The M enters the runtime and its claim is contested; see [`crate::proto::claim`].
    pub(super) fn settle_claim(&self, m: &'static M) {
        loop {
            if self.is_ending() && m.claim.get() != SYSCALL {
                self.never_go_on();
            }
            match m.claim.get() {
                OWNS => return,
                TAKING => drop(m.claim.switch(TAKING, OWNS)),
                LOST => return self.find_p_again(m),
                GRANTED => {
                    m.p.set(m.next_p.take());
                    m.claim.set(OWNS);
                }
                EMERGENCY => {
                    if m.claim.switch(EMERGENCY, HELD) {
                        self.wait_for_p(m);
                    }
                }
                SYSCALL => {
                    m.claim.leave();
                    panic!("gopark: a call into gopark inside gopark::syscall(..)");
                }
                state => unreachable!("an M that runs is not in state {state} of its claim"),
            }
        }
    }

    /// It lost its P while it was blocked: an idle one serves, else it waits in the global queue
    /// with its goroutine.
    fn find_p_again(&self, m: &'static M) {
        m.p.set(None);
        let mut locked = self.lock();
        if let Some(p) = self.pidle_get(m, &mut locked) {
            drop(locked);
            m.hold.set_lost(false);
            m.claim.set(OWNS);
            self.acquire_p(m, p);
            if self.sysmon_waits.load(Ordering::SeqCst) {
                self.wake_sysmon();
            }
            return;
        }
        drop(locked);
        m.claim.set(HELD);
        self.queue_held(m, m, None);
        self.wake_for_global(m);
        self.wait_for_p(m);
    }

    /// Waits at the entry of the runtime until it is given a P.
    fn wait_for_p(&self, m: &M) {
        loop {
            let state = m.claim.wait_while_held();
            if self.is_ending() {
                self.never_go_on();
            }
            match state {
                RESUMED => {
                    m.p.set(m.next_p.take());
                    return m.claim.set(OWNS);
                }
                // Whoever let it go could not know that it stands in the runtime.
                EMERGENCY => drop(m.claim.switch(EMERGENCY, HELD)),
                GRANTED => {
                    m.p.set(m.next_p.take());
                    return m.claim.set(OWNS);
                }
                state => unreachable!("a waiting M is not in state {state} of its claim"),
            }
        }
    }

    /// A goroutine went to the global queue and nobody with a P knows: an idle P gets an M.
    fn wake_for_global(&self, m: &'static M) {
        let mut locked = self.lock();
        if locked.ended.is_none()
            && let Some(p) = self.pidle_get(m, &mut locked)
        {
            self.start_m(m, locked, p, false);
        }
    }

    // ---- sysmon's part ----

    /// Watches the M that has a P: takes the P if the M is blocked in user code. True if it did.
    pub(super) fn watch(
        &self,
        m: &'static M,
        p: &'static P,
        owner: &'static M,
        inside: &mut Inside,
        now: Nanos,
    ) -> bool {
        let stands = owner.stands.load(Ordering::Relaxed);
        if !self.pl.can_hold() || stands || owner.is_in_call() || owner.claim.get() != OWNS {
            return false;
        }
        let user = owner.claim.in_user();
        let same = inside.m == owner.id && inside.tick == p.tick() && inside.user == user;
        let lasted = now.minus(inside.since);
        if same && lasted < WATCH {
            return false;
        }
        let Some(cpu) = self.pl.cpu_time(owner) else { return false };
        let burnt = cpu.minus(inside.cpu);
        let blocked = same && burnt.0 * BURNS < lasted.0;
        // What it did before it came to its code; looked at before it can go on.
        let Some(did) = owner.curg.get().map(after_g) else { return false };
        if blocked && !user {
            if lasted >= STUCK {
                self.emergency(m, lasted, now);
                inside.since = now;
                inside.cpu = cpu;
            }
            return false;
        }
        *inside = Inside { m: owner.id, tick: p.tick(), user, since: now, cpu };
        if !blocked || owner.hold.asked() || !self.take_from_blocked(p, owner) {
            return false;
        }
        owner.hold.set_lost(true);
        owner.hold.cpu.store(cpu.0, Ordering::Relaxed);
        p.set_owner(None);
        let number = p.next_event();
        let event = Event::PLost { p: p.id, m: owner.id, idle_for: lasted };
        let rule = Rule::BlockedUnmarked { idle_for: lasted };
        emit!(self, m, None, [stamp(Structure::P(p.id), number), did], event, rule);
        self.handoff_p(m, p, HandoffWhy::Retaken);
        true
    }

    /// The asymmetric take of [`crate::proto::claim`].
    fn take_from_blocked(&self, p: &P, owner: &M) -> bool {
        if !owner.claim.switch(OWNS, TAKING) {
            return false;
        }
        // In user code, and claimed, it keeps the P it has: look whether that is still this one.
        let there = || p.owner().is_some_and(|now| now.id == owner.id);
        if self.pl.barrier() && owner.claim.in_user() && there() {
            return owner.claim.switch(TAKING, LOST);
        }
        owner.claim.switch(TAKING, OWNS);
        false
    }

    /// Looks after all threads that run or wait without P.
    pub(super) fn look_after_threads(&self, m: &'static M, now: Nanos) {
        if !self.pl.can_hold() {
            return;
        }
        let count = self.lock().ms as usize;
        for i in 0..count {
            let other = {
                let locked = self.lock();
                self.table(&locked).get(i).copied()
            };
            if let Some(other) = other {
                self.look_after_thread(m, other);
            }
        }
        let since = self.promised_since.load(Ordering::SeqCst);
        if since != u64::MAX && now.minus(Nanos(since)) >= STUCK {
            self.emergency(m, now.minus(Nanos(since)), now);
            self.promised_since.store(now.0, Ordering::SeqCst);
        }
    }

    fn look_after_thread(&self, m: &'static M, other: &'static M) {
        match other.claim.get() {
            HELD => {
                if let Some(p) = other.hold.take_given() {
                    self.queue_held(m, other, Some(p));
                    if !self.give_directly(m, p) {
                        self.handoff_p(m, p, HandoffWhy::HeldThread);
                    }
                } else if other.hold.is_lost() && other.claim.in_user() {
                    self.queue_held(m, other, None);
                    self.wake_for_global(m);
                }
            }
            LOST | EMERGENCY if other.claim.in_user() && !other.hold.asked() => {
                let burnt = self
                    .pl
                    .cpu_time(other)
                    .map(|cpu| cpu.minus(Nanos(other.hold.cpu.load(Ordering::Relaxed))));
                if burnt.is_some_and(|burnt| burnt > FREE_CPU) {
                    self.signal(other);
                }
            }
            OWNS | GRANTED if !other.hold.asked() => {
                // It was in the runtime when the signal came: the standby is free again.
                if let Some(standby) = other.hold.take_standby() {
                    let mut locked = self.lock();
                    let event = Event::MPark { m: standby.id };
                    emit!(self, m, None, [locked.stamp()], event, Rule::NothingToDo {});
                    locked.idle_ms.push(standby);
                }
            }
            _ => {}
        }
    }

    /// Rule 4: the P goes to a suspended thread whose goroutine waits in the global queue.
    fn give_directly(&self, m: &'static M, p: &'static P) -> bool {
        let mut locked = self.lock();
        let Some(g) = locked.global.take_first(|g| g.held_by.get().is_some()) else {
            return false;
        };
        self.global_len.store(locked.global.len(), Ordering::Relaxed);
        let held = g.held_by.get().expect("looked for one that has it");
        let taken = m.recording.get().then(|| locked.stamp());
        let found = Found { g, from: Queue::Global, taken };
        self.emit_handoff_to(m, p, held, found, Rule::BoundToThread { m: held.id });
        drop(locked);
        self.give_to_held(m, held, p, g);
        true
    }

    /// sysmon waits for the scheduler's lock since then: if that is long, the back-stop acts.
    pub(super) fn lock_is_stuck(&self, since: Nanos) {
        let now = self.pl.now();
        let stuck = now.minus(since);
        if stuck >= STUCK {
            self.emergency(self.sysmon_m(), stuck, now);
        }
    }

    /// The back-stop: lets the longest suspended goroutine go on without a P.
    fn emergency(&self, m: &M, stuck: Nanos, now: Nanos) {
        // Not under the lock: whoever has it may be the one that waits.
        let held = self.table_unlocked().filter(|other| {
            other.claim.get() == HELD && other.claim.in_user() && !other.hold.is_lost()
        });
        // The one that was let go longest ago, so that each gets its turn.
        let Some(next) = held.min_by_key(|other| other.hold.let_go_at.load(Ordering::Relaxed))
        else {
            return;
        };
        let Some(g) = next.curg.get().filter(|g| g.word.get() == RUNNABLE) else { return };
        next.hold.let_go_at.store(now.0, Ordering::Relaxed);
        if let Some(cpu) = self.pl.cpu_time(next) {
            next.hold.cpu.store(cpu.0, Ordering::Relaxed);
        }
        let event = Event::EmergencyRun { m: next.id, g: g.gid(), stuck };
        emit!(self, m, None, [after_g(g)], event, Rule::Backstop { stuck });
        if next.claim.switch(HELD, EMERGENCY) {
            next.claim.wake();
        }
    }
}

/// The thread's own part, on its signal stack: nothing here allocates, waits for a lock, or touches
/// anything but this M, the standby and the words between them.
pub(crate) fn suspend_here(m: &'static M) {
    if !m.hold.answer() || !m.claim.in_user() {
        return;
    }
    loop {
        match m.claim.get() {
            OWNS => {
                let Some(p) = m.p.get() else { return };
                if !m.claim.switch(OWNS, HELD) {
                    return;
                }
                m.p.set(None);
                p.set_owner(None);
                match m.hold.take_standby() {
                    Some(standby) => {
                        standby.next_p.set(Some(p));
                        standby.takes_from.set(Some(m));
                        standby.note.wake();
                    }
                    None => m.hold.give(p),
                }
                break;
            }
            LOST => {
                if m.claim.switch(LOST, HELD) {
                    break;
                }
            }
            EMERGENCY => {
                if m.claim.switch(EMERGENCY, HELD) {
                    break;
                }
            }
            GRANTED => {
                m.p.set(m.next_p.take());
                m.claim.set(OWNS);
            }
            _ => return,
        }
    }
    if m.claim.wait_while_held() == RESUMED {
        m.p.set(m.next_p.take());
        m.claim.set(OWNS);
    }
}
