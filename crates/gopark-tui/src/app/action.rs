//! Everything that can happen to the app, and everything it can want.

use std::time::Duration;

use gopark_trace::protocol::Command;
use gopark_trace::{Drive, Nanos, Record};

use super::Tempo;
use crate::lesson::{CHOICES, Lesson};

/// Something that happens: all causes of a change on one page.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// The viewer wants something.
    Wish(Wish),
    /// Time has passed; only while [`App::wake`](super::App::wake) asks for it.
    Tick {
        /// Since the last tick, or since the app began to ask.
        elapsed: Duration,
    },
    /// A run was begun; what was shown before is forgotten.
    Launched(Box<Run>),
    /// Something about a run. News of an earlier run are dropped, those of a later one wait until
    /// it is launched.
    News {
        /// The [`Run::id`] it is about.
        run: u32,
        /// What.
        news: News,
    },
    /// A message for the viewer.
    Notice(String),
    /// The terminal takes frames too slowly, or keeps up again.
    SlowLink(bool),
}

/// What a viewer can want, by a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wish {
    /// Play, or pause.
    PlayPause,
    /// One decision forward.
    StepForward,
    /// One decision back.
    StepBack,
    /// One event forward.
    EventForward,
    /// One event back.
    EventBack,
    /// The next faster tempo.
    Faster,
    /// The next slower tempo.
    Slower,
    /// To the beginning.
    Home,
    /// To the latest known event; in live, follow.
    End,
    /// To the next chapter.
    NextChapter,
    /// To the chapter before.
    PrevChapter,
    /// Answer the open question.
    Answer(u8),
    /// Go on without an answer.
    Skip,
    /// Show or hide the longer explanation.
    Explain,
    /// Select the next thing.
    SelectNext,
    /// Select the thing before.
    SelectPrev,
    /// All keys.
    Help,
    /// All glyphs.
    Legend,
    /// What the program printed.
    Output,
    /// Close what is open, or select nothing.
    Close,
    /// Up in a list.
    Up,
    /// Down in a list.
    Down,
    /// Up by a page.
    PageUp,
    /// Down by a page.
    PageDown,
    /// Open the chosen lesson.
    Open,
    /// The menu of lessons.
    Menu,
    /// The same run again from its start.
    Restart,
    /// The same program in the other drive.
    OtherDrive,
    /// More or less motion.
    Motion,
    /// Other colours.
    Theme,
    /// The other set of glyphs.
    Charset,
    /// Draw everything anew.
    Repaint,
    /// Stop like any program at ctrl-z.
    Suspend,
    /// Leave.
    Quit,
}

impl Wish {
    /// Every wish.
    pub const ALL: &[Self] = &[
        Self::PlayPause,
        Self::StepForward,
        Self::StepBack,
        Self::EventForward,
        Self::EventBack,
        Self::Faster,
        Self::Slower,
        Self::Home,
        Self::End,
        Self::NextChapter,
        Self::PrevChapter,
        Self::Answer(0),
        Self::Answer(1),
        Self::Answer(2),
        Self::Skip,
        Self::Explain,
        Self::SelectNext,
        Self::SelectPrev,
        Self::Help,
        Self::Legend,
        Self::Output,
        Self::Close,
        Self::Up,
        Self::Down,
        Self::PageUp,
        Self::PageDown,
        Self::Open,
        Self::Menu,
        Self::Restart,
        Self::OtherDrive,
        Self::Motion,
        Self::Theme,
        Self::Charset,
        Self::Repaint,
        Self::Suspend,
        Self::Quit,
    ];
}

// There are as many wishes to answer as a question has answers.
const _: () = assert!(*CHOICES.end() == 3);

/// Something about a run.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// The program is there and waits for commands.
    Connected,
    /// These happened, in order.
    Records(Vec<Record>),
    /// The program stands, after this many events.
    Paused {
        /// Events since the start of the run.
        seq: u64,
        /// The time in it.
        time: Nanos,
    },
    /// The program goes on.
    Running,
    /// The program printed a line.
    Output(String),
    /// Nothing will follow: the program has ended, or a recording is read.
    Ended {
        /// How, for the viewer: "exit code 2", "killed by SIGSEGV"; empty if there is nothing to say.
        how: String,
        /// Whether that is how it should end.
        well: bool,
    },
    /// The program could not be started or reached.
    Failed(String),
}

/// What a run is, before its first event.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// A number of its own for each run of the app, from 1 on and higher than that of the run
    /// before; news carry it.
    pub id: u32,
    /// What [`Effect::Launch`] calls it.
    pub name: String,
    /// The title on the stage.
    pub title: String,
    /// Where events come from.
    pub source: Source,
    /// The seed of the lab.
    pub seed: Option<u64>,
    /// Its lesson.
    pub lesson: Option<Lesson>,
    /// The tempo it begins with; none: what the lesson says, or full speed in live, or x1.
    pub tempo: Option<Tempo>,
}

/// Where events come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A program that obeys.
    Program(Drive),
    /// A recording, which only grows until it is read.
    Recording,
}

/// What the app wants of those around it.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// The scene may have changed.
    Redraw,
    /// Draw every cell anew.
    Repaint,
    /// Tell the program of the present run.
    Send(Command),
    /// End the present run and begin this one.
    Launch(Launch),
    /// End the present run and begin the same anew.
    Restart,
    /// Give the terminal back and stop until the shell says go on.
    Suspend,
    /// Leave.
    Quit,
}

/// A run to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The name of the lesson, as it stands in the menu.
    pub name: String,
    /// In which drive.
    pub drive: Drive,
    /// The seed; none: as the lesson says.
    pub seed: Option<u64>,
}
