//! `select!`, which reads like Go's.
//!
//! The cases are done with before the arm runs: an arm may change the channels, and `break`,
//! `continue`, `return` and `?` in it belong to the function around it. An arm is turned into
//! `(case, got, value, constructor, pattern, body)`; `case`, `got` and `value` are names of their
//! own for each arm, because each step of the macro has its own.

/// Waits for several channels at once, and goes on with the first case that can (`select`).
///
/// | Go | here |
/// |---|---|
/// | `case v, ok := <-rx:` | `v = recv(rx) => …`, where `v` is an `Option`: `None` if `rx` is closed and empty |
/// | `case <-rx:` | `recv(rx) => …` |
/// | `case tx <- value:` | `send(tx, value) => …` |
/// | `default:` | `default => …` |
/// | `select {}` | `select! {}` |
///
/// As in Go: channels and values are evaluated first, in the order they are written. Of several
/// cases that can go on, each is taken with the same odds. If none can, the default is taken; without
/// one the goroutine parks until one can. A case of a nil channel is never taken. A timeout is a case
/// that receives from a channel that somebody sends on later. Unlike in Go, a `select!` has a value,
/// that of its arm. A value that was not sent, because another case was taken, is dropped.
///
/// ```
/// use gopark::{Receiver, chan, go, select};
///
/// let got = gopark::lab(7).run(|| {
///     let (work, mut jobs) = chan(0);
///     let (stop, stopped) = chan::<()>(0);
///     drop(go(move || {
///         (1..=3).for_each(|n| work.send(n));
///         work.close();
///         stop.send(());
///     }));
///     let mut got = Vec::new();
///     loop {
///         select! {
///             job = recv(jobs) => match job {
///                 Some(n) => got.push(n),
///                 // Closed: from now on this case is never taken.
///                 None => jobs = Receiver::nil(),
///             },
///             recv(stopped) => break,
///         }
///     }
///     got
/// });
/// assert_eq!(got, [1, 2, 3]);
/// ```
///
/// ```
/// use gopark::{chan, select};
///
/// let said = gopark::lab(7).run(|| {
///     let (tx, rx) = chan(1);
///     let first = select! {
///         send(tx, 7) => "sent",
///         default => "full",
///     };
///     let second = select! {
///         send(tx, 8) => "sent",
///         default => "full",
///     };
///     (first, second, rx.recv())
/// });
/// assert_eq!(said, ("sent", "full", Some(7)));
/// ```
///
/// # Panics
/// `send on closed channel`. Outside a goroutine.
#[macro_export]
macro_rules! select {
    () => { $crate::__select::block() };
    ($($arms:tt)+) => { $crate::__select_arms!([] [] $($arms)+) };
}

/// Takes the arms of a `select!` one by one: `[cases so far] [default]`, then the arms that are left.
#[doc(hidden)]
#[macro_export]
macro_rules! __select_arms {
    // A default alone, as Go's compiler has it.
    ([] [$default:expr]) => {
        $default
    };

    // All arms are read.
    ([$(($case:ident $got:ident $value:ident $make:ident ($chan:expr $(, $sent:expr)?) $pat:pat_param => $body:expr))*]
     [$($default:expr)?]) => {{
        let ($($got,)*) = {
            $(
                let $value = &$chan;
                let $case = $crate::__select::$make($value $(, $sent)?);
            )*
            $crate::__select::select_among(
                [$($case.any()),*],
                $crate::__select_default!($($default)?),
            );
            ($($case.finish(),)*)
        };
        $(
            if let ::core::option::Option::Some($value) = $got {
                let $pat = $value;
                $body
            } else
        )* {
            $crate::__select_else!($($default)?)
        }
    }};

    // default
    ($cases:tt [] default => $body:block $(, $($rest:tt)*)?) => {
        $crate::__select_arms!($cases [$body] $($($rest)*)?)
    };
    ($cases:tt [] default => $body:block $($rest:tt)*) => {
        $crate::__select_arms!($cases [$body] $($rest)*)
    };
    ($cases:tt [] default => $body:expr $(, $($rest:tt)*)?) => {
        $crate::__select_arms!($cases [$body] $($($rest)*)?)
    };
    ($cases:tt [$default:expr] default => $($rest:tt)*) => {
        ::core::compile_error!("a select has one default")
    };

    // recv(rx) => …
    ($cases:tt $default:tt recv($rx:expr) => $($rest:tt)*) => {
        $crate::__select_body!($cases $default [recv ($rx) _] $($rest)*)
    };
    // send(tx, value) => …
    ($cases:tt $default:tt send($tx:expr, $sent:expr $(,)?) => $($rest:tt)*) => {
        $crate::__select_body!($cases $default [send ($tx, $sent) ()] $($rest)*)
    };
    // v = recv(rx) => …
    ($cases:tt $default:tt $pat:pat_param = recv($rx:expr) => $($rest:tt)*) => {
        $crate::__select_body!($cases $default [recv ($rx) $pat] $($rest)*)
    };
}

/// Takes the body of an arm.
#[doc(hidden)]
#[macro_export]
macro_rules! __select_body {
    ([$($cases:tt)*] $default:tt [$make:ident $chan:tt $pat:pat_param] $body:block, $($rest:tt)*) => {
        $crate::__select_arms!([$($cases)* (case got value $make $chan $pat => $body)] $default $($rest)*)
    };
    ([$($cases:tt)*] $default:tt [$make:ident $chan:tt $pat:pat_param] $body:block $($rest:tt)*) => {
        $crate::__select_arms!([$($cases)* (case got value $make $chan $pat => $body)] $default $($rest)*)
    };
    ([$($cases:tt)*] $default:tt [$make:ident $chan:tt $pat:pat_param] $body:expr $(, $($rest:tt)*)?) => {
        $crate::__select_arms!([$($cases)* (case got value $make $chan $pat => $body)] $default $($($rest)*)?)
    };
}

/// Whether there is a default.
#[doc(hidden)]
#[macro_export]
macro_rules! __select_default {
    () => {
        false
    };
    ($default:expr) => {
        true
    };
}

/// What happens if no case was taken.
#[doc(hidden)]
#[macro_export]
macro_rules! __select_else {
    () => {
        ::core::unreachable!("a select without a default takes a case")
    };
    ($default:expr) => {
        $default
    };
}
