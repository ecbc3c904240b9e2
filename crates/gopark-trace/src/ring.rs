//! The per-thread ring of a live run: the M writes, the drain reads, neither waits for the other.
//!
//! An M pushes the events of one runtime call as one [`Group`]. The ring has a fixed size; when it
//! is full the newest group is dropped and counted, and the count comes out of the other end at the
//! place of the loss.
//!
//! Invariants: [`Producer::push`] neither allocates nor blocks, so it can be called where the
//! runtime can't be preempted; groups come out whole, in order, and what is missing is known.
//!
//! - [`stamp`](Stamp): the numbers that shared structures give, by which [`merge`](crate::merge)
//!   finds the one order.
//! - [`group`](Group): what goes through, and [`Scratch`], where it is written first.
//! - `fifo`: the protocol of the two ends, over words.

mod stamp;

mod group;

mod fifo;

pub use group::{Entry, Group, Scratch};
pub use stamp::{Stamp, Structure};

use stamp::Packed;

/// Bytes of a word.
const WORD: usize = size_of::<u64>();

/// Bits of an entry's tag that hold the number of its stamps. The others hold how many bytes of
/// its last word are filling.
const STAMP_BITS: u32 = fifo::TAG_BITS - 3;

/// Makes a ring of `words` words of eight bytes, rounded up to a power of two. A group takes one
/// word, two for each stamp, and its events, some 10 to 20 bytes each.
pub fn ring(words: usize) -> (Producer, Consumer) {
    let (writer, reader) = fifo::fifo(words);
    (Producer { writer }, Consumer { reader, words: Vec::new(), bytes: Vec::new(), unread: 0 })
}

/// The end of the M.
#[derive(Debug)]
pub struct Producer {
    writer: fifo::Writer,
}

impl Producer {
    /// Pushes a group, as a [`Scratch`] has it. False if there was no room: then its events are
    /// lost, and the next group that fits says how many.
    #[inline]
    pub fn push(&mut self, stamps: &[Stamp], records: &[u8]) -> bool {
        let stamp_words: usize = stamps.iter().map(|s| Packed::new(s).len()).sum();
        let len = stamp_words + records.len().div_ceil(WORD);
        let filling = records.len().wrapping_neg() % WORD;
        let (chunks, rest) = records.as_chunks::<WORD>();
        let mut last = [0; WORD];
        last[..rest.len()].copy_from_slice(rest);
        let body = stamps
            .iter()
            .flat_map(Packed::new)
            .chain(chunks.iter().copied().map(u64::from_le_bytes))
            .chain(std::iter::once(u64::from_le_bytes(last)));
        // More stamps than the tag can count need more words than any ring has.
        let tag = (stamps.len() as u32) | (filling as u32) << STAMP_BITS;
        self.writer.push(tag, len, body, u64::from(group::count(records)))
    }
}

/// The end of the drain.
#[derive(Debug)]
pub struct Consumer {
    reader: fifo::Reader,
    /// The words of a group; kept for their memory.
    words: Vec<u64>,
    /// The bytes of its events; kept for their memory.
    bytes: Vec<u8>,
    /// Events of groups that could not be read, not yet told.
    unread: u64,
}

impl Consumer {
    /// Takes the oldest group. A group that was not written by a [`Scratch`] can't be read, and
    /// counts as lost.
    pub fn pop(&mut self) -> Option<Group> {
        while let Some(popped) = self.reader.pop(&mut self.words) {
            self.unread += popped.lost;
            match self.decode(popped.tag) {
                Some(group) => {
                    return Some(Group { lost: std::mem::take(&mut self.unread), ..group });
                }
                None => self.unread += u64::from(group::count(&self.bytes)).max(1),
            }
        }
        None
    }

    /// Takes the number of events lost after the last group that was popped, when there is no
    /// group to pop; else 0, and the next group tells it.
    pub fn lost(&mut self) -> u64 {
        self.reader.lost() + std::mem::take(&mut self.unread)
    }

    /// Reads the popped words as a group.
    fn decode(&mut self, tag: u32) -> Option<Group> {
        self.bytes.clear();
        let mut words = self.words.as_slice();
        let count = tag & ((1 << STAMP_BITS) - 1);
        let mut stamps = Vec::with_capacity((count as usize).min(words.len()));
        for _ in 0..count {
            stamps.push(stamp::unpack(&mut words)?);
        }
        self.bytes.resize(words.len() * WORD, 0);
        let (chunks, _) = self.bytes.as_chunks_mut::<WORD>();
        chunks.iter_mut().zip(words).for_each(|(chunk, word)| *chunk = word.to_le_bytes());
        let filling = (tag >> STAMP_BITS) as usize;
        self.bytes.truncate(self.bytes.len().saturating_sub(filling));
        let (time, entries) = group::decode(&self.bytes).ok()?;
        Some(Group { lost: 0, time, stamps, entries })
    }
}
