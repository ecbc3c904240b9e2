//! The programs the stage shows, each in a process of its own.
//!
//! A program is this very binary, started again. It finds the stage's socket in its environment,
//! connects, and from then on sends events and takes commands. So nothing that happens to it, a
//! panic, a deadlock, a stack overflow, can take the stage along. What it prints comes through
//! pipes. When it has ended and everything it sent was read, the stage is told how.

use std::fs;
use std::io::{self, BufRead, BufReader, BufWriter, Read};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use gopark::trace::frame::{FramedReader, FramedWriter};
use gopark::trace::protocol::{Command, Message, STAGE_VAR};
use gopark_tui::app::{Action, News};
use gopark_tui::term::Input;
use parking_lot::Mutex;

/// How often a program that has not connected yet is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// How to start a program.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    /// The lesson.
    pub(crate) name: String,
    /// Ps.
    pub(crate) procs: usize,
    /// The seed in the lab; none is live.
    pub(crate) seed: Option<u64>,
    /// Where to record.
    pub(crate) record: Option<PathBuf>,
}

/// The way to the program: commands wait here until it has connected.
#[derive(Debug, Default)]
struct Wire {
    writer: Option<FramedWriter<BufWriter<UnixStream>>>,
    waiting: Vec<Command>,
}

impl Wire {
    fn send(&mut self, command: Command) {
        match &mut self.writer {
            // A program that is gone is told of by those who read from it.
            Some(writer) => {
                let sent = writer.send(&Message::Ask { command });
                let _ = sent.and_then(|()| writer.flush());
            }
            None => self.waiting.push(command),
        }
    }
}

/// A program that was started.
#[derive(Debug)]
pub(crate) struct Session {
    wire: Arc<Mutex<Wire>>,
    child: Arc<Mutex<Child>>,
    /// Gone with the session, not with the thread that reads: nobody waits for that one at the end.
    _home: Home,
}

impl Session {
    /// Starts a program; news of it go to `inputs` as those of run `id`.
    pub(crate) fn start(start: &Start, id: u32, inputs: &Sender<Input>) -> io::Result<Self> {
        let home = Home::new()?;
        let listener = UnixListener::bind(home.socket())?;
        let mut child = process(start, &home.socket())?.spawn()?;
        let news = Newsroom { id, inputs: inputs.clone() };
        let printed: Vec<_> = [
            child.stdout.take().map(|out| Box::new(out) as Box<dyn Read + Send>),
            child.stderr.take().map(|out| Box::new(out) as Box<dyn Read + Send>),
        ]
        .into_iter()
        .flatten()
        .map(|out| news.clone().spawn("output", move |news| read_lines(out, news)))
        .collect::<io::Result<_>>()?;
        let wire = Arc::new(Mutex::new(Wire::default()));
        let child = Arc::new(Mutex::new(child));
        let gone = Arc::new(AtomicBool::new(false));
        let events = {
            let (wire, gone) = (Arc::clone(&wire), Arc::clone(&gone));
            news.clone().spawn("events", move |news| read_events(&listener, &wire, &gone, news))?
        };
        let ending = Arc::clone(&child);
        news.spawn("end", move |news| {
            // Its pipes close when it ends.
            printed.into_iter().for_each(|reader| drop(reader.join()));
            let status = ending.lock().wait();
            gone.store(true, Ordering::Release);
            let _ = events.join();
            news.tell(match status {
                Ok(status) => News::Ended { how: how_ended(status), well: status.success() },
                Err(error) => News::Failed(error.to_string()),
            });
        })?;
        Ok(Self { wire, child, _home: home })
    }

    /// Sends a command, at once or when the program has connected.
    pub(crate) fn send(&self, command: Command) {
        self.wire.lock().send(command);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // If somebody waits for it already it has ended, but for its last breath.
        if let Some(mut child) = self.child.try_lock() {
            let _ = child.kill();
        }
    }
}

fn process(start: &Start, socket: &Path) -> io::Result<Process> {
    let mut process = Process::new(std::env::current_exe()?);
    process.arg("program").arg(&start.name).arg("--procs").arg(start.procs.to_string());
    match start.seed {
        Some(seed) => process.arg("--drive=lab").arg("--seed").arg(seed.to_string()),
        None => process.arg("--drive=live"),
    };
    if let Some(file) = &start.record {
        process.arg("--record").arg(file);
    }
    process.env(STAGE_VAR, socket);
    process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Ok(process)
}

/// Sends news of one run.
#[derive(Debug, Clone)]
pub(crate) struct Newsroom {
    pub(crate) id: u32,
    pub(crate) inputs: Sender<Input>,
}

impl Newsroom {
    /// Tells the stage; one that is gone does not mind.
    pub(crate) fn tell(&self, news: News) {
        let _ = self.inputs.send(Input::Action(Action::News { run: self.id, news }));
    }

    /// Does something in a thread.
    pub(crate) fn spawn(
        self,
        name: &str,
        work: impl FnOnce(&Self) + Send + 'static,
    ) -> io::Result<thread::JoinHandle<()>> {
        thread::Builder::new().name(format!("gopark-{name}")).spawn(move || work(&self))
    }
}

fn read_lines(out: Box<dyn Read + Send>, news: &Newsroom) {
    let mut out = BufReader::new(out);
    let mut line = Vec::new();
    while let Ok(1..) = out.read_until(b'\n', &mut line) {
        let text = String::from_utf8_lossy(&line);
        news.tell(News::Output(text.trim_end_matches(['\n', '\r']).to_owned()));
        line.clear();
    }
}

fn read_events(listener: &UnixListener, wire: &Mutex<Wire>, gone: &AtomicBool, news: &Newsroom) {
    let Some(stream) = accept(listener, gone) else { return };
    if let Err(error) = serve(stream, wire, news) {
        news.tell(News::Failed(format!("the program can't be understood: {error}")));
    }
}

/// The program's connection; none if it ended without one.
#[expect(
    clippy::disallowed_methods,
    reason = "a socket can't be waited for together with a process"
)]
fn accept(listener: &UnixListener, gone: &AtomicBool) -> Option<UnixStream> {
    listener.set_nonblocking(true).ok()?;
    loop {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false).ok()?;
                return Some(stream);
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock && !gone.load(Ordering::Acquire) => {
                thread::sleep(LOOK);
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

fn serve(
    stream: UnixStream,
    wire: &Mutex<Wire>,
    news: &Newsroom,
) -> Result<(), gopark::trace::frame::FrameError> {
    let writing = stream.try_clone().map_err(gopark::trace::frame::FrameError::Io)?;
    {
        let mut wire = wire.lock();
        wire.writer = Some(FramedWriter::new(BufWriter::new(writing)));
        for command in std::mem::take(&mut wire.waiting) {
            wire.send(command);
        }
    }
    let mut reader = FramedReader::new(stream);
    while let Some(message) = reader.next()? {
        match message {
            Message::Hello { .. } => news.tell(News::Connected),
            Message::Records { records } => news.tell(News::Records(records.0)),
            Message::Paused { seq, time } => news.tell(News::Paused { seq, time }),
            Message::Running {} => news.tell(News::Running),
            Message::Goodbye {} => break,
            Message::Ask { .. } => {}
        }
    }
    Ok(())
}

fn how_ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => String::new(),
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("killed by {}", signal_name(signal)),
        (None, None) => "it ended for an unknown reason".to_owned(),
    }
}

fn signal_name(signal: i32) -> String {
    signal_hook::low_level::signal_name(signal)
        .map_or_else(|| format!("signal {signal}"), str::to_owned)
}

/// A folder for one socket that nobody else can look into, gone when it is dropped.
#[derive(Debug)]
struct Home(PathBuf);

impl Home {
    fn new() -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("gopark-{}-{n}", std::process::id()));
        fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    fn socket(&self) -> PathBuf {
        self.0.join("stage")
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What is left of it is for the system's cleaner.
        let _ = fs::remove_file(self.socket());
        let _ = fs::remove_dir(&self.0);
    }
}
