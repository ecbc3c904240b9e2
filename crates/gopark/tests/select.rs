//! `select!` reads like Go's and fits into Rust: what an arm may do, what is evaluated when, and what
//! Go says of a select that cannot go on.

#[path = "support/drives.rs"]
mod drives;

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use drives::both_drives;
use gopark::sink::Memory;
use gopark::trace::Event;
use gopark::trace::words::{EndKind, WaitReason};
use gopark::{Receiver, Select, Selected, Sender, chan, go, lab, select};

/// A channel that always has something.
fn ready<T: Send + 'static>(value: T) -> Receiver<T> {
    let (tx, rx) = chan(1);
    tx.send(value);
    rx
}

// ---- arms ----

#[test]
fn a_select_has_the_value_of_its_arm() {
    both_drives(
        || {
            let (tx, rx) = chan::<u32>(1);
            let sent = select! {
                got = recv(rx) => format!("{got:?}"),
                send(tx, 7) => "sent".to_owned(),
            };
            let got = select! {
                got = recv(rx) => format!("{got:?}"),
                default => "nothing".to_owned(),
            };
            let nothing: &str = select! {
                recv(rx) => "something",
                default => { "nothing" }
            };
            (sent, got, nothing)
        },
        |got| assert_eq!(got, Ok(("sent".to_owned(), "Some(7)".to_owned(), "nothing"))),
    );
}

#[test]
fn arms_may_leave_loops_and_functions() {
    fn first_even(rx: &Receiver<u32>, stop: &Receiver<()>) -> Result<Option<u32>, &'static str> {
        let found = 'search: loop {
            select! {
                n = recv(rx) => {
                    let n = n.ok_or("closed")?;
                    if n > 100 {
                        return Ok(None);
                    }
                    if n % 2 == 1 {
                        continue;
                    }
                    break 'search n;
                }
                recv(stop) => break 0,
            }
        };
        Ok(Some(found))
    }
    both_drives(
        || {
            let (tx, rx) = chan(4);
            let (_never, stop) = chan(0);
            let mut found = Vec::new();
            for round in [&[1, 3, 4][..], &[5, 101], &[]] {
                round.iter().for_each(|&n| tx.send(n));
                if round.is_empty() {
                    tx.close();
                }
                found.push(first_even(&rx, &stop));
            }
            found
        },
        |found| assert_eq!(found, Ok(vec![Ok(Some(4)), Ok(None), Err("closed")])),
    );
}

#[test]
fn an_arm_may_change_the_channels_of_its_select() {
    both_drives(
        || {
            let (mut rx, mut others) = (ready(1), vec![ready(2), ready(3)]);
            let mut got = Vec::new();
            while got.len() < 3 {
                select! {
                    n = recv(rx) => {
                        got.extend(n);
                        rx = Receiver::nil();
                    }
                    n = recv(others[0]) => {
                        got.extend(n);
                        others.remove(0);
                        others.push(Receiver::nil());
                    }
                }
            }
            got.sort_unstable();
            got
        },
        |got| assert_eq!(got, Ok(vec![1, 2, 3])),
    );
}

#[test]
fn a_binding_may_be_any_pattern_that_always_fits() {
    both_drives(
        || {
            let numbers = ready([1, 2]);
            let sum = select! {
                mut got = recv(numbers) => {
                    got = got.map(|[a, b]| [a, b + 10]);
                    got.into_iter().flatten().sum::<u32>()
                }
            };
            let (one, other) = (ready('a'), ready('b'));
            let mut n = 0;
            while n < 2 {
                select! {
                    _ = recv(one) => n += 1,
                    (Some(_) | None) = recv(&other) => { n += 1 },
                }
            }
            sum
        },
        |got| assert_eq!(got, Ok(13)),
    );
}

#[test]
fn twenty_cases_and_no_comma_too_many() {
    both_drives(
        || {
            let rx: Vec<Receiver<usize>> =
                (0..20).map(|i| if i == 13 { ready(i) } else { Receiver::nil() }).collect();
            select! {
                _ = recv(rx[0]) => 0,  _ = recv(rx[1]) => 1,  _ = recv(rx[2]) => { 2 }
                _ = recv(rx[3]) => 3,  _ = recv(rx[4]) => 4,  _ = recv(rx[5]) => { 5 }
                _ = recv(rx[6]) => 6,  _ = recv(rx[7]) => 7,  _ = recv(rx[8]) => { 8 }
                _ = recv(rx[9]) => 9,  _ = recv(rx[10]) => 10, _ = recv(rx[11]) => { 11 },
                _ = recv(rx[12]) => 12, n = recv(rx[13]) => n.unwrap_or(0) + 100,
                _ = recv(rx[14]) => 14, _ = recv(rx[15]) => 15, _ = recv(rx[16]) => { 16 }
                _ = recv(rx[17]) => 17, _ = recv(rx[18]) => 18, _ = recv(rx[19]) => 19
            }
        },
        |got| assert_eq!(got, Ok(113)),
    );
}

// ---- what is evaluated ----

/// Go: test/chan/select4.go and the specification's words on evaluation.
#[test]
fn channels_and_values_are_evaluated_once_in_the_order_they_are_written() {
    both_drives(
        || {
            let told = RefCell::new(Vec::new());
            let tell = |what: &'static str| told.borrow_mut().push(what);
            let ((tx, _rx), full) = (chan(0), ready(1));
            let taken = select! {
                send({ tell("first channel"); &tx }, { tell("its value"); 1 }) => "sent",
                _ = recv({ tell("second channel"); &full }) => { tell("arm"); "received" }
                send({ tell("third channel"); Sender::nil() }, { tell("its value too"); 2 }) => "sent",
            };
            (taken, told.into_inner())
        },
        |got| {
            let order = vec![
                "first channel",
                "its value",
                "second channel",
                "third channel",
                "its value too",
                "arm",
            ];
            assert_eq!(got, Ok(("received", order)));
        },
    );
}

#[test]
fn a_channel_may_be_made_for_the_select_alone() {
    both_drives(
        || {
            select! {
                n = recv(ready(7)) => n,
                n = recv(chan::<u32>(0).1) => n,
            }
        },
        |got| assert_eq!(got, Ok(Some(7))),
    );
}

/// Counts its drops.
struct Counted(Arc<AtomicU32>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_value_that_is_not_sent_is_dropped_before_the_arm_runs_and_a_sent_one_is_not() {
    both_drives(
        || {
            let drops = Arc::new(AtomicU32::new(0));
            let value = || Counted(Arc::clone(&drops));
            let ((tx, rx), (_never, other)) = (chan(0), chan::<()>(0));
            let unsent = select! {
                send(tx, value()) => 99,
                recv(other) => 99,
                default => drops.load(Relaxed),
            };
            let refused = tx.try_send(value()).is_err();
            let receiver = go(move || rx.recv());
            select! {
                send(tx, value()) => {}
                recv(other) => {}
            }
            let got = receiver.join().expect("no panic");
            let sent = drops.load(Relaxed);
            drop(got);
            (unsent, refused, sent, drops.load(Relaxed))
        },
        |got| assert_eq!(got, Ok((1, true, 2, 3))),
    );
}

#[test]
fn a_value_is_dropped_once_if_its_channel_is_closed() {
    both_drives(
        || {
            let drops = Arc::new(AtomicU32::new(0));
            let ((tx, _rx), (other, _other)) = (chan(0), chan(0));
            let waiting = {
                let (tx, drops) = (tx.clone(), Arc::clone(&drops));
                go(move || {
                    select! {
                        send(tx, Counted(Arc::clone(&drops))) => {}
                        send(other, Counted(drops)) => {}
                    }
                })
            };
            (0..10).for_each(|_| gopark::yield_now());
            tx.close();
            (waiting.join().is_err(), drops.load(Relaxed))
        },
        |got| assert_eq!(got, Ok((true, 2))),
    );
}

// ---- what is told ----

#[test]
fn a_select_is_told_from_its_line() {
    let memory = Memory::default();
    let line = line!() + 4;
    lab(1).procs(1).record(memory.clone()).unwatched().run(|| {
        let (rx, other) = (ready(1), ready(2));
        // The line of the macro, not one inside of it.
        select! {
            _ = recv(rx) => {}
            _ = recv(other) => {}
        }
    });
    let records = memory.records();
    let start = records.iter().find(|r| matches!(r.event, Event::SelectStart { .. }));
    let site = start.and_then(|r| r.site).expect("it has a line");
    let told = records.iter().find_map(|r| match &r.event {
        Event::Site { site: s, file, line, .. } if *s == site => Some((file.clone(), *line)),
        _ => None,
    });
    assert_eq!(told, Some((file!().to_owned(), line)));
}

// ---- what can never go on ----

#[track_caller]
fn deadlocks(why: WaitReason, program: impl FnOnce() + Clone + Send + 'static) {
    both_drives(program, |got| {
        let failure = got.expect_err("it waits for ever");
        assert_eq!(failure.kind, EndKind::Deadlock, "{failure}");
        let line = format!("\ngoroutine 1 [{why}]:\n");
        assert!(failure.text.contains(&line), "{failure}");
    });
}

#[test]
fn a_select_without_cases_waits_for_ever() {
    deadlocks(WaitReason::SelectNoCases, || select! {});
    deadlocks(WaitReason::SelectNoCases, || {
        Select::<u32>::new().select();
    });
}

#[test]
fn a_select_of_nil_channels_alone_waits_for_ever() {
    deadlocks(WaitReason::Select, || {
        select! {
            recv(Receiver::<u32>::nil()) => {}
            send(Sender::nil(), 1) => {}
        }
    });
}

/// As Go's compiler has it: one case is that operation.
#[test]
fn a_select_of_one_case_is_that_operation() {
    deadlocks(WaitReason::ChanReceive, || {
        let (_tx, rx) = chan::<u32>(0);
        select! { recv(rx) => {} }
    });
    deadlocks(WaitReason::ChanSend, || {
        let (tx, _rx) = chan(0);
        select! { send(tx, 1) => {} }
    });
    deadlocks(WaitReason::ChanReceiveNil, || select! { recv(Receiver::<u32>::nil()) => {} });
    deadlocks(WaitReason::ChanSendNil, || select! { send(Sender::nil(), 1) => {} });
}

/// As `reflect.Select` has it.
#[test]
fn a_select_made_at_run_time_is_one_whatever_its_cases() {
    deadlocks(WaitReason::Select, || {
        let (_tx, rx) = chan::<u32>(0);
        Select::new().recv(&rx).select();
    });
}

#[test]
fn a_default_alone_is_taken() {
    both_drives(
        || {
            let alone = select! { default => 1 };
            let nil = select! {
                recv(Receiver::<u32>::nil()) => 0,
                default => 2,
            };
            let dynamic = Select::<u32>::new().or_default().select();
            let nils = (Sender::nil(), Receiver::nil());
            let both = Select::new().send(&nils.0, 1).recv(&nils.1).or_default().select();
            (alone, nil, dynamic, both)
        },
        |got| assert_eq!(got, Ok((1, 2, Selected::Default, Selected::Default))),
    );
}

// ---- cases made at run time ----

#[test]
fn a_preferred_case_is_taken_whenever_it_can_go_on() {
    both_drives(
        || {
            let (rxs, full): (Vec<_>, _) = ((0..5).map(|_| chan::<usize>(9)).collect(), ready(0));
            let mut right = 0;
            for n in 0..5 {
                for (tx, _) in &rxs {
                    tx.send(n);
                }
                let cases = rxs.iter().fold(Select::new(), |s, (_, rx)| s.recv(rx));
                let taken = cases.prefer(n).or_default().select();
                right += usize::from(taken == Selected::Recv(n, Some(0)));
            }
            // One that can't go on keeps nobody else from it.
            let (tx, rx) = chan(0);
            let taken = Select::new().send(&tx, 1).recv(&full).recv(&rx).prefer(2).select();
            (right, taken)
        },
        |got| assert_eq!(got, Ok((5, Selected::Recv(1, Some(0))))),
    );
}

#[test]
fn a_case_made_at_run_time_sends_and_sees_a_close() {
    both_drives(
        || {
            let ((tx, rx), (done, closed)) = (chan(1), chan::<u32>(0));
            let sent = Select::new().recv(&closed).send(&tx, 5).select();
            done.close();
            let ended = Select::new().recv(&closed).send(&tx, 6).select();
            (sent, ended, rx.recv())
        },
        |got| assert_eq!(got, Ok((Selected::Sent(1), Selected::Recv(0, None), Some(5)))),
    );
}
