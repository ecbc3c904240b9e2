//! What moves between slots, rings, hands and the global queue.

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, MId, PId};
use gopark_trace::record::Record;
use gopark_trace::words::{Drive, Queue};

use super::Check;
use crate::world::World;

/// Goroutines that leave a full ring together.
const OVERFLOW: usize = 129;

impl World {
    pub(super) fn queue_event(&mut self, record: &Record, check: &mut Check) {
        let m = record.actor.m;
        match &record.event {
            Event::SlotKick { p, g, to } => {
                let slot = self.p(*p).and_then(|p| p.slot);
                check.expect(slot == Some(*g), "R14", || {
                    format!("{g} is kicked out of {p}, whose slot holds {slot:?}")
                });
                self.ensure_g(*g);
                self.expect_free(*to, check);
                self.move_to(*g, *to, m);
            }
            Event::RingOverflow { p, gs } => self.overflow(*p, gs, m, check),
            Event::RingPut { p, gs } => {
                for &g in gs {
                    self.expect_in_hand(g, m, check);
                    self.ensure_g(g);
                    self.expect_free(Queue::Ring(*p), check);
                    self.move_to(g, Queue::Ring(*p), m);
                }
            }
            Event::GlobalPut { gs, to } => {
                // A P that goes away gives its goroutines to the head, in their order.
                let head = *to == Queue::GlobalHead;
                let order: Vec<GId> =
                    if head { gs.iter().rev().copied().collect() } else { gs.clone() };
                for g in order {
                    if !head {
                        self.expect_in_hand(g, m, check);
                    }
                    self.ensure_g(g);
                    self.move_to(g, *to, m);
                }
            }
            Event::GlobalGet { p, gs, left, .. } => {
                let head = self.global.iter().take(gs.len());
                check.expect(head.clone().eq(gs), "R26", || {
                    let head: Vec<GId> = head.copied().collect();
                    format!("{p} takes {gs:?}, the queue begins with {head:?}")
                });
                for (i, &g) in gs.iter().enumerate() {
                    self.ensure_g(g);
                    let to = if i == 0 { Queue::Hand } else { Queue::Ring(*p) };
                    self.expect_free(to, check);
                    self.move_to(g, to, m);
                }
                let len = self.global.len() as u32;
                check.expect(len == *left, "R26", || {
                    format!("{left} should be left in the global queue, {len} are")
                });
            }
            Event::Steal { thief, victim, gs, .. } => self.steal(*thief, *victim, gs, m, check),
            Event::StealSlot { victim, g, .. } => {
                let slot = self.p(*victim).and_then(|p| p.slot);
                check.expect(slot == Some(*g), "R31", || {
                    format!("{g} is stolen from the slot of {victim}, which holds {slot:?}")
                });
                self.ensure_g(*g);
                self.move_to(*g, Queue::Hand, m);
            }
            _ => {}
        }
    }

    fn overflow(&mut self, p: PId, gs: &[GId], m: Option<MId>, check: &mut Check) {
        // A thief may take some of the half meanwhile; alone on one thread nobody can.
        let full = gs.len() == OVERFLOW || self.drive == Drive::Live;
        check.expect(full, "R12", || format!("{} leave the ring of {p}, not {OVERFLOW}", gs.len()));
        let Some((&last, oldest)) = gs.split_last() else { return };
        let head: Vec<GId> = self
            .p(p)
            .map_or_else(Vec::new, |p| p.ring.iter().take(oldest.len()).copied().collect());
        check.expect(head == oldest, "R12", || {
            format!("{oldest:?} leave the ring of {p}, whose oldest are {head:?}")
        });
        self.expect_in_hand(last, m, check);
        for &g in gs {
            self.ensure_g(g);
            self.move_to(g, Queue::Global, m);
        }
    }

    fn steal(&mut self, thief: PId, victim: PId, gs: &[GId], m: Option<MId>, check: &mut Check) {
        check.expect(thief != victim, "R28", || format!("{thief} steals from itself"));
        let Some((&last, kept)) = gs.split_last() else {
            check.expect(false, "R29", || format!("{thief} steals nothing"));
            return;
        };
        let ring: Vec<GId> =
            self.p(victim).map_or_else(Vec::new, |p| p.ring.iter().copied().collect());
        check.expect(ring.starts_with(gs), "R29", || {
            format!("{thief} steals {gs:?}, the ring of {victim} is {ring:?}")
        });
        if self.drive == Drive::Lab {
            let half = ring.len().div_ceil(2);
            check.expect(gs.len() == half, "R29", || {
                format!("{thief} steals {} of {}, not {half}", gs.len(), ring.len())
            });
        }
        for &g in kept {
            self.ensure_g(g);
            self.move_to(g, Queue::Ring(thief), m);
        }
        self.ensure_g(last);
        self.move_to(last, Queue::Hand, m);
    }
}
