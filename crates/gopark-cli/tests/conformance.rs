//! `gopark conformance` against orders that were recorded with real Go.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/go-order.json.gz")
}

/// Every program of the file.
fn programs() -> Vec<Value> {
    let file = File::open(golden()).expect("the golden orders are there");
    serde_json::from_reader(GzDecoder::new(file)).expect("a list of programs")
}

/// What the command prints and its exit code.
fn conformance(file: &Path) -> (Vec<String>, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gopark"));
    let output = command.arg("conformance").arg(file).output().expect("gopark starts");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let out = String::from_utf8(output.stdout).expect("UTF-8");
    (out.lines().map(str::to_owned).collect(), output.status.code())
}

/// Writes programs into a file of their own.
fn write(folder: &Path, programs: &[Value], zipped: bool) -> PathBuf {
    let bytes = serde_json::to_vec(programs).expect("JSON");
    let path = folder.join(if zipped { "some.json.gz" } else { "some.json" });
    let mut file = File::create(&path).expect("a file");
    if zipped {
        let mut zip = GzEncoder::new(file, Compression::fast());
        zip.write_all(&bytes).and_then(|()| zip.finish().map(drop)).expect("it is written");
    } else {
        file.write_all(&bytes).expect("it is written");
    }
    path
}

#[test]
fn every_program_is_in_gos_order_from_a_file_zipped_or_not() {
    let all = programs();
    assert_eq!(all.len(), 229);
    let folder = tempfile::tempdir().expect("a folder");
    for file in [golden(), write(folder.path(), &all, false)] {
        let (lines, code) = conformance(&file);
        assert_eq!(lines, ["229 of 229 programs in Go's order"]);
        assert_eq!(code, Some(0));
    }
}

#[test]
fn another_order_is_found_and_told() {
    let mut known = programs();
    let program = known.iter_mut().find(|p| p["name"] == "yield_6").expect("it is one of them");
    let order = program["order"].as_array_mut().expect("an order");
    let at = order.len() / 2;
    order.swap(at, at + 1);
    let folder = tempfile::tempdir().expect("a folder");
    let (lines, code) = conformance(&write(folder.path(), &known, true));
    assert_eq!(lines.last().map(String::as_str), Some("228 of 229 programs in Go's order"));
    assert_eq!(code, Some(1));
    assert_eq!(lines[0].split(" of ").next(), Some(&*format!("yield_6: differs: step {at}")));
}

#[test]
fn a_choice_of_a_select_that_is_not_legal_is_told() {
    let mut known = programs();
    let program = known.iter_mut().find(|p| p["name"] == "select_default").expect("it is there");
    let order = program["order"].as_array_mut().expect("an order");
    // Go took the default; the first case was not ready.
    let taken = order.iter_mut().find(|step| step[1] == 0x8002).expect("a default was taken");
    taken[1] = serde_json::json!(0x8000);
    let folder = tempfile::tempdir().expect("a folder");
    let (lines, code) = conformance(&write(folder.path(), &known, true));
    assert!(lines[0].starts_with("select_default: differs: step"), "{lines:?}");
    assert!(lines[1].contains("0:case0") && lines[2].contains("0:case2"), "{lines:?}");
    assert_eq!(code, Some(1));
}

#[test]
fn other_waits_at_the_end_are_found_and_told() {
    let mut known = programs();
    let program = known.iter_mut().find(|p| p["name"] == "pingpong").expect("it is one of them");
    program["final_waits"] = serde_json::json!(["chan receive"]);
    let folder = tempfile::tempdir().expect("a folder");
    let (lines, code) = conformance(&write(folder.path(), &known, true));
    assert!(lines[0].starts_with("pingpong: differs: at the end Go has"), "{lines:?}");
    assert_eq!(code, Some(1));
}

#[test]
fn what_is_no_list_of_programs_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let cut = std::fs::read(golden()).expect("the golden orders are there")[..5000].to_vec();
    let files: [(&str, &[u8], &str); 4] = [
        ("words.json", b"no list", "not a list of programs"),
        ("object.json", b"{}", "not a list of programs"),
        ("fields.json", b"[{\"name\": \"x\"}]", "missing field"),
        ("cut.json.gz", &cut, "incomplete"),
    ];
    for (name, bytes, why) in files {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_gopark"));
        let output = command.arg("conformance").arg(&path).output().expect("gopark starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(name) && said.contains(why), "{said}");
        assert!(output.stdout.is_empty());
    }
}
