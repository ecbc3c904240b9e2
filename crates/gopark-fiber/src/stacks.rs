//! The pool of stacks.
//!
//! Invariants:
//! - A class's slots below `fresh` are guarded; each of them is in a `BoundStack`, on `warm`, on `cold`, or on the region's
//!   list of returned slots. Slots from `fresh` up were never handed out.
//! - `warm` is never longer than it has room for; slots on `cold` and on the region's list hold no pages.
//! - Once a class exists, taking and giving back neither allocates nor locks: `warm` has its room, and the other free lists
//!   run through the slots' infos.
//!
//! The pool does not synchronise: its methods take `&mut self`, and a runtime calls them under whatever lock its own rules
//! allow.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::bound::BoundStack;
use crate::label::Label;
use crate::region::{Guards, NO_SLOT, Region};
use crate::sys;

/// The smallest stack. std itself needs up to 6 KiB for a caught panic, and 23 KiB for one with a backtrace printed.
pub const STACK_SIZE_MIN: usize = 16 << 10;

/// The largest stack.
pub const STACK_SIZE_MAX: usize = 1 << 30;

/// Classes there can be: one for each power of two from the smallest to the largest.
const CLASSES: usize = (STACK_SIZE_MAX.ilog2() - STACK_SIZE_MIN.ilog2() + 1) as usize;

/// How a pool is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackConfig {
    /// Bytes of a default stack, guard included: a power of two, at least [`STACK_SIZE_MIN`] and four pages.
    /// 64 KiB is safe for std; code that formats backtraces deep down, or calls C, may want 256 KiB, which costs 385 bytes
    /// of page tables more.
    pub default_size: usize,
    /// Slots of a class, at most. The reservation is smaller where the address space is.
    pub slots: u32,
    /// Returned stacks of a class that keep their pages, at most. Those above give them to the system.
    pub warm_slots: u32,
    /// How guards are made.
    pub guards: Guards,
}

impl Default for StackConfig {
    fn default() -> Self {
        StackConfig {
            default_size: 64 << 10,
            slots: 1 << 20,
            warm_slots: 1024,
            guards: Guards::Auto,
        }
    }
}

/// A pool of stacks: one reservation per size class.
#[derive(Debug)]
pub struct Stacks {
    /// As configured.
    config: StackConfig,
    /// The smallest class here: [`STACK_SIZE_MIN`], or four pages where those are larger.
    size_min: usize,
    /// The classes in use, by the logarithm of their size.
    classes: [Option<Class>; CLASSES],
}

impl Stacks {
    /// Makes a pool and reserves its default class.
    ///
    /// # Errors
    ///
    /// [`StackError::BadSize`] when the default size can't be one, [`StackError::Reserve`] when the system has no address
    /// space for even one slot.
    pub fn new(config: StackConfig) -> Result<Stacks, StackError> {
        let size_min = STACK_SIZE_MIN.max(4 * sys::page_size());
        let size = config.default_size;
        if !size.is_power_of_two() || !(size_min..=STACK_SIZE_MAX).contains(&size) {
            return Err(StackError::BadSize { size });
        }
        let mut stacks = Stacks { config, size_min, classes: [const { None }; CLASSES] };
        stacks.reserve(size)?;
        Ok(stacks)
    }

    /// Bytes of a default stack.
    pub fn default_size(&self) -> usize {
        self.config.default_size
    }

    /// Makes sure that the class for `size` exists, so that a later [`bind`](Stacks::bind) does not allocate. Returns the
    /// bytes a stack of that class has.
    ///
    /// # Errors
    ///
    /// [`StackError::BadSize`] above [`STACK_SIZE_MAX`], [`StackError::Reserve`] when there is no address space.
    pub fn reserve(&mut self, size: usize) -> Result<usize, StackError> {
        self.class(size).map(|class| class.region.size())
    }

    /// Takes a stack of at least `size` bytes, guard included, for the goroutine `label` names: the one last given back, if
    /// there is one. `size` is rounded up to a power of two.
    ///
    /// The first bind of a class reserves its memory, which allocates.
    ///
    /// # Errors
    ///
    /// As [`reserve`](Stacks::reserve); [`StackError::OutOfSlots`] when every stack of the class is in use; and
    /// [`StackError::OutOfGuards`] or [`StackError::Guard`] when a slot can't be guarded. All leave the pool as it was.
    #[inline]
    pub fn bind(&mut self, size: usize, label: &Label<'_>) -> Result<BoundStack, StackError> {
        let mut stack = self.class(size)?.take()?;
        stack.set_label(label);
        Ok(stack)
    }

    /// Takes a stack back. One of another pool goes home to that pool.
    #[inline]
    pub fn give_back(&mut self, stack: BoundStack) {
        let index = class_index(stack.size());
        match &mut self.classes[index] {
            Some(class) if stack.is_of(&class.region) => class.give_back(stack),
            _ => drop(stack),
        }
    }

    /// What the class for `size` is made of; `None` when it was never used.
    pub fn usage(&self, size: usize) -> Option<StackUsage> {
        let size = self.class_size(size).ok()?;
        self.classes[class_index(size)].as_ref().map(|class| StackUsage {
            size,
            slots: class.region.slots(),
            used: class.fresh,
            warm: class.warm.len() as u32,
        })
    }

    /// The class for `size`, reserved if it was not.
    #[inline]
    fn class(&mut self, size: usize) -> Result<&mut Class, StackError> {
        let size = self.class_size(size)?;
        let class = &mut self.classes[class_index(size)];
        match class {
            Some(class) => Ok(class),
            None => Ok(class.insert(Class::new(size, &self.config)?)),
        }
    }

    /// Rounds up to the size of a class.
    #[inline]
    fn class_size(&self, size: usize) -> Result<usize, StackError> {
        if size > STACK_SIZE_MAX {
            return Err(StackError::BadSize { size });
        }
        Ok(size.max(self.size_min).next_power_of_two())
    }
}

/// The place of a class in the table.
#[inline]
fn class_index(size: usize) -> usize {
    (size.ilog2() - STACK_SIZE_MIN.ilog2()) as usize
}

/// Numbers about one size class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackUsage {
    /// Bytes of a stack.
    pub size: usize,
    /// Stacks there can be.
    pub slots: u32,
    /// Stacks that were ever handed out, hence guarded.
    pub used: u32,
    /// Free stacks that keep their pages.
    pub warm: u32,
}

/// Stacks of one size.
#[derive(Debug)]
struct Class {
    /// Their memory.
    region: Arc<Region>,
    /// The first slot that was never handed out.
    fresh: u32,
    /// Free stacks with pages, the last returned first: its pages are the likeliest to be in the cache. Whole stacks, because
    /// taking one apart and putting it together again counts references to the region, twice the price of all the rest. Has
    /// room for as many as are configured.
    warm: Vec<BoundStack>,
    /// Free slots without pages.
    cold: FreeList,
}

impl Class {
    /// Reserves a class.
    #[cold]
    fn new(size: usize, config: &StackConfig) -> Result<Class, StackError> {
        let region = Arc::new(Region::new(size, config.slots, config.guards)?);
        let warm = Vec::with_capacity(config.warm_slots.min(region.slots()) as usize);
        Ok(Class { region, fresh: 0, warm, cold: FreeList::EMPTY })
    }

    /// A free stack: one with pages, one without, one of those that were dropped, a new one.
    #[inline]
    fn take(&mut self) -> Result<BoundStack, StackError> {
        match self.warm.pop() {
            Some(stack) => Ok(stack),
            None => self.take_cold().map(|slot| BoundStack::new(&self.region, slot)),
        }
    }

    /// A free slot that has no pages.
    #[cold]
    fn take_cold(&mut self) -> Result<u32, StackError> {
        if let Some(slot) = self.cold.pop(&self.region) {
            return Ok(slot);
        }
        self.cold = FreeList { head: self.region.take_returned() };
        match self.cold.pop(&self.region) {
            Some(slot) => Ok(slot),
            None => self.take_fresh(),
        }
    }

    /// A slot that was never handed out, guarded now.
    fn take_fresh(&mut self) -> Result<u32, StackError> {
        let slots = self.region.slots();
        if self.fresh == slots {
            return Err(StackError::OutOfSlots { size: self.region.size(), slots });
        }
        self.region.install_guard(self.fresh)?;
        self.fresh += 1;
        Ok(self.fresh - 1)
    }

    /// Keeps a stack of this class.
    #[inline]
    fn give_back(&mut self, stack: BoundStack) {
        // `capacity` may be more than was asked for; that is as good a limit, and pushing below it does not allocate.
        if self.warm.len() < self.warm.capacity() {
            self.warm.push(stack);
        } else {
            self.give_back_cold(stack);
        }
    }

    /// Keeps a stack of this class, without its pages.
    #[cold]
    fn give_back_cold(&mut self, stack: BoundStack) {
        let (region, slot) = stack.into_slot();
        // SAFETY: we have just been given the slot, and a `BoundStack` that is given up has no fiber on it.
        unsafe { region.discard_slot(slot) };
        self.cold.push(slot, &region);
    }
}

impl Drop for Class {
    fn drop(&mut self) {
        // No need to give pages back one by one: the region goes, or has its last stacks in use.
        for stack in self.warm.drain(..) {
            stack.into_slot();
        }
    }
}

/// A list of free slots through [`SlotInfo::next`](crate::label::SlotInfo). The pool alone follows it, so relaxed accesses
/// do; what hands the pool from thread to thread hands over the list.
#[derive(Debug)]
struct FreeList {
    /// The first slot, or [`NO_SLOT`].
    head: u32,
}

impl FreeList {
    /// No slots.
    const EMPTY: FreeList = FreeList { head: NO_SLOT };

    /// Adds a slot that is on no list.
    fn push(&mut self, slot: u32, region: &Region) {
        region.info(slot).next.store(self.head, Relaxed);
        self.head = slot;
    }

    /// Removes the slot that was added last.
    fn pop(&mut self, region: &Region) -> Option<u32> {
        if self.head == NO_SLOT {
            return None;
        }
        let slot = self.head;
        self.head = region.info(slot).next.load(Relaxed);
        Some(slot)
    }
}

/// Why there is no stack.
#[derive(Debug)]
#[non_exhaustive]
pub enum StackError {
    /// The size is above [`STACK_SIZE_MAX`], or (for a default size) not a power of two in range.
    BadSize {
        /// What was asked for.
        size: usize,
    },
    /// The system has no address space for another class.
    Reserve(io::Error),
    /// Every stack of the class is in use.
    OutOfSlots {
        /// Bytes of a stack of the class.
        size: usize,
        /// Stacks the class has.
        slots: u32,
    },
    /// Guards had to be made by protection, and the process has as many as it can.
    OutOfGuards {
        /// As many as it can.
        max: usize,
    },
    /// The system refused a guard.
    Guard(io::Error),
}

impl fmt::Display for StackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StackError::BadSize { size } => write!(
                f,
                "a stack of {size} bytes can't be had: at most {STACK_SIZE_MAX}, and a default size is a power of two \
                 from {STACK_SIZE_MIN} (or four pages) up"
            ),
            StackError::Reserve(e) => write!(f, "no address space for stacks: {e}"),
            StackError::OutOfSlots { size, slots } => {
                write!(f, "all {slots} stacks of {size} bytes are in use")
            }
            StackError::OutOfGuards { max } => write!(
                f,
                "this kernel guards stacks by splitting mappings, and {max} guards are as many as a process can have \
                 (Linux 6.13 lifts the limit)"
            ),
            StackError::Guard(e) => write!(f, "a stack could not be guarded: {e}"),
        }
    }
}

impl Error for StackError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            StackError::Reserve(e) | StackError::Guard(e) => Some(e),
            _ => None,
        }
    }
}

impl From<StackError> for io::Error {
    fn from(e: StackError) -> io::Error {
        let kind = match &e {
            StackError::BadSize { .. } => io::ErrorKind::InvalidInput,
            StackError::Reserve(e) | StackError::Guard(e) => e.kind(),
            StackError::OutOfSlots { .. } | StackError::OutOfGuards { .. } => {
                io::ErrorKind::OutOfMemory
            }
        };
        io::Error::new(kind, e)
    }
}
