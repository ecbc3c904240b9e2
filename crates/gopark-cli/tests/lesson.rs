//! Every lesson is played to its end at its own seed: what its text promises happens.

use std::collections::BTreeSet;

use gopark::sink::Memory;
use gopark::trace::Record;
use gopark_demos::{Drive, LESSONS, Lesson};
use gopark_tui::lesson::Track;

fn parsed(lesson: &Lesson) -> gopark_tui::Lesson {
    gopark_tui::Lesson::parse(lesson.text).unwrap_or_else(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("{}.md\n{}", lesson.name, errors.join("\n"))
    })
}

/// Every event of the lesson's program in the lab.
fn played(lesson: &Lesson) -> Vec<Record> {
    let memory = Memory::default();
    let drive = Drive::Lab { seed: lesson.seed };
    let ended = gopark_demos::run(lesson, drive, lesson.procs, Some(Box::new(memory.clone())));
    ended.unwrap_or_else(|failure| panic!("{}: {failure}", lesson.name));
    memory.records()
}

fn followed(text: &gopark_tui::Lesson, records: &[Record]) -> Track {
    let mut track = Track::new(text);
    records.iter().for_each(|record| track.see(record));
    track
}

#[test]
fn the_head_of_a_lesson_agrees_with_its_program() {
    for lesson in LESSONS {
        let text = parsed(lesson);
        assert_eq!(text.program, lesson.name);
        assert_eq!(text.procs, u32::try_from(lesson.procs).ok(), "{}", lesson.name);
        assert_eq!(text.seed, Some(lesson.seed), "{}", lesson.name);
        assert!(!text.summary.is_empty() && !text.title.is_empty(), "{}", lesson.name);
        assert!(!text.teaches.is_empty() && !text.intro.is_empty(), "{}", lesson.name);
        assert_eq!(gopark_demos::find(lesson.name).map(|found| found.name), Some(lesson.name));
    }
    let names: BTreeSet<&str> = LESSONS.iter().map(|lesson| lesson.name).collect();
    assert_eq!(names.len(), LESSONS.len(), "two lessons have one name");
}

#[test]
fn every_chapter_begins_and_every_word_is_said() {
    for lesson in LESSONS {
        let text = parsed(lesson);
        let track = followed(&text, &played(lesson));
        let begun: Vec<usize> = track.begins().iter().map(|begin| begin.chapter).collect();
        let titles: Vec<&str> = text.chapters.iter().map(|c| c.title.as_str()).collect();
        let all: Vec<usize> = (0..titles.len()).collect();
        assert_eq!(begun, all, "{}: of {titles:?}", lesson.name);
        let said: BTreeSet<_> = track.said().iter().map(|said| (said.chapter, said.say)).collect();
        for (c, chapter) in text.chapters.iter().enumerate() {
            for (s, say) in chapter.says.iter().enumerate() {
                assert!(said.contains(&(c, s)), "{}.md:{} is never said", lesson.name, say.line);
            }
        }
    }
}

#[test]
fn every_question_is_asked_and_has_a_right_answer() {
    for lesson in LESSONS {
        let text = parsed(lesson);
        let records = played(lesson);
        let track = followed(&text, &records);
        let gates = track.gates(0, u64::MAX);
        assert_eq!(gates.len(), text.questions(), "{}", lesson.name);
        let asked: BTreeSet<_> = gates.iter().map(|gate| (gate.chapter, gate.ask)).collect();
        assert_eq!(asked.len(), gates.len(), "{}: each is asked once", lesson.name);
        for gate in gates {
            let ask = &text.chapters[gate.chapter].asks[gate.ask];
            let place = format!("{}.md:{}", lesson.name, ask.line);
            let facts = ask.trigger.facts_of(&records[gate.at as usize]);
            assert!(ask.right(&facts).is_some(), "{place} has no right answer");
            let choices = ask.choices.iter().map(|choice| choice.text.render(&facts));
            let different: BTreeSet<String> = choices.collect();
            assert_eq!(different.len(), ask.choices.len(), "{place} has two equal answers");
            assert!(!ask.why.render(&facts).is_empty(), "{place} does not say why");
        }
    }
}

#[test]
fn the_program_of_a_lesson_is_the_same_every_time() {
    for lesson in LESSONS {
        assert_eq!(played(lesson), played(lesson), "{}", lesson.name);
    }
}
