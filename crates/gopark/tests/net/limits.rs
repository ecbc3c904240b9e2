//! Where there is no goroutine, no descriptor, or another run.

use std::io::{ErrorKind, Read, Write};

use gopark::net::{TcpListener, TcpStream, UnixStream, pipe};
use gopark::{go, lab};

use crate::child::{end_of, stderr};
use crate::ruled::live;

#[test]
fn a_call_outside_a_goroutine_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let called = std::panic::catch_unwind(|| listener.accept().is_ok());
    let panic = called.expect_err("nobody can park here");
    let text = panic.downcast_ref::<&str>().copied().unwrap_or_default();
    assert!(text.contains("needs a goroutine"), "{text}");
}

#[test]
fn a_socket_may_come_from_outside_and_be_used_in_one_run_after_another() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("it listens");
    for seed in 0..4 {
        let accepts = listener.clone();
        let program = move || {
            let client = go(move || {
                let mut stream = TcpStream::connect(addr).expect("it listens");
                stream.write_all(b"hello").expect("it is open");
            });
            let (mut stream, _) = accepts.accept().expect("one comes");
            let mut all = String::new();
            stream.read_to_string(&mut all).expect("until its end");
            client.join().expect("no panic");
            all
        };
        let heard =
            if seed % 2 == 0 { lab(seed).unwatched().run(program) } else { live(2).run(program) };
        assert_eq!(heard, "hello");
    }
}

#[test]
fn a_std_socket_becomes_one_and_back() {
    let (a, b) = std::os::unix::net::UnixStream::pair().expect("two descriptors");
    let back = live(2).run(move || {
        let (a, mut b) = (UnixStream::from(a), UnixStream::from(b));
        let reader = go(move || {
            let mut word = [0; 4];
            b.read_exact(&mut word).expect("it comes");
            (word, b)
        });
        (&a).write_all(b"word").expect("it is open");
        let (word, b) = reader.join().expect("no panic");
        assert_eq!(&word, b"word");
        (a.into_std().expect("it is open"), b.into_std().expect("it is open"))
    });
    let (mut a, mut b) = back;
    a.write_all(b"again").expect("it is open");
    drop(a);
    let mut all = String::new();
    b.read_to_string(&mut all).expect("it blocks, until its end");
    assert_eq!(all, "again");
}

#[test]
fn too_many_open_files_is_an_error_like_any_other() {
    let output = end_of("limits::too_many_open_files_is_an_error_like_any_other", || {
        let limit = libc::rlimit { rlim_cur: 64, rlim_max: 64 };
        // SAFETY: the pointer is to a limit of ours.
        assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
        live(2).run(|| {
            let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
            let addr = listener.local_addr().expect("it listens");
            let mut held = Vec::new();
            let error = loop {
                match TcpStream::connect(addr) {
                    Ok(stream) => held.push(stream),
                    Err(error) => break error,
                }
            };
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
            let error = listener.accept().expect_err("there is no number left");
            assert_eq!(error.raw_os_error(), Some(libc::EMFILE), "{error}");
            // One is given back, and one comes in.
            drop(held.pop());
            listener.accept().expect("there is one number");
        });
        eprintln!("went on");
    });
    assert!(stderr(&output).contains("went on"), "{}", stderr(&output));
}

#[test]
fn a_regular_file_is_nothing_to_wait_for() {
    // R72: the system refuses to poll it.
    live(1).run(|| {
        let file = std::fs::File::open("/proc/self/exe").expect("this binary");
        let fd: std::os::fd::OwnedFd = file.into();
        let mut reader = gopark::net::PipeReader::from(std::io::PipeReader::from(fd));
        let error = reader.read(&mut [0]).expect_err("it is a file");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    });
}

#[test]
fn what_is_dropped_after_its_run_is_closed() {
    let (reader, mut other) = live(1).run(|| {
        let (mut reader, mut writer) = pipe().expect("two descriptors");
        writer.write_all(b"x").expect("it is open");
        reader.read_exact(&mut [0]).expect("it is there");
        (reader, writer)
    });
    drop(reader);
    lab(1).unwatched().run(move || {
        assert_eq!(other.write(b"x").expect_err("nobody reads").kind(), ErrorKind::BrokenPipe);
    });
}
