//! Channels, locks, WaitGroups.

use std::collections::VecDeque;

use gopark_trace::event::Event;
use gopark_trace::ids::{ChanId, LockId, Obj, WgId};
use gopark_trace::record::Record;
use gopark_trace::words::{LockHow, LockMode};

use super::Check;
use crate::things::{Channel, Lock, WaitGroup};
use crate::world::{World, remove};

impl World {
    pub(super) fn sync_event(&mut self, record: &Record, check: &mut Check) {
        match &record.event {
            Event::ChanMake { chan, cap } => self.chan_entry(*chan).cap = *cap,
            Event::ChanSend { chan, len, to, .. } => {
                let chan = self.chan_entry(*chan);
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
                }
            }
            Event::ChanRecv { chan, len, from, .. } => {
                let chan = self.chan_entry(*chan);
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
                }
            }
            Event::ChanClose { chan, receivers, senders } => {
                let chan = self.chan_entry(*chan);
                check.expect(!chan.closed, "R89", || format!("{} is closed twice", chan.id));
                let all = chan.recvq.iter().eq(receivers) && chan.sendq.iter().eq(senders);
                check.expect(all, "R85", || format!("{} lets go others than wait", chan.id));
                chan.closed = true;
                chan.recvq.clear();
                chan.sendq.clear();
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
                        lock.owner = g;
                    }
                    LockMode::Read => lock.readers = lock.readers.saturating_add(1),
                }
            }
            Event::LockQueue { lock, front, .. } => {
                self.lock_entry(*lock);
                if *front {
                    self.front.extend(record.actor.g);
                }
            }
            Event::LockPut { lock, mode, woke, .. } => {
                let lock = self.lock_entry(*lock);
                match mode {
                    LockMode::Write => lock.owner = None,
                    LockMode::Read => lock.readers = lock.readers.saturating_sub(1),
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
            let lock = Lock { id, name, owner: None, readers: 0, waiters, starving: false };
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
