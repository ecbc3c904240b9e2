//! Waiting for other programs, with the P given away first (Go's `os/exec`).
//!
//! Commands are put together with [`std::process::Command`].
//!
//! ```
//! let output = gopark::lab(1).unwatched().run(|| {
//!     gopark::process::output(std::process::Command::new("/bin/sh").args(["-c", "echo here"]))
//! });
//! assert_eq!(output.unwrap().stdout, b"here\n");
//! ```

use std::io;
use std::process::{Child, Command, ExitStatus, Output};

use crate::syscall::known_to_block;

/// As [`Command::output`].
///
/// # Errors
/// As [`Command::output`].
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn output(command: &mut Command) -> io::Result<Output> {
    known_to_block("wait4", || command.output())
}

/// As [`Command::status`].
///
/// # Errors
/// As [`Command::status`].
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn status(command: &mut Command) -> io::Result<ExitStatus> {
    known_to_block("wait4", || command.status())
}

/// As [`Child::wait`].
///
/// # Errors
/// As [`Child::wait`].
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn wait(child: &mut Child) -> io::Result<ExitStatus> {
    known_to_block("wait4", || child.wait())
}
