//! The closed set of events: one variant for each thing a scheduler does.
//!
//! The rows below are the one table: the enum, its docs, its bytes and its narration come from it.
//! To add an event, add a row with a fresh code (codes are never reused), emit it in the runtime
//! and give it its effect in the model; the compiler names each place.
//!
//! Conventions. The acting M, P and G are on the [`Record`](crate::Record), not in the event,
//! unless another one than the actor is meant. A goroutine taken from a queue and not yet started
//! is in the *hand* of the acting M. Events that belong to one step of the scheduler share a time.

use crate::ids::{
    CellId, ChanId, CondId, CtxId, FdId, GId, LockId, MId, Nanos, Obj, OnceId, PId, PoolId, SemId,
    SiteId, TimerId, WgId,
};
use crate::snapshot::Snapshot;
use crate::words::{
    Drive, EndKind, ExitKind, FdDir, GlobalWhy, HandoffWhy, LockHow, LockMode, PollMode,
    PreemptKind, Queue, RecvHow, SendHow, SysPath, TimerKind, WaitReason, YieldKind,
};

table! {
    /// One thing the scheduler, or a program on it, did.
    pub enum Event, EVENTS;

    // ---- the run itself ----

    /// A run begins: which drive and seed, how many Ps.
    1 RunStart { drive: Drive, seed: u64, procs: u32, program: String, step_ns: u64 }
        from "proc.go schedinit" => "{program} starts on {procs} Ps in the {drive}";
    /// A source line gets its number.
    2 Site { site: SiteId, file: String, line: u32, column: u32 }
        from "gopark" => "{site} is {file}:{line}";
    /// The whole state, taken with the world stopped.
    3 Snapshot { state: Box<Snapshot> }
        from "gopark" => "the whole state, taken with the world stopped";
    /// The recorder of an M was full and dropped its newest events: the world is unknown until the next snapshot.
    4 Gap { m: MId, lost: u64 }
        from "gopark" => "{lost} events of {m} were lost";
    /// The run is over.
    5 RunEnd { how: EndKind, text: String }
        from "proc.go main" => "the run is over: {how}";

    // ---- goroutines ----

    /// A goroutine is made by a `go` statement and put in the slot of the maker's P.
    10 GoCreate { g: GId, parent: Option<GId>, to: Queue }
        from "proc.go newproc1" => "{g} is made (by {parent}) and goes to {to}";
    /// A goroutine gets a name.
    11 GoName { g: GId, name: String }
        from "gopark" => "{g} is called {name}";
    /// A parked goroutine becomes runnable.
    12 GoReady { g: GId, to: Queue }
        from "proc.go ready" => "{g} is ready and goes to {to}";
    /// A runnable goroutine starts to run on the acting M and P. `from` the own slot it inherits the time slice and the tick stays.
    13 GoStart { g: GId, from: Queue, tick: u32 }
        from "proc.go execute" => "{g} runs, from {from}, tick {tick}";
    /// A running goroutine parks.
    14 GoPark { g: GId, why: WaitReason, on: Option<Obj> }
        from "proc.go park_m" => "{g} parks: {why}";
    /// A running goroutine gives way by itself.
    15 GoYield { g: GId, kind: YieldKind, to: Queue }
        from "proc.go goschedImpl" => "{g} yields ({kind}) and goes to {to}";
    /// A running goroutine is stopped by the scheduler.
    16 GoPreempt { g: GId, kind: PreemptKind, to: Queue }
        from "proc.go gopreempt_m" => "{g} is preempted {kind} and goes to {to}";
    /// A goroutine ends.
    17 GoExit { g: GId, how: ExitKind }
        from "proc.go goexit0" => "{g} ends ({how})";
    /// A goroutine panics; if nobody joins it, the process ends.
    18 GoPanic { g: GId, message: String }
        from "panic.go gopanic" => "{g} panics: {message}";
    /// A goroutine is switched to directly by another on the same M and P: no queue, no new slice.
    19 CoSwitch { from: GId, to: GId }
        from "coro.go coroswitch_m" => "{from} switches to {to}";

    // ---- run queues ----

    /// The goroutine in a slot is displaced by a newer one.
    30 SlotKick { p: PId, g: GId, to: Queue }
        from "proc.go runqput" => "{g} is kicked out of the slot of {p} to {to}";
    /// The ring is full: its 128 oldest and the one being put go to the global queue in one batch.
    31 RingOverflow { p: PId, gs: Vec<GId> }
        from "proc.go runqputslow" => "the ring of {p} is full: {gs} move to the global queue";
    /// Goroutines in hand are put at the tail of a ring.
    32 RingPut { p: PId, gs: Vec<GId> }
        from "proc.go runqputbatch" => "{gs} go to the ring of {p}";
    /// Goroutines in hand are put into the global queue.
    33 GlobalPut { gs: Vec<GId>, to: Queue }
        from "proc.go globrunqputbatch" => "{gs} go to {to}";
    /// Goroutines are taken from the global queue: the first into the hand, the others into the own ring. `left` remain.
    34 GlobalGet { p: PId, gs: Vec<GId>, why: GlobalWhy, left: u32 }
        from "proc.go globrunqgetbatch" => "{p} takes {gs} from the global queue ({why})";
    /// A try to steal begins: the order in which the other Ps are asked.
    35 StealTry { p: PId, attempt: u8, order: Vec<PId> }
        from "proc.go stealWork" => "{p} looks for work, try {attempt}: {order}";
    /// A thief takes goroutines from a victim: the last of `gs` into the hand, the others into its own ring. `of` were in the victim's ring.
    36 Steal { thief: PId, victim: PId, attempt: u8, of: u32, gs: Vec<GId> }
        from "proc.go runqsteal" => "{thief} steals {gs} of {of} from {victim}";
    /// A thief takes the goroutine in the victim's slot into its hand.
    37 StealSlot { thief: PId, victim: PId, g: GId }
        from "proc.go runqgrab" => "{thief} steals {g} from the slot of {victim}";
    /// A search ended without work.
    38 StealNone { p: PId, tries: u8 }
        from "proc.go stealWork" => "{p} found nothing to steal in {tries} tries";

    // ---- threads (M) ----

    /// A new kernel thread is made for a P.
    50 MStart { m: MId, p: Option<PId>, spinning: bool }
        from "proc.go newm" => "{m} is made for {p}";
    /// The acting M goes to the list of idle Ms and sleeps.
    51 MPark { m: MId }
        from "proc.go stopm" => "{m} has nothing to do and sleeps";
    /// An idle M is taken from the list, the latest first, and woken with a P.
    52 MWake { m: MId, p: Option<PId>, spinning: bool }
        from "proc.go startm" => "{m} is woken for {p}";
    /// A thread ends.
    53 MExit { m: MId }
        from "proc.go mexit" => "{m} ends";
    /// An M starts or stops to spin, that is, to look for work without having any. `spinning` Ms spin after it.
    54 MSpin { m: MId, on: bool, spinning: u32 }
        from "proc.go becomeSpinning" => "{m} looks for work: {on} ({spinning} are looking now)";
    /// Somebody had work and found no idle P: the next M that would give up its P looks once more.
    55 NeedSpinning { on: bool }
        from "proc.go wakep" => "needspinning: {on}";
    /// A thread is suspended with the goroutine that was preempted on it (gopark; Go has none).
    56 MHeld { m: MId, g: GId }
        from "gopark" => "{m} is held by the preempted {g}";
    /// A held thread goes on with a P and its goroutine, both handed to it (gopark).
    57 MResume { m: MId, g: GId, p: PId, tick: u32 }
        from "gopark" => "{m} goes on with {g} on {p}, tick {tick}";
    /// A held goroutine runs without a P because nothing else moved (gopark).
    58 EmergencyRun { m: MId, g: GId, stuck: Nanos }
        from "gopark" => "{g} runs on {m} without a P: nothing moved for {stuck}";
    /// A goroutine is tied to its thread, or untied.
    59 LockThread { g: GId, m: MId, on: bool }
        from "proc.go LockOSThread" => "{g} tied to {m}: {on}";
    /// A thread whose goroutine is tied to it waits until that one is picked.
    60 MWaitLocked { m: MId, g: GId }
        from "proc.go stoplockedm" => "{m} waits for {g}";

    // ---- processors (P) ----

    /// A P appears when the run starts or GOMAXPROCS grows.
    70 PNew { p: PId }
        from "proc.go procresize" => "{p} is there";
    /// A P goes away when GOMAXPROCS shrinks.
    71 PDead { p: PId }
        from "proc.go (*p).destroy" => "{p} goes away";
    /// The acting M takes a P that was promised to it, or that it has taken from the idle list.
    72 PAcquire { p: PId }
        from "proc.go acquirep" => "{p} belongs to the acting M now";
    /// A P is put on the list of idle Ps; it has no work.
    73 PIdle { p: PId }
        from "proc.go pidleput" => "{p} is idle";
    /// A P is taken from the list of idle Ps, the latest first.
    74 PGet { p: PId }
        from "proc.go pidleget" => "{p} is taken from the idle list";
    /// A P is passed on: to whoever is found for it, or to this M, with a goroutine that was picked and runs only there.
    75 PHandoff { p: PId, why: HandoffWhy, to: Option<MId>, g: Option<GId> }
        from "proc.go handoffp" => "{p} is handed off: {why}";
    /// sysmon takes a P from an M in a system call.
    76 PRetake { p: PId, from: MId, g: GId, after: Nanos, queued: u32 }
        from "proc.go retake" => "{p} is taken from {from}: {g} has been in a system call for {after}";
    /// An M that uses no CPU loses its P without a signal (gopark).
    77 PLost { p: PId, m: MId, idle_for: Nanos }
        from "gopark" => "{m} lost {p} after {idle_for} without using the CPU";
    /// A P is stopped for a stop of the world, or goes on after it.
    78 PStop { p: PId, on: bool }
        from "proc.go stopTheWorldWithSema" => "{p} stopped: {on}";
    /// GOMAXPROCS changes.
    79 Gomaxprocs { from: u32, to: u32 }
        from "debug.go GOMAXPROCS" => "GOMAXPROCS changes from {from} to {to}";
    /// The world is stopped, or started again.
    80 StopTheWorld { on: bool, why: String }
        from "proc.go stopTheWorld" => "stop the world ({why}): {on}";

    // ---- system calls, preemption, sysmon ----

    /// A goroutine enters a system call: it keeps its M, its P stays attached.
    90 SysEnter { g: GId, call: String, blocking: bool }
        from "proc.go entersyscall" => "{g} enters {call}";
    /// A goroutine comes back from a system call.
    91 SysExit { g: GId, path: SysPath, p: Option<PId> }
        from "proc.go exitsyscall" => "{g} is back from its call: {path}";
    /// A preemption is asked for.
    92 PreemptRequest { p: PId, g: GId, m: MId, ran: Nanos, signal: bool }
        from "proc.go preemptone" => "{g} on {p} is asked to stop after {ran}";
    /// sysmon looked at the Ps.
    93 SysmonLook { slept: Nanos, idle_rounds: u32, retook: u32, preempted: u32, polled: bool }
        from "proc.go sysmon" => "sysmon looks after {slept}: {retook} retaken, {preempted} preempted";

    // ---- poller ----

    /// The acting M asks the poller.
    100 PollStart { mode: PollMode, until: Option<Nanos> }
        from "netpoll.go netpoll" => "the acting M polls {mode} until {until}";
    /// The poller gave these goroutines.
    101 PollEnd { gs: Vec<GId> }
        from "netpoll.go netpoll" => "the poll gives {gs}";
    /// A blocked poll is broken off.
    102 PollBreak { why: String }
        from "netpoll.go netpollBreak" => "the poll is broken off: {why}";
    /// A descriptor is registered with the poller.
    103 FdOpen { fd: FdId, what: String }
        from "netpoll.go poll_runtime_pollOpen" => "{fd} is a {what}";
    /// A descriptor became ready.
    104 FdReady { fd: FdId, dir: FdDir, g: Option<GId> }
        from "netpoll.go netpollready" => "{fd} is ready to {dir}: {g}";
    /// A descriptor is closed.
    105 FdClose { fd: FdId }
        from "netpoll.go poll_runtime_pollClose" => "{fd} is closed";
    /// Readiness that came first is used without parking.
    106 FdConsume { fd: FdId, dir: FdDir }
        from "netpoll.go netpollblock" => "{fd} was ready to {dir}: no need to park";

    // ---- timers ----

    /// A timer is put on the heap of a P.
    110 TimerAdd { timer: TimerId, p: PId, when: Nanos, kind: TimerKind, g: Option<GId> }
        from "time.go (*timer).maybeAdd" => "{timer} ({kind}) is set on {p} for {when}";
    /// A timer fires; `owner` had it, the acting P runs it.
    111 TimerFire { timer: TimerId, owner: PId, late: Nanos }
        from "time.go (*timer).unlockAndRun" => "{timer} of {owner} fires, {late} late";
    /// A timer is stopped.
    112 TimerStop { timer: TimerId, was_set: bool }
        from "time.go (*timer).stop" => "{timer} is stopped (set before: {was_set})";
    /// A timer gets another time.
    113 TimerReset { timer: TimerId, p: PId, when: Nanos }
        from "time.go (*timer).modify" => "{timer} is set anew for {when}";
    /// The timers of a P that goes away move.
    114 TimersMove { from: PId, to: PId, count: u32 }
        from "time.go (*timers).take" => "{count} timers move from {from} to {to}";

    // ---- channels and select ----

    /// A channel is made.
    120 ChanMake { chan: ChanId, cap: u32 }
        from "chan.go makechan" => "{chan} is made with room for {cap}";
    /// A value is sent; `len` are buffered after it.
    121 ChanSend { chan: ChanId, len: u32, how: SendHow, to: Option<GId> }
        from "chan.go chansend" => "a value goes to {chan}, {how}";
    /// A value is received; `len` are buffered after it.
    122 ChanRecv { chan: ChanId, len: u32, how: RecvHow, from: Option<GId> }
        from "chan.go chanrecv" => "a value comes from {chan}, {how}";
    /// A channel is closed; these waiters are let go, in the order they waited.
    123 ChanClose { chan: ChanId, receivers: Vec<GId>, senders: Vec<GId> }
        from "chan.go closechan" => "{chan} is closed; receivers let go: {receivers}";
    /// A select starts, with all its channels locked: its cases, which of them send (the others receive), and the random order they are tried in. Channel 0 is nil, and its case in no order.
    124 SelectStart { cases: Vec<ChanId>, sends: Vec<u32>, order: Vec<u32>, default: bool }
        from "select.go selectgo" => "select over {cases}, of which {sends} send, tried in order {order}";
    /// A select took a case; a case number past the last is the default.
    125 SelectPick { case: u32, waited: bool }
        from "select.go selectgo" => "select takes case {case}";

    // ---- locks and the rest of sync ----

    /// A thing gets a name.
    140 ObjName { obj: Obj, name: String }
        from "gopark" => "{obj} is called {name}";
    /// A lock is got by the acting goroutine; `waiters` still wait.
    141 LockGet { lock: LockId, mode: LockMode, how: LockHow, waiters: u32 }
        from "mutex.go (*Mutex).Lock" => "{lock} is got ({how})";
    /// The acting goroutine queues for a lock: at the front if it has waited before.
    142 LockQueue { lock: LockId, mode: LockMode, front: bool, waited: Nanos }
        from "sema.go semacquire1" => "the acting goroutine queues for {lock}, waited {waited}";
    /// A lock is released; `woke` competes for it, or has it if it is handed over.
    143 LockPut { lock: LockId, mode: LockMode, woke: Option<GId>, handed: bool }
        from "mutex.go (*Mutex).Unlock" => "{lock} is released, woken: {woke}";
    /// A Mutex enters or leaves starvation mode.
    144 LockStarving { lock: LockId, on: bool, waited: Nanos }
        from "mutex.go lockSlow" => "{lock} starving: {on} (a waiter waited {waited})";
    /// The acting goroutine spins for a lock before it queues.
    145 LockSpin { lock: LockId, round: u8 }
        from "mutex.go lockSlow" => "the acting goroutine spins for {lock}, round {round}";
    /// The counter of a WaitGroup changes; at zero these waiters are let go.
    146 WgAdd { wg: WgId, delta: i64, counter: i64, woke: Vec<GId> }
        from "waitgroup.go Add" => "{wg} changes by {delta} to {counter}";
    /// A Wait found the counter at zero and went on.
    147 WgPass { wg: WgId }
        from "waitgroup.go Wait" => "{wg} is at zero: no need to wait";
    /// A condition variable lets go of waiters.
    148 CondWake { cond: CondId, all: bool, woke: Vec<GId> }
        from "sema.go notifyListNotifyOne" => "{cond} wakes {woke}";
    /// A Once is used; `first` runs the function.
    149 OnceUse { once: OnceId, first: bool, done: bool }
        from "once.go doSlow" => "{once} is used (first: {first})";
    /// A semaphore changes.
    150 SemChange { sem: SemId, delta: i64, count: i64, woke: Option<GId> }
        from "sema.go semrelease1" => "{sem} changes by {delta} to {count}";
    /// A Pool is asked for an object.
    151 PoolGet { pool: PoolId, hit: bool, stolen_from: Option<PId> }
        from "pool.go Get" => "{pool} gives an object (kept one: {hit})";
    /// An object goes back to a Pool.
    152 PoolPut { pool: PoolId }
        from "pool.go Put" => "an object goes back to {pool}";
    /// A watched variable is read.
    153 CellRead { cell: CellId, value: i64 }
        from "gopark" => "{cell} is read: {value}";
    /// A watched variable is written.
    154 CellWrite { cell: CellId, value: i64 }
        from "gopark" => "{cell} is written: {value}";
    /// A context is made under another.
    155 CtxMake { ctx: CtxId, parent: Option<CtxId>, deadline: Option<Nanos> }
        from "context.go WithCancel" => "{ctx} is made under {parent}";
    /// A context is cancelled.
    156 CtxCancel { ctx: CtxId, cause: String }
        from "context.go cancel" => "{ctx} is cancelled: {cause}";
    /// The acting goroutine takes its ticket of a condition variable; then it unlocks and waits.
    157 CondTicket { cond: CondId, ticket: u32 }
        from "sema.go notifyListAdd" => "the acting goroutine takes ticket {ticket} of {cond}";

    // ---- stacks ----

    /// A stack is bound to a goroutine at its first run.
    160 StackBind { g: GId, bytes: u64, fresh: bool }
        from "stack.go stackalloc" => "{g} gets a stack of {bytes} bytes";
    /// A stack was seen to use more of its room.
    161 StackGrow { g: GId, used: u64 }
        from "stack.go newstack" => "the stack of {g} has grown to {used} bytes";
    /// Unused pages of a stack are given back.
    162 StackShrink { g: GId, freed: u64 }
        from "stack.go shrinkstack" => "{freed} bytes of the stack of {g} are given back";

    // ---- the program's own words ----

    /// The program says something.
    170 UserLog { text: String }
        from "runtime/trace Log" => "{text}";
    /// A named region of the program begins.
    171 RegionStart { name: String }
        from "runtime/trace StartRegion" => "begin {name}";
    /// A named region of the program ends.
    172 RegionEnd { name: String }
        from "runtime/trace Region.End" => "end {name}";
    /// The acting goroutine computes for a while: real in live, virtual in the lab.
    173 Work { g: GId, time: Nanos }
        from "gopark" => "{g} computes for {time}";
    /// The acting goroutine has computed.
    174 WorkEnd { g: GId }
        from "gopark" => "{g} has computed";
}
