//! The way out of a fiber, from inside.

use std::fmt;
use std::ptr::NonNull;

use corosensei::Yielder;

use crate::fiber::record;
use crate::sys;

/// Suspends the fiber it was given to.
///
/// It lives in the fiber's first frame and stays there, whatever thread runs the fiber, until the fiber's function returns.
/// So a runtime may keep a raw pointer to it. It works from any stack that is nested above the fiber: from a fiber that this
/// one resumed, `suspend` returns to whoever resumed *this* one, and the next resume goes on in the inner fiber.
pub struct Suspender<In, Out> {
    /// corosensei's way out: the parent link near the base of the stack.
    yielder: NonNull<Yielder<In, Out>>,
    /// The park record. Written by the fiber while it runs, read by the fiber's owner while it does not.
    record: NonNull<usize>,
}

impl<In, Out> Suspender<In, Out> {
    /// The way out of the fiber that runs now.
    ///
    /// # Safety
    ///
    /// `yielder` is that fiber's, `record` its stack's, and both stay valid as long as the suspender.
    #[inline]
    pub(super) unsafe fn new(
        yielder: &Yielder<In, Out>,
        record: NonNull<usize>,
    ) -> Suspender<In, Out> {
        // SAFETY: the fiber runs, so the record is its to write.
        unsafe { record.write(record::RUNNING) };
        Suspender { yielder: NonNull::from(yielder), record }
    }

    /// Stops here: the [`resume`](crate::Fiber::resume) that runs this fiber returns `out`. Returns what the next resume
    /// passes in, possibly on another thread ([`Fiber::assume_send`](crate::Fiber::assume_send)).
    ///
    /// Called while the thread panics (from a `Drop`), it leaves the thread's count of panics behind: the next fiber there
    /// finds itself panicking. A runtime should not switch then.
    #[inline]
    pub fn suspend(&self, out: Out) -> In {
        // SAFETY: both are valid while the suspender is (`new`). The fiber runs (its stack, or one nested above it, runs this
        // code), so its owner is inside `resume` and does not read the record.
        unsafe {
            self.record.write(sys::stack_pointer());
            let input = self.yielder.as_ref().suspend(out);
            self.record.write(record::RUNNING);
            input
        }
    }
}

impl<In, Out> Drop for Suspender<In, Out> {
    /// The fiber's first frame is being left, by return or by panic: nothing of the fiber's own runs after this.
    #[inline]
    fn drop(&mut self) {
        // SAFETY: the fiber runs, so the record is its to write.
        unsafe { self.record.write(record::FINISHED) };
    }
}

impl<In, Out> fmt::Debug for Suspender<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suspender").finish_non_exhaustive()
    }
}
