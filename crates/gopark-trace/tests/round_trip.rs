//! What is written is read back equal; what was not written never makes a reader panic.

use bytes::BytesMut;
use gopark_trace::event::EVENTS;
use gopark_trace::frame::MessageCodec;
use gopark_trace::protocol::{COMMANDS, Command, MESSAGES, Message};
use gopark_trace::record::Batch;
use gopark_trace::rule::RULES;
use gopark_trace::wire::{Reader, Wire};
use gopark_trace::{Actor, Event, Nanos, Obj, Queue, Record, Rule, Snapshot};
use proptest::prelude::*;
use tokio_util::codec::Decoder;

#[path = "support/dice.rs"]
mod dice;

use dice::Dice;

/// A failing case prints its values; files of old ones are not kept.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) }
}

fn bytes_of<T: Wire>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.put(&mut bytes);
    bytes
}

#[track_caller]
fn round_trip<T: Wire + PartialEq + std::fmt::Debug>(value: &T) {
    let bytes = bytes_of(value);
    let mut r = Reader::new(&bytes);
    assert_eq!(T::get(&mut r).as_ref(), Ok(value));
    assert_eq!(r.left(), 0, "{value:?} leaves bytes");
    for cut in 0..bytes.len() {
        let read = T::get(&mut Reader::new(&bytes[..cut]));
        assert!(read.is_err(), "{value:?} is read from {cut} of {} bytes", bytes.len());
    }
}

/// Each row of a table, with the arguments that `seed` gives.
fn rows<T: Wire + PartialEq + std::fmt::Debug>(rows: usize, seed: u64) {
    let mut dice = Dice::new(seed);
    for row in 0..rows {
        let mut first = Some(row as u64);
        round_trip(&T::arbitrary(&mut |n| first.take().unwrap_or_else(|| dice.roll(n))));
    }
}

fn arbitrary<T: Wire>(seed: u64) -> T {
    let mut dice = Dice::new(seed);
    T::arbitrary(&mut |n| dice.roll(n))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn every_event(seed: u64) {
        rows::<Event>(EVENTS.len(), seed);
    }

    #[test]
    fn every_rule(seed: u64) {
        rows::<Rule>(RULES.len(), seed);
    }

    #[test]
    fn every_command_and_message(seed: u64) {
        rows::<Command>(COMMANDS.len(), seed);
        rows::<Message>(MESSAGES.len(), seed);
    }

    #[test]
    fn other_values(seed: u64) {
        round_trip(&arbitrary::<Record>(seed));
        round_trip(&arbitrary::<Snapshot>(seed));
        round_trip(&arbitrary::<Actor>(seed));
        round_trip(&arbitrary::<Queue>(seed));
        round_trip(&arbitrary::<Obj>(seed));
        round_trip(&arbitrary::<String>(seed));
        round_trip(&arbitrary::<i64>(seed));
        round_trip(&arbitrary::<Option<u64>>(seed));
    }

    #[test]
    fn any_integer(value: u64, signed: i64, time: u64) {
        round_trip(&value);
        round_trip(&signed);
        round_trip(&Nanos(time));
    }

    /// Whatever the distances between its records are, and whoever acts.
    #[test]
    fn batches(seed: u64, len in 0usize..40, seqs: [u64; 3], times: [u64; 3]) {
        let mut dice = Dice::new(seed);
        let record = |_| Record {
            seq: seqs[dice.roll(3) as usize].wrapping_add(dice.roll(3)),
            time: Nanos(times[dice.roll(3) as usize].wrapping_add(dice.roll(3))),
            ..Record::arbitrary(&mut |n| dice.roll(n))
        };
        let batch = Batch((0..len).map(record).collect());
        let bytes = bytes_of(&batch);
        let mut r = Reader::new(&bytes);
        prop_assert_eq!(Batch::get(&mut r), Ok(batch));
        prop_assert_eq!(r.left(), 0);
    }

    #[test]
    fn no_bytes_make_a_message_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Message::get(&mut Reader::new(&bytes));
        let _ = MessageCodec::new().decode_eof(&mut BytesMut::from(&bytes[..]));
        // The same behind a code that is known, so that the arguments are reached.
        for spec in MESSAGES {
            let _ = Message::get(&mut Reader::new(&[&[spec.code], &bytes[..]].concat()));
        }
    }

    #[test]
    fn no_changed_byte_makes_a_message_panic(seed: u64, at: prop::sample::Index, to: u8) {
        let mut bytes = bytes_of(&arbitrary::<Message>(seed));
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(message) = Message::get(&mut Reader::new(&bytes)) {
            // Its bytes may be others: an integer can be written in more bytes than it needs.
            let again = bytes_of(&message);
            prop_assert_eq!(Message::get(&mut Reader::new(&again)), Ok(message));
        }
    }
}

#[test]
fn a_list_longer_than_its_bytes_is_refused_before_it_takes_memory() {
    let mut bytes = Vec::new();
    u64::MAX.put(&mut bytes);
    assert!(Vec::<u64>::get(&mut Reader::new(&bytes)).is_err());
    assert!(Batch::get(&mut Reader::new(&bytes)).is_err());
    assert!(String::get(&mut Reader::new(&bytes)).is_err());
}

#[test]
fn integers_of_more_than_64_bits_are_refused() {
    let mut bytes = vec![0xff; 9];
    bytes.push(1);
    assert_eq!(u64::get(&mut Reader::new(&bytes)), Ok(u64::MAX));
    bytes[9] = 2;
    assert!(u64::get(&mut Reader::new(&bytes)).is_err());
    bytes[9] = 0x81;
    bytes.push(0);
    assert!(u64::get(&mut Reader::new(&bytes)).is_err());
}
