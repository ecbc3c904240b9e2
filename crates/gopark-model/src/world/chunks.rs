//! A sorted map that is cheap to clone: clones share their chunks until one of them changes.
//!
//! Invariants: keys rise from value to value and from chunk to chunk; no chunk is empty; a chunk's
//! `first` is above every key of the chunk before it and not above any of its own.
//!
//! ```text
//! Chunks ── Arc ─▶ [ (first, Arc ─▶ Chunk{ values … }), (first, Arc ─▶ …), … ]
//! ```
//!
//! A look-up is a binary search over the chunks and, ids mostly coming in rows, a guess inside the
//! chunk. A change copies the list of chunks and one chunk if a clone still has them. How many bytes
//! the clones kept since [`Chunks::begin_epoch`] hold on their own is counted on the way.

use std::sync::Arc;

/// Values in a full chunk. Small, because a change after a clone copies one chunk.
const CHUNK: usize = 16;

/// A value that has its key in it.
pub(crate) trait Keyed: Clone {
    /// The key.
    type Key: Ord + Copy;
    /// Its key; never changes while it is in a map.
    fn key(&self) -> Self::Key;
    /// How far `key` is above `first`, for keys that come in rows.
    fn guess(first: Self::Key, key: Self::Key) -> usize;
    /// Bytes it holds besides its own size.
    fn heap(&self) -> usize {
        0
    }
}

/// The map.
#[derive(Debug, Clone)]
pub(crate) struct Chunks<V: Keyed> {
    dir: Arc<Vec<Entry<V>>>,
    len: usize,
    /// The present epoch.
    epoch: u32,
    /// The epoch in which `dir` was last copied.
    dir_epoch: u32,
    /// Bytes of older epochs that were replaced in this one.
    replaced: usize,
}

#[derive(Debug, Clone)]
struct Entry<V: Keyed> {
    first: V::Key,
    chunk: Arc<Chunk<V>>,
}

#[derive(Debug, Clone)]
struct Chunk<V> {
    /// The epoch in which it was made or last copied.
    epoch: u32,
    values: Vec<V>,
}

impl<V: Keyed> Default for Chunks<V> {
    fn default() -> Self {
        Self { dir: Arc::new(Vec::new()), len: 0, epoch: 0, dir_epoch: 0, replaced: 0 }
    }
}

impl<V: Keyed + PartialEq> PartialEq for Chunks<V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && (Arc::ptr_eq(&self.dir, &other.dir) || self.iter().eq(other.iter()))
    }
}

impl<V: Keyed> Chunks<V> {
    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The value of `key`.
    pub(crate) fn get(&self, key: V::Key) -> Option<&V> {
        let chunk = &self.dir[self.chunk_of(key)?].chunk;
        let at = chunk.find(key).ok()?;
        chunk.values.get(at)
    }

    /// The value of `key`, to change.
    pub(crate) fn get_mut(&mut self, key: V::Key) -> Option<&mut V> {
        let c = self.chunk_of(key)?;
        let at = self.dir[c].chunk.find(key).ok()?;
        self.chunk_mut(c).values.get_mut(at)
    }

    /// Puts a value in, over the one with its key if there is one.
    pub(crate) fn insert(&mut self, value: V) {
        let key = value.key();
        let Some(c) = self.chunk_of(key) else {
            return self.insert_chunk(0, vec![value]);
        };
        match self.dir[c].chunk.find(key) {
            Ok(at) => self.chunk_mut(c).values[at] = value,
            Err(at) => self.insert_at(c, at, value),
        }
    }

    fn insert_at(&mut self, c: usize, at: usize, value: V) {
        let full = self.dir[c].chunk.values.len() >= CHUNK;
        if full && at >= CHUNK {
            // Keys that come in rising order fill each chunk to the brim.
            return self.insert_chunk(c + 1, vec![value]);
        }
        if full {
            let upper = self.chunk_mut(c).values.split_off(CHUNK / 2);
            self.len -= upper.len();
            self.insert_chunk(c + 1, upper);
            return self.insert(value);
        }
        self.chunk_mut(c).values.insert(at, value);
        self.len += 1;
    }

    fn insert_chunk(&mut self, c: usize, values: Vec<V>) {
        let Some(first) = values.first().map(Keyed::key) else { return };
        self.len += values.len();
        let chunk = Arc::new(Chunk { epoch: self.epoch, values });
        self.dir_mut().insert(c, Entry { first, chunk });
        // The first chunk answers for every lower key.
        debug_assert!(self.dir.is_sorted_by_key(|e| e.first));
    }

    /// Takes the value of `key` out.
    pub(crate) fn remove(&mut self, key: V::Key) -> Option<V> {
        let c = self.chunk_of(key)?;
        let at = self.dir[c].chunk.find(key).ok()?;
        self.len -= 1;
        if self.dir[c].chunk.values.len() > 1 {
            return Some(self.chunk_mut(c).values.remove(at));
        }
        // Counted as replaced, as a change in place would be.
        self.chunk_mut(c);
        let entry = self.dir_mut().remove(c);
        entry.chunk.values.first().cloned()
    }

    /// All values in the order of their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &V> {
        self.dir.iter().flat_map(|e| e.chunk.values.iter())
    }

    /// The value with the lowest key.
    pub(crate) fn first(&self) -> Option<&V> {
        self.dir.first()?.chunk.values.first()
    }

    /// Begins an epoch, because a clone was made that will be kept; says how many bytes the clone
    /// before that one now holds on its own.
    pub(crate) fn begin_epoch(&mut self) -> usize {
        self.epoch = self.epoch.wrapping_add(1);
        std::mem::take(&mut self.replaced)
    }

    /// Bytes of everything in it.
    pub(crate) fn bytes(&self) -> usize {
        self.dir.iter().map(|e| e.chunk.bytes()).sum::<usize>() + self.dir_bytes()
    }

    fn dir_bytes(&self) -> usize {
        self.dir.len() * size_of::<Entry<V>>()
    }

    /// The chunk in which `key` is, or would be; none only if there are no chunks.
    fn chunk_of(&self, key: V::Key) -> Option<usize> {
        if self.dir.is_empty() {
            return None;
        }
        Some(self.dir.partition_point(|e| e.first <= key).saturating_sub(1))
    }

    fn dir_mut(&mut self) -> &mut Vec<Entry<V>> {
        if self.dir_epoch != self.epoch {
            self.dir_epoch = self.epoch;
            self.replaced += self.dir_bytes();
        }
        Arc::make_mut(&mut self.dir)
    }

    fn chunk_mut(&mut self, c: usize) -> &mut Chunk<V> {
        let epoch = self.epoch;
        let chunk = &self.dir[c].chunk;
        if chunk.epoch != epoch {
            self.replaced += chunk.bytes();
        }
        let chunk = Arc::make_mut(&mut self.dir_mut()[c].chunk);
        chunk.epoch = epoch;
        chunk
    }
}

impl<V: Keyed> Chunk<V> {
    fn find(&self, key: V::Key) -> Result<usize, usize> {
        let Some(first) = self.values.first() else { return Err(0) };
        if first.key() <= key {
            let guess = V::guess(first.key(), key);
            if self.values.get(guess).is_some_and(|v| v.key() == key) {
                return Ok(guess);
            }
        }
        self.values.binary_search_by_key(&key, Keyed::key)
    }

    fn bytes(&self) -> usize {
        let heap: usize = self.values.iter().map(Keyed::heap).sum();
        size_of::<Self>() + self.values.len() * size_of::<V>() + heap
    }
}
