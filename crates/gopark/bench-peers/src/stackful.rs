//! The workloads for runtimes whose tasks have stacks, where a blocking call looks blocking:
//! gopark, may, kernel threads. Written once over what differs, so that each peer runs the same.
//!
//! Everything here runs inside a run and measures itself there.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::measure::{Figures, Timer, Xorshift, in_ms, ms, ns_each, percentile, resident};
use crate::worker::{Job, size};

pub(crate) mod gopark;
pub(crate) mod may;
pub(crate) mod threads;

/// A runtime.
pub(crate) trait Stackful: Send + 'static {
    /// Counts tasks that have not ended.
    type Countdown: Clone + Send + 'static;
    /// A number behind a lock.
    type Counter: Send + Sync + 'static;

    fn run<R: Send + 'static>(procs: usize, main: impl FnOnce() -> R + Send + 'static) -> R;
    fn spawn(task: impl FnOnce() + Send + 'static);
    fn yield_now();
    fn sleep(time: Duration);

    fn countdown(tasks: u64) -> Self::Countdown;
    fn done(countdown: &Self::Countdown);
    fn wait(countdown: &Self::Countdown);

    fn counter() -> Self::Counter;
    fn increment(counter: &Self::Counter);
    fn value(counter: &Self::Counter) -> u64;
}

/// A kind of channel.
pub(crate) trait Channel: Send + 'static {
    type Sender<T: Send + 'static>: Send + 'static;
    type Receiver<T: Send + 'static>: Send + 'static;

    fn chan<T: Send + 'static>(cap: usize) -> (Self::Sender<T>, Self::Receiver<T>);
    /// False if nobody will ever receive it.
    fn send<T: Send + 'static>(tx: &Self::Sender<T>, value: T) -> bool;
    /// None when it is closed and empty.
    fn recv<T: Send + 'static>(rx: &Self::Receiver<T>) -> Option<T>;
    /// Closes it. Where the last sender closes by going, this is the last.
    fn close<T: Send + 'static>(tx: Self::Sender<T>);
}

/// Workloads that need no channel.
pub(crate) fn plain<R: Stackful>(job: &Job) -> Option<Figures> {
    let quick = job.quick;
    let work: fn(bool) -> Figures = match job.workload.as_str() {
        "spawn" => |quick| vec![("ns", spawn::<R>(quick))],
        "yield-2" => |quick| vec![("ns", yields::<R>(2, quick))],
        "yield-1000" => |quick| vec![("ns", yields::<R>(1000, quick))],
        "mutex" => mutex::<R>,
        "timers" => timers::<R>,
        "hog" => hog::<R>,
        _ => return None,
    };
    Some(R::run(job.procs, move || work(quick)))
}

/// A call that blocks its thread, as it is made in one of a runtime's ways.
pub(crate) trait Blocking: Send + 'static {
    fn call(call: impl FnOnce());
}

/// Workloads that block threads.
pub(crate) fn system<R: Stackful, B: Blocking>(job: &Job) -> Option<Figures> {
    let quick = job.quick;
    let hogs = match job.workload.as_str() {
        "blocking" => 0,
        "blocking-hogs" => 2,
        _ => return None,
    };
    Some(R::run(job.procs, move || blocking::<R, B>(hogs, quick)))
}

/// Workloads whose channels have one sender and one receiver each.
pub(crate) fn pairs<R: Stackful, C: Channel>(job: &Job) -> Option<Figures> {
    let quick = job.quick;
    let work: fn(bool) -> Figures = match job.workload.as_str() {
        "fib" => fib_ms::<R, C>,
        "ping-pong" => |quick| vec![("ns", ping_pong::<R, C>(quick))],
        "chan-1-1" => chan_1_1::<R, C>,
        "sieve" => sieve::<R, C>,
        _ => return None,
    };
    Some(R::run(job.procs, move || work(quick)))
}

/// Workloads with several tasks at one end of a channel.
pub(crate) fn shared<R: Stackful, C: Channel>(job: &Job) -> Option<Figures>
where
    C::Sender<u64>: Clone,
    C::Receiver<u64>: Clone,
{
    let quick = job.quick;
    let work: fn(bool) -> Figures = match job.workload.as_str() {
        "skynet" => skynet::<R, C>,
        "chan-4-4" => chan_4_4::<R, C>,
        "parked" => |quick| parked::<R, C>(100_000, quick),
        "parked-1m" => |quick| parked::<R, C>(1_000_000, quick),
        _ => return None,
    };
    Some(R::run(job.procs, move || work(quick)))
}

pub(crate) fn spawn<R: Stackful>(quick: bool) -> f64 {
    let batches = size(1000, quick);
    const BATCH: u64 = 1000;
    let start = Instant::now();
    for _ in 0..batches {
        let countdown = R::countdown(BATCH);
        for _ in 0..BATCH {
            let countdown = countdown.clone();
            R::spawn(move || R::done(&countdown));
        }
        R::wait(&countdown);
    }
    ns_each(start, batches * BATCH)
}

pub(crate) fn yields<R: Stackful>(tasks: u64, quick: bool) -> f64 {
    let yields = size(1_000_000, quick);
    let countdown = R::countdown(tasks);
    let start = Instant::now();
    for _ in 0..tasks {
        let countdown = countdown.clone();
        R::spawn(move || {
            (0..yields / tasks).for_each(|_| R::yield_now());
            R::done(&countdown);
        });
    }
    R::wait(&countdown);
    ns_each(start, yields)
}

fn mutex<R: Stackful>(quick: bool) -> Figures {
    const TASKS: u64 = 8;
    let each = size(1_000_000, quick);
    let counter = Arc::new(R::counter());
    let countdown = R::countdown(TASKS);
    let start = Instant::now();
    for _ in 0..TASKS {
        let (counter, countdown) = (Arc::clone(&counter), countdown.clone());
        R::spawn(move || {
            (0..each).for_each(|_| R::increment(&counter));
            R::done(&countdown);
        });
    }
    R::wait(&countdown);
    let ns = ns_each(start, TASKS * each);
    assert_eq!(R::value(&counter), TASKS * each);
    vec![("ns", ns)]
}

fn timers<R: Stackful>(quick: bool) -> Figures {
    let tasks = size(100_000, quick);
    let late: Arc<[AtomicU64]> = (0..tasks).map(|_| AtomicU64::new(u64::MAX)).collect();
    let countdown = R::countdown(tasks);
    let mut dice = Xorshift::new();
    let start = Instant::now();
    for n in 0..tasks as usize {
        let time = Duration::from_millis(1 + dice.next() % 100);
        let (late, countdown) = (Arc::clone(&late), countdown.clone());
        R::spawn(move || {
            let asleep = Instant::now();
            R::sleep(time);
            let slept = asleep.elapsed();
            late[n].store(lateness(slept, time), Ordering::Relaxed);
            R::done(&countdown);
        });
    }
    R::wait(&countdown);
    let ms = ms(start);
    let mut late: Vec<f64> = late.iter().map(late_ms).collect();
    vec![
        ("ms", ms),
        ("late p50 ms", percentile(&mut late, 0.5)),
        ("late p99 ms", percentile(&mut late, 0.99)),
    ]
}

/// How much too late a sleep ended, in nanoseconds; too early is an error.
pub(crate) fn lateness(slept: Duration, asked: Duration) -> u64 {
    let late = slept.checked_sub(asked).expect("nobody wakes before the time");
    late.as_nanos() as u64
}

/// One of the places `timers` keeps a lateness in.
pub(crate) fn late_ms(place: &AtomicU64) -> f64 {
    let ns = place.load(Ordering::Relaxed);
    assert_ne!(ns, u64::MAX, "every task says how late it was");
    in_ms(Duration::from_nanos(ns))
}

/// Whether those who compute without end may stop.
pub(crate) static STOP: AtomicBool = AtomicBool::new(false);

/// An endless loop without a call.
pub(crate) fn compute_without_end() {
    let mut n = 0_u64;
    while !STOP.load(Ordering::Relaxed) {
        n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    }
    std::hint::black_box(n);
}

fn hog<R: Stackful>(quick: bool) -> Figures {
    const NAP: Duration = Duration::from_millis(1);
    let countdown = R::countdown(1);
    let ended = countdown.clone();
    R::spawn(move || {
        compute_without_end();
        R::done(&ended);
    });
    let mut late = Vec::new();
    for _ in 0..size(300, quick) {
        let start = Instant::now();
        R::sleep(NAP);
        late.push(in_ms(start.elapsed().saturating_sub(NAP)));
    }
    STOP.store(true, Ordering::Relaxed);
    R::wait(&countdown);
    vec![("late p50 ms", percentile(&mut late, 0.5)), ("late p99 ms", percentile(&mut late, 0.99))]
}

fn blocking<R: Stackful, B: Blocking>(hogs: u64, quick: bool) -> Figures {
    const TASKS: u64 = 64;
    let reads = size(200, quick);
    let hogging = R::countdown(hogs);
    for _ in 0..hogs {
        let hogging = hogging.clone();
        R::spawn(move || {
            compute_without_end();
            R::done(&hogging);
        });
    }
    let countdown = R::countdown(TASKS);
    let start = Instant::now();
    for _ in 0..TASKS {
        let countdown = countdown.clone();
        R::spawn(move || {
            let timer = Timer::new();
            for _ in 0..reads {
                B::call(|| timer.wait(Duration::from_millis(1)));
            }
            R::done(&countdown);
        });
    }
    R::wait(&countdown);
    let ms = ms(start);
    STOP.store(true, Ordering::Relaxed);
    if hogs > 0 {
        R::wait(&hogging);
    }
    vec![("ms", ms)]
}

fn fib_ms<R: Stackful, C: Channel>(quick: bool) -> Figures {
    let (n, right) = if quick { (25, 75_025) } else { (30, 832_040) };
    let start = Instant::now();
    assert_eq!(fib::<R, C>(n), right);
    vec![("ms", ms(start))]
}

fn fib<R: Stackful, C: Channel>(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (tx, rx) = C::chan::<u64>(1);
    R::spawn(move || {
        C::send(&tx, fib::<R, C>(n - 1));
    });
    fib::<R, C>(n - 2) + C::recv(&rx).expect("it is sent")
}

pub(crate) fn ping_pong<R: Stackful, C: Channel>(quick: bool) -> f64 {
    let trips = size(1_000_000, quick);
    let (ping, pinged) = C::chan::<u64>(0);
    let (pong, ponged) = C::chan::<u64>(0);
    R::spawn(move || {
        while let Some(n) = C::recv(&pinged) {
            C::send(&pong, n + 1);
        }
    });
    let start = Instant::now();
    for n in 0..trips {
        C::send(&ping, n);
        assert_eq!(C::recv(&ponged), Some(n + 1));
    }
    let ns = ns_each(start, trips);
    C::close(ping);
    ns
}

fn chan_1_1<R: Stackful, C: Channel>(quick: bool) -> Figures {
    let messages = size(4_000_000, quick);
    let (tx, rx) = C::chan::<u64>(128);
    let start = Instant::now();
    R::spawn(move || {
        for n in 0..messages {
            C::send(&tx, n);
        }
        C::close(tx);
    });
    let sum: u64 = std::iter::from_fn(|| C::recv(&rx)).sum();
    let ns = ns_each(start, messages);
    assert_eq!(sum, messages * (messages - 1) / 2);
    vec![("ns", ns)]
}

fn chan_4_4<R: Stackful, C: Channel>(quick: bool) -> Figures
where
    C::Sender<u64>: Clone,
    C::Receiver<u64>: Clone,
{
    const ENDS: u64 = 4;
    let messages = size(4_000_000, quick);
    let (tx, rx) = C::chan::<u64>(128);
    let (sent, received) = (R::countdown(ENDS), R::countdown(ENDS));
    let sum = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    for _ in 0..ENDS {
        let (rx, received, sum) = (rx.clone(), received.clone(), Arc::clone(&sum));
        R::spawn(move || {
            let mine: u64 = std::iter::from_fn(|| C::recv(&rx)).sum();
            sum.fetch_add(mine, Ordering::Relaxed);
            R::done(&received);
        });
    }
    for producer in 0..ENDS {
        let (tx, sent) = (tx.clone(), sent.clone());
        R::spawn(move || {
            for n in (producer..messages).step_by(ENDS as usize) {
                C::send(&tx, n);
            }
            drop(tx);
            R::done(&sent);
        });
    }
    R::wait(&sent);
    C::close(tx);
    R::wait(&received);
    let ns = ns_each(start, messages);
    assert_eq!(sum.load(Ordering::Relaxed), messages * (messages - 1) / 2);
    vec![("ns", ns)]
}

fn skynet<R: Stackful, C: Channel>(quick: bool) -> Figures
where
    C::Sender<u64>: Clone,
{
    let leaves = size(1_000_000, quick);
    let start = Instant::now();
    let (tx, rx) = C::chan::<u64>(0);
    R::spawn(move || node::<R, C>(&tx, 0, leaves));
    let sum = C::recv(&rx).expect("the root sends");
    let ms = ms(start);
    assert_eq!(sum, leaves * (leaves - 1) / 2);
    vec![("ms", ms)]
}

fn node<R: Stackful, C: Channel>(up: &C::Sender<u64>, first: u64, leaves: u64)
where
    C::Sender<u64>: Clone,
{
    if leaves == 1 {
        C::send(up, first);
        return;
    }
    let (tx, rx) = C::chan::<u64>(0);
    for child in 0..10 {
        let tx = tx.clone();
        R::spawn(move || node::<R, C>(&tx, first + child * leaves / 10, leaves / 10));
    }
    let sum = (0..10).map(|_| C::recv(&rx).expect("each child sends")).sum();
    C::send(up, sum);
}

fn parked<R: Stackful, C: Channel>(tasks: u64, quick: bool) -> Figures
where
    C::Receiver<u64>: Clone,
{
    let tasks = size(tasks, quick);
    let (tx, rx) = C::chan::<u64>(0);
    let countdown = R::countdown(tasks);
    let arrived = Arc::new(AtomicUsize::new(0));
    let before = resident();
    let start = Instant::now();
    for _ in 0..tasks {
        let (rx, countdown, arrived) = (rx.clone(), countdown.clone(), Arc::clone(&arrived));
        R::spawn(move || {
            arrived.fetch_add(1, Ordering::Relaxed);
            assert_eq!(C::recv(&rx), None, "nothing is ever sent");
            R::done(&countdown);
        });
    }
    while arrived.load(Ordering::Relaxed) < tasks as usize {
        R::yield_now();
    }
    let create = ms(start);
    let bytes = (resident() - before) / tasks as f64;
    let start = Instant::now();
    C::close(tx);
    R::wait(&countdown);
    vec![("bytes", bytes), ("create ms", create), ("wake ms", ms(start))]
}

fn sieve<R: Stackful, C: Channel>(quick: bool) -> Figures {
    let (primes, right) = if quick { (200, 1223) } else { (2000, 17_389) };
    let start = Instant::now();
    let (tx, mut rx) = C::chan::<u64>(0);
    R::spawn(move || {
        let mut n = 2;
        while C::send(&tx, n) {
            n += 1;
        }
    });
    let mut prime = 0;
    for _ in 0..primes {
        prime = C::recv(&rx).expect("numbers never end");
        let (tx, next) = C::chan::<u64>(0);
        let before = std::mem::replace(&mut rx, next);
        R::spawn(move || {
            while let Some(n) = C::recv(&before) {
                if n % prime != 0 && !C::send(&tx, n) {
                    return;
                }
            }
        });
    }
    let ms = ms(start);
    assert_eq!(prime, right);
    vec![("ms", ms)]
}
