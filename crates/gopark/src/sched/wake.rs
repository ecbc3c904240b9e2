//! Who is woken for work, and who sleeps: `ready`, `wakep`, `startm`, `stopm`, the idle lists.
//!
//! The protocol between those who submit work and those who give up looking is written down and
//! checked in [`crate::proto::spinning`].

use std::sync::atomic::Ordering;

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, MId, SiteId};
use gopark_trace::ring::{Stamp, Structure};
use gopark_trace::rule::Rule;
use gopark_trace::words::Queue;

use super::{Locked, Promised, Sched, emit};
use crate::g::Gp;
use crate::kernel::{Ev, stamp, stamp_g};
use crate::lock::Guard;
use crate::m::M;
use crate::p::P;
use crate::platform::Platform;
use crate::proto::gword::{RUNNABLE, WAITING};
use crate::proto::spinning::Change;
use crate::runq::{OVERFLOW, RING};

pub(super) fn spin_stamp(change: Change) -> Stamp {
    stamp(Structure::Spin, change.number)
}

/// The stamp of a put into a ring: it comes after the takes that made room, or there would be more
/// than 256 in it for a moment. Drawn by the owner, before the put.
pub(super) fn stamp_room(p: &P) -> Stamp {
    Stamp::after(Structure::Ring(p.id), p.ring.taken().into())
}

impl<Pl: Platform> Sched<Pl> {
    /// Makes a parked goroutine runnable, in the slot of the caller's P (`ready`).
    pub(super) fn ready_on(&self, m: &'static M, g: Gp, site: Option<SiteId>, rule: Option<Rule>) {
        let p = m.p.get().expect("only who has a P makes goroutines ready");
        g.word.switch(WAITING, RUNNABLE);
        g.wait.set(None);
        g.wait_on.set(None);
        let rule = rule.unwrap_or(Rule::ReadyToWakerSlot { p: p.id });
        self.runq_put(m, p, g, site, |to| (Event::GoReady { g: g.gid(), to }, Some(rule)));
        self.wakep(m);
    }

    /// Puts a goroutine into the slot; who was there goes to the ring, or with half of it to the
    /// global queue (`runqput` with next).
    pub(super) fn runq_put(
        &self,
        m: &M,
        p: &'static P,
        g: Gp,
        site: Option<SiteId>,
        arrival: impl FnOnce(Queue) -> Ev,
    ) {
        // Numbers are drawn before the goroutine can be seen, so that whoever takes it is later.
        let recording = m.recording.get();
        let of_g = recording.then(|| stamp_g(g));
        let (old, number) = p.slot.put(g);
        let of_old = if recording { old.map(stamp_g) } else { None };
        let room = recording.then(|| stamp_room(p));
        let ring = if recording { p.ring.len() as u32 } else { 0 };
        let kicked = old.map(|old| {
            let to = if p.ring.push(old) { Queue::Ring(p.id) } else { Queue::Hand };
            (old, to)
        });
        if let (Some(of_g), Some(room)) = (of_g, room) {
            let of_slot = stamp(Structure::Slot(p.id), number);
            let (event, rule) = arrival(Queue::Slot(p.id));
            if let (Some((old, to)), Some(of_old)) = (kicked, of_old) {
                let kick = Event::SlotKick { p: p.id, g: old.gid(), to };
                let events =
                    [(kick, Some(Rule::SlotDisplaced { by: g.gid(), ring })), (event, rule)];
                self.record(m, site, &[of_g, of_slot, of_old, room], &mut events.into_iter());
            } else {
                self.record_one(m, site, &[of_g, of_slot, room], &event, rule.as_ref());
            }
        }
        if let Some((old, Queue::Hand)) = kicked {
            self.overflow(m, p, old, site);
        }
    }

    /// The ring is full: its oldest half and the one in hand, which did not fit, go to the global
    /// queue (`runqputslow`). If a thief has made room meanwhile, it goes to the ring after all.
    #[cold]
    pub(super) fn overflow(&self, m: &M, p: &P, g: Gp, site: Option<SiteId>) {
        let mut locked = self.lock();
        let ring = p.ring.len();
        if ring >= RING {
            return self.overflow_locked(m, p, g, site, &mut locked, ring as u32);
        }
        drop(locked);
        let numbers = m.recording.get().then(|| [stamp_g(g), stamp_room(p)]);
        let put = p.ring.push(g);
        debug_assert!(put, "only thieves change the ring meanwhile, and they make room");
        if m.recording.get() {
            let event = Event::RingPut { p: p.id, gs: vec![g.gid()] };
            self.record(
                m,
                site,
                numbers.as_slice().as_flattened(),
                &mut std::iter::once((event, None)),
            );
        }
    }

    fn overflow_locked(
        &self,
        m: &M,
        p: &P,
        g: Gp,
        site: Option<SiteId>,
        locked: &mut Locked,
        ring: u32,
    ) {
        let recording = m.recording.get();
        let mut ids: Vec<GId> = Vec::new();
        let mut stamps: Vec<Stamp> = Vec::new();
        let mut first_pos = None;
        for old in p.ring.grab(&m.loot, OVERFLOW) {
            first_pos.get_or_insert(old.ring_pos.get());
            if recording {
                ids.push(old.gid());
                stamps.push(stamp_g(old));
            }
            locked.global.push_back(old);
        }
        if recording {
            let structure = Structure::Ring(p.id);
            let len = ids.len() as u32;
            stamps.extend(first_pos.map(|n: u32| Stamp { structure, number: n.into(), len }));
            stamps.extend([stamp_g(g), locked.stamp()]);
            ids.push(g.gid());
        }
        self.global_push(locked, g);
        if recording {
            let rule = Rule::RingFull { ring, moved: ids.len() as u32 };
            let event = Event::RingOverflow { p: p.id, gs: ids };
            self.record(m, site, &stamps, &mut std::iter::once((event, Some(rule))));
        }
    }

    /// New work is there: wakes one M to look, if nobody looks and a P is idle (`wakep`).
    pub(super) fn wakep(&self, m: &'static M) {
        if self.spinning.any_after_submit() {
            return;
        }
        // Nobody idle and the note already left: nothing to do, and no lock is taken for it. Sound
        // because the fence above orders the work before both looks: an M that takes the note
        // later searches the queues later, and one that goes idle later sees the note first.
        if self.idle_ps.load(Ordering::SeqCst) == 0 && self.needspinning.load(Ordering::SeqCst) {
            return;
        }
        let Some(change) = self.spinning.try_first() else { return };
        // A group of its own: before the lock is ours, others may have changed the count again.
        self.account(m, spin_stamp(change));
        let mut locked = self.lock();
        if locked.ended.is_some() {
            // Every idle M was sent home already.
            return;
        }
        let idle = locked.idle_ps.len() as u32;
        match self.pidle_get_as(m, &mut locked, Rule::WakeOne { idle }) {
            Some(p) => self.start_m(m, locked, p, true),
            None => {
                let back = self.spinning.stop();
                // Under the lock: an M that gives up its P looks for the note under it, too.
                self.leave_note(m, Some(spin_stamp(back)));
            }
        }
    }

    /// Records a number that nothing is to be told of.
    pub(super) fn account(&self, m: &M, stamp: Stamp) {
        if m.recording.get() {
            self.record(m, None, &[stamp], &mut std::iter::empty());
        }
    }

    /// Says that work was left because no P was idle.
    fn leave_note(&self, m: &M, number: Option<Stamp>) {
        let was = self.needspinning.swap(true, Ordering::SeqCst);
        let news = (!was).then_some((Event::NeedSpinning { on: true }, Some(Rule::NoIdleP {})));
        // Without news there is still the number to account for.
        if m.recording.get() && (number.is_some() || news.is_some()) {
            self.record(m, None, number.as_slice(), &mut news.into_iter());
        }
    }

    /// Gives an idle P to an M: the last parked, or a new one (`startm`).
    pub(super) fn start_m(
        &self,
        m: &'static M,
        mut locked: Guard<'_, Locked>,
        p: &'static P,
        spinning: bool,
    ) {
        let idle = locked.idle_ms.len() as u32;
        let next = locked.idle_ms.pop();
        let id = next.map_or(MId(locked.ms), |next| next.id);
        if next.is_none() {
            if locked.ms - locked.gone_ms >= self.max_ms {
                drop(locked);
                return self.too_many_threads(m);
            }
            locked.ms += 1;
        }
        if m.recording.get() {
            let stamps = [locked.stamp()];
            let (event, rule) = if next.is_none() {
                let event = Event::MStart { m: id, p: Some(p.id), spinning };
                (event, Rule::NoIdleM { threads: locked.ms - locked.gone_ms })
            } else {
                let event = Event::MWake { m: id, p: Some(p.id), spinning };
                (event, Rule::LastParkedFirst { idle })
            };
            self.record(m, None, &stamps, &mut std::iter::once((event, Some(rule))));
        }
        let next = next.or_else(|| self.table(&locked).get(id.0 as usize).copied());
        let Some(next) = next else {
            locked.promised.push(Promised { m: id, p, spinning });
            self.promised_since.store(self.pl.now().0, Ordering::SeqCst);
            drop(locked);
            return self.pl.launch(self, id);
        };
        next.spinning.set(spinning);
        next.next_p.set(Some(p));
        drop(locked);
        self.pl.wake(next);
        if id.0 != 0 && idle == 0 {
            self.pl.make_spare();
        }
    }

    /// More threads than a program may have (`checkmcount`).
    #[cold]
    fn too_many_threads(&self, m: &'static M) {
        let most = self.max_ms;
        let text = format!(
            "runtime: program exceeds {most}-thread limit\nfatal error: thread exhaustion\n"
        );
        self.fatal(m, text);
    }

    /// A thread that was made is ready to be an M: the next number is its, and what was promised to
    /// that number; says whether there was one. Without it sleeps until it is needed.
    pub(crate) fn enlist_thread(&self, m: Box<M>) -> (&'static M, bool) {
        let mut locked = self.lock();
        let m = self.enlist(&mut locked, m);
        let promised = locked.promised.iter().position(|promised| promised.m == m.id);
        if let Some(i) = promised {
            let Promised { p, spinning, .. } = locked.promised.swap_remove(i);
            m.spinning.set(spinning);
            m.next_p.set(Some(p));
        }
        if locked.ended.is_some() {
            // Those that sleep were woken already.
            m.note.wake_at_end();
        }
        if locked.promised.is_empty() {
            self.promised_since.store(u64::MAX, Ordering::SeqCst);
        }
        (m, promised.is_some())
    }

    /// Sleeps on the idle list until somebody has a P for this M (`stopm`). Without a P after it,
    /// the run is over.
    pub(super) fn stop_m(&self, m: &'static M) {
        let mut locked = self.lock();
        if locked.ended.is_some() {
            return;
        }
        locked.idle_ms.push(m);
        emit!(self, m, None, [locked.stamp()], Event::MPark { m: m.id }, Rule::NothingToDo {});
        let dead = self.check_dead(&mut locked);
        drop(locked);
        match dead {
            Some(ended) => self.finish(m, ended),
            None => self.pl.sleep(m),
        }
        self.take_given(m);
    }

    /// Takes what came with the wake: a P, or the P of a thread that is suspended.
    pub(super) fn take_given(&self, m: &'static M) {
        match m.takes_from.take() {
            Some(victim) => self.take_over(m, victim),
            None => m.next_p.take().into_iter().for_each(|p| self.acquire_p(m, p)),
        }
    }

    /// Puts a goroutine at the tail of the global queue (`globrunqput`).
    pub(super) fn global_push(&self, locked: &mut Locked, g: Gp) {
        locked.global.push_back(g);
        self.global_len.store(locked.global.len(), Ordering::SeqCst);
    }

    /// Takes a P that nobody else has (`acquirep`).
    pub(super) fn acquire_p(&self, m: &M, p: &'static P) {
        m.p.set(Some(p));
        p.set_owner(Some(m));
        p.slice_start.set(self.time_seen(m));
        let number = p.next_event();
        emit!(
            self,
            m,
            None,
            [stamp(Structure::P(p.id), number)],
            Event::PAcquire { p: p.id },
            Rule::PromisedP { p: p.id }
        );
    }

    /// Puts a P on the idle list (`pidleput`). Its queues are empty.
    pub(super) fn pidle_put(&self, m: &M, locked: &mut Locked, p: &'static P, rule: Rule) {
        debug_assert!(p.is_empty(), "an idle P has no work");
        p.idle.store(true, Ordering::Relaxed);
        locked.idle_ps.push(p);
        let number = p.next_event();
        self.idle_ps.store(locked.idle_ps.len() as u32, Ordering::SeqCst);
        // It comes after the thefts that emptied its queues.
        emit!(
            self,
            m,
            None,
            [
                locked.stamp(),
                stamp(Structure::P(p.id), number),
                stamp_room(p),
                Stamp::after(Structure::Slot(p.id), p.slot.changes().into()),
            ],
            Event::PIdle { p: p.id },
            rule
        );
    }

    /// Takes the P that went idle last (`pidleget`).
    pub(super) fn pidle_get(&self, m: &M, locked: &mut Locked) -> Option<&'static P> {
        let idle = locked.idle_ps.len() as u32;
        self.pidle_get_as(m, locked, Rule::IdlePForWork { idle })
    }

    pub(super) fn pidle_get_as(
        &self,
        m: &M,
        locked: &mut Locked,
        rule: Rule,
    ) -> Option<&'static P> {
        let p = locked.idle_ps.pop()?;
        self.idle_ps.store(locked.idle_ps.len() as u32, Ordering::SeqCst);
        p.idle.store(false, Ordering::Relaxed);
        let number = p.next_event();
        emit!(
            self,
            m,
            None,
            [locked.stamp(), stamp(Structure::P(p.id), number)],
            Event::PGet { p: p.id },
            rule
        );
        Some(p)
    }

    /// As [`Sched::pidle_get`]; without one a note is left (`pidlegetSpinning`).
    pub(super) fn pidle_get_spinning(&self, m: &M, locked: &mut Locked) -> Option<&'static P> {
        let p = self.pidle_get(m, locked);
        if p.is_none() {
            self.leave_note(m, None);
        }
        p
    }

    /// Starts to look for work (`becomeSpinning`).
    pub(super) fn become_spinning(&self, m: &M, rule: Rule) {
        m.spinning.set(true);
        let change = self.spinning.start();
        // The note is taken with it.
        let cleared = self.needspinning.swap(false, Ordering::SeqCst);
        if m.recording.get() {
            let on = Event::MSpin { m: m.id, on: true, spinning: change.count };
            let clear = cleared.then_some((Event::NeedSpinning { on: false }, None));
            let events = std::iter::once((on, Some(rule))).chain(clear);
            self.record(m, None, &[spin_stamp(change)], &mut { events });
        }
    }

    /// Takes the note that work was left, for an M that is made to look (`handoffp`).
    pub(super) fn take_note(&self, m: &M) {
        if self.needspinning.swap(false, Ordering::SeqCst) {
            emit!(self, m, None, [], Event::NeedSpinning { on: false }, None);
        }
    }

    /// Stops to look for work.
    pub(super) fn stop_spinning(&self, m: &M, rule: impl FnOnce(u32) -> Rule) {
        m.spinning.set(false);
        let change = self.spinning.stop();
        emit!(
            self,
            m,
            None,
            [spin_stamp(change)],
            Event::MSpin { m: m.id, on: false, spinning: change.count },
            rule(change.count)
        );
    }

    /// It found work while spinning: it stops, and as the one who looked it wakes the next
    /// (`resetspinning`).
    pub(super) fn reset_spinning(&self, m: &'static M) {
        self.stop_spinning(m, |spinning| Rule::FoundWhileSpinning { spinning });
        self.wakep(m);
    }
}
