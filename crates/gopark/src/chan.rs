//! Channels (`chan.go`).
//!
//! A channel is closed by `close` and by nothing else: dropping a handle never closes it. A handle
//! may be nil, as in Go: it blocks for ever, and a select ignores it.
//!
//! In reading order:
//! - [`hchan`]: the channel itself: who gets what, and who waits.
//! - [`call`]: a runtime call on it: what is told, who is made ready, how to park.
//! - [`case`](mod@case): the channel as a select sees it.
//! - [`timer`]: the channel of a timer.
//! - [`iter`]: values until it is closed and empty.

mod hchan;

mod call;

pub(crate) mod case;

mod timer;

mod iter;

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use gopark_trace::event::Event;
use gopark_trace::ids::Obj;

pub(crate) use self::call::{Call, park_for_ever};
use self::hchan::Chan;
pub use self::iter::{IntoIter, Iter};
pub(crate) use self::timer::timer_chan;
use crate::select::try_one;

/// Makes a channel with room for `cap` values; 0 makes an unbuffered one.
///
/// # Panics
/// If there is no memory for `cap` values (`makechan: size out of range`).
pub fn chan<T: Send + 'static>(cap: usize) -> (Sender<T>, Receiver<T>) {
    let chan = Chan::new(cap);
    (Sender { chan: Some(Arc::clone(&chan)) }, Receiver { chan: Some(chan) })
}

/// The sending side of a channel. Clones share the channel; dropping one does not close it.
pub struct Sender<T> {
    /// None is nil.
    chan: Option<Arc<Chan<T>>>,
}

/// The receiving side of a channel. Clones share the channel.
pub struct Receiver<T> {
    /// None is nil.
    chan: Option<Arc<Chan<T>>>,
}

impl<T: Send + 'static> Sender<T> {
    /// No channel (`nil`): sending on it blocks for ever, closing it panics, and a select ignores
    /// it. A case is switched off by making its channel nil.
    pub const fn nil() -> Self {
        Self { chan: None }
    }

    /// Whether it is nil.
    pub fn is_nil(&self) -> bool {
        self.chan.is_none()
    }

    /// Sends a value (`c <- v`): straight to a waiting receiver, or into the buffer, or the
    /// caller parks.
    ///
    /// # Panics
    /// `send on closed channel`. Outside a goroutine.
    #[track_caller]
    pub fn send(&self, value: T) {
        if let Err(unsent) = send_at(self.chan.as_deref(), Location::caller(), value) {
            send_on_closed(unsent);
        }
    }

    /// Sends a value if that can be done without waiting (`select` with this case and a default).
    ///
    /// # Errors
    /// With the value, if the channel is nil, or nobody waits for a value and there is no room.
    ///
    /// # Panics
    /// `send on closed channel`. Outside a goroutine.
    #[track_caller]
    pub fn try_send(&self, value: T) -> Result<(), T> {
        let case = case::send(self, value);
        try_one(case.any(), Location::caller());
        case.finish_or_value()
    }

    /// Closes the channel (`close(c)`): waiting receivers get nothing, waiting senders panic.
    ///
    /// # Panics
    /// `close of closed channel`; `close of nil channel`. Outside a goroutine.
    #[track_caller]
    pub fn close(&self) {
        let Some(chan) = &self.chan else { panic!("close of nil channel") };
        assert!(chan.close(Location::caller()), "close of closed channel");
    }

    /// How many values are buffered. It may be asked from anywhere, also from outside the run.
    pub fn len(&self) -> usize {
        self.chan.as_ref().map_or(0, |chan| chan.len())
    }

    /// Whether none is buffered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many can be buffered.
    pub fn cap(&self) -> usize {
        self.chan.as_ref().map_or(0, |chan| chan.cap())
    }

    /// Gives the channel a name, for the stage.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn named(self, name: &str) -> Self {
        if let Some(chan) = &self.chan {
            let (mut call, mut state) = chan.enter(Location::caller());
            let obj = Obj::Chan(state.id());
            call.tell(&mut state, Event::ObjName { obj, name: name.to_owned() }, None);
        }
        self
    }
}

impl<T: Send + 'static> Receiver<T> {
    /// No channel (`nil`): receiving from it blocks for ever, and a select ignores it. A case is
    /// switched off by making its channel nil.
    pub const fn nil() -> Self {
        Self { chan: None }
    }

    /// Whether it is nil.
    pub fn is_nil(&self) -> bool {
        self.chan.is_none()
    }

    /// Receives a value (`v, ok := <-c`): `None` when the channel is closed and empty.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn recv(&self) -> Option<T> {
        recv_at(self.chan.as_deref(), Location::caller())
    }

    /// Receives if that can be done without waiting (`select` with this case and a default):
    /// `Ok(None)` when the channel is closed and empty.
    ///
    /// # Errors
    /// If the channel is nil, or nothing is buffered and nobody waits to send.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn try_recv(&self) -> Result<Option<T>, WouldBlock> {
        let case = case::recv(self);
        try_one(case.any(), Location::caller());
        case.finish().ok_or(WouldBlock)
    }

    /// Values until the channel is closed and empty (`for v := range c`).
    #[track_caller]
    pub fn iter(&self) -> Iter<'_, T> {
        Iter::new(self, Location::caller())
    }

    /// How many values are buffered; none in the channel of a timer. It may be asked from anywhere,
    /// also from outside the run.
    pub fn len(&self) -> usize {
        self.chan.as_ref().map_or(0, |chan| chan.len())
    }

    /// Whether none is buffered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many can be buffered; none in the channel of a timer.
    pub fn cap(&self) -> usize {
        self.chan.as_ref().map_or(0, |chan| chan.cap())
    }
}

/// Sends, as from this line; gives the value back if the channel is closed.
#[inline]
fn send_at<T: Send + 'static>(
    chan: Option<&Chan<T>>,
    at: &'static Location<'static>,
    value: T,
) -> Result<(), T> {
    match chan {
        Some(chan) => chan.send(at, value),
        None => call::nil_blocks(at, true),
    }
}

/// Receives, as from this line.
#[inline]
fn recv_at<T: Send + 'static>(chan: Option<&Chan<T>>, at: &'static Location<'static>) -> Option<T> {
    match chan {
        Some(chan) => chan.recv(at),
        None => call::nil_blocks(at, false),
    }
}

/// The value is dropped first, as if its sender had never sent it.
#[cold]
#[track_caller]
fn send_on_closed<T>(unsent: T) -> ! {
    drop(unsent);
    panic!("send on closed channel");
}

/// A receive that would have had to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WouldBlock;

impl fmt::Display for WouldBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing can be received without waiting")
    }
}

impl std::error::Error for WouldBlock {}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { chan: self.chan.clone() }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self { chan: self.chan.clone() }
    }
}

/// Nil, as Go's zero value of a channel.
impl<T> Default for Sender<T> {
    fn default() -> Self {
        Self { chan: None }
    }
}

/// Nil, as Go's zero value of a channel.
impl<T> Default for Receiver<T> {
    fn default() -> Self {
        Self { chan: None }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show("Sender", self.chan.as_deref(), f)
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show("Receiver", self.chan.as_deref(), f)
    }
}

fn show<T>(name: &str, chan: Option<&Chan<T>>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match chan {
        Some(chan) => f.debug_struct(name).field("cap", &chan.cap()).finish_non_exhaustive(),
        None => write!(f, "{name}(nil)"),
    }
}
