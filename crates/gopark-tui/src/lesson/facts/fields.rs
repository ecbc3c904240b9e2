//! The arguments of every event and every rule, by name.
//!
//! The two lists repeat the fields of the tables: a field that is left out does not compile, a row
//! that is left out fails the test that compares them with the tables.

use gopark_trace::wire::{Shown, Wire};
use gopark_trace::{
    CellId, Certainty, ChanId, CondId, CtxId, Drive, EndKind, Event, ExitKind, FdDir, FdId, GId,
    GlobalWhy, HandoffWhy, LockHow, LockId, LockMode, MId, Nanos, Obj, OnceId, PId, PollMode,
    PoolId, PreemptKind, Queue, RecvHow, Rule, SemId, SendHow, SiteId, SysPath, TimerId, TimerKind,
    WaitReason, WgId, YieldKind,
};

use super::Fact;

/// A value that can be a fact.
pub(super) trait Value: Wire {
    /// The number it stands for in conditions, if it stands for one.
    fn number(&self) -> Option<i64>;

    /// What else it says: a queue its kind.
    fn kind(&self) -> Option<&'static str> {
        None
    }
}

macro_rules! numbers {
    ($($ty:ident)*) => {$(
        impl Value for $ty {
            fn number(&self) -> Option<i64> {
                i64::try_from(*self).ok()
            }
        }
    )*};
}
numbers!(u8 u32 u64 i64 bool);

macro_rules! ids {
    ($($ty:ident)*) => {$(
        impl Value for $ty {
            fn number(&self) -> Option<i64> {
                i64::try_from(self.0).ok()
            }
        }
    )*};
}
ids!(GId MId PId ChanId LockId WgId CondId OnceId SemId PoolId CellId CtxId FdId TimerId SiteId);
ids!(Nanos);

macro_rules! texts {
    ($($ty:ident)*) => {$(
        impl Value for $ty {
            fn number(&self) -> Option<i64> {
                None
            }
        }
    )*};
}
texts!(String Obj Certainty Drive EndKind ExitKind FdDir GlobalWhy HandoffWhy LockHow LockMode);
texts!(PollMode PreemptKind RecvHow SendHow SysPath TimerKind WaitReason YieldKind);

impl Value for Queue {
    fn number(&self) -> Option<i64> {
        match self {
            Self::Slot(p) | Self::Ring(p) => p.number(),
            Self::Global | Self::Hand | Self::GlobalHead => None,
        }
    }

    fn kind(&self) -> Option<&'static str> {
        Some(match self {
            Self::Slot(_) => "slot",
            Self::Ring(_) => "ring",
            Self::Global => "global",
            Self::Hand => "hand",
            Self::GlobalHead => "head",
        })
    }
}

impl<T: Value> Value for Option<T> {
    fn number(&self) -> Option<i64> {
        self.as_ref().and_then(T::number)
    }

    fn kind(&self) -> Option<&'static str> {
        self.as_ref().and_then(T::kind)
    }
}

impl<T: Value> Value for Vec<T> {
    fn number(&self) -> Option<i64> {
        i64::try_from(self.len()).ok()
    }
}

/// The name of the fact that says which kind of queue the argument `name` is.
pub(super) fn kind_name(name: &str) -> Option<&'static str> {
    match name {
        "to" => Some("to_kind"),
        "from" => Some("from_kind"),
        _ => None,
    }
}

/// Adds the fact `name`, and its kind if it has one.
pub(super) fn add(out: &mut Vec<Fact>, name: &'static str, value: &impl Value) {
    out.push(Fact { name, number: value.number(), text: Shown(value).to_string() });
    if let (Some(kind), Some(name)) = (value.kind(), kind_name(name)) {
        out.push(Fact { name, number: None, text: kind.to_owned() });
    }
}

macro_rules! each_argument {
    ($Enum:ident, $value:expr, $out:expr; $($Name:ident { $($field:ident)* })*) => {
        match $value {
            $( $Enum::$Name { $($field),* } => { $( add($out, stringify!($field), $field); )* } )*
            #[allow(unreachable_patterns)]
            _ => {}
        }
    };
}

/// Adds the arguments of `event`. A snapshot says nothing a lesson could ask about.
pub(super) fn of_event(event: &Event, out: &mut Vec<Fact>) {
    each_argument! {
        Event, event, out;
            RunStart { drive seed procs program step_ns } Site { site file line column }
            Gap { m lost } RunEnd { how text } GoCreate { g parent to } GoName { g name }
            GoReady { g to } GoStart { g from tick } GoPark { g why on } GoYield { g kind to }
            GoPreempt { g kind to } GoExit { g how } GoPanic { g message } CoSwitch { from to }
            SlotKick { p g to } RingOverflow { p gs } RingPut { p gs } GlobalPut { gs to }
            GlobalGet { p gs why left } StealTry { p attempt order }
            Steal { thief victim attempt of gs } StealSlot { thief victim g }
            StealNone { p tries } MStart { m p spinning } MPark { m } MWake { m p spinning }
            MExit { m } MSpin { m on spinning } NeedSpinning { on } MHeld { m g }
            MResume { m g p tick } EmergencyRun { m g stuck } LockThread { g m on }
            MWaitLocked { m g } PNew { p } PDead { p } PAcquire { p } PIdle { p } PGet { p }
            PHandoff { p why to g } PRetake { p from g after queued } PLost { p m idle_for }
            PStop { p on } Gomaxprocs { from to } StopTheWorld { on why }
            SysEnter { g call blocking } SysExit { g path p }
            PreemptRequest { p g m ran signal }
            SysmonLook { slept idle_rounds retook preempted polled } PollStart { mode until }
            PollEnd { gs } PollBreak { why } FdOpen { fd what } FdReady { fd dir g }
            FdClose { fd } FdConsume { fd dir } TimerAdd { timer p when kind g }
            TimerFire { timer owner late } TimerStop { timer was_set }
            TimerReset { timer p when } TimersMove { from to count } ChanMake { chan cap }
            ChanSend { chan len how to } ChanRecv { chan len how from }
            ChanClose { chan receivers senders } SelectStart { cases sends order default }
            SelectPick { case waited } ObjName { obj name } LockGet { lock mode how waiters }
            LockQueue { lock mode front waited } LockPut { lock mode woke handed }
            LockStarving { lock on waited } LockSpin { lock round }
            WgAdd { wg delta counter woke } WgPass { wg } CondWake { cond all woke }
            OnceUse { once first done } SemChange { sem delta count woke }
            PoolGet { pool hit stolen_from } PoolPut { pool } CellRead { cell value }
            CellWrite { cell value } CtxMake { ctx parent deadline } CtxCancel { ctx cause }
            CondTicket { cond ticket }
            StackBind { g bytes fresh } StackGrow { g used } StackShrink { g freed }
            UserLog { text } RegionStart { name } RegionEnd { name } Work { g time }
            WorkEnd { g }
    }
}

/// Adds the arguments of `rule`.
pub(super) fn of_rule(rule: &Rule, out: &mut Vec<Fact>) {
    each_argument! {
        Rule, rule, out;
            GoToSlot { p } SlotDisplaced { by ring } RingFull { ring moved }
            ReadyToWakerSlot { p } CloseReadiesInReverse { place of }
            GoschedToGlobal { global } HandoffToOwnRing { p } PreemptedToGlobal { ran }
            StoppedToSlot { p } ParkUntilReady { } GlobalQueueEvery61 { tick global }
            SlotFirst { tick } RingFifo { ring tick } GlobalBatch { size procs taken }
            RunsFromHand { tick } MaySpin { spinning busy }
            StealOrder { attempt start step procs } StealHalf { of taken }
            StealSlotLast { attempt waited } NothingToSteal { tries } StealTimers { victim }
            WakeOne { idle } NoIdleP { } NeedSpinningTaken { } FoundWhileSpinning { spinning }
            LastParkedFirst { idle } NoIdleM { threads } NothingToDo { } GiveUpP { }
            SpinnerRechecks { found } StopsSpinning { spinning } PromisedP { p }
            IdlePForWork { idle } RunBegins { procs } HandoffWork { queued global }
            HandoffNobodyLooks { } HandoffLastP { } HandoffIdle { } LockedToThread { m }
            LockedThreadWaits { } SyscallKeepsP { p } SyscallFast { p } SyscallOldP { p }
            SyscallIdleP { p } SyscallNoP { } RetakeWanted { queued idle spinning after }
            RetakeLong { after } BlockingHandsOff { } SliceOver { ran tick } ThreadHeld { } Standby { }
            BoundToThread { m } StoppedInCall { } WorldStops { } WorldGoesOn { }
            BlockedUnmarked { idle_for } Backstop { stuck } OnePollerWaits { until }
            PollBeforeStealing { } EarlierTimer { when } InjectList { idle n }
            PollerWithoutP { n } ParkForFd { fd dir } DeadlineWakes { fd }
            CloseWakes { fd } TimerOnOwnHeap { p } TimersFirst { late } ClockJumps { to }
            TickerNext { period late } StaysOnHeap { p } TimerUnwatched { }
            TimerAtLook { late } StaleTaken { }
            SendToWaiter { to } SendBuffered { len cap } SendBlocks { len cap }
            RecvFromSender { from } RecvRefill { from } RecvBuffered { len } RecvBlocks { }
            ClosedGivesZero { } NilBlocks { } SelectUniform { ready } SelectDefault { }
            SelectWonBy { case } SelectBlocks { } LockFree { } LockBarging { waiters }
            LockAgainFront { waited } LockQueueBack { waiters } LockStarves { waited } LockHandOver { to }
            LockCalm { waited last } UnlockWakesFirst { waiters } WaitGroupZero { waiters }
            WaitGroupAbove { counter } WriterPending { } LastReaderWakesWriter { }
            WriterLetsReadersIn { readers } SignalOldest { } BroadcastAll { waiters }
            JoinedEnded { g } WriterWaitsForReaders { readers } TicketBeforeUnlock { }
            SemQueues { wants free waiters } SemServesFirst { wants } StackAtFirstRun { pooled } StackIdle { parked }
            AllAsleep { waiting } MainReturns { left } PanicEnds { g } NoneLeft { }
            ProcsShrink { p }
    }
}
