//! What Go's own tests ask of channels and select (`runtime/chan_test.go`, `test/chan`), in both
//! drives and with every trace validated.
//!
//! Not asked here: `TestSelectStackAdjust`, `TestShrinkStackDuringBlockedSend` and
//! `TestNoShrinkStackWhileParking` are about stacks that move, and stacks do not move here.

#[path = "support/kept.rs"]
mod kept;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use gopark::sync::WaitGroup;
use gopark::{
    Panicked, Receiver, Select, Selected, Sender, WouldBlock, chan, go, lab, select, yield_now,
};
use kept::{both_drives_keep_the_rules, live};

/// Gives others time to come as far as they can; in the lab on one P they do.
fn let_others_run() {
    (0..10).for_each(|_| yield_now());
}

// ---- what arrives ----

/// How a receiver takes what comes.
#[derive(Clone, Copy)]
enum Taking {
    Waiting,
    Polling,
    Selecting,
}

fn take(rx: &Receiver<u32>, how: Taking) -> Option<u32> {
    match how {
        Taking::Waiting => rx.recv(),
        Taking::Polling => loop {
            match rx.try_recv() {
                Ok(got) => break got,
                Err(WouldBlock) => yield_now(),
            }
        },
        Taking::Selecting => {
            let (_never, other) = chan::<u32>(0);
            select! {
                got = recv(rx) => got,
                got = recv(other) => got,
            }
        }
    }
}

/// Go: TestChan (receives of each kind: in order, and nothing for ever after close).
#[test]
fn values_come_in_order_however_they_are_taken() {
    for how in [Taking::Waiting, Taking::Polling, Taking::Selecting] {
        for cap in [0, 1, 7] {
            both_drives_keep_the_rules(
                move || {
                    let (tx, rx) = chan(cap);
                    drop(go(move || {
                        (0..20).for_each(|n| tx.send(n));
                        tx.close();
                    }));
                    let got: Vec<_> = (0..20).map(|_| take(&rx, how)).collect();
                    (got, take(&rx, how), take(&rx, how))
                },
                |got| assert_eq!(got, Ok(((0..20).map(Some).collect(), None, None))),
            );
        }
    }
}

/// Go: TestChan (a send or receive that would have to wait does nothing if there is a default).
#[test]
fn what_would_have_to_wait_does_nothing_with_a_default() {
    both_drives_keep_the_rules(
        || {
            let (tx, rx) = chan(0);
            let unbuffered = (rx.try_recv(), tx.try_send(1), tx.len());
            let (tx, rx) = chan(2);
            let empty = rx.try_recv();
            let room = [tx.try_send(1), tx.try_send(2), tx.try_send(3)];
            let full = (rx.try_recv(), rx.try_recv(), rx.try_recv());
            tx.close();
            (unbuffered, empty, room, full, rx.try_recv())
        },
        |got| {
            let none = Err(WouldBlock);
            let room = [Ok(()), Ok(()), Err(3)];
            let full = (Ok(Some(1)), Ok(Some(2)), none);
            assert_eq!(got, Ok(((none, Err(1), 0), none, room, full, Ok(None))));
        },
    );
}

/// Go: TestNonblockRecvRace. There is a value until the channel is closed, so a receive can always
/// go on.
#[test]
fn a_receive_with_a_default_sees_the_value_or_the_close() {
    both_drives_keep_the_rules(
        || {
            let missed = |_: &u32| {
                let (tx, rx) = chan(1);
                tx.send(1);
                let other = {
                    let rx = rx.clone();
                    go(move || rx.try_recv().is_err())
                };
                tx.close();
                rx.recv();
                other.join().expect("no panic")
            };
            (0..30).filter(missed).count()
        },
        |missed| assert_eq!(missed, Ok(0)),
    );
}

/// Go: TestNonblockSelectRace and 2. The second channel is filled, or closed, before the first is
/// emptied, so one of them always has something.
#[test]
fn a_select_with_a_default_looks_at_all_channels_at_one_moment() {
    fn missed(closes: bool) -> bool {
        let ((tx1, rx1), (tx2, rx2)) = (chan(1), chan(1));
        tx1.send(1);
        let other = {
            let rx1 = rx1.clone();
            go(move || {
                select! {
                    recv(rx1) => false,
                    recv(rx2) => false,
                    default => true,
                }
            })
        };
        if closes {
            tx2.close()
        } else {
            tx2.send(1)
        }
        select! {
            recv(rx1) => {}
            default => {}
        }
        other.join().expect("no panic")
    }
    for closes in [false, true] {
        both_drives_keep_the_rules(
            move || (0..30).filter(|_| missed(closes)).count(),
            |missed| assert_eq!(missed, Ok(0)),
        );
    }
}

/// Go: TestSelfSelect. Sends and receives of one channel in one select.
#[test]
fn a_select_never_receives_what_it_sends_itself() {
    fn exchange(tx: &Sender<u32>, rx: &Receiver<u32>, me: u32) -> u32 {
        let mut own = 0;
        for i in 0..60 {
            let got = if me == 0 || i % 2 == 0 {
                select! {
                    send(tx, me) => None,
                    got = recv(rx) => got,
                }
            } else {
                select! {
                    got = recv(rx) => got,
                    send(tx, me) => None,
                }
            };
            own += u32::from(got == Some(me));
        }
        own
    }
    both_drives_keep_the_rules(
        || {
            let (tx, rx) = chan(0);
            let other = {
                let (tx, rx) = (tx.clone(), rx.clone());
                go(move || exchange(&tx, &rx, 1))
            };
            exchange(&tx, &rx, 0) + other.join().expect("no panic")
        },
        |own| assert_eq!(own, Ok(0)),
    );
    // With a buffer it may.
    both_drives_keep_the_rules(
        || {
            let (tx, rx) = chan(10);
            let other = {
                let (tx, rx) = (tx.clone(), rx.clone());
                go(move || exchange(&tx, &rx, 1))
            };
            exchange(&tx, &rx, 0) + other.join().expect("no panic")
        },
        |own| assert!(own.is_ok_and(|own| own <= 120)),
    );
}

/// Go: TestSelectStress. Senders and receivers of four channels, by themselves and in selects; a
/// channel that has had enough becomes nil.
#[test]
fn selects_and_plain_operations_share_channels() {
    const EACH: u32 = 25;
    fn stress() -> (u32, u32) {
        let chans: Vec<(Sender<u32>, Receiver<u32>)> = [0, 0, 2, 3].map(chan).into();
        let (wg, got) = (WaitGroup::new(), Arc::new(AtomicU32::new(0)));
        for (tx, rx) in chans.clone() {
            let got = Arc::clone(&got);
            drop(wg.go(move || {
                for n in 0..EACH {
                    tx.send(n);
                    yield_now();
                }
            }));
            drop(wg.go(move || {
                for _ in 0..EACH {
                    got.fetch_add(rx.recv().expect("nobody closes"), Relaxed);
                    yield_now();
                }
            }));
        }
        let mut txs: Vec<_> = chans.iter().map(|(tx, _)| tx.clone()).collect();
        drop(wg.go(move || {
            let mut sent = [0; 4];
            for _ in 0..4 * EACH {
                let i = select! {
                    send(txs[3], sent[3]) => 3,
                    send(txs[2], sent[2]) => 2,
                    send(txs[0], sent[0]) => 0,
                    send(txs[1], sent[1]) => 1,
                };
                sent[i] += 1;
                if sent[i] == EACH {
                    txs[i] = Sender::nil();
                }
            }
        }));
        let mut rxs: Vec<_> = chans.iter().map(|(_, rx)| rx.clone()).collect();
        let sum = Arc::clone(&got);
        drop(wg.go(move || {
            let mut taken = [0; 4];
            for _ in 0..4 * EACH {
                let (i, value) = select! {
                    got = recv(rxs[0]) => (0, got),
                    got = recv(rxs[1]) => (1, got),
                    got = recv(rxs[2]) => (2, got),
                    got = recv(rxs[3]) => (3, got),
                };
                sum.fetch_add(value.expect("nobody closes"), Relaxed);
                taken[i] += 1;
                if taken[i] == EACH {
                    rxs[i] = Receiver::nil();
                }
            }
        }));
        wg.wait();
        (got.load(Relaxed), chans.iter().map(|(tx, _)| tx.len() as u32).sum())
    }
    let sum = 2 * 4 * (0..EACH).sum::<u32>();
    both_drives_keep_the_rules(stress, |got| assert_eq!(got, Ok((sum, 0))));
}

/// Go: test/chan/doubleselect.go. One select sends on four channels, four receivers pass on what
/// they get: nothing comes twice, nothing is lost.
#[test]
fn a_select_sends_each_value_once() {
    both_drives_keep_the_rules(
        || {
            let chans: Vec<(Sender<u32>, Receiver<u32>)> = (0..4).map(|_| chan(0)).collect();
            let (mixed, mix) = chan(0);
            let wg = WaitGroup::new();
            for (_, rx) in chans.clone() {
                let mixed = mixed.clone();
                drop(wg.go(move || rx.iter().for_each(|n| mixed.send(n))));
            }
            drop(go(move || {
                for n in 0..40 {
                    select! {
                        send(chans[0].0, n) => {}
                        send(chans[1].0, n) => {}
                        send(chans[2].0, n) => {}
                        send(chans[3].0, n) => {}
                    }
                }
                chans.iter().for_each(|(tx, _)| tx.close());
            }));
            drop(go(move || {
                wg.wait();
                mixed.close();
            }));
            let mut all: Vec<u32> = mix.iter().collect();
            all.sort_unstable();
            all
        },
        |all| assert_eq!(all, Ok((0..40).collect())),
    );
}

/// Go: TestMultiConsumer.
#[test]
fn many_consumers_of_a_queue_get_everything_once() {
    const PRIMES: [u64; 5] = [2, 3, 7, 31, 73];
    both_drives_keep_the_rules(
        || {
            let ((work, jobs), (results, sums)) = (chan::<u64>(12), chan(12));
            let wg = WaitGroup::new();
            for i in 0..7_usize {
                let (jobs, results) = (jobs.clone(), results.clone());
                drop(wg.go(move || {
                    for n in &jobs {
                        if (i as u64 + n).is_multiple_of(PRIMES[i % PRIMES.len()]) {
                            yield_now();
                        }
                        results.send(n);
                    }
                }));
            }
            drop(go(move || {
                (0..120).for_each(|n| work.send(n));
                work.close();
                wg.wait();
                results.close();
            }));
            sums.iter().sum::<u64>()
        },
        |sum| assert_eq!(sum, Ok(119 * 120 / 2)),
    );
}

/// Go: test/chan/select7.go. A select that sends reaches receivers of every kind.
#[test]
fn a_select_reaches_receivers_of_every_kind() {
    both_drives_keep_the_rules(
        || {
            let mut got = Vec::new();
            for how in [Taking::Waiting, Taking::Polling, Taking::Selecting] {
                for selecting in [false, true] {
                    let (tx, rx) = chan(0);
                    let taker = go(move || take(&rx, how));
                    let_others_run();
                    let (_never, other) = chan::<()>(0);
                    if selecting {
                        select! {
                            recv(other) => {}
                            send(tx, 9) => {}
                        }
                    } else {
                        tx.send(9);
                    }
                    got.push(taker.join().expect("no panic"));
                }
            }
            got
        },
        |got| assert_eq!(got, Ok(vec![Some(9); 6])),
    );
}

// ---- who is on which queue ----

/// Go: TestSelectDuplicateChannel. Somebody who waits twice on a channel leaves it whole when it is
/// won elsewhere.
#[test]
fn a_channel_may_stand_in_a_select_twice() {
    both_drives_keep_the_rules(
        || {
            let ((c, c_rx), (d, d_rx), (e, e_rx)) = (chan(0), chan(0), chan(0));
            let twice = c_rx.clone();
            drop(go(move || {
                select! {
                    recv(twice) => {}
                    recv(twice) => {}
                    recv(d_rx) => {}
                }
                e.send(9);
            }));
            let_others_run();
            let b = go(move || c_rx.recv());
            let_others_run();
            d.send(7);
            let told = e_rx.recv();
            c.send(8);
            (told, b.join().expect("no panic"))
        },
        |got| assert_eq!(got, Ok((Some(9), Some(8)))),
    );
}

/// Go: test/chan/select6.go. Leaving the middle of a queue leaves the others in it.
#[test]
fn a_select_that_was_won_leaves_the_middle_of_a_queue() {
    for sends in [false, true] {
        both_drives_keep_the_rules(
            move || {
                let ((tx, rx), (go_on, goes)) = (chan::<u32>(0), chan::<()>(0));
                let plain = |n| {
                    let (tx, rx) = (tx.clone(), rx.clone());
                    go(move || {
                        if sends {
                            tx.send(n);
                        } else {
                            rx.recv();
                        }
                    })
                };
                let first = plain(1);
                let_others_run();
                let middle = {
                    let (tx, rx) = (tx.clone(), rx.clone());
                    go(move || {
                        let (tx, rx) =
                            if sends { (tx, Receiver::nil()) } else { (Sender::nil(), rx) };
                        select! {
                            recv(goes) => 0,
                            send(tx, 2) => 1,
                            recv(rx) => 1,
                        }
                    })
                };
                let_others_run();
                let last = plain(3);
                let_others_run();
                go_on.send(());
                let taken = middle.join().expect("no panic");
                for _ in 0..2 {
                    if sends {
                        rx.recv();
                    } else {
                        tx.send(0);
                    }
                }
                (taken, first.join().is_ok(), last.join().is_ok())
            },
            |got| assert_eq!(got, Ok((0, true, true))),
        );
    }
}

// ---- chance ----

/// How often each of three cases that are always ready is taken.
fn picks(n: usize) -> [usize; 3] {
    let chans: [(Sender<()>, Receiver<()>); 3] = [chan(1), chan(1), chan(1)];
    let mut taken = [0; 3];
    for (tx, _) in &chans {
        tx.send(());
    }
    for _ in 0..n {
        let i = select! {
            recv(chans[0].1) => 0,
            recv(chans[1].1) => 1,
            recv(chans[2].1) => 2,
        };
        taken[i] += 1;
        chans[i].0.send(());
    }
    taken
}

/// Twice as much as one select in a million would show: the statistic of Pearson's test for three
/// equal cases, two degrees of freedom.
const CHI_SQUARE_MAX: f64 = 30.0;

/// Go: TestSelectFairness.
#[test]
fn each_case_that_is_ready_is_taken_with_the_same_odds() {
    const N: usize = 9000;
    let fair = |taken: [usize; 3]| {
        let expected = (N / 3) as f64;
        let chi: f64 = taken.iter().map(|&n| (n as f64 - expected).powi(2) / expected).sum();
        assert!(chi < CHI_SQUARE_MAX, "{taken:?}");
    };
    (0..5).for_each(|seed| fair(lab(seed).procs(1).unwatched().run(|| picks(N))));
    fair(live(2).run(|| picks(N)));
}

/// Go: TestPseudoRandomSend.
#[test]
fn a_select_sends_either_of_two_values_by_chance() {
    for cap in [0, 100] {
        both_drives_keep_the_rules(
            move || {
                let (tx, rx) = chan(cap);
                let receiver = go(move || rx.iter().take(100).sum::<usize>());
                for _ in 0..100 {
                    select! {
                        send(tx, 0) => {}
                        send(tx, 1) => {}
                    }
                }
                receiver.join().expect("no panic")
            },
            |ones| {
                let ones = ones.expect("it ends");
                assert!((10..90).contains(&ones), "{ones} of 100");
            },
        );
    }
}

/// Go: test/chan/select5.go, in small: every order of cases works as every other, also those that
/// are put together at run time.
#[test]
fn a_select_of_many_cases_takes_the_one_that_can_go_on() {
    both_drives_keep_the_rules(
        || {
            let chans: Vec<(Sender<usize>, Receiver<usize>)> = (0..40).map(|_| chan(0)).collect();
            let mut got = Vec::new();
            for n in (0..40).rev() {
                let tx = chans[n].0.clone();
                let sender = go(move || tx.send(n));
                let cases = chans.iter().fold(Select::new(), |s, (_, rx)| s.recv(rx));
                got.push(cases.select() == Selected::Recv(n, Some(n)));
                sender.join().expect("no panic");
            }
            got.iter().all(|&right| right)
        },
        |all| assert_eq!(all, Ok(true)),
    );
}

// ---- close ----

fn said<T>(joined: Result<T, Panicked>) -> Option<String> {
    joined.err().map(|panic| panic.message().to_owned())
}

/// Go: TestChan (close lets waiting receivers go), test/chan/select3.go.
#[test]
fn close_lets_every_select_go_that_waits_there() {
    both_drives_keep_the_rules(
        || {
            let ((tx, rx), (_never, other)) = (chan::<u32>(0), chan::<u32>(0));
            let waiters: Vec<_> = (0..6)
                .map(|i| {
                    let (rx, other) = (rx.clone(), other.clone());
                    go(move || {
                        if i % 2 == 0 {
                            return rx.recv().is_none();
                        }
                        select! {
                            got = recv(other) => got.is_some(),
                            got = recv(rx) => got.is_none(),
                            got = recv(rx) => got.is_none(),
                        }
                    })
                })
                .collect();
            let_others_run();
            tx.close();
            waiters.into_iter().all(|w| w.join().expect("no panic"))
        },
        |all| assert_eq!(all, Ok(true)),
    );
}

/// R89: senders that wait panic on close, those in a select too, and each of them once.
#[test]
fn close_makes_every_select_panic_that_waits_to_send() {
    both_drives_keep_the_rules(
        || {
            let ((tx, _rx), (other, _never)) = (chan::<u32>(0), chan::<u32>(0));
            let waiters: Vec<_> = (0..6)
                .map(|i| {
                    let (tx, other) = (tx.clone(), other.clone());
                    go(move || {
                        if i % 2 == 0 {
                            tx.send(i);
                        } else {
                            select! {
                                send(other, i) => {}
                                send(tx, i) => {}
                                send(tx, i) => {}
                            }
                        }
                    })
                })
                .collect();
            let_others_run();
            tx.close();
            let late = {
                let (tx, other) = (tx.clone(), other.clone());
                go(move || {
                    select! {
                        send(other, 1) => {}
                        send(tx, 2) => {}
                    }
                })
            };
            let tried = go(move || tx.try_send(3));
            let all: Vec<_> = waiters.into_iter().map(|w| said(w.join())).collect();
            (all, said(late.join()), said(tried.join()))
        },
        |got| {
            let panic = || Some("send on closed channel".to_owned());
            assert_eq!(got, Ok((vec![panic(); 6], panic(), panic())));
        },
    );
}

/// Two selects that wait for each other's channels, in opposite orders, with others between them.
#[test]
fn selects_over_the_same_channels_in_any_order_do_not_lock_each_other_out() {
    both_drives_keep_the_rules(
        || {
            let chans: Arc<[(Sender<u32>, Receiver<u32>)]> = (0..3).map(|_| chan(1)).collect();
            let wg = WaitGroup::new();
            for g in 0..6_usize {
                let chans = Arc::clone(&chans);
                drop(wg.go(move || {
                    let at = |i: usize| &chans[(if g % 2 == 0 { i } else { 2 - i }) % 3];
                    for n in 0..30 {
                        let even = (n + g) % 2 == 0;
                        select! {
                            send(at(0).0, 1) => {}
                            recv(at(1).1) => {}
                            send(at(2).0, 1) => {}
                            recv(at(0).1) => {}
                            default => if even { yield_now() },
                        }
                    }
                }));
            }
            wg.wait();
        },
        |got| assert_eq!(got, Ok(())),
    );
}
