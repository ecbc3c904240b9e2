//! Maps and sets that are cheap to copy: what did not change between two copies is shared.
//!
//! A copy shares everything; the first change of a value after a copy copies that value and the two
//! nodes above it, nothing else. So a copy costs a word for each 256 values, and the memory of many
//! copies is what changed between them. Numbers may be any: a node exists only if it holds
//! something.
//!
//! Each map counts the bytes it had to copy, so that whoever keeps copies knows what they hold.

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use sorted::Sorted;

mod sorted;

/// Children of a node.
const FAN: u64 = 16;

type Leaf<V> = [Option<Arc<V>>; FAN as usize];
type Branch<V> = [Option<Arc<Leaf<V>>>; FAN as usize];

/// What a value holds beyond its own size.
pub(crate) trait Heap {
    /// Bytes on the heap.
    fn heap(&self) -> usize;
}

/// A map from numbers to values.
#[derive(Debug)]
pub(crate) struct Pages<V> {
    /// 256 numbers each.
    branches: BTreeMap<u64, Arc<Branch<V>>>,
    len: usize,
    copied: usize,
}

impl<V> Default for Pages<V> {
    fn default() -> Self {
        Self { branches: BTreeMap::new(), len: 0, copied: 0 }
    }
}

/// The copy has copied nothing yet.
impl<V> Clone for Pages<V> {
    fn clone(&self) -> Self {
        Self { branches: self.branches.clone(), len: self.len, copied: 0 }
    }
}

impl<V: PartialEq> PartialEq for Pages<V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

/// Where a number is: in which branch, which leaf of it, which place of that.
fn path(n: u64) -> (u64, usize, usize) {
    (n / (FAN * FAN), (n / FAN % FAN) as usize, (n % FAN) as usize)
}

/// A node to change; what is shared is copied first, and counted.
fn own<'a, T: Clone>(node: &'a mut Arc<T>, copied: &mut usize) -> &'a mut T {
    if Arc::strong_count(node) > 1 {
        *copied += bytes_of::<T>();
    }
    Arc::make_mut(node)
}

/// What an `Arc<T>` points to takes: the value and two counts.
const fn bytes_of<T>() -> usize {
    size_of::<T>() + 2 * size_of::<usize>()
}

impl<V> Pages<V> {
    /// The value at a number.
    pub(crate) fn get(&self, n: u64) -> Option<&V> {
        let (branch, leaf, place) = path(n);
        self.branches.get(&branch)?[leaf].as_ref()?[place].as_deref()
    }

    /// All values, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &V> {
        let leaves = self.branches.values().flat_map(|branch| branch.iter().flatten());
        leaves.flat_map(|leaf| leaf.iter().flatten()).map(|value| &**value)
    }

    /// About how many bytes a copy takes by itself.
    pub(crate) fn copy_bytes(&self) -> usize {
        self.branches.len() * 24
    }

    /// The bytes that were copied since the last call.
    pub(crate) fn take_copied(&mut self) -> usize {
        std::mem::take(&mut self.copied)
    }
}

impl<V: Clone + Heap> Pages<V> {
    /// The value at a number, to change.
    pub(crate) fn get_mut(&mut self, n: u64) -> Option<&mut V> {
        // Only a node that holds it is worth a copy.
        self.get(n)?;
        let (branch, leaf, place) = path(n);
        let copied = &mut self.copied;
        let branch = own(self.branches.get_mut(&branch)?, copied);
        let leaf = own(branch[leaf].as_mut()?, copied);
        let value = leaf[place].as_mut()?;
        if Arc::strong_count(value) > 1 {
            *copied += value.heap();
        }
        Some(own(value, copied))
    }

    /// Puts a value at a number.
    pub(crate) fn insert(&mut self, n: u64, value: V) {
        let (branch, leaf, place) = path(n);
        let copied = &mut self.copied;
        let branch =
            self.branches.entry(branch).or_insert_with(|| Arc::new([const { None }; FAN as usize]));
        let branch = own(branch, copied);
        let leaf = branch[leaf].get_or_insert_with(|| Arc::new([const { None }; FAN as usize]));
        let old = own(leaf, copied)[place].replace(Arc::new(value));
        match old {
            Some(old) => *copied += left_behind(&old),
            None => self.len += 1,
        }
    }

    /// Takes the value at a number away.
    pub(crate) fn remove(&mut self, n: u64) -> Option<V> {
        self.get(n)?;
        let ((key, at, place), copied) = (path(n), &mut self.copied);
        let branch = own(self.branches.get_mut(&key)?, copied);
        let leaf = own(branch[at].as_mut()?, copied);
        let old = leaf[place].take()?;
        if leaf.iter().all(Option::is_none) {
            branch[at] = None;
            if branch.iter().all(Option::is_none) {
                self.branches.remove(&key);
            }
        }
        self.len -= 1;
        *copied += left_behind(&old);
        Some(Arc::unwrap_or_clone(old))
    }

    /// All of it takes at least these bytes; cheap to ask.
    pub(crate) fn least_bytes(&self) -> usize {
        self.len * bytes_of::<V>()
    }

    /// About how many bytes all of it takes.
    pub(crate) fn whole_bytes(&self) -> usize {
        let leaves: usize =
            self.branches.values().map(|branch| branch.iter().flatten().count()).sum();
        let heap: usize = self.iter().map(Heap::heap).sum();
        self.branches.len() * bytes_of::<Branch<V>>()
            + leaves * bytes_of::<Leaf<V>>()
            + self.len * bytes_of::<V>()
            + heap
    }
}

/// What stays with other copies of a value that is gone here.
fn left_behind<V: Heap>(old: &Arc<V>) -> usize {
    if Arc::strong_count(old) > 1 { bytes_of::<V>() + old.heap() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Heap for u64 {
        fn heap(&self) -> usize {
            0
        }
    }

    #[test]
    fn a_copy_keeps_what_it_had() {
        let mut now = Pages::default();
        let numbers = [0, 1, 15, 16, 255, 256, 1 << 40, u64::MAX];
        numbers.iter().for_each(|&n| now.insert(n, n));
        let then = now.clone();
        for &n in &numbers {
            *now.get_mut(n).expect("it is there") = 7;
        }
        assert_eq!(now.remove(16), Some(7));
        assert_eq!(then.iter().copied().collect::<Vec<_>>(), numbers);
        assert_eq!(now.iter().copied().collect::<Vec<_>>(), [7; 7]);
    }

    #[test]
    fn an_empty_map_holds_nothing() {
        let mut pages = Pages::default();
        for n in [3, 300, u64::MAX] {
            pages.insert(n, n);
            assert_eq!(pages.remove(n), Some(n));
            assert_eq!(pages.remove(n), None);
        }
        assert_eq!(pages.whole_bytes(), 0);
        assert_eq!(pages, Pages::default());
    }

    #[test]
    fn what_is_copied_is_counted_once() {
        let mut pages = Pages::default();
        (0..256).for_each(|n| pages.insert(n, n));
        assert_eq!(pages.take_copied(), 0, "nothing is shared yet");
        let copy = pages.clone();
        *pages.get_mut(5).expect("it is there") = 0;
        let one = bytes_of::<Branch<u64>>() + bytes_of::<Leaf<u64>>() + bytes_of::<u64>();
        assert_eq!(pages.take_copied(), one);
        *pages.get_mut(5).expect("it is there") = 1;
        assert_eq!(pages.take_copied(), 0, "its own already");
        pages.remove(6);
        assert_eq!(pages.take_copied(), bytes_of::<u64>(), "the copy still has it");
        assert_eq!(copy.get(6), Some(&6));
    }
}
