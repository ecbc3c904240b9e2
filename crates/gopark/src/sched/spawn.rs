//! Making goroutines: `newproc`, ids in batches, free lists (`gfget`, `gfput`).

use std::sync::atomic::Ordering;

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, SiteId};
use gopark_trace::rule::Rule;
use gopark_trace::words::ExitKind;

use super::Sched;
use crate::g::Gp;
use crate::kernel::{Spawn, stamp_g};
use crate::m::M;
use crate::p::{GOID_BATCH, P};
use crate::platform::Platform;
use crate::proto::gword::{DEAD, IDLE, RUNNABLE};

/// Ended goroutines a P keeps; at this many it gives half away.
const GFREE_MAX: u32 = 64;
/// What a P keeps when it gives away, and takes when it has none.
const GFREE_HALF: u32 = 32;

impl<Pl: Platform> Sched<Pl> {
    /// Makes a goroutine and puts it into the slot of the P (`newproc1`). To wake somebody for it is
    /// the caller's.
    pub(crate) fn spawn_on(
        &self,
        m: &'static M,
        spawn: Spawn,
        parent: Option<GId>,
        site: Option<SiteId>,
    ) -> GId {
        let p = m.p.get().expect("who makes a goroutine has a P");
        let g = self.gfget(p);
        let id = self.next_goid(p);
        g.id.set(id.0);
        g.events.store(0, Ordering::Relaxed);
        g.select.reset();
        g.parent.set(parent);
        g.site.set(site);
        g.made_at.set(m.curg.get().and_then(|maker| maker.at.get()));
        g.at.set(None);
        g.entry.set(Some(spawn.entry));
        g.stack_size.set(spawn.stack_size);
        g.exit.set(ExitKind::Returned);
        g.since.set(self.time_seen(m));
        let named = spawn.name.clone();
        g.name.set(spawn.name.map(String::into_boxed_str));
        self.made.fetch_add(1, Ordering::Relaxed);
        g.word.switch(DEAD, RUNNABLE);
        if m.recording.get()
            && let Some(name) = named
        {
            let event = Event::GoName { g: id, name };
            self.record(m, site, &[stamp_g(g)], &mut std::iter::once((event, None)));
        }
        self.runq_put(m, p, g, site, |to| {
            let create = Event::GoCreate { g: id, parent, to };
            (create, Some(Rule::GoToSlot { p: p.id }))
        });
        id
    }

    /// The next id of the P's batch of 16.
    fn next_goid(&self, p: &P) -> GId {
        let (mut next, mut end) = p.goids.get();
        if next == end {
            next = self.goids.fetch_add(GOID_BATCH, Ordering::Relaxed);
            end = next + GOID_BATCH;
        }
        p.goids.set((next + 1, end));
        GId(next)
    }

    /// An ended goroutine to use again, or a new one.
    fn gfget(&self, p: &P) -> Gp {
        if let Some(g) = p.take_free() {
            return g;
        }
        let mut locked = self.lock();
        if !locked.gfree.is_empty() {
            let mut own = p.gfree.borrow_mut();
            while own.len() < GFREE_HALF
                && let Some(g) = locked.gfree.pop_front()
            {
                own.push_back(g);
            }
            if let Some(g) = own.pop_front() {
                return g;
            }
        }
        drop(locked);
        let g = Gp::alloc();
        g.word.switch(IDLE, DEAD);
        let mut locked = self.lock();
        g.all_link.set(locked.all.replace(g));
        g
    }

    /// Keeps an ended goroutine for the next `go`.
    pub(super) fn gfree_put(&self, p: &P, g: Gp) {
        g.name.set(None);
        let mut own = p.gfree.borrow_mut();
        own.push_front(g);
        if own.len() >= GFREE_MAX {
            let mut locked = self.lock();
            while own.len() > GFREE_HALF
                && let Some(g) = own.pop_front()
            {
                locked.gfree.push_back(g);
            }
        }
    }
}
