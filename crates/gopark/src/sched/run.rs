//! An M's life: look for a goroutine, run it until it gives way, look again.

use std::sync::atomic::Ordering;

use gopark_fiber::{BoundStack, Fiber, Label, Step};
use gopark_trace::event::Event;
use gopark_trace::ring::Structure;
use gopark_trace::rule::Rule;
use gopark_trace::words::{EndKind, PreemptKind, Queue, YieldKind};
use lock_api::RawMutex;

use super::find::Found;
use super::wake::stamp_room;
use super::{Ended, Sched, emit};
use crate::g::Gp;
use crate::kernel::{Commit, Park, Request, stamp, stamp_g};
use crate::lock::RawLock;
use crate::m::M;
use crate::p::{P, STACKS_PER_P};
use crate::platform::Platform;
use crate::proto::gword::{DEAD, RUNNABLE, RUNNING, WAITING};

impl<Pl: Platform> Sched<Pl> {
    /// An M from its start to the end of the run.
    pub(crate) fn m_main(&self, m: &'static M) {
        self.take_given(m);
        while let Some(found) = self.next_for(m) {
            if m.spinning.get() {
                self.reset_spinning(m);
            }
            if let Some(held) = found.g.held_by.get() {
                self.resume_held(m, held, found);
            } else if let Some(tied) = found.g.tied.get().filter(|tied| tied.id != m.id) {
                self.start_tied_m(m, tied, found);
            } else if !self.execute(m, found) {
                return;
            }
        }
    }

    /// What this M runs next (`schedule`): its tied goroutine, or whatever it finds. None when the
    /// run is over.
    fn next_for(&self, m: &'static M) -> Option<Found> {
        if let Some(found) = m.picked.take() {
            return Some(found);
        }
        if m.tied.get().is_some() {
            return self.stop_tied_m(m);
        }
        if m.p.get().is_none() {
            // It gave its P away with what it found, or came back from a call without one.
            self.stop_m(m);
            m.p.get()?;
        }
        self.find_runnable(m)
    }

    /// Runs a goroutine until it gives way (`execute`, `gogo`). False when the run is over.
    fn execute(&self, m: &'static M, found: Found) -> bool {
        self.begin_slice(m, &found);
        let (g, p) = (found.g, m.p.get().expect("a goroutine runs with a P"));
        // SAFETY: the G is RUNNING on this M, so its fiber is ours.
        let fiber = unsafe { &mut *g.fiber.get() };
        if fiber.is_none() {
            match self.first_run(m, p, g) {
                Ok(new) => *fiber = Some(new),
                Err(error) => {
                    self.fatal(m, format!("gopark: no stack for a goroutine: {error}\n"));
                    return false;
                }
            }
        }
        let fiber = fiber.as_mut().expect("just made");
        m.later();
        let step = fiber.resume(());
        // The goroutine may have been moved by its gates, but not this M: `m` is still ours.
        let request = match step {
            Step::Suspended(request) => request,
            Step::Finished => return self.go_exit(m, g),
        };
        match request {
            Request::Park(park) => self.park_m(m, g, park),
            Request::Yield(site) => self.gosched_m(m, g, site),
            Request::Preempt(site) => self.preempted_m(m, g, site),
            Request::LeaveCall(site) => {
                if let Some(found) = self.leave_call_without_p(m, g, site) {
                    return self.execute(m, found);
                }
            }
            Request::GoYield(site) => self.goyield_m(m, g, site),
            Request::Abandon => return false,
        }
        true
    }

    /// The found goroutine runs on this M from now on.
    pub(super) fn begin_slice(&self, m: &'static M, found: &Found) {
        let p = m.p.get().expect("a goroutine runs with a P");
        let g = found.g;
        // A tied goroutine always begins a slice: its M has just got the P.
        let inherits = matches!(found.from, Queue::Slot(_)) && g.tied.get().is_none();
        m.preempt.store(false, Ordering::Relaxed);
        if !inherits {
            p.tick.store(p.tick().wrapping_add(1), Ordering::Relaxed);
            p.slice_start.set(self.time_seen(m));
        }
        g.word.switch(RUNNABLE, RUNNING);
        g.since.set(self.time_seen(m));
        m.curg.set(Some(g));
        if m.recording.get() {
            let event = Event::GoStart { g: g.gid(), from: found.from, tick: p.tick() };
            let from = if inherits || g.tied.get().is_none() { found.from } else { Queue::Hand };
            let rule = Some(start_rule(p, from));
            match found.taken {
                Some(taken) => emit!(self, m, None, [stamp_g(g), taken], event, rule),
                None => emit!(self, m, None, [stamp_g(g)], event, rule),
            }
        }
    }

    /// Binds a stack: until now the goroutine was only its function.
    fn first_run(
        &self,
        m: &M,
        p: &P,
        g: Gp,
    ) -> Result<gopark_fiber::SendFiber<(), Request>, gopark_fiber::StackError> {
        let name = g.name_string();
        let label = Label { goroutine: g.id.get(), name: &name };
        let size = g.stack_size.get();
        let pooled = if size == 0 { p.stacks.borrow_mut().pop() } else { None };
        let from_pool = pooled.is_some();
        let stack: BoundStack = match pooled {
            Some(mut stack) => {
                stack.set_label(&label);
                stack
            }
            None => {
                let mut locked = self.lock();
                let size = if size == 0 { locked.stacks.default_size() } else { size };
                locked.stacks.bind(size, &label)?
            }
        };
        emit!(
            self,
            m,
            g.site.get(),
            [stamp_g(g)],
            Event::StackBind { g: g.gid(), bytes: stack.size() as u64, fresh: !from_pool },
            Rule::StackAtFirstRun { pooled: from_pool }
        );
        let entry = g.entry.take().expect("a new goroutine has something to run");
        let fiber = Fiber::new(stack, move |suspender, ()| {
            g.suspender.set(std::ptr::from_ref(suspender));
            // `entry` catches the user's panics itself: see crate::go.
            entry();
        });
        // SAFETY: the promise of `gopark::live()`: nothing thread-affine lives on a goroutine's
        // stack across a call into gopark, and only there goroutines move. The runtime's own
        // frames hold no reference into a thread-local across a switch (see crate::current). In
        // the lab there is one thread.
        Ok(unsafe { fiber.assume_send() })
    }

    /// Parks the goroutine that has just left its stack (`park_m`).
    pub(super) fn park_m(&self, m: &'static M, g: Gp, park: Park) {
        let p = m.p.get().expect("a goroutine parks with a P");
        g.wait.set(Some(park.why));
        g.shrunk.set(false);
        g.wait_on.set(park.on);
        g.since.set(self.time_seen(m));
        if m.recording.get() {
            let event = Event::GoPark { g: g.gid(), why: park.why, on: park.on };
            let of_on = park.on.zip(park.on_number).map(|(on, n)| stamp(Structure::Obj(on), n));
            match (&park.commit, of_on) {
                (&Commit::UnlockAll(held), _) => {
                    let mut stamps = vec![stamp_g(g)];
                    stamps.extend(of_on);
                    // SAFETY: it lies on the goroutine's stack, and the goroutine goes on only when
                    // the locks are released.
                    stamps.extend_from_slice(unsafe { &*(*held).stamps });
                    self.record_one(m, park.site, &stamps, &event, Some(&park.rule));
                }
                (_, Some(on)) => emit!(self, m, park.site, [stamp_g(g), on], event, park.rule),
                (_, None) => emit!(self, m, park.site, [stamp_g(g)], event, park.rule),
            }
        }
        // From here on it is whoever's holds it still; see `proto::gword`.
        g.word.switch(RUNNING, WAITING);
        m.curg.set(None);
        match park.commit {
            Commit::Nothing => {}
            // SAFETY: the goroutine locked it and did not release it: it left that to us. From
            // here on the goroutine may be woken and run elsewhere.
            Commit::Unlock(lock) => unsafe { (*lock).unlock() },
            // SAFETY: as above. Whoever wakes it after the first lock is released lets it run, but
            // it takes all of them before it leaves the frames these lie in.
            Commit::UnlockAll(held) => unsafe {
                let locks = (*held).locks;
                for i in 0..locks.len() {
                    let lock = *locks.cast::<*const RawLock>().add(i);
                    (*lock).unlock();
                }
            },
            Commit::Sleep(when) => self.arm_sleep(m, p, g, when),
            Commit::Poll(desc, dir) => {
                if !desc.commit(dir, g) {
                    // Something came in between: it is ready like any other.
                    self.ready_on(m, g, None, None);
                }
            }
        }
        self.tell_poller(m);
    }

    /// Gosched: to the tail of the global queue (`goschedImpl`).
    fn gosched_m(&self, m: &'static M, g: Gp, site: Option<gopark_trace::SiteId>) {
        g.word.switch(RUNNING, RUNNABLE);
        g.since.set(self.time_seen(m));
        let mut locked = self.lock();
        let global = locked.global.len();
        emit!(
            self,
            m,
            site,
            [locked.stamp(), stamp_g(g)],
            Event::GoYield { g: g.gid(), kind: YieldKind::Gosched, to: Queue::Global },
            Rule::GoschedToGlobal { global }
        );
        self.global_push(&mut locked, g);
        drop(locked);
        m.curg.set(None);
        self.wakep(m);
    }

    /// The goroutine saw at a call that it is to give way: because its slice is over it goes to the
    /// tail of the global queue, for a stop of the world into the own slot (`gopreempt_m`).
    fn preempted_m(&self, m: &'static M, g: Gp, site: Option<gopark_trace::SiteId>) {
        let p = m.p.get().expect("a goroutine gives way with a P");
        g.word.switch(RUNNING, RUNNABLE);
        g.since.set(self.time_seen(m));
        m.curg.set(None);
        if self.is_stopping() {
            let kind = PreemptKind::StopTheWorld;
            let rule = Some(Rule::StoppedToSlot { p: p.id });
            return self
                .runq_put(m, p, g, site, |to| (Event::GoPreempt { g: g.gid(), kind, to }, rule));
        }
        let ran = self.time_seen(m).minus(p.slice_start.get());
        let mut locked = self.lock();
        let kind = PreemptKind::Cooperative;
        emit!(
            self,
            m,
            site,
            [locked.stamp(), stamp_g(g)],
            Event::GoPreempt { g: g.gid(), kind, to: Queue::Global },
            Rule::PreemptedToGlobal { ran }
        );
        self.global_push(&mut locked, g);
        drop(locked);
        self.wakep(m);
    }

    /// goyield: to the tail of the own ring, the slot untouched (`goyield_m`).
    fn goyield_m(&self, m: &'static M, g: Gp, site: Option<gopark_trace::SiteId>) {
        let p = m.p.get().expect("a goroutine yields with a P");
        g.word.switch(RUNNING, RUNNABLE);
        g.since.set(self.time_seen(m));
        m.curg.set(None);
        let numbers = m.recording.get().then(|| [stamp_g(g), stamp_room(p)]);
        let fits = p.ring.push(g);
        if m.recording.get() {
            let to = if fits { Queue::Ring(p.id) } else { Queue::Hand };
            let event = Event::GoYield { g: g.gid(), kind: YieldKind::Handoff, to };
            let rule = Rule::HandoffToOwnRing { p: p.id };
            self.record(
                m,
                site,
                numbers.as_slice().as_flattened(),
                &mut std::iter::once((event, Some(rule))),
            );
        }
        if !fits {
            self.overflow(m, p, g, site);
        }
    }

    /// The goroutine has ended (`goexit0`, `gdestroy`). False when the run is over.
    fn go_exit(&self, m: &'static M, g: Gp) -> bool {
        let p = m.p.get().expect("a goroutine ends with a P");
        g.word.switch(RUNNING, DEAD);
        // The end of the run is the last thing that is told of it.
        if !self.is_ending() {
            emit!(
                self,
                m,
                None,
                [stamp_g(g)],
                Event::GoExit { g: g.gid(), how: g.exit.get() },
                None
            );
        }
        m.curg.set(None);
        self.gone.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the G is DEAD and still ours.
        let fiber = unsafe { (*g.fiber.get()).take() };
        g.suspender.set(std::ptr::null());
        if let Some(fiber) = fiber {
            self.keep_stack(p, fiber.into_stack());
        }
        let tied = g.tied.take().is_some();
        self.gfree_put(p, g);
        if tied && !self.is_ending() {
            self.exit_m(m);
            return false;
        }
        !self.is_ending()
    }

    /// Keeps a stack for the next goroutine, warm; those above the limit go to the pool of all.
    fn keep_stack(&self, p: &P, stack: BoundStack) {
        let mut own = p.stacks.borrow_mut();
        if stack.size() != self.stack_size {
            self.lock().stacks.give_back(stack);
            return;
        }
        if own.len() == STACKS_PER_P {
            // Half of them at once, so that a P at the limit does not take the lock each time.
            let mut locked = self.lock();
            own.drain(..STACKS_PER_P / 2).for_each(|stack| locked.stacks.give_back(stack));
        }
        own.push(stack);
    }

    /// Ends the run with an error that cannot be recovered.
    pub(super) fn fatal(&self, m: &'static M, text: String) {
        self.finish(m, Ended { how: EndKind::Fatal, text, rule: None });
    }
}

fn start_rule(p: &P, from: Queue) -> Rule {
    let tick = p.tick();
    match from {
        Queue::Slot(_) => Rule::SlotFirst { tick },
        // The one that runs was in the ring too.
        Queue::Ring(_) => Rule::RingFifo { ring: p.ring.len() as u32 + 1, tick },
        _ => Rule::RunsFromHand { tick },
    }
}
