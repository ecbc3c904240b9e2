//! What a frame shows: the scene, made from the state.

use gopark_trace::{Drive, Record};

use super::action::{Source, Wish};
use super::playhead::Grain;
use super::{App, Cover};
use crate::keymap;
use crate::lesson::track::{Begin, Said};
use crate::lesson::{Facts, Lesson, Trigger};
use crate::scene::{MenuCard, Narration, Overlay, PlayBar, Scene};

/// Records before the playhead that a scene holds.
const RECENT: u64 = 64;
/// What was said stays for this many records, unless something else is said.
const LINGERS: u64 = 32;

/// The records around the playhead, copied out of the history once for each of its places.
#[derive(Debug, Default)]
pub(super) struct Window {
    records: Vec<Record>,
    /// How many of them are before the playhead.
    split: usize,
    /// Playhead and end of the step under way they were copied for.
    key: Option<(u64, u64)>,
}

impl App {
    /// What the frame of this moment shows.
    pub fn scene(&mut self) -> Scene<'_> {
        self.fill_window();
        let narration = self.narration();
        let overlay = self.overlay();
        let context = self.context();
        let hints = keymap::hints(context, |wish| self.can(wish), |wish| self.word(wish));
        let help = if overlay == Overlay::Help { keymap::help() } else { Vec::new() };
        let play = self.play_bar();
        let at = self.head.at;
        self.history.seek(at);
        let (recent, moving) = self.window.records.split_at(self.window.split);
        Scene {
            title: &self.run.title,
            world: self.history.world(),
            moving,
            fraction: self.head.fraction(),
            recent,
            narration,
            question: self.quiz.shown(),
            play,
            selected: self.selected,
            overlay,
            output: self.output.until(at),
            hints,
            help,
            notice: self.notice(),
        }
    }

    /// What a key is called now, if that is not what the table says.
    fn word(&self, wish: Wish) -> Option<&'static str> {
        match (wish, self.cover) {
            (Wish::PlayPause, _) if self.head.playing => Some("pause"),
            (Wish::Up | Wish::Down, Cover::Output(_)) => Some("scroll"),
            _ => None,
        }
    }

    /// The message of this moment.
    fn notice(&self) -> Option<&str> {
        let at_end = self.program.is_over() && self.head.at >= self.known();
        match &self.notice {
            Some(notice) => Some(notice),
            None if self.slow_link => Some("slow link: fewer frames"),
            None if at_end && !self.program.ended.is_empty() => Some(&self.program.ended),
            None => None,
        }
    }

    /// Copies the records around the playhead, if it has moved.
    fn fill_window(&mut self) {
        let at = self.head.at;
        let to = self.head.motion.map_or(at, |motion| motion.to);
        if self.window.key == Some((at, to)) {
            return;
        }
        let from = at.saturating_sub(RECENT);
        let records = self.history.records(from, to);
        let split = usize::try_from(at - from).unwrap_or(usize::MAX).min(records.len());
        self.window = Window { records, split, key: Some((at, to)) };
    }

    fn overlay(&self) -> Overlay {
        match self.cover {
            Cover::Help => Overlay::Help,
            Cover::Legend => Overlay::Legend,
            Cover::Output(up) => Overlay::Output(up),
            Cover::None if self.menu_open => {
                let item = |item: &super::MenuItem| (item.name.clone(), item.summary.clone());
                let items = self.menu.iter().map(item).collect();
                Overlay::Menu(MenuCard { items, at: self.menu_at })
            }
            Cover::None => Overlay::None,
        }
    }

    fn play_bar(&self) -> PlayBar {
        let title = |begin: &Begin| {
            let chapter = self.lesson()?.chapters.get(begin.chapter)?;
            Some((begin.at, chapter.title.clone()))
        };
        PlayBar {
            playing: self.head.playing,
            tempo: self.head.tempo.factor(),
            at: self.head.at,
            known: self.known(),
            complete: self.program.is_over() || self.history.complete(),
            chapters: self.track.begins().iter().filter_map(title).collect(),
            drive: self.drive_text(),
            per_frame: u32::try_from(self.head.per_frame).unwrap_or(u32::MAX),
        }
    }

    fn drive_text(&self) -> String {
        match (self.run.source, self.run.seed) {
            _ if self.run.id == 0 => String::new(),
            (Source::Recording, _) => "recording".to_owned(),
            (Source::Program(Drive::Live), _) => "live".to_owned(),
            (Source::Program(Drive::Lab), Some(seed)) => format!("lab, seed {seed}"),
            (Source::Program(Drive::Lab), None) => "lab".to_owned(),
        }
    }

    /// The records the present moment is about: the step under way, or the last movement.
    fn span(&self) -> (u64, u64) {
        let at = self.head.at;
        if let Some(motion) = self.head.motion {
            return (at, motion.to);
        }
        let from = match self.head.grain {
            Grain::Step => self.history.prev_decision(at),
            Grain::Event => at.saturating_sub(1),
        };
        (from.max(self.floor()).min(at), at)
    }

    /// The record the present moment is about: the decision of the step, or its last event.
    pub(super) fn focus(&self) -> Option<Record> {
        let (from, to) = self.span();
        let decision = |i: &u64| self.history.record(*i).is_some_and(|record| record.is_decision());
        let at = match self.head.grain {
            Grain::Step => (from..to).rev().find(decision),
            Grain::Event => None,
        };
        let at = at.or_else(|| to.checked_sub(1).filter(|last| *last >= from))?;
        self.history.record(at)
    }

    fn narration(&self) -> Narration {
        let (_, to) = self.span();
        // A chapter that begins where the step ends is not for the step.
        let now = if self.head.motion.is_some() { to.saturating_sub(1) } else { to };
        let mut told = Narration { text: self.words(now, to), ..Narration::default() };
        if let (Some(lesson), Some(begin)) = (self.lesson(), self.track.chapter(now)) {
            let title = lesson.chapters.get(begin.chapter).map(|c| c.title.clone());
            let place = (begin.chapter + 1, lesson.chapters.len());
            told.chapter = title.map(|title| (place.0, place.1, title));
        }
        if let Some(record) = self.focus() {
            told.event = record.event.to_string();
            told.rule = record.rule.as_ref().map(|r| (r.to_string(), r.spec().source));
            if self.explain {
                let spec = record.rule.as_ref().map_or(record.event.spec(), |r| r.spec());
                told.long = Some(spec.meaning());
            }
        }
        told
    }

    /// The lesson's words for the chapter at `now`, when the records before `at` have happened or
    /// are happening: what was said last if that was not long ago, else the chapter's own words, and
    /// before the first event those of the lesson.
    fn words(&self, now: u64, at: u64) -> String {
        let Some(lesson) = self.lesson() else { return String::new() };
        if at <= self.floor() {
            return lesson.intro.clone();
        }
        let begin = self.track.chapter(now);
        let said = self.track.last_said(at).filter(|said| {
            let here = begin.is_some_and(|begin| begin.chapter == said.chapter);
            here && at - said.at <= LINGERS
        });
        match (said, begin) {
            (Some(said), _) => self.words_of(lesson, said),
            (None, Some(begin)) => self.words_of_chapter(lesson, begin),
            (None, None) => lesson.intro.clone(),
        }
    }

    fn words_of(&self, lesson: &Lesson, said: Said) -> String {
        let say = lesson.chapters.get(said.chapter).and_then(|c| c.says.get(said.say));
        let record = self.history.record(said.at);
        let (Some(say), Some(record)) = (say, record) else { return String::new() };
        say.text.render(&say.trigger.facts_of(&record))
    }

    fn words_of_chapter(&self, lesson: &Lesson, begin: Begin) -> String {
        let Some(chapter) = lesson.chapters.get(begin.chapter) else { return String::new() };
        let facts =
            |when: &Trigger| self.history.record(begin.at).map(|record| when.facts_of(&record));
        let facts: Facts = chapter.when.as_ref().and_then(facts).unwrap_or_default();
        chapter.text.render(&facts)
    }

    /// Words that were not on the screen at `from` and are at `to`.
    pub(super) fn new_words(&self, from: u64, to: u64) -> Option<String> {
        let words = self.words(to, to);
        (!words.is_empty() && words != self.words(from, from)).then_some(words)
    }
}
