//! The tree under test: every Rust file of the workspace, and what cargo says of its targets.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Folders that hold nothing we wrote.
const FOREIGN: [&str; 6] = ["target", ".git", ".cache", "node_modules", "corpus", "artifacts"];

/// One Rust file.
pub(crate) struct Source {
    /// Relative to the workspace root.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) syntax: syn::File,
}

/// Every Rust file of the workspace and cargo's description of its packages.
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    pub(crate) sources: Vec<Source>,
    /// The `packages` array of `cargo metadata`.
    pub(crate) packages: Vec<Value>,
}

// === impl Tree ===

impl Tree {
    /// Reads the workspace that this test was built from.
    pub(crate) fn read() -> Self {
        let root = root();
        let mut paths = Vec::new();
        collect(&root, &mut paths);
        paths.sort();
        let sources = paths.iter().map(|path| Source::read(&root, path)).collect();
        Self { packages: packages(&root), root, sources }
    }

    /// The file at `path`, absolute or relative to the root.
    pub(crate) fn source(&self, path: &Path) -> Option<&Source> {
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        self.sources.iter().find(|source| source.path == path)
    }

    /// The root file of every target (library, binary, test, bench), relative to the root.
    pub(crate) fn target_roots(&self) -> Vec<PathBuf> {
        let of_cargo = self
            .packages
            .iter()
            .flat_map(|package| package["targets"].as_array().into_iter().flatten())
            .filter_map(|target| target["src_path"].as_str())
            .filter_map(|path| Path::new(path).strip_prefix(&self.root).ok().map(PathBuf::from));
        let fuzz = Path::new("fuzz/fuzz_targets");
        let of_fuzz = self.sources.iter().map(|s| s.path.clone()).filter(|p| p.starts_with(fuzz));
        of_cargo.chain(of_fuzz).collect()
    }
}

// === impl Source ===

impl Source {
    fn read(root: &Path, path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("a file that was just listed");
        let path = path.strip_prefix(root).expect("listed under the root").to_path_buf();
        let syntax = syn::parse_file(&text)
            .unwrap_or_else(|error| panic!("{} does not parse: {error}", path.display()));
        Self { path, text, syntax }
    }

    /// `path:line`, as editors understand it.
    pub(crate) fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path.display())
    }
}

/// The workspace root: the parent of this package.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_path_buf()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the workspace").flatten() {
        let path = entry.path();
        if path.is_dir() {
            if !FOREIGN.iter().any(|name| entry.file_name() == *name) {
                collect(&path, paths);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

fn packages(root: &Path) -> Vec<Value> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    metadata["packages"].as_array().expect("packages").clone()
}
