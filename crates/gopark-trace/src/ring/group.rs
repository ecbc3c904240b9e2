//! What goes through a ring: the events of one call into the runtime.

use std::fmt;

use crate::event::Event;
use crate::ids::{Nanos, SiteId};
use crate::record::Actor;
use crate::ring::stamp::Stamp;
use crate::rule::Rule;
use crate::wire::{Out, Reader, Wire, WireError};

/// One event of a group, with what is its own; the time is the group's.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// An entry begins with a byte that says which of its parts are there.
const HAS_M: u8 = 1;
const HAS_P: u8 = 1 << 1;
const HAS_G: u8 = 1 << 2;
const HAS_SITE: u8 = 1 << 3;
const HAS_RULE: u8 = 1 << 4;
const UNUSED: u8 = !(HAS_M | HAS_P | HAS_G | HAS_SITE | HAS_RULE);

/// Writes an entry without making one.
#[inline]
fn write_entry(
    actor: Actor,
    site: Option<SiteId>,
    rule: Option<&Rule>,
    event: &Event,
    out: &mut impl Out,
) {
    let has = |there: bool, bit: u8| if there { bit } else { 0 };
    let flags = has(actor.m.is_some(), HAS_M)
        | has(actor.p.is_some(), HAS_P)
        | has(actor.g.is_some(), HAS_G)
        | has(site.is_some(), HAS_SITE)
        | has(rule.is_some(), HAS_RULE);
    out.put(flags.into(), 1);
    write_part(actor.m, out);
    write_part(actor.p, out);
    write_part(actor.g, out);
    write_part(site, out);
    if let Some(rule) = rule {
        rule.write(out);
    }
    event.write(out);
}

#[inline]
fn write_part<T: Wire>(part: Option<T>, out: &mut impl Out) {
    if let Some(part) = part {
        part.write(out);
    }
}

impl Wire for Entry {
    const TYPE: &'static str = "Entry";

    fn write<O: Out>(&self, out: &mut O) {
        write_entry(self.actor, self.site, self.rule.as_ref(), &self.event, out);
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        fn part<T: Wire>(there: u8, r: &mut Reader<'_>) -> Result<Option<T>, WireError> {
            if there != 0 { T::get(r).map(Some) } else { Ok(None) }
        }
        let start = r.wanted("the parts of an entry");
        let flags = r.byte()?;
        if flags & UNUSED != 0 {
            return Err(start);
        }
        Ok(Self {
            actor: Actor {
                m: part(flags & HAS_M, r)?,
                p: part(flags & HAS_P, r)?,
                g: part(flags & HAS_G, r)?,
            },
            site: part(flags & HAS_SITE, r)?,
            rule: part(flags & HAS_RULE, r)?,
            event: Wire::get(r)?,
        })
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.event)
    }

    fn arbitrary(dice: &mut dyn FnMut(u64) -> u64) -> Self {
        Self {
            actor: Wire::arbitrary(dice),
            site: Wire::arbitrary(dice),
            rule: Wire::arbitrary(dice),
            event: Wire::arbitrary(dice),
        }
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

/// Bytes before the events: how many there are, and the time.
const HEAD: usize = COUNT + size_of::<u64>();
/// Bytes before the time.
const COUNT: usize = 4;
/// Set in the count of events when a goroutine ends in the group.
const ENDS: u32 = 1 << 31;

/// Where an M writes a group before it pushes it; made once, used again and again.
///
/// It has room for [`Scratch::BYTES`] and [`Scratch::STAMPS`] from the start. Nothing that happens
/// day by day takes more, so it does not allocate. A giant does: a channel closed on hundreds of
/// waiters, a text of some kilobytes. Whoever may not allocate splits such a call into groups.
///
/// ```text
/// count of events: u32 | time: u64 | events        both little-endian
/// ```
#[derive(Debug)]
pub struct Scratch {
    bytes: Words,
    events: u32,
    time: Nanos,
    stamps: Vec<Stamp>,
}

/// Bytes gathered into words. A processor waits when it reads a word it has just written byte by
/// byte, so each is written whole.
#[derive(Debug)]
struct Words {
    /// The words that are full, and room for others.
    words: Vec<u64>,
    full: usize,
    /// The last bytes.
    last: u64,
    /// How many bits they have, less than 64.
    bits: u32,
}

impl Words {
    fn new(bytes: usize) -> Self {
        Self { words: vec![0; bytes / size_of::<u64>()], full: 0, last: 0, bits: 0 }
    }

    #[inline]
    fn push(&mut self, word: u64) {
        if self.full == self.words.len() {
            self.grow();
        }
        self.words[self.full] = word;
        self.full += 1;
    }

    /// A word is full; these bits did not fit: none of a whole word that came on top of nothing.
    #[inline(never)]
    fn spill(&mut self, word: u64, last: u64, bits: u32) {
        self.push(word);
        self.last = last;
        self.bits = bits;
    }

    #[cold]
    fn grow(&mut self) {
        self.words.resize(2 * self.words.len() + 1, 0);
    }
}

impl Out for Words {
    #[inline(always)]
    fn put(&mut self, bytes: u64, n: u32) {
        let all = self.last | bytes << self.bits;
        let bits = self.bits + 8 * n;
        if bits < u64::BITS {
            self.last = all;
            self.bits = bits;
            return;
        }
        self.spill(all, bytes.checked_shr(u64::BITS - self.bits).unwrap_or(0), bits - u64::BITS);
    }
}

impl Scratch {
    /// Bytes of events it holds without allocating. The longest event of a day is a ring overflow:
    /// 129 goroutines, at most 10 bytes each.
    pub const BYTES: usize = 4096;

    /// Stamps it holds without allocating: a ring overflow's again, and some.
    pub const STAMPS: usize = 256;

    /// An empty group at time 0.
    pub fn new() -> Self {
        let stamps = Vec::with_capacity(Self::STAMPS);
        let bytes = Words::new(Self::BYTES);
        let mut scratch = Self { bytes, events: 0, time: Nanos(0), stamps };
        scratch.begin(Nanos(0));
        scratch
    }

    /// Begins a group in place of the one before.
    #[inline]
    pub fn begin(&mut self, time: Nanos) {
        self.stamps.clear();
        self.time = time;
        self.events = 0;
        self.bytes.full = 1;
        self.bytes.last = time.0 >> 32;
        self.bytes.bits = 32;
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
        write_entry(actor, site, rule, event, &mut self.bytes);
        let ends = if matches!(event, Event::GoExit { .. }) { ENDS } else { 0 };
        self.events = (self.events + 1) | ends;
    }

    /// How many events it has.
    pub fn events(&self) -> u32 {
        self.events & !ENDS
    }

    /// The stamps, for [`Producer::push`](crate::ring::Producer::push).
    pub fn stamps(&self) -> &[Stamp] {
        &self.stamps
    }

    /// The events, for [`Producer::push`](crate::ring::Producer::push).
    #[inline]
    pub fn records(&mut self) -> Records<'_> {
        let Self { bytes, .. } = self;
        bytes.words[0] = u64::from(self.events) | self.time.0 << 32;
        let filling = (u64::BITS - bytes.bits) / 8 % 8;
        let full = bytes.full;
        if filling > 0 {
            let (last, bits) = (bytes.last, bytes.bits);
            bytes.push(last);
            (bytes.full, bytes.last, bytes.bits) = (full, last, bits);
        }
        let len = full + usize::from(filling > 0);
        Records { words: &bytes.words[..len], filling, events: self.events & !ENDS }
    }
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

/// The bytes of a group, in words.
#[derive(Debug, Clone, Copy)]
pub struct Records<'a> {
    pub(super) words: &'a [u64],
    /// How many bytes of the last word are filling.
    pub(super) filling: u32,
    pub(super) events: u32,
}

#[inline]
fn head_count(records: &[u8]) -> u32 {
    records.first_chunk().map_or(0, |&count| u32::from_le_bytes(count))
}

/// How many events the bytes of a group say they have.
#[inline]
pub(super) fn count(records: &[u8]) -> u32 {
    head_count(records) & !ENDS
}

/// The time in the bytes of a group.
#[inline]
fn time(records: &[u8]) -> Nanos {
    let time = records.get(COUNT..).and_then(|bytes| bytes.first_chunk());
    Nanos(time.map_or(0, |&time| u64::from_le_bytes(time)))
}

/// The events in the bytes of a group, one by one.
pub(crate) fn entries(records: &[u8]) -> impl Iterator<Item = Result<Entry, WireError>> {
    let mut r = Reader::new(records.get(HEAD..).unwrap_or_default());
    (0..count(records)).map(move |_| Entry::get(&mut r))
}

/// What the first words of a group's bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeadWords {
    /// How many events it has.
    pub(crate) events: u32,
    /// Whether a goroutine ends in it.
    pub(crate) ends: bool,
    /// When it happened.
    pub(crate) time: Nanos,
}

impl HeadWords {
    /// Reads them; all is zero if the words are too few.
    #[inline]
    pub(crate) fn of(words: &[u64]) -> Self {
        let (first, second) = match words {
            &[first, second, ..] => (first, second),
            _ => (0, 0),
        };
        let count = first as u32;
        let time = Nanos(first >> 32 | second << 32);
        Self { events: count & !ENDS, ends: count & ENDS != 0, time }
    }
}

/// Reads the bytes of a group.
pub(super) fn decode(records: &[u8]) -> Result<(Nanos, Vec<Entry>), WireError> {
    let mut r = Reader::new(records);
    r.take(HEAD)?;
    // An entry takes at least its parts and its code.
    let mut entries = Vec::with_capacity((count(records) as usize).min(r.left() / 2));
    for _ in 0..count(records) {
        entries.push(Entry::get(&mut r)?);
    }
    match r.left() {
        0 => Ok((time(records), entries)),
        _ => Err(r.wanted("the end of the group")),
    }
}

/// Writes a group, without its stamps.
pub(crate) fn encode(group: &Group, out: &mut Scratch) {
    out.begin(group.time);
    for e in &group.entries {
        out.event(e.actor, e.site, e.rule.as_ref(), &e.event);
    }
}
