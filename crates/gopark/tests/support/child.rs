//! Ends of a process, in a child: this binary started again, with one test to run and a word in its
//! environment that tells it to do the deed.

use std::process::{Command, Output};

/// Set in the child.
const DEED: &str = "GOPARK_TEST_DEED";

/// What comes of `deed` in a child that runs the test `name` only. In the child, this is where it
/// ends, at the latest with exit code 0.
pub(crate) fn end_of(name: &str, deed: impl FnOnce()) -> Output {
    if std::env::var_os(DEED).is_some() {
        deed();
        std::process::exit(0);
    }
    Command::new(std::env::current_exe().expect("this binary"))
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(DEED, name)
        // A backtrace is no word of Go's, and would need more stack than a goroutine has.
        .env("RUST_BACKTRACE", "0")
        .output()
        .expect("a child")
}

/// Its stderr.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
