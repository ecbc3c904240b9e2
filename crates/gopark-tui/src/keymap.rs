//! Which key does what: one table feeds the keys, the footer, the help and `gopark keys`.
//!
//! Only keys that every terminal sends: letters, digits, arrows, space, tab, enter, escape, page
//! up and down; no alt, no function keys, no brackets. Invariants: every wish has one row; in each
//! context a key means one thing.

use std::fmt::Write as _;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::app::Wish;
use crate::scene::KeyHint;

/// What has the viewer's attention, and so the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    /// The stage.
    Stage,
    /// An open question.
    Question,
    /// The menu of lessons.
    Menu,
    /// Help, legend or output.
    Overlay,
}

impl Context {
    /// Every context.
    pub const ALL: &[Self] = &[Self::Stage, Self::Question, Self::Menu, Self::Overlay];
}

/// A key on the keyboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// The key.
    pub code: KeyCode,
    /// With control.
    pub ctrl: bool,
}

impl Key {
    const fn of(code: KeyCode) -> Self {
        Self { code, ctrl: false }
    }

    const fn char(c: char) -> Self {
        Self::of(KeyCode::Char(c))
    }

    const fn ctrl(c: char) -> Self {
        Self { code: KeyCode::Char(c), ctrl: true }
    }

    /// Whether the terminal has sent this key.
    fn is(self, event: &KeyEvent) -> bool {
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        let alt = event.modifiers.contains(KeyModifiers::ALT);
        event.code == self.code && ctrl == self.ctrl && !alt
    }

    /// Its name, as hints and help show it.
    #[must_use]
    pub fn name(self) -> String {
        let name = match self.code {
            KeyCode::Char(' ') => "space",
            KeyCode::Left => "←",
            KeyCode::Right => "→",
            KeyCode::Up => "↑",
            KeyCode::Down => "↓",
            KeyCode::Enter => "enter",
            KeyCode::Esc => "esc",
            KeyCode::Tab => "tab",
            KeyCode::BackTab => "shift-tab",
            KeyCode::Home => "home",
            KeyCode::End => "end",
            KeyCode::PageUp => "pgup",
            KeyCode::PageDown => "pgdn",
            KeyCode::Char(c) if self.ctrl => return format!("ctrl-{c}"),
            KeyCode::Char(c) => return c.to_string(),
            _ => "?",
        };
        name.to_owned()
    }
}

/// A part of the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// Moving the playhead.
    Play,
    /// Questions.
    Questions,
    /// What is on the screen.
    Look,
    /// How it looks.
    Taste,
    /// Runs and the program itself.
    Run,
}

impl Section {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Play, "play"),
        (Self::Look, "look"),
        (Self::Questions, "questions"),
        (Self::Run, "runs"),
        (Self::Taste, "taste"),
    ];
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// What is wished for.
    pub wish: Wish,
    /// By which keys; the first is the one that is shown in the footer.
    pub keys: &'static [Key],
    /// For the help.
    pub help: &'static str,
    /// For the footer; neighbours with the same word share a place. Empty: never there.
    pub hint: &'static str,
    /// How much it matters in the footer.
    pub priority: u8,
    /// Where it is valid.
    pub contexts: &'static [Context],
    /// Where in the help it stands.
    pub section: Section,
}

/// A row in the words of the table below.
const fn row(
    wish: Wish,
    keys: &'static [Key],
    help: &'static str,
    (hint, priority): (&'static str, u8),
    contexts: &'static [Context],
    section: Section,
) -> Binding {
    Binding { wish, keys, help, hint, priority, contexts, section }
}

const STAGE: &[Context] = &[Context::Stage];
const QUESTION: &[Context] = &[Context::Question];
const BOTH: &[Context] = &[Context::Stage, Context::Question];
const MENU: &[Context] = &[Context::Menu];
const LISTS: &[Context] = &[Context::Menu, Context::Overlay];
const SEEN: &[Context] = &[Context::Stage, Context::Question, Context::Overlay];
const ALL: &[Context] = Context::ALL;

/// Said of keys that are in the help only.
const NO_HINT: (&str, u8) = ("", 0);

/// All keys, in the order of the help.
pub const KEYMAP: &[Binding] = &[
    // ---- play ----
    row(Wish::PlayPause, &[Key::char(' ')], "play or pause", ("play", 90), STAGE, Section::Play),
    row(
        Wish::StepBack,
        &[Key::of(KeyCode::Left)],
        "one decision back",
        ("step", 80),
        BOTH,
        Section::Play,
    ),
    row(
        Wish::StepForward,
        &[Key::of(KeyCode::Right)],
        "one decision forward",
        ("step", 80),
        STAGE,
        Section::Play,
    ),
    row(Wish::EventBack, &[Key::char(',')], "one event back", ("event", 35), BOTH, Section::Play),
    row(
        Wish::EventForward,
        &[Key::char('.')],
        "one event forward",
        ("event", 35),
        STAGE,
        Section::Play,
    ),
    row(Wish::Faster, &[Key::of(KeyCode::Up)], "faster", ("speed", 60), BOTH, Section::Play),
    row(Wish::Slower, &[Key::of(KeyCode::Down)], "slower", ("speed", 60), BOTH, Section::Play),
    row(
        Wish::NextChapter,
        &[Key::char('n')],
        "one chapter forward",
        ("chapter", 50),
        BOTH,
        Section::Play,
    ),
    row(
        Wish::PrevChapter,
        &[Key::char('p')],
        "one chapter back",
        ("chapter", 50),
        BOTH,
        Section::Play,
    ),
    row(Wish::Home, &[Key::of(KeyCode::Home)], "to the beginning", NO_HINT, BOTH, Section::Play),
    row(
        Wish::End,
        &[Key::of(KeyCode::End)],
        "to the latest event; in live, follow it",
        NO_HINT,
        BOTH,
        Section::Play,
    ),
    // ---- questions ----
    row(
        Wish::Answer(0),
        &[Key::char('1')],
        "choose answer 1",
        ("answer", 95),
        QUESTION,
        Section::Questions,
    ),
    row(
        Wish::Answer(1),
        &[Key::char('2')],
        "choose answer 2",
        ("answer", 95),
        QUESTION,
        Section::Questions,
    ),
    row(
        Wish::Answer(2),
        &[Key::char('3')],
        "choose answer 3",
        ("answer", 95),
        QUESTION,
        Section::Questions,
    ),
    row(
        Wish::Skip,
        &[Key::of(KeyCode::Enter), Key::of(KeyCode::Right)],
        "go on without an answer",
        ("skip", 85),
        QUESTION,
        Section::Questions,
    ),
    // ---- look ----
    row(
        Wish::Explain,
        &[Key::of(KeyCode::Enter)],
        "the longer explanation, or the shorter",
        ("more", 38),
        STAGE,
        Section::Look,
    ),
    row(
        Wish::SelectNext,
        &[Key::of(KeyCode::Tab)],
        "select the next thing",
        ("select", 30),
        BOTH,
        Section::Look,
    ),
    row(
        Wish::SelectPrev,
        &[Key::of(KeyCode::BackTab)],
        "select the thing before",
        NO_HINT,
        BOTH,
        Section::Look,
    ),
    row(
        Wish::Output,
        &[Key::char('o')],
        "what the program printed",
        ("output", 20),
        SEEN,
        Section::Look,
    ),
    row(Wish::Legend, &[Key::char('L')], "all glyphs", ("legend", 15), SEEN, Section::Look),
    row(Wish::Up, &[Key::of(KeyCode::Up)], "up in a list", ("choose", 60), LISTS, Section::Look),
    row(
        Wish::Down,
        &[Key::of(KeyCode::Down)],
        "down in a list",
        ("choose", 60),
        LISTS,
        Section::Look,
    ),
    row(Wish::PageUp, &[Key::of(KeyCode::PageUp)], "up by a page", NO_HINT, LISTS, Section::Look),
    row(
        Wish::PageDown,
        &[Key::of(KeyCode::PageDown)],
        "down by a page",
        NO_HINT,
        LISTS,
        Section::Look,
    ),
    row(
        Wish::Close,
        &[Key::of(KeyCode::Esc)],
        "close this, or select nothing",
        ("close", 80),
        ALL,
        Section::Look,
    ),
    row(Wish::Help, &[Key::char('?')], "all keys", ("help", 100), ALL, Section::Look),
    // ---- runs ----
    row(
        Wish::Open,
        &[Key::of(KeyCode::Enter)],
        "open the chosen lesson",
        ("open", 90),
        MENU,
        Section::Run,
    ),
    row(
        Wish::Restart,
        &[Key::char('r')],
        "the same run again from its start",
        ("again", 12),
        BOTH,
        Section::Run,
    ),
    row(
        Wish::OtherDrive,
        &[Key::char('d')],
        "the same program in the other drive",
        ("drive", 11),
        BOTH,
        Section::Run,
    ),
    row(Wish::Menu, &[Key::char('l')], "the menu of lessons", ("lessons", 14), BOTH, Section::Run),
    row(
        Wish::Suspend,
        &[Key::ctrl('z')],
        "stop; the shell's fg goes on",
        NO_HINT,
        ALL,
        Section::Run,
    ),
    row(Wish::Quit, &[Key::char('q'), Key::ctrl('c')], "quit", ("quit", 70), ALL, Section::Run),
    // ---- taste ----
    row(
        Wish::Motion,
        &[Key::char('m')],
        "motion: full, reduced, off",
        ("motion", 10),
        ALL,
        Section::Taste,
    ),
    row(
        Wish::Theme,
        &[Key::char('t')],
        "colours: dark, light, high contrast, none",
        ("theme", 9),
        ALL,
        Section::Taste,
    ),
    row(Wish::Charset, &[Key::char('a')], "glyphs: all, ASCII", NO_HINT, ALL, Section::Taste),
    row(Wish::Repaint, &[Key::ctrl('l')], "draw everything anew", NO_HINT, ALL, Section::Taste),
];

/// What a key means in a context.
#[must_use]
pub fn lookup(context: Context, event: &KeyEvent) -> Option<Wish> {
    let valid = |b: &&Binding| b.contexts.contains(&context);
    let found = KEYMAP.iter().filter(valid).find(|b| b.keys.iter().any(|key| key.is(event)));
    found.map(|b| b.wish)
}

/// The keys that do something now, most important last. `can` says whether a wish has an effect;
/// `word` replaces the word of the table for some.
#[must_use]
pub fn hints(
    context: Context,
    can: impl Fn(Wish) -> bool,
    word: impl Fn(Wish) -> Option<&'static str>,
) -> Vec<KeyHint> {
    let mut hints: Vec<(u8, KeyHint)> = Vec::new();
    for binding in KEYMAP {
        if binding.hint.is_empty() || !binding.contexts.contains(&context) || !can(binding.wish) {
            continue;
        }
        let does = word(binding.wish).unwrap_or(binding.hint);
        let Some(key) = binding.keys.first().map(|key| key.name()) else { continue };
        match hints.last_mut() {
            Some((_, last)) if last.does == does => {
                last.key.push('/');
                last.key.push_str(&key);
            }
            _ => hints.push((binding.priority, KeyHint { key, does: does.to_owned() })),
        }
    }
    hints.sort_by_key(|(priority, _)| *priority);
    hints.into_iter().map(|(_, hint)| hint).collect()
}

/// Every key there is, by section.
#[must_use]
pub fn help() -> Vec<(String, Vec<KeyHint>)> {
    let section = |section: Section| {
        let rows = KEYMAP.iter().filter(move |b| b.section == section);
        rows.map(|b| KeyHint { key: names(b), does: b.help.to_owned() }).collect()
    };
    Section::ALL.iter().map(|(s, title)| ((*title).to_owned(), section(*s))).collect()
}

/// Every key there is, as text.
#[must_use]
pub fn text() -> String {
    let mut text = String::new();
    let sections = help();
    let keys = sections.iter().flat_map(|(_, hints)| hints.iter().map(|h| h.key.chars().count()));
    let width = keys.max().unwrap_or(0);
    for (i, (title, hints)) in sections.iter().enumerate() {
        if i > 0 {
            text.push('\n');
        }
        // Writing to a string does not fail.
        let _ = writeln!(text, "{title}");
        for KeyHint { key, does } in hints {
            let _ = writeln!(text, "  {key:width$}  {does}");
        }
    }
    text
}

/// All keys of a row.
fn names(binding: &Binding) -> String {
    binding.keys.iter().map(|key| key.name()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_wish_has_one_row_with_help_and_keys() {
        for wish in Wish::ALL {
            let rows: Vec<_> = KEYMAP.iter().filter(|b| b.wish == *wish).collect();
            assert_eq!(rows.len(), 1, "{wish:?}");
            assert!(!rows[0].help.is_empty() && !rows[0].keys.is_empty(), "{wish:?}");
            assert!(!rows[0].contexts.is_empty(), "{wish:?}");
        }
        assert_eq!(KEYMAP.len(), Wish::ALL.len());
    }

    #[test]
    fn every_row_is_in_the_help_and_the_help_has_nothing_else() {
        let help = help();
        let lines: Vec<_> = help.iter().flat_map(|(_, hints)| hints).collect();
        assert_eq!(lines.len(), KEYMAP.len());
        for binding in KEYMAP {
            let is = |h: &&&KeyHint| h.does == binding.help && h.key == names(binding);
            assert_eq!(lines.iter().filter(is).count(), 1, "{:?}", binding.wish);
        }
        let text = text();
        for line in lines {
            assert!(text.contains(&line.key) && text.contains(&line.does), "{line:?}");
        }
    }

    #[test]
    fn a_key_means_one_thing_in_each_context() {
        for context in Context::ALL {
            let mut seen = HashSet::new();
            for binding in KEYMAP.iter().filter(|b| b.contexts.contains(context)) {
                for key in binding.keys {
                    assert!(seen.insert(*key), "{} twice in {context:?}", key.name());
                }
            }
        }
    }

    #[test]
    fn only_keys_that_every_terminal_sends() {
        for key in KEYMAP.iter().flat_map(|b| b.keys) {
            let plain = match key.code {
                KeyCode::Char(c) => c.is_ascii_alphanumeric() || " ?,.".contains(c),
                KeyCode::F(_) | KeyCode::Insert | KeyCode::Delete => false,
                _ => true,
            };
            assert!(plain && key.name() != "", "{key:?}");
            assert!(!key.ctrl || matches!(key.code, KeyCode::Char('c' | 'l' | 'z')), "{key:?}");
        }
    }

    #[test]
    fn the_way_to_the_help_and_the_way_out_are_open_everywhere() {
        for context in Context::ALL {
            for (key, wish) in [('?', Wish::Help), ('q', Wish::Quit)] {
                let event = KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE);
                assert_eq!(lookup(*context, &event), Some(wish));
            }
            let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
            assert_eq!(lookup(*context, &ctrl_c), Some(Wish::Quit));
            let last = hints(*context, |_| true, |_| None).pop();
            assert_eq!(last.map(|h| h.key), Some("?".to_owned()));
        }
    }

    #[test]
    fn modifiers_make_another_key() {
        let with = |code, modifiers| lookup(Context::Stage, &KeyEvent::new(code, modifiers));
        assert_eq!(with(KeyCode::Char('L'), KeyModifiers::SHIFT), Some(Wish::Legend));
        assert_eq!(with(KeyCode::Char('l'), KeyModifiers::NONE), Some(Wish::Menu));
        assert_eq!(with(KeyCode::Char('l'), KeyModifiers::CONTROL), Some(Wish::Repaint));
        assert_eq!(with(KeyCode::Char('q'), KeyModifiers::ALT), None);
        assert_eq!(with(KeyCode::F(1), KeyModifiers::NONE), None);
    }

    #[test]
    fn hints_show_what_can_be_done_and_share_places() {
        let can = |wish| matches!(wish, Wish::StepBack | Wish::StepForward | Wish::PlayPause);
        let word = |wish| (wish == Wish::PlayPause).then_some("pause");
        let shown = hints(Context::Stage, can, word);
        let shown: Vec<_> = shown.iter().map(|h| format!("{} {}", h.key, h.does)).collect();
        assert_eq!(shown, ["←/→ step", "space pause"]);
        let answers = hints(Context::Question, |w| matches!(w, Wish::Answer(0 | 1)), |_| None);
        assert_eq!(answers[0].key, "1/2");
    }
}
