//! Go's `package context`: what carries a cancellation, a deadline and values across calls.
//!
//! A [`Context`] is a link in a chain: to its parent, with one thing of its own. What can be
//! cancelled is a node; nodes are a tree from the top down, and hold no context, so there are no
//! cycles. A node knows its parent weakly, only to leave it when it is cancelled.
//!
//! **Order.** Cancelling takes a node's error, channel, timer and children out under its lock and
//! releases it; then its Done channel is closed, then its children are cancelled, the oldest first.
//! No lock is held at any of that: closing a channel is a runtime call, and others may act in it.
//! The token of a node is for code that awaits; our own tree never waits for it.

use std::any::Any;
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, Weak};
use std::time::Duration;

use gopark_trace::event::Event;
use gopark_trace::ids::CtxId;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::chan::{Receiver, Sender, chan};
use crate::current::kernel;
use crate::go::go;
use crate::kernel::{IdKind, stamp_g};
use crate::time::{self, Timer};

/// Why a context is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Error {
    /// Somebody called its cancel function (`context.Canceled`).
    Canceled,
    /// Its deadline has passed (`context.DeadlineExceeded`).
    DeadlineExceeded,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Canceled => "context canceled",
            Self::DeadlineExceeded => "context deadline exceeded",
        })
    }
}

impl std::error::Error for Error {}

/// Why, in the words of who cancelled: an [`Error`] if nothing else was said.
pub type Cause = Arc<dyn std::error::Error + Send + Sync>;

/// Carries a cancellation, a deadline and values (`context.Context`). Clones are the same context.
///
/// ```
/// use gopark::context::{self, Error};
/// use std::time::Duration;
///
/// gopark::lab(1).run(|| {
///     let (ctx, cancel) = context::with_timeout(&context::background(), Duration::from_millis(5));
///     assert_eq!(ctx.done().recv(), None);
///     assert_eq!(ctx.err(), Some(Error::DeadlineExceeded));
///     cancel.cancel();
/// });
/// ```
#[derive(Clone)]
pub struct Context(Arc<Link>);

/// One link of the chain.
struct Link {
    what: &'static str,
    parent: Option<Context>,
    /// Its own, or that of the nearest context above that can be cancelled.
    node: Option<Arc<Node>>,
    deadline: Option<Duration>,
    value: Option<Pair>,
}

/// A key and its value.
type Pair = (Box<dyn Any + Send + Sync>, Box<dyn Any + Send + Sync>);

/// What can be cancelled.
struct Node {
    /// Its number; none for what runs a function.
    id: Option<CtxId>,
    parent: Option<Weak<Node>>,
    token: CancellationToken,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Made when it is first asked for, or when it is to be closed.
    done: Option<(Sender<()>, Receiver<()>)>,
    over: Option<(Error, Cause)>,
    children: Vec<Arc<Node>>,
    timer: Option<Timer>,
    /// What runs when it is cancelled, in a goroutine of its own.
    then: Option<Box<dyn FnOnce() + Send>>,
}

impl Node {
    /// A new one under `parent`; one that is cancelled already takes it with it.
    #[track_caller]
    fn under(
        parent: Option<&Arc<Self>>,
        id: Option<CtxId>,
        then: Option<Box<dyn FnOnce() + Send>>,
    ) -> Arc<Self> {
        let token = parent.map_or_else(CancellationToken::new, |parent| parent.token.child_token());
        let state = Mutex::new(State { then, ..State::default() });
        let node = Arc::new(Self { id, parent: parent.map(Arc::downgrade), token, state });
        let over = parent.and_then(|parent| {
            let mut state = parent.state.lock();
            if state.over.is_none() {
                state.children.push(Arc::clone(&node));
            }
            state.over.clone()
        });
        if let Some((error, cause)) = over {
            node.cancel(error, cause, Location::caller());
        }
        node
    }

    /// Cancels it and all under it, if it is not cancelled yet; whether it was not.
    fn cancel(&self, error: Error, cause: Cause, at: &'static Location<'static>) -> bool {
        // Outside of a goroutine it panics here, before anything has changed.
        drop(kernel());
        let (done, children, timer, then) = {
            let mut state = self.state.lock();
            if state.over.is_some() {
                return false;
            }
            state.over = Some((error, Arc::clone(&cause)));
            let done = self.id.map(|_| state.done.get_or_insert_with(|| chan(0)).0.clone());
            let children = std::mem::take(&mut state.children);
            (done, children, state.timer.take(), state.then.take())
        };
        self.tell_cancel(&cause, at);
        if let Some(done) = done {
            done.close();
        }
        // It switches nowhere: wakers only make ready.
        self.token.cancel();
        for child in children {
            child.cancel(error, Arc::clone(&cause), at);
        }
        self.leave_parent();
        if let Some(timer) = timer {
            timer.stop();
        }
        if let Some(then) = then {
            drop(go(then));
        }
        true
    }

    /// Takes what it would run away; whether there was something.
    fn call_off(&self) -> bool {
        let then = {
            let mut state = self.state.lock();
            state.then.take()
        };
        self.leave_parent();
        then.is_some()
    }

    fn leave_parent(&self) {
        if let Some(parent) = self.parent.as_ref().and_then(Weak::upgrade) {
            let mut state = parent.state.lock();
            let own =
                state.children.iter().position(|child| std::ptr::eq(&raw const **child, self));
            let gone = own.map(|i| state.children.remove(i));
            drop(state);
            drop(gone);
        }
    }

    fn tell_cancel(&self, cause: &Cause, at: &'static Location<'static>) {
        let Some(ctx) = self.id else { return };
        // What somebody else's error says is code of the user's.
        let cause = cause.to_string();
        let kernel = kernel();
        kernel.gate();
        if kernel.recording() {
            let event = Event::CtxCancel { ctx, cause };
            let stamps = [stamp_g(kernel.current())];
            kernel.record(kernel.site(at), &stamps, &mut std::iter::once((event, None)));
        }
    }
}

/// The numbers and the record of a new context that can be cancelled.
fn make(parent: &Context, deadline: Option<Duration>, at: &'static Location<'static>) -> CtxId {
    let kernel = kernel();
    kernel.gate();
    let ctx = CtxId(kernel.next_id(IdKind::Ctx));
    if kernel.recording() {
        let parent = parent.0.node.as_ref().and_then(|node| node.id);
        let event = Event::CtxMake { ctx, parent, deadline: deadline.map(Into::into) };
        let stamps = [stamp_g(kernel.current())];
        kernel.record(kernel.site(at), &stamps, &mut std::iter::once((event, None)));
    }
    ctx
}

/// Never cancelled, without deadline and values (`context.Background`).
pub fn background() -> Context {
    Context::root("context.Background")
}

/// As [`background`], where it is not clear yet which context to use (`context.TODO`).
pub fn todo() -> Context {
    Context::root("context.TODO")
}

/// Cancels a context. Dropping it cancels nothing; a context that is never cancelled stays with its
/// parent.
#[derive(Clone)]
pub struct CancelFn(Arc<Node>);

impl CancelFn {
    /// Cancels the context and all made from it. After the first call it does nothing.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn cancel(&self) {
        self.0.cancel(Error::Canceled, Arc::new(Error::Canceled), Location::caller());
    }
}

/// Cancels a context and says why (`context.CancelCauseFunc`).
#[derive(Clone)]
pub struct CancelCauseFn(Arc<Node>);

impl CancelCauseFn {
    /// As [`CancelFn::cancel`]; `cause` is what [`Context::cause`] gives from then on.
    ///
    /// # Panics
    /// Outside a goroutine.
    #[track_caller]
    pub fn cancel(&self, cause: Cause) {
        self.0.cancel(Error::Canceled, cause, Location::caller());
    }
}

/// A context that can be cancelled (`context.WithCancel`): by the function, or with its parent.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn with_cancel(parent: &Context) -> (Context, CancelFn) {
    let (ctx, node) = parent.with_node("WithCancel", None, Location::caller());
    (ctx, CancelFn(node))
}

/// As [`with_cancel`], and who cancels says why (`context.WithCancelCause`).
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn with_cancel_cause(parent: &Context) -> (Context, CancelCauseFn) {
    let (ctx, node) = parent.with_node("WithCancel", None, Location::caller());
    (ctx, CancelCauseFn(node))
}

/// A context that is cancelled when the run's clock comes to `at`, a moment as
/// [`since_start`](crate::since_start) gives it (`context.WithDeadline`). That of the parent holds
/// if it is earlier.
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn with_deadline(parent: &Context, at: Duration) -> (Context, CancelFn) {
    with_deadline_cause(parent, at, Arc::new(Error::DeadlineExceeded))
}

/// As [`with_deadline`]; `cause` is the cause if the deadline passes (`context.WithDeadlineCause`).
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn with_deadline_cause(parent: &Context, at: Duration, cause: Cause) -> (Context, CancelFn) {
    let caller = Location::caller();
    if parent.deadline().is_some_and(|earlier| earlier < at) {
        // The parent's comes first.
        let (ctx, node) = parent.with_node("WithCancel", None, caller);
        return (ctx, CancelFn(node));
    }
    let (ctx, node) = parent.with_node("WithDeadline", Some(at), caller);
    let left = at.saturating_sub(time::since_start());
    if left.is_zero() {
        node.cancel(Error::DeadlineExceeded, cause, caller);
        return (ctx, CancelFn(node));
    }
    if node.state.lock().over.is_none() {
        // The timer keeps the node, so that its channel is closed also if nobody else has it.
        let late = Arc::clone(&node);
        let timer = time::after_func(left, move || {
            late.cancel(Error::DeadlineExceeded, Arc::clone(&cause), caller);
        });
        let mut state = node.state.lock();
        let unused = if state.over.is_none() { state.timer.replace(timer) } else { Some(timer) };
        drop(state);
        // Cancelled while the timer was set.
        if let Some(timer) = unused {
            timer.stop();
        }
    }
    (ctx, CancelFn(node))
}

/// As [`with_deadline`], from now on (`context.WithTimeout`).
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn with_timeout(parent: &Context, after: Duration) -> (Context, CancelFn) {
    with_deadline(parent, time::since_start().saturating_add(after))
}

/// As [`with_deadline_cause`], from now on (`context.WithTimeoutCause`).
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn with_timeout_cause(parent: &Context, after: Duration, cause: Cause) -> (Context, CancelFn) {
    with_deadline_cause(parent, time::since_start().saturating_add(after), cause)
}

/// A context in which `key` has this value (`context.WithValue`). As in Go, keys of different types
/// are different keys: give them a type of your own.
pub fn with_value<K, V>(parent: &Context, key: K, value: V) -> Context
where
    K: Eq + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    Context(Arc::new(Link {
        what: "WithValue",
        parent: Some(parent.clone()),
        node: parent.0.node.clone(),
        deadline: parent.0.deadline,
        value: Some((Box::new(key), Box::new(value))),
    }))
}

/// The values of `parent`, and nothing else of it: it is not cancelled with it and has no deadline
/// (`context.WithoutCancel`).
pub fn without_cancel(parent: &Context) -> Context {
    Context(Arc::new(Link {
        what: "WithoutCancel",
        parent: Some(parent.clone()),
        node: None,
        deadline: None,
        value: None,
    }))
}

/// Calls a function off that waits for a context to be cancelled.
#[derive(Clone)]
pub struct Stop(Arc<Node>);

impl Stop {
    /// Whether that is why the function does not run; false if it has been started, or called off.
    /// It does not wait for a function that runs already.
    pub fn stop(&self) -> bool {
        self.0.call_off()
    }
}

/// Runs `f` in a goroutine of its own when `ctx` is cancelled, at once if it is
/// (`context.AfterFunc`).
///
/// # Panics
/// Outside a goroutine.
#[track_caller]
pub fn after_func(ctx: &Context, f: impl FnOnce() + Send + 'static) -> Stop {
    Stop(Node::under(ctx.0.node.as_ref(), None, Some(Box::new(f))))
}

impl Context {
    fn root(what: &'static str) -> Self {
        Self(Arc::new(Link { what, parent: None, node: None, deadline: None, value: None }))
    }

    fn with_node(
        &self,
        what: &'static str,
        deadline: Option<Duration>,
        at: &'static Location<'static>,
    ) -> (Self, Arc<Node>) {
        let id = make(self, deadline, at);
        let node = Node::under(self.0.node.as_ref(), Some(id), None);
        let link = Link {
            what,
            parent: Some(self.clone()),
            node: Some(Arc::clone(&node)),
            deadline: deadline.or(self.0.deadline),
            value: None,
        };
        (Self(Arc::new(link)), node)
    }

    /// A channel that is closed when the context is cancelled; nil if that can't be (`Done`).
    pub fn done(&self) -> Receiver<()> {
        match &self.0.node {
            Some(node) => node.state.lock().done.get_or_insert_with(|| chan(0)).1.clone(),
            None => Receiver::nil(),
        }
    }

    /// Why it is cancelled, if it is (`Err`).
    pub fn err(&self) -> Option<Error> {
        self.0.node.as_ref()?.state.lock().over.as_ref().map(|over| over.0)
    }

    /// Why it is cancelled, in the words of who cancelled it first (`context.Cause`).
    pub fn cause(&self) -> Option<Cause> {
        self.0.node.as_ref()?.state.lock().over.as_ref().map(|over| Arc::clone(&over.1))
    }

    /// When it will be cancelled, if there is such a moment (`Deadline`).
    pub fn deadline(&self) -> Option<Duration> {
        self.0.deadline
    }

    /// The value of a key, from here or from the nearest context above that has one (`Value`). None
    /// also if it is no `V`.
    pub fn value<K: Eq + 'static, V: 'static>(&self, key: &K) -> Option<&V> {
        let mut next = Some(self);
        while let Some(ctx) = next {
            if let Some((own, value)) = &ctx.0.value
                && own.downcast_ref::<K>() == Some(key)
            {
                return value.downcast_ref();
            }
            next = ctx.0.parent.as_ref();
        }
        None
    }

    /// For code that awaits: a token that is cancelled with the context. Cancelling it does not
    /// cancel the context.
    pub fn token(&self) -> CancellationToken {
        self.0.node.as_ref().map_or_else(CancellationToken::new, |node| node.token.child_token())
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.parent {
            Some(parent) => write!(f, "{parent:?}.{}", self.0.what),
            None => f.write_str(self.0.what),
        }
    }
}

impl fmt::Debug for CancelFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CancelFn").field(&self.0.id).finish()
    }
}

impl fmt::Debug for CancelCauseFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CancelCauseFn").field(&self.0.id).finish()
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stop").finish_non_exhaustive()
    }
}
