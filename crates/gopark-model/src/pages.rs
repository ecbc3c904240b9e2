//! A map from small numbers to values that is cheap to copy: what did not change is shared.
//!
//! Values lie in pages of [`PAGE`]; a copy shares every page, and the first change of a page after
//! a copy copies that page. So a copy costs a word for each page, and the memory of many copies is
//! the pages that changed between them. Numbers may be any: a page exists only if it holds
//! something.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Values in a page.
const PAGE: u64 = 16;

/// The map.
#[derive(Debug)]
pub(crate) struct Pages<V> {
    pages: BTreeMap<u64, Arc<[Option<V>; PAGE as usize]>>,
    len: usize,
}

impl<V> Default for Pages<V> {
    fn default() -> Self {
        Self { pages: BTreeMap::new(), len: 0 }
    }
}

impl<V> Clone for Pages<V> {
    fn clone(&self) -> Self {
        Self { pages: self.pages.clone(), len: self.len }
    }
}

impl<V: PartialEq> PartialEq for Pages<V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<V> Pages<V> {
    /// The value at a number.
    pub(crate) fn get(&self, n: u64) -> Option<&V> {
        self.pages.get(&(n / PAGE))?[(n % PAGE) as usize].as_ref()
    }

    /// All values, by number.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &V> {
        self.pages.values().flat_map(|page| page.iter().flatten())
    }

    /// About how many bytes a copy takes by itself.
    pub(crate) fn copy_bytes(&self) -> usize {
        self.pages.len() * 24
    }
}

impl<V: Clone> Pages<V> {
    /// The value at a number, to change.
    pub(crate) fn get_mut(&mut self, n: u64) -> Option<&mut V> {
        let page = self.pages.get_mut(&(n / PAGE))?;
        // Only a page that holds it is worth a copy.
        page[(n % PAGE) as usize].as_ref()?;
        Arc::make_mut(page)[(n % PAGE) as usize].as_mut()
    }

    /// Puts a value at a number.
    pub(crate) fn insert(&mut self, n: u64, value: V) {
        let page =
            self.pages.entry(n / PAGE).or_insert_with(|| Arc::new([const { None }; PAGE as usize]));
        let old = Arc::make_mut(page)[(n % PAGE) as usize].replace(value);
        self.len += usize::from(old.is_none());
    }

    /// Takes the value at a number away.
    pub(crate) fn remove(&mut self, n: u64) -> Option<V> {
        let page = self.pages.get_mut(&(n / PAGE))?;
        page[(n % PAGE) as usize].as_ref()?;
        let old = Arc::make_mut(page)[(n % PAGE) as usize].take();
        self.len -= usize::from(old.is_some());
        if page.iter().all(Option::is_none) {
            self.pages.remove(&(n / PAGE));
        }
        old
    }
}
