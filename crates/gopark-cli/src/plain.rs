//! A run as lines of text: for pipes, logs and screen readers.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use gopark::sink::{Both, Sink};
use gopark::trace::Record;
use gopark_demos::Lesson;
use gopark_model::World;
use gopark_tui::plain::Narrator;

use crate::args::Demo;
use crate::{BAD, Failed, drive_of, files, stage};

/// Tells each event as it comes.
struct Teller {
    narrator: Narrator,
    world: World,
}

impl Teller {
    fn new(lesson: Option<gopark_tui::Lesson>) -> Self {
        let narrator = Narrator::new(lesson);
        say(&narrator.opening());
        Self { narrator, world: World::new() }
    }
}

impl Sink for Teller {
    fn take(&mut self, record: Record) {
        self.world.apply(&record);
        say(&self.narrator.tell(&record, &self.world));
    }
}

/// Writes at once, so that what the program itself prints stands between the right lines.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Nobody reads any more. The run has no other purpose, so it ends here.
        let _ = writeln!(io::stderr(), "gopark: standard output can't be written: {error}");
        std::process::exit(BAD.into());
    }
}

/// `gopark demo NAME --plain`.
pub(crate) fn demo(lesson: &'static Lesson, demo: &Demo) -> Result<ExitCode, Failed> {
    let (drive, procs) = drive_of(lesson, &demo.run);
    let file = demo.record.as_deref().map(files::ToFile::create).transpose()?;
    let teller = Teller::new(Some(stage::parsed(lesson)?));
    let sink: Box<dyn Sink> = match file {
        Some(file) => Box::new(Both(Box::new(file), Box::new(teller))),
        None => Box::new(teller),
    };
    match gopark_demos::run(lesson, drive, procs, Some(sink)) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(failure) => failure.exit(),
    }
}

/// `gopark replay FILE --plain`.
pub(crate) fn replay(path: &Path) -> Result<ExitCode, Failed> {
    let mut reader = files::open(path)?;
    let mut teller = Teller::new(None);
    for record in &mut reader {
        let record = record.map_err(|e| Failed::new(format_args!("{}: {e}", path.display())))?;
        teller.take(record);
    }
    if let Some(text) = files::early_end(reader.end()) {
        return Err(Failed::new(format_args!("{}: {text}", path.display())));
    }
    Ok(ExitCode::SUCCESS)
}
