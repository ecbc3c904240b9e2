//! The lock-free queue of words under a ring: one writer, one reader, fixed size.
//!
//! Positions count words from the start and never wrap; word `n` of the queue is word `n & mask` of
//! the memory.
//!
//! ```text
//!            tail                      head
//!   free      | entry | entry | entry | free          tail <= head <= tail + size
//!             ^ the reader moves it    ^ the writer moves it
//!
//!   entry     header: length of the body (32 bits) | tag (31 bits) | LOST
//!             [how many were lost so far, in all: only with LOST]
//!             body…
//! ```
//!
//! The protocol:
//! 1. The writer looks whether `head - tail` leaves room for the whole entry. If not, it adds to
//!    `lost` and goes away: it never waits.
//! 2. It writes the words after `head`, which the reader does not look at, then moves `head` behind
//!    them. That store is what gives the entry away, whole.
//! 3. The reader reads the words before `head`, of one entry or of several, then moves `tail` behind
//!    them. That store is what gives the room back.
//!
//! A loss is told at its place: `lost` is a total, and the next entry that fits carries it, so the
//! reader sees how many are missing just before that entry, and none is counted twice. At the end
//! of the queue, [`Reader::lost`] tells the rest.

use crate::sync::{Arc, AtomicU64, Ordering};

/// Set in the header of an entry that follows a loss.
const LOST: u64 = 1 << 63;

/// Bits of the tag that come with an entry.
pub(crate) const TAG_BITS: u32 = 31;

/// The longest queue, 2 GiB: all lengths and counts in it have room in a header.
const WORDS_MAX: usize = 1 << 28;

/// Makes a queue of `words` words, rounded up to a power of two.
pub(crate) fn fifo(words: usize) -> (Writer, Reader) {
    let words = words.clamp(2, WORDS_MAX).next_power_of_two();
    let shared = Arc::new(Shared {
        words: (0..words).map(|_| AtomicU64::new(0)).collect(),
        head: Line(AtomicU64::new(0)),
        tail: Line(AtomicU64::new(0)),
        lost: Line(AtomicU64::new(0)),
    });
    let writer = Writer { shared: Arc::clone(&shared), head: 0, tail: 0, lost: 0, carried: 0 };
    (writer, Reader { shared, tail: 0, head: 0, lost: 0 })
}

/// A value with cache lines of its own (two, because they are fetched in pairs), so that writer and
/// reader do not slow each other down.
#[derive(Debug)]
#[repr(align(128))]
struct Line<T>(T);

#[derive(Debug)]
struct Shared {
    /// The memory. Words before `head` belong to the reader, the others to the writer.
    words: Box<[AtomicU64]>,
    /// Where the next entry goes. Written by the writer, read by the reader.
    head: Line<AtomicU64>,
    /// Where the oldest entry is. Written by the reader, read by the writer.
    tail: Line<AtomicU64>,
    /// How many were lost in all. Written by the writer, read by the reader.
    lost: Line<AtomicU64>,
}

/// The end that adds. It neither waits nor allocates.
#[derive(Debug)]
pub(crate) struct Writer {
    shared: Arc<Shared>,
    /// Our own copy of `Shared::head`.
    head: u64,
    /// `Shared::tail` when it was last read: the room is never less than this says.
    tail: u64,
    /// Our own copy of `Shared::lost`.
    lost: u64,
    /// What the last entry, or one before it, told of `lost`.
    carried: u64,
}

impl Writer {
    /// Adds an entry of `len` words, or loses it, which counts as `weight`. `fill` puts the words,
    /// one by one: exactly `len`.
    #[inline]
    pub(crate) fn push(
        &mut self,
        tag: u32,
        len: usize,
        weight: u64,
        fill: impl FnOnce(&mut Put<'_>),
    ) -> bool {
        let tells = self.lost != self.carried;
        let need = 1 + u64::from(tells) + len as u64;
        if !self.has_room(need) {
            self.lose(weight);
            return false;
        }
        let mut put = Put { words: &self.shared.words, at: self.head as usize };
        put.word(len as u64 | u64::from(tag) << 32 | if tells { LOST } else { 0 });
        if tells {
            put.word(self.lost);
        }
        fill(&mut put);
        debug_assert_eq!(put.at as u64, self.head + need, "an entry is as long as it says");
        self.carried = self.lost;
        self.head += need;
        // Release: pairs with the Acquire of `head` in `Reader::pop`, which so sees the words.
        self.shared.head.0.store(self.head, Ordering::Release);
        true
    }

    fn has_room(&mut self, need: u64) -> bool {
        let size = self.shared.words.len() as u64;
        if size - (self.head - self.tail) >= need {
            return true;
        }
        // Acquire: pairs with the Release of `tail` in `Reader::give_back`. Without it we could write
        // over words that the reader still reads.
        self.tail = self.shared.tail.0.load(Ordering::Acquire);
        size - (self.head - self.tail) >= need
    }

    #[cold]
    fn lose(&mut self, weight: u64) {
        self.lost += weight;
        // Release: pairs with the Acquire in `Reader::lost`, which so sees in `head` every entry
        // that was added before this loss.
        self.shared.lost.0.store(self.lost, Ordering::Release);
    }
}

/// Where the words of an entry go.
#[derive(Debug)]
pub(crate) struct Put<'a> {
    words: &'a [AtomicU64],
    at: usize,
}

impl Put<'_> {
    /// Puts the next word.
    #[inline]
    pub(crate) fn word(&mut self, word: u64) {
        // Relaxed: the reader comes to these words only through the Release of `head` in `push`,
        // and its own reads of what was here before are over by the Acquire in `has_room`.
        self.words[self.at & (self.words.len() - 1)].store(word, Ordering::Relaxed);
        self.at += 1;
    }
}

/// The end that takes.
#[derive(Debug)]
pub(crate) struct Reader {
    shared: Arc<Shared>,
    /// Our own copy of `Shared::tail`.
    tail: u64,
    /// `Shared::head` when it was last read.
    head: u64,
    /// How many of the lost were told.
    lost: u64,
}

/// What comes with the words of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Popped {
    /// The writer's tag.
    pub(crate) tag: u32,
    /// How many were lost just before it.
    pub(crate) lost: u64,
}

impl Reader {
    /// Takes the oldest entry, and appends its words to `body`. The room it had is given back by
    /// [`Reader::give_back`], so that several can be taken at the price of one.
    #[inline]
    pub(crate) fn pop(&mut self, body: &mut Vec<u64>) -> Option<Popped> {
        if self.tail == self.head {
            // Acquire: pairs with the Release of `head` in `Writer::push`.
            self.head = self.shared.head.0.load(Ordering::Acquire);
        }
        if self.tail == self.head {
            return None;
        }
        let words = &*self.shared.words;
        // Relaxed: ordered after the writer's stores by the Acquire above.
        let word = |at: u64| words[at as usize & (words.len() - 1)].load(Ordering::Relaxed);
        let header = word(self.tail);
        let mut at = self.tail + 1;
        let mut lost = 0;
        if header & LOST != 0 {
            let total = word(at);
            lost = total - self.lost;
            self.lost = total;
            at += 1;
        }
        let end = at + (header & u64::from(u32::MAX));
        body.extend((at..end).map(word));
        self.tail = end;
        Some(Popped { tag: ((header & !LOST) >> 32) as u32, lost })
    }

    /// Gives back the room of what was taken.
    #[inline]
    pub(crate) fn give_back(&self) {
        // Release: pairs with the Acquire of `tail` in `Writer::has_room`: our reads are over.
        self.shared.tail.0.store(self.tail, Ordering::Release);
    }

    /// Takes the number of those lost after the last entry, if the queue is empty. If it is not,
    /// this is 0: the loss has entries before it, or an entry behind it that tells it.
    pub(crate) fn lost(&mut self) -> u64 {
        // Acquire: pairs with the Release in `Writer::lose`. Entries that were added before the
        // loss are now to be seen in `head`; so if there are none, the loss comes next.
        let total = self.shared.lost.0.load(Ordering::Acquire);
        // Relaxed: nothing is read through this value; `pop` asks again.
        if self.shared.head.0.load(Ordering::Relaxed) != self.tail {
            return 0;
        }
        let lost = total - self.lost;
        self.lost = total;
        lost
    }
}
