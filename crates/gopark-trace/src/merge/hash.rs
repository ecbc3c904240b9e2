//! The number each structure is at: a table with open addressing.
//!
//! A merge looks at it for every stamp of every group, so this is a good part of its price. The keys
//! are the runtime's own small counts, not foreign bytes: nobody can choose them to collide.
//!
//! Invariant: less than half of the cells are taken, and no free cell lies between the place a key
//! hashes to and the cell it is in.

use crate::ring::Key;

/// The fewest cells.
const CELLS_MIN: usize = 256;

/// Numbers by structure.
#[derive(Debug)]
pub(super) struct Numbers {
    /// A power of two of them; free ones have [`Key::NONE`].
    cells: Box<[(Key, u64)]>,
    taken: usize,
}

impl Numbers {
    /// No structure has a number.
    pub(super) fn new() -> Self {
        Self { cells: vec![(Key::NONE, 0); CELLS_MIN].into(), taken: 0 }
    }

    /// The cell where a key is, or would be.
    #[inline]
    fn find(&self, key: Key) -> usize {
        let mask = self.cells.len() - 1;
        let mut at = self.home(key);
        while self.cells[at].0 != key && self.cells[at].0 != Key::NONE {
            at = (at + 1) & mask;
        }
        at
    }

    #[inline]
    fn home(&self, key: Key) -> usize {
        // The upper half of a hash is the better one.
        (key.hash() >> 32) as usize & (self.cells.len() - 1)
    }

    /// The number of a structure.
    #[inline]
    pub(super) fn get(&self, key: Key) -> Option<u64> {
        let (found, number) = self.cells[self.find(key)];
        (found == key).then_some(number)
    }

    /// The number of a structure, which is `first` if it had none.
    #[inline]
    pub(super) fn entry(&mut self, key: Key, first: u64) -> &mut u64 {
        let mut at = self.find(key);
        if self.cells[at].0 == Key::NONE {
            if 2 * (self.taken + 1) > self.cells.len() {
                self.grow();
                at = self.find(key);
            }
            self.taken += 1;
            self.cells[at] = (key, first);
        }
        &mut self.cells[at].1
    }

    /// Forgets the number of a structure.
    pub(super) fn remove(&mut self, key: Key) {
        let mut hole = self.find(key);
        if self.cells[hole].0 == Key::NONE {
            return;
        }
        self.taken -= 1;
        // Those behind it that would not be found over the hole move into it.
        let mask = self.cells.len() - 1;
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let (key, _) = self.cells[at];
            if key == Key::NONE {
                break;
            }
            let (way, gap) = (at.wrapping_sub(self.home(key)), at.wrapping_sub(hole));
            if way & mask >= gap & mask {
                self.cells[hole] = self.cells[at];
                hole = at;
            }
        }
        self.cells[hole] = (Key::NONE, 0);
    }

    #[cold]
    fn grow(&mut self) {
        let cells = vec![(Key::NONE, 0); 2 * self.cells.len()].into();
        let old = std::mem::replace(&mut self.cells, cells);
        for (key, number) in old.into_iter().filter(|&(key, _)| key != Key::NONE) {
            let at = self.find(key);
            self.cells[at] = (key, number);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::ids::GId;
    use crate::ring::Structure;

    #[test]
    fn a_table_is_a_map() {
        let (mut numbers, mut map) = (Numbers::new(), HashMap::new());
        let mut state = 7_u64;
        for _ in 0..100_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let id = state >> 33 & 1023;
            let key = Key::of(Structure::G(GId(id)));
            if state >> 60 < 9 {
                *numbers.entry(key, id) += 1;
                *map.entry(id).or_insert(id) += 1;
            } else {
                numbers.remove(key);
                map.remove(&id);
            }
            assert_eq!(numbers.get(key), map.get(&id).copied());
        }
        assert_eq!(numbers.taken, map.len());
        for (id, number) in map {
            assert_eq!(numbers.get(Key::of(Structure::G(GId(id)))), Some(number));
        }
    }
}
