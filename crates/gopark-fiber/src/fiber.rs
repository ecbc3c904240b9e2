//! A function that can stop in the middle and go on later, on a stack of its own.
//!
//! Invariants:
//! - A fiber is *new* (never resumed), *running*, *parked* (suspended in the middle), or *finished*, and its park record says
//!   which. While it runs it is mutably borrowed by the `resume` in progress.
//! - The record of a parked fiber holds a stack pointer at most `PARK_MARGIN` above the true one.
//! - The frames of a parked fiber stay untouched until it is resumed: dropping it leaks them, it never frees or unwinds.
//!
//! Fibers nest: a fiber may resume another, and code on the inner stack may suspend the *outer* one. The outer fiber is then
//! parked at a stack pointer on the inner's stack; resuming it goes on there. That is sound because a saved context is
//! nothing but a stack pointer, and the inner fiber stays mutably borrowed all the while.

mod ground;
mod send;
mod suspender;

use std::fmt;
use std::io;
use std::mem::{self, ManuallyDrop};
use std::panic::{self, AssertUnwindSafe};

use corosensei::CoroutineResult;

use crate::bound::BoundStack;
use crate::sys;

use self::ground::Ground;
pub use self::send::SendFiber;
pub use self::suspender::Suspender;

/// What a [`Fiber`] did with its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "whether the fiber finished decides what may be done with it"]
pub enum Step<Out> {
    /// It suspended itself, with this.
    Suspended(Out),
    /// It returned. It can't be resumed again; its stack can be taken.
    Finished,
}

/// The coroutine inside a fiber.
type Coroutine<In, Out> = corosensei::Coroutine<In, Out, (), Ground>;

/// A function running on a stack of its own: a coroutine.
///
/// # Dropping
///
/// Dropping a fiber that is parked never unwinds it and never runs what its frames would run. It leaks the frames, what
/// they own, *and the stack*: something outside may rely on those frames (a scoped thread that borrows from them, a pinned
/// value, a node of a wait list), so only the caller can know that the memory may be used again. Who knows says so with
/// [`abandon`](Fiber::abandon). A new or a finished fiber is simply dropped, and its stack goes home.
pub struct Fiber<In, Out> {
    /// What switches. Gone only once the fiber is consumed or dropped.
    coroutine: ManuallyDrop<Coroutine<In, Out>>,
    /// What it runs on. Gone only once the fiber is consumed or dropped.
    stack: ManuallyDrop<BoundStack>,
}

/// Where a fiber is in its life: what its park record says.
///
/// corosensei's own fields can't be asked instead. They are behind the `&mut` of the `resume` in progress, so the compiler may
/// leave their update undone until that returns, and under an outer fiber that is abandoned it never does. The record is
/// written through a pointer that the switch may read, so it is written when the code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Never resumed: the stack holds the closure and nothing else.
    New,
    /// In the middle of `resume`. Its owner sees this only if an outer fiber was abandoned during it.
    Running,
    /// Suspended in the middle, near this stack pointer.
    Parked(usize),
    /// Returned or panicked: the stack holds nothing.
    Finished,
}

impl State {
    /// What a record means.
    #[inline]
    fn of(record: usize) -> State {
        match record {
            record::NEW => State::New,
            record::RUNNING => State::Running,
            record::FINISHED => State::Finished,
            parked_at => State::Parked(parked_at),
        }
    }
}

/// Values of a park record that are no stack pointers.
mod record {
    /// Written when a fiber is made.
    pub(super) const NEW: usize = 0;
    /// Written by the fiber when a resume has arrived.
    pub(super) const RUNNING: usize = 1;
    /// Written by the fiber when its function is left.
    pub(super) const FINISHED: usize = 2;
}

impl<In: 'static, Out: 'static> Fiber<In, Out> {
    /// Puts `f` on `stack`, to start with the first [`resume`](Fiber::resume).
    ///
    /// A closure of more than 512 bytes, or of unusual alignment, is boxed on the way.
    pub fn new<F>(stack: BoundStack, f: F) -> Fiber<In, Out>
    where
        F: FnOnce(&Suspender<In, Out>, In) + 'static,
    {
        // corosensei carries the closure in on the stack itself: it refuses more than 1024 bytes, and aligning it could
        // take any number of bytes.
        if const { size_of::<F>() > 512 || align_of::<F>() > 16 } {
            Self::start(stack, Box::new(f))
        } else {
            Self::start(stack, f)
        }
    }

    /// [`Fiber::new`] for a closure that corosensei can carry.
    #[inline]
    fn start<F>(stack: BoundStack, f: F) -> Fiber<In, Out>
    where
        F: FnOnce(&Suspender<In, Out>, In) + 'static,
    {
        let record = stack.record();
        // SAFETY: we hold the stack, and the record is the part of it that no frame uses.
        unsafe { record.write(record::NEW) };
        // SAFETY: the stack stays bound for as long as the coroutine exists: they are fields of one fiber, and whoever takes
        // them apart ends the coroutine before it lets go of the stack, or leaks both.
        let ground = unsafe { Ground::new(&stack) };
        let coroutine = Coroutine::with_stack(ground, move |yielder, first| {
            // SAFETY: this closure runs on the stack whose record it is, and yielder and stack outlive its frame.
            let suspender = unsafe { Suspender::new(yielder, record) };
            f(&suspender, first);
            // Dropped here or by a panic, the suspender notes the end.
        });
        Fiber { coroutine: ManuallyDrop::new(coroutine), stack: ManuallyDrop::new(stack) }
    }
}

impl<In, Out> Fiber<In, Out> {
    /// Bytes between the stack pointer that [`Suspender::suspend`] notes and the one the switch saves, at most. Between them
    /// lie corosensei's frame, the saved registers and the red zone: 24 bytes in an optimised build. Without optimisation it is
    /// 320 bytes, one copy of what comes in and three of what goes out; this is more, and a test measures it.
    const PARK_MARGIN: usize = 4096 + 4 * (size_of::<In>() + size_of::<Out>());

    /// Runs the fiber until it suspends itself or returns. The first resume passes `input` to its function, a later one
    /// returns it from [`Suspender::suspend`].
    ///
    /// # Panics
    ///
    /// With the fiber's own panic, if one leaves its function; the fiber has finished then. And if it had finished before.
    #[inline]
    pub fn resume(&mut self, input: In) -> Step<Out> {
        match self.coroutine.resume(input) {
            CoroutineResult::Yield(out) => Step::Suspended(out),
            CoroutineResult::Return(()) => Step::Finished,
        }
    }

    /// Whether it was ever resumed.
    pub fn is_started(&self) -> bool {
        self.state() != State::New
    }

    /// Whether its function has returned or panicked.
    pub fn is_finished(&self) -> bool {
        self.state() == State::Finished
    }

    /// Takes the stack of a finished fiber.
    ///
    /// # Panics
    ///
    /// When the fiber has not finished.
    pub fn into_stack(self) -> BoundStack {
        assert!(self.is_finished(), "only a finished fiber gives up its stack");
        // A finished coroutine owns nothing.
        self.into_parts().1
    }

    /// Ends the fiber where it is and takes its stack. Nothing is unwound: what its frames own is leaked. If it was never
    /// resumed, its function is dropped, as usual.
    ///
    /// # Safety
    ///
    /// Of a parked fiber, nothing may use the frames from now on, as if each of them had been left by `longjmp`: no
    /// reference into them is used again (by a thread scope, a wait list, a timer), no pinned value in them relies on being
    /// dropped. No outer fiber that is parked on this stack is resumed any more. And a fiber that one of the frames was just
    /// resuming (this one having been suspended from inside it) is not used any more, but to be abandoned too.
    pub unsafe fn abandon(self) -> BoundStack {
        let state = self.state();
        let (mut coroutine, stack) = self.into_parts();
        match state {
            State::New => discard_new(coroutine),
            // SAFETY: the caller promises that nobody needs the frames. Running, it can't be but under an outer fiber that was
            // abandoned, so it never runs on.
            State::Parked(_) | State::Running => unsafe { coroutine.force_reset() },
            State::Finished => {}
        }
        stack
    }

    /// Bytes of the stack that do not fault.
    pub fn limit(&self) -> usize {
        self.stack.usable().len()
    }

    /// The stack, to look at.
    pub fn stack(&self) -> &BoundStack {
        &self.stack
    }

    /// How deep the stack was ever used: see [`BoundStack::high_water`].
    pub fn high_water(&self) -> usize {
        self.stack.high_water()
    }

    /// Gives the pages below a parked fiber's frames back to the system, and says how many bytes that was. They come back
    /// zeroed, with a page fault each, if the fiber goes that deep again.
    ///
    /// Does nothing for a fiber that is new or finished, and for one that is parked on another fiber's stack: its own frames
    /// are intact, but how deep they go is not known.
    ///
    /// # Errors
    ///
    /// When the system refuses, which it does for locked memory. Nothing is lost then.
    pub fn shrink(&mut self) -> io::Result<usize> {
        let State::Parked(parked_at) = self.state() else {
            return Ok(0);
        };
        let region = self.stack.region();
        let usable = self.stack.usable();
        let keep = parked_at.saturating_sub(Self::PARK_MARGIN) & !(region.page() - 1);
        if !usable.contains(&parked_at) || keep <= usable.start {
            return Ok(0);
        }
        let resident = region.resident(usable.start..keep)?;
        if resident.pages == 0 {
            return Ok(0);
        }
        // SAFETY: the range is within our slot, and below the stack pointer by all that a switch may have put there: the
        // fiber's frames are above it. What is there belongs to calls that have returned.
        unsafe { sys::discard(region.pointer(resident.lowest), keep - resident.lowest)? };
        Ok(resident.pages * region.page())
    }

    /// Lets the fiber move between threads.
    ///
    /// # Safety
    ///
    /// From now until it is gone, whenever this fiber is suspended (or new), everything its frames (or its closure) hold may
    /// be used on, and dropped by, another thread: no value that is not `Send`, no reference or guard into a thread-local, no
    /// lock guard bound to its thread, no cached address of a thread-local. That covers every function between `f` and
    /// the suspend, not only `f`.
    pub unsafe fn assume_send(self) -> SendFiber<In, Out> {
        SendFiber::new(self)
    }

    /// Where the fiber is in its life.
    #[inline]
    fn state(&self) -> State {
        // SAFETY: we are shared, so no `resume` is in progress that could write the record, on any thread.
        State::of(unsafe { self.stack.record().read() })
    }

    /// The fiber's parts, without its `Drop`.
    fn into_parts(self) -> (Coroutine<In, Out>, BoundStack) {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: each is taken once: `this` is not used again and never dropped.
        unsafe { (ManuallyDrop::take(&mut this.coroutine), ManuallyDrop::take(&mut this.stack)) }
    }
}

impl<In, Out> Drop for Fiber<In, Out> {
    fn drop(&mut self) {
        let state = self.state();
        if matches!(state, State::Parked(_) | State::Running) {
            return; // Leaks both fields: see the type's documentation.
        }
        // SAFETY: drop runs once and nothing uses the fields after it. The stack is taken first so that it is dropped last,
        // when the closure that lies on it is gone, also if dropping that panics.
        let (_stack, coroutine) = unsafe {
            (ManuallyDrop::take(&mut self.stack), ManuallyDrop::take(&mut self.coroutine))
        };
        if state == State::New {
            discard_new(coroutine);
        }
    }
}

/// Drops the closure of a coroutine that was never resumed.
fn discard_new<In, Out>(mut coroutine: Coroutine<In, Out>) {
    // For a new coroutine this runs the closure's drop, here, and switches nowhere.
    let dropped = panic::catch_unwind(AssertUnwindSafe(|| coroutine.force_unwind()));
    if let Err(payload) = dropped {
        // The closure's drop panicked, and corosensei would drop it a second time in the coroutine's own.
        // SAFETY: the closure was dropped as far as it will be, and there are no frames.
        unsafe { coroutine.force_reset() };
        panic::resume_unwind(payload);
    }
}

impl<In, Out> fmt::Debug for Fiber<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fiber").field("state", &self.state()).field("stack", &*self.stack).finish()
    }
}

const _: () = assert!(mem::size_of::<Fiber<(), ()>>() == 64);

#[cfg(test)]
mod tests;
