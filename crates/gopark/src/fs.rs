//! Files, with the calls on them marked: the P goes to others if the disk takes its time (Go's `os`).
//!
//! The names and meanings are those of `std::fs`, and what is not here is done with
//! [`crate::syscall`] around it. Files are not polled: their goroutine keeps its thread.
//!
//! ```
//! let text = gopark::lab(1).unwatched().run(|| gopark::fs::read_to_string("Cargo.toml"));
//! assert!(text.is_ok());
//! ```

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::syscall::marked;

/// As [`std::fs::read`].
///
/// # Errors
/// As [`std::fs::read`].
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    marked("read", || std::fs::read(path))
}

/// As [`std::fs::read_to_string`].
///
/// # Errors
/// As [`std::fs::read_to_string`].
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    marked("read", || std::fs::read_to_string(path))
}

/// As [`std::fs::write`].
///
/// # Errors
/// As [`std::fs::write`].
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    marked("write", || std::fs::write(path, contents))
}

/// An open file. It is closed without a mark, as a destructor must not wait.
#[derive(Debug)]
pub struct File(std::fs::File);

impl File {
    /// Opens a file to read it.
    ///
    /// # Errors
    /// As [`std::fs::File::open`].
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        marked("openat", || std::fs::File::open(path)).map(Self)
    }

    /// Opens a file to write it, empty.
    ///
    /// # Errors
    /// As [`std::fs::File::create`].
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        marked("openat", || std::fs::File::create(path)).map(Self)
    }

    /// Waits until everything is on the disk.
    ///
    /// # Errors
    /// As [`std::fs::File::sync_all`].
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn sync_all(&self) -> io::Result<()> {
        marked("fsync", || self.0.sync_all())
    }

    /// The file of the standard library.
    pub fn into_std(self) -> std::fs::File {
        self.0
    }
}

impl From<std::fs::File> for File {
    fn from(file: std::fs::File) -> Self {
        Self(file)
    }
}

impl Read for File {
    #[track_caller]
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        marked("read", || self.0.read(into))
    }
}

impl Write for File {
    #[track_caller]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        marked("write", || self.0.write(bytes))
    }

    /// Nothing is kept back.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for File {
    #[track_caller]
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        marked("lseek", || self.0.seek(to))
    }
}
