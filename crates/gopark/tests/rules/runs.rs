//! The runs the rules are checked on.

use gopark::lab;
use gopark::sink::Memory;
use gopark::trace::Event;
use gopark::trace::ids::GId;
use gopark::trace::record::Record;

use crate::board::Board;
use crate::mixed;

/// A program on one P whose tick begins at 1, so that the global queue does not come first at once.
/// Its records.
pub(crate) fn on_one_p<R: Send + 'static>(
    main: impl FnOnce() -> R + Send + 'static,
) -> Vec<Record> {
    on_one_p_from_tick(1, main)
}

/// As [`on_one_p`], from this tick.
pub(crate) fn on_one_p_from_tick<R: Send + 'static>(
    tick: u32,
    main: impl FnOnce() -> R + Send + 'static,
) -> Vec<Record> {
    let memory = Memory::default();
    lab(1).procs(1).start_tick(tick).unwatched().record(memory.clone()).run(main);
    memory.records()
}

/// The mixed program on this many Ps.
pub(crate) fn mixed(seed: u64, procs: usize) -> Vec<Record> {
    let memory = Memory::default();
    lab(seed).procs(procs).unwatched().record(memory.clone()).run(move || mixed::program(seed));
    memory.records()
}

/// Shows each record of many mixed runs to `check`, with the board as it was before.
pub(crate) fn every_record(check: impl FnMut(&Board, &Record)) {
    every_record_on(&[1, 2, 3, 4, 8], check);
}

/// As [`every_record`], on these numbers of Ps.
pub(crate) fn every_record_on(procs: &[usize], mut check: impl FnMut(&Board, &Record)) {
    for procs in procs {
        for seed in 0..8 {
            follow(&mixed(seed, *procs), &mut check);
        }
    }
}

/// Shows each record to `check`, with the board as it was before.
pub(crate) fn follow(records: &[Record], mut check: impl FnMut(&Board, &Record)) {
    let mut board = Board::default();
    for record in records {
        check(&board, record);
        board.apply(record);
    }
}

/// In which order goroutines ran, each time they were started.
pub(crate) fn started(records: &[Record]) -> Vec<GId> {
    let start = |record: &Record| match record.event {
        Event::GoStart { g, .. } => Some(g),
        _ => None,
    };
    records.iter().filter_map(start).collect()
}

/// The ids of the goroutines main made, in that order.
pub(crate) fn made(records: &[Record]) -> Vec<GId> {
    let create = |record: &Record| match record.event {
        Event::GoCreate { g, parent: Some(GId(1)), .. } => Some(g),
        _ => None,
    };
    records.iter().filter_map(create).collect()
}

/// The events alone.
pub(crate) fn events(records: &[Record]) -> Vec<Event> {
    records.iter().map(|record| record.event.clone()).collect()
}

/// What comes after main said this.
#[track_caller]
pub(crate) fn after<'a>(records: &'a [Record], said: &str) -> &'a [Record] {
    let says = |r: &Record| matches!(&r.event, Event::UserLog { text } if text == said);
    let at = records.iter().position(says).expect("it was said");
    &records[at + 1..]
}
