//! Questions put before decisions: predict, then see.
//!
//! A question opens when the next movement would go over the record it stands before, once in a
//! run (going back over it takes that back). An answer lets the movement happen; when it has, what
//! was right is read off the record itself, and the reason stays until the next movement. A viewer
//! who follows a live run is not asked: it would not wait.

use std::collections::BTreeSet;
use std::time::Duration;

use super::App;
use super::playhead::Grain;
use super::tempo::reading_time;
use crate::lesson::track::Gate;
use crate::lesson::{Ask, Facts};
use crate::scene::QuestionCard;

/// Time to look at what happened, before the reason is read.
const LOOK: Duration = Duration::from_secs(2);

/// How questions were answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Score {
    /// Questions that were answered.
    pub answered: u32,
    /// Of these, answered right.
    pub right: u32,
}

/// A question on the screen.
#[derive(Debug, Clone)]
struct Card {
    gate: Gate,
    shown: QuestionCard,
    /// How the movement goes that it stopped.
    grain: Grain,
    /// Whether the stage was playing.
    resume: bool,
}

/// What was asked, and what is being asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Quiz {
    asked: BTreeSet<u64>,
    card: Option<Card>,
    score: Score,
}

impl Quiz {
    /// Whether an answer is waited for.
    pub(super) fn is_asking(&self) -> bool {
        self.card.as_ref().is_some_and(|card| card.shown.chosen.is_none())
    }

    /// Whether an answer's reason stands on the screen.
    pub(super) fn has_told(&self) -> bool {
        self.card.as_ref().is_some_and(|card| card.shown.right.is_some())
    }

    /// How many answers the open question has.
    pub(super) fn choices(&self) -> usize {
        self.card.as_ref().map_or(0, |card| card.shown.choices.len())
    }

    pub(super) fn score(&self) -> Score {
        self.score
    }

    /// The question as it is shown.
    pub(super) fn shown(&self) -> Option<QuestionCard> {
        self.card.as_ref().map(|card| card.shown.clone())
    }

    /// The next movement begins: a reason has been read.
    pub(super) fn forget_told(&mut self) {
        if self.has_told() {
            self.card = None;
        }
    }
}

impl App {
    /// The question that a movement to `to` must stop before.
    pub(super) fn gate(&self, to: u64) -> Option<Gate> {
        let live = self.program.is_live() && self.head.follow && self.head.playing;
        if live || self.lesson().is_none() {
            return None;
        }
        let gates = self.track.gates(self.head.at, to);
        gates.iter().find(|gate| !self.quiz.asked.contains(&gate.at)).copied()
    }

    /// Opens the question of a gate.
    pub(super) fn open_question(&mut self, gate: Gate, grain: Grain) {
        self.quiz.asked.insert(gate.at);
        let Some((ask, facts)) = self.ask_of(gate) else { return };
        let choices = ask.choices.iter().map(|choice| choice.text.render(&facts)).collect();
        let text = ask.text.render(&facts);
        let shown = QuestionCard { text, choices, chosen: None, right: None, why: String::new() };
        let resume = self.head.playing;
        self.quiz.card = Some(Card { gate, shown, grain, resume });
        self.head.playing = false;
        self.head.per_frame = 0;
        self.dirty = true;
    }

    /// The question of a gate, and what is known of the record behind it.
    fn ask_of(&self, gate: Gate) -> Option<(Ask, Facts)> {
        let ask = self.lesson()?.chapters.get(gate.chapter)?.asks.get(gate.ask)?.clone();
        let facts = ask.trigger.facts_of(&self.history.record(gate.at)?);
        Some((ask, facts))
    }

    /// Answers the open question and lets the movement happen.
    pub(super) fn answer(&mut self, choice: usize) {
        let Some(card) = self.quiz.card.as_mut().filter(|card| card.shown.chosen.is_none()) else {
            return;
        };
        if choice >= card.shown.choices.len() {
            return;
        }
        card.shown.chosen = Some(choice);
        let grain = card.grain;
        self.begin(grain, true);
    }

    /// Goes on without an answer.
    pub(super) fn skip(&mut self) {
        if !self.quiz.is_asking() {
            return;
        }
        let Some(card) = self.quiz.card.take() else { return };
        self.begin(card.grain, true);
        self.head.playing |= card.resume;
    }

    /// The playhead is at `to`: if that shows what was asked, says what was right.
    pub(super) fn tell(&mut self, to: u64) {
        let Some(card) = &self.quiz.card else { return };
        let gate = card.gate;
        let (Some(chosen), None) = (card.shown.chosen, card.shown.right) else { return };
        if to <= gate.at {
            return;
        }
        let Some((ask, facts)) = self.ask_of(gate) else { return };
        // If no answer fits, none of them is marked.
        let right = ask.right(&facts).unwrap_or(ask.choices.len());
        let why = ask.why.render(&facts);
        let score = &mut self.quiz.score;
        score.answered += 1;
        score.right += u32::from(right == chosen);
        let score = *score;
        let hold = LOOK + reading_time(&why);
        let Some(card) = &mut self.quiz.card else { return };
        card.shown.right = Some(right);
        card.shown.why = why;
        if card.resume {
            self.head.playing = true;
            self.head.hold = self.head.tempo.scale(hold).max(LOOK);
        }
        self.say(format!("right: {} of {}", score.right, score.answered));
    }

    /// The playhead leaves in another way than by the movement that was asked about.
    pub(super) fn close_question(&mut self) {
        if let Some(card) = self.quiz.card.take()
            && card.shown.right.is_none()
        {
            self.quiz.asked.remove(&card.gate.at);
        }
    }
}
