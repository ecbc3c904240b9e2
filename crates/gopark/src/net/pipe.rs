//! Pipes (Go's `os.Pipe`).

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;

use gopark_trace::words::FdDir::{Read as Reads, Write as Writes};

use super::fd::{Fd, Socket};
use super::methods::{deadlines, from_std, options, reads, writes};

/// Makes calls on a pipe return instead of block.
fn set_nonblocking(fd: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    let on = libc::c_int::from(on);
    // SAFETY: the descriptor is open, and the pointer is to an int of ours.
    let failed = unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONBIO, &raw const on) };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

impl Socket for io::PipeReader {
    const WHAT: &'static str = "pipe, the reading end";
    const CLOSED: &'static str = "use of closed file";
    fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        set_nonblocking(self.as_fd(), on)
    }
}

impl Socket for io::PipeWriter {
    const WHAT: &'static str = "pipe, the writing end";
    const CLOSED: &'static str = "use of closed file";
    fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        set_nonblocking(self.as_fd(), on)
    }
}

/// Makes a pipe: what is written at one end is read at the other.
///
/// # Errors
/// If the system has no more descriptors.
pub fn pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    Socket::set_nonblocking(&reader, true)?;
    Socket::set_nonblocking(&writer, true)?;
    Ok((
        PipeReader { fd: Arc::new(Fd::made(reader)) },
        PipeWriter { fd: Arc::new(Fd::made(writer)) },
    ))
}

/// The reading end of a pipe; see [`std::io::PipeReader`].
#[derive(Clone)]
pub struct PipeReader {
    fd: Arc<Fd<io::PipeReader>>,
}

/// The writing end of a pipe; see [`std::io::PipeWriter`].
#[derive(Clone)]
pub struct PipeWriter {
    fd: Arc<Fd<io::PipeWriter>>,
}

options!(PipeReader, io::PipeReader {});
options!(PipeWriter, io::PipeWriter {});
from_std!(PipeReader, io::PipeReader);
from_std!(PipeWriter, io::PipeWriter);
deadlines!(PipeReader: read);
deadlines!(PipeWriter: write);
reads!(PipeReader);
reads!(&PipeReader);
writes!(PipeWriter);
writes!(&PipeWriter);
