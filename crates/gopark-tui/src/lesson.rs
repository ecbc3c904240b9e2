//! Lessons: a program's run with chapters, words tied to events, and questions put before them.
//!
//! A lesson is a Markdown file that reads well by itself:
//!
//! ```text
//! ---
//! program: stealing                 name of the program; the other keys may be left out
//! procs: 4
//! seed: 7
//! speed: 1                          tempo, 0.1 to 16, or max
//! summary: One P is flooded, the others steal
//! teaches: slot and ring, overflow, waking, stealing half
//! ---
//! # Work stealing
//! Paragraphs shown before the first event.
//!
//! ## One P gets everything          a chapter; the first may do without "when:"
//! when: GoCreate #2                 it begins just before this
//! Paragraphs shown while nothing more special is said.
//! - say SlotKick: said when this first happens in this chapter; {g} is its goroutine
//! - say* rule RingFull: said every time
//! > note: for the presenter only
//!
//! ### ask Steal                     a question, put just before this happens
//! How many of the {of} goroutines of {victim} does it take?
//! 1. one => taken == 1
//! 2. half of them, rounded up => taken == half_up
//! 3. something else => otherwise
//! why: A thief takes half, rounded up.
//! ```
//!
//! In reading order: [`facts`] is what can be said of a record; [`trigger`] waits for records and
//! compares facts; [`template`] puts facts into words; `parse` reads a file, never panics and says
//! on which line it is wrong; [`track`] follows a run and knows at which record a chapter begins,
//! something is said, a question stands.

pub mod facts;

pub mod trigger;

pub mod template;

mod parse;

pub mod track;

use std::fmt;

pub use facts::Facts;
pub use template::Template;
pub use track::Track;
pub use trigger::{Conditions, Trigger};

use crate::app::Tempo;

/// The fewest and the most answers of a question.
pub const CHOICES: std::ops::RangeInclusive<usize> = 2..=3;

/// A lesson.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lesson {
    /// The name of the program it runs.
    pub program: String,
    /// GOMAXPROCS.
    pub procs: Option<u32>,
    /// The seed of the lab.
    pub seed: Option<u64>,
    /// The tempo it starts with.
    pub speed: Option<Tempo>,
    /// One line for the menu.
    pub summary: String,
    /// What one learns.
    pub teaches: Vec<String>,
    /// Its title.
    pub title: String,
    /// What is said before the first event.
    pub intro: String,
    /// Its chapters, in the order in which they begin.
    pub chapters: Vec<Chapter>,
}

/// A part of a lesson.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chapter {
    /// Its title.
    pub title: String,
    /// It begins just before this; none begins with the run.
    pub when: Option<Trigger>,
    /// What is said while nothing more special is.
    pub text: Template,
    /// What is said when something happens in it.
    pub says: Vec<Say>,
    /// What is asked before something happens in it.
    pub asks: Vec<Ask>,
    /// For the presenter.
    pub notes: Vec<String>,
    /// The line it stands on, from 1.
    pub line: usize,
}

/// Words tied to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Say {
    /// The event.
    pub trigger: Trigger,
    /// Whether they are said every time, or only the first time in their chapter.
    pub every: bool,
    /// The words.
    pub text: Template,
    /// The line they stand on, from 1.
    pub line: usize,
}

/// A question put before an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The event.
    pub trigger: Trigger,
    /// The question.
    pub text: Template,
    /// Its answers.
    pub choices: Vec<Choice>,
    /// One sentence why.
    pub why: Template,
    /// The line it stands on, from 1.
    pub line: usize,
}

impl Ask {
    /// Which answer is right for a record with these facts.
    #[must_use]
    pub fn right(&self, facts: &Facts) -> Option<usize> {
        self.choices.iter().position(|choice| choice.right.hold(facts))
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// As shown.
    pub text: Template,
    /// When it is the right one, if none before it is.
    pub right: Conditions,
}

impl Lesson {
    /// Reads a lesson.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of its lines; never empty.
    pub fn parse(text: &str) -> Result<Self, Vec<LessonError>> {
        parse::lesson(text)
    }

    /// How many questions it asks at most.
    #[must_use]
    pub fn questions(&self) -> usize {
        self.chapters.iter().map(|chapter| chapter.asks.len()).sum()
    }
}

/// Something wrong with a lesson, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LessonError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for LessonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl std::error::Error for LessonError {}
