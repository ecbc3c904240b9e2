//! Live: kernel threads in parallel, the real clock, full speed.
//!
//! Each M is a thread that sleeps on its note; the thread that started the run only waits for its
//! end. One M at a time waits in the poller (mio), which
//! an earlier timer breaks off. Records go into the M's own ring; a drain thread puts the rings
//! in one order and hands it to whoever takes it, stops the world when a ring has lost events, and
//! tells the viewer when the world stands.

mod clock;
mod drain;
mod fork;
mod hold;
mod quit;
mod threads;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use gopark_trace::event::Event;
use gopark_trace::ids::{MId, Nanos, SiteId};
use gopark_trace::ring::{Consumer, Producer, Scratch, Stamp, ring};
use gopark_trace::rule::Rule;
use gopark_trace::words::EndKind;
use mio::{Registry, Waker};
use parking_lot::Mutex;

use self::clock::Clock;
pub(crate) use self::drain::Drain;
pub(crate) use self::hold::ThreadCell;
use self::threads::Threads;
use super::poller::{self, Poller};
use super::{Gate, Origin, Patience, Platform};
use crate::conductor::{Conductor, Verdict};
use crate::current;
use crate::kernel::Ev;
use crate::lock::Lock;
use crate::m::M;
use crate::netpoll::{FdEvents, PollDesc};
use crate::sched::{Ended, Sched};

/// Words of an M's ring of records: 4 MiB, some 100,000 events.
pub(crate) const RING_WORDS: usize = 1 << 19;
/// How long an M looks for its wake-up before it sleeps: a wake across processors costs tens of
/// microseconds, so a few are well spent. Measured, not from Go.
const NOTE_SPINS: u32 = 1_000;

/// The recording side of an M.
pub(crate) struct Recorder {
    scratch: Scratch,
    ring: Producer,
    /// The time of the last group.
    last: Nanos,
}

/// The numbers of lines.
#[derive(Default)]
struct Sites {
    /// By the address of the location.
    known: HashMap<usize, SiteId>,
    /// Those that were numbered since the drain last looked.
    new: Vec<Event>,
}

/// The platform of live runs.
pub(crate) struct Live {
    clock: Clock,
    poller: Lock<Poller>,
    /// Where descriptors are registered, also while an M waits in the poller.
    registry: Registry,
    waker: Waker,
    threads: Threads,
    /// The rings of Ms, with their readers; empty while the drain reads them.
    rings: Mutex<Vec<(MId, Consumer)>>,
    sites: Mutex<Sites>,
    conductor: Option<Arc<Conductor>>,
    ring_words: usize,
    /// Whether there is more than one processor (`ncpu > 1`), as of the start.
    parallel: bool,
}

impl Live {
    pub(crate) fn new(
        conductor: Option<Arc<Conductor>>,
        ring_words: usize,
    ) -> std::io::Result<Self> {
        let poller = Poller::new()?;
        let (registry, waker) = (poller.registry()?, poller.waker()?);
        Ok(Self {
            clock: Clock::new(),
            poller: Lock::new(poller),
            registry,
            waker,
            threads: Threads::new(),
            rings: Mutex::new(Vec::new()),
            sites: Mutex::new(Sites::default()),
            conductor,
            ring_words,
            parallel: std::thread::available_parallelism().is_ok_and(|n| n.get() > 1),
        })
    }

    /// Runs everything to its end; `m0` is already set up. Says whether every thread has stopped:
    /// if not, goroutines that never call gopark go on, and what they refer to must stay.
    ///
    /// # Errors
    /// When the first threads can't be made.
    ///
    /// # Safety
    /// If it says false, the scheduler is never dropped.
    pub(crate) unsafe fn drive(
        &self,
        sched: &Sched<Self>,
        m0: &'static M,
    ) -> std::io::Result<bool> {
        hold::install()?;
        fork::install();
        let _watch = quit::Watch::start();
        // SAFETY: the caller's promise.
        unsafe { self.threads.run(sched, m0) }
    }

    /// Whether every M stands at a gate, sleeps, polls, or is in a call.
    fn world_stands(&self, sched: &Sched<Self>) -> bool {
        self.conductor.as_deref().is_some_and(|conductor| drain::stands(sched, conductor))
    }

    /// Whether the clock stands because the world does, or is about to.
    fn clock_stands(&self) -> bool {
        self.clock.stands()
    }

    /// Writes a group and pushes it.
    #[inline]
    fn push(&self, m: &M, stamps: &[Stamp], write: impl FnOnce(&mut Scratch)) {
        let Some(mut recorder) = m.recorder.take() else { return };
        let Recorder { scratch, ring, last } = &mut *recorder;
        // An M's own times never go back, whatever the clock does.
        *last = self.time_of(m).max(*last);
        scratch.begin(*last);
        write(scratch);
        // A full ring drops the newest, and its reader learns how many.
        ring.push(stamps, scratch.records());
        m.recorder.set(Some(recorder));
    }

    /// Stands at a gate while the conductor wants it.
    #[cold]
    fn stand(&self, sched: &Sched<Self>, m: &M, conductor: &Conductor) {
        // Nobody takes it for stuck meanwhile.
        m.stands.store(true, Ordering::Relaxed);
        let verdict = conductor.stand();
        m.stands.store(false, Ordering::Relaxed);
        m.later();
        if verdict == Verdict::Stop {
            let ended = Ended { how: EndKind::Stopped, text: String::new(), rule: None };
            sched.finish(m, ended);
        }
    }
}

/// A thread's life as an M.
pub(super) fn run_m(sched: &Sched<Live>, m: &'static M) {
    /// An M that unwinds would leave others with a scheduler that is gone, or a P with nobody: a
    /// bug in the runtime that must not go on.
    struct AbortOnUnwind;
    impl Drop for AbortOnUnwind {
        fn drop(&mut self) {
            std::process::abort();
        }
    }
    let guard = AbortOnUnwind;
    let before = current::set(m);
    // Warm: the collector behind the rings registers the thread at its first pin.
    m.loot.warm();
    m.thread.enter();
    sched.m_main(m);
    current::set(before);
    std::mem::forget(guard);
}

impl Platform for Live {
    const LAB: bool = false;

    fn parallel(&self) -> bool {
        self.parallel
    }

    fn now(&self) -> Nanos {
        self.clock.now()
    }

    #[inline]
    fn time_of(&self, m: &M) -> Nanos {
        let time = m.time.get();
        if time != Nanos::MAX {
            return time;
        }
        let time = self.clock.quick();
        m.time.set(time);
        time
    }

    #[inline]
    fn gate(&self, sched: &Sched<Self>, m: &M, _gate: Gate) {
        if let Some(conductor) = &self.conductor
            && conductor.attention()
        {
            self.stand(sched, m, conductor);
        }
    }

    fn prepare(&self, m: &M) {
        if m.recording.get() {
            let (producer, consumer) = ring(self.ring_words);
            let recorder = Recorder { scratch: Scratch::new(), ring: producer, last: Nanos(0) };
            m.recorder.set(Some(Box::new(recorder)));
            self.rings.lock().push((m.id, consumer));
        }
    }

    fn launch(&self, _sched: &Sched<Self>, _id: MId) {
        self.threads.more();
    }

    fn make_spare(&self) {
        self.threads.more();
    }

    fn sleep(&self, m: &M) {
        m.note.sleep(NOTE_SPINS);
        m.later();
    }

    fn wake(&self, m: &M) {
        m.note.wake();
    }

    fn poll(&self, m: &M, patience: Patience, events: &mut FdEvents) {
        let (poller, timeout) = match patience {
            Patience::None => (self.poller.try_lock(), Some(Duration::ZERO)),
            Patience::Until(until) => {
                let timeout = until.map(|when| Duration::from_nanos(when.minus(self.now()).0));
                (Some(self.poller.lock()), timeout)
            }
        };
        // Somebody waits there: what comes is for that one.
        let Some(mut poller) = poller else { return };
        poller.wait(timeout, events);
        m.later();
    }

    fn poll_break(&self) {
        // It fails only when the eventfd's counter is full: then the poller wakes anyway.
        let _ = self.waker.wake();
    }

    fn poll_add(
        &self,
        fd: BorrowedFd<'_>,
        desc: &'static PollDesc,
        _origin: Origin,
    ) -> std::io::Result<()> {
        poller::add(&self.registry, fd, desc.token())
    }

    fn poll_peer(&self, _: BorrowedFd<'_>, _: &'static PollDesc, _: Option<SocketAddr>) {}

    fn poll_remove(&self, fd: BorrowedFd<'_>, _desc: &'static PollDesc) {
        poller::remove(&self.registry, fd);
    }

    fn before_io(&self) {}

    fn random(&self, m: &M) -> u32 {
        (m.random() >> 32) as u32
    }

    fn pause(&self, m: &M, time: Nanos) {
        m.later();
        let start = Instant::now();
        while start.elapsed() < Duration::from_nanos(time.0) {
            std::hint::spin_loop();
        }
    }

    fn work(&self, m: &M, time: Nanos) -> Nanos {
        m.later();
        let end = m.thread.cpu_time().plus(time);
        while m.thread.cpu_time() < end {
            for _ in 0..200 {
                std::hint::spin_loop();
            }
        }
        Nanos(0)
    }

    fn wait_in_call(&self, _m: &M, _time: Nanos) {}

    fn can_hold(&self) -> bool {
        hold::SUPPORTED
    }

    fn is_paused(&self) -> bool {
        self.clock_stands()
    }

    fn interrupt(&self, m: &M) {
        m.thread.signal();
    }

    fn cpu_time(&self, m: &M) -> Option<Nanos> {
        m.thread.is_there().then(|| m.thread.cpu_time())
    }

    fn barrier(&self) -> bool {
        hold::barrier()
    }

    fn wake_sysmon(&self) {
        self.threads.wake_sysmon();
    }

    fn record(
        &self,
        m: &M,
        site: Option<SiteId>,
        stamps: &[Stamp],
        events: &mut dyn Iterator<Item = Ev>,
    ) {
        self.push(m, stamps, |scratch| {
            let actor = m.actor();
            for (event, rule) in events {
                scratch.event(actor, site, rule.as_ref(), &event);
            }
        });
    }

    fn record_one(
        &self,
        m: &M,
        site: Option<SiteId>,
        stamps: &[Stamp],
        event: &Event,
        rule: Option<&Rule>,
    ) {
        self.push(m, stamps, |scratch| scratch.event(m.actor(), site, rule, event));
    }

    fn site(&self, _m: &M, at: &'static Location<'static>) -> SiteId {
        let mut sites = self.sites.lock();
        let next = SiteId(sites.known.len() as u32 + 1);
        let site = *sites.known.entry(std::ptr::from_ref(at).addr()).or_insert(next);
        if site == next {
            let (file, line, column) = (at.file().to_owned(), at.line(), at.column());
            sites.new.push(Event::Site { site, file, line, column });
        }
        site
    }

    fn ended(&self, sched: &Sched<Self>) {
        sched.wake_all();
        self.poll_break();
        self.threads.over();
        if let Some(conductor) = &self.conductor {
            conductor.run_over();
        }
    }
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("clock", &self.clock).finish_non_exhaustive()
    }
}

/// A cell for the recorder of an M, used by the M itself.
pub(crate) type RecorderCell = std::cell::Cell<Option<Box<Recorder>>>;

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}
