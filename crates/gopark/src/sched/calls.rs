//! The runtime calls of goroutines, for any platform.

use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::panic::Location;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Weak};

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, Nanos, PId, SiteId, TimerId};
use gopark_trace::ring::Stamp;
use gopark_trace::rule::Rule;
use gopark_trace::words::EndKind;

use super::{Ended, Sched, emit};
use crate::g::Gp;
use crate::kernel::{
    Ev, IdKind, Kernel, Look, NewFd, Park, Request, Spawn, TimerSet, TimerWas, stamp_g,
};
use crate::m::M;
use crate::netpoll::{Opened, PollDesc, Room};
use crate::platform::{Gate, Platform};
use crate::timers::Timer;
use crate::timers::heap::Dead;

/// Rounds a lock may be spun for (`active_spin`).
const SPIN_ROUNDS: u32 = 4;
/// What one round costs (30 pauses, about this on today's processors).
const SPIN_TIME: Nanos = Nanos(300);

impl<Pl: Platform> Sched<Pl> {
    /// Switches from the calling goroutine to its M.
    #[inline]
    pub(super) fn switch(&self, request: Request) {
        if std::thread::panicking() && !self.is_ending() {
            if !Pl::LAB {
                return self.block_thread(request);
            }
            self.switch_while_panicking();
        }
        let g = self.m().curg.get().expect("a goroutine calls");
        // SAFETY: the goroutine runs, so its coroutine is there and its suspender valid.
        unsafe { (*g.suspender.get()).suspend(request) };
    }

    /// A gate on a goroutine's stack: if the run ended meanwhile, it never goes on.
    #[inline]
    pub(super) fn call_gate(&self) -> &'static M {
        let m = self.m();
        m.later();
        self.gate(m, Gate::Call);
        if self.is_ending() {
            self.never_go_on();
        }
        if m.preempt.load(Ordering::Relaxed) { self.give_way() } else { m }
    }

    /// Somebody asked the goroutine to give way. It goes on when it is picked again.
    #[cold]
    fn give_way(&self) -> &'static M {
        // While a panic unwinds nobody is given way to: see `switch`.
        if !std::thread::panicking() {
            self.switch(Request::Preempt(None));
        }
        if self.is_ending() {
            self.never_go_on();
        }
        self.m()
    }

    /// A destructor that runs while a panic unwinds wants to wait. A switch now would leave the
    /// thread's count of panics to the next goroutine, and in the lab there is no other thread for
    /// the others to go on with: the run ends.
    #[cold]
    fn switch_while_panicking(&self) {
        let m = self.m();
        let g = m.curg.get().map_or(0, |g| g.id.get());
        let text = format!(
            "fatal error: goroutine {g} waits in a destructor while it panics; gopark can't switch then\n"
        );
        self.finish(m, Ended { how: EndKind::Fatal, text, rule: None });
    }

    #[cold]
    pub(super) fn never_go_on(&self) {
        loop {
            self.switch(Request::Abandon);
        }
    }
}

impl<Pl: Platform> Kernel for Sched<Pl> {
    fn reenter(&self) {
        self.settle_claim(self.m());
    }

    fn gate(&self) {
        self.call_gate();
    }

    fn recording(&self) -> bool {
        self.m().recording.get()
    }

    fn site(&self, at: &'static Location<'static>) -> Option<SiteId> {
        let m = self.m();
        if let Some(g) = m.curg.get() {
            g.at.set(Some(at));
        }
        if !m.recording.get() {
            return None;
        }
        let addr = std::ptr::from_ref(at).addr();
        if let Some(site) = m.sites.borrow().get(addr) {
            return Some(site);
        }
        let site = self.pl.site(m, at);
        m.sites.borrow_mut().put(addr, site);
        Some(site)
    }

    fn record(&self, site: Option<SiteId>, stamps: &[Stamp], events: &mut dyn Iterator<Item = Ev>) {
        let m = self.m();
        self.pl.record(m, site, stamps, events);
    }

    fn record_one(
        &self,
        site: Option<SiteId>,
        stamps: &[Stamp],
        event: &Event,
        rule: Option<&Rule>,
    ) {
        self.pl.record_one(self.m(), site, stamps, event, rule);
    }

    fn current(&self) -> Gp {
        self.m().curg.get().expect("a goroutine calls")
    }

    fn current_p(&self) -> PId {
        self.m().p.get().expect("a goroutine calls with a P").id
    }

    fn spawn(&self, spawn: Spawn, site: Option<SiteId>) -> GId {
        let m = self.call_gate();
        let parent = m.curg.get().map(|g| g.gid());
        let id = self.spawn_on(m, spawn, parent, site);
        self.wakep(m);
        id
    }

    fn park(&self, park: Park) {
        self.switch(Request::Park(park));
        if self.is_ending() {
            self.never_go_on();
        }
    }

    fn ready(&self, g: Gp, site: Option<SiteId>, rule: Option<Rule>) {
        self.ready_on(self.m(), g, site, rule);
    }

    fn yield_now(&self, site: Option<SiteId>) {
        self.call_gate();
        // In a destructor while a panic unwinds nobody is given way to: see `switch`.
        if !std::thread::panicking() {
            self.switch(Request::Yield(site));
        }
    }

    fn goyield(&self, site: Option<SiteId>) {
        if !std::thread::panicking() {
            self.switch(Request::GoYield(site));
        }
    }

    fn enter_call(&self, call: &'static str, blocking: bool, site: Option<SiteId>) {
        self.enter_call(call, blocking, site);
    }

    fn wait_in_call(&self, time: Nanos) {
        self.pl.wait_in_call(self.m(), time);
        // The run may have ended meanwhile; what is to be called must not be.
        if self.is_ending() {
            self.never_go_on();
        }
    }

    fn leave_call(&self, site: Option<SiteId>) {
        self.leave_call(site);
        if self.is_ending() {
            self.never_go_on();
        }
    }

    fn tie(&self, on: bool, site: Option<SiteId>) {
        let m = self.call_gate();
        if on { self.tie(m, site) } else { self.untie(m, site) }
    }

    fn resize(&self, procs: usize) -> usize {
        self.resize(procs)
    }

    fn dump(&self) -> String {
        let locked = self.lock();
        self.dump(&locked)
    }

    fn now(&self) -> Nanos {
        self.pl.now()
    }

    fn work(&self, time: Nanos, site: Option<SiteId>) {
        let mut m = self.call_gate();
        let g = m.curg.get().expect("a goroutine calls");
        emit!(self, m, site, [stamp_g(g)], Event::Work { g: g.gid(), time }, None);
        let mut left = time;
        loop {
            // It may be stopped here like any code of the user.
            m.claim.leave();
            left = self.pl.work(m, left);
            m.claim.enter();
            if m.claim.is_contested() {
                self.settle_claim(m);
            }
            if self.is_ending() {
                self.never_go_on();
            }
            if left == Nanos(0) {
                break;
            }
            m = self.call_gate();
        }
        emit!(self, m, site, [stamp_g(g)], Event::WorkEnd { g: g.gid() }, None);
    }

    fn random(&self) -> u32 {
        self.pl.random(self.m())
    }

    fn next_id(&self, kind: IdKind) -> u32 {
        self.obj_ids[kind as usize].fetch_add(1, Ordering::Relaxed)
    }

    fn register(&self, thing: Weak<dyn Look>) {
        if self.recording {
            self.things.lock().push(thing);
        }
    }

    fn next_timer(&self) -> TimerId {
        TimerId(self.timer_ids.fetch_add(1, Ordering::Relaxed))
    }

    fn timer_set(&self, timer: &Arc<Timer>, set: TimerSet) -> TimerWas {
        self.set_timer(self.m(), timer, set)
    }

    fn timer_stop(&self, timer: &Arc<Timer>, site: Option<SiteId>) -> TimerWas {
        self.stop_timer(self.m(), timer, site)
    }

    fn timer_look(&self, timer: &Arc<Timer>) {
        self.look_at_timer(self.m(), timer);
    }

    fn timer_block(&self, timer: &Arc<Timer>) {
        self.block_timer(self.m(), timer);
    }

    fn timer_unblock(&self, timer: &Arc<Timer>) {
        self.unblock_timer(self.m(), timer);
    }

    fn tell_poller(&self) {
        self.tell_poller(self.m());
    }

    fn dead_timers(&self) -> Dead {
        self.m().p.get().map_or_else(Dead::none, |p| p.timers.take_dead())
    }

    fn can_spin(&self, round: u32) -> bool {
        let m = self.m();
        let looking = self.idle_ps.load(Ordering::Relaxed) + self.spinning.count() + 1;
        round < SPIN_ROUNDS
            && self.pl.parallel()
            && self.procs() > 1
            && self.procs() as u32 > looking
            && m.p.get().is_some_and(crate::p::P::is_empty)
    }

    fn spin(&self) {
        self.pl.pause(self.m(), SPIN_TIME);
        if self.is_ending() {
            self.never_go_on();
        }
    }

    fn end(&self, how: EndKind, text: String, rule: Option<Rule>) {
        self.fail(how, text, rule);
        self.never_go_on();
    }

    fn fail(&self, how: EndKind, text: String, rule: Option<Rule>) {
        self.finish(self.m(), Ended { how, text, rule });
    }

    fn run(&self) -> u32 {
        self.run
    }

    fn procs(&self) -> usize {
        self.procs()
    }

    fn alive(&self) -> u64 {
        // Those that are gone first, or one made and gone in between would be missing.
        let gone = self.gone.load(Ordering::Acquire);
        self.made.load(Ordering::Acquire).saturating_sub(gone)
    }

    fn set_name(&self, name: String) {
        let m = self.m();
        let g = self.current();
        emit!(self, m, None, [stamp_g(g)], Event::GoName { g: g.gid(), name: name.clone() }, None);
        g.name.set(Some(name.into_boxed_str()));
    }
    fn io_gate(&self) {
        self.call_gate();
        self.pl.before_io();
    }

    fn before_io(&self) {
        self.pl.before_io();
    }

    fn poll_waiters(&self) -> Arc<AtomicI32> {
        self.netpoll.waiters()
    }

    fn poll_open(&self, new: NewFd<'_>, room: &mut Room) -> Opened {
        self.open_fd(self.m(), new, room)
    }

    fn poll_peer(&self, desc: &'static PollDesc, fd: BorrowedFd<'_>, to: Option<SocketAddr>) {
        self.pl.poll_peer(fd, desc, to);
    }

    fn poll_close(&self, desc: &'static PollDesc, fd: BorrowedFd<'_>) {
        self.close_fd(self.m(), desc, fd);
    }
}
