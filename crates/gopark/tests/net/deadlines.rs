//! Deadlines end waits: at their moment, in both directions, and not those that were taken back.

use std::io::{Error, ErrorKind, Read, Write};
use std::time::Duration;

use gopark::net::{TcpListener, TcpStream, UdpSocket, pipe};
use gopark::sink::Memory;
use gopark::time::{since_start, sleep};
use gopark::trace::words::Queue;
use gopark::trace::{Event, Rule};
use gopark::{go, lab, yield_now};

use crate::ruled::{keeps_the_rules, traced};

const SHORT: Duration = Duration::from_millis(2);
const NEVER: Duration = Duration::from_secs(3_600);

fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let stream =
        TcpStream::connect(listener.local_addr().expect("it listens")).expect("it listens");
    (stream, listener.accept().expect("one came").0)
}

#[track_caller]
fn is_timeout(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    assert_eq!(error.to_string(), "i/o timeout");
}

#[test]
fn a_read_ends_at_its_deadline_and_not_before() {
    // Go: TestReadTimeout
    traced(|| {
        let (mut stream, mut other) = connected();
        let at = since_start() + SHORT;
        stream.set_read_deadline(Some(at)).expect("it is open");
        is_timeout(&stream.read(&mut [0]).expect_err("nobody writes"));
        assert!(since_start() >= at);
        // It is over for every later call, even if something is there now.
        other.write_all(b"x").expect("it is open");
        is_timeout(&stream.read(&mut [0]).expect_err("it is over"));
        stream.set_read_deadline(None).expect("it is open");
        assert_eq!(stream.read(&mut [0]).expect("it is there"), 1);
    });
}

#[test]
fn a_deadline_in_the_past_lets_go_of_who_waits() {
    // Go: TestReadTimeoutUnblocksRead
    traced(|| {
        let (stream, _other) = connected();
        let mut reader = stream.clone();
        let parked = go(move || reader.read(&mut [0]).expect_err("nobody writes"));
        yield_now();
        stream.set_deadline(Some(Duration::ZERO)).expect("it is open");
        is_timeout(&parked.join().expect("no panic"));
        is_timeout(&(&stream).write(b"x").expect_err("it is over"));
    });
}

#[test]
fn a_write_that_nobody_reads_ends_at_its_deadline() {
    // Go: TestWriteTimeout
    traced(|| {
        let (mut stream, _other) = connected();
        stream.set_write_deadline(Some(since_start() + SHORT)).expect("it is open");
        is_timeout(&stream.write_all(&vec![0; 16 << 20]).expect_err("nobody reads"));
    });
}

#[test]
fn a_deadline_that_is_set_anew_counts_from_then_on() {
    // Go: TestSetDeadlineTwice, TestReadDeadlineDataAvailable
    traced(|| {
        let (mut stream, mut other) = connected();
        stream.set_read_deadline(Some(since_start() + SHORT)).expect("it is open");
        stream.set_read_deadline(Some(since_start() + NEVER)).expect("it is open");
        let writer = go(move || {
            sleep(2 * SHORT);
            other.write_all(b"x").expect("it is open");
            other
        });
        assert_eq!(stream.read(&mut [0]).expect("it comes"), 1);
        stream.set_read_deadline(None).expect("it is open");
        drop(writer.join().expect("no panic"));
        assert_eq!(stream.read(&mut [0]).expect("it ends"), 0);
    });
}

#[test]
fn an_accept_and_a_datagram_end_at_their_deadline_too() {
    // Go: TestAcceptTimeout, TestReadFromTimeout
    traced(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_deadline(Some(since_start() + SHORT)).expect("it is open");
        is_timeout(&listener.accept().expect_err("nobody comes"));
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_read_deadline(Some(since_start() + SHORT)).expect("it is open");
        is_timeout(&socket.recv_from(&mut [0]).expect_err("nobody sends"));
        let (mut reader, _writer) = pipe().expect("two descriptors");
        reader.set_read_deadline(Some(since_start() + SHORT)).expect("it is open");
        is_timeout(&reader.read(&mut [0]).expect_err("nobody writes"));
    });
}

#[test]
fn a_timeout_is_for_each_call_anew() {
    traced(|| {
        let (mut stream, mut other) = connected();
        assert_eq!(stream.read_timeout().expect("it is open"), None);
        let error = stream.set_read_timeout(Some(Duration::ZERO)).expect_err("as in std");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        stream.set_read_timeout(Some(SHORT)).expect("it is open");
        for _ in 0..3 {
            let from = since_start();
            is_timeout(&stream.read(&mut [0]).expect_err("nobody writes"));
            assert!(since_start() - from >= SHORT);
            // What comes is not too late for the next call.
            other.write_all(b"x").expect("it is open");
            assert_eq!(stream.read(&mut [0]).expect("it is there"), 1);
        }
        // A deadline that is earlier counts, and stays when the call is over.
        stream.set_read_timeout(Some(NEVER)).expect("it is open");
        stream.set_read_deadline(Some(since_start() + SHORT)).expect("it is open");
        is_timeout(&stream.read(&mut [0]).expect_err("nobody writes"));
        is_timeout(&stream.read(&mut [0]).expect_err("it is over"));
    });
}

#[test]
fn a_connection_is_waited_for_only_so_long() {
    // A listener whose queue is full answers nobody.
    let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
    let listener = listener.expect("a descriptor");
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().expect("an address");
    listener.bind(&any.into()).expect("a port");
    listener.listen(0).expect("it is bound");
    let addr = listener.local_addr().expect("it is bound").as_socket().expect("it is TCP");
    lab(1).unwatched().run(move || {
        let mut held = Vec::new();
        let error = loop {
            match TcpStream::connect_timeout(&addr, SHORT) {
                Ok(stream) => held.push(stream),
                Err(error) => break error,
            }
        };
        is_timeout(&error);
        let zero = TcpStream::connect_timeout(&addr, Duration::ZERO).expect_err("as in std");
        assert_eq!(zero.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn many_deadlines_that_change_while_readers_come_and_go() {
    // Go: TestDeadlineRace
    traced(|| {
        let (stream, _other) = connected();
        let mut reader = stream.clone();
        let setter = go(move || {
            for i in 0..60 {
                let at = if i % 3 == 0 { Duration::ZERO } else { since_start() + NEVER };
                stream.set_deadline(Some(at)).expect("it is open");
                yield_now();
            }
            stream.set_deadline(Some(Duration::ZERO)).expect("it is open");
        });
        for _ in 0..20 {
            is_timeout(&reader.read(&mut [0]).expect_err("nobody writes"));
        }
        setter.join().expect("no panic");
    });
}

#[test]
fn r70_a_deadline_and_a_close_wake_in_the_slot_of_who_runs_them() {
    let memory = Memory::default();
    lab(1).procs(2).unwatched().record(memory.clone()).run(|| {
        let (mut stream, other) = connected();
        stream.set_read_deadline(Some(since_start() + SHORT)).expect("it is open");
        is_timeout(&stream.read(&mut [0]).expect_err("nobody writes"));
        let mut reader = other.clone();
        let parked = go(move || reader.read(&mut [0]).is_err());
        // In the lab's time it has parked by then.
        sleep(SHORT);
        other.close().expect("it was open");
        assert!(parked.join().expect("no panic"));
    });
    let records = memory.records();
    keeps_the_rules("r70", &records);
    let woken: Vec<_> = records
        .iter()
        .filter_map(|r| match (&r.event, &r.rule) {
            (Event::GoReady { to, .. }, Some(Rule::DeadlineWakes { .. })) => Some((r, *to, "over")),
            (Event::GoReady { to, .. }, Some(Rule::CloseWakes { .. })) => Some((r, *to, "closed")),
            _ => None,
        })
        .collect();
    assert_eq!(woken.iter().map(|(_, _, why)| *why).collect::<Vec<_>>(), ["over", "closed"]);
    for (record, to, _) in woken {
        assert_eq!(record.actor.p.map(Queue::Slot), Some(to), "{record}");
    }
}
