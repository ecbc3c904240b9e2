//! Who polls, and where the goroutines go that a poll gives: R37, R40, R71.

use gopark_trace::event::Event;
use gopark_trace::ids::GId;
use gopark_trace::record::Record;
use gopark_trace::rule::Rule;
use gopark_trace::words::{PollMode, Queue};

use super::Validator;
use crate::things::MStatus;

/// What a poll gave that its M has not yet handed on.
#[derive(Debug, Clone, Default)]
pub(super) struct Polled {
    /// In the order in which they are handled.
    gs: Vec<GId>,
    /// It waited for them.
    blocked: bool,
}

impl Validator {
    /// What an event says against the world before it.
    pub(super) fn polling(&mut self, record: &Record) {
        let seq = record.seq;
        match &record.event {
            Event::PollStart { mode: PollMode::NonBlocking, .. } if self.lab() => {
                let polls = self.world.ms().iter().find(|m| m.status == MStatus::Polling);
                let polls = polls.map(|m| m.id);
                self.expect(polls.is_none(), "R71", seq, || {
                    format!("{:?} polls while {polls:?} waits in the poller", record.actor.m)
                });
                let waits = self.world.fds().any(|fd| fd.reader.or(fd.writer).is_some());
                self.expect(waits || self.joined, "R71", seq, || {
                    format!("{:?} polls and nobody waits for a descriptor", record.actor.m)
                });
            }
            Event::GoStart { g, .. } => {
                let polled = record.actor.m.and_then(|m| self.doing(m)).map(|m| &mut m.poll);
                let Some(polled) = polled.map(std::mem::take) else { return };
                let rule = if polled.blocked { "R37" } else { "R40" };
                let first = polled.gs.first();
                self.expect(first.is_none_or(|first| first == g), rule, seq, || {
                    format!("a poll gave {:?} and {g} runs first", polled.gs)
                });
            }
            Event::MPark { .. } => {
                let polled = record.actor.m.and_then(|m| self.doing(m)).map(|m| &mut m.poll);
                let left = polled.map(std::mem::take).unwrap_or_default().gs;
                self.expect(left.is_empty(), "R37", seq, || {
                    format!("{:?} sleeps and has {left:?} of a poll", record.actor.m)
                });
            }
            Event::GlobalPut { gs, .. } => self.put_of_a_poll(record, gs),
            _ => {}
        }
    }

    /// R37, R40: with a P one goes to each idle P, without one all go to the global queue.
    fn put_of_a_poll(&mut self, record: &Record, gs: &[GId]) {
        let (seq, lab) = (record.seq, self.lab());
        match &record.rule {
            Some(Rule::PollerWithoutP { n }) => {
                let right = gs.len() as u32 == *n && record.actor.p.is_none();
                self.expect(right, "R37", seq, || {
                    format!("{:?} puts {gs:?} of {n} into the global queue", record.actor.p)
                });
                let polled = record.actor.m.and_then(|m| self.doing(m)).map(|m| &mut m.poll);
                drop(polled.map(std::mem::take));
            }
            Some(Rule::InjectList { idle, n }) => {
                let share = (*idle).min(*n) as usize;
                let full = record
                    .actor
                    .p
                    .and_then(|p| self.world.p(p))
                    .is_some_and(|p| p.ring.len() >= 256 || !lab);
                self.expect(gs.len() == share || full, "R40", seq, || {
                    format!("{gs:?} of {n} go to the global queue with {idle} idle Ps")
                });
            }
            _ => {}
        }
    }

    /// Notes what a poll gave, with the world after it.
    pub(super) fn after_polling(&mut self, record: &Record) {
        let Some(doing) = record.actor.m.and_then(|m| self.doing(m)) else { return };
        match &record.event {
            Event::PollStart { mode, .. } => doing.poll.blocked = *mode == PollMode::Blocking,
            Event::PollEnd { gs } => doing.poll.gs.clone_from(gs),
            // A goroutine that is handed on by its rule stays in the hand of this M until then.
            Event::GoReady { to: Queue::Slot(_), g } => doing.poll.gs.retain(|x| x != g),
            _ => {}
        }
    }
}
