//! An event in its place: when, in which order, by whom, from which line, by which rule.

use std::fmt;

use crate::event::Event;
use crate::ids::{GId, MId, Nanos, PId, SiteId};
use crate::rule::Rule;
use crate::wire::{Out, Reader, Wire, WireError};

mod batch;

pub use batch::Batch;
pub(crate) use batch::Packer;

wire_struct! {
    /// Who acted: the M, with the P and G it had at that moment.
    #[derive(Copy, Default, Hash)]
    pub struct Actor {
        /// The thread; none for what happens outside (start, sysmon before it has an M).
        pub m: Option<MId>,
        /// Its P, if it had one.
        pub p: Option<PId>,
        /// The goroutine it ran; none in the scheduler.
        pub g: Option<GId>,
    }
}

words! {
    /// Whether the source said so, or a rule makes it so.
    pub enum Certainty {
        /// The runtime wrote it when it did it.
        1 Observed = "observed",
        /// Made up from other events by a rule.
        2 Inferred = "inferred",
    }
}

/// One event with its circumstances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Place in the one order of the run, from 0.
    pub seq: u64,
    /// Since the start of the run; never less than that of the record before.
    pub time: Nanos,
    /// Who acted.
    pub actor: Actor,
    /// The line of the program that called, defined by an earlier [`Event::Site`].
    pub site: Option<SiteId>,
    /// The rule that caused it, with its numbers.
    pub rule: Option<Rule>,
    /// Whether it was observed.
    pub certainty: Certainty,
    /// What happened.
    pub event: Event,
}

impl Record {
    /// True for an event that decides what runs next, where and by whom: a goroutine is placed in
    /// a queue, starts or gives way, an M starts or parks, work or a P changes hands. What one step
    /// of the stage goes to.
    pub fn is_decision(&self) -> bool {
        matches!(
            self.event,
            // Main is there from the beginning.
            Event::GoCreate { parent: Some(_), .. }
                | Event::GoReady { .. }
                | Event::GoStart { .. }
                | Event::GoPark { .. }
                | Event::GoYield { .. }
                | Event::GoPreempt { .. }
                | Event::GoExit { .. }
                | Event::GlobalGet { .. }
                | Event::RingOverflow { .. }
                | Event::Steal { .. }
                | Event::StealSlot { .. }
                | Event::StealNone { .. }
                | Event::MPark { .. }
                | Event::MWake { .. }
                // The first M is there from the beginning.
                | Event::MStart { m: MId(1..), .. }
                | Event::PHandoff { .. }
                | Event::PRetake { .. }
                | Event::PLost { .. }
                | Event::MResume { .. }
                | Event::SysEnter { .. }
                | Event::SysExit { .. }
                | Event::CoSwitch { .. }
                | Event::RunEnd { .. }
        )
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.event)?;
        match &self.rule {
            Some(rule) => write!(f, ": {rule}"),
            None => Ok(()),
        }
    }
}

impl Wire for Record {
    const TYPE: &'static str = "Record";

    fn write<O: Out>(&self, out: &mut O) {
        self.seq.write(out);
        self.time.write(out);
        self.actor.write(out);
        self.site.write(out);
        self.rule.write(out);
        self.certainty.write(out);
        self.event.write(out);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self {
            seq: Wire::get(r)?,
            time: Wire::get(r)?,
            actor: Wire::get(r)?,
            site: Wire::get(r)?,
            rule: Wire::get(r)?,
            certainty: Wire::get(r)?,
            event: Wire::get(r)?,
        })
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }

    fn arbitrary(dice: &mut dyn FnMut(u64) -> u64) -> Self {
        Self {
            seq: Wire::arbitrary(dice),
            time: Wire::arbitrary(dice),
            actor: Wire::arbitrary(dice),
            site: Wire::arbitrary(dice),
            rule: Wire::arbitrary(dice),
            certainty: Wire::arbitrary(dice),
            event: Wire::arbitrary(dice),
        }
    }
}
