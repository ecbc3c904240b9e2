//! A set of objects to be used again (`sync/pool.go`).
//!
//! Each P has a place of its own: one object that nobody else may take (`private`), and a short
//! queue (`shared`) of which the P takes the newest and others steal the oldest. So mostly a P uses
//! what it used last, and meets nobody.
//!
//! Go lets the garbage collector empty pools: what no round of it saw used is dropped at the next.
//! There is none here, so nothing grows old; instead a place keeps at most [`SHARED`] objects and
//! one, and drops what comes when it is full.

use std::collections::VecDeque;
use std::fmt;
use std::panic::Location;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use gopark_trace::event::Event;
use gopark_trace::ids::{Obj, PId, PoolId};

use super::call::{Call, Home};
use crate::current::kernel;
use crate::kernel::{IdKind, Kernel};
use crate::lock::Lock;

/// Objects a P keeps for itself and for thieves, but for the private one.
pub(crate) const SHARED: usize = 128;

/// Go's `sync.Pool`: objects that are expensive to make, kept to be used again.
///
/// Which object comes is not said, nor whether one comes that was put back: a pool keeps at most 129
/// for each P, until it is dropped itself.
///
/// ```
/// use gopark::sync::Pool;
///
/// let reused = gopark::lab(7).procs(1).run(|| {
///     let pool = Pool::new(|| Vec::<u8>::with_capacity(64));
///     let mut buffer = pool.get();
///     buffer.push(1);
///     pool.put(buffer);
///     pool.get().len()
/// });
/// assert_eq!(reused, 1);
/// ```
pub struct Pool<T> {
    make: Box<dyn Fn() -> T + Send + Sync>,
    /// A place for each P, from the first use on.
    places: OnceLock<Box<[Lock<Place<T>>]>>,
    /// Gets and puts; drawn under a place's lock, so that what is got was put before.
    events: AtomicU32,
    home: Home,
}

/// What one P keeps.
struct Place<T> {
    private: Option<T>,
    /// Newest first. Its room is made before the first object comes, so that none is made under the
    /// lock.
    shared: VecDeque<T>,
}

/// Why a place did not take an object.
enum Refused<T> {
    /// It keeps enough.
    Full(T),
    /// It needs memory, which is not to be had in the runtime.
    NoRoom(T),
}

impl<T: Send + 'static> Pool<T> {
    /// An empty pool; `make` makes an object when there is none (`New`).
    pub fn new(make: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Self {
            make: Box::new(make),
            places: OnceLock::new(),
            events: AtomicU32::new(0),
            home: Home::new(),
        }
    }

    /// An object of the pool, or a new one.
    ///
    /// # Panics
    /// With `make`. Outside a goroutine.
    #[track_caller]
    pub fn get(&self) -> T {
        self.take(Location::caller()).unwrap_or_else(|| (self.make)())
    }

    /// An object of the pool, if it has one.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn try_get(&self) -> Option<T> {
        self.take(Location::caller())
    }

    /// Gives an object to the pool; it is dropped if this P keeps enough.
    ///
    /// # Panics
    /// With the object's `Drop`. Outside a goroutine.
    #[track_caller]
    pub fn put(&self, mut object: T) {
        let at = Location::caller();
        let places = self.places();
        let mut room = VecDeque::new();
        loop {
            match self.offer(at, places, object, &mut room) {
                Ok(()) => return,
                Err(Refused::Full(object)) => return drop(object),
                Err(Refused::NoRoom(again)) => object = again,
            }
            room.reserve_exact(SHARED);
        }
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

    /// As [`Pool::set_name`], on the way.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn named(self, name: &str) -> Self {
        self.set_name(name);
        self
    }

    /// A call from this line.
    fn call<'a>(&self, kernel: &'a dyn Kernel, at: &'static Location<'static>) -> Call<'a, PoolId> {
        let restart = || self.events.store(0, Ordering::Relaxed);
        let number = self.home.number(kernel, IdKind::Pool, restart);
        Call::of(kernel, kernel.site(at), PoolId(number), Obj::Pool)
    }

    /// The places, made at the first use, outside the runtime.
    #[track_caller]
    fn places(&self) -> &[Lock<Place<T>>] {
        if let Some(places) = self.places.get() {
            return places;
        }
        let procs = kernel().procs();
        let place = || Lock::new(Place { private: None, shared: VecDeque::new() });
        // Whoever comes second uses what the first has made.
        let _ = self.places.set(std::iter::repeat_with(place).take(procs).collect());
        self.places.get().expect("just put there")
    }

    /// Gives an object to the place of this P, and `room` for more if it has none and needs it.
    fn offer(
        &self,
        at: &'static Location<'static>,
        places: &[Lock<Place<T>>],
        object: T,
        room: &mut VecDeque<T>,
    ) -> Result<(), Refused<T>> {
        let kernel = kernel();
        let call = self.call(&*kernel, at);
        call.kernel.gate();
        let mut place = places[own(call.kernel, places.len())].lock();
        if place.private.is_none() {
            place.private = Some(object);
        } else {
            if place.shared.capacity() == 0 {
                std::mem::swap(&mut place.shared, room);
            }
            if place.shared.capacity() == 0 {
                return Err(Refused::NoRoom(object));
            }
            if place.shared.len() >= SHARED {
                return Err(Refused::Full(object));
            }
            place.shared.push_front(object);
        }
        self.emit(&call, |pool| Event::PoolPut { pool });
        Ok(())
    }

    #[track_caller]
    fn take(&self, at: &'static Location<'static>) -> Option<T> {
        let places = self.places();
        let kernel = kernel();
        let call = self.call(&*kernel, at);
        call.kernel.gate();
        let own = own(call.kernel, places.len());
        let hit = |from| move |pool| Event::PoolGet { pool, hit: true, stolen_from: from };
        let mut place = places[own].lock();
        if let Some(object) = place.private.take().or_else(|| place.shared.pop_front()) {
            self.emit(&call, hit(None));
            return Some(object);
        }
        drop(place);
        // The next ones first, the own place last: somebody may have come meanwhile.
        for i in (own + 1..=own + places.len()).map(|i| i % places.len()) {
            let mut place = places[i].lock();
            if let Some(object) = place.shared.pop_back() {
                self.emit(&call, hit((i != own).then_some(PId(i as u32))));
                return Some(object);
            }
        }
        self.emit(&call, |pool| Event::PoolGet { pool, hit: false, stolen_from: None });
        None
    }

    fn emit(&self, call: &Call<'_, PoolId>, event: impl FnOnce(PoolId) -> Event) {
        if call.kernel.recording() {
            let number = self.events.fetch_add(1, Ordering::Relaxed);
            call.emit(number, event(call.id), None);
        }
    }
}

/// The place of the P the caller runs on. There may be more Ps by now than there are places.
fn own(kernel: &dyn Kernel, places: usize) -> usize {
    kernel.current_p().0 as usize % places
}

impl<T> fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("home", &self.home).finish_non_exhaustive()
    }
}
