//! When something in a lesson happens: the event or rule it waits for, and conditions on its facts.
//!
//! ```text
//! trigger    EventName | rule RuleName, then [#n] [where conditions]
//! conditions condition [and condition]…
//! condition  fact op value, op one of == != < <= > >=
//! value      a number (12, 10ms), another fact, or a "text" (== and != only)
//! ```
//!
//! Names are checked when a lesson is read, so nothing can be misspelled at the time it is shown.

mod lex;

use gopark_trace::{Record, Spec};

use super::facts::{self, Facts};
use lex::{Lexer, Token};

/// What a trigger waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// An event with this code.
    Event(u8),
    /// A record whose rule has this code.
    Rule(u8),
}

/// Something to wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// The event or rule.
    pub what: What,
    /// From which occurrence in the run on, counted from 1.
    pub nth: u32,
    /// What must hold of its facts.
    pub conditions: Conditions,
    /// The name of the event or rule.
    name: &'static str,
    /// The names of its facts.
    facts: Vec<&'static str>,
}

/// Conditions that must all hold. None at all hold always.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Conditions(Vec<Condition>);

/// A comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    fact: String,
    op: Op,
    value: Value,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// What a fact is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Number(i64),
    Fact(String),
    Text(String),
}

impl Trigger {
    /// Reads a trigger.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lexer = Lexer::new(text);
        let trigger = Self::read(&mut lexer)?;
        match lexer.next()? {
            None => Ok(trigger),
            Some(other) => Err(format!("{other} is not expected after the trigger")),
        }
    }

    fn read(lexer: &mut Lexer<'_>) -> Result<Self, String> {
        let (what, spec) = read_what(lexer)?;
        let nth = match lexer.peek()? {
            Some(Token::Nth(n)) => {
                lexer.next()?;
                n
            }
            _ => 1,
        };
        let facts = match what {
            What::Event(_) => facts::names_of_event(spec),
            What::Rule(_) => facts::names_of_rule(spec),
        };
        let conditions = match lexer.take_word("where")? {
            true => Conditions::read(lexer, &facts)?,
            false => Conditions::default(),
        };
        Ok(Self { what, nth, conditions, name: spec.name, facts })
    }

    /// The name of its event or rule.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The names of the facts it can be asked for.
    #[must_use]
    pub fn facts(&self) -> &[&'static str] {
        &self.facts
    }

    /// The facts of a record it matches.
    #[must_use]
    pub fn facts_of(&self, record: &Record) -> Facts {
        match self.what {
            What::Event(_) => Facts::of_event(record),
            What::Rule(_) => Facts::of_rule(record),
        }
    }

    /// Whether this record is an occurrence of what it waits for.
    #[must_use]
    pub fn matches(&self, record: &Record) -> bool {
        let named = match self.what {
            What::Event(code) => record.event.code() == code,
            What::Rule(code) => record.rule.as_ref().is_some_and(|rule| rule.code() == code),
        };
        // Most triggers have no conditions: then no facts are made.
        named && (self.conditions.0.is_empty() || self.conditions.hold(&self.facts_of(record)))
    }
}

/// The event or rule of a trigger, with its row.
fn read_what(lexer: &mut Lexer<'_>) -> Result<(What, &'static Spec), String> {
    if lexer.take_word("rule")? {
        let name = lexer.word("the name of a rule")?;
        let row = facts::rule_row(&name);
        let row = row.ok_or_else(|| unknown("rule", &name, gopark_trace::rule::RULES))?;
        return Ok((What::Rule(row.code), row));
    }
    let name = lexer.word("the name of an event, or \"rule\" and the name of a rule")?;
    let row = facts::event_row(&name);
    let row = row.ok_or_else(|| unknown("event", &name, gopark_trace::event::EVENTS))?;
    Ok((What::Event(row.code), row))
}

impl Conditions {
    /// Reads conditions on facts with these names.
    ///
    /// # Errors
    /// A sentence that says what is wrong with them.
    pub fn parse(text: &str, names: &[&str]) -> Result<Self, String> {
        let mut lexer = Lexer::new(text);
        let conditions = Self::read(&mut lexer, names)?;
        match lexer.next()? {
            None => Ok(conditions),
            Some(other) => Err(format!("{other} is not expected after a condition")),
        }
    }

    fn read(lexer: &mut Lexer<'_>, names: &[&str]) -> Result<Self, String> {
        let mut all = vec![Condition::read(lexer, names)?];
        while lexer.take_word("and")? {
            all.push(Condition::read(lexer, names)?);
        }
        Ok(Self(all))
    }

    /// Whether they hold.
    #[must_use]
    pub fn hold(&self, facts: &Facts) -> bool {
        self.0.iter().all(|condition| condition.holds(facts))
    }
}

impl Condition {
    fn read(lexer: &mut Lexer<'_>, names: &[&str]) -> Result<Self, String> {
        let fact = known(lexer.word("a fact to compare")?, names)?;
        let op = match lexer.next()? {
            Some(Token::Op(op)) => op,
            Some(other) => return Err(format!("{other} stands where a comparison must be")),
            None => return Err(format!("{fact} is compared with nothing")),
        };
        let value = match lexer.next()? {
            Some(Token::Number(n)) => Value::Number(n),
            Some(Token::Word(name)) => Value::Fact(known(name, names)?),
            Some(Token::Text(text)) if matches!(op, Op::Eq | Op::Ne) => Value::Text(text),
            Some(Token::Text(_)) => return Err("a text can only be == or !=".to_owned()),
            Some(other) => return Err(format!("{other} stands where a value must be")),
            None => return Err(format!("{fact} is compared with nothing")),
        };
        Ok(Self { fact, op, value })
    }

    /// A fact that is not there, or is no number where one is needed, makes it false.
    fn holds(&self, facts: &Facts) -> bool {
        let Some(fact) = facts.get(&self.fact) else { return false };
        let other = match &self.value {
            Value::Number(n) => Some(*n),
            Value::Fact(name) => match facts.get(name) {
                Some(other) if other.number.is_none() && fact.number.is_none() => {
                    return self.op.of(fact.text.cmp(&other.text));
                }
                other => other.and_then(|f| f.number),
            },
            Value::Text(text) => return self.op.of(fact.text.as_str().cmp(text)),
        };
        match (fact.number, other) {
            (Some(a), Some(b)) => self.op.of(a.cmp(&b)),
            _ => false,
        }
    }
}

impl Op {
    fn of(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Eq => order.is_eq(),
            Self::Ne => order.is_ne(),
            Self::Lt => order.is_lt(),
            Self::Le => order.is_le(),
            Self::Gt => order.is_gt(),
            Self::Ge => order.is_ge(),
        }
    }
}

/// `name`, if it is one of `names`.
fn known(name: String, names: &[&str]) -> Result<String, String> {
    if names.contains(&name.as_str()) {
        return Ok(name);
    }
    Err(format!("there is no fact \"{name}\" here; there are {}", names.join(", ")))
}

/// The sentence about a name that is in no table.
fn unknown(kind: &str, name: &str, rows: &'static [Spec]) -> String {
    match near(name, rows.iter().map(|row| row.name)) {
        Some(meant) => format!("there is no {kind} \"{name}\"; {meant} is near"),
        None => format!("there is no {kind} \"{name}\""),
    }
}

/// The name that was probably meant.
fn near(name: &str, names: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let far = |other: &str| distance(&name.to_lowercase(), &other.to_lowercase());
    let best = names.map(|other| (far(other), other)).min()?;
    (best.0 <= 1 + name.len() / 4).then_some(best.1)
}

/// How many letters must be changed, added or taken away to make `b` of `a`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.chars().enumerate() {
            let kept = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = kept.min(row[j] + 1).min(corner + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}
