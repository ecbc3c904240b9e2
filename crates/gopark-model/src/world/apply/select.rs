//! Selects: who waits on several channels at once, and which case is taken.
//!
//! A select starts with all its channels locked, so what can go on at that moment is known. One that
//! parks stands in the queue of each of its channels; it leaves all of them with the event that wins
//! it, which is the sender's, the receiver's or the closer's.

use std::collections::BTreeSet;

use gopark_trace::event::Event;
use gopark_trace::ids::{ChanId, GId};
use gopark_trace::record::Record;
use gopark_trace::rule::Rule;
use gopark_trace::words::Drive;

use super::Check;
use crate::things::{Select, SelectCase};
use crate::world::World;

impl World {
    pub(super) fn select_event(&mut self, record: &Record, check: &mut Check) {
        let Some(g) = record.actor.g else { return };
        self.expect_running(g, record.actor.m, check);
        match &record.event {
            Event::SelectStart { cases, sends, order, default } => {
                let sends: BTreeSet<usize> = sends.iter().map(|&i| i as usize).collect();
                let cases = cases.iter().enumerate();
                let cases: Vec<_> =
                    cases.map(|(i, &chan)| self.select_case(chan, sends.contains(&i))).collect();
                let tried: BTreeSet<usize> = order.iter().map(|&i| i as usize).collect();
                let numbers = cases.iter().enumerate().filter(|(_, case)| case.chan.is_some());
                let all = tried.len() == order.len() && numbers.map(|(i, _)| i).eq(tried);
                check.expect(all, "R88", || {
                    format!("{g} tries cases {order:?}, not each that is not nil, once")
                });
                let select = Select { cases, order: order.clone(), default: *default, won: None };
                self.set_select(g, Some(select));
            }
            Event::SelectPick { case, waited } => {
                let Some(select) = self.gs.get_mut(g.0).and_then(|x| x.select.take()) else {
                    return;
                };
                if select.is_told() {
                    let lab = self.drive == Drive::Lab;
                    let rule = record.rule.as_ref().filter(|_| lab);
                    expect_right(g, &select, *case as usize, *waited, rule, check);
                }
            }
            _ => {}
        }
    }

    /// A case, and whether it could go on now. Channel 0 is nil.
    fn select_case(&mut self, chan: ChanId, sends: bool) -> SelectCase {
        if chan == ChanId(0) {
            return SelectCase { chan: None, sends, ready: false };
        }
        let x = self.chan_entry(chan);
        let ready = x.closed
            || if sends {
                !x.recvq.is_empty() || x.len < x.cap
            } else {
                !x.sendq.is_empty() || x.len > 0
            };
        SelectCase { chan: Some(chan), sends, ready }
    }

    pub(in crate::world) fn set_select(&mut self, g: GId, select: Option<Select>) {
        if let Some(x) = self.gs.get_mut(g.0) {
            x.select = select.map(Box::new);
        }
    }

    /// A goroutine parks in a select: it waits on every channel of it.
    pub(super) fn select_parks(&mut self, g: GId, check: &mut Check) {
        let Some(select) = self.g(g).and_then(|x| x.select.clone()) else { return };
        let ready = select.cases.iter().position(|case| case.ready);
        check.expect(ready.is_none() && !select.default, "R87", || {
            format!("{g} parks in a select of which case {ready:?} could go on")
        });
        for case in &select.cases {
            let Some(chan) = case.chan else { continue };
            let chan = self.chan_entry(chan);
            let queue = if case.sends { &mut chan.sendq } else { &mut chan.recvq };
            queue.push_back(g);
        }
    }

    /// Somebody lets `g` go on, through this side of a channel: if it waits in a select, that is won.
    pub(super) fn win(&mut self, g: GId, chan: ChanId, sends: bool) {
        let Some(x) = self.gs.get_mut(g.0) else { return };
        if let Some(select) = &mut x.select {
            select.won = Some((chan, sends));
            self.leave_select(g);
        }
    }

    /// Takes a goroutine off the queues of all channels of its select.
    pub(in crate::world) fn leave_select(&mut self, g: GId) {
        let Some(select) = self.g(g).and_then(|x| x.select.as_ref()) else { return };
        let chans: Vec<ChanId> = select.cases.iter().filter_map(|case| case.chan).collect();
        for chan in chans {
            if let Some(chan) = self.chans.get_mut(chan.0.into()) {
                chan.recvq.retain(|&x| x != g);
                chan.sendq.retain(|&x| x != g);
            }
        }
    }

    /// Who a close lets go: all receivers, then all senders, each goroutine once.
    pub(super) fn let_go_by_close(&self, chan: ChanId) -> (Vec<GId>, Vec<GId>) {
        let Some(chan) = self.chan(chan) else { return (Vec::new(), Vec::new()) };
        let mut seen = BTreeSet::new();
        let receivers = chan.recvq.iter().copied().filter(|&g| seen.insert(g)).collect();
        let senders = chan.sendq.iter().copied().filter(|&g| seen.insert(g)).collect();
        (receivers, senders)
    }

    /// What a snapshot says of selects: where those who are in one wait.
    pub(in crate::world) fn load_selects(&mut self) {
        let mut found: Vec<(GId, SelectCase)> = Vec::new();
        for chan in self.chans() {
            for (queue, sends) in [(&chan.recvq, false), (&chan.sendq, true)] {
                let case = SelectCase { chan: Some(chan.id), sends, ready: false };
                found.extend(queue.iter().map(|&g| (g, case)));
            }
        }
        for (g, case) in found {
            let Some(x) = self.gs.get_mut(g.0).filter(|x| x.on.is_none()) else { continue };
            x.select.get_or_insert_default().cases.push(case);
        }
    }
}

/// Whether a select may take this case.
fn expect_right(
    g: GId,
    select: &Select,
    case: usize,
    waited: bool,
    rule: Option<&Rule>,
    check: &mut Check,
) {
    let ready = |i: &u32| select.cases.get(*i as usize).is_some_and(|case| case.ready);
    let first = select.order.iter().copied().find(ready).map(|i| i as usize);
    if waited {
        let of = select.cases.get(case).and_then(|case| Some((case.chan?, case.sends)));
        check.expect(of.is_some() && of == select.won, "R86", || {
            format!("{g} takes case {case}, but {:?} was won", select.won)
        });
    } else if case == select.cases.len() {
        check.expect(select.default && first.is_none(), "R87", || {
            format!(
                "{g} takes the default (there is one: {}), with {first:?} ready",
                select.default
            )
        });
    } else {
        check.expect(first == Some(case), "R87", || {
            format!("{g} takes case {case}; the first that was ready is {first:?}")
        });
        if let Some(Rule::SelectUniform { ready: told }) = rule {
            let ready = select.order.iter().filter(|i| ready(i)).count();
            check.expect(ready == *told as usize, "R87", || {
                format!("{g} says that {told} cases are ready, {ready} are")
            });
        }
    }
}
