mod terminal;
use terminal::*;
#[test]
fn probe() {
    let mut t = stealing().open();
    let a = t.wait_text("1/5");
    t.press("n");
    let a = t.wait_text("2/5");
    println!("{a}");
    for _ in 0..3 {
        println!("{}", t.bytes_during(std::time::Duration::from_secs(1)));
        println!("{}", t.wait_for("", |_| true));
    }
    for p in std::fs::read_dir("/proc").unwrap() {
        let p = p.unwrap().path();
        if let Ok(s) = std::fs::read_to_string(p.join("stat")) {
            let rest = s.rsplit_once(')').unwrap().1;
            let f: Vec<&str> = rest.split_whitespace().collect();
            if f[1] == t.pid.as_raw_nonzero().to_string() {
                println!("child {s}"); let pid=p.file_name().unwrap().to_str().unwrap().to_owned(); let o=std::process::Command::new("gdb").args(["-p",&pid,"-batch","-ex","thread apply all bt 14"]).output().unwrap(); println!("{}",String::from_utf8_lossy(&o.stdout));
                for th in std::fs::read_dir(p.join("task")).unwrap() {
                    let th = th.unwrap().path();
                    println!(
                        "{} {} {}",
                        std::fs::read_to_string(th.join("comm")).unwrap(),
                        std::fs::read_to_string(th.join("wchan")).unwrap_or_default(),
                        std::fs::read_to_string(th.join("syscall")).unwrap_or_default()
                    );
                }
            }
        }
    }
}
