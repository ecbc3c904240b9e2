//! The house rules that a machine can check: who imports whom, what the command is, where `unsafe`
//! may stand, and that the documents name what is there. `ARCHITECTURE.md` says why.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

/// What a package may import of ours.
struct Arrows {
    package: &'static str,
    /// In its own code and its build script.
    code: &'static [&'static str],
    /// In its tests, on top of that.
    tests: &'static [&'static str],
}

const fn arrows(
    package: &'static str,
    code: &'static [&'static str],
    tests: &'static [&'static str],
) -> Arrows {
    Arrows { package, code, tests }
}

/// Every arrow there may be. What is not here is forbidden; above all, nothing leads from the
/// stage to the runtime or back, not even in tests.
const ARROWS: &[Arrows] = &[
    arrows("gopark-trace", &[], &[]),
    arrows("gopark-fiber", &[], &[]),
    // The traces of its tests are validated.
    arrows("gopark", &["gopark-trace", "gopark-fiber"], &["gopark-model"]),
    arrows("gopark-model", &["gopark-trace"], &[]),
    arrows("gopark-gotrace", &["gopark-trace"], &[]),
    arrows("gopark-tui", &["gopark-trace", "gopark-model"], &[]),
    arrows("gopark-demos", &["gopark"], &[]),
    arrows(
        "gopark-cli",
        &[
            "gopark-trace",
            "gopark-fiber",
            "gopark",
            "gopark-model",
            "gopark-gotrace",
            "gopark-tui",
            "gopark-demos",
        ],
        &[],
    ),
];

/// Packages without unsafe code, with the file that forbids it.
const SAFE: &[(&str, &str)] = &[
    ("gopark-trace", "src/lib.rs"),
    ("gopark-model", "src/lib.rs"),
    ("gopark-gotrace", "src/lib.rs"),
    ("gopark-tui", "src/lib.rs"),
    ("gopark-cli", "src/main.rs"),
];

/// Packages whose work can't be done without it.
const UNSAFE: &[&str] = &["gopark-fiber", "gopark"];

/// The package with one unsafe function: the promise of live, made once for every lesson.
const PROMISE: &str = "gopark-demos";

/// Packages that are no part of the workspace, so that nothing they depend on comes into it: where
/// they are, and what they import of ours.
const OUTSIDE: &[(&str, &[&str])] = &[("crates/gopark/bench-peers", &["gopark"])];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn workspace() -> Metadata {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec();
    metadata.expect("cargo describes the workspace")
}

fn folder(package: &Package) -> &Path {
    package.manifest_path.parent().expect("a manifest lies in a folder").as_std_path()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

// ---- who imports whom ----

/// One arrow of the workspace.
struct Arrow<'a> {
    from: &'a str,
    to: &'a str,
    kind: DependencyKind,
}

fn allowed(arrow: &Arrow<'_>) -> bool {
    let Some(row) = ARROWS.iter().find(|row| row.package == arrow.from) else { return false };
    let in_tests = arrow.kind == DependencyKind::Development && row.tests.contains(&arrow.to);
    row.code.contains(&arrow.to) || in_tests
}

#[test]
fn every_arrow_between_our_packages_is_an_allowed_one() {
    let metadata = workspace();
    let ours: Vec<&str> = metadata.packages.iter().map(|p| p.name.as_str()).collect();
    let mut seen = 0;
    for package in &metadata.packages {
        for dependency in package.dependencies.iter().filter(|d| ours.contains(&&*d.name)) {
            let arrow = Arrow { from: &package.name, to: &dependency.name, kind: dependency.kind };
            let Arrow { from, to, kind } = &arrow;
            assert!(allowed(&arrow), "{from} must not import {to} ({kind})");
            seen += 1;
        }
    }
    assert!(seen >= 10, "the workspace has more arrows than these {seen}");
}

#[test]
fn what_is_outside_the_workspace_stays_outside() {
    let metadata = workspace();
    let ours: Vec<&str> = metadata.packages.iter().map(|p| p.name.as_str()).collect();
    for (home, may_import) in OUTSIDE {
        let manifest = root().join(home).join("Cargo.toml");
        let outside = MetadataCommand::new().manifest_path(manifest).no_deps().exec();
        let outside = outside.expect("cargo describes it");
        let [package] = outside.packages.as_slice() else { panic!("{home} is one package") };
        assert!(!ours.contains(&package.name.as_str()), "{home} is a member");
        let imports = package.dependencies.iter().filter(|d| ours.contains(&&*d.name));
        let imports: Vec<&str> = imports.map(|d| d.name.as_str()).collect();
        assert_eq!(imports, *may_import, "{home}");
        for member in &metadata.packages {
            let imported =
                member.dependencies.iter().any(|d| d.name.as_str() == package.name.as_str());
            assert!(!imported, "{} must not import {home}", member.name);
        }
    }
}

#[test]
fn every_package_has_its_row_and_every_row_its_package() {
    let metadata = workspace();
    let mut packages: Vec<&str> = metadata.packages.iter().map(|p| p.name.as_str()).collect();
    let mut rows: Vec<&str> = ARROWS.iter().map(|row| row.package).collect();
    packages.sort_unstable();
    rows.sort_unstable();
    assert_eq!(packages, rows);
}

#[test]
fn the_stage_and_the_runtime_never_meet() {
    use DependencyKind::{Build, Development, Normal};
    for kind in [Normal, Build, Development] {
        assert!(!allowed(&Arrow { from: "gopark-tui", to: "gopark", kind }));
        assert!(!allowed(&Arrow { from: "gopark", to: "gopark-tui", kind }));
    }
    assert!(allowed(&Arrow { from: "gopark", to: "gopark-model", kind: Development }));
    assert!(!allowed(&Arrow { from: "gopark", to: "gopark-model", kind: Normal }));
    assert!(!allowed(&Arrow { from: "gopark", to: "gopark-model", kind: Build }));
}

// ---- what the command is ----

#[test]
fn cargo_run_runs_the_one_command() {
    let metadata = workspace();
    let default = metadata.workspace_default_packages();
    let names: Vec<&str> = default.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["gopark-cli"], "default-members");
    let binaries: Vec<_> = default[0].targets.iter().filter(|t| t.is_bin()).collect();
    let names: Vec<&str> = binaries.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["gopark"]);
    // The runtime's docs lie in the same folder: the command's would replace them.
    assert!(!binaries[0].doc, "the binary needs `doc = false`");
}

#[test]
fn every_package_takes_the_lints_of_the_workspace() {
    for package in &workspace().packages {
        let manifest = read(package.manifest_path.as_std_path());
        assert!(takes_lints(&manifest), "{} does not", package.name);
    }
}

/// Whether a manifest has `workspace = true` in its `[lints]`.
fn takes_lints(manifest: &str) -> bool {
    let mut lines = manifest.lines().map(str::trim).skip_while(|&line| line != "[lints]").skip(1);
    lines.by_ref().take_while(|line| !line.starts_with('[')).any(|line| line == "workspace = true")
}

#[test]
fn lints_are_looked_for_in_their_own_section() {
    assert!(takes_lints("[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n"));
    assert!(!takes_lints("[lints]\n\n[dependencies]\nworkspace = true\n"));
    assert!(!takes_lints("[package]\nworkspace = true\n"));
}

// ---- where unsafe may stand ----

#[test]
fn safe_packages_forbid_unsafe_code() {
    let metadata = workspace();
    for (name, root) in SAFE {
        let package = metadata.packages.iter().find(|p| p.name.as_str() == *name);
        let file = folder(package.expect("it is in the workspace")).join(root);
        let source = read(&file);
        let forbids = find(&tokens(&source), &["#", "!", "[", "forbid", "(", "unsafe_code", ")"]);
        assert!(forbids.is_some(), "{} lacks #![forbid(unsafe_code)]", file.display());
    }
}

#[test]
fn unsafe_stands_only_where_it_must() {
    let metadata = workspace();
    for package in metadata.packages.iter().filter(|p| !UNSAFE.contains(&p.name.as_str())) {
        let mut promises = 0;
        for file in sources(folder(package)) {
            let source = read(&file);
            let tokens = tokens(&source);
            let promise = if package.name == PROMISE { promise(&tokens) } else { None };
            promises += usize::from(promise.is_some());
            let inside = |at: usize| promise.as_ref().is_some_and(|range| range.contains(&at));
            for (at, token) in tokens.iter().enumerate() {
                let stray = token.text == "unsafe" && !inside(at);
                assert!(!stray, "{}:{}: unsafe code", file.display(), token.line);
            }
        }
        let most = usize::from(package.name == PROMISE);
        assert!(promises <= most, "{} has {promises} functions with unsafe code", package.name);
    }
}

/// Every Rust file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for path in entries.map(|entry| entry.expect("it can be read").path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// The tokens of the function that is allowed to be unsafe: from its attribute to its last brace.
fn promise(tokens: &[Token<'_>]) -> Option<std::ops::Range<usize>> {
    let start = ["allow", "expect"]
        .iter()
        .find_map(|word| find(tokens, &["#", "[", word, "(", "unsafe_code"]))?;
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.text {
            "{" => depth += 1,
            "}" if depth == 1 => return Some(start..at + 1),
            "}" => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Where a row of tokens begins.
fn find(tokens: &[Token<'_>], row: &[&str]) -> Option<usize> {
    tokens.windows(row.len()).position(|w| w.iter().map(|t| t.text).eq(row.iter().copied()))
}

// ---- what the documents name ----

/// Files that need no name in the map: the roots, and tests beside what they test.
const UNNAMED: [&str; 3] = ["lib.rs", "main.rs", "tests.rs"];

#[test]
fn the_map_names_every_file_that_is_there_and_no_other() {
    let text = read(&root().join("ARCHITECTURE.md"));
    let root = root().canonicalize().expect("the workspace is there");
    let mut wrong = String::new();
    let metadata = workspace();
    let members = metadata.packages.iter().map(folder);
    let members = members.map(|f| f.strip_prefix(&root).expect("a member lies below the root"));
    for home in members.chain(OUTSIDE.iter().map(|(home, _)| Path::new(home))) {
        let heading = format!("### `{}`", home.display());
        let section = text.split_once(&heading).unwrap_or_else(|| panic!("no {heading}")).1;
        let section = section.split("\n#").next().unwrap_or_default();
        let named: BTreeSet<&str> = code_words(section).filter(|w| w.ends_with(".rs")).collect();

        let src = root.join(home).join("src");
        let files = sources(&src);
        let there: BTreeSet<&str> =
            files.iter().filter_map(|file| file.strip_prefix(&src).ok()?.to_str()).collect();
        let must = |file: &&str| !UNNAMED.iter().any(|end| Path::new(file).ends_with(end));
        for file in there.difference(&named).copied().filter(must) {
            wrong += &format!("\n{heading} does not name {file}");
        }
        for file in named.difference(&there) {
            wrong += &format!("\n{heading} names {file}, which is not there");
        }
    }
    assert!(wrong.is_empty(), "ARCHITECTURE.md:{wrong}");
}

/// What stands between backticks on one line.
fn code_words(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

#[test]
fn the_documents_link_to_what_is_there() {
    for document in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"] {
        let text = read(&root().join(document));
        for target in links(&text).filter(|t| !t.contains("://") && !t.starts_with('#')) {
            assert!(root().join(target).exists(), "{document} links to {target}");
        }
    }
}

/// Where the links and pictures of a Markdown text lead.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0))
}

#[test]
fn names_and_links_are_found() {
    let words: Vec<&str> = code_words("a `b.rs` c `d` e\n- `f.rs`, g").collect();
    assert_eq!(words, ["b.rs", "d", "f.rs"]);
    assert_eq!(links("![a](b.svg) [c](d) (e)").collect::<Vec<_>>(), ["b.svg", "d"]);
}

// ---- reading Rust ----

/// A word or a sign of Rust source.
#[derive(Debug, PartialEq, Eq)]
struct Token<'a> {
    text: &'a str,
    line: usize,
}

/// The words and signs of a source file: no comments, no texts, no characters, no white space.
fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(c) = rest.chars().next() {
        let skipped = skipped(rest);
        let len = match skipped {
            Some(len) => len,
            None if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            None => c.len_utf8(),
        };
        let (text, after) = rest.split_at(len);
        if skipped.is_none() {
            tokens.push(Token { text, line });
        }
        line += text.matches('\n').count();
        rest = after;
    }
    tokens
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// How many bytes at the start of `rest` are no token.
fn skipped(rest: &str) -> Option<usize> {
    let first = rest.chars().next()?;
    if first.is_whitespace() {
        return Some(first.len_utf8());
    }
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(comment(rest));
    }
    raw_text(rest).or_else(|| quoted(rest))
}

/// The length of a block comment; they nest.
fn comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        match here {
            [b'/', b'*', ..] => depth += 1,
            [b'*', b'/', ..] => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of a raw text: `r"…"`, `br#"…"#`.
fn raw_text(rest: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|p| rest.starts_with(p))?;
    let body = &rest[prefix.len()..];
    let hashes = body.len() - body.trim_start_matches('#').len();
    let text = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let len = text.find(&end).map_or(text.len(), |at| at + end.len());
    Some(prefix.len() + hashes + 1 + len)
}

/// The length of a text or a character; a lifetime is neither.
fn quoted(rest: &str) -> Option<usize> {
    let prefix = usize::from(rest.starts_with(['b', 'c']));
    let quote = rest[prefix..].chars().next().filter(|c| "\"'".contains(*c))?;
    let body = &rest[prefix + 1..];
    let first = body.chars().next()?;
    let lifetime = quote == '\'' && first != '\\' && !body[first.len_utf8()..].starts_with('\'');
    if lifetime {
        return None;
    }
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            c if c == quote => return Some(prefix + 1 + at + 1),
            _ => {}
        }
    }
    Some(rest.len())
}

#[test]
fn words_in_comments_and_texts_are_no_tokens() {
    let words = |source| tokens(source).iter().map(|t| t.text).collect::<Vec<_>>().join(" ");
    assert_eq!(words("a // unsafe\nb"), "a b");
    assert_eq!(words("a /* x /* unsafe */ unsafe */ b"), "a b");
    assert_eq!(words(r#"f("unsafe \" unsafe", b"unsafe", c"unsafe") b"#), "f ( , , ) b");
    assert_eq!(words("r#\"unsafe \" unsafe\"# b r\"unsafe\" br##\"\"# unsafe\"## c"), "b c");
    assert_eq!(words(r"['\'', 'u', '\\', b'x'] unsafe"), "[ , , , ] unsafe");
    assert_eq!(words("fn f<'a>(x: &'a str) { unsafe {} }"), {
        "fn f < ' a > ( x : & ' a str ) { unsafe { } }"
    });
    assert_eq!(words("bunsafe unsafe_code r#unsafe"), "bunsafe unsafe_code r # unsafe");
    assert_eq!(tokens("a\n\"\n\n\"\nunsafe")[1], Token { text: "unsafe", line: 5 });
}

#[test]
fn a_promise_reaches_to_the_end_of_its_function() {
    let source =
        "#[expect(unsafe_code, reason = \"}\")]\nfn a() { { unsafe {} } }\nfn b() { unsafe {} }";
    let tokens = tokens(source);
    let promise = promise(&tokens).expect("there is one");
    let places = tokens.iter().enumerate().filter(|(_, t)| t.text == "unsafe").map(|(at, _)| at);
    assert_eq!(places.map(|at| promise.contains(&at)).collect::<Vec<_>>(), [true, false]);
}
