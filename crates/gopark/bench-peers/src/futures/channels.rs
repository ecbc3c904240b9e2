//! Channels for futures, which go with any runtime. Only kanal's can be unbuffered; the others have
//! room for one where the workload says none.

use super::Channel;

/// kanal.
pub(crate) struct Kanal;

impl Channel for Kanal {
    type Sender<T: Send + 'static> = kanal::AsyncSender<T>;
    type Receiver<T: Send + 'static> = kanal::AsyncReceiver<T>;

    fn chan<T: Send + 'static>(cap: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
        kanal::bounded_async(cap)
    }
    async fn send<T: Send + 'static>(tx: &kanal::AsyncSender<T>, value: T) -> bool {
        tx.send(value).await.is_ok()
    }
    async fn recv<T: Send + 'static>(rx: &mut kanal::AsyncReceiver<T>) -> Option<T> {
        rx.recv().await.ok()
    }
}

/// tokio's own.
pub(crate) struct TokioMpsc;

impl Channel for TokioMpsc {
    type Sender<T: Send + 'static> = tokio::sync::mpsc::Sender<T>;
    type Receiver<T: Send + 'static> = tokio::sync::mpsc::Receiver<T>;

    fn chan<T: Send + 'static>(cap: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
        tokio::sync::mpsc::channel(cap.max(1))
    }
    async fn send<T: Send + 'static>(tx: &tokio::sync::mpsc::Sender<T>, value: T) -> bool {
        tx.send(value).await.is_ok()
    }
    async fn recv<T: Send + 'static>(rx: &mut tokio::sync::mpsc::Receiver<T>) -> Option<T> {
        rx.recv().await
    }
}

/// smol's own.
pub(crate) struct AsyncChannel;

impl Channel for AsyncChannel {
    type Sender<T: Send + 'static> = async_channel::Sender<T>;
    type Receiver<T: Send + 'static> = async_channel::Receiver<T>;

    fn chan<T: Send + 'static>(cap: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
        async_channel::bounded(cap.max(1))
    }
    async fn send<T: Send + 'static>(tx: &async_channel::Sender<T>, value: T) -> bool {
        tx.send(value).await.is_ok()
    }
    async fn recv<T: Send + 'static>(rx: &mut async_channel::Receiver<T>) -> Option<T> {
        rx.recv().await.ok()
    }
}
