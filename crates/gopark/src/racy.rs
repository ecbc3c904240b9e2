//! Variables that goroutines share without a lock, watched: what a data race is shown on.
//!
//! In Go nothing stops a program from `counter++` in two goroutines at once; in safe Rust such a
//! program does not compile. A [`Cell`] is the variable of that program: everybody may read and
//! write it, and each read and each write is an event. It is no undefined behaviour, since an atomic
//! stands under it, but a program that counts with it loses counts as Go's does.

use std::fmt;
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::atomic::{AtomicI64, Ordering};

use gopark_trace::event::Event;
use gopark_trace::ids::{CellId, Obj};

use crate::current::kernel;
use crate::kernel::{IdKind, Kernel};
use crate::lock::Lock;
use crate::sync::call::{Call, Home};

/// What a [`Cell`] holds: an integer or a `bool`.
pub trait Value: Copy + Send + Sync + fmt::Debug + sealed::Bits + 'static {}

mod sealed {
    /// As 64 bits and back.
    pub trait Bits {
        /// The bits; what events tell.
        fn bits(self) -> i64;
        /// The value with these bits.
        fn of(bits: i64) -> Self;
    }
}

macro_rules! integers {
    ($($int:ty),*) => {$(
        impl Value for $int {}
        impl sealed::Bits for $int {
            fn bits(self) -> i64 {
                self as i64
            }
            fn of(bits: i64) -> Self {
                bits as Self
            }
        }
    )*};
}

integers!(i8, i16, i32, i64, isize, u8, u16, u32, u64, usize);

impl Value for bool {}

impl sealed::Bits for bool {
    fn bits(self) -> i64 {
        self.into()
    }
    fn of(bits: i64) -> Self {
        bits != 0
    }
}

/// A watched variable that anybody may read and write at any time.
///
/// Reads and writes are ordered by nothing: a value may be stale by the time it is used. In the lab
/// others may act before each of them, so a race that can happen does, with some seed.
///
/// ```
/// use gopark::{racy::Cell, sync::WaitGroup};
/// use std::sync::Arc;
///
/// let counted = |seed| {
///     gopark::lab(seed).run(|| {
///         let (count, wg) = (Arc::new(Cell::new(0)), WaitGroup::new());
///         for _ in 0..4 {
///             let count = Arc::clone(&count);
///             drop(wg.go(move || count.update(|n| n + 1)));
///         }
///         wg.wait();
///         count.get()
///     })
/// };
/// assert!((0..50).any(|seed| counted(seed) < 4), "counts are lost");
/// ```
pub struct Cell<T> {
    bits: AtomicI64,
    /// Events emitted. While a run is recorded, what happens to the value happens under this lock,
    /// so that the events tell the values in their true order.
    events: Lock<u32>,
    home: Home,
    value: PhantomData<T>,
}

impl<T: Value> Cell<T> {
    /// A variable with this value.
    pub fn new(value: T) -> Self {
        Self {
            bits: AtomicI64::new(value.bits()),
            events: Lock::new(0),
            home: Home::new(),
            value: PhantomData,
        }
    }

    /// Reads it.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn get(&self) -> T {
        let kernel = kernel();
        let call = self.call(&*kernel, Location::caller());
        call.kernel.gate();
        if !call.kernel.recording() {
            return T::of(self.bits.load(Ordering::Relaxed));
        }
        self.told(&call, || {
            let value = self.bits.load(Ordering::Relaxed);
            (T::of(value), Event::CellRead { cell: call.id, value })
        })
    }

    /// Writes it.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn set(&self, value: T) {
        let kernel = kernel();
        let call = self.call(&*kernel, Location::caller());
        call.kernel.gate();
        let value = value.bits();
        if !call.kernel.recording() {
            return self.bits.store(value, Ordering::Relaxed);
        }
        self.told(&call, || {
            self.bits.store(value, Ordering::Relaxed);
            ((), Event::CellWrite { cell: call.id, value })
        });
    }

    /// Reads it, then writes what `how` makes of it: two steps, as `counter++` is, between which
    /// others may write.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn update(&self, how: impl FnOnce(T) -> T) {
        self.set(how(self.get()));
    }

    /// Gives it a name, for the stage.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn set_name(&self, name: &str) {
        let kernel = kernel();
        self.call(&*kernel, Location::caller()).name(name);
    }

    /// As [`Cell::set_name`], on the way.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn named(self, name: &str) -> Self {
        self.set_name(name);
        self
    }

    /// A call from this line.
    fn call<'a>(&self, kernel: &'a dyn Kernel, at: &'static Location<'static>) -> Call<'a, CellId> {
        let number = self.home.number(kernel, IdKind::Cell, || *self.events.lock() = 0);
        Call::of(kernel, kernel.site(at), CellId(number), Obj::Cell)
    }

    /// Does `what` and records it as one step.
    fn told<R>(&self, call: &Call<'_, CellId>, what: impl FnOnce() -> (R, Event)) -> R {
        let mut events = self.events.lock();
        let (result, event) = what();
        call.emit(*events, event, None);
        *events = events.wrapping_add(1);
        result
    }
}

impl<T: Value + Default> Default for Cell<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: Value> fmt::Debug for Cell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cell").field(&T::of(self.bits.load(Ordering::Relaxed))).finish()
    }
}
