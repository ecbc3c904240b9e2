//! `RULES.md` says of every rule of the rulebook what holds it, and every test it names is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// How many rules there are.
const RULES: u32 = 110;

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The lines of the list, by rule.
fn list() -> BTreeMap<u32, String> {
    let text = fs::read_to_string(crates().join("gopark/RULES.md")).expect("the list is there");
    let mut list = BTreeMap::new();
    for line in text.lines() {
        let Some((number, what)) = line.strip_prefix("- **R").and_then(|x| x.split_once("** "))
        else {
            continue;
        };
        let number = number.parse().expect("a rule has a number");
        assert!(list.insert(number, what.to_owned()).is_none(), "R{number} stands there twice");
    }
    list
}

/// What a line names in backticks that has the form of a test.
fn named(line: &str) -> impl Iterator<Item = (&str, &str)> {
    line.split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|word| word.split_once("::"))
        .filter(|(path, _)| path.ends_with(".rs"))
}

/// Every source file of the workspace's packages, by its path from `crates/`.
fn sources() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![crates()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder that is there") {
            let path = entry.expect("an entry").path();
            if path.is_dir() && !path.ends_with("target") {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let place = path.strip_prefix(crates()).expect("it is below").to_path_buf();
                let text = fs::read_to_string(&path).expect("a source file is text");
                found.insert(place.to_string_lossy().into_owned(), text);
            }
        }
    }
    found
}

/// The rules in a test's name: 44 and 45 of `r44_r45_..`.
fn rules_of(name: &str) -> Vec<u32> {
    let number = |part: &str| part.strip_prefix('r').and_then(|n| n.parse().ok());
    name.split('_').map_while(number).collect()
}

/// The functions of a file that are named after rules.
fn tests_of(text: &str) -> impl Iterator<Item = &str> {
    let names = text.lines().filter_map(|line| line.trim_start().strip_prefix("fn "));
    let names = names.filter_map(|line| line.split_once('(')).map(|(name, _)| name);
    names.filter(|name| !rules_of(name).is_empty())
}

#[test]
fn every_rule_has_a_line_that_says_something() {
    let list = list();
    let numbers: Vec<u32> = list.keys().copied().collect();
    assert_eq!(numbers, (1..=RULES).collect::<Vec<_>>());
    for (number, line) in &list {
        let said = line.contains("differs") || line.contains("not yet");
        assert!(said || named(line).next().is_some(), "R{number}: nothing holds it: {line}");
    }
}

#[test]
fn every_test_that_is_named_is_there() {
    let sources = sources();
    for (number, line) in list() {
        for (path, name) in named(&line) {
            let text = sources.get(path).unwrap_or_else(|| panic!("R{number}: no file {path}"));
            assert!(text.contains(&format!("fn {name}(")), "R{number}: no {name} in {path}");
        }
    }
}

#[test]
fn every_test_of_a_rule_is_named_at_its_rule() {
    let list = list();
    for (path, text) in sources() {
        for name in tests_of(&text) {
            for rule in rules_of(name) {
                let line = list.get(&rule).unwrap_or_else(|| panic!("{name}: no rule {rule}"));
                let known: BTreeSet<_> = named(line).collect();
                assert!(known.contains(&(path.as_str(), name)), "R{rule}: add {path}::{name}");
            }
        }
    }
}
