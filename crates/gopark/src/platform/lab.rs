//! The lab: deterministic, steppable, in virtual time.
//!
//! Ms are coroutines that take turns on one kernel thread. A turn ends at a gate, in a sleep, in a
//! poll or in `work`; then the lab picks who acts next: the M whose moment comes first, and of
//! several with the same moment one drawn from the seed. Nothing else decides, so the same program
//! with the same seed gives the same events.
//!
//! **Time.** The clock stands while an M acts. Each gate costs its M one step (100 ns by default),
//! `work(d)` costs d; meanwhile others act. When nobody can act now, the clock moves to the first
//! moment at which somebody can.
//!
//! **Panics.** While one unwinds nobody else acts, as there is one thread, and it counts it; time
//! passes all the same. A destructor that has to wait then would wait for ever: it ends the run with
//! a fatal error. Live runs have other threads, and there it waits.
//!
//! **Turns and stacks.** An M's coroutine is suspended from wherever it stands: often on the stack
//! of the goroutine it runs, one level deeper. That is what a nested coroutine allows, and what
//! `gopark-fiber`'s first test is about.

mod outside;
mod settle;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::panic::Location;
use std::sync::Arc;

use gopark_fiber::{Fiber, StackConfig, StackError, Stacks, Step, Suspender};
use gopark_trace::event::Event;
use gopark_trace::ids::{MId, Nanos, SiteId};
use gopark_trace::record::{Certainty, Record};
use gopark_trace::ring::Stamp;
use gopark_trace::words::EndKind;

use self::outside::{Look, Outside};
use super::{Gate, Origin, Patience, Platform};
use crate::conductor::{Conductor, Verdict};
use crate::current;
use crate::kernel::Ev;
use crate::m::{M, next_random};
use crate::netpoll::{FdEvents, PollDesc};
use crate::sched::{Ended, MAX_PS, Sched, Sysmon};
use crate::sink::Sink;

/// Stack of an M: the scheduler's own frames, and those of whoever takes the records.
const M_STACK: usize = 256 << 10;

/// When an M can act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// From this moment on.
    At(Nanos),
    /// When it is woken.
    Asleep,
    /// At this moment, or when the poll is broken off.
    Polling(Option<Nanos>),
}

/// An M of the lab.
struct LabM {
    m: &'static M,
    fiber: RefCell<Option<Fiber<(), ()>>>,
    /// The way out of its coroutine; set when it first runs.
    out: Cell<*const Suspender<(), ()>>,
    turn: Cell<Turn>,
    /// A wake that came before the sleep.
    woken: Cell<bool>,
    /// Whether it burns time for a goroutine, which sysmon may cut short.
    works: Cell<bool>,
}

/// Where records go.
struct Output {
    seq: u64,
    sites: HashMap<usize, SiteId>,
    sink: Box<dyn Sink>,
}

/// The platform of the lab.
pub(crate) struct Lab {
    clock: Cell<Nanos>,
    step: Nanos,
    rng: Cell<u64>,
    ms: RefCell<Vec<&'static LabM>>,
    stacks: RefCell<Stacks>,
    /// A break that came before the poll.
    poll_broken: Cell<bool>,
    /// Descriptors of the system.
    outside: Outside,
    output: RefCell<Output>,
    conductor: Option<Arc<Conductor>>,
    sysmon: RefCell<Sysmon>,
    /// When sysmon looks next.
    sysmon_at: Cell<Nanos>,
}

impl Lab {
    pub(crate) fn new(
        seed: u64,
        step: Nanos,
        sink: Box<dyn Sink>,
        conductor: Option<Arc<Conductor>>,
    ) -> Result<Self, StackError> {
        let stacks = Stacks::new(StackConfig {
            default_size: M_STACK,
            slots: 1 << 14,
            ..StackConfig::default()
        })?;
        Ok(Self {
            clock: Cell::new(Nanos(0)),
            step,
            rng: Cell::new(seed),
            ms: RefCell::new(Vec::new()),
            stacks: RefCell::new(stacks),
            poll_broken: Cell::new(false),
            outside: Outside::default(),
            output: RefCell::new(Output { seq: 0, sites: HashMap::new(), sink }),
            conductor,
            sysmon: RefCell::new(Sysmon::new(MAX_PS)),
            sysmon_at: Cell::new(Nanos(0)),
        })
    }

    /// Runs everything to its end; `m0` is already set up.
    pub(crate) fn drive(&self, sched: &Sched<Self>, m0: &'static M) {
        self.start(sched, m0);
        /// Gives the thread its own M back, also when a sink panics.
        struct Restore(*const M);
        impl Drop for Restore {
            fn drop(&mut self) {
                current::set(self.0);
            }
        }
        let restore = Restore(current::set(std::ptr::null()));
        while !sched.is_ending() {
            self.look_outside();
            let Some(first) = self.first_moment() else { break };
            // At the end of time it has nothing to wait for.
            if self.sysmon_at.get() <= first && self.sysmon_at.get() < Nanos::MAX {
                if self.sysmon.borrow().is_deep() {
                    // No P runs before then, so it may as well sleep on.
                    self.sysmon_at.set(first);
                }
                self.sysmon_turn(sched);
                continue;
            }
            let Some(next) = self.pick(first) else { break };
            self.turn(next);
        }
        drop(restore);
        self.output.borrow_mut().sink.flush();
        if let Some(conductor) = &self.conductor {
            conductor.goodbye();
        }
    }

    /// Makes the coroutine of an M; it begins in [`Sched::m_main`].
    fn start(&self, sched: &Sched<Self>, m: &'static M) {
        let lab_m: &'static LabM = Box::leak(Box::new(LabM {
            m,
            fiber: RefCell::new(None),
            out: Cell::new(std::ptr::null()),
            turn: Cell::new(Turn::At(self.clock.get())),
            woken: Cell::new(false),
            works: Cell::new(false),
        }));
        let stack = self
            .stacks
            .borrow_mut()
            .bind(M_STACK, &gopark_fiber::Label { goroutine: 0, name: "a thread of the lab" });
        let stack = stack.expect("there are fewer Ms than stacks for them");
        let sched: *const Sched<Self> = sched;
        let fiber = Fiber::new(stack, move |out, ()| {
            lab_m.out.set(out);
            // SAFETY: the scheduler outlives the lab's coroutines: `Lab::drop` ends them first.
            unsafe { (*sched).m_main(m) };
        });
        *lab_m.fiber.borrow_mut() = Some(fiber);
        self.ms.borrow_mut().push(lab_m);
    }

    /// Lets one M act until its turn ends.
    fn turn(&self, next: &'static LabM) {
        current::set(next.m);
        let mut fiber = next.fiber.borrow_mut();
        let running = fiber.as_mut().expect("an M that can act has a coroutine");
        match running.resume(()) {
            Step::Suspended(()) => {}
            // Its M has left the scheduler: the run is over.
            Step::Finished => next.turn.set(Turn::Asleep),
        }
    }

    /// sysmon acts before whoever else acts at its moment; chance has no part in it.
    fn sysmon_turn(&self, sched: &Sched<Self>) {
        self.clock.set(self.clock.get().max(self.sysmon_at.get()));
        let next = sched.sysmon_round(&mut self.sysmon.borrow_mut());
        // Woken meanwhile, it looks again sooner.
        self.sysmon_at.set(next);
    }

    /// When the first M can act.
    fn first_moment(&self) -> Option<Nanos> {
        self.ms.borrow().iter().filter_map(|m| moment(m)).min()
    }

    /// Who acts next, at the first moment somebody can, with the clock set to it.
    fn pick(&self, first: Nanos) -> Option<&'static LabM> {
        let ms = self.ms.borrow();
        let ties = ms.iter().filter(|m| moment(m) == Some(first)).count();
        let pick = if ties > 1 { next_random(&self.rng) % ties as u64 } else { 0 };
        let next = ms.iter().filter(|m| moment(m) == Some(first)).nth(pick as usize)?;
        self.clock.set(self.clock.get().max(first));
        Some(next)
    }

    /// Who polls gets its turn if a descriptor is ready before the clock moves.
    fn look_outside(&self) {
        let (ms, now) = (self.ms.borrow(), self.clock.get());
        let Some(poller) = ms.iter().find(|m| matches!(m.turn.get(), Turn::Polling(_))) else {
            return;
        };
        let first = ms.iter().filter_map(|m| moment(m)).min();
        if first.is_some_and(|first| first <= now) {
            return;
        }
        let stop = || {
            let seq = self.output.borrow().seq;
            self.conductor.as_ref().is_some_and(|conductor| conductor.wants(seq, now))
        };
        if let Look::At(at) = self.outside.look(now, first, stop) {
            poller.turn.set(Turn::At(at));
        }
    }

    /// Whether somebody polls for descriptors, so that the clock must not move without a look.
    fn polls_outside(&self) -> bool {
        let polls = self.ms.borrow().iter().any(|m| matches!(m.turn.get(), Turn::Polling(_)));
        polls && self.outside.is_waited_for()
    }

    /// Ends the turn of `m`; it can act again at `turn`.
    fn end_turn(&self, m: &M, turn: Turn) {
        let lab_m = self.ms.borrow()[m.id.0 as usize];
        lab_m.turn.set(turn);
        // SAFETY: the M runs, so its coroutine's suspender is valid. Whoever called us may stand
        // on a goroutine's stack: then that goroutine's coroutine is nested in this one and stays
        // as it is until the M goes on.
        unsafe { (*lab_m.out.get()).suspend(()) };
    }

    /// Lets time pass for `m` while others act.
    fn busy(&self, m: &M, time: Nanos) {
        let until = self.clock.get().plus(time);
        if std::thread::panicking() {
            // The thread counts its panics: others who act meanwhile would count this one as theirs.
            self.clock.set(until);
            return;
        }
        let others =
            self.ms.borrow().iter().filter(|o| o.m.id != m.id).filter_map(|o| moment(o)).min();
        let alone = others.is_none_or(|other| other > until)
            && self.sysmon_at.get() > until
            && self.conductor.is_none();
        if alone && !self.polls_outside() {
            // Nobody else could act before: the turn would come straight back.
            self.clock.set(until);
            return;
        }
        self.end_turn(m, Turn::At(until));
    }

    /// Asks the conductor, before anything happens.
    fn ask_conductor(&self, sched: &Sched<Self>, m: &M) {
        let Some(conductor) = &self.conductor else { return };
        let seq = self.output.borrow().seq;
        if !conductor.wants(seq, self.clock.get()) {
            return;
        }
        self.output.borrow_mut().sink.flush();
        match conductor.wait(seq, self.clock.get()) {
            Verdict::GoOn => {}
            Verdict::Stop => {
                let ended = Ended { how: EndKind::Stopped, text: String::new(), rule: None };
                sched.finish(m, ended);
            }
        }
    }
}

fn moment(m: &LabM) -> Option<Nanos> {
    match m.turn.get() {
        Turn::At(t) => Some(t),
        Turn::Polling(until) => until,
        Turn::Asleep => None,
    }
}

impl Platform for Lab {
    const LAB: bool = true;

    fn parallel(&self) -> bool {
        // A processor for each M, in virtual time.
        true
    }

    fn now(&self) -> Nanos {
        self.clock.get()
    }

    fn gate(&self, sched: &Sched<Self>, m: &M, _gate: Gate) {
        self.ask_conductor(sched, m);
        self.busy(m, self.step);
    }

    fn prepare(&self, _m: &M) {}

    fn launch(&self, sched: &Sched<Self>, id: MId) {
        let (m, _) = sched.enlist_thread(sched.make_m(id));
        self.start(sched, m);
    }

    fn make_spare(&self) {}

    fn sleep(&self, m: &M) {
        // Copied out: the table may grow while it sleeps.
        let lab_m = self.ms.borrow()[m.id.0 as usize];
        if !lab_m.woken.replace(false) {
            self.end_turn(m, Turn::Asleep);
            lab_m.woken.set(false);
        }
    }

    fn wake(&self, m: &M) {
        let lab_m = self.ms.borrow()[m.id.0 as usize];
        match lab_m.turn.get() {
            Turn::Asleep => lab_m.turn.set(Turn::At(self.clock.get())),
            _ => lab_m.woken.set(true),
        }
    }

    fn poll(&self, m: &M, patience: Patience, events: &mut FdEvents) {
        self.outside.ask(events);
        let Patience::Until(until) = patience else { return };
        if self.poll_broken.replace(false) || !events.as_slice().is_empty() {
            return;
        }
        self.end_turn(m, Turn::Polling(until));
        self.poll_broken.set(false);
        self.outside.ask(events);
    }

    fn poll_break(&self) {
        self.poll_broken.set(true);
        let now = self.clock.get();
        let ms = self.ms.borrow();
        if let Some(m) = ms.iter().find(|m| matches!(m.turn.get(), Turn::Polling(_))) {
            m.turn.set(Turn::At(now));
        }
    }

    fn poll_add(
        &self,
        fd: BorrowedFd<'_>,
        desc: &'static PollDesc,
        origin: Origin,
    ) -> std::io::Result<()> {
        self.outside.add(fd, desc, origin)
    }

    fn poll_peer(&self, fd: BorrowedFd<'_>, desc: &'static PollDesc, to: Option<SocketAddr>) {
        self.outside.peer(fd, desc, to);
    }

    fn poll_remove(&self, fd: BorrowedFd<'_>, desc: &'static PollDesc) {
        self.outside.remove(fd, desc);
    }

    fn before_io(&self) {
        self.outside.before_io();
    }

    fn random(&self, _m: &M) -> u32 {
        (next_random(&self.rng) >> 32) as u32
    }

    fn pause(&self, m: &M, time: Nanos) {
        self.busy(m, time);
    }

    fn work(&self, m: &M, time: Nanos) -> Nanos {
        let until = self.clock.get().plus(time);
        let lab_m = self.ms.borrow()[m.id.0 as usize];
        lab_m.works.set(true);
        self.busy(m, time);
        lab_m.works.set(false);
        until.minus(self.clock.get())
    }

    fn wait_in_call(&self, m: &M, time: Nanos) {
        self.busy(m, time);
    }

    fn can_hold(&self) -> bool {
        false
    }

    fn is_paused(&self) -> bool {
        false
    }

    fn interrupt(&self, m: &M) {
        let lab_m = self.ms.borrow()[m.id.0 as usize];
        if lab_m.works.get() {
            lab_m.turn.set(Turn::At(self.clock.get()));
        }
    }

    fn cpu_time(&self, _m: &M) -> Option<Nanos> {
        None
    }

    fn barrier(&self) -> bool {
        false
    }

    fn wake_sysmon(&self) {
        self.sysmon_at.set(self.clock.get());
    }

    fn record(
        &self,
        m: &M,
        site: Option<SiteId>,
        _stamps: &[Stamp],
        events: &mut dyn Iterator<Item = Ev>,
    ) {
        let mut output = self.output.borrow_mut();
        for (event, rule) in events {
            let seq = output.seq;
            output.seq += 1;
            let record = Record {
                seq,
                time: self.clock.get(),
                actor: m.actor(),
                site,
                rule,
                certainty: Certainty::Observed,
                event,
            };
            if let Some(conductor) = &self.conductor {
                conductor.saw(&record);
            }
            output.sink.take(record);
        }
    }

    fn site(&self, m: &M, at: &'static Location<'static>) -> SiteId {
        let addr = std::ptr::from_ref(at).addr();
        let known = self.output.borrow().sites.get(&addr).copied();
        known.unwrap_or_else(|| {
            let site = SiteId(self.output.borrow().sites.len() as u32 + 1);
            self.output.borrow_mut().sites.insert(addr, site);
            let event = Event::Site {
                site,
                file: at.file().to_owned(),
                line: at.line(),
                column: at.column(),
            };
            self.record(m, None, &[], &mut std::iter::once((event, None)));
            site
        })
    }

    fn ended(&self, _sched: &Sched<Self>) {
        // `drive` sees it when the turn ends; nobody else acts before.
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for lab_m in self.ms.get_mut().drain(..) {
            let lab_m = std::ptr::from_ref(lab_m).cast_mut();
            // SAFETY: it was leaked in `launch` and only this table knows it. Its coroutine is
            // never resumed again; what its frames refer to (goroutines, the scheduler) is given
            // up with the run, and they own nothing but what a runtime call in progress owns.
            unsafe {
                let owned = Box::from_raw(lab_m);
                if let Some(fiber) = owned.fiber.borrow_mut().take() {
                    self.stacks.get_mut().give_back(fiber.abandon());
                }
            }
        }
    }
}

impl std::fmt::Debug for Lab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lab").field("clock", &self.clock.get()).finish_non_exhaustive()
    }
}
