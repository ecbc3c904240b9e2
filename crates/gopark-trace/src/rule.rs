//! Why an event happened, as data: the rule with the numbers of that case.
//!
//! Each row has a short sentence with its numbers (shown beside the event), a longer explanation
//! (its doc lines) and the Go function it comes from. [`Rule::checks`] names the conformance rules
//! of the scheduler's rulebook that it stands for.

use crate::ids::{FdId, GId, MId, Nanos, PId};
use crate::words::FdDir;

table! {
    /// A rule of the scheduler, with the numbers of one case.
    pub enum Rule, RULES;

    // ---- making and waking ----

    /// A new goroutine goes into the slot of the P that runs the `go` statement, and the spawner keeps running. The newest therefore runs next, while its data is still warm; whatever was in the slot moves to the tail of the ring.
    1 GoToSlot { p: PId }
        from "proc.go newproc" => "a new goroutine goes to the slot of the spawner's {p}";
    /// The slot holds one goroutine. A newer one displaces the older, which goes to the tail of the ring like anyone else.
    2 SlotDisplaced { by: GId, ring: u32 }
        from "proc.go runqput" => "{by} is newer and takes the slot; {ring} wait in the ring before it";
    /// The ring holds 256. When a 257th must go in, the 128 oldest and that one go to the tail of the global queue together, under one lock, so that other Ps can have them and the ring has room again.
    3 RingFull { ring: u32, moved: u32 }
        from "proc.go runqputslow" => "the ring holds {ring}, its limit: half of it and one more, {moved} in all, go to the global queue";
    /// Whoever makes a goroutine ready puts it in the slot of its own P. Where the goroutine ran before does not matter: the data it waited for is warm here.
    4 ReadyToWakerSlot { p: PId }
        from "proc.go ready" => "a woken goroutine goes to the slot of the waker's {p}, wherever it ran before";
    /// Closing a channel readies its waiters from the last to the first, so that the first waiter ends in the slot and runs first.
    5 CloseReadiesInReverse { place: u32, of: u32 }
        from "chan.go closechan" => "close lets waiter {place} of {of} go; the last let go, the first waiter, keeps the slot";

    // ---- giving way ----

    /// Gosched puts the goroutine at the tail of the global queue, not of its own ring: it steps back behind everybody.
    10 GoschedToGlobal { global: u32 }
        from "proc.go goschedImpl" => "a goroutine that yields goes behind everybody, to the global queue ({global} before it)";
    /// A lock handed over in starving mode lets the receiver run at once from the slot; the giver goes to the tail of its own ring.
    11 HandoffToOwnRing { p: PId }
        from "proc.go goyield_m" => "the lock was handed over: the receiver runs next, the giver goes to the ring of {p}";
    /// A goroutine that was preempted because its slice was over goes to the tail of the global queue.
    12 PreemptedToGlobal { ran: Nanos }
        from "proc.go gopreempt_m" => "it had run for {ran}: a preempted goroutine goes to the global queue";
    /// A goroutine stopped only to stop the world goes to the slot of its own P and goes on first.
    13 StoppedToSlot { p: PId }
        from "proc.go gopreempt_m" => "stopped for the world only: it goes on first, from the slot of {p}";
    /// A goroutine that cannot go on parks; its M looks for another one. It stands in no run queue until somebody makes it ready.
    14 ParkUntilReady { }
        from "proc.go gopark" => "it can't go on until somebody makes it ready; its M looks for another";

    // ---- choosing ----

    /// Every 61st tick the global queue goes first, before slot and ring. Otherwise two goroutines that wake each other through the slot could keep everybody else out for ever.
    20 GlobalQueueEvery61 { tick: u32, global: u32 }
        from "proc.go findRunnable" => "tick {tick} is a multiple of 61, so the global queue ({global} waiting) goes first";
    /// The slot comes before the ring. Its goroutine inherits the rest of the time slice, so the tick does not move and a chain of wake-ups shares one slice.
    21 SlotFirst { tick: u32 }
        from "proc.go runqget" => "the slot comes first and inherits the slice: the tick stays {tick}";
    /// The slot is empty, so the oldest of the ring runs, with a new slice.
    22 RingFifo { ring: u32, tick: u32 }
        from "proc.go runqget" => "the slot is empty: the oldest of {ring} in the ring runs, with tick {tick}";
    /// With slot and ring empty, a P takes its share of the global queue: size / GOMAXPROCS + 1, at most 128. The first runs, the others go to its ring.
    23 GlobalBatch { size: u32, procs: u32, taken: u32 }
        from "proc.go globrunqgetbatch" => "its own queues are empty: it takes {taken} of the global queue's {size} (size / {procs} + 1, at most 128)";
    /// What was taken in hand runs at once, with a new slice.
    24 RunsFromHand { tick: u32 }
        from "proc.go execute" => "what was taken runs at once, with a new slice: tick {tick}";

    // ---- stealing ----

    /// An M without work may look for some at others only while spinning Ms are few: twice their number below the number of busy Ps. More would burn CPU and find nothing.
    30 MaySpin { spinning: u32, busy: u32 }
        from "proc.go findRunnable" => "2 x {spinning} spinning Ms < {busy} busy Ps: one more may look for work";
    /// A thief asks all other Ps in a random order: a random start and a random step that is coprime with their number, so each is asked exactly once.
    31 StealOrder { attempt: u8, start: u32, step: u32, procs: u32 }
        from "proc.go randomOrder" => "try {attempt} of 4: random start {start}, step {step}, so each of {procs} Ps comes once";
    /// A thief takes half of the victim's ring, rounded up, the oldest first. It runs the newest of them at once and keeps the others.
    32 StealHalf { of: u32, taken: u32 }
        from "proc.go runqgrab" => "half of {of}, rounded up: the {taken} oldest go, the newest of them runs now";
    /// Only in the last of four tries, with an empty ring, may a thief take the goroutine in the slot; if the victim is running, only after 3 µs, because it is about to run it itself.
    33 StealSlotLast { attempt: u8, waited: bool }
        from "proc.go runqgrab" => "try {attempt}, the last, and the ring is empty: the slot may be taken (waited 3 µs: {waited})";
    /// After four tries over all Ps there is nothing to steal.
    34 NothingToSteal { tries: u8 }
        from "proc.go stealWork" => "{tries} tries over all Ps, nothing to take";
    /// In the last try a thief runs the expired timers of the victim before it takes the slot; what they make ready lands on the thief's P.
    35 StealTimers { victim: PId }
        from "proc.go stealWork" => "in the last try the due timers of {victim} are run here";

    // ---- waking and parking threads ----

    /// New work wakes one M, and only if none is looking for work already and a P is idle. That one wakes the next if it finds work, so a burst of work wakes Ms in a chain, not all at once.
    40 WakeOne { idle: u32 }
        from "proc.go wakep" => "new work, nobody spins and {idle} Ps are idle: one M is woken to look";
    /// There is work but no idle P, so nobody can be woken. A note is left for the next M that would give up its P.
    41 NoIdleP { }
        from "proc.go wakep" => "there is work but no idle P: the next M about to stop looks once more";
    /// An M that was about to stop sees the note and looks once more.
    42 NeedSpinningTaken { }
        from "proc.go findRunnable" => "a note says that work was left: it looks once more";
    /// A spinning M that found work stops spinning and, being the one who looked, wakes the next if a P is idle.
    43 FoundWhileSpinning { spinning: u32 }
        from "proc.go resetspinning" => "it found work and stops spinning ({spinning} still spin): now it may wake the next";
    /// The idle M that parked last is woken first: its caches are the warmest.
    44 LastParkedFirst { idle: u32 }
        from "proc.go startm" => "{idle} Ms are idle: the one that parked last is woken";
    /// A P needs an M and none is idle, so a thread is made.
    45 NoIdleM { threads: u32 }
        from "proc.go startm" => "no M is idle: thread number {threads} is made";
    /// An M that found nothing anywhere sleeps on the list of idle Ms and is kept for later.
    46 NothingToDo { }
        from "proc.go stopm" => "nothing to do anywhere: it sleeps on the list of idle Ms";
    /// Nothing in the slot, the ring, the global queue, the poller or at others: the P goes to the list of idle Ps, its queues empty.
    47 GiveUpP { }
        from "proc.go findRunnable" => "no work in slot, ring, global queue or at others: the P goes to the idle list";
    /// A spinning M that gives up counts itself out first and then looks at every queue once more: work that came in between was left to it.
    48 SpinnerRechecks { found: PId }
        from "proc.go findRunnable" => "it stopped spinning and looked once more: {found} has work";
    /// A spinning M gives up: from now on new work wakes another.
    49 StopsSpinning { spinning: u32 }
        from "proc.go findRunnable" => "it gives up looking; {spinning} still spin";
    /// An M starts with the P it was promised.
    50 PromisedP { p: PId }
        from "proc.go stopm" => "it was woken for {p}";
    /// Work found in a last look needs a P: the latest idle one is taken.
    51 IdlePForWork { idle: u32 }
        from "proc.go pidleget" => "{idle} Ps are idle: the one that went idle last is taken";
    /// The first M of a run takes the first P.
    52 RunBegins { procs: u32 }
        from "proc.go schedinit" => "the run begins with {procs} Ps: M0 takes P0, the others are idle";

    // ---- handing a P off ----

    /// A P without M has work, or the global queue has: an M is started for it.
    60 HandoffWork { queued: u32, global: u32 }
        from "proc.go handoffp" => "{queued} wait on this P and {global} in the global queue: an M is started for it";
    /// Nobody spins and no P is idle: a spinning M is started so that no work is overlooked.
    61 HandoffNobodyLooks { }
        from "proc.go handoffp" => "no work here, but nobody looks for any: a spinning M is started";
    /// All other Ps are idle and nobody polls: somebody must.
    62 HandoffLastP { }
        from "proc.go handoffp" => "it is the last running P and nobody polls: an M is started for it";
    /// Nothing to do with the P: it goes to the idle list.
    63 HandoffIdle { }
        from "proc.go handoffp" => "no work anywhere: the P goes to the idle list";
    /// A goroutine tied to a thread runs only there: whoever picks it gives that thread its P.
    64 LockedToThread { m: MId }
        from "proc.go startlockedm" => "it is tied to {m}: that thread gets the P";
    /// The thread of a tied goroutine runs nothing else: it hands its P off and waits.
    65 LockedThreadWaits { }
        from "proc.go stoplockedm" => "its thread runs nothing else: it hands the P off and waits";

    // ---- system calls, preemption ----

    /// Entering a system call, a goroutine keeps its thread and the P stays attached: most calls are short.
    70 SyscallKeepsP { p: PId }
        from "proc.go entersyscall" => "most calls are short: {p} stays attached";
    /// The P was still there: it goes on in the same slice.
    71 SyscallFast { p: PId }
        from "proc.go exitsyscall" => "nobody took {p} meanwhile: it goes on at once, same slice";
    /// The old P was lost, but is attached to another call: it is taken back.
    72 SyscallOldP { p: PId }
        from "proc.go exitsyscallTryGetP" => "its old {p} only waits in another call: it is taken back";
    /// The old P was lost; an idle one serves.
    73 SyscallIdleP { p: PId }
        from "proc.go exitsyscallTryGetP" => "its P was taken meanwhile; {p} is idle and serves";
    /// No P is free: the goroutine goes to the global queue and its M parks.
    74 SyscallNoP { }
        from "proc.go exitsyscallNoP" => "no P is free: it goes to the global queue, its M parks";
    /// sysmon takes a P from a system call after at least one sysmon tick if it has queued work or if nobody is idle or spinning.
    75 RetakeWanted { queued: u32, idle: u32, spinning: u32, after: Nanos }
        from "proc.go retake" => "in a call for {after}, with {queued} waiting, {idle} idle Ps and {spinning} spinning Ms: the P is taken";
    /// sysmon takes a P from a system call after 10 ms in any case.
    76 RetakeLong { after: Nanos }
        from "proc.go retake" => "in a call for {after}, 10 ms or more: the P is taken in any case";
    /// A call that is known to block hands its P off before it starts.
    77 BlockingHandsOff { }
        from "proc.go entersyscallblock" => "this call will block: the P is handed off first";
    /// sysmon saw the same tick of this P for 10 ms or more.
    78 SliceOver { ran: Nanos, tick: u32 }
        from "proc.go retake" => "tick {tick} has run for {ran}, 10 ms or more: it is asked to stop";
    /// The thread is suspended as it stands; its goroutine goes on there when it is picked again. Go switches stacks here; in Rust only suspending is sound.
    79 ThreadHeld { }
        from "gopark" => "in Rust a preempted goroutine keeps its thread: it is suspended, not switched";
    /// An M that used no CPU is blocked in a call nobody marked: its P serves others.
    80 BlockedUnmarked { idle_for: Nanos }
        from "gopark" => "it used no CPU for {idle_for}: it is blocked in a call nobody marked";
    /// Nothing moved for too long, perhaps because a suspended goroutine holds a lock: one goes on without a P.
    81 Backstop { stuck: Nanos }
        from "gopark" => "nothing moved for {stuck}: a held goroutine goes on without a P";

    /// An M is taken from the idle list to take the P over from a thread that is about to be suspended: the thread itself can't run the scheduler then.
    82 Standby { }
        from "gopark" => "it is to take the P over when the thread is suspended";
    /// A goroutine whose thread is suspended with it goes on only there: whoever picks it gives that thread its P.
    83 BoundToThread { m: MId }
        from "gopark" => "its thread {m} is suspended with it: that thread gets the P";
    /// The world is being stopped: the P of a goroutine in a system call is taken at once.
    84 StoppedInCall { }
        from "proc.go stopTheWorldWithSema" => "the world is being stopped: a P in a system call is taken at once";
    /// The world is being stopped: idle Ps are taken at once, and who looks for work looks no more.
    85 WorldStops { }
        from "proc.go stopTheWorldWithSema" => "the world is being stopped: whoever runs no goroutine stops at once";
    /// The world goes on: a P without work is idle.
    86 WorldGoesOn { }
        from "proc.go procresize" => "the world goes on: a P without work goes to the idle list";

    // ---- poller and timers ----

    /// An M without P waits in the poller, at most one, until the earliest known timer.
    90 OnePollerWaits { until: Option<Nanos> }
        from "proc.go findRunnable" => "somebody must wait for timers and descriptors: this M does, without a P, until {until}";
    /// Before stealing, the poller is asked once without waiting, by one M at a time.
    91 PollBeforeStealing { }
        from "proc.go findRunnable" => "before stealing it asks the poller, without waiting";
    /// A timer earlier than the one the poller waits for breaks the wait off.
    92 EarlierTimer { when: Nanos }
        from "netpoll.go wakeNetPoller" => "a timer is due at {when}, earlier than the poller would wake";
    /// Of what a poll gives, one goes to each idle P through the global queue, the rest to the own ring.
    93 InjectList { idle: u32, n: u32 }
        from "proc.go injectglist" => "{n} are ready and {idle} Ps are idle: as many go to the global queue, the rest to the own ring";
    /// A poller that got no P puts everything into the global queue.
    94 PollerWithoutP { n: u32 }
        from "proc.go findRunnable" => "the poller got no P: its {n} go to the global queue";
    /// A timer is put on the heap of the P its goroutine runs on, after the goroutine has parked.
    95 TimerOnOwnHeap { p: PId }
        from "time.go (*timer).maybeAdd" => "a timer goes to the heap of the P that sets it, {p}";
    /// Due timers of a P are run before it picks a goroutine.
    96 TimersFirst { late: Nanos }
        from "time.go (*timers).check" => "due timers run before any goroutine is picked ({late} late)";
    /// In the lab the clock jumps to the next timer when nobody can act.
    97 ClockJumps { to: Nanos }
        from "proc.go checkdead" => "nobody can act now: the lab's clock jumps to {to}";

    /// A ticker fires again a whole number of periods after its last time: ticks that were missed are dropped.
    98 TickerNext { period: Nanos, late: Nanos }
        from "time.go (*timer).unlockAndRun" => "it ticks every {period} and was {late} late: ticks that were missed are dropped";
    /// A stopped timer is taken out of its heap later; set anew before that, it stays there.
    99 StaysOnHeap { p: PId }
        from "time.go (*timer).modify" => "it was still on the heap of {p}: it stays there";
    /// The timer of a channel on which nobody is blocked is in no heap: the next look at the channel fires it.
    100 TimerUnwatched { }
        from "time.go unblockTimerChan" => "nobody is blocked on its channel any more: it leaves the heap, and the next look at the channel fires it";
    /// The timer of a channel was due, and nobody had to be woken for it: a look at the channel fires it.
    101 TimerAtLook { late: Nanos }
        from "time.go (*timer).maybeRunChan" => "its timer was due {late} ago: whoever looks at the channel fires it";
    /// A timer that is stopped or set anew takes back what it has sent: nobody receives a stale value.
    102 StaleTaken { }
        from "time.go (*timer).stop" => "the timer is stopped or set anew: what it has sent is taken back";
    /// Nothing to read, or no room to write: the goroutine parks until the poller says that the descriptor is ready, and then tries again itself.
    106 ParkForFd { fd: FdId, dir: FdDir }
        from "netpoll.go netpollblock" => "{fd} is not ready to {dir}: it parks until the poller says so, and tries again itself";
    /// A deadline that is over wakes who waits for the descriptor, like any other ready: not through the poller.
    107 DeadlineWakes { fd: FdId }
        from "netpoll.go netpolldeadlineimpl" => "the deadline of {fd} is over: who waits for it is ready, in the slot of the P that runs the timer";
    /// Who waits for a descriptor that is closed is woken by who closes it: not through the poller.
    108 CloseWakes { fd: FdId }
        from "netpoll.go pollUnblock" => "{fd} is closed: who waits for it is ready, in the slot of the P that closes it";

    // ---- channels and select ----

    /// A receiver waits: the value goes straight to it and the sender goes on.
    110 SendToWaiter { to: GId }
        from "chan.go chansend" => "{to} waits to receive: it gets the value, the sender goes on";
    /// There is room: the value is buffered and the sender goes on.
    111 SendBuffered { len: u32, cap: u32 }
        from "chan.go chansend" => "there was room: {len} of {cap} are buffered now";
    /// No receiver and no room: the sender parks.
    112 SendBlocks { len: u32, cap: u32 }
        from "chan.go chansend" => "nobody receives and {len} of {cap} are buffered: the sender parks";
    /// A sender waits on an unbuffered channel: its value is taken straight from it.
    113 RecvFromSender { from: GId }
        from "chan.go recv" => "{from} waits to send: its value is taken, it is ready";
    /// The buffer is full and a sender waits: the head is taken and the sender's value goes to the tail.
    114 RecvRefill { from: GId }
        from "chan.go recv" => "the buffer's head is taken; the waiting {from} puts its value at the tail";
    /// Something is buffered.
    115 RecvBuffered { len: u32 }
        from "chan.go chanrecv" => "something is buffered: {len} are left";
    /// Nothing to receive: the receiver parks.
    116 RecvBlocks { }
        from "chan.go chanrecv" => "nothing is there and nobody sends: the receiver parks";
    /// A closed channel gives what is buffered, then zero values.
    117 ClosedGivesZero { }
        from "chan.go chanrecv" => "the channel is closed and empty: the zero value at once";
    /// A nil channel blocks for ever.
    118 NilBlocks { }
        from "chan.go chanrecv" => "a nil channel blocks for ever";
    /// Of several ready cases a select takes one by chance, each with the same odds.
    119 SelectUniform { ready: u32 }
        from "select.go selectgo" => "{ready} cases are ready: one is taken by chance";
    /// Nothing is ready and there is a default.
    120 SelectDefault { }
        from "select.go selectgo" => "no case is ready: the default is taken";
    /// A blocked select is won by the first case that can go; the others vanish.
    121 SelectWonBy { case: u32 }
        from "select.go selectgo" => "case {case} came first; the other cases vanish";
    /// Nothing is ready and there is no default: the goroutine waits on all channels at once.
    122 SelectBlocks { }
        from "select.go selectgo" => "no case is ready: the goroutine waits on all of them";

    // ---- sync ----

    /// The lock is free.
    130 LockFree { }
        from "mutex.go (*Mutex).Lock" => "the lock was free";
    /// A goroutine that runs may take a free lock before the one that was woken for it: the woken one would need a P first.
    131 LockBarging { waiters: u32 }
        from "mutex.go lockSlow" => "the lock was free and it runs already: it goes before {waiters} waiters";
    /// A goroutine that had waited before goes to the front of the queue.
    132 LockAgainFront { waited: Nanos }
        from "mutex.go lockSlow" => "it has waited {waited} already: it goes to the front";
    /// A new waiter goes to the back of the queue.
    133 LockQueueBack { waiters: u32 }
        from "sema.go queue" => "the lock is taken: behind {waiters} others";
    /// A waiter waited for more than 1 ms: the lock goes into starvation mode.
    134 LockStarves { waited: Nanos }
        from "mutex.go lockSlow" => "a waiter waited {waited}, more than 1 ms: from now on the lock is handed over in order";
    /// In starvation mode unlock hands the lock to the first waiter, which runs at once.
    135 LockHandOver { to: GId }
        from "mutex.go unlockSlow" => "the lock starves: it is handed to {to}, which runs at once";
    /// The starvation ends with the last waiter, or with one that waited 1 ms or less.
    136 LockCalm { waited: Nanos, last: bool }
        from "mutex.go lockSlow" => "it waited {waited} (last waiter: {last}): the starvation is over";
    /// Unlock wakes the first waiter; it must compete for the lock.
    137 UnlockWakesFirst { waiters: u32 }
        from "mutex.go unlockSlow" => "the first of {waiters} waiters is woken and competes for the lock";
    /// The last Done lets all waiters go, the first first.
    138 WaitGroupZero { waiters: u32 }
        from "waitgroup.go Add" => "the counter is zero: all {waiters} waiters are let go, the first first";
    /// The counter is above zero: Wait parks.
    139 WaitGroupAbove { counter: i64 }
        from "waitgroup.go Wait" => "the counter is {counter}, not zero: Wait parks";
    /// A waiting writer keeps new readers out.
    140 WriterPending { }
        from "rwmutex.go RLock" => "a writer waits: new readers wait behind it";
    /// The last reader lets the writer in.
    141 LastReaderWakesWriter { }
        from "rwmutex.go rUnlockSlow" => "the last reader lets the writer in";
    /// A writer that leaves lets all queued readers in, then the next writer.
    142 WriterLetsReadersIn { readers: u32 }
        from "rwmutex.go Unlock" => "{readers} readers waited: all are let in before the next writer";
    /// Signal wakes the one that waits longest.
    143 SignalOldest { }
        from "sema.go notifyListNotifyOne" => "the one that waits longest is woken";
    /// Broadcast wakes all in the order they waited.
    144 BroadcastAll { waiters: u32 }
        from "sema.go notifyListNotifyAll" => "all {waiters} are woken in the order they waited";
    /// The joined goroutine has ended.
    145 JoinedEnded { g: GId }
        from "gopark" => "{g} has ended: who waited for it may go on";
    /// A writer waits for the readers that were there before it.
    146 WriterWaitsForReaders { readers: u32 }
        from "rwmutex.go Lock" => "{readers} readers have it: the writer waits until they have left, and new ones wait for the writer";
    /// A ticket of a condition variable is taken before the lock is let go, so no wake-up is lost in between.
    147 TicketBeforeUnlock { }
        from "cond.go Wait" => "the ticket comes first, then the unlock: no signal in between is lost";
    /// A semaphore has not enough left, or somebody waits already.
    148 SemQueues { wants: u64, free: u64, waiters: u32 }
        from "semaphore.go (*Weighted).Acquire" => "it wants {wants}, {free} are free and {waiters} wait: it goes to the back";
    /// A semaphore serves its waiters in order, and stops at the first for whom it has not enough.
    149 SemServesFirst { wants: u64 }
        from "semaphore.go notifyWaiters" => "it is the first and {wants} are free: served in order, nobody goes before it";

    // ---- stacks, end ----

    /// A goroutine gets its stack when it first runs; before that it is only its function.
    160 StackAtFirstRun { pooled: bool }
        from "stack.go stackalloc" => "it runs for the first time: now it needs a stack (from the pool: {pooled})";
    /// A goroutine parked for long gives unused pages back.
    161 StackIdle { parked: Nanos }
        from "stack.go shrinkstack" => "parked for {parked}: pages it does not use are given back";
    /// Every M is idle, no timer is set and somebody still waits.
    162 AllAsleep { waiting: u32 }
        from "proc.go checkdead" => "no M can run, no timer is set and {waiting} goroutines wait: nobody will ever wake them";
    /// When main returns the program ends; other goroutines are cut off.
    163 MainReturns { left: u32 }
        from "proc.go main" => "the program ends with it, {left} other goroutines are cut off";
    /// A panic nobody recovers ends the program.
    164 PanicEnds { g: GId }
        from "panic.go fatalpanic" => "{g} panicked and nobody recovered it: the program ends";
    /// Main left by Goexit and no goroutine is left.
    165 NoneLeft { }
        from "proc.go checkdead" => "main left by Goexit and no goroutine is left";
    /// GOMAXPROCS shrinks: the slot, then the ring of the P that goes away, go to the head of the global queue.
    166 ProcsShrink { p: PId }
        from "proc.go procresize" => "{p} goes away: its goroutines go to the head of the global queue";
}

impl Rule {
    /// The conformance rules (`R1`..`R110` of the rulebook) this rule stands for.
    pub fn checks(&self) -> &'static str {
        match self.code() {
            1 => "R10",
            2 => "R10 R14",
            3 => "R12",
            4 => "R13 R14",
            5 => "R85",
            10 => "R15",
            11 => "R17",
            12 | 13 => "R16",
            20 => "R23",
            21 => "R24 R25",
            22 => "R24 R25",
            23 => "R26",
            24 => "R24 R32",
            30 => "R27",
            31 => "R28",
            32 => "R29",
            33 => "R30 R31",
            34 => "R28",
            35 => "R30 R33",
            40 => "R18",
            41 | 42 => "R19",
            43 => "R20 R39",
            44..=46 => "R6",
            47 => "R5 R34",
            48 | 49 => "R35",
            60..=63 => "R42",
            64 => "R44",
            65 => "R45",
            70 => "R47",
            71 => "R48",
            72 | 73 => "R49",
            74 => "R50",
            75 => "R52 R53",
            76 => "R53",
            77 => "R54",
            78 => "R59",
            84 | 85 => "R106",
            86 => "R106 R107",
            90 => "R36",
            91 => "R71",
            92 => "R38 R80",
            93 => "R40",
            94 => "R37",
            95 => "R73 R75",
            96 => "R74",
            97 => "R81",
            98 => "R78",
            99 => "R73",
            100 | 101 => "R77",
            102 => "R76",
            106 => "R67",
            107 | 108 => "R70",
            110 => "R82",
            113 => "R82",
            114 => "R83",
            117 => "R85",
            118 => "R88",
            119 => "R87",
            121 => "R86",
            131 | 132 | 137 => "R90",
            134 | 135 => "R91",
            136 => "R92",
            138 | 139 => "R95",
            140..=142 | 146 => "R94",
            143 | 144 | 147 => "R97",
            162 => "R102",
            163 | 164 => "R104",
            165 => "R103",
            166 => "R107",
            _ => "",
        }
    }
}
