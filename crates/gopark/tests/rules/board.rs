//! Where every goroutine, M and P is, as the events tell it.
//!
//! The board believes nothing: an event that takes something from where it is not fails the test.

use std::collections::{HashMap, VecDeque};

use gopark::trace::Event;
use gopark::trace::ids::{GId, MId, PId};
use gopark::trace::record::Record;
use gopark::trace::words::Queue;

/// The queues of one P.
#[derive(Debug, Default, Clone)]
pub(crate) struct Processor {
    pub(crate) slot: Option<GId>,
    pub(crate) ring: VecDeque<GId>,
    pub(crate) tick: u32,
    pub(crate) owner: Option<MId>,
}

/// The state between two events.
#[derive(Debug, Default)]
pub(crate) struct Board {
    pub(crate) ps: Vec<Processor>,
    pub(crate) global: VecDeque<GId>,
    /// Taken from one queue and not yet started or queued again, by M.
    pub(crate) hands: HashMap<MId, Vec<GId>>,
    pub(crate) running: HashMap<MId, GId>,
    /// The last was parked last.
    pub(crate) idle_ms: Vec<MId>,
    /// The last went idle last.
    pub(crate) idle_ps: Vec<PId>,
    pub(crate) spinning: u32,
}

impl Board {
    pub(crate) fn p(&self, p: PId) -> &Processor {
        &self.ps[p.0 as usize]
    }

    fn p_mut(&mut self, p: PId) -> &mut Processor {
        &mut self.ps[p.0 as usize]
    }

    /// Whether a goroutine waits in any queue.
    pub(crate) fn has_work(&self) -> bool {
        !self.global.is_empty() || self.ps.iter().any(|p| p.slot.is_some() || !p.ring.is_empty())
    }

    fn put(&mut self, g: GId, to: Queue, m: MId) {
        match to {
            Queue::Slot(p) => assert_eq!(self.p_mut(p).slot.replace(g), None, "one in a slot"),
            Queue::Ring(p) => self.p_mut(p).ring.push_back(g),
            Queue::Global => self.global.push_back(g),
            Queue::GlobalHead => self.global.push_front(g),
            Queue::Hand => self.hands.entry(m).or_default().push(g),
        }
    }

    fn take_from_hand(&mut self, g: GId, m: MId) {
        let hand = self.hands.entry(m).or_default();
        let at = hand.iter().position(|held| *held == g).expect("it is in hand");
        hand.remove(at);
    }

    fn stops(&mut self, g: GId, m: MId) {
        assert_eq!(self.running.remove(&m), Some(g), "it ran there");
    }

    /// What `record` makes of the board.
    pub(crate) fn apply(&mut self, record: &Record) {
        let m = record.actor.m.unwrap_or_default();
        match record.event.clone() {
            Event::RunStart { procs, .. } => self.ps = vec![Processor::default(); procs as usize],
            Event::GoCreate { g, to, .. } | Event::GoReady { g, to } => self.put(g, to, m),
            Event::SlotKick { p, g, to } => {
                assert_eq!(self.p_mut(p).slot.take(), Some(g), "it was in the slot");
                self.put(g, to, m);
            }
            Event::GoStart { g, from, tick } => self.start(g, from, tick, record),
            Event::GoPark { g, .. } | Event::GoExit { g, .. } => self.stops(g, m),
            Event::GoYield { g, to, .. } => {
                self.stops(g, m);
                self.put(g, to, m);
            }
            Event::GlobalGet { p, gs, left, .. } => {
                for (i, g) in gs.iter().enumerate() {
                    assert_eq!(self.global.pop_front(), Some(*g), "the oldest first");
                    self.put(*g, if i == 0 { Queue::Hand } else { Queue::Ring(p) }, m);
                }
                assert_eq!(self.global.len(), left as usize);
            }
            Event::RingOverflow { p, gs } => {
                let (last, oldest) = gs.split_last().expect("129 of them");
                for g in oldest {
                    assert_eq!(self.p_mut(p).ring.pop_front(), Some(*g), "the oldest first");
                }
                self.take_from_hand(*last, m);
                self.global.extend(gs);
            }
            Event::RingPut { p, gs } => {
                for g in gs {
                    self.take_from_hand(g, m);
                    self.put(g, Queue::Ring(p), m);
                }
            }
            Event::Steal { thief, victim, gs, .. } => self.steal(thief, victim, &gs, m),
            Event::StealSlot { victim, g, .. } => {
                assert_eq!(self.p_mut(victim).slot.take(), Some(g), "it was in the slot");
                self.put(g, Queue::Hand, m);
            }
            event => self.apply_to_threads(event, m),
        }
        assert!(self.ps.iter().all(|p| p.ring.len() <= 256), "a ring holds 256");
    }

    fn start(&mut self, g: GId, from: Queue, tick: u32, record: &Record) {
        let m = record.actor.m.unwrap_or_default();
        match from {
            Queue::Slot(p) => assert_eq!(self.p_mut(p).slot.take(), Some(g), "it was in the slot"),
            Queue::Ring(p) => {
                assert_eq!(self.p_mut(p).ring.pop_front(), Some(g), "the oldest first");
            }
            _ => self.take_from_hand(g, m),
        }
        assert_eq!(self.running.insert(m, g), None, "an M runs one");
        self.p_mut(record.actor.p.expect("it runs on a P")).tick = tick;
    }

    fn steal(&mut self, thief: PId, victim: PId, gs: &[GId], m: MId) {
        let (newest, others) = gs.split_last().expect("something was stolen");
        for g in gs {
            assert_eq!(self.p_mut(victim).ring.pop_front(), Some(*g), "the oldest first");
        }
        self.p_mut(thief).ring.extend(others);
        self.put(*newest, Queue::Hand, m);
    }

    fn apply_to_threads(&mut self, event: Event, m: MId) {
        match event {
            Event::MPark { m } => self.idle_ms.push(m),
            Event::MWake { m, spinning, .. } => {
                assert_eq!(self.idle_ms.pop(), Some(m), "the last that parked");
                self.spinning += u32::from(spinning);
            }
            Event::MStart { spinning, .. } => {
                assert!(self.idle_ms.is_empty(), "a thread is made only if none is idle");
                self.spinning += u32::from(spinning);
            }
            Event::MSpin { on, spinning, .. } => {
                self.spinning = if on { self.spinning + 1 } else { self.spinning - 1 };
                assert_eq!(self.spinning, spinning, "as many spin");
            }
            Event::PIdle { p } => {
                let processor = self.p_mut(p);
                assert!(processor.slot.is_none() && processor.ring.is_empty(), "it has no work");
                processor.owner = None;
                self.idle_ps.push(p);
            }
            Event::PGet { p } => {
                assert_eq!(self.idle_ps.pop(), Some(p), "the last that went idle");
            }
            Event::PAcquire { p } => {
                assert_eq!(self.p_mut(p).owner.replace(m), None, "one M has a P");
                assert!(self.ps.iter().filter(|p| p.owner == Some(m)).count() == 1);
            }
            _ => {}
        }
    }
}
