//! The workloads for runtimes whose tasks are futures: tokio, smol. The same as in `stackful.rs`,
//! line by line.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::measure::{Figures, Timer, Xorshift, in_ms, ms, ns_each, percentile, resident};
use crate::stackful::{STOP, compute_without_end, late_ms, lateness};
use crate::worker::{Job, size};

pub(crate) mod smol;
pub(crate) mod tokio;

mod channels;

pub(crate) use channels::{AsyncChannel, Kanal, TokioMpsc};

/// A future that may change its thread.
pub(crate) type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A runtime.
pub(crate) trait Futures: Send + Sync + 'static {
    /// Counts tasks that have not ended.
    type Countdown: Clone + Send + Sync + 'static;
    /// A number behind a lock.
    type Counter: Counter;

    fn run<R: Send + 'static>(procs: usize, main: impl Future<Output = R> + Send + 'static) -> R;
    fn spawn(task: impl Future<Output = ()> + Send + 'static);
    fn yield_now() -> impl Future<Output = ()> + Send;
    fn sleep(time: Duration) -> impl Future<Output = ()> + Send;
    /// A call that blocks its thread, in the way this runtime would like to have it.
    fn blocking(call: impl FnOnce() + Send + 'static) -> impl Future<Output = ()> + Send;

    fn countdown(tasks: u64) -> Self::Countdown;
    fn done(countdown: &Self::Countdown);
    fn wait(countdown: &Self::Countdown) -> impl Future<Output = ()> + Send;
}

/// A number behind a lock.
pub(crate) trait Counter: Send + Sync + 'static {
    fn new() -> Self;
    fn increment(&self) -> impl Future<Output = ()> + Send;
    fn value(self) -> u64;
}

/// parking_lot's lock, which tasks may hold as long as they don't wait meanwhile.
impl Counter for parking_lot::Mutex<u64> {
    fn new() -> Self {
        Self::new(0)
    }
    async fn increment(&self) {
        *self.lock() += 1;
    }
    fn value(self) -> u64 {
        self.into_inner()
    }
}

/// A kind of channel.
pub(crate) trait Channel: Send + Sync + 'static {
    type Sender<T: Send + 'static>: Clone + Send + Sync + 'static;
    type Receiver<T: Send + 'static>: Send + 'static;

    fn chan<T: Send + 'static>(cap: usize) -> (Self::Sender<T>, Self::Receiver<T>);
    /// False if nobody will ever receive it.
    fn send<T: Send + 'static>(tx: &Self::Sender<T>, value: T)
    -> impl Future<Output = bool> + Send;
    /// None when its last sender has gone and it is empty.
    fn recv<T: Send + 'static>(
        rx: &mut Self::Receiver<T>,
    ) -> impl Future<Output = Option<T>> + Send;
}

/// Workloads that need no channel.
pub(crate) fn plain<R: Futures>(job: &Job) -> Option<Figures> {
    let Job { procs, quick, .. } = *job;
    Some(match job.workload.as_str() {
        "spawn" => R::run(procs, spawn::<R>(quick)),
        "yield-2" => R::run(procs, yields::<R>(2, quick)),
        "yield-1000" => R::run(procs, yields::<R>(1000, quick)),
        "mutex" => mutex::<R, R::Counter>(job),
        "timers" => R::run(procs, timers::<R>(quick)),
        "hog" => R::run(procs, hog::<R>(quick)),
        "blocking" => R::run(procs, blocking::<R>(0, quick)),
        "blocking-hogs" => R::run(procs, blocking::<R>(2, quick)),
        _ => return None,
    })
}

/// Workloads with one receiver for each channel.
pub(crate) fn pairs<R: Futures, C: Channel>(job: &Job) -> Option<Figures> {
    let Job { procs, quick, .. } = *job;
    Some(match job.workload.as_str() {
        "fib" => R::run(procs, fib_ms::<R, C>(quick)),
        "ping-pong" => R::run(procs, ping_pong::<R, C>(quick)),
        "chan-1-1" => R::run(procs, chan_1_1::<R, C>(quick)),
        "sieve" => R::run(procs, sieve::<R, C>(quick)),
        "skynet" => R::run(procs, skynet::<R, C>(quick)),
        _ => return None,
    })
}

/// Workloads with several receivers at one channel.
pub(crate) fn shared<R: Futures, C: Channel>(job: &Job) -> Option<Figures>
where
    C::Receiver<u64>: Clone,
{
    let Job { procs, quick, .. } = *job;
    Some(match job.workload.as_str() {
        "chan-4-4" => R::run(procs, chan_4_4::<R, C>(quick)),
        "parked" => R::run(procs, parked::<R, C>(100_000, quick)),
        "parked-1m" => R::run(procs, parked::<R, C>(1_000_000, quick)),
        _ => return None,
    })
}

/// The workload `mutex` with a lock of one's choice.
pub(crate) fn mutex<R: Futures, L: Counter>(job: &Job) -> Figures {
    R::run(job.procs, mutex_with::<R, L>(job.quick))
}

async fn spawn<R: Futures>(quick: bool) -> Figures {
    let batches = size(1000, quick);
    const BATCH: u64 = 1000;
    let start = Instant::now();
    for _ in 0..batches {
        let countdown = R::countdown(BATCH);
        for _ in 0..BATCH {
            let countdown = countdown.clone();
            R::spawn(async move { R::done(&countdown) });
        }
        R::wait(&countdown).await;
    }
    vec![("ns", ns_each(start, batches * BATCH))]
}

async fn yields<R: Futures>(tasks: u64, quick: bool) -> Figures {
    let yields = size(1_000_000, quick);
    let countdown = R::countdown(tasks);
    let start = Instant::now();
    for _ in 0..tasks {
        let countdown = countdown.clone();
        R::spawn(async move {
            for _ in 0..yields / tasks {
                R::yield_now().await;
            }
            R::done(&countdown);
        });
    }
    R::wait(&countdown).await;
    vec![("ns", ns_each(start, yields))]
}

async fn mutex_with<R: Futures, L: Counter>(quick: bool) -> Figures {
    const TASKS: u64 = 8;
    let each = size(1_000_000, quick);
    let counter = Arc::new(L::new());
    let countdown = R::countdown(TASKS);
    let start = Instant::now();
    for _ in 0..TASKS {
        let (counter, countdown) = (Arc::clone(&counter), countdown.clone());
        R::spawn(async move {
            for _ in 0..each {
                counter.increment().await;
            }
            drop(counter);
            R::done(&countdown);
        });
    }
    R::wait(&countdown).await;
    let ns = ns_each(start, TASKS * each);
    let counter = Arc::into_inner(counter).expect("nobody else has it any more");
    assert_eq!(counter.value(), TASKS * each);
    vec![("ns", ns)]
}

async fn timers<R: Futures>(quick: bool) -> Figures {
    let tasks = size(100_000, quick);
    let late: Arc<[AtomicU64]> = (0..tasks).map(|_| AtomicU64::new(u64::MAX)).collect();
    let countdown = R::countdown(tasks);
    let mut dice = Xorshift::new();
    let start = Instant::now();
    for n in 0..tasks as usize {
        let time = Duration::from_millis(1 + dice.next() % 100);
        let (late, countdown) = (Arc::clone(&late), countdown.clone());
        R::spawn(async move {
            let asleep = Instant::now();
            R::sleep(time).await;
            let slept = asleep.elapsed();
            late[n].store(lateness(slept, time), Ordering::Relaxed);
            R::done(&countdown);
        });
    }
    R::wait(&countdown).await;
    let ms = ms(start);
    let mut late: Vec<f64> = late.iter().map(late_ms).collect();
    vec![
        ("ms", ms),
        ("late p50 ms", percentile(&mut late, 0.5)),
        ("late p99 ms", percentile(&mut late, 0.99)),
    ]
}

async fn hog<R: Futures>(quick: bool) -> Figures {
    const NAP: Duration = Duration::from_millis(1);
    let countdown = R::countdown(1);
    let ended = countdown.clone();
    R::spawn(async move {
        compute_without_end();
        R::done(&ended);
    });
    let mut late = Vec::new();
    for _ in 0..size(300, quick) {
        let start = Instant::now();
        R::sleep(NAP).await;
        late.push(in_ms(start.elapsed().saturating_sub(NAP)));
    }
    STOP.store(true, Ordering::Relaxed);
    R::wait(&countdown).await;
    vec![("late p50 ms", percentile(&mut late, 0.5)), ("late p99 ms", percentile(&mut late, 0.99))]
}

async fn blocking<R: Futures>(hogs: u64, quick: bool) -> Figures {
    const TASKS: u64 = 64;
    let reads = size(200, quick);
    let hogging = R::countdown(hogs);
    for _ in 0..hogs {
        let hogging = hogging.clone();
        R::spawn(async move {
            compute_without_end();
            R::done(&hogging);
        });
    }
    let countdown = R::countdown(TASKS);
    let start = Instant::now();
    for _ in 0..TASKS {
        let countdown = countdown.clone();
        R::spawn(async move {
            let timer = Arc::new(Timer::new());
            for _ in 0..reads {
                let timer = Arc::clone(&timer);
                R::blocking(move || timer.wait(Duration::from_millis(1))).await;
            }
            R::done(&countdown);
        });
    }
    R::wait(&countdown).await;
    let ms = ms(start);
    STOP.store(true, Ordering::Relaxed);
    if hogs > 0 {
        R::wait(&hogging).await;
    }
    vec![("ms", ms)]
}

async fn fib_ms<R: Futures, C: Channel>(quick: bool) -> Figures {
    let (n, right) = if quick { (25, 75_025) } else { (30, 832_040) };
    let start = Instant::now();
    assert_eq!(fib::<R, C>(n).await, right);
    vec![("ms", ms(start))]
}

fn fib<R: Futures, C: Channel>(n: u64) -> Boxed<u64> {
    Box::pin(async move {
        if n < 2 {
            return n;
        }
        let (tx, mut rx) = C::chan::<u64>(1);
        R::spawn(async move {
            C::send(&tx, fib::<R, C>(n - 1).await).await;
        });
        fib::<R, C>(n - 2).await + C::recv(&mut rx).await.expect("it is sent")
    })
}

async fn ping_pong<R: Futures, C: Channel>(quick: bool) -> Figures {
    let trips = size(1_000_000, quick);
    let (ping, mut pinged) = C::chan::<u64>(0);
    let (pong, mut ponged) = C::chan::<u64>(0);
    R::spawn(async move {
        while let Some(n) = C::recv(&mut pinged).await {
            C::send(&pong, n + 1).await;
        }
    });
    let start = Instant::now();
    for n in 0..trips {
        C::send(&ping, n).await;
        assert_eq!(C::recv(&mut ponged).await, Some(n + 1));
    }
    vec![("ns", ns_each(start, trips))]
}

async fn chan_1_1<R: Futures, C: Channel>(quick: bool) -> Figures {
    let messages = size(4_000_000, quick);
    let (tx, mut rx) = C::chan::<u64>(128);
    let start = Instant::now();
    R::spawn(async move {
        for n in 0..messages {
            C::send(&tx, n).await;
        }
    });
    let mut sum = 0;
    while let Some(n) = C::recv(&mut rx).await {
        sum += n;
    }
    let ns = ns_each(start, messages);
    assert_eq!(sum, messages * (messages - 1) / 2);
    vec![("ns", ns)]
}

async fn chan_4_4<R: Futures, C: Channel>(quick: bool) -> Figures
where
    C::Receiver<u64>: Clone,
{
    const ENDS: u64 = 4;
    let messages = size(4_000_000, quick);
    let (tx, rx) = C::chan::<u64>(128);
    let (sent, received) = (R::countdown(ENDS), R::countdown(ENDS));
    let sum = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    for _ in 0..ENDS {
        let (mut rx, received, sum) = (rx.clone(), received.clone(), Arc::clone(&sum));
        R::spawn(async move {
            let mut mine = 0;
            while let Some(n) = C::recv(&mut rx).await {
                mine += n;
            }
            sum.fetch_add(mine, Ordering::Relaxed);
            R::done(&received);
        });
    }
    for producer in 0..ENDS {
        let (tx, sent) = (tx.clone(), sent.clone());
        R::spawn(async move {
            for n in (producer..messages).step_by(ENDS as usize) {
                C::send(&tx, n).await;
            }
            drop(tx);
            R::done(&sent);
        });
    }
    R::wait(&sent).await;
    drop(tx);
    R::wait(&received).await;
    let ns = ns_each(start, messages);
    assert_eq!(sum.load(Ordering::Relaxed), messages * (messages - 1) / 2);
    vec![("ns", ns)]
}

async fn skynet<R: Futures, C: Channel>(quick: bool) -> Figures {
    let leaves = size(1_000_000, quick);
    let start = Instant::now();
    let (tx, mut rx) = C::chan::<u64>(0);
    R::spawn(node::<R, C>(tx, 0, leaves));
    let sum = C::recv(&mut rx).await.expect("the root sends");
    let ms = ms(start);
    assert_eq!(sum, leaves * (leaves - 1) / 2);
    vec![("ms", ms)]
}

fn node<R: Futures, C: Channel>(up: C::Sender<u64>, first: u64, leaves: u64) -> Boxed<()> {
    Box::pin(async move {
        if leaves == 1 {
            C::send(&up, first).await;
            return;
        }
        let (tx, mut rx) = C::chan::<u64>(0);
        for child in 0..10 {
            R::spawn(node::<R, C>(tx.clone(), first + child * leaves / 10, leaves / 10));
        }
        let mut sum = 0;
        for _ in 0..10 {
            sum += C::recv(&mut rx).await.expect("each child sends");
        }
        C::send(&up, sum).await;
    })
}

async fn parked<R: Futures, C: Channel>(tasks: u64, quick: bool) -> Figures
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
        let (mut rx, countdown, arrived) = (rx.clone(), countdown.clone(), Arc::clone(&arrived));
        R::spawn(async move {
            arrived.fetch_add(1, Ordering::Relaxed);
            assert_eq!(C::recv(&mut rx).await, None, "nothing is ever sent");
            R::done(&countdown);
        });
    }
    while arrived.load(Ordering::Relaxed) < tasks as usize {
        R::yield_now().await;
    }
    let create = ms(start);
    let bytes = (resident() - before) / tasks as f64;
    let start = Instant::now();
    drop(tx);
    R::wait(&countdown).await;
    vec![("bytes", bytes), ("create ms", create), ("wake ms", ms(start))]
}

async fn sieve<R: Futures, C: Channel>(quick: bool) -> Figures {
    let (primes, right) = if quick { (200, 1223) } else { (2000, 17_389) };
    let start = Instant::now();
    let (tx, mut rx) = C::chan::<u64>(0);
    R::spawn(async move {
        let mut n = 2;
        while C::send(&tx, n).await {
            n += 1;
        }
    });
    let mut prime = 0;
    for _ in 0..primes {
        prime = C::recv(&mut rx).await.expect("numbers never end");
        let (tx, next) = C::chan::<u64>(0);
        let mut before = std::mem::replace(&mut rx, next);
        R::spawn(async move {
            while let Some(n) = C::recv(&mut before).await {
                if n % prime != 0 && !C::send(&tx, n).await {
                    return;
                }
            }
        });
    }
    let ms = ms(start);
    assert_eq!(prime, right);
    vec![("ms", ms)]
}
