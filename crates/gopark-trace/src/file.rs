//! Recordings: a header, then one frame after another.
//!
//! ```text
//! header   "gopark", 0, version of the file: 8 bytes
//! frames   Hello, Records…, Goodbye
//! ```
//!
//! Invariants: a file is only appended to, whole frames at a time, so any prefix of it can be read
//! to its last whole frame; a file that does not end in Goodbye is one whose writer did not get to
//! its end, and its reader says so ([`End::Truncated`]) after the last record; what is read before
//! an error is what was written.

mod error;

use std::io::{Read, Write};

pub use error::{Damage, FileError};

use crate::frame::{FrameError, FramedReader, FramedWriter, MAX_FRAME};
use crate::protocol::{Message, VERSION};
use crate::record::{Batch, Packer, Record};
use crate::wire::put_uint;

/// The version of the file around the frames. The frames' own is [`VERSION`].
pub const FILE_VERSION: u8 = 1;

/// Where in the header its version is.
const VERSION_AT: usize = 7;

/// The first bytes of a recording. The zero keeps tools from taking it for text.
pub const MAGIC: [u8; 8] = [b'g', b'o', b'p', b'a', b'r', b'k', 0, FILE_VERSION];

/// A frame of records is ended when its bytes exceed this: what a crash loses at the most.
const BATCH_BYTES: usize = 32 << 10;

/// Writes a recording. Only [`Recording::finish`] ends it well; one that is dropped keeps what was
/// written, and its last unfinished frame is lost.
#[derive(Debug)]
pub struct Recording<W> {
    out: FramedWriter<W>,
    batch: Packer,
    written: u64,
}

impl<W: Write> Recording<W> {
    /// Begins a recording; `producer` says who writes it.
    ///
    /// # Errors
    /// If the writer fails, or the name is absurdly long.
    pub fn create(mut io: W, producer: &str) -> Result<Self, FrameError> {
        io.write_all(&MAGIC)?;
        let mut out = FramedWriter::at(io, MAGIC.len() as u64);
        out.send(&Message::Hello { version: VERSION, producer: producer.to_owned() })?;
        out.flush()?;
        Ok(Self { out, batch: Packer::default(), written: 0 })
    }

    /// Adds records, and writes a frame whenever one is full.
    ///
    /// # Errors
    /// If the writer fails. A record that no frame can hold ([`FrameError::TooLong`]) and those
    /// after it in this call are left out; the recording stays whole.
    pub fn append(&mut self, records: &[Record]) -> Result<(), FrameError> {
        records.iter().try_for_each(|r| self.append_one(r))
    }

    /// Writes the unfinished frame now: for when nothing will come for a while.
    ///
    /// # Errors
    /// If the writer fails; the call can be made again.
    pub fn flush(&mut self) -> Result<(), FrameError> {
        if self.batch.count() > 0 {
            let mut head = vec![records_code()];
            put_uint(&mut head, self.batch.count());
            self.out.send_parts(&[&head, self.batch.body()])?;
            self.batch.clear();
        }
        self.out.flush()
    }

    /// How many records were added.
    pub fn records(&self) -> u64 {
        self.written
    }

    /// Ends the recording and gives the writer back.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn finish(mut self) -> Result<W, FrameError> {
        self.flush()?;
        self.out.send(&Message::Goodbye {})?;
        self.out.flush()?;
        Ok(self.out.into_inner())
    }

    fn append_one(&mut self, record: &Record) -> Result<(), FrameError> {
        let before = self.batch.body().len();
        self.batch.push(record);
        let len = self.batch.body().len() - before;
        // With its code and count a payload has at most 11 bytes more than its records.
        if len + BATCH_BYTES + 11 > MAX_FRAME {
            self.batch.pop_to(before);
            let flushed = self.flush();
            self.batch.clear();
            flushed?;
            let offset = self.out.offset();
            return Err(FrameError::TooLong { offset, len: len as u64 });
        }
        self.written += 1;
        if self.batch.body().len() >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }
}

fn records_code() -> u8 {
    Message::Records { records: Batch::default() }.code()
}

/// How a recording ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Its writer ended it.
    Whole {
        /// How many records it has.
        records: u64,
    },
    /// Its writer did not get to its end, or the file was cut. What is there can be replayed.
    Truncated {
        /// Where its last whole frame ends.
        offset: u64,
        /// How many records it has.
        records: u64,
    },
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole { records } => write!(f, "{records} events"),
            Self::Truncated { offset, records } => {
                write!(f, "the recording breaks off at byte {offset}; it has {records} events")
            }
        }
    }
}

/// Reads a recording: an iterator of its records. After the last one, or an error, it gives none,
/// and [`Reader::end`] says how the file ended.
#[derive(Debug)]
pub struct Reader<R> {
    frames: FramedReader<R>,
    producer: String,
    batch: std::vec::IntoIter<Record>,
    given: u64,
    state: State,
}

/// How far the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Ended(End),
    Failed,
}

impl<R: Read> Reader<R> {
    /// Reads the header and the greeting. A file that ends before them is no error: it has no
    /// records, and its end is [`End::Truncated`].
    ///
    /// # Errors
    /// If it is not a recording, or one of another version, or the reader fails.
    pub fn open(mut io: R) -> Result<Self, FileError> {
        let mut header = Vec::with_capacity(MAGIC.len());
        io.by_ref().take(MAGIC.len() as u64).read_to_end(&mut header)?;
        check_header(&header)?;
        let mut reader = Self {
            frames: FramedReader::at(io, header.len() as u64),
            producer: String::new(),
            batch: Vec::new().into_iter(),
            given: 0,
            state: State::Reading,
        };
        if header.len() < MAGIC.len() {
            reader.state = State::Ended(End::Truncated { offset: header.len() as u64, records: 0 });
        } else {
            reader.read_hello()?;
        }
        Ok(reader)
    }

    /// Who wrote it.
    pub fn producer(&self) -> &str {
        &self.producer
    }

    /// How many records were given so far.
    pub fn records(&self) -> u64 {
        self.given
    }

    /// How the file ended; none before the last record was given, and after an error.
    pub fn end(&self) -> Option<End> {
        match self.state {
            State::Ended(end) => Some(end),
            State::Reading | State::Failed => None,
        }
    }

    fn read_hello(&mut self) -> Result<(), FileError> {
        let offset = self.frames.offset();
        match self.next_message()? {
            Some(Message::Hello { producer, .. }) => self.producer = producer,
            Some(_) => return Err(self.damaged(offset, Damage::NoHello)),
            None => {}
        }
        Ok(())
    }

    /// The next message; at the end of the file none, and the state says how it ended.
    fn next_message(&mut self) -> Result<Option<Message>, FileError> {
        let error = match self.frames.next() {
            Ok(Some(message)) => return Ok(Some(message)),
            Ok(None) => FrameError::Truncated { offset: self.frames.offset() },
            Err(error) => error,
        };
        let (offset, damage) = match error {
            FrameError::Truncated { offset } => {
                self.state = State::Ended(End::Truncated { offset, records: self.given });
                return Ok(None);
            }
            FrameError::Io(error) => return Err(error.into()),
            FrameError::Version { found, .. } => return Err(FileError::Version { found }),
            FrameError::TooLong { offset, len } => (offset, Damage::TooLong { len }),
            FrameError::Checksum { offset } => (offset, Damage::Checksum),
            FrameError::Payload { offset, error } => (offset, Damage::Payload { error }),
        };
        Err(self.damaged(offset, damage))
    }

    /// The next batch with records in it; none at the end.
    fn next_batch(&mut self) -> Result<Option<Batch>, FileError> {
        while let Some(message) = self.next_message()? {
            match message {
                Message::Records { records } if !records.is_empty() => return Ok(Some(records)),
                Message::Goodbye {} => {
                    self.read_end()?;
                    break;
                }
                // What else a viewer and a program said may be recorded, but replays nothing.
                _ => {}
            }
        }
        Ok(None)
    }

    /// Nothing comes after the end.
    fn read_end(&mut self) -> Result<(), FileError> {
        let offset = self.frames.offset();
        match self.frames.next() {
            Ok(None) => {
                self.state = State::Ended(End::Whole { records: self.given });
                Ok(())
            }
            Err(FrameError::Io(error)) => Err(error.into()),
            Ok(Some(_)) | Err(_) => Err(self.damaged(offset, Damage::AfterEnd)),
        }
    }

    fn damaged(&self, offset: u64, what: Damage) -> FileError {
        FileError::Damaged { offset, records: self.given, what }
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Record, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(record) = self.batch.next() {
                self.given += 1;
                return Some(Ok(record));
            }
            if self.state != State::Reading {
                return None;
            }
            match self.next_batch() {
                Ok(Some(batch)) => self.batch = batch.into_iter(),
                Ok(None) => {}
                Err(error) => {
                    self.state = State::Failed;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl<R: Read> std::iter::FusedIterator for Reader<R> {}

/// A header that is cut short is fine as far as it goes.
fn check_header(header: &[u8]) -> Result<(), FileError> {
    let (name, version) = (&MAGIC[..VERSION_AT], MAGIC[VERSION_AT]);
    let differs = header.iter().zip(name).position(|(found, wanted)| found != wanted);
    if let Some(at) = differs {
        return Err(FileError::NotARecording { offset: at as u64, found: header[at] });
    }
    match header.get(VERSION_AT) {
        Some(&found) if found != version => Err(FileError::Version { found: u32::from(found) }),
        _ => Ok(()),
    }
}

/// Reads everything that can be read of a recording: its records, and how it ended or why it could
/// not be read further.
pub fn read_all<R: Read>(io: R) -> (Vec<Record>, Result<End, FileError>) {
    let mut records = Vec::new();
    let mut reader = match Reader::open(io) {
        Ok(reader) => reader,
        Err(error) => return (records, Err(error)),
    };
    for record in reader.by_ref() {
        match record {
            Ok(record) => records.push(record),
            Err(error) => return (records, Err(error)),
        }
    }
    let offset = reader.frames.offset();
    let end = reader.end().unwrap_or(End::Truncated { offset, records: reader.given });
    (records, Ok(end))
}
