//! The one order made of many rings.
//!
//! Each M's groups are in order already. Between Ms, clocks are not to be trusted, numbers are: a
//! group comes out when for each of its [`Stamp`](crate::ring::Stamp)s the structure is at that number. Of the groups
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
//! Groups are merged as they lie in the rings: of each its numbers and its time are read, the events
//! only by who wants them ([`Ordered::records`]).
//!
//! Invariant: every lane (the groups of one M) is empty, or it is in `turns` by the time of its first
//! group, or that group waits for one number. A lane goes on as long as no other is earlier, so a
//! group costs a look-up for each stamp, and O(log lanes) when the lane changes.
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
use crate::ring::{Consumer, Entry, Group, Key, Mark, Marks, Scratch, Structure, bytes_of};
use crate::ring::{encode, entries};
use crate::snapshot::Snapshot;

mod hash;
mod lane;

use hash::Numbers;
use lane::{Age, Head, Item, Lane, ahead};

/// How many groups are held for missing numbers before the merger gives up on them.
pub const HELD_MAX: usize = 1 << 20;

/// How many ended goroutines keep their number. Nothing should happen to a goroutine after its
/// [`Event::GoExit`], but a thread that looked at it just before may still say so.
pub const ENDED_MAX: usize = 1 << 12;

/// What takes the groups, in order.
pub trait Taker {
    /// Takes the events of one runtime call.
    fn group(&mut self, group: Ordered<'_>);
    /// Takes a record that lay in no ring: a gap, a snapshot.
    fn record(&mut self, record: Record);
}

impl Taker for Vec<Record> {
    fn group(&mut self, mut group: Ordered<'_>) {
        group.records(|record| self.push(record));
    }

    fn record(&mut self, record: Record) {
        self.push(record);
    }
}

/// A group in its place.
#[derive(Debug)]
pub struct Ordered<'a> {
    /// The number of its first event in the one order.
    pub seq: u64,
    /// Its time, never less than that of what came before.
    pub time: Nanos,
    tag: u32,
    bytes: &'a [u64],
    events: u32,
    /// Memory for reading it.
    buffer: &'a mut Vec<u8>,
}

impl Ordered<'_> {
    /// How many events it has.
    pub fn events(&self) -> u32 {
        self.events
    }

    /// Reads its events.
    pub fn records(&mut self, mut take: impl FnMut(Record)) {
        bytes_of(self.tag, self.bytes, self.buffer);
        for (seq, entry) in (self.seq..).zip(entries(self.buffer)) {
            // Only a Scratch writes groups, so what can't be read was never there.
            debug_assert!(entry.is_ok(), "{entry:?}");
            let Ok(Entry { actor, site, rule, event }) = entry else { return };
            let certainty = Certainty::Observed;
            take(Record { seq, time: self.time, actor, site, rule, certainty, event });
        }
    }
}

/// Makes one order of the groups of many Ms.
#[derive(Debug)]
pub struct Merger {
    lanes: Vec<Lane>,
    /// Where the lane of an M is.
    lane_of: BTreeMap<MId, usize>,
    /// Lanes whose first item may be next, by its time.
    turns: BinaryHeap<Reverse<(Nanos, MId, usize)>>,
    /// How many lanes wait for a number.
    waiting: usize,
    /// The number each structure is at; 0 if it is not there.
    numbers: Numbers,
    /// Ended goroutines that still have a number, oldest first.
    ended: VecDeque<GId>,
    /// Whether numbers are obeyed: not between a gap and a snapshot.
    known: bool,
    /// When the last snapshot was taken, if there was one.
    rebased: Option<Nanos>,
    /// Items held.
    held: usize,
    /// How many items are held at the most for missing numbers.
    held_max: usize,
    /// The sequence number of the next record.
    seq: u64,
    /// The time of the last record.
    time: Nanos,
    broken: u64,
    stale: u64,
    /// Memory for groups that are fed, and for those that are read.
    scratch: Scratch,
    buffer: Vec<u8>,
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
            lanes: Vec::new(),
            lane_of: BTreeMap::new(),
            turns: BinaryHeap::new(),
            waiting: 0,
            numbers: Numbers::new(),
            ended: VecDeque::new(),
            known: true,
            rebased: None,
            held: 0,
            seq: 0,
            time: Nanos(0),
            broken: 0,
            stale: 0,
            scratch: Scratch::new(),
            buffer: Vec::new(),
        }
    }

    /// Takes the next group of an M, and the loss before it, if it tells of one.
    pub fn feed(&mut self, m: MId, group: Group) {
        if group.lost > 0 {
            self.gap(m, group.lost);
        }
        let lane = self.lane(m);
        encode(&group, &mut self.scratch);
        self.lanes[lane].push(&group.stamps, self.scratch.records());
        self.fed(lane, 1);
    }

    /// Takes what the ring of an M holds, at most `most` groups, and the losses between them. Says how
    /// many groups and losses that were.
    pub fn feed_ring(&mut self, m: MId, ring: &mut Consumer, most: usize) -> usize {
        let lane = self.lane(m);
        let mut items = 0;
        for _ in 0..most {
            let Some(more) = self.lanes[lane].pull(ring) else { break };
            items += more;
        }
        ring.give_back();
        self.fed(lane, items);
        match ring.lost() {
            0 => {}
            lost => self.gap(m, lost),
        }
        items
    }

    /// Takes note that this many events of an M were lost after those it has fed.
    pub fn gap(&mut self, m: MId, lost: u64) {
        let lane = self.lane(m);
        self.lanes[lane].push_gap(lost);
        self.fed(lane, 1);
    }

    /// Gives to `out` what is in order up to `watermark`. The caller promises that every group
    /// up to that time was fed; of groups that no number binds, it decides the order.
    pub fn drain(&mut self, watermark: Nanos, out: &mut impl Taker) {
        loop {
            self.take_turns(watermark, out);
            if self.held <= self.held_max || !self.force(watermark, out) {
                return;
            }
        }
    }

    /// Gives to `out` everything that was fed: when the run is over or the world is stopped, and
    /// every ring was read to its end. What can't be brought in order comes out by time, and is
    /// counted in [`Merger::broken`].
    pub fn finish(&mut self, out: &mut impl Taker) {
        loop {
            self.take_turns(Nanos::MAX, out);
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
        out: &mut impl Taker,
    ) {
        let mut numbers = Numbers::new();
        for &(structure, number) in base {
            *numbers.entry(Key::of(structure), 0) = number;
        }
        self.lanes.iter_mut().for_each(|lane| lane.count_older(&numbers, time));
        self.take_older(out);
        self.numbers = numbers;
        self.rebased = Some(time);
        self.known = true;
        self.ended.clear();
        self.waiting = 0;
        self.turns.clear();
        for lane in self.lane_of.values().copied().collect::<Vec<_>>() {
            let (items, lost) = self.lanes[lane].drop_older();
            self.held -= items;
            self.lanes[lane].fresh = false;
            if lost > 0 {
                let m = self.lanes[lane].m;
                self.record(time, Entry::of(m, Event::Gap { m, lost }), out);
            }
            self.arm(lane);
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

    /// Where the lane of an M is.
    fn lane(&mut self, m: MId) -> usize {
        let (lanes, fresh) = (&mut self.lanes, self.rebased.is_none());
        *self.lane_of.entry(m).or_insert_with(|| {
            lanes.push(Lane::new(m, fresh));
            lanes.len() - 1
        })
    }

    /// So many items were added to a lane.
    fn fed(&mut self, lane: usize, items: usize) {
        self.held += items;
        if items > 0 && self.lanes[lane].head == Head::Empty {
            self.arm(lane);
        }
    }

    /// Puts a lane with a new first item where it belongs.
    fn arm(&mut self, lane: usize) {
        if self.rebased.is_some() {
            self.drop_stale(lane);
        }
        self.queue(lane);
    }

    /// Lets a lane have its turn.
    fn queue(&mut self, at: usize) {
        let lane = &mut self.lanes[at];
        lane.head = match lane.first_time() {
            Some(time) => {
                self.turns.push(Reverse((time, lane.m, at)));
                Head::Queued
            }
            None => Head::Empty,
        };
    }

    /// Gives each lane its turn.
    fn take_turns(&mut self, watermark: Nanos, out: &mut impl Taker) {
        while let Some(&Reverse((time, m, lane))) = self.turns.peek()
            && time <= watermark
        {
            self.turns.pop();
            let mut turn = (time, m);
            // It goes on until it is another's turn.
            loop {
                if !self.take_first(lane, out) {
                    break;
                }
                if self.rebased.is_some() {
                    self.drop_stale(lane);
                }
                let Some(time) = self.lanes[lane].first_time() else {
                    self.lanes[lane].head = Head::Empty;
                    break;
                };
                turn.0 = time;
                let next = self.turns.peek().map(|&Reverse((time, m, _))| (time, m));
                if time > watermark || next.is_some_and(|next| next < turn) {
                    self.turns.push(Reverse((time, m, lane)));
                    break;
                }
            }
        }
    }

    /// Lets the first item of a lane out, and whatever waited for it have its turn. If it must wait
    /// itself, it is noted for what.
    fn take_first(&mut self, at: usize, out: &mut impl Taker) -> bool {
        let lane = &self.lanes[at];
        let Some((item, words)) = lane.first() else { return false };
        match item {
            Item::Gap { lost, time } => {
                let m = lane.m;
                self.skip(at, words);
                self.record(time, Entry::of(m, Event::Gap { m, lost }), out);
                self.forget_numbers();
            }
            Item::Group(group) => {
                if self.known {
                    let rebased = self.rebased.is_some();
                    if let Err((key, number)) = advance(&mut self.numbers, group.stamps, rebased) {
                        return self.wait(at, key, number, out);
                    }
                }
                self.hand_out(at, out);
            }
        }
        true
    }

    /// The first group of a lane must wait for a number.
    #[cold]
    fn wait(&mut self, at: usize, key: Key, number: u64, out: &mut impl Taker) -> bool {
        // Perhaps only because its own stamps lie in another order.
        if self.lanes[at].sort_stamps(&self.numbers) {
            return self.take_first(at, out);
        }
        self.lanes[at].head = Head::Waits(key, number);
        self.waiting += 1;
        false
    }

    fn skip(&mut self, lane: usize, words: usize) {
        self.lanes[lane].skip(words);
        self.held -= 1;
    }

    /// Lets the first group of a lane out, its numbers being taken.
    #[inline]
    fn hand_out(&mut self, at: usize, out: &mut impl Taker) {
        let lane = &self.lanes[at];
        let Some((Item::Group(group), words)) = lane.first() else { return };
        let head = group.head;
        self.time = self.time.max(head.time);
        if head.ends && self.known {
            bytes_of(group.tag, group.bytes, &mut self.buffer);
            for entry in entries(&self.buffer).flatten() {
                if let Event::GoExit { g, .. } = entry.event {
                    self.ended.push_back(g);
                }
            }
        }
        // A number without events is only accounted for.
        if head.events > 0 {
            out.group(Ordered {
                seq: self.seq,
                time: self.time,
                tag: group.tag,
                bytes: group.bytes,
                events: head.events,
                buffer: &mut self.buffer,
            });
            self.seq += u64::from(head.events);
        }
        self.skip(at, words);
        if head.ends {
            self.forget_ended();
        }
        if self.waiting > 0 {
            self.wake();
        }
    }

    /// Lets lanes have their turn whose number has come.
    fn wake(&mut self) {
        for at in 0..self.lanes.len() {
            if let Head::Waits(key, number) = self.lanes[at].head
                && self.numbers.get(key).is_some_and(|now| now >= number)
            {
                self.waiting -= 1;
                self.queue(at);
            }
        }
    }

    /// Goroutines that ended keep their number for a while.
    fn forget_ended(&mut self) {
        while self.ended.len() > ENDED_MAX
            && let Some(g) = self.ended.pop_front()
        {
            self.numbers.remove(Key::of(Structure::G(g)));
            self.numbers.remove(Key::of(Structure::Obj(Obj::Go(g))));
        }
    }

    /// From here on only times count.
    fn forget_numbers(&mut self) {
        self.known = false;
        self.numbers = Numbers::new();
        self.ended.clear();
        self.waiting = 0;
        for at in 0..self.lanes.len() {
            if let Head::Waits(..) = self.lanes[at].head {
                self.queue(at);
            }
        }
    }

    /// Lets the earliest waiting group out, its number having come or not; false if none waits up
    /// to `watermark`.
    fn force(&mut self, watermark: Nanos, out: &mut impl Taker) -> bool {
        let waiting = self.lanes.iter().enumerate().filter_map(|(at, lane)| match lane.head {
            Head::Waits(..) => lane.first_time().map(|time| (time, lane.m, at)),
            Head::Empty | Head::Queued => None,
        });
        let earliest = waiting.min().filter(|&(time, ..)| time <= watermark);
        let Some((.., at)) = earliest else {
            return false;
        };
        self.waiting -= 1;
        if let Some((Item::Group(group), _)) = self.lanes[at].first() {
            force_advance(&mut self.numbers, group.stamps, self.rebased.is_some());
            self.broken += 1;
        }
        // Not woken by its own numbers.
        self.lanes[at].head = Head::Empty;
        self.hand_out(at, out);
        self.arm(at);
        true
    }

    /// Lets out, in order, what was before a snapshot and can be brought in order.
    fn take_older(&mut self, out: &mut impl Taker) {
        while self.known
            && let Some(Reverse((.., at))) = self.turns.pop()
        {
            // What is newer need not have its turn back: that is made anew from the snapshot.
            if self.lanes[at].older > 0 && self.take_first(at, out) {
                self.lanes[at].older -= 1;
                self.arm(at);
            }
        }
    }

    /// Drops what a lane was fed from before the snapshot, after the snapshot. The first group that
    /// is newer ends that: in a lane nothing older comes behind it. A gap stays: it may be new.
    fn drop_stale(&mut self, at: usize) {
        let lane = &mut self.lanes[at];
        let Some(snapshot) = self.rebased.filter(|_| !lane.fresh) else {
            return;
        };
        while let Some((item, words)) = lane.first() {
            match item.age(&self.numbers) {
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
            lane.skip(words);
        }
    }

    fn record(&mut self, time: Nanos, entry: Entry, out: &mut impl Taker) {
        self.time = self.time.max(time);
        out.record(Record {
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

/// Moves the structures of a group on. If it must wait for a number of one of them, says for which,
/// and all are as they were.
#[inline]
fn advance(numbers: &mut Numbers, stamps: &[u64], rebased: bool) -> Result<(), (Key, u64)> {
    for (i, mark) in Marks(stamps).enumerate() {
        let number = numbers.entry(mark.key, first_number(&mark, rebased));
        let ahead = ahead(&mark, *number);
        if ahead == 0 || ahead < 0 && mark.len == 0 {
            *number += u64::from(mark.len);
            continue;
        }
        let wanted = number.saturating_add_signed(ahead);
        for moved in Marks(stamps).take(i) {
            *numbers.entry(moved.key, 0) -= u64::from(moved.len);
        }
        return Err((mark.key, wanted));
    }
    Ok(())
}

/// Moves the structures of a group on that could not wait.
fn force_advance(numbers: &mut Numbers, stamps: &[u64], rebased: bool) {
    for mark in Marks(stamps) {
        let number = numbers.entry(mark.key, first_number(&mark, rebased));
        let end = number.saturating_add_signed(ahead(&mark, *number)) + u64::from(mark.len);
        *number = end.max(*number);
    }
}

/// Where a structure is that was not heard of. Locks and the like may lie anywhere in a program, so
/// a snapshot cannot find them: after one, the first number of such a thing is believed.
#[inline]
fn first_number(mark: &Mark, rebased: bool) -> u64 {
    if rebased && mark.key.lies_anywhere() { mark.number } else { 0 }
}
