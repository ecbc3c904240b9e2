//! The way to a viewer: a Unix socket, events one way, commands the other.
//!
//! A program that finds [`STAGE_VAR`] in its environment connects to that socket. The viewer may
//! vanish at any time: then the run goes on unwatched, to its end.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use gopark_trace::frame::{FramedReader, FramedWriter};
use gopark_trace::ids::Nanos;
use gopark_trace::protocol::{Message, STAGE_VAR, VERSION};
use gopark_trace::record::Record;
use parking_lot::Mutex;

use crate::conductor::{Conductor, Herald};
use crate::sink::Sink;

/// Records that are sent together.
const BATCH: usize = 256;

type Writer = FramedWriter<io::BufWriter<UnixStream>>;

/// The sending side, shared by the recorder and the conductor.
#[derive(Clone)]
struct Wire(Arc<Mutex<Option<Writer>>>);

impl Wire {
    /// Sends; a viewer that is gone is not missed.
    fn send(&self, message: &Message, flush: bool) {
        let mut writer = self.0.lock();
        let sent = match writer.as_mut() {
            Some(w) if flush => w.send(message).and_then(|()| w.flush()),
            Some(w) => w.send(message),
            None => Ok(()),
        };
        if sent.is_err() {
            *writer = None;
        }
    }
}

/// Records on their way to the viewer.
pub(crate) struct ToViewer {
    wire: Wire,
    batch: Vec<Record>,
}

impl ToViewer {
    fn send_batch(&mut self, flush: bool) {
        if !self.batch.is_empty() {
            let records = std::mem::take(&mut self.batch).into();
            self.wire.send(&Message::Records { records }, flush);
        }
    }
}

impl Sink for ToViewer {
    fn take(&mut self, record: Record) {
        self.batch.push(record);
        if self.batch.len() >= BATCH {
            self.send_batch(false);
        }
    }

    fn flush(&mut self) {
        self.send_batch(true);
    }
}

impl Herald for Wire {
    fn paused(&self, seq: u64, time: Nanos) {
        self.send(&Message::Paused { seq, time }, true);
    }
    fn running(&self) {
        self.send(&Message::Running {}, true);
    }
    fn goodbye(&self) {
        self.send(&Message::Goodbye {}, true);
    }
}

/// Connects to the viewer the environment names, if it names one.
///
/// # Errors
/// If it names one that cannot be reached.
pub(crate) fn connect() -> io::Result<Option<(ToViewer, Arc<Conductor>)>> {
    let Some(path) = std::env::var_os(STAGE_VAR) else { return Ok(None) };
    let stream = UnixStream::connect(&path)?;
    let reading = stream.try_clone()?;
    let wire = Wire(Arc::new(Mutex::new(Some(FramedWriter::new(io::BufWriter::new(stream))))));
    let producer = concat!("gopark ", env!("CARGO_PKG_VERSION")).to_owned();
    wire.send(&Message::Hello { version: VERSION, producer }, true);
    let conductor = Arc::new(Conductor::paused(Box::new(wire.clone())));
    let obeying = Arc::clone(&conductor);
    std::thread::Builder::new().name("gopark-conductor".to_owned()).spawn(move || {
        obey(reading, &obeying);
    })?;
    Ok(Some((ToViewer { wire, batch: Vec::with_capacity(BATCH) }, conductor)))
}

/// Does what the viewer asks until it is gone.
fn obey(stream: UnixStream, conductor: &Conductor) {
    let mut reader = FramedReader::new(stream);
    while let Ok(Some(message)) = reader.next() {
        if let Message::Ask { command } = message {
            conductor.obey(&command);
        }
    }
    conductor.alone();
}

impl std::fmt::Debug for ToViewer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ToViewer").finish_non_exhaustive()
    }
}

/// Writes what Go would print at the end of a failed run.
pub(crate) fn print_end(text: &str) {
    // A closed stderr is no reason to fail differently.
    let _ = io::stderr().write_all(text.as_bytes());
}
