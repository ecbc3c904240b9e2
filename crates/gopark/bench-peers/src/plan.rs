//! Which workloads there are, who runs them, and what gopark is to reach.

/// A workload.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    /// What it measures: the names its figures have.
    pub(crate) metrics: &'static [Metric],
    /// Who runs it, and after a colon how, where there are several ways. gopark comes first.
    pub(crate) peers: &'static [&'static str],
    pub(crate) goals: &'static [Goal],
    /// Seconds after which it is taken as never ending.
    pub(crate) deadline: u64,
}

/// Something measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    /// Whether more of it is better.
    pub(crate) more: bool,
}

/// What gopark is to reach, on one P and on two; infinite where nothing is asked.
#[derive(Debug)]
pub(crate) struct Goal {
    /// gopark, and after a colon how.
    pub(crate) peer: &'static str,
    pub(crate) metric: &'static str,
    pub(crate) bound: [f64; 2],
    pub(crate) from: From,
}

/// Where a goal comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum From {
    /// It is set.
    Set,
    /// It is what Go reaches in the same session; where Go is not here, what it once reached.
    Go,
}

const ANY: f64 = f64::INFINITY;

const fn less(name: &'static str) -> Metric {
    Metric { name, more: false }
}

const fn more(name: &'static str) -> Metric {
    Metric { name, more: true }
}

const fn goal(metric: &'static str, one: f64, two: f64) -> Goal {
    Goal { peer: "gopark", metric, bound: [one, two], from: From::Set }
}

const fn as_go(peer: &'static str, metric: &'static str, one: f64, two: f64) -> Goal {
    Goal { peer, metric, bound: [one, two], from: From::Go }
}

const NS: &[Metric] = &[less("ns")];
const MS: &[Metric] = &[less("ms")];
const ECHO: &[Metric] = &[more("req/s"), less("p50 us"), less("p99 us"), less("cpu us")];
const PARKED: &[Metric] = &[less("bytes"), less("create ms"), less("wake ms")];
const TRACING: &[Metric] =
    &[less("off ns"), less("on ns"), less("on/off"), less("bytes/event"), less("lost %")];
const TRACED: &[&str] = &["gopark", "gopark:nowhere", "go"];
const ECHOERS: &[&str] = &["gopark", "tokio", "may", "smol", "go", "threads", "epoll"];

/// All of them, in the order in which they run.
pub(crate) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "spawn",
        what: "from one task, 1000 batches of 1000 empty tasks, each batch waited for; each",
        metrics: NS,
        peers: &["gopark", "tokio", "may", "smol", "go"],
        goals: &[goal("ns", 80.0, 120.0)],
        deadline: 60,
    },
    Workload {
        name: "skynet",
        what: "a tree of tasks with 1,000,000 leaves, an unbuffered channel for each ten",
        metrics: MS,
        peers: &["gopark", "tokio:kanal", "tokio:mpsc", "smol:kanal", "smol:async-channel", "go"],
        goals: &[goal("ms", 500.0, 400.0)],
        deadline: 60,
    },
    Workload {
        name: "fib",
        what: "fib(30): a task for fib(n-1) and a channel of capacity 1 for each call",
        metrics: MS,
        peers: &["gopark", "tokio:kanal", "tokio:mpsc", "smol:kanal", "smol:async-channel", "go"],
        goals: &[goal("ms", 350.0, 300.0)],
        deadline: 60,
    },
    Workload {
        name: "yield-2",
        what: "2 tasks yield a million times in all; each",
        metrics: NS,
        peers: &["gopark", "tokio", "may", "smol", "go", "threads"],
        goals: &[goal("ns", 25.0, 30.0)],
        deadline: 60,
    },
    Workload {
        name: "yield-1000",
        what: "1000 tasks yield a million times in all; each",
        metrics: NS,
        peers: &["gopark", "tokio", "may", "smol", "go", "threads"],
        goals: &[goal("ns", 30.0, 40.0)],
        deadline: 60,
    },
    Workload {
        name: "ping-pong",
        what: "two tasks, two unbuffered channels (may's have no bound); each round trip",
        metrics: NS,
        peers: &["gopark", "tokio:kanal", "may:spsc", "smol:kanal", "smol:async-channel", "go"],
        goals: &[goal("ns", 100.0, 110.0)],
        deadline: 60,
    },
    Workload {
        name: "chan-1-1",
        what: "4,000,000 numbers through a channel of capacity 128 (may's has no bound); each",
        metrics: NS,
        peers: &["gopark", "tokio:kanal", "may:spsc", "smol:kanal", "smol:async-channel", "go"],
        goals: &[goal("ns", 20.0, 25.0)],
        deadline: 60,
    },
    Workload {
        name: "chan-4-4",
        what: "the same between 4 producers and 4 consumers; each",
        metrics: NS,
        peers: &[
            "gopark",
            "tokio:kanal",
            "may:mpmc",
            "smol:kanal",
            "smol:async-channel",
            "go",
            "threads",
        ],
        goals: &[goal("ns", 20.0, 25.0)],
        deadline: 60,
    },
    Workload {
        name: "mutex",
        what: "8 tasks lock, add one and unlock 1,000,000 times each; each",
        metrics: NS,
        peers: &["gopark", "tokio", "tokio:parking_lot", "may", "smol", "go", "threads"],
        goals: &[goal("ns", 5.0, 12.0)],
        deadline: 60,
    },
    Workload {
        name: "timers",
        what: "100,000 tasks sleep 1 to 100 ms: all of it, and how late they wake",
        metrics: &[less("ms"), less("late p50 ms"), less("late p99 ms")],
        peers: &["gopark", "tokio", "may", "smol", "go"],
        goals: &[goal("ms", 180.0, 150.0)],
        deadline: 30,
    },
    Workload {
        name: "parked",
        what: "100,000 tasks blocked on one channel: memory of each, to create, to wake by close",
        metrics: PARKED,
        peers: &[
            "gopark",
            "tokio:kanal",
            "tokio:async-channel",
            "may:mpmc",
            "smol:async-channel",
            "go",
        ],
        goals: &[
            goal("bytes", 4500.0, 4500.0),
            goal("create ms", 250.0, 250.0),
            goal("wake ms", 40.0, 40.0),
        ],
        deadline: 30,
    },
    Workload {
        name: "parked-1m",
        what: "the same with 1,000,000",
        metrics: PARKED,
        peers: &["gopark", "tokio:kanal", "smol:async-channel", "go"],
        goals: &[goal("bytes", 4500.0, 4500.0)],
        deadline: 60,
    },
    Workload {
        name: "echo-1",
        what: "a TCP echo server on loopback, 64 bytes to and fro on 1 connection",
        metrics: ECHO,
        peers: ECHOERS,
        goals: &[],
        deadline: 15,
    },
    Workload {
        name: "echo-64",
        what: "the same on 64",
        metrics: ECHO,
        peers: ECHOERS,
        goals: &[goal("req/s", 140e3, 120e3)],
        deadline: 15,
    },
    Workload {
        name: "echo-1000",
        what: "the same on 1000",
        metrics: ECHO,
        peers: ECHOERS,
        goals: &[goal("req/s", 95e3, 95e3), goal("p99 us", 17e3, 17e3)],
        deadline: 15,
    },
    Workload {
        name: "blocking",
        what: "64 tasks, 200 blocking reads of 1 ms each: all of it",
        metrics: MS,
        peers: &["gopark:declared", "gopark:undeclared", "tokio", "smol", "go", "threads"],
        goals: &[
            Goal { peer: "gopark:declared", ..goal("ms", 260.0, 260.0) },
            as_go("gopark:undeclared", "ms", 771.0, 397.0),
        ],
        deadline: 15,
    },
    Workload {
        name: "blocking-hogs",
        what: "the same beside 2 tasks that compute without a call",
        metrics: MS,
        peers: &["gopark:declared", "gopark:undeclared", "tokio", "smol", "go", "threads"],
        goals: &[],
        deadline: 30,
    },
    Workload {
        name: "hog",
        what: "a task sleeps 1 ms 300 times beside one that computes without a call: how late it wakes",
        metrics: &[less("late p50 ms"), less("late p99 ms")],
        // may wakes sleepers on a thread of its own, which no hog is on.
        peers: &["gopark", "tokio", "smol", "go", "threads"],
        goals: &[
            as_go("gopark", "late p50 ms", 19.3, ANY),
            as_go("gopark", "late p99 ms", 39.6, ANY),
        ],
        deadline: 40,
    },
    Workload {
        name: "sieve",
        what: "2000 primes from a chain of tasks over unbuffered channels (may's hold one)",
        metrics: MS,
        peers: &["gopark", "tokio:kanal", "tokio:mpsc", "may:bounded", "smol:kanal", "go"],
        goals: &[goal("ms", 150.0, 120.0)],
        deadline: 60,
    },
    Workload {
        name: "tracing-spawn",
        what: "spawn, recorded into a file that goes nowhere",
        metrics: TRACING,
        peers: TRACED,
        goals: &[
            goal("on/off", 1.6, 1.6),
            Goal { peer: "gopark:nowhere", ..goal("on/off", 1.6, 1.6) },
        ],
        deadline: 120,
    },
    Workload {
        name: "tracing-yield-1000",
        what: "yield-1000, recorded",
        metrics: TRACING,
        peers: TRACED,
        goals: &[
            goal("on/off", 1.8, 1.8),
            Goal { peer: "gopark:nowhere", ..goal("on/off", 1.8, 1.8) },
        ],
        deadline: 120,
    },
    Workload {
        name: "tracing-ping-pong",
        what: "ping-pong, recorded",
        metrics: TRACING,
        peers: TRACED,
        goals: &[
            goal("on/off", 1.8, 1.8),
            Goal { peer: "gopark:nowhere", ..goal("on/off", 1.8, 1.8) },
        ],
        deadline: 120,
    },
];
