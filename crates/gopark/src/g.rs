//! A goroutine: its status word, its stack, and what it waits for.
//!
//! Gs are allocated one by one, reused through free lists, and freed when their run ends; a [`Gp`]
//! is valid until then. Every field but the two words belongs to the owner that
//! [`crate::proto::gword`] names, so plain cells do.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

use gopark_fiber::{SendFiber, Suspender};
use gopark_trace::ids::{GId, Nanos, Obj, SiteId, TimerId};
use gopark_trace::words::{ExitKind, WaitReason};

use crate::kernel::Request;
use crate::m::M;
use crate::proto::gword::GWord;
use crate::proto::select_word::SelectWord;

/// What a goroutine runs: boxed by the caller of `go`, before the runtime is entered.
pub(crate) type Entry = Box<dyn FnOnce() + Send>;

/// One goroutine. Aligned so that its address leaves room for a count in [`crate::runq::Slot`].
#[repr(align(256))]
pub(crate) struct G {
    /// Its status; see [`crate::proto::gword`].
    pub(crate) word: GWord,
    /// Its id in this life; a reused G gets a new one.
    pub(crate) id: Cell<u64>,
    /// The next in the intrusive list it is in: global queue or a free list.
    pub(crate) link: Cell<Option<Gp>>,
    /// The next in the list of all Gs of the run; written once.
    pub(crate) all_link: Cell<Option<Gp>>,
    /// How many events were emitted about it: its structure number in a live trace.
    pub(crate) events: AtomicU32,
    /// Its place in the count of puts of the ring it is in.
    pub(crate) ring_pos: Cell<u32>,
    /// What to run, until it runs for the first time.
    pub(crate) entry: Cell<Option<Entry>>,
    /// Bytes of stack it asked for; 0 is the default.
    pub(crate) stack_size: Cell<usize>,
    /// Its coroutine, from its first run to its end.
    pub(crate) fiber: UnsafeCell<Option<SendFiber<(), Request>>>,
    /// The way out of its coroutine, valid while `fiber` is there.
    pub(crate) suspender: Cell<*const Suspender<(), Request>>,
    /// Which of several wakers has it while it waits in a select.
    pub(crate) select: SelectWord,
    /// Why it is parked.
    pub(crate) wait: Cell<Option<WaitReason>>,
    /// What it waits for.
    pub(crate) wait_on: Cell<Option<Obj>>,
    /// Since when it is in its status.
    pub(crate) since: Cell<Nanos>,
    /// Whether its stack was shrunk since it last ran.
    pub(crate) shrunk: Cell<bool>,
    /// The M it is tied to (Go's `lockedm`).
    pub(crate) tied: Cell<Option<&'static M>>,
    /// The M that is suspended with it: only there it can go on.
    pub(crate) held_by: Cell<Option<&'static M>>,
    /// Who made it.
    pub(crate) parent: Cell<Option<GId>>,
    /// Where it was made, for traces.
    pub(crate) site: Cell<Option<SiteId>>,
    /// The line it was made from, for dumps.
    pub(crate) made_at: Line,
    /// The line of its last call into the runtime, for dumps.
    pub(crate) at: Line,
    /// Its name.
    pub(crate) name: Cell<Option<Box<str>>>,
    /// How it ended, set on its own stack.
    pub(crate) exit: Cell<ExitKind>,
    /// The number of the timer it sleeps on, through all its lives; 0 before its first sleep.
    pub(crate) timer: Cell<TimerId>,
    /// How many events were emitted about that timer.
    pub(crate) timer_events: Cell<u32>,
}

impl G {
    pub(crate) fn new() -> Self {
        Self {
            word: GWord::new(),
            id: Cell::new(0),
            link: Cell::new(None),
            all_link: Cell::new(None),
            events: AtomicU32::new(0),
            ring_pos: Cell::new(0),
            entry: Cell::new(None),
            stack_size: Cell::new(0),
            fiber: UnsafeCell::new(None),
            suspender: Cell::new(std::ptr::null()),
            select: SelectWord::new(),
            wait: Cell::new(None),
            wait_on: Cell::new(None),
            since: Cell::new(Nanos(0)),
            shrunk: Cell::new(false),
            tied: Cell::new(None),
            held_by: Cell::new(None),
            parent: Cell::new(None),
            site: Cell::new(None),
            made_at: Line::new(),
            at: Line::new(),
            name: Cell::new(None),
            exit: Cell::new(ExitKind::Returned),
            timer: Cell::new(TimerId(0)),
            timer_events: Cell::new(0),
        }
    }

    /// Its id.
    pub(crate) fn gid(&self) -> GId {
        GId(self.id.get())
    }

    /// The number of the next event about it.
    pub(crate) fn next_event(&self) -> u32 {
        // The owner's; others may look.
        let n = self.events.load(Ordering::Relaxed);
        self.events.store(n.wrapping_add(1), Ordering::Relaxed);
        n
    }

    /// Its name, or nothing.
    pub(crate) fn name_string(&self) -> String {
        let name = self.name.take();
        let text = name.as_deref().unwrap_or_default().to_owned();
        self.name.set(name);
        text
    }
}

impl fmt::Debug for G {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("G")
            .field("id", &self.id.get())
            .field("word", &self.word)
            .finish_non_exhaustive()
    }
}

/// A pointer to a goroutine of the run in progress.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gp(NonNull<G>);

// SAFETY: a Gp is moved between threads together with the ownership of the G's fields that the G
// word describes; the hand-over is ordered by the queue or lock it goes through.
unsafe impl Send for Gp {}
// SAFETY: as above; a shared Gp gives access only to what its owner may touch.
unsafe impl Sync for Gp {}

impl Gp {
    /// A new G on the heap; freed by [`Gp::free`] at the end of the run.
    pub(crate) fn alloc() -> Self {
        Self(NonNull::from(Box::leak(Box::new(G::new()))))
    }

    /// Frees the G.
    ///
    /// # Safety
    /// The run is over and no other copy of this pointer is used again.
    pub(crate) unsafe fn free(self) {
        // SAFETY: it came from Box::leak in `alloc`, and the caller gives up the last use.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }

    /// The address, for a word that holds it.
    pub(crate) fn addr(self) -> *mut G {
        self.0.as_ptr()
    }

    /// Back from [`Gp::addr`].
    pub(crate) fn from_addr(ptr: *mut G) -> Option<Self> {
        NonNull::new(ptr).map(Self)
    }
}

impl Deref for Gp {
    type Target = G;
    #[inline]
    fn deref(&self) -> &G {
        // SAFETY: Gs are freed only at the end of the run, when nobody holds a Gp any more.
        unsafe { self.0.as_ref() }
    }
}

impl fmt::Debug for Gp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gp({})", self.id.get())
    }
}

/// A line of the program, or none; others may look at it while its owner changes it.
#[derive(Debug)]
pub(crate) struct Line(AtomicPtr<Location<'static>>);

impl Line {
    const fn new() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// Which it is.
    pub(crate) fn get(&self) -> Option<&'static Location<'static>> {
        // SAFETY: only addresses of such references are stored. They point to constants, which
        // were there before the program ran, so Relaxed does.
        unsafe { self.0.load(Ordering::Relaxed).cast_const().as_ref() }
    }

    /// Sets it; the owner's.
    #[inline]
    pub(crate) fn set(&self, at: Option<&'static Location<'static>>) {
        let at = at.map_or(std::ptr::null(), std::ptr::from_ref);
        self.0.store(at.cast_mut(), Ordering::Relaxed);
    }
}

/// A place for a goroutine that others may look at.
#[derive(Debug)]
pub(crate) struct GpCell(AtomicPtr<G>);

impl GpCell {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// Who is in it.
    #[inline]
    pub(crate) fn get(&self) -> Option<Gp> {
        Gp::from_addr(self.0.load(Ordering::Acquire))
    }

    /// Puts one in, or nobody; the owner's.
    #[inline]
    pub(crate) fn set(&self, g: Option<Gp>) {
        self.0.store(g.map_or(std::ptr::null_mut(), Gp::addr), Ordering::Release);
    }
}

/// An intrusive first-in-first-out list of Gs (Go's `gQueue`), linked through [`G::link`].
#[derive(Debug, Default)]
pub(crate) struct GList {
    head: Option<Gp>,
    tail: Option<Gp>,
    len: u32,
}

impl GList {
    /// An empty list.
    pub(crate) const fn new() -> Self {
        Self { head: None, tail: None, len: 0 }
    }

    /// How many are in it.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Whether none is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// Appends one.
    pub(crate) fn push_back(&mut self, g: Gp) {
        g.link.set(None);
        match self.tail {
            Some(tail) => tail.link.set(Some(g)),
            None => self.head = Some(g),
        }
        self.tail = Some(g);
        self.len += 1;
    }

    /// Puts one before all others.
    pub(crate) fn push_front(&mut self, g: Gp) {
        g.link.set(self.head);
        if self.tail.is_none() {
            self.tail = Some(g);
        }
        self.head = Some(g);
        self.len += 1;
    }

    /// Takes the first.
    pub(crate) fn pop_front(&mut self) -> Option<Gp> {
        let g = self.head?;
        self.head = g.link.take();
        if self.head.is_none() {
            self.tail = None;
        }
        self.len -= 1;
        Some(g)
    }

    /// Takes the first that is wanted, from wherever it is.
    pub(crate) fn take_first(&mut self, wanted: impl Fn(Gp) -> bool) -> Option<Gp> {
        let (mut before, mut found) = (None, None);
        for g in self.iter() {
            if wanted(g) {
                found = Some(g);
                break;
            }
            before = Some(g);
        }
        let g = found?;
        let Some(before) = before else { return self.pop_front() };
        before.link.set(g.link.take());
        if before.link.get().is_none() {
            self.tail = Some(before);
        }
        self.len -= 1;
        Some(g)
    }

    /// The Gs in order, first first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Gp> {
        std::iter::successors(self.head, |g| g.link.get())
    }
}
