//! Frames over blocking readers and writers: a std socket, a pipe, a file.

use std::io::{self, Read, Write};

use bytes::{Buf, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use crate::frame::{FrameError, MessageCodec};
use crate::protocol::Message;

/// How much is asked of a reader at once, and kept back by a writer at most.
const CHUNK: usize = 32 << 10;

/// Reads messages from a blocking reader.
#[derive(Debug)]
pub struct FramedReader<R> {
    io: R,
    codec: MessageCodec,
    /// Read but not decoded.
    buffer: BytesMut,
    /// Where a read puts its bytes first.
    chunk: Box<[u8]>,
}

impl<R: Read> FramedReader<R> {
    /// A reader at the start of a stream.
    pub fn new(io: R) -> Self {
        Self::at(io, 0)
    }

    /// A reader of a stream of which `offset` bytes were read already.
    pub fn at(io: R, offset: u64) -> Self {
        Self {
            io,
            codec: MessageCodec::at(offset),
            buffer: BytesMut::new(),
            chunk: vec![0; CHUNK].into_boxed_slice(),
        }
    }

    /// The next message; none at an end between two messages.
    ///
    /// # Errors
    /// Whatever [`FrameError`] names. After an `Io` error, such as a read that timed out, nothing
    /// is lost and the call can be made again; the others stay.
    #[expect(
        clippy::should_implement_trait,
        reason = "an iterator's end is final, here more may come after a timeout"
    )]
    pub fn next(&mut self) -> Result<Option<Message>, FrameError> {
        loop {
            if let Some(message) = self.codec.decode(&mut self.buffer)? {
                return Ok(Some(message));
            }
            match self.io.read(&mut self.chunk) {
                Ok(0) => return self.codec.decode_eof(&mut self.buffer),
                Ok(n) => self.buffer.extend_from_slice(&self.chunk[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// Where in the stream the next message begins.
    pub fn offset(&self) -> u64 {
        self.codec.offset()
    }

    /// The reader underneath.
    pub fn get_ref(&self) -> &R {
        &self.io
    }
}

/// Writes messages to a blocking writer.
#[derive(Debug)]
pub struct FramedWriter<W> {
    io: W,
    codec: MessageCodec,
    /// Encoded but not written.
    buffer: BytesMut,
}

impl<W: Write> FramedWriter<W> {
    /// A writer at the start of a stream.
    pub fn new(io: W) -> Self {
        Self::at(io, 0)
    }

    /// A writer to a stream that has `offset` bytes already.
    pub fn at(io: W, offset: u64) -> Self {
        Self { io, codec: MessageCodec::at(offset), buffer: BytesMut::new() }
    }

    /// Encodes a message, and writes when enough have come together. [`flush`](Self::flush) makes
    /// sure that it is on its way.
    ///
    /// # Errors
    /// [`FrameError::TooLong`], and then nothing of it is sent, or [`FrameError::Io`]; after that
    /// one the message is kept and the next call tries again.
    pub fn send(&mut self, message: &Message) -> Result<(), FrameError> {
        self.codec.encode(message, &mut self.buffer)?;
        self.write_from(CHUNK)
    }

    /// Encodes a message whose payload is `parts`.
    pub(crate) fn send_parts(&mut self, parts: &[&[u8]]) -> Result<(), FrameError> {
        self.codec.put_frame(parts, &mut self.buffer)
    }

    /// Writes everything that was sent, and flushes the writer underneath.
    ///
    /// # Errors
    /// [`FrameError::Io`]: nothing is lost, and the call can be made again.
    pub fn flush(&mut self) -> Result<(), FrameError> {
        self.write_from(1)?;
        loop {
            match self.io.flush() {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                done => return Ok(done?),
            }
        }
    }

    /// Where in the stream the next message begins.
    pub fn offset(&self) -> u64 {
        self.codec.written()
    }

    /// The writer underneath.
    pub fn get_ref(&self) -> &W {
        &self.io
    }

    /// The writer underneath. What was not flushed is lost.
    pub fn into_inner(self) -> W {
        self.io
    }

    /// Writes the buffer if it has at least `least` bytes. What a failed write has taken is gone
    /// from the buffer, so a second try goes on in the middle of the frame.
    fn write_from(&mut self, least: usize) -> Result<(), FrameError> {
        if self.buffer.len() < least {
            return Ok(());
        }
        while !self.buffer.is_empty() {
            match self.io.write(&self.buffer) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(n) => self.buffer.advance(n),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }
}
