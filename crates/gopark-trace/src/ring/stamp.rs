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

/// Bits of a slot's numbers.
const SLOT_BITS: u32 = 24;
/// Bits of all other numbers.
const BITS: u32 = 32;
/// The number of some kinds; a test compares them with the table below.
const SLOT_KIND: u64 = 6;
const LOCK_KIND: u64 = 17;
const COND_KIND: u64 = 19;
const CELL_KIND: u64 = 23;

impl Structure {
    /// How many bits its numbers have: whoever gives them keeps them in a word with other things,
    /// so they begin again at 0 after the last.
    pub fn bits(self) -> u32 {
        match self {
            Self::Slot(_) => SLOT_BITS,
            _ => BITS,
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
/// one word     kind: 5 bits | wide: 1 | len: 2 | id: 24 | number: 32
/// if wide      kind, number, id, len: four words
/// ```
/// Wide is for what hardly happens: the 2^24th goroutine, a take of four.
const WIDE: u64 = 1 << 5;
const KIND: u64 = WIDE - 1;
const LEN_AT: u32 = 6;
const LEN_BITS: u32 = 2;
const ID_AT: u32 = 8;
const ID_BITS: u32 = 24;
const NUMBER_AT: u32 = 32;

/// The words of a stamp, and how many they are.
#[inline]
pub(super) fn pack(stamp: &Stamp) -> ([u64; 4], usize) {
    let (kind, id) = split(stamp.structure);
    let (kind, len) = (u64::from(kind), u64::from(stamp.len));
    if id >> ID_BITS == 0 && len >> LEN_BITS == 0 && stamp.number >> NUMBER_AT == 0 {
        let word = kind | len << LEN_AT | id << ID_AT | stamp.number << NUMBER_AT;
        return ([word, 0, 0, 0], 1);
    }
    ([kind | WIDE, stamp.number, id, len], 4)
}

/// Reads one stamp off the front of `words`; none if they are not one.
pub(super) fn unpack(words: &mut &[u64]) -> Option<Stamp> {
    let read = read(words)?;
    let structure = join(read.kind, read.id)?;
    Some(Stamp { structure, number: read.number, len: u32::try_from(read.len).ok()? })
}

/// A stamp as its words have it.
struct Words {
    kind: u64,
    id: u64,
    number: u64,
    len: u64,
}

#[inline]
fn read(words: &mut &[u64]) -> Option<Words> {
    let (&first, rest) = words.split_first()?;
    let kind = first & KIND;
    if first & WIDE == 0 {
        *words = rest;
        return Some(Words {
            kind,
            id: first >> ID_AT & ((1 << ID_BITS) - 1),
            number: first >> NUMBER_AT,
            len: first >> LEN_AT & ((1 << LEN_BITS) - 1),
        });
    }
    let (&[number, id, len], rest) = rest.split_first_chunk()?;
    *words = rest;
    Some(Words { kind, id, number, len })
}

/// A structure in one word, for a table of them.
///
/// Ids have 56 bits: the runtime draws them one after another, so none is longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u64);

impl Key {
    /// No structure has it.
    pub(crate) const NONE: Self = Self(0);

    /// That of a structure.
    pub(crate) fn of(structure: Structure) -> Self {
        let (kind, id) = split(structure);
        Self(u64::from(kind) | id << ID_AT)
    }

    /// How many bits its numbers have: see [`Structure::bits`].
    #[inline]
    pub(crate) fn bits(self) -> u32 {
        if self.0 & KIND == SLOT_KIND { SLOT_BITS } else { BITS }
    }

    /// Whether it may lie anywhere in the program, where no snapshot finds it: a lock, or another
    /// thing of sync but a WaitGroup.
    #[inline]
    pub(crate) fn lies_anywhere(self) -> bool {
        let kind = self.0 & KIND;
        kind == LOCK_KIND || (COND_KIND..=CELL_KIND).contains(&kind)
    }

    /// Its bits, well mixed in the upper half.
    #[inline]
    pub(crate) fn hash(self) -> u64 {
        // The golden ratio's digits, odd.
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// A stamp as the merger needs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) key: Key,
    pub(crate) number: u64,
    pub(crate) len: u32,
}

impl Mark {
    /// Its word, if it was read from one.
    pub(crate) fn word(&self) -> u64 {
        self.key.0 | u64::from(self.len) << LEN_AT | self.number << NUMBER_AT
    }
}

/// The stamps in the words of a group, one by one.
#[derive(Debug, Clone)]
pub(crate) struct Marks<'a>(pub(crate) &'a [u64]);

impl Iterator for Marks<'_> {
    type Item = Mark;

    #[inline]
    fn next(&mut self) -> Option<Mark> {
        let Words { kind, id, number, len } = read(&mut self.0)?;
        Some(Mark { key: Key(kind | id << ID_AT), number, len: len as u32 })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_the_numbers_said_of_them() {
        assert_eq!(u64::from(split(Structure::Slot(PId(0))).0), SLOT_KIND);
        assert_eq!(u64::from(split(Structure::Obj(Obj::Lock(LockId(0)))).0), LOCK_KIND);
        let anywhere = |obj: Obj| Key::of(Structure::Obj(obj)).lies_anywhere();
        assert!(anywhere(Obj::Lock(LockId(1))) && anywhere(Obj::Cond(CondId(1))));
        assert!(anywhere(Obj::Once(OnceId(1))) && anywhere(Obj::Sem(SemId(1))));
        assert!(anywhere(Obj::Pool(PoolId(1))) && anywhere(Obj::Cell(CellId(1))));
        assert!(!anywhere(Obj::Chan(ChanId(1))) && !anywhere(Obj::Wg(WgId(1))));
        assert!(!anywhere(Obj::Ctx(CtxId(1))) && !anywhere(Obj::Go(GId(1))));
        assert_eq!(Key::of(Structure::Slot(PId(3))).bits(), Structure::Slot(PId(3)).bits());
        assert_ne!(Key::of(Structure::Sched), Key::NONE);
    }
}
