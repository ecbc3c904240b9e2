//! Sockets and pipes in both drives: a call looks blocking and only its goroutine waits; nobody
//! waits for ever on what is closed or gone.

#[path = "support/child.rs"]
mod child;
#[path = "support/ruled.rs"]
mod ruled;

#[path = "net/closing.rs"]
mod closing;
#[path = "net/deadlines.rs"]
mod deadlines;
#[path = "net/echo.rs"]
mod echo;
#[path = "net/lab.rs"]
mod lab;
#[path = "net/limits.rs"]
mod limits;
#[path = "net/others.rs"]
mod others;
