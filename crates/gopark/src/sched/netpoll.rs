//! Who polls, and where the goroutines go that a poll gives (`netpoll` in `findRunnable`,
//! `injectglist`).
//!
//! A goroutine that a poll gives does not go where it came from. With a P the first runs at once;
//! of the others one goes to each idle P, by way of the global queue, and the rest to the own ring.
//! Without a P all go to the global queue.

use std::os::fd::BorrowedFd;
use std::sync::atomic::Ordering;

use gopark_trace::event::Event;
use gopark_trace::ids::{FdId, GId, Nanos, Obj};
use gopark_trace::ring::{Stamp, Structure};
use gopark_trace::rule::Rule;
use gopark_trace::words::{PollMode, Queue};

use super::find::{Found, LastLook};
use super::wake::stamp_room;
use super::{Sched, emit};
use crate::g::{GList, Gp};
use crate::kernel::{Ev, IdKind, Kernel, NewFd, stamp, stamp_g};
use crate::m::M;
use crate::netpoll::{FdEvents, Opened, PollDesc, Room};
use crate::p::P;
use crate::platform::{Gate, Patience, Platform};
use crate::proto::gword::{RUNNABLE, WAITING};
use crate::runq::RING;

/// A descriptor gives two numbers: it is opened, it is closed.
fn fd_stamp(fd: FdId, number: u32) -> Stamp {
    stamp(Structure::Obj(Obj::Fd(fd)), number)
}

impl<Pl: Platform> Sched<Pl> {
    // ---- polls ----

    /// Step 5 of the search: before it steals, one M asks without waiting.
    pub(super) fn poll_before_stealing(&self, m: &'static M, p: &'static P) -> Option<Found> {
        let netpoll = &self.netpoll;
        let worth = netpoll.any_waiters() && !self.polling.load(Ordering::SeqCst);
        if !worth || netpoll.asking.swap(true, Ordering::Acquire) {
            return None;
        }
        let mut gs = self.ask(m, Rule::PollBeforeStealing {});
        netpoll.asking.store(false, Ordering::Release);
        self.run_first(m, p, &mut gs)
    }

    /// For sysmon, when nobody has polled for a while: everything goes to the global queue. `m` has
    /// no P.
    #[expect(dead_code, reason = "sysmon's")]
    pub(super) fn netpoll_for_sysmon(&self, m: &'static M) {
        self.netpoll.last_poll.store(self.pl.now().0, Ordering::Relaxed);
        let mut gs = self.ask(m, Rule::PollBeforeStealing {});
        self.inject_without_p(m, &mut gs);
    }

    /// When a poll last ended; for sysmon. None while somebody waits in the poller.
    #[expect(dead_code, reason = "sysmon's")]
    pub(super) fn last_poll(&self) -> Option<Nanos> {
        (!self.polling.load(Ordering::SeqCst)).then(|| self.netpoll.last_poll())
    }

    /// Polls without waiting. What it gave is told as one step, if it gave anything.
    fn ask(&self, m: &M, rule: Rule) -> GList {
        let mut events = FdEvents::new();
        self.pl.poll(m, Patience::None, &mut events);
        if events.as_slice().is_empty() {
            return GList::new();
        }
        let start = Event::PollStart { mode: PollMode::NonBlocking, until: None };
        self.take(m, &events, Some((start, Some(rule))))
    }

    /// Takes the goroutines out of the words of what is ready, and tells it, after `before`.
    fn take(&self, m: &M, events: &FdEvents, before: Option<Ev>) -> GList {
        let recording = m.recording.get();
        let (mut told, mut stamps): (Vec<Ev>, Vec<Stamp>) = (Vec::new(), Vec::new());
        told.extend(before.filter(|_| recording));
        let gs = self.netpoll.apply(events, |fd, dir, g| {
            if recording {
                told.push((Event::FdReady { fd, dir, g: g.map(|g| g.gid()) }, None));
                stamps.push(Stamp::after(Structure::Obj(Obj::Fd(fd)), 1));
            }
        });
        if recording {
            told.push((Event::PollEnd { gs: gs.iter().map(|g| g.gid()).collect() }, None));
            self.record(m, None, &stamps, &mut told.into_iter());
        }
        gs
    }

    /// Step 10 of the search: the one M that waits, for timers and descriptors, without a P.
    pub(super) fn poll_blocking(
        &self,
        m: &'static M,
        until: Option<Nanos>,
        was_spinning: bool,
    ) -> LastLook {
        if until.is_none() && !self.netpoll.any_waiters() {
            return LastLook::Released;
        }
        if self.polling.swap(true, Ordering::SeqCst) {
            // Somebody waits there already: it must not wait for longer than our timer.
            if let Some(when) = until
                && self.poll_until.load(Ordering::SeqCst) > when.0
            {
                self.break_poll(m, when);
            }
            return LastLook::Released;
        }
        self.poll_until.store(until.unwrap_or(Nanos::MAX).0, Ordering::SeqCst);
        emit!(
            self,
            m,
            None,
            [],
            Event::PollStart { mode: PollMode::Blocking, until },
            Rule::OnePollerWaits { until }
        );
        let mut events = FdEvents::new();
        if !self.is_ending() {
            self.pl.poll(m, Patience::Until(until), &mut events);
        }
        if self.is_ending() {
            return LastLook::Released;
        }
        // Told before another M may poll: there is one at a time.
        let mut gs = self.take(m, &events, None);
        self.netpoll.last_poll.store(self.pl.now().0, Ordering::Relaxed);
        self.poll_until.store(u64::MAX, Ordering::SeqCst);
        self.polling.store(false, Ordering::SeqCst);
        self.gate(m, Gate::Find);
        if self.is_ending() {
            return LastLook::Released;
        }
        let mut locked = self.lock();
        let Some(p) = self.pidle_get(m, &mut locked) else {
            drop(locked);
            self.inject_without_p(m, &mut gs);
            return LastLook::Released;
        };
        drop(locked);
        self.acquire_p(m, p);
        if let Some(found) = self.run_first(m, p, &mut gs) {
            return LastLook::Work(found);
        }
        if was_spinning {
            let busy = (self.procs() as u32).saturating_sub(self.idle_ps.load(Ordering::Relaxed));
            self.become_spinning(m, Rule::MaySpin { spinning: self.spinning.count(), busy });
        }
        LastLook::Again
    }

    /// Breaks the poll off because a timer is due earlier.
    pub(super) fn break_poll(&self, m: &M, when: Nanos) {
        emit!(
            self,
            m,
            None,
            [],
            Event::PollBreak { why: "a timer is due earlier".to_owned() },
            Rule::EarlierTimer { when }
        );
        self.pl.poll_break();
    }

    // ---- what a poll gives ----

    /// The first runs on the own P, the others are for all.
    fn run_first(&self, m: &'static M, p: &'static P, gs: &mut GList) -> Option<Found> {
        let idle = self.idle_ps.load(Ordering::Relaxed);
        self.make_runnable(m, gs, Rule::InjectList { idle, n: gs.len() });
        let first = gs.pop_front()?;
        self.inject(m, p, gs, idle);
        Some(Found::in_hand(first))
    }

    /// They are runnable, in the hand of this M.
    fn make_runnable(&self, m: &M, gs: &GList, rule: Rule) {
        let recording = m.recording.get();
        let (mut told, mut stamps): (Vec<Ev>, Vec<Stamp>) = (Vec::new(), Vec::new());
        for g in gs.iter() {
            g.word.switch(WAITING, RUNNABLE);
            g.wait.set(None);
            g.wait_on.set(None);
            if recording {
                stamps.push(stamp_g(g));
                let event = Event::GoReady { g: g.gid(), to: Queue::Hand };
                told.push((event, Some(rule.clone())));
            }
        }
        if recording && !told.is_empty() {
            self.record(m, None, &stamps, &mut told.into_iter());
        }
    }

    /// `injectglist` with a P: one for each idle P, the rest to the own ring.
    fn inject(&self, m: &'static M, p: &'static P, gs: &mut GList, idle: u32) {
        if gs.is_empty() {
            return;
        }
        let n = gs.len();
        let mut others = GList::new();
        for _ in 0..idle.min(n) {
            others.extend_one(gs.pop_front());
        }
        let rule = || Rule::InjectList { idle, n };
        self.global_put_and_start(m, &mut others, rule());
        // Thieves only make more room meanwhile.
        let room = RING.saturating_sub(p.ring.len());
        let recording = m.recording.get();
        let (mut ids, mut stamps): (Vec<GId>, Vec<Stamp>) = (Vec::new(), Vec::new());
        if recording {
            ids.extend(gs.iter().take(room).map(|g| g.gid()));
            stamps.extend(gs.iter().take(room).map(stamp_g));
            stamps.push(stamp_room(p));
        }
        for g in (0..room).map_while(|_| gs.pop_front()) {
            let put = p.ring.push(g);
            debug_assert!(put, "there was room");
        }
        if recording && !ids.is_empty() {
            let event = Event::RingPut { p: p.id, gs: ids };
            self.record(m, None, &stamps, &mut std::iter::once((event, Some(rule()))));
        }
        self.global_put(m, gs, rule());
        // A P may have gone idle since they were counted, before it could see the work.
        self.wakep(m);
    }

    /// `injectglist` without a P.
    fn inject_without_p(&self, m: &'static M, gs: &mut GList) {
        let rule = Rule::PollerWithoutP { n: gs.len() };
        self.make_runnable(m, gs, rule.clone());
        self.global_put_and_start(m, gs, rule);
    }

    /// Puts them into the global queue and starts as many Ms, as long as there are idle Ps.
    fn global_put_and_start(&self, m: &'static M, gs: &mut GList, rule: Rule) {
        let n = gs.len();
        self.global_put(m, gs, rule);
        for _ in 0..n {
            let mut locked = self.lock();
            if locked.ended.is_some() {
                return;
            }
            let Some(p) = self.pidle_get_spinning(m, &mut locked) else { return };
            self.start_m(m, locked, p, false);
        }
    }

    /// Puts them at the tail of the global queue (`globrunqputbatch`).
    fn global_put(&self, m: &M, gs: &mut GList, rule: Rule) {
        if gs.is_empty() {
            return;
        }
        let mut locked = self.lock();
        let recording = m.recording.get();
        let (mut ids, mut stamps): (Vec<GId>, Vec<Stamp>) = (Vec::new(), Vec::new());
        if recording {
            stamps.push(locked.stamp());
        }
        while let Some(g) = gs.pop_front() {
            if recording {
                ids.push(g.gid());
                stamps.push(stamp_g(g));
            }
            locked.global.push_back(g);
        }
        self.global_len.store(locked.global.len(), Ordering::Relaxed);
        if recording {
            let event = Event::GlobalPut { gs: ids, to: Queue::Global };
            self.record(m, None, &stamps, &mut std::iter::once((event, Some(rule))));
        }
    }

    // ---- descriptors ----

    /// Registers a descriptor, both directions, once (`poll_runtime_pollOpen`).
    pub(super) fn open_fd(&self, m: &M, new: NewFd<'_>, room: &mut Room) -> Opened {
        let id = FdId(self.next_id(IdKind::Fd));
        let desc = match self.netpoll.open(id, room) {
            Ok(desc) => desc,
            Err(many) => return Opened::NeedsRoom(many),
        };
        let what = || new.what.to_owned();
        emit!(self, m, new.site, [fd_stamp(id, 0)], Event::FdOpen { fd: id, what: what() }, None);
        match self.pl.poll_add(new.fd, desc, new.origin) {
            Ok(()) => Opened::Yes(desc),
            Err(error) => {
                emit!(self, m, new.site, [fd_stamp(id, 1)], Event::FdClose { fd: id }, None);
                self.netpoll.close(desc);
                Opened::Failed(error)
            }
        }
    }

    /// Takes a descriptor out of the poller (`poll_runtime_pollClose`).
    pub(super) fn close_fd(&self, m: &M, desc: &'static PollDesc, fd: BorrowedFd<'_>) {
        let id = desc.id();
        let waits = desc.evict(self, None);
        debug_assert!(waits.iter().all(Option::is_none), "who waits has a share of it");
        self.pl.poll_remove(fd, desc);
        emit!(self, m, None, [fd_stamp(id, 1)], Event::FdClose { fd: id }, None);
        self.netpoll.close(desc);
    }
}

impl GList {
    fn extend_one(&mut self, g: Option<Gp>) {
        g.into_iter().for_each(|g| self.push_back(g));
    }
}
