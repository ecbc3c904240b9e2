//! Opens the stage on a terminal: theme, keys, signals, and the programs it asks for.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use gopark::trace::Drive;
use gopark_demos::{LESSONS, Lesson};
use gopark_tui::app::{Action, App, Effect, Launch, MenuItem, News, Run, Source, Tempo};
use gopark_tui::term::{self, ExitStatus, Input, Options, Signal, detect};
use gopark_tui::theme::{Palette, Theme};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use terminal_colorsaurus::{QueryOptions, ThemeMode, theme_mode};

use crate::args::{Demo, Look, ThemeArg};
use crate::session::{Newsroom, Session, Start};
use crate::{Failed, drive_of, files};

/// Records of a recording that are handed over together.
const BATCH: usize = 4096;

/// The text of a lesson, read.
pub(crate) fn parsed(lesson: &Lesson) -> Result<gopark_tui::Lesson, Failed> {
    gopark_tui::Lesson::parse(lesson.text).map_err(|errors| {
        let lines: Vec<String> =
            errors.iter().map(|e| format!("{}.md: {e}", lesson.name)).collect();
        Failed::new(lines.join("\n"))
    })
}

/// One line about a lesson.
pub(crate) fn summary(lesson: &Lesson) -> String {
    parsed(lesson).map(|lesson| lesson.summary).unwrap_or_default()
}

/// `gopark`: the menu.
pub(crate) fn menu(look: &Look) -> Result<ExitCode, Failed> {
    let menu = LESSONS
        .iter()
        .map(|lesson| MenuItem { name: lesson.name.to_owned(), summary: summary(lesson) })
        .collect();
    open(menu, look, |_| Ok(None))
}

/// `gopark demo NAME`.
pub(crate) fn demo(lesson: &'static Lesson, demo: &Demo, look: &Look) -> Result<ExitCode, Failed> {
    let (drive, procs) = drive_of(lesson, &demo.run);
    let seed = match drive {
        gopark_demos::Drive::Lab { seed } => Some(seed),
        gopark_demos::Drive::Live => None,
    };
    let name = lesson.name.to_owned();
    let start = Start { name, procs, seed, record: demo.record.clone() };
    let tempo = demo.speed;
    open(Vec::new(), look, move |director| {
        director.tempo = tempo;
        director.begin(start).map(Some)
    })
}

/// `gopark replay FILE`.
pub(crate) fn replay(path: &Path, look: &Look) -> Result<ExitCode, Failed> {
    // Opened here so that a file that is no recording is told before the screen changes.
    let mut reader = files::open(path)?;
    let title =
        path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    open(Vec::new(), look, move |director| {
        let id = director.next_id();
        let run = Run {
            id,
            name: String::new(),
            title,
            source: Source::Recording,
            seed: None,
            lesson: None,
            tempo: None,
        };
        let news = Newsroom { id, inputs: director.inputs.clone() };
        let reading = news.spawn("replay", move |news| {
            let mut batch = Vec::with_capacity(BATCH);
            let mut end = None;
            for record in &mut reader {
                match record {
                    Ok(record) => batch.push(record),
                    Err(error) => {
                        end = Some(error.to_string());
                        break;
                    }
                }
                if batch.len() == BATCH {
                    news.tell(News::Records(std::mem::take(&mut batch)));
                }
            }
            news.tell(News::Records(batch));
            let how = end.or_else(|| files::early_end(reader.end()));
            let well = how.is_none();
            news.tell(News::Ended { how: how.unwrap_or_default(), well });
        });
        reading.map_err(Failed::new)?;
        Ok(Some(run))
    })
}

/// A recording as a run of the stage.
pub(crate) fn recorded(id: u32, title: String, lesson: Option<gopark_tui::Lesson>) -> Run {
    let (name, source) = (String::new(), Source::Recording);
    Run { id, name, title, source, seed: None, lesson, tempo: None }
}

/// Starts what the stage asks for.
struct Director {
    inputs: Sender<Input>,
    session: Option<Session>,
    last: Option<Start>,
    next_id: u32,
    tempo: Option<Tempo>,
}

impl Director {
    fn next_id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id
    }

    /// Ends the present program and starts another.
    fn begin(&mut self, start: Start) -> Result<Run, Failed> {
        self.session = None;
        let lesson = crate::lesson(&start.name)?;
        let text = parsed(lesson)?;
        let id = self.next_id();
        let session = Session::start(&start, id, &self.inputs)
            .map_err(|e| Failed::new(format_args!("the program can't be started: {e}")))?;
        self.session = Some(session);
        let drive = if start.seed.is_some() { Drive::Lab } else { Drive::Live };
        let run = Run {
            id,
            name: start.name.clone(),
            title: text.title.clone(),
            source: Source::Program(drive),
            seed: start.seed,
            lesson: Some(text),
            tempo: self.tempo.take(),
        };
        self.last = Some(start);
        Ok(run)
    }

    /// Does what the stage wants.
    fn perform(&mut self, effect: Effect) {
        let begun = match effect {
            Effect::Send(command) => {
                if let Some(session) = &self.session {
                    session.send(command);
                }
                return;
            }
            Effect::Launch(launch) => self.launch(&launch),
            Effect::Restart => match self.last.clone() {
                Some(start) => self.begin(start),
                None => return,
            },
            _ => return,
        };
        let action = match begun {
            Ok(run) => Action::Launched(Box::new(run)),
            Err(Failed(why)) => Action::Notice(why),
        };
        // The stage is who called: it is there.
        let _ = self.inputs.send(Input::Action(action));
    }

    fn launch(&mut self, launch: &Launch) -> Result<Run, Failed> {
        let lesson = crate::lesson(&launch.name)?;
        let same = self.last.as_ref().filter(|last| last.name == launch.name);
        let procs = same.map_or(lesson.procs, |last| last.procs);
        let seed = (launch.drive == Drive::Lab).then(|| launch.seed.unwrap_or(lesson.seed));
        self.begin(Start { name: launch.name.clone(), procs, seed, record: None::<PathBuf> })
    }
}

/// Opens the stage and runs it until it is left.
fn open(
    menu: Vec<MenuItem>,
    look: &Look,
    first: impl FnOnce(&mut Director) -> Result<Option<Run>, Failed>,
) -> Result<ExitCode, Failed> {
    let env = |name: &str| std::env::var(name).ok();
    let terminal = io::stdout().is_terminal() && io::stdin().is_terminal();
    detect::usable(terminal, env).map_err(Failed::new)?;
    let theme = theme(look, true);
    term::restore_on_panic();
    let (inputs, receiver) = channel();
    let mut director =
        Director { inputs: inputs.clone(), session: None, last: None, next_id: 0, tempo: None };
    let mut app = App::new(theme, menu);
    if let Some(run) = first(&mut director)? {
        app.update(Action::Launched(Box::new(run)));
    }
    listen_to_signals(inputs.clone()).map_err(Failed::new)?;
    term::listen(inputs).map_err(Failed::new)?;
    let mut options = Options::new(move |effect| director.perform(effect), suspend);
    options.fps = detect::fps(look.fps, env);
    options.sync = detect::sync(None, env);
    match term::run(&mut app, &receiver, options).map_err(Failed::new)? {
        ExitStatus::Quit => Ok(ExitCode::SUCCESS),
        ExitStatus::Signal(signal) => Ok(ExitCode::from(128 + number(signal) as u8)),
        ExitStatus::Closed => Err(Failed::new("the terminal is gone")),
    }
}

/// The signals the stage answers come in like keys.
fn listen_to_signals(inputs: Sender<Input>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP, SIGTSTP, SIGCONT])?;
    let listen = move || {
        for signal in &mut signals {
            let signal = match signal {
                SIGTERM => Signal::Term,
                SIGINT => Signal::Int,
                SIGHUP => Signal::Hup,
                SIGTSTP => Signal::Tstp,
                _ => Signal::Cont,
            };
            if inputs.send(Input::Signal(signal)).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("gopark-signals".to_owned()).spawn(listen)?;
    Ok(())
}

/// Stops this process as ctrl-z does, until the shell says go on.
fn suspend() {
    // It fails only for signals that cannot be stopped by, and this one can.
    let _ = signal_hook::low_level::raise(signal_hook::consts::SIGSTOP);
}

fn number(signal: Signal) -> i32 {
    match signal {
        Signal::Term => SIGTERM,
        Signal::Int => SIGINT,
        Signal::Hup => SIGHUP,
        Signal::Tstp => SIGTSTP,
        Signal::Cont => SIGCONT,
    }
}

/// The theme that is asked for; `ask` the terminal for its background, if it is to decide.
pub(crate) fn theme(look: &Look, ask: bool) -> Theme {
    let env = |name: &str| std::env::var(name).ok();
    let palette = match look.theme {
        ThemeArg::Dark => Palette::Dark,
        ThemeArg::Light => Palette::Light,
        ThemeArg::Hc => Palette::HighContrast,
        ThemeArg::Mono => Palette::Mono,
        ThemeArg::Auto if !ask => Palette::Dark,
        ThemeArg::Auto => match theme_mode(QueryOptions::default()) {
            Ok(ThemeMode::Light) => Palette::Light,
            // A terminal that does not answer is dark, as most are.
            Ok(ThemeMode::Dark) | Err(_) => Palette::Dark,
        },
    };
    Theme {
        palette,
        depth: detect::depth(look.color, env),
        charset: detect::charset(look.charset.set(), env),
        motion: detect::motion(look.motion.motion(), env),
    }
}
