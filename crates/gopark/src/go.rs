//! `go`: making goroutines, waiting for their results, and the one place where their panics are
//! caught.

use std::any::Any;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::sync::Arc;

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, Obj};
use gopark_trace::rule::Rule;
use gopark_trace::words::{EndKind, ExitKind, WaitReason};
use lock_api::MutexGuard;

use crate::current::{self, kernel};
use crate::kernel::{Commit, Kernel, Park, Spawn, stamp_g};
use crate::lock::Lock;
use crate::waitq::{WaitQueue, Waiter};

/// Starts a goroutine (`go f()`).
///
/// It goes into the slot of the P that runs the caller, which keeps running. The handle may be
/// dropped: the goroutine goes on by itself. A panic in it ends the program, as in Go, unless its
/// handle is kept, which gets the panic from [`JoinHandle::join`].
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn go<F, T>(f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    spawn(f, 0, None)
}

/// As [`go`], with a stack of at least `size` bytes instead of the default.
///
/// # Panics
/// Outside a goroutine. A size above the largest stack ends the run with a fatal error.
#[track_caller]
pub fn go_with_stack<F, T>(size: usize, f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    spawn(f, size, None)
}

/// As [`go`], with a name for the stage, for dumps and for reports.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn go_named<F, T>(name: impl Into<String>, f: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    spawn(f, 0, Some(name.into()))
}

#[track_caller]
fn spawn<F, T>(f: F, stack_size: usize, name: Option<String>) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    // Allocated before the runtime is entered: in it nobody may wait for malloc.
    let task = Arc::new(Task::new());
    let entry = entry(f, Arc::clone(&task));
    let kernel = kernel();
    let site = kernel.site(Location::caller());
    let g = kernel.spawn(Spawn { entry, stack_size, name }, site);
    JoinHandle { task, g, run: kernel.run() }
}

/// What a goroutine leaves for whoever joins it.
#[derive(Debug)]
struct Task<T> {
    state: Lock<TaskState<T>>,
}

#[derive(Debug)]
struct TaskState<T> {
    result: Option<Result<T, Panicked>>,
    ended: bool,
    /// The handle was dropped: nobody will take the result.
    abandoned: bool,
    waiters: WaitQueue<()>,
}

impl<T> Task<T> {
    fn new() -> Self {
        Self {
            state: Lock::new(TaskState {
                result: None,
                ended: false,
                abandoned: false,
                waiters: WaitQueue::new(),
            }),
        }
    }
}

/// What a G runs: the user's function, with its panics caught here and nowhere else.
fn entry<F, T>(f: F, task: Arc<Task<T>>) -> crate::g::Entry
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    Box::new(move || {
        current::to_user();
        // The function is gone after this, whatever happens in it, so nothing broken is seen.
        let result = catch_unwind(AssertUnwindSafe(f)).map_err(Panicked);
        let kernel = kernel();
        if let Err(panicked) = &result {
            note_end(&*kernel, panicked);
        }
        finish(&*kernel, &task, result);
        drop(kernel);
        // If the handle is gone, the result is dropped here, and that is user code too.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(task))).map_err(Panicked);
        let kernel = current::kernel();
        if let Err(panicked) = dropped {
            note_end(&*kernel, &panicked);
            end_by_panic(&*kernel, &panicked);
        }
        kernel.stay();
    })
}

/// The entry of a goroutine that nobody can join: its panic ends the program.
pub(crate) fn detached_entry(f: impl FnOnce() + Send + 'static) -> crate::g::Entry {
    Box::new(move || {
        current::to_user();
        let result = catch_unwind(AssertUnwindSafe(f)).map_err(Panicked);
        let kernel = kernel();
        if let Err(panicked) = result {
            note_end(&*kernel, &panicked);
            end_by_panic(&*kernel, &panicked);
        }
        kernel.stay();
    })
}

/// Notes how the calling goroutine unwound to its first line.
fn note_end(kernel: &dyn Kernel, panicked: &Panicked) {
    let g = kernel.current();
    if panicked.is_goexit() {
        g.exit.set(ExitKind::Goexit);
        return;
    }
    g.exit.set(ExitKind::Panicked);
    if kernel.recording() {
        let event = Event::GoPanic { g: g.gid(), message: panicked.message().to_owned() };
        kernel.record(None, &[stamp_g(g)], &mut std::iter::once((event, None)));
    }
}

/// Ends the run in Go's words, because nobody will take the panic of the calling goroutine. A
/// Goexit is none.
fn end_by_panic(kernel: &dyn Kernel, panicked: &Panicked) {
    if panicked.is_goexit() {
        return;
    }
    let g = kernel.current().gid();
    kernel.end(EndKind::Panic, panic_text(panicked, g), Some(Rule::PanicEnds { g }));
}

fn panic_text(panicked: &Panicked, g: GId) -> String {
    format!("panic: {}\n\ngoroutine {} [running]:\n", panicked.message(), g.0)
}

/// Leaves the result for whoever joins, or ends the run if it is a panic that nobody will take.
fn finish<T>(kernel: &dyn Kernel, task: &Task<T>, result: Result<T, Panicked>) {
    let g = kernel.current().gid();
    let mut state = task.state.lock();
    let unwanted = result.as_ref().err().filter(|p| state.abandoned && !p.is_goexit());
    let unwanted = unwanted.map(|p| panic_text(p, g));
    state.result = Some(result);
    state.ended = true;
    let mut waiters = std::mem::replace(&mut state.waiters, WaitQueue::new());
    drop(state);
    if let Some(text) = unwanted {
        kernel.end(EndKind::Panic, text, Some(Rule::PanicEnds { g }));
    }
    while let Some(waiter) = waiters.pop_front() {
        kernel.ready(waiter.g, None, Some(Rule::JoinedEnded { g }));
    }
}

/// A goroutine that can be waited for.
#[derive(Debug)]
#[must_use = "dropping the handle is fine; say so with `drop`"]
pub struct JoinHandle<T> {
    task: Arc<Task<T>>,
    g: GId,
    /// The run it belongs to: another one is not ended by its panic.
    run: u32,
}

impl<T: Send + 'static> JoinHandle<T> {
    /// The goroutine's id.
    pub fn id(&self) -> GId {
        self.g
    }

    /// Parks until the goroutine has ended and returns what it returned.
    ///
    /// # Errors
    /// With its panic, if it panicked, or if it ended by [`goexit`]: see [`Panicked::is_goexit`].
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn join(self) -> Result<T, Panicked> {
        let kernel = kernel();
        let site = kernel.site(Location::caller());
        kernel.gate();
        let mut state = self.task.state.lock();
        if !state.ended {
            let waiter = Waiter::new(kernel.current(), ());
            // SAFETY: this goroutine parks next and goes on only when it is off the list.
            unsafe { state.waiters.push_back(&waiter) };
            // SAFETY: the guard is forgotten; park_m releases the lock when we are off this stack.
            let raw: *const _ = unsafe { MutexGuard::mutex(&state).raw() };
            std::mem::forget(state);
            kernel.park(Park {
                why: WaitReason::Join,
                on: Some(Obj::Go(self.g)),
                on_number: None,
                rule: Rule::ParkUntilReady {},
                site,
                commit: Commit::Unlock(raw),
            });
            state = self.task.state.lock();
        }
        state.result.take().expect("an ended goroutine leaves its result, and a handle joins once")
    }
}

impl<T> Drop for JoinHandle<T> {
    /// From now on a panic of the goroutine ends the program, at once if it has panicked already.
    fn drop(&mut self) {
        let mut state = self.task.state.lock();
        state.abandoned = true;
        let text = match &state.result {
            Some(Err(panicked)) if !panicked.is_goexit() => panic_text(panicked, self.g),
            _ => return,
        };
        drop(state);
        // After the run nobody minds. A Drop never switches, so the caller goes on to its next call.
        if let Some(kernel) = current::kernel_if_any().filter(|kernel| kernel.run() == self.run) {
            kernel.fail(EndKind::Panic, text, Some(Rule::PanicEnds { g: self.g }));
        }
    }
}

/// The panic of a goroutine, or its [`goexit`].
pub struct Panicked(Box<dyn Any + Send>);

impl Panicked {
    /// What it said.
    pub fn message(&self) -> &str {
        message_of(&*self.0)
    }

    /// Whether it was no panic at all: the goroutine ended by [`goexit`], and left no result.
    pub fn is_goexit(&self) -> bool {
        self.0.is::<Goexit>()
    }

    /// Goes on panicking here. After a [`goexit`] that is a panic of its own: the caller has not
    /// asked to end.
    #[track_caller]
    pub fn resume(self) -> ! {
        assert!(!self.is_goexit(), "{GOEXIT}");
        resume_unwind(self.0)
    }
}

/// The text of a panic's payload.
pub(crate) fn message_of(payload: &(dyn Any + Send)) -> &str {
    if payload.is::<Goexit>() {
        return GOEXIT;
    }
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a value that is not text")
}

impl std::fmt::Debug for Panicked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Panicked").field(&self.message()).finish()
    }
}

impl std::fmt::Display for Panicked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_goexit() {
            return f.write_str(GOEXIT);
        }
        write!(f, "a goroutine panicked: {}", self.message())
    }
}

impl std::error::Error for Panicked {}

/// The entry of main: its result goes to `place`, and the run ends when it returns.
pub(crate) fn main_entry<F, R>(f: F, place: Arc<parking_lot::Mutex<Option<R>>>) -> crate::g::Entry
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    Box::new(move || {
        current::to_user();
        let result = catch_unwind(AssertUnwindSafe(f)).map_err(Panicked);
        let kernel = kernel();
        match result {
            Ok(value) => {
                *place.lock() = Some(value);
                let left = kernel.alive().saturating_sub(1) as u32;
                // It returns, so that nothing of main's own is left behind.
                kernel.fail(EndKind::Returned, String::new(), Some(Rule::MainReturns { left }));
            }
            // After a Goexit the others go on; the run ends when none of them can.
            Err(panicked) => {
                note_end(&*kernel, &panicked);
                end_by_panic(&*kernel, &panicked);
            }
        }
        kernel.stay();
    })
}

/// What a goroutine unwinds with that ends itself.
struct Goexit;

/// What is said of it.
const GOEXIT: &str = "the goroutine called goexit";

/// Ends the calling goroutine and no other (`runtime.Goexit`): its stack unwinds, so destructors
/// run, and nothing is printed. Who joins it gets an error that says so. If main calls it, the
/// others go on, and the run ends with a fatal error when none of them is left.
///
/// As it unwinds, a `catch_unwind` of the goroutine's own stops it, unlike Go's `recover`: who
/// catches goes on, or resumes it. And as any panic, it aborts the process in a destructor that
/// runs while a panic unwinds, and does not pass a function that can't unwind.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn goexit() -> ! {
    let kernel = kernel();
    kernel.site(Location::caller());
    kernel.gate();
    drop(kernel);
    resume_unwind(Box::new(Goexit))
}

/// Lets other goroutines run (`runtime.Gosched`): the caller goes to the tail of the global queue.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn yield_now() {
    let kernel = kernel();
    kernel.yield_now(kernel.site(Location::caller()));
}

/// Parks for ever (`select {}`).
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn park_forever() -> ! {
    let kernel = kernel();
    let site = kernel.site(Location::caller());
    kernel.gate();
    loop {
        kernel.park(Park {
            why: WaitReason::SelectNoCases,
            on: None,
            on_number: None,
            rule: Rule::ParkUntilReady {},
            site,
            commit: Commit::Nothing,
        });
    }
}

/// Computes for `time`: burns that much of the thread's CPU in live, and is busy for that long in
/// the lab's virtual time while others act.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn work(time: std::time::Duration) {
    let kernel = kernel();
    kernel.work(time.into(), kernel.site(Location::caller()));
}

/// The id of the calling goroutine.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn current_id() -> GId {
    kernel().current().gid()
}

/// Gives the calling goroutine a name, for the stage, for dumps and for reports.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn set_name(name: impl Into<String>) {
    kernel().set_name(name.into());
}

/// How many goroutines have not ended (`runtime.NumGoroutine`).
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn num_goroutine() -> u64 {
    kernel().alive()
}

/// How many Ps the run has.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn gomaxprocs() -> usize {
    kernel().procs()
}

/// A line of the program's own in the event log.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn log(text: impl Into<String>) {
    let kernel = kernel();
    if kernel.recording() {
        let site = kernel.site(Location::caller());
        let event = Event::UserLog { text: text.into() };
        kernel.record(site, &[stamp_g(kernel.current())], &mut std::iter::once((event, None)));
    }
}
