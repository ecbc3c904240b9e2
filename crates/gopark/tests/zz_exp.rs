//! x
use gopark::{go, yield_now};
struct Loud;
impl Drop for Loud { fn drop(&mut self) { panic!("dropped"); } }
#[test]
fn live_loud() {
    for i in 0..50 {
        eprintln!("run {i}");
        let got = std::panic::catch_unwind(|| {
            // SAFETY: fine.
            unsafe { gopark::live() }.procs(4).unwatched().try_run(|| {
                for _ in 0..4 { drop(go(|| Loud)); }
                (0..1000).for_each(|_| yield_now());
            })
        });
        eprintln!("{:?}", got.map_err(|_| "unwound"));
    }
}
