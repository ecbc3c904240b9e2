//! What every descriptor has in common (`internal/poll` `FD`): one reader and one writer at a time,
//! parking until it is ready, and a close that reaches everybody.
//!
//! - **Registration** is lazy: at the first use in a run. Another run registers it anew.
//! - **One at a time** in each direction: who comes second queues, and is served in order. So the
//!   poll word never has two waiters.
//! - **The descriptor lives as long as somebody uses it.** An [`Op`] has a share of the socket;
//!   [`Fd::close`] gives up the handle's own share and lets go of all who wait. The last share
//!   takes the descriptor out of the poller and closes it, so no number of a descriptor is ever
//!   used again while somebody still has it in hand.

use std::cell::Cell;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, Ordering};
use std::time::Duration;

use gopark_trace::event::Event;
use gopark_trace::ids::{Nanos, Obj, SiteId};
use gopark_trace::rule::Rule;
use gopark_trace::words::{FdDir, WaitReason};
use lock_api::MutexGuard;
use socket2::{SockAddr, SockRef};

use crate::current::{Kern, kernel, kernel_if_any};
use crate::g::Gp;
use crate::ids::FOREIGN;
use crate::kernel::{Commit, Kernel, NewFd, Park};
use crate::lock::{Guard, Lock};
use crate::netpoll::{Opened, PollDesc, PollError, Room, Whose};
use crate::platform::Origin;
use crate::proto::poll_word::Begin;
use crate::timers::due_at;
use crate::waitq::{WaitQueue, Waiter};

/// What std has for it.
pub(super) trait Socket: AsFd + Send + Sync + 'static {
    /// What it is, for viewers.
    const WHAT: &'static str;
    /// What is said when it is closed.
    const CLOSED: &'static str = "use of closed network connection";
    /// Makes calls on it return instead of block.
    fn set_nonblocking(&self, on: bool) -> io::Result<()>;
}

/// A descriptor, shared by its handles.
pub(super) struct Fd<S: Socket> {
    origin: Origin,
    state: Lock<State<S>>,
}

struct State<S: Socket> {
    /// None once it is closed.
    socket: Option<Arc<Shared<S>>>,
    /// The user wants no call to wait.
    impatient: bool,
    /// How long a call may wait: one that reads, one that writes.
    timeouts: [Option<Duration>; 2],
    read: Turns,
    write: Turns,
}

/// What came of asking for a turn. A share that is not needed goes out with it.
pub(super) enum Begun<'a, S: Socket> {
    /// It is registered; no turn was asked for.
    Registered(Arc<Shared<S>>, &'static PollDesc),
    /// It is the caller's; but there may be a reason not to use it.
    Turn(Op<'a, S>, Result<(), PollError>),
    /// It is closed, or was while the caller waited.
    Closed(#[expect(dead_code, reason = "it is dropped")] Option<Arc<Shared<S>>>),
    /// The poller's table is full: the caller must bring room.
    NeedsRoom(#[expect(dead_code, reason = "it is dropped")] Arc<Shared<S>>, Arc<AtomicI32>, usize),
    /// It can't be registered.
    Failed(#[expect(dead_code, reason = "it is dropped")] Arc<Shared<S>>, io::Error),
}

/// How waiting for a turn ended.
#[derive(PartialEq, Eq)]
enum Turn {
    Got,
    Closed,
}

/// Who may use one direction.
struct Turns {
    taken: bool,
    /// Those who come next; the flag says that it was closed meanwhile.
    next: WaitQueue<bool>,
}

impl Turns {
    const fn new() -> Self {
        Self { taken: false, next: WaitQueue::new() }
    }
}

impl<S: Socket> State<S> {
    fn turns(&mut self, dir: FdDir) -> &mut Turns {
        match dir {
            FdDir::Read => &mut self.read,
            FdDir::Write => &mut self.write,
        }
    }
}

/// The socket itself. The last share closes it.
pub(super) struct Shared<S: Socket> {
    /// The run it is registered in; 0 before the first.
    run: AtomicU32,
    /// What the poller of that run knows of it. Written before `run`, under the lock of the state.
    desc: AtomicPtr<PollDesc>,
    socket: S,
}

impl<S: Socket> Shared<S> {
    /// What the poller of this run knows of it, if it is registered there.
    fn desc(&self, kernel: &dyn Kernel) -> Option<&'static PollDesc> {
        if self.run.load(Ordering::Acquire) != kernel.run() {
            return None;
        }
        // SAFETY: descriptors of a run live as long as the run, whose kernel is the caller's.
        unsafe { self.desc.load(Ordering::Relaxed).as_ref() }
    }
}

impl<S: Socket> Drop for Shared<S> {
    fn drop(&mut self) {
        // Outside of its run there is no poller to tell; the system forgets the descriptor with it.
        let Some(kernel) = kernel_if_any() else { return };
        if let Some(desc) = self.desc(&*kernel) {
            kernel.poll_close(desc, self.socket.as_fd());
        }
    }
}

impl<S: Socket> Fd<S> {
    /// A descriptor that returns instead of blocking.
    pub(super) fn made(socket: S) -> Self {
        Self::new(socket, Origin::Made)
    }

    /// A descriptor from elsewhere.
    pub(super) fn brought(socket: S) -> Self {
        Self::new(socket, Origin::Brought)
    }

    fn new(socket: S, origin: Origin) -> Self {
        let (run, desc) = (AtomicU32::new(0), AtomicPtr::new(std::ptr::null_mut()));
        let state = State {
            socket: Some(Arc::new(Shared { run, desc, socket })),
            impatient: false,
            timeouts: [None; 2],
            read: Turns::new(),
            write: Turns::new(),
        };
        Self { origin, state: Lock::new(state) }
    }

    /// The right to use one direction: who has it already is waited for. *Switches.*
    #[track_caller]
    pub(super) fn begin(&self, dir: FdDir) -> io::Result<Op<'_, S>> {
        let at = Location::caller();
        let mut room = Room::default();
        loop {
            // What a turn in the runtime leaves is looked at and dropped in user code, where memory
            // may be waited for.
            match self.try_begin(Some(dir), at, &mut room) {
                Begun::Turn(op, Ok(())) => {
                    if op.limit.is_some() {
                        make_timer(op.desc, dir);
                    }
                    return Ok(op);
                }
                Begun::Registered(..) => unreachable!("a turn was asked for"),
                Begun::Turn(op, Err(error)) => {
                    drop(op);
                    return Err(why::<S>(error));
                }
                Begun::Closed(_) => return Err(closed::<S>()),
                Begun::NeedsRoom(_, waiters, many) => room = Room::new(waiters, many),
                Begun::Failed(_, error) => return Err(error),
            }
        }
    }

    /// Registers it if it is not yet; gives what the poller knows of it.
    pub(super) fn registered(
        &self,
        at: &'static Location<'static>,
    ) -> io::Result<(Arc<Shared<S>>, &'static PollDesc)> {
        let mut room = Room::default();
        loop {
            match self.try_begin(None, at, &mut room) {
                Begun::Registered(shared, desc) => return Ok((shared, desc)),
                Begun::Turn(..) => unreachable!("no turn was asked for"),
                Begun::Closed(_) => return Err(closed::<S>()),
                Begun::NeedsRoom(_, waiters, many) => room = Room::new(waiters, many),
                Begun::Failed(_, error) => return Err(error),
            }
        }
    }

    fn try_begin(
        &self,
        dir: Option<FdDir>,
        at: &'static Location<'static>,
        room: &mut Room,
    ) -> Begun<'_, S> {
        let kernel = kernel();
        let site = kernel.site(at);
        kernel.io_gate();
        let mut state = self.state.lock();
        let Some(shared) = state.socket.clone() else { return Begun::Closed(None) };
        let desc = match shared.desc(&*kernel) {
            Some(desc) => desc,
            None => match self.register(&*kernel, &shared, &state, site, room) {
                Opened::Yes(desc) => desc,
                Opened::NeedsRoom(many) => {
                    return Begun::NeedsRoom(shared, kernel.poll_waiters(), many);
                }
                Opened::Failed(error) => return Begun::Failed(shared, error),
            },
        };
        let Some(dir) = dir else { return Begun::Registered(shared, desc) };
        let impatient = state.impatient;
        let timeout = state.timeouts[usize::from(dir == FdDir::Write)];
        if !std::mem::replace(&mut state.turns(dir).taken, true) {
            drop(state);
        } else if queue(&*kernel, state, dir, desc, site) == Turn::Closed {
            return Begun::Closed(Some(shared));
        }
        // From here on the turn is given back, whatever happens.
        let limit = timeout.map(|timeout| due_at(kernel.now(), timeout.into()));
        let op =
            Op { fd: self, dir, shared, desc, impatient, site, limit, limited: Cell::new(false) };
        desc.word(dir).reset();
        Begun::Turn(op, desc.error(dir))
    }

    /// Registers it in the caller's run.
    fn register(
        &self,
        kernel: &dyn Kernel,
        shared: &Shared<S>,
        state: &State<S>,
        site: Option<SiteId>,
        room: &mut Room,
    ) -> Opened {
        let used = state.read.taken || state.write.taken;
        assert!(!used, "{FOREIGN}");
        if self.origin == Origin::Brought
            && let Err(error) = shared.socket.set_nonblocking(true)
        {
            return Opened::Failed(error);
        }
        let fd = shared.socket.as_fd();
        let opened = kernel.poll_open(NewFd { fd, what: S::WHAT, origin: self.origin, site }, room);
        if let Opened::Yes(desc) = opened {
            shared.desc.store(std::ptr::from_ref(desc).cast_mut(), Ordering::Relaxed);
            shared.run.store(kernel.run(), Ordering::Release);
        }
        opened
    }

    /// Does `call`, parking as long as it would block. *Switches.*
    #[track_caller]
    pub(super) fn io<R>(
        &self,
        dir: FdDir,
        mut call: impl FnMut(&S) -> io::Result<R>,
    ) -> io::Result<R> {
        self.begin(dir)?.run(&mut call)
    }

    /// Does `call`, which does not wait but which others may see.
    #[track_caller]
    pub(super) fn enter<R>(&self, call: impl FnOnce(&S) -> io::Result<R>) -> io::Result<R> {
        let kernel = kernel();
        kernel.io_gate();
        drop(kernel);
        self.with(call)
    }

    /// Connects, parking until the other side has answered. *Switches.*
    #[track_caller]
    pub(super) fn connect(&self, to: &SockAddr, timeout: Option<Duration>) -> io::Result<()> {
        let mut op = self.begin(FdDir::Write)?;
        timeout.into_iter().for_each(|timeout| op.limit(timeout));
        let socket = SockRef::from(op.socket());
        match socket.connect(to) {
            Ok(()) => {}
            Err(error) if is_on_its_way(&error) => {
                self.tell_peer(to.as_socket());
                loop {
                    op.wait()?;
                    match socket.take_error()? {
                        Some(error) if is_on_its_way(&error) => continue,
                        Some(error) => return Err(error),
                        None => {}
                    }
                    // The poller may wake for no reason.
                    match socket.peer_addr() {
                        Ok(_) => break,
                        Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            Err(error) => return Err(error),
        }
        self.tell_peer(to.as_socket());
        Ok(())
    }

    /// Asks or sets something that does not wait; also outside of goroutines.
    pub(super) fn with<R>(&self, call: impl FnOnce(&S) -> io::Result<R>) -> io::Result<R> {
        let shared = self.share()?;
        call(&shared.socket)
    }

    fn share(&self) -> io::Result<Arc<Shared<S>>> {
        // A goroutine must not be stopped with the lock held.
        let kernel = kernel_if_any();
        let shared = self.state.lock().socket.clone();
        drop(kernel);
        shared.ok_or_else(closed::<S>)
    }

    /// Whether calls return instead of waiting.
    pub(super) fn set_impatient(&self, on: bool) {
        let _kernel = kernel_if_any();
        self.state.lock().impatient = on;
    }

    /// Closes it for everybody (`Close`): who waits is let go, with an error. *Switches.*
    #[track_caller]
    pub(super) fn close(&self) -> io::Result<()> {
        let kernel = kernel();
        let site = kernel.site(Location::caller());
        kernel.io_gate();
        let mut state = self.state.lock();
        let Some(shared) = state.socket.take() else {
            drop((state, kernel));
            return Err(closed::<S>());
        };
        let desc = shared.desc(&*kernel);
        let used = state.read.taken || state.write.taken;
        assert!(desc.is_some() || !used, "{FOREIGN}");
        let evicted = desc.map_or([None, None], |desc| desc.evict(&*kernel, site));
        let mut queued = [FdDir::Read, FdDir::Write]
            .map(|dir| std::mem::replace(&mut state.turns(dir).next, WaitQueue::new()));
        drop(state);
        let rule = |g: Gp| (g, desc.map(|desc| Rule::CloseWakes { fd: desc.id() }));
        for (g, rule) in evicted.into_iter().flatten().map(rule) {
            kernel.ready(g, site, rule);
        }
        for queue in &mut queued {
            while let Some(waiter) = queue.pop_front() {
                waiter.slot.set(true);
                let (g, rule) = rule(waiter.g);
                kernel.ready(g, site, rule);
            }
        }
        drop(kernel);
        drop(shared);
        Ok(())
    }

    /// What std has for it, blocking again. The handles that are left see it closed.
    #[track_caller]
    pub(super) fn into_std(self: Arc<Self>, clone: fn(&S) -> io::Result<S>) -> io::Result<S> {
        let socket = self.with(clone)?;
        if kernel_if_any().is_some() {
            self.close()?;
        }
        socket.set_nonblocking(false)?;
        Ok(socket)
    }

    /// Sets the moment after which calls in these directions fail, or none (`SetDeadline`). Those that
    /// wait and are too late already are let go.
    #[track_caller]
    pub(super) fn set_deadline(&self, dirs: &[FdDir], at: Option<Duration>) -> io::Result<()> {
        let location = Location::caller();
        let (shared, desc) = self.registered(location)?;
        dirs.iter().for_each(|&dir| make_timer(desc, dir));
        let kernel = kernel();
        let site = kernel.site(location);
        let when = at.map(|at| due_at(Nanos(0), at.into()));
        let late = [FdDir::Read, FdDir::Write].map(|dir| {
            let meant = dirs.contains(&dir);
            meant.then(|| desc.set_limit(&*kernel, dir, Whose::All, when, site)).flatten()
        });
        for g in late.into_iter().flatten() {
            kernel.ready(g, site, Some(Rule::DeadlineWakes { fd: desc.id() }));
        }
        let dead = kernel.dead_timers();
        // What is left is dropped outside of the runtime: it frees.
        drop(kernel);
        drop((dead, shared));
        Ok(())
    }

    /// How long a call in this direction may wait.
    pub(super) fn timeout(&self, dir: FdDir) -> Option<Duration> {
        let _kernel = kernel_if_any();
        self.state.lock().timeouts[usize::from(dir == FdDir::Write)]
    }

    /// Sets how long a call in this direction may wait.
    pub(super) fn set_timeout(&self, dir: FdDir, time: Option<Duration>) -> io::Result<()> {
        if time == Some(Duration::ZERO) {
            let text = "cannot set a 0 duration timeout";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let _kernel = kernel_if_any();
        self.state.lock().timeouts[usize::from(dir == FdDir::Write)] = time;
        Ok(())
    }

    /// Its number, for calls that gopark does not have.
    pub(super) fn raw(&self) -> RawFd {
        self.share().map_or(-1, |shared| shared.socket.as_fd().as_raw_fd())
    }

    /// The poller hears of its addresses.
    pub(super) fn tell_peer(&self, to: Option<SocketAddr>) {
        let Ok(shared) = self.share() else { return };
        if let Some(kernel) = kernel_if_any()
            && let Some(desc) = shared.desc(&*kernel)
        {
            kernel.poll_peer(desc, shared.socket.as_fd(), to);
        }
    }
}

/// Whether a connection was begun and not yet made.
fn is_on_its_way(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    matches!(code, Some(libc::EINPROGRESS | libc::EALREADY | libc::EINTR))
}

/// Makes the timer of one direction, if it is not there yet.
fn make_timer(desc: &'static PollDesc, dir: FdDir) {
    desc.make_timer(dir, |timer| timer.join_run(&*kernel()));
}

/// Waits for the turn in one direction. *Switches.*
fn queue<S: Socket>(
    kernel: &dyn Kernel,
    mut state: Guard<'_, State<S>>,
    dir: FdDir,
    desc: &PollDesc,
    site: Option<SiteId>,
) -> Turn {
    let waiter = Waiter::new(kernel.current(), false);
    // SAFETY: this goroutine parks next and goes on only when it is off the list.
    unsafe { state.turns(dir).next.push_back(&waiter) };
    // SAFETY: the guard is forgotten, so only the commit releases the lock.
    let raw: *const _ = unsafe { MutexGuard::mutex(&state).raw() };
    std::mem::forget(state);
    kernel.park(Park {
        why: WaitReason::SemAcquire,
        on: Some(Obj::Fd(desc.id())),
        on_number: None,
        rule: Rule::ParkUntilReady {},
        site,
        commit: Commit::Unlock(raw),
    });
    if waiter.slot.get() { Turn::Closed } else { Turn::Got }
}

/// The right to use one direction of a socket, which stays open meanwhile.
pub(super) struct Op<'a, S: Socket> {
    fd: &'a Fd<S>,
    dir: FdDir,
    shared: Arc<Shared<S>>,
    desc: &'static PollDesc,
    impatient: bool,
    site: Option<SiteId>,
    /// Until when it may wait, if not for ever.
    limit: Option<Nanos>,
    /// Whether the poller knows of that limit.
    limited: Cell<bool>,
}

impl<S: Socket> Op<'_, S> {
    /// It may wait for this long from now on at the most.
    pub(super) fn limit(&mut self, timeout: Duration) {
        self.limit = Some(due_at(kernel().now(), timeout.into()));
        make_timer(self.desc, self.dir);
    }

    /// The socket.
    pub(super) fn socket(&self) -> &S {
        &self.shared.socket
    }

    /// Does `call`, parking as long as it would block. *Switches.*
    pub(super) fn run<R>(&self, mut call: impl FnMut(&S) -> io::Result<R>) -> io::Result<R> {
        loop {
            match call(self.socket()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.impatient {
                        return Err(error);
                    }
                    self.wait()?;
                }
                result => return result,
            }
        }
    }

    /// Parks until the descriptor is ready (`pollWait`): then the caller tries again. *Switches.*
    pub(super) fn wait(&self) -> io::Result<()> {
        self.park().map_err(why::<S>)
    }

    fn park(&self) -> Result<(), PollError> {
        // No gate: between the call that would have blocked and the park nobody else may act in a
        // lab, which tells of readiness only to who waits for it already.
        let kernel = kernel();
        let (desc, dir) = (self.desc, self.dir);
        let word = desc.word(dir);
        if self.limit.is_some() && !self.limited.replace(true) {
            // Nobody waits in this direction but the caller, who does not yet.
            let late = desc.set_limit(&*kernel, dir, Whose::Call, self.limit, self.site);
            debug_assert!(late.is_none(), "there is one turn in each direction");
        }
        loop {
            desc.error(dir)?;
            match word.begin() {
                Begin::Consumed => {
                    self.tell_consumed(&kernel);
                    break;
                }
                Begin::Waits => {}
                Begin::DoubleWait => double_wait(&kernel),
            }
            // Looked at again, now that whoever closes would see the wait.
            if let Err(error) = desc.error(dir) {
                word.end();
                return Err(error);
            }
            kernel.park(Park {
                why: WaitReason::IoWait,
                on: Some(Obj::Fd(desc.id())),
                on_number: None,
                rule: Rule::ParkForFd { fd: desc.id(), dir },
                site: self.site,
                commit: Commit::Poll(desc, dir),
            });
            if word.end() {
                break;
            }
            // A deadline was over and perhaps is not any more: as if nothing had been.
        }
        // The caller tries again.
        kernel.before_io();
        Ok(())
    }

    fn tell_consumed(&self, kernel: &Kern) {
        if kernel.recording() {
            let event = Event::FdConsume { fd: self.desc.id(), dir: self.dir };
            kernel.record(self.site, &[], &mut std::iter::once((event, None)));
        }
    }
}

#[cold]
fn double_wait(kernel: &Kern) {
    use gopark_trace::words::EndKind;
    kernel.end(EndKind::Fatal, "fatal error: runtime: double wait\n".to_owned(), None);
}

impl<S: Socket> Drop for Op<'_, S> {
    fn drop(&mut self) {
        // After the run nobody waits for the turn.
        let Some(kernel) = kernel_if_any() else { return };
        if self.limited.get() {
            let _ = self.desc.set_limit(&*kernel, self.dir, Whose::Call, None, self.site);
        }
        let mut state = self.fd.state.lock();
        let turns = state.turns(self.dir);
        match turns.next.pop_front().map(|next| next.g) {
            // It keeps the turn for the next.
            Some(next) => {
                drop(state);
                kernel.ready(next, self.site, None);
            }
            None => turns.taken = false,
        }
    }
}

/// An error that a descriptor is closed.
#[derive(Debug)]
struct Closed(&'static str);

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Closed {}

/// Whether an error says that the caller's own side was closed (`errors.Is(err, net.ErrClosed)`):
/// by `close`, or while the call waited.
pub fn is_closed(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Closed>())
}

pub(super) fn closed<S: Socket>() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, Closed(S::CLOSED))
}

/// What is said of a wait that could not be, or ended.
fn why<S: Socket>(error: PollError) -> io::Error {
    match error {
        PollError::Closing => closed::<S>(),
        PollError::Timeout => io::Error::new(io::ErrorKind::TimedOut, "i/o timeout"),
    }
}

// Nothing of the user's runs under its lock, so a panic leaves it whole.
impl<S: Socket> UnwindSafe for Fd<S> {}
impl<S: Socket> RefUnwindSafe for Fd<S> {}

impl<S: Socket> fmt::Debug for Fd<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fd").field("what", &S::WHAT).field("fd", &self.raw()).finish()
    }
}
