//! What goes through a ring: the events of one call into the runtime.

use crate::event::Event;
use crate::ids::{Nanos, SiteId};
use crate::record::Actor;
use crate::ring::stamp::Stamp;
use crate::rule::Rule;
use crate::wire::{Reader, Wire, WireError};

wire_struct! {
    /// One event of a group, with what is its own; the time is the group's.
    pub struct Entry {
        /// Who acted.
        pub actor: Actor,
        /// The line of the program that called.
        pub site: Option<SiteId>,
        /// The rule that caused it.
        pub rule: Option<Rule>,
        /// What happened.
        pub event: Event,
    }
}

/// The events of one call into the runtime: they share a time, and come one after another in the
/// one order, with nothing between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// How many events of this M were lost just before it.
    pub lost: u64,
    /// When it happened.
    pub time: Nanos,
    /// Its place in the order of each structure it changed.
    pub stamps: Vec<Stamp>,
    /// What happened, in order.
    pub entries: Vec<Entry>,
}

/// Bytes before the time: how many events there are.
const COUNT: usize = 4;

/// Where an M writes a group before it pushes it; made once, used again and again.
///
/// It has room for [`Scratch::BYTES`] and [`Scratch::STAMPS`] from the start. Nothing that happens
/// day by day takes more, so it does not allocate. A giant does: a channel closed on hundreds of
/// waiters, a text of some kilobytes. Whoever may not allocate splits such a call into groups.
///
/// ```text
/// count of events: u32, little-endian | time | events
/// ```
#[derive(Debug)]
pub struct Scratch {
    bytes: Vec<u8>,
    stamps: Vec<Stamp>,
}

impl Scratch {
    /// Bytes of events it holds without allocating. The longest event of a day is a ring overflow:
    /// 129 goroutines, at most 10 bytes each.
    pub const BYTES: usize = 4096;

    /// Stamps it holds without allocating: a ring overflow's again, and some.
    pub const STAMPS: usize = 256;

    /// An empty group at time 0.
    pub fn new() -> Self {
        let bytes = Vec::with_capacity(Self::BYTES);
        let mut scratch = Self { bytes, stamps: Vec::with_capacity(Self::STAMPS) };
        scratch.begin(Nanos(0));
        scratch
    }

    /// Begins a group in place of the one before.
    #[inline]
    pub fn begin(&mut self, time: Nanos) {
        self.stamps.clear();
        self.bytes.clear();
        self.bytes.extend_from_slice(&[0; COUNT]);
        time.put(&mut self.bytes);
    }

    /// Adds a stamp. Stamps are of the group as a whole. Numbers of one structure in one group
    /// must follow one another: if another M can come between, these are two groups.
    #[inline]
    pub fn stamp(&mut self, stamp: Stamp) {
        self.stamps.push(stamp);
    }

    /// Adds an event.
    #[inline]
    pub fn event(
        &mut self,
        actor: Actor,
        site: Option<SiteId>,
        rule: Option<&Rule>,
        event: &Event,
    ) {
        // The same bytes as those of an `Entry`, without making one.
        actor.put(&mut self.bytes);
        site.put(&mut self.bytes);
        rule.is_some().put(&mut self.bytes);
        if let Some(rule) = rule {
            rule.put(&mut self.bytes);
        }
        event.put(&mut self.bytes);
        let count = self.events() + 1;
        self.bytes[..COUNT].copy_from_slice(&count.to_le_bytes());
    }

    /// How many events it has.
    pub fn events(&self) -> u32 {
        count(&self.bytes)
    }

    /// The stamps, for [`Producer::push`](crate::ring::Producer::push).
    pub fn stamps(&self) -> &[Stamp] {
        &self.stamps
    }

    /// The events, for [`Producer::push`](crate::ring::Producer::push).
    pub fn records(&self) -> &[u8] {
        &self.bytes
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// How many events the bytes of a group say they have.
pub(super) fn count(records: &[u8]) -> u32 {
    records.first_chunk().map_or(0, |&count| u32::from_le_bytes(count))
}

/// Reads the bytes of a group.
pub(super) fn decode(records: &[u8]) -> Result<(Nanos, Vec<Entry>), WireError> {
    let mut r = Reader::new(records);
    r.take(COUNT)?;
    let time = Nanos::get(&mut r)?;
    // An entry takes at least its code and five bytes around it.
    let mut entries = Vec::with_capacity((count(records) as usize).min(r.left() / 6));
    for _ in 0..count(records) {
        entries.push(Entry::get(&mut r)?);
    }
    match r.left() {
        0 => Ok((time, entries)),
        _ => Err(r.wanted("the end of the group")),
    }
}
