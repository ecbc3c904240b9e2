//! Linux: SIGURG to the one thread, `membarrier`, and the CPU clock of a thread.
//!
//! The handler runs on the thread's own signal stack, and acts only on an M in user code. It keeps
//! `errno`, and hands on every SIGURG that is not ours.

use std::io;
use std::mem::MaybeUninit;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};

use gopark_trace::ids::Nanos;

use crate::current;
use crate::sched::suspend_here;

/// Whether threads can be suspended here.
pub(in crate::platform::live) const SUPPORTED: bool = true;

/// What was there for SIGURG before.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

/// The kernel thread of an M.
#[derive(Debug)]
pub(crate) struct ThreadCell {
    /// 0 before it runs.
    tid: AtomicI32,
    /// Its CPU clock.
    clock: AtomicI32,
}

impl Default for ThreadCell {
    fn default() -> Self {
        Self { tid: AtomicI32::new(0), clock: AtomicI32::new(libc::CLOCK_THREAD_CPUTIME_ID) }
    }
}

impl ThreadCell {
    /// The calling thread is the M's from now on.
    pub(in crate::platform::live) fn enter(&self) {
        let mut clock = 0;
        // SAFETY: plain calls about the calling thread; `clock` is ours.
        let (tid, failed) = unsafe {
            (libc::gettid(), libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock))
        };
        if failed == 0 {
            self.clock.store(clock, Ordering::Relaxed);
        }
        self.tid.store(tid, Ordering::Release);
    }

    /// Whether there is a thread.
    pub(in crate::platform::live) fn is_there(&self) -> bool {
        self.tid.load(Ordering::Acquire) != 0
    }

    /// CPU time the thread has used.
    pub(in crate::platform::live) fn cpu_time(&self) -> Nanos {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the pointer is to a timespec of ours. For a thread that is gone it fails and
        // leaves zero.
        unsafe { libc::clock_gettime(self.clock.load(Ordering::Relaxed), &raw mut time) };
        Nanos(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
    }

    /// Sends it the signal.
    pub(in crate::platform::live) fn signal(&self) {
        let tid = self.tid.load(Ordering::Acquire);
        // SAFETY: a plain call; our handler is installed. A thread that is gone is an error that
        // does not matter.
        unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, libc::SIGURG) };
    }
}

/// `MEMBARRIER_CMD_PRIVATE_EXPEDITED` and its registration.
const EXPEDITED: libc::c_int = 1 << 3;
const REGISTER_EXPEDITED: libc::c_int = 1 << 4;

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: a plain call without pointers.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// A memory barrier on every thread of the process; false where the kernel has none.
pub(in crate::platform::live) fn barrier() -> bool {
    membarrier(EXPEDITED)
}

/// Makes the process ready, once.
pub(in crate::platform::live) fn install() -> io::Result<()> {
    if BEFORE.get().is_some() {
        return Ok(());
    }
    // Without it Ps are not taken from blocked threads; nothing else depends on it.
    membarrier(REGISTER_EXPEDITED);
    let mut before = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: `action` is a full sigaction, `before` has room for one; the handler has the form
    // that SA_SIGINFO asks for.
    let before = unsafe {
        if libc::sigaction(libc::SIGURG, std::ptr::null(), before.as_mut_ptr()) != 0 {
            return Err(io::Error::last_os_error());
        }
        before.assume_init()
    };
    // Known before the handler can need it.
    if BEFORE.set(before).is_err() {
        return Ok(());
    }
    let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_urg;
    // SAFETY: all zeroes is a valid sigaction, and the rest is as above.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        libc::sigemptyset(&raw mut action.sa_mask);
        if libc::sigaction(libc::SIGURG, &raw const action, std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

extern "C" fn on_urg(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: errno is the thread's own.
    let errno = unsafe { *libc::__errno_location() };
    // The thread-local is constant and without a destructor, and the thread has read it before it
    // could be asked: reading it here is one load.
    let asked = current::m().filter(|m| {
        // SAFETY: a current M lives as long as its run.
        unsafe { m.as_ref() }.hold.asked()
    });
    match asked {
        // SAFETY: as above; `'static` stands for the run.
        Some(m) => suspend_here(unsafe { &*m.as_ptr() }),
        None => chain(signal, info, context),
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// A SIGURG of somebody else goes to whoever was there before.
fn chain(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let Some(before) = BEFORE.get() else { return };
    let handler = before.sa_sigaction;
    if handler == libc::SIG_DFL || handler == libc::SIG_IGN {
        // Nothing happens at SIGURG by default.
        return;
    }
    if before.sa_flags & libc::SA_SIGINFO != 0 {
        // SAFETY: a handler installed with SA_SIGINFO has this form.
        let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
            unsafe { std::mem::transmute(handler) };
        handler(signal, info, context);
    } else {
        // SAFETY: a handler installed without it has this one.
        let handler: extern "C" fn(libc::c_int) = unsafe { std::mem::transmute(handler) };
        handler(signal);
    }
}
