//! Who owns a slot: written when a stack is bound, read by the overflow handler with plain atomic loads.
//!
//! Invariant: a slot's owner is written by whoever holds its `BoundStack`. A fault on a guard comes from the goroutine
//! that runs on the slot, on the thread that runs it, so the handler sees the label of that goroutine whole. A wild access
//! from elsewhere may see a label half replaced: wrong letters in a last message, nothing worse.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Words of a name that are kept.
const NAME_WORDS: usize = 6;

/// Bytes of a name that are kept.
const NAME_BYTES: usize = NAME_WORDS * 8;

/// A goroutine's number and name, as the overflow report prints them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Label<'a> {
    /// The goroutine's number.
    pub goroutine: u64,
    /// Its name, or nothing. The first 48 bytes are kept.
    pub name: &'a str,
}

/// What is known about one slot: one cache line, in a mapping of its own. All zero is a valid, unowned slot.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct SlotInfo {
    /// The owner's number.
    goroutine: AtomicU64,
    /// The next slot of the free list this one is on. Belongs to that list.
    pub(crate) next: AtomicU32,
    /// Bytes of `name` in use.
    name_len: AtomicU32,
    /// The owner's name, as little groups that can be stored atomically.
    name: [AtomicU64; NAME_WORDS],
}

const _: () = assert!(size_of::<SlotInfo>() == 64);

impl SlotInfo {
    /// Names the owner.
    pub(crate) fn set_owner(&self, label: &Label<'_>) {
        self.goroutine.store(label.goroutine, Relaxed);
        let name = &label.name.as_bytes()[..label.name.floor_char_boundary(NAME_BYTES)];
        self.name_len.store(name.len() as u32, Relaxed);
        for (word, bytes) in self.name.iter().zip(name.chunks(8)) {
            let mut padded = [0; 8];
            padded[..bytes.len()].copy_from_slice(bytes);
            word.store(u64::from_ne_bytes(padded), Relaxed);
        }
    }

    /// Reads the owner. Safe in a signal handler: loads and copies only.
    pub(crate) fn owner(&self) -> Owner {
        let mut name = [0; NAME_BYTES];
        for (bytes, word) in name.chunks_exact_mut(8).zip(&self.name) {
            bytes.copy_from_slice(&word.load(Relaxed).to_ne_bytes());
        }
        let len = (self.name_len.load(Relaxed) as usize).min(NAME_BYTES);
        Owner { goroutine: self.goroutine.load(Relaxed), name, len }
    }
}

/// A copy of a slot's owner.
#[derive(Debug)]
pub(crate) struct Owner {
    /// The owner's number.
    pub(crate) goroutine: u64,
    /// Its name, then zeros.
    name: [u8; NAME_BYTES],
    /// Bytes of `name` in use.
    len: usize,
}

impl Owner {
    /// The name's bytes; UTF-8 unless read while it was replaced.
    pub(crate) fn name(&self) -> &[u8] {
        &self.name[..self.len]
    }
}
