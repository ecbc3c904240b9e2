//! A first-in-first-out list of parked goroutines (Go's `waitq` of sudogs).
//!
//! A waiter stands on the stack of the goroutine that waits, and its list holds a pointer to it:
//! stacks do not move here, and the goroutine cannot go on before somebody has taken its waiter
//! off the list. The list belongs to whoever holds the lock it lies under.

use std::cell::Cell;
use std::ptr::NonNull;

use crate::g::Gp;

/// One parked goroutine, with what it gives or wants.
pub(crate) struct Waiter<T> {
    /// Who waits.
    pub(crate) g: Gp,
    /// The value to send, the place for the value to receive, a flag.
    pub(crate) slot: Cell<T>,
    next: Cell<Option<NonNull<Waiter<T>>>>,
}

impl<T> Waiter<T> {
    /// A waiter that is on no list.
    pub(crate) fn new(g: Gp, slot: T) -> Self {
        Self { g, slot: Cell::new(slot), next: Cell::new(None) }
    }
}

impl<T> std::fmt::Debug for Waiter<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Waiter({:?})", self.g)
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
        let new = NonNull::from(waiter);
        match self.tail {
            // SAFETY: whoever is on the list stays where it is.
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
        if self.tail.is_none() {
            self.tail = Some(new);
        }
        self.head = Some(new);
        self.len += 1;
    }

    /// Takes the first waiter off. It may be used until its goroutine is made ready.
    pub(crate) fn pop_front(&mut self) -> Option<&Waiter<T>> {
        // SAFETY: whoever is on the list stays where it is until it is made ready.
        let first = unsafe { self.head?.as_ref() };
        self.head = first.next.take();
        if self.head.is_none() {
            self.tail = None;
        }
        self.len -= 1;
        Some(first)
    }

    /// Who waits, first first.
    pub(crate) fn gs(&self) -> impl Iterator<Item = Gp> {
        // SAFETY: as in `pop_front`.
        std::iter::successors(self.head, |w| unsafe { w.as_ref() }.next.get())
            .map(|w| unsafe { w.as_ref() }.g)
    }
}
