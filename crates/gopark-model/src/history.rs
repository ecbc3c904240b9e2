//! All events of a run, and the world at any of them.
//!
//! Events are kept packed, some 14 bytes each, in blocks of [`BLOCK`]; beyond [`PACKED_MAX`] bytes
//! the oldest blocks go to an unnamed temporary file. The world at any event is made from the
//! nearest checkpoint before it and the events in between.
//!
//! **Checkpoints** are copies of the world that share what did not change (see `pages`). They start
//! [`SPACING`] events apart; when together they take more than [`CHECKPOINTS_MAX`] bytes every
//! second one is dropped and new ones come twice as far apart. So a seek replays at most one
//! spacing, and the memory of a history of n events is at most
//! `14 n, at most PACKED_MAX, + CHECKPOINTS_MAX + a few open blocks + one world`.
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
/// What all checkpoints may take, in bytes.
pub const CHECKPOINTS_MAX: usize = 96 << 20;
/// What packed events may take in memory, in bytes.
pub const PACKED_MAX: usize = 128 << 20;
/// Unpacked blocks that are kept for the next look.
const OPEN_BLOCKS: usize = 8;
/// Findings that are kept; one that repeats for ever says nothing new.
const FINDINGS_MAX: usize = 1000;

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
    bytes: usize,
}

/// Unpacked blocks, the last used first.
type OpenBlocks = VecDeque<(usize, Arc<[Record]>)>;

/// All events of a run, and the world at any of them.
#[derive(Debug)]
pub struct History {
    blocks: Vec<Block>,
    /// The block that is being filled.
    last: Vec<Record>,
    /// For each event that is a decision, its number.
    decisions: Vec<u64>,
    open: RefCell<OpenBlocks>,
    packed: usize,
    /// The first block that is in memory.
    first_here: usize,
    spill: RefCell<Option<File>>,
    checkpoints: Vec<Checkpoint>,
    checkpoint_bytes: usize,
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
        Self {
            blocks: Vec::new(),
            last: Vec::with_capacity(BLOCK),
            decisions: Vec::new(),
            open: RefCell::default(),
            packed: 0,
            first_here: 0,
            spill: RefCell::default(),
            checkpoints: Vec::new(),
            checkpoint_bytes: 0,
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
        if record.is_decision() {
            self.decisions.push(at);
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
        let (block, place) = (i as usize / BLOCK, i as usize % BLOCK);
        if block == self.blocks.len() {
            return self.last.get(place).cloned();
        }
        self.open_block(block)?.get(place).cloned()
    }

    /// Events `from..to`, as far as they are there.
    pub fn records(&self, from: u64, to: u64) -> Vec<Record> {
        (from..to.min(self.len())).map_while(|i| self.record(i)).collect()
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
    pub fn seek(&mut self, i: u64) -> &World {
        let i = i.min(self.len());
        if i == self.len() && i.saturating_sub(self.at()) > self.spacing {
            self.world = self.end.clone();
            self.replayed = 0;
            return &self.world;
        }
        let here = self.at();
        let near = self.checkpoints.partition_point(|c| c.at <= i);
        let checkpoint = near.checked_sub(1).and_then(|n| self.checkpoints.get(n));
        let from = checkpoint.map_or(0, |c| c.at);
        if here > i || from > here {
            self.world = checkpoint.map_or_else(World::new, |c| c.world.clone());
        }
        self.replayed = i - self.at();
        for n in self.at()..i {
            let Some(record) = self.record(n) else { break };
            self.world.apply(&record);
        }
        &self.world
    }

    /// How many events the last seek replayed: what it cost.
    pub fn replayed(&self) -> u64 {
        self.replayed
    }

    /// How many events lie between two checkpoints now.
    pub fn spacing(&self) -> u64 {
        self.spacing
    }

    /// The place after the next decision after `from`, with what happened in the same moment on
    /// the same M; `None` if there is none yet.
    pub fn next_decision(&self, from: u64) -> Option<u64> {
        let next = self.decisions.partition_point(|&d| d < from);
        let decision = *self.decisions.get(next)?;
        let record = self.record(decision)?;
        let mut end = decision + 1;
        while let Some(next) = self.record(end) {
            let same =
                next.time == record.time && next.actor.m == record.actor.m && !next.is_decision();
            if !same {
                break;
            }
            end += 1;
        }
        Some(end)
    }

    /// The place after the last decision that ends before `from`; 0 if there is none.
    pub fn prev_decision(&self, from: u64) -> u64 {
        let mut n = self.decisions.partition_point(|&d| d < from);
        while n > 0 {
            n -= 1;
            let end = self.next_decision(self.decisions[n]).unwrap_or(0);
            if end < from {
                return end;
            }
        }
        0
    }

    /// What is wrong with the program or the trace, in order.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    // ---- keeping ----

    fn checkpoint(&mut self, at: u64) {
        let world = self.end.clone();
        // The pages that change until the next checkpoint belong to this one, at most one for each
        // event; a page is about two kilobytes.
        let bytes = world.copy_bytes() + self.spacing as usize * 2048 / 4;
        self.checkpoint_bytes += bytes;
        self.checkpoints.push(Checkpoint { at, world, bytes });
        if self.checkpoint_bytes > CHECKPOINTS_MAX {
            self.spacing *= 2;
            let spacing = self.spacing;
            self.checkpoints.retain(|c| c.at.is_multiple_of(spacing));
            self.checkpoint_bytes = self.checkpoints.iter().map(|c| c.bytes).sum();
        }
    }

    fn pack(&mut self) {
        let records = std::mem::replace(&mut self.last, Vec::with_capacity(BLOCK));
        let mut bytes = Vec::with_capacity(BLOCK * 16);
        let batch = Batch(records);
        batch.put(&mut bytes);
        self.packed += bytes.len();
        self.keep_open(self.blocks.len(), batch.0.into());
        self.blocks.push(Block::Here(bytes.into_boxed_slice()));
        while self.packed > PACKED_MAX && self.spill_one() {}
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

    fn open_block(&self, n: usize) -> Option<Arc<[Record]>> {
        let known = self
            .open
            .borrow()
            .iter()
            .find(|(m, _)| *m == n)
            .map(|(_, records)| Arc::clone(records));
        known.or_else(|| {
            let records: Arc<[Record]> = match self.blocks.get(n)? {
                Block::Here(bytes) => unpack(bytes)?,
                Block::There(at, len) => unpack(&self.read_back(*at, *len)?)?,
            };
            self.keep_open(n, Arc::clone(&records));
            Some(records)
        })
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
