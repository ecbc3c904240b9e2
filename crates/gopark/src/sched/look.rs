//! The start of a run as events, and the whole state as a snapshot, with the world stopped.

use std::collections::BTreeMap;
use std::sync::Weak;
use std::sync::atomic::Ordering;

use gopark_trace::event::Event;
use gopark_trace::ids::{GId, LockId, Nanos, Obj, PId};
use gopark_trace::ring::Structure;
use gopark_trace::rule::Rule;
use gopark_trace::snapshot::{GSnap, LockSnap, MSnap, PSnap, Snapshot, TimerSnap};
use gopark_trace::words::{Drive, GStatus, TimerKind};

use super::end::all_gs;
use super::{Locked, Sched, Setup};
use crate::g::Gp;
use crate::m::M;
use crate::platform::Platform;
use crate::proto::gword::{RUNNING, SYSCALL, WAITING};
use crate::timers::ZOMBIE;
use crate::timers::heap::Who;

impl<Pl: Platform> Sched<Pl> {
    /// The start of the run, its Ps and its first M.
    pub(super) fn emit_run_start(&self, m0: &M, locked: &mut Locked, setup: &Setup) {
        if !m0.recording.get() {
            return;
        }
        let start = Event::RunStart {
            drive: if Pl::LAB { Drive::Lab } else { Drive::Live },
            seed: setup.seed,
            procs: setup.procs as u32,
            program: setup.program.clone(),
            step_ns: setup.step.0,
        };
        let rule = Rule::RunBegins { procs: setup.procs as u32 };
        let ps = (0..setup.procs).map(|i| (Event::PNew { p: PId(i as u32) }, None));
        let m0_start = Event::MStart { m: m0.id, p: Some(PId(0)), spinning: false };
        let events = std::iter::once((start, Some(rule))).chain(ps).chain([(m0_start, None)]);
        self.record(m0, None, &[locked.stamp()], &mut { events });
    }

    /// The whole state, and the numbers the next events of each structure will have, to put a live
    /// trace in order from here on. Only with every M at a gate.
    pub(crate) fn snapshot(&self) -> (Snapshot, Vec<(Structure, u64)>) {
        let locked = self.lock();
        let gs = |list: &[Gp]| -> Vec<GId> { list.iter().map(|g| g.gid()).collect() };
        let mut state = Snapshot {
            global: locked.global.iter().map(|g| g.gid()).collect(),
            idle_ms: locked.idle_ms.iter().map(|m| m.id).collect(),
            idle_ps: locked.idle_ps.iter().map(|p| p.id).collect(),
            spinning: self.spinning.count(),
            needspinning: self.needspinning.load(Ordering::Relaxed),
            ended: self.gone.load(Ordering::Relaxed),
            ..Snapshot::default()
        };
        let mut numbers = Vec::new();
        for p in self.all_ps() {
            let timers = p.timers.lock();
            for (timer, number) in timers.iter().map(|(who, when)| timer_snap(p.id, who, when)) {
                state.timers.extend(timer);
                numbers.push(number);
            }
            drop(timers);
            state.ps.push(PSnap {
                p: p.id,
                m: None,
                slot: p.slot.get().map(|g| g.gid()),
                ring: gs(&p.ring.look()),
                tick: p.tick(),
                slice_start: p.slice_start.get(),
            });
        }
        for m in self.all_ms(&locked) {
            let p = m.p.get().map(|p| p.id);
            if let Some(PId(p)) = p {
                state.ps[p as usize].m = Some(m.id);
            }
            state.ms.push(MSnap {
                m: m.id,
                p,
                // One that is suspended with its M is in a queue, and told of with itself.
                g: m.curg.get().filter(|g| g.held_by.get().is_none()).map(|g| g.gid()),
                hand: Vec::new(),
                spinning: m.spinning.get(),
                polling: false,
                next_p: m.next_p.get().map(|p| p.id),
            });
        }
        state.gs = self.alive_gs(&locked).map(g_snap).collect();
        state.gs.sort_by_key(|g| g.g);
        drop(locked);
        let mut things = self.things.lock();
        things.retain(|thing| thing.strong_count() > 0);
        let of_things = things.iter().filter_map(Weak::upgrade).map(|thing| thing.look(&mut state));
        numbers.extend(of_things);
        drop(things);
        look_at_locks(&mut state);
        // A descriptor gives two numbers: it is opened, it is closed.
        let fds = self.netpoll.open_fds();
        numbers.extend(fds.into_iter().map(|fd| (Structure::Obj(Obj::Fd(fd)), 1)));
        numbers.extend(self.numbers());
        (state, numbers)
    }

    fn numbers(&self) -> Vec<(Structure, u64)> {
        let locked = self.lock();
        let mut base = vec![
            (Structure::Sched, u64::from(locked.events)),
            (Structure::Spin, u64::from(self.spinning.changes())),
        ];
        for p in self.all_ps() {
            base.push((Structure::P(p.id), u64::from(p.events.load(Ordering::Relaxed))));
            base.push((Structure::Slot(p.id), u64::from(p.slot.changes())));
            base.push((Structure::Ring(p.id), u64::from(p.ring.taken())));
        }
        for g in self.alive_gs(&locked) {
            base.push((Structure::G(g.gid()), u64::from(g.events.load(Ordering::Relaxed))));
            base.push((Structure::Obj(Obj::Go(g.gid())), u64::from(g.select.wins())));
        }
        // The timer of a G that ended is used again with it.
        base.extend(all_gs(&locked).filter(|g| g.timer.get().0 != 0).map(sleep_number));
        base
    }
}

/// A timer in the heap of a P, and the number its next event will have; only the number of one that
/// is stopped.
fn timer_snap(p: PId, who: Who, when: Nanos) -> (Option<TimerSnap>, (Structure, u64)) {
    match who {
        Who::Sleeper(g) => {
            let (timer, kind, g_id) = (g.timer.get(), TimerKind::Sleep, Some(g.gid()));
            (Some(TimerSnap { timer, p, when, kind, g: g_id }), sleep_number(g))
        }
        Who::Timer(timer) => {
            let held = timer.lock();
            let (id, when, kind, g) = (held.id, held.when, timer.kind(&held), held.g);
            let set = (!held.is(ZOMBIE)).then_some(TimerSnap { timer: id, p, when, kind, g });
            (set, held.number())
        }
    }
}

fn sleep_number(g: Gp) -> (Structure, u64) {
    (Structure::Obj(Obj::Timer(g.timer.get())), g.timer_events.get().into())
}

/// A lock may lie anywhere, so a snapshot knows it by those who wait for it, the longest first; who
/// holds it is not known.
fn look_at_locks(state: &mut Snapshot) {
    let mut waiting: Vec<_> = state.gs.iter().filter(|g| g.status == GStatus::Waiting).collect();
    waiting.sort_by_key(|g| g.since);
    let mut locks: BTreeMap<LockId, Vec<GId>> = BTreeMap::new();
    for g in waiting {
        if let Some(Obj::Lock(lock)) = g.on {
            locks.entry(lock).or_default().push(g.g);
        }
    }
    let snaps = locks.into_iter().map(|(lock, waiters)| LockSnap {
        lock,
        name: None,
        owner: None,
        waiters,
        starving: false,
    });
    state.locks = snaps.collect();
}

fn g_snap(g: Gp) -> GSnap {
    let name = g.name_string();
    GSnap {
        g: g.gid(),
        parent: g.parent.get(),
        name: (!name.is_empty()).then_some(name),
        site: g.site.get(),
        status: match g.word.get() {
            RUNNING => GStatus::Running,
            SYSCALL => GStatus::Syscall,
            WAITING => GStatus::Waiting,
            _ => GStatus::Runnable,
        },
        wait: g.wait.get(),
        on: g.wait_on.get(),
        since: g.since.get(),
        locked_to: g.tied.get().map(|m| m.id),
        held_by: g.held_by.get().map(|m| m.id),
    }
}
