//! may. Its channels have no bound, so its workloads with channels are not quite the others'; only
//! where that would never end, a bound is put on them.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use may::coroutine;
use may::sync::{Mutex, Semphore, SyncFlag, mpmc, mpsc, spsc};

use super::{Channel, Stackful};

pub(crate) struct May;

impl Stackful for May {
    type Countdown = Arc<(AtomicU64, SyncFlag)>;
    type Counter = Mutex<u64>;

    fn run<R: Send + 'static>(procs: usize, main: impl FnOnce() -> R + Send + 'static) -> R {
        may::config().set_workers(procs);
        // SAFETY: as in `spawn`.
        unsafe { coroutine::spawn(main) }.join().expect("the workload ends well")
    }
    fn spawn(task: impl FnOnce() + Send + 'static) {
        // SAFETY: no task here keeps a thread-local across a switch or needs a deep stack.
        drop(unsafe { coroutine::spawn(task) });
    }
    fn yield_now() {
        coroutine::yield_now();
    }
    fn sleep(time: Duration) {
        coroutine::sleep(time);
    }

    fn countdown(tasks: u64) -> Self::Countdown {
        Arc::new((AtomicU64::new(tasks), SyncFlag::new()))
    }
    fn done(countdown: &Self::Countdown) {
        if countdown.0.fetch_sub(1, Ordering::AcqRel) == 1 {
            countdown.1.fire();
        }
    }
    fn wait(countdown: &Self::Countdown) {
        countdown.1.wait();
    }

    fn counter() -> Mutex<u64> {
        Mutex::new(0)
    }
    fn increment(counter: &Mutex<u64>) {
        *counter.lock().expect("nobody panicked") += 1;
    }
    fn value(counter: &Mutex<u64>) -> u64 {
        *counter.lock().expect("nobody panicked")
    }
}

/// One sender, one receiver.
pub(crate) struct Spsc;

impl Channel for Spsc {
    type Sender<T: Send + 'static> = spsc::Sender<T>;
    type Receiver<T: Send + 'static> = spsc::Receiver<T>;

    fn chan<T: Send + 'static>(_: usize) -> (spsc::Sender<T>, spsc::Receiver<T>) {
        spsc::channel()
    }
    fn send<T: Send + 'static>(tx: &spsc::Sender<T>, value: T) -> bool {
        tx.send(value).is_ok()
    }
    fn recv<T: Send + 'static>(rx: &spsc::Receiver<T>) -> Option<T> {
        rx.recv().ok()
    }
    fn close<T: Send + 'static>(tx: spsc::Sender<T>) {
        drop(tx);
    }
}

/// Many senders, one receiver.
pub(crate) struct Mpsc;

impl Channel for Mpsc {
    type Sender<T: Send + 'static> = mpsc::Sender<T>;
    type Receiver<T: Send + 'static> = mpsc::Receiver<T>;

    fn chan<T: Send + 'static>(_: usize) -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
        mpsc::channel()
    }
    fn send<T: Send + 'static>(tx: &mpsc::Sender<T>, value: T) -> bool {
        tx.send(value).is_ok()
    }
    fn recv<T: Send + 'static>(rx: &mpsc::Receiver<T>) -> Option<T> {
        rx.recv().ok()
    }
    fn close<T: Send + 'static>(tx: mpsc::Sender<T>) {
        drop(tx);
    }
}

/// One receiver, and a bound made of may's semaphore; at least one.
pub(crate) struct Bounded;

impl Channel for Bounded {
    type Sender<T: Send + 'static> = (mpsc::Sender<T>, Arc<Semphore>);
    type Receiver<T: Send + 'static> = (mpsc::Receiver<T>, Arc<Semphore>);

    fn chan<T: Send + 'static>(cap: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
        let (tx, rx) = mpsc::channel();
        let room = Arc::new(Semphore::new(cap.max(1)));
        ((tx, Arc::clone(&room)), (rx, room))
    }
    fn send<T: Send + 'static>(tx: &Self::Sender<T>, value: T) -> bool {
        tx.1.wait();
        tx.0.send(value).is_ok()
    }
    fn recv<T: Send + 'static>(rx: &Self::Receiver<T>) -> Option<T> {
        let value = rx.0.recv().ok()?;
        rx.1.post();
        Some(value)
    }
    fn close<T: Send + 'static>(tx: Self::Sender<T>) {
        drop(tx);
    }
}

/// Many of both.
pub(crate) struct Mpmc;

impl Channel for Mpmc {
    type Sender<T: Send + 'static> = mpmc::Sender<T>;
    type Receiver<T: Send + 'static> = mpmc::Receiver<T>;

    fn chan<T: Send + 'static>(_: usize) -> (mpmc::Sender<T>, mpmc::Receiver<T>) {
        mpmc::channel()
    }
    fn send<T: Send + 'static>(tx: &mpmc::Sender<T>, value: T) -> bool {
        tx.send(value).is_ok()
    }
    fn recv<T: Send + 'static>(rx: &mpmc::Receiver<T>) -> Option<T> {
        rx.recv().ok()
    }
    fn close<T: Send + 'static>(tx: mpmc::Sender<T>) {
        drop(tx);
    }
}

/// An echo server.
pub(crate) fn serve(procs: usize, tell: impl FnOnce(SocketAddr) + Send + 'static) {
    May::run(procs, move || {
        let listener = may::net::TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
        tell(listener.local_addr().expect("it is bound"));
        loop {
            let (mut stream, _) = listener.accept().expect("the client connects");
            stream.set_nodelay(true).expect("a TCP stream");
            May::spawn(move || {
                let mut buffer = [0; crate::echo::BUFFER];
                while let Ok(read @ 1..) = stream.read(&mut buffer) {
                    if stream.write_all(&buffer[..read]).is_err() {
                        return;
                    }
                }
            });
        }
    });
}
