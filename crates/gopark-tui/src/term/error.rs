//! Why there can be no stage, and what to do instead.

use std::{fmt, io};

/// Why the terminal cannot be used, or not any more.
#[derive(Debug)]
pub enum TermError {
    /// Standard input or output is a file or a pipe.
    NotATerminal,
    /// A terminal that cannot move its cursor.
    Dumb,
    /// The terminal is gone: its window was closed, or the other end of a pipe.
    Closed,
    /// The terminal failed in another way.
    Io(io::Error),
}

/// The error of a terminal that has hung up (EIO).
const HUNG_UP: i32 = 5;

impl fmt::Display for TermError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instead = "--plain tells the run as lines of text";
        match self {
            Self::NotATerminal => {
                write!(f, "the stage needs a terminal for its keys and its screen; {instead}")
            }
            Self::Dumb => {
                write!(f, "the stage needs a terminal that can move its cursor; {instead}")
            }
            Self::Closed => f.write_str("the terminal is gone"),
            Self::Io(error) => write!(f, "the terminal fails: {error}"),
        }
    }
}

impl std::error::Error for TermError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for TermError {
    fn from(error: io::Error) -> Self {
        let gone = matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::WriteZero);
        if gone || error.raw_os_error() == Some(HUNG_UP) { Self::Closed } else { Self::Io(error) }
    }
}
