//! Where in a run a lesson's chapters begin, something is said and questions stand.
//!
//! A track sees every record once, in order, and keeps positions: so the words at a playhead are a
//! function of the playhead, whichever way it moved there. Invariants: every list is sorted by
//! position; chapters begin in their order, each at a later record than the one before; a record
//! matters only to the chapter it happens in; `#n` counts in the whole run and means "the n-th or a
//! later one".

use gopark_trace::Record;

use super::Lesson;
use super::trigger::{Trigger, What};

/// Words that are said every time are remembered this often.
const REMEMBERED: usize = 1 << 18;

/// Where a chapter begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begin {
    /// The record before which it begins.
    pub at: u64,
    /// Which chapter.
    pub chapter: usize,
}

/// Where something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// The record that is spoken of.
    pub at: u64,
    /// In which chapter.
    pub chapter: usize,
    /// Which of its words.
    pub say: usize,
}

/// Where a question stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gate {
    /// The record before which it stands.
    pub at: u64,
    /// In which chapter.
    pub chapter: usize,
    /// Which of its questions.
    pub ask: usize,
}

/// A trigger that is waited for.
#[derive(Debug, Clone)]
struct Watch {
    trigger: Trigger,
    chapter: usize,
    role: Role,
    /// How often it has happened.
    hits: u32,
    /// Whether it has had its effect and has no other.
    done: bool,
}

/// What a trigger is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Begin,
    Say { say: usize, every: bool },
    Ask { ask: usize },
}

/// Follows a run for a lesson.
#[derive(Debug, Clone, Default)]
pub struct Track {
    watches: Vec<Watch>,
    /// Those of each event and of each rule, by code.
    by_event: Vec<Vec<usize>>,
    by_rule: Vec<Vec<usize>>,
    begins: Vec<Begin>,
    said: Vec<Said>,
    gates: Vec<Gate>,
    seen: u64,
    chapters: usize,
}

impl Track {
    /// A track at the start of a run of `lesson`.
    #[must_use]
    pub fn new(lesson: &Lesson) -> Self {
        let codes = usize::from(u8::MAX) + 1;
        let mut track = Self {
            by_event: vec![Vec::new(); codes],
            by_rule: vec![Vec::new(); codes],
            chapters: lesson.chapters.len(),
            ..Self::default()
        };
        for (i, chapter) in lesson.chapters.iter().enumerate() {
            if let Some(when) = &chapter.when {
                track.watch(when, i, Role::Begin);
            } else if i == 0 {
                track.begins.push(Begin { at: 0, chapter: 0 });
            }
            for (say, one) in chapter.says.iter().enumerate() {
                track.watch(&one.trigger, i, Role::Say { say, every: one.every });
            }
            for (ask, one) in chapter.asks.iter().enumerate() {
                track.watch(&one.trigger, i, Role::Ask { ask });
            }
        }
        track
    }

    fn watch(&mut self, trigger: &Trigger, chapter: usize, role: Role) {
        let id = self.watches.len();
        match trigger.what {
            What::Event(code) => self.by_event[usize::from(code)].push(id),
            What::Rule(code) => self.by_rule[usize::from(code)].push(id),
        }
        let trigger = trigger.clone();
        self.watches.push(Watch { trigger, chapter, role, hits: 0, done: false });
    }

    /// Sees the next record of the run.
    pub fn see(&mut self, record: &Record) {
        let at = self.seen;
        self.seen += 1;
        if self.watches.is_empty() {
            return;
        }
        let hits = self.hits(record);
        let next = self.begins.len();
        let begins = |w: &Watch| w.role == Role::Begin && w.chapter == next;
        if hits.iter().any(|&id| begins(&self.watches[id])) {
            self.begins.push(Begin { at, chapter: next });
        }
        let Some(now) = self.begins.last().map(|b| b.chapter) else { return };
        for id in hits {
            self.happen(id, at, now);
        }
    }

    /// Which triggers this record satisfies.
    fn hits(&mut self, record: &Record) -> Vec<usize> {
        let event = self.by_event.get(usize::from(record.event.code()));
        let rule = record.rule.as_ref().and_then(|r| self.by_rule.get(usize::from(r.code())));
        let ids = event.into_iter().chain(rule).flatten().copied();
        let mut hits = Vec::new();
        for id in ids {
            let watch = &mut self.watches[id];
            if !watch.done && watch.trigger.matches(record) {
                watch.hits = watch.hits.saturating_add(1);
                if watch.hits >= watch.trigger.nth {
                    hits.push(id);
                }
            }
        }
        hits
    }

    /// Lets a satisfied trigger have its effect in the chapter `now`.
    fn happen(&mut self, id: usize, at: u64, now: usize) {
        let watch = &mut self.watches[id];
        if watch.chapter != now {
            return;
        }
        watch.done = !matches!(watch.role, Role::Say { every: true, .. });
        match watch.role {
            Role::Begin => {}
            Role::Say { say, .. } if self.said.len() < REMEMBERED => {
                self.said.push(Said { at, chapter: now, say });
            }
            Role::Say { .. } => {}
            Role::Ask { ask } => self.gates.push(Gate { at, chapter: now, ask }),
        }
    }

    /// How many records it has seen.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// Where chapters have begun.
    #[must_use]
    pub fn begins(&self) -> &[Begin] {
        &self.begins
    }

    /// Whether a chapter has not begun yet.
    #[must_use]
    pub fn has_more_chapters(&self) -> bool {
        self.begins.len() < self.chapters
    }

    /// The chapter of a playhead at `at`.
    #[must_use]
    pub fn chapter(&self, at: u64) -> Option<Begin> {
        let n = self.begins.partition_point(|begin| begin.at <= at);
        n.checked_sub(1).map(|i| self.begins[i])
    }

    /// The first chapter that begins after `at`.
    #[must_use]
    pub fn next_chapter(&self, at: u64) -> Option<Begin> {
        self.begins.iter().copied().find(|begin| begin.at > at)
    }

    /// The last chapter that begins before `at`.
    #[must_use]
    pub fn prev_chapter(&self, at: u64) -> Option<Begin> {
        self.begins.iter().rev().copied().find(|begin| begin.at < at)
    }

    /// What has been said.
    #[must_use]
    pub fn said(&self) -> &[Said] {
        &self.said
    }

    /// What was said last of the records before `at`.
    #[must_use]
    pub fn last_said(&self, at: u64) -> Option<Said> {
        let n = self.said.partition_point(|said| said.at < at);
        n.checked_sub(1).map(|i| self.said[i])
    }

    /// The questions that stand before one of the records from `from` to just before `to`.
    #[must_use]
    pub fn gates(&self, from: u64, to: u64) -> &[Gate] {
        let cut = |at: u64| self.gates.partition_point(|gate| gate.at < at);
        &self.gates[cut(from)..cut(to.max(from))]
    }
}
