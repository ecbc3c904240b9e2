//! A close reaches everybody who waits, and what has gone is noticed.

use std::io::{ErrorKind, Read, Write};

use gopark::net::{TcpListener, TcpStream, is_closed, pipe};
use gopark::{go, yield_now};

use crate::ruled::traced;

/// Two ends of one connection.
fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let stream =
        TcpStream::connect(listener.local_addr().expect("it listens")).expect("it listens");
    (stream, listener.accept().expect("one came").0)
}

#[test]
fn a_close_lets_go_of_a_parked_reader() {
    // Go: TestCloseUnblocksRead, TestTCPConcurrentAccept's close
    traced(|| {
        let (stream, _other) = connected();
        let mut reader = stream.clone();
        let parked = go(move || reader.read(&mut [0; 8]).expect_err("it is closed"));
        yield_now();
        stream.close().expect("it was open");
        let error = parked.join().expect("no panic");
        assert!(is_closed(&error), "{error:?}");
        assert_eq!(error.to_string(), "use of closed network connection");
        assert!(is_closed(&stream.close().expect_err("it is closed already")));
        assert!(is_closed(&(&stream).write(b"x").expect_err("it is closed")));
    });
}

#[test]
fn a_close_lets_go_of_a_parked_writer_and_of_who_waits_behind_it() {
    traced(|| {
        let (stream, _other) = connected();
        let writers: Vec<_> = (0..3)
            .map(|_| {
                let mut writer = stream.clone();
                go(move || writer.write_all(&[1; 8 << 20]).expect_err("nobody reads"))
            })
            .collect();
        for _ in 0..20 {
            yield_now();
        }
        stream.close().expect("it was open");
        for writer in writers {
            let error = writer.join().expect("no panic");
            assert!(is_closed(&error), "{error:?}");
        }
    });
}

#[test]
fn an_accept_loop_ends_when_its_listener_is_closed() {
    // Go: TestListenerClose, TestAcceptClose
    traced(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("it listens");
        let accepts = listener.clone();
        let served = go(move || {
            let mut served = 0;
            for stream in accepts.incoming() {
                match stream {
                    Ok(_) => served += 1,
                    Err(error) if is_closed(&error) => return served,
                    Err(error) => panic!("{error}"),
                }
            }
            unreachable!("it never ends by itself")
        });
        for _ in 0..3 {
            let mut stream = TcpStream::connect(addr).expect("it listens");
            assert_eq!(stream.read(&mut [0]).expect("the other side is gone"), 0);
        }
        listener.close().expect("it was open");
        assert_eq!(served.join().expect("no panic"), 3);
        assert_eq!(
            TcpStream::connect(addr).expect_err("nobody listens").kind(),
            ErrorKind::ConnectionRefused
        );
        // Its address may be used again at once.
        TcpListener::bind(addr).expect("the port is free");
    });
}

#[test]
fn the_last_handle_closes() {
    traced(|| {
        let (stream, mut other) = connected();
        let clone = stream.try_clone().expect("it is open");
        drop(stream);
        (&clone).write_all(b"x").expect("one handle is left");
        drop(clone);
        let mut all = Vec::new();
        other.read_to_end(&mut all).expect("until its end");
        assert_eq!(all, b"x");
    });
}

#[test]
fn a_peer_that_is_gone_is_an_error_and_no_hang() {
    // Go: TestConnClose with linger
    traced(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("it listens");
        let mut stream = TcpStream::connect(addr).expect("it listens");
        let (other, _) = listener.accept().expect("one comes");
        let parked = go(move || {
            let read = stream.read(&mut [0; 8]);
            (read.map_err(|e| e.kind()), stream)
        });
        yield_now();
        // A close with a linger of zero sends a reset.
        let other = other.into_std().expect("it is open");
        socket2::SockRef::from(&other)
            .set_linger(Some(std::time::Duration::ZERO))
            .expect("it is open");
        drop(other);
        let (read, mut stream) = parked.join().expect("no panic");
        assert_eq!(read, Err(ErrorKind::ConnectionReset));
        let error = stream.write_all(b"x").expect_err("it is reset");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_pipe_without_readers_breaks_and_one_without_writers_ends() {
    // Go: TestPipeEOF, TestEPIPE
    traced(|| {
        let (reader, mut writer) = pipe().expect("two descriptors");
        let (mut other, other_writer) = pipe().expect("two descriptors");
        let parked = go(move || {
            let mut all = Vec::new();
            other.read_to_end(&mut all).expect("until its end");
            all
        });
        yield_now();
        drop(other_writer);
        assert_eq!(parked.join().expect("no panic"), b"");
        drop(reader);
        let error = writer.write(b"x").expect_err("nobody reads");
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_close_at_a_pipe_lets_go_of_its_reader() {
    // Go: TestPipeClose
    traced(|| {
        let (reader, _writer) = pipe().expect("two descriptors");
        let mut reads = reader.clone();
        let parked = go(move || reads.read(&mut [0]).expect_err("it is closed"));
        yield_now();
        reader.close().expect("it was open");
        assert_eq!(parked.join().expect("no panic").to_string(), "use of closed file");
    });
}

#[test]
fn numbers_of_descriptors_are_used_again_and_nobody_is_mistaken() {
    traced(|| {
        for round in 0..30_u8 {
            let (stream, mut other) = connected();
            let mut reader = stream.clone();
            let parked = go(move || reader.read(&mut [0; 4]));
            yield_now();
            stream.close().expect("it was open");
            // What is opened now gets the same numbers.
            let (mut next, mut back) = connected();
            next.write_all(&[round]).expect("it is open");
            let mut byte = [0];
            back.read_exact(&mut byte).expect("it comes");
            assert_eq!(byte, [round]);
            assert!(is_closed(&parked.join().expect("no panic").expect_err("it was closed")));
            assert_eq!(other.read(&mut byte).expect("the other side is gone"), 0);
        }
    });
}
