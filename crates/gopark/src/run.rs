//! Runs: `gopark::lab(seed)` and `gopark::live()`, and how they end.

use std::sync::Arc;
use std::time::Duration;

use gopark_fiber::{AltStack, StackConfig, StackError, Stacks};
use gopark_trace::ids::Nanos;
use gopark_trace::words::EndKind;
use parking_lot::Mutex;

use crate::conductor::Conductor;
use crate::go::main_entry;
use crate::kernel::Spawn;
use crate::link;
use crate::platform::{lab, live};
use crate::sched::{Ended, MAX_MS, Sched, Setup};
use crate::sink::{Both, Nowhere, Sink};

/// The exit code of a program that Go would end with a fatal error.
const EXIT_FATAL: i32 = 2;

/// A run that did not come to the end of main.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub kind: EndKind,
    /// What Go prints in that case, or what is wrong with the set-up.
    pub text: String,
}

impl Failure {
    fn setup(what: impl std::fmt::Display) -> Self {
        Self { kind: EndKind::Fatal, text: format!("gopark: {what}\n") }
    }

    /// Prints the text and ends the process with Go's exit code.
    pub fn exit(self) -> ! {
        link::print_end(&self.text);
        std::process::exit(if self.kind == EndKind::Stopped { 0 } else { EXIT_FATAL })
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.text.trim_end())
    }
}

impl std::error::Error for Failure {}

/// Where records go, and who conducts.
type Connected = (Box<dyn Sink>, Option<Arc<Conductor>>);

/// What both drives share.
pub(crate) struct Common {
    pub(crate) setup: Setup,
    pub(crate) stack: usize,
    pub(crate) sink: Option<Box<dyn Sink>>,
    pub(crate) viewer: bool,
}

impl std::fmt::Debug for Common {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Common").field("setup", &self.setup).finish_non_exhaustive()
    }
}

impl Common {
    pub(crate) fn new(seed: u64, procs: usize, step: Nanos) -> Self {
        let program = std::env::args().next().unwrap_or_default();
        let name = std::path::Path::new(&program).file_stem();
        let program = name.map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        Self {
            setup: Setup {
                procs,
                seed,
                recording: false,
                start_tick: 0,
                program,
                step,
                shrink_after: None,
                max_ms: MAX_MS,
            },
            stack: StackConfig::default().default_size,
            sink: None,
            viewer: true,
        }
    }

    /// Where records go, and who conducts.
    pub(crate) fn connect(&mut self) -> Result<Connected, Failure> {
        let own = self.sink.take();
        let viewer = if self.viewer {
            link::connect()
                .map_err(|e| Failure::setup(format_args!("the viewer can't be reached: {e}")))?
        } else {
            None
        };
        self.setup.recording = own.is_some() || viewer.is_some();
        Ok(match (own, viewer) {
            (None, None) => (Box::new(Nowhere), None),
            (Some(own), None) => (own, None),
            (None, Some((to, conductor))) => (Box::new(to), Some(conductor)),
            (Some(own), Some((to, conductor))) => {
                (Box::new(Both(own, Box::new(to))), Some(conductor))
            }
        })
    }

    pub(crate) fn stacks(&self) -> Result<Stacks, Failure> {
        let config = StackConfig { default_size: self.stack, ..StackConfig::default() };
        Stacks::new(config).map_err(|e: StackError| Failure::setup(e))
    }
}

/// A deterministic run: one kernel thread, virtual time, every choice from the seed.
///
/// ```
/// let sum = gopark::lab(7).procs(2).run(|| {
///     let (tx, rx) = gopark::chan(0);
///     gopark::go(move || { for n in 1..=4 { tx.send(n) } tx.close() });
///     rx.iter().sum::<u32>()
/// });
/// assert_eq!(sum, 10);
/// ```
#[derive(Debug)]
pub struct Lab {
    common: Common,
}

/// A deterministic run with this seed. The same program with the same seed gives the same events.
///
/// The lab asks for no promise, but it is not sound for every safe program, and we do not call it
/// so. Two gaps are known:
///
/// - code that hangs a closure-scoped thread-local over a switch, as `scoped-tls` does, can use a
///   value of another goroutine that is gone;
/// - goroutines that have not ended when main returns are abandoned, not unwound, and their stacks
///   are used again. What relies on being dropped before its memory goes, a `std::thread::scope` or
///   a pinned value in such a goroutine, must not be there then.
pub fn lab(seed: u64) -> Lab {
    Lab { common: Common::new(seed, 4, Nanos(100)) }
}

impl Lab {
    /// How many Ps (GOMAXPROCS); 4 by default.
    #[must_use]
    pub fn procs(mut self, procs: usize) -> Self {
        self.common.setup.procs = procs;
        self
    }

    /// What one step of the scheduler costs in virtual time; 100 ns by default.
    #[must_use]
    pub fn step(mut self, cost: Duration) -> Self {
        self.common.setup.step = cost.into();
        self
    }

    /// The most threads the run may have (`debug.SetMaxThreads`): one more is a fatal error. 10,000 by
    /// default, and at most.
    #[must_use]
    pub fn max_threads(mut self, threads: u32) -> Self {
        self.common.setup.max_ms = threads;
        self
    }

    /// The stack of a goroutine in bytes: a power of two from 16 KiB on; 64 KiB by default.
    #[must_use]
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.common.stack = bytes;
        self
    }

    /// The tick of P0 before main runs; real Go has used up some by then.
    #[must_use]
    pub fn start_tick(mut self, tick: u32) -> Self {
        self.common.setup.start_tick = tick;
        self
    }

    /// The program's name in its records.
    #[must_use]
    pub fn program(mut self, name: impl Into<String>) -> Self {
        self.common.setup.program = name.into();
        self
    }

    /// Where the events go.
    #[must_use]
    pub fn record(mut self, sink: impl Sink + 'static) -> Self {
        self.common.sink = Some(Box::new(sink));
        self
    }

    /// As `record`, for a sink that is boxed already.
    #[must_use]
    pub fn record_into(mut self, sink: Box<dyn Sink>) -> Self {
        self.common.sink = Some(sink);
        self
    }

    /// Do not look for a viewer in the environment.
    #[must_use]
    pub fn unwatched(mut self) -> Self {
        self.common.viewer = false;
        self
    }

    /// Runs `main` as goroutine 1 until it returns. A deadlock, a panic or a fatal error ends the
    /// process with Go's words and exit code 2.
    #[track_caller]
    pub fn run<F, R>(self, main: F) -> R
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.try_run(main).unwrap_or_else(|failure| failure.exit())
    }

    /// As [`Lab::run`], but tells how a run failed.
    ///
    /// # Errors
    /// On deadlock, panic, fatal error, when a viewer stopped the run, or when it can't be set up.
    #[track_caller]
    pub fn try_run<F, R>(mut self, main: F) -> Result<R, Failure>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        check_procs(self.common.setup.procs)?;
        gopark_fiber::install_overflow_handler().map_err(Failure::setup)?;
        let _alt_stack = AltStack::install().map_err(Failure::setup)?;
        let (sink, conductor) = self.common.connect()?;
        let stacks = self.common.stacks()?;
        let setup = &self.common.setup;
        let platform =
            lab::Lab::new(setup.seed, setup.step, sink, conductor).map_err(Failure::setup)?;
        let sched = Sched::new(platform, setup, stacks);
        let place = Arc::new(Mutex::new(None));
        let entry = main_entry(main, Arc::clone(&place));
        let m0 =
            sched.begin(setup, Spawn { entry, stack_size: 0, name: Some("main".to_owned()) }, None);
        sched.pl.drive(&sched, m0);
        let ended = sched.how_ended();
        drop(sched);
        outcome(ended, &place)
    }
}

/// A run on kernel threads, at full speed. See [`live`].
#[derive(Debug)]
pub struct Live {
    common: Common,
    ring_words: usize,
}

/// A run on kernel threads: goroutines move between them, in parallel, at full speed.
///
/// # Safety
///
/// No thread-affine value lives across a call into gopark in any goroutine of the run: no
/// reference or guard into a thread-local, no lock guard bound to its thread, no scoped
/// thread-local. This goes for calls that do not block too. A goroutine may go on at another
/// thread after any of them, and what breaks then breaks silently:
///
/// - a `RefCell` in a thread-local borrowed across a call: borrowed on one thread, released on
///   another, without a lock;
/// - `std::io::stdout().lock()` kept across a call: two threads change one lock count;
/// - an `Rc` cloned out of a thread-local and kept across a call: two threads count it;
/// - a `std::sync::MutexGuard` kept across a call: released by a thread that never locked, which
///   some systems forbid;
/// - `scoped_tls` and the like: restored on another thread, or out of order.
///
/// `print!` and friends, locks taken and released between two calls, and everything `Send` that is
/// not bound to its thread are fine. The lab needs no such promise.
pub unsafe fn live() -> Live {
    let procs = std::thread::available_parallelism().map_or(1, usize::from);
    let mut common = Common::new(random_seed(), procs, Nanos(0));
    common.setup.shrink_after = Some(SHRINK_AFTER);
    Live { common, ring_words: live::RING_WORDS }
}

/// After how long a parked goroutine gives back stack it does not use.
const SHRINK_AFTER: Nanos = Nanos(1_000_000_000);

fn random_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

impl Live {
    /// How many Ps (GOMAXPROCS); as many as processors by default.
    #[must_use]
    pub fn procs(mut self, procs: usize) -> Self {
        self.common.setup.procs = procs;
        self
    }

    /// Where random numbers start. In live it does not decide what happens, only what is drawn.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.common.setup.seed = seed;
        self
    }

    /// The most threads the run may have (`debug.SetMaxThreads`): one more is a fatal error. 10,000 by
    /// default, and at most.
    #[must_use]
    pub fn max_threads(mut self, threads: u32) -> Self {
        self.common.setup.max_ms = threads;
        self
    }

    /// The stack of a goroutine in bytes: a power of two from 16 KiB on; 64 KiB by default.
    #[must_use]
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.common.stack = bytes;
        self
    }

    /// The program's name in its records.
    #[must_use]
    pub fn program(mut self, name: impl Into<String>) -> Self {
        self.common.setup.program = name.into();
        self
    }

    /// Where the events go.
    #[must_use]
    pub fn record(mut self, sink: impl Sink + 'static) -> Self {
        self.common.sink = Some(Box::new(sink));
        self
    }

    /// As `record`, for a sink that is boxed already.
    #[must_use]
    pub fn record_into(mut self, sink: Box<dyn Sink>) -> Self {
        self.common.sink = Some(sink);
        self
    }

    /// Do not look for a viewer in the environment.
    #[must_use]
    pub fn unwatched(mut self) -> Self {
        self.common.viewer = false;
        self
    }

    /// After how long a parked goroutine gives back the pages of its stack that it does not use; one
    /// second by default. It is done by threads that have nothing else to do.
    #[must_use]
    pub fn shrink_after(mut self, parked: Duration) -> Self {
        self.common.setup.shrink_after = Some(parked.into());
        self
    }

    /// Words of eight bytes in each thread's ring of events; 524,288 by default. A ring that is full
    /// drops the newest: the stream then has a gap, and goes on from a snapshot.
    #[must_use]
    pub fn ring_words(mut self, words: usize) -> Self {
        self.ring_words = words;
        self
    }

    /// Runs `main` as goroutine 1 until it returns, and stops every M before it returns itself: a
    /// goroutine that computes without calling gopark is waited for. A deadlock, a panic or a
    /// fatal error ends the process with Go's words and exit code 2.
    #[track_caller]
    pub fn run<F, R>(self, main: F) -> R
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        self.try_run(main).unwrap_or_else(|failure| failure.exit())
    }

    /// As [`Live::run`], but tells how a run failed.
    ///
    /// # Errors
    /// On deadlock, panic, fatal error, when a viewer stopped the run, or when it can't be set up.
    ///
    /// # Panics
    /// If the events of the run contradict their own numbers, which is a bug in gopark.
    #[track_caller]
    pub fn try_run<F, R>(mut self, main: F) -> Result<R, Failure>
    where
        F: FnOnce() -> R + Send + 'static,
        R: Send + 'static,
    {
        check_procs(self.common.setup.procs)?;
        gopark_fiber::install_overflow_handler().map_err(Failure::setup)?;
        let _alt_stack = AltStack::install().map_err(Failure::setup)?;
        let (sink, conductor) = self.common.connect()?;
        let stacks = self.common.stacks()?;
        let setup = &self.common.setup;
        let recording = setup.recording;
        let conductor = conductor.or_else(|| recording.then(|| Arc::new(Conductor::free())));
        let platform =
            live::Live::new(conductor.clone(), self.ring_words).map_err(Failure::setup)?;
        let sched = Box::new(Sched::new(platform, setup, stacks));
        let place = Arc::new(Mutex::new(None));
        let entry = main_entry(main, Arc::clone(&place));
        let m0 =
            sched.begin(setup, Spawn { entry, stack_size: 0, name: Some("main".to_owned()) }, None);
        let drain = if recording {
            // SAFETY: it is finished before `sched` is dropped, below.
            Some(unsafe { live::Drain::start(&sched, sink, conductor) }.map_err(Failure::setup)?)
        } else {
            None
        };
        // SAFETY: it is leaked below if threads are left.
        let all_stopped = unsafe { sched.pl.drive(&sched, m0) }.map_err(Failure::setup)?;
        let broken = drain.map_or(0, live::Drain::finish);
        let ended = sched.how_ended();
        if all_stopped {
            drop(sched);
        } else {
            Box::leak(sched);
        }
        debug_assert_eq!(broken, 0, "events came against their own numbers");
        outcome(ended, &place)
    }
}

pub(crate) fn check_procs(procs: usize) -> Result<(), Failure> {
    const MOST: usize = 1024;
    if (1..=MOST).contains(&procs) {
        return Ok(());
    }
    Err(Failure::setup(format_args!("{procs} Ps can't be had: choose 1 to {MOST}")))
}

pub(crate) fn outcome<R>(ended: Option<Ended>, place: &Mutex<Option<R>>) -> Result<R, Failure> {
    let result = place.lock().take();
    match (result, ended) {
        (Some(result), Some(Ended { how: EndKind::Returned, .. })) => Ok(result),
        (_, Some(ended)) => Err(Failure { kind: ended.how, text: ended.text }),
        (_, None) => Err(Failure::setup("the run stopped without an end; this is a bug in gopark")),
    }
}
