//! Recordings on disk.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use gopark::sink::Sink;
use gopark::trace::Record;
use gopark::trace::file::{End, Reader, Recording};
use gopark_model::{History, Validator};

use crate::{FOUND, Failed, print};

/// Events that are written together.
const BATCH: usize = 256;

/// A recording that is being written.
pub(crate) struct ToFile {
    path: PathBuf,
    recording: Option<Recording<BufWriter<File>>>,
    batch: Vec<Record>,
}

impl ToFile {
    /// Makes the file.
    pub(crate) fn create(path: &Path) -> Result<Self, Failed> {
        let why = |e: &dyn std::fmt::Display| Failed::new(format_args!("{}: {e}", path.display()));
        let file = File::create(path).map_err(|e| why(&e))?;
        let producer = concat!("gopark ", env!("CARGO_PKG_VERSION"));
        let recording = Recording::create(BufWriter::new(file), producer).map_err(|e| why(&e))?;
        Ok(Self { path: path.to_owned(), recording: Some(recording), batch: Vec::new() })
    }

    fn write(&mut self, flush: bool) {
        let Some(recording) = &mut self.recording else { return };
        let mut written = recording.append(&self.batch);
        self.batch.clear();
        if flush {
            written = written.and_then(|()| recording.flush());
        }
        if let Err(error) = written {
            // The run goes on; what was written stays readable.
            eprintln!("gopark: {}: {error}; the recording ends here", self.path.display());
            self.recording = None;
        }
    }
}

impl Sink for ToFile {
    fn take(&mut self, record: Record) {
        self.batch.push(record);
        if self.batch.len() >= BATCH {
            self.write(false);
        }
    }

    fn flush(&mut self) {
        self.write(true);
    }
}

impl Drop for ToFile {
    fn drop(&mut self) {
        self.write(false);
        if let Some(recording) = self.recording.take()
            && let Err(error) = recording.finish()
        {
            eprintln!("gopark: {}: {error}", self.path.display());
        }
    }
}

/// A recording to read.
pub(crate) type FromFile = Reader<BufReader<File>>;

/// Opens a recording.
pub(crate) fn open(path: &Path) -> Result<FromFile, Failed> {
    let named = |e: &dyn std::fmt::Display| Failed::new(format_args!("{}: {e}", path.display()));
    let file = File::open(path).map_err(|e| named(&e))?;
    Reader::open(BufReader::new(file)).map_err(|e| named(&e))
}

/// What a recording is called on the stage.
pub(crate) fn title(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// What to say about a recording that ends early.
pub(crate) fn early_end(end: Option<End>) -> Option<String> {
    match end {
        Some(End::Truncated { offset, records }) => Some(format!(
            "the recording breaks off at byte {offset}; its {records} events can be seen"
        )),
        Some(End::Whole { .. }) | None => None,
    }
}

/// `gopark check`: the rules of the scheduler on a recording.
pub(crate) fn check(path: &Path) -> Result<ExitCode, Failed> {
    let mut reader = open(path)?;
    let mut validator = Validator::new();
    let mut history = History::new();
    let mut out = String::new();
    let mut broken = None;
    for record in &mut reader {
        match record {
            Ok(record) => {
                validator.feed(&record);
                history.push(record);
            }
            Err(error) => {
                broken = Some(error.to_string());
                break;
            }
        }
    }
    let violations = validator.finish();
    for violation in &violations {
        out += &format!("{violation}\n");
    }
    let others =
        history.findings().iter().filter(|f| f.kind != gopark_model::FindingKind::Impossible);
    let mut findings = violations.len();
    for finding in others {
        findings += 1;
        out += &format!("{finding}\n");
    }
    broken = broken.or_else(|| early_end(reader.end()));
    out += &format!("{} events, {findings} findings\n", history.len());
    print(&out)?;
    if let Some(error) = broken {
        return Err(Failed::new(format_args!("{}: {error}", path.display())));
    }
    Ok(if findings == 0 { ExitCode::SUCCESS } else { ExitCode::from(FOUND) })
}
