//! Records in a row, in few bytes: what a record shares with those before it is not said again.
//!
//! Invariant: a batch stands alone. Its first record is written in full, so any frame of a
//! recording can be read without the frames before it.
//!
//! ```text
//! count | per record: flags, [seq], [time], [actor], [site], [rule], event
//! flags   0 seq is the next one      else the distance follows
//!         1 time is the same         else the distance follows, back if bit 2
//!         3 actor is as expected     else one byte, two bits each for M, P, G, and the ids it names
//!         4 site follows   5 rule follows   6 inferred   7 always 0
//! ```
//!
//! Expected is the M of the record before, with the P it had, and the goroutine it had or has just
//! started. Ms take turns in the one order, and each comes back as it was: so P and G are expected
//! of each M for itself.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::event::Event;
use crate::ids::{GId, MId, Nanos, PId};
use crate::record::{Actor, Certainty, Record};
use crate::wire::{Out, Reader, Wire, WireError, put_uint};

const SEQ_NEXT: u8 = 1;
const TIME_SAME: u8 = 1 << 1;
const TIME_BACK: u8 = 1 << 2;
const ACTOR_EXPECTED: u8 = 1 << 3;
const SITE: u8 = 1 << 4;
const RULE: u8 = 1 << 5;
const INFERRED: u8 = 1 << 6;
const UNUSED: u8 = 1 << 7;

/// Records in order, as one message carries them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch(pub Vec<Record>);

impl Deref for Batch {
    type Target = Vec<Record>;

    fn deref(&self) -> &Vec<Record> {
        &self.0
    }
}

impl DerefMut for Batch {
    fn deref_mut(&mut self) -> &mut Vec<Record> {
        &mut self.0
    }
}

impl From<Vec<Record>> for Batch {
    fn from(records: Vec<Record>) -> Self {
        Self(records)
    }
}

impl IntoIterator for Batch {
    type Item = Record;
    type IntoIter = std::vec::IntoIter<Record>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Batch {
    type Item = &'a Record;
    type IntoIter = std::slice::Iter<'a, Record>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Wire for Batch {
    const TYPE: &'static str = Record::TYPE;

    fn write<O: Out>(&self, out: &mut O) {
        put_uint(out, self.len() as u64);
        let mut last = Last::default();
        for record in self {
            last.write(record, out);
            last.remember(record);
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let start = r.wanted("a batch no longer than its bytes");
        // A record takes two bytes at the least: its flags and the code of its event.
        let n = usize::try_from(r.uint()?).ok();
        let n = n.filter(|&n| n <= r.left() / 2).ok_or(start)?;
        let mut last = Last::default();
        (0..n).map(|_| last.get(r)).collect::<Result<_, _>>().map(Self)
    }

    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} events", self.len())
    }

    fn arbitrary(dice: &mut dyn FnMut(u64) -> u64) -> Self {
        Self(Wire::arbitrary(dice))
    }
}

/// A batch in the making, for a writer that gets its records one by one.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    /// The bytes of the records, without their count.
    body: Vec<u8>,
    count: u64,
    last: Last,
}

impl Packer {
    /// Adds a record.
    pub(crate) fn push(&mut self, record: &Record) {
        self.last.write(record, &mut self.body);
        self.last.remember(record);
        self.count += 1;
    }

    /// Takes back everything after the first `bytes`, which was one record. What is repeated is
    /// not known any more, so the batch must be ended next.
    pub(crate) fn pop_to(&mut self, bytes: usize) {
        self.body.truncate(bytes);
        self.count -= 1;
    }

    /// How many records it holds.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// The bytes of its records.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Begins an empty batch.
    pub(crate) fn clear(&mut self) {
        self.body.clear();
        self.count = 0;
        self.last = Last::default();
    }
}

/// What the next record can leave unsaid.
#[derive(Debug)]
struct Last {
    /// One before the first record is the last of all, so that 0 comes next.
    seq: u64,
    time: Nanos,
    m: Option<MId>,
    /// The P and G that each M has after its last record.
    of_m: BTreeMap<Option<MId>, (Option<PId>, Option<GId>)>,
}

impl Default for Last {
    fn default() -> Self {
        Self { seq: u64::MAX, time: Nanos(0), m: None, of_m: BTreeMap::new() }
    }
}

impl Last {
    /// Writes a record; [`Last::remember`] comes next.
    fn write(&self, r: &Record, out: &mut impl Out) {
        let next = self.seq.wrapping_add(1);
        let expected = self.expected(self.m);
        let flags = bit(SEQ_NEXT, r.seq == next)
            | bit(TIME_SAME, r.time == self.time)
            | bit(TIME_BACK, r.time < self.time)
            | bit(ACTOR_EXPECTED, r.actor == expected)
            | bit(SITE, r.site.is_some())
            | bit(RULE, r.rule.is_some())
            | bit(INFERRED, r.certainty == Certainty::Inferred);
        out.put(flags.into(), 1);
        if r.seq != next {
            // Distances wrap: any number can follow any other, near ones in few bytes.
            (r.seq.wrapping_sub(next) as i64).write(out);
        }
        if r.time != self.time {
            put_uint(out, r.time.0.abs_diff(self.time.0));
        }
        if r.actor != expected {
            self.write_actor(r.actor, out);
        }
        if let Some(site) = r.site {
            site.write(out);
        }
        if let Some(rule) = &r.rule {
            rule.write(out);
        }
        r.event.write(out);
    }

    fn get(&mut self, r: &mut Reader<'_>) -> Result<Record, WireError> {
        let start = r.wanted("the flags of a record");
        let flags = r.byte()?;
        let has = |bit: u8| flags & bit != 0;
        if has(UNUSED) || has(TIME_SAME) && has(TIME_BACK) {
            return Err(start);
        }
        let next = self.seq.wrapping_add(1);
        let record = Record {
            seq: if has(SEQ_NEXT) { next } else { next.wrapping_add(i64::get(r)? as u64) },
            time: match (has(TIME_SAME), has(TIME_BACK)) {
                (true, _) => self.time,
                (_, false) => Nanos(self.time.0.wrapping_add(r.uint()?)),
                (_, true) => Nanos(self.time.0.wrapping_sub(r.uint()?)),
            },
            actor: if has(ACTOR_EXPECTED) { self.expected(self.m) } else { self.get_actor(r)? },
            site: if has(SITE) { Some(Wire::get(r)?) } else { None },
            rule: if has(RULE) { Some(Wire::get(r)?) } else { None },
            certainty: if has(INFERRED) { Certainty::Inferred } else { Certainty::Observed },
            event: Wire::get(r)?,
        };
        self.remember(&record);
        Ok(record)
    }

    fn remember(&mut self, r: &Record) {
        self.seq = r.seq;
        self.time = r.time;
        self.m = r.actor.m;
        let g = match r.event {
            Event::GoStart { g, .. } => Some(g),
            Event::GoPark { .. }
            | Event::GoYield { .. }
            | Event::GoPreempt { .. }
            | Event::GoExit { .. } => None,
            _ => r.actor.g,
        };
        self.of_m.insert(r.actor.m, (r.actor.p, g));
    }

    /// How the M is expected to act.
    fn expected(&self, m: Option<MId>) -> Actor {
        let (p, g) = self.of_m.get(&m).copied().unwrap_or_default();
        Actor { m, p, g }
    }

    fn write_actor(&self, a: Actor, out: &mut impl Out) {
        let Actor { p, g, .. } = self.expected(a.m);
        let hows = how(a.m, self.m) | how(a.p, p) << 2 | how(a.g, g) << 4;
        out.put(hows.into(), 1);
        write_changed(a.m, self.m, out);
        write_changed(a.p, p, out);
        write_changed(a.g, g, out);
    }

    fn get_actor(&self, r: &mut Reader<'_>) -> Result<Actor, WireError> {
        let start = r.wanted("an actor");
        let how = r.byte()?;
        if how >> 6 != 0 {
            return Err(start);
        }
        let m = get_changed(how, self.m, start, r)?;
        let Actor { p, g, .. } = self.expected(m);
        let p = get_changed(how >> 2, p, start, r)?;
        let g = get_changed(how >> 4, g, start, r)?;
        Ok(Actor { m, p, g })
    }
}

fn bit(bit: u8, on: bool) -> u8 {
    if on { bit } else { 0 }
}

/// How a part of an actor is said: 0 as before, 1 none, 2 its id follows.
fn how<T: PartialEq>(now: Option<T>, before: Option<T>) -> u8 {
    if now == before { 0 } else { 1 + u8::from(now.is_some()) }
}

fn write_changed<T: Wire + PartialEq>(now: Option<T>, before: Option<T>, out: &mut impl Out) {
    if let (true, Some(id)) = (now != before, now) {
        id.write(out);
    }
}

fn get_changed<T: Wire>(
    how: u8,
    before: Option<T>,
    start: WireError,
    r: &mut Reader<'_>,
) -> Result<Option<T>, WireError> {
    match how & 3 {
        0 => Ok(before),
        1 => Ok(None),
        2 => T::get(r).map(Some),
        _ => Err(start),
    }
}
