//! What the documentation claims about the tree, and a machine can check.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All text of the Rust files below `dir`.
fn sources(dir: &Path) -> String {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let text = |path: PathBuf| match path.extension() {
        _ if path.is_dir() => sources(&path),
        Some(extension) if extension == "rs" => read(path),
        _ => String::new(),
    };
    paths.map(text).collect()
}

/// What stands between the first ```` ```rust ```` and its end.
fn rust_block(markdown: &str) -> &str {
    let (_, rest) = markdown.split_once("```rust\n").expect("it shows a program");
    rest.split_once("```").expect("the block ends").0
}

#[test]
fn the_readme_shows_the_program_that_compiles() {
    let first = read("driver-tokio/examples/first.rs");
    assert_eq!(rust_block(&read("README.md")), first, "driver-tokio/examples/first.rs is the source");
    assert!(first.lines().count() <= 30, "a first program has at most 30 lines");
}

#[test]
fn links_between_the_pages_lead_somewhere() {
    let mut seen = 0;
    for page in ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "driver-tokio/OPERATING.md"] {
        let text = read(page);
        let dir = Path::new(page).parent().expect("a file");
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if target.contains("://") {
                continue;
            }
            seen += 1;
            let (file, anchor) = target.split_once('#').map_or((target, None), |(file, at)| (file, Some(at)));
            let file = if file.is_empty() { root().join(page) } else { root().join(dir).join(file) };
            assert!(file.exists(), "{page}: {target} is not there");
            if let Some(anchor) = anchor {
                assert!(read(&file).lines().any(|line| is_heading(line, anchor)), "{page}: #{anchor}");
            }
        }
    }
    assert!(seen > 10, "the links were not found");
}

/// Whether a line is the heading that hosts give this anchor.
fn is_heading(line: &str, anchor: &str) -> bool {
    let words = line.trim_start_matches('#').trim().to_lowercase();
    let made: String = words.chars().filter(|c| c.is_alphanumeric() || " -".contains(*c)).collect();
    line.starts_with('#') && made.replace(' ', "-") == anchor
}

#[test]
fn the_table_of_rules_names_what_is_there() {
    let core = read("core/src/lib.rs");
    let tests = sources(&root().join("core/src"))
        + &sources(&root().join("sim/tests"))
        + &sources(&root().join("tests/tests"));
    let rows: Vec<Vec<&str>> = core
        .lines()
        .filter(|line| line.starts_with("//! | R"))
        .map(|line| line.split('|').collect())
        .collect();
    let rules: Vec<&str> = rows.iter().map(|row| row[1].trim()).collect();
    let all: Vec<String> = (1..=17).map(|rule| format!("R{rule}")).collect();
    assert_eq!(rules, all, "one row per rule");
    for row in rows {
        let modules = row[3].split("[`").skip(1).filter_map(|rest| rest.split('`').next());
        for module in modules {
            let here = root().join("core/src").join(module);
            assert!(
                here.with_extension("rs").exists() || here.join("mod.rs").exists(),
                "{}: {module}",
                row[1]
            );
        }
        for test in row[4].split('`').skip(1).step_by(2) {
            assert!(tests.contains(&format!("fn {test}(")), "{}: there is no test {test}", row[1]);
        }
    }
}
