//! Blocking calls: what to do with the P meanwhile (`entersyscall`, `exitsyscall`).
//!
//! A call that is marked keeps its thread, and its P may be taken from it: after 20 µs if somebody
//! waits for one, after 10 ms in any case. Calls nobody marked are found as well, in live on Linux:
//! a thread that burns no CPU loses its P after some milliseconds.

use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::time::Duration;

use gopark_trace::ids::Nanos;

use crate::current::{self, kernel};

/// What a call takes in the lab's virtual time if nobody says otherwise.
const LAB_CALL: Duration = Duration::from_micros(100);

/// Runs a call that may block, for a short while or long. The goroutine keeps its thread; its P
/// stays with it until somebody needs it.
///
/// Inside `f` nothing of gopark may be used. In the lab the call takes 100 µs of virtual time and is
/// made at the end of it, while the world stands: see [`syscall_for`].
///
/// ```
/// # gopark::lab(1).unwatched().run(|| {
/// let bytes = gopark::syscall(|| std::fs::read("Cargo.toml"));
/// # assert!(bytes.is_ok());
/// # });
/// ```
///
/// # Panics
/// Whatever `f` panics with, and a call into gopark inside it. Outside a goroutine.
#[track_caller]
pub fn syscall<R>(f: impl FnOnce() -> R) -> R {
    call("syscall", false, LAB_CALL, Location::caller(), f)
}

/// As [`syscall`], with a name for the stage and the time it takes in the lab.
///
/// # Panics
/// As [`syscall`].
#[track_caller]
pub fn syscall_for<R>(name: &'static str, time: Duration, f: impl FnOnce() -> R) -> R {
    call(name, false, time, Location::caller(), f)
}

/// Runs a call that is known to block: the P is handed off before it starts (`entersyscallblock`).
///
/// # Panics
/// As [`syscall`].
#[track_caller]
pub fn syscall_blocking<R>(f: impl FnOnce() -> R) -> R {
    call("blocking call", true, LAB_CALL, Location::caller(), f)
}

/// As [`syscall_blocking`], with a name for the stage and the time it takes in the lab.
///
/// # Panics
/// As [`syscall`].
#[track_caller]
pub fn syscall_blocking_for<R>(name: &'static str, time: Duration, f: impl FnOnce() -> R) -> R {
    call(name, true, time, Location::caller(), f)
}

/// As [`syscall`], with a name for the stage.
#[track_caller]
pub(crate) fn marked<R>(name: &'static str, f: impl FnOnce() -> R) -> R {
    call(name, false, LAB_CALL, Location::caller(), f)
}

/// As [`syscall_blocking`], with a name for the stage.
#[track_caller]
pub(crate) fn known_to_block<R>(name: &'static str, f: impl FnOnce() -> R) -> R {
    call(name, true, LAB_CALL, Location::caller(), f)
}

pub(crate) fn call<R>(
    name: &'static str,
    blocking: bool,
    time: Duration,
    at: &'static Location<'static>,
    f: impl FnOnce() -> R,
) -> R {
    let kernel = kernel();
    let site = kernel.site(at);
    kernel.gate();
    kernel.enter_call(name, blocking, site);
    kernel.wait_in_call(Nanos::from(time));
    // Back in the runtime also if it panics: the panic goes on from there.
    let result = catch_unwind(AssertUnwindSafe(f));
    kernel.leave_call(site);
    drop(kernel);
    result.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Ties the calling goroutine to its thread: from now on it runs there and nowhere else, and nobody
/// else does (`runtime.LockOSThread`). Calls nest. If it ends while tied, its thread ends with it.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn lock_os_thread() {
    let kernel = current::kernel();
    kernel.tie(true, kernel.site(Location::caller()));
}

/// Takes one [`lock_os_thread`] back (`runtime.UnlockOSThread`). Without one nothing happens.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn unlock_os_thread() {
    let kernel = current::kernel();
    kernel.tie(false, kernel.site(Location::caller()));
}

/// Changes the number of Ps while the program runs, and says how many there were
/// (`runtime.GOMAXPROCS`). 0 changes nothing. The world is stopped for it; goroutines of a P that
/// goes away go to the head of the global queue.
///
/// # Panics
/// Above 1024. Outside a goroutine.
#[track_caller]
pub fn set_gomaxprocs(procs: usize) -> usize {
    assert!(procs <= crate::sched::MAX_PS, "gopark: {procs} Ps can't be had: choose 1 to 1024");
    current::kernel().resize(procs)
}

/// All goroutines in Go's form, with what each waits for (`runtime.Stack`).
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn dump() -> String {
    let kernel = current::kernel();
    kernel.site(Location::caller());
    kernel.dump()
}
