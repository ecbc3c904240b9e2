//! A ring as Go has it (`proc.go` runqput, runqputslow, runqget, runqgrab).
//!
//! Places from `head` to `tail` are taken. The owner alone writes places and moves `tail`; whoever
//! takes moves `head` by a compare-and-swap, after it has read the places. A place is only written
//! again when `head` has passed it, and then the swap of a slow reader fails.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use super::{OVERFLOW, RING, Ring};

const SIZE: u32 = RING as u32;

pub(crate) struct Own {
    head: AtomicU32,
    tail: AtomicU32,
    ring: [AtomicUsize; RING],
}

impl Own {
    fn place(&self, at: u32) -> &AtomicUsize {
        &self.ring[(at % SIZE) as usize]
    }

    /// Moves the head on if nobody was faster. Release: the places were read before.
    fn take(&self, head: u32, count: u32) -> bool {
        let next = head.wrapping_add(count);
        let swap = self.head.compare_exchange(head, next, Ordering::Release, Ordering::Relaxed);
        swap.is_ok()
    }
}

impl Ring for Own {
    type Loot = [usize; RING / 2];

    fn new() -> Self {
        let ring = std::array::from_fn(|_| AtomicUsize::new(0));
        Self { head: AtomicU32::new(0), tail: AtomicU32::new(0), ring }
    }
    fn loot() -> [usize; RING / 2] {
        [0; RING / 2]
    }
    fn push(&self, value: usize) -> bool {
        // Acquire: pairs with `take`, so that a place is not written while it is read.
        let head = self.head.load(Ordering::Acquire);
        let tail = self.tail.load(Ordering::Relaxed);
        if tail.wrapping_sub(head) >= SIZE {
            return false;
        }
        self.place(tail).store(value, Ordering::Relaxed);
        self.tail.store(tail.wrapping_add(1), Ordering::Release);
        true
    }
    fn pop(&self) -> Option<usize> {
        loop {
            let head = self.head.load(Ordering::Acquire);
            let tail = self.tail.load(Ordering::Relaxed);
            if head == tail {
                return None;
            }
            let value = self.place(head).load(Ordering::Relaxed);
            if self.take(head, 1) {
                return Some(value);
            }
        }
    }
    fn grab(&self, loot: &mut [usize; RING / 2]) -> (u64, u64) {
        loop {
            let head = self.head.load(Ordering::Acquire);
            let tail = self.tail.load(Ordering::Acquire);
            let waiting = tail.wrapping_sub(head);
            let count = waiting - waiting / 2;
            // Head and tail are not of one moment.
            if count > SIZE / 2 {
                continue;
            }
            for (at, place) in (0..count).zip(&mut *loot) {
                *place = self.place(head.wrapping_add(at)).load(Ordering::Relaxed);
            }
            if count == 0 || self.take(head, count) {
                let sum = loot[..count as usize].iter().map(|&value| value as u64).sum();
                return (sum, u64::from(count));
            }
        }
    }
    fn overflow(&self, last: usize, batch: &mut [usize; OVERFLOW]) {
        loop {
            let head = self.head.load(Ordering::Acquire);
            for (at, place) in (0..SIZE / 2).zip(&mut batch[..]) {
                *place = self.place(head.wrapping_add(at)).load(Ordering::Relaxed);
            }
            if self.take(head, SIZE / 2) {
                batch[OVERFLOW - 1] = last;
                return;
            }
        }
    }
}
