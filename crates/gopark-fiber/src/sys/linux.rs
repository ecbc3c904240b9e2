//! Linux: reservations that are not accounted, and guards that are marks in the page table.

use std::io;
use std::ptr::NonNull;

use super::check;

/// `MADV_GUARD_INSTALL`, since Linux 6.13. Older kernels answer `EINVAL`. Not in the libc crate everywhere yet.
const MADV_GUARD_INSTALL: libc::c_int = 102;

/// `AT_MINSIGSTKSZ`: what the kernel pushes for a signal on this processor. Not in the libc crate for every C library.
const AT_MINSIGSTKSZ: libc::c_ulong = 51;

/// Not accounted against the commit limit: most of a reservation is never touched.
pub(super) const RESERVE_FLAGS: libc::c_int =
    libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;

/// With transparent huge pages "always", the first touch of a slot would commit 2 MiB, over 32 slots.
/// A kernel without huge pages refuses the advice, and that is as good.
pub(super) fn refuse_huge_pages(at: NonNull<u8>, len: usize) {
    // SAFETY: the advice changes how the range is backed, never what it holds.
    let _ = unsafe { libc::madvise(at.as_ptr().cast(), len, libc::MADV_NOHUGEPAGE) };
}

/// Makes a range fault on every access, without splitting the mapping.
///
/// Unlike a protection, such guards are not limited by the count of mappings a process may have, and cost a quarter.
/// Fails on kernels before 6.13, and on locked memory (`mlockall`).
///
/// # Safety
///
/// As for [`super::protect`]; what the range held is gone.
pub(crate) unsafe fn install_guard_marker(at: NonNull<u8>, len: usize) -> io::Result<()> {
    // SAFETY: as the caller states.
    check(unsafe { libc::madvise(at.as_ptr().cast(), len, MADV_GUARD_INSTALL) })
}

/// The least stack a signal frame needs here: 3 KiB with AVX-512, 11 KiB with AMX.
pub(crate) fn signal_frame_min() -> usize {
    // SAFETY: getauxval reads a constant of the process; an unknown key answers 0.
    let frame = unsafe { libc::getauxval(AT_MINSIGSTKSZ) };
    (frame as usize).max(libc::MINSIGSTKSZ)
}
