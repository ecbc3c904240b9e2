//! The stage on a real terminal: takes inputs, tells the time, writes frames, gives the terminal
//! back.
//!
//! One thread, one loop: it sleeps until an input comes or something must move, for ever if
//! nothing moves. Keys, signals and the program's messages come from other threads through one
//! channel. In reading order: [`detect`] finds out what the terminal can show; `console` is the
//! terminal itself, with the guard that gives it back; `pacer` says how often a frame may be sent;
//! `stage` is the loop's body, which knows no clock and no terminal and is tested without them.
//!
//! Invariants: one write for each frame; no byte is written for a frame that shows what is shown
//! already, so a stage at rest is silent; the terminal is given back on every way out, a panic
//! included, before anything else is printed.

pub mod detect;

mod console;

mod error;

mod pacer;

mod stage;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Instant;
use std::{fmt, thread};

use ratatui::crossterm::event::{self, Event, KeyEvent, MouseEvent};

use crate::app::{Action, App, Effect};

pub use console::{Console, Screen, restore, restore_on_panic};
pub use error::TermError;
pub use pacer::Pacer;
pub use stage::Stage;

/// Inputs that are taken even if a frame is due, lest keys wait behind slow frames.
const AT_ONCE: usize = 64;

/// Something from outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A key was pressed, repeated or released.
    Key(KeyEvent),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// The terminal has another size, or wants to be drawn anew.
    Resize(u16, u16),
    /// A signal.
    Signal(Signal),
    /// News of the program, or whatever else is to happen.
    Action(Action),
    /// No key will come any more: the terminal is gone.
    Closed,
}

/// A signal the stage answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Signal {
    /// SIGTERM.
    Term,
    /// SIGINT.
    Int,
    /// SIGHUP.
    Hup,
    /// SIGTSTP: stop until told to go on.
    Tstp,
    /// SIGCONT: go on.
    Cont,
}

/// Why the stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// The viewer quit.
    Quit,
    /// A signal asked for it; the caller may let it have its usual effect now.
    Signal(Signal),
    /// Nothing can come any more.
    Closed,
}

/// How the stage runs.
pub struct Options {
    /// The most frames a second.
    pub fps: u32,
    /// Whether frames are wrapped in mode 2026.
    pub sync: bool,
    /// Whether clicks and the wheel are asked for.
    pub mouse: bool,
    /// Does what the app wants of others: [`Effect::Send`], [`Effect::Launch`], [`Effect::Restart`].
    pub perform: Box<dyn FnMut(Effect)>,
    /// Stops the process until it is told to go on. Called with the terminal given back.
    pub suspend: Box<dyn FnMut()>,
}

impl Options {
    /// The usual options.
    pub fn new(perform: impl FnMut(Effect) + 'static, suspend: impl FnMut() + 'static) -> Self {
        Self {
            fps: detect::FPS,
            sync: true,
            mouse: false,
            perform: Box::new(perform),
            suspend: Box::new(suspend),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Options");
        shown.field("fps", &self.fps).field("sync", &self.sync).field("mouse", &self.mouse);
        shown.finish_non_exhaustive()
    }
}

/// Runs the stage on the terminal until it is left.
///
/// # Errors
/// If the terminal cannot be taken over, or fails while it is used.
pub fn run(
    app: &mut App,
    inputs: &Receiver<Input>,
    options: Options,
) -> Result<ExitStatus, TermError> {
    run_on(app, Console::open()?, inputs, options)
}

/// Runs the stage on a screen until it is left.
///
/// # Errors
/// If the screen fails.
pub fn run_on<S: Screen>(
    app: &mut App,
    screen: S,
    inputs: &Receiver<Input>,
    options: Options,
) -> Result<ExitStatus, TermError> {
    let mut stage = Stage::enter(app, screen, options, Instant::now())?;
    loop {
        stage.turn(Instant::now())?;
        if let Some(status) = stage.exit() {
            return Ok(status);
        }
        let Some(input) = next(inputs, stage.deadline()) else { continue };
        stage.feed(input, Instant::now())?;
        let mut taken = 1;
        while taken < AT_ONCE || stage.deadline().is_none_or(|due| due > Instant::now()) {
            let Ok(input) = inputs.try_recv() else { break };
            stage.feed(input, Instant::now())?;
            taken += 1;
        }
    }
}

/// The next input; none if there is none until the deadline.
fn next(inputs: &Receiver<Input>, deadline: Option<Instant>) -> Option<Input> {
    match deadline {
        None => Some(inputs.recv().unwrap_or(Input::Closed)),
        Some(deadline) => {
            let left = deadline.saturating_duration_since(Instant::now());
            match inputs.recv_timeout(left) {
                Ok(input) => Some(input),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(Input::Closed),
            }
        }
    }
}

/// Begins to send keys and sizes of the terminal, from a thread of its own that lasts until the
/// process ends or nobody listens.
///
/// # Errors
/// If no thread can be made.
pub fn listen(inputs: Sender<Input>) -> Result<(), TermError> {
    let read = move || {
        loop {
            let input = match event::read() {
                Ok(Event::Key(key)) => Input::Key(key),
                Ok(Event::Mouse(mouse)) => Input::Mouse(mouse),
                Ok(Event::Resize(columns, rows)) => Input::Resize(columns, rows),
                Ok(_) => continue,
                Err(_) => Input::Closed,
            };
            let last = input == Input::Closed;
            if inputs.send(input).is_err() || last {
                return;
            }
        }
    };
    thread::Builder::new().name("gopark-keys".to_owned()).spawn(read)?;
    Ok(())
}
