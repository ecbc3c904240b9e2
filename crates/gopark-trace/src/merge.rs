//! The one order made of many rings.
//!
//! Each M's groups are in order already. Between Ms, clocks are not to be trusted, numbers are: a
//! group comes out when for each of its [`Stamp`]s the structure is at that number. Of the groups
//! that may come out, the earliest does; if a group had to wait for one with a later time, its own
//! time is raised, so that times never go back.
//!
//! ```text
//! M0   [P0#4 t=10]            \
//! M1   [P0#5 G7#2 t=9] …       >  P0#4 t=10 | P0#5 G7#2 t=10 | G7#3 P2#0 t=11
//! M2   [G7#3 P2#0 t=11]       /
//! ```
//!
//! **After a loss** the numbers of the lost groups never come, so a [`Gap`](Event::Gap) switches
//! the numbers off: groups come out by time alone, until [`Merger::rebase`] says at which numbers
//! the structures are, and what the world is.
//!
//! Invariant: every lane (the groups of one M) is empty, or its first group is in `ready`, or that
//! group waits for one number, in `waiting`; so a group costs O(log lanes) and a look-up or two for
//! each stamp.
//!
//! Memory. What is held are groups fed but later than the watermark, and those behind a number that
//! has not come. In a correct run its M has it in its ring, so one round over all rings brings it.
//! If it never comes (a bug), [`HELD_MAX`] groups are held, then the earliest goes out and is
//! counted in [`Merger::broken`]. One number is kept for each structure; those of the goroutines
//! that ended are forgotten, oldest first, when there are more than [`ENDED_MAX`].

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};

use crate::event::Event;
use crate::ids::{GId, MId, Nanos, Obj};
use crate::record::{Actor, Certainty, Record};
use crate::ring::{Entry, Group, Stamp, Structure};
use crate::snapshot::Snapshot;

mod hash;
mod lane;

use hash::Map;
use lane::{Age, Head, Item, Lane};

/// How many groups are held for missing numbers before the merger gives up on them.
pub const HELD_MAX: usize = 1 << 20;

/// How many ended goroutines keep their number. Nothing should happen to a goroutine after its
/// [`Event::GoExit`], but a thread that looked at it just before may still say so.
pub const ENDED_MAX: usize = 1 << 16;

/// Makes one order of the groups of many Ms.
#[derive(Debug)]
pub struct Merger {
    lanes: BTreeMap<MId, Lane>,
    /// Lanes whose first item may come out, by its time.
    ready: BinaryHeap<Reverse<(Nanos, MId)>>,
    /// Lanes whose first group waits for a number. If two wait for one, it was given twice, and the
    /// one that is not here comes out by force.
    waiting: Map<(Structure, u64), Vec<MId>>,
    /// The number each structure is at; 0 if it is not there.
    next: Map<Structure, u64>,
    /// Ended goroutines that still have a number, oldest first.
    ended: VecDeque<GId>,
    /// Whether numbers are obeyed: not between a gap and a snapshot.
    known: bool,
    /// When the last snapshot was taken, if there was one.
    rebased: Option<Nanos>,
    /// Groups held.
    held: usize,
    /// How many groups are held at the most for missing numbers.
    held_max: usize,
    /// The sequence number of the next record.
    seq: u64,
    /// The time of the last record.
    time: Nanos,
    broken: u64,
    stale: u64,
}

impl Default for Merger {
    fn default() -> Self {
        Self::new()
    }
}

impl Merger {
    /// A merger at the start of a run: every structure is at number 0.
    pub fn new() -> Self {
        Self::holding(HELD_MAX)
    }

    /// A merger that gives up on missing numbers when it holds more than `held_max` groups.
    pub fn holding(held_max: usize) -> Self {
        Self {
            held_max,
            lanes: BTreeMap::new(),
            ready: BinaryHeap::new(),
            waiting: Map::default(),
            next: Map::default(),
            ended: VecDeque::new(),
            known: true,
            rebased: None,
            held: 0,
            seq: 0,
            time: Nanos(0),
            broken: 0,
            stale: 0,
        }
    }

    /// Takes the next group of an M, and the loss before it, if it tells of one.
    pub fn feed(&mut self, m: MId, mut group: Group) {
        if group.lost > 0 {
            self.gap(m, group.lost);
        }
        for stamp in &mut group.stamps {
            stamp.number = self.unwrapped(stamp);
        }
        self.add(m, Item::group(group));
    }

    /// The number of a stamp, counted on where its few bits begin again at 0: the one nearest to
    /// where the structure is.
    fn unwrapped(&self, stamp: &Stamp) -> u64 {
        let at = self.next.get(&stamp.structure).copied().unwrap_or(0);
        let bits = stamp.structure.bits();
        let ahead = stamp.number.wrapping_sub(at) & ((1 << bits) - 1);
        if ahead >> (bits - 1) == 0 {
            at.saturating_add(ahead)
        } else {
            at.saturating_add(ahead).saturating_sub(1 << bits)
        }
    }

    /// Takes note that this many events of an M were lost after those it has fed.
    pub fn gap(&mut self, m: MId, lost: u64) {
        let time = self.lane(m).last_time();
        self.add(m, Item::Gap { lost, time });
    }

    /// Appends to `out` what is in order up to `watermark`. The caller promises that every group
    /// up to that time was fed; of groups that no number binds, it decides the order.
    pub fn drain(&mut self, watermark: Nanos, out: &mut Vec<Record>) {
        loop {
            self.emit_ready(watermark, out);
            if self.held <= self.held_max || !self.force(watermark, out) {
                return;
            }
        }
    }

    /// Appends to `out` everything that was fed: when the run is over or the world is stopped, and
    /// every ring was read to its end. What can't be brought in order comes out by time, and is
    /// counted in [`Merger::broken`].
    pub fn finish(&mut self, out: &mut Vec<Record>) {
        loop {
            self.emit_ready(Nanos::MAX, out);
            if !self.force(Nanos::MAX, out) {
                return;
            }
        }
    }

    /// Begins anew from a snapshot taken with the world stopped at `time`, every structure that has
    /// given a number being at the one `base` says; then appends the snapshot to `out`.
    ///
    /// The caller feeds first what the rings hold, and the losses at their ends. What is older than
    /// `base` comes out before the snapshot if the numbers are known; if they are not, it is
    /// dropped, and a gap says how much. What is older and is fed only later is dropped
    /// ([`Merger::stale`]): the snapshot has it.
    pub fn rebase(
        &mut self,
        base: &[(Structure, u64)],
        time: Nanos,
        state: Box<Snapshot>,
        out: &mut Vec<Record>,
    ) {
        let base: Map<_, _> = base.iter().copied().collect();
        self.lanes.values_mut().for_each(|lane| lane.count_older(&base, time));
        self.emit_older(out);
        self.next = base;
        self.rebased = Some(time);
        self.known = true;
        self.ended.clear();
        self.waiting.clear();
        self.ready.clear();
        for m in self.lanes.keys().copied().collect::<Vec<_>>() {
            let lost = self.drop_older(m);
            if lost > 0 {
                self.record(time, Entry::of(m, Event::Gap { m, lost }), out);
            }
            self.arm(m);
        }
        let taken = Event::Snapshot { state };
        let entry = Entry { actor: Actor::default(), site: None, rule: None, event: taken };
        self.record(time, entry, out);
    }

    /// How many groups came out against their numbers: 0 in a correct run.
    pub fn broken(&self) -> u64 {
        self.broken
    }

    /// How many events were dropped because a snapshot had come before they were fed.
    pub fn stale(&self) -> u64 {
        self.stale
    }

    /// Whether the order is known: not between a gap and the next snapshot.
    pub fn known(&self) -> bool {
        self.known
    }

    /// How many groups are held.
    pub fn held(&self) -> usize {
        self.held
    }

    /// How many records came out.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    fn lane(&mut self, m: MId) -> &mut Lane {
        let fresh = self.rebased.is_none();
        self.lanes.entry(m).or_insert_with(|| Lane::new(fresh))
    }

    fn add(&mut self, m: MId, item: Item) {
        self.held += 1;
        if self.lane(m).push(item) {
            self.arm(m);
        }
    }

    /// Puts a lane with a new first item where it belongs.
    fn arm(&mut self, m: MId) {
        self.drop_stale(m);
        let Some(lane) = self.lanes.get_mut(&m) else {
            return;
        };
        let missing = |group: &Group| missing(&self.next, self.rebased.is_some(), group);
        lane.head = match lane.items.front() {
            None => Head::Empty,
            Some(Item::Group(group)) if self.known => {
                missing(group).map_or(Head::Ready, Head::Waits)
            }
            Some(_) => Head::Ready,
        };
        match lane.head {
            Head::Empty => {}
            Head::Ready => self.ready.push(Reverse((lane.first_time(), m))),
            Head::Waits(number) => self.waiting.entry(number).or_default().push(m),
        }
    }

    fn emit_ready(&mut self, watermark: Nanos, out: &mut Vec<Record>) {
        while let Some(&Reverse((time, m))) = self.ready.peek()
            && time <= watermark
        {
            self.ready.pop();
            self.emit(m, out);
        }
    }

    /// Lets the first item of a lane out, and whatever waited for it come to be ready.
    fn emit(&mut self, m: MId, out: &mut Vec<Record>) {
        let Some(item) = self.take(m) else { return };
        match item {
            Item::Gap { lost, time } => {
                self.record(time, Entry::of(m, Event::Gap { m, lost }), out);
                self.forget_numbers();
                self.arm(m);
            }
            Item::Group(group) => {
                let woken = self.advance(&group.stamps);
                for entry in group.entries {
                    self.note_end(&entry.event);
                    self.record(group.time, entry, out);
                }
                self.arm(m);
                woken.into_iter().for_each(|m| self.arm(m));
            }
        }
    }

    fn take(&mut self, m: MId) -> Option<Item> {
        let item = self.lanes.get_mut(&m)?.items.pop_front()?;
        self.held -= 1;
        Some(item)
    }

    /// Moves the structures on; gives the lanes that waited for just that.
    fn advance(&mut self, stamps: &[Stamp]) -> Vec<MId> {
        let mut woken = Vec::new();
        if !self.known {
            return woken;
        }
        let mut in_order = true;
        for stamp in stamps {
            let first = first_number(stamp, self.rebased.is_some());
            let next = self.next.entry(stamp.structure).or_insert(first);
            in_order &= !precedes(*next, stamp);
            *next = stamp.end().max(*next);
            woken.extend(self.waiting.remove(&(stamp.structure, *next)).into_iter().flatten());
        }
        // Not so if it was forced out, or if the same number was given twice.
        self.broken += u64::from(!in_order);
        woken
    }

    /// A goroutine that ended keeps its number for a while.
    fn note_end(&mut self, event: &Event) {
        let (true, Event::GoExit { g, .. }) = (self.known, event) else {
            return;
        };
        self.ended.push_back(*g);
        if self.ended.len() > ENDED_MAX
            && let Some(g) = self.ended.pop_front()
        {
            self.next.remove(&Structure::G(g));
            self.next.remove(&Structure::Obj(Obj::Go(g)));
        }
    }

    /// From here on only times count.
    fn forget_numbers(&mut self) {
        self.known = false;
        self.next.clear();
        self.ended.clear();
        self.waiting.clear();
        for (&m, lane) in &mut self.lanes {
            if let Head::Waits(_) = lane.head {
                lane.head = Head::Ready;
                self.ready.push(Reverse((lane.first_time(), m)));
            }
        }
    }

    /// Lets the earliest waiting group out, its number having come or not; false if none waits up
    /// to `watermark`.
    fn force(&mut self, watermark: Nanos, out: &mut Vec<Record>) -> bool {
        let waiting = self.lanes.iter().filter_map(|(&m, lane)| match lane.head {
            Head::Waits(number) => Some((lane.first_time(), m, number)),
            Head::Empty | Head::Ready => None,
        });
        let earliest = waiting.min().filter(|&(time, ..)| time <= watermark);
        let Some((_, m, number)) = earliest else {
            return false;
        };
        if let Some(waiting) = self.waiting.get_mut(&number) {
            waiting.retain(|&other| other != m);
        }
        self.emit(m, out);
        true
    }

    /// Lets out, in order, what was before a snapshot and can be brought in order.
    fn emit_older(&mut self, out: &mut Vec<Record>) {
        while self.known
            && let Some(Reverse((_, m))) = self.ready.pop()
        {
            // What is newer need not go back into `ready`: it is made anew from the snapshot.
            if let Some(lane) = self.lanes.get_mut(&m).filter(|lane| lane.older > 0) {
                lane.older -= 1;
                self.emit(m, out);
            }
        }
    }

    /// Drops what could not be brought in order before a snapshot; gives how many events.
    fn drop_older(&mut self, m: MId) -> u64 {
        let Some(lane) = self.lanes.get_mut(&m) else {
            return 0;
        };
        lane.fresh = false;
        self.held -= lane.older;
        lane.items.drain(..std::mem::take(&mut lane.older)).map(|item| item.events()).sum()
    }

    /// Drops what a lane was fed from before the snapshot, after the snapshot. The first group that
    /// is newer ends that: in a lane nothing older comes behind it. A gap stays: it may be new.
    fn drop_stale(&mut self, m: MId) {
        let Some(lane) = self.lanes.get_mut(&m) else {
            return;
        };
        let Some(snapshot) = self.rebased.filter(|_| !lane.fresh) else {
            return;
        };
        while let Some(item) = lane.items.front() {
            match item.age(&self.next) {
                Age::Older => {}
                Age::Unknown if item.time() < snapshot => {}
                Age::Newer => {
                    lane.fresh = true;
                    return;
                }
                Age::Unknown | Age::Unnumbered => return,
            }
            self.held -= 1;
            self.stale += item.events();
            lane.items.pop_front();
        }
    }

    fn record(&mut self, time: Nanos, entry: Entry, out: &mut Vec<Record>) {
        self.time = self.time.max(time);
        out.push(Record {
            seq: self.seq,
            time: self.time,
            actor: entry.actor,
            site: entry.site,
            rule: entry.rule,
            certainty: Certainty::Observed,
            event: entry.event,
        });
        self.seq += 1;
    }
}

impl Entry {
    /// An event about an M that nobody caused.
    fn of(m: MId, event: Event) -> Self {
        Self { actor: Actor { m: Some(m), p: None, g: None }, site: None, rule: None, event }
    }
}

/// The first number that a group must wait for.
fn missing(next: &Map<Structure, u64>, rebased: bool, group: &Group) -> Option<(Structure, u64)> {
    let at = |s: &Stamp| next.get(&s.structure).copied().unwrap_or(first_number(s, rebased));
    let waits = group.stamps.iter().find(|s| precedes(at(s), s));
    waits.map(|s| (s.structure, s.number))
}

/// Where a structure is that was not heard of. Locks and the like may lie anywhere in a program, so
/// a snapshot cannot find them: after one, the first number of such a thing is believed.
fn first_number(stamp: &Stamp, rebased: bool) -> u64 {
    use Obj::{Cell, Cond, Lock, Once, Pool, Sem};
    match stamp.structure {
        Structure::Obj(Lock(_) | Cond(_) | Once(_) | Sem(_) | Pool(_) | Cell(_)) if rebased => {
            stamp.number
        }
        _ => 0,
    }
}

/// Whether a structure at this number is not where a stamp wants it: there exactly, or with a stamp
/// of no length there or later.
fn precedes(at: u64, stamp: &Stamp) -> bool {
    if stamp.len == 0 { at < stamp.number } else { at != stamp.number }
}
