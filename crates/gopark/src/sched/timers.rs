//! Timers, the scheduler's side: they are set, stopped and fired, and the poller is told of the
//! next. What a timer is, and the protocol, is in [`crate::timers`].

use std::sync::Arc;
use std::sync::atomic::Ordering;

use gopark_trace::event::Event;
use gopark_trace::ids::{Nanos, Obj, SiteId, TimerId};
use gopark_trace::ring::{Stamp, Structure};
use gopark_trace::rule::Rule;
use gopark_trace::words::TimerKind;

use super::find::earliest;
use super::{Sched, emit};
use crate::g::{Entry, Gp};
use crate::kernel::{Spawn, TimerSet, TimerWas, stamp};
use crate::m::M;
use crate::p::P;
use crate::platform::Platform;
use crate::timers::heap::{HeldHeap, Who};
use crate::timers::{
    Action, HEAPED, Held, Hook, MODIFIED, State, Timer, TimerChan, TimerRef, UNSET, ZOMBIE,
};

/// The stamp of the next event about a sleeper's timer. By who holds the heap it is in.
fn stamp_sleep(g: Gp) -> Stamp {
    let n = g.timer_events.get();
    g.timer_events.set(n.wrapping_add(1));
    stamp(Structure::Obj(Obj::Timer(g.timer.get())), n)
}

/// What the first timer of a heap says.
enum First {
    /// It is due, and was taken: this is to be done, with no lock held.
    Fires(Firing),
    /// It is due then.
    At(Nanos),
    /// There is none.
    None,
}

/// What a timer that fires does.
enum Firing {
    /// Makes a sleeper ready.
    Ready(Gp),
    /// Calls a hook with the number the timer was set with.
    Call(Hook, u64),
    /// Starts a goroutine, on behalf of who set the timer there.
    Spawn(Entry, Option<SiteId>),
    /// Sends the due time on a channel unless the timer's number is another by then.
    Send(Arc<dyn TimerChan>, u64, Nanos),
    /// Its channel is gone.
    Nothing,
}

/// What came of a timer that was stopped or set anew.
struct Changed {
    /// What it was before.
    was: TimerWas,
    /// It has to be put in a heap.
    add: bool,
}

impl<Pl: Platform> Sched<Pl> {
    // ---- they fire ----

    /// Runs the due timers of the own P; says when the next is due.
    pub(super) fn check_timers(&self, m: &'static M, p: &'static P) -> Option<Nanos> {
        self.run_timers(m, p).0
    }

    /// Runs the due timers of a P (`timers.check`); what they make ready goes to the own P. Says
    /// when the next is due, and whether any ran.
    pub(super) fn run_timers(&self, m: &'static M, owner: &'static P) -> (Option<Nanos>, bool) {
        let next = owner.timers.wake_time();
        // Without timers the clock, which is the dearest thing here, is not read.
        let Some(when) = next else { return (None, false) };
        let now = self.pl.now();
        // Only its own P's M clears a heap of zombies, so that Ms do not wait for each other.
        let own = m.p.get().is_some_and(|p| p.id == owner.id);
        if when > now && !(own && owner.timers.is_haunted()) {
            return (next, false);
        }
        // Nothing fires before its time, not even by another clock.
        m.time.set(now);
        let mut heap = owner.timers.lock();
        heap.adjust(now, false);
        let mut ran = false;
        let next = loop {
            match self.take_due(m, owner, &mut heap, now) {
                First::Fires(firing) => {
                    ran = true;
                    drop(heap);
                    self.fire(m, firing);
                    heap = owner.timers.lock();
                }
                First::At(when) => break Some(when),
                First::None => break None,
            }
        };
        drop(heap);
        if own && owner.timers.is_haunted() {
            owner.timers.lock().adjust(now, true);
        }
        (next, ran)
    }

    /// Takes the first timer of a heap if it is due (`timers.run`).
    fn take_due(&self, m: &M, owner: &'static P, heap: &mut HeldHeap<'_>, now: Nanos) -> First {
        loop {
            let Some((who, when)) = heap.first() else { return First::None };
            let timer = match who {
                Who::Sleeper(_) if when > now => return First::At(when),
                Who::Sleeper(g) => {
                    heap.delete_min();
                    let (timer, late) = (g.timer.get(), now.minus(when));
                    emit!(
                        self,
                        m,
                        None,
                        [stamp_sleep(g)],
                        Event::TimerFire { timer, owner: owner.id, late },
                        fire_rule(m, owner, late)
                    );
                    return First::Fires(Firing::Ready(g));
                }
                Who::Timer(timer) => timer,
            };
            if when > now && timer.seen() & (MODIFIED | ZOMBIE) == 0 {
                return First::At(when);
            }
            let Some(mut held) = heap.settle_first(timer.lock()) else { continue };
            if held.when > now {
                return First::At(held.when);
            }
            self.tell_firing(m, owner, &timer, &mut held, now);
            let firing = decide(&timer, &mut held, now);
            let next = held.when;
            if next == UNSET {
                held.leave_heap();
                drop(held);
                heap.delete_min();
            } else {
                heap.update_first(next);
            }
            return First::Fires(firing);
        }
    }

    /// Tells that a timer fires, and when it does so again.
    fn tell_firing(&self, m: &M, owner: &P, timer: &Timer, held: &mut Held<'_>, now: Nanos) {
        if !m.recording.get() {
            return;
        }
        let late = now.minus(held.when);
        let fire = Event::TimerFire { timer: held.id, owner: owner.id, late };
        let fire = (fire, Some(fire_rule(m, owner, late)));
        let (next, period) = (held.next_due(now), held.period);
        let mut stamps = vec![held.stamp()];
        let again = (next != UNSET).then(|| {
            stamps.push(held.stamp());
            let add = add_event(timer, held, owner, next);
            (add, Some(Rule::TickerNext { period, late }))
        });
        self.record(m, None, &stamps, &mut std::iter::once(fire).chain(again));
    }

    /// Does what a timer does that fires. With a P, and no lock held.
    fn fire(&self, m: &'static M, firing: Firing) {
        match firing {
            Firing::Ready(g) => self.ready_on(m, g, None, None),
            Firing::Call(hook, seq) => {
                // SAFETY: who made the timer keeps `arg` valid while it is set.
                let ready = unsafe { (hook.run)(hook.arg, seq) };
                for g in ready.into_iter().flatten() {
                    let rule = match g.wait_on.get() {
                        Some(Obj::Fd(fd)) => Some(Rule::DeadlineWakes { fd }),
                        _ => None,
                    };
                    self.ready_on(m, g, None, rule);
                }
            }
            Firing::Spawn(entry, site) => {
                self.spawn_on(m, Spawn { entry, stack_size: 0, name: None }, None, site);
                self.wakep(m);
            }
            Firing::Send(chan, seq, when) => {
                if let Some(g) = chan.send_time(seq, when, None) {
                    self.ready_on(m, g, None, None);
                }
            }
            Firing::Nothing => {}
        }
    }

    // ---- they are set and stopped ----

    /// Sets the timer of a sleeper that has parked (`resetForSleep`).
    pub(super) fn arm_sleep(&self, m: &'static M, p: &'static P, g: Gp, when: Nanos) {
        if g.timer.get() == TimerId(0) {
            g.timer.set(TimerId(self.timer_ids.fetch_add(1, Ordering::Relaxed)));
        }
        let mut heap = p.timers.lock();
        heap.clean_head();
        let first = p.timers.wake_time();
        let (timer, kind, sleeper) = (g.timer.get(), TimerKind::Sleep, Some(g.gid()));
        emit!(
            self,
            m,
            None,
            [stamp_sleep(g)],
            Event::TimerAdd { timer, p: p.id, when, kind, g: sleeper },
            Rule::TimerOnOwnHeap { p: p.id }
        );
        heap.add(Who::Sleeper(g), when);
        drop(heap);
        if first.is_none_or(|first| when < first) {
            self.wake_poller(m, when);
        }
    }

    /// Sets a timer, or sets it anew (`modify`).
    pub(super) fn set_timer(&self, m: &'static M, timer: &Arc<Timer>, set: TimerSet) -> TimerWas {
        let mut set = Some(set);
        let mut change = || {
            let set = set.take().expect("it is changed once");
            self.modify(m, timer, set)
        };
        let changed = self.with_channel(timer, &mut change);
        if changed.add {
            self.maybe_add(m, timer);
        }
        changed.was
    }

    /// Stops a timer (`stop`).
    pub(super) fn stop_timer(
        &self,
        m: &'static M,
        timer: &Arc<Timer>,
        site: Option<SiteId>,
    ) -> TimerWas {
        self.with_channel(timer, &mut || self.mark_stopped(m, timer, site)).was
    }

    /// Changes a timer: that of a channel under the channel's lock, and what it had sent is taken
    /// back, so that nobody receives what was sent before.
    fn with_channel(&self, timer: &Timer, change: &mut dyn FnMut() -> Changed) -> Changed {
        let Action::Chan(chan) = &timer.action else { return change() };
        // Without a channel nobody can receive.
        let Some(chan) = chan.upgrade() else { return change() };
        let mut changed = None;
        let taken_back = chan.change(&mut || changed = Some(change()));
        let mut changed = changed.expect("the channel has called it");
        changed.was.pending |= taken_back;
        changed
    }

    fn modify(&self, m: &M, timer: &Timer, set: TimerSet) -> Changed {
        let is_chan = timer.is_chan();
        let mut held = timer.lock();
        let pending = is_pending(timer, &held);
        held.seq = if is_chan { held.seq + 1 } else { set.seq };
        held.period = set.period;
        held.when = set.when;
        held.site = set.site;
        let unrun = std::mem::replace(&mut held.entry, set.entry);
        if let Some(owner) = held.owner {
            let was_zombie = held.is(ZOMBIE);
            held.bits |= MODIFIED;
            if was_zombie && (!is_chan || held.blocked > 0) {
                self.revive(m, timer, &mut held, owner);
            } else if !was_zombie {
                let (when, number) = (held.when, held.stamp());
                emit!(
                    self,
                    m,
                    set.site,
                    [number],
                    Event::TimerReset { timer: held.id, p: owner.id, when },
                    None
                );
            }
            self.lower(m, &held, owner);
        }
        Changed { was: TimerWas { pending, unrun }, add: held.needs_add(is_chan) }
    }

    /// A stopped timer that is still in the heap of its P is none of the stopped any more.
    fn revive(&self, m: &M, timer: &Timer, held: &mut Held<'_>, owner: &'static P) {
        held.bits &= !ZOMBIE;
        owner.timers.count_zombie(false);
        let (number, when) = (held.stamp(), held.when);
        emit!(
            self,
            m,
            held.site,
            [number],
            add_event(timer, held, owner, when),
            Rule::StaysOnHeap { p: owner.id }
        );
    }

    /// Lets no M sleep past the time of a marked timer.
    fn lower(&self, m: &M, held: &Held<'_>, owner: &P) {
        if held.is(MODIFIED) && !held.is(ZOMBIE) {
            held.publish();
            if owner.timers.lower(held.when) {
                m.earlier.set(earliest(m.earlier.get(), Some(held.when)));
            }
        }
    }

    fn mark_stopped(&self, m: &M, timer: &Timer, site: Option<SiteId>) -> Changed {
        let mut held = timer.lock();
        let pending = is_pending(timer, &held);
        held.when = UNSET;
        held.seq += u64::from(timer.is_chan());
        let unrun = held.entry.take();
        let number = held.stamp();
        emit!(self, m, site, [number], Event::TimerStop { timer: held.id, was_set: pending }, None);
        if let Some(owner) = held.owner {
            held.bits |= MODIFIED;
            if !held.is(ZOMBIE) {
                held.bits |= ZOMBIE;
                owner.timers.count_zombie(true);
            }
        }
        Changed { was: TimerWas { pending, unrun }, add: false }
    }

    /// Puts a timer in the heap of the caller's P if it belongs in one (`maybeAdd`).
    fn maybe_add(&self, m: &'static M, timer: &Arc<Timer>) {
        let p = m.p.get().expect("only who has a P sets timers");
        let mut heap = p.timers.lock();
        heap.clean_head();
        let mut held = timer.lock();
        // Another goroutine may have done it meanwhile.
        if !held.needs_add(timer.is_chan()) {
            return;
        }
        held.bits |= HEAPED;
        held.owner = Some(p);
        let (when, first, number) = (held.when, p.timers.wake_time(), held.stamp());
        emit!(
            self,
            m,
            held.site,
            [number],
            add_event(timer, &held, p, when),
            Rule::TimerOnOwnHeap { p: p.id }
        );
        heap.add(Who::Timer(TimerRef::of(timer)), when);
        if first.is_none_or(|first| when < first) {
            m.earlier.set(earliest(m.earlier.get(), Some(when)));
        }
    }

    // ---- channels ----

    /// Fires the timer of a channel that is due, if nobody is blocked there (`maybeRunChan`). One
    /// that is still in a heap, to be taken out, is fired too: Go leaves it until it is taken out.
    pub(super) fn look_at_timer(&self, m: &'static M, timer: &Arc<Timer>) {
        let watched = |bits: u8| bits & (HEAPED | ZOMBIE) == HEAPED;
        if watched(timer.seen()) {
            return;
        }
        let mut held = timer.lock();
        if held.when == UNSET || watched(held.bits) || held.run != self.run {
            return;
        }
        let now = self.pl.now();
        if held.when > now {
            return;
        }
        m.time.set(now);
        let late = now.minus(held.when);
        let firing = decide(timer, &mut held, now);
        if held.is(HEAPED) {
            // Its entry has the old time.
            held.bits |= MODIFIED;
        }
        drop(held);
        if let Firing::Send(chan, seq, when) = firing
            && let Some(g) = chan.send_time(seq, when, Some(late))
        {
            self.ready_on(m, g, None, None);
        }
    }

    /// A goroutine is about to park on the channel of a timer (`blockTimerChan`).
    pub(super) fn block_timer(&self, m: &'static M, timer: &Arc<Timer>) {
        let mut held = timer.lock();
        held.blocked += 1;
        if held.run != self.run {
            // Nobody will fire it in this run.
            return;
        }
        held.g = m.curg.get().map(|g| g.gid());
        if let Some(owner) = held.owner.filter(|_| held.is(ZOMBIE) && held.when != UNSET) {
            self.revive(m, timer, &mut held, owner);
            self.lower(m, &held, owner);
        }
        let add = held.needs_add(true);
        drop(held);
        if add {
            self.maybe_add(m, timer);
        }
    }

    /// It is not blocked any more; with the last one the timer leaves its heap, but stays set
    /// (`unblockTimerChan`).
    pub(super) fn unblock_timer(&self, m: &M, timer: &Arc<Timer>) {
        let mut held = timer.lock();
        held.blocked -= 1;
        if held.blocked > 0 {
            return;
        }
        held.g = None;
        if let Some(owner) = held.owner.filter(|_| !held.is(ZOMBIE)) {
            held.bits |= ZOMBIE;
            owner.timers.count_zombie(true);
            let number = held.stamp();
            emit!(
                self,
                m,
                None,
                [number],
                Event::TimerStop { timer: held.id, was_set: true },
                Rule::TimerUnwatched {}
            );
        }
    }

    // ---- the poller, and Ps that go away ----

    /// Tells the poller of timers that were set under a lock.
    pub(super) fn tell_poller(&self, m: &'static M) {
        if let Some(when) = m.earlier.take() {
            self.wake_poller(m, when);
        }
    }

    /// A timer became the earliest of its P (`wakeNetPoller`).
    pub(super) fn wake_poller(&self, m: &'static M, when: Nanos) {
        if self.polling.load(Ordering::SeqCst) {
            if self.poll_until.load(Ordering::SeqCst) > when.0 {
                self.break_poll(m, when);
            }
        } else {
            // Nobody waits there: an M that wakes up and finds nothing will.
            self.wakep(m);
        }
    }

    /// Moves the timers of a P that goes away to another, with the world stopped (`timers.take`).
    pub(super) fn move_timers(&self, m: &M, from: &'static P, to: &'static P) {
        let mut stamps = Vec::new();
        let (mut heap, mut old) = (to.timers.lock(), from.timers.lock());
        let count = heap.take(&mut old, |who| {
            let number = match who {
                Who::Sleeper(g) => stamp_sleep(g),
                Who::Timer(timer) => {
                    let mut held = timer.lock();
                    held.owner = Some(to);
                    held.stamp()
                }
            };
            if m.recording.get() {
                stamps.push(number);
            }
        });
        drop((heap, old));
        if m.recording.get() && count > 0 {
            let event = Event::TimersMove { from: from.id, to: to.id, count };
            let rule = Rule::ProcsShrink { p: from.id };
            self.record(m, None, &stamps, &mut std::iter::once((event, Some(rule))));
        }
    }
}

/// What a locked timer that is due does, and its next time (`unlockAndRun`).
fn decide(timer: &Timer, held: &mut State, now: Nanos) -> Firing {
    let next = held.next_due(now);
    let due = std::mem::replace(&mut held.when, next);
    match &timer.action {
        Action::Deadline(hook) => Firing::Call(*hook, held.seq),
        Action::Func => match held.entry.take() {
            Some(entry) => Firing::Spawn(entry, held.site),
            None => Firing::Nothing,
        },
        Action::Chan(chan) => {
            let Some(chan) = chan.upgrade() else { return Firing::Nothing };
            if held.period == Nanos(0) {
                // Stop and reset see that a value is on its way, which they then stop.
                timer.sending.fetch_add(1, Ordering::SeqCst);
            }
            Firing::Send(chan, held.seq, due)
        }
    }
}

/// Whether a timer is set and has not fired; one that is about to send, and will not because it is
/// being changed, has not.
fn is_pending(timer: &Timer, held: &State) -> bool {
    held.when != UNSET || held.period == Nanos(0) && timer.sending.load(Ordering::SeqCst) > 0
}

fn add_event(timer: &Timer, held: &State, p: &P, when: Nanos) -> Event {
    Event::TimerAdd { timer: held.id, p: p.id, when, kind: timer.kind(held), g: held.g }
}

fn fire_rule(m: &M, owner: &P, late: Nanos) -> Rule {
    if m.p.get().is_some_and(|p| p.id == owner.id) {
        Rule::TimersFirst { late }
    } else {
        Rule::StealTimers { victim: owner.id }
    }
}
