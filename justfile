# Everything one does with this repository. Each recipe is one command that also works by itself.

# This list
default:
    @just --list --unsorted

# The stage: the menu of lessons, or any gopark command
run *args:
    cargo run --release -- {{ args }}

# One lesson on the stage: just demo stealing --seed 8
demo name="stealing" *args:
    cargo run --release -- demo {{ name }} {{ args }}

# The lessons by name
list:
    cargo run --release -- list

# All tests, or those whose names contain a word: just test steal
test *args:
    cargo test --workspace {{ args }}

# The lints, as strict as CI
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# Format everything
fmt:
    cargo fmt --all

# The docs of every crate
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# The benchmarks
bench *args:
    cargo bench --workspace --bench '*' -- {{ args }}

# gopark beside tokio, may, smol, threads and (if it is here) Go: just bench-peers --only ping-pong
bench-peers *args:
    cargo run --release --manifest-path crates/gopark/bench-peers/Cargo.toml --target-dir target/bench-peers -- {{ args }}

# What a local run queue costs: crossbeam-deque beside an own ring
bench-rings:
    cargo bench --manifest-path crates/gopark/bench-peers/Cargo.toml --target-dir target/bench-peers --bench rings

# The lock-free protocols under the model checker
loom:
    cargo test --workspace --release --test '*loom'

# The runtime's threads under ThreadSanitizer: just tsan --test select
tsan *args="--test channels --test stopping --test calls":
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer --cfg crossbeam_sanitize_thread" cargo test -p gopark --target x86_64-unknown-linux-gnu --target-dir target/tsan {{ args }}

# The switches between stacks under AddressSanitizer
asan *args:
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer" cargo test -p gopark-fiber --tests --target x86_64-unknown-linux-gnu --target-dir target/asan {{ args }}

# Take the present frames of the stage as the right ones; look at the diff before you commit
snap:
    INSTA_UPDATE=always cargo test -p gopark-tui

# All tests with the big counts
accept:
    GOPARK_ACCEPT=1 cargo test --workspace --release

# What CI runs
ci:
    .ci/run

# The pictures in assets/, made by gopark itself
pictures:
    cargo run --release -- demo stealing --plain --record target/pictures.gopark > /dev/null
    cargo run --release -- export target/pictures.gopark --to svg --charset unicode --at 178 --size 120x40 --moving 0.4 > assets/stage-120x40.svg
    cargo run --release -- export target/pictures.gopark --to svg --charset unicode --at 139 --size 80x24 > assets/stage-80x24.svg
