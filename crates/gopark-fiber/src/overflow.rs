//! What happens when a goroutine runs into its guard: a report in Go's words, and the end of the process.
//!
//! Invariants:
//! - `PREVIOUS` is set before our handler is installed, and never changes.
//! - [`on_fault`] and all it calls are safe in a signal handler: atomics, copies, `write`, `_exit`, `sigaction`, `raise`.
//!   No allocation, no lock, no formatting machinery, no thread-local.
//! - A fault that is not in one of our guards is handled as if we were not there.

mod report;

use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::{Mutex, OnceLock, PoisonError};

use libc::{c_int, c_void, sigaction, siginfo_t};

use crate::registry;
use crate::sys;

/// The signals of a fault on memory. Linux sends the first for a guard; others may send the second.
const SIGNALS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// Go's exit code after a fatal error.
const EXIT_FATAL: c_int = 2;

/// What was installed before us, in the order of [`SIGNALS`]. Read by the handler: reading a set `OnceLock` is one load.
static PREVIOUS: OnceLock<[sigaction; 2]> = OnceLock::new();

/// Installs the handler that names the goroutine which overflowed its stack and ends the process with exit code 2, as Go
/// does. Every other fault goes to the handler that was there before, std's as a rule. Doing it again does nothing.
///
/// The handler needs a signal stack to run on: threads of std have a small one, [`AltStack`](crate::AltStack) is roomier.
///
/// # Errors
///
/// When the system refuses, which it has no reason to.
pub fn install_overflow_handler() -> io::Result<()> {
    static INSTALLED: Mutex<bool> = Mutex::new(false);
    let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    if *installed {
        return Ok(());
    }
    if PREVIOUS.get().is_none() {
        // Asked for first, and set before ours is in place, so that our handler always finds it.
        let previous = [action_of(SIGNALS[0])?, action_of(SIGNALS[1])?];
        PREVIOUS.get_or_init(|| previous);
    }
    for signal in SIGNALS {
        install(signal)?;
    }
    *installed = true;
    Ok(())
}

/// The action a signal has now.
fn action_of(signal: c_int) -> io::Result<sigaction> {
    let mut action = MaybeUninit::<sigaction>::zeroed();
    // SAFETY: with no new action, sigaction only writes the old one.
    sys::check(unsafe { libc::sigaction(signal, ptr::null(), action.as_mut_ptr()) })?;
    // SAFETY: it was written, and all zeros is a value of the C structure anyway.
    Ok(unsafe { action.assume_init() })
}

/// Makes [`on_fault`] the action of a signal.
fn install(signal: c_int) -> io::Result<()> {
    // SAFETY: sigaction is a C structure for which all zeros is a value.
    let mut action: sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = on_fault as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize;
    // ONSTACK: the goroutine's own stack has no room left, that is the point.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: fills the set we own. With every signal blocked no other handler can keep a thread here, see `registry`.
    unsafe { libc::sigfillset(&raw mut action.sa_mask) };
    // SAFETY: the handler has the signature that SA_SIGINFO asks for, and does only what a signal handler may.
    sys::check(unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) })
}

/// The handler.
extern "C" fn on_fault(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel passes a valid siginfo.
    let sent_by_fault = unsafe { (*info).si_code > 0 };
    if sent_by_fault {
        // SAFETY: a fault's siginfo has an address.
        let address = unsafe { (*info).si_addr() }.addr();
        if let Some(overflow) = registry::find(address) {
            report::write(&overflow);
            // SAFETY: _exit is made for signal handlers: it runs nothing of ours on the way out.
            unsafe { libc::_exit(EXIT_FATAL) };
        }
    }
    pass_on(signal, info, context, sent_by_fault);
}

/// Does what would have been done without us.
fn pass_on(signal: c_int, info: *mut siginfo_t, context: *mut c_void, sent_by_fault: bool) {
    let index = usize::from(signal == SIGNALS[1]);
    let Some(previous) = PREVIOUS.get().map(|actions| &actions[index]) else {
        return; // Can't be: set before the handler is installed.
    };
    match previous.sa_sigaction {
        libc::SIG_IGN if !sent_by_fault => {}
        libc::SIG_DFL | libc::SIG_IGN => die_of(signal, sent_by_fault),
        handler if previous.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: the action says that it is a handler of this signature, and whoever installed it promised that it may
            // be called with what the kernel passes for this signal.
            let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
                unsafe { std::mem::transmute(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: as above, without SA_SIGINFO.
            let handler: extern "C" fn(c_int) = unsafe { std::mem::transmute(handler) };
            handler(signal);
        }
    }
}

/// Dies as the signal's default action does (the kernel does not let a fault be ignored): the action is reset, and when we
/// return the faulting instruction faults again.
fn die_of(signal: c_int, sent_by_fault: bool) {
    // SAFETY: sigaction is a C structure for which all zeros is a value: the default action, no flags, no mask.
    let action: sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: installing the default action; sigaction and raise may be called in handlers.
    unsafe {
        libc::sigaction(signal, &raw const action, ptr::null_mut());
        if !sent_by_fault {
            // Sent by someone: nothing will fault again. Blocked now, so it arrives when we return.
            libc::raise(signal);
        }
    }
}
