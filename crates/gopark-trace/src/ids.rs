//! Who acts and what is acted on: one newtype for each kind of thing.
//!
//! Invariant: an id is an ordinal (the third channel made, the seventh goroutine of its batch),
//! never an address, a raw fd, a port or a pid, so the same run has the same ids everywhere.

use std::fmt;

use crate::wire::{Out, Reader, Wire, WireError};

macro_rules! ids {
    ($($(#[$doc:meta])+ $name:ident($repr:ident) = $text:literal;)*) => {$(
        $(#[$doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $repr);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($text, "{}"), self.0)
            }
        }

        impl Wire for $name {
            const TYPE: &'static str = stringify!($name);
            #[inline(always)]
            fn write<O: Out>(&self, out: &mut O) {
                self.0.write(out);
            }
            #[inline]
            fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
                $repr::get(r).map(Self)
            }
            fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
            fn arbitrary(dice: &mut dyn FnMut(u64) -> u64) -> Self {
                Self(dice(12) as $repr)
            }
        }
    )*};
}

ids! {
    /// A goroutine. Main is 1; others are drawn in batches of 16 per P, as Go's newproc1 does.
    GId(u64) = "G";
    /// A kernel thread.
    MId(u32) = "M";
    /// A processor: the right to run goroutines.
    PId(u32) = "P";
    /// A channel, numbered as made; 0 is the nil channel.
    ChanId(u32) = "chan ";
    /// A Mutex or RWMutex.
    LockId(u32) = "mutex ";
    /// A WaitGroup.
    WgId(u32) = "waitgroup ";
    /// A Cond.
    CondId(u32) = "cond ";
    /// A Once.
    OnceId(u32) = "once ";
    /// A Semaphore.
    SemId(u32) = "semaphore ";
    /// A Pool.
    PoolId(u32) = "pool ";
    /// A watched variable.
    CellId(u32) = "cell ";
    /// A context.
    CtxId(u32) = "context ";
    /// A pollable descriptor: the how-manieth opened, never the raw fd.
    FdId(u32) = "fd ";
    /// A timer.
    TimerId(u64) = "timer ";
    /// A source line, defined once by [`Event::Site`](crate::Event::Site).
    SiteId(u32) = "line ";
}

/// Nanoseconds: on a record since the start of the run, elsewhere a length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nanos(pub u64);

impl Nanos {
    /// One microsecond.
    pub const MICRO: Self = Self(1_000);
    /// One millisecond.
    pub const MILLI: Self = Self(1_000_000);
    /// The end of time: "for ever".
    pub const MAX: Self = Self(u64::MAX);

    /// `self + other`, at most [`Nanos::MAX`].
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// `self - other`, at least zero.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl From<std::time::Duration> for Nanos {
    fn from(d: std::time::Duration) -> Self {
        Self(u64::try_from(d.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Nanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.0;
        // At most three digits after the point, cut and not rounded: a time is never shown longer than
        // it is. Zeros at the end say nothing.
        let (unit, scale) = match n {
            0..1_000 => return write!(f, "{n} ns"),
            1_000..1_000_000 => ("µs", 1_000),
            1_000_000..1_000_000_000 => ("ms", 1_000_000),
            u64::MAX => return f.write_str("for ever"),
            _ => ("s", 1_000_000_000),
        };
        let (whole, part) = (n / scale, n % scale * 1_000 / scale);
        if part == 0 {
            return write!(f, "{whole} {unit}");
        }
        let part = format!("{part:03}");
        write!(f, "{whole}.{} {unit}", part.trim_end_matches('0'))
    }
}

impl Wire for Nanos {
    const TYPE: &'static str = "ns";
    fn write<O: Out>(&self, out: &mut O) {
        self.0.write(out);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        u64::get(r).map(Self)
    }
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
    fn arbitrary(dice: &mut dyn FnMut(u64) -> u64) -> Self {
        Self(dice(20_000_000))
    }
}

/// Something a goroutine can wait for or act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Obj {
    /// A channel.
    Chan(ChanId),
    /// A Mutex or RWMutex.
    Lock(LockId),
    /// A WaitGroup.
    Wg(WgId),
    /// A Cond.
    Cond(CondId),
    /// A Once.
    Once(OnceId),
    /// A Semaphore.
    Sem(SemId),
    /// A Pool.
    Pool(PoolId),
    /// A watched variable.
    Cell(CellId),
    /// A context.
    Ctx(CtxId),
    /// A pollable descriptor.
    Fd(FdId),
    /// A timer.
    Timer(TimerId),
    /// Another goroutine, waited for through its join handle.
    Go(GId),
}

macro_rules! obj_wire {
    ($($code:literal $variant:ident($id:ident))*) => {
        impl fmt::Display for Obj {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $(Self::$variant(id) => write!(f, "{id}"),)* }
            }
        }

        impl Wire for Obj {
            const TYPE: &'static str = "object";
            fn write<O: Out>(&self, out: &mut O) {
                match self {
                    $(Self::$variant(id) => {
                        out.put($code, 1);
                        id.write(out);
                    })*
                }
            }
            fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
                let start = r.wanted("the kind of an object");
                match r.byte()? {
                    $($code => $id::get(r).map(Self::$variant),)*
                    _ => Err(start),
                }
            }
            fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
            fn arbitrary(dice: &mut dyn FnMut(u64) -> u64) -> Self {
                let kinds = [$($code as u64),*];
                match kinds[dice(kinds.len() as u64) as usize] {
                    $($code => Self::$variant($id::arbitrary(dice)),)*
                    _ => unreachable!("a code of the table"),
                }
            }
        }
    };
}

obj_wire! {
    1 Chan(ChanId) 2 Lock(LockId) 3 Wg(WgId) 4 Cond(CondId) 5 Once(OnceId) 6 Sem(SemId)
    7 Pool(PoolId) 8 Cell(CellId) 9 Ctx(CtxId) 10 Fd(FdId) 11 Timer(TimerId) 12 Go(GId)
}
