//! What workloads measure with: time, memory, processor time, chance.

use std::time::{Duration, Instant};

/// What a workload found out: the names are those of its metrics in `plan.rs`.
pub(crate) type Figures = Vec<(&'static str, f64)>;

/// Nanoseconds since `start` for each of so many operations.
pub(crate) fn ns_each(start: Instant, operations: u64) -> f64 {
    start.elapsed().as_nanos() as f64 / operations as f64
}

/// Milliseconds since `start`.
pub(crate) fn ms(start: Instant) -> f64 {
    in_ms(start.elapsed())
}

/// A time in milliseconds.
pub(crate) fn in_ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The value that `share` of all do not exceed. Sorts them.
pub(crate) fn percentile(values: &mut [f64], share: f64) -> f64 {
    assert!(!values.is_empty(), "a percentile of nothing");
    values.sort_unstable_by(f64::total_cmp);
    let at = (values.len() as f64 * share).ceil() as usize;
    values[at.clamp(1, values.len()) - 1]
}

/// The middle value; of two the mean.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    assert!(!values.is_empty(), "a median of nothing");
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { f64::midpoint(values[half - 1], values[half]) }
}

/// Bytes of this process that lie in memory.
pub(crate) fn resident() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux tells");
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok());
    pages.expect("the second figure is the pages in memory") * page_size()
}

fn page_size() -> f64 {
    // SAFETY: it reads a constant of the system.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as f64 }
}

/// Processor time this process used, without its children.
pub(crate) fn cpu_time() -> Duration {
    // SAFETY: all zero is a valid rusage.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: it writes into the place it is given.
    let done = unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    assert_eq!(done, 0, "getrusage");
    let time = |t: libc::timeval| {
        Duration::from_secs(t.tv_sec as u64) + Duration::from_micros(t.tv_usec as u64)
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// Lets this process have as many files as it may.
pub(crate) fn raise_file_limit() {
    // SAFETY: both calls read or write the place they are given, and nothing else.
    unsafe {
        let mut limit: libc::rlimit = std::mem::zeroed();
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}

/// Keeps this thread, and those it makes, on the first so many processors it may use.
pub(crate) fn pin(processors: usize) {
    // SAFETY: all zero is the empty set; the calls read or write the set they are given.
    unsafe {
        let size = size_of::<libc::cpu_set_t>();
        let mut allowed: libc::cpu_set_t = std::mem::zeroed();
        assert_eq!(libc::sched_getaffinity(0, size, &raw mut allowed), 0, "sched_getaffinity");
        let mut chosen: libc::cpu_set_t = std::mem::zeroed();
        let all = 0..libc::CPU_SETSIZE as usize;
        for cpu in all.filter(|&cpu| libc::CPU_ISSET(cpu, &allowed)).take(processors) {
            libc::CPU_SET(cpu, &mut chosen);
        }
        assert_eq!(libc::sched_setaffinity(0, size, &raw const chosen), 0, "sched_setaffinity");
    }
}

/// Marsaglia's xorshift64: the same numbers for every peer.
#[derive(Debug)]
pub(crate) struct Xorshift(u64);

impl Xorshift {
    pub(crate) fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// A file of the system that becomes readable when it is due, read as a blocking call would read.
#[derive(Debug)]
pub(crate) struct Timer(std::os::fd::OwnedFd);

impl Timer {
    pub(crate) fn new() -> Self {
        use std::os::fd::{FromRawFd, OwnedFd};
        // SAFETY: it makes a new file that nobody else owns.
        unsafe {
            let fd = libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC);
            assert!(fd >= 0, "timerfd_create");
            Self(OwnedFd::from_raw_fd(fd))
        }
    }

    /// Arms it and reads it: the thread is in the system until the time is over.
    pub(crate) fn wait(&self, time: Duration) {
        use std::os::fd::AsRawFd;
        // SAFETY: all zero is a valid itimerspec.
        let mut spec: libc::itimerspec = unsafe { std::mem::zeroed() };
        spec.it_value.tv_nsec = i64::from(time.subsec_nanos());
        let mut expired = 0_u64;
        // SAFETY: the file is open; `spec` is read; `expired` has room for the eight bytes.
        unsafe {
            let fd = self.0.as_raw_fd();
            let armed = libc::timerfd_settime(fd, 0, &raw const spec, std::ptr::null_mut());
            assert_eq!(armed, 0, "timerfd_settime");
            // A signal may break it off, as preemption does.
            while libc::read(fd, (&raw mut expired).cast(), 8) != 8 {
                let error = std::io::Error::last_os_error();
                assert_eq!(error.kind(), std::io::ErrorKind::Interrupted, "{error}");
            }
        }
        assert_eq!(expired, 1, "it was armed once");
    }
}
