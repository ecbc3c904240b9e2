//! Recordings: whole, cut at every byte, changed at every byte, and of other kinds.

use std::io::{self, Write};

use gopark_trace::file::{
    Damage, End, FILE_VERSION, FileError, MAGIC, Reader, Recording, read_all,
};
use gopark_trace::frame::{FrameError, FramedReader, FramedWriter, MAX_FRAME};
use gopark_trace::protocol::{Message, VERSION};
use gopark_trace::wire::Wire;
use gopark_trace::{Event, Nanos, Record};
use proptest::prelude::*;

#[path = "support/dice.rs"]
mod dice;

use dice::Dice;

fn records(n: u64) -> Vec<Record> {
    let mut dice = Dice::new(n);
    let record = |seq| {
        let any = Record::arbitrary(&mut |n| dice.roll(n));
        Record { seq, time: Nanos(seq * 300), ..any }
    };
    (0..n).map(record).collect()
}

fn recording(records: &[Record]) -> Vec<u8> {
    let mut out = Recording::create(Vec::new(), "test").expect("a Vec takes everything");
    out.append(records).expect("a Vec takes everything");
    out.finish().expect("a Vec takes everything")
}

/// A recording with a frame for each of the batches.
fn recording_in_frames(batches: &[&[Record]]) -> Vec<u8> {
    let mut out = Recording::create(Vec::new(), "test").expect("a Vec takes everything");
    for batch in batches {
        out.append(batch).and_then(|()| out.flush()).expect("a Vec takes everything");
    }
    out.finish().expect("a Vec takes everything")
}

#[test]
fn a_recording_gives_back_what_it_got() {
    let all = records(20_000);
    let bytes = recording(&all);
    let mut reader = Reader::open(&bytes[..]).expect("it is a recording");
    assert_eq!(reader.producer(), "test");
    assert_eq!(reader.end(), None, "nothing was read yet");
    let read: Vec<_> = reader.by_ref().collect::<Result<_, _>>().expect("nothing is damaged");
    assert!(read == all);
    assert_eq!(reader.end(), Some(End::Whole { records: 20_000 }));
    assert_eq!(reader.records(), 20_000);
    assert!(reader.next().is_none());
}

#[test]
fn an_empty_recording_is_whole() {
    let bytes = recording(&[]);
    let (read, end) = read_all(&bytes[..]);
    assert!(read.is_empty());
    assert_eq!(end.expect("nothing is damaged"), End::Whole { records: 0 });
}

#[test]
fn frames_are_about_32_kib() {
    let bytes = recording(&records(20_000));
    let mut reader = FramedReader::at(&bytes[MAGIC.len()..], MAGIC.len() as u64);
    let mut frames = Vec::new();
    let mut before = reader.offset();
    while let Some(message) = reader.next().expect("nothing is damaged") {
        if let Message::Records { .. } = message {
            frames.push(reader.offset() - before);
        }
        before = reader.offset();
    }
    frames.pop();
    assert!(frames.len() >= 8, "{}", frames.len());
    assert!(frames.iter().all(|len| (32 << 10..36 << 10).contains(len)), "{frames:?}");
}

/// What reached the disk when the writer was killed.
#[test]
fn a_crash_loses_the_unfinished_frame_only() {
    struct Disk<'a>(&'a std::cell::RefCell<Vec<u8>>);
    impl Write for Disk<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let all = records(5_000);
    let disk = std::cell::RefCell::default();
    let mut out = Recording::create(Disk(&disk), "test").expect("the disk takes everything");
    for record in &all {
        out.append(std::slice::from_ref(record)).expect("the disk takes everything");
    }
    assert_eq!(out.records(), 5_000);
    drop(out);
    let bytes = disk.into_inner();
    let (read, end) = read_all(&bytes[..]);
    let n = read.len();
    assert!(read[..] == all[..n]);
    let (offset, records) = (bytes.len() as u64, n as u64);
    assert_eq!(end.expect("nothing is damaged"), End::Truncated { offset, records });
    let mut lost = Vec::new();
    all[n..].iter().for_each(|r| r.put(&mut lost));
    assert!(n > 0 && lost.len() < 40 << 10, "{} bytes were lost", lost.len());
}

#[test]
fn any_prefix_reads_to_its_last_whole_frame() {
    let all = records(30);
    let batches = [&all[..7], &all[7..8], &all[8..30]];
    let bytes = recording_in_frames(&batches);
    // Where frames end, and how many records are there then.
    let mut ends = vec![(0, 0), (MAGIC.len() as u64, 0)];
    let mut frames = FramedReader::at(&bytes[MAGIC.len()..], MAGIC.len() as u64);
    let mut n = 0;
    while let Some(message) = frames.next().expect("nothing is damaged") {
        if let Message::Records { records } = message {
            n += records.len();
        }
        ends.push((frames.offset(), n));
    }
    assert_eq!(ends.len(), 2 + 1 + batches.len() + 1);
    for cut in 0..bytes.len() {
        let (read, end) = read_all(&bytes[..cut]);
        let (mut offset, n) = *ends.iter().rfind(|e| e.0 <= cut as u64).expect("0 is an end");
        if cut < MAGIC.len() {
            offset = cut as u64;
        }
        assert_eq!(read, all[..n], "cut at {cut}");
        let records = n as u64;
        let end = end.unwrap_or_else(|e| panic!("cut at {cut}: {e}"));
        assert_eq!(end, End::Truncated { offset, records }, "cut at {cut}");
    }
    let (read, end) = read_all(&bytes[..]);
    assert_eq!(read, all);
    assert_eq!(end.expect("nothing is damaged"), End::Whole { records: 30 });
}

#[test]
fn no_changed_byte_is_read_as_an_event() {
    let all = records(12);
    let bytes = recording_in_frames(&[&all[..5], &all[5..]]);
    for at in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] ^= flip;
            let (read, end) = read_all(&changed[..]);
            assert!(all.starts_with(&read), "byte {at}: what is read was written");
            match end {
                Ok(End::Whole { .. }) => panic!("byte {at} ^ {flip}: not seen"),
                // A length that became longer than the file looks like a file cut short.
                Ok(End::Truncated { offset, records }) => {
                    assert!(offset <= at as u64 && records == read.len() as u64);
                }
                Err(FileError::Damaged { offset, records, .. }) => {
                    assert!(offset <= at as u64 && records == read.len() as u64);
                }
                Err(FileError::NotARecording { offset, .. }) => assert_eq!(offset, at as u64),
                Err(FileError::Version { .. }) => assert_eq!(at, MAGIC.len() - 1),
                Err(FileError::Io(e)) => panic!("{e}"),
            }
        }
    }
}

/// A failing case prints its values; files of old ones are not kept.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_all(&bytes[..]);
        let with_header = [&MAGIC[..], &bytes].concat();
        let _ = read_all(&with_header[..]);
        let after_hello = [&recording(&[])[..], &bytes].concat();
        let _ = read_all(&after_hello[..]);
    }
}

/// The error that a file gives, if it does, and its text.
#[track_caller]
fn error(bytes: &[u8]) -> (FileError, String) {
    let error = read_all(bytes).1.expect_err("it can't be read to its end");
    let text = error.to_string();
    (error, text)
}

/// A file of these messages.
fn file(messages: &[Message]) -> Vec<u8> {
    let mut out = FramedWriter::at(MAGIC.to_vec(), MAGIC.len() as u64);
    messages.iter().for_each(|m| out.send(m).expect("it is short enough"));
    out.flush().expect("a Vec takes everything");
    out.into_inner()
}

fn hello() -> Message {
    Message::Hello { version: VERSION, producer: String::new() }
}

#[test]
fn what_is_no_recording_is_called_so() {
    let (e, text) = error(b"go 1.27 trace\0\0\0");
    assert!(matches!(e, FileError::NotARecording { offset: 2, found: b' ' }));
    let wanted = "not a gopark recording: byte 2 is 0x20; give a file that gopark recorded";
    assert_eq!(text, wanted);
    let (e, _) = error(b"\x7fELF");
    assert!(matches!(e, FileError::NotARecording { offset: 0, found: 0x7f }));
}

#[test]
fn newer_and_older_versions_say_what_to_do() {
    let mut bytes = recording(&[]);
    bytes[7] = 7;
    let (e, text) = error(&bytes);
    assert!(matches!(e, FileError::Version { found: 7 }));
    assert!(text.starts_with("version 7 is newer than this gopark reads (1): use"), "{text}");
    let (e, text) = error(&file(&[Message::Hello { version: 9, producer: String::new() }]));
    assert!(matches!(e, FileError::Version { found: 9 }));
    assert!(text.starts_with("version 9 is newer"), "{text}");
    bytes[7] = 0;
    let (_, text) = error(&bytes);
    assert!(text.starts_with("version 0 is older"), "{text}");
    assert_eq!(u32::from(FILE_VERSION), VERSION, "the text names one number for both");
}

#[test]
fn damage_says_where_it_is_and_what_is_left() {
    let all = records(9);
    let mut bytes = recording_in_frames(&[&all[..4], &all[4..]]);
    // The last byte of the second frame of events, before the frame of the end: 9 bytes.
    let at = bytes.len() - 9 - 1;
    bytes[at] ^= 1;
    let (e, text) = error(&bytes);
    let FileError::Damaged { offset, records: 4, what: Damage::Checksum } = e else {
        panic!("{e:?}")
    };
    let wanted = "the checksum does not match; 4 events before it can be replayed";
    assert_eq!(text, format!("byte {offset}: {wanted}"));
}

#[test]
fn the_greeting_comes_first_and_nothing_after_the_end() {
    let (e, _) = error(&file(&[Message::Running {}]));
    assert!(matches!(e, FileError::Damaged { offset: 8, what: Damage::NoHello, .. }), "{e:?}");
    let mut bytes = recording(&records(3));
    let end = bytes.len() as u64;
    bytes.push(0);
    let (e, text) = error(&bytes);
    let FileError::Damaged { offset, records: 3, what: Damage::AfterEnd } = e else {
        panic!("{e:?}")
    };
    assert_eq!(offset, end);
    assert!(text.contains("bytes follow the end"), "{text}");
}

#[test]
fn what_is_said_besides_events_is_passed_over() {
    let all = records(2);
    let batch = |n: usize| Message::Records { records: vec![all[n].clone()].into() };
    let paused = Message::Paused { seq: 1, time: Nanos(5) };
    let empty = Message::Records { records: Vec::new().into() };
    let bytes = file(&[hello(), batch(0), paused, empty, batch(1), Message::Goodbye {}]);
    let (read, end) = read_all(&bytes[..]);
    assert_eq!(read, all);
    assert_eq!(end.expect("nothing is damaged"), End::Whole { records: 2 });
}

#[test]
fn a_record_that_no_frame_holds_is_left_out() {
    let all = records(3);
    let text = "x".repeat(MAX_FRAME);
    let giant = Record { event: Event::UserLog { text }, ..all[0].clone() };
    let mut out = Recording::create(Vec::new(), "test").expect("a Vec takes everything");
    assert!(matches!(out.append(std::slice::from_ref(&giant)), Err(FrameError::TooLong { .. })));
    out.append(&all[..1]).expect("the recording is as before");
    assert!(matches!(out.append(&[giant]), Err(FrameError::TooLong { .. })));
    out.append(&all[1..]).expect("the recording is as before");
    let bytes = out.finish().expect("a Vec takes everything");
    let (read, end) = read_all(&bytes[..]);
    assert_eq!(read, all);
    assert_eq!(end.expect("nothing is damaged"), End::Whole { records: 3 });
}

#[test]
fn a_file_that_fails_is_no_end() {
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let whole = recording(&records(3));
    for from in [0, 3, MAGIC.len(), whole.len() - 20] {
        let (_, end) = read_all(io::Read::chain(&whole[..from], Broken));
        let error = end.expect_err("the disk is gone");
        assert_eq!(error.to_string(), "the recording can't be read: the disk is gone");
    }
}
