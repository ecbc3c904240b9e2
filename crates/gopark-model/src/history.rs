//! All events of a run, and the world at any of them.
//!
//! Events are kept packed, some 14 bytes each, in blocks of [`BLOCK`]; beyond [`Limits::packed`] bytes
//! the oldest blocks go to an unnamed temporary file. The world at any event is made from the
//! nearest checkpoint before it and the events in between.
//!
//! **Checkpoints** are copies of the world that share what did not change (see `pages`). They start
//! [`SPACING`] events apart; when together they take more than [`Limits::checkpoints`] bytes every
//! second one is dropped and new ones come twice as far apart, as often as needed. What they take is
//! counted, not guessed: a checkpoint is charged with what changed after it. So a seek replays less
//! than one spacing, and the memory of a history of n events is at most
//! `14 n, at most Limits::packed, + Limits::checkpoints + a few open blocks + two worlds`, and a bit
//! for each event.
//!
//! The design calls for invertible deltas to step back; a step back here is a seek. A replay of one
//! spacing costs well under a millisecond, which is a fraction of a frame, and one way of moving
//! cannot disagree with another.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use gopark_trace::event::Event;
use gopark_trace::record::{Batch, Record};
use gopark_trace::wire::{Reader, Wire};

use crate::findings::{Finding, findings_of};
use crate::world::World;

/// Events in a block.
pub const BLOCK: usize = 1024;
/// Events between two checkpoints, to begin with.
pub const SPACING: u64 = 1024;
/// Further on than this the end is copied instead of replayed to.
const NEAR: u64 = 64;
/// Unpacked blocks that are kept for the next look.
const OPEN_BLOCKS: usize = 8;
/// Findings that are kept; one that repeats for ever says nothing new.
const FINDINGS_MAX: usize = 1000;

/// What a history may keep in memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// All packed events; older ones go to a temporary file.
    pub packed: usize,
    /// All checkpoints; with more of them fewer are kept.
    pub checkpoints: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { packed: 128 << 20, checkpoints: 96 << 20 }
    }
}

/// Where a packed block is.
#[derive(Debug)]
enum Block {
    /// In memory.
    Here(Box<[u8]>),
    /// In the temporary file, at this place with this length.
    There(u64, usize),
}

/// The world after some events, to start from.
#[derive(Debug)]
struct Checkpoint {
    at: u64,
    world: World,
    /// What it shares with nobody.
    own: usize,
    /// What the worlds after it, up to the next checkpoint, no longer share with it.
    left: usize,
}

impl Checkpoint {
    fn bytes(&self) -> usize {
        self.own + self.left
    }
}

/// Unpacked blocks, the last used first.
type OpenBlocks = VecDeque<(usize, Arc<[Record]>)>;

/// All events of a run, and the world at any of them.
#[derive(Debug)]
pub struct History {
    limits: Limits,
    blocks: Vec<Block>,
    /// The block that is being filled.
    last: Vec<Record>,
    /// A bit for each event, 64 in a word: whether it is a decision.
    decisions: Vec<u64>,
    open: RefCell<OpenBlocks>,
    packed: usize,
    /// The first block that is in memory.
    first_here: usize,
    spill: RefCell<Option<File>>,
    checkpoints: Vec<Checkpoint>,
    spacing: u64,
    /// The world after all events.
    end: World,
    /// The world at the playhead.
    world: World,
    /// Events between the checkpoint and the playhead in the last seek.
    replayed: u64,
    findings: Vec<Finding>,
    complete: bool,
}

impl Default for History {
    fn default() -> Self {
        Self::new()
    }
}

impl History {
    /// No events.
    pub fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    /// No events, and other limits than usual.
    pub fn with_limits(limits: Limits) -> Self {
        Self {
            limits,
            blocks: Vec::new(),
            last: Vec::with_capacity(BLOCK),
            decisions: Vec::new(),
            open: RefCell::default(),
            packed: 0,
            first_here: 0,
            spill: RefCell::default(),
            checkpoints: Vec::new(),
            spacing: SPACING,
            end: World::new(),
            world: World::new(),
            replayed: 0,
            findings: Vec::new(),
            complete: false,
        }
    }

    /// Adds the next event. The playhead stays where it is.
    pub fn push(&mut self, record: Record) {
        let at = self.len();
        if at.is_multiple_of(self.spacing) {
            self.checkpoint(at);
        }
        let violations = self.end.apply(&record);
        if self.findings.len() < FINDINGS_MAX {
            self.findings.extend(findings_of(&record, violations));
        }
        self.complete |= matches!(record.event, Event::RunEnd { .. });
        if at.is_multiple_of(64) {
            self.decisions.push(0);
        }
        if let Some(word) = self.decisions.last_mut() {
            *word |= u64::from(record.is_decision()) << (at % 64);
        }
        self.last.push(record);
        if self.last.len() == BLOCK {
            self.pack();
        }
    }

    /// How many events there are.
    pub fn len(&self) -> u64 {
        (self.blocks.len() * BLOCK + self.last.len()) as u64
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the run has ended: nothing follows.
    pub fn complete(&self) -> bool {
        self.complete
    }

    /// An event.
    pub fn record(&self, i: u64) -> Option<Record> {
        self.look(i, Record::clone)
    }

    /// Events `from..to`, as far as they are there.
    pub fn records(&self, from: u64, to: u64) -> Vec<Record> {
        let to = to.min(self.len());
        let mut records = Vec::new();
        let mut at = from;
        while at < to {
            let part = self.part(at, to, |part| records.extend_from_slice(part));
            match part {
                Some(n) if n > 0 => at += n,
                _ => break,
            }
        }
        records
    }

    /// The world after all events.
    pub fn end(&self) -> &World {
        &self.end
    }

    /// The world at the playhead.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The playhead: how many events its world has.
    pub fn at(&self) -> u64 {
        self.world.seq()
    }

    /// Moves the playhead to after the first `i` events, or to the end if there are fewer.
    ///
    /// If old events cannot be read back from the temporary file, it stays before them.
    pub fn seek(&mut self, i: u64) -> &World {
        let i = i.min(self.len());
        let here = self.at();
        if i == self.len() && (here > i || i - here > NEAR) {
            self.world = self.end.clone();
        }
        let near = self.checkpoints.partition_point(|c| c.at <= i);
        let checkpoint = near.checked_sub(1).and_then(|n| self.checkpoints.get(n));
        let from = checkpoint.map_or(0, |c| c.at);
        if self.at() > i || from > self.at() {
            self.world = checkpoint.map_or_else(World::new, |c| c.world.clone());
        }
        self.replayed = i - self.at();
        self.replay(i);
        &self.world
    }

    /// Takes the playhead on to `to`.
    fn replay(&mut self, to: u64) {
        // It leaves while the events are looked at.
        let mut world = std::mem::take(&mut self.world);
        while world.seq() < to {
            let at = world.seq();
            let done = self.part(at, to, |part| {
                for record in part {
                    world.apply(record);
                }
            });
            if done.is_none_or(|n| n == 0) {
                break;
            }
        }
        self.world = world;
    }

    /// How many events the last seek replayed: what it cost.
    pub fn replayed(&self) -> u64 {
        self.replayed
    }

    /// How many events lie between two checkpoints now.
    pub fn spacing(&self) -> u64 {
        self.spacing
    }

    /// What all checkpoints take by themselves, at most, in bytes.
    pub fn checkpoint_bytes(&self) -> usize {
        self.checkpoints.iter().map(Checkpoint::bytes).sum()
    }

    /// How many blocks of events are in the temporary file.
    pub fn spilled(&self) -> usize {
        self.first_here
    }

    /// The next place after `from` where a step ends: after a decision and what happened in the
    /// same moment on the same M. `None` if there is none yet.
    ///
    /// At the end of what is known the last step may still grow.
    pub fn next_decision(&self, from: u64) -> Option<u64> {
        // Inside a step, the end of that step comes first.
        let inside = self.last_decision(from).and_then(|d| self.step_end(d));
        match inside.filter(|&end| end > from) {
            None => self.step_end(self.first_decision(from)?),
            end => end,
        }
    }

    /// The last place before `from` where a step ends; 0 if there is none.
    pub fn prev_decision(&self, from: u64) -> u64 {
        let ends = |before: u64| {
            let decision = self.last_decision(before)?;
            Some((decision, self.step_end(decision)?))
        };
        match ends(from) {
            Some((_, end)) if end < from => end,
            // `from` is in this step or at its end: the step before it.
            Some((decision, _)) => ends(decision).map_or(0, |(_, end)| end),
            None => 0,
        }
    }

    /// The first decision at or after `from`.
    fn first_decision(&self, from: u64) -> Option<u64> {
        let (first, bit) = ((from / 64) as usize, from % 64);
        let mut words = self.decisions.iter().enumerate().skip(first);
        words.find_map(|(n, &word)| {
            let word = if n == first { word & (u64::MAX << bit) } else { word };
            (word != 0).then(|| n as u64 * 64 + u64::from(word.trailing_zeros()))
        })
    }

    /// The last decision before `from`.
    fn last_decision(&self, from: u64) -> Option<u64> {
        let (last, bit) = ((from / 64) as usize, from % 64);
        let words = self.decisions.iter().enumerate().take(last.saturating_add(1)).rev();
        words
            .map(|(n, &word)| (n, if n == last { word & !(u64::MAX << bit) } else { word }))
            .find_map(|(n, word)| {
                (word != 0).then(|| n as u64 * 64 + 63 - u64::from(word.leading_zeros()))
            })
    }

    /// Where the step of a decision ends.
    fn step_end(&self, decision: u64) -> Option<u64> {
        let (time, m) = self.look(decision, |r| (r.time, r.actor.m))?;
        let mut end = decision + 1;
        let same = |r: &Record| r.time == time && r.actor.m == m && !r.is_decision();
        while self.look(end, same) == Some(true) {
            end += 1;
        }
        Some(end)
    }

    /// What is wrong with the program or the trace, in order.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    // ---- keeping ----

    /// Keeps the world after the first `at` events, which is the end.
    fn checkpoint(&mut self, at: u64) {
        // What the playhead shares is charged too: this is what they take at most.
        let left = self.end.take_copied();
        if let Some(last) = self.checkpoints.last_mut() {
            last.left += left;
        }
        let world = self.end.clone();
        self.checkpoints.push(Checkpoint { at, own: world.copy_bytes(), world, left: 0 });
        while self.checkpoint_bytes() > self.limits.checkpoints && self.checkpoints.len() > 1 {
            self.thin_out();
        }
    }

    /// Drops every second checkpoint. What only it shared with the one before it stays with that
    /// one, which never holds more than its whole world.
    fn thin_out(&mut self) {
        self.spacing *= 2;
        let mut kept: Vec<Checkpoint> = Vec::with_capacity(self.checkpoints.len() / 2 + 1);
        for checkpoint in std::mem::take(&mut self.checkpoints) {
            match kept.last_mut() {
                Some(last) if !checkpoint.at.is_multiple_of(self.spacing) => {
                    last.left += checkpoint.left;
                    if last.left > last.world.least_bytes() {
                        last.left = last.left.min(last.world.whole_bytes());
                    }
                }
                _ => kept.push(checkpoint),
            }
        }
        self.checkpoints = kept;
    }

    fn pack(&mut self) {
        let records = std::mem::replace(&mut self.last, Vec::with_capacity(BLOCK));
        let mut bytes = Vec::with_capacity(BLOCK * 16);
        let batch = Batch(records);
        batch.put(&mut bytes);
        self.packed += bytes.len();
        self.keep_open(self.blocks.len(), batch.0.into());
        self.blocks.push(Block::Here(bytes.into_boxed_slice()));
        while self.packed > self.limits.packed && self.spill_one() {}
    }

    /// Moves the oldest block in memory to the file. False if that can't be: then it stays.
    fn spill_one(&mut self) -> bool {
        let Some(Block::Here(bytes)) = self.blocks.get(self.first_here) else { return false };
        let mut spill = self.spill.borrow_mut();
        if spill.is_none() {
            *spill = tempfile::tempfile().ok();
        }
        let Some(file) = spill.as_mut() else { return false };
        let written = file.seek(SeekFrom::End(0)).and_then(|at| file.write_all(bytes).map(|()| at));
        let Ok(at) = written else { return false };
        self.packed -= bytes.len();
        self.blocks[self.first_here] = Block::There(at, bytes.len());
        self.first_here += 1;
        true
    }

    /// Looks at an event.
    fn look<T>(&self, i: u64, look: impl FnOnce(&Record) -> T) -> Option<T> {
        let mut found = None;
        self.part(i, i.saturating_add(1), |part| found = part.first().map(look));
        found
    }

    /// Looks at the events from `from` to the end of their block, or to `to`; says how many.
    fn part(&self, from: u64, to: u64, look: impl FnOnce(&[Record])) -> Option<u64> {
        let (block, place) = ((from / BLOCK as u64) as usize, (from % BLOCK as u64) as usize);
        let open;
        let records = if block == self.blocks.len() {
            &self.last[..]
        } else {
            open = self.open_block(block)?;
            &open[..]
        };
        let wanted = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
        let part = records.get(place..place.saturating_add(wanted).min(records.len()))?;
        look(part);
        Some(part.len() as u64)
    }

    fn open_block(&self, n: usize) -> Option<Arc<[Record]>> {
        let block = self.blocks.get(n)?;
        let known = self.open.borrow().iter().position(|(m, _)| *m == n);
        let records = match known.and_then(|place| self.open.borrow_mut().remove(place)) {
            Some((_, records)) => records,
            None => match block {
                Block::Here(bytes) => unpack(bytes)?,
                Block::There(at, len) => unpack(&self.read_back(*at, *len)?)?,
            },
        };
        self.keep_open(n, Arc::clone(&records));
        Some(records)
    }

    fn read_back(&self, at: u64, len: usize) -> Option<Vec<u8>> {
        let mut spill = self.spill.borrow_mut();
        let file = spill.as_mut()?;
        let mut bytes = vec![0; len];
        file.seek(SeekFrom::Start(at)).ok()?;
        file.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }

    fn keep_open(&self, n: usize, records: Arc<[Record]>) {
        let mut open = self.open.borrow_mut();
        open.push_front((n, records));
        open.truncate(OPEN_BLOCKS);
    }
}

fn unpack(bytes: &[u8]) -> Option<Arc<[Record]>> {
    Batch::get(&mut Reader::new(bytes)).ok().map(|batch| batch.0.into())
}
