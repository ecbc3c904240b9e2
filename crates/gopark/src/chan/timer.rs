//! The channel of a timer (`sendTime`, `timerchandrain`): it holds one value at most, and looks empty.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use gopark_trace::event::Event;
use gopark_trace::ids::Nanos;
use gopark_trace::rule::Rule;
use gopark_trace::words::{RecvHow, SendHow};

use super::Receiver;
use super::call::Call;
use super::hchan::{Chan, Way};
use crate::g::Gp;
use crate::timers::{Action, Timer, TimerChan};

/// Makes a timer that is not set and sends the time on the channel.
pub(crate) fn timer_chan() -> (Arc<Timer>, Receiver<Duration>) {
    let mut made = None;
    let chan = Chan::with_timer(1, |me| {
        let chan: Weak<dyn TimerChan> = Weak::<Chan<Duration>>::clone(me);
        let timer = made.insert(Timer::new(Action::Chan(chan)));
        Some(Arc::clone(timer))
    });
    (made.expect("made with the channel"), Receiver { chan: Some(chan) })
}

impl TimerChan for Chan<Duration> {
    fn send_time(&self, seq: u64, when: Nanos, late: Option<Nanos>) -> Option<Gp> {
        let (mut call, mut state) = self.lock(Call::inside());
        let timer = self.timer.as_ref().expect("only a timer sends the time");
        let held = timer.lock();
        if held.period == Nanos(0) {
            timer.sending.fetch_sub(1, Ordering::SeqCst);
        }
        if held.seq != seq {
            // It was stopped or set anew meanwhile.
            return None;
        }
        drop(held);
        let time = Duration::from_nanos(when.0);
        let chan = state.id();
        match (self.way_to_send(&mut call, &mut state)?, late) {
            // Nobody is blocked here, whoever looks takes it from the buffer.
            (Way::Buffer, Some(late)) => {
                state.buffer.push_back(time);
                let len = self.count(&state);
                let sent = Event::ChanSend { chan, len, how: SendHow::Buffered, to: None };
                call.tell(&mut state, sent, Some(Rule::TimerAtLook { late }));
                None
            }
            (way, _) => self.send_by(&mut call, &mut state, way, time).ok().flatten(),
        }
    }

    fn change(&self, change: &mut dyn FnMut()) -> bool {
        let (mut call, mut state) = self.lock(Call::inside());
        change();
        let stale = state.buffer.pop_front().is_some();
        if stale {
            let (chan, len) = (state.id(), self.count(&state));
            let taken = Event::ChanRecv { chan, len, how: RecvHow::Buffered, from: None };
            call.tell(&mut state, taken, Some(Rule::StaleTaken {}));
        }
        stale
    }
}
