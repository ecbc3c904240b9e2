//! Lesson files: what is read, on which line it is wrong, and where in a run its parts stand.

use gopark_tui::app::Tempo;
use gopark_tui::lesson::track::{Begin, Gate};
use gopark_tui::lesson::{Lesson, Track};

use crate::run::{LESSON, roll, stealing};

const WHOLE: &str = "\
---
program: stealing
procs: 4
seed: 7
speed: 0.5
summary: One P is flooded, the others steal
teaches: slot and ring, stealing half
# a remark
---
# Work stealing
It begins
here.

And goes on.

<!-- nobody reads this -->
## Start
No trigger: it begins with the run.

## One P gets everything
when: GoCreate #2
Main makes {g}.
It goes to {to}.

A second paragraph.
- say SlotKick: {g} must go,
  the slot is taken
- say* rule RingFull: {moved} move
> note: ask who
> has seen this
### ask Steal #1 where of > 1
How many of the {of} goroutines
waiting on {victim}?

Take your time.
1. one => taken == 1
2. half of them,
   rounded up => taken == half_up
3. something => otherwise
why: Half, rounded up: {half_up}.

- say GoPark: {g} parks
";

fn read(text: &str) -> Lesson {
    Lesson::parse(text).unwrap_or_else(|errors| panic!("{errors:?}"))
}

#[test]
fn everything_in_a_lesson_is_read() {
    let lesson = read(WHOLE);
    assert_eq!(lesson.program, "stealing");
    assert_eq!((lesson.procs, lesson.seed), (Some(4), Some(7)));
    assert_eq!(lesson.speed, Some(Tempo::NORMAL.slower()));
    assert_eq!(lesson.summary, "One P is flooded, the others steal");
    assert_eq!(lesson.teaches, ["slot and ring", "stealing half"]);
    assert_eq!(lesson.title, "Work stealing");
    assert_eq!(lesson.intro, "It begins here.\nAnd goes on.");
    assert_eq!((lesson.chapters.len(), lesson.questions()), (2, 1));
    assert!(lesson.chapters[0].when.is_none());
    let chapter = &lesson.chapters[1];
    assert_eq!((chapter.title.as_str(), chapter.line), ("One P gets everything", 20));
    let text = "Main makes {g}. It goes to {to}.\nA second paragraph.";
    assert_eq!(chapter.text.source(), text);
    assert_eq!(chapter.notes, ["ask who has seen this"]);
    let says: Vec<_> =
        chapter.says.iter().map(|s| (s.trigger.name(), s.every, s.text.source())).collect();
    assert_eq!(says[0], ("SlotKick", false, "{g} must go, the slot is taken".to_owned()));
    assert_eq!(says[1], ("RingFull", true, "{moved} move".to_owned()));
    assert_eq!(says[2].0, "GoPark");
    let ask = &chapter.asks[0];
    let text = "How many of the {of} goroutines waiting on {victim}?\nTake your time.";
    assert_eq!((ask.text.source().as_str(), ask.line), (text, 31));
    let choices: Vec<_> = ask.choices.iter().map(|c| c.text.source()).collect();
    assert_eq!(choices, ["one", "half of them, rounded up", "something"]);
    assert_eq!(ask.why.source(), "Half, rounded up: {half_up}.");
}

#[test]
fn line_ends_and_marks_of_other_systems_change_nothing() {
    let dos = format!("\u{feff}{}", WHOLE.replace('\n', "\r\n"));
    assert_eq!(read(&dos), read(WHOLE));
}

#[test]
fn the_example_in_the_documentation_is_a_lesson() {
    let source = include_str!("../../src/lesson.rs");
    let block = source.split("//! ```").nth(1).expect("a block");
    let lines = block.lines().skip(1).map(|line| line.trim_start_matches("//!"));
    let lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
    // Remarks stand behind two blanks; they are no part of a lesson.
    let lines: Vec<_> = lines.map(|line| line.split("   ").next().unwrap_or(line)).collect();
    let lesson = read(&lines.join("\n"));
    assert_eq!((lesson.chapters.len(), lesson.questions()), (1, 1));
}

/// The whole lesson with one line changed has exactly this error.
#[track_caller]
fn wrong(from: &str, to: &str, line: usize, message: &str) {
    assert!(WHOLE.contains(from), "{from}");
    let errors = Lesson::parse(&WHOLE.replacen(from, to, 1)).expect_err("something is wrong");
    let [error] = errors.as_slice() else { panic!("{errors:?}") };
    assert_eq!(error.line, line, "{error}");
    assert!(error.message.contains(message), "{error}");
    assert_eq!(error.to_string(), format!("line {line}: {}", error.message));
}

#[test]
fn errors_are_exact_to_the_line() {
    wrong("---\nprogram", "program", 1, "begins with a line ---");
    wrong("program: stealing\n", "", 1, "program: is missing");
    wrong("procs: 4", "procs: none", 3, "\"none\" is no number of Ps");
    wrong("procs: 4", "procs: 0", 3, "1 to 256");
    wrong("seed: 7", "seed: x", 4, "no seed");
    wrong("speed: 0.5", "speed: 3", 5, "\"3\" is no tempo; there are 0.1");
    wrong("summary: One", "sumary: One", 6, "there is no key sumary:");
    wrong("summary: One P is flooded, the others steal", "seed: 8", 6, "a second time");
    wrong("procs: 4", "procs:", 3, "has no value");
    wrong("procs: 4", "procs 4", 3, "key: value");
    wrong("# Work stealing", "Work stealing", 10, "text before the title");
    wrong("## Start", "# Start", 17, "one title");
    wrong("## Start", "##", 17, "the chapter has no title");
    wrong("when: GoCreate #2\nMain makes {g}.\nIt goes to {to}.", "", 20, "when: is missing");
    wrong("when: GoCreate #2", "when: GoCreat #2", 21, "GoCreate is near");
    wrong("Main makes {g}.", "Main makes {h}.", 22, "there is no fact {h}");
    wrong("- say SlotKick:", "- say SlotKik:", 26, "SlotKick is near");
    wrong("- say SlotKick:", "- sya SlotKick:", 26, "an item is");
    wrong("{g} must go,", "{thief} must go,", 26, "there is no fact {thief}");
    wrong("{moved} move", "", 28, "nothing is said here");
    wrong("> note: ask", "> ask", 29, "a quotation is a note");
    wrong("### ask", "### question", 31, "neither # title");
    wrong("Steal #1", "Steel #1", 31, "Steal is near");
    wrong("of the {of} gor", "of the {off} gor", 31, "there is no fact {off}");
    wrong("1. one => taken == 1", "1. one", 36, "text => condition");
    wrong("1. one => taken == 1", "1. one => takn == 1", 36, "there is no fact \"takn\"");
    wrong("3. something", "4. something", 39, "number 3, not 4");
    wrong("why: Half, rounded up: {half_up}.", "", 31, "no why:");
    wrong("- say GoPark: {g} parks", "So it is.", 42, "in no place");
    wrong("- say GoPark: {g} parks", "why: again", 42, "one why:");
    wrong("- say GoPark: {g} parks", "4. four => otherwise", 42, "before why:");
    wrong("- say GoPark: {g} parks", "when: GoPark", 42, "its second when:");
}

#[test]
fn numbers_of_answers_are_checked() {
    let choices =
        "2. half of them,\n   rounded up => taken == half_up\n3. something => otherwise\n";
    wrong(choices, "", 31, "2 or 3 answers; this one has 1");
    let four = format!("{choices}4. more => taken > 9\n");
    wrong(choices, &four, 31, "this one has 4");
}

#[test]
fn all_errors_are_told_at_once_in_order() {
    let text = WHOLE.replace("seed: 7", "seed: x").replace("SlotKick", "SlotKik");
    let text = text.replace("GoPark", "GoBark");
    let errors = Lesson::parse(&text).expect_err("three things are wrong");
    let lines: Vec<_> = errors.iter().map(|e| e.line).collect();
    assert_eq!(lines, [4, 26, 42]);
}

#[test]
fn what_is_no_lesson_at_all_is_said() {
    for text in
        ["", "\n", "---", "---\n---\n", "# x\n## y\n", "\u{0}\u{1}", "---\r\nprogram: x\r\n"]
    {
        let errors = Lesson::parse(text).expect_err(text);
        assert!(!errors.is_empty());
        let lines = text.lines().count().max(1);
        assert!(errors.iter().all(|e| (1..=lines).contains(&e.line)), "{errors:?}");
    }
}

#[test]
fn no_text_makes_the_reader_panic() {
    let lines: Vec<&str> = WHOLE.lines().collect();
    let mut seed = 4;
    for _ in 0..4_000 {
        let mut text: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        for _ in 0..=roll(&mut seed, 4) {
            let i = roll(&mut seed, text.len() as u64) as usize;
            match roll(&mut seed, 5) {
                0 => drop(text.remove(i)),
                1 => text.insert(i, lines[roll(&mut seed, lines.len() as u64) as usize].to_owned()),
                2 => {
                    let chars = text[i].chars();
                    text[i] = chars.filter(|_| roll(&mut seed, 6) > 0).collect();
                }
                3 => text[i].push_str(
                    ["{", "}", "=>", ":", "\"", "#", "é", " where "][roll(&mut seed, 8) as usize],
                ),
                _ => text.truncate(i.max(1)),
            }
            if text.is_empty() {
                break;
            }
        }
        let total = text.len().max(1);
        match Lesson::parse(&text.join("\n")) {
            Ok(lesson) => drop(Track::new(&lesson)),
            Err(errors) => {
                assert!(!errors.is_empty() && errors.is_sorted());
                assert!(errors.iter().all(|e| (1..=total).contains(&e.line)), "{errors:?}");
            }
        }
    }
}

// ---- where things stand in a run ----

fn follow(text: &str, rounds: usize) -> Track {
    let mut track = Track::new(&read(text));
    stealing(rounds).iter().for_each(|record| track.see(record));
    track
}

#[test]
fn chapters_words_and_questions_have_places() {
    let track = follow(LESSON, 2);
    let begin = |at, chapter| Begin { at, chapter };
    assert_eq!(track.begins(), [begin(7, 0), begin(21, 1), begin(26, 2)]);
    assert_eq!(track.gates(0, u64::MAX), [Gate { at: 23, chapter: 1, ask: 0 }]);
    assert!(track.gates(0, 23).is_empty() && track.gates(24, 99).is_empty());
    let said: Vec<_> = track.said().iter().map(|s| (s.at, s.chapter)).collect();
    assert_eq!(said, [(8, 0), (26, 2), (30, 2)]);
    assert_eq!(track.chapter(6), None);
    assert_eq!(track.chapter(25), Some(begin(21, 1)));
    assert_eq!(track.next_chapter(7), Some(begin(21, 1)));
    assert_eq!(track.prev_chapter(21), Some(begin(7, 0)));
    assert!(!track.has_more_chapters());
}

#[test]
fn a_chapter_begins_only_after_the_one_before() {
    let text =
        "---\nprogram: x\n---\n# T\n## A\nwhen: Steal\n## B\nwhen: GoCreate\n## C\nwhen: GoPark\n";
    let track = follow(text, 2);
    // GoCreate never happens again after the theft, so B and with it C never begin.
    assert_eq!(track.begins(), [Begin { at: 23, chapter: 0 }]);
    assert!(track.has_more_chapters());
}

#[test]
fn occurrences_are_counted_in_the_whole_run() {
    let text = "---\nprogram: x\n---\n# T\n## A\nwhen: GoPark #2\n## B\nwhen: GoStart #2\n";
    let track = follow(text, 3);
    // The second park is at 30. The second start was before it, so the next one counts.
    assert_eq!(track.begins(), [Begin { at: 30, chapter: 0 }, Begin { at: 33, chapter: 1 }]);
}

#[test]
fn words_of_a_chapter_are_said_in_it_only_and_once() {
    let text = "---\nprogram: x\n---\n# T\n## A\n- say GoCreate where g == 4: four\n- say GoPark: no\n\
        ## B\nwhen: MStart\n- say GoCreate: no\n- say GoStart: yes\n- say* GoPark #2: every\n";
    let track = follow(text, 3);
    let said: Vec<_> = track.said().iter().map(|s| (s.at, s.chapter, s.say)).collect();
    assert_eq!(said, [(11, 0, 0), (25, 1, 1), (30, 1, 2), (34, 1, 2)]);
}
