//! Kernel threads, on as many processors as the others have workers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::{Blocking, Channel, Stackful};
use crate::measure::pin;

pub(crate) struct Threads;

impl Stackful for Threads {
    type Countdown = Arc<(Mutex<u64>, Condvar)>;
    type Counter = Mutex<u64>;

    fn run<R: Send + 'static>(procs: usize, main: impl FnOnce() -> R + Send + 'static) -> R {
        pin(procs);
        main()
    }
    fn spawn(task: impl FnOnce() + Send + 'static) {
        drop(std::thread::spawn(task));
    }
    fn yield_now() {
        std::thread::yield_now();
    }
    #[expect(clippy::disallowed_methods, reason = "a kernel thread's sleep is what is measured")]
    fn sleep(time: Duration) {
        std::thread::sleep(time);
    }

    fn countdown(tasks: u64) -> Self::Countdown {
        Arc::new((Mutex::new(tasks), Condvar::new()))
    }
    fn done(countdown: &Self::Countdown) {
        let mut left = countdown.0.lock();
        *left -= 1;
        if *left == 0 {
            countdown.1.notify_all();
        }
    }
    fn wait(countdown: &Self::Countdown) {
        let mut left = countdown.0.lock();
        countdown.1.wait_while(&mut left, |left| *left > 0);
    }

    fn counter() -> Mutex<u64> {
        Mutex::new(0)
    }
    fn increment(counter: &Mutex<u64>) {
        *counter.lock() += 1;
    }
    fn value(counter: &Mutex<u64>) -> u64 {
        *counter.lock()
    }
}

/// A call is a call.
pub(crate) struct Direct;

impl Blocking for Direct {
    fn call(call: impl FnOnce()) {
        call();
    }
}

/// kanal's blocking half.
pub(crate) struct Kanal;

impl Channel for Kanal {
    type Sender<T: Send + 'static> = kanal::Sender<T>;
    type Receiver<T: Send + 'static> = kanal::Receiver<T>;

    fn chan<T: Send + 'static>(cap: usize) -> (kanal::Sender<T>, kanal::Receiver<T>) {
        kanal::bounded(cap)
    }
    fn send<T: Send + 'static>(tx: &kanal::Sender<T>, value: T) -> bool {
        tx.send(value).is_ok()
    }
    fn recv<T: Send + 'static>(rx: &kanal::Receiver<T>) -> Option<T> {
        rx.recv().ok()
    }
    fn close<T: Send + 'static>(tx: kanal::Sender<T>) {
        drop(tx);
    }
}

/// An echo server with a thread for each connection.
pub(crate) fn serve(procs: usize, tell: impl FnOnce(SocketAddr)) {
    pin(procs);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
    tell(listener.local_addr().expect("it is bound"));
    loop {
        let (mut stream, _) = listener.accept().expect("the client connects");
        stream.set_nodelay(true).expect("a TCP stream");
        Threads::spawn(move || {
            let mut buffer = [0; crate::echo::BUFFER];
            while let Ok(read @ 1..) = stream.read(&mut buffer) {
                if stream.write_all(&buffer[..read]).is_err() {
                    return;
                }
            }
        });
    }
}
