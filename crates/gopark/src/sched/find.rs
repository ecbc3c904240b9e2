//! What runs next: `findRunnable`, in Go's exact order.
//!
//! With a P:
//! 1. own due timers;
//! 2. every 61st tick the global queue;
//! 3. slot, ring;
//! 4. a batch of the global queue;
//! 5. ask the poller, without waiting;
//! 6. steal, four tries.
//!
//! Then, under the lock:
//! 7. the global queue once more, or a note that work was left;
//! 8. the P is given up.
//!
//! Without P:
//! 9. stop spinning, look at everything once more;
//! 10. wait in the poller, one M at a time;
//! 11. sleep.

use std::sync::atomic::Ordering;

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, Nanos, PId};
use gopark_trace::ring::{Stamp, Structure};
use gopark_trace::rule::Rule;
use gopark_trace::words::{GlobalWhy, Queue};

use super::wake::stamp_room;
use super::{Locked, Sched, emit};
use crate::g::Gp;
use crate::kernel::{stamp, stamp_g};
use crate::m::M;
use crate::p::P;
use crate::platform::{Gate, Platform};
use crate::runq::OVERFLOW;

/// Every how many ticks the global queue goes first.
const GLOBAL_EVERY: u32 = 61;
/// Tries of a thief over all Ps (`stealTries`).
const STEAL_TRIES: u8 = 4;
/// What a thief waits before it takes the slot of a running P.
const SLOT_PAUSE: Nanos = Nanos(3_000);
/// The most that is taken from the global queue at once (`len(p.runq) / 2`).
const GLOBAL_BATCH: u32 = OVERFLOW as u32;

/// A goroutine to run, and where it came from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// The goroutine; in the hand of the M.
    pub(crate) g: Gp,
    /// From where.
    pub(crate) from: Queue,
    /// The number its taking has in the order of the slot or ring.
    pub(crate) taken: Option<Stamp>,
}

impl Found {
    pub(super) fn in_hand(g: Gp) -> Self {
        Self { g, from: Queue::Hand, taken: None }
    }
}

/// What a round of stealing brought.
enum Stolen {
    /// Something to run.
    Work(Found),
    /// A timer was run, or the world is being stopped: look at everything again.
    RanTimer,
    /// Nothing.
    Nothing,
}

impl<Pl: Platform> Sched<Pl> {
    /// Finds a goroutine to run, sleeping as long as there is none. `None` when the run is over.
    pub(super) fn find_runnable(&self, m: &'static M) -> Option<Found> {
        loop {
            self.gate(m, Gate::Find);
            if self.is_ending() {
                return None;
            }
            if self.is_stopping() {
                self.gcstop_m(m);
                m.p.get()?;
                continue;
            }
            let p = m.p.get().expect("an M looks for work with a P");
            let mut poll_until = self.check_timers(m, p);
            let local = self
                .global_every_61(m, p)
                .or_else(|| self.runq_get(p))
                .or_else(|| self.global_batch(m, p, GlobalWhy::LocalEmpty));
            if local.is_some() {
                return local;
            }
            if let Some(found) = self.poll_before_stealing(m, p) {
                return Some(found);
            }
            if self.may_spin(m) {
                match self.steal_work(m, p, &mut poll_until) {
                    Stolen::Work(found) => return Some(found),
                    Stolen::RanTimer => continue,
                    Stolen::Nothing => {}
                }
            }
            self.gate(m, Gate::Release);
            match self.release_unless_work(m, p) {
                LastLook::Work(found) => return Some(found),
                LastLook::Again => continue,
                LastLook::Released => {}
            }
            let was_spinning = m.spinning.get();
            if was_spinning {
                match self.stop_spinning_and_recheck(m, &mut poll_until) {
                    LastLook::Work(found) => return Some(found),
                    LastLook::Again => continue,
                    LastLook::Released => {}
                }
            }
            self.shrink_some(m);
            match self.poll_blocking(m, poll_until, was_spinning) {
                LastLook::Work(found) => return Some(found),
                LastLook::Again => continue,
                LastLook::Released => self.stop_m(m),
            }
            m.p.get()?;
        }
    }

    /// Step 2: fairness for the global queue.
    fn global_every_61(&self, m: &M, p: &'static P) -> Option<Found> {
        if !p.tick().is_multiple_of(GLOBAL_EVERY) || self.global_len.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut locked = self.lock();
        let size = locked.global.len();
        let g = self.global_pop(&mut locked)?;
        emit!(
            self,
            m,
            None,
            [locked.stamp(), stamp_g(g)],
            Event::GlobalGet {
                p: p.id,
                gs: vec![g.gid()],
                why: GlobalWhy::Every61,
                left: size - 1
            },
            Rule::GlobalQueueEvery61 { tick: p.tick(), global: size }
        );
        Some(Found::in_hand(g))
    }

    /// Step 3: the slot, then the ring (`runqget`).
    pub(super) fn runq_get(&self, p: &'static P) -> Option<Found> {
        if let Some((g, number)) = p.slot.take() {
            let taken = stamp(Structure::Slot(p.id), number);
            return Some(Found { g, from: Queue::Slot(p.id), taken: Some(taken) });
        }
        let g = p.ring.pop()?;
        let taken = stamp(Structure::Ring(p.id), g.ring_pos.get());
        Some(Found { g, from: Queue::Ring(p.id), taken: Some(taken) })
    }

    /// Step 4: a share of the global queue.
    fn global_batch(&self, m: &M, p: &'static P, why: GlobalWhy) -> Option<Found> {
        if self.global_len.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut locked = self.lock();
        self.global_batch_locked(m, p, &mut locked, why)
    }

    /// `globrunqgetbatch`: size / GOMAXPROCS + 1, at most 128; the first to run, the rest to the
    /// own ring.
    fn global_batch_locked(
        &self,
        m: &M,
        p: &'static P,
        locked: &mut Locked,
        why: GlobalWhy,
    ) -> Option<Found> {
        let size = locked.global.len();
        let share = size / self.procs() as u32 + 1;
        let n = size.min(GLOBAL_BATCH).min(share);
        let first = self.global_pop(locked)?;
        let (mut ids, mut stamps) = m.lists();
        if m.recording.get() {
            ids.push(first.gid());
            stamps.extend([locked.stamp(), stamp_g(first), stamp_room(p)]);
        }
        for _ in 1..n {
            let g = self.global_pop(locked).expect("the queue has that many");
            if m.recording.get() {
                ids.push(g.gid());
                // Its number is drawn before a thief can see it in the ring.
                stamps.push(stamp_g(g));
            }
            let put = p.ring.push(g);
            debug_assert!(put, "the ring was empty and the batch is half of it");
        }
        if m.recording.get() {
            let rule = Rule::GlobalBatch { size, procs: self.procs() as u32, taken: n };
            let event = Event::GlobalGet { p: p.id, gs: ids, why, left: size - n };
            self.record_one(m, None, &stamps, &event, Some(&rule));
            if let Event::GlobalGet { gs, .. } = event {
                m.keep_lists(gs, stamps);
            }
        }
        Some(Found::in_hand(first))
    }

    fn global_pop(&self, locked: &mut Locked) -> Option<Gp> {
        let g = locked.global.pop_front();
        self.global_len.store(locked.global.len(), Ordering::Relaxed);
        g
    }

    /// Step 6's condition: already spinning, or few enough spin.
    fn may_spin(&self, m: &'static M) -> bool {
        if m.spinning.get() {
            return true;
        }
        let spinning = self.spinning.count();
        let busy = (self.procs() as u32).saturating_sub(self.idle_ps.load(Ordering::Relaxed));
        if 2 * spinning >= busy {
            return false;
        }
        self.become_spinning(m, Rule::MaySpin { spinning, busy });
        true
    }

    /// Step 6: `stealWork`.
    fn steal_work(&self, m: &'static M, p: &'static P, poll_until: &mut Option<Nanos>) -> Stolen {
        if self.procs() == 1 {
            return Stolen::Nothing;
        }
        let mut ran_timer = false;
        for attempt in 1..=STEAL_TRIES {
            let last = attempt == STEAL_TRIES;
            let order = StealOrder::draw(self.pl.random(m), self.procs() as u32);
            self.emit_steal_try(m, p, attempt, &order);
            for victim in order.positions().filter(|&v| v != p.id) {
                self.gate(m, Gate::Victim);
                if self.is_ending() {
                    return Stolen::Nothing;
                }
                if self.is_stopping() {
                    return Stolen::RanTimer;
                }
                let victim = self.p(victim);
                if last {
                    let (next, ran) = self.run_timers(m, victim);
                    *poll_until = earliest(*poll_until, next);
                    if ran {
                        if let Some(found) = self.runq_get(p) {
                            return Stolen::Work(found);
                        }
                        ran_timer = true;
                    }
                }
                if victim.idle.load(Ordering::Relaxed) {
                    continue;
                }
                if let Some(found) = self.runq_steal(m, p, victim, attempt) {
                    return Stolen::Work(found);
                }
            }
        }
        if ran_timer {
            return Stolen::RanTimer;
        }
        emit!(
            self,
            m,
            None,
            [],
            Event::StealNone { p: p.id, tries: STEAL_TRIES },
            Rule::NothingToSteal { tries: STEAL_TRIES }
        );
        Stolen::Nothing
    }

    fn emit_steal_try(&self, m: &M, p: &P, attempt: u8, order: &StealOrder) {
        emit!(
            self,
            m,
            None,
            [],
            Event::StealTry {
                p: p.id,
                attempt,
                order: order.positions().filter(|&v| v != p.id).collect(),
            },
            Rule::StealOrder { attempt, start: order.start, step: order.step, procs: order.count }
        );
    }

    /// `runqsteal`: half of the victim's ring, or in the last try its slot.
    fn runq_steal(&self, m: &M, p: &'static P, victim: &'static P, attempt: u8) -> Option<Found> {
        let of = victim.ring.len() as u32;
        let mut loot = victim.ring.grab(&m.loot, OVERFLOW);
        let Some(mut newest) = loot.next() else {
            return self.steal_slot(m, p, victim, attempt);
        };
        let first_pos = newest.ring_pos.get();
        let mut ids: Vec<GId> = Vec::new();
        let mut stamps: Vec<Stamp> = Vec::new();
        if m.recording.get() {
            stamps.push(stamp_room(p));
        }
        let mut note = |g: Gp| {
            if m.recording.get() {
                ids.push(g.gid());
                stamps.push(stamp_g(g));
            }
        };
        note(newest);
        let mut taken = 1;
        for g in loot {
            note(g);
            // Each goes into the own ring when the next one is known: the last stays in hand.
            let put = p.ring.push(newest);
            debug_assert!(put, "a thief's ring is empty");
            newest = g;
            taken += 1;
        }
        if m.recording.get() {
            stamps.push(Stamp {
                structure: Structure::Ring(victim.id),
                number: first_pos.into(),
                len: taken,
            });
            // The count was read before the grab; with thieves about it may be old. What was
            // taken says what the ring held, to one.
            let of = if of.div_ceil(2) == taken { of } else { 2 * taken };
            let event = Event::Steal { thief: p.id, victim: victim.id, attempt, of, gs: ids };
            let rule = Rule::StealHalf { of, taken };
            self.record(m, None, &stamps, &mut std::iter::once((event, Some(rule))));
        }
        Some(Found::in_hand(newest))
    }

    /// The slot, in the last try; after a pause if its owner is about to run it itself.
    fn steal_slot(&self, m: &M, p: &P, victim: &'static P, attempt: u8) -> Option<Found> {
        if attempt < STEAL_TRIES {
            return None;
        }
        let g = victim.slot.get()?;
        // Its owner is about to run it itself, unless that one is in a call.
        let waited = victim.owner().is_some_and(|owner| !owner.is_in_call());
        if waited {
            self.pl.pause(m, SLOT_PAUSE);
        }
        let number = victim.slot.steal(g)?;
        emit!(
            self,
            m,
            None,
            [stamp_g(g), stamp(Structure::Slot(victim.id), number)],
            Event::StealSlot { thief: p.id, victim: victim.id, g: g.gid() },
            Rule::StealSlotLast { attempt, waited }
        );
        Some(Found::in_hand(g))
    }

    /// Steps 7 and 8, under the lock.
    fn release_unless_work(&self, m: &'static M, p: &'static P) -> LastLook {
        let mut locked = self.lock();
        if self.is_stopping() {
            return LastLook::Again;
        }
        if let Some(found) = self.global_batch_locked(m, p, &mut locked, GlobalWhy::BeforeRelease) {
            return LastLook::Work(found);
        }
        if !m.spinning.get() && self.needspinning.load(Ordering::SeqCst) {
            drop(locked);
            self.become_spinning(m, Rule::NeedSpinningTaken {});
            return LastLook::Again;
        }
        self.release_p(m, p);
        self.pidle_put(m, &mut locked, p, Rule::GiveUpP {});
        LastLook::Released
    }

    /// Step 9: it counts itself out first, then looks at everything once more.
    fn stop_spinning_and_recheck(&self, m: &'static M, poll_until: &mut Option<Nanos>) -> LastLook {
        self.stop_spinning(m, |spinning| Rule::StopsSpinning { spinning });
        self.gate(m, Gate::Recheck);
        if self.global_len.load(Ordering::Relaxed) > 0 {
            let mut locked = self.lock();
            if !locked.global.is_empty()
                && let Some(p) = self.pidle_get_spinning(m, &mut locked)
            {
                let found = self.global_batch_locked(m, p, &mut locked, GlobalWhy::Recheck);
                drop(locked);
                self.acquire_p(m, p);
                self.become_spinning(m, Rule::SpinnerRechecks { found: p.id });
                return found.map_or(LastLook::Again, LastLook::Work);
            }
        }
        let busy = self.all_ps().find(|p| !p.idle.load(Ordering::Relaxed) && !p.is_empty());
        if let Some(busy) = busy {
            let mut locked = self.lock();
            if let Some(p) = self.pidle_get_spinning(m, &mut locked) {
                drop(locked);
                self.acquire_p(m, p);
                self.become_spinning(m, Rule::SpinnerRechecks { found: busy.id });
                return LastLook::Again;
            }
        }
        // `checkTimersNoP`: with no P of its own, it answers for everybody's timers.
        for p in self.all_ps() {
            *poll_until = earliest(*poll_until, p.timers.wake_time());
        }
        LastLook::Released
    }
}

/// What a last look before sleep brought.
pub(super) enum LastLook {
    /// Something to run, with a P.
    Work(Found),
    /// A P, and a reason to look at everything again.
    Again,
    /// Nothing; the P is gone.
    Released,
}

/// The earlier of two times that may be none.
pub(super) fn earliest(a: Option<Nanos>, b: Option<Nanos>) -> Option<Nanos> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// A pseudo-random order that visits each of `count` Ps once (`randomOrder`): a start and a step
/// that is coprime with the count.
struct StealOrder {
    start: u32,
    step: u32,
    count: u32,
}

impl StealOrder {
    fn draw(random: u32, count: u32) -> Self {
        let coprimes = (1..=count).filter(|&i| gcd(i, count) == 1);
        let n = coprimes.clone().count() as u32;
        let pick = random / count % n;
        let step = coprimes.clone().nth(pick as usize).unwrap_or(1);
        Self { start: random % count, step, count }
    }

    fn positions(&self) -> impl Iterator<Item = PId> + use<> {
        let (start, step, count) = (self.start, self.step, self.count);
        (0..count).map(move |i| PId((start + i * step) % count))
    }
}

fn gcd(mut a: u32, mut b: u32) -> u32 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r28_each_try_visits_every_p_exactly_once() {
        for count in 1..=67 {
            for random in (0..5_000).chain([u32::MAX, u32::MAX - 7]) {
                let mut seen: Vec<u32> =
                    StealOrder::draw(random, count).positions().map(|p| p.0).collect();
                seen.sort_unstable();
                assert_eq!(seen, (0..count).collect::<Vec<_>>(), "count {count}, random {random}");
            }
        }
    }
}
