//! Questions: they stop what goes over them, once; the record itself says what was right.

use gopark_tui::app::{Score, Wake, Wish};
use gopark_tui::keymap::Context;

use crate::run::{Bench, LESSON, stealing};

/// Where the question about stealing stands.
const BEFORE: u64 = 22;
/// After the step it is about.
const AFTER: u64 = 25;

fn at_question() -> Bench {
    let mut bench = Bench::recording(stealing(2), Some(LESSON));
    bench.steps_to(BEFORE);
    assert_eq!(bench.app.context(), Context::Stage);
    bench.step();
    bench
}

#[test]
fn a_question_opens_instead_of_the_step_it_is_about() {
    let mut bench = at_question();
    assert_eq!((bench.app.at(), bench.app.context()), (BEFORE, Context::Question));
    let card = bench.app.scene().question.expect("a question");
    assert_eq!(card.text, "How many of the 6 of P0 does it take?");
    assert_eq!(card.choices, ["one", "half of them", "all"]);
    assert_eq!((card.chosen, card.right, card.why.as_str()), (None, None, ""));
}

#[test]
fn an_answer_lets_the_step_happen_and_then_the_reason_stands() {
    let mut bench = at_question();
    bench.wish(Wish::Answer(0));
    let card = bench.app.scene().question.expect("still there");
    assert_eq!((card.chosen, card.right), (Some(0), None), "not told before it is seen");
    assert_eq!(bench.app.wake(), Wake::Frame);
    bench.settle();
    assert_eq!(bench.app.at(), AFTER);
    let card = bench.app.scene().question.expect("still there");
    assert_eq!((card.chosen, card.right), (Some(0), Some(1)));
    assert_eq!(card.why, "It took 3, half of 6.");
    assert_eq!(bench.app.score(), Score { answered: 1, right: 0 });
    assert_eq!(bench.app.context(), Context::Stage);
    bench.wish(Wish::StepForward);
    assert_eq!(bench.app.scene().question, None, "the next step takes it away");
}

#[test]
fn the_right_answer_counts() {
    let mut bench = at_question();
    bench.wish(Wish::Answer(1));
    bench.settle();
    assert_eq!(bench.app.score(), Score { answered: 1, right: 1 });
    assert!(bench.app.scene().notice.is_some_and(|n| n == "right: 1 of 1"));
}

#[test]
fn an_answer_that_there_is_not_is_no_answer() {
    let mut bench = at_question();
    bench.wish(Wish::Answer(7));
    assert_eq!((bench.app.at(), bench.app.context()), (BEFORE, Context::Question));
}

#[test]
fn it_can_be_skipped_and_then_does_not_count() {
    for wish in [Wish::Skip, Wish::StepForward] {
        let mut bench = at_question();
        bench.wish(wish);
        assert_eq!(bench.app.scene().question, None);
        bench.settle();
        assert_eq!(bench.app.at(), AFTER);
        assert_eq!(bench.app.score(), Score::default());
    }
}

#[test]
fn it_is_asked_once() {
    let mut bench = at_question();
    bench.wish(Wish::Answer(1));
    bench.settle();
    bench.wish(Wish::StepBack);
    assert_eq!((bench.app.at(), bench.app.scene().question), (BEFORE, None));
    bench.step();
    assert_eq!((bench.app.at(), bench.app.context()), (AFTER, Context::Stage));
    assert_eq!(bench.app.score(), Score { answered: 1, right: 1 });
}

#[test]
fn going_back_over_it_unanswered_takes_it_back() {
    let mut bench = at_question();
    bench.wish(Wish::StepBack);
    assert_eq!((bench.app.at(), bench.app.context()), (20, Context::Stage));
    bench.step();
    bench.step();
    assert_eq!((bench.app.at(), bench.app.context()), (BEFORE, Context::Question));
}

#[test]
fn by_events_it_stands_right_before_its_event() {
    let mut bench = Bench::recording(stealing(2), Some(LESSON));
    bench.steps_to(BEFORE);
    bench.wish(Wish::EventForward);
    bench.settle();
    assert_eq!((bench.app.at(), bench.app.context()), (23, Context::Stage));
    bench.wish(Wish::EventForward);
    assert_eq!((bench.app.at(), bench.app.context()), (23, Context::Question));
    bench.wish(Wish::Answer(1));
    bench.settle();
    assert_eq!(bench.app.at(), 24);
    assert_eq!(bench.app.scene().question.and_then(|q| q.right), Some(1));
}

#[test]
fn playing_stops_for_it_at_every_tempo_and_goes_on_after_the_answer() {
    for clicks in 0..6 {
        let mut bench = Bench::recording(stealing(2), Some(LESSON));
        (0..clicks).for_each(|_| bench.wish(Wish::Faster));
        bench.wish(Wish::PlayPause);
        bench.settle();
        assert_eq!(bench.app.context(), Context::Question, "{}", bench.app.tempo());
        assert!(!bench.app.is_playing() && bench.app.at() <= 23);
        bench.wish(Wish::Answer(1));
        while bench.app.wake() == Wake::Frame {
            bench.tick(20);
        }
        assert!(bench.app.is_playing(), "{}", bench.app.tempo());
        assert!(bench.app.scene().question.is_some_and(|q| q.right.is_some()));
        assert!(matches!(bench.app.wake(), Wake::After(time) if time.as_secs() >= 1));
        bench.settle();
        assert_eq!(bench.app.at(), bench.app.history().len());
    }
}

#[test]
fn leaps_over_it_do_not_ask() {
    let mut bench = Bench::recording(stealing(2), Some(LESSON));
    bench.wish(Wish::End);
    assert_eq!((bench.app.at(), bench.app.context()), (36, Context::Stage));
    bench.wish(Wish::Home);
    bench.wish(Wish::NextChapter);
    assert_eq!(bench.app.context(), Context::Stage);
}

#[test]
fn the_program_in_the_lab_is_only_asked_for_what_is_shown() {
    let mut bench = Bench::lab(stealing(2), Some(LESSON));
    bench.steps_to(BEFORE);
    assert_eq!(bench.done as u64, BEFORE);
    bench.step();
    assert_eq!((bench.app.at(), bench.app.context()), (BEFORE, Context::Question));
    assert_eq!(bench.done as u64, AFTER, "the step must be known to be asked about");
    bench.wish(Wish::Answer(1));
    bench.settle();
    assert_eq!(bench.app.scene().question.and_then(|q| q.right), Some(1));
}
