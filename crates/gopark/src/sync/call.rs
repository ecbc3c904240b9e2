//! What every call on a thing of `sync` begins with: who calls, from where, and the thing's number
//! in the caller's run.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use gopark_trace::event::Event;
use gopark_trace::ids::{Obj, SiteId};
use gopark_trace::ring::{Stamp, Structure};
use gopark_trace::rule::Rule;

use crate::kernel::{IdKind, Kernel, stamp};
use crate::lock::Lock;

/// Which run a thing belongs to and its number there, to be read without a lock: run in the upper
/// half, 0 before the first.
#[derive(Debug)]
pub(crate) struct Home {
    tag: AtomicU64,
    /// Held by who gives it a number.
    moving: Lock<()>,
}

impl Home {
    /// Of no run yet.
    pub(crate) const fn new() -> Self {
        Self { tag: AtomicU64::new(0), moving: Lock::new(()) }
    }

    /// The thing's number in this run. At its first use there `enter` makes it ready, or panics
    /// because goroutines of another run wait on it; then it stays where it is.
    #[inline]
    pub(crate) fn number(&self, kernel: &dyn Kernel, kind: IdKind, enter: impl FnOnce()) -> u32 {
        match self.number_in(kernel) {
            Some(number) => number,
            None => self.join_run(kernel, kind, enter),
        }
    }

    #[inline]
    fn number_in(&self, kernel: &dyn Kernel) -> Option<u32> {
        // Acquire pairs with the Release in `join_run`: what `enter` made ready is seen.
        let tag = self.tag.load(Ordering::Acquire);
        ((tag >> 32) as u32 == kernel.run()).then_some(tag as u32)
    }

    #[cold]
    fn join_run(&self, kernel: &dyn Kernel, kind: IdKind, enter: impl FnOnce()) -> u32 {
        let moving = self.moving.lock();
        if let Some(number) = self.number_in(kernel) {
            return number;
        }
        enter();
        let number = kernel.next_id(kind);
        self.tag.store(u64::from(kernel.run()) << 32 | u64::from(number), Ordering::Release);
        drop(moving);
        number
    }
}

/// A runtime call on a thing.
pub(crate) struct Call<'a, I> {
    /// The caller's scheduler.
    pub(crate) kernel: &'a dyn Kernel,
    /// The caller's line.
    pub(crate) site: Option<SiteId>,
    /// The thing's number in this run.
    pub(crate) id: I,
    /// The same, for whom any thing will do.
    pub(crate) obj: Obj,
}

impl<'a, I: Copy> Call<'a, I> {
    /// A call from this line, or a part of another one, on a thing of this kind.
    pub(crate) fn of(
        kernel: &'a dyn Kernel,
        site: Option<SiteId>,
        id: I,
        obj: fn(I) -> Obj,
    ) -> Self {
        Self { kernel, site, id, obj: obj(id) }
    }

    /// A place in the order of the thing.
    pub(crate) fn stamp(&self, number: u32) -> Stamp {
        stamp(Structure::Obj(self.obj), number)
    }

    /// Records an event at this place in the order of the thing.
    pub(crate) fn emit(&self, number: u32, event: Event, rule: Option<Rule>) {
        if self.kernel.recording() {
            let stamps = [self.stamp(number)];
            self.kernel.record_one(self.site, &stamps, &event, rule.as_ref());
        }
    }

    /// Records an event that has no place in the order of the thing.
    pub(crate) fn say(&self, event: Event, rule: Option<Rule>) {
        if self.kernel.recording() {
            self.kernel.record(self.site, &[], &mut std::iter::once((event, rule)));
        }
    }

    /// A change nobody is told of still has its number.
    pub(crate) fn number_only(&self, number: u32) {
        if self.kernel.recording() {
            self.kernel.record(self.site, &[self.stamp(number)], &mut std::iter::empty());
        }
    }

    /// Gives the thing a name.
    pub(crate) fn name(&self, name: &str) {
        if self.kernel.recording() {
            self.say(Event::ObjName { obj: self.obj, name: name.to_owned() }, None);
        }
    }
}

impl<I> fmt::Debug for Call<'_, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("obj", &self.obj).finish_non_exhaustive()
    }
}
