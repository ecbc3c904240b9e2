//! How many bytes an event of a recording takes.

use gopark_trace::record::Batch;
use gopark_trace::wire::Wire;
use gopark_trace::{
    Actor, Certainty, ChanId, Event, GId, MId, Nanos, Obj, PId, Queue, Record, Rule, SiteId,
    WaitReason,
};

#[path = "support/dice.rs"]
mod dice;

use dice::Dice;

/// Four Ms with a P each: goroutines make others, ready them, park on a channel, and the next one
/// starts. Ms come in any order, some hundreds of nanoseconds apart; goroutines have long ids.
struct Stream {
    dice: Dice,
    records: Vec<Record>,
    time: u64,
    running: [u64; 4],
    tick: [u32; 4],
}

impl Stream {
    fn record(&mut self, m: u32, g: Option<u64>, site: Option<u32>, rule: Rule, event: Event) {
        self.records.push(Record {
            seq: self.records.len() as u64,
            time: Nanos(self.time),
            actor: Actor { m: Some(MId(m)), p: Some(PId(m)), g: g.map(GId) },
            site: site.map(SiteId),
            rule: Some(rule),
            certainty: Certainty::Observed,
            event,
        });
    }

    fn step(&mut self) {
        self.time += 100 + self.dice.roll(900);
        let m = self.dice.roll(4) as u32;
        let (p, me) = (PId(m), self.running[m as usize]);
        let other = 1 + self.dice.roll(5_000);
        let site = Some(self.dice.roll(60) as u32);
        let to = Queue::Slot(p);
        match self.dice.roll(3) {
            0 => {
                let event = Event::GoCreate { g: GId(other), parent: Some(GId(me)), to };
                self.record(m, Some(me), site, Rule::GoToSlot { p }, event);
            }
            1 => {
                let event = Event::GoReady { g: GId(other), to };
                self.record(m, Some(me), None, Rule::ReadyToWakerSlot { p }, event);
            }
            _ => {
                let on = Some(Obj::Chan(ChanId(self.dice.roll(100) as u32)));
                let why = WaitReason::ChanReceive;
                let event = Event::GoPark { g: GId(me), why, on };
                self.record(m, Some(me), site, Rule::RecvBlocks {}, event);
                let tick = self.tick[m as usize] + 1;
                let rule = Rule::RingFifo { ring: self.dice.roll(256) as u32, tick };
                let event = Event::GoStart { g: GId(other), from: Queue::Ring(p), tick };
                self.record(m, None, None, rule, event);
                self.running[m as usize] = other;
                self.tick[m as usize] = tick;
            }
        }
    }
}

#[test]
fn an_event_takes_fourteen_bytes_at_the_most_on_average() {
    let mut stream = Stream {
        dice: Dice::new(7),
        records: Vec::new(),
        time: 5_000_000_000,
        running: [1, 2, 3, 4],
        tick: [300; 4],
    };
    (0..30_000).for_each(|_| stream.step());
    let events = stream.records.len();
    let mut bytes = Vec::new();
    for batch in stream.records.chunks(2_500) {
        Batch(batch.to_vec()).put(&mut bytes);
    }
    let mean = bytes.len() as f64 / events as f64;
    assert!(mean <= 14.0, "{mean:.2} bytes an event");
}
