//! The groups of one M, waiting to come out.

use std::collections::VecDeque;

use crate::ids::Nanos;
use crate::merge::hash::Map;
use crate::ring::{Group, Structure};

/// The groups of one M, in order.
#[derive(Debug)]
pub(super) struct Lane {
    /// What was fed and has not come out.
    pub(super) items: VecDeque<Item>,
    /// What the first of them waits for.
    pub(super) head: Head,
    /// False from a snapshot on until something newer was fed.
    pub(super) fresh: bool,
    /// How many of the items are older than the snapshot that is being taken.
    pub(super) older: usize,
    /// The time of the last item fed.
    last: Nanos,
}

/// Where the first item of a lane stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// There is none.
    Empty,
    /// It may come out.
    Ready,
    /// It waits until the structure is at this number.
    Waits((Structure, u64)),
}

/// One thing that was fed.
#[derive(Debug)]
pub(super) enum Item {
    /// The events of one runtime call.
    Group(Group),
    /// A loss, which has the time of what came before it.
    Gap { lost: u64, time: Nanos },
}

/// What its numbers say of a group and a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Age {
    /// The snapshot has what it did.
    Older,
    /// The snapshot does not have what it did.
    Newer,
    /// It has numbers, but of structures that are gone or new.
    Unknown,
    /// It has no numbers: it changes nothing that a snapshot has.
    Unnumbered,
}

impl Lane {
    pub(super) fn new(fresh: bool) -> Self {
        Self { items: VecDeque::new(), head: Head::Empty, fresh, older: 0, last: Nanos(0) }
    }

    /// Adds an item; true if it is the first now.
    pub(super) fn push(&mut self, item: Item) -> bool {
        self.last = item.time();
        self.items.push_back(item);
        self.items.len() == 1
    }

    /// The time of the last item fed.
    pub(super) fn last_time(&self) -> Nanos {
        self.last
    }

    /// The time of the first item held.
    pub(super) fn first_time(&self) -> Nanos {
        self.items.front().map_or(Nanos(0), Item::time)
    }

    /// Counts the items that were before a snapshot, taken at `time` with the structures at `base`.
    /// An M's items are in order, so all before an older one are older; those after it that no
    /// number tells of go by time.
    pub(super) fn count_older(&mut self, base: &Map<Structure, u64>, time: Nanos) {
        self.older = 0;
        for (i, item) in self.items.iter().enumerate() {
            let age = item.age(base);
            if age == Age::Newer {
                return;
            }
            // An item later than the snapshot counts only if an older one comes after it.
            if age == Age::Older || self.older == i && item.time() <= time {
                self.older = i + 1;
            }
        }
    }
}

impl Item {
    /// A group whose stamps are one for each structure. Several with numbers in a row are one; with
    /// a hole between them they stay, and the group waits for ever: it was really two.
    pub(super) fn group(mut group: Group) -> Self {
        group.stamps.sort_unstable();
        group.stamps.dedup_by(|later, earlier| {
            let joins = later.structure == earlier.structure && later.number == earlier.end();
            let len = earlier.len.checked_add(later.len).filter(|_| joins);
            earlier.len = len.unwrap_or(earlier.len);
            len.is_some()
        });
        Self::Group(group)
    }

    pub(super) fn time(&self) -> Nanos {
        match self {
            Self::Group(group) => group.time,
            Self::Gap { time, .. } => *time,
        }
    }

    /// How many events it stands for.
    pub(super) fn events(&self) -> u64 {
        match self {
            Self::Group(group) => group.entries.len() as u64,
            Self::Gap { lost, .. } => *lost,
        }
    }

    /// Whether it was before a snapshot with the structures at `base`. The world stood still, so
    /// one number tells it for the whole group.
    pub(super) fn age(&self, base: &Map<Structure, u64>) -> Age {
        let Self::Group(group) = self else {
            return Age::Unnumbered;
        };
        let mut age = Age::Unnumbered;
        for stamp in &group.stamps {
            match base.get(&stamp.structure) {
                Some(&at) if stamp.number < at => return Age::Older,
                Some(_) => age = Age::Newer,
                None if age == Age::Unnumbered => age = Age::Unknown,
                None => {}
            }
        }
        age
    }
}
