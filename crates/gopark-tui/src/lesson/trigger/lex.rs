//! The words, numbers and signs of triggers and conditions.

use std::fmt;

use super::Op;

/// The smallest piece of a trigger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name.
    Word(String),
    /// `12`, `10ms`.
    Number(i64),
    /// `"sleep"`.
    Text(String),
    /// `#3`.
    Nth(u32),
    /// `==`.
    Op(Op),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(word) => write!(f, "\"{word}\""),
            Self::Number(n) => write!(f, "{n}"),
            Self::Text(text) => write!(f, "the text \"{text}\""),
            Self::Nth(n) => write!(f, "#{n}"),
            Self::Op(_) => f.write_str("a comparison"),
        }
    }
}

/// Signs, the longer ones first.
const OPS: [(&str, Op); 6] =
    [("==", Op::Eq), ("!=", Op::Ne), ("<=", Op::Le), (">=", Op::Ge), ("<", Op::Lt), (">", Op::Gt)];

/// Units of time, in nanoseconds.
const UNITS: [(&str, i64); 5] =
    [("ns", 1), ("us", 1_000), ("µs", 1_000), ("ms", 1_000_000), ("s", 1_000_000_000)];

/// Cuts a text into tokens.
#[derive(Debug, Clone)]
pub(super) struct Lexer<'a> {
    rest: &'a str,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// The next token, which stays.
    pub(super) fn peek(&self) -> Result<Option<Token>, String> {
        self.clone().next()
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Result<Option<Token>, String> {
        self.rest = self.rest.trim_start();
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        if let Some((sign, op)) = OPS.iter().find(|(sign, _)| self.rest.starts_with(sign)) {
            self.rest = &self.rest[sign.len()..];
            return Ok(Some(Token::Op(*op)));
        }
        let token = match first {
            '#' => self.nth()?,
            '"' => self.text()?,
            '-' | '0'..='9' => self.number()?,
            c if is_word(c) => Token::Word(self.run(is_word).to_owned()),
            c => return Err(format!("\"{c}\" means nothing here")),
        };
        Ok(Some(token))
    }

    /// Takes `word` if it comes next.
    pub(super) fn take_word(&mut self, word: &str) -> Result<bool, String> {
        let next = self.peek()?;
        let there = matches!(&next, Some(Token::Word(w)) if w == word);
        if there {
            self.next()?;
        }
        Ok(there)
    }

    /// The word that must come next.
    pub(super) fn word(&mut self, wanted: &str) -> Result<String, String> {
        match self.next()? {
            Some(Token::Word(word)) => Ok(word),
            Some(other) => Err(format!("{other} stands where {wanted} must be")),
            None => Err(format!("{wanted} is missing")),
        }
    }

    fn nth(&mut self) -> Result<Token, String> {
        self.rest = &self.rest[1..];
        let digits = self.run(|c| c.is_ascii_digit());
        match digits.parse() {
            Ok(n) if n > 0 => Ok(Token::Nth(n)),
            _ => Err(format!("#{digits} is no place: they count from #1")),
        }
    }

    fn text(&mut self) -> Result<Token, String> {
        let inner = &self.rest[1..];
        let end = inner.find('"').ok_or("a text has no end: its second \" is missing")?;
        self.rest = &inner[end + 1..];
        Ok(Token::Text(inner[..end].to_owned()))
    }

    fn number(&mut self) -> Result<Token, String> {
        let minus = self.rest.starts_with('-');
        self.rest = self.rest.trim_start_matches('-');
        let digits = self.run(|c| c.is_ascii_digit() || c == '_').replace('_', "");
        let unit = self.run(char::is_alphabetic);
        let scale = match UNITS.iter().find(|(name, _)| *name == unit) {
            Some((_, scale)) => *scale,
            None if unit.is_empty() => 1,
            None => return Err(format!("\"{unit}\" is no unit: there are ns, us, ms and s")),
        };
        let value = digits.parse::<i64>().ok().and_then(|n| n.checked_mul(scale));
        let value = value.ok_or(format!("{digits}{unit} is no number that fits"))?;
        Ok(Token::Number(if minus { -value } else { value }))
    }

    /// The characters in front that are `like`.
    fn run(&mut self, like: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !like(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
