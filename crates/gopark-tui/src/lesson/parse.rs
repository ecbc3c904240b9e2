//! Reads a lesson: first its lines become blocks, then each block finds its place.
//!
//! Invariant: whatever the text, there is an answer and no panic; a lesson is given only if nothing
//! at all is wrong with it.

mod blocks;

use blocks::{Block, Kind};

use super::trigger::{Conditions, Trigger};
use super::{Ask, CHOICES, Chapter, Choice, Lesson, LessonError, Say, Template};
use crate::app::Tempo;

/// The most Ps a lesson may ask for.
const MOST_PROCS: u32 = 256;

/// Reads a lesson.
pub(super) fn lesson(text: &str) -> Result<Lesson, Vec<LessonError>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines: Vec<&str> = text.lines().collect();
    let mut reader = Reader { last_line: lines.len().max(1), ..Reader::default() };
    let Some(body) = reader.front(&lines) else { return Err(reader.errors) };
    for block in blocks::blocks(&lines[body..], body + 1) {
        if let Err(message) = reader.take(&block) {
            reader.wrong(block.line, message);
        }
    }
    reader.finish()
}

/// A lesson half read.
#[derive(Debug, Default)]
struct Reader {
    lesson: Lesson,
    /// The question that is being read.
    asking: Option<Asking>,
    /// The words of the chapter that is being read, as they stand there.
    words: String,
    /// Lines of chapters that have a `when:`, be it wrong.
    begun: Vec<usize>,
    /// Text before the title has been complained about, once for all of it.
    untitled: bool,
    errors: Vec<LessonError>,
    last_line: usize,
}

/// A question half read.
#[derive(Debug)]
struct Asking {
    /// None if it could not be read: then the rest of the question is only skipped.
    trigger: Option<Trigger>,
    text: Vec<String>,
    choices: Vec<Choice>,
    /// Answers that stand there, right or wrong.
    answers: usize,
    /// Whether a reason stands there, right or wrong.
    reason: bool,
    why: Option<Template>,
    line: usize,
}

impl Reader {
    fn wrong(&mut self, line: usize, message: String) {
        self.errors.push(LessonError { line, message });
    }

    /// Reads the front matter; gives how many lines it has, if it can be told from the rest.
    fn front(&mut self, lines: &[&str]) -> Option<usize> {
        if lines.first().is_none_or(|line| line.trim_end() != "---") {
            self.wrong(1, "a lesson begins with a line --- and its program".to_owned());
            return None;
        }
        let Some(end) = lines.iter().skip(1).position(|line| line.trim_end() == "---") else {
            self.wrong(1, "the second line --- is missing".to_owned());
            return None;
        };
        let mut seen = Vec::new();
        for (i, line) in lines[1..=end].iter().enumerate() {
            if let Err(message) = self.setting(line, &mut seen) {
                self.wrong(i + 2, message);
            }
        }
        if !seen.contains(&"program") {
            self.wrong(1, "program: is missing".to_owned());
        }
        Some(end + 2)
    }

    /// Reads a line `key: value`.
    fn setting<'l>(&mut self, line: &'l str, seen: &mut Vec<&'l str>) -> Result<(), String> {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            return Ok(());
        }
        let (key, value) = line.split_once(':').ok_or("key: value is expected here")?;
        let (key, value) = (key.trim(), value.trim());
        if seen.contains(&key) {
            return Err(format!("{key}: stands here a second time"));
        }
        seen.push(key);
        if value.is_empty() {
            return Err(format!("{key}: has no value"));
        }
        let lesson = &mut self.lesson;
        match key {
            "program" => value.clone_into(&mut lesson.program),
            "summary" => value.clone_into(&mut lesson.summary),
            "procs" => lesson.procs = Some(procs(value)?),
            "seed" => {
                let seed =
                    value.parse().map_err(|_| format!("\"{value}\" is no seed: a number"))?;
                lesson.seed = Some(seed);
            }
            "speed" => {
                let tempo = value.parse::<Tempo>().map_err(|wrong| wrong.to_string())?;
                lesson.speed = Some(tempo);
            }
            "teaches" => {
                lesson.teaches = value.split(',').map(|one| one.trim().to_owned()).collect();
            }
            _ => {
                let keys = "program, procs, seed, speed, summary, teaches";
                return Err(format!("there is no key {key}:; there are {keys}"));
            }
        }
        Ok(())
    }

    /// Puts a block in its place.
    fn take(&mut self, block: &Block) -> Result<(), String> {
        if !matches!(block.kind, Kind::Text | Kind::Choice(_) | Kind::Why) {
            self.end_question();
        }
        match block.kind {
            Kind::Title => self.title(block),
            Kind::Chapter => self.chapter(block),
            Kind::When => self.when(block),
            Kind::Say { every } => self.say(block, every),
            Kind::Note => {
                let note = block.text.clone();
                self.in_chapter("a note")?.notes.push(note);
                Ok(())
            }
            Kind::Ask => self.ask(block),
            Kind::Choice(n) => self.choice(block, n),
            Kind::Why => self.why(block),
            Kind::Text => self.text(block),
            Kind::StrangeHeading => {
                // Whatever follows was probably meant as a question.
                self.asking = Some(Asking::new(None, block.line));
                Err("this heading is neither # title, ## chapter nor ### ask".to_owned())
            }
            Kind::Strange(what) => Err(what.to_owned()),
        }
    }

    fn in_chapter(&mut self, what: &str) -> Result<&mut Chapter, String> {
        let last = self.lesson.chapters.last_mut();
        last.ok_or_else(|| format!("{what} belongs into a chapter, after a line ## Title"))
    }

    fn title(&mut self, block: &Block) -> Result<(), String> {
        if !self.lesson.title.is_empty() {
            return Err("a lesson has one title; chapters begin with ##".to_owned());
        }
        if !self.lesson.chapters.is_empty() {
            return Err("the title comes before the chapters".to_owned());
        }
        block.text.clone_into(&mut self.lesson.title);
        if block.text.is_empty() { Err("the title is empty".to_owned()) } else { Ok(()) }
    }

    fn chapter(&mut self, block: &Block) -> Result<(), String> {
        let title = block.text.clone();
        let empty = title.is_empty();
        self.words.clear();
        self.lesson.chapters.push(Chapter { title, line: block.line, ..Chapter::default() });
        if empty { Err("the chapter has no title".to_owned()) } else { Ok(()) }
    }

    fn when(&mut self, block: &Block) -> Result<(), String> {
        let trigger = Trigger::parse(&block.text);
        let chapter = self.in_chapter("when:")?;
        let late = !chapter.says.is_empty() || !chapter.asks.is_empty();
        let line = chapter.line;
        if self.begun.contains(&line) {
            return Err("a chapter begins once: this is its second when:".to_owned());
        }
        self.begun.push(line);
        if late || !self.words.is_empty() {
            return Err("when: comes right after the title of its chapter".to_owned());
        }
        self.in_chapter("when:")?.when = Some(trigger?);
        Ok(())
    }

    fn say(&mut self, block: &Block, every: bool) -> Result<(), String> {
        self.in_chapter("say")?;
        let (trigger, words) = split_say(&block.text)?;
        let trigger = Trigger::parse(trigger)?;
        let text = Template::parse(words, trigger.facts())?;
        if text.is_empty() {
            return Err("nothing is said here".to_owned());
        }
        let line = block.line;
        self.in_chapter("say")?.says.push(Say { trigger, every, text, line });
        Ok(())
    }

    fn ask(&mut self, block: &Block) -> Result<(), String> {
        self.in_chapter("a question")?;
        let trigger = Trigger::parse(&block.text);
        self.asking = Some(Asking::new(trigger.as_ref().ok().cloned(), block.line));
        trigger.map(drop)
    }

    fn choice(&mut self, block: &Block, n: usize) -> Result<(), String> {
        let asking = self.asking.as_mut().ok_or("an answer belongs after a line ### ask")?;
        let Some(trigger) = &asking.trigger else { return Ok(()) };
        if asking.reason {
            return Err("answers come before why:".to_owned());
        }
        asking.answers += 1;
        let wanted = asking.answers;
        let (text, right) = block
            .text
            .rsplit_once("=>")
            .ok_or("an answer says when it is right: text => condition")?;
        let names = trigger.facts();
        let text = Template::parse(text.trim(), names)?;
        let right = match right.trim() {
            "otherwise" => Conditions::default(),
            right => Conditions::parse(right, names)?,
        };
        asking.choices.push(Choice { text, right });
        if n == wanted { Ok(()) } else { Err(format!("this answer is number {wanted}, not {n}")) }
    }

    fn why(&mut self, block: &Block) -> Result<(), String> {
        let asking = self.asking.as_mut().ok_or("why: belongs after the answers of a question")?;
        let Some(trigger) = &asking.trigger else { return Ok(()) };
        if std::mem::replace(&mut asking.reason, true) {
            return Err("a question has one why:".to_owned());
        }
        asking.why = Some(Template::parse(&block.text, trigger.facts())?);
        Ok(())
    }

    fn text(&mut self, block: &Block) -> Result<(), String> {
        if let Some(asking) = &mut self.asking {
            if asking.reason || asking.answers > 0 {
                return Err("this text is in no place: a question ends with why:".to_owned());
            }
            asking.text.push(block.text.clone());
            return Ok(());
        }
        if self.lesson.title.is_empty() && !self.untitled {
            self.untitled = true;
            return Err("text before the title: it begins with #".to_owned());
        }
        let Some(chapter) = self.lesson.chapters.last_mut() else {
            paragraph(&mut self.lesson.intro, &block.text);
            return Ok(());
        };
        if chapter.when.is_none() && self.begun.contains(&chapter.line) {
            // Its trigger is wrong, so nobody knows which facts there are.
            return Ok(());
        }
        let names = chapter.when.as_ref().map_or(&[][..], Trigger::facts);
        Template::parse(&block.text, names)?;
        paragraph(&mut self.words, &block.text);
        chapter.text = Template::parse(&self.words, names)?;
        Ok(())
    }

    /// Ends the question that is being read, if one is.
    fn end_question(&mut self) {
        let Some(asking) = self.asking.take() else { return };
        let line = asking.line;
        match (asking.whole(), self.lesson.chapters.last_mut()) {
            (Ok(ask), Some(chapter)) => chapter.asks.push(ask),
            // A question stands in a chapter: that was seen when it began.
            (Ok(_), None) | (Err(None), _) => {}
            (Err(Some(message)), _) => self.wrong(line, message),
        }
    }

    fn finish(mut self) -> Result<Lesson, Vec<LessonError>> {
        self.end_question();
        if self.lesson.title.is_empty() && !self.untitled {
            self.wrong(self.last_line, "the title is missing: a line # Title".to_owned());
        }
        if self.lesson.chapters.is_empty() {
            self.wrong(self.last_line, "there is no chapter: a line ## Title".to_owned());
        }
        let lines: Vec<usize> = self.lesson.chapters.iter().skip(1).map(|c| c.line).collect();
        for line in lines.into_iter().filter(|line| !self.begun.contains(line)).collect::<Vec<_>>()
        {
            self.wrong(line, "when does this chapter begin? when: is missing".to_owned());
        }
        if self.errors.is_empty() {
            return Ok(self.lesson);
        }
        self.errors.sort();
        Err(self.errors)
    }
}

impl Asking {
    fn new(trigger: Option<Trigger>, line: usize) -> Self {
        Self {
            trigger,
            text: Vec::new(),
            choices: Vec::new(),
            answers: 0,
            reason: false,
            why: None,
            line,
        }
    }

    /// The question, if nothing of it is missing; no second word about what is wrong with it.
    fn whole(self) -> Result<Ask, Option<String>> {
        let trigger = self.trigger.ok_or(None)?;
        if self.text.is_empty() {
            return Err(Some("the question has no words".to_owned()));
        }
        let text = Template::parse(&self.text.join("\n"), trigger.facts()).map_err(Some)?;
        if !CHOICES.contains(&self.answers) {
            let (few, many, n) = (CHOICES.start(), CHOICES.end(), self.answers);
            return Err(Some(format!("a question has {few} or {many} answers; this one has {n}")));
        }
        if !self.reason {
            return Err(Some("the question has no why:".to_owned()));
        }
        let why = self.why.ok_or(None)?;
        Ok(Ask { trigger, text, choices: self.choices, why, line: self.line })
    }
}

fn procs(value: &str) -> Result<u32, String> {
    match value.parse() {
        Ok(n) if (1..=MOST_PROCS).contains(&n) => Ok(n),
        _ => Err(format!("\"{value}\" is no number of Ps: 1 to {MOST_PROCS}")),
    }
}

/// Cuts `trigger: words` at the first colon outside a quoted text.
fn split_say(text: &str) -> Result<(&str, &str), String> {
    let mut quoted = false;
    for (i, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ':' if !quoted => return Ok((text[..i].trim(), text[i + 1..].trim())),
            _ => {}
        }
    }
    Err("what is said comes after a colon: say Event: words".to_owned())
}

/// Adds a paragraph.
fn paragraph(text: &mut String, more: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(more);
}
