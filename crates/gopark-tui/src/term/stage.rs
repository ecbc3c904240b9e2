//! The body of the loop: what an input does, when the next frame is due, what it writes.
//!
//! The time comes with each call and never goes back; the only clock that is read measures how long
//! the terminal takes for a frame.

use std::time::{Duration, Instant};

use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyEvent, KeyEventKind, MouseEvent, MouseEventKind};
use ratatui::layout::{Rect, Size};

use super::{ExitStatus, Input, Options, Pacer, Screen, Signal, TermError};
use crate::app::{Action, App, Effect, Wake, Wish};
use crate::keymap::{self, Context};
use crate::view::view;

/// Clears the screen in the terminal's own colours.
const CLEAR: &[u8] = b"\x1b[0m\x1b[2J";
/// What stands between these is shown at once.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// The most cells a screen has: a size that is absurd must not take all memory.
const MOST: u16 = 1000;

/// The stage on a screen.
pub struct Stage<'a, S: Screen> {
    app: &'a mut App,
    screen: S,
    options: Options,
    /// What the screen shows.
    front: Buffer,
    /// What it will show.
    back: Buffer,
    /// The bytes of a frame.
    bytes: Vec<u8>,
    /// The scene may have changed.
    dirty: bool,
    /// Nothing is known of what the screen shows.
    anew: bool,
    begun: Instant,
    last_frame: Option<Instant>,
    /// Up to when the app has been told the time; none while it does not ask.
    told: Option<Instant>,
    pacer: Pacer,
    exit: Option<ExitStatus>,
}

impl<'a, S: Screen> Stage<'a, S> {
    /// Takes the screen over; it is given back when the stage is dropped.
    ///
    /// # Errors
    /// If the screen fails.
    pub fn enter(
        app: &'a mut App,
        screen: S,
        options: Options,
        now: Instant,
    ) -> Result<Self, TermError> {
        let pacer = Pacer::new(options.fps);
        let mut stage = Self {
            app,
            screen,
            options,
            front: Buffer::default(),
            back: Buffer::default(),
            bytes: Vec::new(),
            dirty: true,
            anew: true,
            begun: now,
            last_frame: None,
            told: None,
            pacer,
            exit: None,
        };
        stage.take_screen()?;
        Ok(stage)
    }

    fn take_screen(&mut self) -> Result<(), TermError> {
        self.screen.enter(self.options.mouse)?;
        let size = self.screen.size()?;
        self.resize(size);
        Ok(())
    }

    /// Whether the stage is to be left, and why.
    #[must_use]
    pub fn exit(&self) -> Option<ExitStatus> {
        self.exit
    }

    /// The app.
    #[must_use]
    pub fn app(&mut self) -> &mut App {
        self.app
    }

    /// When [`Stage::turn`] has something to do; none while only an input can change that.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let frame = self.dirty.then(|| self.frame_due());
        let tick = self.tick_due();
        match (frame, tick) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (due, None) | (None, due) => due,
        }
    }

    /// When a frame may be sent.
    fn frame_due(&self) -> Instant {
        self.last_frame.map_or(self.begun, |last| last + self.pacer.gap())
    }

    /// When the app wants to be told the time.
    fn tick_due(&self) -> Option<Instant> {
        let told = self.told?;
        match self.app.wake() {
            Wake::Never => None,
            Wake::Frame => Some(told + self.pacer.gap()),
            Wake::After(time) => Some(told + time),
        }
    }

    /// Does what is due at `now`: tells the time, sends a frame.
    ///
    /// # Errors
    /// If the screen fails.
    pub fn turn(&mut self, now: Instant) -> Result<(), TermError> {
        self.ask_wake(now);
        let frame = self.frame_due() <= now;
        // What moves is brought up to date for a frame that is drawn for another reason.
        let moves = self.app.wake() == Wake::Frame;
        if (self.dirty && frame && moves) || self.tick_due().is_some_and(|due| due <= now) {
            self.catch_up(now)?;
        }
        if self.dirty && frame && self.exit.is_none() {
            self.draw(now)?;
        }
        Ok(())
    }

    /// Notes from when on the app waits for time.
    fn ask_wake(&mut self, now: Instant) {
        self.told = match self.app.wake() {
            Wake::Never => None,
            Wake::Frame | Wake::After(_) => Some(self.told.unwrap_or(now)),
        };
    }

    /// Tells the app what time has passed, if it asks.
    fn catch_up(&mut self, now: Instant) -> Result<(), TermError> {
        let Some(told) = self.told else { return Ok(()) };
        let elapsed = now.saturating_duration_since(told);
        self.told = Some(now);
        self.update(Action::Tick { elapsed })
    }

    /// Takes an input.
    ///
    /// # Errors
    /// If the screen fails.
    pub fn feed(&mut self, input: Input, now: Instant) -> Result<(), TermError> {
        match input {
            Input::Key(key) => self.key(key, now)?,
            Input::Mouse(mouse) => self.mouse(mouse, now)?,
            // Of many in a row only the last is drawn. One that changes nothing asks for a redraw.
            Input::Resize(width, height) => self.resize(Size { width, height }),
            Input::Signal(Signal::Tstp) => self.suspend()?,
            Input::Signal(Signal::Cont) => {
                // The shell may have changed the terminal's modes meanwhile.
                self.screen.leave();
                self.take_screen()?;
            }
            Input::Signal(signal) => self.exit = Some(ExitStatus::Signal(signal)),
            Input::Action(action) => self.update(action)?,
            Input::Closed => self.exit = Some(ExitStatus::Closed),
        }
        self.ask_wake(now);
        Ok(())
    }

    fn key(&mut self, key: KeyEvent, now: Instant) -> Result<(), TermError> {
        if !matches!(key.kind, KeyEventKind::Press | KeyEventKind::Repeat) {
            return Ok(());
        }
        match keymap::lookup(self.app.context(), &key) {
            Some(wish) => self.wish(wish, now),
            None => Ok(()),
        }
    }

    /// The wheel goes through lists, and through events where there is none.
    fn mouse(&mut self, mouse: MouseEvent, now: Instant) -> Result<(), TermError> {
        let lists = matches!(self.app.context(), Context::Menu | Context::Overlay);
        let wish = match (mouse.kind, lists) {
            (MouseEventKind::ScrollUp, true) => Wish::Up,
            (MouseEventKind::ScrollDown, true) => Wish::Down,
            (MouseEventKind::ScrollUp, false) => Wish::EventBack,
            (MouseEventKind::ScrollDown, false) => Wish::EventForward,
            _ => return Ok(()),
        };
        self.wish(wish, now)
    }

    fn wish(&mut self, wish: Wish, now: Instant) -> Result<(), TermError> {
        // What was due before the key happens before it.
        self.catch_up(now)?;
        self.update(Action::Wish(wish))
    }

    fn update(&mut self, action: Action) -> Result<(), TermError> {
        for effect in self.app.update(action) {
            match effect {
                Effect::Redraw => self.dirty = true,
                Effect::Repaint => self.start_anew(),
                Effect::Suspend => self.suspend()?,
                Effect::Quit => self.exit = Some(ExitStatus::Quit),
                Effect::Send(_) | Effect::Launch(_) | Effect::Restart => {
                    (self.options.perform)(effect);
                }
            }
        }
        Ok(())
    }

    /// Gives the terminal back, stops, and takes it again.
    fn suspend(&mut self) -> Result<(), TermError> {
        self.screen.leave();
        (self.options.suspend)();
        // The time away is no time watched.
        self.told = None;
        self.take_screen()
    }

    fn resize(&mut self, size: Size) {
        let area = Rect::new(0, 0, size.width.min(MOST), size.height.min(MOST));
        self.front.resize(area);
        self.back.resize(area);
        self.start_anew();
    }

    fn start_anew(&mut self) {
        self.anew = true;
        self.dirty = true;
    }

    /// Makes a frame and writes what is new in it.
    fn draw(&mut self, now: Instant) -> Result<(), TermError> {
        let theme = self.app.theme();
        let area = self.back.area;
        self.back.reset();
        view(&self.app.scene(), area, &mut self.back, &theme);
        self.dirty = false;
        self.last_frame = Some(now);
        self.encode()?;
        std::mem::swap(&mut self.front, &mut self.back);
        if self.bytes.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        self.screen.write(&self.bytes)?;
        self.pace(begun.elapsed())
    }

    /// Puts the bytes of the frame together; none if it shows what is shown already.
    fn encode(&mut self) -> Result<(), TermError> {
        self.bytes.clear();
        if self.anew {
            self.anew = false;
            self.front.reset();
            // Never inside the bracket: some tmux lose the screen then.
            self.bytes.extend_from_slice(CLEAR);
        }
        let mut news = self.front.diff_iter(&self.back).peekable();
        if news.peek().is_none() {
            return Ok(());
        }
        if self.options.sync {
            self.bytes.extend_from_slice(BEGIN);
        }
        CrosstermBackend::new(&mut self.bytes).draw(news)?;
        if self.options.sync {
            self.bytes.extend_from_slice(END);
        }
        Ok(())
    }

    /// Lets frames be fewer if the terminal is slow, and says so.
    fn pace(&mut self, took: Duration) -> Result<(), TermError> {
        let before = self.pacer.is_slow();
        self.pacer.wrote(took);
        let slow = self.pacer.is_slow();
        if slow == before { Ok(()) } else { self.update(Action::SlowLink(slow)) }
    }
}

impl<S: Screen> Drop for Stage<'_, S> {
    fn drop(&mut self) {
        self.screen.leave();
    }
}

impl<S: Screen> std::fmt::Debug for Stage<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Stage");
        shown.field("area", &self.back.area).field("options", &self.options).finish_non_exhaustive()
    }
}
