//! Random runs that keep every rule.
#![allow(dead_code, reason = "each test uses its part")]

use gopark_model::{MStatus, Machine};
use gopark_trace::{ChanId, Event, GId, GStatus, MId, Obj, Record, WaitReason};

use crate::dice::Dice;
use crate::script::Script;

/// The run of a program with no sense, over as many Ps and at least so many events.
pub(crate) fn walk(seed: u64, procs: u32, events: usize) -> Script {
    let mut walk = Walk { s: Script::lab(procs), dice: Dice::new(seed), made: 1 };
    let chan = ChanId(1);
    walk.s.event(Event::ChanMake { chan, cap: 0 });
    walk.s.event(Event::ObjName { obj: Obj::Chan(chan), name: "jobs".to_owned() });
    while walk.s.records.len() < events && walk.step() {}
    walk.s
}

/// Its events alone.
pub(crate) fn records(seed: u64, procs: u32, events: usize) -> Vec<Record> {
    walk(seed, procs, events).records
}

struct Walk {
    s: Script,
    dice: Dice,
    made: u64,
}

/// An M that can act: it has a P, or one is promised to it.
fn can_act(m: &&Machine) -> bool {
    m.p.is_some() || m.next_p.is_some()
}

impl Walk {
    /// Some M does something. False if nobody can.
    fn step(&mut self) -> bool {
        let ms: Vec<MId> = self.s.world().ms().iter().filter(can_act).map(|m| m.id).collect();
        let due = self.s.world().timers().next().map(|t| t.when);
        let polls = self.s.world().ms().iter().find(|m| m.status == MStatus::Polling);
        let polls = polls.map(|m| m.id);
        let Some(&m) = ms.get(self.dice.roll(ms.len() as u64) as usize) else {
            // Nobody can: the clock jumps to what the poller waits for.
            let (Some(due), Some(m)) = (due, polls) else { return false };
            let now = self.s.world().time();
            self.s.wait(due.minus(now).0);
            self.s.on(m.0).poll_ends();
            return true;
        };
        self.s.on(m.0);
        let x = self.s.world().m(m).expect("it is there");
        match (x.p, x.g) {
            (None, _) => self.s.acquire(),
            (Some(_), None) => drop(self.s.find()),
            (Some(_), Some(g)) => self.act(g),
        }
        true
    }

    /// A goroutine does something.
    fn act(&mut self, g: GId) {
        match self.dice.roll(16) {
            0..5 => {
                self.made += 1;
                self.s.go(self.made);
            }
            5..9 => match self.someone_parked() {
                Some(g) => self.s.ready(g.0),
                None => self.s.gosched(),
            },
            9 | 10 => self.s.gosched(),
            11 => drop(self.s.sleep(self.dice.roll(20_000))),
            // Somebody must be left to go on.
            _ if g == GId(1) => self.s.gosched(),
            12 => self.s.park_on(WaitReason::ChanReceive, Some(Obj::Chan(ChanId(1)))),
            13 | 14 => self.s.park(),
            _ => self.s.exit(),
        }
    }

    /// A parked goroutine that no timer will wake.
    fn someone_parked(&mut self) -> Option<GId> {
        let waits = |g: &&gopark_model::Goroutine| {
            g.status == GStatus::Waiting && g.wait != Some(WaitReason::Sleep)
        };
        let parked: Vec<GId> = self.s.world().gs().filter(waits).map(|g| g.id).collect();
        parked.get(self.dice.roll(parked.len() as u64) as usize).copied()
    }
}
