//! Condition variables, Onces, semaphores, pools, watched variables.

use std::collections::VecDeque;

use gopark_trace::event::Event;
use gopark_trace::ids::{CellId, CondId, GId, Obj, OnceId, PoolId, SemId};
use gopark_trace::record::Record;

use super::Check;
use crate::things::{Cell, Cond, Once, Pool, Semaphore};
use crate::world::{World, remove};

impl World {
    pub(super) fn rest_event(&mut self, record: &Record, check: &mut Check) {
        let g = record.actor.g;
        match &record.event {
            Event::CondTicket { cond, .. } => {
                let Some(g) = g else { return };
                self.called.remove(&g);
                let cond = self.cond_entry(*cond);
                remove(&mut cond.tickets, g);
                cond.tickets.push_back(g);
            }
            Event::CondWake { cond, all, woke } => self.cond_wakes(*cond, *all, woke, check),
            Event::OnceUse { once, first, done } => {
                let once = self.once_entry(*once);
                let runner = once.runner;
                match (first, done) {
                    (true, false) => {
                        check.expect(runner.is_none() && !once.done, "R99", || {
                            format!("{g:?} runs the function of {} once more", once.id)
                        });
                        once.runner = g;
                    }
                    (true, true) => {
                        check.expect(runner.is_none() || runner == g, "R99", || {
                            format!("{g:?} has done {}, which {runner:?} runs", once.id)
                        });
                        (once.runner, once.done) = (None, true);
                    }
                    (false, _) => {
                        check.expect(runner.is_none(), "R99", || {
                            format!("{g:?} passes {} while {runner:?} runs its function", once.id)
                        });
                        once.done |= *done;
                    }
                }
            }
            Event::SemChange { sem, count, woke, .. } => {
                let sem = self.sem_entry(*sem);
                sem.free = *count;
                woke.iter().for_each(|&g| remove(&mut sem.waiters, g));
            }
            Event::PoolGet { pool, hit, .. } => {
                let pool = self.pool_entry(*pool);
                pool.kept = pool.kept.saturating_sub((*hit).into());
            }
            Event::PoolPut { pool } => {
                let pool = self.pool_entry(*pool);
                pool.kept = pool.kept.saturating_add(1);
            }
            Event::CellRead { cell, value } => self.cell_entry(*cell).value = *value,
            Event::CellWrite { cell, value } => {
                let cell = self.cell_entry(*cell);
                (cell.value, cell.writer) = (*value, g);
            }
            _ => {}
        }
    }

    /// R97: a signal is for the oldest ticket, a broadcast for all who are parked, in their order.
    fn cond_wakes(&mut self, id: CondId, all: bool, woke: &[GId], check: &mut Check) {
        let joined = self.joined;
        let cond = self.cond_entry(id);
        let oldest = cond.tickets.front().copied();
        let parked = oldest.filter(|g| cond.waiters.contains(g));
        let right = if all { cond.waiters.iter().eq(woke) } else { woke.iter().eq(parked.iter()) };
        check.expect(right || joined, "R97", || {
            format!("{id} wakes {woke:?}, the oldest ticket has {oldest:?} (parked: {parked:?})")
        });
        let called = if all { cond.tickets.len() } else { usize::from(oldest.is_some()) };
        let early: Vec<GId> = cond.tickets.drain(..called).filter(|g| !woke.contains(g)).collect();
        for &g in woke {
            remove(&mut cond.waiters, g);
            remove(&mut cond.tickets, g);
        }
        self.called.extend(early.into_iter().map(|g| (g, id)));
    }

    /// R97: whose ticket was called does not park any more.
    pub(super) fn parks_with_ticket(&mut self, g: GId, on: Option<Obj>, check: &mut Check) {
        let called = self.called.remove(&g);
        let Some(Obj::Cond(id)) = on else { return };
        check.expect(called != Some(id), "R97", || {
            format!("{g} parks on {id} although its ticket was called")
        });
        let cond = self.cond_entry(id);
        if !cond.tickets.contains(&g) {
            // It had its ticket before anybody we have seen take one.
            cond.tickets.push_front(g);
        }
    }

    pub(in crate::world) fn cond_entry(&mut self, id: CondId) -> &mut Cond {
        let n = id.0.into();
        if self.conds.get(n).is_none() {
            let name = self.told_name(Obj::Cond(id));
            let (tickets, waiters) = (VecDeque::new(), VecDeque::new());
            self.conds.insert(n, Cond { id, name, tickets, waiters });
        }
        self.conds.get_mut(n).expect("just put there")
    }

    pub(super) fn once_entry(&mut self, id: OnceId) -> &mut Once {
        let n = id.0.into();
        if self.onces.get(n).is_none() {
            let name = self.told_name(Obj::Once(id));
            self.onces.insert(n, Once { id, name, runner: None, done: false });
        }
        self.onces.get_mut(n).expect("just put there")
    }

    pub(in crate::world) fn sem_entry(&mut self, id: SemId) -> &mut Semaphore {
        let n = id.0.into();
        if self.sems.get(n).is_none() {
            let name = self.told_name(Obj::Sem(id));
            self.sems.insert(n, Semaphore { id, name, free: 0, waiters: VecDeque::new() });
        }
        self.sems.get_mut(n).expect("just put there")
    }

    pub(super) fn pool_entry(&mut self, id: PoolId) -> &mut Pool {
        let n = id.0.into();
        if self.pools.get(n).is_none() {
            let name = self.told_name(Obj::Pool(id));
            self.pools.insert(n, Pool { id, name, kept: 0 });
        }
        self.pools.get_mut(n).expect("just put there")
    }

    pub(super) fn cell_entry(&mut self, id: CellId) -> &mut Cell {
        let n = id.0.into();
        if self.cells.get(n).is_none() {
            let name = self.told_name(Obj::Cell(id));
            self.cells.insert(n, Cell { id, name, value: 0, writer: None });
        }
        self.cells.get_mut(n).expect("just put there")
    }
}
