//! Where the records of a run go: nowhere, into memory, to a file, to a viewer.

use std::sync::Arc;

use gopark_trace::merge::Ordered;
use gopark_trace::record::Record;
use parking_lot::Mutex;

/// A place for records. Takes them in the order of the run.
pub trait Sink: Send {
    /// Takes one.
    fn take(&mut self, record: Record);
    /// Takes the events of one runtime call as they lay in the ring of their thread (live). Who does
    /// not want them as records need not read them: that is the greater part of their price.
    fn take_group(&mut self, group: &mut Ordered<'_>) {
        group.records(|record| self.take(record));
    }
    /// Called when the run stops for a while or ends: what was taken should be visible now.
    fn flush(&mut self) {}
}

/// Nowhere.
#[derive(Debug, Default, Clone, Copy)]
pub struct Nowhere;

impl Sink for Nowhere {
    fn take(&mut self, _: Record) {}
    fn take_group(&mut self, _: &mut Ordered<'_>) {}
}

/// Memory, shared with whoever reads it.
#[derive(Debug, Default, Clone)]
pub struct Memory(Arc<Mutex<Vec<Record>>>);

impl Memory {
    /// What was taken so far.
    pub fn records(&self) -> Vec<Record> {
        std::mem::take(&mut *self.0.lock())
    }
}

impl Sink for Memory {
    fn take(&mut self, record: Record) {
        self.0.lock().push(record);
    }
}

/// A closure.
impl<F: FnMut(Record) + Send> Sink for F {
    fn take(&mut self, record: Record) {
        self(record);
    }
}

/// Two places.
pub struct Both(pub Box<dyn Sink>, pub Box<dyn Sink>);

impl std::fmt::Debug for Both {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Both").finish_non_exhaustive()
    }
}

impl Sink for Both {
    fn take(&mut self, record: Record) {
        self.0.take(record.clone());
        self.1.take(record);
    }
    fn flush(&mut self) {
        self.0.flush();
        self.1.flush();
    }
}
