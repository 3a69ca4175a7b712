//! `leno new`: what it writes builds, passes its tests and runs, with nothing but the program.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::support::{Done, Place};

#[test]
fn a_new_piece_has_its_name_and_brings_the_sdk() {
    let place = Place::new();
    let done = place.run(&["new", "my-piece"]).ok();
    assert!(done.stderr.contains("cargo test") && done.stderr.contains("cd my-piece"), "{done:?}");
    let project = place.path().join("my-piece");
    let manifest = manifest(&project);
    assert_eq!(manifest["package"]["name"].as_str(), Some("my-piece"));
    let sdk = manifest["dependencies"]["leno-sdk"]["path"].as_str().unwrap();
    assert!(Path::new(sdk).is_relative(), "{sdk}");
    let library = fs::read_to_string(project.join("src/lib.rs")).unwrap();
    assert!(library.contains("name: \"my-piece\"") && !library.contains("{{"), "{library}");

    place.run(&["new", "my-piece"]).refused(2, &["my-piece exists and is not empty", "--dir"]);
    let elsewhere = place.run(&["new", "my-piece", "--dir", "else where"]).ok();
    assert!(elsewhere.stderr.contains("cd 'else where'"), "{elsewhere:?}");
    for name in ["My-Piece", "../up", "a_b", "-a", "1st", ""] {
        place.run(&["new", "--", name]).refused(2, &[]);
    }
    assert_eq!(names_in(place.path()), ["else where", "my-piece"]);
}

#[test]
fn the_sdk_in_a_new_piece_is_that_of_the_sources() {
    let place = Place::new();
    place.run(&["new", "my-piece"]).ok();
    let vendored = place.path().join("my-piece/vendor/leno");
    let checkout = checkout();
    for (package, name) in [("sdk", "leno-sdk"), ("sdk/macros", "leno-sdk-macros")] {
        let sources = files_below(&checkout.join(package).join("src"));
        assert!(!sources.is_empty());
        assert_eq!(files_below(&vendored.join(package).join("src")), sources, "{package}");
        let manifest = manifest(&vendored.join(package));
        assert_eq!(manifest["package"]["name"].as_str(), Some(name));
        assert_eq!(manifest["package"]["version"].as_str(), Some(env!("CARGO_PKG_VERSION")));
    }
    assert_eq!(names_in(&vendored), ["LICENSE-APACHE", "LICENSE-MIT", "sdk", "wit"]);
    assert_eq!(names_in(&vendored.join("sdk")), ["Cargo.toml", "README.md", "macros", "src"]);
    assert_eq!(names_in(&vendored.join("wit")), ["piece.wit"]);
}

#[test]
fn a_new_piece_can_use_a_checkout_of_the_sdk_instead() {
    let place = Place::new();
    let sdk = checkout().join("sdk");
    place.run(&["new", "my-piece", "--sdk", sdk.to_str().unwrap()]).ok();
    let project = place.path().join("my-piece");
    assert_eq!(manifest(&project)["dependencies"]["leno-sdk"]["path"].as_str(), sdk.to_str());
    assert!(!project.join("vendor").exists());

    for (wrong, words) in [("my-piece", "no Cargo.toml of the package `leno-sdk`"), ("nowhere", "cannot be used")] {
        place.run(&["new", "other", "--sdk", wrong]).refused(2, &["--sdk", wrong, words]);
    }
    assert_eq!(names_in(place.path()), ["my-piece"]);
}

/// The real thing, in a directory that has nothing to do with a checkout: cargo tests and builds the project, and the
/// program runs the component.
#[test]
fn the_commands_that_new_prints_succeed_as_they_are() {
    let place = Place::new();
    assert!(!place.path().starts_with(checkout()), "{} is in the checkout", place.path().display());
    let commands = printed(&place.run(&["new", "weather"]).ok());
    // What was compiled of other crates is kept from one run of this test to the next.
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new-piece");
    fs::create_dir_all(&kept).unwrap();
    std::os::unix::fs::symlink(kept, place.path().join("weather/target")).unwrap();

    let offline = shell(&place, "cd weather && cargo fetch", true).code == Some(0);
    let script = format!("set -e\n{}", commands.join("\n"));
    let done = shell(&place, &script, offline).ok();

    for words in ["test result: ok. 4 passed", "greeted Ada", r#""text":"Hello, Ada!""#] {
        let said = format!("{}\n{}", done.stdout, done.stderr).replace("\": \"", "\":\"");
        assert!(said.contains(words), "{words:?} is not in {said}");
    }
    assert!(done.stdout.contains("Permissions"), "{done:?}");
    let warnings: Vec<&str> = done.stderr.lines().filter(|line| line.starts_with("warning")).collect();
    assert_eq!(warnings, [""; 0], "{done:?}");
}

#[test]
fn the_readmes_give_the_commands_that_new_prints() {
    let place = Place::new();
    let readme = commands_below("README.md", "## Write a piece");
    let (first, rest) = readme.split_first().unwrap();
    assert_eq!(first, "leno new weather && cd weather");
    assert_eq!(rest, printed(&place.run(&["new", "weather"]).ok()).split_first().unwrap().1);

    let tutorial = commands_below("sdk/README.md", "# leno-sdk");
    let (first, rest) = tutorial.split_first().unwrap();
    assert_eq!(first, "rustup target add wasm32-wasip2");
    let (first, rest) = rest.split_first().unwrap();
    assert_eq!(first, "leno new greeter");
    assert_eq!(rest, printed(&place.run(&["new", "greeter"]).ok()));
}

/// The commands that `leno new` prints.
fn printed(done: &Done) -> Vec<String> {
    let (_, commands) = done.stderr.split_once("Next:\n").unwrap();
    commands.lines().map(|line| line.trim().to_owned()).collect()
}

/// The commands of the first block of code below a heading, without the prompt and without comments.
fn commands_below(file: &str, heading: &str) -> Vec<String> {
    let text = fs::read_to_string(checkout().join(file)).unwrap();
    let (_, below) = text.split_once(heading).unwrap();
    let block = below.split("```").nth(1).unwrap();
    let lines = block.lines().skip(1).map(|line| line.strip_prefix("$ ").unwrap_or(line));
    lines.map(|line| line.split(" #").next().unwrap().trim_end().to_owned()).collect()
}

/// Runs a script as a user of this machine, who has cargo and leno on the path.
fn shell(place: &Place, script: &str, offline: bool) -> Done {
    let leno = Path::new(env!("CARGO_BIN_EXE_leno")).parent().unwrap().to_owned();
    let path: Vec<PathBuf> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    let mut sh = Command::new("sh");
    sh.args(["-c", script]).current_dir(place.path()).stdin(Stdio::null());
    sh.env("PATH", env::join_paths([vec![leno], path].concat()).unwrap());
    // The cargo that runs this test has settings of its own: where it builds to, and what it tells of the package.
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO") && name != "CARGO_HOME" || name.starts_with("LENO_") || name.starts_with("RUST") {
            sh.env_remove(name);
        }
    }
    if offline {
        sh.env("CARGO_NET_OFFLINE", "true");
    }
    Done::from(sh.output().unwrap())
}

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn manifest(package: &Path) -> toml::Table {
    fs::read_to_string(package.join("Cargo.toml")).unwrap().parse().unwrap()
}

fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Paths, relative to the directory, and contents.
fn files_below(directory: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for name in names_in(directory) {
        let path = directory.join(&name);
        if path.is_dir() {
            files.extend(files_below(&path).into_iter().map(|(below, text)| (Path::new(&name).join(below), text)));
        } else {
            files.push((name.into(), fs::read_to_string(path).unwrap()));
        }
    }
    files
}
