//! How it looks, and that a stage at rest is silent.

use std::time::Duration;

use crate::output::{position, text};
use crate::terminal::{RIGHT, gopark, stealing};

/// What is written of colours in these bytes: each parameter of SGR that sets one.
fn colours(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let sequences = text.split("\x1b[").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !matches!(c, '0'..='9' | ';' | ':'))?;
        rest[end..].starts_with('m').then(|| rest[..end].to_owned())
    });
    let sets = |parameter: &str| {
        let n = parameter.split(':').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        matches!(n, 30..=38 | 40..=48 | 58 | 90..=97 | 100..=107)
    };
    sequences.filter(|sequence| sequence.split(';').any(sets)).collect()
}

#[test]
fn no_color_takes_the_colours_and_nothing_else() {
    let mut coloured = stealing().open();
    let expected = coloured.wait_text("1/5 ");
    assert!(!colours(&coloured.raw()).is_empty(), "without the variable there are colours");

    let mut plain = stealing().env("NO_COLOR", "1").open();
    plain.wait_same(&expected);
    for terminal in [&mut coloured, &mut plain] {
        terminal.press(RIGHT);
        let at = position(&expected).0;
        terminal.wait_for("a step", |screen| position(&text(screen)).0 > at);
    }
    plain.wait_same(&coloured.now());
    assert_eq!(colours(&plain.raw()), Vec::<String>::new());
}

#[test]
fn without_a_locale_the_stage_is_ascii() {
    let terminal = stealing().env("LANG", "C").open();
    let screen = terminal.wait_text("1/5 One P, one goroutine");
    assert!(screen.is_ascii(), "{screen}");
}

#[test]
fn the_terminal_is_asked_for_its_background() {
    let [dark, light] = ["0000/0000/0000", "ffff/ffff/ffff"].map(|background| {
        let mut terminal = gopark(&["demo", "stealing", "--motion", "off"]).open();
        terminal.wait_raw(b"\x1b]11;?");
        terminal.press(&format!("\x1b]10;rgb:8080/8080/8080\x1b\\\x1b]11;rgb:{background}\x1b\\"));
        terminal.press("\x1b[?62;22c");
        terminal.wait_text("1/5 One P, one goroutine");
        // Nothing of the answer is taken for a key.
        let screen = terminal.now();
        assert!(screen.contains("PAUSED x1"), "{screen}");
        (screen, colours(&terminal.raw()))
    });
    assert_eq!(dark.0, light.0);
    assert_ne!(dark.1, light.1, "a light terminal gets other colours than a dark one");
}

#[test]
fn a_terminal_that_does_not_answer_gets_a_stage_all_the_same() {
    let terminal = gopark(&["demo", "stealing"]).open();
    terminal.wait_text("1/5 One P, one goroutine");
}

#[test]
fn a_stage_at_rest_writes_nothing() {
    let mut terminal = gopark(&["demo", "stealing", "--theme", "dark"]).open();
    let at = position(&terminal.wait_text("1/5 ")).0;
    terminal.press(RIGHT);
    terminal.wait_for("a step", |screen| position(&text(screen)).0 > at);
    // A key that takes a frame shows that everything before it is drawn.
    terminal.press("?");
    terminal.wait_text("esc closes");
    terminal.press("\x1b");
    terminal.wait_gone("esc closes");
    assert_eq!(terminal.bytes_during(Duration::from_secs(1)), 0);
}
