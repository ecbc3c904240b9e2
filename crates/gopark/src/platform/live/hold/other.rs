//! Systems where threads are not suspended: goroutines give way at calls into gopark only.

use std::io;
use std::time::Instant;

use gopark_trace::ids::Nanos;

/// Whether threads can be suspended here.
pub(in crate::platform::live) const SUPPORTED: bool = false;

/// The kernel thread of an M.
#[derive(Debug)]
pub(crate) struct ThreadCell {
    start: Instant,
}

impl Default for ThreadCell {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl ThreadCell {
    /// The calling thread is the M's from now on.
    pub(in crate::platform::live) fn enter(&self) {}

    /// Whether there is a thread that can be told apart.
    pub(in crate::platform::live) fn is_there(&self) -> bool {
        false
    }

    /// Time, in place of CPU time.
    pub(in crate::platform::live) fn cpu_time(&self) -> Nanos {
        Nanos(self.start.elapsed().as_nanos() as u64)
    }

    /// Nothing can be sent.
    pub(in crate::platform::live) fn signal(&self) {}
}

/// There is no barrier.
pub(in crate::platform::live) fn barrier() -> bool {
    false
}

/// Nothing is needed.
pub(in crate::platform::live) fn install() -> io::Result<()> {
    Ok(())
}
