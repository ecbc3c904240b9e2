//! The run as text.

use gopark_model::World;
use gopark_trace::{Event, Record, SiteId};
use gopark_tui::Lesson;
use gopark_tui::plain::{Narrator, plain_line};

use crate::run::{LESSON, stealing};

/// The whole run as text.
fn told(records: &[Record], lesson: Option<&str>) -> String {
    let lesson = lesson.map(|text| Lesson::parse(text).expect("a lesson"));
    let mut narrator = Narrator::new(lesson);
    let mut world = World::new();
    let mut text = narrator.opening();
    for record in records {
        world.apply(record);
        text.push_str(&narrator.tell(record, &world));
    }
    text
}

#[test]
fn a_line_says_when_who_what_why_and_where() {
    let mut records = stealing(0);
    records[9].site = Some(SiteId(1));
    let mut world = World::new();
    records.iter().for_each(|record| drop(world.apply(record)));
    let line = plain_line(&records[9], &world).expect("a line");
    // The sentences are the tables', so the record is asked for them.
    let what = records[9].to_string();
    assert!(what.contains("G3") && what.contains(": "), "{what}");
    assert_eq!(line, format!("      300 ns  M0 P0 G1      {what}  [proc.go newproc]  two.rs:3"));
    let line = plain_line(&records[1], &world).expect("a line");
    let what = &records[1];
    assert_eq!(line, format!("        0 ns  -             {what}  [proc.go procresize]"));
    assert_eq!(plain_line(&records[3], &world), None, "a definition is no event");
}

#[test]
fn a_line_is_one_line_and_harmless() {
    let mut records = stealing(0);
    records[9].event = Event::UserLog { text: "a\nb\u{1b}[2Jc\r".to_owned() };
    let line = plain_line(&records[9], &World::new()).expect("a line");
    assert!(!line.contains(char::is_control), "{line:?}");
    assert!(line.contains("a b [2Jc"), "{line}");
}

#[test]
fn the_lesson_is_told_where_it_belongs() {
    let text = told(&stealing(1), Some(LESSON));
    let lines: Vec<&str> = text.lines().collect();
    let place = |what: &str| {
        let found: Vec<_> = (0..lines.len()).filter(|i| lines[*i].contains(what)).collect();
        assert_eq!(found.len(), 1, "{what} in {text}");
        found[0]
    };
    assert_eq!(lines[..2], ["Work stealing", "  Somebody has too much."]);
    let chapter = place("Chapter 1 of 3: One P gets everything");
    assert_eq!(lines[chapter + 1], "  Main makes goroutines on one P.");
    let records = stealing(1);
    assert!(lines[chapter + 2].contains(&records[7].to_string()));
    let kicked = place(&records[8].to_string());
    assert_eq!(kicked + 1, place("  G2 must go: there is one slot."));
    let question = place("  Question: How many of the 6 of P0 does it take?");
    assert_eq!(lines[question + 2], "    2. half of them");
    assert_eq!(question + 4, place(&records[23].to_string()));
    assert_eq!(lines[question + 5], "  Answer: 2. half of them. It took 3, half of 6.");
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let records = stealing(3);
    assert_eq!(told(&records, Some(LESSON)), told(&records, Some(LESSON)));
    let bare = told(&records, None);
    // One line for each record but the definition of a source line.
    assert_eq!(bare.lines().count(), records.len() - 1);
}
