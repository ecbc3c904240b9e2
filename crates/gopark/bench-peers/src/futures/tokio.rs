//! tokio with its multi-threaded scheduler.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Mutex, Notify};

use super::{Counter, Futures};

pub(crate) struct Tokio;

impl Futures for Tokio {
    type Countdown = Arc<(AtomicU64, Notify)>;
    type Counter = Mutex<u64>;

    fn run<R: Send + 'static>(procs: usize, main: impl Future<Output = R> + Send + 'static) -> R {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(procs)
            .enable_all()
            .build()
            .expect("tokio starts");
        // On a worker: `block_on` alone would run main beside them.
        let result = runtime.block_on(async { tokio::spawn(main).await });
        runtime.shutdown_background();
        result.expect("the workload ends well")
    }
    fn spawn(task: impl Future<Output = ()> + Send + 'static) {
        drop(tokio::spawn(task));
    }
    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }
    fn sleep(time: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(time)
    }
    async fn blocking(call: impl FnOnce() + Send + 'static) {
        tokio::task::block_in_place(call);
    }

    fn countdown(tasks: u64) -> Self::Countdown {
        Arc::new((AtomicU64::new(tasks), Notify::new()))
    }
    fn done(countdown: &Self::Countdown) {
        if countdown.0.fetch_sub(1, Ordering::AcqRel) == 1 {
            countdown.1.notify_one();
        }
    }
    async fn wait(countdown: &Self::Countdown) {
        // The permit stays for who comes later.
        countdown.1.notified().await;
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
    Tokio::run(procs, async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port of loopback");
        tell(listener.local_addr().expect("it is bound"));
        loop {
            let (mut stream, _) = listener.accept().await.expect("the client connects");
            stream.set_nodelay(true).expect("a TCP stream");
            Tokio::spawn(async move {
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
