//! All that one frame shows, as plain data: the meeting point of the app and the view.
//!
//! [`crate::app`] builds a [`Scene`] from its state; [`crate::view()`] draws it and asks nothing
//! else. Two equal scenes give the same frame, so motion, pause and going back come free: what
//! moves is a function of the records in motion and of `fraction`.

use gopark_model::World;
use gopark_trace::{Obj, Record};

/// Everything the stage shows.
#[derive(Debug, Clone)]
pub struct Scene<'a> {
    /// The title of the lesson or recording.
    pub title: &'a str,
    /// The world at the playhead.
    pub world: &'a World,
    /// The records of the step in motion, which come right after the playhead; empty at rest.
    pub moving: &'a [Record],
    /// How far that step has gone, 0 to 1.
    pub fraction: f32,
    /// The latest records up to the playhead, the newest last.
    pub recent: &'a [Record],
    /// What is said about the present moment.
    pub narration: Narration,
    /// An open question.
    pub question: Option<QuestionCard>,
    /// Where the playhead is.
    pub play: PlayBar,
    /// The goroutine, thread, channel … the viewer follows.
    pub selected: Option<Selected>,
    /// What covers the stage.
    pub overlay: Overlay,
    /// The last lines the program printed.
    pub output: &'a [String],
    /// Keys that do something now, most important last.
    pub hints: Vec<KeyHint>,
    /// Every key there is, by section, for the help overlay.
    pub help: Vec<(String, Vec<KeyHint>)>,
    /// A passing message (an error, "recording …").
    pub notice: Option<&'a str>,
}

/// A thing the viewer has selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selected {
    /// A goroutine.
    G(gopark_trace::GId),
    /// A thread.
    M(gopark_trace::MId),
    /// A processor.
    P(gopark_trace::PId),
    /// A channel, lock, …
    Obj(Obj),
}

/// What is said about the present moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narration {
    /// The chapter's title and its place: (1, 5, "One P gets everything").
    pub chapter: Option<(usize, usize, String)>,
    /// The lesson's own words, if it has any for this moment.
    pub text: String,
    /// What happened, in one sentence made from the event.
    pub event: String,
    /// The rule with its numbers, and the Go function it comes from.
    pub rule: Option<(String, &'static str)>,
    /// The longer explanation of the rule, shown when asked for.
    pub long: Option<String>,
}

/// A question put before a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuestionCard {
    /// The question.
    pub text: String,
    /// Its answers, chosen by 1, 2, 3 …
    pub choices: Vec<String>,
    /// What the viewer chose.
    pub chosen: Option<usize>,
    /// What the run then did; set only after it has been seen.
    pub right: Option<usize>,
    /// One sentence why.
    pub why: String,
}

/// Where the playhead is, and how it moves.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PlayBar {
    /// Whether it moves by itself.
    pub playing: bool,
    /// Its tempo: 1.0 is the normal one.
    pub tempo: f32,
    /// Records before the playhead.
    pub at: u64,
    /// Records known so far.
    pub known: u64,
    /// Whether the run is over, so that `known` is all there is.
    pub complete: bool,
    /// Chapter marks: (record, title).
    pub chapters: Vec<(u64, String)>,
    /// "lab, seed 7" or "live".
    pub drive: String,
    /// Records per frame that went by uncounted by motion, when too fast to move singly.
    pub per_frame: u32,
}

/// What covers the stage.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Overlay {
    /// Nothing.
    #[default]
    None,
    /// All keys.
    Help,
    /// All glyphs.
    Legend,
    /// The program's output, scrolled by this many lines from its end.
    Output(usize),
    /// The menu of lessons.
    Menu(MenuCard),
}

/// The menu of lessons.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MenuCard {
    /// Name and one-line summary of each.
    pub items: Vec<(String, String)>,
    /// Which one is chosen.
    pub at: usize,
}

/// A key and what it does now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHint {
    /// As shown: "space".
    pub key: String,
    /// As shown: "play".
    pub does: String,
}
