//! How a run ends: main returns, everybody sleeps, or somebody fails; in Go's words.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use gopark_trace::event::Event;
use gopark_trace::ids::GId;
use gopark_trace::rule::Rule;
use gopark_trace::words::EndKind;

use super::{Locked, Sched};
use crate::g::Gp;
use crate::m::M;
use crate::platform::Platform;
use crate::proto::gword::{DEAD, IDLE, RUNNING, SYSCALL, WAITING};

/// How a run ended.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    /// The kind of end.
    pub(crate) how: EndKind,
    /// What Go would print, for a failure.
    pub(crate) text: String,
    /// The rule.
    pub(crate) rule: Option<Rule>,
}

impl<Pl: Platform> Sched<Pl> {
    /// Whether nobody will ever run again (`checkdead`); called when an M goes idle. An M that
    /// waits for a timer is not idle, so a run with timers is never dead.
    pub(super) fn check_dead(&self, locked: &mut Locked) -> Option<Ended> {
        if locked.asleep() < i64::from(locked.ms) {
            return None;
        }
        let waiting = self.alive_gs(locked).filter(|g| g.word.get() == WAITING).count() as u32;
        if waiting == 0 {
            return Some(Ended {
                how: EndKind::NoGoroutines,
                text: "fatal error: no goroutines (main called runtime.Goexit) - deadlock!\n"
                    .to_owned(),
                rule: Some(Rule::NoneLeft {}),
            });
        }
        let mut text = "fatal error: all goroutines are asleep - deadlock!\n".to_owned();
        text.push_str(&self.dump(locked));
        Some(Ended { how: EndKind::Deadlock, text, rule: Some(Rule::AllAsleep { waiting }) })
    }

    /// Ends the run. The first end counts.
    pub(crate) fn finish(&self, m: &M, ended: Ended) {
        let mut locked = self.lock();
        if locked.ended.is_some() {
            return;
        }
        if m.recording.get() {
            let stamp = locked.stamp();
            let event = Event::RunEnd { how: ended.how, text: ended.text.clone() };
            self.record(m, None, &[stamp], &mut std::iter::once((event, ended.rule.clone())));
        }
        locked.ended = Some(ended);
        drop(locked);
        self.ending.store(true, Ordering::Release);
        self.pl.ended(self);
    }

    /// How the run ended, if it has.
    pub(crate) fn how_ended(&self) -> Option<Ended> {
        self.lock().ended.clone()
    }

    /// Wakes every M that sleeps, also those nobody needed yet: the run is over.
    pub(crate) fn wake_all(&self) {
        let locked = self.lock();
        self.table(&locked).iter().for_each(|m| m.note.wake_at_end());
    }

    /// Every goroutine of the run that has not ended.
    pub(super) fn alive_gs(&self, locked: &Locked) -> impl Iterator<Item = Gp> + use<Pl> {
        all_gs(locked).filter(|g| !matches!(g.word.get(), IDLE | DEAD))
    }

    /// As [`Sched::dump`], for somebody who is no M.
    pub(crate) fn dump_all(&self) -> String {
        self.dump(&self.lock())
    }

    /// All goroutines in Go's header form, main first, each with the line of its last call into the
    /// runtime: for one that waits, that is where it waits.
    pub(super) fn dump(&self, locked: &Locked) -> String {
        let mut gs: Vec<Gp> = self.alive_gs(locked).collect();
        gs.sort_by_key(|g| g.gid());
        let mut text = String::new();
        for g in gs {
            let status = match (g.word.get(), g.wait.get()) {
                (WAITING, Some(why)) => why.text(),
                (RUNNING, _) => "running",
                (SYSCALL, _) => "syscall",
                _ => "runnable",
            };
            let tied = if g.tied.get().is_some() { ", locked to thread" } else { "" };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "\ngoroutine {} [{status}{tied}]:", g.id.get());
            let name = g.name_string();
            if !name.is_empty() {
                let _ = writeln!(text, "\t{name}");
            }
            if let Some(at) = g.at.get() {
                let _ = writeln!(text, "\t{}:{}", at.file(), at.line());
            }
            if let Some(GId(parent)) = g.parent.get() {
                let _ = match g.made_at.get() {
                    Some(at) => {
                        let (file, line) = (at.file(), at.line());
                        writeln!(text, "created by {file}:{line} in goroutine {parent}")
                    }
                    None => writeln!(text, "created in goroutine {parent}"),
                };
            }
        }
        text
    }
}

/// Every G of the run, those that ended too.
pub(super) fn all_gs(locked: &Locked) -> impl Iterator<Item = Gp> + use<> {
    std::iter::successors(locked.all, |g| g.all_link.get())
}
