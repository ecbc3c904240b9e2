//! Memory calls of the operating system, with the arguments we use. What differs between systems is in `linux` and `other`.
//!
//! Nothing here allocates. Every range passed in is page aligned; the callers own what they pass.

use std::io;
use std::ptr::{self, NonNull};

#[cfg(any(target_os = "linux", target_os = "android"))]
#[path = "sys/linux.rs"]
mod os;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[path = "sys/other.rs"]
mod os;

pub(crate) use os::{install_guard_marker, signal_frame_min};

/// Bytes per page.
pub(crate) fn page_size() -> usize {
    // SAFETY: sysconf reads a constant of the system.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(page).expect("the page size is known and positive")
}

/// Reserves `len` bytes of zeroed, readable and writable memory that is committed page by page when touched.
pub(crate) fn reserve(len: usize) -> io::Result<NonNull<u8>> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: an anonymous mapping at an address of the kernel's choice replaces nothing.
    let at = unsafe { libc::mmap(ptr::null_mut(), len, protection, os::RESERVE_FLAGS, -1, 0) };
    if at == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    let at = NonNull::new(at.cast::<u8>()).expect("the kernel never chooses address zero");
    os::refuse_huge_pages(at, len);
    Ok(at)
}

/// Gives a whole reservation back.
///
/// # Safety
///
/// `at` and `len` are those of a [`reserve`], nothing refers to the memory any more, and this is called once.
pub(crate) unsafe fn release(at: NonNull<u8>, len: usize) {
    // SAFETY: the caller gives up the whole mapping.
    let failed = unsafe { libc::munmap(at.as_ptr().cast(), len) } != 0;
    // Only a range that is no mapping of ours can fail, which would be a bug here.
    debug_assert!(!failed, "munmap: {}", io::Error::last_os_error());
}

/// Makes a range fault on every access.
///
/// # Safety
///
/// The range belongs to the caller's own reservation and no code will access it but to be caught.
pub(crate) unsafe fn protect(at: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: as the caller states.
    check(unsafe { libc::mprotect(at.as_ptr().cast(), len, libc::PROT_NONE) })
}

/// Gives the physical pages of a range back. What it held is gone; guards inside it stay.
///
/// # Safety
///
/// The range belongs to the caller's own reservation and holds nothing that is needed.
pub(crate) unsafe fn discard(at: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: as the caller states.
    check(unsafe { libc::madvise(at.as_ptr().cast(), len, libc::MADV_DONTNEED) })
}

/// Writes one byte per page of the range starting at `at`: its lowest bit says whether the page is resident.
/// The range is as long as `pages` has room for; it must be mapped, else this is an error.
pub(crate) fn residency(at: NonNull<u8>, page: usize, pages: &mut [u8]) -> io::Result<()> {
    let len = pages.len() * page;
    loop {
        // SAFETY: mincore reads no memory of ours; it writes one byte per page of the range, and `pages` is that long.
        let done =
            check(unsafe { libc::mincore(at.as_ptr().cast(), len, pages.as_mut_ptr().cast()) });
        match done {
            // The kernel was short of a buffer for a moment.
            Err(e) if e.raw_os_error() == Some(libc::EAGAIN) => {}
            other => return other,
        }
    }
}

/// The stack pointer of the calling frame, or an address a little below it.
///
/// Everything the caller's frame holds is at or above the result.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    use std::arch::asm;
    let sp: usize;
    #[cfg(target_arch = "x86_64")]
    // SAFETY: copies one register into another.
    unsafe {
        asm!("mov {}, rsp", out(reg) sp, options(nomem, nostack, preserves_flags));
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: copies one register into another.
    unsafe {
        asm!("mov {}, sp", out(reg) sp, options(nomem, nostack, preserves_flags));
    }
    sp
}

/// The stack pointer of the calling frame, or an address a little below it: a local of a callee is below the caller's frame.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline(never)]
pub(crate) fn stack_pointer() -> usize {
    let local = 0_u8;
    std::hint::black_box(&raw const local).addr()
}

/// A C status as a result.
pub(crate) fn check(status: libc::c_int) -> io::Result<()> {
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
