//! Other unix systems: plain reservations, and guards by protection only.

use std::io;
use std::ptr::NonNull;

/// These systems commit anonymous memory when it is touched.
pub(super) const RESERVE_FLAGS: libc::c_int = libc::MAP_PRIVATE | libc::MAP_ANON;

/// Huge pages are not forced on a mapping here.
pub(super) fn refuse_huge_pages(_at: NonNull<u8>, _len: usize) {}

/// There are no marks in page tables here: the caller protects instead.
///
/// # Safety
///
/// None needed: it does nothing.
pub(crate) unsafe fn install_guard_marker(_at: NonNull<u8>, _len: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The least stack a signal frame needs.
pub(crate) fn signal_frame_min() -> usize {
    libc::MINSIGSTKSZ
}
