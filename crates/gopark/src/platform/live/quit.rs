//! SIGQUIT ends a program that has a live run in progress with a dump of its goroutines, as in Go.
//!
//! The handler runs anywhere, so it only leaves a flag and wakes the template threads
//! ([`super::threads`]): the first that takes the flag prints and ends the process. It is there only
//! while a live run is in progress, and only if nobody else had one.

use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::threads;

/// The signal came.
static ASKED: AtomicBool = AtomicBool::new(false);

/// Runs in progress, and what was there for the signal before the first of them.
static RUNS: Mutex<(usize, Option<libc::sigaction>)> = Mutex::new((0, None));

/// Whether the caller is to dump its goroutines and end the process.
pub(super) fn take() -> bool {
    ASKED.swap(false, Ordering::AcqRel)
}

/// The handler is there as long as one of these is.
#[derive(Debug)]
pub(super) struct Watch(());

impl Watch {
    pub(super) fn start() -> Self {
        let mut runs = RUNS.lock();
        runs.0 += 1;
        if runs.0 == 1 {
            runs.1 = install();
        }
        Self(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut runs = RUNS.lock();
        runs.0 -= 1;
        if runs.0 == 0
            && let Some(before) = runs.1.take()
        {
            // SAFETY: it is what the system gave us.
            unsafe { libc::sigaction(libc::SIGQUIT, &raw const before, std::ptr::null_mut()) };
        }
    }
}

/// Puts the handler in place of the system's own; gives back what was there.
fn install() -> Option<libc::sigaction> {
    let mut before = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: `before` has room for a sigaction, and all zeroes is a valid one.
    let before = unsafe {
        if libc::sigaction(libc::SIGQUIT, std::ptr::null(), before.as_mut_ptr()) != 0 {
            return None;
        }
        before.assume_init()
    };
    if before.sa_sigaction != libc::SIG_DFL {
        return None;
    }
    let handler: extern "C" fn(libc::c_int) = on_quit;
    // SAFETY: all zeroes is a valid sigaction; the handler has the form of one without SA_SIGINFO
    // and does only what a handler may.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
        libc::sigemptyset(&raw mut action.sa_mask);
        if libc::sigaction(libc::SIGQUIT, &raw const action, std::ptr::null_mut()) != 0 {
            return None;
        }
    }
    Some(before)
}

extern "C" fn on_quit(_signal: libc::c_int) {
    // A wake that finds nobody is no error, so the thread's errno stays as it is.
    ASKED.store(true, Ordering::Release);
    threads::wake_templates();
}
