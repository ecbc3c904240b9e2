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

pub use group::{Entry, Group, Records, Scratch};
pub(crate) use group::{HeadWords, encode, entries};
pub(crate) use stamp::{Key, Mark, Marks};
pub use stamp::{Stamp, Structure};

/// Bytes of a word.
const WORD: usize = size_of::<u64>();

/// Bits of an entry's tag that hold the number of the words of its stamps. The others hold how many
/// bytes of its last word are filling.
const STAMP_BITS: u32 = fifo::TAG_BITS - 3;

/// Makes a ring of `words` words of eight bytes, rounded up to a power of two. A group takes one
/// word, one for each stamp, and 12 bytes and its events, some 10 to 20 bytes each.
pub fn ring(words: usize) -> (Producer, Consumer) {
    let (writer, reader) = fifo::fifo(words);
    (Producer { writer }, Consumer { reader, words: Vec::new(), unread: 0 })
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
    pub fn push(&mut self, stamps: &[Stamp], records: Records<'_>) -> bool {
        /// More stamps than this are packed twice: to count their words, and to write them.
        const FEW: usize = 4;
        let mut few = [0; FEW];
        let mut narrow = stamps.len() <= FEW;
        for (word, stamp) in few.iter_mut().zip(stamps) {
            let (words, len) = stamp::pack(stamp);
            *word = words[0];
            narrow &= len == 1;
        }
        let stamp_words =
            if narrow { stamps.len() } else { stamps.iter().map(|s| stamp::pack(s).1).sum() };
        let len = stamp_words + records.words.len();
        let tag = tag(stamp_words, records);
        self.writer.push(tag, len, u64::from(records.events), |put| {
            if narrow {
                few.iter().take(stamps.len()).for_each(|&word| put.word(word));
            } else {
                for stamp in stamps {
                    let (words, len) = stamp::pack(stamp);
                    words[..len].iter().for_each(|&word| put.word(word));
                }
            }
            records.words.iter().for_each(|&word| put.word(word));
        })
    }
}

/// The end of the drain.
#[derive(Debug)]
pub struct Consumer {
    reader: fifo::Reader,
    /// The words of a group; kept for their memory.
    words: Vec<u64>,
    /// Events of groups that could not be read, not yet told.
    unread: u64,
}

/// A group that was popped as it is: the words of its stamps, then its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Raw {
    /// How many events were lost just before it.
    pub(crate) lost: u64,
    /// Its tag, for [`split`].
    pub(crate) tag: u32,
}

impl Consumer {
    /// Takes the oldest group. A group that was not written by a [`Scratch`] can't be read, and
    /// counts as lost.
    pub fn pop(&mut self) -> Option<Group> {
        loop {
            let mut words = std::mem::take(&mut self.words);
            words.clear();
            let popped = self.pop_raw(&mut words);
            self.give_back();
            let group = popped.map(|raw| {
                self.unread += raw.lost;
                decode(raw.tag, &words)
            });
            self.words = words;
            match group? {
                Ok(group) => {
                    return Some(Group { lost: std::mem::take(&mut self.unread), ..group });
                }
                Err(events) => self.unread += events,
            }
        }
    }

    /// Takes the oldest group as it is, and appends its words to `out`. The ring has its room again
    /// after [`Consumer::give_back`].
    #[inline]
    pub(crate) fn pop_raw(&mut self, out: &mut Vec<u64>) -> Option<Raw> {
        let popped = self.reader.pop(out)?;
        Some(Raw { lost: popped.lost, tag: popped.tag })
    }

    /// Gives back the room of what was popped.
    pub(crate) fn give_back(&self) {
        self.reader.give_back();
    }

    /// Takes the number of events lost after the last group that was popped, when there is no
    /// group to pop; else 0, and the next group tells it.
    pub fn lost(&mut self) -> u64 {
        self.reader.lost() + std::mem::take(&mut self.unread)
    }
}

/// The tag of a group.
#[inline]
fn tag(stamp_words: usize, records: Records<'_>) -> u32 {
    // More stamps than the tag can count need more words than any ring has.
    stamp_words as u32 | records.filling << STAMP_BITS
}

/// The words of a group: those of its stamps, and those of its bytes.
#[inline]
pub(crate) fn split(tag: u32, words: &[u64]) -> (&[u64], &[u64]) {
    let stamps = tag as usize & ((1 << STAMP_BITS) - 1);
    words.split_at(stamps.min(words.len()))
}

/// The bytes in the last words of a group, in place of what was in `out`.
pub(crate) fn bytes_of(tag: u32, words: &[u64], out: &mut Vec<u8>) {
    out.resize(words.len() * WORD, 0);
    let (chunks, _) = out.as_chunks_mut::<WORD>();
    chunks.iter_mut().zip(words).for_each(|(chunk, word)| *chunk = word.to_le_bytes());
    let filling = (tag >> STAMP_BITS) as usize;
    out.truncate(out.len().saturating_sub(filling));
}

/// Reads a group; if it can't be read, says how many events it claims to have, at least one.
fn decode(tag: u32, words: &[u64]) -> Result<Group, u64> {
    let mut records = Vec::new();
    let (mut stamp_words, rest) = split(tag, words);
    bytes_of(tag, rest, &mut records);
    let claim = || u64::from(group::count(&records)).max(1);
    let mut stamps = Vec::with_capacity(stamp_words.len());
    while !stamp_words.is_empty() {
        stamps.push(stamp::unpack(&mut stamp_words).ok_or_else(claim)?);
    }
    let (time, entries) = group::decode(&records).map_err(|_| claim())?;
    Ok(Group { lost: 0, time, stamps, entries })
}

/// Appends the words of a group as [`Consumer::pop_raw`] does; returns its tag.
pub(crate) fn put_raw(stamps: &[Stamp], records: Records<'_>, out: &mut Vec<u64>) -> u32 {
    let start = out.len();
    for stamp in stamps {
        let (words, len) = stamp::pack(stamp);
        out.extend_from_slice(&words[..len]);
    }
    let tag = tag(out.len() - start, records);
    out.extend_from_slice(records.words);
    tag
}
