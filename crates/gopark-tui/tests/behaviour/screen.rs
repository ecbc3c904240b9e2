//! The stage on a screen that only remembers: what is written, when, and that it is given back.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use gopark_tui::app::{Action, News, Wish};
use gopark_tui::term::{ExitStatus, Input, Options, Screen, Signal, Stage, TermError, run_on};
use gopark_tui::theme::Depth;
use gopark_tui::{App, Theme};
use ratatui::crossterm::event::{
    KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEvent, MouseEventKind,
};
use ratatui::layout::Size;

use crate::run::{Bench, stealing};

/// What happened to a screen.
#[derive(Debug, Default)]
struct Seen {
    frames: Vec<Vec<u8>>,
    entered: u32,
    left: u32,
    /// Written while the screen was not taken.
    outside: u32,
    fail: Option<io::ErrorKind>,
    size: Size,
}

#[derive(Debug, Clone, Default)]
struct Paper(Rc<RefCell<Seen>>);

impl Paper {
    fn new(width: u16, height: u16) -> Self {
        let paper = Self::default();
        paper.0.borrow_mut().size = Size { width, height };
        paper
    }

    fn frames(&self) -> usize {
        self.0.borrow().frames.len()
    }

    fn taken(&self) -> bool {
        let seen = self.0.borrow();
        seen.entered > seen.left
    }

    fn last(&self) -> String {
        let seen = self.0.borrow();
        String::from_utf8(seen.frames.last().cloned().unwrap_or_default()).expect("UTF-8")
    }
}

impl Screen for Paper {
    fn enter(&mut self, _: bool) -> io::Result<()> {
        self.0.borrow_mut().entered += 1;
        Ok(())
    }

    fn leave(&mut self) {
        if self.taken() {
            self.0.borrow_mut().left += 1;
        }
    }

    fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        let taken = self.taken();
        let mut seen = self.0.borrow_mut();
        seen.outside += u32::from(!taken);
        seen.frames.push(frame.to_vec());
        seen.fail.map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn size(&self) -> io::Result<Size> {
        Ok(self.0.borrow().size)
    }
}

fn key(code: KeyCode) -> Input {
    Input::Key(KeyEvent::new(code, KeyModifiers::NONE))
}

fn options() -> Options {
    Options::new(|_| {}, || {})
}

/// A stage with a clock that the test moves.
struct Scripted<'a> {
    stage: Stage<'a, Paper>,
    paper: Paper,
    now: Instant,
}

impl<'a> Scripted<'a> {
    fn new(app: &'a mut App, options: Options) -> Self {
        let paper = Paper::new(80, 24);
        let now = Instant::now();
        let stage = Stage::enter(app, paper.clone(), options, now).expect("a screen");
        let mut scripted = Self { stage, paper, now };
        scripted.turn();
        scripted
    }

    fn turn(&mut self) {
        self.stage.turn(self.now).expect("a screen");
    }

    fn feed(&mut self, input: Input) {
        self.stage.feed(input, self.now).expect("a screen");
    }

    /// Does what is due until `time` has passed; says how many frames were written.
    fn pass(&mut self, time: Duration) -> usize {
        let before = self.paper.frames();
        let end = self.now + time;
        while let Some(due) = self.stage.deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.turn();
        }
        self.now = end;
        self.paper.frames() - before
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_stage_at_rest_is_silent_and_asleep() {
    let mut bench = Bench::recording(stealing(3), None);
    let mut stage = Scripted::new(&mut bench.app, options());
    assert_eq!(stage.paper.frames(), 1, "the first frame");
    assert_eq!(stage.stage.deadline(), None, "it sleeps until something comes");
    assert_eq!(stage.pass(3600 * SECOND), 0);
}

#[test]
fn a_paused_stage_is_silent_in_the_middle_of_a_step() {
    let mut bench = Bench::recording(stealing(3), None);
    let mut stage = Scripted::new(&mut bench.app, options());
    stage.feed(key(KeyCode::Char(' ')));
    assert!(stage.pass(SECOND / 2) > 5);
    stage.feed(key(KeyCode::Char(' ')));
    stage.pass(SECOND / 10);
    assert_eq!(stage.stage.deadline(), None);
    assert_eq!(stage.pass(3600 * SECOND), 0);
}

#[test]
fn what_changes_nothing_on_the_screen_writes_nothing() {
    let mut bench = Bench::recording(stealing(3), None);
    let mut stage = Scripted::new(&mut bench.app, options());
    for _ in 0..5 {
        stage.feed(key(KeyCode::Left));
        assert_eq!(stage.pass(SECOND), 0, "there is nothing before the beginning");
        stage.feed(key(KeyCode::F(5)));
        assert_eq!(stage.pass(SECOND), 0, "a key without meaning");
    }
}

#[test]
fn a_frame_is_one_write_and_there_are_no_more_than_asked_for() {
    let mut bench = Bench::recording(stealing(40), None);
    let mut stage = Scripted::new(&mut bench.app, Options { fps: 20, ..options() });
    stage.pass(SECOND);
    stage.feed(key(KeyCode::Char(' ')));
    let frames = stage.pass(5 * SECOND);
    assert!((20..=101).contains(&frames), "{frames}");
    let seen = stage.paper.0.borrow();
    let begins = |frame: &Vec<u8>| {
        let text = String::from_utf8_lossy(frame);
        (text.matches("\x1b[?2026h").count(), text.matches("\x1b[?2026l").count())
    };
    assert!(seen.frames.iter().all(|frame| begins(frame) == (1, 1)), "each write is a whole frame");
    let bytes: usize = seen.frames.iter().skip(1).map(Vec::len).sum();
    assert!(bytes / frames < 1500, "{} bytes a frame", bytes / frames);
}

#[test]
fn an_input_is_drawn_at_once() {
    let mut bench = Bench::recording(stealing(3), None);
    let mut stage = Scripted::new(&mut bench.app, options());
    stage.pass(SECOND);
    stage.feed(key(KeyCode::Char('?')));
    stage.turn();
    assert_eq!(stage.paper.frames(), 2);
}

#[test]
fn a_storm_of_inputs_and_sizes_is_one_frame() {
    let mut bench = Bench::recording(stealing(3), None);
    let mut stage = Scripted::new(&mut bench.app, options());
    stage.pass(SECOND);
    for width in 60..100 {
        stage.feed(Input::Resize(width, 30));
        stage.feed(key(KeyCode::Char('t')));
    }
    assert_eq!(stage.pass(SECOND), 1);
    assert!(stage.paper.last().starts_with("\x1b[0m\x1b[2J\x1b[?2026h"), "cleared, not inside");
}

#[test]
fn a_size_that_did_not_change_asks_for_everything_anew() {
    let mut bench = Bench::recording(stealing(3), None);
    let mut stage = Scripted::new(&mut bench.app, options());
    let first = stage.paper.last();
    stage.feed(Input::Resize(80, 24));
    assert_eq!(stage.pass(SECOND), 1);
    assert_eq!(stage.paper.last(), first);
    stage.feed(Input::Key(KeyEvent::new(KeyCode::Char('l'), KeyModifiers::CONTROL)));
    assert_eq!(stage.pass(SECOND), 1);
    assert_eq!(stage.paper.last(), first);
}

#[test]
fn without_the_bracket_there_is_no_bracket() {
    let mut bench = Bench::recording(stealing(3), None);
    let stage = Scripted::new(&mut bench.app, Options { sync: false, ..options() });
    assert!(!stage.paper.last().contains("2026"));
}

#[test]
fn without_colours_no_colour_is_sent_and_the_rest_stays() {
    let mut bench = Bench::recording(stealing(3), None);
    bench.app.set_theme(Theme { depth: Depth::Mono, ..Theme::default() });
    let mut stage = Scripted::new(&mut bench.app, options());
    for _ in 0..4 {
        stage.feed(key(KeyCode::Right));
        stage.pass(SECOND * 3);
    }
    let seen = stage.paper.0.borrow();
    let text = String::from_utf8_lossy(&seen.frames.concat()).into_owned();
    assert!(!text.contains("38;") && !text.contains("48;"), "a colour");
    assert!(text.contains("\x1b[1m") && text.contains("\x1b[7m"), "bold and reversed");
}

#[test]
fn absurd_sizes_are_survived() {
    let mut bench = Bench::recording(stealing(3), None);
    let mut stage = Scripted::new(&mut bench.app, options());
    for (width, height) in [(0, 0), (1, 1), (u16::MAX, 1), (1, u16::MAX), (80, 24)] {
        stage.feed(Input::Resize(width, height));
        stage.feed(key(KeyCode::Right));
        stage.pass(SECOND * 2);
    }
}

#[test]
fn released_keys_do_nothing() {
    let mut bench = Bench::recording(stealing(3), None);
    let mut stage = Scripted::new(&mut bench.app, options());
    let mut event = KeyEvent::new(KeyCode::Char('q'), KeyModifiers::NONE);
    event.kind = KeyEventKind::Release;
    stage.feed(Input::Key(event));
    assert_eq!(stage.stage.exit(), None);
    event.kind = KeyEventKind::Repeat;
    stage.feed(Input::Key(event));
    assert_eq!(stage.stage.exit(), Some(ExitStatus::Quit));
}

#[test]
fn the_wheel_goes_through_events_and_through_lists() {
    let mut bench = Bench::recording(stealing(3), None);
    let mut stage = Scripted::new(&mut bench.app, options());
    let wheel = |kind| {
        let modifiers = KeyModifiers::NONE;
        Input::Mouse(MouseEvent { kind, column: 1, row: 1, modifiers })
    };
    stage.feed(wheel(MouseEventKind::ScrollDown));
    stage.feed(wheel(MouseEventKind::ScrollDown));
    stage.pass(SECOND * 3);
    assert_eq!(stage.stage.app().at(), 8);
    stage.feed(wheel(MouseEventKind::ScrollUp));
    stage.feed(wheel(MouseEventKind::Moved));
    assert_eq!(stage.stage.app().at(), 7);
    stage.feed(key(KeyCode::Char('o')));
    stage.feed(wheel(MouseEventKind::ScrollDown));
    assert_eq!(stage.stage.app().at(), 7, "the list takes it");
}

#[test]
fn a_step_on_the_clock_takes_as_long_as_it_says() {
    let records = stealing(3);
    let length = gopark_tui::app::step_time(&records[6..7]);
    let mut bench = Bench::recording(records, None);
    let mut stage = Scripted::new(&mut bench.app, options());
    stage.pass(SECOND * 10);
    stage.feed(key(KeyCode::Right));
    stage.pass(length - SECOND / 10);
    assert_eq!(stage.stage.app().at(), 6);
    stage.pass(SECOND / 5);
    assert_eq!(stage.stage.app().at(), 7);
    assert_eq!(stage.stage.deadline(), None);
}

#[test]
fn what_the_app_wants_of_others_is_handed_on() {
    let sent = Rc::new(RefCell::new(Vec::new()));
    let log = Rc::clone(&sent);
    let mut bench = Bench::lab(stealing(3), None);
    bench.step();
    let performing = Options::new(move |effect| log.borrow_mut().push(effect), || {});
    let mut stage = Scripted::new(&mut bench.app, performing);
    stage.feed(key(KeyCode::Right));
    stage.feed(key(KeyCode::Char('r')));
    assert_eq!(format!("{:?}", sent.borrow()), "[Send(Step { decisions: 1 }), Restart]");
}

#[test]
fn news_wake_a_stage_that_waits() {
    let records = stealing(30);
    let mut bench = Bench::lab(records.clone(), None);
    let mut stage = Scripted::new(&mut bench.app, options());
    stage.feed(key(KeyCode::Char(' ')));
    stage.pass(20 * SECOND);
    assert_eq!(stage.stage.app().at(), 7, "all that is known");
    assert_eq!(stage.stage.deadline(), None, "nothing to do but wait");
    let news = News::Records(records[7..60].to_vec());
    stage.feed(Input::Action(Action::News { run: 1, news }));
    assert!(stage.pass(5 * SECOND) > 20);
    assert!(stage.stage.app().at() > 7);
}

#[test]
fn it_stops_for_a_while_with_the_terminal_given_back() {
    for input in [
        Input::Signal(Signal::Tstp),
        Input::Key(KeyEvent::new(KeyCode::Char('z'), KeyModifiers::CONTROL)),
    ] {
        let mut bench = Bench::recording(stealing(3), None);
        let paper = Paper::new(80, 24);
        let watch = paper.clone();
        let stops = Rc::new(RefCell::new(0));
        let count = Rc::clone(&stops);
        let suspend = move || {
            assert!(!watch.taken(), "given back before it stops");
            *count.borrow_mut() += 1;
        };
        let now = Instant::now();
        let options = Options::new(|_| {}, suspend);
        let mut stage =
            Stage::enter(&mut bench.app, paper.clone(), options, now).expect("a screen");
        stage.turn(now).expect("a screen");
        stage.feed(input, now + SECOND).expect("a screen");
        assert_eq!(*stops.borrow(), 1);
        assert!(paper.taken());
        stage.turn(now + SECOND).expect("a screen");
        assert_eq!(paper.frames(), 2);
        assert!(paper.last().contains("\x1b[2J"), "all of it is drawn anew");
        stage.feed(Input::Signal(Signal::Cont), now + SECOND * 2).expect("a screen");
        stage.turn(now + SECOND * 2).expect("a screen");
        assert_eq!((paper.frames(), paper.taken()), (3, true));
        drop(stage);
        assert_eq!((paper.taken(), paper.0.borrow().outside), (false, 0));
    }
}

#[test]
fn a_time_away_is_no_time_watched() {
    let mut bench = Bench::recording(stealing(3), None);
    let mut stage = Scripted::new(&mut bench.app, options());
    stage.feed(key(KeyCode::Right));
    stage.pass(SECOND / 10);
    stage.now += 3600 * SECOND;
    stage.turn();
    assert_eq!(stage.stage.app().at(), 6);
}

// ---- the loop ----

/// Runs the loop over a script; gives its end and what was on the screen.
fn run(app: &mut App, script: Vec<Input>) -> (Result<ExitStatus, TermError>, Paper) {
    let paper = Paper::new(80, 24);
    let (send, inputs) = mpsc::channel();
    script.into_iter().for_each(|input| send.send(input).expect("a channel"));
    drop(send);
    (run_on(app, paper.clone(), &inputs, options()), paper)
}

#[test]
fn the_loop_ends_when_asked_and_gives_the_screen_back() {
    for (input, status) in [
        (key(KeyCode::Char('q')), ExitStatus::Quit),
        (Input::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), ExitStatus::Quit),
        (Input::Signal(Signal::Term), ExitStatus::Signal(Signal::Term)),
        (Input::Signal(Signal::Hup), ExitStatus::Signal(Signal::Hup)),
        (Input::Closed, ExitStatus::Closed),
    ] {
        let mut app = App::new(Theme::default(), Vec::new());
        let (ended, paper) = run(&mut app, vec![key(KeyCode::Char('?')), input]);
        assert_eq!(ended.expect("no error"), status);
        assert!(!paper.taken());
    }
}

#[test]
fn the_loop_ends_when_nothing_can_come_any_more() {
    let mut app = App::new(Theme::default(), Vec::new());
    let (ended, paper) = run(&mut app, Vec::new());
    assert_eq!(ended.expect("no error"), ExitStatus::Closed);
    assert_eq!((paper.frames(), paper.taken()), (1, false));
}

#[test]
fn a_terminal_that_is_gone_is_an_error_and_no_panic() {
    for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::WriteZero] {
        let mut app = App::new(Theme::default(), Vec::new());
        let paper = Paper::new(80, 24);
        paper.0.borrow_mut().fail = Some(kind);
        let (_send, inputs) = mpsc::channel();
        let ended = run_on(&mut app, paper.clone(), &inputs, options());
        assert!(matches!(ended, Err(TermError::Closed)), "{ended:?}");
        assert!(!paper.taken());
    }
    assert!(matches!(TermError::from(io::Error::from_raw_os_error(5)), TermError::Closed));
    let other = TermError::from(io::Error::from(io::ErrorKind::PermissionDenied));
    assert!(matches!(other, TermError::Io(_)));
}

#[test]
fn a_panic_while_drawing_gives_the_screen_back() {
    let paper = Paper::new(80, 24);
    let inside = paper.clone();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let mut app = App::new(Theme::default(), Vec::new());
        let perform = |_| panic!("somewhere");
        let now = Instant::now();
        let options = Options::new(perform, || {});
        let mut stage = Stage::enter(&mut app, inside, options, now).expect("a screen");
        let run = Bench::begin(Vec::new(), None, gopark_tui::app::Source::Recording);
        let mut run = run.app.run().clone();
        run.source = gopark_tui::app::Source::Program(gopark_trace::Drive::Lab);
        stage.feed(Input::Action(Action::Launched(Box::new(run))), now).expect("a screen");
        let _ = stage.feed(Input::Action(Action::Wish(Wish::Restart)), now);
    }));
    assert!(caught.is_err());
    assert_eq!((paper.taken(), paper.0.borrow().entered), (false, 1));
}
