//! What each key does.

use gopark_trace::Drive;

use super::action::{Effect, Launch, Source, Wish};
use super::playhead::Grain;
use super::program::Goal;
use super::{App, Cover};
use crate::charset::Charset;
use crate::theme::{Motion, Palette};

/// Lines of a page.
const PAGE: usize = 10;

impl App {
    /// Does what the viewer wishes. A wish that makes no sense now does nothing.
    pub(super) fn wish(&mut self, wish: Wish) {
        self.notice = None;
        self.dirty = true;
        match wish {
            Wish::PlayPause => self.play_pause(),
            Wish::StepForward => self.forward(Grain::Step),
            Wish::EventForward => self.forward(Grain::Event),
            Wish::StepBack => self.back(Grain::Step),
            Wish::EventBack => self.back(Grain::Event),
            Wish::Faster => self.change_tempo(true),
            Wish::Slower => self.change_tempo(false),
            Wish::Home => self.go_home(),
            Wish::End => self.go_to_end(),
            Wish::NextChapter => self.next_chapter(),
            Wish::PrevChapter => self.prev_chapter(),
            Wish::Answer(n) => self.answer(usize::from(n)),
            Wish::Skip => self.skip(),
            Wish::Explain => self.explain = !self.explain,
            Wish::SelectNext => self.select(true),
            Wish::SelectPrev => self.select(false),
            Wish::Help => self.toggle(Cover::Help),
            Wish::Legend => self.toggle(Cover::Legend),
            Wish::Output => self.toggle(Cover::Output(0)),
            Wish::Close => self.close(),
            Wish::Up => self.scroll(1, false),
            Wish::Down => self.scroll(1, true),
            Wish::PageUp => self.scroll(PAGE, false),
            Wish::PageDown => self.scroll(PAGE, true),
            Wish::Open => self.open(),
            Wish::Menu => self.open_menu(),
            Wish::Restart => self.restart(),
            Wish::OtherDrive => self.other_drive(),
            Wish::Motion => self.change_motion(),
            Wish::Theme => self.change_palette(),
            Wish::Charset => self.change_charset(),
            Wish::Repaint => self.want(Effect::Repaint),
            Wish::Suspend => self.want(Effect::Suspend),
            Wish::Quit => self.want(Effect::Quit),
        }
    }

    /// Whether a wish would do something now: only such keys stand in the footer.
    pub(super) fn can(&self, wish: Wish) -> bool {
        let (at, known) = (self.head.at, self.known());
        let more = at < known || !self.program.is_over();
        match wish {
            Wish::PlayPause => more || at > self.floor(),
            Wish::StepForward | Wish::EventForward => more,
            Wish::StepBack | Wish::EventBack | Wish::Home => at > self.floor(),
            Wish::End => at < known,
            Wish::NextChapter => {
                let later = self.track.has_more_chapters() && !self.program.is_over();
                later || self.track.next_chapter(at).is_some()
            }
            Wish::PrevChapter => self.track.prev_chapter(at).is_some(),
            Wish::Answer(n) => self.quiz.is_asking() && usize::from(n) < self.quiz.choices(),
            Wish::Skip => self.quiz.is_asking(),
            Wish::Explain => at > self.floor() || self.head.motion.is_some(),
            Wish::Output => !self.output.lines.is_empty() || self.cover != Cover::None,
            Wish::Close => self.cover != Cover::None || (self.menu_open && self.has_run()),
            Wish::Up | Wish::Down | Wish::PageUp | Wish::PageDown => match self.cover {
                Cover::Output(_) => true,
                Cover::None => self.menu_open && self.menu.len() > 1,
                Cover::Help | Cover::Legend => false,
            },
            Wish::Open => self.menu_open && !self.menu.is_empty(),
            Wish::Menu => !self.menu.is_empty(),
            Wish::Restart | Wish::OtherDrive => self.drive().is_some(),
            _ => true,
        }
    }

    fn has_run(&self) -> bool {
        self.run.id > 0
    }

    fn drive(&self) -> Option<Drive> {
        match self.run.source {
            Source::Program(drive) => Some(drive),
            Source::Recording => None,
        }
    }

    fn play_pause(&mut self) {
        self.program.try_again();
        if self.head.playing {
            self.head.playing = false;
            self.head.per_frame = 0;
            self.pause_live();
            return;
        }
        if self.quiz.is_asking() {
            self.skip();
        }
        if self.program.is_over() && self.head.at >= self.known() {
            self.jump(self.floor());
        }
        self.head.playing = true;
        self.head.hold = std::time::Duration::ZERO;
        self.head.follow |= self.program.is_live() && self.head.at >= self.known();
    }

    fn forward(&mut self, grain: Grain) {
        if self.head.playing {
            self.pause_live();
        }
        self.stop();
        if self.quiz.is_asking() {
            self.skip();
        } else if !self.begin(grain, true) {
            self.program.goal = Some(Goal::Forward(grain));
        }
    }

    fn change_tempo(&mut self, faster: bool) {
        let before = self.head.tempo;
        self.head.tempo = if faster { before.faster() } else { before.slower() };
        if self.head.tempo != before {
            self.head.hold = std::time::Duration::ZERO;
            self.send_tempo();
        }
    }

    fn go_home(&mut self) {
        self.stop();
        self.jump(self.floor());
    }

    fn go_to_end(&mut self) {
        let live = self.program.is_live() && !self.program.is_over();
        self.program.try_again();
        self.jump(self.known());
        self.head.follow = live;
        self.head.playing = live;
    }

    fn next_chapter(&mut self) {
        self.stop();
        if let Some(begin) = self.track.next_chapter(self.head.at) {
            self.jump(begin.at);
        } else {
            self.program.goal = Some(Goal::Chapter);
            self.say("looking for the next chapter");
        }
    }

    fn prev_chapter(&mut self) {
        self.stop();
        let begin = self.track.prev_chapter(self.head.at);
        self.jump(begin.map_or(0, |begin| begin.at));
    }

    /// Opens a cover, or closes it if it is open.
    fn toggle(&mut self, cover: Cover) {
        let open = std::mem::discriminant(&self.cover) == std::mem::discriminant(&cover);
        self.cover = if open { Cover::None } else { cover };
    }

    fn close(&mut self) {
        if self.cover != Cover::None {
            self.cover = Cover::None;
        } else if self.menu_open && self.has_run() {
            self.menu_open = false;
        } else if self.quiz.has_told() {
            self.quiz.forget_told();
        } else {
            self.selected = None;
        }
    }

    fn scroll(&mut self, by: usize, down: bool) {
        let lines = self.output.lines.len();
        if let Cover::Output(up) = &mut self.cover {
            *up = if down { up.saturating_sub(by) } else { (*up + by).min(lines) };
        } else if self.cover == Cover::None && self.menu_open {
            let last = self.menu.len().saturating_sub(1);
            let at = self.menu_at;
            self.menu_at = if down { (at + by).min(last) } else { at.saturating_sub(by) };
        }
    }

    fn open(&mut self) {
        if !self.menu_open {
            return;
        }
        if let Some(item) = self.menu.get(self.menu_at) {
            let name = item.name.clone();
            self.say(format!("{name} starts"));
            self.want(Effect::Launch(Launch { name, drive: Drive::Lab, seed: None }));
        }
    }

    fn open_menu(&mut self) {
        if self.menu.is_empty() {
            return;
        }
        if self.head.playing {
            self.pause_live();
            self.stop();
        }
        let here = self.menu.iter().position(|item| item.name == self.run.name);
        self.menu_at = here.unwrap_or(self.menu_at);
        self.cover = Cover::None;
        self.menu_open = true;
    }

    fn restart(&mut self) {
        if self.drive().is_some() {
            self.want(Effect::Restart);
        }
    }

    fn other_drive(&mut self) {
        let drive = match self.drive() {
            Some(Drive::Lab) => Drive::Live,
            Some(Drive::Live) => Drive::Lab,
            None => return,
        };
        let launch = Launch { name: self.run.name.clone(), drive, seed: self.run.seed };
        self.want(Effect::Launch(launch));
    }

    fn change_motion(&mut self) {
        self.theme.motion = match self.theme.motion {
            Motion::Full => Motion::Reduced,
            Motion::Reduced => Motion::Off,
            Motion::Off => Motion::Full,
        };
        if self.theme.motion == Motion::Off {
            self.finish();
        }
        self.say(match self.theme.motion {
            Motion::Full => "motion: full",
            Motion::Reduced => "motion: reduced",
            Motion::Off => "motion: off",
        });
    }

    fn change_palette(&mut self) {
        self.theme.palette = match self.theme.palette {
            Palette::Dark => Palette::Light,
            Palette::Light => Palette::HighContrast,
            Palette::HighContrast => Palette::Mono,
            Palette::Mono => Palette::Dark,
        };
        self.say(match self.theme.palette {
            Palette::Dark => "colours: dark",
            Palette::Light => "colours: light",
            Palette::HighContrast => "colours: high contrast",
            Palette::Mono => "colours: none",
        });
    }

    fn change_charset(&mut self) {
        self.theme.charset = match self.theme.charset {
            Charset::Unicode => Charset::Ascii,
            Charset::Ascii => Charset::Unicode,
        };
    }
}
