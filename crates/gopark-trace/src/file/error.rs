//! Why a file could not be read as a recording, and what to do about it.

use std::{fmt, io};

use crate::frame::{HEAD, OtherVersion};
use crate::wire::WireError;

/// Why a file could not be read as a recording, or not to its end.
#[derive(Debug)]
pub enum FileError {
    /// It does not begin as a recording does.
    NotARecording {
        /// The first byte that differs from a recording's header.
        offset: u64,
        /// What is there.
        found: u8,
    },
    /// Another version of gopark wrote it.
    Version {
        /// Its version.
        found: u32,
    },
    /// It was changed after it was written.
    Damaged {
        /// Where the frame that can't be read begins.
        offset: u64,
        /// How many records before it were read.
        records: u64,
        /// What is wrong there.
        what: Damage,
    },
    /// The file itself failed.
    Io(io::Error),
}

/// What is wrong in a damaged recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// A frame is not what was written.
    Checksum,
    /// A frame claims more bytes than any has.
    TooLong {
        /// How many.
        len: u64,
    },
    /// A frame is what was written, but not a message.
    Payload {
        /// What was expected, counted from the start of the payload.
        error: WireError,
    },
    /// The first frame is not the greeting.
    NoHello,
    /// Bytes follow the end.
    AfterEnd,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotARecording { offset, found } => {
                write!(f, "not a gopark recording: byte {offset} is 0x{found:02x}; ")?;
                f.write_str("give a file that gopark recorded")
            }
            Self::Version { found } => write!(f, "{}", OtherVersion(*found)),
            Self::Damaged { offset, records, what } => {
                let at = match what {
                    Damage::Payload { error } => offset + (HEAD + error.offset) as u64,
                    _ => *offset,
                };
                write!(f, "byte {at}: {what}; {records} events before it can be replayed")
            }
            Self::Io(error) => write!(f, "the recording can't be read: {error}"),
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checksum => f.write_str("the checksum does not match"),
            Self::TooLong { len } => write!(f, "a frame can't have {len} bytes"),
            Self::Payload { error } => write!(f, "expected {}", error.expected),
            Self::NoHello => f.write_str("expected the greeting of a recording"),
            Self::AfterEnd => f.write_str("bytes follow the end of the recording"),
        }
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Damaged { what: Damage::Payload { error }, .. } => Some(error),
            _ => None,
        }
    }
}
