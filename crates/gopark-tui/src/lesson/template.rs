//! Words of a lesson with places for facts: "half of {of} go".

use super::facts::Facts;

/// Words with places for facts. `{{` and `}}` stand for the braces themselves.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Template(Vec<Part>);

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Words(String),
    Fact(String),
}

impl Template {
    /// Reads words whose places may name these facts.
    ///
    /// # Errors
    /// A sentence that says which place is wrong.
    pub fn parse(text: &str, names: &[&str]) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut words = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            words.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(brace) = ["{{", "}}"].iter().find(|two| rest.starts_with(**two)) {
                words.push_str(&brace[1..]);
                rest = &rest[2..];
                continue;
            }
            let (name, after) = place(rest)?;
            if !names.contains(&name) {
                let there = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                return Err(format!("there is no fact {{{name}}} here; there are {there}"));
            }
            parts.push(Part::Words(std::mem::take(&mut words)));
            parts.push(Part::Fact(name.to_owned()));
            rest = after;
        }
        words.push_str(rest);
        parts.push(Part::Words(words));
        parts.retain(|part| *part != Part::Words(String::new()));
        Ok(Self(parts))
    }

    /// The words, with the facts in their places.
    #[must_use]
    pub fn render(&self, facts: &Facts) -> String {
        let part = |part: &Part| match part {
            Part::Words(words) => words.clone(),
            Part::Fact(name) => facts.get(name).map_or("?".to_owned(), |fact| fact.text.clone()),
        };
        self.0.iter().map(part).collect()
    }

    /// The words, with the names of facts in their places.
    #[must_use]
    pub fn source(&self) -> String {
        let part = |part: &Part| match part {
            Part::Words(words) => words.clone(),
            Part::Fact(name) => format!("{{{name}}}"),
        };
        self.0.iter().map(part).collect()
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The name in the place at the start of `text`, and what comes after it.
fn place(text: &str) -> Result<(&str, &str), String> {
    let inner = text.strip_prefix('{').ok_or("a } closes nothing; write }} for the sign")?;
    let end = inner.find('}').ok_or("a { is not closed; write {{ for the sign")?;
    Ok((inner[..end].trim(), &inner[end + 1..]))
}
