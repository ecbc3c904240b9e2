//! gopark.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use gopark::net::TcpListener;
use gopark::sync::{Mutex, WaitGroup};
use gopark::{Live, Receiver, Sender};

use super::{Blocking, Channel, Stackful};

/// gopark in live.
pub(crate) struct Gopark;

impl Gopark {
    /// A run that nobody watches.
    pub(crate) fn live(procs: usize) -> Live {
        // SAFETY: no task here keeps a thread-affine value across a call into gopark.
        unsafe { gopark::live() }.procs(procs).unwatched()
    }
}

impl Stackful for Gopark {
    type Countdown = WaitGroup;
    type Counter = Mutex<u64>;

    fn run<R: Send + 'static>(procs: usize, main: impl FnOnce() -> R + Send + 'static) -> R {
        Self::live(procs).run(main)
    }
    fn spawn(task: impl FnOnce() + Send + 'static) {
        drop(gopark::go(task));
    }
    fn yield_now() {
        gopark::yield_now();
    }
    fn sleep(time: Duration) {
        gopark::sleep(time);
    }

    fn countdown(tasks: u64) -> WaitGroup {
        let wg = WaitGroup::new();
        wg.add(tasks as i64);
        wg
    }
    fn done(countdown: &WaitGroup) {
        countdown.done();
    }
    fn wait(countdown: &WaitGroup) {
        countdown.wait();
    }

    fn counter() -> Mutex<u64> {
        Mutex::new(0)
    }
    fn increment(counter: &Mutex<u64>) {
        let mut n = counter.lock();
        *n += 1;
        n.unlock();
    }
    fn value(counter: &Mutex<u64>) -> u64 {
        *counter.lock()
    }
}

/// A call that is known to block.
pub(crate) struct Declared;

impl Blocking for Declared {
    fn call(call: impl FnOnce()) {
        gopark::syscall_blocking(call);
    }
}

/// A call that may block: sysmon finds out.
pub(crate) struct Undeclared;

impl Blocking for Undeclared {
    fn call(call: impl FnOnce()) {
        gopark::syscall(call);
    }
}

/// Its channels.
pub(crate) struct Chan;

impl Channel for Chan {
    type Sender<T: Send + 'static> = Sender<T>;
    type Receiver<T: Send + 'static> = Receiver<T>;

    fn chan<T: Send + 'static>(cap: usize) -> (Sender<T>, Receiver<T>) {
        gopark::chan(cap)
    }
    fn send<T: Send + 'static>(tx: &Sender<T>, value: T) -> bool {
        tx.send(value);
        true
    }
    fn recv<T: Send + 'static>(rx: &Receiver<T>) -> Option<T> {
        rx.recv()
    }
    fn close<T: Send + 'static>(tx: Sender<T>) {
        tx.close();
    }
}

/// An echo server.
pub(crate) fn serve(procs: usize, tell: impl FnOnce(SocketAddr) + Send + 'static) {
    Gopark::run(procs, move || {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
        tell(listener.local_addr().expect("it is bound"));
        loop {
            let (mut stream, _) = listener.accept().expect("the client connects");
            Gopark::spawn(move || {
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
