//! The drain: one thread that makes one order of the rings of all Ms.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use gopark_trace::event::Event;
use gopark_trace::ids::Nanos;
use gopark_trace::merge::{Merger, Ordered, Taker};
use gopark_trace::record::{Actor, Certainty, Record};

use super::Live;
use crate::conductor::Conductor;
use crate::platform::Platform;
use crate::sched::Sched;
use crate::sink::Sink;

/// How often the rings are read.
const EVERY: Duration = Duration::from_millis(1);
/// Groups that are read from one ring before what they brought is handed on.
const AT_ONCE: usize = 1 << 14;
/// How often a world that is being stopped is looked at.
const STAND: Duration = Duration::from_micros(100);
/// How old an event must be before later ones may not come before it any more.
const SETTLED: Nanos = Nanos(2_000_000);

/// The drain thread of a run.
#[derive(Debug)]
pub(crate) struct Drain {
    over: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

/// What the thread works with.
struct Work {
    merger: Merger,
    out: Out,
    conductor: Option<Arc<Conductor>>,
}

/// Where the groups go.
struct Out {
    sink: Box<dyn Sink>,
    conductor: Option<Arc<Conductor>>,
    /// Lines that go before the records that name them.
    lines: Vec<Event>,
    /// Lines get no number from the merger, so all later numbers move.
    extra: u64,
    /// The time of the last record.
    time: Nanos,
    /// Whether the start of the run was handed on.
    begun: bool,
}

impl Drain {
    /// Starts to drain a run.
    ///
    /// # Safety
    /// The scheduler outlives the drain: [`Drain::finish`] is called before it is dropped.
    pub(crate) unsafe fn start(
        sched: &Sched<Live>,
        sink: Box<dyn Sink>,
        conductor: Option<Arc<Conductor>>,
    ) -> std::io::Result<Self> {
        /// A pointer that may move to the new thread.
        struct ToThread(*const Sched<Live>);
        // SAFETY: a Sched is Sync, and the caller promises that it outlives the thread.
        unsafe impl Send for ToThread {}
        let sched = ToThread(sched);
        let over = Arc::new(AtomicBool::new(false));
        let last = Arc::clone(&over);
        let thread =
            std::thread::Builder::new().name("gopark-drain".to_owned()).spawn(move || {
                let sched = sched;
                // SAFETY: see ToThread.
                let sched = unsafe { &*sched.0 };
                let out = Out {
                    sink,
                    conductor: conductor.clone(),
                    lines: Vec::new(),
                    extra: 0,
                    time: Nanos(0),
                    begun: false,
                };
                let mut work = Work { merger: Merger::new(), out, conductor };
                let mut behind = false;
                while !last.load(Ordering::Acquire) {
                    if !behind {
                        std::thread::park_timeout(EVERY);
                    }
                    behind = work.round(sched);
                }
                work.finish(sched)
            })?;
        Ok(Self { over, thread })
    }

    /// Drains what is left and ends. Returns how many records came out against their numbers: 0,
    /// unless the runtime has a bug.
    pub(crate) fn finish(self) -> u64 {
        self.over.store(true, Ordering::Release);
        self.thread.thread().unpark();
        self.thread.join().unwrap_or(u64::MAX)
    }
}

impl Taker for Out {
    fn group(&mut self, mut group: Ordered<'_>) {
        // The run begins with its start, which names no line.
        if self.begun {
            self.lines(group.seq);
        }
        self.begun = true;
        group.seq += self.extra;
        self.time = group.time;
        match &self.conductor {
            Some(conductor) if conductor.attention() => {
                group.records(|record| {
                    conductor.saw_late(&record);
                    self.sink.take(record);
                });
            }
            _ => self.sink.take_group(&mut group),
        }
    }

    fn record(&mut self, mut record: Record) {
        self.lines(record.seq);
        record.seq += self.extra;
        self.time = record.time;
        self.take(record);
    }
}

impl Out {
    /// Hands the lines on that were numbered lately; `seq` is the number of what comes next.
    #[inline]
    fn lines(&mut self, seq: u64) {
        if !self.lines.is_empty() {
            self.take_lines(seq);
        }
    }

    #[cold]
    fn take_lines(&mut self, seq: u64) {
        for event in std::mem::take(&mut self.lines) {
            let (seq, time, actor) = (seq + self.extra, self.time, Actor::default());
            self.extra += 1;
            let certainty = Certainty::Observed;
            self.take(Record { seq, time, actor, site: None, rule: None, certainty, event });
        }
    }

    fn take(&mut self, record: Record) {
        if let Some(conductor) = &self.conductor {
            conductor.saw_late(&record);
        }
        self.sink.take(record);
    }
}

impl Work {
    /// Reads every ring once and hands on what has settled. True if a ring may hold more.
    fn round(&mut self, sched: &Sched<Live>) -> bool {
        sched.pl.clock.tune();
        let settled = sched.pl.now().minus(SETTLED);
        let behind = self.read(sched, AT_ONCE);
        self.merger.drain(settled, &mut self.out);
        if !self.merger.known() {
            self.recover(sched);
        }
        self.tell_if_standing(sched);
        behind
    }

    /// Reads what the rings hold, at most `most` groups of each: a busy M may fill its ring as fast
    /// as it is read. Ms that are made meanwhile are not kept waiting. True if that was not all.
    fn read(&mut self, sched: &Sched<Live>, most: usize) -> bool {
        let mut rings = std::mem::take(&mut *sched.pl.rings.lock());
        let mut behind = false;
        for (m, ring) in &mut rings {
            behind |= self.merger.feed_ring(*m, ring, most) >= most;
        }
        let mut shared = sched.pl.rings.lock();
        rings.append(&mut shared);
        *shared = rings;
        // Every line that a group names was there before the group.
        self.out.lines.append(&mut sched.pl.sites.lock().new);
        behind
    }

    /// The number of the next record.
    fn seq(&self) -> u64 {
        self.merger.seq() + self.out.extra
    }

    /// After a loss: stops the world, takes everything that is in the rings, and starts anew from a
    /// snapshot.
    fn recover(&mut self, sched: &Sched<Live>) {
        let Some(conductor) = self.conductor.clone() else { return };
        let frozen = Frozen::new(&conductor);
        loop {
            if sched.is_ending() {
                // It will never stand. What is left comes out by time.
                return;
            }
            if stands(sched, &conductor) {
                // sysmon takes Ps and queues goroutines by itself: it stands last.
                sched.pl.threads.hold_sysmon();
                if stands(sched, &conductor) {
                    break;
                }
                sched.pl.threads.let_sysmon_go();
            }
            std::thread::park_timeout(STAND);
        }
        self.read(sched, usize::MAX);
        let (state, base) = sched.snapshot();
        self.merger.rebase(&base, sched.pl.now(), Box::new(state), &mut self.out);
        sched.pl.threads.let_sysmon_go();
        drop(frozen);
    }

    fn tell_if_standing(&mut self, sched: &Sched<Live>) {
        let Some(conductor) = self.conductor.clone() else { return };
        let wants = conductor.wants_live(self.seq(), sched.pl.now());
        sched.pl.clock.set(!wants);
        if wants && conductor.untold() && stands(sched, &conductor) {
            // Everything that happened is in the rings now.
            self.read(sched, usize::MAX);
            self.merger.drain(Nanos::MAX, &mut self.out);
            self.out.lines(self.merger.seq());
            self.out.sink.flush();
            conductor.tell_paused(self.seq(), sched.pl.now());
        } else if !wants {
            conductor.tell_running();
            self.out.sink.flush();
        }
    }

    fn finish(mut self, sched: &Sched<Live>) -> u64 {
        self.read(sched, usize::MAX);
        self.merger.finish(&mut self.out);
        self.out.sink.flush();
        if let Some(conductor) = &self.conductor {
            conductor.goodbye();
        }
        self.merger.broken()
    }
}

/// The world is being stopped, and goes on when this is dropped, also by a panic of the sink.
struct Frozen<'a>(&'a Conductor);

impl<'a> Frozen<'a> {
    fn new(conductor: &'a Conductor) -> Self {
        conductor.freeze(true);
        Self(conductor)
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.0.freeze(false);
    }
}

/// Whether every M stands at a gate, sleeps or polls.
pub(super) fn stands(sched: &Sched<Live>, conductor: &Conductor) -> bool {
    // Those that stand first: while the world is being stopped they only get more, and each of them
    // is busy, so equality is proof. The other way round an M could wake in between.
    let standing = conductor.standing();
    sched.busy_ms() == Some(standing)
}
