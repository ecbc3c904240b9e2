//! A first-in-first-out list of parked goroutines (Go's `waitq` of sudogs).
//!
//! A waiter stands on the stack of the goroutine that waits, and its list holds a pointer to it:
//! stacks do not move here, and the goroutine cannot go on before somebody has taken its waiter
//! off the list. The list belongs to whoever holds the lock it lies under.
//!
//! A goroutine in a select waits on several lists at once, each with a waiter of its own. It may go
//! on when one of them was taken off; it takes the others off itself, each under its list's lock,
//! before it leaves them.

use std::cell::Cell;
use std::ops::Deref;
use std::ptr::NonNull;

use crate::g::Gp;

/// One parked goroutine, with what it gives or wants.
pub(crate) struct Waiter<T> {
    /// Who waits.
    pub(crate) g: Gp,
    /// Whether it is one of several of a select: then it counts only for whoever wins the
    /// goroutine's select word, see [`crate::proto::select_word`].
    pub(crate) selects: bool,
    /// The value to send, the place for the value to receive, a flag.
    pub(crate) slot: Cell<T>,
    next: Cell<Option<NonNull<Waiter<T>>>>,
    prev: Cell<Option<NonNull<Waiter<T>>>>,
}

impl<T> Waiter<T> {
    /// A waiter that is on no list.
    pub(crate) fn new(g: Gp, slot: T) -> Self {
        Self {
            g,
            selects: false,
            slot: Cell::new(slot),
            next: Cell::new(None),
            prev: Cell::new(None),
        }
    }

    /// One of several of a select.
    pub(crate) fn of_select(g: Gp, slot: T) -> Self {
        Self { selects: true, ..Self::new(g, slot) }
    }
}

impl<T> std::fmt::Debug for Waiter<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Waiter({:?})", self.g)
    }
}

/// A waiter that was taken off its list by whoever holds this: nobody else makes its goroutine
/// ready, so until then it stays where it is.
#[must_use = "its goroutine waits until somebody makes it ready"]
pub(crate) struct Taken<T>(NonNull<Waiter<T>>);

impl<T> Deref for Taken<T> {
    type Target = Waiter<T>;
    #[inline]
    fn deref(&self) -> &Waiter<T> {
        // SAFETY: its goroutine goes on only when the holder of this makes it ready, which
        // consumes it.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Taken<T> {
    /// Who is to be made ready; the waiter is not looked at again.
    #[inline]
    pub(crate) fn into_g(self) -> Gp {
        self.g
    }
}

impl<T> std::fmt::Debug for Taken<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Taken({:?})", self.g)
    }
}

/// The list.
#[derive(Debug)]
pub(crate) struct WaitQueue<T> {
    head: Option<NonNull<Waiter<T>>>,
    tail: Option<NonNull<Waiter<T>>>,
    len: u32,
}

// SAFETY: the pointers lead to waiters of goroutines that stay parked while they are on the list;
// what they hold is handed over together with the lock the list lies under.
unsafe impl<T: Send> Send for WaitQueue<T> {}

impl<T> WaitQueue<T> {
    pub(crate) const fn new() -> Self {
        Self { head: None, tail: None, len: 0 }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// Puts a waiter behind all others.
    ///
    /// # Safety
    /// The waiter stays where it is until it has been taken off: its goroutine parks next.
    pub(crate) unsafe fn push_back(&mut self, waiter: &Waiter<T>) {
        self.link_back(NonNull::from(waiter));
    }

    fn link_back(&mut self, new: NonNull<Waiter<T>>) {
        // SAFETY: whoever is on the list or put on it stays where it is.
        unsafe { new.as_ref() }.prev.set(self.tail);
        match self.tail {
            // SAFETY: as above.
            Some(tail) => unsafe { tail.as_ref() }.next.set(Some(new)),
            None => self.head = Some(new),
        }
        self.tail = Some(new);
        self.len += 1;
    }

    /// Puts a waiter before all others.
    ///
    /// # Safety
    /// As [`WaitQueue::push_back`].
    pub(crate) unsafe fn push_front(&mut self, waiter: &Waiter<T>) {
        let new = NonNull::from(waiter);
        waiter.next.set(self.head);
        match self.head {
            // SAFETY: whoever is on the list stays where it is.
            Some(head) => unsafe { head.as_ref() }.prev.set(Some(new)),
            None => self.tail = Some(new),
        }
        self.head = Some(new);
        self.len += 1;
    }

    /// Takes the first waiter off. It may be used until its goroutine is made ready.
    pub(crate) fn pop_front(&mut self) -> Option<&Waiter<T>> {
        let first = self.unlink_front()?;
        // SAFETY: whoever is on the list stays where it is until it is made ready.
        Some(unsafe { first.as_ref() })
    }

    /// Takes waiters off, the first first, until one is `ours`; the others were not waited for any
    /// more (Go's `dequeue`).
    #[inline]
    pub(crate) fn take_first(
        &mut self,
        mut ours: impl FnMut(&Waiter<T>) -> bool,
    ) -> Option<Taken<T>> {
        loop {
            let first = self.unlink_front()?;
            // SAFETY: as in `pop_front`.
            if ours(unsafe { first.as_ref() }) {
                return Some(Taken(first));
            }
        }
    }

    /// Puts a waiter that was taken off another list behind all others.
    pub(crate) fn put(&mut self, taken: Taken<T>) {
        self.link_back(taken.0);
    }

    /// Takes the last waiter off.
    pub(crate) fn take_last(&mut self) -> Option<Taken<T>> {
        let last = self.tail?;
        // SAFETY: as in `pop_front`.
        self.remove(unsafe { last.as_ref() });
        Some(Taken(last))
    }

    /// Takes this waiter off, wherever it is; false if it is off already.
    pub(crate) fn remove(&mut self, waiter: &Waiter<T>) -> bool {
        let (prev, next) = (waiter.prev.take(), waiter.next.take());
        if prev.is_none() && self.head != Some(NonNull::from(waiter)) {
            return false;
        }
        match prev {
            // SAFETY: whoever is on the list stays where it is.
            Some(prev) => unsafe { prev.as_ref() }.next.set(next),
            None => self.head = next,
        }
        match next {
            // SAFETY: as above.
            Some(next) => unsafe { next.as_ref() }.prev.set(prev),
            None => self.tail = prev,
        }
        self.len -= 1;
        true
    }

    #[inline]
    fn unlink_front(&mut self) -> Option<NonNull<Waiter<T>>> {
        let first = self.head?;
        // SAFETY: whoever is on the list stays where it is.
        self.head = unsafe { first.as_ref() }.next.take();
        match self.head {
            // SAFETY: as above.
            Some(head) => unsafe { head.as_ref() }.prev.set(None),
            None => self.tail = None,
        }
        self.len -= 1;
        Some(first)
    }

    /// Who waits, first first.
    pub(crate) fn gs(&self) -> impl Iterator<Item = Gp> {
        self.iter().map(|waiter| waiter.g)
    }

    /// The waiters, first first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Waiter<T>> {
        // SAFETY: whoever is on the list stays where it is.
        std::iter::successors(self.head, |w| unsafe { w.as_ref() }.next.get())
            .map(|w| unsafe { w.as_ref() })
    }
}
