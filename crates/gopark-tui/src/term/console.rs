//! The terminal itself, and the guard that gives it back.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ratatui::crossterm::{style, terminal};
use ratatui::layout::Size;

use super::TermError;

/// The alternate screen, cleared, without cursor.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?25l\x1b[0m\x1b[2J";
/// Clicks and the wheel, with coordinates as numbers. Not every movement: that would be a flood.
const MOUSE: &[u8] = b"\x1b[?1000h\x1b[?1006h";
/// Undoes all of it, a frame cut off in the middle included.
const LEAVE: &[u8] = b"\x1b[?2026l\x1b[0m\x1b[?1006l\x1b[?1000l\x1b[?25h\x1b[?1049l";

/// How long a terminal that takes no bytes is left alone before the next try.
const BREATH: Duration = Duration::from_millis(1);

/// Whether the terminal is taken over. Written by the stage's thread, read by a panic in any: one
/// of them gives the terminal back, and the swap says which.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// Where frames go.
pub trait Screen {
    /// Takes it over.
    ///
    /// # Errors
    /// If that fails.
    fn enter(&mut self, mouse: bool) -> io::Result<()>;

    /// Gives it back. Does nothing if it has been given back.
    fn leave(&mut self);

    /// Writes one frame.
    ///
    /// # Errors
    /// If that fails.
    fn write(&mut self, frame: &[u8]) -> io::Result<()>;

    /// Its size.
    ///
    /// # Errors
    /// If it has none.
    fn size(&self) -> io::Result<Size>;
}

/// The terminal of this process.
#[derive(Debug)]
pub struct Console {
    /// Standard output without the buffer that Rust puts before it: it would cut a frame into
    /// pieces.
    out: File,
}

impl Console {
    /// The terminal behind standard output.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn open() -> Result<Self, TermError> {
        // Where NO_COLOR is set, crossterm writes resets that take bold and reversed along. The
        // theme has taken all colours off by then, so it may write what it is given.
        style::force_color_output(true);
        Ok(Self { out: File::from(io::stdout().as_fd().try_clone_to_owned()?) })
    }
}

impl Screen for Console {
    fn enter(&mut self, mouse: bool) -> io::Result<()> {
        terminal::enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        write_all(&mut self.out, ENTER)?;
        if mouse { write_all(&mut self.out, MOUSE) } else { Ok(()) }
    }

    fn leave(&mut self) {
        restore();
    }

    fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        write_all(&mut self.out, frame)
    }

    fn size(&self) -> io::Result<Size> {
        let (width, height) = terminal::size()?;
        Ok(Size { width, height })
    }
}

/// Gives the terminal back if it is taken. It may be gone already, which is no reason to fail.
pub fn restore() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    if let Ok(out) = io::stdout().as_fd().try_clone_to_owned() {
        let _ = write_all(&mut File::from(out), LEAVE);
    }
    let _ = terminal::disable_raw_mode();
}

/// From now on a panic gives the terminal back before its message is printed. Call it after other
/// panic hooks are installed.
pub fn restore_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            before(panic);
        }));
    });
}

/// Writes everything. Another program may have left the terminal in the mode in which a full one
/// answers "would block".
#[expect(clippy::disallowed_methods, reason = "a full terminal does not tell when it has room")]
fn write_all(out: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => thread::sleep(BREATH),
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
