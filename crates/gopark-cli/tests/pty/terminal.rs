//! A terminal with the command in it: a real pseudo-terminal, an emulator that knows what stands
//! on its screen, and hands that press keys.
//!
//! A thread reads what the command writes into the emulator and tells whoever waits. Nothing here
//! sleeps: [`Terminal::wait_for`] goes on as soon as the screen is as it should be, and fails with
//! the screen after [`PATIENCE`]. A screen is looked at only between two frames, never inside one.

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tempfile::TempDir;
use vt100::{MouseProtocolMode, Screen};

use crate::output::{Modes, Seen, size, text};

/// How long something may take that takes a moment on a machine with nothing else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Keys.
pub(crate) const LEFT: &str = "\x1b[D";
pub(crate) const RIGHT: &str = "\x1b[C";

/// The command as it is to be started.
pub(crate) struct Setup {
    args: Vec<String>,
    size: (u16, u16),
    env: Vec<(&'static str, &'static str)>,
}

/// `gopark ARGS` in 80x24.
pub(crate) fn gopark(args: &[&str]) -> Setup {
    let args = args.iter().map(|&arg| arg.to_owned()).collect();
    Setup { args, size: (80, 24), env: vec![("TERM", "xterm-256color"), ("LANG", "C.UTF-8")] }
}

/// The lesson on stealing at rest, where every key has its whole effect in one frame.
pub(crate) fn stealing() -> Setup {
    gopark(&["demo", "stealing", "--theme", "dark", "--motion", "off"])
}

impl Setup {
    pub(crate) fn size(mut self, columns: u16, rows: u16) -> Self {
        self.size = (columns, rows);
        self
    }

    /// Sets a variable. There are no others but `TERM`, `LANG` and `TMPDIR`.
    pub(crate) fn env(mut self, name: &'static str, value: &'static str) -> Self {
        self.env.push((name, value));
        self
    }

    pub(crate) fn open(self) -> Terminal {
        let pair = native_pty_system().openpty(pty_size(self.size)).expect("a pseudo-terminal");
        let temp = TempDir::new().expect("a folder");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_gopark"));
        command.args(&self.args);
        command.env_clear();
        command.env("TMPDIR", temp.path());
        self.env.iter().for_each(|(name, value)| command.env(name, value));
        let modes = Modes::of(&*pair.master);
        let child = pair.slave.spawn_command(command).expect("gopark starts");
        let pid = child.process_id().and_then(|id| Pid::from_raw(id as i32)).expect("a process");
        let (columns, rows) = self.size;
        let seen = Arc::new(Seen::new(columns, rows));
        let out = pair.master.try_clone_reader().expect("what it writes");
        let reader = Arc::clone(&seen);
        thread::spawn(move || reader.read_all(out));
        let keys = pair.master.take_writer().expect("a keyboard");
        Terminal { pid, child, ended: false, master: pair.master, keys, modes, seen, temp }
    }
}

/// The command in its terminal. It is killed if it still runs when this is dropped.
pub(crate) struct Terminal {
    pub(crate) pid: Pid,
    child: Box<dyn Child + Send + Sync>,
    ended: bool,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    modes: Modes,
    seen: Arc<Seen>,
    /// For the files that the command makes in passing.
    pub(crate) temp: TempDir,
}

impl Terminal {
    /// Waits until the screen is as it should be; gives its text.
    #[track_caller]
    pub(crate) fn wait_for(&self, what: &str, is_so: impl Fn(&Screen) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut output = self.seen.lock();
        loop {
            let ended = output.closed;
            if (!output.in_frame || ended) && is_so(output.screen()) {
                return text(output.screen());
            }
            let late = Instant::now() >= deadline;
            if ended || late {
                let why = if ended { "the command has ended" } else { "time is over" };
                panic!("not seen: {what}; {why}, and the screen is\n{}", text(output.screen()));
            }
            self.seen.news.wait_until(&mut output, deadline);
        }
    }

    /// Waits until this stands somewhere on the screen; gives all of its text.
    #[track_caller]
    pub(crate) fn wait_text(&self, expected: &str) -> String {
        self.wait_for(expected, |screen| text(screen).contains(expected))
    }

    /// Waits until the screen shows exactly this text.
    #[track_caller]
    pub(crate) fn wait_same(&self, expected: &str) {
        self.wait_for(&format!("this screen\n{expected}"), |screen| text(screen) == expected);
    }

    /// Waits until this does not stand on the screen any more.
    #[track_caller]
    pub(crate) fn wait_gone(&self, unexpected: &str) {
        let what = format!("no \"{unexpected}\"");
        self.wait_for(&what, |screen| !text(screen).contains(unexpected));
    }

    /// Waits until these bytes were written.
    #[track_caller]
    pub(crate) fn wait_raw(&self, expected: &[u8]) {
        let deadline = Instant::now() + PATIENCE;
        let mut output = self.seen.lock();
        while !output.raw.windows(expected.len()).any(|w| w == expected) {
            let late = self.seen.news.wait_until(&mut output, deadline).timed_out();
            assert!(!late && !output.closed, "{} is not written", expected.escape_ascii());
        }
    }

    /// The text of the screen after the last whole frame.
    #[track_caller]
    pub(crate) fn now(&self) -> String {
        self.wait_for("a whole frame", |_| true)
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("keys arrive");
    }

    /// Gives the window another size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        // First the emulator: nothing may be drawn for the new size on a screen of the old one.
        self.seen.lock().parser.screen_mut().set_size(size(rows), size(columns));
        self.master.resize(pty_size((columns, rows))).expect("another size");
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).expect("it can be sent a signal");
    }

    /// Every byte that was written so far.
    pub(crate) fn raw(&self) -> Vec<u8> {
        self.seen.lock().raw.clone()
    }

    /// Watches for a while; gives how many bytes were written meanwhile. It ends at the first one.
    pub(crate) fn bytes_during(&self, time: Duration) -> usize {
        let deadline = Instant::now() + time;
        let mut output = self.seen.lock();
        let before = output.raw.len();
        while output.raw.len() == before
            && !self.seen.news.wait_until(&mut output, deadline).timed_out()
        {}
        output.raw.len() - before
    }

    /// Waits until the process stands still, as after ctrl-z.
    #[track_caller]
    pub(crate) fn wait_stopped(&self) {
        let (pid, (sender, receiver)) = (self.pid, channel());
        thread::spawn(move || sender.send(waitpid(Some(pid), WaitOptions::UNTRACED)));
        let state = receiver.recv_timeout(PATIENCE).expect("it stops in time");
        let state = state.expect("it can be waited for").expect("it has changed").1;
        assert!(state.stopped(), "{state:?}");
    }

    /// Waits until the process has ended and everything it wrote was read.
    #[track_caller]
    pub(crate) fn wait_end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        let mut output = self.seen.lock();
        while !output.closed {
            let late = Instant::now() >= deadline;
            assert!(!late, "it does not end; the screen is\n{}", text(output.screen()));
            self.seen.news.wait_until(&mut output, deadline);
        }
        drop(output);
        self.ended = true;
        self.child.wait().expect("it has ended")
    }

    /// The terminal is as it was before: the screen, the cursor, every mode.
    #[track_caller]
    pub(crate) fn assert_given_back(&self) {
        let output = self.seen.lock();
        let screen = output.screen();
        assert!(!screen.alternate_screen(), "the alternate screen was not left");
        assert!(!screen.hide_cursor(), "there is no cursor");
        assert!(!output.in_frame, "a frame was not ended");
        assert!(!screen.bracketed_paste(), "pasted text is bracketed");
        assert!(!screen.application_keypad() && !screen.application_cursor(), "keys are others");
        assert_eq!(screen.mouse_protocol_mode(), MouseProtocolMode::None);
        let plain = screen.fgcolor() == vt100::Color::Default
            && screen.bgcolor() == vt100::Color::Default
            && !(screen.bold() || screen.inverse() || screen.underline());
        assert!(plain, "what follows would be coloured");
        assert!(self.modes.are_those_of(&*self.master), "the line is not as it was: raw, no echo");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if !self.ended {
            let _ = kill_process(self.pid, Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

fn pty_size((columns, rows): (u16, u16)) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}
