//! The scheduler, as Go 1.27 has it (`proc.go`), over a [`Platform`].
//!
//! In reading order:
//! - [`find`]: what runs next: `findRunnable`, `stealWork`, the search in its exact order.
//! - [`wake`]: who is woken for it: `ready`, `wakep`, `startm`, `stopm`, the idle lists.
//! - [`netpoll`]: who polls, and where the goroutines go that a poll gives.
//! - [`run`]: an M's life: `schedule`, `execute`, `park_m`, `goexit`.
//! - [`timers`]: timers are set, stopped and fired, and the poller told of the next.
//! - [`spawn`]: `newproc`, goroutine ids and free lists.
//! - [`shrink`]: what long-parked goroutines give back.
//! - [`handoff`]: `handoffp`, and goroutines tied to a thread.
//! - [`syscall`]: `entersyscall`, `exitsyscall`.
//! - [`sysmon`]: who looks at it all from outside.
//! - [`preempt`]: taking the P from code that does not call.
//! - [`world`]: stopping the world; GOMAXPROCS.
//! - [`end`]: deadlock, panic, main's return; the report in Go's words.
//! - [`calls`]: the runtime calls of goroutines: [`crate::kernel::Kernel`] for any platform.
//! - [`look`]: the whole state as a snapshot, with the world stopped.

mod calls;
mod end;
mod find;
mod handoff;
mod look;
mod netpoll;
mod preempt;
mod run;
mod shrink;
mod spawn;
mod syscall;
mod sysmon;
mod timers;
mod wake;
mod world;

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{OnceLock, Weak};

use gopark_fiber::Stacks;
use gopark_trace::event::Event;
use gopark_trace::ids::{MId, Nanos, PId, SiteId};
use gopark_trace::ring::{Stamp, Structure};
use gopark_trace::rule::Rule;

pub(crate) use self::end::Ended;
pub(crate) use self::find::Found;
pub(crate) use self::preempt::suspend_here;
pub(crate) use self::sysmon::Sysmon;
use crate::g::{GList, Gp};
use crate::kernel::{Ev, IdKind, Kernel, Look, Spawn};
use crate::lock::{Guard, Lock};
use crate::m::{M, SYSMON};
use crate::netpoll::Netpoll;
use crate::p::P;
use crate::platform::{Gate, Platform};
use crate::proto::spinning::Spinning;

/// The number of the next run. Belongs to the process, so that what outlives a run can tell.
static RUNS: AtomicU32 = AtomicU32::new(1);

/// Records events if they are recorded at all: one predictable branch when they are not.
macro_rules! emit {
    ($sched:expr, $m:expr, $site:expr, [$($stamp:expr),* $(,)?], $event:expr, $rule:expr $(,)?) => {
        if $m.recording.get() {
            let stamps = [$($stamp),*];
            let rule: Option<gopark_trace::rule::Rule> = $rule.into();
            $sched.record_one($m, $site, &stamps, &$event, rule.as_ref());
        }
    };
}
pub(crate) use emit;

/// What the scheduler's lock guards (the locked part of Go's `schedt`).
#[derive(Debug)]
pub(crate) struct Locked {
    /// The global queue.
    pub(crate) global: GList,
    /// Idle Ms; the last parked is the first woken.
    pub(crate) idle_ms: Vec<&'static M>,
    /// Idle Ps; the last put is the first taken.
    pub(crate) idle_ps: Vec<&'static P>,
    /// Ms made so far.
    pub(crate) ms: u32,
    /// Ms that have ended.
    pub(crate) gone_ms: u32,
    /// Ms that wait for their tied goroutine; below zero for a moment when one is picked before its M
    /// waits.
    pub(crate) tied_idle: i32,
    /// Ps promised to Ms whose threads are still being made.
    pub(crate) promised: Vec<Promised>,
    /// Ps that have not stopped yet, while the world is being stopped.
    pub(crate) still_running: u32,
    /// Ended goroutines no P keeps.
    pub(crate) gfree: GList,
    /// Every G of the run, through [`crate::g::G::all_link`].
    pub(crate) all: Option<Gp>,
    /// The stacks.
    pub(crate) stacks: Stacks,
    /// How the run ended.
    pub(crate) ended: Option<Ended>,
    /// Events emitted under the lock.
    pub(crate) events: u32,
}

impl Locked {
    /// Ms that sleep, or have ended.
    fn asleep(&self) -> i64 {
        self.idle_ms.len() as i64 + i64::from(self.tied_idle) + i64::from(self.gone_ms)
    }

    /// The stamp of an event under the lock.
    pub(crate) fn stamp(&mut self) -> Stamp {
        let n = self.events;
        self.events = n.wrapping_add(1);
        crate::kernel::stamp(Structure::Sched, n)
    }
}

/// A P on its way to an M whose thread is still being made.
#[derive(Debug)]
pub(crate) struct Promised {
    m: MId,
    p: &'static P,
    spinning: bool,
}

/// The most Ms a run may have (`sched.maxmcount`).
pub(crate) const MAX_MS: u32 = 10_000;
/// The most Ps.
pub(crate) const MAX_PS: usize = 1024;

/// The scheduler of one run.
pub(crate) struct Sched<Pl: Platform> {
    /// What it stands on.
    pub(crate) pl: Pl,
    /// The Ps, made as they are needed and kept.
    ps: Box<[OnceLock<Box<P>>]>,
    /// How many of them there are now.
    gomaxprocs: AtomicU32,
    /// Under the scheduler's lock.
    locked: Lock<Locked>,
    /// Length of the global queue; written under the lock.
    global_len: AtomicU32,
    /// Idle Ps; written under the lock.
    idle_ps: AtomicU32,
    /// Ms that look for work.
    spinning: Spinning,
    /// Work was left because no P was idle.
    needspinning: AtomicBool,
    /// Whether an M waits in the poller (Go's `lastpoll == 0`).
    polling: AtomicBool,
    /// Until when it waits.
    poll_until: AtomicU64,
    /// Descriptors, and who waits for them.
    pub(crate) netpoll: Netpoll,
    /// The run is over.
    ending: AtomicBool,
    /// The world is being stopped or stands; somebody does that.
    stopping: AtomicBool,
    world: AtomicBool,
    /// sysmon sleeps until the next timer.
    sysmon_waits: AtomicBool,
    /// What sysmon acts and records with: an M that runs no goroutine.
    sysmon_m: OnceLock<Box<M>>,
    /// Since when sysmon wants a standby and there is none; all ones for never.
    standby_wanted: AtomicU64,
    /// Since when a P is promised to a thread that is not there; all ones for none.
    promised_since: AtomicU64,
    /// Goroutines made, and ended.
    made: AtomicU64,
    gone: AtomicU64,
    /// The next batch of goroutine ids.
    goids: AtomicU64,
    /// The next timer's id.
    timer_ids: AtomicU64,
    /// The next id of each kind of thing.
    obj_ids: [AtomicU32; IdKind::COUNT],
    /// The Ms, made as needed and kept until the end.
    ms: UnsafeCell<Vec<&'static M>>,
    /// Where it lies and how many are in it, for those that may not take the lock.
    table_start: *const &'static M,
    table_len: AtomicU32,
    /// Channels and WaitGroups, for snapshots; only while recording.
    things: Lock<Vec<Weak<dyn Look>>>,
    /// Whether Ms record.
    recording: bool,
    /// Where random numbers start.
    seed: u64,
    /// Which run of the process this is.
    run: u32,
    /// Bytes of a default stack.
    stack_size: usize,
    /// After how long a parked goroutine gives back what it does not use; none never does.
    shrink_after: Option<Nanos>,
    /// The most Ms.
    max_ms: u32,
    /// When stacks were last looked at.
    shrunk_at: AtomicU64,
}

// SAFETY: `ms` grows only under the scheduler's lock; everything else is atomic, locked, or a P
// with an owner (see crate::p). A Sched of the lab stays on one thread anyway.
unsafe impl<Pl: Platform> Sync for Sched<Pl> {}
// SAFETY: as above.
unsafe impl<Pl: Platform> Send for Sched<Pl> {}

/// How a run is set up.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// How many Ps.
    pub(crate) procs: usize,
    /// Where random numbers start.
    pub(crate) seed: u64,
    /// Whether events are recorded.
    pub(crate) recording: bool,
    /// The tick of P0 before main runs.
    pub(crate) start_tick: u32,
    /// The program's name, for the record of its start.
    pub(crate) program: String,
    /// What a scheduling step costs in the lab.
    pub(crate) step: Nanos,
    /// After how long a parked goroutine gives back stack it does not use; none never does.
    pub(crate) shrink_after: Option<Nanos>,
    /// The most Ms (`sched.maxmcount`).
    pub(crate) max_ms: u32,
}

impl<Pl: Platform> Sched<Pl> {
    /// A scheduler with its Ps, all idle, and no M yet.
    pub(crate) fn new(pl: Pl, setup: &Setup, stacks: Stacks) -> Self {
        let mut ms: Vec<&'static M> = Vec::with_capacity(MAX_MS as usize);
        let ps: Box<[OnceLock<Box<P>>]> = (0..MAX_PS).map(|_| OnceLock::new()).collect();
        for (i, place) in ps.iter().take(setup.procs).enumerate() {
            let p = place.get_or_init(|| Box::new(P::new(PId(i as u32))));
            if i == 0 {
                p.tick.store(setup.start_tick, Ordering::Relaxed);
            }
        }
        Self {
            pl,
            run: RUNS.fetch_add(1, Ordering::Relaxed),
            stack_size: stacks.default_size(),
            shrink_after: setup.shrink_after,
            max_ms: setup.max_ms.min(MAX_MS),
            shrunk_at: AtomicU64::new(0),
            locked: Lock::new(Locked {
                global: GList::new(),
                // With room for all there can be: under the lock nobody may wait for malloc.
                idle_ms: Vec::with_capacity(MAX_MS as usize),
                idle_ps: Vec::with_capacity(MAX_PS),
                ms: 0,
                gone_ms: 0,
                tied_idle: 0,
                promised: Vec::with_capacity(MAX_PS),
                still_running: 0,
                gfree: GList::new(),
                all: None,
                stacks,
                ended: None,
                events: 0,
            }),
            ps,
            gomaxprocs: AtomicU32::new(setup.procs as u32),
            global_len: AtomicU32::new(0),
            idle_ps: AtomicU32::new(0),
            spinning: Spinning::new(),
            needspinning: AtomicBool::new(false),
            polling: AtomicBool::new(false),
            poll_until: AtomicU64::new(u64::MAX),
            netpoll: Netpoll::new(),
            ending: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            world: AtomicBool::new(false),
            sysmon_waits: AtomicBool::new(false),
            sysmon_m: OnceLock::new(),
            standby_wanted: AtomicU64::new(u64::MAX),
            promised_since: AtomicU64::new(u64::MAX),
            made: AtomicU64::new(0),
            gone: AtomicU64::new(0),
            goids: AtomicU64::new(1),
            timer_ids: AtomicU64::new(1),
            obj_ids: [const { AtomicU32::new(1) }; IdKind::COUNT],
            table_start: ms.as_mut_ptr(),
            table_len: AtomicU32::new(0),
            ms: UnsafeCell::new(ms),
            things: Lock::new(Vec::new()),
            recording: setup.recording,
            seed: setup.seed,
        }
    }

    /// The M this code runs on.
    #[inline]
    pub(crate) fn m(&self) -> &'static M {
        let m = crate::current::m_of_runtime();
        // SAFETY: the current M was set by this run's platform and lives until the run is over,
        // and no code of the run goes on after that.
        unsafe { m.as_ref() }
    }

    /// A P by number.
    pub(crate) fn p(&self, id: PId) -> &'static P {
        // SAFETY: the Ps live as long as the scheduler, which outlives every M; `'static` stands
        // for that, and no P reference leaves this crate.
        unsafe {
            &*std::ptr::from_ref::<P>(self.ps[id.0 as usize].get().expect("a P that is there"))
        }
    }

    /// A P by number, made if it was never there.
    fn make_p(&self, id: PId) -> &'static P {
        self.ps[id.0 as usize].get_or_init(|| Box::new(P::new(id)));
        self.p(id)
    }

    /// How many Ps there are.
    #[inline]
    pub(crate) fn procs(&self) -> usize {
        self.gomaxprocs.load(Ordering::Relaxed) as usize
    }

    /// All Ps.
    pub(crate) fn all_ps(&self) -> impl Iterator<Item = &'static P> {
        (0..self.procs()).map(|i| self.p(PId(i as u32)))
    }

    /// The M sysmon acts with.
    pub(crate) fn sysmon_m(&self) -> &'static M {
        let m = self.sysmon_m.get().expect("made when the run began");
        // SAFETY: it lives as long as the scheduler; `'static` stands for that, as in `p`.
        unsafe { &*std::ptr::from_ref::<M>(m) }
    }

    /// The time for what only viewers see; unread, it is [`Nanos::MAX`] and costs nothing.
    #[inline]
    fn time_seen(&self, m: &M) -> Nanos {
        if m.recording.get() { self.pl.time_of(m) } else { Nanos::MAX }
    }

    /// Takes the scheduler's lock. Never with another lock held.
    pub(crate) fn lock(&self) -> Guard<'_, Locked> {
        match self.locked.try_lock() {
            Some(locked) => locked,
            None => self.lock_slow(),
        }
    }

    #[cold]
    fn lock_slow(&self) -> Guard<'_, Locked> {
        if !crate::current::is_sysmon() {
            return self.locked.lock();
        }
        // Whoever has it may wait for malloc, and only sysmon can let the one go on that is inside.
        let since = self.pl.now();
        loop {
            std::thread::park_timeout(std::time::Duration::from_millis(1));
            if let Some(locked) = self.locked.try_lock() {
                return locked;
            }
            self.lock_is_stuck(since);
        }
    }

    /// Lets others act; no lock is held.
    #[inline]
    pub(crate) fn gate(&self, m: &M, gate: Gate) {
        self.pl.gate(self, m, gate);
    }

    /// Whether the run is over.
    #[inline]
    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire)
    }

    /// Records events of one step. Only if `m.recording`.
    #[cold]
    pub(crate) fn record(
        &self,
        m: &M,
        site: Option<SiteId>,
        stamps: &[Stamp],
        events: &mut dyn Iterator<Item = Ev>,
    ) {
        self.pl.record(m, site, stamps, events);
    }

    /// As [`Sched::record`], for one event.
    #[inline(never)]
    pub(crate) fn record_one(
        &self,
        m: &M,
        site: Option<SiteId>,
        stamps: &[Stamp],
        event: &Event,
        rule: Option<&Rule>,
    ) {
        self.pl.record_one(m, site, stamps, event, rule);
    }

    /// An M, not in the table yet.
    pub(crate) fn make_m(&self, id: MId) -> Box<M> {
        let kernel: *const dyn Kernel = std::ptr::from_ref(self);
        let m = Box::new(M::new(id, kernel, Pl::LAB, self.recording, self.seed));
        self.pl.prepare(&m);
        m
    }

    /// Puts an M into the table, where its number says.
    pub(crate) fn enlist(&self, _locked: &mut Locked, m: Box<M>) -> &'static M {
        // SAFETY: the table is changed under the lock only, which the caller holds.
        let table = unsafe { &mut *self.ms.get() };
        debug_assert_eq!(m.id.0 as usize, table.len(), "Ms are enlisted in their order");
        // Freed when the scheduler is dropped; `'static` stands for that, as in `p`.
        let m: &'static M = Box::leak(m);
        table.push(m);
        // Release: whoever sees the number sees the entry.
        self.table_len.store(table.len() as u32, Ordering::Release);
        m
    }

    /// As [`Sched::table`], without the lock: for who may not wait for it. The table has room for all
    /// there can be, so it never moves.
    fn table_unlocked(&self) -> impl Iterator<Item = &'static M> {
        let len = self.table_len.load(Ordering::Acquire) as usize;
        let first = self.table_start;
        // SAFETY: the table was made with room for MAX_MS and never grows beyond, so its memory stays
        // where it is; the first `len` entries were written before `len` was, and never change.
        (0..len).map(move |i| unsafe { *first.add(i) })
    }

    /// All Ms whose threads are there, also those nobody needed yet; under the lock.
    pub(crate) fn table<'a>(&self, _locked: &'a Locked) -> &'a [&'static M] {
        // SAFETY: the table is changed under the lock only, which the caller holds for `'a`.
        unsafe { &*self.ms.get() }
    }

    /// All Ms made so far; under the lock.
    fn all_ms<'a>(&self, locked: &'a Locked) -> &'a [&'static M] {
        let table = self.table(locked);
        &table[..table.len().min(locked.ms as usize)]
    }

    /// Ms that act or may act: those that neither sleep nor poll, nor are in a call or suspended. None
    /// while a thread is on its way between those.
    pub(crate) fn busy_ms(&self) -> Option<u32> {
        let locked = self.lock();
        if self.table(&locked).iter().any(|m| m.needs_sysmon()) {
            return None;
        }
        let polling = u32::from(self.polling.load(Ordering::SeqCst));
        let asleep = locked.asleep() + i64::from(polling);
        let outside = self.all_ms(&locked).iter().filter(|m| m.is_outside()).count() as i64;
        Some((i64::from(locked.ms) - asleep - outside).max(0) as u32)
    }

    /// Sets the first P and M up and makes main, which goes into P0's slot. Returns M0, to be
    /// started by the platform.
    pub(crate) fn begin(&self, setup: &Setup, main: Spawn, site: Option<SiteId>) -> &'static M {
        let mut locked = self.lock();
        let sysmon = self.make_m(MId(SYSMON));
        drop(self.sysmon_m.set(sysmon));
        let m0 = self.make_m(MId(0));
        let m0 = self.enlist(&mut locked, m0);
        locked.ms = 1;
        self.emit_run_start(m0, &mut locked, setup);
        // procresize leaves P0 to m0 and puts the others on the idle list, the last first, so
        // that the lowest number is taken first.
        for i in (1..self.procs()).rev() {
            let p = self.p(PId(i as u32));
            self.pidle_put(
                m0,
                &mut locked,
                p,
                gopark_trace::Rule::RunBegins { procs: self.procs() as u32 },
            );
        }
        drop(locked);
        self.acquire_p(m0, self.p(PId(0)));
        // Nothing runs yet: the world stands.
        if m0.recording.get() {
            let state = Box::new(self.snapshot().0);
            self.record(m0, None, &[], &mut std::iter::once((Event::Snapshot { state }, None)));
        }
        self.spawn_on(m0, main, None, site);
        m0
    }
}

impl<Pl: Platform> Drop for Sched<Pl> {
    fn drop(&mut self) {
        // Platforms stop every M before they drop the scheduler, so nothing runs any more.
        let mut next = self.locked.get_mut().all;
        while let Some(g) = next {
            next = g.all_link.get();
            // SAFETY: all Ms have stopped; a goroutine that is still started is abandoned, which
            // is what the end of a run means for it, and its frames are never used again.
            unsafe {
                if let Some(fiber) = (*g.fiber.get()).take() {
                    self.locked.get_mut().stacks.give_back(fiber.abandon());
                }
                g.free();
            }
        }
        for &mut m in self.ms.get_mut() {
            // SAFETY: it was leaked in `enlist`, and no M runs any more.
            drop(unsafe { Box::from_raw(std::ptr::from_ref(m).cast_mut()) });
        }
    }
}

impl<Pl: Platform> std::fmt::Debug for Sched<Pl> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sched").field("procs", &self.procs()).finish_non_exhaustive()
    }
}
