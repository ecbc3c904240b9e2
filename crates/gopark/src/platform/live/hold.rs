//! Stopping a kernel thread where it stands: the signal, the thread's clock, and the barrier.

#[cfg(target_os = "linux")]
#[path = "hold/linux.rs"]
mod system;

#[cfg(not(target_os = "linux"))]
#[path = "hold/other.rs"]
mod system;

pub(crate) use self::system::ThreadCell;
pub(super) use self::system::{SUPPORTED, barrier, install};
