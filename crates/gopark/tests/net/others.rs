//! UDP, Unix sockets and pipes.

use std::io::{Read, Write};
use std::net::Shutdown;

use gopark::net::{UdpSocket, UnixDatagram, UnixListener, UnixStream, is_closed, pipe};
use gopark::{go, yield_now};

use crate::ruled::traced;

#[test]
fn datagrams_go_to_an_address_and_back() {
    traced(|| {
        let server = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let addr = server.local_addr().expect("it is bound");
        let echo = go(move || {
            let mut buf = [0; 16];
            for _ in 0..3 {
                let (n, from) = server.recv_from(&mut buf).expect("it comes");
                server.send_to(&buf[..n], from).expect("it is open");
            }
        });
        let client = UdpSocket::bind("127.0.0.1:0").expect("a port");
        client.connect(addr).expect("an address");
        assert_eq!(client.peer_addr().expect("it is connected"), addr);
        for word in [&b"one"[..], b"two", b"three"] {
            client.send(word).expect("it is open");
            let mut buf = [0; 16];
            assert_eq!(client.peek(&mut buf).expect("it comes"), word.len());
            let n = client.recv(&mut buf).expect("it is there");
            assert_eq!(&buf[..n], word);
        }
        echo.join().expect("no panic");
    });
}

#[test]
fn a_close_lets_go_of_who_waits_for_a_datagram() {
    // Go: TestUDPReadTimeout's sibling, TestPacketConnClose
    traced(|| {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let waits = socket.try_clone().expect("it is open");
        let parked = go(move || waits.recv_from(&mut [0; 8]).expect_err("it is closed"));
        yield_now();
        socket.close().expect("it was open");
        assert!(is_closed(&parked.join().expect("no panic")));
    });
}

#[test]
fn unix_streams_have_paths_and_pairs() {
    traced(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).expect("the path is free");
        let server = go(move || {
            let (mut stream, _) = listener.accept().expect("one comes");
            let mut all = String::new();
            stream.read_to_string(&mut all).expect("until its end");
            stream.write_all(all.to_uppercase().as_bytes()).expect("that half is open");
        });
        let mut stream = UnixStream::connect(&path).expect("it listens");
        stream.write_all(b"unix").expect("it is open");
        stream.shutdown(Shutdown::Write).expect("it is open");
        let mut all = String::new();
        stream.read_to_string(&mut all).expect("until its end");
        assert_eq!(all, "UNIX");
        server.join().expect("no panic");

        let (mut a, mut b) = UnixStream::pair().expect("two descriptors");
        let ping = go(move || {
            let mut byte = [0];
            while b.read(&mut byte).expect("until its end") == 1 {
                b.write_all(&[byte[0] + 1]).expect("it is open");
            }
        });
        let mut byte = [7];
        for _ in 0..10 {
            a.write_all(&byte).expect("it is open");
            a.read_exact(&mut byte).expect("it answers");
        }
        assert_eq!(byte, [17]);
        drop(a);
        ping.join().expect("no panic");
    });
}

#[test]
fn unix_datagrams_keep_their_ends() {
    traced(|| {
        let (a, b) = UnixDatagram::pair().expect("two descriptors");
        let reader = go(move || {
            let mut buf = [0; 16];
            let n = b.recv(&mut buf).expect("it comes");
            let (m, _) = b.recv_from(&mut buf[n..]).expect("it comes");
            (n, m)
        });
        yield_now();
        a.send(b"four").expect("it is open");
        a.send(b"seventh").expect("it is open");
        assert_eq!(reader.join().expect("no panic"), (4, 7));
    });
}

#[test]
fn a_pipe_holds_back_who_writes_too_much() {
    traced(|| {
        let (mut reader, mut writer) = pipe().expect("two descriptors");
        let writes = go(move || writer.write_all(&[3; 500_000]).expect("somebody reads"));
        yield_now();
        let mut all = Vec::new();
        reader.read_to_end(&mut all).expect("until its end");
        writes.join().expect("no panic");
        assert_eq!(all, [3; 500_000]);
    });
}

#[test]
fn a_pipe_of_somebody_else_is_read_like_any_other() {
    traced(|| {
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("there is a cat");
        let stdout: std::os::fd::OwnedFd = child.stdout.take().expect("it is piped").into();
        let stdin: std::os::fd::OwnedFd = child.stdin.take().expect("it is piped").into();
        let mut reader = gopark::net::PipeReader::from(std::io::PipeReader::from(stdout));
        let mut writer = gopark::net::PipeWriter::from(std::io::PipeWriter::from(stdin));
        let parked = go(move || {
            let mut all = String::new();
            reader.read_to_string(&mut all).expect("until its end");
            all
        });
        writer.write_all(b"through the cat").expect("it reads");
        drop(writer);
        assert_eq!(parked.join().expect("no panic"), "through the cat");
        child.wait().expect("it ended");
    });
}
