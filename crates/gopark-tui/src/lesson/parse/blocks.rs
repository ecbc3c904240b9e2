//! The lines of a lesson as blocks: a heading, a paragraph, an item with the lines that belong to it.
//!
//! A line that begins nothing new belongs to the block before it, as in Markdown; an empty line
//! ends a block.

/// What begins a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `# Title`
    Title,
    /// `## Title`
    Chapter,
    /// `when: trigger`
    When,
    /// `- say trigger: words`, `- say* trigger: words`
    Say {
        /// With a star.
        every: bool,
    },
    /// `> note: words`
    Note,
    /// `### ask trigger`
    Ask,
    /// `1. answer => condition`
    Choice(usize),
    /// `why: words`
    Why,
    /// A paragraph.
    Text,
    /// A heading a lesson does not have.
    StrangeHeading,
    /// Something else a lesson does not have.
    Strange(&'static str),
}

impl Kind {
    /// Whether lines that begin nothing new may belong to it.
    fn goes_on(self) -> bool {
        use Kind::{Ask, Chapter, StrangeHeading, Title, When};
        !matches!(self, Title | Chapter | Ask | When | StrangeHeading)
    }
}

/// Lines that belong together, as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Block {
    /// The line it begins on, from 1.
    pub(super) line: usize,
    /// What it is.
    pub(super) kind: Kind,
    /// Its words, without what marks the kind.
    pub(super) text: String,
}

/// The blocks of `lines`, the first of which has the number `first`.
pub(super) fn blocks(lines: &[&str], first: usize) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    for (line, text) in (first..).zip(lines) {
        let text = text.trim();
        let comment = text.starts_with("<!--") && text.ends_with("-->");
        if text.is_empty() || comment {
            open = open && comment;
            continue;
        }
        let (kind, text) = begins(text);
        match blocks.last_mut() {
            Some(last) if open && kind == Kind::Text => join(last, text),
            Some(last) if open && kind == QUOTE && matches!(last.kind, Kind::Note | QUOTE) => {
                join(last, text);
            }
            _ => {
                blocks.push(Block { line, kind, text: text.to_owned() });
                open = kind.goes_on();
            }
        }
    }
    blocks
}

fn join(block: &mut Block, more: &str) {
    if !block.text.is_empty() {
        block.text.push(' ');
    }
    block.text.push_str(more);
}

/// A quotation that is no note, or goes on with one.
const QUOTE: Kind = Kind::Strange("a quotation is a note: > note: words");

/// What kind of block a line begins, and its words.
fn begins(text: &str) -> (Kind, &str) {
    let heading = text.trim_start_matches('#');
    let level = text.len() - heading.len();
    if level > 0 && (heading.is_empty() || heading.starts_with(' ')) {
        return begins_heading(level, heading.trim());
    }
    if let Some(item) = text.strip_prefix("- ").map(str::trim_start) {
        return begins_item(item);
    }
    if let Some(quoted) = text.strip_prefix('>').map(str::trim_start) {
        return match quoted.strip_prefix("note:") {
            Some(note) => (Kind::Note, note.trim_start()),
            None => (QUOTE, quoted),
        };
    }
    for (mark, kind) in [("when:", Kind::When), ("why:", Kind::Why)] {
        if let Some(rest) = text.strip_prefix(mark) {
            return (kind, rest.trim_start());
        }
    }
    match text.split_once(". ") {
        Some((n, answer)) if n.len() < 3 && n.bytes().all(|b| b.is_ascii_digit()) => {
            match n.parse() {
                Ok(n) => (Kind::Choice(n), answer.trim_start()),
                Err(_) => (Kind::Text, text),
            }
        }
        _ => (Kind::Text, text),
    }
}

fn begins_heading(level: usize, text: &str) -> (Kind, &str) {
    match (level, text.strip_prefix("ask")) {
        (1, _) => (Kind::Title, text),
        (2, _) => (Kind::Chapter, text),
        (3, Some(rest)) if rest.is_empty() || rest.starts_with(' ') => (Kind::Ask, rest.trim()),
        _ => (Kind::StrangeHeading, text),
    }
}

fn begins_item(item: &str) -> (Kind, &str) {
    for (mark, every) in [("say* ", true), ("say ", false)] {
        if let Some(rest) = item.strip_prefix(mark) {
            return (Kind::Say { every }, rest.trim());
        }
    }
    (Kind::Strange("an item is \"- say Event: words\" or \"- say* Event: words\""), item)
}
