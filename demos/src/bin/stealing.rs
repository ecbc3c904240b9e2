//! Work stealing as a plain program: live, at full speed, unless the stage watches it.

use gopark_demos::{Drive, find, run};

fn main() {
    let lesson = find("stealing").expect("it is in the list");
    let procs = std::thread::available_parallelism().map_or(1, usize::from);
    if let Err(failure) = run(lesson, Drive::Live, procs, None) {
        failure.exit();
    }
}
