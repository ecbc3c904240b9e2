//! Stacks and switching: everything in gopark that is unsafe about stacks, with its argument.
//!
//! A goroutine is a stackful coroutine. This crate gives it a stack ([`Stacks`], [`BoundStack`]), lets it be entered and
//! left ([`Fiber`], [`Suspender`]) and names it when it runs out of stack ([`install_overflow_handler`], [`AltStack`]).
//! It knows nothing of schedulers: it imports nothing of gopark's.
//!
//! ```
//! use gopark_fiber::{Fiber, Label, StackConfig, Stacks, Step};
//!
//! let mut stacks = Stacks::new(StackConfig::default())?;
//! let stack = stacks.bind(64 << 10, &Label { goroutine: 1, name: "adder" })?;
//! let mut fiber = Fiber::new(stack, |s, first: u32| {
//!     let second = s.suspend(first + 1);
//!     s.suspend(first + second);
//! });
//! assert_eq!(fiber.resume(10), Step::Suspended(11));
//! assert_eq!(fiber.resume(5), Step::Suspended(15));
//! assert_eq!(fiber.resume(0), Step::Finished);
//! stacks.give_back(fiber.into_stack());
//! # Ok::<(), gopark_fiber::StackError>(())
//! ```
//!
//! # Memory
//!
//! A size class is one mapping, reserved and not committed, cut into slots of equal size. The kernel commits a page of a
//! slot when it is first touched, so an idle reservation costs address space and nothing else. A second, small mapping
//! holds 64 bytes about each slot; it is outside the stacks so that no overflow can reach it.
//!
//! ```text
//!  reservation of the 64 KiB class (default: 1 Mi slots = 64 GiB of addresses)
//!  ┌──────────┬──────────┬──────────┬── ─ ─ ──┬──────────┐
//!  │  slot 0  │  slot 1  │  slot 2  │          │ slot n-1 │      low addresses on the left
//!  └──────────┴──────────┴──────────┴── ─ ─ ──┴──────────┘
//!             ╱          ╲
//!   top  ┌────────────────┐ ← slot + size
//!        │ park record 32 │   where the fiber's stack pointer was when it last suspended (for `Fiber::shrink`)
//!        ├────────────────┤ ← base, 16-aligned: corosensei starts here
//!        │ entry, parent  │   the parent link is rewritten by each resume; a `Suspender` points at it
//!        │ frames …       │   grow down, committed page by page
//!        ├────────────────┤ ← stack pointer
//!        │ free           │   once touched stays resident until `Fiber::shrink`, or a return above the high-water mark
//!        │ never touched  │   costs nothing
//!        ├────────────────┤
//!        │ guard          │   1 to 16 pages, a fault: `runtime: goroutine stack exceeds 65536-byte limit`
//!  bottom└────────────────┘ ← slot
//! ```
//!
//! # Invariants
//!
//! 1. A slot index is in exactly one place: in one `BoundStack`, on one free list, or not yet handed out.
//! 2. A slot is guarded before it is first handed out, and its guard is never removed while the region is mapped.
//! 3. A region is unmapped when the last of its pool and its `BoundStack`s is gone, never before.
//! 4. A fiber's frames are overwritten only after it finished, or after an `unsafe` [`Fiber::abandon`].
//! 5. Nothing here unwinds a suspended fiber, and nothing here touches a thread-local.
//! 6. Taking and giving back a stack neither allocates nor locks, once a class exists ([`Stacks::reserve`]).
//!
//! # Why corosensei
//!
//! The switch itself (a dozen instructions, and the call-frame information that makes panics, backtraces and debuggers
//! work across it) is exact, per architecture, and easy to get wrong in ways that show up months later. corosensei has it
//! for every architecture Rust's unix targets commonly run on, lets the stack be ours, and saves only what the compiler
//! cannot: the rest is declared clobbered. Its parent links make coroutines nest: code on an inner stack may suspend an
//! *outer* fiber, and carries on where it was when the outer is resumed (`tests/nested.rs`).
//!
//! # Costs
//!
//! A resume and suspend together cost a few nanoseconds, of which ours is one store; a stack taken from the pool and given
//! back, some tens. A slot used for the first time costs a system call for its guard, about a microsecond, and a page fault.
//! A parked fiber holds at least one page plus its share of page tables.
//!
//! # Known gap: thread-locals across a switch
//!
//! A thread-local belongs to the thread, not to the fiber. Whatever a fiber holds open there while it suspends is seen by
//! the next fiber on that thread: a `RefCell` borrowed in `LocalKey::with` across a suspend makes the other's borrow fail
//! (`tests/tls_gap.rs` shows it), and a closure-scoped thread-local (set on entry, restored on exit, as the `scoped-tls`
//! crate does) is restored in the wrong order and left dangling, in safe code. corosensei has the same gap behind a safe
//! interface; so have we, and no check closes it. Moving a fiber to another thread adds more ways to hold a wrong
//! thread-local, and that door is `unsafe`: [`Fiber::assume_send`].

#[cfg(windows)]
compile_error!(
    "gopark-fiber reserves and guards stacks with mmap and madvise; Windows is not supported"
);

mod bound; // one stack, held
mod label;
mod region; // one mapping of slots, and its guards
mod stacks; // the pool: what a user of stacks sees first // who owns a slot, readable from a signal handler

mod fiber; // switching

mod altstack; // a signal stack to notice an overflow on
mod overflow; // what happens then
mod registry; // which guards are ours: the process-wide list

mod sys; // the operating system

pub use crate::altstack::AltStack;
pub use crate::bound::BoundStack;
pub use crate::fiber::{Fiber, SendFiber, Step, Suspender};
pub use crate::label::Label;
pub use crate::overflow::install_overflow_handler;
pub use crate::region::Guards;
pub use crate::stacks::{
    STACK_SIZE_MAX, STACK_SIZE_MIN, StackConfig, StackError, StackUsage, Stacks,
};
