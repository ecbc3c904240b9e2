mod terminal;
use terminal::*;
#[test]
fn probe() {
    let mut t = stealing().open();
    let show = |name: &str, s: &str| println!("==== {name}\n{s}");
    let a = t.wait_text("PAUSED");
    show("first", &a);
    let a = t.wait_text("chapter 1");
    show("chapter", &a);
    t.press("\x1b[C");
    let b = t.wait_change(&a);
    show("right", &b);
    t.press("\x1b[D");
    let c = t.wait_change(&b);
    show("left", &c);
    t.press("nnn");
    let c = t.wait_text("chapter 4");
    show("nnn", &c);
    for _ in 0..10 {
        t.press("\x1b[C");
        let c2 = t.wait_change(&t.wait_for("x", |_| true));
        show("step", &c2);
        if c2.contains("predict") { break; }
    }
    t.press("2");
    let c = t.wait_text("space goes on");
    show("verdict", &c);
    t.press("?");
    let c = t.wait_text("esc closes");
    show("help", &c);
    t.resize(10, 3);
    let c = t.wait_text("have");
    show("small", &c);
    t.press("q");
    let e = t.wait_end();
    println!("{e:?} left: {:?}", std::fs::read_dir(t.temp.path()).unwrap().map(|e| e.unwrap().file_name()).collect::<Vec<_>>());
    t.assert_given_back();
}
