//! Messages as framed, checksummed bytes, on a file or a socket.
//!
//! ```text
//! frame    length of the payload: u32 | crc32 of the payload: u32 | payload: one Message
//!          (both little-endian)
//! ```
//!
//! [`MessageCodec`] does the work, for `tokio_util::codec` and for anything that has a `BytesMut`;
//! [`FramedReader`] and [`FramedWriter`] are the same over blocking `std::io` values.
//!
//! Invariants: no bytes make a reader panic; a claimed length takes no memory before its bytes are
//! there; after an error nothing is consumed, so asking again gives the same error; every error
//! says at which byte of the stream it is.

mod blocking;

use std::{fmt, io};

use bytes::{Buf, BufMut, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

pub use blocking::{FramedReader, FramedWriter};

use crate::protocol::{Message, VERSION};
use crate::wire::{Reader, Wire, WireError};

/// The longest payload, in bytes. A snapshot of a million parked goroutines takes about a third.
pub const MAX_FRAME: usize = 64 << 20;

/// Bytes of a frame before its payload.
pub(crate) const HEAD: usize = 8;

/// Scratch memory above this is given back after a frame.
const KEEP: usize = 1 << 20;

/// Why a stream of frames could not be read or written further. Offsets are in bytes from the
/// start of the stream and name the first byte of the frame.
#[derive(Debug)]
pub enum FrameError {
    /// A payload longer than [`MAX_FRAME`].
    TooLong {
        /// Where the frame begins.
        offset: u64,
        /// Its length in bytes.
        len: u64,
    },
    /// The payload is not what was written.
    Checksum {
        /// Where the frame begins.
        offset: u64,
    },
    /// The payload is whole but not a message.
    Payload {
        /// Where the frame begins.
        offset: u64,
        /// What is wrong, counted from the start of the payload.
        error: WireError,
    },
    /// The other side speaks another version.
    Version {
        /// Where the frame begins.
        offset: u64,
        /// Its version; [`VERSION`] is the one that is read.
        found: u32,
    },
    /// The stream ends inside a frame.
    Truncated {
        /// Where the frame begins: everything before it was read.
        offset: u64,
    },
    /// The file or socket failed. Interrupted calls are tried again and do not appear here.
    Io(io::Error),
}

impl FrameError {
    /// Where in the stream it is; none for a failure of the file or socket.
    pub fn offset(&self) -> Option<u64> {
        match self {
            Self::TooLong { offset, .. }
            | Self::Checksum { offset }
            | Self::Payload { offset, .. }
            | Self::Version { offset, .. }
            | Self::Truncated { offset } => Some(*offset),
            Self::Io(_) => None,
        }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { offset, len } => {
                write!(f, "byte {offset}: a message of {len} bytes, {MAX_FRAME} are the most")
            }
            Self::Checksum { offset } => write!(f, "byte {offset}: the checksum does not match"),
            Self::Payload { offset, error } => {
                let at = offset + (HEAD + error.offset) as u64;
                write!(f, "byte {at}: expected {}", error.expected)
            }
            Self::Version { found, .. } => write!(f, "{}", OtherVersion(*found)),
            Self::Truncated { offset } => write!(f, "byte {offset}: the stream ends in a message"),
            Self::Io(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for FrameError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Payload { error, .. } => Some(error),
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The sentence about a version that is not ours.
pub(crate) struct OtherVersion(pub(crate) u32);

impl fmt::Display for OtherVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(found) = self;
        if *found > VERSION {
            write!(f, "version {found} is newer than this gopark reads ({VERSION}): ")?;
            f.write_str("use the gopark that wrote it, or a newer one")
        } else {
            write!(f, "version {found} is older than this gopark reads ({VERSION}): ")?;
            f.write_str("use the gopark that wrote it, or make it again with this one")
        }
    }
}

/// Turns messages into frames and frames into messages, and counts the bytes of each direction.
#[derive(Debug, Default)]
pub struct MessageCodec {
    /// Bytes of the frames decoded.
    read: u64,
    /// Bytes of the frames encoded.
    written: u64,
    /// The payload being encoded.
    payload: Vec<u8>,
}

impl MessageCodec {
    /// A codec at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// A codec for a stream with `offset` bytes before its first frame: a file's header.
    pub fn at(offset: u64) -> Self {
        Self { read: offset, written: offset, ..Self::default() }
    }

    /// Where in the stream the next frame to be decoded begins.
    pub fn offset(&self) -> u64 {
        self.read
    }

    /// Where in the stream the next frame to be encoded begins.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Appends a frame whose payload is `parts`, one after another.
    pub(crate) fn put_frame(
        &mut self,
        parts: &[&[u8]],
        dst: &mut BytesMut,
    ) -> Result<(), FrameError> {
        let len: usize = parts.iter().map(|p| p.len()).sum();
        if len > MAX_FRAME {
            return Err(FrameError::TooLong { offset: self.written, len: len as u64 });
        }
        let mut crc = crc32fast::Hasher::new();
        parts.iter().for_each(|p| crc.update(p));
        dst.reserve(HEAD + len);
        dst.put_u32_le(len as u32);
        dst.put_u32_le(crc.finalize());
        parts.iter().for_each(|p| dst.put_slice(p));
        self.written += (HEAD + len) as u64;
        Ok(())
    }
}

impl Encoder<&Message> for MessageCodec {
    type Error = FrameError;

    fn encode(&mut self, message: &Message, dst: &mut BytesMut) -> Result<(), FrameError> {
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        message.put(&mut payload);
        let done = self.put_frame(&[&payload], dst);
        payload.clear();
        payload.shrink_to(KEEP);
        self.payload = payload;
        done
    }
}

impl Encoder<Message> for MessageCodec {
    type Error = FrameError;

    fn encode(&mut self, message: Message, dst: &mut BytesMut) -> Result<(), FrameError> {
        Encoder::<&Message>::encode(self, &message, dst)
    }
}

impl Decoder for MessageCodec {
    type Item = Message;
    type Error = FrameError;

    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<Message>, FrameError> {
        let offset = self.read;
        let Some((mut head, rest)) = src.split_at_checked(HEAD) else {
            return Ok(None);
        };
        let (len, crc) = (head.get_u32_le() as usize, head.get_u32_le());
        if len > MAX_FRAME {
            return Err(FrameError::TooLong { offset, len: len as u64 });
        }
        let Some(payload) = rest.get(..len) else {
            return Ok(None);
        };
        if crc32fast::hash(payload) != crc {
            return Err(FrameError::Checksum { offset });
        }
        let message = read_payload(payload, offset)?;
        src.advance(HEAD + len);
        self.read += (HEAD + len) as u64;
        Ok(Some(message))
    }

    fn decode_eof(&mut self, src: &mut BytesMut) -> Result<Option<Message>, FrameError> {
        match self.decode(src)? {
            None if !src.is_empty() => Err(FrameError::Truncated { offset: self.read }),
            message => Ok(message),
        }
    }
}

/// The message of a payload that has passed its checksum.
fn read_payload(payload: &[u8], offset: u64) -> Result<Message, FrameError> {
    if let Some(found) = other_version(payload) {
        return Err(FrameError::Version { offset, found });
    }
    let mut r = Reader::new(payload);
    let message = Message::get(&mut r).and_then(|m| match r.left() {
        0 => Ok(m),
        _ => Err(r.wanted("the end of the message")),
    });
    message.map_err(|error| FrameError::Payload { offset, error })
}

/// The version a greeting names, if it is not ours. It is looked at before the rest is read:
/// another version may have another greeting, but its code and its version come first for ever.
fn other_version(payload: &[u8]) -> Option<u32> {
    let hello = Message::Hello { version: VERSION, producer: String::new() };
    let mut r = Reader::new(payload);
    let found = (r.byte().ok()? == hello.code()).then(|| u32::get(&mut r).ok())??;
    (found != VERSION).then_some(found)
}
