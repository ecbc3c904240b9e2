//! The timers of one P: a 4-ary heap keyed by due time (`time.go`).
//!
//! Invariant: `heap[i].when >= heap[(i - 1) / 4].when`. Timers due at the same time come in heap
//! order, so the sifting below moves things exactly as Go's does: the golden order depends on it.

use gopark_trace::ids::{Nanos, TimerId};

use crate::g::Gp;

/// Children of a heap node (`timerHeapN`).
const CHILDREN: usize = 4;

/// One timer that is set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timer {
    /// When it is due.
    pub(crate) when: Nanos,
    /// Which one.
    pub(crate) id: TimerId,
    /// The sleeper it wakes.
    pub(crate) sleeper: Gp,
}

/// The heap.
#[derive(Debug)]
pub(crate) struct Timers {
    heap: Vec<Timer>,
}

impl Timers {
    pub(crate) const fn new() -> Self {
        Self { heap: Vec::new() }
    }

    /// The earliest due time.
    pub(crate) fn min(&self) -> Option<Nanos> {
        self.heap.first().map(|t| t.when)
    }

    /// All that are set, in heap order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Timer> {
        self.heap.iter()
    }

    /// All of them, in heap order.
    pub(crate) fn into_all(self) -> Vec<Timer> {
        self.heap
    }

    /// Sets a timer.
    pub(crate) fn add(&mut self, timer: Timer) {
        self.heap.push(timer);
        self.sift_up(self.heap.len() - 1);
    }

    /// Takes the earliest if it is due.
    pub(crate) fn take_due(&mut self, now: Nanos) -> Option<Timer> {
        let first = *self.heap.first()?;
        if first.when > now {
            return None;
        }
        // The last takes the root's place and sinks (`deleteMin`).
        let last = self.heap.pop()?;
        if let Some(root) = self.heap.first_mut() {
            *root = last;
            self.sift_down(0);
        }
        Some(first)
    }

    fn sift_up(&mut self, mut i: usize) {
        let timer = self.heap[i];
        while i > 0 {
            let parent = (i - 1) / CHILDREN;
            if timer.when >= self.heap[parent].when {
                break;
            }
            self.heap[i] = self.heap[parent];
            i = parent;
        }
        self.heap[i] = timer;
    }

    fn sift_down(&mut self, mut i: usize) {
        let timer = self.heap[i];
        loop {
            let first = i * CHILDREN + 1;
            let end = (first + CHILDREN).min(self.heap.len());
            // The first of the earliest children, if any is earlier than the timer itself.
            let mut child = None;
            let mut when = timer.when;
            for c in first..end {
                if self.heap[c].when < when {
                    when = self.heap[c].when;
                    child = Some(c);
                }
            }
            let Some(c) = child else { break };
            self.heap[i] = self.heap[c];
            i = c;
        }
        self.heap[i] = timer;
    }
}
