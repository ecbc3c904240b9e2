//! How runs end: main returns, everybody sleeps, somebody panics; in Go's words and exit codes.

#[path = "support/child.rs"]
mod child;
#[path = "support/drives.rs"]
mod drives;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use child::{end_of, stderr};
use drives::{both_drives, live};
use gopark::sync::{Mutex, WaitGroup};
use gopark::trace::words::EndKind;
use gopark::{
    Failure, chan, current_id, go, go_named, go_with_stack, lab, num_goroutine, park_forever,
    sleep, yield_now,
};

// ---- main returns ----

#[test]
fn a_run_gives_what_main_returns() {
    both_drives(
        || ["what", "main", "returns"].join(" "),
        |got| {
            assert_eq!(got.as_deref(), Ok("what main returns"));
        },
    );
}

#[test]
fn when_main_returns_the_others_are_cut_off_and_do_not_unwind() {
    /// Says that it was dropped.
    struct Tell(Arc<AtomicBool>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.store(true, Relaxed);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let tell = Arc::clone(&dropped);
    both_drives(
        move || {
            let begun = Arc::new(AtomicU32::new(0));
            let begin = || {
                let (begun, tell) = (Arc::clone(&begun), Tell(Arc::clone(&tell)));
                move || {
                    begun.fetch_add(1, Relaxed);
                    tell
                }
            };
            let (_tx, rx) = chan::<()>(0);
            let endless = go(|| park_forever());
            let [parks, sleeps, yields, joins] = [begin(), begin(), begin(), begin()];
            drop(go(move || (parks(), rx.recv()).1));
            drop(go(move || (sleeps(), sleep(Duration::from_secs(3_600))).1));
            drop(go(move || {
                let _tell = yields();
                loop {
                    yield_now();
                }
            }));
            drop(go(move || (joins(), endless.join()).1));
            // One that has not begun is dropped as it is; these have.
            while begun.load(Relaxed) < 4 {
                yield_now();
            }
            num_goroutine()
        },
        |got| assert_eq!(got, Ok(6)),
    );
    assert!(!dropped.load(Relaxed));
}

#[test]
fn a_goroutine_that_has_not_started_gives_its_things_back_at_the_end() {
    both_drives(
        || {
            let thing = Arc::new(());
            let seen = Arc::downgrade(&thing);
            drop(go(move || thing));
            seen
        },
        |got| {
            let seen = got.expect("main returns at once");
            // Either it ran to its end, or it never began.
            assert_eq!(seen.strong_count(), 0);
        },
    );
}

// ---- deadlock ----

#[track_caller]
fn deadlock(got: Result<(), Failure>) -> String {
    let failure = got.expect_err("nobody can go on");
    assert_eq!(failure.kind, EndKind::Deadlock, "{failure}");
    failure.text
}

/// The text with each line of this file as what it is beyond line `first`.
fn from(first: u32, text: &str) -> String {
    let mut parts = text.split(concat!(file!(), ":"));
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let line: u32 = part[..end].parse().expect("a line has a number");
        told.push_str(&format!("+{}{}", line - first, &part[end..]));
    }
    told
}

/// The text with "HERE" for each line of this file.
fn here(text: &str) -> String {
    let lines = from(0, text);
    let mut parts = lines.split('+');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |told, part| {
        told + "HERE" + part.trim_start_matches(|c: char| c.is_ascii_digit())
    })
}

#[test]
fn a_deadlock_is_told_in_gos_words() {
    both_drives(
        || {
            let (_tx, rx) = chan::<u32>(0);
            rx.recv();
        },
        |got| {
            assert_eq!(
                here(&deadlock(got)),
                "fatal error: all goroutines are asleep - deadlock!\n\
                 \ngoroutine 1 [chan receive]:\n\tmain\n\tHERE\n"
            );
        },
    );
}

#[test]
fn a_deadlock_report_names_every_goroutine_its_wait_and_its_maker() {
    let first = line!();
    let text = deadlock(lab(1).procs(1).start_tick(1).try_run(|| {
        let (tx, rx) = chan::<u32>(0);
        let lock = Arc::new(Mutex::new(()));
        let wg = WaitGroup::new();
        wg.add(1);
        let guard = lock.lock();
        let (other_wg, other_lock) = (wg.clone(), Arc::clone(&lock));
        drop(go_named("sender", move || tx.send(1)));
        drop(go(move || other_wg.wait()));
        drop(go(move || drop(other_lock.lock())));
        drop(go(|| park_forever()));
        drop(go(|| drop(go(|| park_forever()).join())));
        // All of them wait before main does; nobody receives.
        (0..10).for_each(|_| yield_now());
        wg.wait();
        drop((guard, rx));
    }));
    assert_eq!(
        from(first, &text),
        "fatal error: all goroutines are asleep - deadlock!\n\
         \ngoroutine 1 [sync.WaitGroup.Wait]:\n\tmain\n\t+15\n\
         \ngoroutine 2 [chan send]:\n\tsender\n\t+8\ncreated by +8 in goroutine 1\n\
         \ngoroutine 3 [sync.WaitGroup.Wait]:\n\t+9\ncreated by +9 in goroutine 1\n\
         \ngoroutine 4 [sync.Mutex.Lock]:\n\t+10\ncreated by +10 in goroutine 1\n\
         \ngoroutine 5 [select (no cases)]:\n\t+11\ncreated by +11 in goroutine 1\n\
         \ngoroutine 6 [join]:\n\t+12\ncreated by +12 in goroutine 1\n\
         \ngoroutine 7 [select (no cases)]:\n\t+12\ncreated by +12 in goroutine 6\n"
    );
}

#[test]
fn a_deadlock_is_found_on_every_number_of_ps_also_after_work() {
    both_drives(
        || {
            let (tx, rx) = chan::<u32>(0);
            for n in 0..10 {
                let tx = tx.clone();
                drop(go(move || {
                    yield_now();
                    tx.send(n);
                }));
            }
            sleep(Duration::from_micros(300));
            // One more than there are senders.
            assert_eq!(rx.iter().take(11).count(), 11);
        },
        |got| drop(deadlock(got)),
    );
}

#[test]
fn some_that_sleep_for_ever_are_no_deadlock() {
    both_drives(
        || {
            drop(go(|| park_forever()));
            let (_tx, rx) = chan::<u32>(0);
            drop(go(move || rx.recv()));
            (0..20).for_each(|_| yield_now());
        },
        |got| assert_eq!(got, Ok(())),
    );
}

// ---- panic ----

#[test]
fn a_panic_in_main_ends_the_run_in_gos_words() {
    both_drives(
        || -> () { panic!("boom {}", 7) },
        |got| {
            let failure = got.expect_err("it panicked");
            assert_eq!(failure.kind, EndKind::Panic);
            assert_eq!(failure.text, "panic: boom 7\n\ngoroutine 1 [running]:\n");
        },
    );
}

#[test]
fn a_panic_that_nobody_joins_ends_the_run() {
    both_drives(
        || {
            drop(go(|| panic!("boom")));
            park_forever();
        },
        |got: Result<(), Failure>| {
            let failure = got.expect_err("it panicked");
            assert_eq!(failure.kind, EndKind::Panic);
            assert_eq!(failure.text, "panic: boom\n\ngoroutine 2 [running]:\n");
        },
    );
}

#[test]
fn a_panic_that_somebody_joins_is_told_there_and_ends_nothing() {
    both_drives(
        || {
            let text = go(|| panic!("boom {}", 1)).join().expect_err("it panicked");
            let value = go(|| std::panic::panic_any(7_u8)).join().expect_err("it panicked");
            let deep = go(|| go(|| panic!("inside")).join().map_err(|p| p.resume()).ok()).join();
            let deep = deep.expect_err("it went on panicking");
            (text.message().to_owned(), value.message().to_owned(), deep.to_string())
        },
        |got| {
            let (text, value, deep) = got.expect("main goes on");
            assert_eq!(text, "boom 1");
            assert_eq!(value, "a value that is not text");
            assert_eq!(deep, "a goroutine panicked: inside");
        },
    );
}

#[test]
fn a_result_whose_drop_panics_is_a_panic_of_its_goroutine() {
    /// Does not go quietly.
    struct Loud;
    impl Drop for Loud {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }
    let failure = lab(1).procs(1).try_run(|| {
        drop(go(|| Loud));
        (0..5).for_each(|_| yield_now());
    });
    let failure = failure.expect_err("nobody took the result");
    assert_eq!(failure.kind, EndKind::Panic);
    assert_eq!(failure.text, "panic: dropped\n\ngoroutine 2 [running]:\n");
}

#[test]
fn a_joined_goroutine_gives_its_result() {
    both_drives(
        || {
            let handle = go(|| (current_id(), "a result"));
            let id = handle.id();
            (handle.join().expect("no panic"), id)
        },
        |got| {
            let ((id, result), told) = got.expect("main returns");
            assert_eq!((id, result), (told, "a result"));
        },
    );
}

// ---- goexit ----

/// Counts its drops.
struct Dropped(Arc<AtomicU32>);
impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// Calls it from some frames down.
#[inline(never)]
fn leave(count: &Arc<AtomicU32>) -> u32 {
    let _inner = Dropped(Arc::clone(count));
    gopark::goexit()
}

// Go: TestGoexitDefer
#[test]
fn goexit_runs_destructors_and_ends_only_its_goroutine() {
    both_drives(
        || {
            let count = Arc::new(AtomicU32::new(0));
            let mine = Arc::clone(&count);
            let left = go(move || {
                let _outer = Dropped(Arc::clone(&mine));
                leave(&mine)
            });
            let told = left.join().expect_err("it left no result");
            assert!(told.is_goexit());
            (count.load(Relaxed), told.to_string(), told.message().to_owned())
        },
        |got| {
            let said = "the goroutine called goexit".to_owned();
            assert_eq!(got, Ok((2, said.clone(), said)));
        },
    );
}

#[test]
fn a_goexit_that_nobody_joins_ends_nothing() {
    both_drives(
        || {
            let wg = WaitGroup::new();
            for _ in 0..10 {
                wg.add(1);
                let wg = wg.clone();
                let early = go(move || {
                    struct Done(WaitGroup);
                    impl Drop for Done {
                        fn drop(&mut self) {
                            self.0.done();
                        }
                    }
                    let _done = Done(wg);
                    gopark::goexit();
                });
                drop(early);
            }
            wg.wait();
            // Its handle is dropped after its end.
            let late = go(|| gopark::goexit());
            (0..20).for_each(|_| yield_now());
            drop::<gopark::JoinHandle<()>>(late);
        },
        |got| assert_eq!(got, Ok(())),
    );
}

#[test]
fn resuming_a_goexit_is_a_panic_of_ones_own() {
    both_drives(
        || {
            let outer = go(|| {
                let inner = go(|| -> () { gopark::goexit() }).join();
                inner.map_err(|told| told.resume()).unwrap_or(());
            });
            let told = outer.join().expect_err("it panicked");
            (told.is_goexit(), told.to_string())
        },
        |got| {
            let said = "a goroutine panicked: the goroutine called goexit";
            assert_eq!(got, Ok((false, said.to_owned())));
        },
    );
}

// Go: TestGoexitCrash, TestMainGoroutineID
#[test]
fn r103_after_a_goexit_of_main_the_others_finish() {
    let done = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&done);
    both_drives(
        move || -> () {
            for n in 0..5 {
                let count = Arc::clone(&count);
                drop(go(move || {
                    sleep(Duration::from_micros(50 * n));
                    yield_now();
                    count.fetch_add(1, Relaxed);
                }));
            }
            gopark::goexit();
        },
        |got| {
            let failure = got.expect_err("nobody is left");
            assert_eq!(failure.kind, EndKind::NoGoroutines);
            assert_eq!(
                failure.text,
                "fatal error: no goroutines (main called runtime.Goexit) - deadlock!\n"
            );
            assert_eq!(done.swap(0, Relaxed), 5);
        },
    );
}

// Go: TestGoexitDeadlock
#[test]
fn after_a_goexit_of_main_others_that_wait_for_ever_are_a_deadlock() {
    both_drives(
        || {
            drop(go(|| park_forever()));
            gopark::goexit()
        },
        |got: Result<(), Failure>| {
            let text = here(&deadlock(got));
            assert_eq!(
                text,
                "fatal error: all goroutines are asleep - deadlock!\n\
                 \ngoroutine 2 [select (no cases)]:\n\tHERE\ncreated by HERE in goroutine 1\n"
            );
        },
    );
}

#[test]
fn r103_a_goexit_of_main_ends_the_process_with_code_2() {
    let name = "r103_a_goexit_of_main_ends_the_process_with_code_2";
    let output = end_of(name, || live(2).run(|| gopark::goexit()));
    assert_eq!(
        stderr(&output),
        "fatal error: no goroutines (main called runtime.Goexit) - deadlock!\n"
    );
    assert_eq!(output.status.code(), Some(2));
}

// ---- dumps ----

#[test]
fn a_dump_says_where_each_goroutine_is() {
    both_drives(
        || {
            let first = line!();
            gopark::lock_os_thread();
            let (tx, rx) = chan::<()>(0);
            let waiter = go_named("waiter", move || rx.recv());
            while !gopark::dump().contains("[chan receive]") {
                yield_now();
            }
            let text = gopark::dump();
            tx.close();
            assert_eq!(waiter.join().expect("no panic"), None);
            from(first, &text)
        },
        |got| {
            let text = got.expect("main returns");
            assert_eq!(
                text,
                "\ngoroutine 1 [running, locked to thread]:\n\tmain\n\t+7\n\
                 \ngoroutine 2 [chan receive]:\n\twaiter\n\t+3\ncreated by +3 in goroutine 1\n"
            );
        },
    );
}

// ---- the process ----

#[test]
fn a_deadlock_ends_the_process_with_gos_text_and_code_2() {
    let name = "a_deadlock_ends_the_process_with_gos_text_and_code_2";
    let output = end_of(name, || lab(1).run(|| park_forever()));
    assert_eq!(
        here(&stderr(&output)),
        "fatal error: all goroutines are asleep - deadlock!\n\
         \ngoroutine 1 [select (no cases)]:\n\tmain\n\tHERE\n"
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_panic_ends_the_process_with_gos_text_and_code_2() {
    let name = "a_panic_ends_the_process_with_gos_text_and_code_2";
    let output = end_of(name, || {
        live(2).run(|| {
            drop(go(|| panic!("boom")));
            park_forever()
        })
    });
    // Rust's own panic message comes first.
    let text = stderr(&output);
    assert!(text.ends_with("\npanic: boom\n\ngoroutine 2 [running]:\n"), "{text}");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_fatal_error_ends_the_process_with_gos_text_and_code_2() {
    let name = "a_fatal_error_ends_the_process_with_gos_text_and_code_2";
    let output = end_of(name, || live(1).run(|| gopark::sync::GoMutex::new().unlock()));
    assert_eq!(stderr(&output), "fatal error: sync: unlock of unlocked mutex\n");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_return_of_main_ends_the_run_and_not_the_process() {
    let name = "a_return_of_main_ends_the_run_and_not_the_process";
    let output = end_of(name, || {
        let sum = lab(1).run(|| 1) + live(2).run(|| 2);
        eprint!("{sum}");
    });
    assert_eq!((stderr(&output).as_str(), output.status.code()), ("3", Some(0)));
}

// Go: TestCrashDumpsAllThreads
#[test]
fn sigquit_in_live_dumps_all_goroutines_and_ends_the_process_with_code_2() {
    let name = "sigquit_in_live_dumps_all_goroutines_and_ends_the_process_with_code_2";
    let output = end_of(name, || {
        live(2).run(|| {
            drop(go_named("waiter", || park_forever()));
            while !gopark::dump().contains("[select (no cases)]") {
                yield_now();
            }
            assert_eq!(quit_handler(), Handler::Other);
            send_quit();
            loop {
                sleep(Duration::from_secs(3_600));
            }
        });
    });
    assert_eq!(
        here(&stderr(&output)).replace("[running]", "[sleep]"),
        "SIGQUIT: quit\n\ngoroutine 1 [sleep]:\n\tmain\n\tHERE\n\
         \ngoroutine 2 [select (no cases)]:\n\twaiter\n\tHERE\ncreated by HERE in goroutine 1\n"
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn sigquit_is_the_systems_again_after_a_live_run() {
    let name = "sigquit_is_the_systems_again_after_a_live_run";
    let output = end_of(name, || {
        live(2).run(|| assert_eq!(quit_handler(), Handler::Other));
        lab(1).run(|| assert_eq!(quit_handler(), Handler::Default));
        assert_eq!(quit_handler(), Handler::Default);
        // SAFETY: it ignores the signal, nothing else.
        unsafe { libc::signal(libc::SIGQUIT, libc::SIG_IGN) };
        live(2).run(|| {
            assert_eq!(quit_handler(), Handler::Ignored);
            send_quit();
        });
        assert_eq!(quit_handler(), Handler::Ignored);
    });
    assert_eq!((stderr(&output).as_str(), output.status.code()), ("", Some(0)));
}

/// What happens at SIGQUIT.
#[derive(Debug, PartialEq)]
enum Handler {
    Default,
    Ignored,
    Other,
}

fn quit_handler() -> Handler {
    // SAFETY: it asks, and changes nothing; all zeroes is a valid sigaction.
    let now = unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        assert_eq!(libc::sigaction(libc::SIGQUIT, std::ptr::null(), &raw mut now), 0);
        now.sa_sigaction
    };
    match now {
        libc::SIG_DFL => Handler::Default,
        libc::SIG_IGN => Handler::Ignored,
        _ => Handler::Other,
    }
}

fn send_quit() {
    // SAFETY: a plain call.
    assert_eq!(unsafe { libc::kill(libc::getpid(), libc::SIGQUIT) }, 0);
}

// ---- a wait while a panic unwinds ----

/// Waits for a word in its destructor, as a panic unwinds.
struct Waits(gopark::Receiver<u32>, Arc<AtomicU32>);
impl Drop for Waits {
    fn drop(&mut self) {
        assert!(std::thread::panicking());
        self.1.store(self.0.recv().unwrap_or_default(), Relaxed);
        assert!(std::thread::panicking());
    }
}

#[test]
fn in_live_a_destructor_may_wait_while_a_panic_unwinds() {
    for procs in [1, 2, 4] {
        let got = live(procs).try_run(|| {
            let (tx, rx) = chan::<u32>(0);
            let word = Arc::new(AtomicU32::new(0));
            let told = Arc::clone(&word);
            let unwinds = go(move || -> () {
                let _waits = Waits(rx, told);
                panic!("it unwinds")
            });
            while !gopark::dump().contains("[chan receive, locked to thread]") {
                yield_now();
            }
            // Others go on, and none of them counts a panic that is not its own.
            let others: Vec<_> = (0..20)
                .map(|_| {
                    go(|| {
                        yield_now();
                        std::thread::panicking()
                    })
                })
                .collect();
            let wrong =
                others.into_iter().filter_map(|other| other.join().ok()).filter(|&p| p).count();
            tx.send(7);
            let told = unwinds.join().expect_err("it panicked");
            assert!(!std::thread::panicking());
            (wrong, told.message().to_owned(), word.load(Relaxed))
        });
        assert_eq!(got, Ok((0, "it unwinds".to_owned(), 7)));
    }
}

#[test]
fn in_the_lab_a_wait_while_a_panic_unwinds_is_a_fatal_error() {
    let failure = lab(1).try_run(|| {
        let (tx, rx) = chan::<u32>(0);
        let unwinds = go(move || -> () {
            let _waits = Waits(rx, Arc::default());
            panic!("it unwinds")
        });
        drop(unwinds.join());
        tx.close();
    });
    let failure = failure.expect_err("there is one thread");
    assert_eq!(failure.kind, EndKind::Fatal);
    assert!(failure.text.contains("waits in a destructor while it panics"), "{failure}");
}

// ---- stacks ----

/// Needs some 200 bytes of stack for each of `depth`, and more without optimisation.
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 16]);
    if depth == 0 { 0 } else { recurse(depth - 1) + frame[3] }
}

#[track_caller]
fn overflow(output: &std::process::Output, bytes: usize, goroutine: &str) {
    assert_eq!(
        stderr(output),
        format!(
            "runtime: goroutine stack exceeds {bytes}-byte limit\nfatal error: stack overflow\n\n\
             gopark: goroutine {goroutine} ran out of its {bytes}-byte stack; \
             give it a larger one with go_with_stack(size, f)\n"
        )
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn in_the_lab_a_stack_overflow_names_the_goroutine() {
    let name = "in_the_lab_a_stack_overflow_names_the_goroutine";
    let output = end_of(name, || {
        lab(1).procs(2).run(|| {
            let deep = go_named("deep", || recurse(u64::MAX));
            drop(deep.join());
        });
    });
    overflow(&output, 64 << 10, "2 [deep]");
}

#[test]
fn in_live_a_stack_overflow_names_the_goroutine() {
    let name = "in_live_a_stack_overflow_names_the_goroutine";
    let output = end_of(name, || {
        live(4).stack_size(128 << 10).run(|| recurse(u64::MAX));
    });
    overflow(&output, 128 << 10, "1 [main]");
}

#[test]
fn a_stack_used_again_names_its_new_goroutine() {
    let name = "a_stack_used_again_names_its_new_goroutine";
    let output = end_of(name, || {
        lab(1).procs(1).run(|| {
            go_named("before", || 1).join().expect("no panic");
            drop(go(|| recurse(u64::MAX)).join());
        });
    });
    overflow(&output, 64 << 10, "3");
}

#[test]
fn go_with_stack_gives_room() {
    both_drives(
        || {
            let depth = 2_000;
            let deep = go_with_stack(4 << 20, move || recurse(depth));
            let small = go_with_stack(1, || recurse(3));
            (deep.join().expect("no panic"), small.join().expect("no panic"))
        },
        |got| assert_eq!(got, Ok((2_000 * 2_001 / 2, 6))),
    );
}

#[test]
fn a_stack_that_cannot_be_had_is_a_fatal_error() {
    both_drives(
        || drop(go_with_stack(usize::MAX, || ()).join()),
        |got| {
            let failure = got.expect_err("no stack is that large");
            assert_eq!(failure.kind, EndKind::Fatal);
            let said =
                "gopark: no stack for a goroutine: a stack of 18446744073709551615 bytes can't";
            assert!(failure.text.starts_with(said), "{failure}");
            assert!(failure.text.ends_with('\n'), "it is printed as it is: {failure:?}");
        },
    );
}

// ---- set-up ----

#[track_caller]
fn refused(got: Result<(), Failure>, said: &str) {
    let failure = got.expect_err("that can't be");
    assert_eq!(failure.kind, EndKind::Fatal);
    assert_eq!(failure.to_string(), said);
}

#[test]
fn a_number_of_ps_that_cannot_be_is_a_clear_error() {
    refused(lab(1).procs(0).try_run(|| ()), "gopark: 0 Ps can't be had: choose 1 to 1024");
    refused(live(0).try_run(|| ()), "gopark: 0 Ps can't be had: choose 1 to 1024");
    refused(lab(1).procs(1025).try_run(|| ()), "gopark: 1025 Ps can't be had: choose 1 to 1024");
}

#[test]
fn a_stack_size_that_cannot_be_is_a_clear_error() {
    let said = "gopark: a stack of 1000 bytes can't be had: at most 1073741824, and a default size is \
                a power of two from 16384 (or four pages) up";
    refused(lab(1).stack_size(1_000).try_run(|| ()), said);
    refused(live(1).stack_size(1_000).try_run(|| ()), said);
}

#[test]
fn several_panics_at_once_end_the_run_once() {
    both_drives(
        || {
            (0..8).for_each(|_| drop(go(|| panic!("one of eight"))));
            park_forever();
        },
        |got: Result<(), Failure>| {
            let failure = got.expect_err("one of them counts");
            assert_eq!(failure.kind, EndKind::Panic);
            assert_eq!(failure.text.matches("panic: one of eight\n").count(), 1, "{failure}");
        },
    );
}
