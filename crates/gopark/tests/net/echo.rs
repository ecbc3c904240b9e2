//! Streams that carry what is written to them, to its end.

use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;

use gopark::net::{TcpListener, TcpStream};
use gopark::sync::WaitGroup;
use gopark::{chan, go, yield_now};

use crate::ruled::{live, traced};

/// A server that gives back what it gets, one goroutine for each connection. Its listener.
fn echo_server() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let accepts = listener.clone();
    drop(go(move || {
        while let Ok((mut stream, _)) = accepts.accept() {
            drop(go(move || {
                let mut buf = [0; 256];
                loop {
                    match stream.read(&mut buf) {
                        Ok(0) | Err(_) => return,
                        Ok(n) => stream.write_all(&buf[..n]).unwrap_or_default(),
                    }
                }
            }));
        }
    }));
    listener
}

/// `n` connections at once, `rounds` words over each.
fn echo(n: usize, rounds: usize) {
    let listener = echo_server();
    let addr = listener.local_addr().expect("it listens");
    let wg = WaitGroup::new();
    for i in 0..n {
        drop(wg.go(move || {
            let mut stream = TcpStream::connect(addr).expect("it listens");
            for round in 0..rounds {
                let word = format!("word {round} of {i}");
                stream.write_all(word.as_bytes()).expect("it is there");
                let mut back = vec![0; word.len()];
                stream.read_exact(&mut back).expect("it answers");
                assert_eq!(back, word.as_bytes());
            }
        }));
    }
    wg.wait();
    listener.close().expect("it was open");
}

#[test]
fn every_connection_gets_its_own_words_back() {
    traced(|| echo(1, 20));
    traced(|| echo(16, 5));
}

#[test]
fn a_thousand_connections_at_once() {
    for procs in [1, 2] {
        live(procs).run(|| echo(1_000, 3));
    }
    gopark::lab(1).unwatched().run(|| echo(1_000, 1));
}

#[test]
fn a_stream_ends_where_the_other_side_ends_it() {
    // Go: TestCloseRead, TestCloseWrite
    traced(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("it listens");
        let server = go(move || {
            let (mut stream, _) = listener.accept().expect("one comes");
            let mut all = String::new();
            stream.read_to_string(&mut all).expect("until its end");
            stream.write_all(all.to_uppercase().as_bytes()).expect("the other half is open");
        });
        let mut stream = TcpStream::connect(addr).expect("it listens");
        stream.write_all(b"half").expect("it is open");
        stream.shutdown(Shutdown::Write).expect("it is open");
        let mut all = String::new();
        stream.read_to_string(&mut all).expect("until its end");
        assert_eq!(all, "HALF");
        assert!(stream.write(b"more").is_err(), "that half is closed");
        server.join().expect("no panic");
    });
}

#[test]
fn much_goes_through_a_narrow_stream() {
    // Far more than any buffer holds: the writer parks many times.
    traced(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("it listens");
        const MUCH: usize = 3 << 20;
        let reader = go(move || {
            let (mut stream, _) = listener.accept().expect("one comes");
            let (mut sum, mut len, mut buf) = (0_u64, 0, vec![0; 30_000]);
            loop {
                let n = stream.read(&mut buf).expect("until its end");
                sum += buf[..n].iter().map(|b| u64::from(*b)).sum::<u64>();
                len += n;
                if n == 0 {
                    return (sum, len);
                }
            }
        });
        let bytes: Vec<u8> = (0..MUCH).map(|i| (i % 251) as u8).collect();
        let expected = bytes.iter().map(|b| u64::from(*b)).sum::<u64>();
        let mut stream = TcpStream::connect(addr).expect("it listens");
        stream.write_all(&bytes).expect("somebody reads");
        drop(stream);
        assert_eq!(reader.join().expect("no panic"), (expected, MUCH));
    });
}

#[test]
fn peek_leaves_what_it_saw_and_vectors_fill_in_order() {
    traced(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("it listens");
        let client = go(move || {
            let mut stream = TcpStream::connect(addr).expect("it listens");
            let parts = [IoSlice::new(b"ab"), IoSlice::new(b"cdef")];
            assert_eq!(stream.write_vectored(&parts).expect("it is open"), 6);
        });
        let (mut stream, from) = listener.accept().expect("one comes");
        assert_eq!(stream.peer_addr().expect("it is connected"), from);
        let mut seen = [0; 6];
        while stream.peek(&mut seen).expect("it comes") < 6 {
            yield_now();
        }
        let (mut a, mut b) = ([0; 4], [0; 2]);
        let mut parts = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        assert_eq!(stream.read_vectored(&mut parts).expect("it is there"), 6);
        assert_eq!((&seen, &a, &b), (b"abcdef", b"abcd", b"ef"));
        client.join().expect("no panic");
    });
}

#[test]
fn two_readers_take_turns_and_writers_are_not_mixed() {
    // Go: TestReadWrite's locks (internal/poll fdMutex)
    traced(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("it listens");
        let stream = TcpStream::connect(addr).expect("it listens");
        let (other, _) = listener.accept().expect("one comes");
        let (tx, rx) = chan(8);
        for _ in 0..3 {
            let (mut reader, tx) = (other.clone(), tx.clone());
            drop(go(move || {
                let mut word = [0; 8];
                reader.read_exact(&mut word).expect("it comes");
                tx.send(word);
            }));
        }
        yield_now();
        let wg = WaitGroup::new();
        for letter in [b'a', b'b', b'c'] {
            let mut writer = stream.clone();
            drop(wg.go(move || writer.write_all(&[letter; 8]).expect("it is open")));
        }
        wg.wait();
        let mut words: Vec<[u8; 8]> = (0..3).map(|_| rx.recv().expect("three come")).collect();
        words.sort_unstable();
        assert_eq!(words, [[b'a'; 8], [b'b'; 8], [b'c'; 8]]);
    });
}

#[test]
fn calls_return_at_once_where_that_is_wanted() {
    traced(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("it is open");
        let error = listener.accept().expect_err("nobody comes");
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn connections_are_set_up_as_go_does() {
    traced(|| {
        let listener = TcpListener::bind("localhost:0").expect("a port");
        let addr = listener.local_addr().expect("it listens");
        let stream = TcpStream::connect(addr).expect("it listens");
        assert!(stream.nodelay().expect("it is open"));
        stream.set_nodelay(false).expect("it is open");
        assert!(!stream.nodelay().expect("it is open"));
        stream.set_ttl(33).expect("it is open");
        assert_eq!(stream.ttl().expect("it is open"), 33);
        assert!(stream.take_error().expect("it is open").is_none());
    });
}

#[test]
fn nobody_listens_there() {
    // Go: TestDialError
    traced(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let addr = listener.local_addr().expect("it listens");
        drop(listener);
        let error = TcpStream::connect(addr).expect_err("nobody listens");
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}
