//! R27 to R33: who may steal, from whom, how much.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use gopark::trace::Event;
use gopark::trace::ids::{MId, PId};
use gopark::trace::rule::Rule;
use gopark::trace::words::Queue;
use gopark::{go, lab, sync::WaitGroup, work, yield_now};

use crate::runs::{every_record_on, follow};

const SEVERAL: &[usize] = &[2, 3, 4, 8];

#[test]
fn r27_an_m_may_look_for_work_only_while_few_do() {
    let (mut looked, mut polled) = (0, HashSet::new());
    every_record_on(SEVERAL, |board, record| match (&record.event, &record.rule) {
        (Event::RunStart { .. }, _) => polled.clear(),
        // An M that comes from the poller spins again if it did before.
        (Event::PollEnd { .. }, _) => drop(polled.insert(record.actor.m)),
        (Event::GoStart { .. }, _) => drop(polled.remove(&record.actor.m)),
        (Event::MSpin { on: true, .. }, Some(Rule::MaySpin { spinning, busy })) => {
            assert_eq!(*spinning, board.spinning);
            assert_eq!(*busy as usize, board.ps.len() - board.idle_ps.len());
            if !polled.remove(&record.actor.m) {
                assert!(2 * spinning < *busy, "{record}");
                looked += 1;
            }
        }
        _ => {}
    });
    assert!(looked > 100, "{looked}");
}

#[test]
fn r28_a_thief_asks_every_other_p_once_in_each_of_at_most_four_tries() {
    let mut tries: HashMap<Option<MId>, u8> = HashMap::new();
    let mut fourth = 0;
    every_record_on(SEVERAL, |board, record| match &record.event {
        Event::StealTry { p, attempt, order } => {
            let mut asked: Vec<u32> = order.iter().map(|p| p.0).collect();
            asked.sort_unstable();
            let others: Vec<u32> = (0..board.ps.len() as u32).filter(|n| *n != p.0).collect();
            assert_eq!(asked, others);
            let before = tries.insert(record.actor.m, *attempt).unwrap_or(0);
            assert!(*attempt == 1 || *attempt == before + 1, "try {attempt} after {before}");
            assert!(*attempt <= 4);
            fourth += u32::from(*attempt == 4);
        }
        Event::StealNone { tries: n, .. } => {
            assert_eq!((*n, tries.get(&record.actor.m)), (4, Some(&4)));
        }
        _ => {}
    });
    assert!(fourth > 100, "{fourth}");
}

#[test]
fn r28_idle_ps_are_not_robbed() {
    every_record_on(SEVERAL, |board, record| {
        if let Event::Steal { victim, thief, .. } | Event::StealSlot { victim, thief, .. } =
            record.event
        {
            assert!(!board.idle_ps.contains(&victim));
            assert_ne!(victim, thief);
            assert_eq!(record.actor.p, Some(thief));
        }
    });
}

#[test]
fn r29_a_thief_takes_the_oldest_half_and_runs_the_newest_of_it() {
    let (mut steals, mut of_many) = (0, 0);
    for seed in 0..10 {
        let memory = gopark::sink::Memory::default();
        lab(seed).procs(4).unwatched().record(memory.clone()).run(|| {
            let wg = WaitGroup::new();
            (0..40).for_each(|_| drop(wg.go(|| work(Duration::from_micros(30)))));
            wg.wait();
        });
        let mut runs_next = HashMap::new();
        follow(&memory.records(), |board, record| match &record.event {
            Event::Steal { thief, victim, of, gs, .. } => {
                let ring = &board.p(*victim).ring;
                assert_eq!(*of as usize, ring.len());
                assert_eq!(gs.len(), ring.len().div_ceil(2), "half, rounded up");
                assert!(gs.iter().eq(ring.iter().take(gs.len())), "the oldest");
                assert!(board.p(*thief).ring.is_empty());
                let rule = Rule::StealHalf { of: *of, taken: gs.len() as u32 };
                assert_eq!(record.rule, Some(rule));
                // The board puts the others into the thief's ring, in their order.
                runs_next.insert(record.actor.m, gs[gs.len() - 1]);
                steals += 1;
                of_many += u32::from(gs.len() > 2);
            }
            Event::GoStart { g, from, .. } => {
                if let Some(newest) = runs_next.remove(&record.actor.m) {
                    assert_eq!((*g, *from), (newest, Queue::Hand));
                }
            }
            _ => {}
        });
        assert!(runs_next.is_empty());
    }
    assert!(steals > 50 && of_many > 10, "{steals} steals, {of_many} of many");
}

#[test]
fn r30_the_slot_is_robbed_only_in_the_last_try_and_only_beside_an_empty_ring() {
    let mut tries: HashMap<Option<MId>, u8> = HashMap::new();
    let mut robbed = 0;
    every_record_on(SEVERAL, |board, record| match record.event {
        Event::StealTry { attempt, .. } => drop(tries.insert(record.actor.m, attempt)),
        Event::StealSlot { victim, .. } => {
            assert_eq!(tries.get(&record.actor.m), Some(&4));
            assert!(board.p(victim).ring.is_empty());
            let rule = Rule::StealSlotLast { attempt: 4, waited: true };
            assert_eq!(record.rule, Some(rule), "its P is running");
            robbed += 1;
        }
        _ => {}
    });
    assert!(robbed > 10, "{robbed}");
}

#[test]
fn r31_before_it_robs_a_slot_a_thief_waits_3_microseconds() {
    // Main makes one and computes: nobody else can have it but a thief, after its pause.
    for pause in [2_u64, 50] {
        let memory = gopark::sink::Memory::default();
        lab(4).procs(2).unwatched().step(Duration::ZERO).record(memory.clone()).run(move || {
            drop(go(|| ()));
            work(Duration::from_micros(pause));
            yield_now();
        });
        let records = memory.records();
        let robbed = records.iter().find(|r| matches!(r.event, Event::StealSlot { .. }));
        match (pause, robbed) {
            (2, None) => {}
            (50, Some(robbed)) => assert_eq!(robbed.time.0, 3_000),
            (_, robbed) => panic!("after {pause} µs: {robbed:?}"),
        }
    }
}

#[test]
fn r32_what_was_stolen_begins_a_new_slice_also_from_a_slot() {
    let mut stolen = HashMap::new();
    let mut started = 0;
    every_record_on(SEVERAL, |board, record| match record.event {
        Event::RunStart { .. } => stolen.clear(),
        Event::StealSlot { g, .. } => drop(stolen.insert(g, record.actor.p)),
        Event::GoStart { g, from, tick } => {
            if let Some(thief) = stolen.remove(&g) {
                let thief: PId = thief.expect("a thief has a P");
                assert_eq!(record.actor.p, Some(thief));
                assert_eq!(from, Queue::Hand);
                assert_eq!(tick, board.p(thief).tick + 1);
                started += 1;
            }
        }
        _ => {}
    });
    assert!(started > 10, "{started}");
}

#[test]
fn r33_who_is_woken_by_a_stolen_timer_lands_on_the_thiefs_p() {
    let mut fired_by = HashMap::new();
    let mut stolen = 0;
    every_record_on(SEVERAL, |_, record| match record.event {
        Event::TimerFire { owner, .. } if record.actor.p != Some(owner) => {
            assert_eq!(record.rule, Some(Rule::StealTimers { victim: owner }));
            fired_by.insert(record.actor.m, record.actor.p);
        }
        Event::GoReady { to, .. } => {
            if let Some(Some(thief)) = fired_by.remove(&record.actor.m) {
                assert_eq!(to, Queue::Slot(thief));
                stolen += 1;
            }
        }
        _ => {}
    });
    assert!(stolen > 10, "{stolen}");
}
