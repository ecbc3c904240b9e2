//! A signal stack for the thread.
//!
//! The kernel pushes a signal's frame (3 KiB with AVX-512) on the stack the handler will run on. On a goroutine's stack that
//! is exactly where there may be no room: the frame can't be pushed, the kernel forces a plain SIGSEGV, and whatever the
//! signal was for is lost. So handlers run on a stack of their own; std's has 8 KiB, which leaves little for the handler.
//!
//! Invariants: the mapping is this thread's signal stack from `install` to `drop`, unless someone replaced it since; its
//! lowest page faults.

use std::io;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ptr::{self, NonNull};

use crate::sys;

/// The least size.
const SIZE_MIN: usize = 64 << 10;

/// Signal frames it has room for, at least: one for a handler that one interrupts, and the handlers' own calls.
const FRAMES: usize = 4;

/// This thread's alternate signal stack. Dropping it puts back what was there before.
#[derive(Debug)]
pub struct AltStack {
    /// The mapping, guard page first.
    mapping: NonNull<u8>,
    /// Its length.
    len: usize,
    /// What was there before.
    previous: libc::stack_t,
    /// The signal stack is the thread's, so this must be dropped where it was made.
    here: PhantomData<*mut ()>,
}

impl AltStack {
    /// Gives the current thread a signal stack of 64 KiB, or four signal frames where that is more, over a guard page.
    ///
    /// # Errors
    ///
    /// When there is no memory, or when the thread is on its signal stack right now.
    pub fn install() -> io::Result<AltStack> {
        let page = sys::page_size();
        let usable = SIZE_MIN.max(FRAMES * sys::signal_frame_min()).next_multiple_of(page);
        let len = page + usable;
        let mapping = sys::reserve(len)?;
        let previous = guard(mapping, page).and_then(|()| exchange(mapping, page, usable));
        match previous {
            Ok(previous) => Ok(AltStack { mapping, len, previous, here: PhantomData }),
            Err(e) => {
                // SAFETY: it did not become the signal stack, and nobody else knows it.
                unsafe { sys::release(mapping, len) };
                Err(e)
            }
        }
    }

    /// Whether this still is the thread's signal stack.
    fn is_installed(&self) -> bool {
        let mut now = MaybeUninit::<libc::stack_t>::zeroed();
        // SAFETY: with no new stack, sigaltstack only writes the present one.
        let known = unsafe { libc::sigaltstack(ptr::null(), now.as_mut_ptr()) } == 0;
        // SAFETY: all zeros is a value of the C structure.
        let now = unsafe { now.assume_init() };
        let bottom = self.mapping.addr().get();
        known && (bottom..bottom + self.len).contains(&now.ss_sp.addr())
    }
}

/// Guards the lowest page.
fn guard(mapping: NonNull<u8>, page: usize) -> io::Result<()> {
    // SAFETY: the mapping is new and ours, and its lowest page is there to be caught on.
    unsafe { sys::protect(mapping, page) }
}

/// Makes the mapping above its guard the signal stack; returns the one before.
fn exchange(mapping: NonNull<u8>, page: usize, usable: usize) -> io::Result<libc::stack_t> {
    // SAFETY: stack_t is a C structure for which all zeros is a value.
    let mut stack: libc::stack_t = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: the mapping is longer than a page.
    stack.ss_sp = unsafe { mapping.add(page) }.as_ptr().cast();
    stack.ss_size = usable;
    let mut previous = MaybeUninit::<libc::stack_t>::zeroed();
    // SAFETY: the memory is ours alone until `drop` takes it back from the thread.
    sys::check(unsafe { libc::sigaltstack(&raw const stack, previous.as_mut_ptr()) })?;
    // SAFETY: written by the call.
    Ok(unsafe { previous.assume_init() })
}

impl Drop for AltStack {
    fn drop(&mut self) {
        // At the end of a thread std takes its signal stack away before thread-locals are dropped. If we are one of those,
        // what was there before is gone, and what is there now is not ours to replace.
        if self.is_installed() {
            // SAFETY: puts back what this thread had; its owner has not taken it away, or ours would not be installed.
            if unsafe { libc::sigaltstack(&raw const self.previous, ptr::null_mut()) } != 0 {
                return; // We run on it: leak rather than unmap.
            }
        }
        // SAFETY: it is not a signal stack any more, and nobody else knows it.
        unsafe { sys::release(self.mapping, self.len) };
    }
}
