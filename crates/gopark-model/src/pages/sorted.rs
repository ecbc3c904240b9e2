//! A sorted set that is cheap to copy.
//!
//! Invariants: no chunk is empty or longer than [`CHUNK`]; the values of a chunk ascend, and all are
//! less than those of the next chunk. A copy shares every chunk.

use std::sync::Arc;

use super::bytes_of;

/// Values in a chunk, at most.
const CHUNK: usize = 64;

/// The set.
#[derive(Debug)]
pub(crate) struct Sorted<T> {
    chunks: Vec<Arc<Vec<T>>>,
    copied: usize,
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), copied: 0 }
    }
}

/// The copy has copied nothing yet.
impl<T> Clone for Sorted<T> {
    fn clone(&self) -> Self {
        Self { chunks: self.chunks.clone(), copied: 0 }
    }
}

impl<T: Ord> PartialEq for Sorted<T> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T> Sorted<T> {
    /// All values, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// About how many bytes a copy takes by itself.
    pub(crate) fn copy_bytes(&self) -> usize {
        self.chunks.len() * size_of::<usize>()
    }

    /// About how many bytes all of it takes.
    pub(crate) fn whole_bytes(&self) -> usize {
        let values: usize = self.chunks.iter().map(|chunk| chunk.len()).sum();
        self.chunks.len() * bytes_of::<Vec<T>>() + values * size_of::<T>()
    }

    /// The bytes that were copied since the last call.
    pub(crate) fn take_copied(&mut self) -> usize {
        std::mem::take(&mut self.copied)
    }
}

impl<T: Ord + Copy> Sorted<T> {
    /// Adds a value.
    pub(crate) fn insert(&mut self, value: T) {
        let Some(at) = self.chunk_of(value) else {
            self.chunks.push(Arc::new(vec![value]));
            return;
        };
        let Err(place) = self.chunks[at].binary_search(&value) else { return };
        let chunk = self.own(at);
        chunk.insert(place, value);
        if chunk.len() > CHUNK {
            let upper = chunk.split_off(CHUNK / 2);
            self.chunks.insert(at + 1, Arc::new(upper));
        }
    }

    /// Takes a value away.
    pub(crate) fn remove(&mut self, value: T) {
        let Some(at) = self.chunk_of(value) else { return };
        let Ok(place) = self.chunks[at].binary_search(&value) else { return };
        if self.chunks[at].len() == 1 {
            self.chunks.remove(at);
        } else {
            self.own(at).remove(place);
        }
    }

    /// The chunk a value is in, or would be; none in an empty set.
    fn chunk_of(&self, value: T) -> Option<usize> {
        let after = self.chunks.partition_point(|chunk| chunk[0] <= value);
        (!self.chunks.is_empty()).then(|| after.saturating_sub(1))
    }

    /// A chunk to change; what is shared is copied first, and counted.
    fn own(&mut self, at: usize) -> &mut Vec<T> {
        let chunk = &mut self.chunks[at];
        if Arc::strong_count(chunk) > 1 {
            self.copied += bytes_of::<Vec<T>>() + chunk.len() * size_of::<T>();
        }
        Arc::make_mut(chunk)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_is_a_sorted_set_and_copies_stay() {
        let (mut sorted, mut set) = (Sorted::default(), BTreeSet::new());
        let mut copies = Vec::new();
        for n in 0..5_000u64 {
            let value = n * 7919 % 1009;
            if n % 3 == 2 {
                sorted.remove(value);
                set.remove(&value);
            } else {
                sorted.insert(value);
                set.insert(value);
            }
            assert!(sorted.chunks.iter().all(|c| !c.is_empty() && c.len() <= CHUNK));
            if n % 500 == 0 {
                copies.push((sorted.clone(), set.clone()));
            }
        }
        copies.push((sorted, set));
        for (sorted, set) in copies {
            assert!(sorted.iter().eq(set.iter()));
        }
    }
}
