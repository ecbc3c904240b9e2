//! The gopark command.
mod conformance;
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let programs = conformance::read(std::path::Path::new(&path)).unwrap();
    let mut n = 0;
    for p in &programs {
        match p.check() { conformance::Verdict::Match => n += 1, conformance::Verdict::Unsupported(_) => {}, conformance::Verdict::Differs(d) => println!("{}: {d}", p.name()) }
    }
    println!("{n} of {} programs in Go's order", programs.len());
}
