//! What timers do beyond their heaps: R73, R77–R79, R105.

use gopark_trace::event::Event;
use gopark_trace::ids::{Nanos, PId, TimerId};
use gopark_trace::record::Record;
use gopark_trace::rule::Rule;
use gopark_trace::words::{EndKind, TimerKind};

use super::Validator;

impl Validator {
    /// What an event says against the world before it.
    pub(super) fn timers(&mut self, record: &Record) {
        self.function_starts(record);
        let ticked = record.actor.m.and_then(|m| self.doing(m)).and_then(|m| m.ticked.take());
        match &record.event {
            Event::TimerAdd { timer, p, when, kind, g } => {
                self.comes_to_heap(record, *timer, *p);
                if let Some(Rule::TickerNext { period, .. }) = record.rule {
                    return self.ticks_again(record, ticked, *timer, *when, period);
                }
                let of_chan = matches!(kind, TimerKind::Channel | TimerKind::Ticker);
                self.expect(!of_chan || g.is_some(), "R77", record.seq, || {
                    format!("{timer} goes to a heap, and nobody is blocked on its channel")
                });
            }
            Event::TimerFire { timer, .. } => {
                let set = self.world.timer(*timer).copied();
                let runs = set.is_some_and(|t| t.kind == TimerKind::AfterFunc);
                if let Some(doing) = record.actor.m.and_then(|m| self.doing(m)) {
                    doing.ticked = set.map(|t| (t.id, t.when));
                    doing.owes_go = runs.then_some(*timer);
                }
            }
            Event::RunEnd { how: EndKind::Deadlock, .. } => {
                let set = self.world.timers().next().map(|t| t.id);
                self.expect(set.is_none(), "R105", record.seq, || {
                    format!("the run is said to be dead while {} is set", set.unwrap_or_default())
                });
            }
            _ => {}
        }
    }

    /// R73: a timer goes to the heap of the P that sets it, unless it is on one still.
    fn comes_to_heap(&mut self, record: &Record, timer: TimerId, p: PId) {
        let stays = match record.rule {
            Some(Rule::StaysOnHeap { p: on }) => on == p,
            Some(Rule::TickerNext { .. }) => true,
            _ => record.actor.p == Some(p),
        };
        self.expect(stays, "R73", record.seq, || {
            format!("{:?} sets {timer}, which goes to the heap of {p}", record.actor.p)
        });
    }

    /// R78: so many periods later that it is not overdue, and no more.
    fn ticks_again(
        &mut self,
        record: &Record,
        ticked: Option<(TimerId, Nanos)>,
        timer: TimerId,
        when: Nanos,
        period: Nanos,
    ) {
        let Some((fired, due)) = ticked.filter(|(fired, _)| *fired == timer) else {
            return self.expect(false, "R78", record.seq, || {
                format!("{timer} ticks again and has not fired: {ticked:?}")
            });
        };
        let whole = period != Nanos(0) && when.minus(due).0.is_multiple_of(period.0.max(1));
        let last = Nanos(u64::MAX - 1);
        self.expect(when > due && (whole || when == last), "R78", record.seq, || {
            format!("{fired} was due at {due} and is due again at {when}, every {period}")
        });
        // The clock was read before this was told, in live some time before.
        let skipped = when.minus(period) > record.time;
        let behind = self.lab() && when <= record.time;
        self.expect(!(skipped || behind) || when == last, "R78", record.seq, || {
            format!("{fired} fires at {} and ticks next at {when}, every {period}", record.time)
        });
    }

    /// R79: what an AfterFunc runs, runs in a new goroutine.
    fn function_starts(&mut self, record: &Record) {
        let aside = matches!(record.event, Event::SlotKick { .. } | Event::GoName { .. });
        let Some(doing) = record.actor.m.and_then(|m| self.doing(m)).filter(|_| !aside) else {
            return;
        };
        let Some(timer) = doing.owes_go.take() else { return };
        let made = matches!(record.event, Event::GoCreate { parent: None, .. });
        self.expect(made, "R79", record.seq, || {
            format!("{timer} has fired, and no goroutine is made for what it runs")
        });
    }
}
