//! Go's once (`sync/once.go`, `sync/oncefunc.go`).
//!
//! A flag and a mutex: who finds the flag set goes on; the others take the mutex, and the first of
//! them runs the function while it holds it. So nobody goes on before the function has ended, and a
//! function that calls its own Once waits for itself, in Go's words at `sync.Mutex.Lock`.

use std::cell::UnsafeCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};

use gopark_trace::event::Event;
use gopark_trace::ids::{Obj, OnceId};

use super::call::{Call, Home};
use super::mutex::GoMutex;
use super::word::Word;
use crate::current::kernel;
use crate::go::message_of;
use crate::kernel::{IdKind, Kernel};

/// The function has ended.
const DONE: u32 = 1;

/// Go's `sync.Once`: one action, done once.
///
/// ```
/// use gopark::sync::Once;
///
/// static READ: Once = Once::new();
/// let ran = gopark::lab(7).run(|| {
///     let mut ran = 0;
///     READ.do_once(|| ran += 1);
///     READ.do_once(|| ran += 1);
///     ran
/// });
/// assert_eq!(ran, 1);
/// ```
#[derive(Debug)]
pub struct Once {
    done: Word,
    /// Held by whoever runs the function: `m`.
    inner: GoMutex,
    home: Home,
}

impl Default for Once {
    fn default() -> Self {
        Self::new()
    }
}

impl Once {
    /// Not done.
    pub const fn new() -> Self {
        Self { done: Word::new(), inner: GoMutex::new(), home: Home::new() }
    }

    /// Runs `f` if nothing was run here before; returns when what was run has ended. If it panics
    /// it counts as done all the same.
    ///
    /// # Panics
    /// With `f`. Outside a goroutine.
    #[track_caller]
    pub fn do_once(&self, f: impl FnOnce()) {
        let at = Location::caller();
        if self.begins(at) {
            // The function is user code: it runs outside the runtime.
            let ending = Ending { once: self, at };
            f();
            std::mem::forget(ending);
            self.ends(at, true);
        }
    }

    /// Whether something was run here and has ended.
    pub fn is_done(&self) -> bool {
        self.done.state() == DONE
    }

    /// Gives it a name, for the stage.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn set_name(&self, name: &str) {
        let kernel = kernel();
        let call = self.call(&*kernel, Location::caller());
        call.name(name);
        self.inner.call_in(call.kernel, call.site).name(&format!("{name}.m"));
    }

    /// A call from this line.
    fn call<'a>(&self, kernel: &'a dyn Kernel, at: &'static Location<'static>) -> Call<'a, OnceId> {
        Call::of(kernel, kernel.site(at), self.number(kernel), Obj::Once)
    }

    /// Its number in this run. What was done in another run stays done.
    #[inline]
    fn number(&self, kernel: &dyn Kernel) -> OnceId {
        let mut fresh = false;
        let number = self.home.number(kernel, IdKind::Once, || {
            self.done.restart();
            fresh = true;
        });
        if fresh && kernel.recording() {
            self.inner.call_in(kernel, None).name(&format!("{}.m", OnceId(number)));
        }
        OnceId(number)
    }

    /// Whether the caller is to run its function: then it holds the mutex.
    fn begins(&self, at: &'static Location<'static>) -> bool {
        let kernel = kernel();
        let call = self.call(&*kernel, at);
        call.kernel.gate();
        if self.done.state() == DONE {
            self.look(&call, false);
            return false;
        }
        let inner = self.inner.call_in(call.kernel, call.site);
        self.inner.acquire(&inner);
        let first = self.done.state() != DONE;
        self.look(&call, first);
        if !first {
            self.inner.release(&inner);
        }
        first
    }

    /// It was found done, or not.
    fn look(&self, call: &Call<'_, OnceId>, first: bool) {
        if call.kernel.recording() {
            let event = Event::OnceUse { once: call.id, first, done: !first };
            call.emit(self.done.look().number, event, None);
        }
    }

    /// The function has ended, one way or the other.
    fn ends(&self, at: &'static Location<'static>, may_yield: bool) {
        let kernel = kernel();
        let call = self.call(&*kernel, at);
        let Ok(change) = self.done.update(|_| Some(DONE)) else { unreachable!("always") };
        let event = Event::OnceUse { once: call.id, first: true, done: true };
        call.emit(change.number, event, None);
        let inner = self.inner.call_in(call.kernel, call.site);
        if self.inner.release_without_yield(&inner) && may_yield {
            call.kernel.goyield(call.site);
        }
    }
}

/// A function that runs in a Once; dropped if it panics.
struct Ending<'a> {
    once: &'a Once,
    at: &'static Location<'static>,
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        // A Drop never switches.
        self.once.ends(self.at, false);
    }
}

/// A value that is made at its first use (`sync.OnceValue`); with `()`, a function that runs once
/// (`sync.OnceFunc`).
///
/// ```
/// use gopark::sync::OnceValue;
///
/// static TABLE: OnceValue<Vec<u32>> = OnceValue::new(|| (0..4).collect());
/// assert_eq!(gopark::lab(7).run(|| TABLE.get().len()), 4);
/// ```
pub struct OnceValue<T, F = fn() -> T> {
    once: Once,
    make: UnsafeCell<Option<F>>,
    /// What came of it: the value, or what its panic said.
    made: UnsafeCell<Option<Result<T, String>>>,
}

// SAFETY: `make` is used by the one who runs the Once, who may be another than made this; `made` is
// written by that one, and read by all when the Once is done.
unsafe impl<T: Send + Sync, F: Send> Sync for OnceValue<T, F> {}

impl<T, F: FnOnce() -> T> OnceValue<T, F> {
    /// Not made yet.
    pub const fn new(make: F) -> Self {
        Self { once: Once::new(), make: UnsafeCell::new(Some(make)), made: UnsafeCell::new(None) }
    }

    /// The value; the first caller makes it, others wait for that.
    ///
    /// # Panics
    /// Each time as the function did, if it panicked. Outside a goroutine.
    #[track_caller]
    pub fn get(&self) -> &T {
        self.once.do_once(|| {
            // SAFETY: this runs once, and nobody else looks before the Once is done.
            let make = unsafe { (*self.make.get()).take() }.expect("it runs once");
            // The function is gone after this, and what it left is not used by us.
            let made = catch_unwind(AssertUnwindSafe(make));
            let text = made.as_ref().err().map(|panic| message_of(&**panic).to_owned());
            let (kept, panic) = match made {
                Ok(value) => (Ok(value), None),
                Err(panic) => (Err(text.unwrap_or_default()), Some(panic)),
            };
            // SAFETY: as above.
            unsafe { *self.made.get() = Some(kept) };
            if let Some(panic) = panic {
                resume_unwind(panic);
            }
        });
        // SAFETY: the Once is done, so it was written and never will be again; the Acquire in the
        // Once pairs with the Release after the write.
        match unsafe { (*self.made.get()).as_ref() } {
            Some(Ok(value)) => value,
            Some(Err(text)) => panic!("{text}"),
            None => unreachable!("the Once is done"),
        }
    }
}

impl<T, F> fmt::Debug for OnceValue<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceValue").field("once", &self.once).finish_non_exhaustive()
    }
}
