//! smol's parts: async-executor on so many threads, each of which also drives async-io, as
//! `smol::spawn` has it.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_executor::Executor;
use async_lock::{Mutex, Semaphore};
use futures_lite::{AsyncReadExt, AsyncWriteExt, future};

use super::{Counter, Futures};

static EXECUTOR: Executor<'_> = Executor::new();

pub(crate) struct Smol;

impl Futures for Smol {
    type Countdown = Arc<(AtomicU64, Semaphore)>;
    type Counter = Mutex<u64>;

    fn run<R: Send + 'static>(procs: usize, main: impl Future<Output = R> + Send + 'static) -> R {
        for _ in 0..procs {
            std::thread::spawn(|| async_io::block_on(EXECUTOR.run(future::pending::<()>())));
        }
        // This thread only waits.
        future::block_on(EXECUTOR.spawn(main))
    }
    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        EXECUTOR.spawn(task).detach();
    }
    fn yield_now() -> impl Future<Output = ()> + Send {
        future::yield_now()
    }
    async fn sleep(time: Duration) {
        async_io::Timer::after(time).await;
    }
    async fn blocking(call: impl FnOnce() + Send + 'static) {
        blocking::unblock(call).await;
    }

    fn countdown(tasks: u64) -> Self::Countdown {
        Arc::new((AtomicU64::new(tasks), Semaphore::new(0)))
    }
    fn done(countdown: &Self::Countdown) {
        if countdown.0.fetch_sub(1, Ordering::AcqRel) == 1 {
            countdown.1.add_permits(1);
        }
    }
    async fn wait(countdown: &Self::Countdown) {
        countdown.1.acquire().await.forget();
    }
}

impl Counter for Mutex<u64> {
    fn new() -> Self {
        Self::new(0)
    }
    async fn increment(&self) {
        *self.lock().await += 1;
    }
    fn value(self) -> u64 {
        self.into_inner()
    }
}

/// An echo server.
pub(crate) fn serve(procs: usize, tell: impl FnOnce(SocketAddr) + Send + 'static) {
    Smol::run(procs, async move {
        let listener = async_net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port of loopback");
        tell(listener.local_addr().expect("it is bound"));
        loop {
            let (mut stream, _) = listener.accept().await.expect("the client connects");
            stream.set_nodelay(true).expect("a TCP stream");
            Smol::spawn(async move {
                let mut buffer = [0; crate::echo::BUFFER];
                while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                    if stream.write_all(&buffer[..read]).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
}
