//! What a seek in a million events costs, with a hundred thousand goroutines alive.

use gopark_model::History;

#[path = "../tests/support/big.rs"]
mod big;

fn main() {
    divan::main();
}

fn history() -> History {
    let mut history = History::new();
    big::big(1_000_000, 100_000, |record| history.push(record));
    history
}

#[divan::bench]
fn seek_anywhere_in_a_million(bencher: divan::Bencher<'_, '_>) {
    let mut history = history();
    let len = history.len();
    let mut at = 1;
    bencher.bench_local(|| {
        at = (at * 48_271) % len;
        history.seek(at).seq()
    });
}

#[divan::bench]
fn step_back(bencher: divan::Bencher<'_, '_>) {
    let mut history = history();
    history.seek(900_000);
    bencher.bench_local(|| {
        let at = history.at();
        history.seek(at - 1).seq()
    });
}

/// The dearest place: just before a checkpoint, from far away.
#[divan::bench]
fn seek_to_the_end_of_a_spacing(bencher: divan::Bencher<'_, '_>) {
    let mut history = history();
    let (spacing, mut n) = (history.spacing(), 1);
    let count = history.len() / spacing;
    bencher.bench_local(|| {
        n = n * 48_271 % count;
        history.seek(n * spacing + spacing - 1).seq()
    });
}

#[divan::bench(sample_count = 5)]
fn push_a_million() -> u64 {
    history().len()
}
