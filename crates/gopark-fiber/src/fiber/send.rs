//! A fiber that may change threads, because someone promised it may.
//!
//! Invariant: there is one only by [`Fiber::assume_send`], and no way to put another fiber into it: it lends the inner fiber
//! shared, never mutably, so that nobody can swap an unpromised one in.

use std::io;
use std::ops::Deref;

use crate::bound::BoundStack;
use crate::fiber::{Fiber, Step};

/// A [`Fiber`] that is `Send`: see [`Fiber::assume_send`] for what that took.
#[derive(Debug)]
pub struct SendFiber<In, Out>(Fiber<In, Out>);

// SAFETY: what a fiber that is not running consists of is its frames or its closure, for which `assume_send` took the
// caller's promise, and its stack, which is `Send`. What goes in and out is bounded here. The coroutine's switch itself uses
// nothing of the thread: each resume writes the way back afresh.
unsafe impl<In: Send, Out: Send> Send for SendFiber<In, Out> {}

impl<In, Out> SendFiber<In, Out> {
    /// Only for [`Fiber::assume_send`].
    pub(super) fn new(fiber: Fiber<In, Out>) -> SendFiber<In, Out> {
        SendFiber(fiber)
    }

    /// As [`Fiber::resume`], on whatever thread this is.
    ///
    /// # Panics
    ///
    /// As [`Fiber::resume`].
    #[inline]
    pub fn resume(&mut self, input: In) -> Step<Out> {
        self.0.resume(input)
    }

    /// As [`Fiber::shrink`].
    ///
    /// # Errors
    ///
    /// As [`Fiber::shrink`].
    pub fn shrink(&mut self) -> io::Result<usize> {
        self.0.shrink()
    }

    /// As [`Fiber::into_stack`].
    ///
    /// # Panics
    ///
    /// As [`Fiber::into_stack`].
    pub fn into_stack(self) -> BoundStack {
        self.0.into_stack()
    }

    /// As [`Fiber::abandon`].
    ///
    /// # Safety
    ///
    /// As [`Fiber::abandon`].
    pub unsafe fn abandon(self) -> BoundStack {
        // SAFETY: the caller's promise is the same.
        unsafe { self.0.abandon() }
    }
}

impl<In, Out> Deref for SendFiber<In, Out> {
    type Target = Fiber<In, Out>;

    fn deref(&self) -> &Fiber<In, Out> {
        &self.0
    }
}
