//! The run as lines of text: for pipes, logs and screen readers.
//!
//! The same records give the same bytes, whatever the terminal, the locale or the clock.

use std::fmt::Write as _;

use gopark_model::World;
use gopark_trace::{Actor, Event, Record};

use crate::lesson::track::Gate;
use crate::lesson::{Facts, Lesson, Track};

/// Columns of the time.
const TIME: usize = 12;
/// Columns of who acts.
const ACTOR: usize = 12;

/// One line about a record: when, who, what and by which rule, the Go function it comes from and
/// the line of the program. None for what only defines things. `world` knows the lines of the
/// program.
#[must_use]
pub fn plain_line(record: &Record, world: &World) -> Option<String> {
    if matches!(record.event, Event::Site { .. } | Event::Snapshot { .. }) {
        return None;
    }
    let (time, actor) = (record.time.to_string(), actor(record.actor));
    let source = match &record.rule {
        Some(rule) => rule.spec().source,
        None => record.event.spec().source,
    };
    let mut line = format!("{time:>TIME$}  {actor:<ACTOR$}  {record}  [{source}]");
    if let Some((file, number)) = record.site.and_then(|site| world.site(site)) {
        // Writing to a string does not fail.
        let _ = write!(line, "  {file}:{number}");
    }
    Some(on_one_line(line))
}

/// Who acts: "M0 P0 G1".
fn actor(actor: Actor) -> String {
    let parts = [
        actor.m.map(|m| m.to_string()),
        actor.p.map(|p| p.to_string()),
        actor.g.map(|g| g.to_string()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join(" ") }
}

/// What a program says may hold line ends, and control characters that a terminal would obey.
fn on_one_line(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Tells a run with its lesson, record by record.
#[derive(Debug, Default)]
pub struct Narrator {
    lesson: Option<Lesson>,
    track: Track,
    /// How much of the track has been told.
    begins: usize,
    said: usize,
    gates: usize,
}

impl Narrator {
    /// Tells a run of this lesson, or of none.
    #[must_use]
    pub fn new(lesson: Option<Lesson>) -> Self {
        let track = lesson.as_ref().map(Track::new).unwrap_or_default();
        Self { lesson, track, ..Self::default() }
    }

    /// What stands before the first record: lines, each with its end.
    #[must_use]
    pub fn opening(&self) -> String {
        let Some(lesson) = &self.lesson else { return String::new() };
        let mut text = format!("{}\n", lesson.title);
        paragraphs(&mut text, &lesson.intro);
        text
    }

    /// What is told with the next record: lines, each with its end.
    #[must_use]
    pub fn tell(&mut self, record: &Record, world: &World) -> String {
        self.track.see(record);
        let mut text = String::new();
        self.chapters(record, &mut text);
        let gates = self.track.gates(0, u64::MAX)[self.gates..].to_vec();
        self.gates += gates.len();
        for gate in &gates {
            self.question(*gate, record, &mut text);
        }
        if let Some(line) = plain_line(record, world) {
            text.push_str(&line);
            text.push('\n');
        }
        for gate in gates {
            self.answer(gate, record, &mut text);
        }
        self.words(record, &mut text);
        text
    }

    fn chapters(&mut self, record: &Record, text: &mut String) {
        let Some(lesson) = &self.lesson else { return };
        for begin in &self.track.begins()[self.begins..] {
            let Some(chapter) = lesson.chapters.get(begin.chapter) else { continue };
            let (n, of) = (begin.chapter + 1, lesson.chapters.len());
            let _ = writeln!(text, "\nChapter {n} of {of}: {}", chapter.title);
            let facts = chapter.when.as_ref().map(|when| when.facts_of(record));
            paragraphs(text, &chapter.text.render(&facts.unwrap_or_default()));
        }
        self.begins = self.track.begins().len();
    }

    /// What the lesson says about the record.
    fn words(&mut self, record: &Record, text: &mut String) {
        let Some(lesson) = &self.lesson else { return };
        for said in &self.track.said()[self.said..] {
            let say = lesson.chapters.get(said.chapter).and_then(|c| c.says.get(said.say));
            if let Some(say) = say {
                paragraphs(text, &say.text.render(&say.trigger.facts_of(record)));
            }
        }
        self.said = self.track.said().len();
    }

    fn ask(&self, gate: Gate, record: &Record) -> Option<(&crate::lesson::Ask, Facts)> {
        let ask = self.lesson.as_ref()?.chapters.get(gate.chapter)?.asks.get(gate.ask)?;
        Some((ask, ask.trigger.facts_of(record)))
    }

    fn question(&self, gate: Gate, record: &Record, text: &mut String) {
        let Some((ask, facts)) = self.ask(gate, record) else { return };
        let _ = writeln!(text, "  Question: {}", ask.text.render(&facts).replace('\n', " "));
        for (i, choice) in ask.choices.iter().enumerate() {
            let _ = writeln!(text, "    {}. {}", i + 1, choice.text.render(&facts));
        }
    }

    fn answer(&self, gate: Gate, record: &Record, text: &mut String) {
        let Some((ask, facts)) = self.ask(gate, record) else { return };
        let right = match ask.right(&facts) {
            Some(i) => format!("{}. {}", i + 1, ask.choices[i].text.render(&facts)),
            None => "none of them".to_owned(),
        };
        let _ = writeln!(text, "  Answer: {right}. {}", ask.why.render(&facts));
    }
}

/// Adds words, each paragraph on a line of its own.
fn paragraphs(text: &mut String, words: &str) {
    for paragraph in words.lines() {
        let _ = writeln!(text, "  {paragraph}");
    }
}
