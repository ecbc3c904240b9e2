//! The workloads `tracing-…`: the same work with events recorded and without, in turn.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gopark::sink::{Nowhere, Sink};
use gopark::trace::event::Event;
use gopark::trace::file::Recording;
use gopark::trace::record::Record;

use crate::measure::{Figures, median};
use crate::stackful::gopark::{Chan, Gopark};
use crate::stackful::{ping_pong, spawn, yields};
use crate::worker::Job;

/// How often each half runs.
const ROUNDS: usize = 3;

/// Runs the job if it is one of these: `gopark` records into a file that goes nowhere, and
/// `gopark:nowhere` hands the records to nobody.
pub(crate) fn tracing(job: &Job) -> Option<Figures> {
    let work: fn(bool) -> f64 = match job.workload.strip_prefix("tracing-")? {
        "spawn" => spawn::<Gopark>,
        "yield-1000" => |quick| yields::<Gopark>(1000, quick),
        "ping-pong" => ping_pong::<Gopark, Chan>,
        _ => return None,
    };
    let (quick, packed) = (job.quick, job.peer().1 != "nowhere");
    let (mut off, mut on) = (Vec::new(), Vec::new());
    let tally = Arc::new(Tally::default());
    for _ in 0..ROUNDS {
        off.push(Gopark::live(job.procs).run(move || work(quick)));
        let sink: Box<dyn Sink> =
            if packed { Box::new(File::new(Arc::clone(&tally))) } else { Box::new(Nowhere) };
        on.push(Gopark::live(job.procs).record_into(sink).run(move || work(quick)));
    }
    let (off, on) = (median(&mut off), median(&mut on));
    let mut figures = vec![("off ns", off), ("on ns", on), ("on/off", on / off)];
    if packed {
        let [events, lost, bytes] = [&tally.events, &tally.lost, &tally.bytes]
            .map(|count| count.load(Ordering::Relaxed) as f64);
        figures.push(("bytes/event", bytes / events));
        figures.push(("lost %", 100.0 * lost / (events + lost)));
    }
    Some(figures)
}

/// What was recorded.
#[derive(Debug, Default)]
struct Tally {
    events: AtomicU64,
    /// Events that found no room.
    lost: AtomicU64,
    bytes: AtomicU64,
}

/// A recording that is counted and not kept.
struct File {
    recording: Option<Recording<Count>>,
    batch: Vec<Record>,
    tally: Arc<Tally>,
}

/// Records that are packed at once.
const BATCH: usize = 256;

impl File {
    fn new(tally: Arc<Tally>) -> Self {
        let recording = Recording::create(Count(Arc::clone(&tally)), "bench-peers");
        let recording = Some(recording.expect("nothing fails here"));
        Self { recording, batch: Vec::with_capacity(BATCH), tally }
    }

    fn pack(&mut self) {
        let recording = self.recording.as_mut().expect("it is finished last");
        recording.append(&self.batch).expect("nothing fails here");
        self.batch.clear();
    }
}

impl Sink for File {
    fn take(&mut self, record: Record) {
        if let Event::Gap { lost, .. } = record.event {
            self.tally.lost.fetch_add(lost, Ordering::Relaxed);
        }
        self.tally.events.fetch_add(1, Ordering::Relaxed);
        self.batch.push(record);
        if self.batch.len() == BATCH {
            self.pack();
        }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.pack();
        drop(self.recording.take().map(Recording::finish));
    }
}

/// Counts what is written.
struct Count(Arc<Tally>);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
