//! Where the programs under test are.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// The binary called `name`: from `$WARREN_BIN_DIR`, else from beside the running test, where `cargo build`
/// puts it. One that is missing is built.
///
/// # Panics
///
/// When it is not there and cannot be built.
pub fn path(name: &str) -> PathBuf {
    let folder = env::var_os("WARREN_BIN_DIR").map_or_else(target_folder, PathBuf::from);
    let path = folder.join(name);
    if !path.exists() {
        build(name, &folder);
    }
    assert!(path.exists(), "{} is missing: run `cargo build --bins`", path.display());
    path
}

/// A tool that `make tools` puts under `.cache/`, if it is there.
pub fn tool(path: &str) -> Option<PathBuf> {
    let tool = root().join(".cache").join(path);
    tool.exists().then_some(tool)
}

/// The workspace root.
pub fn root() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests)
}

/// `target/debug` for a test that runs as `target/debug/deps/test-0123`.
fn target_folder() -> PathBuf {
    let mut folder = env::current_exe().unwrap_or_default();
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    folder
}

fn build(name: &str, folder: &Path) {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--bin", name]).current_dir(root());
    if let Some(target) = folder.parent() {
        command.env("CARGO_TARGET_DIR", target);
    }
    if folder.ends_with("release") {
        command.arg("--release");
    }
    let _ = command.status();
}
