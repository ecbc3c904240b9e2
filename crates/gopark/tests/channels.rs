//! Channels are Go's: who gets what, in which order, and what Go says when they are used wrongly.

#[path = "support/drives.rs"]
mod drives;

use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use drives::both_drives;
use gopark::sync::WaitGroup;
use gopark::trace::words::EndKind;
use gopark::{Panicked, Receiver, Sender, WouldBlock, chan, go, lab, log, yield_now};

fn said(joined: Result<(), Panicked>) -> String {
    joined.expect_err("it panicked").message().to_owned()
}

// ---- what arrives ----

#[test]
fn an_unbuffered_channel_hands_every_value_over_in_order() {
    both_drives(
        || {
            let (tx, rx) = chan(0);
            drop(go(move || {
                (0..50).for_each(|n| tx.send(n));
                tx.close();
            }));
            rx.iter().collect::<Vec<u32>>()
        },
        |got| assert_eq!(got, Ok((0..50).collect())),
    );
}

#[test]
fn a_buffered_channel_is_first_in_first_out_also_through_waiting_senders() {
    both_drives(
        || {
            let (tx, rx) = chan(3);
            drop(go(move || {
                (0..50).for_each(|n| tx.send(n));
                tx.close();
            }));
            // The buffer fills and the sender waits before anything is received.
            while rx.len() < rx.cap() {
                yield_now();
            }
            rx.iter().collect::<Vec<u32>>()
        },
        |got| assert_eq!(got, Ok((0..50).collect())),
    );
}

#[test]
fn many_senders_and_many_receivers_lose_and_double_nothing() {
    both_drives(
        || {
            let (tx, rx) = chan(2);
            let (results, sums) = chan(8);
            let senders = WaitGroup::new();
            for s in 0..8_u64 {
                let tx = tx.clone();
                drop(senders.go(move || {
                    for n in 0..25 {
                        tx.send(s * 25 + n);
                        if n % 7 == 0 {
                            yield_now();
                        }
                    }
                }));
            }
            for _ in 0..8 {
                let (rx, results) = (rx.clone(), results.clone());
                drop(go(move || results.send(rx.iter().collect::<Vec<u64>>())));
            }
            senders.wait();
            tx.close();
            let mut all: Vec<u64> = sums.iter().take(8).flatten().collect();
            all.sort_unstable();
            all
        },
        |got| assert_eq!(got, Ok((0..200).collect())),
    );
}

#[test]
fn an_unbuffered_send_returns_only_when_the_value_is_taken() {
    both_drives(
        || {
            let (tx, rx) = chan(0);
            let sent = Arc::new(AtomicU32::new(0));
            let sender = {
                let sent = Arc::clone(&sent);
                go(move || {
                    tx.send(());
                    sent.store(1, Relaxed);
                })
            };
            (0..20).for_each(|_| yield_now());
            let before = sent.load(Relaxed);
            rx.recv();
            sender.join().expect("it sends once");
            (before, sent.load(Relaxed))
        },
        |got| assert_eq!(got, Ok((0, 1))),
    );
}

#[test]
fn values_of_any_size_arrive_whole() {
    both_drives(
        || {
            let (nothing, nothings) = chan::<()>(0);
            let (large, larges) = chan::<[u64; 64]>(1);
            let (owned, owneds) = chan::<Box<str>>(0);
            drop(go(move || {
                nothing.send(());
                large.send(std::array::from_fn(|i| i as u64));
                owned.send("a box".into());
            }));
            nothings.recv().expect("open");
            let large = larges.recv().expect("open");
            (large.iter().sum::<u64>(), owneds.recv())
        },
        |got| assert_eq!(got, Ok((63 * 64 / 2, Some("a box".into())))),
    );
}

#[test]
fn len_and_cap_tell_what_is_buffered() {
    both_drives(
        || {
            let (tx, rx) = chan(3);
            let empty = (tx.len(), rx.is_empty());
            tx.send('a');
            tx.send('b');
            let two = (tx.len(), rx.len(), tx.is_empty(), tx.cap(), rx.cap());
            rx.recv();
            (empty, two, rx.len())
        },
        |got| assert_eq!(got, Ok(((0, true), (2, 2, false, 3, 3), 1))),
    );
}

// ---- close ----

#[test]
fn buffered_values_come_out_after_close_and_then_nothing_for_ever() {
    both_drives(
        || {
            let (tx, rx) = chan(3);
            (1..=3).for_each(|n| tx.send(n));
            tx.close();
            (0..6).map(|_| rx.recv()).collect::<Vec<Option<u32>>>()
        },
        |got| assert_eq!(got, Ok(vec![Some(1), Some(2), Some(3), None, None, None])),
    );
}

#[test]
fn iteration_ends_when_the_channel_is_closed_and_empty() {
    both_drives(
        || {
            let (tx, rx) = chan(2);
            drop(go(move || {
                (0..9).for_each(|n| tx.send(n));
                tx.close();
            }));
            let first: Vec<u32> = rx.iter().take(3).collect();
            let mut second = Vec::new();
            for n in &rx {
                second.push(n);
                if n == 5 {
                    break;
                }
            }
            (first, second, rx.into_iter().collect::<Vec<u32>>())
        },
        |got| assert_eq!(got, Ok((vec![0, 1, 2], vec![3, 4, 5], vec![6, 7, 8]))),
    );
}

#[test]
fn dropping_handles_never_closes_a_channel() {
    both_drives(
        || {
            let (tx, rx) = chan::<u32>(1);
            tx.send(1);
            drop(tx);
            (rx.recv(), rx.recv())
        },
        |got| {
            let failure = got.expect_err("nobody sends, but nobody closed it either");
            assert_eq!(failure.kind, EndKind::Deadlock, "{failure}");
            assert!(failure.text.contains("\ngoroutine 1 [chan receive]:\n"), "{failure}");
        },
    );
}

#[test]
fn without_receivers_a_sender_blocks_and_is_not_told() {
    both_drives(
        || {
            let (tx, rx) = chan(1);
            drop(rx);
            tx.send(1);
            tx.send(2);
        },
        |got| {
            let failure = got.expect_err("nobody receives");
            assert_eq!(failure.kind, EndKind::Deadlock, "{failure}");
            assert!(failure.text.contains("\ngoroutine 1 [chan send]:\n"), "{failure}");
        },
    );
}

/// Parks `n` goroutines with `wait` one after another, closes the channel, and tells in which order
/// they went on.
fn order_after_close<T: Send + 'static>(
    n: u32,
    wait: fn(&Sender<T>, &gopark::Receiver<T>),
) -> Vec<u32> {
    lab(3).procs(1).start_tick(1).run(move || {
        let (tx, rx) = chan::<T>(0);
        let (told, order) = chan(n as usize);
        for i in 1..=n {
            let (tx, rx, told) = (tx.clone(), rx.clone(), told.clone());
            let waits = go(move || {
                // A sender that is let go panics; either way it tells that it went on.
                let _ = catch_unwind(std::panic::AssertUnwindSafe(|| wait(&tx, &rx)));
                told.send(i);
            });
            drop(waits);
            // On one P it has run and parked when this returns.
            yield_now();
        }
        tx.close();
        order.iter().take(n as usize).collect()
    })
}

#[test]
fn with_one_p_close_lets_the_first_receiver_run_first_and_the_others_last_first() {
    let recv = |_: &Sender<u32>, rx: &gopark::Receiver<u32>| assert_eq!(rx.recv(), None);
    assert_eq!(order_after_close(1, recv), [1]);
    assert_eq!(order_after_close(2, recv), [1, 2]);
    assert_eq!(order_after_close(5, recv), [1, 5, 4, 3, 2]);
}

#[test]
fn with_one_p_close_lets_waiting_senders_go_in_the_same_order() {
    assert_eq!(order_after_close(5, |tx, _| tx.send(())), [1, 5, 4, 3, 2]);
}

// ---- nil ----

#[test]
fn nil_channels_hold_nothing_and_a_default_handle_is_nil() {
    let (tx, rx) = (Sender::<u32>::nil(), Receiver::<u32>::nil());
    assert!(tx.is_nil() && rx.is_nil());
    assert!(Sender::<u32>::default().is_nil() && Receiver::<u32>::default().is_nil());
    assert_eq!((tx.len(), tx.cap(), rx.len(), rx.cap()), (0, 0, 0, 0));
    assert!(tx.is_empty() && rx.is_empty() && tx.clone().is_nil() && rx.clone().is_nil());
    assert_eq!(format!("{tx:?} {rx:?}"), "Sender(nil) Receiver(nil)");
    let (tx, rx) = chan::<u32>(0);
    assert!(!tx.is_nil() && !rx.is_nil());
}

#[test]
fn r88_sending_and_receiving_on_nil_blocks_for_ever() {
    let ends = |got: Result<(), gopark::Failure>, why: &str| {
        let failure = got.expect_err("nobody can wake it");
        assert_eq!(failure.kind, EndKind::Deadlock, "{failure}");
        assert!(failure.text.contains(&format!("\ngoroutine 1 [{why}]:\n")), "{failure}");
    };
    both_drives(|| Sender::nil().send(1), |got| ends(got, "chan send (nil chan)"));
    both_drives(
        || drop(Receiver::<String>::nil().recv()),
        |got| ends(got, "chan receive (nil chan)"),
    );
    both_drives(
        || Receiver::<u32>::nil().iter().for_each(drop),
        |got| ends(got, "chan receive (nil chan)"),
    );
}

#[test]
fn r88_with_a_default_nil_never_goes_on() {
    both_drives(
        || (Sender::nil().try_send(1), Receiver::<u32>::nil().try_recv()),
        |got| assert_eq!(got, Ok((Err(1), Err(WouldBlock)))),
    );
}

#[test]
fn closing_a_nil_channel_panics() {
    both_drives(
        || said(go(|| Sender::<u32>::nil().close()).join()),
        |got| assert_eq!(got.as_deref(), Ok("close of nil channel")),
    );
}

// ---- from outside ----

#[test]
fn another_thread_may_ask_how_full_a_channel_is() {
    for seed in 0..4 {
        lab(seed).procs(2).unwatched().run(|| {
            let (tx, rx) = chan(3);
            let (over, outside) = (Arc::new(AtomicU32::new(0)), tx.clone());
            let asks = {
                let over = Arc::clone(&over);
                std::thread::spawn(move || {
                    let mut most = 0;
                    while over.load(Relaxed) == 0 || most == 0 {
                        most = most.max(outside.len());
                    }
                    most
                })
            };
            drop(go(move || {
                (0..5000).for_each(|n: u32| tx.send(n));
                // Something stays to be seen.
                tx.send(0);
            }));
            assert_eq!(rx.iter().take(5000).count(), 5000);
            while rx.is_empty() {
                yield_now();
            }
            over.store(1, Relaxed);
            assert!((1..=3).contains(&asks.join().expect("it only asks")));
        });
    }
}

// ---- who is served first ----

#[test]
fn receivers_are_served_in_the_order_they_came() {
    let served = lab(5).procs(1).start_tick(1).run(|| {
        let (tx, rx) = chan(0);
        let (told, order) = chan(4);
        for i in 0..4 {
            let (rx, told) = (rx.clone(), told.clone());
            drop(go(move || told.send((i, rx.recv().expect("open")))));
            yield_now();
        }
        (10..14).for_each(|n| tx.send(n));
        let mut served: Vec<(u32, u32)> = order.iter().take(4).collect();
        served.sort_unstable();
        served
    });
    assert_eq!(served, [(0, 10), (1, 11), (2, 12), (3, 13)]);
}

#[test]
fn senders_are_served_in_the_order_they_came() {
    let got: Vec<u32> = lab(5).procs(1).start_tick(1).run(|| {
        let (tx, rx) = chan(0);
        for i in 0..4 {
            let tx = tx.clone();
            drop(go(move || tx.send(i)));
            yield_now();
        }
        rx.iter().take(4).collect()
    });
    assert_eq!(got, [0, 1, 2, 3]);
}

// ---- what Go says ----

#[test]
fn sending_on_a_closed_channel_panics() {
    both_drives(
        || {
            let (tx, _rx) = chan(5);
            tx.close();
            said(go(move || tx.send(1)).join())
        },
        |got| assert_eq!(got.as_deref(), Ok("send on closed channel")),
    );
}

#[test]
fn a_sender_that_waits_panics_when_the_channel_is_closed() {
    both_drives(
        || {
            let (tx, rx) = chan(1);
            tx.send(0);
            let sender = {
                let tx = tx.clone();
                go(move || tx.send(1))
            };
            (0..10).for_each(|_| yield_now());
            tx.close();
            (said(sender.join()), rx.iter().collect::<Vec<u32>>())
        },
        |got| assert_eq!(got, Ok(("send on closed channel".to_owned(), vec![0]))),
    );
}

#[test]
fn closing_a_closed_channel_panics() {
    both_drives(
        || {
            let (tx, _rx) = chan::<u32>(0);
            tx.close();
            said(go(move || tx.close()).join())
        },
        |got| assert_eq!(got.as_deref(), Ok("close of closed channel")),
    );
}

#[test]
fn a_channel_can_be_used_after_such_a_panic() {
    both_drives(
        || {
            let (tx, rx) = chan::<u32>(2);
            tx.send(1);
            tx.close();
            for _ in 0..3 {
                let (send, close) = (tx.clone(), tx.clone());
                go(move || send.send(9)).join().expect_err("closed");
                go(move || close.close()).join().expect_err("closed");
            }
            (rx.recv(), rx.recv())
        },
        |got| assert_eq!(got, Ok((Some(1), None))),
    );
}

#[test]
fn a_channel_too_large_for_memory_panics() {
    let panic = catch_unwind(|| chan::<u64>(usize::MAX)).expect_err("no memory is that large");
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"makechan: size out of range"));
}

#[test]
fn outside_a_goroutine_a_channel_says_what_is_missing() {
    let panic = catch_unwind(|| chan(1).0.send(1)).expect_err("there is no scheduler here");
    let text = panic.downcast_ref::<&str>().expect("a text");
    assert!(text.starts_with("gopark: this call needs a goroutine"), "{text}");
}

// ---- values are dropped once ----

/// Counts its drops.
struct Counted(Arc<AtomicU32>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Sends four values: one is buffered, one comes after it, one waits until close, one is refused.
/// Tells how many senders got rid of theirs, and the drops before and after the channel is dropped.
fn four_values() -> (usize, u32, u32) {
    let drops = Arc::new(AtomicU32::new(0));
    let value = || Counted(Arc::clone(&drops));
    let (tx, rx) = chan(1);
    tx.send(value());
    let senders: Vec<_> = (0..2)
        .map(|_| {
            let (tx, value) = (tx.clone(), value());
            go(move || tx.send(value))
        })
        .collect();
    (0..10).for_each(|_| yield_now());
    drop(rx.recv());
    tx.close();
    let sent = senders.into_iter().map(|s| s.join().is_ok()).filter(|ok| *ok).count();
    let (tx2, refused) = (tx.clone(), value());
    go(move || tx2.send(refused)).join().expect_err("closed");
    let before = drops.load(Relaxed);
    drop((tx, rx));
    (sent, before, drops.load(Relaxed))
}

#[test]
fn every_value_is_dropped_exactly_once() {
    // Whoever of the senders comes when, in the end all are gone.
    both_drives(four_values, |got| assert_eq!(got.map(|(_, _, after)| after), Ok(4)));
    // On one P both wait when the first value is received: one is let in, and stays buffered.
    assert_eq!(lab(1).procs(1).start_tick(1).run(four_values), (1, 3, 4));
}

#[test]
fn a_waiting_value_that_uses_the_channel_as_it_is_dropped_does_no_harm() {
    /// Looks at the channel it was sent on, and says so, when it is dropped.
    struct Nosy(Option<Sender<Nosy>>);
    impl Drop for Nosy {
        fn drop(&mut self) {
            if let Some(tx) = &self.0 {
                log(format!("{} are buffered", tx.len()));
                yield_now();
            }
        }
    }
    both_drives(
        || {
            let (tx, _rx) = chan(0);
            let sender = {
                let tx = tx.clone();
                go(move || tx.send(Nosy(Some(tx.clone()))))
            };
            (0..10).for_each(|_| yield_now());
            tx.close();
            said(sender.join())
        },
        |got| assert_eq!(got.as_deref(), Ok("send on closed channel")),
    );
}
