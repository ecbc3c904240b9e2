//! The methods that several kinds of sockets have in common, as macros: each type shows its own.

/// Methods that ask or set something at the socket and never wait.
macro_rules! options {
    ($Type:ident, $Std:ty {
        $($(#[$doc:meta])* $name:ident $(($arg:ident: $Arg:ty))? $(-> $Out:ty)?,)*
    }) => {
        impl $Type {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// If it was closed, or the system says so.
                pub fn $name(&self $(, $arg: $Arg)?) -> io::Result<crate::net::methods::out!($($Out)?)> {
                    self.fd.with(|s: &$Std| s.$name($($arg)?))
                }
            )*

            /// Another handle to the same socket: deadlines and `close` are for all of them.
            ///
            /// # Errors
            /// Never; as in std.
            pub fn try_clone(&self) -> io::Result<Self> {
                Ok(self.clone())
            }

            /// Closes it for all handles, and lets go of every goroutine that waits for it, with an
            /// error ([`is_closed`](crate::net::is_closed)).
            ///
            /// # Errors
            /// If it was closed already.
            ///
            /// # Panics
            /// Outside a goroutine.
            #[track_caller]
            pub fn close(&self) -> io::Result<()> {
                self.fd.close()
            }

            /// Whether calls that would wait fail with `WouldBlock` instead.
            ///
            /// # Errors
            /// Never; as in std.
            pub fn set_nonblocking(&self, on: bool) -> io::Result<()> {
                self.fd.set_impatient(on);
                Ok(())
            }
        }

        impl std::fmt::Debug for $Type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.fd.fmt(f)
            }
        }

        impl std::os::fd::AsRawFd for $Type {
            /// The number of its descriptor; -1 once it was closed.
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.fd.raw()
            }
        }
    };
}

/// What a method gives: nothing unless it says so.
macro_rules! out {
    () => {
        ()
    };
    ($Out:ty) => {
        $Out
    };
}

/// Conversions from and to what std has for it.
macro_rules! from_std {
    ($Type:ident, $Std:ty) => {
        impl From<$Std> for $Type {
            /// It is registered with the poller of the run in which it is first used.
            fn from(socket: $Std) -> Self {
                Self { fd: std::sync::Arc::new(crate::net::fd::Fd::brought(socket)) }
            }
        }

        impl $Type {
            /// What std has for it, with calls that block. Other handles see it closed.
            ///
            /// # Errors
            /// If it was closed, or the system says so.
            #[track_caller]
            pub fn into_std(self) -> io::Result<$Std> {
                self.fd.into_std(<$Std>::try_clone)
            }
        }
    };
}

/// Reading and writing one direction each.
macro_rules! reads {
    ($Type:ty) => {
        impl Read for $Type {
            #[track_caller]
            fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
                self.fd.io(Reads, |mut s| s.read(buf))
            }

            #[track_caller]
            fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
                self.fd.io(Reads, |mut s| s.read_vectored(bufs))
            }
        }
    };
}

/// As [`reads`].
macro_rules! writes {
    ($Type:ty) => {
        impl Write for $Type {
            #[track_caller]
            fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
                self.fd.io(Writes, |mut s| s.write(buf))
            }

            #[track_caller]
            fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
                self.fd.io(Writes, |mut s| s.write_vectored(bufs))
            }

            /// No other write comes in between.
            #[track_caller]
            fn write_all(&mut self, mut buf: &[u8]) -> io::Result<()> {
                if buf.is_empty() {
                    return Ok(());
                }
                let op = self.fd.begin(Writes)?;
                while !buf.is_empty() {
                    match op.run(|mut s| s.write(buf))? {
                        0 => return Err(io::ErrorKind::WriteZero.into()),
                        n => buf = &buf[n..],
                    }
                }
                Ok(())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
    };
}

/// What a connection has: reads, writes, a shutdown, deadlines.
macro_rules! stream {
    ($Type:ident, $Std:ty) => {
        crate::net::methods::reads!($Type);
        crate::net::methods::reads!(&$Type);
        crate::net::methods::writes!($Type);
        crate::net::methods::writes!(&$Type);
        crate::net::methods::deadlines!($Type);

        impl $Type {
            /// Ends reading, writing or both. Who waits to read gets the end of the stream, and so
            /// does the other side, after what was written.
            ///
            /// # Errors
            /// If it was closed, or the system says so.
            ///
            /// # Panics
            /// Outside a goroutine.
            #[track_caller]
            pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
                self.fd.enter(|s| s.shutdown(how))
            }
        }
    };
}

/// Deadlines and timeouts.
macro_rules! deadlines {
    ($Type:ident: read) => {
        impl $Type {
            /// Calls that wait to read fail from this moment on, also those that wait already
            /// (`SetReadDeadline`): a moment of the run's clock ([`since_start`](crate::time::since_start)), or
            /// none.
            ///
            /// # Errors
            /// If it was closed.
            ///
            /// # Panics
            /// Outside a goroutine.
            #[track_caller]
            pub fn set_read_deadline(&self, at: Option<std::time::Duration>) -> io::Result<()> {
                self.fd.set_deadline(&[Reads], at)
            }

            /// How long one call may wait to read.
            ///
            /// # Errors
            /// Never; as in std.
            pub fn read_timeout(&self) -> io::Result<Option<std::time::Duration>> {
                Ok(self.fd.timeout(Reads))
            }

            /// Sets how long one call may wait to read. One that waits longer fails with `TimedOut`.
            ///
            /// # Errors
            /// For a time of zero.
            pub fn set_read_timeout(&self, time: Option<std::time::Duration>) -> io::Result<()> {
                self.fd.set_timeout(Reads, time)
            }
        }
    };
    ($Type:ident: write) => {
        impl $Type {
            /// As `set_read_deadline`, for calls that write (`SetWriteDeadline`).
            ///
            /// # Errors
            /// If it was closed.
            ///
            /// # Panics
            /// Outside a goroutine.
            #[track_caller]
            pub fn set_write_deadline(&self, at: Option<std::time::Duration>) -> io::Result<()> {
                self.fd.set_deadline(&[Writes], at)
            }

            /// How long one call may wait to write.
            ///
            /// # Errors
            /// Never; as in std.
            pub fn write_timeout(&self) -> io::Result<Option<std::time::Duration>> {
                Ok(self.fd.timeout(Writes))
            }

            /// Sets how long one call may wait to write. One that waits longer fails with `TimedOut`.
            ///
            /// # Errors
            /// For a time of zero.
            pub fn set_write_timeout(&self, time: Option<std::time::Duration>) -> io::Result<()> {
                self.fd.set_timeout(Writes, time)
            }
        }
    };
    ($Type:ident) => {
        crate::net::methods::deadlines!($Type: read);
        crate::net::methods::deadlines!($Type: write);

        impl $Type {
            /// Both deadlines at once (`SetDeadline`).
            ///
            /// # Errors
            /// If it was closed.
            ///
            /// # Panics
            /// Outside a goroutine.
            #[track_caller]
            pub fn set_deadline(&self, at: Option<std::time::Duration>) -> io::Result<()> {
                self.fd.set_deadline(&[Reads, Writes], at)
            }
        }
    };
}

pub(super) use {deadlines, from_std, options, out, reads, stream, writes};
