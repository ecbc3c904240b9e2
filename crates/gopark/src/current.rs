//! Which M the calling code runs on.
//!
//! A goroutine may go on at another thread after every switch, and the compiler may keep the
//! address of a thread-local across a switch, because it cannot know that the thread changes.
//! So there is one accessor, [`m`]: it is never inlined, it is opaque to the optimiser, and it
//! returns the *value* read, never a reference into the thread-local. Read it again after every
//! call that can switch; `&M` taken before a switch is stale after it.

use std::cell::Cell;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::kernel::Kernel;
use crate::m::M;

thread_local! {
    /// The M of this thread; null outside a run. Const and without a destructor, so that reading
    /// it is one load.
    static CURRENT: Cell<*const M> = const { Cell::new(ptr::null()) };
}

/// This process is a child that was forked by a goroutine of a live run.
static FORKED: AtomicBool = AtomicBool::new(false);

/// What is said then.
const IN_CHILD: &str = "gopark: this process was forked by a goroutine of a live run, whose threads \
                        are not here; nothing of gopark works in it until it executes another program";

/// The process was forked just now, and this is the child's only thread. A lab has no other thread
/// and goes on.
pub(crate) fn forked() {
    if m().is_some() && !in_lab() {
        FORKED.store(true, Ordering::Relaxed);
        set(ptr::null());
    }
}

/// Why the calling code runs on no M.
#[cold]
#[track_caller]
fn no_m() -> ! {
    assert!(!FORKED.load(Ordering::Relaxed), "{IN_CHILD}");
    panic!(
        "gopark: this call needs a goroutine; make it inside gopark::lab(seed).run(..) or live().run(..)"
    )
}

/// As [`m`], for the runtime's own code, which is there only on an M.
#[track_caller]
#[inline]
pub(crate) fn m_of_runtime() -> NonNull<M> {
    m().unwrap_or_else(|| no_m())
}

thread_local! {
    /// Whether this thread is sysmon's.
    static SYSMON: Cell<bool> = const { Cell::new(false) };
}

/// This thread is sysmon's from now on.
pub(crate) fn set_sysmon() {
    SYSMON.set(true);
}

/// Whether this thread is sysmon's.
pub(crate) fn is_sysmon() -> bool {
    SYSMON.get()
}

/// The M this code runs on, if it runs inside a run.
#[inline(never)]
pub(crate) fn m() -> Option<NonNull<M>> {
    opaque();
    NonNull::new(CURRENT.get().cast_mut())
}

/// Makes the function it stands in one with effects, as far as the compiler knows: without it two
/// calls around a switch could be merged into one. It costs nothing, where `black_box` of the
/// result takes it through memory.
#[inline(always)]
fn opaque() {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    // SAFETY: there is no instruction in it.
    unsafe {
        std::arch::asm!("", options(nostack, preserves_flags));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    std::hint::black_box(&mut ());
}

/// Makes `m` the M of this thread and returns the one before.
#[inline(never)]
pub(crate) fn set(m: *const M) -> *const M {
    std::hint::black_box(());
    CURRENT.replace(m)
}

/// Whether this thread runs a lab right now.
pub(crate) fn in_lab() -> bool {
    // SAFETY: a current M lives as long as its run, which is in progress.
    m().is_some_and(|m| unsafe { m.as_ref() }.in_lab)
}

/// A goroutine inside the runtime: from the first line of a runtime call to its last.
///
/// While it is there the goroutine's thread is never suspended and never loses its P: see
/// [`crate::proto::claim`]. Calls may nest; the outermost one counts. It may be dropped on another
/// thread than it was made on, because the goroutine may have moved meanwhile.
pub(crate) struct Kern {
    kernel: &'static dyn Kernel,
    outermost: bool,
}

impl Kern {
    /// From user code into the runtime, on the M this code runs on.
    #[inline]
    fn enter(m: &M) -> Self {
        // SAFETY: the kernel outlives all its goroutines, and the caller runs on one: the reference
        // is used by this runtime call only. `'static` stands for that.
        let kernel = unsafe { &*m.kernel };
        let outermost = m.claim.enter();
        if outermost {
            // The program has run meanwhile.
            m.later();
            if m.claim.is_contested() {
                kernel.reenter();
            }
        }
        Self { kernel, outermost }
    }

    /// The runtime call never returns to user code: the goroutine ends in it.
    pub(crate) fn stay(mut self) {
        self.outermost = false;
    }
}

impl std::ops::Deref for Kern {
    type Target = dyn Kernel;
    #[inline]
    fn deref(&self) -> &Self::Target {
        self.kernel
    }
}

impl Drop for Kern {
    #[inline]
    fn drop(&mut self) {
        if self.outermost {
            to_user();
        }
    }
}

impl std::fmt::Debug for Kern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kern").field("outermost", &self.outermost).finish_non_exhaustive()
    }
}

/// From here on the calling goroutine runs user code, which may be stopped anywhere.
#[inline]
pub(crate) fn to_user() {
    if let Some(m) = m() {
        // SAFETY: a current M lives as long as its run, which is in progress.
        unsafe { m.as_ref() }.claim.leave();
    }
}

/// The kernel that runs the calling goroutine, if a goroutine calls.
#[inline]
pub(crate) fn kernel_if_any() -> Option<Kern> {
    // SAFETY: a current M lives as long as its run, which is in progress.
    m().map(|m| Kern::enter(unsafe { m.as_ref() }))
}

/// The kernel that runs the calling goroutine, which is inside the runtime as long as the result
/// lives.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
#[inline]
pub(crate) fn kernel() -> Kern {
    match m() {
        // SAFETY: as in `kernel_if_any`.
        Some(m) => Kern::enter(unsafe { m.as_ref() }),
        None => no_m(),
    }
}
