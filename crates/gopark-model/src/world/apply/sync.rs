//! Channels, locks, WaitGroups.

use std::collections::VecDeque;

use gopark_trace::event::Event;
use gopark_trace::ids::{ChanId, GId, LockId, Obj, WgId};
use gopark_trace::record::Record;
use gopark_trace::words::{LockHow, LockMode, WaitReason};

use super::Check;
use crate::things::{Channel, Lock, WaitGroup};
use crate::world::{World, remove};

impl World {
    pub(super) fn sync_event(&mut self, record: &Record, check: &mut Check) {
        match &record.event {
            Event::ChanMake { chan, cap } => self.chan_entry(*chan).cap = *cap,
            Event::ChanSend { chan: id, len, to, .. } => {
                let chan = self.chan_entry(*id);
                check.expect(*len <= chan.cap, "R82", || {
                    format!("{} holds {len} of {}", chan.id, chan.cap)
                });
                chan.len = *len;
                if let Some(to) = to {
                    let first = chan.recvq.front().copied();
                    check.expect(first == Some(*to), "R84", || {
                        format!("{to} is served, {first:?} came first")
                    });
                    remove(&mut chan.recvq, *to);
                    self.win(*to, *id, false);
                }
            }
            Event::ChanRecv { chan: id, len, from, .. } => {
                let chan = self.chan_entry(*id);
                check.expect(*len <= chan.cap, "R83", || {
                    format!("{} holds {len} of {}", chan.id, chan.cap)
                });
                chan.len = *len;
                if let Some(from) = from {
                    let first = chan.sendq.front().copied();
                    check.expect(first == Some(*from), "R84", || {
                        format!("{from} is served, {first:?} came first")
                    });
                    remove(&mut chan.sendq, *from);
                    self.win(*from, *id, true);
                }
            }
            Event::ChanClose { chan: id, receivers, senders } => {
                let (first, then) = self.let_go_by_close(*id);
                let all = first == *receivers && then == *senders;
                check.expect(all, "R85", || format!("{id} lets go others than wait"));
                let chan = self.chan_entry(*id);
                check.expect(!chan.closed, "R89", || format!("{id} is closed twice"));
                chan.closed = true;
                chan.recvq.clear();
                chan.sendq.clear();
                receivers.iter().for_each(|&g| self.win(g, *id, false));
                senders.iter().for_each(|&g| self.win(g, *id, true));
            }
            Event::LockGet { lock, mode, how, .. } => {
                let g = record.actor.g;
                let lock = self.lock_entry(*lock);
                match mode {
                    LockMode::Write => {
                        let owner = lock.owner;
                        let free = owner.is_none() || *how == LockHow::HandedOver;
                        check.expect(free, "R90", || {
                            format!("{} is got by {g:?}, {owner:?} has it", lock.id)
                        });
                        let readers = lock.readers;
                        check.expect(readers == 0, "R94", || {
                            format!("{} is got by {g:?}, {readers} readers have it", lock.id)
                        });
                        lock.owner = g;
                        lock.pending = None;
                    }
                    LockMode::Read => {
                        let owner = lock.owner;
                        check.expect(owner.is_none(), "R94", || {
                            format!("{} is got by the reader {g:?}, {owner:?} has it", lock.id)
                        });
                        let pending = lock.pending.filter(|_| *how != LockHow::Woken);
                        check.expect(pending.is_none(), "R94", || {
                            format!("{} is got by the reader {g:?} before {pending:?}", lock.id)
                        });
                        lock.readers = lock.readers.saturating_add(1);
                        lock.shared = true;
                    }
                }
            }
            Event::LockQueue { lock, mode, front, .. } => {
                let lock = self.lock_entry(*lock);
                lock.shared |= *mode == LockMode::Read;
                // A writer that queues with the readers has announced itself to them.
                if *mode == LockMode::Write && lock.shared {
                    lock.pending = record.actor.g;
                }
                if *front {
                    self.front.extend(record.actor.g);
                }
            }
            Event::LockPut { lock, mode, woke, .. } => {
                let lock = self.lock_entry(*lock);
                match mode {
                    LockMode::Write => lock.owner = None,
                    LockMode::Read => {
                        let right = woke.is_none_or(|g| lock.pending.is_none_or(|p| p == g));
                        check.expect(right, "R94", || {
                            format!("{}: {woke:?} is let in, {:?} waits", lock.id, lock.pending)
                        });
                        lock.readers = lock.readers.saturating_sub(1);
                        lock.shared = true;
                    }
                }
                woke.iter().for_each(|&g| remove(&mut lock.waiters, g));
            }
            Event::LockStarving { lock, on, .. } => self.lock_entry(*lock).starving = *on,
            Event::WgAdd { wg, delta, counter, woke } => {
                let wg = self.wg_entry(*wg);
                let expected = wg.counter.saturating_add(*delta);
                check.expect(expected == *counter, "R95", || {
                    format!("{} goes from {} by {delta} to {counter}", wg.id, wg.counter)
                });
                wg.counter = *counter;
                let all = woke.is_empty() || wg.waiters.iter().eq(woke);
                check.expect(all, "R95", || format!("{} lets go others than wait", wg.id));
                woke.iter().for_each(|&g| remove(&mut wg.waiters, g));
            }
            Event::WgPass { wg } => {
                let wg = self.wg_entry(*wg);
                check.expect(wg.counter == 0, "R95", || {
                    format!("{} is passed at {}", wg.id, wg.counter)
                });
            }
            _ => {}
        }
    }

    /// R94: of the readers that wait for a writer to leave, the first is let in first.
    pub(super) fn expect_first_reader(&self, g: GId, check: &mut Check) {
        if self.joined {
            return;
        }
        let reads = |g: GId| self.g(g).is_some_and(|x| x.wait == Some(WaitReason::RwMutexRLock));
        let Some(Obj::Lock(id)) = self.g(g).and_then(|x| x.on).filter(|_| reads(g)) else { return };
        let first = self.lock(id).and_then(|l| l.waiters.iter().copied().find(|&w| reads(w)));
        check.expect(first == Some(g), "R94", || {
            format!("the reader {g} is let in to {id}, {first:?} came first")
        });
    }

    pub(super) fn chan_entry(&mut self, id: ChanId) -> &mut Channel {
        let n = id.0.into();
        if self.chans.get(n).is_none() {
            let name = self.told_name(Obj::Chan(id));
            let (recvq, sendq) = (VecDeque::new(), VecDeque::new());
            let chan = Channel { id, name, cap: 0, len: 0, closed: false, recvq, sendq };
            self.chans.insert(n, chan);
        }
        self.chans.get_mut(n).expect("just put there")
    }

    pub(super) fn lock_entry(&mut self, id: LockId) -> &mut Lock {
        let n = id.0.into();
        if self.locks.get(n).is_none() {
            let name = self.told_name(Obj::Lock(id));
            let waiters = VecDeque::new();
            let lock = Lock {
                id,
                name,
                owner: None,
                readers: 0,
                pending: None,
                shared: false,
                waiters,
                starving: false,
            };
            self.locks.insert(n, lock);
        }
        self.locks.get_mut(n).expect("just put there")
    }

    pub(super) fn wg_entry(&mut self, id: WgId) -> &mut WaitGroup {
        let n = id.0.into();
        if self.wgs.get(n).is_none() {
            let name = self.told_name(Obj::Wg(id));
            self.wgs.insert(n, WaitGroup { id, name, counter: 0, waiters: VecDeque::new() });
        }
        self.wgs.get_mut(n).expect("just put there")
    }

    /// The name a thing was given before it, or before a snapshot that left it out.
    pub(in crate::world) fn told_name(&self, obj: Obj) -> Option<String> {
        self.names.get(&obj).map(|name| name.to_string())
    }
}
