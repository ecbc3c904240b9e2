//! What the stage does: everything the viewer and the program can make happen, without terminal,
//! clock or socket.
//!
//! [`App::update`] takes an [`Action`] and answers with [`Effect`]s; [`App::scene`] says what a
//! frame shows; [`App::wake`] says when time must be told. In reading order: `action` is every cause
//! and every effect; `tempo` is how long things take; `playhead` is where the viewer looks; `steps`
//! moves it; `program` decides what to ask of the program; `quiz` puts questions before decisions;
//! `wishes` is what each key does; `select` goes from thing to thing; `show` makes the scene.
//!
//! Invariants. The playhead is never past what is known, and never before the first decision once
//! that is known. What a scene shows at rest is a function of the playhead alone, not of the way it
//! came there (a question that was answered stays answered). The program moves only when it is
//! asked to; when it dies, the history stays.

mod action;

mod tempo;

mod playhead;

mod steps;

mod program;

mod quiz;

mod wishes;

mod select;

mod show;

use std::time::Duration;

use gopark_model::History;
use gopark_trace::{Drive, Record};

pub use action::{Action, Effect, Launch, News, Run, Source, Wish};
pub use quiz::Score;
pub use tempo::{NoTempo, Tempo, reading_time, step_time};

use crate::keymap::Context;
use crate::lesson::{Lesson, Track};
use crate::scene::Selected;
use crate::theme::Theme;

use playhead::Playhead;
use program::Program;
use quiz::Quiz;
use show::Window;

/// Lines of output that are kept.
const MOST_OUTPUT: usize = 10_000;

/// A lesson on the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuItem {
    /// Its name, which [`Launch`] repeats.
    pub name: String,
    /// One line about it.
    pub summary: String,
}

/// When the app wants to be told the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// Nothing moves: only an action can change the scene.
    Never,
    /// At the next frame.
    Frame,
    /// After this long.
    After(Duration),
}

/// What covers the stage; the menu lies below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cover {
    None,
    Help,
    Legend,
    /// Scrolled by this many lines from the end.
    Output(usize),
}

/// What the program printed, each line with how much was known when it surely had been printed:
/// going back hides what was not printed yet.
///
/// A line and the events around it come on two ways, so a line that comes while a program in the
/// lab runs ahead counts as printed when it stands again. Rather late than a result before its
/// cause.
#[derive(Debug, Default)]
struct Output {
    lines: Vec<String>,
    known: Vec<u64>,
}

/// Of a line that came while the program ran ahead.
const NOT_YET: u64 = u64::MAX;

impl Output {
    fn push(&mut self, line: String, known: u64) {
        self.lines.push(line);
        self.known.push(known);
        // In portions, so that a chatty program does not move the whole list for each line.
        if self.lines.len() > MOST_OUTPUT + MOST_OUTPUT / 4 {
            self.lines.drain(..MOST_OUTPUT / 4);
            self.known.drain(..MOST_OUTPUT / 4);
        }
    }

    /// The program stands, with this much known.
    fn stands(&mut self, known: u64) {
        let since = self.known.partition_point(|k| *k < NOT_YET);
        self.known[since..].fill(known);
    }

    /// The lines that had been printed when `at` records were known.
    fn until(&self, at: u64) -> &[String] {
        &self.lines[..self.known.partition_point(|known| *known <= at)]
    }
}

/// The stage: all of its state.
#[derive(Debug)]
pub struct App {
    run: Run,
    history: History,
    track: Track,
    head: Playhead,
    program: Program,
    quiz: Quiz,
    /// The first decision: the playhead does not go before it.
    home: Option<u64>,
    cover: Cover,
    menu: Vec<MenuItem>,
    menu_at: usize,
    menu_open: bool,
    output: Output,
    selected: Option<Selected>,
    notice: Option<String>,
    slow_link: bool,
    explain: bool,
    theme: Theme,
    window: Window,
    /// News of a run that is about to be launched: its program may be quicker than the launch.
    early: Vec<(u32, News)>,
    /// What this update wants.
    effects: Vec<Effect>,
    /// Whether this update changed what can be seen.
    dirty: bool,
}

impl App {
    /// An app with no run yet: its menu is open if it has one.
    #[must_use]
    pub fn new(theme: Theme, menu: Vec<MenuItem>) -> Self {
        let run = Run {
            id: 0,
            name: String::new(),
            title: String::new(),
            source: Source::Recording,
            seed: None,
            lesson: None,
            tempo: None,
        };
        Self {
            run,
            history: History::new(),
            track: Track::default(),
            head: Playhead::default(),
            program: Program::default(),
            quiz: Quiz::default(),
            home: None,
            cover: Cover::None,
            menu_open: !menu.is_empty(),
            menu,
            menu_at: 0,
            output: Output::default(),
            selected: None,
            notice: None,
            slow_link: false,
            explain: false,
            theme,
            window: Window::default(),
            early: Vec::new(),
            effects: Vec::new(),
            dirty: false,
        }
    }

    /// Lets something happen; says what the app wants now.
    pub fn update(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Wish(wish) => self.wish(wish),
            Action::Tick { elapsed } => self.tick(elapsed),
            Action::Launched(run) => self.launched(*run),
            Action::News { run, news } if run == self.run.id => self.news(news),
            Action::News { run, news } if run > self.run.id => self.early.push((run, news)),
            Action::News { .. } => {}
            Action::Notice(text) => self.say(text),
            Action::SlowLink(slow) => {
                self.dirty |= self.slow_link != slow;
                self.slow_link = slow;
            }
        }
        self.settle();
        if std::mem::take(&mut self.dirty) {
            self.effects.push(Effect::Redraw);
        }
        std::mem::take(&mut self.effects)
    }

    /// When the app wants an [`Action::Tick`].
    #[must_use]
    pub fn wake(&self) -> Wake {
        let head = &self.head;
        if head.is_moving() {
            return Wake::Frame;
        }
        if !head.playing {
            return Wake::Never;
        }
        match head.hold {
            // When it must wait for the program, what arrives wakes it.
            Duration::ZERO if self.can_advance() => Wake::Frame,
            Duration::ZERO => Wake::Never,
            hold => Wake::After(hold),
        }
    }

    /// What has the viewer's attention.
    #[must_use]
    pub fn context(&self) -> Context {
        match self.cover {
            Cover::Help | Cover::Legend | Cover::Output(_) => Context::Overlay,
            Cover::None if self.menu_open => Context::Menu,
            Cover::None if self.quiz.is_asking() => Context::Question,
            Cover::None => Context::Stage,
        }
    }

    /// The present run.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Everything known of it.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Records before the playhead.
    #[must_use]
    pub fn at(&self) -> u64 {
        self.head.at
    }

    /// Whether the playhead moves by itself.
    #[must_use]
    pub fn is_playing(&self) -> bool {
        self.head.playing
    }

    /// The tempo.
    #[must_use]
    pub fn tempo(&self) -> Tempo {
        self.head.tempo
    }

    /// How questions were answered.
    #[must_use]
    pub fn score(&self) -> Score {
        self.quiz.score()
    }

    /// How things look.
    #[must_use]
    pub fn theme(&self) -> Theme {
        self.theme
    }

    /// Changes how things look.
    pub fn set_theme(&mut self, theme: Theme) {
        self.theme = theme;
    }

    /// Forgets what was shown and begins a run.
    fn launched(&mut self, run: Run) {
        let lesson = run.lesson.as_ref();
        let wanted = run.tempo.or(lesson.and_then(|l| l.speed));
        let tempo = match (run.tempo, run.source) {
            (None, Source::Program(Drive::Live)) => Tempo::MAX,
            _ => wanted.unwrap_or_default(),
        };
        self.track = lesson.map(Track::new).unwrap_or_default();
        self.history = History::new();
        self.head = Playhead { tempo, ..Playhead::default() };
        self.program = Program::starting(run.source);
        self.quiz = Quiz::default();
        self.home = None;
        self.cover = Cover::None;
        self.menu_open = false;
        self.output = Output::default();
        self.selected = None;
        self.notice = None;
        self.window = Window::default();
        self.run = run;
        self.dirty = true;
        for (run, news) in std::mem::take(&mut self.early) {
            if run == self.run.id {
                self.news(news);
            }
        }
    }

    /// Takes records into the history.
    fn take(&mut self, records: Vec<Record>) {
        for record in records {
            if self.home.is_none() && record.is_decision() {
                self.home = Some(self.history.len());
            }
            self.track.see(&record);
            self.history.push(record);
        }
    }

    fn lesson(&self) -> Option<&Lesson> {
        self.run.lesson.as_ref()
    }

    fn known(&self) -> u64 {
        self.history.len()
    }

    /// Where the playhead stands at the beginning.
    fn floor(&self) -> u64 {
        self.home.unwrap_or(0)
    }

    fn say(&mut self, text: impl Into<String>) {
        self.notice = Some(text.into());
        self.dirty = true;
    }

    fn want(&mut self, effect: Effect) {
        self.effects.push(effect);
    }
}
