//! The lab: what goes between its own sockets does not depend on real time; what comes from others
//! takes the time it takes.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use gopark::net::{TcpListener, TcpStream, UnixStream};
use gopark::sink::Memory;
use gopark::sync::WaitGroup;
use gopark::trace::Event;
use gopark::trace::record::Record;
use gopark::{go, lab, since_start, sleep, work};

use crate::ruled::keeps_the_rules;

/// Connections that come and go, with timers in between.
fn program() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("it listens");
    let accepts = listener.clone();
    drop(go(move || {
        while let Ok((mut stream, _)) = accepts.accept() {
            drop(go(move || {
                let mut all = Vec::new();
                stream.read_to_end(&mut all).expect("until its end");
                work(Duration::from_micros(u64::from(all[0])));
                stream.write_all(&all).expect("it is open");
            }));
        }
    }));
    let wg = WaitGroup::new();
    for i in 0..12_u8 {
        drop(wg.go(move || {
            sleep(Duration::from_micros(u64::from(i % 5) * 3));
            let mut stream = TcpStream::connect(addr).expect("it listens");
            stream.write_all(&[i; 40]).expect("it is open");
            stream.shutdown(Shutdown::Write).expect("it is open");
            let mut back = Vec::new();
            stream.read_to_end(&mut back).expect("until its end");
            assert_eq!(back, [i; 40]);
        }));
    }
    wg.wait();
    listener.close().expect("it was open");
}

fn recorded(seed: u64, procs: usize) -> Vec<Record> {
    let memory = Memory::default();
    lab(seed).procs(procs).record(memory.clone()).unwatched().run(program);
    memory.records()
}

#[test]
fn the_same_seed_gives_the_same_events() {
    for procs in [1, 2, 4] {
        for seed in 0..5 {
            let first = recorded(seed, procs);
            keeps_the_rules("first", &first);
            assert!(first.iter().any(|r| matches!(r.event, Event::FdReady { g: Some(_), .. })));
            for again in 0..3 {
                let second = recorded(seed, procs);
                let at = first.iter().zip(&second).position(|(a, b)| a != b);
                let told = |records: &[Record], at: usize| {
                    let near = &records[at.saturating_sub(12)..(at + 3).min(records.len())];
                    near.iter().map(|r| format!("{r}\n")).collect::<String>()
                };
                let differ = at.map(|at| format!("{}and\n{}", told(&first, at), told(&second, at)));
                let differ = differ.unwrap_or_default();
                assert!(first == second, "seed {seed}, procs {procs}, {again}:\n{differ}");
            }
        }
    }
}

#[test]
fn between_its_own_sockets_no_real_time_passes() {
    let real = std::time::Instant::now();
    let passed = lab(3).unwatched().run(|| {
        let (mut a, mut b) = UnixStream::pair().expect("two descriptors");
        let waits = go(move || {
            let mut byte = [0];
            b.read_exact(&mut byte).expect("it comes");
            since_start()
        });
        sleep(Duration::from_secs(3_600));
        a.write_all(b"x").expect("it is open");
        waits.join().expect("no panic")
    });
    assert!(passed >= Duration::from_secs(3_600) && passed < Duration::from_secs(3_601));
    assert!(real.elapsed() < Duration::from_secs(60), "an hour of the lab's is none of ours");
}

#[test]
fn r102_who_waits_for_a_socket_is_no_deadlock() {
    // Only the other end, in a thread of no run, can ever make it go on.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("it listens");
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let outside = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("one comes");
        wait.recv().expect("it sleeps now");
        stream.write_all(b"late").expect("it is open");
    });
    let word = lab(1).unwatched().run(move || {
        let mut stream = TcpStream::connect(addr).expect("it listens");
        drop(go(move || {
            sleep(Duration::from_millis(1));
            go_on.send(()).expect("it waits");
        }));
        let mut word = String::new();
        stream.read_to_string(&mut word).expect("until its end");
        word
    });
    assert_eq!(word, "late");
    outside.join().expect("no panic");
}

#[test]
fn the_clock_does_not_run_away_from_others() {
    // A sleeper of a minute must not be first when somebody outside answers at once.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("it listens");
    let outside = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("one comes");
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("it comes");
        stream.write_all(&byte).expect("it is open");
    });
    let at = lab(1).unwatched().run(move || {
        drop(go(|| sleep(Duration::from_secs(60))));
        let mut stream = TcpStream::connect(addr).expect("it listens");
        stream.write_all(b"x").expect("it is open");
        stream.read_exact(&mut [0]).expect("it answers");
        since_start()
    });
    assert!(at < Duration::from_secs(60), "{at:?}");
    outside.join().expect("no panic");
}

#[test]
fn a_run_that_waits_for_nothing_any_more_is_dead() {
    let ran = lab(1).unwatched().try_run(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let accepts = listener.clone();
        drop(go(move || accepts.accept().is_err()));
        sleep(Duration::from_millis(1));
        listener.close().expect("it was open");
        gopark::park_forever();
    });
    let failure = ran.expect_err("nobody is left");
    assert!(failure.text.starts_with("fatal error: all goroutines are asleep"), "{failure}");
}
