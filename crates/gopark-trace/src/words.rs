//! The small closed sets of words that events, rules and the screen share.
//!
//! [`WaitReason`] has Go's own text (`runtime2.go waitReasonStrings`): one enum for the scheduler,
//! the trace and the screen.

use std::fmt;

use crate::ids::PId;
use crate::wire::{Out, Reader, Wire, WireError};

words! {
    /// Why a goroutine is parked, in Go's words; what stands in `[...]` of a goroutine dump.
    pub enum WaitReason {
        /// Parked in a receive: no sender, nothing buffered.
        1 ChanReceive = "chan receive",
        /// Parked in a send: no receiver, no room.
        2 ChanSend = "chan send",
        /// Receiving from a nil channel: for ever.
        3 ChanReceiveNil = "chan receive (nil chan)",
        /// Sending on a nil channel: for ever.
        4 ChanSendNil = "chan send (nil chan)",
        /// Parked in a select whose cases all block.
        5 Select = "select",
        /// A select without cases: for ever.
        6 SelectNoCases = "select (no cases)",
        /// Asleep until a timer fires.
        7 Sleep = "sleep",
        /// Parked until a descriptor is ready.
        8 IoWait = "IO wait",
        /// Waiting for a Mutex.
        9 MutexLock = "sync.Mutex.Lock",
        /// Waiting to read-lock an RWMutex.
        10 RwMutexRLock = "sync.RWMutex.RLock",
        /// Waiting to write-lock an RWMutex.
        11 RwMutexLock = "sync.RWMutex.Lock",
        /// Waiting for a WaitGroup to reach zero.
        12 WaitGroupWait = "sync.WaitGroup.Wait",
        /// Waiting on a condition variable.
        13 CondWait = "sync.Cond.Wait",
        /// Waiting for a semaphore.
        14 SemAcquire = "semacquire",
        /// A coroutine that is not switched to.
        15 Coroutine = "coroutine",
        /// Stopped for a stack scan or profile.
        16 Preempted = "preempted",
        /// A panic waits for another to finish printing.
        17 PanicWait = "panicwait",
        /// The world is being stopped by this goroutine.
        18 StoppingTheWorld = "stopping the world",
        /// Running a synctest bubble.
        19 SynctestRun = "synctest.Run",
        /// Waiting for a synctest bubble to settle.
        20 SynctestWait = "synctest.Wait",
        /// Durable receive inside a bubble.
        21 ChanReceiveDurable = "chan receive (durable)",
        /// Durable send inside a bubble.
        22 ChanSendDurable = "chan send (durable)",
        /// Durable select inside a bubble.
        23 SelectDurable = "select (durable)",
        /// Durable WaitGroup wait inside a bubble.
        24 WaitGroupWaitDurable = "sync.WaitGroup.Wait (durable)",
        /// The forced-GC helper.
        25 ForceGcIdle = "force gc (idle)",
        /// The background sweeper.
        26 GcSweepWait = "GC sweep wait",
        /// The background scavenger.
        27 GcScavengeWait = "GC scavenge wait",
        /// An idle GC worker.
        28 GcWorkerIdle = "GC worker (idle)",
        /// A GC worker between work.
        29 GcWorkerActive = "GC worker (active)",
        /// The finalizer goroutine.
        30 FinalizerWait = "finalizer wait",
        /// A cleanup goroutine.
        31 CleanupWait = "cleanup wait",
        /// The GOMAXPROCS updater.
        32 GomaxprocsUpdaterIdle = "GOMAXPROCS updater (idle)",
        /// An allocation waits for its GC debt.
        33 GcAssistWait = "GC assist wait",
        /// An allocation helps to mark.
        34 GcAssistMarking = "GC assist marking",
        /// Waiting for a GC cycle.
        35 WaitForGcCycle = "wait for GC cycle",
        /// Caches of all Ps are flushed.
        36 FlushingProcCaches = "flushing proc caches",
        /// A stack is being scanned.
        37 GcScan = "garbage collection scan",
        /// The trace reader has nothing to read.
        38 TraceReaderBlocked = "trace reader (blocked)",
        /// A debugger's injected call.
        39 DebugCall = "debug call",
        /// gopark: waiting for another goroutine through its join handle (in Go, a channel).
        40 Join = "join",
        /// gopark: waiting for a future's waker.
        41 Future = "future",
    }

    /// The status of a goroutine (`runtime2.go` G consts, those a viewer can see).
    pub enum GStatus {
        /// On a run queue, or on its way to or from one.
        1 Runnable = "runnable",
        /// On an M, with a P but for short windows.
        2 Running = "running",
        /// In a system call: has an M, does not own a P.
        3 Syscall = "syscall",
        /// Parked, with a wait reason.
        4 Waiting = "waiting",
        /// Finished.
        5 Dead = "dead",
    }

    /// Why a goroutine gave up its P while it could have gone on.
    pub enum YieldKind {
        /// It called `yield_now` (Go's Gosched): tail of the global queue.
        1 Gosched = "Gosched",
        /// It handed a lock over (Go's goyield): tail of the own ring.
        2 Handoff = "goyield",
    }

    /// How a goroutine was preempted.
    pub enum PreemptKind {
        /// It saw the request in a call into the runtime.
        1 Cooperative = "at a call",
        /// A signal stopped its thread.
        2 Signal = "by signal",
        /// To stop the world.
        3 StopTheWorld = "to stop the world",
    }

    /// How a goroutine ended.
    pub enum ExitKind {
        /// Its function returned.
        1 Returned = "returned",
        /// It called Goexit.
        2 Goexit = "Goexit",
        /// It panicked.
        3 Panicked = "panicked",
    }

    /// At which step of the search the global queue was asked.
    pub enum GlobalWhy {
        /// Every 61st tick, before the own queues: exactly one goroutine.
        1 Every61 = "tick",
        /// The own slot and ring are empty: a batch.
        2 LocalEmpty = "local empty",
        /// Under the lock, before the P is given up: a batch.
        3 BeforeRelease = "last look",
        /// After the P was given up, with a fresh P.
        4 Recheck = "re-check",
    }

    /// Why a P changes hands.
    pub enum HandoffWhy {
        /// A call that is declared to block.
        4 BlockingCall = "a blocking call",
        /// sysmon took it from a system call.
        5 Retaken = "retaken by sysmon",
        /// A locked goroutine goes to its own thread.
        6 LockedThread = "a locked goroutine",
        /// A preempted goroutine gets its thread going again (gopark).
        7 HeldThread = "a held goroutine",
    }

    /// What a timer does when it fires.
    pub enum TimerKind {
        /// Wakes a sleeper.
        1 Sleep = "sleep",
        /// Ends an I/O wait.
        2 Deadline = "deadline",
        /// Runs a function in a new goroutine.
        3 AfterFunc = "AfterFunc",
        /// Sends on a channel once.
        4 Channel = "timer channel",
        /// Sends on a channel again and again.
        5 Ticker = "ticker",
    }

    /// How a value was sent.
    pub enum SendHow {
        /// Straight to a waiting receiver.
        1 Direct = "straight to a waiting receiver",
        /// Into the buffer.
        2 Buffered = "into the buffer",
        /// By a receiver that took it from the parked sender.
        3 TakenFromParked = "taken by a receiver",
    }

    /// How a value was received.
    pub enum RecvHow {
        /// From the buffer.
        1 Buffered = "from the buffer",
        /// From the buffer's head, and a waiting sender's value took the free place.
        2 BufferedRefilled = "from the buffer, refilled by a waiting sender",
        /// Straight from a waiting sender.
        3 Direct = "straight from a waiting sender",
        /// Given by a sender while parked.
        4 GivenWhileParked = "given by a sender",
        /// The channel is closed and empty: the zero value.
        5 Closed = "closed and empty",
    }

    /// Which side of a lock.
    pub enum LockMode {
        /// Exclusive.
        1 Write = "lock",
        /// Shared.
        2 Read = "read lock",
    }

    /// How a lock was got.
    pub enum LockHow {
        /// It was free and nobody waited.
        1 Free = "free",
        /// It was free but others waited: this goroutine barged in.
        2 Barged = "barged",
        /// Woken from the queue, and it was still free.
        3 Woken = "woken",
        /// Handed over in starving mode.
        4 HandedOver = "handed over",
        /// Got by trying.
        5 Tried = "try",
    }

    /// How a poll waits.
    pub enum PollMode {
        /// Looks and returns.
        1 NonBlocking = "without waiting",
        /// Waits, with no P.
        2 Blocking = "waiting",
    }

    /// Which direction of a descriptor.
    pub enum FdDir {
        /// Reading.
        1 Read = "read",
        /// Writing.
        2 Write = "write",
    }

    /// The way out of a system call (`exitsyscall`).
    pub enum SysPath {
        /// The P was still there: same slice.
        1 Kept = "its P was still there",
        /// The old P sat in another goroutine's call and was taken back.
        2 OldP = "its old P",
        /// An idle P.
        3 IdleP = "an idle P",
        /// No P: to the global queue.
        4 Global = "the global queue",
        /// An idle P at the last look: a new slice.
        5 NewSlice = "an idle P, at the last look",
    }

    /// What moves the scheduler.
    pub enum Drive {
        /// Deterministic: one kernel thread, virtual time, choices from a seed.
        1 Lab = "lab",
        /// Kernel threads, real time.
        2 Live = "live",
    }

    /// How a run ended.
    pub enum EndKind {
        /// Main returned.
        1 Returned = "main returned",
        /// All goroutines are asleep.
        2 Deadlock = "deadlock",
        /// A goroutine panicked.
        3 Panic = "panic",
        /// A fatal error that cannot be recovered.
        4 Fatal = "fatal error",
        /// The viewer stopped it.
        5 Stopped = "stopped",
        /// Main called Goexit and everything else ended.
        6 NoGoroutines = "no goroutines",
    }
}

/// Where a runnable goroutine is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Queue {
    /// The slot (runnext) of a P.
    Slot(PId),
    /// The tail of a P's ring.
    Ring(PId),
    /// The tail of the global queue.
    Global,
    /// In the hand of the acting M: taken from one queue, not yet started or queued again.
    Hand,
    /// The head of the global queue.
    GlobalHead,
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot(p) => write!(f, "the slot of {p}"),
            Self::Ring(p) => write!(f, "the ring of {p}"),
            Self::Global => f.write_str("the global queue"),
            Self::Hand => f.write_str("hand"),
            Self::GlobalHead => f.write_str("the head of the global queue"),
        }
    }
}

impl Wire for Queue {
    const TYPE: &'static str = "queue";
    #[inline]
    fn write<O: Out>(&self, out: &mut O) {
        let (code, p) = match self {
            Self::Slot(p) => (1, Some(p)),
            Self::Ring(p) => (2, Some(p)),
            Self::Global => (3, None),
            Self::Hand => (4, None),
            Self::GlobalHead => (5, None),
        };
        out.put(code, 1);
        if let Some(p) = p {
            p.write(out);
        }
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let start = r.wanted("a queue");
        Ok(match r.byte()? {
            1 => Self::Slot(PId::get(r)?),
            2 => Self::Ring(PId::get(r)?),
            3 => Self::Global,
            4 => Self::Hand,
            5 => Self::GlobalHead,
            _ => return Err(start),
        })
    }
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
    fn arbitrary(dice: &mut dyn FnMut(u64) -> u64) -> Self {
        match dice(5) {
            0 => Self::Slot(PId::arbitrary(dice)),
            1 => Self::Ring(PId::arbitrary(dice)),
            2 => Self::Global,
            3 => Self::Hand,
            _ => Self::GlobalHead,
        }
    }
}
