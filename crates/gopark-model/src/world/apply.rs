//! One event further: which event is whose, and the run itself.
//!
//! Each arm first looks whether its event can be (`expect`), then does what the event says. In
//! reading order:
//! - [`goroutines`]: they are made, start, park, give way and end.
//! - [`queues`]: what moves between slots, rings, hands and the global queue.
//! - [`threads`]: what Ms do, and which P is whose.
//! - [`outside`]: system calls, the poller, timers.
//! - [`sync`]: channels, locks, WaitGroups.
//! - [`rest`]: condition variables, Onces, semaphores, pools, watched variables.
//! - [`select`]: who waits on several channels at once.

mod goroutines;

mod queues;

mod threads;

mod outside;

mod sync;

mod rest;
mod select;

use std::sync::Arc;

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, MId, Obj};
use gopark_trace::record::Record;
use gopark_trace::words::{GStatus, Queue};

use super::{Violation, World};
use crate::things::Place;

/// What a ring holds.
const RING: usize = 256;

/// What went wrong with one event.
struct Check {
    seq: u64,
    found: Vec<Violation>,
}

impl Check {
    /// Notes a violation of `rule` unless `holds`.
    fn expect(&mut self, holds: bool, rule: &'static str, text: impl FnOnce() -> String) {
        if !holds {
            self.found.push(Violation { rule, seq: self.seq, text: text() });
        }
    }
}

impl World {
    /// Takes the world one event further. Returns what should not have been.
    pub fn apply(&mut self, record: &Record) -> Vec<Violation> {
        let mut check = Check { seq: record.seq, found: Vec::new() };
        check.expect(record.time >= self.time, "R1", || {
            format!("time goes back from {} to {}", self.time, record.time)
        });
        self.time = self.time.max(record.time);
        self.seq += 1;
        self.event(record, &mut check);
        // While the state is unknown nothing can be said about it.
        if self.known { check.found } else { Vec::new() }
    }

    fn event(&mut self, record: &Record, check: &mut Check) {
        match &record.event {
            Event::RunStart { .. }
            | Event::Site { .. }
            | Event::Snapshot { .. }
            | Event::Gap { .. }
            | Event::RunEnd { .. }
            | Event::ObjName { .. } => self.run_event(&record.event),
            Event::GoCreate { .. }
            | Event::GoName { .. }
            | Event::GoReady { .. }
            | Event::GoStart { .. }
            | Event::GoPark { .. }
            | Event::GoYield { .. }
            | Event::GoPreempt { .. }
            | Event::GoExit { .. }
            | Event::CoSwitch { .. }
            | Event::Work { .. }
            | Event::WorkEnd { .. } => self.go_event(record, check),
            Event::SlotKick { .. }
            | Event::RingOverflow { .. }
            | Event::RingPut { .. }
            | Event::GlobalPut { .. }
            | Event::GlobalGet { .. }
            | Event::Steal { .. }
            | Event::StealSlot { .. } => self.queue_event(record, check),
            Event::MStart { .. }
            | Event::MPark { .. }
            | Event::MWake { .. }
            | Event::MExit { .. }
            | Event::MSpin { .. }
            | Event::NeedSpinning { .. }
            | Event::MHeld { .. }
            | Event::MResume { .. }
            | Event::EmergencyRun { .. }
            | Event::LockThread { .. }
            | Event::MWaitLocked { .. } => self.m_event(record, check),
            Event::PNew { .. }
            | Event::PDead { .. }
            | Event::PAcquire { .. }
            | Event::PIdle { .. }
            | Event::PGet { .. }
            | Event::PHandoff { .. }
            | Event::PRetake { .. }
            | Event::PLost { .. }
            | Event::PStop { .. }
            | Event::Gomaxprocs { .. } => self.p_event(record, check),
            Event::SysEnter { .. }
            | Event::SysExit { .. }
            | Event::PollStart { .. }
            | Event::PollEnd { .. }
            | Event::FdOpen { .. }
            | Event::FdReady { .. }
            | Event::FdClose { .. }
            | Event::TimerAdd { .. }
            | Event::TimerFire { .. }
            | Event::TimerStop { .. }
            | Event::TimerReset { .. }
            | Event::TimersMove { .. } => self.outside_event(record, check),
            Event::ChanMake { .. }
            | Event::ChanSend { .. }
            | Event::ChanRecv { .. }
            | Event::ChanClose { .. }
            | Event::LockGet { .. }
            | Event::LockQueue { .. }
            | Event::LockPut { .. }
            | Event::LockStarving { .. }
            | Event::WgAdd { .. }
            | Event::WgPass { .. } => self.sync_event(record, check),
            Event::CondTicket { .. }
            | Event::CondWake { .. }
            | Event::OnceUse { .. }
            | Event::SemChange { .. }
            | Event::PoolGet { .. }
            | Event::PoolPut { .. }
            | Event::CellRead { .. }
            | Event::CellWrite { .. } => self.rest_event(record, check),
            Event::SelectStart { .. } | Event::SelectPick { .. } => {
                self.select_event(record, check);
            }
            // The others say what was looked at or said; the state stays as it is.
            _ => {}
        }
    }

    fn run_event(&mut self, event: &Event) {
        match event {
            Event::RunStart { drive, seed, procs, program, .. } => {
                self.drive = *drive;
                self.seed = *seed;
                self.procs = *procs;
                self.program = Arc::from(&**program);
            }
            Event::Site { site, file, line, .. } => {
                Arc::make_mut(&mut self.sites).insert(*site, (Arc::from(&**file), *line));
            }
            Event::Snapshot { state } => self.load(state),
            Event::Gap { .. } => self.known = false,
            Event::RunEnd { how, text } => self.ended = Some((*how, Arc::from(&**text))),
            Event::ObjName { obj, name } => self.name(*obj, name),
            _ => {}
        }
    }

    fn name(&mut self, obj: Obj, name: &str) {
        let named = Some(name.to_owned());
        match obj {
            Obj::Chan(id) => self.chan_entry(id).name = named,
            Obj::Lock(id) => self.lock_entry(id).name = named,
            Obj::Wg(id) => self.wg_entry(id).name = named,
            Obj::Cond(id) => self.cond_entry(id).name = named,
            Obj::Once(id) => self.once_entry(id).name = named,
            Obj::Sem(id) => self.sem_entry(id).name = named,
            Obj::Pool(id) => self.pool_entry(id).name = named,
            Obj::Cell(id) => self.cell_entry(id).name = named,
            Obj::Go(g) => {
                if let Some(g) = self.gs.get_mut(g.0) {
                    g.name = named;
                }
                // A goroutine's name ends with it; other things may come back after a snapshot.
                return;
            }
            _ => {}
        }
        Arc::make_mut(&mut self.names).insert(obj, Arc::from(name));
    }

    // ---- what must hold ----

    /// A slot must be empty before somebody comes, a ring must have room.
    fn expect_free(&self, to: Queue, check: &mut Check) {
        match to {
            Queue::Slot(p) => {
                let old = self.p(p).and_then(|p| p.slot);
                check
                    .expect(old.is_none(), "R4", || format!("the slot of {p} still holds {old:?}"));
            }
            Queue::Ring(p) => {
                let len = self.p(p).map_or(0, |p| p.ring.len());
                check.expect(len < RING, "R4", || format!("the ring of {p} holds {len} already"));
            }
            _ => {}
        }
    }

    /// Who acts must run on the acting M.
    fn expect_running(&self, g: GId, m: Option<MId>, check: &mut Check) {
        let place = self.g(g).map(|x| x.place);
        let runs = m.is_some_and(|m| place == Some(Place::Running(m)));
        check.expect(runs, "R1", || format!("{g} acts on {m:?} but is {place:?}"));
    }

    /// Who is put somewhere from a hand must be in it.
    fn expect_in_hand(&self, g: GId, m: Option<MId>, check: &mut Check) {
        let place = self.g(g).map(|x| x.place);
        let held = m.is_some_and(|m| place == Some(Place::Hand(m)));
        check.expect(held, "R2", || format!("{g} should be in the hand of {m:?} but is {place:?}"));
    }

    /// A goroutine must have this status.
    fn expect_status(&self, g: GId, status: GStatus, what: &str, check: &mut Check) {
        let is = self.g(g).map_or(GStatus::Dead, |x| x.status);
        check.expect(is == status, "R1", || format!("{g} {what} but is {is}, not {status}"));
    }
}
