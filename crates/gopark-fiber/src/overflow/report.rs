//! The words of a stack overflow: Go's, then ours. Composed and written by a signal handler.

use crate::registry::Overflow;

/// Writes the report to standard error.
pub(super) fn write(overflow: &Overflow) {
    let mut report = Report { bytes: [0; 512], len: 0 };
    report.text(b"runtime: goroutine stack exceeds ");
    report.number(overflow.size as u64);
    report.text(b"-byte limit\nfatal error: stack overflow\n\ngopark: goroutine ");
    report.number(overflow.owner.goroutine);
    if !overflow.owner.name().is_empty() {
        report.text(b" [");
        report.text(overflow.owner.name());
        report.text(b"]");
    }
    report.text(b" ran out of its ");
    report.number(overflow.size as u64);
    report.text(b"-byte stack; give it a larger one with go_with_stack(size, f)\n");
    report.send();
}

/// Bytes to write. Has room for all of the above with the longest name and numbers; more is cut off.
struct Report {
    /// The bytes.
    bytes: [u8; 512],
    /// How many there are.
    len: usize,
}

impl Report {
    /// Adds text.
    fn text(&mut self, text: &[u8]) {
        for (to, from) in self.bytes[self.len..].iter_mut().zip(text) {
            *to = *from;
            self.len += 1;
        }
    }

    /// Adds a number in decimal.
    fn number(&mut self, mut number: u64) {
        let mut digits = [0; 20];
        let mut first = digits.len();
        loop {
            first -= 1;
            digits[first] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.text(&digits[first..]);
    }

    /// Writes all of it, or what can be: there is nobody to tell about an error.
    fn send(&self) {
        let mut rest = &self.bytes[..self.len];
        while !rest.is_empty() {
            // SAFETY: the bytes are ours. `write` may be called in a signal handler.
            let written =
                unsafe { libc::write(libc::STDERR_FILENO, rest.as_ptr().cast(), rest.len()) };
            match usize::try_from(written) {
                Ok(written) if written > 0 => rest = &rest[written.min(rest.len())..],
                // Every signal is blocked here, so this is no interruption.
                _ => return,
            }
        }
    }
}
