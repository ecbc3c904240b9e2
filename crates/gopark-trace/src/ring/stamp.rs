//! Numbers that shared structures give to those who change them, and their form in a ring.

use std::fmt;

use crate::ids::{
    CellId, ChanId, CondId, CtxId, FdId, GId, LockId, Obj, OnceId, PId, PoolId, SemId, TimerId,
    WgId,
};

/// Something shared whose changes have an order of their own. Whoever changes it takes its next
/// number in the same critical section or atomic step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Structure {
    /// A goroutine: its status.
    G(GId),
    /// A processor: its owner, its slot and its status.
    P(PId),
    /// The ring of a processor: numbers are positions.
    Ring(PId),
    /// The slot of a processor.
    Slot(PId),
    /// Everything under the scheduler lock: the global queue, the idle lists.
    Sched,
    /// The count of spinning Ms.
    Spin,
    /// An object of the program: a channel, a lock, a timer. Of a goroutine it is its select: who
    /// wins it takes the number.
    Obj(Obj),
}

impl Structure {
    /// How many bits its numbers have: whoever gives them keeps them in a word with other things,
    /// so they begin again at 0 after the last.
    pub fn bits(self) -> u32 {
        match self {
            Self::Slot(_) => 24,
            _ => 32,
        }
    }
}

/// The place of a change in the order of its structure: numbers `number..number + len`.
///
/// The first number of a structure is 0. Number `n` comes directly after number `n - 1`. A change
/// that takes several at once, as a thief that takes `len` positions of a ring, has all of them. One
/// of length 0 takes none: it only comes after all numbers before its own, as a put into a ring
/// comes after the take that made room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// What was changed.
    pub structure: Structure,
    /// Its first number.
    pub number: u64,
    /// How many numbers.
    pub len: u32,
}

impl Stamp {
    /// A stamp with one number.
    pub fn one(structure: Structure, number: u64) -> Self {
        Self { structure, number, len: 1 }
    }

    /// A stamp that takes no number, and comes after all before this one.
    pub fn after(structure: Structure, number: u64) -> Self {
        Self { structure, number, len: 0 }
    }

    /// The number after the last.
    pub fn end(&self) -> u64 {
        self.number.saturating_add(u64::from(self.len))
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{}", self.structure, self.number)?;
        if self.len == 1 { Ok(()) } else { write!(f, "..{}", self.end()) }
    }
}

impl fmt::Display for Structure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::G(g) => write!(f, "{g}"),
            Self::P(p) => write!(f, "{p}"),
            Self::Ring(p) => write!(f, "the ring of {p}"),
            Self::Slot(p) => write!(f, "the slot of {p}"),
            Self::Sched => f.write_str("the scheduler lock"),
            Self::Spin => f.write_str("the spinning count"),
            Self::Obj(obj) => write!(f, "{obj}"),
        }
    }
}

/// ```text
/// first word   kind: 7 bits | wide: 1 | len: 16 | id: 40        then: number
/// if wide      kind                                             then: number, id, len
/// ```
/// Wide is for what hardly happens: the 2^40th goroutine, a take of 2^16.
const WIDE: u64 = 1 << 7;
const LEN_BITS: u32 = 16;
const LEN_AT: u32 = 8;
const ID_AT: u32 = LEN_AT + LEN_BITS;

/// The words of a stamp; the second part of an entry's body is made of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed {
    words: [u64; 4],
    len: usize,
}

impl Packed {
    /// Packs a stamp.
    #[inline]
    pub(super) fn new(stamp: &Stamp) -> Self {
        let (kind, id) = split(stamp.structure);
        let (kind, len) = (u64::from(kind), u64::from(stamp.len));
        if id >> (64 - ID_AT) == 0 && len >> LEN_BITS == 0 {
            let first = kind | len << LEN_AT | id << ID_AT;
            return Self { words: [first, stamp.number, 0, 0], len: 2 };
        }
        Self { words: [kind | WIDE, stamp.number, id, len], len: 4 }
    }

    /// How many words it takes.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

impl IntoIterator for Packed {
    type Item = u64;
    type IntoIter = std::iter::Take<std::array::IntoIter<u64, 4>>;

    fn into_iter(self) -> Self::IntoIter {
        self.words.into_iter().take(self.len)
    }
}

/// Reads one stamp off the front of `words`; none if they are not one.
pub(super) fn unpack(words: &mut &[u64]) -> Option<Stamp> {
    let (&[first, number], rest) = words.split_first_chunk()?;
    let kind = first & (WIDE - 1);
    let (id, len, rest) = if first & WIDE == 0 {
        (first >> ID_AT, first >> LEN_AT & ((1 << LEN_BITS) - 1), rest)
    } else {
        let (&[id, len], rest) = rest.split_first_chunk()?;
        (id, len, rest)
    };
    *words = rest;
    Some(Stamp { structure: join(kind, id)?, number, len: u32::try_from(len).ok()? })
}

/// The number of a structure's kind, and the structure's id in its kind.
macro_rules! kinds {
    ($($kind:literal $Variant:ident($Id:ident: $repr:ident)),* $(,)?) => {
        fn split(structure: Structure) -> (u8, u64) {
            match structure {
                Structure::G(GId(g)) => (1, g),
                Structure::P(PId(p)) => (2, u64::from(p)),
                Structure::Ring(PId(p)) => (3, u64::from(p)),
                Structure::Sched => (4, 0),
                Structure::Spin => (5, 0),
                Structure::Slot(PId(p)) => (6, u64::from(p)),
                $( Structure::Obj(Obj::$Variant($Id(id))) => ($kind, u64::from(id)), )*
            }
        }

        fn join(kind: u64, id: u64) -> Option<Structure> {
            Some(match kind {
                1 => Structure::G(GId(id)),
                2 => Structure::P(PId(u32::try_from(id).ok()?)),
                3 => Structure::Ring(PId(u32::try_from(id).ok()?)),
                4 => Structure::Sched,
                5 => Structure::Spin,
                6 => Structure::Slot(PId(u32::try_from(id).ok()?)),
                $( $kind => Structure::Obj(Obj::$Variant($Id($repr::try_from(id).ok()?))), )*
                _ => return None,
            })
        }
    };
}

kinds! {
    16 Chan(ChanId: u32), 17 Lock(LockId: u32), 18 Wg(WgId: u32), 19 Cond(CondId: u32),
    20 Once(OnceId: u32), 21 Sem(SemId: u32), 22 Pool(PoolId: u32), 23 Cell(CellId: u32),
    24 Ctx(CtxId: u32), 25 Fd(FdId: u32), 26 Timer(TimerId: u64), 27 Go(GId: u64),
}
