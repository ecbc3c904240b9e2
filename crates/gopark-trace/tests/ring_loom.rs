//! The protocol of a ring's two ends, under every interleaving that loom finds.
//!
//! The source is the ring's own, with loom's atomics in place of the real ones. Weaken any ordering
//! on `head` or `lost`, the check for room or the check for an empty queue, and a test fails. Not
//! so for the pair on `tail`: it keeps a store from being seen by a load that comes before it,
//! which loom does not play through, so that pair rests on the argument beside it.

#[path = "../src/ring/fifo.rs"]
mod fifo;

mod sync {
    pub(crate) use loom::sync::Arc;
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
}

use fifo::{Popped, Reader, Writer, fifo};

/// What the reader found so far.
#[derive(Debug, Default)]
struct Tally {
    /// How many entries were read or told as lost.
    seen: u64,
    /// How many entries were read.
    read: usize,
    body: Vec<u64>,
}

/// Entry `n` has `len(n)` words, all of them `n + 1`: a stale word of an older entry, or the zero
/// of fresh memory, would show.
fn len(n: u64) -> usize {
    1 + n as usize % 2
}

fn push(writer: &mut Writer, n: u64) -> bool {
    let tag = n as u32 & ((1 << fifo::TAG_BITS) - 1);
    writer.push(tag, len(n), 1, |put| (0..len(n)).for_each(|_| put.word(n + 1)))
}

impl Tally {
    /// Reads one entry, or the loss at the end of the queue; false if there was neither.
    fn look(&mut self, reader: &mut Reader) -> bool {
        self.body.clear();
        let popped = reader.pop(&mut self.body);
        let Some(Popped { tag, lost }) = popped else {
            let lost = reader.lost();
            self.seen += lost;
            return lost > 0;
        };
        reader.give_back();
        let n = self.seen + lost;
        assert_eq!(u64::from(tag), n, "each loss is told just before what follows it");
        assert_eq!(self.body, vec![n + 1; len(n)], "an entry comes out whole");
        self.seen = n + 1;
        self.read += 1;
        true
    }
}

/// Runs a writer of `entries` entries against a reader that looks `looks` times meanwhile.
fn race(words: usize, entries: u64, looks: usize) {
    loom::model(move || {
        let (mut writer, mut reader) = fifo(words);
        let thread =
            loom::thread::spawn(move || (0..entries).filter(|&n| push(&mut writer, n)).count());
        let mut tally = Tally::default();
        for _ in 0..looks {
            tally.look(&mut reader);
        }
        let pushed = thread.join().expect("the writer ends");
        while tally.look(&mut reader) {}
        assert_eq!(tally.seen, entries, "every entry was read or is known to be lost");
        assert_eq!(tally.read, pushed, "what was pushed was read, and nothing else");
    });
}

#[test]
fn entries_come_whole_and_in_order() {
    race(8, 3, 3);
}

#[test]
fn a_full_ring_reuses_words_only_after_they_were_read() {
    race(4, 3, 2);
}

#[test]
fn losses_are_told_at_their_place() {
    race(4, 4, 3);
}
