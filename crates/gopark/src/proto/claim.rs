//! The claim of an M on its P while it runs user code, and how others take it away.
//!
//! Inside the runtime an M has its P to itself. In user code it may lose it in two ways: its thread
//! is suspended with the goroutine, which stays on it, and the P goes on with another M; or, if it
//! is blocked in a call nobody marked, the P is taken without a word to it. The M notices when it
//! next enters the runtime.
//!
//! | state | the M | its goroutine |
//! |---|---|---|
//! | `OWNS` | has its P | runs |
//! | `TAKING` | has its P; somebody tries to take it | runs |
//! | `LOST` | runs without P | runs, in no queue |
//! | `HELD` | is suspended, or waits at the entry | in a run queue, or about to be put there |
//! | `RESUMED` | is being woken with the P in `next_p` | runs |
//! | `EMERGENCY` | runs without P: nothing else moved | in a run queue |
//! | `GRANTED` | runs with the P in `next_p`, without knowing it yet | runs |
//! | `SYSCALL` | is in a marked system call | is in it |
//!
//! **Taking a P from a thread that runs no code** (asymmetric Dekker): 1. `OWNS -> TAKING`; 2. a
//! barrier on every thread of the process (`membarrier`); 3. if the M is in user code, `TAKING ->
//! LOST`, else `TAKING -> OWNS`. **Entering**: 1. the M leaves user code; 2. a compiler barrier;
//! 3. it looks at the claim, and at anything but `OWNS` it goes the slow way.
//!
//! *The race*: the M enters and sees `OWNS` while the taker sees it in user code and takes the P.
//! *Why it can't*: if the M's step 1 comes before the barrier, the taker's step 3 sees it; if it
//! comes after, so does the M's step 3, which sees `TAKING`. In the slow way the M says
//! `TAKING -> OWNS`, and of that and the taker's step 3 one wins. `tests/loom.rs` checks it, and
//! that a taker without the barrier is caught.
//!
//! **Suspending**: the thread that is to stop gets a signal. Its handler acts only in user code, so
//! no code of the runtime is cut in two, and then the thread itself says `-> HELD`. Whoever picks
//! its goroutine later puts a P into `next_p` and says `HELD -> RESUMED`, or `EMERGENCY ->
//! GRANTED`; that store is what hands the P over.

use crate::atomics::{AtomicBool, AtomicU32, Ordering, compiler_fence, futex_wait, futex_wake};

/// Has its P.
pub(crate) const OWNS: u32 = 0;
/// Somebody tries to take its P.
pub(crate) const TAKING: u32 = 1;
/// Runs without P.
pub(crate) const LOST: u32 = 2;
/// Suspended.
pub(crate) const HELD: u32 = 3;
/// Woken with a P.
pub(crate) const RESUMED: u32 = 4;
/// Runs without P although its goroutine is in a queue.
pub(crate) const EMERGENCY: u32 = 5;
/// Got a P while it ran.
pub(crate) const GRANTED: u32 = 6;
/// In a marked system call.
pub(crate) const SYSCALL: u32 = 7;

/// The claim of one M; see the module.
#[derive(Debug)]
pub(crate) struct Claim {
    /// Whether the M runs user code. Written by the M alone.
    user: AtomicBool,
    state: AtomicU32,
}

impl Claim {
    /// Inside the runtime, with a P or none.
    pub(crate) fn new() -> Self {
        Self { user: AtomicBool::new(false), state: AtomicU32::new(OWNS) }
    }

    /// From user code into the runtime; false if the M was there already.
    #[inline]
    pub(crate) fn enter(&self) -> bool {
        let was = self.user.load(Ordering::Relaxed);
        self.user.store(false, Ordering::Relaxed);
        // The look at the claim must not be moved before the store; the taker's barrier does the
        // rest.
        compiler_fence(Ordering::SeqCst);
        was
    }

    /// Whether the claim needs a look before the M may go on in the runtime.
    #[inline]
    pub(crate) fn is_contested(&self) -> bool {
        self.state.load(Ordering::Acquire) != OWNS
    }

    /// From the runtime into user code.
    #[inline]
    pub(crate) fn leave(&self) {
        // Release: what the runtime wrote is seen by a handler or taker that sees user code.
        self.user.store(true, Ordering::Release);
    }

    /// Whether the M runs user code; a guess for others, but after a barrier.
    pub(crate) fn in_user(&self) -> bool {
        self.user.load(Ordering::Acquire)
    }

    /// The state now.
    pub(crate) fn get(&self) -> u32 {
        self.state.load(Ordering::Acquire)
    }

    /// Whether the M runs user code without a P of its own.
    pub(crate) fn is_loose(&self) -> bool {
        matches!(self.get(), LOST | EMERGENCY | GRANTED)
    }

    /// From one state to another; false if it is in none of them.
    pub(crate) fn switch(&self, from: u32, to: u32) -> bool {
        // AcqRel: `next_p` is handed over through it.
        self.state.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Whatever it is; only by the M itself, where nobody else changes it.
    pub(crate) fn set(&self, to: u32) {
        self.state.store(to, Ordering::Release);
    }

    /// Waits as long as it is `HELD`, and says what it is then. Safe in a signal handler.
    pub(crate) fn wait_while_held(&self) -> u32 {
        loop {
            let state = self.get();
            if state != HELD {
                return state;
            }
            futex_wait(&self.state, HELD);
        }
    }

    /// Lets the M go on that waits while it is held.
    pub(crate) fn wake(&self) {
        futex_wake(&self.state);
    }
}
