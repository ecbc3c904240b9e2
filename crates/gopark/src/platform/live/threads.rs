//! The kernel threads of a live run: those of the Ms, the template that makes them, and sysmon's.
//!
//! Threads are made by the *template thread* and by nobody else: to make one needs malloc, and a
//! suspended goroutine may be inside malloc. The template may wait for it, the scheduler may not. It
//! makes one thread more than there are Ms, so that the next M only has to be woken. A thread
//! enlists itself when it has been through everything it does for the first time.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

use gopark_fiber::AltStack;
use gopark_trace::ids::MId;
use parking_lot::{Condvar, Mutex};

use super::{Live, quit, run_m};
use crate::link::print_end;
use crate::m::M;
use crate::platform::Platform;
use crate::proto::claim::{EMERGENCY, HELD};
use crate::sched::{MAX_MS, MAX_PS, Sched, Sysmon};

/// How long threads that are in user code and nowhere else are waited for at the end.
const GRACE: Duration = Duration::from_millis(250);

/// Changes when the templates should look how many threads are needed. One for all runs, as signal
/// handlers must find it at any time.
static WANTED: AtomicU32 = AtomicU32::new(0);

/// Has the templates look what is to be done. Safe in a signal handler.
pub(super) fn wake_templates() {
    WANTED.fetch_add(1, Ordering::Release);
    atomic_wait::wake_all(&WANTED);
}

/// The threads of one run.
#[derive(Debug)]
pub(super) struct Threads {
    over: AtomicBool,
    ended: Arc<(Mutex<bool>, Condvar)>,
    ms: Mutex<Vec<JoinHandle<()>>>,
    sysmon: OnceLock<Thread>,
    /// Whether sysmon is to stand still, and whether it does.
    sysmon_held: AtomicU32,
}

/// sysmon does what it does.
const GOES: u32 = 0;
/// It is to stand still.
const ASKED: u32 = 1;
/// It does, between two rounds.
const STANDS: u32 = 2;

/// A scheduler that may go to a new thread.
#[derive(Clone, Copy)]
struct Shared(*const Sched<Live>);
// SAFETY: a Sched is Sync; that it outlives the threads is what `Threads::run` asks for.
unsafe impl Send for Shared {}

impl Shared {
    fn get(&self) -> &'static Sched<Live> {
        // SAFETY: as above; `'static` stands for the threads' lives.
        unsafe { &*self.0 }
    }
}

impl Threads {
    pub(super) fn new() -> Self {
        Self {
            over: AtomicBool::new(false),
            ended: Arc::new((Mutex::new(false), Condvar::new())),
            ms: Mutex::new(Vec::new()),
            sysmon: OnceLock::new(),
            sysmon_held: AtomicU32::new(GOES),
        }
    }

    /// Has the template look whether threads are missing.
    #[expect(clippy::unused_self, reason = "it is asked for by a run")]
    pub(super) fn more(&self) {
        wake_templates();
    }

    /// Ends a sleep of sysmon's.
    pub(super) fn wake_sysmon(&self) {
        if let Some(sysmon) = self.sysmon.get() {
            sysmon.unpark();
        }
    }

    /// Has sysmon stand still between two rounds, and waits until it does.
    pub(super) fn hold_sysmon(&self) {
        self.sysmon_held.store(ASKED, Ordering::SeqCst);
        while self.sysmon_held.load(Ordering::SeqCst) == ASKED && !self.over.load(Ordering::SeqCst)
        {
            self.wake_sysmon();
            std::thread::park_timeout(Duration::from_micros(50));
        }
    }

    /// Lets sysmon go on.
    pub(super) fn let_sysmon_go(&self) {
        self.sysmon_held.store(GOES, Ordering::SeqCst);
        self.wake_sysmon();
    }

    /// The run has ended.
    pub(super) fn over(&self) {
        self.over.store(true, Ordering::SeqCst);
        self.more();
        self.wake_sysmon();
        let (ended, changed) = &*self.ended;
        *ended.lock() = true;
        changed.notify_all();
    }

    /// Runs to the end; says whether every thread has stopped.
    ///
    /// # Safety
    /// If not, the scheduler is never dropped.
    pub(super) unsafe fn run(&self, sched: &Sched<Live>, m0: &'static M) -> std::io::Result<bool> {
        let shared = Shared(sched);
        let first = spawn("gopark-M0".to_owned(), move || run_m(shared.get(), m0))?;
        self.ms.lock().push(first);
        let template = spawn("gopark-template".to_owned(), move || make_threads(shared.get()))?;
        let sysmon = spawn("gopark-sysmon".to_owned(), move || watch(shared.get()))?;
        drop(self.sysmon.set(sysmon.thread().clone()));
        let (ended, changed) = &*self.ended;
        let mut ended = ended.lock();
        while !*ended {
            changed.wait(&mut ended);
        }
        drop(ended);
        // Threads of ours end without a panic or take the process with them.
        // The end may have come before its thread was known to `over`.
        sysmon.thread().unpark();
        let _ = sysmon.join();
        // One that waits for malloc may do so as long as a suspended goroutine is inside it.
        let_go(sched);
        let _ = template.join();
        Ok(self.join_ms(sched))
    }

    /// Waits for the Ms. Those that never come by are left to themselves.
    fn join_ms(&self, sched: &Sched<Live>) -> bool {
        let mut left = std::mem::take(&mut *self.ms.lock());
        let mut since = Instant::now();
        let mut nap = Duration::from_micros(10);
        loop {
            let_go(sched);
            let (done, still) = left.into_iter().partition(JoinHandle::is_finished);
            left = still;
            for thread in Vec::from_iter(done) {
                let _ = thread.join();
            }
            if left.is_empty() {
                return true;
            }
            // One that is in the runtime comes by by itself.
            if !only_user_code(sched, left.len()) {
                since = Instant::now();
            } else if since.elapsed() > GRACE {
                return false;
            }
            std::thread::park_timeout(nap);
            nap = (nap * 2).min(Duration::from_millis(2));
        }
    }
}

fn spawn<F: FnOnce() + Send + 'static>(name: String, f: F) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name).spawn(move || {
        let _alt_stack = AltStack::install();
        f();
    })
}

/// Lets every suspended thread go on, without P: the run is over.
fn let_go(sched: &Sched<Live>) {
    let locked = sched.lock();
    for m in sched.table(&locked) {
        if m.claim.switch(HELD, EMERGENCY) {
            m.claim.wake();
        }
    }
}

/// Whether at least so many Ms are in code of the user.
fn only_user_code(sched: &Sched<Live>, count: usize) -> bool {
    let locked = sched.lock();
    sched.table(&locked).iter().filter(|m| m.claim.in_user()).count() >= count
}

/// The template thread.
fn make_threads(sched: &'static Sched<Live>) {
    let threads = &sched.pl.threads;
    // M0's thread is there.
    let mut made = 1;
    loop {
        let seen = WANTED.load(Ordering::Acquire);
        if threads.over.load(Ordering::SeqCst) {
            return;
        }
        if quit::take() {
            print_end(&format!("SIGQUIT: quit\n{}", sched.dump_all()));
            std::process::exit(2);
        }
        // One more than there are Ms.
        let needed = (sched.lock().ms + 1).min(MAX_MS);
        if made < needed {
            make_thread(sched, MId(made));
            made += 1;
        } else {
            atomic_wait::wait(&WANTED, seen);
        }
    }
}

/// Makes one thread and waits until it has enlisted itself.
fn make_thread(sched: &'static Sched<Live>, id: MId) {
    let threads = &sched.pl.threads;
    let m = sched.make_m(id);
    let ready = Arc::new(AtomicU32::new(0));
    let enlisted = Arc::clone(&ready);
    let spawned = spawn(format!("gopark-{id}"), move || {
        // The first allocation and the first panic machinery of a thread set things up for it.
        drop(std::hint::black_box(Box::new(id)));
        std::hint::black_box(std::thread::panicking());
        let (m, promised) = sched.enlist_thread(m);
        enlisted.store(1, Ordering::Release);
        atomic_wait::wake_all(&*enlisted);
        drop(enlisted);
        if !promised {
            sched.pl.sleep(m);
        }
        run_m(sched, m);
    });
    match spawned {
        Ok(thread) => threads.ms.lock().push(thread),
        Err(error) => {
            let ms = sched.lock().ms;
            print_end(&format!(
                "runtime: failed to create new OS thread (have {ms} already): {error}\n\
                 fatal error: newosproc\n"
            ));
            std::process::exit(2);
        }
    }
    while ready.load(Ordering::Acquire) == 0 {
        atomic_wait::wait(&ready, 0);
    }
}

/// sysmon's thread.
fn watch(sched: &'static Sched<Live>) {
    crate::current::set_sysmon();
    let mut sysmon = Sysmon::new(MAX_PS);
    let threads = &sched.pl.threads;
    while !threads.over.load(Ordering::SeqCst) {
        if threads.sysmon_held.load(Ordering::SeqCst) != GOES {
            // If it was let go meanwhile, this fails.
            let _ = threads.sysmon_held.compare_exchange(
                ASKED,
                STANDS,
                Ordering::SeqCst,
                Ordering::SeqCst,
            );
            std::thread::park_timeout(Duration::from_millis(1));
            continue;
        }
        if sched.pl.clock_stands() {
            // The world stands, and so does whoever would take Ps from those that stand. Until it
            // does, those that never come to a gate are stopped where they are.
            if !sched.pl.world_stands(sched) {
                sched.stop_who_computes();
            }
            std::thread::park_timeout(Duration::from_millis(1));
            continue;
        }
        let next = sched.sysmon_round(&mut sysmon);
        let nap = next.minus(sched.pl.now());
        std::thread::park_timeout(Duration::from_nanos(nap.0));
    }
}
