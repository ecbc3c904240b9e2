//! Files, programs and names: marked calls with the standard library's meanings.

#[path = "support/drives.rs"]
mod drives;

use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use drives::both_drives;
use gopark::trace::words::EndKind;
use gopark::{fs, go, net, park_forever, process, syscall_blocking_for};

#[test]
fn files_are_written_and_read() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("words");
    both_drives(
        move || {
            fs::write(&path, "one").expect("it can be written");
            let whole = (fs::read_to_string(&path).ok(), fs::read(&path).ok());
            let mut file = fs::File::create(&path).expect("it can be written");
            file.write_all(b"two and three").and_then(|()| file.sync_all()).expect("written");
            let mut file = fs::File::open(&path).expect("it is there");
            let mut part = String::new();
            file.seek(SeekFrom::Start(8)).expect("it is that long");
            file.read_to_string(&mut part).expect("it is text");
            let gone = fs::read(path.join("not")).map_err(|error| error.kind());
            (whole, part, gone.is_err())
        },
        |got| {
            let whole = (Some("one".to_owned()), Some(b"one".to_vec()));
            assert_eq!(got, Ok((whole, "three".to_owned(), true)));
        },
    );
}

#[test]
fn programs_are_waited_for_while_others_go_on() {
    both_drives(
        || {
            let shell = |script: &str| {
                let mut command = Command::new("/bin/sh");
                command.args(["-c", script]);
                command
            };
            // On one P somebody else must run for the program to end.
            let mut waits =
                shell("read word; exit 4").stdin(Stdio::piped()).spawn().expect("a shell");
            let mut stdin = waits.stdin.take().expect("it is piped");
            stdin.write_all(b"go\n").expect("it reads");
            let code = go(move || process::wait(&mut waits).expect("a child").code());
            let output = process::output(&mut shell("echo here")).expect("a shell");
            let status = process::status(&mut shell("exit 3")).expect("a shell").code();
            (code.join().expect("no panic"), output.stdout, status)
        },
        |got| assert_eq!(got, Ok((Some(4), b"here\n".to_vec(), Some(3)))),
    );
}

#[test]
fn names_are_looked_up() {
    both_drives(
        || {
            let number = net::lookup("127.0.0.1:80").expect("it is an address");
            let bad = net::lookup("no port").map_err(|error| error.kind());
            (number, bad)
        },
        |got| {
            let number = vec![([127, 0, 0, 1], 80).into()];
            assert_eq!(got, Ok((number, Err(ErrorKind::InvalidInput))));
        },
    );
}

// Go: TestThreadExhaustion
#[test]
fn r7_more_threads_than_allowed_are_a_fatal_error() {
    // Calls that do not come back as long as this is there.
    let (stays, over) = mpsc::channel::<()>();
    let over = Arc::new(std::sync::Mutex::new(over));
    let program = move || -> () {
        let long = Duration::from_secs(1);
        for _ in 0..8 {
            let over = Arc::clone(&over);
            drop(go(move || {
                syscall_blocking_for("long", long, || drop(over.lock().map(|over| over.recv())));
            }));
        }
        park_forever();
    };
    let text = "runtime: program exceeds 4-thread limit\nfatal error: thread exhaustion\n";
    let failures = [
        gopark::lab(1).procs(2).max_threads(4).unwatched().try_run(program.clone()),
        drives::live(2).max_threads(4).try_run(program),
    ];
    drop(stays);
    for failure in failures.map(|got| got.expect_err("there are too many")) {
        assert_eq!((failure.kind, failure.text.as_str()), (EndKind::Fatal, text));
    }
}
