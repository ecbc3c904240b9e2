//! Messages over a stream: in pieces, cut, damaged, over sockets.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;

use bytes::BytesMut;
use gopark_trace::frame::{FrameError, FramedReader, FramedWriter, MAX_FRAME, MessageCodec};
use gopark_trace::protocol::{Command, Message, VERSION};
use gopark_trace::record::Batch;
use gopark_trace::wire::Wire;
use gopark_trace::{GId, Nanos};
use proptest::prelude::*;
use tokio_util::codec::{Decoder, Encoder};

#[path = "support/dice.rs"]
mod dice;

use dice::Dice;

fn hello() -> Message {
    Message::Hello { version: VERSION, producer: "a program".to_owned() }
}

fn arbitrary(seed: u64) -> Message {
    let mut dice = Dice::new(seed);
    match Message::arbitrary(&mut |n| dice.roll(n)) {
        // An arbitrary greeting is of another version.
        Message::Hello { .. } => hello(),
        message => message,
    }
}

fn encode(messages: &[Message]) -> BytesMut {
    let (mut codec, mut bytes) = (MessageCodec::new(), BytesMut::new());
    for message in messages {
        codec.encode(message, &mut bytes).expect("it is short enough");
    }
    assert_eq!(codec.written(), bytes.len() as u64);
    bytes
}

fn decode(bytes: &[u8]) -> Result<Option<Message>, FrameError> {
    MessageCodec::new().decode(&mut BytesMut::from(bytes))
}

/// A frame around any payload.
fn frame(payload: &[u8]) -> Vec<u8> {
    let crc = crc32fast::hash(payload);
    [&(payload.len() as u32).to_le_bytes()[..], &crc.to_le_bytes(), payload].concat()
}

/// A failing case prints its values; files of old ones are not kept.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) }
}

proptest! {
    #![proptest_config(config())]

    /// However the bytes are cut up on their way.
    #[test]
    fn messages_arrive(seeds in prop::collection::vec(any::<u64>(), 0..6), cut in 1usize..64) {
        let messages: Vec<_> = seeds.into_iter().map(arbitrary).collect();
        let bytes = encode(&messages);
        let (mut codec, mut buffer) = (MessageCodec::new(), BytesMut::new());
        let mut arrived = Vec::new();
        for piece in bytes.chunks(cut) {
            buffer.extend_from_slice(piece);
            while let Some(message) = codec.decode(&mut buffer).expect("nothing is damaged") {
                arrived.push(message);
            }
        }
        prop_assert_eq!(arrived, messages);
        prop_assert!(matches!(codec.decode_eof(&mut buffer), Ok(None)));
        prop_assert_eq!(codec.offset(), bytes.len() as u64);
    }

    /// A changed byte is never read as a message.
    #[test]
    fn damage_is_seen(seed: u64, at: prop::sample::Index, flip in 1u8..) {
        let first = encode(&[hello()]);
        let mut bytes = encode(&[hello(), arbitrary(seed)]);
        let at = first.len() + at.index(bytes.len() - first.len());
        bytes[at] ^= flip;
        let mut codec = MessageCodec::new();
        prop_assert_eq!(codec.decode_eof(&mut bytes).expect("the first is whole"), Some(hello()));
        let error = codec.decode_eof(&mut bytes).expect_err("the second is damaged");
        prop_assert_eq!(error.offset(), Some(first.len() as u64));
    }
}

#[test]
fn an_end_inside_a_message_is_no_end() {
    let whole = encode(&[hello(), Message::Running {}]);
    let first = encode(&[hello()]).len();
    for cut in 0..whole.len() {
        let mut reader = FramedReader::new(&whole[..cut]);
        let read = std::iter::from_fn(|| reader.next().transpose());
        let read: Vec<_> = read.take_while(Result::is_ok).collect();
        assert_eq!(read.len(), usize::from(cut >= first));
        let last = if cut >= first { first } else { 0 };
        match reader.next() {
            Ok(None) => assert_eq!(cut, last),
            Err(FrameError::Truncated { offset }) => assert_eq!(offset, last as u64),
            other => panic!("{other:?} at {cut}"),
        }
    }
}

#[test]
fn an_error_stays() {
    let mut bytes = encode(&[hello()]);
    bytes[4] ^= 1;
    let mut reader = FramedReader::new(&bytes[..]);
    for _ in 0..3 {
        assert!(matches!(reader.next(), Err(FrameError::Checksum { offset: 0 })));
    }
}

#[test]
fn a_length_above_the_limit_is_refused_at_once() {
    let mut bytes = ((MAX_FRAME + 1) as u32).to_le_bytes().to_vec();
    assert!(matches!(decode(&bytes), Ok(None)), "the head is not there yet");
    bytes.extend([0; 4]);
    let error = decode(&bytes).expect_err("too long");
    assert!(matches!(error, FrameError::TooLong { offset: 0, len } if len > MAX_FRAME as u64));
    assert_eq!(
        error.to_string(),
        format!("byte 0: a message of {} bytes, {MAX_FRAME} are the most", MAX_FRAME + 1)
    );
}

#[test]
fn a_message_above_the_limit_is_not_sent() {
    let huge = Message::Hello { version: VERSION, producer: "x".repeat(MAX_FRAME) };
    let mut writer = FramedWriter::new(Vec::new());
    assert!(matches!(writer.send(&huge), Err(FrameError::TooLong { .. })));
    writer.send(&hello()).expect("the writer is as before");
    writer.flush().expect("a Vec takes everything");
    assert_eq!(writer.into_inner(), encode(&[hello()]));
}

#[test]
fn another_version_is_refused_by_its_number_alone() {
    // Version 7 may greet in another way: only the first two fields are for ever.
    let mut payload = vec![hello().code()];
    7u32.put(&mut payload);
    payload.extend([0xff; 9]);
    let error = decode(&frame(&payload)).expect_err("another version");
    assert!(matches!(error, FrameError::Version { offset: 0, found: 7 }));
    assert!(error.to_string().starts_with("version 7 is newer than this gopark reads (1)"));
    payload[1] = 0;
    let error = decode(&frame(&payload)).expect_err("another version");
    assert!(error.to_string().starts_with("version 0 is older than this gopark reads (1)"));
}

#[test]
fn a_payload_must_be_a_message_and_nothing_else() {
    #[track_caller]
    fn check(payload: &[u8], text: &str) {
        let error = decode(&frame(payload)).expect_err("no message");
        assert!(matches!(error, FrameError::Payload { offset: 0, .. }));
        assert_eq!(error.to_string(), text);
    }
    check(&[], "byte 8: expected a byte");
    check(&[0], "byte 8: expected the code of a known Message");
    check(&[Message::Running {}.code(), 1], "byte 9: expected the end of the message");
    check(&[4, 0x80], "byte 10: expected a byte");
}

#[test]
fn offsets_count_from_the_start_of_the_stream() {
    let mut codec = MessageCodec::at(100);
    let mut bytes = encode(&[hello()]);
    let len = bytes.len() as u64;
    bytes.extend_from_slice(&[1, 2, 3]);
    assert!(codec.decode(&mut bytes).is_ok());
    assert_eq!(codec.offset(), 100 + len);
    let error = codec.decode_eof(&mut bytes).expect_err("three bytes are left");
    assert!(matches!(error, FrameError::Truncated { offset } if offset == 100 + len));
}

#[test]
fn a_socket_carries_events_one_way_and_commands_the_other() {
    let (program, viewer) = UnixStream::pair().expect("a pair of sockets");
    let asks = [Command::Step { decisions: 3 }, Command::RunToGo { g: GId(18) }];
    let events = Batch((0..2_000).map(record).collect());
    let thread = std::thread::spawn({
        let (asks, events) = (asks.clone(), events.clone());
        move || -> Result<(), FrameError> {
            let mut out = FramedWriter::new(&program);
            out.send(&hello())?;
            out.flush()?;
            let mut from = FramedReader::new(&program);
            for command in asks {
                assert_eq!(from.next()?, Some(Message::Ask { command }));
            }
            out.send(&Message::Records { records: events })?;
            out.send(&Message::Goodbye {})?;
            out.flush()
        }
    });
    let mut from = FramedReader::new(&viewer);
    let mut out = FramedWriter::new(&viewer);
    assert_eq!(from.next().expect("a greeting"), Some(hello()));
    for command in asks {
        out.send(&Message::Ask { command }).expect("the program reads");
    }
    out.flush().expect("the program reads");
    let records = from.next().expect("events");
    assert_eq!(records, Some(Message::Records { records: events }));
    assert_eq!(from.next().expect("the end"), Some(Message::Goodbye {}));
    thread.join().expect("the program ends").expect("and nothing failed");
    assert_eq!(from.next().expect("a closed socket is an end"), None);
}

fn record(seq: u64) -> gopark_trace::Record {
    let mut dice = Dice::new(seq);
    let any = gopark_trace::Record::arbitrary(&mut |n| dice.roll(n));
    gopark_trace::Record { seq, time: Nanos(seq * 1_000), ..any }
}

/// Reads and writes at most a few bytes, and fails before each call that gets through.
#[derive(Debug, Default)]
struct Moody {
    bytes: Vec<u8>,
    at: usize,
    calls: usize,
}

impl Moody {
    fn mood(&mut self) -> io::Result<()> {
        self.calls += 1;
        match self.calls % 3 {
            0 => Err(io::ErrorKind::Interrupted.into()),
            1 => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(()),
        }
    }
}

impl Read for Moody {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.mood()?;
        let left = &self.bytes[self.at..];
        let n = left.len().min(into.len()).min(5);
        into[..n].copy_from_slice(&left[..n]);
        self.at += n;
        Ok(n)
    }
}

impl Write for Moody {
    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        self.mood()?;
        let n = from.len().min(5);
        self.bytes.extend_from_slice(&from[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.mood()
    }
}

/// Calls again as long as there is nothing yet.
fn insist<T>(mut call: impl FnMut() -> Result<T, FrameError>) -> T {
    loop {
        match call() {
            Ok(value) => return value,
            Err(FrameError::Io(e)) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => panic!("{e}"),
        }
    }
}

#[test]
fn a_call_that_timed_out_can_be_made_again() {
    let mut writer = FramedWriter::new(Moody::default());
    writer.send(&hello()).expect("it only goes to the buffer");
    insist(|| writer.flush());
    let mut moody = writer.into_inner();
    assert_eq!(moody.bytes, encode(&[hello()]));
    moody.calls = 0;
    let mut reader = FramedReader::new(moody);
    assert_eq!(insist(|| reader.next()), Some(hello()));
    assert_eq!(insist(|| reader.next()), None);
}
