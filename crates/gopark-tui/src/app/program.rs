//! What the program does, as far as the app knows, and what to ask of it next.
//!
//! In the lab a program runs ahead of the playhead only on demand: one decision when the viewer
//! steps past what is known, a little more while the stage plays. In live it runs by itself, and
//! stands while the viewer has paused it. A command is sent only to a program that stands, but for
//! a pause and a tempo; so each command is answered by one pause.

use std::time::Duration;

use gopark_trace::Drive;
use gopark_trace::protocol::Command;

use super::action::{Effect, News, Source};
use super::playhead::Grain;
use super::{App, NOT_YET, Tempo};

/// Records a lab program is ahead while the stage plays at x1 or slower.
const AHEAD: f32 = 64.0;
/// Records it is ahead at the tempo that is as fast as it goes.
const MOST_AHEAD: u64 = 1 << 16;
/// Records it runs on in the search for the next chapter.
const SEARCH: u64 = 256;

/// What the viewer waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Goal {
    /// A step of this grain.
    Forward(Grain),
    /// The next chapter.
    Chapter,
}

/// What the program does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    /// It is not there yet.
    #[default]
    Starting,
    /// It stands and obeys.
    Idle,
    /// It runs, or has been told to.
    Busy,
    /// Nothing will follow.
    Over,
}

/// What is known of the program.
#[derive(Debug, Clone, Default)]
pub(super) struct Program {
    state: State,
    /// Which drive moves it; none for a recording.
    drive: Option<Drive>,
    /// What was known when it was last asked to go on.
    asked_at: Option<u64>,
    /// What was known when it last stood: up to there every step is whole.
    whole: u64,
    /// The last time it was asked to go on, nothing happened.
    dry: bool,
    /// What the viewer waits for.
    pub(super) goal: Option<Goal>,
    /// How it ended, for the viewer.
    pub(super) ended: String,
}

impl Program {
    /// One that was just begun.
    pub(super) fn starting(source: Source) -> Self {
        let drive = match source {
            Source::Program(drive) => Some(drive),
            Source::Recording => None,
        };
        Self { drive, ..Self::default() }
    }

    /// Whether nothing will follow.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Whether nothing that follows can belong to a step that ends at `to`, the end of what is
    /// known.
    pub(super) fn is_whole(&self, to: u64) -> bool {
        to <= self.whole || self.is_over() || self.is_live()
    }

    /// Whether it runs by itself.
    pub(super) fn is_live(&self) -> bool {
        self.drive == Some(Drive::Live)
    }

    /// Whether it may be further than what is known.
    fn runs_ahead(&self) -> bool {
        self.drive == Some(Drive::Lab) && self.state == State::Busy
    }

    /// The viewer wants something anew.
    pub(super) fn try_again(&mut self) {
        self.goal = None;
        self.dry = false;
    }
}

impl App {
    /// Takes news of the present run.
    pub(super) fn news(&mut self, news: News) {
        self.dirty = true;
        match news {
            News::Connected => self.connected(),
            News::Records(records) => self.take(records),
            News::Paused { .. } => {
                let known = self.known();
                let program = &mut self.program;
                if !program.is_over() {
                    program.dry = program.asked_at == Some(known);
                    program.whole = known;
                    program.state = State::Idle;
                    self.output.stands(known);
                }
            }
            News::Running if self.program.is_over() => {}
            News::Running => self.program.state = State::Busy,
            News::Output(line) => {
                let ahead = self.program.runs_ahead();
                let known = if ahead { NOT_YET } else { self.known() };
                self.output.push(line, known);
            }
            News::Ended { how, well } => self.ended(how, well),
            News::Failed(why) => self.ended(why, false),
        }
    }

    /// The program is there. A live one is let go at once; one in the lab says that it stands.
    fn connected(&mut self) {
        if self.program.is_live() && self.program.state == State::Starting {
            self.program.state = State::Idle;
            if !self.head.tempo.is_max() {
                self.send_tempo();
            }
            self.head.playing = true;
            self.head.follow = true;
        }
    }

    fn ended(&mut self, how: String, well: bool) {
        self.program.state = State::Over;
        if !well && !how.is_empty() {
            self.say(how.clone());
        }
        self.program.ended = how;
        let known = self.known();
        self.output.stands(known);
        // What ended without a decision has its beginning at its end.
        self.home.get_or_insert(known);
    }

    /// Brings everything to rest after a change: does what the viewer waits for if it can be done
    /// now, and asks the program for what is missing.
    pub(super) fn settle(&mut self) {
        if self.head.at < self.floor() && self.head.motion.is_none() {
            self.head.at = self.floor();
            self.dirty = true;
        }
        let goal = self.program.goal;
        match goal {
            Some(Goal::Forward(grain)) if self.begin(grain, true) => self.program.goal = None,
            Some(Goal::Chapter) => self.seek_next_chapter(),
            _ => {}
        }
        if self.program.is_over() {
            self.give_up();
            if self.head.playing && self.head.at >= self.known() && self.head.motion.is_none() {
                self.head.playing = false;
                self.head.per_frame = 0;
                self.dirty = true;
            }
        } else if self.program.state == State::Idle {
            match self.program.drive {
                Some(Drive::Lab) => self.ask_lab(),
                Some(Drive::Live) => self.ask_live(),
                None => {}
            }
        }
    }

    /// Nothing will follow: what the viewer waits for will not come.
    fn give_up(&mut self) {
        match self.program.goal.take() {
            Some(Goal::Forward(_)) => self.say_end(),
            Some(Goal::Chapter) => self.say("there is no further chapter"),
            None => {}
        }
    }

    fn say_end(&mut self) {
        let ended = self.program.ended.clone();
        self.say(if ended.is_empty() {
            "this is the end: home or ← goes back".to_owned()
        } else {
            ended
        });
    }

    fn ask_lab(&mut self) {
        let known = self.known();
        let ahead = ahead(self.head.tempo);
        let near = known.saturating_sub(self.head.at) < ahead / 2;
        let command = match self.program.goal {
            _ if self.home.is_none() => Command::Step { decisions: 1 },
            Some(Goal::Forward(_)) => Command::Step { decisions: 1 },
            Some(Goal::Chapter) => Command::RunToSeq { seq: known + SEARCH },
            None if self.head.playing && near => Command::RunToSeq { seq: known + ahead },
            None => return,
        };
        if !self.program.dry {
            return self.ask(command);
        }
        self.home.get_or_insert(known);
        if self.program.goal.take().is_some() || (self.head.playing && !self.can_advance()) {
            self.head.playing = false;
            self.say("nothing moves in the program; → tries again");
        }
    }

    fn ask_live(&mut self) {
        if self.head.playing && self.head.follow {
            return self.ask(Command::Run {});
        }
        let wants = matches!(self.program.goal, Some(Goal::Forward(_)));
        if wants && !self.program.dry {
            self.ask(Command::Step { decisions: 1 });
        } else if wants {
            self.program.goal = None;
            self.say("nothing moves in the program; → tries again");
        }
    }

    fn ask(&mut self, command: Command) {
        self.program.state = State::Busy;
        self.program.asked_at = Some(self.known());
        self.want(Effect::Send(command));
    }

    /// Makes a live program stand.
    pub(super) fn pause_live(&mut self) {
        if self.program.is_live() && self.program.state == State::Busy {
            self.want(Effect::Send(Command::Pause {}));
        }
    }

    /// Tells a live program the tempo of the stage.
    pub(super) fn send_tempo(&mut self) {
        if self.program.is_live() && !self.program.is_over() {
            let decisions_per_s = self.head.tempo.decisions_per_s();
            self.want(Effect::Send(Command::Tempo { decisions_per_s }));
        }
    }

    /// The playing stage has come to the end of what is known.
    pub(super) fn run_dry(&mut self) {
        self.head.follow |= self.program.is_live();
        self.head.hold = Duration::ZERO;
    }

    /// Goes to the next chapter if it is known where it begins.
    fn seek_next_chapter(&mut self) {
        if let Some(begin) = self.track.next_chapter(self.head.at) {
            self.program.goal = None;
            self.notice = None;
            self.jump(begin.at);
        } else if !self.track.has_more_chapters() {
            self.program.goal = None;
            self.say("this is the last chapter");
        }
    }
}

/// How many records a lab program is ahead of a playing stage.
fn ahead(tempo: Tempo) -> u64 {
    if tempo.is_max() { MOST_AHEAD } else { (AHEAD * tempo.factor().max(1.0)) as u64 }
}
