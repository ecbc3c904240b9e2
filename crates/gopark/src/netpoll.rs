//! What the poller knows of each descriptor (`netpoll.go`, `pollDesc`), and the table of them.
//!
//! A [`PollDesc`] belongs to one run. It is used for one descriptor after another and freed when
//! the run ends, so whoever has an old pointer to one finds a descriptor there, if another one. Its
//! `id` says which: an event of the system carries the id it was registered with (its [`Token`]),
//! and one that comes after the descriptor was closed finds another id, or none.
//!
//! The table's lock orders that: an event is applied, and a descriptor is taken out, under it.
//! Locks, in the order they are taken: the one of the descriptor's owner ([`crate::net`]), the
//! table, a descriptor's deadlines ([`limits`]), those of timers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering};

use gopark_trace::ids::{FdId, Nanos};
use gopark_trace::words::FdDir;

use crate::g::{G, GList, Gp};
use crate::lock::Lock;
use crate::proto::poll_word::{PollInfo, PollWord};

mod limits;

use self::limits::Limits;
pub(crate) use self::limits::Whose;

/// How many events one poll gives at the most.
pub(crate) const EVENTS: usize = 128;

/// No place in the table.
const NONE: u32 = u32::MAX;

/// One descriptor, as the poller sees it.
pub(crate) struct PollDesc {
    /// Which descriptor of the run, 0 while it is none. Written under the table's lock by who owns
    /// the descriptor.
    id: AtomicU32,
    /// Its place in the table; written once, before anybody else sees it.
    slot: u32,
    /// While it is none: the place of the next that is none. Under the table's lock.
    next_free: AtomicU32,
    read: PollWord<G>,
    write: PollWord<G>,
    info: PollInfo,
    /// What `info` says, and the deadlines that it comes from.
    limits: Limits,
    /// How many goroutines of the run are parked in words.
    waiters: Arc<AtomicI32>,
}

/// Why a goroutine can't wait, or had to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PollError {
    /// The descriptor is being closed.
    Closing,
    /// The deadline is over.
    Timeout,
}

impl PollDesc {
    fn new(slot: u32, waiters: Arc<AtomicI32>) -> Self {
        Self {
            id: AtomicU32::new(0),
            slot,
            next_free: AtomicU32::new(NONE),
            read: PollWord::new(),
            write: PollWord::new(),
            info: PollInfo::new(),
            limits: Limits::default(),
            waiters,
        }
    }

    /// Which descriptor.
    pub(crate) fn id(&self) -> FdId {
        FdId(self.id.load(Ordering::Relaxed))
    }

    /// What the system is to say when something comes.
    pub(crate) fn token(&self) -> Token {
        Token { slot: self.slot, id: self.id.load(Ordering::Relaxed) }
    }

    /// One direction.
    pub(crate) fn word(&self, dir: FdDir) -> &PollWord<G> {
        match dir {
            FdDir::Read => &self.read,
            FdDir::Write => &self.write,
        }
    }

    /// Makes the wait of a goroutine that is off its stack known (`netpollblockcommit`). False if
    /// something came in between.
    pub(crate) fn commit(&self, dir: FdDir, g: Gp) -> bool {
        // Before it can be taken out again.
        self.waiters.fetch_add(1, Ordering::Relaxed);
        let parked = self.word(dir).commit(g.addr());
        if !parked {
            self.waiters.fetch_sub(1, Ordering::Relaxed);
        }
        parked
    }

    /// Takes out whoever waits (`netpollunblock`).
    pub(crate) fn unblock(&self, dir: FdDir, came: bool) -> Option<Gp> {
        let g = Gp::from_addr(self.word(dir).unblock(came)?)?;
        self.waiters.fetch_sub(1, Ordering::Relaxed);
        Some(g)
    }

    /// Whether a goroutine is parked on it, in either direction; a guess.
    pub(crate) fn is_waited(&self) -> bool {
        self.read.is_waited() || self.write.is_waited()
    }

    /// What is left of an event if only those who are parked are to hear of it.
    pub(crate) fn for_waiters(&self, event: FdEvent) -> Option<FdEvent> {
        let read = event.read && self.read.is_waited();
        let write = event.write && self.write.is_waited();
        (read || write).then_some(FdEvent { read, write, ..event })
    }
}

/// What a descriptor is registered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Token {
    slot: u32,
    /// The number of the descriptor in the run: later ones are greater.
    pub(crate) id: u32,
}

impl Token {
    /// As the number the system keeps.
    pub(crate) fn pack(self) -> usize {
        (self.id as usize) << 32 | self.slot as usize
    }

    /// Back from [`Token::pack`].
    pub(crate) fn unpack(packed: usize) -> Self {
        Self { slot: packed as u32, id: (packed >> 32) as u32 }
    }
}

/// What the system says of one descriptor.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FdEvent {
    /// Which.
    pub(crate) token: Token,
    /// It can be read, or reading tells what is wrong.
    pub(crate) read: bool,
    /// It can be written, or writing tells what is wrong.
    pub(crate) write: bool,
}

/// What one poll gave, in the order of the system. On the stack of who polls: nothing is allocated.
pub(crate) struct FdEvents {
    list: [FdEvent; EVENTS],
    len: usize,
}

impl FdEvents {
    pub(crate) fn new() -> Self {
        Self { list: [FdEvent::default(); EVENTS], len: 0 }
    }

    /// Adds one; false if there is no room for it.
    pub(crate) fn push(&mut self, event: FdEvent) -> bool {
        let Some(place) = self.list.get_mut(self.len) else { return false };
        *place = event;
        self.len += 1;
        true
    }

    /// What it gave.
    pub(crate) fn as_slice(&self) -> &[FdEvent] {
        &self.list[..self.len]
    }
}

/// What opening a descriptor may need. It is allocated by the goroutine, before it enters the runtime.
#[derive(Default)]
pub(crate) struct Room {
    desc: Option<Box<PollDesc>>,
    table: Vec<&'static PollDesc>,
}

impl Room {
    /// Room for one descriptor and a table of so many; of the run with this count.
    pub(crate) fn new(waiters: Arc<AtomicI32>, many: usize) -> Self {
        Self { desc: Some(Box::new(PollDesc::new(0, waiters))), table: Vec::with_capacity(many) }
    }
}

/// What came of opening one.
pub(crate) enum Opened {
    /// It is registered.
    Yes(&'static PollDesc),
    /// The caller must come again with room for so many.
    NeedsRoom(usize),
    /// The system refused.
    Failed(std::io::Error),
}

/// All descriptors of a run.
struct Table {
    /// By slot.
    descs: Vec<&'static PollDesc>,
    /// The place of the first that is none.
    free: u32,
}

/// The poller's part of the scheduler.
pub(crate) struct Netpoll {
    /// Whether any descriptor was ever opened (`netpollInited`).
    inited: AtomicBool,
    /// How many goroutines are parked on descriptors (`netpollWaiters`).
    waiters: Arc<AtomicI32>,
    /// Somebody polls without waiting right now (`pollingNet`).
    pub(crate) asking: AtomicBool,
    /// When a poll last ended.
    pub(crate) last_poll: AtomicU64,
    table: Lock<Table>,
}

impl Netpoll {
    pub(crate) fn new() -> Self {
        Self {
            inited: AtomicBool::new(false),
            waiters: Arc::new(AtomicI32::new(0)),
            asking: AtomicBool::new(false),
            last_poll: AtomicU64::new(0),
            table: Lock::new(Table { descs: Vec::new(), free: NONE }),
        }
    }

    /// Whether a goroutine waits for a descriptor (`netpollinited() && netpollAnyWaiters()`).
    pub(crate) fn any_waiters(&self) -> bool {
        self.inited.load(Ordering::Relaxed) && self.waiters.load(Ordering::Relaxed) > 0
    }

    /// When a poll last ended.
    pub(crate) fn last_poll(&self) -> Nanos {
        Nanos(self.last_poll.load(Ordering::Relaxed))
    }

    /// The count of those who are parked on descriptors, for [`Room::new`].
    pub(crate) fn waiters(&self) -> Arc<AtomicI32> {
        Arc::clone(&self.waiters)
    }

    /// A descriptor that nobody uses becomes the one with number `id`. `Err` if the caller must come
    /// again with room for so many.
    pub(crate) fn open(&self, id: FdId, room: &mut Room) -> Result<&'static PollDesc, usize> {
        let mut table = self.table.lock();
        let desc = match table.descs.get(table.free as usize).copied() {
            Some(free) => {
                table.free = free.next_free.load(Ordering::Relaxed);
                free
            }
            None => table.grow(room)?,
        };
        desc.id.store(id.0, Ordering::Relaxed);
        desc.clear_limits();
        desc.read.reset();
        desc.write.reset();
        self.inited.store(true, Ordering::Relaxed);
        Ok(desc)
    }

    /// The descriptor is none any more. Nobody waits for it, and nobody will.
    pub(crate) fn close(&self, desc: &'static PollDesc) {
        let mut table = self.table.lock();
        desc.id.store(0, Ordering::Relaxed);
        desc.next_free.store(table.free, Ordering::Relaxed);
        table.free = desc.slot;
    }

    /// Applies what a poll gave: words become ready, and the goroutines that stood there are in the
    /// list, the last event first, of one descriptor the writer first. `tell` hears of each
    /// direction, in the order of the events.
    pub(crate) fn apply(
        &self,
        events: &FdEvents,
        mut tell: impl FnMut(FdId, FdDir, Option<Gp>),
    ) -> GList {
        let mut gs = GList::new();
        let table = self.table.lock();
        for event in events.as_slice() {
            let Some(desc) = table.descs.get(event.token.slot as usize) else { continue };
            if desc.id.load(Ordering::Relaxed) != event.token.id {
                continue;
            }
            for (dir, came) in [(FdDir::Read, event.read), (FdDir::Write, event.write)] {
                if came {
                    let g = desc.unblock(dir, true);
                    tell(desc.id(), dir, g);
                    g.into_iter().for_each(|g| gs.push_front(g));
                }
            }
        }
        gs
    }

    /// The descriptors that are open, for snapshots.
    pub(crate) fn open_fds(&self) -> Vec<FdId> {
        let table = self.table.lock();
        table.descs.iter().map(|desc| desc.id()).filter(|&id| id != FdId(0)).collect()
    }
}

impl Table {
    /// One more, in the room that the caller has brought.
    fn grow(&mut self, room: &mut Room) -> Result<&'static PollDesc, usize> {
        const FIRST: usize = 64;
        let full = self.descs.len() == self.descs.capacity();
        if full && room.table.capacity() <= self.descs.len() || room.desc.is_none() {
            return Err((2 * self.descs.capacity()).max(FIRST));
        }
        if full {
            // The old tables are for the caller to free.
            room.table.append(&mut self.descs);
            std::mem::swap(&mut room.table, &mut self.descs);
        }
        let mut desc = room.desc.take().expect("it was looked for");
        desc.slot = self.descs.len() as u32;
        let desc: &'static PollDesc = Box::leak(desc);
        self.descs.push(desc);
        Ok(desc)
    }
}

impl Drop for Netpoll {
    fn drop(&mut self) {
        for desc in self.table.get_mut().descs.drain(..) {
            // SAFETY: it was leaked in `grow`, the run is over, and who still has a pointer to it
            // belongs to that run and never looks at it in another.
            drop(unsafe { Box::from_raw(std::ptr::from_ref(desc).cast_mut()) });
        }
    }
}

impl std::fmt::Debug for PollDesc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PollDesc").field("id", &self.id()).finish_non_exhaustive()
    }
}
