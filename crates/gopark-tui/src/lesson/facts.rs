//! What a lesson can say or ask about a record: its arguments, by name.
//!
//! A fact has the text that narration shows ("P2") and, if it is a number, an id or a length, the
//! number that conditions compare. An event has its own arguments, some that are worked out from
//! them ([`DERIVED`]) and the circumstances every record has ([`COMMON`]). Invariant: the names a
//! record has are exactly the names [`names_of_event`] or [`names_of_rule`] promise for it, so a
//! lesson that was parsed never asks for what is not there.

mod fields;

use gopark_trace::{Event, Record, Spec};

/// Facts of every record: when, and who acted.
pub const COMMON: &[&str] = &["time", "by_m", "by_p", "by_g"];

/// Facts that are worked out from the arguments of an event.
pub const DERIVED: &[(&str, &[&str])] = &[
    ("Steal", &["taken", "half_up", "half_down", "oldest", "newest", "runs"]),
    ("GlobalGet", &["taken", "size", "first"]),
    ("RingOverflow", &["moved"]),
    ("PollEnd", &["ready"]),
];

/// One named fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// Its name.
    pub name: &'static str,
    /// Its number, if it has one.
    pub number: Option<i64>,
    /// As narration shows it.
    pub text: String,
}

/// All facts of one record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts(Vec<Fact>);

impl Facts {
    /// The facts of a record as the event it is.
    #[must_use]
    pub fn of_event(record: &Record) -> Self {
        let mut facts = Vec::new();
        fields::of_event(&record.event, &mut facts);
        derive(&record.event, &mut facts);
        common(record, &mut facts);
        Self(facts)
    }

    /// The facts of a record as a case of its rule; none if it has no rule.
    #[must_use]
    pub fn of_rule(record: &Record) -> Self {
        let mut facts = Vec::new();
        if let Some(rule) = &record.rule {
            fields::of_rule(rule, &mut facts);
        }
        common(record, &mut facts);
        Self(facts)
    }

    /// The fact of this name. An argument goes before a circumstance of the same name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Fact> {
        self.0.iter().find(|f| f.name == name)
    }

    /// All facts.
    pub fn iter(&self) -> impl Iterator<Item = &Fact> {
        self.0.iter()
    }
}

/// The names of the facts of the event in this row.
#[must_use]
pub fn names_of_event(spec: &Spec) -> Vec<&'static str> {
    let mut names = names_of_rule(spec);
    let own = DERIVED.iter().find(|(event, _)| *event == spec.name);
    names.extend(own.into_iter().flat_map(|(_, names)| names.iter().copied()));
    names
}

/// The names of the facts of the rule in this row.
#[must_use]
pub fn names_of_rule(spec: &Spec) -> Vec<&'static str> {
    let said = spec.args.iter().filter(|arg| arg.ty != "Snapshot");
    let mut names: Vec<&'static str> = Vec::new();
    for arg in said {
        names.push(arg.name);
        if arg.ty == "queue" {
            names.extend(fields::kind_name(arg.name));
        }
    }
    names.extend(COMMON);
    names
}

/// When, and who acted.
fn common(record: &Record, out: &mut Vec<Fact>) {
    let actor = record.actor;
    fields::add(out, "time", &record.time);
    fields::add(out, "by_m", &actor.m);
    fields::add(out, "by_p", &actor.p);
    fields::add(out, "by_g", &actor.g);
}

/// Adds what [`DERIVED`] promises.
fn derive(event: &Event, out: &mut Vec<Fact>) {
    let mut number = |name, n: usize| {
        let number = i64::try_from(n).ok();
        out.push(Fact { name, number, text: n.to_string() });
    };
    match event {
        Event::Steal { of, gs, .. } => {
            number("taken", gs.len());
            number("half_up", (*of as usize).div_ceil(2));
            number("half_down", *of as usize / 2);
            fields::add(out, "oldest", &gs.first().copied());
            fields::add(out, "newest", &gs.last().copied());
            // The last one goes into the thief's hand, the others into its ring.
            fields::add(out, "runs", &gs.last().copied());
        }
        Event::GlobalGet { gs, left, .. } => {
            number("taken", gs.len());
            number("size", gs.len() + *left as usize);
            fields::add(out, "first", &gs.first().copied());
        }
        Event::RingOverflow { gs, .. } => number("moved", gs.len()),
        Event::PollEnd { gs } => number("ready", gs.len()),
        _ => {}
    }
}

/// The row of the event of this name.
pub(super) fn event_row(name: &str) -> Option<&'static Spec> {
    gopark_trace::event::EVENTS.iter().find(|row| row.name == name)
}

/// The row of the rule of this name.
pub(super) fn rule_row(name: &str) -> Option<&'static Spec> {
    gopark_trace::rule::RULES.iter().find(|row| row.name == name)
}
